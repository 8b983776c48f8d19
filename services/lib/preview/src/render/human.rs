//! For a terminal.

use std::fmt::Write as _;

use super::{COUNTS, RARE, events, number, place, share};
use crate::limit::Conclusion;
use crate::report::Report;
use crate::tally::{Change, Tally};

/// Rules that are listed of each kind.
const RULES_SHOWN: usize = 20;
/// Producers that are listed.
const PRODUCERS_SHOWN: usize = 10;

/// Text for a terminal.
pub fn human(report: &Report) -> String {
    let total = report.total();
    let mut text = format!("preview: {} -> {}\n", report.sides.0, report.sides.1);
    for input in &report.inputs {
        let _ = write!(text, "{}: {}", input.name, events(input.tally.events()));
        let _ = write!(text, "; `now` is {}", input.now);
        if let Some(cut) = input.cut() {
            let _ = write!(text, "; {cut}");
        }
        text.push('\n');
        for unknown in &input.unknown {
            let _ = writeln!(text, "  not known from here: {unknown}");
        }
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text.push('\n');
    for (change, name) in COUNTS {
        let count = total.of(change);
        if count > 0 || !RARE.contains(&change) {
            let _ = writeln!(text, "{:>12}  {name} ({})", number(count), share(count, total.events()));
        }
    }
    if let Some((open, freed, already)) = report.dead_letters() {
        let _ = writeln!(text, "\nOf {} dead letters the change would free {}.", number(open), number(freed));
        if already > 0 {
            let _ = writeln!(text, "{} pass already under the old contracts: replay them.", number(already));
        }
    }
    rules(
        &mut text,
        &total,
        Change::NewlyFailing,
        "newly failing, by rule of the new contracts",
    );
    rules(
        &mut text,
        &total,
        Change::NewlyPassing,
        "newly passing, by rule of the old contracts",
    );
    producers(&mut text, &total);
    undecided(&mut text, &total);
    unenforced(&mut text, &total);
    halting(&mut text, &total);
    if let (Some(limit), Some(conclusion)) = (report.limit, report.conclusion()) {
        let verdict = match conclusion {
            Conclusion::Within => "within the limit of".to_owned(),
            Conclusion::Exceeded => "MORE than the limit of".to_owned(),
            Conclusion::CouldNotTell => format!("could not tell ({}) whether it is within", report.why_not_told()),
        };
        let what = match total.of(Change::NewlySkipped) {
            0 => "newly failing",
            _ => "newly failing or skipped",
        };
        let lost = total.lost();
        let _ = writeln!(
            text,
            "\n{what} {} ({}): {verdict} {limit}",
            number(lost),
            share(lost, total.decided())
        );
    }
    text
}

fn rules(text: &mut String, total: &Tally, change: Change, title: &str) {
    let rules = total.rules(change);
    if rules.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    for (key, count) in rules.iter().take(RULES_SHOWN) {
        let _ = writeln!(
            text,
            "{:>12}  {} {} `{}` at {}",
            number(count.events),
            key.subject,
            key.reason.as_str(),
            key.rule,
            place(key)
        );
        for example in &count.examples {
            match &example.value {
                Some((pointer, value)) => {
                    let _ = writeln!(text, "{:>14}{}: {pointer} = {value}", "", example.position);
                }
                None => {
                    let _ = writeln!(text, "{:>14}{}", "", example.position);
                }
            }
        }
    }
    more(text, rules.len(), RULES_SHOWN, total.rules_beyond(change));
}

fn more(text: &mut String, there: usize, shown: usize, beyond: u64) {
    if there > shown {
        let _ = writeln!(text, "{:>12}  and {} more rules and places", "…", there - shown);
    }
    if beyond > 0 {
        let _ = writeln!(text, "{:>12}  breaks of further rules and places, counted together", number(beyond));
    }
}

fn producers(text: &mut String, total: &Tally) {
    let producers = total.producers();
    if producers.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nby producer:");
    for (name, count) in producers.iter().take(PRODUCERS_SHOWN) {
        let _ = writeln!(
            text,
            "{:>12}  {name}: {} newly failing, {} newly passing",
            number(count.events),
            number(count.newly_failing),
            number(count.newly_passing)
        );
    }
    if producers.len() > PRODUCERS_SHOWN {
        let _ = writeln!(text, "{:>12}  and {} more", "…", producers.len() - PRODUCERS_SHOWN);
    }
}

fn undecided(text: &mut String, total: &Tally) {
    for (why, count) in total.undecided_for() {
        let _ = writeln!(text, "\n{} undecided: {why}", events(count.events));
        for example in &count.examples {
            let _ = writeln!(text, "{:>14}{}", "", example.position);
        }
    }
}

fn halting(text: &mut String, total: &Tally) {
    for (version, count) in total.halting_versions() {
        let _ = writeln!(
            text,
            "\n{version} says `onFailure: {}`: {} fail under it, and a partition halts at the first of its own",
            count.on_failure,
            events(count.events)
        );
    }
}

fn unenforced(text: &mut String, total: &Tally) {
    let mut any = false;
    for (version, count) in total.unenforced_versions() {
        any = true;
        let _ = writeln!(
            text,
            "\n{version} is {} and refuses nothing yet; enforced it would refuse {} of those that pass (--enforce counts them as failing)",
            count.status,
            events(count.events)
        );
    }
    if any {
        for (key, count) in total.unenforced_rules().iter().take(RULES_SHOWN) {
            let _ = writeln!(
                text,
                "{:>12}  {} {} `{}` at {}",
                number(*count),
                key.subject,
                key.reason.as_str(),
                key.rule,
                place(key)
            );
        }
    }
}
