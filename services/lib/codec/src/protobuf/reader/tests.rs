//! The reader by hand-written bytes, and against `prost-reflect` on generated ones.

use proptest::prelude::*;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind as Declared, MapKey, MessageDescriptor, ReflectMessage, Value};

use super::*;
use crate::token::Special;

const SHOP: &str = r#"
syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
import "google/type/date.proto";
import "google/type/timeofday.proto";
import "google/type/decimal.proto";
import "confluent/type/decimal.proto";
message First { message Inner { string text = 1; } message Other { int32 n = 1; } }
message Order {
  string order_id = 1;
  optional int64 count = 2;
  repeated string tags = 3;
  repeated int32 sizes = 4;
  map<string, int32> stock = 5;
  Line line = 6;
  repeated Line lines = 7;
  oneof paid { string card = 8; Line cash = 9; }
  State state = 10;
  message Line { string sku = 1; uint64 amount = 2; Line inner = 3; map<int64, Line> more = 4; }
}
enum State { UNKNOWN = 0; OPEN = 1; DONE = 5; }
message Known {
  google.protobuf.Timestamp at = 1;
  google.protobuf.Duration took = 2;
  google.protobuf.StringValue note = 3;
  google.protobuf.Struct free = 4;
  google.type.Date day = 5;
  google.type.TimeOfDay time = 6;
  google.type.Decimal price = 7;
  confluent.type.Decimal total = 8;
  google.protobuf.Any any = 9;
  google.protobuf.Value value = 10;
}
"#;

/// Every scalar type in every way, and messages that hold themselves.
const ALL: &str = r#"
syntax = "proto3";
package all;
message M {
  double f1 = 1; float f2 = 2; int32 f3 = 3; int64 f4 = 4; uint32 f5 = 5; uint64 f6 = 6; sint32 f7 = 7; sint64 f8 = 8;
  fixed32 f9 = 9; fixed64 f10 = 10; sfixed32 f11 = 11; sfixed64 f12 = 12; bool f13 = 13; string f14 = 14; bytes f15 = 15; E f16 = 16;
  optional double o1 = 21; optional sint32 o2 = 22; optional string o3 = 23; optional E o4 = 24; optional bytes o5 = 25;
  repeated double r1 = 31; repeated float r2 = 32; repeated int32 r3 = 33; repeated sint64 r4 = 34 [packed = false]; repeated fixed32 r5 = 35;
  repeated bool r6 = 36; repeated string r7 = 37; repeated bytes r8 = 38; repeated E r9 = 39; repeated M r10 = 40;
  map<string, string> m1 = 41; map<int32, M> m2 = 42; map<bool, E> m3 = 43; map<fixed64, double> m4 = 44; map<sint32, bytes> m5 = 45;
  M nested = 51;
  oneof choice { int32 c1 = 61; string c2 = 62; M c3 = 63; E c4 = 64; }
  oneof second { bool d1 = 71; bytes d2 = 72; }
}
enum E { ZERO = 0; ONE = 1; MINUS = -1; BIG = 100000; }
"#;

/// What a document says, without the order of fields.
#[derive(Debug, Clone, PartialEq)]
enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Object(std::collections::BTreeMap<String, Tree>),
}

fn read(schema: &Schema, message: &str, bytes: &[u8]) -> Result<(Tree, u64), DecodeFailure> {
    let mut scratch = Scratch::default();
    let mut reader = ProtobufReader::new(schema, schema.message_named(message).unwrap(), bytes, &mut scratch);
    let first = reader.next()?;
    let tree = tree(&mut reader, first)?;
    assert_eq!(reader.next()?, Token::End);
    assert_eq!(reader.next()?, Token::End, "the end may be asked for again");
    let unknown = reader.unknown_fields();
    assert!(scratch.entries.is_empty() && scratch.heads.is_empty(), "everything is given back");
    Ok((tree, unknown))
}

fn tree(reader: &mut ProtobufReader<'_, '_>, token: Token<'_>) -> Result<Tree, DecodeFailure> {
    Ok(match token {
        Token::BeginObject => {
            let mut fields = std::collections::BTreeMap::new();
            loop {
                match reader.next()? {
                    Token::Key(key) => {
                        let key = key.into_owned();
                        let token = reader.next()?;
                        let value = tree(reader, token)?;
                        assert!(fields.insert(key, value).is_none(), "a key comes once");
                    }
                    Token::EndObject => return Ok(Tree::Object(fields)),
                    other => panic!("{other:?} in an object"),
                }
            }
        }
        Token::BeginArray => {
            let mut items = Vec::new();
            loop {
                match reader.next()? {
                    Token::EndArray => return Ok(Tree::List(items)),
                    token => items.push(tree(reader, token)?),
                }
            }
        }
        Token::Float(value) => Tree::Leaf(format!("float {:x}", value.to_bits())),
        Token::Decimal { unscaled, scale: 0 } => Tree::Leaf(format!("Int({})", crate::decimal::to_i128(&unscaled).unwrap())),
        other => Tree::Leaf(format!("{other:?}")),
    })
}

fn shop() -> Schema {
    Schema::parse(SHOP, &[]).unwrap()
}

fn field(number: u32, wire_type: u8) -> Vec<u8> {
    varint_of(u64::from(number << 3 | u32::from(wire_type)))
}

fn varint_of(value: u64) -> Vec<u8> {
    let (mut value, mut out) = (value, Vec::new());
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn text(number: u32, bytes: &[u8]) -> Vec<u8> {
    [field(number, 2), varint_of(bytes.len() as u64), bytes.to_vec()].concat()
}

fn number(at: u32, value: u64) -> Vec<u8> {
    [field(at, 0), varint_of(value)].concat()
}

fn tokens(message: &str, bytes: &[u8]) -> Result<Vec<String>, DecodeFailure> {
    let (schema, mut scratch, mut out) = (shop(), Scratch::default(), Vec::new());
    let mut reader = ProtobufReader::new(&schema, schema.message_named(message).unwrap(), bytes, &mut scratch);
    loop {
        match reader.next()? {
            Token::End => return Ok(out),
            token => out.push(format!("{token:?}")),
        }
    }
}

#[test]
fn what_is_not_there_is_its_default_or_missing() {
    assert_eq!(
        tokens("shop.Order", b"").unwrap().join(" "),
        r#"BeginObject Key("order_id") Str("") Key("tags") BeginArray EndArray Key("sizes") BeginArray EndArray Key("stock") BeginObject EndObject Key("lines") BeginArray EndArray Key("state") Str("UNKNOWN") EndObject"#
    );
}

#[test]
fn interleaved_and_repeated_fields_come_once_and_merged() {
    let line = |bytes: Vec<u8>| text(6, &bytes);
    let bytes = [
        text(3, b"a"),
        text(1, b"old"),
        line(text(1, b"x")),
        number(4, 7),
        text(8, b"card"),
        text(3, b"b"),
        text(4, &[1, 2]),
        line(number(2, u64::MAX)),
        text(1, b"new"),
        text(9, &number(2, 5)),
        number(10, 5),
        number(99, 1),
    ]
    .concat();
    let (tree, unknown) = read(&shop(), "shop.Order", &bytes).unwrap();
    assert_eq!(unknown, 1);
    let shown = format!("{tree:?}");
    for part in [
        r#""order_id": Leaf("Str(\"new\")")"#,
        r#""tags": List([Leaf("Str(\"a\")"), Leaf("Str(\"b\")")])"#,
        r#""sizes": List([Leaf("Int(7)"), Leaf("Int(1)"), Leaf("Int(2)")])"#,
        r#""line": Object({"amount": Leaf("Int(18446744073709551615)"), "more": Object({}), "sku": Leaf("Str(\"x\")")})"#,
        r#""cash": Object({"amount": Leaf("Int(5)")"#,
        r#""state": Leaf("Str(\"DONE\")")"#,
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("card"), "the last member of a oneof wins");
}

#[test]
fn names_have_an_alias_and_enums_a_number() {
    let (schema, mut scratch) = (shop(), Scratch::default());
    let bytes = [text(1, b"x"), number(10, 1)].concat();
    let mut reader = ProtobufReader::new(&schema, schema.message_named("shop.Order").unwrap(), &bytes, &mut scratch);
    reader.next().unwrap();
    assert_eq!(reader.next().unwrap(), Token::Key("order_id".into()));
    assert_eq!(reader.alias(), Some("orderId"));
    while reader.next().unwrap() != Token::Key("state".into()) {}
    assert_eq!(reader.alias(), None);
    assert_eq!(reader.next().unwrap(), Token::Str("OPEN".into()));
    assert_eq!(reader.raw(), Some(Token::Int(1)));
    assert_eq!(tokens("shop.Order", &number(10, 3)).unwrap().last().unwrap(), "EndObject");
    assert!(
        tokens("shop.Order", &number(10, 3)).unwrap().contains(&"Int(3)".to_owned()),
        "a number without a name"
    );
}

#[test]
fn known_types_are_values() {
    let time = |seconds: u64, nanos: u64| [number(1, seconds), number(2, nanos)].concat();
    for (bytes, key, token) in [
        (text(1, &time(1, 2000)), "at", Token::TimestampMicros(1_000_002)),
        (text(1, &time(u64::MAX, 999_999_000)), "at", Token::TimestampMicros(-1)),
        (text(1, &time(1, 1)), "at", Token::Special(Special::FinerThanMicros)),
        (text(1, &time(1, 1_000_000_000)), "at", Token::Special(Special::OutOfRange)),
        (text(1, &time(253_402_300_800, 0)), "at", Token::Special(Special::OutOfRange)),
        (text(2, &time(1, 500_000_000)), "took", Token::Str("1.500s".into())),
        (text(2, &time(0, (-5_i64) as u64)), "took", Token::Str("-0.000000005s".into())),
        (text(2, &time(1, (-5_i64) as u64)), "took", Token::Special(Special::OutOfRange)),
        (text(2, &time(i64::MIN as u64, 0)), "took", Token::Special(Special::OutOfRange)),
        (text(3, b""), "note", Token::Str("".into())),
        (text(3, &text(1, b"x")), "note", Token::Str("x".into())),
        (
            text(5, &[number(1, 2024), number(2, 2), number(3, 29)].concat()),
            "day",
            Token::Date(19_782),
        ),
        (
            text(5, &[number(1, 2023), number(2, 2), number(3, 29)].concat()),
            "day",
            Token::Special(Special::OutOfRange),
        ),
        (text(5, &number(1, 2023)), "day", Token::Special(Special::OutOfRange)),
        (
            text(6, &[number(1, 1), number(4, 1000)].concat()),
            "time",
            Token::TimeMicros(3_600_000_001),
        ),
        (text(6, &number(1, 25)), "time", Token::Special(Special::OutOfRange)),
        (text(7, &text(1, b"10.50")), "price", Token::Number("10.50")),
        (text(7, &text(1, b"ten")), "price", Token::Str("ten".into())),
        (
            text(8, &[text(1, &[0x04, 0x1a]), number(3, 2)].concat()),
            "total",
            Token::Decimal {
                unscaled: vec![0x04, 0x1a].into(),
                scale: 2,
            },
        ),
        (text(10, &number(1, 0)), "value", Token::Null),
        (text(10, &text(3, b"s")), "value", Token::Str("s".into())),
        (text(10, b""), "value", Token::Null),
    ] {
        let tokens = tokens("shop.Known", &bytes).unwrap();
        assert_eq!(tokens[1..3], [format!("Key({key:?})"), format!("{token:?}")], "{bytes:?}");
    }
    // {"a": [true, {"b": null}], "c": 1.5}
    let value = |bytes: Vec<u8>| text(2, &bytes);
    let entry = |key: &[u8], bytes: Vec<u8>| text(1, &[text(1, key), value(bytes)].concat());
    let list = [text(1, &number(4, 1)), text(1, &text(5, &entry(b"b", number(1, 0))))].concat();
    let c = [field(2, 1), 1.5_f64.to_le_bytes().to_vec()].concat();
    let bytes = text(4, &[entry(b"a", text(6, &list)), entry(b"c", c)].concat());
    assert_eq!(
        tokens("shop.Known", &bytes).unwrap()[1..].join(" "),
        r#"Key("free") BeginObject Key("a") BeginArray Bool(true) BeginObject Key("b") Null EndObject EndArray Key("c") Float(1.5) EndObject EndObject"#
    );
}

#[test]
fn broken_bytes_say_where() {
    let of = |bytes: &[u8]| read(&shop(), "shop.Order", bytes).map(drop).unwrap_err();
    for (bytes, detail, offset) in [
        (vec![0x00], Detail::Syntax, 0),
        (vec![0x0a], Detail::Truncated, 0),
        (vec![0x0a, 5, b'x'], Detail::Truncated, 0),
        (
            vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            Detail::Truncated,
            0,
        ),
        (
            vec![0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            Detail::Syntax,
            0,
        ),
        (vec![0x0a, 2, b'x', 0xff], Detail::BadEncoding, 3),
        ([text(1, &[0xff]), text(1, b"x")].concat(), Detail::BadEncoding, 2),
        (number(1, 1), Detail::Syntax, 0),
        (text(2, b"1"), Detail::Syntax, 0),
        (text(4, &[0x80]), Detail::Truncated, 2),
        ([field(200, 3), number(1, 1), field(201, 4)].concat(), Detail::Syntax, 0),
        (field(200, 3), Detail::Truncated, 0),
        (field(200, 4), Detail::Syntax, 0),
        (field(1, 6), Detail::Syntax, 0),
        (
            [text(5, &[text(1, b"k"), number(2, 1)].concat()), text(5, &text(1, b"k"))].concat(),
            Detail::DuplicateKey,
            2,
        ),
        ([text(5, b""), text(5, &text(1, b""))].concat(), Detail::DuplicateKey, 2),
    ] {
        assert_eq!(of(&bytes), DecodeFailure { detail, offset }, "{bytes:?}");
    }
    let group = [field(200, 3), field(3, 3), number(1, 1), field(3, 4), field(200, 4)].concat();
    assert_eq!(read(&shop(), "shop.Order", &group).unwrap().1, 1, "an unknown group is one field");
}

#[test]
fn nesting_is_bounded() {
    let nest = |levels: usize| (0..levels).fold(Vec::new(), |inner, _| text(3, &inner));
    let order = |levels: usize| read(&shop(), "shop.Order", &text(6, &nest(levels)));
    // The order, its line, and the empty map of the innermost line are levels too.
    assert!(order(DEPTH_MAX - 3).is_ok());
    assert_eq!(order(DEPTH_MAX - 2).unwrap_err().detail, Detail::TooDeep);
    assert_eq!(order(1000).unwrap_err().detail, Detail::TooDeep);
    let groups = [field(200, 3).repeat(DEPTH_MAX + 1), field(200, 4).repeat(DEPTH_MAX + 1)].concat();
    assert_eq!(read(&shop(), "shop.Order", &groups).unwrap_err().detail, Detail::TooDeep);
    // Each message is replaced by another member of its oneof, so only the proof that it can be read goes into it.
    let replaced = "syntax = \"proto3\"; message R { oneof o { R r = 1; int32 n = 2; } }";
    let schema = Schema::parse(replaced, &[]).unwrap();
    let nest = |levels: usize| (0..levels).fold(Vec::new(), |inner, _| [text(1, &inner), number(2, 1)].concat());
    assert!(read(&schema, "R", &nest(20)).is_ok());
    assert_eq!(read(&schema, "R", &nest(5000)).unwrap_err().detail, Detail::TooDeep);
    // A value that holds a list that holds a value.
    let values = (0..200).fold(text(3, b"x"), |inner, _| text(6, &text(1, &inner)));
    assert_eq!(read(&shop(), "shop.Known", &text(10, &values)).unwrap_err().detail, Detail::TooDeep);
}

#[test]
fn absent_fields_cost_a_budget() {
    // 2 bytes for each empty message, and many tokens.
    let wide: String = (1..=500).map(|number| format!("int32 f{number} = {number};")).collect();
    let schema = Schema::parse(
        &format!("syntax = \"proto3\"; message W {{ {wide} }} message L {{ repeated W w = 1; }}"),
        &[],
    )
    .unwrap();
    let failure = read(&schema, "L", &text(1, b"").repeat(2000)).unwrap_err();
    assert_eq!(failure.detail, Detail::TooLarge);
}

#[test]
fn messages_are_found_by_index_ordinal_and_name() {
    let schema = shop();
    let named = |name: &str| schema.message_named(name);
    assert_eq!(schema.message_at(&[0]), named("shop.First"));
    assert_eq!(schema.message_at(&[0, 1]), named("shop.First.Other"));
    assert_eq!(schema.message_at(&[1, 0]), named("shop.Order.Line"), "entries of maps do not count");
    assert_eq!(schema.message_at(&[1]), named("shop.Order"));
    assert_eq!(schema.message_at(&[]), None);
    assert_eq!(schema.message_at(&[3]), None);
    assert_eq!(schema.message_at(&[0, 7]), None);
    assert_eq!(schema.message_by_ordinal(0), named("shop.First"));
    assert_eq!(schema.message_by_ordinal(1), named("shop.First.Inner"));
    assert_eq!(schema.message_by_ordinal(3), named("shop.Known"));
    assert_eq!(schema.message_by_ordinal(99), None);
}

#[test]
fn schemas_are_compiled_from_memory_alone() {
    let importing = "syntax = \"proto3\"; import \"other/base.proto\"; message A { base.B b = 1; }";
    let base = "syntax = \"proto2\"; package base; message B { required int32 n = 1; optional string s = 2 [default = \"d\"]; }";
    let schema = Schema::parse(importing, &[("other/base.proto", base)]).unwrap();
    let (tree, _) = read(&schema, "A", &text(1, &number(1, 3))).unwrap();
    assert_eq!(format!("{tree:?}"), r#"Object({"b": Object({"n": Leaf("Int(3)")})})"#);
    let missing = read(&schema, "A", &text(1, b"")).unwrap_err();
    assert_eq!(missing.detail, Detail::Missing, "what proto2 requires");
    for bad in [
        importing,
        "syntax = \"proto3\"; import \"/etc/passwd\";",
        "syntax = \"proto3\"; import \"Cargo.toml\";",
        "nonsense",
        "syntax = \"proto2\"; message A { repeated group G = 1 { optional int32 n = 1; } }",
        "syntax = \"proto3\"; message A { Missing m = 1; }",
    ] {
        let why = Schema::parse(bad, &[]).unwrap_err();
        assert!(!why.is_empty() && why.len() <= 200, "{why}");
    }
    let deep = format!("syntax = \"proto3\"; {}{}", "message A { ".repeat(5000), "}".repeat(5000));
    assert!(Schema::parse(&deep, &[]).unwrap_err().contains("nests deeper"));
    let hidden = format!(
        "syntax = \"proto3\"; {}",
        "message A { /* } */ option x = \"}\"; // }\n".repeat(5000)
    );
    assert!(Schema::parse(&hidden, &[]).unwrap_err().contains("nests deeper"));
    assert!(
        Schema::parse(
            "syntax = \"proto3\"; import \"confluent/meta.proto\"; message A { string s = 1 [(confluent.field_meta).doc = \"x\"]; }",
            &[]
        )
        .is_ok()
    );
}

#[test]
fn a_type_that_only_has_a_known_name_is_itself() {
    let own = "syntax = \"proto3\"; package google.protobuf; message Timestamp { string text = 1; } message Value { oneof v { Value again = 1; } }";
    let schema = Schema::parse(own, &[]).unwrap();
    let (tree, _) = read(&schema, "google.protobuf.Timestamp", &text(1, b"x")).unwrap();
    assert_eq!(format!("{tree:?}"), r#"Object({"text": Leaf("Str(\"x\")")})"#);
    let endless = (0..300).fold(Vec::new(), |inner, _| text(1, &inner));
    assert_eq!(
        read(&schema, "google.protobuf.Value", &endless).unwrap_err().detail,
        Detail::TooDeep
    );
}

// === the referee ===

fn pool(proto: &str) -> DescriptorPool {
    let file = protox::file::File::from_source("all.proto", proto).unwrap();
    let mut pool = DescriptorPool::new();
    let mut compiler = protox::Compiler::with_file_resolver(protox::file::DescriptorSetFileResolver::new(
        prost_reflect::prost_types::FileDescriptorSet {
            file: vec![file.file_descriptor_proto().clone()],
        },
    ));
    compiler.open_file("all.proto").unwrap();
    pool.add_file_descriptor_set(compiler.file_descriptor_set()).unwrap();
    pool
}

/// What the referee read, as the reader would say it.
fn expected(message: &DynamicMessage) -> Tree {
    let mut fields = std::collections::BTreeMap::new();
    for field in message.descriptor().fields() {
        if field.supports_presence() && !message.has_field(&field) {
            continue;
        }
        fields.insert(field.name().to_owned(), expected_value(&message.get_field(&field), &field.kind()));
    }
    Tree::Object(fields)
}

fn expected_value(value: &Value, kind: &Declared) -> Tree {
    let int = |value: i128| Tree::Leaf(format!("Int({value})"));
    match value {
        Value::Bool(value) => Tree::Leaf(format!("Bool({value})")),
        Value::I32(value) => int((*value).into()),
        Value::I64(value) => int((*value).into()),
        Value::U32(value) => int((*value).into()),
        Value::U64(value) => int((*value).into()),
        Value::F32(value) => Tree::Leaf(format!("float {:x}", f64::from(*value).to_bits())),
        Value::F64(value) => Tree::Leaf(format!("float {:x}", value.to_bits())),
        Value::String(text) => Tree::Leaf(format!("{:?}", Token::Str(text.into()))),
        Value::Bytes(bytes) => Tree::Leaf(format!("{:?}", Token::Bytes((&bytes[..]).into()))),
        Value::EnumNumber(number) => match kind.as_enum().unwrap().get_value(*number) {
            Some(named) => Tree::Leaf(format!("Str({:?})", named.name())),
            None => int((*number).into()),
        },
        Value::Message(message) => expected(message),
        Value::List(items) => Tree::List(items.iter().map(|item| expected_value(item, kind)).collect()),
        Value::Map(entries) => {
            let kind = kind.as_message().unwrap().map_entry_value_field().kind();
            let key = |key: &MapKey| match key {
                MapKey::Bool(key) => key.to_string(),
                MapKey::I32(key) => key.to_string(),
                MapKey::I64(key) => key.to_string(),
                MapKey::U32(key) => key.to_string(),
                MapKey::U64(key) => key.to_string(),
                MapKey::String(key) => key.clone(),
            };
            Tree::Object(
                entries
                    .iter()
                    .map(|(name, value)| (key(name), expected_value(value, &kind)))
                    .collect(),
            )
        }
    }
}

/// Fields in any order, any number of times, mostly of their own wire type.
fn wire(depth: u32) -> BoxedStrategy<Vec<u8>> {
    let scalar = (1_u32..=16, any::<u64>(), 0..20_u8).prop_map(|(at, value, twist)| {
        let wanted = match at {
            1 | 10 | 12 => 1,
            2 | 9 | 11 => 5,
            14 | 15 => 2,
            _ => 0,
        };
        one(at, if twist == 0 { 0 } else { wanted }, value)
    });
    let other = (
        prop::sample::select(vec![
            21_u32, 22, 23, 24, 25, 31, 32, 33, 34, 35, 36, 37, 38, 39, 61, 62, 64, 71, 72, 99,
        ]),
        any::<u64>(),
        prop::collection::vec(any::<u8>(), 0..10),
        any::<bool>(),
    )
        .prop_map(|(at, value, bytes, packed)| match at {
            23 | 25 | 37 | 38 | 62 | 72 => text(at, if at % 2 == 0 { &bytes } else { b"text" }),
            31..=36 | 39 if packed => text(
                at,
                &bytes
                    .iter()
                    .flat_map(|byte| one_value(wanted(at), u64::from(*byte).wrapping_mul(value)))
                    .collect::<Vec<_>>(),
            ),
            _ => one(at, wanted(at), value),
        });
    let raw = prop::collection::vec(any::<u8>(), 0..4);
    if depth == 0 {
        return prop::collection::vec(prop_oneof![20 => scalar, 20 => other, 1 => raw], 0..6)
            .prop_map(|parts| parts.concat())
            .boxed();
    }
    let nested = (prop::sample::select(vec![40_u32, 51, 63]), wire(depth - 1)).prop_map(|(at, bytes)| text(at, &bytes));
    let maps = (41_u32..=45, any::<u64>(), wire(depth - 1), any::<[bool; 2]>()).prop_map(|(at, value, bytes, [key, entry])| {
        let key = match (key, at) {
            (false, _) => Vec::new(),
            (_, 41) => text(1, b"key"),
            (_, 44) => one(1, 1, value),
            _ => number(1, value % 7),
        };
        let inside = match (entry, at) {
            (false, _) => Vec::new(),
            (_, 41) => text(2, b"value"),
            (_, 42) => text(2, &bytes),
            (_, 43) => number(2, value % 3),
            (_, 44) => one(2, 1, value),
            _ => text(2, &bytes),
        };
        text(at, &[inside, key].concat())
    });
    prop::collection::vec(prop_oneof![20 => scalar, 20 => other, 1 => raw, 20 => nested, 10 => maps], 0..8)
        .prop_map(|parts| parts.concat())
        .boxed()
}

fn wanted(at: u32) -> u8 {
    match at {
        21 | 31 => 1,
        32 | 35 => 5,
        _ => 0,
    }
}

fn one_value(wire_type: u8, value: u64) -> Vec<u8> {
    match wire_type {
        1 => value.to_le_bytes().to_vec(),
        5 => (value as u32).to_le_bytes().to_vec(),
        2 => [vec![4], b"abcd".to_vec()].concat(),
        _ => varint_of(value),
    }
}

fn one(at: u32, wire_type: u8, value: u64) -> Vec<u8> {
    [field(at, wire_type), one_value(wire_type, value)].concat()
}

fn judged_alike(schema: &Schema, descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<(), TestCaseError> {
    let theirs = DynamicMessage::decode(descriptor.clone(), bytes);
    match (read(schema, "all.M", bytes), theirs) {
        (Ok((tree, _)), Ok(message)) => prop_assert_eq!(tree, expected(&message)),
        // Stated differences: it takes the last of two equal keys of a map.
        (Err(failure), _) if failure.detail == Detail::DuplicateKey => {}
        (Err(_), Err(_)) => {}
        (ours, theirs) => prop_assert!(false, "ours {:?}, theirs {:?}", ours, theirs.map(drop)),
    }
    Ok(())
}

#[test]
fn reads_as_the_referee_reads() {
    let (schema, pool) = (Schema::parse(ALL, &[]).unwrap(), pool(ALL));
    let descriptor = pool.get_message_by_name("all.M").unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1500));
    let counts = std::cell::Cell::new((0, 0));
    runner
        .run(&wire(3), |bytes| {
            let (ok, all) = counts.get();
            counts.set((ok + u32::from(read(&schema, "all.M", &bytes).is_ok()), all + 1));
            judged_alike(&schema, &descriptor, &bytes)?;
            // What the referee writes is read the same again.
            if let Ok(message) = DynamicMessage::decode(descriptor.clone(), &bytes[..]) {
                use prost_reflect::prost::Message as _;
                judged_alike(&schema, &descriptor, &message.encode_to_vec())?;
            }
            Ok(())
        })
        .unwrap();
    let (accepted, seen) = counts.get();
    assert!(
        accepted * 5 > seen && accepted < seen,
        "{accepted} of {seen} were read: both sides must be tried"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let schema = shop();
        for message in ["shop.Order", "shop.Known"] {
            let walked = read(&schema, message, &bytes);
            let mut scratch = Scratch::default();
            let mut reader = ProtobufReader::new(&schema, schema.message_named(message).unwrap(), &bytes, &mut scratch);
            let skipped = reader.skip();
            prop_assert_eq!(walked.map(drop), skipped, "skipping sees what reading sees");
        }
    }

    #[test]
    fn any_text_is_a_schema_or_none(text in "[a-z{}=;0-9 \"/*\n]{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Schema::parse(&format!("syntax = \"proto3\"; {text}"), &[]);
        let _ = Schema::from_descriptor_set(&bytes);
    }
}

#[test]
fn imports_are_told_with_their_lines() {
    let text = "syntax = \"proto3\";\nimport \"a/b.proto\";\n\nimport public \"google/protobuf/any.proto\";\nmessage M {}";
    let imports = crate::protobuf::imports(text).unwrap();
    let told: Vec<(&str, u32)> = imports.iter().map(|import| (import.path.as_str(), import.line)).collect();
    assert_eq!(told, [("a/b.proto", 2), ("google/protobuf/any.proto", 4)]);
    let known = |path| crate::protobuf::is_known_import(path);
    assert!(known("google/protobuf/any.proto") && known("google/type/date.proto") && !known("a/b.proto"));
    assert!(crate::protobuf::imports("import nothing").is_err());
}

#[test]
fn a_file_declares_its_own_messages_only() {
    let schema = Schema::parse(SHOP, &[]).unwrap();
    assert_eq!(schema.declared("shop.Order"), schema.message_named("shop.Order"));
    assert_eq!(schema.full_name(schema.declared("shop.First.Inner").unwrap()), "shop.First.Inner");
    assert!(schema.message_named("google.protobuf.Timestamp").is_some() && schema.declared("google.protobuf.Timestamp").is_none());
    let names: Vec<&str> = schema.names().collect();
    assert_eq!(
        names,
        [
            "shop.First",
            "shop.First.Inner",
            "shop.First.Other",
            "shop.Known",
            "shop.Order",
            "shop.Order.Line"
        ]
    );
}
