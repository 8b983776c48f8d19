use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Node {
    let (node, problems) = parse("f", text);
    assert_eq!(problems, [], "{text}");
    node.unwrap()
}

fn problem(text: &str) -> (u32, u32, String) {
    let (_, problems) = parse("f", text);
    let first = problems.first().unwrap_or_else(|| panic!("no problem in {text}"));
    (first.location.line, first.location.column, first.problem.clone())
}

#[test]
fn scalars_follow_the_core_schema() {
    let node =
        read("a: 1.10\nb: NO\nc: yes\nd: true\ne: ~\nf: 2026-01-01\ng: '1'\nh: 0x1F\ni: 1_000\nj: 08\nk: .5\nl: off\nm:\nn: !!str 1.10\n");
    let number = |text: &str| Value::Number(text.into());
    let string = |text: &str| Value::String(text.into());
    for (key, value) in [
        ("a", number("1.10")),
        ("b", string("NO")),
        ("c", string("yes")),
        ("d", Value::Bool(true)),
        ("e", Value::Null),
        ("f", string("2026-01-01")),
        ("g", string("1")),
        ("h", number("0x1F")),
        ("i", string("1_000")),
        ("j", number("08")),
        ("k", number(".5")),
        ("l", string("off")),
        ("m", Value::Null),
        ("n", string("1.10")),
    ] {
        assert_eq!(node.get(key).unwrap().value, value, "{key}");
    }
    assert_eq!(json_number("0x1F").as_deref(), Some("31"));
    assert_eq!(json_number("+08").as_deref(), Some("8"));
    assert_eq!(json_number(".50").as_deref(), Some("0.50"));
    assert_eq!(json_number("-1.20e+3").as_deref(), Some("-1.20e+3"));
    assert_eq!(json_number(".inf").or(json_number(".nan")), None);
}

#[test]
fn places_and_pointers() {
    let text = "a:\n  - x: é\n    y/z: [1, two]\n";
    let node = read(text);
    let two = node.at_pointer("/a/0/y~1z/1").unwrap();
    assert_eq!((two.as_str(), two.line, two.column), (Some("two"), 3, 14));
    let Value::Mapping(entries) = &node.at_pointer("/a/0").unwrap().value else {
        panic!()
    };
    assert_eq!((entries[1].line, entries[1].column), (3, 5));
    assert_eq!(node.at_pointer("/a/1"), None);
    let root = At::root(&node);
    assert_eq!(root.list("a")[0].get("y/z").unwrap().place().pointer, "/a/0/y~1z");
}

#[test]
fn duplicate_keys_name_both_places() {
    let (node, problems) = parse("f", "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n");
    let said: Vec<_> = problems
        .iter()
        .map(|one| (one.location.line, &*one.location.pointer, one.problem.as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (5, "/b/c", "`c` is written twice; the first is at line 3, column 3"),
            (6, "/a", "`a` is written twice; the first is at line 1, column 1")
        ]
    );
    assert_eq!(node.unwrap().get("a").unwrap().value, Value::Number("1".into()));
}

#[test]
fn aliases_are_expanded_within_a_budget() {
    let node = read("a: &x [1, 2]\nb: *x\n");
    assert_eq!(node.get("a").unwrap().value, node.get("b").unwrap().value);
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (before, name) in ('a'..='i').zip('b'..='j') {
        let items = vec![format!("*{before}"); 10].join(", ");
        bomb.push_str(&format!("{name}: &{name} [{items}]\n"));
    }
    assert!(problem(&bomb).2.contains("more than 200000 nodes"));
    assert!(problem("a: &x [1, *x]\n").2.contains("alias to the node that holds it"));
    assert!(problem("a: *nothing\n").2.contains("not YAML"));
    let mut stairs = String::from("a0: &a0 [x]\n");
    for level in 1..100 {
        stairs.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(problem(&stairs).2.contains("deeper than 64"));
}

#[test]
fn limits_and_constructs() {
    let flow = problem(&"[".repeat(100_000)).2;
    assert!(flow.contains("deeper than 64"), "{flow}");
    let block: String = (0..100).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(problem(&block).2.contains("deeper than 64"));
    assert!(problem(&format!("a: {}", "x".repeat(BYTES_MAX))).2.contains("limit"));
    assert!(problem(&format!("? {}\n: 1\n", "k".repeat(300))).2.contains("256"));
    assert_eq!(problem("a: 1\n---\nb: 2\n").2, "a second document starts here");
    assert!(problem("a: !date 2026\n").2.contains("tag"));
    assert!(problem("a: !!int x\n").2.contains("tag"));
    assert!(problem("a: !!set {x}\n").2.contains("tags"));
    assert!(problem("x: &x {a: 1}\ny:\n  <<: *x\n").2.contains("merge keys"));
    assert!(problem("? [a]\n: 1\n").2.contains("a key must be text"));
    assert!(problem("").2.contains("holds no contract"));
    assert!(problem("# only a comment\n").2.contains("holds no contract"));
    assert_eq!(problem("a: 1\nb: x: y\n").0, 2);
    assert!(
        problem("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n")
            .2
            .contains("Git LFS")
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "([a-c]{1,2}|[:?&*!|>%@`'\"#,{}\\[\\]~<-]| |\n|\r|\t|\\.\\.\\.|---|é|\u{85}|\u{feff}){0,40}") {
        let (node, problems) = parse("f", &text);
        prop_assert!(node.is_some() || !problems.is_empty());
        for problem in problems {
            prop_assert!(problem.location.line >= 1 && problem.location.line <= compose::line_count(&text), "{problem:?}");
            prop_assert!(problem.location.column >= 1);
        }
    }
}
