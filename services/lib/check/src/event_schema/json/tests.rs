use std::fmt::Write as _;

use tidegate_contract::Location;

use super::*;
use crate::judge::findings::Findings;
use crate::verdict::{Facts, Verdict};

const DRAFT: &str = r#""$schema":"https://json-schema.org/draft/2020-12/schema""#;

fn folder(files: &[(&str, &str)]) -> Arc<SchemaFolder> {
    Arc::new(SchemaFolder::from_texts(files.iter().copied()))
}

/// `rest` stands behind `$schema`.
fn compile(rest: &str) -> Result<JsonSchema, Vec<Fault>> {
    JsonSchema::compile(&folder(&[("a.json", &format!("{{{DRAFT},{rest}}}"))]), "a.json", None)
}

fn refused(files: &[(&str, &str)]) -> String {
    let faults = JsonSchema::compile(&folder(files), files[0].0, None).unwrap_err();
    let one = faults.into_iter().next().unwrap().or_at(&Location::default());
    format!("{} {} {} ({})", one.code, one.location, one.problem, one.help)
}

/// (rule, reason, detail, pointer) of what is broken, and whether it was cut.
fn broken(schema: &JsonSchema, event: &str) -> (Vec<String>, bool) {
    let value = document::read(&mut JsonReader::new(event.as_bytes()), |_| None, super::super::VALUES_MAX).unwrap();
    let mut findings = Findings::default();
    schema.judge(&value, "", &Location::default(), None, &mut findings);
    match findings.conclude(Facts::default()) {
        Verdict::Invalid { violations, cut } => {
            let line = |one: &crate::Violation| {
                let detail = one.detail.map(|detail| format!("/{}", detail.as_str())).unwrap_or_default();
                format!("{} {}{detail} {}", one.rule, one.reason.as_str(), one.pointer)
            };
            (violations.iter().map(line).collect(), cut)
        }
        _ => (Vec::new(), false),
    }
}

#[test]
fn keywords_become_reasons_with_pointers() {
    let schema = compile(
        r#""type":"object","required":["id"],"additionalProperties":false,"properties":{"id":{"type":"integer"},
        "name":{"type":"string","maxLength":3},"tags":{"items":{"enum":["a","b"]}},"more":{"additionalProperties":{"type":"boolean"}}}"#,
    )
    .unwrap();
    assert_eq!(
        broken(&schema, r#"{"id":1,"name":"abc","tags":["a"],"more":{"x":true}}"#).0,
        [""; 0]
    );
    assert_eq!(
        broken(
            &schema,
            r#"{"name":"abcd","tags":["a","4111111111111111"],"more":{"jane@example.com":7},"secret":1}"#
        )
        .0,
        [
            "schema:additionalProperties additional_properties /*",
            "schema:required required_missing/missing /id",
            "schema:type type_mismatch /more/*",
            "schema:maxLength constraint_violation /name",
            "schema:enum constraint_violation /tags/1",
        ]
    );
    assert_eq!(broken(&schema, "[]").0, ["schema:type type_mismatch "]);
}

#[test]
fn names_that_look_like_positions_are_content_too() {
    let schema = compile(r#""additionalProperties":{"type":"boolean"}"#).unwrap();
    assert_eq!(broken(&schema, r#"{"4111111111111111":1}"#).0, ["schema:type type_mismatch /*"]);
    let schema = compile(r#""properties":{"a/b~c":{"type":"boolean"}}"#).unwrap();
    assert_eq!(broken(&schema, r#"{"a/b~c":1}"#).0, ["schema:type type_mismatch /a~1b~0c"]);
}

#[test]
fn twenty_are_listed_and_the_rest_is_said() {
    let schema = compile(r#""items":{"type":"boolean"}"#).unwrap();
    let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let (found, cut) = broken(&schema, &list(20));
    assert!(found.len() == 20 && !cut);
    let (found, cut) = broken(&schema, &list(3000));
    assert!(found.len() == 20 && cut);
    assert_eq!(
        found[19], "schema:type type_mismatch /19",
        "the first by position, whatever order the library has"
    );
}

/// Numbers keep every digit: no step goes through floating point.
#[test]
fn numbers_are_exact() {
    let accepts = |schema: &str, event: &str| compile(schema).unwrap().accepts(event.as_bytes()).unwrap();
    for (schema, good, bad) in [
        (
            r#""multipleOf":0.01"#,
            "123456789012345678901234567890.12",
            "123456789012345678901234567890.125",
        ),
        (r#""multipleOf":0.1"#, "0.3", "0.35"),
        (r#""multipleOf":3"#, "9007199254740993", "9007199254740994"),
        (r#""maximum":9007199254740992"#, "9007199254740992", "9007199254740993"),
        (r#""maximum":0.1"#, "0.1", "0.1000000000000000000000001"),
        (
            r#""exclusiveMinimum":99999999999999999999"#,
            "100000000000000000000",
            "99999999999999999999",
        ),
        (r#""const":1.10"#, "1.1", "1.1000000000000000001"),
        (r#""enum":[18446744073709551616]"#, "18446744073709551616", "18446744073709551617"),
        (r#""type":"integer""#, "1e2", "1e-2"),
        (r#""maximum":1e400"#, "1e399", "1e401"),
        (r#""maximum":1e99999999"#, "9e99999998", "1e100000000"),
        (r#""minimum":1e-99999999"#, "1e-99999998", "9e-100000000"),
        (r#""multipleOf":1e99999"#, "3e99999", "3e99998"),
        (r#""uniqueItems":true"#, "[1,1.0000000000000000000000001]", "[1,1.0]"),
    ] {
        assert!(accepts(schema, good), "{schema}: {good}");
        assert!(!accepts(schema, bad), "{schema}: {bad}");
    }
}

#[test]
fn references_stay_in_the_folder() {
    let address = r#"{"type":"object","required":["zip"],"$defs":{"zip":{"$anchor":"zip","type":"string"}}}"#;
    let schema = |reference: &str| format!(r#"{{{DRAFT},"properties":{{"a":{{"$ref":"{reference}"}}}}}}"#);
    for reference in ["../common/address.json", "/common/address.json", "schemas:///common/address.json"] {
        let compiled = JsonSchema::compile(
            &folder(&[("shop/a.json", &schema(reference)), ("common/address.json", address)]),
            "shop/a.json",
            None,
        );
        let compiled = compiled.unwrap_or_else(|faults| panic!("{reference}: {}", faults[0]));
        assert_eq!(
            broken(&compiled, r#"{"a":{}}"#).0,
            ["schema:required required_missing/missing /a/zip"]
        );
        assert_eq!(compiled.files().len(), 2, "both take part in the fingerprint");
    }
    let with_id = address.replacen('{', r#"{"$id":"https://example.com/address","#, 1);
    let by_id = JsonSchema::compile(
        &folder(&[("a.json", &schema("https://example.com/address#zip")), ("b.json", &with_id)]),
        "a.json",
        None,
    );
    assert_eq!(broken(&by_id.unwrap(), r#"{"a":1}"#).0, ["schema:type type_mismatch /a"]);
    for (reference, part) in [
        ("http://example.com/address.json", "http://example.com/address.json"),
        ("https://127.0.0.1:1/x", "nothing is ever fetched"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("../../etc/passwd", "nothing is ever fetched"),
        ("missing.json", "`missing.json`"),
        ("#/$defs/missing", "missing"),
        ("#nobody", "nobody"),
    ] {
        let text = schema(reference).replace("\"properties\"", "\n\"properties\"");
        let said = refused(&[("a.json", &text), ("b.json", address)]);
        assert!(
            said.starts_with("TG0205 schemas/a.json:2:") && said.contains(part),
            "{reference}: {said}"
        );
    }
}

#[test]
fn what_is_no_schema_is_said_with_its_place() {
    for (text, start) in [
        ("{\n \"type\": 7", "TG0205 schemas/a.json:2:"),
        ("{\"type\": \"object\",\n \"type\": \"object\"}", "TG0205 schemas/a.json:2:"),
        ("{}", "TG0205 schemas/a.json:1:1 the schema does not say which draft"),
        ("true", "TG0205 schemas/a.json:1:1 the schema does not say which draft"),
        (
            "{\"$schema\": \"http://json-schema.org/draft-03/schema#\"}",
            "TG0205 schemas/a.json:1:",
        ),
        ("{\"$schema\": \"https://example.com/own\"}", "TG0205 schemas/a.json:1:"),
    ] {
        let said = refused(&[("a.json", text)]);
        assert!(said.starts_with(start), "{text}: {said}");
    }
    let said = refused(&[(
        "a.json",
        &format!("{{{DRAFT},\n\"properties\":{{\n\"a\":{{\"type\":\"strin\"}}}}}}"),
    )]);
    assert!(said.starts_with("TG0205 schemas/a.json:3:"), "{said}");
    let said = refused(&[
        ("a.json", &format!("{{{DRAFT},\"$ref\":\"b.json\"}}")),
        ("b.json", "{\n\"type\":\"strin\"}"),
    ]);
    assert!(said.starts_with("TG0205 schemas/b.json:2:"), "{said}");
    let said = refused(&[
        ("a.json", &format!("{{{DRAFT},\"$ref\":\"b.json\"}}")),
        ("b.json", "{\"$schema\":\"https://example.com/own\"}"),
    ]);
    assert!(said.contains("names no draft") || said.contains("own"), "{said}");
}

#[test]
fn no_part_may_be_of_a_dialect_of_its_own() {
    for part in [
        r#""$id":"x.json","$schema":"https://example.com/own""#,
        r#""$id":"x.json","$schema":"http://json-schema.org/draft-03/schema#""#,
    ] {
        let faults = compile(&format!(r#""$defs":{{"a":{{{part},"type":"string"}}}}"#)).unwrap_err();
        assert!(faults[0].to_string().starts_with("schemas/a.json:1:"), "{}", faults[0]);
    }
    assert!(compile(r#""$defs":{"a":{"$id":"x.json","$schema":"http://json-schema.org/draft-07/schema#","type":"string"}}"#).is_ok());
}

#[test]
fn patterns_are_linear_or_refused() {
    for pattern in ["(?=a)b", "(?<!x)y", "(a)\\\\1", "((a{500}){500}){500}"] {
        let said = refused(&[(
            "a.json",
            &format!("{{{DRAFT},\n\"properties\":{{\"x\":{{\n\"pattern\":\"{pattern}\"}}}}}}"),
        )]);
        assert!(
            said.starts_with("TG0205 schemas/a.json:3:") && said.contains("linear time"),
            "{said}"
        );
        let said = refused(&[("a.json", &format!("{{{DRAFT},\n\"patternProperties\":{{\"{pattern}\":{{}}}}}}"))]);
        assert!(said.contains("linear time"), "{said}");
    }
    // Exponential for an engine that goes back.
    let schema = compile(r#""pattern":"^(a+)+$""#).unwrap();
    assert_eq!(schema.accepts(format!("\"{}!\"", "a".repeat(100_000)).as_bytes()), Some(false));
}

/// No schema and no event ends the process: each of these has an end and an answer.
#[test]
fn hostile_schemas_and_events() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(63), close.repeat(63));
    // References that lead in circles.
    for rest in [
        r##""$ref":"#""##,
        r##""allOf":[{"$ref":"#"},{"$ref":"#"}]"##,
        r##""anyOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"not":{"$ref":"#/$defs/b"}},"b":{"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#"}]}}"##,
        r##""$dynamicAnchor":"t","$dynamicRef":"#t""##,
        r##""$dynamicAnchor":"t","allOf":[{"$dynamicRef":"#t"}],"items":{"$dynamicRef":"#t"},"additionalProperties":{"$dynamicRef":"#t"}"##,
        r##""items":{"$ref":"#"},"additionalProperties":{"$ref":"#"},"unevaluatedItems":false,"unevaluatedProperties":{"$ref":"#"}"##,
    ] {
        match compile(rest) {
            Ok(schema) => {
                for event in [deep("[", "]"), deep("{\"a\":", "}"), "7".to_owned()] {
                    let _ = broken(&schema, &event);
                }
            }
            Err(faults) => assert!(faults[0].to_string().contains("in a circle"), "{}", faults[0]),
        }
    }
    // A long chain of references, each of which must be gone through for one value.
    let chain = |length: usize, last: &str| {
        let mut chain = String::new();
        for index in 0..length {
            let _ = write!(chain, r##""d{index}":{{"allOf":[{{"$ref":"#/$defs/d{}"}}]}},"##, index + 1);
        }
        compile(&format!(
            r##""items":{{"$ref":"#/$defs/d0"}},"$defs":{{{chain}"d{length}":{{{last}"items":{{"$ref":"#/$defs/d0"}}}}}}"##
        ))
    };
    assert!(chain(4000, "").unwrap_err()[0].to_string().contains("in a circle"));
    for (length, levels) in [(4, 63), (27, 10)] {
        for last in ["", r#""maxItems":0,"unevaluatedItems":{"not":{}},"#] {
            let schema = chain(length, last).unwrap();
            let event = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
            assert!(schema.accepts(event.as_bytes()).is_some(), "{length} {levels} {}", schema.chain);
            let _ = broken(&schema, &event);
        }
    }
    assert_eq!(
        chain(27, "").unwrap().accepts(deep("[", "]").as_bytes()),
        None,
        "more than the stack of a worker is sure to hold"
    );
    // References from level to level are as deep as there are of them only while compiling.
    let mut ladder = String::new();
    for index in 0..4000 {
        let _ = write!(
            ladder,
            r##""d{index}":{{"properties":{{"a":{{"$ref":"#/$defs/d{}"}}}}}},"##,
            index + 1
        );
    }
    let schema = compile(&format!(r##""$ref":"#/$defs/d0","$defs":{{{ladder}"d4000":{{}}}}"##)).unwrap();
    assert_eq!(schema.chain, 2);
    assert_eq!(schema.accepts(deep("{\"a\":", "}").as_bytes()), Some(true));
    // Numbers that would be gigabytes if somebody wrote them out.
    let schema = compile(r#""multipleOf":0.001,"maximum":1e999999999"#).unwrap();
    for event in ["1e999999999", "1e-999999999", "-1e99999999", "[1e999999999,1e999999999]"] {
        let _ = broken(&schema, event);
    }
    let schema = compile(r#""uniqueItems":true"#).unwrap();
    let items: Vec<String> = (0..40_000).map(|item| format!("{{\"a\":[{item}]}}")).collect();
    assert_eq!(schema.accepts(format!("[{}]", items.join(",")).as_bytes()), Some(true));
    assert_eq!(
        schema.accepts(format!("[{}1]", "1,".repeat(super::super::VALUES_MAX)).as_bytes()),
        None
    );
    let schema = compile(r#""format":"regex""#).unwrap();
    let _ = broken(&schema, &format!("\"{}\"", "(".repeat(50_000)));
    let _ = broken(&schema, "\"((a{999}){999}){999}\"");
    // Schemas deeper than events may be.
    let nested = format!("{}{{}}{}", r#"{"items":"#.repeat(500), "}".repeat(500));
    assert!(compile(&format!(r#""items":{nested}"#)).is_err());
}

#[test]
fn formats_are_asserted_in_every_draft() {
    for (uri, _) in DRAFTS {
        let text = format!(r#"{{"$schema":"http://{uri}#","format":"ipv4"}}"#);
        let schema = JsonSchema::compile(&folder(&[("a.json", &text)]), "a.json", None).unwrap();
        assert_eq!(broken(&schema, "\"nowhere\"").0, ["schema:format constraint_violation "], "{uri}");
    }
}

/// An answer depends on nothing that differs from one compilation to the next.
#[test]
fn the_same_event_gets_the_same_answer() {
    let properties: Vec<String> = (0..60)
        .map(|index| format!(r#""p{index}":{{"type":"string","minLength":2}}"#))
        .collect();
    let event: Vec<String> = (0..60).map(|index| format!(r#""p{index}":{index}"#)).collect();
    let event = format!("{{{}}}", event.join(","));
    let answer = || broken(&compile(&format!(r#""properties":{{{}}}"#, properties.join(","))).unwrap(), &event);
    let first = answer();
    assert!(first.1 && first.0.len() == 20);
    for _ in 0..5 {
        assert_eq!(answer(), first);
    }
}
