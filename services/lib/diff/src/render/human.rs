//! A comparison for a terminal.

use std::fmt::Write as _;

use tidegate_contract::is_disguise;

use super::sentence;
use crate::change::{Change, Grade};
use crate::semver::Bump;
use crate::set::Diff;

/// Contract by contract, change by change, with the line of the new file (of the old one for what is gone).
pub fn human(diff: &Diff) -> String {
    let mut out = String::new();
    for violation in &diff.violations {
        let _ = writeln!(
            out,
            "{}: {} was published with another content ({}); give the changed contract a new version\n",
            one_line(&violation.location.to_string()),
            one_line(&violation.contract.to_string()),
            violation.published
        );
    }
    for contract in &diff.contracts {
        let _ = writeln!(out, "{}: {}", one_line(contract.id()), one_line(&sentence(contract)));
        let width = |text: &dyn Fn(&Change) -> usize| contract.changes.iter().map(text).max().unwrap_or(0);
        let bump = width(&|change| change.bump.as_str().len());
        let producers = width(&|change| word(change.producers).len()).max("producers".len());
        let consumers = width(&|change| word(change.consumers).len()).max("consumers".len());
        if !contract.changes.is_empty() {
            let _ = writeln!(out, "  {:bump$}  {:producers$}  {:consumers$}", "", "producers", "consumers");
        }
        for change in &contract.changes {
            let place = change.new.as_ref().or(change.old.as_ref());
            let place = place
                .map(|place| format!("  ({}:{})", one_line(&place.file), place.line))
                .unwrap_or_default();
            let _ = writeln!(
                out,
                "  {:bump$}  {:producers$}  {:consumers$}  {}{place}",
                shown(change.bump),
                word(change.producers),
                word(change.consumers),
                one_line(&change.sentence),
            );
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", summary(diff));
    out
}

fn summary(diff: &Diff) -> String {
    let changes: Vec<&Change> = diff.changes().collect();
    if changes.is_empty() && diff.contracts.is_empty() && diff.violations.is_empty() {
        return "nothing changed".to_owned();
    }
    let producers = changes.iter().filter(|change| change.breaks_producers()).count();
    let consumers = changes.iter().filter(|change| change.breaks_consumers()).count();
    let unknown = changes
        .iter()
        .filter(|change| [change.producers, change.consumers].contains(&Grade::Undetermined))
        .count();
    let findings = diff.violations.len() + diff.contracts.iter().filter(|contract| contract.verdict.is_finding()).count();
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    format!(
        "{}: {producers} may break producers, {consumers} may break consumers, {unknown} undetermined; {}",
        count(changes.len(), "change"),
        count(findings, "finding")
    )
}

fn shown(bump: Bump) -> &'static str {
    match bump {
        Bump::None => "-",
        bump => bump.as_str(),
    }
}

fn word(grade: Grade) -> &'static str {
    match grade {
        Grade::None => "-",
        grade => grade.as_str(),
    }
}

/// Somebody's text as part of a line: what would begin another line, command a terminal or turn the direction of text is a space.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_disguise(c) { ' ' } else { c }).collect()
}
