use std::collections::HashMap;

use apache_avro::Decimal;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::token::Special;

fn schema(text: &serde_json::Value) -> Schema {
    Schema::parse(&text.to_string(), &[]).unwrap()
}

fn tokens<'b>(schema: &'b Schema, datum: &'b [u8]) -> Result<Vec<Token<'b>>, DecodeFailure> {
    let mut reader = AvroReader::new(schema, datum);
    let mut tokens = Vec::new();
    loop {
        let token = reader.next()?;
        if token == Token::End {
            assert_eq!(reader.next(), Ok(Token::End));
            return Ok(tokens);
        }
        tokens.push(token);
    }
}

/// Skipping must find the same fault as reading.
fn outcome(schema: &Schema, datum: &[u8]) -> Result<(), Detail> {
    let read = tokens(schema, datum).map(|_| ());
    let mut reader = AvroReader::new(schema, datum);
    let skipped = reader.skip().and_then(|()| reader.next()).map(|_| ());
    assert_eq!(read, skipped);
    read.map_err(|failure| failure.detail)
}

fn one(text: serde_json::Value, datum: &[u8]) -> Token<'static> {
    let schema = schema(&text);
    let tokens = tokens(&schema, datum).unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
    assert_eq!(tokens.len(), 1);
    match tokens.into_iter().next().unwrap() {
        Token::Str(text) => Token::Str(text.into_owned().into()),
        Token::Bytes(bytes) => Token::Bytes(bytes.into_owned().into()),
        Token::Decimal { unscaled, scale } => Token::Decimal {
            unscaled: unscaled.into_owned().into(),
            scale,
        },
        Token::Int(value) => Token::Int(value),
        Token::Date(value) => Token::Date(value),
        Token::TimeMicros(value) => Token::TimeMicros(value),
        Token::TimestampMicros(value) => Token::TimestampMicros(value),
        Token::Special(value) => Token::Special(value),
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn logical_types_become_typed_tokens() {
    let fixed = |size: u64, logical: &str| json!({"type": "fixed", "name": "F", "size": size, "logicalType": logical});
    let connect = |kind: &str, name: &str| json!({"type": kind, "connect.name": name});
    assert_eq!(one(json!({"type": "int", "logicalType": "date"}), &[1]), Token::Date(-1));
    assert_eq!(
        one(json!({"type": "int", "logicalType": "time-millis"}), &[4]),
        Token::TimeMicros(2000)
    );
    assert_eq!(
        one(json!({"type": "long", "logicalType": "time-micros"}), &[4]),
        Token::TimeMicros(2)
    );
    assert_eq!(
        one(json!({"type": "long", "logicalType": "local-timestamp-millis"}), &[1]),
        Token::TimestampMicros(-1000)
    );
    assert_eq!(
        one(json!({"type": "long", "logicalType": "timestamp-nanos"}), &[4]),
        Token::Special(Special::FinerThanMicros)
    );
    assert_eq!(
        one(json!({"type": "string", "logicalType": "uuid"}), &[2, b'x']),
        Token::Str("x".into())
    );
    let text = Token::Str("00010203-0405-0607-0809-0a0b0c0d0e0f".into());
    let bytes: Vec<u8> = (0..16).collect();
    assert_eq!(one(fixed(16, "uuid"), &bytes), text);
    assert_eq!(
        one(json!({"type": "bytes", "logicalType": "uuid"}), &[&[32], &bytes[..]].concat()),
        text
    );
    assert_eq!(
        one(fixed(12, "duration"), &[1, 0, 0, 0, 2, 0, 0, 0, 0xbc, 0x0b, 0, 0]),
        Token::Str("P1M2DT3.004S".into())
    );
    let decimal = |unscaled: &[u8], scale| Token::Decimal {
        unscaled: unscaled.to_vec().into(),
        scale,
    };
    assert_eq!(
        one(
            json!({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}),
            &[4, 0xfb, 0x2e]
        ),
        decimal(&[0xfb, 0x2e], 2)
    );
    assert_eq!(
        one(
            json!({"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2046}),
            &[2, 1]
        ),
        decimal(&[1], 2046)
    );
    assert_eq!(
        one(
            json!({"type": "fixed", "name": "D", "size": 3, "logicalType": "decimal", "precision": 6}),
            &[0, 0, 9]
        ),
        decimal(&[0, 0, 9], 0)
    );
    assert_eq!(
        one(json!({"type": "bytes", "logicalType": "big-decimal"}), &[8, 4, 0xfb, 0x2e, 4]),
        decimal(&[0xfb, 0x2e], 2)
    );
    assert_eq!(one(connect("int", "io.debezium.time.Date"), &[4]), Token::Date(2));
    assert_eq!(one(connect("int", "io.debezium.time.Year"), &[4]), Token::Int(2));
    assert_eq!(
        one(connect("long", "io.debezium.time.NanoTimestamp"), &[0xd0, 0x0f]),
        Token::TimestampMicros(1)
    );
    let now = [&[40][..], b"1970-01-01T00:00:01Z"].concat();
    assert_eq!(
        one(connect("string", "io.debezium.time.ZonedTimestamp"), &now),
        Token::TimestampMicros(1_000_000)
    );
    assert_eq!(
        one(connect("bytes", "io.debezium.data.Bits"), &[2, 7]),
        Token::Bytes(vec![7].into())
    );
    let variable = json!({"type": "record", "name": "V", "connect.name": "io.debezium.data.VariableScaleDecimal", "fields": [
        {"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}]});
    assert_eq!(one(variable, &[4, 2, 9]), decimal(&[9], 2));
    // What the specification calls invalid is the plain type.
    assert_eq!(one(json!({"type": "long", "logicalType": "date"}), &[4]), Token::Int(2));
    assert_eq!(
        one(json!({"type": "bytes", "logicalType": "decimal"}), &[2, 1]),
        Token::Bytes(vec![1].into())
    );
    assert_eq!(one(json!({"type": "int", "logicalType": "no-such"}), &[4]), Token::Int(2));
}

#[test]
fn what_the_writer_wrote_stays_at_hand() {
    let schema = schema(&json!({"type": "int", "logicalType": "date"}));
    let mut reader = AvroReader::new(&schema, &[4]);
    assert_eq!((reader.next(), reader.raw()), (Ok(Token::Date(2)), Some(Token::Int(2))));
    assert_eq!((reader.next(), reader.raw()), (Ok(Token::End), None));
}

#[test]
fn faults_have_a_code() {
    let of = |text: serde_json::Value, datum: &[u8]| outcome(&schema(&text), datum).unwrap_err();
    let items = json!({"type": "array", "items": "null"});
    let numbers = json!({"type": "array", "items": "long"});
    // 2^27 nulls in 5 bytes, fewer of them, the same in inner arrays, counts beyond the bytes, block sizes that lie.
    assert_eq!(of(items.clone(), &[0x80, 0x80, 0x80, 0x80, 0x01, 0]), Detail::TooLarge);
    assert_eq!(of(items.clone(), &[0x80, 0x80, 0x04, 0]), Detail::TooLarge);
    assert_eq!(
        of(json!({"type": "array", "items": items}), &[4, 0x80, 0x80, 0x80, 0x80, 0x01, 0]),
        Detail::TooLarge
    );
    assert_eq!(of(numbers.clone(), &[200, 1, 1, 1]), Detail::TooLarge);
    assert_eq!(of(numbers.clone(), &[1, 4, 2, 0]), Detail::Syntax);
    assert_eq!(of(numbers.clone(), &[1, 200, 1, 2, 0]), Detail::TooLarge);
    assert_eq!(of(numbers.clone(), &[1, 1, 2, 0]), Detail::Syntax);
    assert_eq!(of(numbers.clone(), &[2, 2]), Detail::Truncated);
    assert_eq!(
        of(numbers, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]),
        Detail::TooLarge
    );
    // 400 MB announced in 5 bytes.
    assert_eq!(of(json!("bytes"), &[0x80, 0x90, 0xbc, 0xfd, 0x02]), Detail::Truncated);
    assert_eq!(of(json!("bytes"), &[1]), Detail::Syntax);
    assert_eq!(of(json!("string"), &[2, 0xff]), Detail::BadEncoding);
    assert_eq!(of(json!("long"), &[0xff; 11]), Detail::Syntax);
    assert_eq!(
        of(json!("long"), &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]),
        Detail::Syntax
    );
    assert_eq!(of(json!("int"), &[0x80, 0x80, 0x80, 0x80, 0x10]), Detail::NumberOutOfRange);
    assert_eq!(of(json!("boolean"), &[2]), Detail::Syntax);
    assert_eq!(of(json!("double"), &[0; 7]), Detail::Truncated);
    assert_eq!(of(json!("null"), &[0]), Detail::TrailingBytes);
    assert_eq!(of(json!(["null", "int"]), &[4]), Detail::BadIndex);
    assert_eq!(of(json!(["null", "int"]), &[1]), Detail::BadIndex);
    assert_eq!(of(json!({"type": "enum", "name": "E", "symbols": ["A"]}), &[2]), Detail::BadIndex);
    assert_eq!(
        of(json!({"type": "map", "values": "int"}), &[4, 2, b'a', 0, 2, b'a', 0, 0]),
        Detail::DuplicateKey
    );
    assert_eq!(
        of(json!({"type": "bytes", "logicalType": "decimal", "precision": 4}), &[0]),
        Detail::Syntax
    );
    assert_eq!(of(json!({"type": "bytes", "logicalType": "big-decimal"}), &[2, 8]), Detail::Syntax);
    assert_eq!(
        of(
            json!({"type": "string", "connect.name": "io.debezium.time.ZonedTimestamp"}),
            &[2, b'x']
        ),
        Detail::Syntax
    );
}

#[test]
fn recursion_ends_at_the_limit() {
    let list = schema(&json!({"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}));
    let nested = |depth: usize| [vec![2; depth - 1], vec![0]].concat();
    assert_eq!(outcome(&list, &nested(DEPTH_MAX)), Ok(()));
    assert_eq!(outcome(&list, &nested(DEPTH_MAX + 1)), Err(Detail::TooDeep));
    assert_eq!(outcome(&list, &nested(200_000)), Err(Detail::TooDeep));
    let endless = schema(&json!({"type": "record", "name": "L", "fields": [{"name": "next", "type": "L"}]}));
    assert_eq!(outcome(&endless, &[]), Err(Detail::TooDeep));
}

#[test]
fn a_schema_that_blows_up_without_bytes_is_bounded() {
    // Each record holds the next one twice: 2^40 fields, no byte.
    let mut inner = json!({"type": "record", "name": "R0", "fields": []});
    for level in 1..40 {
        let name = format!("R{}", level - 1);
        inner =
            json!({"type": "record", "name": format!("R{level}"), "fields": [{"name": "a", "type": inner}, {"name": "b", "type": name}]});
    }
    assert_eq!(outcome(&schema(&inner), &[]), Err(Detail::TooLarge));
}

#[test]
fn maps_and_blocks() {
    let maps = schema(&json!({"type": "map", "values": {"type": "map", "values": "int"}}));
    // Two blocks, one with its size; the same key in different maps.
    let datum = [2, 2, b'a', 2, 2, b'x', 2, 0, 1, 12, 2, b'b', 2, 2, b'x', 4, 0, 0];
    let datum = [&datum[..9], &[14][..], &datum[10..17], &[0][..]].concat();
    let found = tokens(&maps, &datum).unwrap();
    let keys: Vec<_> = found
        .iter()
        .filter_map(|token| if let Token::Key(key) = token { Some(&**key) } else { None })
        .collect();
    assert_eq!(keys, ["a", "x", "b", "x"]);
    assert_eq!(outcome(&maps, &datum), Ok(()));
    assert_eq!(outcome(&maps, &[0]), Ok(()));
}

#[test]
fn references_resolve_in_any_order() {
    let city = r#"{"type":"record","name":"City","namespace":"geo","fields":[{"name":"name","type":"string"}]}"#;
    let address = r#"{"type":"record","name":"Address","namespace":"geo","fields":[{"name":"city","type":"City"}]}"#;
    let order =
        r#"{"type":"record","name":"Order","fields":[{"name":"to","type":["null","geo.Address"]},{"name":"from","type":"geo.City"}]}"#;
    for references in [
        [("geo.City", city), ("geo.Address", address)],
        [("geo.Address", address), ("geo.City", city)],
    ] {
        let schema = Schema::parse(order, &references).unwrap();
        assert_eq!(outcome(&schema, &[2, 2, b'a', 2, b'b']), Ok(()));
    }
    assert!(Schema::parse(order, &[]).unwrap_err().contains("geo.Address"));
    assert!(Schema::parse(order, &[("geo.Address", order)]).is_err());
}

#[test]
fn schemas_that_are_none_are_refused() {
    for text in [
        "",
        "{",
        "7",
        "[]",
        "[[\"int\"]]",
        "\"no.such\"",
        "{}",
        r#"{"type":"record","name":"R"}"#,
        r#"{"type":"record","fields":[]}"#,
        r#"{"type":"array"}"#,
        r#"{"type":"map"}"#,
        r#"{"type":"enum","name":"E"}"#,
        r#"{"type":"fixed","name":"F","size":-1}"#,
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
        r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]"#,
    ] {
        assert!(Schema::parse(text, &[]).is_err(), "{text}");
    }
    let deep = format!("{}\"int\"{}", "{\"type\":\"array\",\"items\":".repeat(100_000), "}".repeat(100_000));
    assert!(Schema::parse(&deep, &[]).is_err());
    assert!(Schema::parse("int", &[]).is_ok());
    assert!(Schema::parse("\"int\"", &[]).is_ok());
}

/// A schema and a value of it.
#[derive(Debug, Clone)]
struct Case {
    schema: serde_json::Value,
    value: Value,
}

fn case() -> impl Strategy<Value = Case> {
    let of = |schema: serde_json::Value, value: Value| Case { schema, value };
    let logical = |kind: &str, logical: &str| json!({"type": kind, "logicalType": logical});
    let leaf = prop_oneof![
        Just(of(json!("null"), Value::Null)),
        any::<bool>().prop_map(move |value| of(json!("boolean"), Value::Boolean(value))),
        any::<i32>().prop_map(move |value| of(json!("int"), Value::Int(value))),
        any::<i64>().prop_map(move |value| of(json!("long"), Value::Long(value))),
        any::<f32>()
            .prop_filter("number", |value| !value.is_nan())
            .prop_map(move |value| of(json!("float"), Value::Float(value))),
        any::<f64>()
            .prop_filter("number", |value| !value.is_nan())
            .prop_map(move |value| of(json!("double"), Value::Double(value))),
        any::<String>().prop_map(move |value| of(json!("string"), Value::String(value))),
        any::<Vec<u8>>().prop_map(move |value| of(json!("bytes"), Value::Bytes(value))),
        any::<[u8; 5]>().prop_map(move |value| of(json!({"type": "fixed", "size": 5}), Value::Fixed(5, value.to_vec()))),
        Just(of(json!({"type": "enum", "symbols": ["A", "B"]}), Value::Enum(1, "B".to_owned()))),
        any::<i32>().prop_map(move |value| of(logical("int", "date"), Value::Date(value))),
        any::<i32>().prop_map(move |value| of(logical("int", "time-millis"), Value::TimeMillis(value))),
        any::<i64>().prop_map(move |value| of(logical("long", "time-micros"), Value::TimeMicros(value))),
        (-1_000_000_000_000_000_i64..1_000_000_000_000_000)
            .prop_map(move |value| of(logical("long", "timestamp-millis"), Value::TimestampMillis(value))),
        any::<i64>().prop_map(move |value| of(logical("long", "timestamp-micros"), Value::TimestampMicros(value))),
        (any::<i64>(), 0_u8..9).prop_map(move |(value, scale)| {
            let schema = json!({"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": scale});
            of(schema, Value::Decimal(Decimal::from(value.to_be_bytes())))
        }),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(move |fields| {
                let named = |index: usize| format!("f{index}");
                let listed: Vec<_> = fields
                    .iter()
                    .enumerate()
                    .map(|(at, case)| json!({"name": named(at), "type": case.schema}))
                    .collect();
                let values = fields.into_iter().enumerate().map(|(at, case)| (named(at), case.value)).collect();
                of(json!({"type": "record", "fields": listed}), Value::Record(values))
            }),
            (inner.clone(), 0_usize..5).prop_map(move |(case, count)| {
                of(
                    json!({"type": "array", "items": case.schema}),
                    Value::Array(vec![case.value; count]),
                )
            }),
            (inner.clone(), "[a-z]{0,9}", any::<bool>()).prop_map(move |(case, key, full)| {
                let entries = if full { HashMap::from([(key, case.value)]) } else { HashMap::new() };
                of(json!({"type": "map", "values": case.schema}), Value::Map(entries))
            }),
            (inner, any::<bool>())
                .prop_filter("no null beside null", |(case, _)| case.schema != json!("null"))
                .prop_map(move |(case, null)| {
                    let value = if null {
                        Value::Union(0, Box::new(Value::Null))
                    } else {
                        Value::Union(1, Box::new(case.value))
                    };
                    // A union holds no union directly.
                    let inner = if case.schema.is_array() {
                        json!({"type": "array", "items": case.schema})
                    } else {
                        case.schema
                    };
                    let value = match value {
                        Value::Union(1, inside) if matches!(*inside, Value::Union(..)) => {
                            Value::Union(1, Box::new(Value::Array(vec![*inside])))
                        }
                        value => value,
                    };
                    of(json!(["null", inner]), value)
                }),
        ]
    })
}

/// Gives every named type its own name.
fn name(schema: &mut serde_json::Value, next: &mut usize) {
    match schema {
        serde_json::Value::Array(branches) => branches.iter_mut().for_each(|branch| name(branch, next)),
        serde_json::Value::Object(object) => {
            if matches!(object["type"].as_str(), Some("record" | "fixed" | "enum")) {
                *next += 1;
                object.insert("name".to_owned(), json!(format!("N{next}")));
            }
            for key in ["items", "values"] {
                if let Some(inner) = object.get_mut(key) {
                    name(inner, next);
                }
            }
            if let Some(fields) = object.get_mut("fields").and_then(|fields| fields.as_array_mut()) {
                fields.iter_mut().for_each(|field| name(&mut field["type"], next));
            }
        }
        _ => {}
    }
}

fn expect(schema: &serde_json::Value, value: &Value, out: &mut Vec<Token<'static>>) {
    match value {
        Value::Null => out.push(Token::Null),
        Value::Boolean(value) => out.push(Token::Bool(*value)),
        Value::Int(value) => out.push(Token::Int(i64::from(*value))),
        Value::Long(value) => out.push(Token::Int(*value)),
        Value::Float(value) => out.push(Token::Float(f64::from(*value))),
        Value::Double(value) => out.push(Token::Float(*value)),
        Value::String(text) | Value::Enum(_, text) => out.push(Token::Str(text.clone().into())),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => out.push(Token::Bytes(bytes.clone().into())),
        Value::Date(2_146_033_979) => out.push(Token::Special(Special::PositiveInfinity)),
        Value::Date(-2_147_472_691) => out.push(Token::Special(Special::NegativeInfinity)),
        Value::Date(days) => out.push(Token::Date(*days)),
        Value::TimeMillis(millis) => out.push(Token::TimeMicros(i64::from(*millis) * 1000)),
        Value::TimeMicros(micros) => out.push(Token::TimeMicros(*micros)),
        Value::TimestampMillis(millis) => out.push(Token::TimestampMicros(*millis * 1000)),
        Value::TimestampMicros(i64::MAX) => out.push(Token::Special(Special::PositiveInfinity)),
        Value::TimestampMicros(i64::MIN) => out.push(Token::Special(Special::NegativeInfinity)),
        Value::TimestampMicros(micros) => out.push(Token::TimestampMicros(*micros)),
        Value::Decimal(decimal) => {
            let scale = schema["scale"].as_i64().unwrap() as i32;
            let unscaled: Vec<u8> = decimal.clone().try_into().unwrap();
            out.push(Token::Decimal {
                unscaled: unscaled.into(),
                scale,
            });
        }
        Value::Union(index, inner) => expect(&schema[*index as usize], inner, out),
        Value::Array(items) => {
            out.push(Token::BeginArray);
            items.iter().for_each(|item| expect(&schema["items"], item, out));
            out.push(Token::EndArray);
        }
        Value::Map(entries) => {
            out.push(Token::BeginObject);
            for (key, value) in entries {
                out.push(Token::Key(key.clone().into()));
                expect(&schema["values"], value, out);
            }
            out.push(Token::EndObject);
        }
        Value::Record(fields) => {
            out.push(Token::BeginObject);
            for (at, (key, value)) in fields.iter().enumerate() {
                out.push(Token::Key(key.clone().into()));
                expect(&schema["fields"][at]["type"], value, out);
            }
            out.push(Token::EndObject);
        }
        other => panic!("not made here: {other:?}"),
    }
}

/// Numbers of decimals, whatever the length of their bytes.
fn same(left: &Token<'_>, right: &Token<'_>) -> bool {
    match (left, right) {
        (Token::Decimal { unscaled: a, scale: x }, Token::Decimal { unscaled: b, scale: y }) => {
            x == y && crate::decimal::to_i128(a) == crate::decimal::to_i128(b)
        }
        (left, right) => left == right,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn reads_what_the_referee_writes(mut case in case(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        name(&mut case.schema, &mut 0);
        let text = case.schema.to_string();
        let referee = apache_avro::Schema::parse_str(&text).unwrap();
        let datum = GenericDatumWriter::builder(&referee).build().unwrap().write_value_to_vec(case.value.clone()).unwrap();
        let schema = Schema::parse(&text, &[]).unwrap();
        let mut expected = Vec::new();
        expect(&case.schema, &case.value, &mut expected);
        let read = tokens(&schema, &datum).unwrap();
        prop_assert!(read.len() == expected.len() && read.iter().zip(&expected).all(|(a, b)| same(a, b)), "{:?} != {:?}", read, expected);
        prop_assert_eq!(outcome(&schema, &datum), Ok(()));

        // Every beginning of it, and every change, is an answer and no fault of ours.
        for end in 0..datum.len() {
            prop_assert!(outcome(&schema, &datum[..end]).is_err());
        }
        let mut changed = datum;
        for (index, byte) in changes {
            if !changed.is_empty() {
                let at = index.index(changed.len());
                changed[at] = byte;
            }
        }
        let _ = outcome(&schema, &changed);
    }

    #[test]
    fn no_bytes_are_a_fault_of_ours(mut case in case(), datum in prop::collection::vec(any::<u8>(), 0..60)) {
        name(&mut case.schema, &mut 0);
        let schema = Schema::parse(&case.schema.to_string(), &[]).unwrap();
        let _ = outcome(&schema, &datum);
    }

    #[test]
    fn no_schema_text_is_a_fault_of_ours(text in "[\\[{]?(\"type\":)?(\"record\"|\"array\"|\"int\"|\\{\\}|[,:\"a-z]){0,8}[\\]}]?") {
        let _ = Schema::parse(&text, &[]);
    }
}
