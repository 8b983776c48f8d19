//! A schema and a value of it made from the input's bytes, written by `apache-avro` and read by us: unlike in `avro_reader` every input gets
//! past the schema. What is left of the input changes the datum afterwards.

use std::collections::HashMap;

use apache_avro::schema::Schema as Referee;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Duration};
use num_bigint::BigInt;
use serde_json::{Value as Json, json};

use crate::avro_reader;
use crate::input::Parts;

/// Levels of a generated schema; ours end at 64, the referee's stack much later.
const LEVELS: u8 = 5;
const LEAVES: [&str; 26] = [
    "null",
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "bytes",
    "string",
    "date",
    "time-millis",
    "time-micros",
    "timestamp-millis",
    "timestamp-micros",
    "timestamp-nanos",
    "local-timestamp-millis",
    "local-timestamp-micros",
    "local-timestamp-nanos",
    "decimal",
    "big-decimal",
    "uuid",
    "enum",
    "fixed",
    "fixed-decimal",
    "fixed-uuid",
    "duration",
    "again",
];

/// Names given so far; each type that has one can be named again.
#[derive(Default)]
struct Names {
    made: Vec<Json>,
}

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let mut names = Names::default();
    let schema = make(&mut parts, &mut names, LEVELS);
    let text = schema.to_string();
    let referee = Referee::parse_str(&text).unwrap_or_else(|error| panic!("a generated schema is none: {error}\n{text}"));
    let value = fill(&mut parts, &schema, &names);
    let writer = GenericDatumWriter::builder(&referee)
        .build()
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut datum = writer.write_value_to_vec(value).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(
        avro_reader::agrees(&text, &datum),
        "what the referee writes we do not read: {datum:?} of {text}"
    );
    for end in (0..datum.len()).rev().take(8) {
        assert!(!avro_reader::agrees(&text, &datum[..end]), "a datum that is cut off reads");
    }
    let changes = parts.rest();
    let places = datum.len();
    for change in changes.chunks_exact(2).take(4).filter(|_| places > 0) {
        let at = usize::from(change[0]) % places;
        datum[at] = change[1];
    }
    avro_reader::agrees(&text, &datum);
}

fn make(parts: &mut Parts<'_>, names: &mut Names, levels: u8) -> Json {
    let choice = parts.byte();
    if levels == 0 || choice % 8 < 4 {
        return leaf(LEAVES[usize::from(choice / 8) % LEAVES.len()], names);
    }
    match choice % 8 {
        4 => json!({"type": "array", "items": make(parts, names, levels - 1)}),
        5 => json!({"type": "map", "values": make(parts, names, levels - 1)}),
        6 => {
            let count = choice / 8 % 6;
            let fields: Vec<Json> = (0..count)
                .map(|at| json!({"name": format!("f{at}"), "type": make(parts, names, levels - 1)}))
                .collect();
            names.named(json!({"type": "record", "fields": fields}))
        }
        _ => {
            let mut branches: Vec<Json> = Vec::new();
            for _ in 0..choice / 8 % 5 + 1 {
                let before = names.made.len();
                let branch = make(parts, names, levels - 1);
                // A union holds no union directly and no two branches of one kind.
                let kind = kind(&branch, names);
                if kind != "union" && branches.iter().all(|other| self::kind(other, names) != kind) {
                    branches.push(branch);
                } else {
                    names.made.truncate(before);
                }
            }
            if branches.is_empty() {
                json!("null")
            } else {
                Json::Array(branches)
            }
        }
    }
}

/// What distinguishes branches of a union: the underlying type, and the name where there is one.
fn kind(schema: &Json, names: &Names) -> String {
    match schema {
        Json::String(name) => names.resolve(name).map_or_else(|| name.clone(), |named| kind(named, names)),
        Json::Array(_) => "union".to_owned(),
        named if named.get("name").is_some() => named["name"].to_string(),
        plain => plain["type"].as_str().unwrap_or_default().to_owned(),
    }
}

fn leaf(name: &str, names: &mut Names) -> Json {
    let logical = |kind: &str| json!({"type": kind, "logicalType": name});
    match name {
        "date" | "time-millis" => logical("int"),
        "decimal" => json!({"type": "bytes", "logicalType": name, "precision": 20, "scale": 4}),
        "big-decimal" => logical("bytes"),
        "uuid" => logical("string"),
        "enum" => names.named(json!({"type": "enum", "symbols": ["A", "B", "C"]})),
        "fixed" => names.named(json!({"type": "fixed", "size": 3})),
        "fixed-decimal" => names.named(json!({"type": "fixed", "size": 9, "logicalType": "decimal", "precision": 19, "scale": 2})),
        "fixed-uuid" => names.named(json!({"type": "fixed", "size": 16, "logicalType": "uuid"})),
        "duration" => names.named(json!({"type": "fixed", "size": 12, "logicalType": "duration"})),
        "again" => names.made.last().map_or_else(|| json!("null"), |made| made["name"].clone()),
        name if name.contains("time") => logical("long"),
        plain => json!(plain),
    }
}

fn fill(parts: &mut Parts<'_>, schema: &Json, names: &Names) -> Value {
    match schema {
        Json::Array(branches) => {
            let at = usize::from(parts.byte()) % branches.len();
            Value::Union(u32::try_from(at).unwrap_or_default(), Box::new(fill(parts, &branches[at], names)))
        }
        Json::String(name) => match names.resolve(name) {
            Some(named) => fill(parts, named, names),
            None => plain(parts, name),
        },
        object => match object.get("logicalType").and_then(Json::as_str) {
            Some(logical) => meant(parts, logical, &object["size"]),
            None => composite(parts, object, names),
        },
    }
}

fn plain(parts: &mut Parts<'_>, name: &str) -> Value {
    match name {
        "null" => Value::Null,
        "boolean" => Value::Boolean(parts.byte() % 2 == 1),
        "int" => Value::Int(int(parts)),
        "long" => Value::Long(long(parts)),
        "float" => Value::Float(f32::from_bits(int(parts).cast_unsigned())),
        "double" => Value::Double(f64::from_bits(long(parts).cast_unsigned())),
        "bytes" => Value::Bytes(short(parts).to_vec()),
        "string" => Value::String(String::from_utf8_lossy(short(parts)).into_owned()),
        other => panic!("no type {other}"),
    }
}

fn meant(parts: &mut Parts<'_>, logical: &str, size: &Json) -> Value {
    match logical {
        "date" => Value::Date(int(parts)),
        "time-millis" => Value::TimeMillis(int(parts)),
        "time-micros" => Value::TimeMicros(long(parts)),
        "timestamp-millis" => Value::TimestampMillis(long(parts)),
        "timestamp-micros" => Value::TimestampMicros(long(parts)),
        "timestamp-nanos" => Value::TimestampNanos(long(parts)),
        "local-timestamp-millis" => Value::LocalTimestampMillis(long(parts)),
        "local-timestamp-micros" => Value::LocalTimestampMicros(long(parts)),
        "local-timestamp-nanos" => Value::LocalTimestampNanos(long(parts)),
        "decimal" => {
            let bytes = BigInt::from(long(parts)).to_signed_bytes_be();
            let fill = if bytes[0] >= 0x80 { 0xff } else { 0 };
            let missing = size
                .as_u64()
                .map_or(0, |size| usize::try_from(size).unwrap_or_default().saturating_sub(bytes.len()));
            Value::Decimal(Decimal::from([vec![fill; missing], bytes].concat()))
        }
        "big-decimal" => {
            let text = format!("{}e{}", long(parts), i16::from(parts.byte().cast_signed()));
            Value::BigDecimal(text.parse().unwrap_or_else(|_| panic!("{text} is a number")))
        }
        "uuid" => {
            let mut hex: String = (0..4).map(|_| format!("{:08x}", int(parts))).collect();
            for at in [20, 16, 12, 8] {
                hex.insert(at, '-');
            }
            Value::Uuid(hex.parse().unwrap_or_else(|_| panic!("{hex} is a UUID")))
        }
        "duration" => {
            let mut bytes = [0; 12];
            bytes[..8].copy_from_slice(&long(parts).to_le_bytes());
            bytes[8..].copy_from_slice(&int(parts).to_le_bytes());
            Value::Duration(Duration::from(bytes))
        }
        other => panic!("no logical type {other}"),
    }
}

fn composite(parts: &mut Parts<'_>, schema: &Json, names: &Names) -> Value {
    match schema["type"].as_str().unwrap_or_default() {
        "enum" => {
            let at = u32::from(parts.byte() % 3);
            Value::Enum(at, ["A", "B", "C"][at as usize].to_owned())
        }
        "fixed" => Value::Fixed(3, vec![parts.byte(), parts.byte(), parts.byte()]),
        "array" => Value::Array((0..parts.byte() % 5).map(|_| fill(parts, &schema["items"], names)).collect()),
        "map" => {
            let count = parts.byte() % 4;
            let entries: HashMap<String, Value> = (0..count)
                .map(|at| {
                    (
                        format!("{at}{}", String::from_utf8_lossy(short(parts))),
                        fill(parts, &schema["values"], names),
                    )
                })
                .collect();
            Value::Map(entries)
        }
        "record" => {
            let fields = schema["fields"].as_array().into_iter().flatten();
            Value::Record(
                fields
                    .map(|field| {
                        (
                            field["name"].as_str().unwrap_or_default().to_owned(),
                            fill(parts, &field["type"], names),
                        )
                    })
                    .collect(),
            )
        }
        other => panic!("no type {other}"),
    }
}

/// Small numbers and the ends of the range are what matters.
fn long(parts: &mut Parts<'_>) -> i64 {
    match parts.byte() {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => i64::from_be_bytes(std::array::from_fn(|_| parts.byte())),
        byte => i64::from(byte.cast_signed()) * 999,
    }
}

fn int(parts: &mut Parts<'_>) -> i32 {
    match parts.byte() {
        0 => i32::MIN,
        1 => i32::MAX,
        2 => i32::from_be_bytes(std::array::from_fn(|_| parts.byte())),
        byte => i32::from(byte.cast_signed()) * 99,
    }
}

fn short<'d>(parts: &mut Parts<'d>) -> &'d [u8] {
    let chunk = parts.chunk();
    &chunk[..chunk.len().min(40)]
}

// === impl Names ===

impl Names {
    fn named(&mut self, mut schema: Json) -> Json {
        schema["name"] = json!(format!("N{}", self.made.len()));
        self.made.push(schema.clone());
        schema
    }

    fn resolve(&self, name: &str) -> Option<&Json> {
        self.made.iter().find(|made| made["name"] == name)
    }
}
