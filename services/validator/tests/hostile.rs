//! Hostile input (I1 to I29 of the project's list, in `tests/corpus/README.md`) through the worker: each record gets its outcome, no process
//! dies, nothing spins, and the record behind it passes. What could cost time or memory runs in a process of its own and is measured.
//!
//! I20 is in `quarantine.rs`, I22 to I25 and I28 (contracts) in `hostile_contracts.rs`, I26 and I27 in `services/lib/git`, I30 in `services/sink/tests/names.rs`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod stage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use bytes::Bytes;
use serde_json::Value;
use stage::measured::{MIB, bounded};
use stage::{Stage, contract, corpus};
use tidegate_check::input::Known;
use tidegate_codec::{avro, protobuf};
use tidegate_flow::record::header_text;
use tidegate_flow::{Header, TopicPartition, stamp};

/// One record, and what must become of it: `valid`, a reason with its detail, or nothing (skipped).
struct Case {
    key: Option<Bytes>,
    value: Option<Bytes>,
    headers: Vec<Header>,
    said: &'static str,
}

fn case(value: impl Into<Bytes>, said: &'static str) -> Case {
    Case {
        key: Some(Bytes::from_static(b"k")),
        value: Some(value.into()),
        headers: Vec::new(),
        said,
    }
}

fn keyed(key: Option<&'static str>, value: Option<&'static str>, said: &'static str) -> Case {
    Case {
        key: key.map(Bytes::from),
        value: value.map(Bytes::from),
        headers: Vec::new(),
        said,
    }
}

/// Sends the cases and a good record behind them through a worker; each gets its outcome, once.
fn judged(stage: &Stage, cases: &[Case], good: impl Into<Bytes>) {
    let before = stage
        .positions()
        .iter()
        .find(|(at, ..)| *at == TopicPartition::new("events", 0))
        .unwrap()
        .2;
    for case in cases {
        stage.write_record("events", 0, case.key.clone(), case.value.clone(), case.headers.clone());
    }
    stage.write("events", 0, good);
    stage.run_through();
    let outcomes = stage.outcomes("events");
    let said = |offset: i64| outcomes.get(&(0, offset)).map_or_else(String::new, |said| said.join(" and "));
    for (case, offset) in cases.iter().zip(before..) {
        let shown: String = String::from_utf8_lossy(case.value.as_deref().unwrap_or_default())
            .chars()
            .take(80)
            .collect();
        assert_eq!(said(offset), case.said, "{offset}: {shown}");
    }
    assert_eq!(said(before + cases.len() as i64), "valid", "what comes behind");
    assert!(stage.held.lock().unwrap().is_empty(), "{:?}", stage.held.lock().unwrap());
}

/// A stage for JSON events of this contract.
fn json(properties: &str) -> Stage {
    let body = format!(
        "    customProperties:\n      - {{property: unknownFields, vendor: tidegate, value: ignore}}\n    properties:\n{properties}"
    );
    Stage::new(1, &[contract("events", &body)])
}

const PLAIN: &str = "      - {name: id, logicalType: integer, logicalTypeOptions: {format: i64}}\n      - {name: text, logicalType: string}\n      \
                     - {name: amount, logicalType: number}";
/// Of the text of 2,000 letters in `i9`, by another program.
const DIGEST: &str = "fae99d0be01a974d3878ba385425cf3f44076b5bba0e9ce67f86805d9c0df8b1";
const GOOD: &str = r#"{"id":1}"#;

fn frame(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), datum].concat()
}

fn known(schema: &Value) -> Known {
    match (schema.as_str(), schema.get("proto")) {
        (Some("unknown"), _) => Known::Unknown,
        (Some(_), _) => Known::Unusable,
        (None, Some(proto)) => {
            let imports = schema["imports"].as_object().into_iter().flatten();
            let imports: Vec<(&str, &str)> = imports.map(|(name, text)| (name.as_str(), text.as_str().unwrap())).collect();
            Known::Protobuf(Arc::new(protobuf::Schema::parse(proto.as_str().unwrap(), &imports).unwrap()))
        }
        (None, None) => Known::Avro(Arc::new(avro::Schema::parse(&schema.to_string(), &[]).unwrap())),
    }
}

fn bytes_of(line: &Value, name: &str) -> Option<Bytes> {
    let encoded = line.get(format!("{name}_base64")).and_then(Value::as_str);
    let decoded = encoded.map(|text| Bytes::from(base64::engine::general_purpose::STANDARD.decode(text).unwrap()));
    decoded.or_else(|| line.get(name).and_then(Value::as_str).map(|text| Bytes::from(text.to_owned())))
}

/// Sends a folder of the corpus through a worker: the outcome of each line is the one that its verdict asks for.
fn replay(name: &str) {
    let read = |file: &str| std::fs::read_to_string(corpus(name).join(file)).unwrap_or_default();
    let mut stage = Stage::new(1, &[("contract.odcs.yaml", read("contract.odcs.yaml"))]);
    let schemas: BTreeMap<String, Value> = serde_json::from_str(&read("schemas.json")).unwrap_or_default();
    for (id, schema) in &schemas {
        match id.parse() {
            Ok(id) => drop(stage.registry.schemas.insert(id, known(schema))),
            Err(_) => drop(stage.registry.others.insert(id.clone(), known(schema))),
        }
    }
    let topic = stage.topics[0].clone();
    let mut expected = Vec::new();
    for (event, verdict) in read("events.jsonl").lines().zip(read("verdicts.jsonl").lines()) {
        let verdict: Value = serde_json::from_str(verdict).unwrap();
        let line = match event.strip_prefix('@') {
            Some(wrapped) => serde_json::from_str(wrapped).unwrap(),
            None => serde_json::json!({"key": "k", "value": event}),
        };
        // What the corpus leaves open, or places on another topic or at another time, is not for this test.
        let is_elsewhere = ["now", "topic"].iter().any(|key| line.get(*key).is_some());
        if verdict["verdict"] == "need" || is_elsewhere {
            continue;
        }
        let headers = line.get("headers").and_then(Value::as_array).into_iter().flatten();
        let headers: Vec<Header> = headers
            .map(|header| Header {
                name: header[0].as_str().unwrap().into(),
                value: match header.get(2).and_then(Value::as_str) {
                    Some(text) => Some(Bytes::from(base64::engine::general_purpose::STANDARD.decode(text).unwrap())),
                    None => header[1].as_str().map(|text| Bytes::from(text.to_owned())),
                },
            })
            .collect();
        stage.write_record(&topic, 0, bytes_of(&line, "key"), bytes_of(&line, "value"), headers);
        expected.push(match verdict["verdict"].as_str().unwrap() {
            "valid" => vec!["valid".to_owned()],
            "skipped" => Vec::new(),
            _ => {
                let first = &verdict["violations"][0];
                let detail = first[1].as_str().map_or_else(String::new, |detail| format!(" {detail}"));
                vec![format!("{}{detail}", first[0].as_str().unwrap())]
            }
        });
    }
    stage.run_through();
    let outcomes = stage.outcomes(&topic);
    assert!(!expected.is_empty());
    for (offset, said) in expected.into_iter().enumerate() {
        let found = outcomes.get(&(0, offset as i64)).cloned().unwrap_or_default();
        assert_eq!(found, said, "{name}, record {offset}");
    }
    assert!(stage.held.lock().unwrap().is_empty());
}

#[test]
fn i1_empty_and_null() {
    let cases = [
        keyed(Some("k"), Some(""), "undecodable empty"),
        keyed(Some("k"), None, "valid"),
        keyed(None, Some(GOOD), "valid"),
        keyed(None, None, "tombstone_without_key"),
        keyed(Some(""), Some(GOOD), "valid"),
    ];
    judged(&json(PLAIN), &cases, GOOD);
    replay("tombstone");
    replay("cdc-keyless");
}

#[test]
fn i2_names_twice() {
    let cases = [
        case(r#"{"id":1,"id":1}"#, "undecodable duplicate_key"),
        case(r#"{"id":1,"o":{"a":1,"a":1}}"#, "undecodable duplicate_key"),
        case(r#"{"id":1,"\u0069d":2}"#, "undecodable duplicate_key"),
        case(r#"{"id":1,"o":[{"a":1},{"a":1}]}"#, "valid"),
    ];
    judged(&json(PLAIN), &cases, GOOD);
}

#[test]
fn i3_numbers_at_the_edge() {
    let cases = [
        case(r#"{"id":1e400}"#, "constraint_violation number_out_of_range"),
        case(r#"{"id":NaN}"#, "undecodable syntax"),
        case(r#"{"id":-Infinity}"#, "undecodable syntax"),
        case(r#"{"id":-0}"#, "valid"),
        case(r#"{"id":01}"#, "undecodable syntax"),
        case(r#"{"id":9223372036854775807}"#, "valid"),
        case(r#"{"id":9223372036854775808}"#, "constraint_violation number_out_of_range"),
        case(r#"{"id":18446744073709551616}"#, "constraint_violation number_out_of_range"),
        case(r#"{"amount":0.1234567890123456}"#, "valid"),
        case(
            r#"{"amount":0.123456789012345678901234567890}"#,
            "constraint_violation number_out_of_range",
        ),
    ];
    judged(&json(PLAIN), &cases, GOOD);
    replay("decimal");
}

#[test]
fn i4_numbers_that_doubles_round() {
    let stage = json("      - {name: id, logicalType: integer, logicalTypeOptions: {format: i64, minimum: 9007199254740993}}");
    // Were it read as a double, the first would be below the minimum.
    let cases = [
        case(r#"{"id":9007199254740993}"#, "valid"),
        case(r#"{"id":9007199254740992}"#, "constraint_violation"),
        case(r#"{"id":9007199254740993.0}"#, "valid"),
        case(r#"{"id":9007199254740992.9}"#, "type_mismatch"),
    ];
    judged(&stage, &cases, r#"{"id":9007199254740994}"#);
    replay("float");
}

#[test]
fn i5_depth() {
    bounded("i5_depth", 64 * MIB, || {
        let nested = |open: &str, close: &str, times: usize| format!("{{\"o\":{}1{}}}", open.repeat(times), close.repeat(times));
        let mut cases = vec![case(nested("[", "]", 60), "valid")];
        for times in [127, 128, 1_000_000] {
            cases.push(case(nested("[", "]", times), "undecodable too_deep"));
            cases.push(case(nested("{\"a\":", "}", times), "undecodable too_deep"));
            cases.push(case(nested("[{\"a\":", "}]", times / 2), "undecodable too_deep"));
        }
        cases.push(case("[".repeat(1_000_000), "undecodable too_deep"));
        judged(&json(PLAIN), &cases, GOOD);
    });
}

#[test]
fn i6_encodings() {
    let utf16: Vec<u8> = "\u{feff}{\"id\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases = [
        case(&b"{\"text\":\"\xff\"}"[..], "undecodable bad_encoding"),
        case(&b"{\"text\":\"\xc0\x80\"}"[..], "undecodable bad_encoding"),
        case(&b"{\"text\":\"\xed\xa0\x80\"}"[..], "undecodable bad_encoding"),
        case(r#"{"text":"\ud800"}"#, "undecodable bad_encoding"),
        case(r#"{"text":"\u0000"}"#, "valid"),
        case(&b"{\"text\":\"\x00\"}"[..], "undecodable syntax"),
        case(&b"\xef\xbb\xbf{\"id\":1}"[..], "undecodable bad_encoding"),
        case(utf16, "undecodable bad_encoding"),
    ];
    judged(&json(PLAIN), &cases, GOOD);
}

#[test]
fn i7_not_one_document() {
    let cases = [
        case(r#"{"id":1} x"#, "undecodable trailing_bytes"),
        case(r#"{"id":1}{"id":1}"#, "undecodable trailing_bytes"),
        case(r#"{"id":1"#, "undecodable truncated"),
        case(r#"{"id":"#, "undecodable truncated"),
        case(" ", "undecodable truncated"),
    ];
    judged(&json(PLAIN), &cases, GOOD);
    replay("decode-json");
    replay("hostile-json");
}

#[test]
fn i8_very_much_of_something() {
    bounded("i8_very_much_of_something", 512 * MIB, || {
        let stage = json(
            "      - {name: text, logicalType: string, logicalTypeOptions: {pattern: '^(a|aa)*b?$'}}\n      \
             - {name: numbers, logicalType: array, logicalTypeOptions: {uniqueItems: true}, items: {name: n, logicalType: integer}}",
        );
        let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(",");
        let names = list(&mut (0..1_000_000).map(|at| format!("\"k{at}\":0")));
        let numbers = list(&mut (0..1_000_000).map(|at| at.to_string()));
        let long = "a".repeat(900_000);
        let cases = [
            case(format!("{{{names}}}"), "valid"),
            case(format!("{{{names},\"k7\":0}}"), "undecodable duplicate_key"),
            case(format!("{{\"text\":\"{long}\"}}"), "valid"),
            case(format!("{{\"text\":\"{long}c\"}}"), "constraint_violation"),
            case(format!("{{\"numbers\":[{numbers}]}}"), "valid"),
            case(format!("{{\"numbers\":[{numbers},7]}}"), "constraint_violation"),
        ];
        judged(&stage, &cases, GOOD);
    });
}

/// What grows past the brokers' limit with our headers becomes a dead letter that says so; where the dead letter would be too large, too, its
/// value stays behind under its SHA-256. Where even that is too large the partition waits for somebody, and nothing is lost.
#[test]
fn i9_too_large_with_its_headers() {
    let mut stage = json(PLAIN);
    let fits = format!(r#"{{"text":"{}"}}"#, "x".repeat(2_000));
    let bad = format!(r#"{{"id":"{}"}}"#, "x".repeat(2_000));
    stage.record_max = fits.len();
    judged(
        &stage,
        &[case(fits.clone(), "size_violation too_large"), case(bad, "type_mismatch")],
        GOOD,
    );
    let letters = stage.read("events.dlq");
    assert!(letters.iter().all(|letter| letter.value.is_none() && letter.key.is_some()));
    let header = |name: &str| header_text(&letters[0].headers, name).unwrap();
    assert_eq!(header(stamp::VALUE_BYTES), fits.len().to_string());
    assert_eq!(header(stamp::VALUE_SHA256), DIGEST);
    // A little room, and the value travels along.
    stage.record_max = fits.len() + 400;
    judged(
        &stage,
        &[case(format!(r#"{{"id":"{}"}}"#, "x".repeat(2_000)), "type_mismatch")],
        GOOD,
    );
    assert!(stage.read("events.dlq").last().unwrap().value.is_some());
    // Headers of the producer that are too large by themselves.
    stage.record_max = 1_000;
    let large = Header::text("large", "x".repeat(1_000));
    stage.write_record("events", 0, None, Some(Bytes::from_static(b"{")), vec![large]);
    assert!(stage.live(|stage| !stage.held.lock().unwrap().is_empty()));
    let (at, operator, why) = stage.held.lock().unwrap()[0].clone();
    assert!(
        at.partition == 0 && operator && why.contains("even as a dead letter without its value"),
        "{why}"
    );
    stage.record_max = 2_000;
    stage.run_through();
}

#[test]
fn i10_one_of_a_batch_is_too_large() {
    let mut stage = json(PLAIN);
    stage.record_max = 1_000;
    let mut cases: Vec<Case> = (0..50).map(|_| case(GOOD, "valid")).collect();
    cases[20] = case(format!(r#"{{"text":"{}"}}"#, "x".repeat(980)), "size_violation too_large");
    judged(&stage, &cases, GOOD);
}

#[test]
fn i11_headers() {
    let header = |name: &str, value: Option<&'static [u8]>| Header {
        name: name.into(),
        value: value.map(Bytes::from_static),
    };
    let mut many: Vec<Header> = (0..1_000).map(|at| header(&format!("h{at}"), Some(b"v"))).collect();
    many.push(header("h0", Some(b"again")));
    many.push(header("null", None));
    many.push(header("bytes", Some(b"\xff\xfe")));
    many.push(header("tidegate.origin", Some(b"events:9:9")));
    many.push(header("tidegate.contract", Some(b"other@9.9.9")));
    let stage = json(PLAIN);
    let mut cases = [case(GOOD, "valid"), case("{", "undecodable truncated")];
    cases.iter_mut().for_each(|case| case.headers = many.clone());
    judged(&stage, &cases, GOOD);
    for topic in ["events.validated", "events.dlq"] {
        let record = stage.read(topic).into_iter().find(|record| record.headers.len() > 900).unwrap();
        for (sent, came) in many.iter().zip(&record.headers) {
            let moved = format!("forged.{}", sent.name);
            let name = if sent.name.starts_with("tidegate.") { &moved } else { &*sent.name };
            assert_eq!((name, &sent.value), (&*came.name, &came.value));
        }
        let stamp = stamp::read(&record.headers).unwrap();
        assert_eq!(stamp.origin.at, TopicPartition::new("events", 0), "a forged one is not believed");
    }
}

#[test]
fn i12_timestamps() {
    let stage = json(PLAIN);
    let times = [Some(-1), Some(0), Some(253_402_300_799_000), Some(i64::MAX), None];
    for timestamp in times {
        let record = tidegate_flow::record::Outgoing {
            to: TopicPartition::new("events", 0),
            timestamp,
            key: None,
            value: Some(Bytes::from_static(GOOD.as_bytes())),
            headers: Vec::new(),
        };
        stage.broker.writer().write(&[record]).unwrap();
    }
    stage.run_through();
    let passed = stage.read("events.validated");
    assert_eq!(passed.iter().map(|record| record.timestamp).collect::<Vec<_>>(), times);
    assert_eq!(
        header_text(&passed[1].headers, stamp::TIMESTAMP),
        Some("0"),
        "clients replace 0 by now"
    );
}

/// A stage for Avro frames with this schema as number 7.
fn avro_stage(schema: &str, properties: &str) -> Stage {
    let body = format!(
        "    customProperties:\n      - {{property: encodings, vendor: tidegate, value: [avro]}}\n      \
         - {{property: unknownFields, vendor: tidegate, value: ignore}}\n    properties:\n{properties}"
    );
    let mut stage = Stage::new(1, &[contract("events", &body)]);
    let schema = avro::Schema::parse(schema, &[]).unwrap();
    stage.registry.schemas.insert(7, Known::Avro(Arc::new(schema)));
    stage
}

const LONG: &str = r#"{"type":"record","name":"R","fields":[{"name":"id","type":"long"}]}"#;

#[test]
fn i13_avro_frames() {
    let stage = avro_stage(LONG, "      - {name: id, logicalType: integer, logicalTypeOptions: {format: i64}}");
    let unknown = "registry_schema_unknown unknown_schema";
    let mut cases = vec![
        case(&b"\x02"[..], "unknown_framing unknown_framing"),
        case(&b"\x00\x00\x00"[..], "unknown_framing unknown_framing"),
        case(frame(8, &[2]), unknown),
        case(frame(0, &[2]), unknown),
        case(frame(u32::MAX, &[2]), unknown),
        case(frame(7, &[2]), "valid"),
    ];
    judged(&stage, &cases, frame(7, &[2]));
    // A flood of numbers that nobody registered, twice: each is asked for once while the answer is known.
    let before = stage.registry.questions.load(Ordering::Acquire);
    cases = (0..4_000_u32)
        .map(|at| case(frame(at.wrapping_mul(2_654_435_761) | 1 << 20, &[2]), unknown))
        .collect();
    judged(&stage, &cases, frame(7, &[2]));
    judged(&stage, &cases, frame(7, &[2]));
    let asked = stage.registry.questions.load(Ordering::Acquire) - before;
    assert!(asked <= 4_000, "{asked} questions");
}

#[test]
fn i14_a_registry_that_is_down_is_no_unknown_schema() {
    let stage = avro_stage(LONG, "      - {name: id, logicalType: integer, logicalTypeOptions: {format: i64}}");
    stage.registry.down.store(true, Ordering::Release);
    stage.write("events", 0, frame(7, &[2]));
    stage.write("events", 0, frame(8, &[2]));
    assert!(stage.live(|stage| stage.held.lock().unwrap().len() > 2));
    assert!(stage.outcomes("events").is_empty(), "nothing is decided");
    stage.registry.down.store(false, Ordering::Release);
    stage.run_through();
    let outcomes = stage.outcomes("events");
    assert_eq!(
        (&*outcomes[&(0, 0)][0], &*outcomes[&(0, 1)][0]),
        ("valid", "registry_schema_unknown unknown_schema")
    );
}

#[test]
fn i15_avro_that_promises_much() {
    bounded("i15_avro_that_promises_much", 16 * MIB, || {
        let nulls = r#"{"type":"record","name":"N","fields":[{"name":"f","type":{"type":"array","items":"null"}}]}"#;
        let stage = avro_stage(nulls, "      - {name: other, logicalType: string}");
        // A block of 2^27 nulls in six bytes.
        judged(
            &stage,
            &[case(frame(7, &[0x80, 0x80, 0x80, 0x80, 0x01, 0x00]), "undecodable too_large")],
            frame(7, &[0]),
        );
        let nested =
            r#"{"type":"record","name":"N","fields":[{"name":"f","type":{"type":"array","items":{"type":"array","items":"null"}}}]}"#;
        let stage = avro_stage(nested, "      - {name: other, logicalType: string}");
        let inner = [0x80, 0x80, 0x80, 0x80, 0x01];
        judged(
            &stage,
            &[case(frame(7, &[&inner[..], &inner].concat()), "undecodable too_large")],
            frame(7, &[0]),
        );
        let bytes = r#"{"type":"record","name":"B","fields":[{"name":"f","type":"bytes"}]}"#;
        let stage = avro_stage(bytes, "      - {name: other, logicalType: string}");
        // 400,000,000 bytes are announced.
        judged(
            &stage,
            &[case(frame(7, &[0x80, 0x90, 0xbc, 0xfd, 0x02]), "undecodable truncated")],
            frame(7, &[0]),
        );
    });
}

#[test]
fn i16_avro_without_end() {
    bounded("i16_avro_without_end", 32 * MIB, || {
        let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
        let stage = avro_stage(list, "      - {name: other, logicalType: string}");
        judged(
            &stage,
            &[case(frame(7, &vec![2; 200_000]), "undecodable too_deep")],
            frame(7, &[2, 0]),
        );
    });
}

#[test]
fn i17_avro_that_is_wrong() {
    replay("hostile-avro");
    replay("avro");
}

#[test]
fn i18_protobuf() {
    bounded("i18_protobuf", 64 * MIB, || {
        let body = "    customProperties:\n      - {property: encodings, vendor: tidegate, value: [confluent-protobuf]}\n      \
                    - {property: unknownFields, vendor: tidegate, value: ignore}\n    properties:\n      \
                    - {name: order_id, logicalType: string}";
        let mut stage = Stage::new(1, &[contract("events", body)]);
        let proto = "syntax = \"proto3\"; message Order { string order_id = 1; repeated int64 zeros = 3; Order inner = 4; }";
        let schema = protobuf::Schema::parse(proto, &[]).unwrap();
        stage.registry.schemas.insert(7, Known::Protobuf(Arc::new(schema)));
        let order = |fields: &[u8]| frame(7, &[&[0][..], fields].concat());
        // Length as a varint of three bytes.
        let zeros = [&[0x1a, 0xa0, 0x8d, 0x06][..], &vec![0; 100_000]].concat();
        let groups = [vec![0x4b; 100_000], vec![0x4c; 100_000]].concat();
        let mut inner: Vec<u8> = Vec::new();
        for _ in 0..2_000 {
            let mut length = inner.len();
            let mut outer = vec![0x22];
            while length > 0x7f {
                outer.push(length as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.extend(inner);
            inner = outer;
        }
        let cases = [
            case(order(&[0x0a, 1, b'a']), "valid"),
            case(order(&[0x78, 1, 0x0a, 1, b'a']), "valid"),
            case(order(&[0x0a, 0x7f, b'a']), "undecodable truncated"),
            case(order(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x07]), "undecodable truncated"),
            case(order(&zeros), "valid"),
            case(order(&groups), "undecodable too_deep"),
            case(order(&inner), "undecodable too_deep"),
            case(order(&[0x4c]), "undecodable syntax"),
        ];
        judged(&stage, &cases, order(&[0x0a, 1, b'a']));
    });
    replay("protobuf");
}

#[test]
fn i21_change_events() {
    for name in ["cdc", "cdc-flat", "cdc-schema", "cdc-keyless", "cdc-operations"] {
        replay(name);
    }
}

#[test]
fn i25_rules_that_cost_too_much_for_an_event() {
    replay("cel-budget");
}

/// What a producer writes into names and values comes back in no header of ours.
#[test]
fn i29_text_of_the_event_in_a_verdict() {
    let body = "    customProperties:\n      - {property: unknownFields, vendor: tidegate, value: fail}\n    properties:\n      \
                - {name: id, logicalType: integer}\n      - {name: map, logicalType: map, map: {key: {name: k, logicalType: string}, value: {name: v, logicalType: integer}}}";
    let stage = Stage::new(1, &[contract("events", body)]);
    let long = "n".repeat(1_000_000);
    let names = [
        "<script>alert(1)</script>",
        "a\\nb",
        "\\u001b[31mred",
        &long,
        "4111111111111111",
        "\\u202etxt",
    ];
    let mut cases = Vec::new();
    for name in names {
        cases.push(case(format!(r#"{{"id":1,"{name}":0}}"#), "additional_properties"));
        cases.push(case(format!(r#"{{"id":"{name}"}}"#), "type_mismatch"));
        cases.push(case(format!(r#"{{"map":{{"{name}":"x"}}}}"#), "type_mismatch"));
    }
    judged(&stage, &cases, GOOD);
    for record in stage.read("events.dlq") {
        for header in &record.headers {
            let text = header_text(std::slice::from_ref(header), &header.name).unwrap();
            assert!(text.len() <= 8 << 10, "{} has {} bytes", header.name, text.len());
            for part in ["script", "\n", "\u{1b}", "red", "nnnn", "4111", "\u{202e}"] {
                assert!(!text.contains(part), "{} holds {part:?}", header.name);
            }
        }
    }
    replay("hostile-names");
}
