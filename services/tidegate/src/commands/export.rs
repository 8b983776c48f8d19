//! `tidegate export`: the contract in the words of another tool.

use anyhow::Context as _;
use tidegate_export::{Dialect, Format, Subject, export};

use crate::cli::{ExportArgs, ExportFormat, SqlDialect};
use crate::commands::contract_file;
use crate::exit::Exit;
use crate::screen;

pub(crate) fn run(args: &ExportArgs) -> Exit {
    crate::screen::ending(write(args))
}

fn write(args: &ExportArgs) -> anyhow::Result<Exit> {
    let Some(chosen) = contract_file::load(&args.contract, args.object.as_deref())? else {
        return Ok(Exit::CouldNotTell);
    };
    let subject = Subject {
        contract: &chosen.contract,
        object: &chosen.contract.objects[chosen.object],
        plan: &chosen.plan,
    };
    let export = export(&subject, format(args)).with_context(|| format!("{}", subject.object.location))?;
    for gap in &export.gaps {
        screen::complain(&format!("note: {gap}"));
    }
    match &args.out {
        Some(path) => std::fs::write(path, &export.text).with_context(|| format!("{}: cannot be written", path.display()))?,
        None => screen::say(format_args!("{}", export.text.trim_end_matches('\n'))),
    }
    Ok(Exit::Clean)
}

fn format(args: &ExportArgs) -> Format {
    match args.to {
        ExportFormat::JsonSchema => Format::JsonSchema,
        ExportFormat::Avro => Format::Avro,
        ExportFormat::Arrow => Format::Arrow,
        ExportFormat::Parquet => Format::Parquet,
        ExportFormat::Markdown => Format::Markdown,
        ExportFormat::Sql => Format::Sql(match args.dialect {
            SqlDialect::Snowflake => Dialect::Snowflake,
            SqlDialect::Duckdb => Dialect::DuckDb,
            SqlDialect::Spark => Dialect::Spark,
        }),
    }
}
