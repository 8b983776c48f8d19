//! SQL text of objectives. Every name is quoted, every constant is written by us or proven to be a number.

use tidegate_contract::model::{Literal, SchemaObject};

use crate::column::{Column, ColumnKind};
use crate::number::Number;
use crate::objective::{EventTime, Limit, Objective, Probe, RowSet};
use crate::observation::{TableSource, TableSpec};
use crate::traffic::Traffic;

pub(crate) mod promises;

/// Columns that the sink adds to every row; the ones that queries name.
pub const SYSTEM_COLUMNS: [&str; 6] = [
    "_op",
    "_source_time",
    "_unavailable",
    "_tidegate_timestamp",
    "_tidegate_partition",
    "_tidegate_offset",
];

/// `"name"`.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'text'`.
pub fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The column, or the field of the struct around it.
pub fn column(column: &Column) -> String {
    let (first, rest) = column
        .path
        .split_first()
        .expect("a column has a name: `column::find` starts from a property");
    rest.iter()
        .fold(quoted(first), |around, name| format!("get_field({around}, {})", text(name)))
}

/// Name of the table that holds every row of an object as the sink wrote it, deletes and tombstones among them.
pub fn log_table(object: &str) -> String {
    format!("{object}.log")
}

/// The two tables of an object: `<object>.log` over the files below `prefix`, and `<object>` with the rows that its rules speak about.
pub fn tables(object: &SchemaObject, rows: &RowSet, prefix: String) -> Vec<TableSpec> {
    let log = log_table(&object.name);
    let from = quoted(&log);
    let sql = match rows {
        RowSet::Events => format!("SELECT * FROM {from} WHERE \"_op\" IS NULL OR \"_op\" <> 'tombstone'"),
        RowSet::Changes => format!("SELECT * FROM {from} WHERE \"_op\" IS NULL OR \"_op\" NOT IN ('d', 't', 'm', 'tombstone')"),
        // Flattened rows may tell a delete by its tombstone alone. A key keeps its partition, so the offset in the validated topic orders its changes. A truncate has no key: it ends what is older.
        RowSet::Current(keys) => format!(
            "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY \"_tidegate_offset\" DESC) AS \"_tidegate_age\" FROM {from} \
             WHERE (\"_op\" IS NULL OR \"_op\" NOT IN ('t', 'm')) \
             AND COALESCE(\"_source_time\" >= (SELECT max(\"_source_time\") FROM {from} WHERE \"_op\" = 't'), true)) \
             WHERE \"_tidegate_age\" = 1 AND (\"_op\" IS NULL OR \"_op\" NOT IN ('d', 'tombstone'))",
            keys = keys.iter().map(|key| quoted(key)).collect::<Vec<_>>().join(", "),
        ),
    };
    let columns = object
        .properties
        .iter()
        .map(|property| property.name.to_string())
        .chain(SYSTEM_COLUMNS.map(str::to_owned))
        .collect();
    vec![
        TableSpec {
            name: log,
            source: TableSource::Files { prefix, columns },
        },
        TableSpec {
            name: object.name.to_string(),
            source: TableSource::View { sql },
        },
    ]
}

/// What an objective asks of the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Nothing: the clock decides.
    Nothing,
    /// Aggregates over one relation, which may be asked together with others over the same.
    Together {
        /// What stands behind FROM.
        relation: String,
        /// Names and aggregates, in the order that [`crate::evaluate`](mod@crate::evaluate) reads.
        columns: Vec<(&'static str, String)>,
    },
    /// A statement of its own.
    Alone(String),
}

/// The question of an objective. What its columns mean stands in [`crate::evaluate`](mod@crate::evaluate); `now` is in microseconds since the epoch.
pub fn question(objective: &Objective, now: i64, traffic: &Traffic) -> Question {
    let relation = quoted(&objective.table);
    let together = |columns: Vec<(&'static str, String)>| Question::Together {
        relation: relation.clone(),
        columns,
    };
    if let Some(question) = promises::question(objective, now, traffic) {
        return question;
    }
    match &objective.probe {
        Probe::Freshness(event) => {
            // An event cannot be newer than its record, so a date in the future counts as the record's time; what then still lies
            // past `now` proves nothing yet and is left out.
            let (event, arrival) = (event_micros(event), micros("\"_tidegate_timestamp\""));
            let believed = match event == arrival {
                true => event,
                false => format!("CASE WHEN {arrival} < {event} THEN {arrival} ELSE {event} END"),
            };
            together(vec![
                ("rows", "count(*)".into()),
                ("timed", format!("count({believed})")),
                ("newest", format!("max({believed}) FILTER (WHERE {believed} <= {now})")),
                ("future", format!("count(*) FILTER (WHERE {believed} > {now})")),
            ])
        }
        Probe::Latency(event) => {
            let lag = format!("({} - {})", micros("\"_tidegate_timestamp\""), event_micros(event));
            let within = match objective.limit {
                Limit::Within(micros) => micros,
                _ => unreachable!("`plan` gives latency a length of time"),
            };
            together(vec![
                ("rows", "count(*)".into()),
                ("timed", format!("count({lag})")),
                ("late", format!("count(*) FILTER (WHERE {lag} > {within})")),
                ("p99", format!("approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY {lag})")),
                ("longest_in_time", format!("max({lag}) FILTER (WHERE {lag} <= {within})")),
                ("shortest_late", format!("min({lag}) FILTER (WHERE {lag} > {within})")),
                ("longest", format!("max({lag})")),
            ])
        }
        Probe::RowCount => together(vec![("measured", "count(*)".into()), ("rows", "count(*)".into())]),
        Probe::NullValues(of) => counted(objective, of, &format!("{} IS NULL", column(of))),
        Probe::MissingValues(of, missing) => {
            let column_sql = column(of);
            let listed = among(&column_sql, of.kind, missing).map_or(String::new(), |test| format!(" OR {test}"));
            counted(objective, of, &format!("{column_sql} IS NULL{listed}"))
        }
        Probe::InvalidValues {
            column: of,
            valid,
            pattern,
        } => {
            let column_sql = column(of);
            let list = among(&column_sql, of.kind, valid).map(|test| format!("NOT ({test})"));
            let pattern = pattern
                .as_ref()
                .map(|pattern| format!("NOT regexp_like({column_sql}, {})", text(pattern)));
            let tests: Vec<String> = list.into_iter().chain(pattern).collect();
            counted(objective, of, &format!("{column_sql} IS NOT NULL AND ({})", tests.join(" OR ")))
        }
        Probe::DuplicateValues(of) => Question::Alone(duplicates(of, &relation)),
        Probe::Sql(query) => Question::Alone(query.to_string()),
        _ => unreachable!("`promises` asks the others"),
    }
}

fn duplicates(of: &[Column], from: &str) -> String {
    let columns: Vec<String> = of.iter().map(column).collect();
    let named: Vec<String> = columns.iter().enumerate().map(|(at, sql)| format!("{sql} AS \"k{at}\"")).collect();
    let keys: Vec<String> = (0..columns.len()).map(|at| format!("\"k{at}\"")).collect();
    let keyed: Vec<String> = keys.iter().map(|key| format!("{key} IS NOT NULL")).collect();
    format!(
        "SELECT COALESCE(SUM(CASE WHEN {keyed} THEN \"n\" - 1 ELSE 0 END), 0) AS \"measured\", COALESCE(SUM(\"n\"), 0) AS \"rows\" \
         FROM (SELECT {keys}, count(*) AS \"n\" FROM (SELECT {named} FROM {from}) GROUP BY {keys})",
        keyed = keyed.join(" AND "),
        keys = keys.join(", "),
        named = named.join(", "),
    )
}

// === impl Question ===

impl Question {
    /// The statement that answers this question alone.
    pub fn sql(&self) -> Option<String> {
        match self {
            Question::Nothing => None,
            Question::Alone(sql) => Some(sql.clone()),
            Question::Together { relation, columns } => {
                let columns: Vec<String> = columns.iter().map(|(name, sql)| format!("{sql} AS {}", quoted(name))).collect();
                Some(format!("SELECT {} FROM {relation}", columns.join(", ")))
            }
        }
    }
}

/// A constant of a contract compared with a column of this kind; none where no value of the column can equal it.
/// Text columns are compared with text, also when the contract says `10` without quotes.
pub fn constant(value: &Literal, kind: ColumnKind) -> Option<String> {
    match (value, kind) {
        (Literal::Null, _) => None,
        (Literal::String(value) | Literal::Number(value), ColumnKind::Text) => Some(text(value)),
        (Literal::Bool(value), ColumnKind::Text) => Some(text(&value.to_string())),
        (Literal::String(value) | Literal::Number(value), ColumnKind::Number) => Number::parse(value).map(|_| value.to_string()),
        (Literal::Bool(_), ColumnKind::Number) => None,
        (Literal::Bool(value), _) => Some(value.to_string()),
        (Literal::String(value), _) => Some(text(value)),
        (Literal::Number(value), _) => Number::parse(value).map(|_| value.to_string()),
    }
}

/// `column IN (…)`; none when nothing of the list can be in the column.
fn among(column: &str, kind: ColumnKind, values: &[Literal]) -> Option<String> {
    let constants: Vec<String> = values.iter().filter_map(|value| constant(value, kind)).collect();
    match (constants.is_empty(), values.is_empty()) {
        (false, _) => Some(format!("{column} IN ({})", constants.join(", "))),
        // A list of which no value fits is still a list: nothing of the column is in it.
        (true, false) => Some("false".into()),
        (true, true) => None,
    }
}

/// Rows that fail a test about a column, and rows in which the column can stand: a field of an absent object is not null, it is not there;
/// and a value that the source did not send is not null, it is not known.
fn counted(objective: &Objective, of: &Column, test: &str) -> Question {
    let mut conditions: Vec<String> = of
        .parent()
        .map(|parent| format!("{} IS NOT NULL", column(&parent)))
        .into_iter()
        .collect();
    if objective.cdc {
        conditions.extend((1..=of.path.len()).map(|length| {
            let dotted = text(&of.path[..length].join("."));
            format!("NOT COALESCE(array_has(arrow_cast(\"_unavailable\", 'List(Utf8)'), {dotted}), false)")
        }));
    }
    let columns = match conditions.is_empty() {
        true => vec![
            ("measured", format!("count(*) FILTER (WHERE {test})")),
            ("rows", "count(*)".to_owned()),
        ],
        false => {
            let present = conditions.join(" AND ");
            vec![
                ("measured", format!("count(*) FILTER (WHERE {present} AND ({test}))")),
                ("rows", format!("count(*) FILTER (WHERE {present})")),
            ]
        }
    };
    Question::Together {
        relation: quoted(&objective.table),
        columns,
    }
}

fn event_micros(event: &EventTime) -> String {
    match event {
        EventTime::Property(of) => micros(&column(of)),
        EventTime::SourceTime => micros("\"_source_time\""),
        EventTime::RecordTimestamp => micros("\"_tidegate_timestamp\""),
    }
}

/// Microseconds since the epoch; a date counts from its midnight in UTC.
fn micros(column: &str) -> String {
    format!("arrow_cast(arrow_cast({column}, 'Timestamp(Microsecond, None)'), 'Int64')")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &[&str], kind: ColumnKind) -> Column {
        Column {
            path: path.iter().map(|name| (*name).into()).collect(),
            kind,
        }
    }

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(column(&of(&["a\"b"], ColumnKind::Text)), "\"a\"\"b\"");
        assert_eq!(
            column(&of(&["ship", "o'brien"], ColumnKind::Text)),
            "get_field(\"ship\", 'o''brien')"
        );
    }

    #[test]
    fn constants_follow_the_column() {
        assert_eq!(constant(&Literal::Number("10.50".into()), ColumnKind::Number).unwrap(), "10.50");
        assert_eq!(constant(&Literal::Number("10".into()), ColumnKind::Text).unwrap(), "'10'");
        assert_eq!(constant(&Literal::String("1; DROP".into()), ColumnKind::Number), None);
        assert_eq!(constant(&Literal::Null, ColumnKind::Text), None);
        assert_eq!(constant(&Literal::Bool(true), ColumnKind::Boolean).unwrap(), "true");
    }

    #[test]
    fn a_list_that_fits_nothing_is_not_no_list() {
        assert_eq!(among("x", ColumnKind::Number, &[Literal::String("many".into())]).unwrap(), "false");
        assert_eq!(among("x", ColumnKind::Number, &[]), None);
    }
}
