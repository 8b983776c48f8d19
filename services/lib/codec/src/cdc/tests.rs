use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::failure::Detail;
use crate::token::{Reader, Special, Token};

const SOURCE: &str = r#""source":{"db":"d","schema":"s","table":"t","ts_ms":5,"ts_us":5001,"lsn":77}"#;

fn unwrap(value: &str) -> Result<Unwrapped<'_>, Detail> {
    let mut cache = SchemaBlockCache::new();
    let first = unwrap_json(value.as_bytes(), &mut cache);
    // With the block known the answer is the same.
    let again = unwrap_json(value.as_bytes(), &mut cache);
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    first.map_err(|failure| failure.detail)
}

fn change(value: &str) -> ChangeEvent<'_> {
    match unwrap(value) {
        Ok(Unwrapped::Change(envelope)) => envelope,
        other => panic!("no change: {other:?}"),
    }
}

fn row<'b>(image: &Image<'b>) -> Vec<Token<'b>> {
    let mut reader = image.reader();
    let mut tokens = Vec::new();
    loop {
        match reader.next().unwrap() {
            Token::End => return tokens,
            token => tokens.push(token),
        }
    }
}

#[test]
fn parts_may_stand_in_any_order() {
    let text = format!(r#"{{"op":"u","transaction":{{"id":"805:99"}},"after":{{"a":1}},{SOURCE},"before":null,"ts_ms":9}}"#);
    let first = change(&text);
    let text = format!(r#"{{"before":null, "after" : {{"a":1}},{SOURCE},"ts_ms":9,"op":"u"}}"#);
    let last = change(&text);
    for envelope in [&first, &last] {
        assert_eq!((envelope.op, envelope.source_time_micros), (Some(Op::Update), Some(5001)));
        assert_eq!(envelope.position.as_ref().map(ToString::to_string).as_deref(), Some("77"));
        assert_eq!(
            (envelope.database.as_deref(), envelope.schema.as_deref(), envelope.table.as_deref()),
            (Some("d"), Some("s"), Some("t"))
        );
        let tokens = row(envelope.after.as_ref().unwrap());
        assert_eq!(
            tokens,
            [Token::BeginObject, Token::Key("a".into()), Token::Number("1"), Token::EndObject]
        );
        assert!(envelope.before.is_none());
    }
    assert_eq!((first.transaction.as_deref(), last.transaction.as_deref()), (Some("805"), None));
}

#[test]
fn transactions_are_cut_only_where_the_lsn_follows() {
    for (id, kept) in [
        ("805:27419624", "805"),
        ("0-77-29", "0-77-29"),
        ("3e11fa47-71ca-11e1-9e33-c80aa9429562:23", "3e11fa47-71ca-11e1-9e33-c80aa9429562:23"),
    ] {
        assert_eq!(envelope::transaction_of(id.into()), kept);
    }
}

#[test]
fn binlog_positions_have_file_and_offset() {
    let text = r#"{"op":"r","after":{},"source":{"file":"binlog.000001","pos":7600,"ts_ms":5}}"#;
    let envelope = change(text);
    assert_eq!(envelope.position.unwrap().to_string(), "binlog.000001:7600");
    assert_eq!(envelope.source_time_micros, Some(5000));
}

#[test]
fn incomplete_events_are_refused() {
    for (text, detail) in [
        (r#"{"op":"c","after":null,S}"#, Detail::BadEnvelope),
        (r#"{"op":"c","before":{"a":1},S}"#, Detail::BadEnvelope),
        (r#"{"op":"u","before":{"a":1},S}"#, Detail::BadEnvelope),
        (r#"{"op":"r",S}"#, Detail::BadEnvelope),
        (r#"{"op":"d","before":null,"after":{"a":1},S}"#, Detail::BadEnvelope),
        (r#"{"op":"d",S}"#, Detail::BadEnvelope),
        (r#"{"op":"m",S}"#, Detail::BadEnvelope),
        (r#"{"op":"m","message":null,S}"#, Detail::BadEnvelope),
        (r#"{"op":"m","message":"x",S}"#, Detail::BadEnvelope),
        (r#"{"op":"m","message":{"content":"x"},S}"#, Detail::BadEnvelope),
        (r#"{"op":"t","after":{"a":1,"a":1},S}"#, Detail::DuplicateKey),
        (r#"{"op":"d","before":{"a":1},"after":{"a":},S}"#, Detail::Syntax),
        (r#"{"op":"c","before":{"a":1]},"after":{},S}"#, Detail::Syntax),
        (r#"{"op":"c","after":{"a":1}"#, Detail::Truncated),
        (r#"{"op":"c","after":{"a":"\ud800"},S}"#, Detail::BadEncoding),
        (r#"{"op":"c","after":{"a":1}}"#, Detail::BadEnvelope),
        (r#"{"op":"c","after":{"a":1},"source":null}"#, Detail::BadEnvelope),
        (r#"{"op":"c","after":[1],S}"#, Detail::BadEnvelope),
        (r#"{"op":"c","after":"{}",S}"#, Detail::BadEnvelope),
        (r#"{"op":7,"after":{},S}"#, Detail::BadEnvelope),
        (r#"{"op":null,"ts_ms":1}"#, Detail::BadEnvelope),
        (r#"{"op":"c","after":{},"source":[]}"#, Detail::BadEnvelope),
        (r#"{"op":"c","after":{},"source":{"table":7}}"#, Detail::BadEnvelope),
        (r#"{"op":"c","after":{},"source":{"lsn":1.5}}"#, Detail::BadEnvelope),
        (r#"{"op":"c","after":{},"transaction":"7",S}"#, Detail::BadEnvelope),
        (r#"{"after":{"a":1},S}"#, Detail::BadEnvelope),
        (r#"{"a":1}"#, Detail::BadEnvelope),
        (r#"{}"#, Detail::BadEnvelope),
        (r#"[{"op":"c"}]"#, Detail::BadEnvelope),
        (r#""text""#, Detail::BadEnvelope),
        (r#"{"op":"x","after":{"a":1},S}"#, Detail::UnknownOperation),
        (r#"{"op":"C","after":{"a":1},S}"#, Detail::UnknownOperation),
        (r#"{"op":"c","after":{"a":1,"a":2},S}"#, Detail::DuplicateKey),
        (r#"{"op":"c","op":"c","after":{},S}"#, Detail::DuplicateKey),
        (r#"{"op":"c","after":{"a":},S}"#, Detail::Syntax),
        (r#"{"op":"c","after":{"a":1},S} x"#, Detail::TrailingBytes),
        (r#"{"op":"c","after":{"a":1},S"#, Detail::Truncated),
        (r#"{"schema":{"type":"struct"},"payload":{"op":"c"}}x"#, Detail::TrailingBytes),
        (r#"{"schema":{},"payload":{"op":"c"}}"#, Detail::BadSchema),
        (r#"{"schema":{"type":"array"},"payload":null}"#, Detail::BadSchema),
        ("", Detail::Empty),
    ] {
        let text = text.replace('S', SOURCE);
        assert_eq!(unwrap(&text).map(|_| ()), Err(detail), "{text}");
    }
}

#[test]
fn records_of_debezium_itself_are_told_apart() {
    let kind = |topic: &str, text: &str| control_kind(topic, &unwrap(text).unwrap());
    let heartbeat = r#"{"ts_ms":1}"#;
    assert_eq!(kind("__debezium-heartbeat.shop", heartbeat), Some(ControlKind::Heartbeat));
    assert_eq!(kind("shop.public.orders", heartbeat), None);
    let transaction = r#"{"status":"BEGIN","id":"1:2","event_count":null,"data_collections":null,"ts_ms":1}"#;
    assert_eq!(kind("shop.transaction", transaction), Some(ControlKind::Transaction));
    assert_eq!(kind("shop.public.orders", transaction), None);
    let ddl = format!(r#"{{{SOURCE},"ts_ms":1,"databaseName":"d","schemaName":null,"ddl":"CREATE TABLE t","tableChanges":[]}}"#);
    assert_eq!(kind("shop", &ddl), Some(ControlKind::SchemaChange));
    let signal = r#"{"op":"c","after":{"id":"1","type":"execute-snapshot","data":"{}"},"source":{"table":"debezium_signal"}}"#;
    assert_eq!(kind("shop.public.debezium_signal", signal), Some(ControlKind::Signal));
    for row in [
        signal.replace("debezium_signal", "orders"),
        signal.replace("execute-snapshot", "parcel"),
        signal.replace(r#""id":"1","#, ""),
        signal.replace(r#""id":"1""#, r#""id":"1","more":1"#),
    ] {
        assert_eq!(kind("shop.public.debezium_signal", &row), None, "{row}");
    }
    let block = format!(r#"{{"schema":{{"type":"struct","fields":[]}},"payload":{heartbeat}}}"#);
    assert_eq!(kind("__debezium-heartbeat.shop", &block), Some(ControlKind::Heartbeat));
}

#[test]
fn null_documents_are_tombstones() {
    for text in [
        "null",
        r#"{"schema":null,"payload":null}"#,
        r#"{"schema":{"type":"struct","fields":[]},"payload":null}"#,
    ] {
        assert!(matches!(unwrap(text), Ok(Unwrapped::Tombstone)), "{text}");
        let flat = unwrap_flat_json(text.as_bytes(), &[], &mut SchemaBlockCache::new());
        assert!(matches!(flat, Ok(Unwrapped::Tombstone)), "{text}");
    }
}

fn typed(fields: &str, row: &str) -> String {
    format!(
        r#"{{"schema":{{"type":"struct","fields":[{{"type":"struct","fields":[{fields}],"optional":true,"field":"after"}}]}},"payload":{{"after":{row},{SOURCE},"op":"c"}}}}"#
    )
}

const FIELDS: &str = concat!(
    r#"{"type":"int32","field":"id"},"#,
    r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"total"},"#,
    r#"{"type":"int32","name":"io.debezium.time.Date","field":"day"},"#,
    r#"{"type":"array","items":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"3"}},"field":"sums"},"#,
    r#"{"type":"struct","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}],"name":"io.debezium.data.VariableScaleDecimal","field":"free"},"#,
    r#"{"type":"map","keys":{"type":"string"},"values":{"type":"int64","name":"io.debezium.time.MicroTimestamp"},"field":"times"},"#,
    r#"{"type":"double","field":"ratio"}"#
);

#[test]
fn the_schema_block_makes_typed_tokens() {
    let text = typed(
        FIELDS,
        r#"{"id":1,"total":"+y4=","day":-1,"sums":["AQ==",null],"free":{"scale":1,"value":"Dw=="},"times":{"x":7,"y":9223372036854775807},"ratio":"Infinity"}"#,
    );
    let decimal = |unscaled: &[u8], scale| Token::Decimal {
        unscaled: unscaled.to_vec().into(),
        scale,
    };
    let key = |name: &'static str| Token::Key(name.into());
    let expected = vec![
        Token::BeginObject,
        key("id"),
        Token::Number("1"),
        key("total"),
        decimal(&[0xfb, 0x2e], 2),
        key("day"),
        Token::Date(-1),
        key("sums"),
        Token::BeginArray,
        decimal(&[1], 3),
        Token::Null,
        Token::EndArray,
        key("free"),
        decimal(&[15], 1),
        key("times"),
        Token::BeginObject,
        key("x"),
        Token::TimestampMicros(7),
        key("y"),
        Token::Special(Special::PositiveInfinity),
        Token::EndObject,
        key("ratio"),
        Token::Float(f64::INFINITY),
        Token::EndObject,
    ];
    let envelope = change(&text);
    let image = envelope.after.as_ref().unwrap();
    assert!(image.is_typed());
    assert_eq!(row(image), expected);
    // Fields in another order than that of the schema keep their types.
    let text = typed(FIELDS, r#"{"ratio":1.5,"new":"x","day":3,"id":2}"#);
    let mut reader = change(&text).after.unwrap().reader();
    let mut raws = Vec::new();
    loop {
        match reader.next().unwrap() {
            Token::End => break,
            Token::Date(days) => raws.push((days, reader.raw())),
            _ => assert!(reader.raw().is_none() || matches!(reader.raw(), Some(Token::Number("1.5")))),
        }
    }
    assert_eq!(raws, [(3, Some(Token::Number("3")))]);
}

#[test]
fn a_value_against_its_own_schema_is_refused() {
    for bad in [
        r#"{"total":"12.34"}"#,
        r#"{"total":5}"#,
        r#"{"day":"x"}"#,
        r#"{"day":{}}"#,
        r#"{"day":[]}"#,
        r#"{"sums":{}}"#,
        r#"{"free":7}"#,
        r#"{"free":{"scale":1}}"#,
        r#"{"times":3}"#,
    ] {
        let text = typed(FIELDS, bad);
        let envelope = change(&text);
        let mut reader = envelope.after.unwrap().reader();
        let failure = loop {
            match reader.next() {
                Ok(Token::End) => panic!("accepted: {bad}"),
                Ok(_) => {}
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.detail, Detail::BadEnvelope, "{bad}");
        assert!(text[..failure.offset].contains("payload"), "{bad}");
    }
}

/// PostgreSQL's `numeric(5,-2)`: Debezium reads the scale as 2046 and writes the value padded to it.
#[test]
fn a_negative_scale_comes_back_from_where_it_wrapped() {
    let mut unscaled = num_bigint::BigInt::from(12_300);
    for _ in 0..2046 {
        unscaled *= 10;
    }
    let base64 = STANDARD.encode(unscaled.to_signed_bytes_be());
    let field = r#"{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2046"},"field":"total"}"#;
    let text = typed(field, &format!(r#"{{"total":"{base64}"}}"#));
    let envelope = change(&text);
    let tokens = row(envelope.after.as_ref().unwrap());
    let Token::Decimal { unscaled, scale } = &tokens[2] else {
        panic!("{tokens:?}")
    };
    let read = crate::decimal::rescale(unscaled, *scale, 0);
    assert_eq!(read, crate::decimal::DecimalRead::Exact(12_300));
}

#[test]
fn snapshots_are_told() {
    for (said, snapshot) in [("\"incremental\"", Some("incremental")), ("false", Some("false")), ("null", None)] {
        let text = format!(r#"{{"op":"r","after":{{}},"source":{{"snapshot":{said}}}}}"#);
        assert_eq!(change(&text).snapshot.as_deref(), snapshot);
    }
    let text = br#"{"id":1,"__source_snapshot":"last"}"#;
    let Ok(Unwrapped::Change(event)) = unwrap_flat_json(text, &[], &mut SchemaBlockCache::new()) else {
        panic!("a change")
    };
    assert_eq!(event.snapshot.as_deref(), Some("last"));
}

#[test]
fn halves_of_a_changed_key_are_known_by_their_headers() {
    let header = |name| key_change(&[("other", None), (name, Some(b"{}"))]);
    assert_eq!(header("__debezium.newkey"), Some(KeyChange::Left));
    assert_eq!(header("__debezium.oldkey"), Some(KeyChange::Arrived));
    assert_eq!(header("__debezium.context.task"), None);
}

#[test]
fn the_cache_forgets_but_never_mixes_up() {
    let mut cache = SchemaBlockCache::new();
    for round in 0..2 {
        for scale in 0..400 {
            let field = format!(
                r#"{{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{{"scale":"{scale}"}},"field":"total"}}"#
            );
            let text = typed(&field, r#"{"total":"AQ=="}"#);
            for _ in 0..2 {
                let Ok(Unwrapped::Change(envelope)) = unwrap_json(text.as_bytes(), &mut cache) else {
                    panic!("round {round}")
                };
                let tokens = row(envelope.after.as_ref().unwrap());
                assert_eq!(
                    tokens[2],
                    Token::Decimal {
                        unscaled: vec![1].into(),
                        scale
                    }
                );
            }
        }
    }
}

#[test]
fn keys_are_unwrapped_alike() {
    let mut cache = SchemaBlockCache::new();
    let block = br#"{"schema":{"type":"struct","fields":[{"type":"int32","name":"io.debezium.time.Date","field":"d"}]},"payload":{"d":3}}"#;
    for _ in 0..2 {
        let mut reader = key_json(block, &mut cache).unwrap();
        assert_eq!(reader.next(), Ok(Token::BeginObject));
        assert_eq!(reader.next(), Ok(Token::Key("d".into())));
        assert_eq!(reader.next(), Ok(Token::Date(3)));
    }
    let mut reader = key_json(br#"{"d":3}"#, &mut cache).unwrap();
    reader.next().unwrap();
    reader.next().unwrap();
    assert_eq!(reader.next(), Ok(Token::Number("3")));
    assert_eq!(key_json(b"{\"d\":3", &mut cache).unwrap_err().detail, Detail::Truncated);
}

#[test]
fn flattened_rows_lose_their_marks() {
    let text = br#"{"id":1,"note":"x","__deleted":"false","__op":"u","__table":"orders","__lsn":27,"__source_ts_ms":5,"__source_txId":799,"inner":{"__op":1}}"#;
    let mut cache = SchemaBlockCache::new();
    let Ok(Unwrapped::Change(envelope)) = unwrap_flat_json(text, &[], &mut cache) else {
        panic!("a change")
    };
    assert_eq!(
        (envelope.op, envelope.source_time_micros, envelope.table.as_deref()),
        (Some(Op::Update), Some(5000), Some("orders"))
    );
    assert_eq!(
        (envelope.position, envelope.transaction.as_deref()),
        (Some(Position::Lsn(27)), Some("799"))
    );
    let keys: Vec<_> = row(envelope.after.as_ref().unwrap())
        .into_iter()
        .filter_map(|token| {
            if let Token::Key(key) = token {
                Some(key.into_owned())
            } else {
                None
            }
        })
        .collect();
    assert_eq!(keys, ["id", "note", "inner", "__op"]);

    let headers = [("__op", Some(&b"r"[..])), ("__source_lsn", Some(&b"28"[..])), ("other", None)];
    let Ok(Unwrapped::Change(envelope)) = unwrap_flat_json(br#"{"id":1}"#, &headers, &mut cache) else {
        panic!("a change")
    };
    assert_eq!((envelope.op, envelope.position), (Some(Op::Read), Some(Position::Lsn(28))));
    let deleted = [
        ("__op", Some(&b"d"[..])),
        ("__source_lsn", Some(&b"29"[..])),
        ("__source_ts_ms", Some(&b"5"[..])),
    ];
    let said = super::flat_headers(&deleted, FlatNames::default());
    assert_eq!((said.position, said.source_time_micros), (Some(Position::Lsn(29)), Some(5000)));
    assert!(said.before.is_none() && said.after.is_none());

    let Ok(Unwrapped::Change(envelope)) = unwrap_flat_json(br#"{"id":1,"__deleted":"true"}"#, &[], &mut cache) else {
        panic!("a change")
    };
    assert_eq!(envelope.op, Some(Op::Delete));
    assert!(envelope.before.is_some() && envelope.after.is_none());
    let Ok(Unwrapped::Change(envelope)) = unwrap_flat_json(br#"{"id":1}"#, &[], &mut cache) else {
        panic!("a change")
    };
    assert!(envelope.op.is_none() && envelope.after.is_some());

    for (text, detail) in [
        (r#"{"__op":"x"}"#, Detail::UnknownOperation),
        (r#"{"__op":"d","__deleted":"false"}"#, Detail::BadEnvelope),
        (r#"{"__op":"c","__deleted":"true"}"#, Detail::BadEnvelope),
        (r#"{"__deleted":"yes"}"#, Detail::BadEnvelope),
        (r#"{"__op":7}"#, Detail::BadEnvelope),
        ("[]", Detail::BadEnvelope),
        ("7", Detail::BadEnvelope),
        ("{", Detail::Truncated),
    ] {
        assert_eq!(
            unwrap_flat_json(text.as_bytes(), &[], &mut cache).unwrap_err().detail,
            detail,
            "{text}"
        );
    }
}

#[test]
fn unavailable_values_are_known_in_their_forms() {
    const PLACEHOLDER: &str = "__debezium_unavailable_value";
    let placeholder = Placeholder::new(PLACEHOLDER);
    let composite = |text: &str| {
        let mut reader = crate::json::JsonReader::new(text.as_bytes());
        let opened = reader.next().unwrap();
        let found = placeholder.is_composite(&opened, &mut reader);
        // What it is found by is also what tells that it may be there.
        let row = format!(r#"{{"op":"u","after":{{"a":{text}}},{SOURCE}}}"#);
        assert!(!found || placeholder.may_be_in(change(&row).after.as_ref().unwrap()));
        found
    };
    let codes: Vec<_> = PLACEHOLDER.chars().map(|character| u32::from(character).to_string()).collect();
    assert!(placeholder.is(&Token::Str(PLACEHOLDER.into())));
    assert!(placeholder.is(&Token::Str(STANDARD.encode(PLACEHOLDER).into())));
    assert!(placeholder.is(&Token::Bytes(PLACEHOLDER.as_bytes().into())));
    assert!(!placeholder.is(&Token::Str("__debezium".into())));
    assert!(!placeholder.is(&Token::Null));
    assert!(composite(&format!("[\"{PLACEHOLDER}\"]")));
    assert!(composite(&format!("[{}]", codes.join(","))));
    assert!(composite(&format!("{{\"{PLACEHOLDER}\":\"{PLACEHOLDER}\"}}")));
    assert!(!composite(&format!("[{}]", codes[1..].join(","))));
    assert!(!composite(&format!("[{},1]", codes.join(","))));
    assert!(!composite(&format!("[\"{PLACEHOLDER}\",\"a\"]")));
    assert!(!composite(&format!("[[\"{PLACEHOLDER}\"]]")));
    assert!(!composite(&format!("{{\"{PLACEHOLDER}\":1}}")));
    assert!(!composite("[]"));
    assert!(!composite("{}"));
    for text in [PLACEHOLDER, &STANDARD.encode(PLACEHOLDER)] {
        let row = format!(r#"{{"op":"u","after":{{"a":"{text}"}},{SOURCE}}}"#);
        assert!(placeholder.may_be_in(change(&row).after.as_ref().unwrap()));
    }
    let row = format!(r#"{{"op":"u","after":{{"a":"value","b":[95,95]}},{SOURCE}}}"#);
    assert!(!placeholder.may_be_in(change(&row).after.as_ref().unwrap()));
}

/// Bytes near to events.
fn nearly_event() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("null"),
        Just("\"schema\":"),
        Just("\"payload\":"),
        Just("\"op\":\"c\""),
        Just("\"after\":"),
        Just("\"before\":"),
        Just("\"source\":"),
        Just("\"type\":\"struct\""),
        Just("\"fields\":["),
        Just("\"field\":\"after\""),
        Just("\"__op\":"),
        Just("\"__deleted\":"),
        Just("\"d\""),
        Just("\"id\":"),
        Just("1"),
        Just("{\"a\":1}"),
        Just("\"name\":\"io.debezium.time.Date\""),
        Just("\"ts_ms\":1"),
        Just("\"scale\":\"2\""),
        Just("\"parameters\":"),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat().into_bytes())
}

fn read_all(bytes: &[u8], cache: &mut SchemaBlockCache) -> String {
    let unwrapped = [unwrap_json(bytes, cache), unwrap_flat_json(bytes, &[], cache)];
    for unwrapped in unwrapped.iter().flatten() {
        let _ = control_kind("__debezium-heartbeat.x", unwrapped);
        if let Unwrapped::Change(envelope) | Unwrapped::LogicalMessage(envelope) = unwrapped {
            for image in envelope.before.iter().chain(&envelope.after) {
                let mut reader = image.reader();
                while !matches!(reader.next(), Ok(Token::End) | Err(_)) {}
            }
        }
    }
    if let Ok(mut reader) = key_json(bytes, cache) {
        while !matches!(reader.next(), Ok(Token::End) | Err(_)) {}
    }
    format!("{unwrapped:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_are_a_fault_of_ours(bytes in prop_oneof![nearly_event(), prop::collection::vec(any::<u8>(), 0..60)]) {
        let mut cache = SchemaBlockCache::new();
        let first = read_all(&bytes, &mut cache);
        // Whether the block was known changes nothing.
        prop_assert_eq!(first, read_all(&bytes, &mut cache));
    }

    #[test]
    fn changed_events_are_no_fault_of_ours(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let text = typed(FIELDS, r#"{"id":1,"total":"+y4=","day":-1,"sums":["AQ=="],"free":{"scale":1,"value":"Dw=="},"times":{"x":7}}"#);
        let mut cache = SchemaBlockCache::new();
        read_all(text.as_bytes(), &mut cache);
        let mut bytes = text.into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let warm = read_all(&bytes, &mut cache);
        prop_assert_eq!(warm, read_all(&bytes, &mut SchemaBlockCache::new()));
    }
}
