//! Avro data: both ways of reading agree, and what we accept `apache-avro` reads to the same values.

use std::collections::HashMap;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::{Name, ResolvedSchema, Schema as Referee};
use apache_avro::types::Value;
use num_bigint::BigInt;
use tidegate_codec::avro::Schema;
use tidegate_codec::token::Special;
use tidegate_codec::{AvroReader, Semantic, Token};

use crate::input::Parts;
use crate::walk::{self, Tree};

/// Schemas that an input can choose by its first byte; [`OWN`] means that its own follows.
pub(crate) const SCHEMAS: &[&str] = &[
    r#"{"type":"record","name":"All","fields":[
        {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
        {"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"s","type":"string"},{"name":"y","type":"bytes"},
        {"name":"x","type":{"type":"fixed","name":"X","size":3}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B","C"]}},
        {"name":"a","type":{"type":"array","items":"int"}},{"name":"m","type":{"type":"map","values":"string"}},
        {"name":"u","type":["null","int","string","E"]}]}"#,
    r#"{"type":"record","name":"Logical","fields":[
        {"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}},
        {"name":"fix","type":{"type":"fixed","name":"F","size":6,"logicalType":"decimal","precision":10,"scale":2}},
        {"name":"date","type":{"type":"int","logicalType":"date"}},
        {"name":"tms","type":{"type":"int","logicalType":"time-millis"}},{"name":"tus","type":{"type":"long","logicalType":"time-micros"}},
        {"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"us","type":{"type":"long","logicalType":"timestamp-micros"}},
        {"name":"ns","type":{"type":"long","logicalType":"timestamp-nanos"}},
        {"name":"lms","type":{"type":"long","logicalType":"local-timestamp-millis"}},{"name":"lus","type":{"type":"long","logicalType":"local-timestamp-micros"}},
        {"name":"lns","type":{"type":"long","logicalType":"local-timestamp-nanos"}}]}"#,
    r#"{"type":"record","name":"List","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","List"]}]}"#,
    r#"{"type":"array","items":{"type":"map","values":{"type":"array","items":["null","double","string"]}}}"#,
    r#"{"type":"array","items":"null"}"#,
    r#"{"type":"map","values":{"type":"record","name":"Empty","fields":[]}}"#,
    r#"{"type":"record","name":"Ids","fields":[
        {"name":"t","type":{"type":"string","logicalType":"uuid"}},{"name":"x","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
        {"name":"p","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
        {"name":"big","type":{"type":"bytes","logicalType":"big-decimal"}}]}"#,
    r#"{"type":"array","items":{"type":"array","items":{"type":"array","items":"null"}}}"#,
];

/// First byte of an input that brings its schema, a text up to a zero byte.
pub(crate) const OWN: u8 = 255;

/// Schema text past this says nothing new and only takes time.
const SCHEMA_BYTES_MAX: usize = 2000;

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let choice = parts.byte();
    let rest = parts.rest();
    if choice != OWN {
        agrees(SCHEMAS[usize::from(choice) % SCHEMAS.len()], rest);
        return;
    }
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    if let Ok(text) = std::str::from_utf8(&rest[..end])
        && text.len() <= SCHEMA_BYTES_MAX
    {
        agrees(text, rest.get(end + 1..).unwrap_or_default());
    }
}

/// Whether we accept the datum; what we accept says the same to the referee.
pub(crate) fn agrees(schema: &str, datum: &[u8]) -> bool {
    let Ok(ours) = Schema::parse(schema, &[]) else {
        return false;
    };
    let read = walk::outcome(|| AvroReader::new(&ours, datum), 0, datum.len());
    let shifted = walk::outcome(|| AvroReader::new(&ours, datum).with_base(5), 5, datum.len());
    match (&read, &shifted) {
        (Ok(one), Ok(other)) => assert!(walk::tree(one) == walk::tree(other), "the base changes a value"),
        (Err(one), Err(other)) => assert_eq!((one.detail, one.offset + 5), (other.detail, other.offset)),
        _ => panic!("the base changes the answer"),
    }
    let Ok(tokens) = read else { return false };
    // What only Connect's names mean is ours alone; the referee knows the specification.
    if schema.contains("connect") {
        return true;
    }
    let Ok(referee) = Referee::parse_str(schema) else { return true };
    let Ok(reader) = GenericDatumReader::builder(&referee).build() else {
        return true;
    };
    let mut rest = datum;
    let value = match reader.read_value(&mut rest) {
        Ok(value) => value,
        // We hand the text out as it is; the contract's `format: uuid` is what looks inside.
        Err(_) if holds_uuid_text(&referee) => return true,
        Err(error) => panic!("only we accept: {error}"),
    };
    assert!(rest.is_empty(), "the referee leaves {} bytes", rest.len());
    let names = ResolvedSchema::try_from(&referee).unwrap_or_else(|error| panic!("it was resolved to read: {error}"));
    let expected = Expecting {
        names: names.get_names().iter().map(|(name, schema)| (name.clone(), *schema)).collect(),
    };
    let (ours, theirs) = (walk::tree(&tokens), expected.tree(&referee, None, &value));
    assert_eq!(ours, theirs);
    true
}

fn holds_uuid_text(schema: &Referee) -> bool {
    format!("{schema:?}").contains("Uuid")
}

/// Turns the referee's values into trees.
struct Expecting<'s> {
    names: HashMap<Name, &'s Referee>,
}

// === impl Expecting ===

impl Expecting<'_> {
    fn tree(&self, schema: &Referee, namespace: Option<&str>, value: &Value) -> Tree {
        if let Referee::Ref { name } = schema {
            let name = name.fully_qualified_name(namespace);
            let named = self.names.get(&*name).unwrap_or_else(|| panic!("{name:?} is not resolved"));
            return self.tree(named, name.namespace(), value);
        }
        let namespace = schema.name().and_then(|name| name.namespace()).or(namespace);
        let inner = |schema: &Referee, value: &Value| self.tree(schema, namespace, value);
        match (value, schema) {
            (Value::Null, _) => Tree::Null,
            (Value::Boolean(value), _) => Tree::Bool(*value),
            (Value::Int(value), _) => Tree::Int(i64::from(*value)),
            (Value::Long(value), _) => Tree::Int(*value),
            (Value::Float(value), _) => Tree::float(f64::from(*value)),
            (Value::Double(value), _) => Tree::float(*value),
            (Value::String(text) | Value::Enum(_, text), _) => Tree::Str(text.clone()),
            (Value::Bytes(bytes) | Value::Fixed(_, bytes), _) => Tree::Bytes(bytes.clone()),
            (Value::Uuid(uuid), _) => Tree::Str(uuid.to_string()),
            (Value::Duration(parts), _) => Tree::Str(duration((*parts).into())),
            (Value::Date(days), _) => meaning(Semantic::Date, i64::from(*days)),
            (Value::TimeMillis(millis), _) => Tree::Time(i64::from(*millis) * 1000),
            (Value::TimeMicros(micros), _) => Tree::Time(*micros),
            (Value::TimestampMillis(value) | Value::LocalTimestampMillis(value), _) => meaning(Semantic::TimestampMillis, *value),
            (Value::TimestampMicros(value) | Value::LocalTimestampMicros(value), _) => meaning(Semantic::TimestampMicros, *value),
            (Value::TimestampNanos(value) | Value::LocalTimestampNanos(value), _) => match value % 1000 {
                0 => Tree::Timestamp(value / 1000),
                _ => Tree::Special(Special::FinerThanMicros),
            },
            (Value::Decimal(decimal), Referee::Decimal(kind)) => {
                let unscaled: Vec<u8> = decimal.clone().try_into().unwrap_or_else(|error| panic!("{error}"));
                Tree::Decimal(
                    BigInt::from_signed_bytes_be(&unscaled),
                    i32::try_from(kind.scale).unwrap_or(i32::MAX),
                )
            }
            (Value::BigDecimal(decimal), _) => {
                let (unscaled, scale) = decimal.as_bigint_and_exponent();
                Tree::Decimal(
                    BigInt::from_signed_bytes_be(&unscaled.to_signed_bytes_be()),
                    i32::try_from(scale).unwrap_or(i32::MAX),
                )
            }
            (Value::Union(index, value), Referee::Union(union)) => {
                let branch = union.variants().get(*index as usize).unwrap_or_else(|| panic!("no branch {index}"));
                inner(branch, value)
            }
            (Value::Array(items), Referee::Array(array)) => Tree::Array(items.iter().map(|item| inner(&array.items, item)).collect()),
            (Value::Map(entries), Referee::Map(map)) => {
                Tree::object(entries.iter().map(|(key, value)| (key.clone(), inner(&map.types, value))).collect())
            }
            (Value::Record(fields), Referee::Record(record)) => {
                let types = record.fields.iter().map(|field| &field.schema);
                Tree::object(
                    fields
                        .iter()
                        .zip(types)
                        .map(|((name, value), schema)| (name.clone(), inner(schema, value)))
                        .collect(),
                )
            }
            other => panic!("a value that is not of its schema: {other:?}"),
        }
    }
}

/// Infinite dates and instants beyond reach are one rule for all encodings, tested where it stands.
fn meaning(semantic: Semantic, value: i64) -> Tree {
    match semantic.apply(Token::Int(value)) {
        Ok(token) => walk::tree(&[token]),
        Err(_) => panic!("every integer of 64 bits means something"),
    }
}

/// ISO 8601 of months, days and milliseconds.
fn duration(parts: [u8; 12]) -> String {
    let part = |at: usize| parts[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
    let (months, days, millis) = (part(0), part(4), part(8));
    format!("P{months}M{days}DT{}.{:03}S", millis / 1000, millis % 1000)
}
