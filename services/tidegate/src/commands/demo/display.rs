//! What the newcomer sees.

use std::time::Instant;

use tidegate_flow::Record;
use tidegate_flow::record::header_text;
use tidegate_flow::stamp;
use tidegate_sim::traffic::Expected;

use super::drill::Drill;
use super::setup::Places;
use super::stage::Ledger;
use crate::cli::DemoArgs;
use crate::screen::say;
use crate::table::table;

/// One line a step, with the time since the start.
pub(super) fn step(begun: Instant, what: &str) {
    say(format_args!("{:>6.1}s  {what}", begun.elapsed().as_secs_f64()));
}

/// The first dead letter: where, why, and by which line of the contract. The event's content stays out; it is in the topic.
pub(super) fn dead_letter(begun: Instant, record: &Record) {
    let header = |name: &str| header_text(&record.headers, name).unwrap_or("-");
    step(
        begun,
        &format!("first dead letter: {} from {}", header(stamp::REASON), header(stamp::ORIGIN)),
    );
    let errors: Vec<serde_json::Value> = serde_json::from_str(header(stamp::ERRORS)).unwrap_or_default();
    for error in &errors {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let pointer = if text("pointer").is_empty() {
            "the event".to_owned()
        } else {
            text("pointer")
        };
        say(format_args!(
            "         {} at {pointer}, rule `{}`, {}",
            text("reason"),
            text("rule"),
            text("contract")
        ));
    }
}

/// A line of running numbers, read from the metrics that anyone can scrape.
pub(super) fn progress(begun: Instant, written: u64, metrics: &str) {
    let sum = |name: &str| -> u64 {
        metrics
            .lines()
            .filter(|line| line.starts_with(name) && line[name.len()..].starts_with(['{', ' ']))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum::<f64>() as u64
    };
    let (valid, dead) = (sum("tidegate_records_validated_total"), sum("tidegate_dead_letters_total"));
    let rows = sum("tidegate_lake_rows_total");
    step(
        begun,
        &format!("written {written}  valid {valid}  dead letters {dead}  rows in the lake {rows}"),
    );
}

/// What a drill has planted, and where to look.
pub(super) fn drill(begun: Instant, drill: Drill, metrics: &str) {
    let card = drill.card();
    step(begun, &format!("DRILL. {}", card.story));
    say(format_args!("         look at   curl -s {metrics} | grep '{}'", card.watch));
    say(format_args!("                   {}", card.seen));
    say(format_args!("         alert     {}", card.alert));
    say(format_args!("         runbook   infra/runbooks/{}.md", card.alert));
    say(format_args!("         first ask yourself: {}", card.question));
}

/// Planted against found.
pub(super) fn ledger(planted: &Ledger, found: &Ledger) {
    let mut keys: Vec<_> = planted.keys().chain(found.keys()).collect();
    keys.sort();
    keys.dedup();
    let rows = keys.into_iter().map(|key| {
        let (a, b) = (planted.get(key).copied().unwrap_or(0), found.get(key).copied().unwrap_or(0));
        let outcome = match key.1 {
            Expected::Valid => "valid".to_owned(),
            Expected::DeadLetter(reason) => reason.to_owned(),
            Expected::Skipped(policy) => format!("skipped: {policy}"),
        };
        [
            key.0.clone(),
            outcome,
            a.to_string(),
            b.to_string(),
            if a == b { "ok" } else { "DIFFERS" }.to_owned(),
        ]
    });
    say(format_args!("\n{}", table(["topic", "outcome", "planted", "found", ""], rows)));
}

/// Three commands to try next.
pub(super) fn next_steps(args: &DemoArgs, places: &Places) {
    let lake = args.lake.display();
    let contracts = places.contracts.display();
    // As it was called, so that the lines can be pasted.
    let tidegate = std::env::args().next().unwrap_or_else(|| "tidegate".to_owned());
    say(format_args!("\nTry next:"));
    say(format_args!(
        "  duckdb -c \"SELECT currency, count(*), sum(total) FROM read_parquet('{lake}/lake/orders/**/*.parquet') GROUP BY 1\""
    ));
    say(format_args!(
        "  {tidegate} check {contracts}/shop/orders/v1.odcs.yaml {}",
        places.samples.display()
    ));
    say(format_args!("  {tidegate} sla run --once --contracts {contracts} --lake {lake}"));
    say(format_args!("\nRemove it all with: rm -r {lake}"));
}
