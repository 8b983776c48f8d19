//! Every record of the recorded Debezium corpus goes through the unwrapping, and every token of every row and key is read.
//!
//! What the records are is worked out a second time with other parsers (serde_json, apache-avro) and compared; what the rows say is
//! compared with the tables as the databases held them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;

use apache_avro::types::Value as AvroValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tidegate_codec::avro::Schema;
use tidegate_codec::cdc::{self, ChangeEvent, ControlKind, Image, ImageReader, SchemaBlockCache, Unwrapped};
use tidegate_codec::framing::{self, Encoding, Framed, Part, SchemaRef};
use tidegate_codec::json::number;
use tidegate_codec::{Reader as _, Semantic, Special, Token, civil, decimal};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Envelope,
    Flat,
    Avro,
}

const FILES: [(&str, Form); 11] = [
    ("pg-schema.jsonl.gz", Form::Envelope),
    ("pg-plain.jsonl", Form::Envelope),
    ("pg-plain-after-crash.jsonl", Form::Envelope),
    ("pg-string.jsonl.gz", Form::Envelope),
    ("pg-double.jsonl.gz", Form::Envelope),
    ("pg-flat.jsonl", Form::Flat),
    ("pg-flat-after-crash.jsonl", Form::Flat),
    ("pg-flat-default.jsonl", Form::Flat),
    ("pg-avro.jsonl", Form::Avro),
    ("maria-schema.jsonl.gz", Form::Envelope),
    ("maria-plain.jsonl", Form::Envelope),
];

struct Record {
    topic: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// Schemas of the registry by id, ours and the referee's.
struct Schemas(BTreeMap<u32, (Schema, apache_avro::Schema)>);

/// How often each kind of record lies on each topic.
type Counts = BTreeMap<(String, String), usize>;

fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/corpus/debezium")
        .join(name)
}

fn records(name: &str) -> Vec<Record> {
    let file = File::open(corpus(name)).unwrap();
    let input: Box<dyn Read> = if name.ends_with(".gz") {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let bytes = |value: &Value| value.as_str().map(|text| STANDARD.decode(text).unwrap());
    let record = |line: std::io::Result<String>| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let headers = line["headers"].as_array().unwrap();
        Record {
            topic: line["topic"].as_str().unwrap().to_owned(),
            key: bytes(&line["key_b64"]),
            value: bytes(&line["value_b64"]),
            headers: headers
                .iter()
                .map(|header| (header[0].as_str().unwrap().to_owned(), bytes(&header[1])))
                .collect(),
        }
    };
    BufReader::new(input).lines().map(record).collect()
}

fn schemas() -> Schemas {
    let listed: Value = serde_json::from_reader(File::open(corpus("avro-schemas.json")).unwrap()).unwrap();
    let compile = |entry: &Value| {
        let text = entry["schema"].to_string();
        let schemas = (Schema::parse(&text, &[]).unwrap(), apache_avro::Schema::parse_str(&text).unwrap());
        (u32::try_from(entry["id"].as_u64().unwrap()).unwrap(), schemas)
    };
    Schemas(listed.as_array().unwrap().iter().map(compile).collect())
}

/// Reads every token; the columns that hold a value of no type of ours.
fn read(mut reader: ImageReader<'_>, specials: &mut Vec<(String, Special)>, label: &str) {
    let (mut column, mut depth) = (String::new(), 0);
    loop {
        let at = reader.position();
        match reader
            .next()
            .unwrap_or_else(|failure| panic!("{label} after byte {at}: {failure:?}"))
        {
            Token::End => return assert_eq!(depth, 0),
            Token::Key(key) if depth == 1 => column = key.into_owned(),
            Token::BeginObject | Token::BeginArray => depth += 1,
            Token::EndObject | Token::EndArray => depth -= 1,
            Token::Special(special) => specials.push((column.clone(), special)),
            _ => {}
        }
    }
}

fn images<'e, 'b>(envelope: &'e ChangeEvent<'b>) -> impl Iterator<Item = &'e Image<'b>> {
    envelope.before.iter().chain(&envelope.after)
}

fn unwrap<'b>(
    record: &'b Record,
    form: Form,
    headers: &[(&str, Option<&'b [u8]>)],
    schemas: &'b Schemas,
    cache: &mut SchemaBlockCache,
) -> Unwrapped<'b> {
    let value = record.value.as_deref().unwrap();
    let accepted = if form == Form::Avro { Encoding::Avro } else { Encoding::Json };
    let unwrapped = match framing::open(&[accepted], Part::Value, headers, value).unwrap() {
        Framed::Avro {
            schema: SchemaRef::Id(id),
            datum,
        } => cdc::unwrap_avro(&schemas.0[&id].0, datum, 5),
        // Logical messages are not flattened.
        Framed::Json(json) if form == Form::Flat && !record.topic.ends_with(".message") => cdc::unwrap_flat_json(json, headers, cache),
        Framed::Json(json) => cdc::unwrap_json(json, cache),
        framed => panic!("{framed:?}"),
    };
    unwrapped.unwrap_or_else(|failure| panic!("{}: {failure:?}", record.topic))
}

/// What we make of a record: letter of the operation or name of the kind.
fn ours(record: &Record, form: Form, schemas: &Schemas, cache: &mut SchemaBlockCache, specials: &mut Vec<(String, Special)>) -> String {
    let headers: Vec<_> = record
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_deref()))
        .collect();
    if let Some(key) = &record.key {
        match form {
            Form::Avro => {
                let Ok(Framed::Avro {
                    schema: SchemaRef::Id(id),
                    datum,
                }) = framing::open(&[Encoding::Avro], Part::Key, &headers, key)
                else {
                    panic!("frame of the key")
                };
                read(cdc::key_avro(&schemas.0[&id].0, datum, 5), specials, "key");
            }
            _ => read(cdc::key_json(key, cache).unwrap(), specials, "key"),
        }
    }
    if record.value.is_none() {
        return if record.key.is_some() { "tombstone" } else { "keyless" }.to_owned();
    }
    let unwrapped = unwrap(record, form, &headers, schemas, cache);
    let control = cdc::control_kind(&record.topic, &unwrapped);
    match &unwrapped {
        Unwrapped::Control(kind) => {
            assert_eq!(control, Some(*kind), "{}", record.topic);
            format!("{kind:?}")
        }
        Unwrapped::Tombstone => "null payload".to_owned(),
        Unwrapped::LogicalMessage(envelope) => {
            assert!(images(envelope).next().is_none());
            "m".to_owned()
        }
        Unwrapped::Change(envelope) => {
            assert_eq!(control == Some(ControlKind::Signal), record.topic.ends_with(".signals"));
            for image in images(envelope) {
                read(image.reader(), specials, &record.topic);
            }
            if form != Form::Flat {
                assert!(envelope.source_time_micros > Some(1_795_000_000_000_000));
                // Rows of an incremental snapshot come from no place in the log.
                assert!(envelope.position.is_some() || envelope.op == Some(cdc::Op::Read));
            }
            match envelope.op.unwrap() {
                cdc::Op::Create => "c",
                cdc::Op::Update => "u",
                cdc::Op::Delete => "d",
                cdc::Op::Read => "r",
                cdc::Op::Truncate => "t",
                cdc::Op::Message => "m",
            }
            .to_owned()
        }
    }
}

/// The same from the referees' trees.
fn referee(record: &Record, form: Form, schemas: &Schemas) -> String {
    let Some(value) = &record.value else {
        return if record.key.is_some() { "tombstone" } else { "keyless" }.to_owned();
    };
    if form == Form::Avro {
        let id = u32::from_be_bytes(value[1..5].try_into().unwrap());
        let datum = apache_avro::reader::datum::GenericDatumReader::builder(&schemas.0[&id].1)
            .build()
            .unwrap();
        let AvroValue::Record(fields) = datum.read_value(&mut &value[5..]).unwrap() else {
            panic!("a record")
        };
        return match fields.iter().find(|(name, _)| name == "op") {
            Some((_, AvroValue::String(op))) => op.clone(),
            _ => "Transaction".to_owned(),
        };
    }
    let mut value: Value = serde_json::from_slice(value).unwrap();
    if value.get("schema").is_some() && value.get("payload").is_some() {
        value = value["payload"].take();
    }
    let header = record
        .headers
        .iter()
        .find(|(name, _)| name == "__op")
        .and_then(|(_, value)| value.clone());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match &value {
        Value::Null => "null payload".to_owned(),
        value => text(&value["op"])
            .or_else(|| text(&value["__op"]))
            .or_else(|| header.map(|op| String::from_utf8(op).unwrap()))
            .unwrap_or_else(|| {
                let kind = match record.topic.as_str() {
                    topic if topic.starts_with("__debezium-heartbeat.") => ControlKind::Heartbeat,
                    topic if topic.ends_with(".transaction") => ControlKind::Transaction,
                    topic if !topic.contains('.') => ControlKind::SchemaChange,
                    topic => panic!("{topic}: {value}"),
                };
                format!("{kind:?}")
            }),
    }
}

#[test]
fn every_record_is_what_the_referees_say() {
    let schemas = schemas();
    let mut total = 0;
    let mut specials = BTreeMap::<String, Vec<_>>::new();
    for (name, form) in FILES {
        let (mut found, mut expected) = (Counts::new(), Counts::new());
        let mut cache = SchemaBlockCache::new();
        for record in records(name) {
            let mut here = Vec::new();
            let kind = ours(&record, form, &schemas, &mut cache, &mut here);
            // With the block known the answers are the same.
            assert_eq!(ours(&record, form, &schemas, &mut cache, &mut Vec::new()), kind);
            for (column, special) in here {
                specials.entry(format!("{name} {column}")).or_default().push(special);
            }
            *found.entry((record.topic.clone(), kind)).or_default() += 1;
            *expected
                .entry((record.topic.clone(), referee(&record, form, &schemas)))
                .or_default() += 1;
            total += 1;
        }
        assert_eq!(found, expected, "{name}");
        let count = |topic: &str, kind: &str| found.get(&(topic.to_owned(), kind.to_owned())).copied();
        match name {
            "pg-plain.jsonl" => {
                let orders = ["r", "c", "u", "d", "tombstone"].map(|kind| count("pgplain.shop.orders", kind));
                assert_eq!(orders, [Some(3), Some(4), Some(3), Some(3), Some(3)]);
                assert_eq!(count("pgplain.shop.log_nopk_full", "keyless"), Some(1));
                assert_eq!(count("pgplain.transaction", "Transaction"), Some(126));
            }
            "pg-flat-default.jsonl" => assert_eq!(count("pgflatdef.shop.orders", "null payload"), Some(3)),
            "maria-plain.jsonl" => assert_eq!(count("myplain", "SchemaChange"), Some(29)),
            _ => {}
        }
    }
    assert_eq!(total, TOTAL);
    // PostgreSQL's infinite dates and timestamps, one row each, in the images of its insert; nothing else has no type.
    let both = vec![Special::PositiveInfinity, Special::NegativeInfinity];
    for file in ["pg-schema.jsonl.gz", "pg-string.jsonl.gz", "pg-double.jsonl.gz", "pg-avro.jsonl"] {
        for column in ["c_date", "c_ts", "c_ts3", "c_ts0", "c_tstz", "c_tstz3"] {
            assert_eq!(specials.remove(&format!("{file} {column}")), Some(both.clone()), "{file} {column}");
        }
    }
    assert_eq!(specials, BTreeMap::new());
}

/// Records in all files.
const TOTAL: usize = 1423;

/// Rows of the tables as the database printed them in the end: table, key column's text, column to text.
fn truth() -> BTreeMap<(String, String), BTreeMap<String, Option<String>>> {
    let mut rows = BTreeMap::new();
    for line in BufReader::new(File::open(corpus("truth/pg-final-rows.jsonl")).unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let table = line["table"].as_str().unwrap().trim_start_matches("shop.").to_owned();
        for row in line["rows"].as_array().into_iter().flatten() {
            let columns: BTreeMap<String, Option<String>> = row
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned)))
                .collect();
            if let Some(Some(id)) = columns.get("id") {
                rows.insert((table.clone(), id.clone()), columns.clone());
            }
        }
    }
    rows
}

/// Whether a token says what the database printed.
fn says(token: &Token<'_>, column: &str, printed: Option<&str>) -> bool {
    let Some(printed) = printed else { return *token == Token::Null };
    let number = |text: &str| number::is_number(text).then(|| text.to_owned());
    let equal = |text: &str| number(&printed.replace(['$', ','], "")).is_some_and(|printed| number::compare(text, &printed).is_eq());
    match token {
        Token::Bool(value) => printed == if *value { "t" } else { "f" } || printed == if *value { "1" } else { "0" },
        Token::Number(text) if column == "c_real" => text.parse::<f32>() == printed.parse(),
        Token::Number(text) if column == "c_double" => text.parse::<f64>() == printed.parse(),
        Token::Number(text) => equal(text),
        Token::Int(value) => equal(&value.to_string()),
        Token::Float(value) if value.is_nan() => printed == "NaN",
        Token::Float(value) if column == "c_real" => Ok(*value as f32) == printed.parse(),
        Token::Float(value) => Ok(*value) == printed.parse(),
        Token::Decimal { unscaled, scale } => equal(&decimal::to_text(unscaled, *scale).unwrap()),
        // Decimals in string mode; money is printed with its sign.
        Token::Str(text) if number::is_number(text) => equal(text),
        // Without a name in the schema the contract says that text is base64.
        Token::Str(text) if printed.starts_with("\\x") => {
            says(&Semantic::Base64.apply(Token::Str(text.clone())).unwrap(), column, Some(printed))
        }
        Token::Str(text) => **text == *printed,
        Token::Bytes(bytes) => printed.strip_prefix("\\x").is_some_and(|hex| {
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            text == hex
        }),
        Token::Date(days) => civil::parse_date(printed) == Some(i64::from(*days)),
        Token::TimeMicros(86_400_000_000) => printed == "24:00:00",
        Token::TimeMicros(micros) => civil::parse_time(printed) == Some(micros * 1000),
        Token::TimestampMicros(micros) => {
            let read = civil::parse_instant(printed);
            read.is_some_and(|at| at.seconds * 1_000_000 + i64::from(at.nanos / 1000) == *micros)
        }
        Token::Special(Special::PositiveInfinity) => printed == "infinity",
        Token::Special(Special::NegativeInfinity) => printed == "-infinity",
        _ => false,
    }
}

/// Columns whose text differs by what Debezium does (the corpus' README), not by how it is read.
fn differs_by_nature(table: &str, column: &str, printed: Option<&str>) -> bool {
    match (table, column) {
        // Little-endian bytes for bit strings; microseconds for intervals; JSON for hstore.
        ("t_num", "c_bit8" | "c_varbit") | ("t_time", "c_interval") | ("t_text", "c_hstore") => true,
        // Moved to UTC, where 24:00 and offsets past midnight lose their day.
        ("t_time", "c_timetz") => printed.is_some_and(|text| text.starts_with("24:")),
        // NULL became the column's default.
        ("orders", "qty" | "note" | "total" | "placed_at") | ("customers", "vip") => printed.is_none(),
        _ => false,
    }
}

#[test]
fn typed_rows_say_what_the_database_held() {
    let schemas = schemas();
    let truth = truth();
    for (name, form) in [
        ("pg-schema.jsonl.gz", Form::Envelope),
        ("pg-avro.jsonl", Form::Avro),
        ("pg-string.jsonl.gz", Form::Envelope),
    ] {
        let recorded = records(name);
        let mut cache = SchemaBlockCache::new();
        // The last image of each row; keys carry only the table's primary key, here always `id`.
        let mut last = BTreeMap::new();
        for record in recorded.iter().filter(|record| record.value.is_some()) {
            let Unwrapped::Change(envelope) = unwrap(record, form, &[], &schemas, &mut cache) else {
                continue;
            };
            let table = envelope.table.clone().unwrap().into_owned();
            if !["t_num", "t_time", "t_text", "orders", "customers"].contains(&table.as_str()) {
                continue;
            }
            let (gone, image) = match (envelope.before, envelope.after) {
                (Some(before), None) => (true, before),
                (_, Some(after)) => (false, after),
                (None, None) => continue,
            };
            let columns = columns(&image);
            let id = match &columns["id"] {
                Token::Number(id) => (*id).to_owned(),
                Token::Int(id) => id.to_string(),
                other => panic!("{other:?}"),
            };
            if gone {
                last.remove(&(table, id));
            } else {
                last.insert((table, id), columns);
            }
        }
        let mut compared = 0;
        for ((table, id), columns) in &last {
            let printed = &truth[&(table.clone(), id.clone())];
            for (column, token) in columns {
                let printed = printed[column].as_deref();
                // As ISO text, the end of the day became its start.
                let end_of_day = name.starts_with("pg-string") && printed == Some("24:00:00");
                if differs_by_nature(table, column, printed) || end_of_day {
                    continue;
                }
                assert!(
                    says(token, column, printed),
                    "{name} {table} {id} {column}: {token:?} for {printed:?}"
                );
                compared += 1;
            }
        }
        let tables: std::collections::BTreeSet<_> = last.keys().map(|(table, _)| table.as_str()).collect();
        let rows = truth.keys().filter(|(table, _)| tables.contains(table.as_str())).count();
        assert_eq!(last.len(), rows, "{name}");
        assert!(compared > 200, "{name}: {compared}");
    }
}

/// The scalar columns of a row.
fn columns<'b>(image: &Image<'b>) -> BTreeMap<String, Token<'b>> {
    let mut reader = image.reader();
    let mut columns = BTreeMap::new();
    assert_eq!(reader.next(), Ok(Token::BeginObject));
    while let Token::Key(column) = reader.next().unwrap() {
        let mut probe = reader.clone();
        match probe.next().unwrap() {
            Token::BeginObject | Token::BeginArray => reader.skip().unwrap(),
            token => {
                columns.insert(column.into_owned(), token);
                reader = probe;
            }
        }
    }
    columns
}
