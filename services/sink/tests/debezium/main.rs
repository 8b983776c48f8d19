//! Events of running Debezium connectors go the whole way: broker, validator, sink, Parquet. The rows that land are read back, folded as a
//! reader of the lake would fold them, and compared with the tables as the databases held them in the end.
//!
//! Where the two are not equal, `contracts/differences.jsonl` of the corpus lists the place, what each of them says, and why. A place that
//! is not listed fails the test, and so does a listed one that has become equal.
#![allow(clippy::unwrap_used, reason = "tests")]

mod difference;
mod folding;
mod origin;
mod recording;
mod rendering;
mod truth;
mod way;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidegate_columnar::arrow::array::AsArray;
use tidegate_columnar::fixed;
use tidegate_contract::{LogicalType, Property};

use difference::{Difference, beside_a_plain_reading, differences, listed, not_captured};
use folding::{Column, Landed, fold, rows};
use recording::{Database, MARIA_PLAIN, MARIA_SCHEMA, PG_AVRO, PG_FLAT, PG_FLAT_DEFAULT, PG_PLAIN, PG_SCHEMA, Recorded, Recording};
use truth::{Row, tables};
use way::Way;

/// A recording on its way.
struct Run {
    recording: Recording,
    way: Way,
    put: Vec<Recorded>,
    reader: origin::Reader,
}

// === impl Run ===

impl Run {
    fn new(recording: Recording, records: &[&[Recorded]]) -> Run {
        let all: Vec<Recorded> = records.concat();
        let way = Way::new(&recording.contracts(&all), records);
        Run {
            recording,
            way,
            put: Vec::new(),
            reader: origin::Reader::new(),
        }
    }

    fn put(&mut self, records: &[Recorded]) {
        self.way.put(records);
        self.way.run();
        self.put.extend_from_slice(records);
    }

    /// Columns of the lake and of the table, from the contract that this recording's topic has for the table.
    fn columns(&self, table: &str) -> Vec<Column> {
        let topic = format!("{}.{table}", self.recording.prefix);
        let object = self.way.snapshot().bindings[topic.as_str()].default.object();
        let column = |property: &Property| Column {
            lake: property.name.to_string(),
            // The table's own name of what Avro cannot name.
            table: if &*property.wire_name == "Prix__" {
                "Prix €".to_owned()
            } else {
                property.wire_name.to_string()
            },
            untyped: matches!(property.logical_type, LogicalType::Any),
        };
        object.properties.iter().map(column).collect()
    }

    /// Every row of the lake by table; each tells operation, time and position as its event does.
    fn landed(&self, tables: &BTreeMap<String, truth::Table>) -> BTreeMap<String, Vec<Landed>> {
        let place = |record: &Recorded| (record.outgoing.to.topic.to_string(), record.outgoing.to.partition, record.offset);
        let recorded: HashMap<_, &Recorded> = self.put.iter().map(|record| (place(record), record)).collect();
        let mut landed: BTreeMap<String, Vec<Landed>> = BTreeMap::new();
        let empty = truth::Table {
            columns: Vec::new(),
            key: Vec::new(),
            rows: Vec::new(),
        };
        for batch in self.way.landed() {
            let topic = batch[fixed::SOURCE_TOPIC].as_string::<i32>().value(0);
            let table = self.recording.table(topic).unwrap();
            let found = rows(
                &batch,
                self.recording.database,
                tables.get(table).unwrap_or(&empty),
                &self.columns(table),
            );
            for row in &found {
                let record = recorded[&row.source];
                let told = origin::Origin {
                    op: row.op.clone(),
                    time: row.source_time,
                    position: row.source_position.clone(),
                };
                assert_eq!(told, self.reader.origin(record), "{:?}", row.source);
            }
            landed.entry(table.to_owned()).or_default().extend(found);
        }
        landed
    }

    /// Keys of dead letters by table; as many as the corpus lists.
    fn refused(&self, after_crash: bool) -> BTreeMap<String, BTreeSet<Row>> {
        let mut expected: BTreeMap<String, usize> = BTreeMap::new();
        for file in self.recording.files(after_crash) {
            for (table, count) in self.recording.outside(&file) {
                *expected.entry(table).or_default() += count;
            }
        }
        let (mut refused, mut counts): (BTreeMap<String, BTreeSet<Row>>, BTreeMap<String, usize>) = Default::default();
        for letter in self.way.outcomes(false) {
            let topic = letter.origin.at.topic.strip_suffix(".dlq").unwrap();
            let table = self.recording.table(topic).unwrap();
            let key = self.reader.key(letter.key.as_deref()).unwrap();
            refused
                .entry(table.to_owned())
                .or_default()
                .insert(key.into_iter().map(|(name, value)| (name, Some(value))).collect());
            *counts.entry(table.to_owned()).or_default() += 1;
        }
        assert_eq!(counts, expected, "dead letters");
        refused
    }

    /// Compares with the tables at `stage`; `label` is what the list of differences calls this recording.
    fn compare(&self, stage: &str, label: &str, after_crash: bool) -> Vec<Difference> {
        let tables = tables(self.recording.database, stage);
        let refused = self.refused(after_crash);
        let mut landed = self.landed(&tables);
        let mut found: BTreeMap<Difference, usize> = BTreeMap::new();
        let none = BTreeSet::new();
        for (name, table) in &tables {
            let topic = format!("{}.{name}", self.recording.prefix);
            if !self.way.snapshot().bindings.contains_key(topic.as_str()) && !table.rows.is_empty() {
                found.insert(not_captured(name), 1);
                continue;
            }
            let folded = fold(table, landed.remove(name).unwrap_or_default());
            for difference in differences(name, table, folded, refused.get(name).unwrap_or(&none)) {
                *found.entry(difference).or_default() += 1;
            }
        }
        let expected = listed(label);
        let unlisted: Vec<&Difference> = found
            .iter()
            .filter(|(place, count)| expected.get(*place) != Some(count))
            .map(|(place, _)| place)
            .collect();
        let equal: Vec<&Difference> = expected.keys().filter(|place| !found.contains_key(*place)).collect();
        assert!(
            unlisted.is_empty() && equal.is_empty(),
            "{label}: not listed: {unlisted:#?}, listed and equal: {equal:#?}"
        );
        found.into_keys().collect()
    }
}

fn to_the_end(recording: Recording) -> Vec<Difference> {
    let main = recording.main();
    let mut run = Run::new(recording, &[&main]);
    run.put(&main);
    run.compare("final", recording.name, false)
}

fn through_a_crash(recording: Recording) {
    let (main, after_crash) = (recording.main(), recording.after_crash());
    let mut run = Run::new(recording, &[&main, &after_crash]);
    run.put(&main);
    run.compare("final", recording.name, false);
    run.put(&after_crash);
    run.compare("final-after-crash", &format!("{}-after-crash", recording.name), true);
}

#[test]
fn postgres_with_schemas() {
    let found = to_the_end(PG_SCHEMA);
    let [read, landed] = beside_a_plain_reading(&tables(Database::Postgres, "final"), &found);
    assert_eq!(landed, read);
    assert!(read.len() > 25, "{}", read.len());
}

#[test]
fn postgres_without_schemas_and_through_a_crash() {
    through_a_crash(PG_PLAIN);
}

#[test]
fn postgres_flattened_and_through_a_crash() {
    through_a_crash(PG_FLAT);
}

#[test]
fn postgres_flattened_with_tombstones_as_deletes() {
    to_the_end(PG_FLAT_DEFAULT);
}

#[test]
fn postgres_in_avro() {
    to_the_end(PG_AVRO);
}

#[test]
fn mariadb_with_schemas() {
    to_the_end(MARIA_SCHEMA);
}

#[test]
fn mariadb_without_schemas() {
    to_the_end(MARIA_PLAIN);
}
