//! `tidegate sla run --once`.

use tidegate_sla::{Filter, Report, run_once};

use crate::cli::{Output, SlaArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::say;
use crate::table::table;
use crate::wiring::clock::now_micros;
use crate::wiring::contracts::LiveContracts;

pub(crate) fn run(args: &SlaArgs) -> Exit {
    match report(args) {
        Ok(report) => {
            show(&report, args.output);
            Exit::of_report(report.exit_code())
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::CouldNotTell
        }
    }
}

fn report(args: &SlaArgs) -> anyhow::Result<Report> {
    let config = Config::load(&args.role)?;
    let lake = config.require_lake()?;
    let contracts =
        LiveContracts::open_with(&config.contracts, &config.following.reach, config.following.poll_every).map_err(anyhow::Error::msg)?;
    let store = tidegate_lake::open(&lake.location, &lake.options)?;
    let engine = tidegate_query::Lake::new(store, tidegate_query::Limits::default())?;
    Ok(run_once(
        &contracts.current().snapshot,
        &engine,
        &folder,
        now_micros(),
        &Filter::default(),
    ))
}

/// Where the sink puts the rows of an object's major version.
pub(crate) fn folder(contract: &str, object: &str, major: u64) -> String {
    use tidegate_sink::path::part;
    format!("lake/{}/{}/v{major}", part(contract), part(object))
}

/// Prints a report.
pub(crate) fn show(report: &Report, output: Output) {
    if output == Output::Json {
        say(format_args!("{}", report.to_json()));
        return;
    }
    say(format_args!("{}", table(Report::HEADINGS, report.rows())));
    let counts = report.counts();
    say(format_args!(
        "\n{} pass, {} warn, {} fail, {} could not be told, {} not executed; {} row rules are checked on every record by the validator",
        counts.pass, counts.warn, counts.fail, counts.error, counts.skip, report.per_record
    ));
}
