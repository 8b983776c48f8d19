//! `tidegate sla history`.

use tidegate_objectives::sql::text;
use tidegate_objectives::{Cell, QueryEngine as _, Rows};
use tidegate_sla::history::table as history_table;

use crate::cli::{Output, SlaHistoryArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::say;
use crate::table::table;

const COLUMNS: [&str; 7] = ["observed_at", "contract", "rule", "status", "measured", "threshold", "message"];

pub(crate) fn history(args: &SlaHistoryArgs) -> Exit {
    match rows(args) {
        Ok(rows) => {
            show(&rows, args.output);
            Exit::Clean
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::CouldNotTell
        }
    }
}

fn rows(args: &SlaHistoryArgs) -> anyhow::Result<Rows> {
    let config = Config::load(&args.role)?;
    let lake = config.require_lake()?;
    let store = tidegate_lake::open(&lake.location, &lake.options)?;
    let engine = tidegate_query::Lake::new(store, tidegate_query::Limits::default())?;
    let conditions: Vec<String> = [("contract", &args.contract), ("rule", &args.rule)]
        .into_iter()
        .filter_map(|(column, wanted)| Some(format!("\"{column}\" = {}", text(wanted.as_deref()?))))
        .collect();
    let filter = match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    };
    let sql = format!(
        "SELECT {} FROM history {filter} ORDER BY \"observed_at\" DESC, \"clause\" LIMIT {}",
        COLUMNS.map(|column| format!("\"{column}\"")).join(", "),
        args.limit
    );
    let rows = engine.query(&[history_table()], &sql)?;
    anyhow::ensure!(
        rows.without_files.is_empty(),
        "the lake has no history yet: `sla serve` and `sla run --once --history` write it"
    );
    Ok(rows)
}

fn show(rows: &Rows, output: Output) {
    let shown = |cell: &Cell| match cell {
        Cell::Null => String::new(),
        Cell::Bool(value) => value.to_string(),
        Cell::Number(text) => text.clone(),
        Cell::Text(text) => text
            .chars()
            .flat_map(|one| {
                if one.is_control() {
                    one.escape_default().collect()
                } else {
                    vec![one]
                }
            })
            .collect(),
    };
    match output {
        Output::Human => say(format_args!(
            "{}",
            table(
                COLUMNS,
                rows.rows
                    .iter()
                    .map(|row| std::array::from_fn::<String, 7, _>(|at| row.get(at).map_or_else(String::new, shown)))
            )
        )),
        Output::Json => {
            let value = |cell: &Cell| match cell {
                Cell::Null => serde_json::Value::Null,
                Cell::Bool(value) => (*value).into(),
                Cell::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| text.clone().into()),
                Cell::Text(text) => text.clone().into(),
            };
            let objects: Vec<serde_json::Value> = rows
                .rows
                .iter()
                .map(|row| {
                    COLUMNS
                        .iter()
                        .zip(row)
                        .map(|(name, cell)| ((*name).to_owned(), value(cell)))
                        .collect::<serde_json::Map<_, _>>()
                        .into()
                })
                .collect();
            say(format_args!("{}", serde_json::Value::Array(objects)));
        }
    }
}
