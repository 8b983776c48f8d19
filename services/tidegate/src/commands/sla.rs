//! `tidegate sla`: one pass, passes by schedule, and what earlier ones found.

use tidegate_flow::ports::Created;
use tidegate_sla::history::{self, RunName};
use tidegate_sla::{Filter, Report};

use crate::cli::{SlaArgs, SlaOutput};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::say;
use crate::table::table;
use crate::wiring::clock::now_micros;
use crate::wiring::contracts::LiveContracts;

mod past;
mod serve;
mod traffic;

pub(crate) use past::history;
pub(crate) use serve::serve;
use traffic::Observer;

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
    let engine = tidegate_query::Lake::new(store.clone(), tidegate_query::Limits::default())?;
    let snapshot = contracts.current().snapshot.clone();
    let now = now_micros();
    let completeness = !args.completeness.no_completeness && config.require_brokers().is_ok();
    let filter = Filter {
        completeness,
        contract: args.contract.as_deref().map(Into::into),
        rule: args.rule.as_deref().map(Into::into),
        ..Filter::default()
    };
    let observer = Observer::new(&config, store.clone(), &args.completeness);
    let report = tidegate_sla::run(&snapshot, &engine, &folder, &observer.of(&snapshot, now), now, &filter);
    if report.entries.is_empty() && report.not_executed.is_empty() && (args.contract.is_some() || args.rule.is_some()) {
        anyhow::bail!("no clause of the contracts is of that contract and rule");
    }
    if args.history {
        write_history(&*store, &report, now)?;
    }
    Ok(report)
}

/// One file for each contract version that was looked at.
fn write_history(store: &dyn tidegate_flow::ports::Store, report: &Report, now: i64) -> anyhow::Result<()> {
    for contract in report.contracts() {
        let part = report.of(&contract);
        let Some(major) = part.entries.first().map(|entry| entry.clause.major) else {
            continue;
        };
        let name = RunName {
            folder: history_folder(&contract.id, major),
            scheduled: now,
            mark: history::mark([]),
        };
        if history::write(store, &name, &part)? == Created::Exists {
            tracing::info!(path = name.path(), "this run is in the history already");
        }
    }
    Ok(())
}

/// Where the sink puts the rows of an object's major version.
pub(crate) fn folder(contract: &str, object: &str, major: u64) -> String {
    use tidegate_sink::path::part;
    format!("lake/{}/{}/v{major}", part(contract), part(object))
}

/// A contract's folder of the history.
fn history_folder(contract: &str, major: u64) -> String {
    format!("{}/v{major}", tidegate_sink::path::part(contract))
}

/// Prints a report.
pub(crate) fn show(report: &Report, output: SlaOutput) {
    match output {
        SlaOutput::Json => say(format_args!("{}", report.to_json())),
        SlaOutput::Junit => say(format_args!("{}", report.to_junit().trim_end())),
        SlaOutput::Html => say(format_args!("{}", report.to_html().trim_end())),
        SlaOutput::Human => {
            say(format_args!("{}", table(Report::HEADINGS, report.rows())));
            let partitions = report.partitions();
            if !partitions.is_empty() {
                say(format_args!("\nWhat became of the records:\n  {}", partitions.join("\n  ")));
            }
            let counts = report.counts();
            say(format_args!(
                "\n{} pass, {} warn, {} fail, {} could not be told, {} not executed; {} row rules are checked on every record by the validator",
                counts.pass, counts.warn, counts.fail, counts.error, counts.skip, report.per_record
            ));
        }
    }
}
