//! What a recorded event says of itself, read with other parsers than ours.

use std::collections::BTreeMap;

use apache_avro::types::Value as Avro;
use serde_json::Value;

use crate::recording::{Recorded, avro_schemas};

/// Operation, time at the source in microseconds, position in its log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub(crate) op: Option<String>,
    pub(crate) time: Option<i64>,
    pub(crate) position: Option<String>,
}

/// Reads events.
pub(crate) struct Reader {
    schemas: BTreeMap<u32, apache_avro::Schema>,
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new() -> Reader {
        let parse = |(id, text): (u32, String)| (id, apache_avro::Schema::parse_str(&text).unwrap());
        Reader {
            schemas: avro_schemas().into_iter().map(parse).collect(),
        }
    }

    /// Of an event with a row.
    pub(crate) fn origin(&self, record: &Recorded) -> Origin {
        match record.outgoing.value.as_deref().unwrap_or(b"null") {
            [0, i0, i1, i2, i3, datum @ ..] => self.avro(u32::from_be_bytes([*i0, *i1, *i2, *i3]), datum),
            json => {
                let document: Value = serde_json::from_slice(json).unwrap();
                let payload = document
                    .get("payload")
                    .filter(|_| document.get("schema").is_some())
                    .unwrap_or(&document);
                match payload.get("source") {
                    Some(source) => envelope(payload, source),
                    None => flat(payload, record),
                }
            }
        }
    }

    /// The key, as JSON; none when there is none.
    pub(crate) fn key(&self, record_key: Option<&[u8]>) -> Option<BTreeMap<String, String>> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match record_key? {
            [0, i0, i1, i2, i3, datum @ ..] => {
                let schema = &self.schemas[&u32::from_be_bytes([*i0, *i1, *i2, *i3])];
                let Avro::Record(fields) = datum_of(schema, datum) else {
                    panic!("a key is a record")
                };
                let plain = |value: Avro| text(&Value::try_from(value).unwrap());
                Some(fields.into_iter().map(|(name, value)| (name, plain(value))).collect())
            }
            json => {
                let document: Value = serde_json::from_slice(json).unwrap();
                let payload = document.get("payload").unwrap_or(&document);
                Some(
                    payload
                        .as_object()
                        .unwrap()
                        .iter()
                        .map(|(name, value)| (name.clone(), text(value)))
                        .collect(),
                )
            }
        }
    }

    fn avro(&self, schema: u32, datum: &[u8]) -> Origin {
        let event = datum_of(&self.schemas[&schema], datum);
        let source = member(&event, "source").unwrap();
        let long = |name: &str| match member(source, name) {
            Some(Avro::Long(value)) => Some(*value),
            _ => None,
        };
        let op = match member(&event, "op") {
            Some(Avro::String(op)) => Some(op.clone()),
            _ => None,
        };
        Origin {
            op,
            time: long("ts_us"),
            position: long("lsn").map(|lsn| lsn.to_string()),
        }
    }
}

fn envelope(payload: &Value, source: &Value) -> Origin {
    let number = |name: &str| source.get(name).and_then(Value::as_i64);
    // Reads of an incremental snapshot have no position of their own.
    let position = match source.get("file").and_then(Value::as_str) {
        Some(file) => Some(format!("{file}:{}", number("pos").unwrap())),
        None => number("lsn").map(|lsn| lsn.to_string()),
    };
    Origin {
        op: payload["op"].as_str().map(str::to_owned),
        time: number("ts_us"),
        position,
    }
}

/// The transform puts what it is told beside the columns, or into headers.
fn flat(payload: &Value, record: &Recorded) -> Origin {
    let header = |name: &str| {
        let found = record.outgoing.headers.iter().find(|header| &*header.name == name)?;
        String::from_utf8(found.value.as_ref()?.to_vec()).ok()
    };
    let op = payload["__op"].as_str().map(str::to_owned).or_else(|| header("__op"));
    Origin {
        op: if payload.is_null() { Some("tombstone".to_owned()) } else { op },
        time: payload["__source_ts_ms"].as_i64().map(|millis| millis * 1_000),
        position: payload["__lsn"]
            .as_i64()
            .map(|lsn| lsn.to_string())
            .or_else(|| header("__source_lsn")),
    }
}

fn datum_of(schema: &apache_avro::Schema, mut datum: &[u8]) -> Avro {
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(schema).build().unwrap();
    reader.read_value(&mut datum).unwrap()
}

fn member<'v>(value: &'v Avro, name: &str) -> Option<&'v Avro> {
    match value {
        Avro::Union(_, value) => member(value, name),
        Avro::Record(fields) => {
            let (_, found) = fields.iter().find(|(field, _)| field == name)?;
            Some(match found {
                Avro::Union(_, inner) => inner,
                other => other,
            })
        }
        _ => None,
    }
}
