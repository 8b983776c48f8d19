//! Where the lake, folded, is not what the database held; and the list of the places where that is right.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::recording::lines;
use crate::truth::{Row, Table};

/// One place. `contracts/differences.jsonl` has one a line, as often as it occurs, with its reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    table: String,
    /// Identity of the row; empty for a table.
    key: Row,
    what: What,
}

/// What is not equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The connector leaves the whole table out.
    NotCaptured,
    /// Events of the row are dead letters, and the row is missing or stale.
    Refused,
    OnlyInTheTable,
    OnlyInTheLake,
    Value {
        column: String,
        lake: Option<String>,
        truth: Option<String>,
    },
}

/// A value of a table: table, key, column, text.
pub(crate) type Cell = (String, Row, String, Option<String>);

/// Compares a folded table. Rows whose events are dead letters (`refused`, by key) count as one place each.
pub(crate) fn differences(name: &str, table: &Table, folded: Vec<Row>, refused: &BTreeSet<Row>) -> Vec<Difference> {
    let mut lake: BTreeMap<Row, Vec<Row>> = BTreeMap::new();
    for row in folded {
        lake.entry(table.identity(&row)).or_default().push(row);
    }
    let mut found = Vec::new();
    let mut place = |key: &Row, what| {
        found.push(Difference {
            table: name.to_owned(),
            key: key.clone(),
            what,
        })
    };
    for wanted in &table.rows {
        let key = table.identity(wanted);
        let row = lake.get_mut(&key).and_then(Vec::pop);
        match row {
            Some(row) if wanted.iter().all(|(column, truth)| row[column] == *truth) => {}
            _ if refused.contains(&key) => place(&key, What::Refused),
            None => place(&key, What::OnlyInTheTable),
            Some(row) => {
                for (column, truth) in wanted.iter().filter(|(column, truth)| row[*column] != **truth) {
                    place(
                        &key,
                        What::Value {
                            column: column.clone(),
                            lake: row[column].clone(),
                            truth: truth.clone(),
                        },
                    );
                }
            }
        }
    }
    for (key, rows) in lake {
        for _ in rows {
            place(
                &key,
                if refused.contains(&key) {
                    What::Refused
                } else {
                    What::OnlyInTheLake
                },
            );
        }
    }
    found
}

/// The connector leaves the table out.
pub(crate) fn not_captured(table: &str) -> Difference {
    Difference {
        table: table.to_owned(),
        key: Row::new(),
        what: What::NotCaptured,
    }
}

/// The places that are listed for a recording, with how often; the reasons are for people.
pub(crate) fn listed(recording: &str) -> BTreeMap<Difference, usize> {
    let mut listed = BTreeMap::new();
    for line in lines("contracts/differences.jsonl") {
        assert!(line["why"].as_str().is_some_and(|why| !why.is_empty()), "{line}");
        if line["recordings"].as_array().unwrap().iter().any(|name| name == recording) {
            *listed.entry(Difference::read(&line)).or_default() += 1;
        }
    }
    listed
}

/// What a plain reading of the events with their schemas finds unequal (`truth/fold-differences.jsonl`), and what of `found` is a matter of
/// values. Left out are rows that are dead letters, tables that are not captured, and tables without a key (there the plain reading looks
/// at the row before, which the lake does not hold).
pub(crate) fn beside_a_plain_reading(tables: &BTreeMap<String, Table>, found: &[Difference]) -> [BTreeSet<Cell>; 2] {
    let excused = |table: &str, key: &Row| {
        found
            .iter()
            .any(|place| place.table == table && (place.what == What::NotCaptured || (place.what == What::Refused && place.key == *key)))
    };
    let mut read = BTreeSet::new();
    for line in lines("truth/fold-differences.jsonl") {
        let name = line["table"].as_str().unwrap();
        let (column, value) = line["row"].as_object().unwrap().iter().next().unwrap();
        let row = tables[name]
            .rows
            .iter()
            .find(|row| row[column].as_deref() == value.as_str())
            .unwrap();
        let key = tables[name].identity(row);
        // That a column is not there and that it is null is one in the lake.
        let null = line["difference"] == "not in the events" && line["truth"] == "None";
        if !null && !excused(name, &key) {
            read.insert((name.to_owned(), key, text(&line["column"]).unwrap(), text(&line["truth"])));
        }
    }
    let landed = found.iter().filter_map(|place| match &place.what {
        What::Value { column, truth, .. } => Some((place.table.clone(), place.key.clone(), column.clone(), truth.clone())),
        _ => None,
    });
    [read, landed.collect()]
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

// === impl Difference ===

impl Difference {
    fn read(line: &Value) -> Difference {
        let what = match line["row"].as_str() {
            None => What::Value {
                column: text(&line["column"]).unwrap(),
                lake: text(&line["lake"]),
                truth: text(&line["truth"]),
            },
            Some("not captured") => What::NotCaptured,
            Some("refused") => What::Refused,
            Some("only in the table") => What::OnlyInTheTable,
            Some("only in the lake") => What::OnlyInTheLake,
            Some(other) => panic!("`{other}` is no difference"),
        };
        let key = line["key"].as_object().into_iter().flatten();
        Difference {
            table: text(&line["table"]).unwrap(),
            key: key.map(|(column, value)| (column.clone(), text(value))).collect(),
            what,
        }
    }
}
