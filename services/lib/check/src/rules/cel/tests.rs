use std::sync::Arc;

use tidegate_contract::{Location, Severity};

use super::{Refusal, Rule};
use crate::plan::{Kind, LeafType, Node, Plan};
use crate::tape::Slot;

fn nodes() -> Vec<Node> {
    let node = |name: &str, kind| Node {
        name: Arc::from(name),
        wire_name: Arc::from(name),
        kind,
    };
    vec![
        node("row", Kind::Object(vec![1, 2, 3, 4, 5, 6, 7])),
        node("a", Kind::Leaf(LeafType::Int { bits: 64, signed: true })),
        node("s", Kind::Leaf(LeafType::Str)),
        node("any", Kind::Any),
        node("d", Kind::Leaf(LeafType::Decimal { precision: 10, scale: 2 })),
        node("at", Kind::Leaf(LeafType::Timestamp { utc: true })),
        node("l", Kind::Array(8)),
        node("o", Kind::Object(vec![9])),
        node("item", Kind::Leaf(LeafType::Str)),
        node("n", Kind::Leaf(LeafType::Int { bits: 64, signed: true })),
    ]
}

fn compile(expression: &str) -> Result<Rule, Refusal> {
    let mut rule = Rule::compile(
        &"rule".into(),
        Severity::Error,
        &Location::default(),
        expression,
        &nodes(),
        0,
        false,
    )?;
    let field = Slot::field;
    let slots = [
        Slot::NONE,
        field(0),
        field(1),
        field(2),
        field(3),
        field(4),
        field(5),
        field(6),
        Slot::ITEM,
        field(0),
    ];
    rule.lower(&nodes(), &slots)?;
    Ok(rule)
}

#[test]
fn the_largest_programs_that_are_accepted_do_not_exhaust_the_stack() {
    let sum = format!("value.a{} > 0", " + 1".repeat(28));
    assert!(compile(&sum).is_ok());
    // Longer than what is accepted in the end, and it must come to that answer.
    for link in [".a", "+1", "&&a", "[0]", " in a", "==1", "?.a"] {
        let mut chain = String::from("value.any");
        while super::shape::examine_source(&format!("{chain}{link}")).is_ok() {
            chain.push_str(link);
        }
        let _ = compile(&chain);
    }
    let brackets = format!("{}value.a > 0{}", "(".repeat(24), ")".repeat(24));
    assert!(compile(&brackets).is_ok());
    let conditionals = format!("{}true", "value.a > 0 ? false : ".repeat(24));
    assert!(compile(&conditionals).is_ok());
    let both = format!("{}value.a > 0", "value.a > 0 && ".repeat(50));
    assert!(compile(&both).is_ok());
    assert!(compile(&format!("value.a{} > 0", " + 1".repeat(40))).is_err());
    assert!(compile(&format!("{}true", "!".repeat(24))).is_ok());
}

#[test]
fn hostile_sources_are_refused_before_they_are_parsed() {
    for source in [
        "(".repeat(4000),
        "[".repeat(4000),
        "!".repeat(4000),
        "-".repeat(4000),
        "true ? ".repeat(500),
        "a".repeat(5000),
        "{1:".repeat(1000),
    ] {
        assert!(compile(&source).is_err(), "{}", &source[..4]);
    }
    assert!(compile(&format!("value.any{}", ".a".repeat(1900))).is_err());
}

#[test]
fn only_what_is_read_is_bound() {
    let rule = compile("has(value.a) && value['s'].startsWith('x') && math.abs(value.a) > 1").unwrap();
    assert!(rule.reads.value.reads("a") && rule.reads.value.reads("s") && !rule.reads.value.reads("any"));
    assert!(!rule.reads.now && !rule.reads.key && !rule.reads.headers);
}

#[test]
fn types_are_checked_with_the_place() {
    for (expression, line, column, text) in [
        ("value.s > 3", 1, 9, "string is compared with int; there is no order between them"),
        ("value.a == 'x'", 1, 9, "int is compared with string; they are never equal"),
        (
            "value.a > 1 &&\n  value.d + 1 > 2.0",
            2,
            11,
            "`+` is not defined between double and int; write 2.0 for 2",
        ),
        (
            "value.a + 1",
            1,
            9,
            "the expression answers with int; a rule answers with true or false (bool)",
        ),
        (
            "value.gone > 1",
            1,
            6,
            "the contract has no property `gone` there; it has a, s, any, d, at, l, o",
        ),
        ("value.o.gone > 1", 1, 8, "the contract has no property `gone` there"),
        ("value.a.b > 1", 1, 8, "`a` has no fields"),
        ("value.l.all(x, x > 1)", 1, 18, "string is compared with int"),
        (
            "value.l.all(x, size(x))",
            1,
            20,
            "the condition is int; true or false (bool) is expected",
        ),
        ("value.a in ['x']", 1, 9, "int is looked for among string; none is ever equal"),
        ("value.at > '2026'", 1, 10, "timestamp is compared with string"),
        (
            "value.at > timestamp('2026')",
            1,
            21,
            "this text is no timestamp; write timestamp(\"2026-11-21T08:15:00Z\")",
        ),
        ("!value.a", 1, 7, "`!` is given int"),
        ("value.s && true", 1, 6, "`&&` is given string"),
        (
            "value.a.startsWith('x')",
            1,
            19,
            "`startsWith` is called with int and string; it takes string",
        ),
        (
            "startsWith(value.s, 'x')",
            1,
            11,
            "`startsWith` cannot be called like this: call it on a text",
        ),
        (
            "math.floor(value.a) > 1.0",
            1,
            11,
            "`math.floor` is called with int; it takes double",
        ),
        ("frobnicate(value.a)", 1, 11, "there is no function `frobnicate`"),
        ("before.a > 1", 1, 7, "`before` exists only where"),
        (
            "meta.tpoic == 'x'",
            1,
            5,
            "there is no field `tpoic`; there are topic, contract, version",
        ),
        ("value.a >", 1, 10, "the expression does not parse"),
        ("nonsense > 1", 1, 1, "`nonsense` is not known"),
        ("'x' in value.s", 1, 5, "`in` looks into string; a list or a map is expected"),
    ] {
        let refusal = compile(expression).err().unwrap_or_else(|| panic!("{expression} is accepted"));
        assert!(refusal.text.contains(text), "{expression}\n{refusal}");
        let place = refusal.place.map(|place| (place.line, place.column));
        assert_eq!(place, Some((line, column)), "{expression}\n{refusal}");
    }
}

#[test]
fn what_contracts_use_is_compiled() {
    for expression in [
        "!has(value.a) || value.a == null || value.a > 3",
        "(value.s == 'failed') == (has(value.a) && value.a != null)",
        "value.d * 2.0 <= 10.0 && value.a % 2 == 0",
        "value.s in ['a', 'b'] ? value.d > 0.0 : value.a in [1, 2]",
        "value.l.all(x, x.startsWith('a')) && value.l.exists_one(x, size(x) == 2)",
        "size(value.l.filter(x, x != '')) > 1 && 'a' in value.l.map(x, x)",
        "value.l.filter(x, x != '').all(x, x.matches('^[a-z]+$'))",
        "value.at <= now + duration('5m') && now - value.at < duration('24h')",
        "value.at.getFullYear() >= 2020",
        "value.o.n > 0 && math.greatest(value.a, value.o.n, 3) < 10",
        "int(value.s) > 3 && double(value.a) < 2.5",
        "key == 'a' && headers['x'] == 'b' && has(headers.y) && 'z' in headers && meta.topic == 'events'",
        "value.any.deep[0].number > 3",
        "size(value.l) > 0 && value.l[0] != ''",
    ] {
        let rule = compile(expression).unwrap_or_else(|refusal| panic!("{expression}\n{refusal}"));
        assert_eq!(rule.interpreted(), None, "{expression}");
    }
}

#[test]
fn the_interpreter_is_named_with_its_reason() {
    for (expression, reason) in [
        ("value.s + 'x' == 'ax'", "it joins texts, bytes or lists"),
        ("string(value.a) == '1'", "it calls string"),
        ("value.l.map(x, x) == ['a']", "it makes a list with map or filter and keeps it"),
        ("value.l == ['a']", "it makes a list"),
        ("size(headers) < 10", "it uses all of a map beside the row"),
        ("value.at.getHours('Europe/Berlin') < 10", "it calls getHours"),
        ("type(value.a) == int", "it calls type"),
        ("timestamp(value.s) < now", "it calls timestamp with string"),
        (
            "value.at > timestamp('2026-11-21T08:15:00+01:00')",
            "it has a timestamp with an offset",
        ),
    ] {
        let rule = compile(expression).unwrap_or_else(|refusal| panic!("{expression}\n{refusal}"));
        let found = rule.interpreted().unwrap_or_else(|| panic!("{expression} is compiled"));
        assert!(found.starts_with(reason), "{expression}: {found}");
    }
}

#[test]
fn a_type_that_is_not_declared_is_told_by_the_value() {
    assert!(compile("value.any.deep.number > 3").is_ok());
    assert!(compile("value.s > 3").is_err());
}

#[test]
fn plans_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Plan>();
}
