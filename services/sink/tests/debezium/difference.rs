//! Where the lake, folded, is not what the database held; and the list of the places where that is right.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::recording::lines;
use crate::truth::{Row, Table};

/// One place, as `contracts/differences.jsonl` lists it without its reason.
pub(crate) type Difference = String;

/// Compares a folded table. Rows whose events are dead letters (`refused`, by key) count as one place each.
pub(crate) fn differences(name: &str, table: &Table, folded: Vec<Row>, refused: &BTreeSet<Row>) -> Vec<Difference> {
    let mut lake: BTreeMap<Row, Vec<Row>> = BTreeMap::new();
    for row in folded {
        lake.entry(table.identity(&row)).or_default().push(row);
    }
    let mut found = Vec::new();
    for wanted in &table.rows {
        let key = table.identity(wanted);
        let row = lake.get_mut(&key).and_then(Vec::pop);
        let unequal = row.as_ref().map(|row| wanted.iter().filter(|(column, value)| row[*column] != **value).collect::<Vec<_>>());
        match unequal {
            Some(columns) if columns.is_empty() => {}
            _ if refused.contains(&key) => found.push(place(name, &key, "refused")),
            None => found.push(place(name, &key, "only in the table")),
            Some(columns) => {
                let row = row.unwrap();
                found.extend(columns.into_iter().map(|(column, value)| cell(name, &key, column, &row[column], value)));
            }
        }
    }
    let left = lake.into_iter().flat_map(|(key, rows)| rows.into_iter().map(move |_| key.clone()));
    found.extend(left.map(|key| place(name, &key, if refused.contains(&key) { "refused" } else { "only in the lake" })));
    found
}

/// The places that are listed for a recording, with how often; the reasons are for people.
pub(crate) fn listed(recording: &str) -> BTreeMap<Difference, usize> {
    let mut listed = BTreeMap::new();
    for mut line in lines("contracts/differences.jsonl") {
        let line = line.as_object_mut().unwrap();
        let applies = line.remove("recordings").unwrap().as_array().unwrap().iter().any(|name| name == recording);
        let why = line.remove("why").unwrap();
        assert!(why.as_str().is_some_and(|why| !why.is_empty()));
        if applies {
            *listed.entry(Value::from(line.clone()).to_string()).or_default() += 1;
        }
    }
    listed
}

/// The connector leaves the table out.
pub(crate) fn not_captured(table: &str) -> Difference {
    json!({"table": table, "row": "not captured"}).to_string()
}

fn place(table: &str, key: &Row, row: &str) -> Difference {
    json!({"table": table, "key": key, "row": row}).to_string()
}

fn cell(table: &str, key: &Row, column: &str, lake: &Option<String>, truth: &Option<String>) -> Difference {
    json!({"table": table, "key": key, "column": column, "lake": lake, "truth": truth}).to_string()
}
