//! The recorded events and the contracts of their topics.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;
use tidegate_contract::ContractFile;
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Header, TopicPartition};

/// What one connector wrote, and how it was set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recording {
    /// File, without what follows the first dot; `<name>-after-crash` goes on where it ends.
    pub(crate) name: &'static str,
    file: &'static str,
    /// `topic.prefix` of the connector.
    pub(crate) prefix: &'static str,
    pub(crate) database: Database,
    /// What its contracts say otherwise than the contracts of the plain recordings.
    pub(crate) contract: &'static [(&'static str, &'static str)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Postgres,
    Maria,
}

/// A record as it lay on the broker.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) offset: i64,
    pub(crate) outgoing: Outgoing,
}

const FLAT: (&str, &str) = ("value: debezium\n", "value: debezium-flat\n");

pub(crate) const PG_SCHEMA: Recording = postgres("pg-schema", "pg-schema.jsonl.gz", "pgschema", &[]);
pub(crate) const PG_PLAIN: Recording = postgres("pg-plain", "pg-plain.jsonl", "pgplain", &[]);
pub(crate) const PG_FLAT: Recording = postgres("pg-flat", "pg-flat.jsonl", "pgflat", &[FLAT]);
pub(crate) const PG_FLAT_DEFAULT: Recording = postgres("pg-flat-default", "pg-flat-default.jsonl", "pgflatdef", &[FLAT]);
// `field.name.adjustment.mode=avro` spells what Avro cannot name with underscores.
pub(crate) const PG_AVRO: Recording = postgres("pg-avro", "pg-avro.jsonl", "pgavro", &[("\"Prix €\"", "Prix__")]);
pub(crate) const MARIA_SCHEMA: Recording = maria(
    "maria-schema",
    "maria-schema.jsonl.gz",
    "myschema",
    &[("value: string\n", "value: precise\n")],
);
pub(crate) const MARIA_PLAIN: Recording = maria("maria-plain", "maria-plain.jsonl", "myplain", &[]);

const fn postgres(
    name: &'static str,
    file: &'static str,
    prefix: &'static str,
    contract: &'static [(&'static str, &'static str)],
) -> Recording {
    Recording {
        name,
        file,
        prefix,
        database: Database::Postgres,
        contract,
    }
}

const fn maria(
    name: &'static str,
    file: &'static str,
    prefix: &'static str,
    contract: &'static [(&'static str, &'static str)],
) -> Recording {
    Recording {
        name,
        file,
        prefix,
        database: Database::Maria,
        contract,
    }
}

/// The corpus.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/debezium")
}

/// A file with one JSON object a line.
pub(crate) fn lines(file: &str) -> Vec<Value> {
    let open = File::open(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let reader: Box<dyn Read> = match file.ends_with(".gz") {
        true => Box::new(flate2::read::GzDecoder::new(open)),
        false => Box::new(open),
    };
    BufReader::new(reader)
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect()
}

/// Schemas of the registry, as JSON text by id.
pub(crate) fn avro_schemas() -> Vec<(u32, String)> {
    let listed: Value = serde_json::from_reader(File::open(folder().join("avro-schemas.json")).unwrap()).unwrap();
    let schema = |entry: &Value| (u32::try_from(entry["id"].as_u64().unwrap()).unwrap(), entry["schema"].to_string());
    listed.as_array().unwrap().iter().map(schema).collect()
}

/// The decoded bytes of a base64 text; none for null.
pub(crate) fn bytes(value: &Value) -> Option<Bytes> {
    value.as_str().map(|text| BASE64.decode(text).unwrap().into())
}

// === impl Recording ===

impl Recording {
    /// What was recorded until everything was streamed.
    pub(crate) fn main(&self) -> Vec<Recorded> {
        records(self.file)
    }

    /// What was recorded after the connector was killed and started again.
    pub(crate) fn after_crash(&self) -> Vec<Recorded> {
        records(&format!("{}-after-crash.jsonl", self.name))
    }

    /// The table that a topic holds the changes of; none for heartbeats, transactions, messages and schema changes.
    pub(crate) fn table<'t>(&self, topic: &'t str) -> Option<&'t str> {
        let table = topic.strip_prefix(self.prefix)?.strip_prefix('.')?;
        (table.starts_with("shop.") || table.starts_with("inv.")).then_some(table)
    }

    /// One contract for each table of which there are records.
    pub(crate) fn contracts(&self, records: &[Recorded]) -> Vec<ContractFile> {
        let tables: BTreeSet<&str> = records.iter().filter_map(|record| self.table(&record.outgoing.to.topic)).collect();
        tables.into_iter().map(|table| self.contract(table)).collect()
    }

    fn contract(&self, table: &str) -> ContractFile {
        let path = format!("contracts/{table}.odcs.yaml");
        let mut text = fs::read_to_string(folder().join(&path)).unwrap_or_else(|_| panic!("no contract for {table}"));
        for plain in ["pgplain.", "myplain."] {
            text = text.replace(&format!("physicalName: {plain}"), &format!("physicalName: {}.", self.prefix));
        }
        for (from, to) in self.contract {
            text = text.replace(from, to);
        }
        ContractFile { path: path.into(), text }
    }

    /// How many records of each table must become dead letters, of one of the files of this recording.
    pub(crate) fn outside(&self, file: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in lines("contracts/outside.jsonl") {
            let times = line["recordings"].as_array().unwrap().iter().filter(|name| *name == file).count();
            if times > 0 {
                let each = usize::try_from(line["count"].as_u64().unwrap_or(1)).unwrap();
                *counts.entry(line["table"].as_str().unwrap().to_owned()).or_default() += times * each;
            }
        }
        counts
    }

    /// Names of its files, the main one first.
    pub(crate) fn files(&self, after_crash: bool) -> Vec<String> {
        let crash = after_crash.then(|| format!("{}-after-crash.jsonl", self.name));
        std::iter::once(self.file.to_owned()).chain(crash).collect()
    }
}

fn records(file: &str) -> Vec<Recorded> {
    let record = |line: Value| {
        let header = |pair: &Value| Header {
            name: pair[0].as_str().unwrap().into(),
            value: bytes(&pair[1]),
        };
        let partition = i32::try_from(line["partition"].as_i64().unwrap()).unwrap();
        Recorded {
            offset: line["offset"].as_i64().unwrap(),
            outgoing: Outgoing {
                to: TopicPartition::new(line["topic"].as_str().unwrap(), partition),
                timestamp: line["timestamp_ms"].as_i64(),
                key: bytes(&line["key_b64"]),
                value: bytes(&line["value_b64"]),
                headers: line["headers"].as_array().unwrap().iter().map(header).collect(),
            },
        }
    };
    lines(file).into_iter().map(record).collect()
}
