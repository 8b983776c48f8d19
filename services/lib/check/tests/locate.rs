//! Every violation of the corpora lies in the event where its pointer says, by the word of another JSON parser.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tidegate_check::locate::{Place, locate, values};
use tidegate_check::{Input, Judge, Plan, Reason, Verdict, Violation, compile};
use tidegate_contract::model::Encoding;

use support::{Event, Schemas, corpus};

/// Judges and finds the places of all violations.
fn places(plan: &Plan, event: &Event, schemas: &Schemas) -> Vec<(Violation, Place)> {
    let headers: Vec<(&str, Option<&[u8]>)> = event
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    let input = Input {
        key: event.key.as_deref(),
        value: event.value.as_deref(),
        headers: &headers,
        now: event.now,
    };
    let mut judge = Judge::new();
    let topic = event.topic.as_deref().unwrap_or("events");
    let violations = match judge.judge(plan, &input, topic, schemas, &mut ()) {
        Verdict::Invalid { violations, .. } => violations,
        Verdict::Valid { notes, .. } => notes,
        Verdict::Skipped(_) | Verdict::Need(_) => Vec::new(),
    };
    let starred = |at: usize| judge.starred().get(at).map_or(&[][..], Vec::as_slice);
    let found: Vec<Place> = violations
        .iter()
        .enumerate()
        .map(|(at, violation)| {
            let same = |before: &usize| violations[*before].pointer == violation.pointer && starred(*before) == starred(at);
            locate(plan, &input, schemas, violation, starred(at), (0..at).filter(same).count())
        })
        .collect();
    violations.into_iter().zip(found).collect()
}

/// What the place must be in a JSON event, or a sentence about the difference.
fn check_json(document: &Value, bytes: &[u8], violation: &Violation, place: &Place) -> Result<&'static str, String> {
    let payload = document.get("schema").is_some() && document.get("payload").is_some();
    let pointer = format!("{}{}", if payload { "/payload" } else { "" }, violation.pointer);
    let (parent, last) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let name = last.replace("~1", "/").replace("~0", "~");
    let read = |range: &std::ops::Range<usize>| {
        serde_json::from_slice::<Value>(&bytes[range.clone()]).map_err(|error| format!("{place:?}: {error}"))
    };
    match place {
        Place::Missing(range) => {
            let holder = read(range)?;
            let meant = document.pointer(parent);
            if Some(&holder) == meant && holder.get(&name).is_none() {
                Ok("missing")
            } else {
                Err(format!("{holder} is not {meant:?}"))
            }
        }
        Place::Name(range) => {
            let key: String = serde_json::from_slice(&bytes[range.clone()]).unwrap();
            if key == name {
                Ok("name")
            } else {
                Err(format!("{key} is not {name}"))
            }
        }
        Place::Value(range) => {
            let value = read(range)?;
            let meant = document.pointer(&pointer);
            // A rule or library metric may speak of a field that is not there.
            let of_missing = meant.is_none() && violation.reason == Reason::SemanticViolation && Some(&value) == document.pointer(parent);
            if Some(&value) == meant || of_missing {
                Ok("value")
            } else {
                Err(format!("{value} is not {meant:?}"))
            }
        }
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn places_of_the_corpora() {
    let mut seen = BTreeMap::<&str, usize>::new();
    let mut wrong = Vec::new();
    let mut cases: Vec<PathBuf> = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in cases.iter().filter(|case| case.join("events.jsonl").exists()) {
        let contract = support::contract(
            &case.file_name().unwrap().to_string_lossy(),
            &fs::read_to_string(case.join("contract.odcs.yaml")).unwrap(),
        );
        let plan = compile(&contract, 0).unwrap();
        let schemas = Schemas::read(&case.join("schemas.json"));
        for (line, text) in fs::read_to_string(case.join("events.jsonl")).unwrap().lines().enumerate() {
            let event = Event::read(text);
            let Some(bytes) = &event.value else { continue };
            let is_text = |encoding: &Encoding| {
                use Encoding::{ApicurioJson, CloudEvents, ConfluentJson, GlueJson, Json};
                matches!(encoding, Json | ConfluentJson | GlueJson | ApicurioJson | CloudEvents)
            };
            // A frame stands in front of the text.
            let behind = bytes
                .iter()
                .position(|byte| *byte == b'{')
                .filter(|_| plan.encodings.iter().all(is_text));
            let mut json: Option<Value> = serde_json::from_slice(&bytes[behind.unwrap_or(0)..]).ok();
            let structured = event.headers.iter().any(|(name, value)| {
                let media = String::from_utf8_lossy(value.as_deref().unwrap_or_default()).to_ascii_lowercase();
                name.eq_ignore_ascii_case("content-type") && media.starts_with("application/cloudevents")
            });
            if structured {
                json = json.and_then(|mut envelope| envelope.get_mut("data").map(Value::take));
            }
            for (violation, place) in places(&plan, &event, &schemas) {
                let outcome = match (&place, &json) {
                    (Place::Stopped(at), _) if *at <= bytes.len() => Ok("stopped"),
                    (Place::Value(range) | Place::Missing(range) | Place::Name(range), None) if range.end <= bytes.len() => Ok("bytes"),
                    (Place::Whole, _) if violation.pointer.is_empty() => Ok("whole"),
                    (Place::Whole, _) if violation.pointer.starts_with("/key") || violation.pointer.starts_with("/headers") => Ok("beside"),
                    (Place::Within(range), None) if range.start <= range.end && range.end <= bytes.len() => Ok("within"),
                    // What a writer's schema lacks is told before there is an event.
                    (Place::Whole, _) if violation.detail.is_some_and(|detail| detail.as_str() == "schema_mismatch") => Ok("schema"),
                    (Place::Value(_) | Place::Missing(_), Some(_)) if violation.pointer.contains('*') => Ok("starred"),
                    (Place::Name(_), Some(_)) if violation.pointer.contains('*') => Ok("starred"),
                    // Its rows are JSON inside of a text, which is marked as a whole.
                    (Place::Value(range) | Place::Missing(range), Some(_))
                        if case.ends_with("cdc-mongodb") && bytes.get(range.clone()).is_some_and(|text| !text.is_empty()) =>
                    {
                        Ok("inside a text")
                    }
                    (_, Some(json)) => check_json(json, bytes, &violation, &place),
                    (place, None) => Err(format!("{place:?}")),
                };
                match outcome {
                    Ok(kind) => *seen.entry(kind).or_default() += 1,
                    Err(problem) => wrong.push(format!("{}:{}: {violation:?}: {problem}\n  {text}", case.display(), line + 1)),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    for (kind, least) in [
        ("value", 100),
        ("missing", 10),
        ("name", 3),
        ("stopped", 10),
        ("bytes", 30),
        ("within", 1),
    ] {
        assert!(seen.get(kind).copied().unwrap_or(0) >= least, "{kind}: {seen:?}");
    }
}

const MAPS: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    customProperties:\n\
    \x20     - {property: unknownFields, vendor: tidegate, value: fail}\n\
    \x20     - {property: encodings, vendor: tidegate, value: [json, avro]}\n    properties:\n\
    \x20     - name: m\n        logicalType: map\n        map:\n          key: {logicalType: string, logicalTypeOptions: {maxLength: 2}}\n\
    \x20         value:\n            logicalType: map\n            map: {key: {logicalType: string}, value: {logicalType: integer}}\n";

fn shown(event: &Event, places: &[(Violation, Place)]) -> Vec<(String, String)> {
    let bytes = event.value.as_ref().unwrap();
    let text = |range: &std::ops::Range<usize>| String::from_utf8_lossy(&bytes[range.clone()]).into_owned();
    places
        .iter()
        .map(|(violation, place)| match place {
            Place::Value(range) | Place::Name(range) | Place::Missing(range) => (violation.pointer.clone(), text(range)),
            other => (violation.pointer.clone(), format!("{other:?}")),
        })
        .collect()
}

/// Keys of maps are no part of a verdict, and still the right entry is found.
#[test]
fn starred_entries_are_told_apart() {
    let contract = support::contract("c.odcs.yaml", MAPS);
    let plan = compile(&contract, 0).unwrap();
    let event = Event::read(r#"{"m":{"a":{"x":1,"y":"bad"},"long":{"z":2},"b":{"p":1,"q":2,"r":true}},"411 1":1,"ok":2,"Ann Smith":3}"#);
    let found = places(&plan, &event, &Schemas::default());
    let pair = |pointer: &str, text: &str| (pointer.to_owned(), text.to_owned());
    let expected = [
        pair("/m/*/*", "\"bad\""),
        pair("/m/*", "\"long\""),
        pair("/m/*/*", "true"),
        pair("/*", "\"411 1\""),
        pair("/ok", "\"ok\""),
        pair("/*", "\"Ann Smith\""),
    ];
    assert_eq!(shown(&event, &found), expected);
}

#[test]
fn avro_entries_have_their_bytes() {
    let contract = support::contract("c.odcs.yaml", MAPS);
    let plan = compile(&contract, 0).unwrap();
    let mut schemas = Schemas::default();
    schemas.add(
        1,
        &serde_json::json!({"type": "record", "name": "R", "fields": [
            {"name": "m", "type": {"type": "map", "values": {"type": "map", "values": ["long", "string"]}}}]}),
    );
    // {"m": {"a": {"x": 1, "y": "bad"}, "long": {}}}
    let datum = b"\x00\x00\x00\x00\x01\x04\x02a\x04\x02x\x00\x02\x02y\x02\x06bad\x00\x08long\x00\x00";
    let event = Event {
        key: Some(b"k".to_vec()),
        value: Some(datum.to_vec()),
        ..Event::default()
    };
    let found = places(&plan, &event, &schemas);
    let pair = |pointer: &str, text: &str| (pointer.to_owned(), text.to_owned());
    assert_eq!(shown(&event, &found), [pair("/m/*/*", "\u{2}\u{6}bad"), pair("/m/*", "\u{8}long")]);
    let input = Input {
        key: None,
        value: Some(datum),
        headers: &[],
        now: 0,
    };
    let seen = values(&plan, &input, &schemas).unwrap();
    let paths: Vec<String> = seen.iter().map(|value| value.path.join("/")).collect();
    assert_eq!(paths, ["m/a/x", "m/a/y", "m/a", "m/long", "m", ""]);
}

const LINES: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    customProperties:\n\
    \x20     - {property: encodings, vendor: tidegate, value: [ENCODINGS]}\n    properties:\n\
    \x20     - {name: id, physicalName: orderId, logicalType: string, logicalTypeOptions: {minLength: 2}}\n\
    \x20     - {name: note, logicalType: string, required: true}\n\
    \x20     - {name: count, logicalType: integer, logicalTypeOptions: {minimum: 1}}\n\
    \x20     - name: lines\n        logicalType: array\n        items:\n          logicalType: object\n          properties:\n\
    \x20           - {name: n, logicalType: integer, logicalTypeOptions: {maximum: 5}}\n";

fn judged(encodings: &str, event: &Event, schemas: &Schemas) -> Vec<(String, String)> {
    let contract = support::contract("c.odcs.yaml", &LINES.replace("ENCODINGS", encodings));
    shown(event, &places(&compile(&contract, 0).unwrap(), event, schemas))
}

#[test]
fn protobuf_fields_have_their_bytes() {
    let file = std::env::temp_dir().join(format!("locate-{}.json", std::process::id()));
    let text = "syntax = \"proto3\"; message O { repeated L lines = 4; string order_id = 1; optional string note = 2; int32 count = 3; } \
                message L { int32 n = 1; }";
    fs::write(&file, serde_json::json!({"1": {"proto": text}}).to_string()).unwrap();
    let schemas = Schemas::read(&file);
    fs::remove_file(&file).unwrap();
    let value = b"\0\0\0\0\x01\0\x0a\x01x\x22\x02\x08\x04\x22\x02\x08\x07";
    let event = Event {
        key: Some(b"k".to_vec()),
        value: Some(value.to_vec()),
        ..Event::default()
    };
    let pair = |pointer: &str, text: &str| (pointer.to_owned(), text.to_owned());
    let whole = String::from_utf8(value[6..].to_vec()).unwrap();
    let expected = [
        pair("/lines/1/n", "\u{7}"),
        pair("/orderId", "x"),
        pair("/count", &whole),
        pair("/note", &whole),
    ];
    assert_eq!(
        judged("confluent-protobuf", &event, &schemas),
        expected,
        "a default is shown as what it is missing from"
    );
}

#[test]
fn text_in_a_frame_has_its_exact_place() {
    let document = r#"{"orderId": "x", "note": "", "count": 0, "lines": [{"n": 7}]}"#;
    let pair = |pointer: &str, text: &str| (pointer.to_owned(), text.to_owned());
    let expected = [pair("/orderId", "\"x\""), pair("/count", "0"), pair("/lines/0/n", "7")];
    let event = |value: Vec<u8>, headers: &[(&str, &str)]| Event {
        key: Some(b"k".to_vec()),
        value: Some(value),
        headers: headers
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Some(text.as_bytes().to_vec())))
            .collect(),
        ..Event::default()
    };
    let framed = |frame: &[u8]| event([frame, document.as_bytes()].concat(), &[]);
    let none = Schemas::default();
    assert_eq!(judged("confluent-json", &framed(b"\0\0\0\0\x07"), &none), expected);
    assert_eq!(judged("glue-json", &framed(b"\x03\x000123456789abcdef"), &none), expected);
    assert_eq!(judged("apicurio-json", &framed(b"\0\0\0\0\0\0\0\0\x07"), &none), expected);
    let structured = format!(r#"{{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {document}}}"#);
    let envelope = [("content-type", "application/cloudevents+json")];
    assert_eq!(judged("cloudevents", &event(structured.into_bytes(), &envelope), &none), expected);
    let packed = {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, document.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let compressed = event([b"\x03\x050123456789abcdef", &packed[..]].concat(), &[]);
    let contract = support::contract("c.odcs.yaml", &LINES.replace("ENCODINGS", "glue-json"));
    let within = Place::Within(18..18 + packed.len());
    let found = places(&compile(&contract, 0).unwrap(), &compressed, &none);
    assert!(found.len() == 3 && found.iter().all(|(_, place)| *place == within), "{found:?}");
}
