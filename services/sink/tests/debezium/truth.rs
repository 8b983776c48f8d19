//! The tables as the databases held them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::recording::{Database, lines};
use crate::rendering::plain_number;

/// A row: column to text, none for null.
pub(crate) type Row = BTreeMap<String, Option<String>>;

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    /// Columns with their declared types.
    pub(crate) columns: Vec<(String, String)>,
    /// Columns of the primary key; empty when there is none.
    pub(crate) key: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// All tables at `stage` (`final` or `final-after-crash`), by the name that topics have for them.
pub(crate) fn tables(database: Database, stage: &str) -> BTreeMap<String, Table> {
    let mut tables: BTreeMap<String, Table> = match database {
        Database::Postgres => lines(&format!("truth/pg-{stage}-columns.jsonl"))
            .iter()
            .map(postgres_table)
            .collect(),
        Database::Maria => lines(&format!("truth/maria-{stage}-rows.jsonl")).iter().map(maria_table).collect(),
    };
    let file = match database {
        Database::Postgres => format!("truth/pg-{stage}-rows.jsonl"),
        Database::Maria => format!("truth/maria-{stage}-rows.jsonl"),
    };
    for line in lines(&file) {
        let table = tables.get_mut(&topic_name(&line)).unwrap();
        table.rows = line["rows"].as_array().unwrap().iter().map(|row| read_row(table, row)).collect();
    }
    tables
}

/// Debezium's topic names hold no quotes and no spaces.
fn topic_name(line: &Value) -> String {
    line["table"].as_str().unwrap().replace('"', "").replace(' ', "_")
}

fn postgres_table(line: &Value) -> (String, Table) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let columns = line["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| (text(&column["name"]), text(&column["type"])));
    let key = line["primary_key"].as_array().into_iter().flatten().map(text);
    (
        topic_name(line),
        Table {
            columns: columns.collect(),
            key: key.collect(),
            rows: Vec::new(),
        },
    )
}

fn maria_table(line: &Value) -> (String, Table) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let declared = line["columns"].as_array().unwrap();
    let columns = declared.iter().map(|column| (text(&column["name"]), text(&column["type"])));
    let key = declared
        .iter()
        .filter(|column| column["key"] == "PRI")
        .map(|column| text(&column["name"]));
    (
        topic_name(line),
        Table {
            columns: columns.collect(),
            key: key.collect(),
            rows: Vec::new(),
        },
    )
}

fn read_row(table: &Table, row: &Value) -> Row {
    let read = |(column, declared): &(String, String)| {
        let text = row[column].as_str().map(|text| match &**declared {
            "numeric" => plain_number(text),
            _ => text.to_owned(),
        });
        (column.clone(), text)
    };
    table.columns.iter().map(read).collect()
}

// === impl Table ===

impl Table {
    /// What identifies a row: its key, or all of it where there is none.
    pub(crate) fn identity(&self, row: &Row) -> Row {
        let names: Vec<&String> = match self.key.is_empty() {
            true => self.columns.iter().map(|(name, _)| name).collect(),
            false => self.key.iter().collect(),
        };
        names
            .into_iter()
            .map(|name| (name.clone(), row.get(name).cloned().flatten()))
            .collect()
    }
}
