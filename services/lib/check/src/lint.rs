//! Everything that `lint` says about a contract that loads: what keeps it from compiling, and what its author may believe and should not.

use tidegate_contract::{Contract, Diagnostic, Level};

use crate::plan::codes;

/// Errors of compiling every object that is bound to a topic, and the notes of [`tidegate_contract::lint::lint`]. `now` is in microseconds
/// since the epoch; only kill switches depend on it.
pub fn lint(contract: &Contract, now: i64) -> Vec<Diagnostic> {
    let mut found = tidegate_contract::lint::lint(contract, now);
    for (index, object) in contract.objects.iter().enumerate() {
        if object.topic.is_none() {
            continue;
        }
        match crate::compile(contract, index) {
            Ok(plan) => {
                for rule in plan
                    .programs
                    .iter()
                    .filter(|rule| plan.change.reads_before && !rule.reads.before.is_empty())
                {
                    found.push(Diagnostic {
                        code: codes::BEFORE,
                        level: Level::Note,
                        location: rule.location.clone(),
                        problem: format!(
                            "rule `{}` reads `before`, which holds the whole old row only where the source logs it",
                            rule.id
                        ),
                        help: "set REPLICA IDENTITY FULL (PostgreSQL) or binlog_row_image=FULL (MySQL); else write `has(before.x)` first"
                            .to_owned(),
                    });
                }
            }
            Err(problems) => found.extend(problems),
        }
    }
    found.sort_by(|a, b| (a.location.line, a.location.column, a.code).cmp(&(b.location.line, b.location.column, b.code)));
    found
}

#[cfg(test)]
mod tests;
