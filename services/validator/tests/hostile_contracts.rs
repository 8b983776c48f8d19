//! Hostile contracts (I22 to I25 and I28 of the project's list): refused when they are loaded, within bounds of time and memory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod stage;

use std::sync::Arc;

use stage::measured::{MIB, bounded};
use stage::{contract, corpus};
use tidegate_contract::{ContractFile, Snapshot};
use tidegate_validator::JudgingSnapshot;

/// A contract with this property line, as the loader takes it; else what is wrong with it.
fn loads(property: &str, further: &str) -> Result<(), String> {
    let (path, text) = contract("events", &format!("    properties:\n      - {property}\n{further}"));
    loads_text(path, text, &[])
}

fn loads_text(path: &str, text: String, others: &[(String, String)]) -> Result<(), String> {
    let mut files = vec![ContractFile { path: path.into(), text }];
    files.extend(others.iter().map(|(path, text)| ContractFile {
        path: path.as_str().into(),
        text: text.clone(),
    }));
    let (snapshot, _) = Snapshot::build("c0ffee", &files).map_err(|problems| format!("{problems:?}"))?;
    JudgingSnapshot::compile(Arc::new(snapshot))
        .map(drop)
        .map_err(|problems| format!("{problems:?}"))
}

/// Contracts of `tests/corpus/refused` by the beginning of their names: each is refused with the code that its first line names.
fn refused(prefix: &str) -> usize {
    let schemas: Vec<(String, String)> = std::fs::read_dir(corpus("refused/schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                format!("schemas/{}", path.file_name().unwrap().to_str().unwrap()),
                std::fs::read_to_string(&path).unwrap(),
            )
        })
        .collect();
    let mut count = 0;
    for entry in std::fs::read_dir(corpus("refused")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with(prefix) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let codes = text.lines().next().unwrap().trim_start_matches("# refused:").trim().to_owned();
        let said = loads_text(&name, text, &schemas).expect_err(&name);
        for code in codes.split_whitespace().map(|code| code.trim_end_matches(',')) {
            assert!(said.contains(code), "{name}: {code} in {said}");
        }
        count += 1;
    }
    count
}

#[test]
fn i22_patterns_that_backtrack_look_around_or_explode() {
    let pattern = |pattern: &str| {
        loads(
            &format!("{{name: s, logicalType: string, logicalTypeOptions: {{pattern: '{pattern}'}}}}"),
            "",
        )
    };
    let long = "a".repeat(10_240);
    for (bad, word) in [
        (r"^(a|a)*\1?$", "back-reference"),
        ("(?=a)b", "look-ahead"),
        ("(?<!a)b", "look-behind"),
        ("a{1000}{1000}", "too large"),
        (&*long, ""),
    ] {
        let said = pattern(bad).expect_err(bad);
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(pattern("^(a|a)*$"), Ok(()));
    assert!(refused("event-schema-backtracking") + refused("event-schema-huge-pattern") == 2);
}

#[test]
fn i23_references_outwards() {
    assert!(refused("event-schema-remote") + refused("event-schema-file") == 2);
    let body = "    customProperties:\n      - {property: eventSchema, vendor: tidegate, value: own.json}\n    properties:\n      \
                - {name: a, logicalType: integer}";
    for place in [
        "http://169.254.169.254/latest/meta-data",
        "https://example.com/x.json",
        "file:///etc/passwd",
        "../../../etc/passwd",
        "//example.com/x.json",
    ] {
        let schema = format!(r#"{{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{{"a":{{"$ref":"{place}"}}}}}}"#);
        let (path, text) = contract("events", body);
        let said = loads_text(path, text, &[("schemas/own.json".to_owned(), schema)]).expect_err(place);
        assert!(said.contains("TG0205"), "{place}: {said}");
    }
    for name in ["../own.json", "/etc/passwd", "https://example.com/own.json", "x/../../own.json"] {
        let (path, text) = contract("events", &body.replace("own.json", name));
        loads_text(path, text, &[("schemas/own.json".to_owned(), "{}".to_owned())]).expect_err(name);
    }
}

#[test]
fn i24_references_in_circles() {
    bounded("i24_references_in_circles", 400 * MIB, || {
        assert!(refused("event-schema-circle") + refused("event-schema-dynamic-circle") + refused("event-schema-deep") == 3);
        let nested = format!("{}true{}", r#"{"allOf":["#.repeat(10_000), "]}".repeat(10_000));
        let own = [
            format!(r#"{{"$schema":"https://json-schema.org/draft/2020-12/schema","allOf":[{nested}]}}"#),
            r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{"a":{"$ref":""}},"$ref":""}"#.to_owned(),
        ];
        for schema in own {
            let body = "    customProperties:\n      - {property: eventSchema, vendor: tidegate, value: own.json}\n    properties:\n      \
                        - {name: a, logicalType: integer}";
            let (path, text) = contract("events", body);
            loads_text(path, text, &[("schemas/own.json".to_owned(), schema)]).expect_err("it has no end");
        }
    });
}

#[test]
fn i25_rules_without_end() {
    bounded("i25_rules_without_end", 128 * MIB, || {
        assert!(refused("cel-") > 5);
        let rule = |text: &str| {
            let quality = format!("    quality:\n      - {{id: r, type: custom, engine: cel, implementation: \"{text}\"}}");
            loads("{name: l, logicalType: array, items: {name: n, logicalType: integer}}", &quality)
        };
        let nested = "value.l.all(a, ".repeat(6) + "true" + &")".repeat(6);
        let many = vec!["1 == 1"; 100_000].join(" && ");
        let deep = "(".repeat(3_000) + "true" + &")".repeat(3_000);
        let grows = (0..40).fold("'ab'".to_owned(), |text, _| {
            format!("({text} + {text})").chars().take(5_000).collect()
        });
        for bad in [nested, many, deep, grows] {
            rule(&bad).expect_err("its cost has no bound");
        }
    });
}

#[test]
fn i28_yaml_that_bites() {
    bounded("i28_yaml_that_bites", 128 * MIB, || {
        let (_, good) = contract("events", "    properties:\n      - {name: s, logicalType: string}");
        assert_eq!(loads_text("events.odcs.yaml", good.clone(), &[]), Ok(()));
        let mut bomb = good.clone() + "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
        for (before, name) in ('a'..='i').zip('b'..='j') {
            bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 10].join(", ")));
        }
        let tags: String = (0..100_000).map(|at| format!("- !t{at} x\n")).collect();
        for (bad, word) in [
            (bomb, "200000 nodes"),
            (good.clone() + "id: other\n", "twice"),
            (format!("{good}tags:\n{tags}"), "tag"),
            (good.replace("version: 1.0.0", "version: !!python/object:os.system x"), "tag"),
            ("[".repeat(1_000_000), "deeper than 64"),
        ] {
            let said = loads_text("events.odcs.yaml", bad, &[]).expect_err(word);
            assert!(said.contains(word), "{word}: {}", &said[..said.len().min(400)]);
        }
        // `no` and `on` are words, not truth values.
        assert_eq!(
            loads_text("events.odcs.yaml", good.replace("name: events\nversion", "name: no\nversion"), &[]),
            Ok(())
        );
        let said = loads("{name: s, logicalType: string, required: no}", "").expect_err("no truth value");
        assert!(said.contains("required"), "{said}");
    });
}
