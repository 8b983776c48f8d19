//! The review for readers: a comment that is kept up to date, a summary of the run, a terminal, a machine.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tidegate_contract::{Diagnostic, Level};
use tidegate_diff::render::{self, markdown_text, markdown_within_text};

use super::{Review, State, Step};
use crate::commands::lint::formats;

/// First line of every comment, by which the one before is found again.
pub(super) const MARKER: &str = "<!-- tidegate ci -->";
/// The most lines of a comment in front of what is folded away.
const LINES_MAX: usize = 40;
/// The most findings of a comment.
const FINDINGS_MAX: usize = 15;
/// The most consumers of a comment.
const HITS_MAX: usize = 8;
/// The longest line about one finding, in characters.
const LINE_MAX: usize = 400;
/// The most bytes of a summary: GitHub refuses a mebibyte.
const SUMMARY_MAX: usize = 900_000;
/// The most bytes of a comment: GitHub refuses more than 65,536 characters, and who is refused has no comment at all.
const COMMENT_MAX: usize = 60_000;

/// The comment: result, checks, the worst findings, who is hit; the table of changes folded.
pub(super) fn markdown(review: &Review<'_>) -> String {
    let mut out = format!(
        "{MARKER}\n### Contracts: {}\n\n| | Check | Result |\n|---|---|---|\n",
        headline(review)
    );
    for step in &review.steps {
        let _ = writeln!(out, "| {} | {} | {} |", mark(step), step.name, shortened(&step.said));
    }
    let findings: Vec<&Diagnostic> = review.told().collect();
    section(&mut out, findings.iter().map(|one| finding(one)), FINDINGS_MAX, "findings");
    let hits = review.hits.iter().map(|hit| {
        let place = shortened(&format!("{}:{}", hit.file, hit.line));
        format!("- {} <sub>{place}</sub>", shortened(&hit.sentence()))
    });
    section(&mut out, hits, HITS_MAX, "fields that consumers read");
    debug_assert!(out.lines().count() <= LINES_MAX, "{out}");
    if let Some(diff) = review.diff.filter(|diff| !diff.contracts.is_empty()) {
        let table = render::markdown(diff);
        let table = table.strip_prefix(render::MARKER).unwrap_or(&table).trim_start();
        let table = table.strip_prefix("### Contracts: ").unwrap_or(table);
        folded(&mut out, "Changes, graded for producers and consumers", table);
    }
    if let Some(preview) = &review.preview {
        let table = tidegate_preview::render::markdown(preview);
        let table = table.strip_prefix("### ").unwrap_or(&table);
        folded(&mut out, "What it does to events that came", table);
    }
    let _ = write!(
        out,
        "\n<sub>Compared with {} at {}. `tidegate explain CODE` says more.</sub>\n",
        markdown_text(&review.base.name),
        &review.compared[..review.compared.len().min(10)]
    );
    out
}

/// A part that is unfolded by who wants to read it; one that would make the comment too large is left out, and that is said.
fn folded(out: &mut String, title: &str, table: &str) {
    let is_too_large = out.len() + table.len() > COMMENT_MAX;
    let _ = match is_too_large {
        true => writeln!(out, "\n<sub>{title}: too long for a comment; see the output of the run.</sub>"),
        false => write!(out, "\n<details><summary>{title}</summary>\n\n{table}\n</details>\n"),
    };
}

/// The comment and behind it everything that was found.
pub(super) fn summary(review: &Review<'_>) -> String {
    let mut out = markdown(review).replace(MARKER, "").trim_start().to_owned();
    out.push_str("\n<details><summary>Everything that was found</summary>\n\n");
    for (number, one) in review.found.iter().enumerate() {
        if out.len() > SUMMARY_MAX {
            let _ = writeln!(out, "- … and {} more", review.found.len() - number);
            break;
        }
        let _ = writeln!(out, "{}", finding(one));
    }
    out.push_str("\n</details>\n");
    out
}

/// A line a check and the result.
pub(super) fn text(review: &Review<'_>) -> String {
    let mut out = String::new();
    for step in &review.steps {
        let _ = writeln!(out, "{:>9}  {:<14}  {}", step.name, word(step.state), step.said);
    }
    for hit in &review.hits {
        let _ = writeln!(out, "{:>9}  {}  ({}:{})", "", hit.sentence(), render::one_line(&hit.file), hit.line);
    }
    let compared = &review.compared[..review.compared.len().min(10)];
    let _ = writeln!(out, "{}, compared with {} at {compared}", word(review.state()), review.base.name);
    out
}

/// `schemas/formats/ci-report.schema.json`.
pub(super) fn json(review: &Review<'_>) -> Value {
    json!({
        "format": "tidegate.ci/1",
        "result": word(review.state()),
        "base": {"name": review.base.name, "commit": review.compared},
        "steps": review.steps.iter().map(|step| json!({
            "name": step.name,
            "result": word(step.state),
            "said": step.said,
        })).collect::<Vec<_>>(),
        "findings": formats::document(&review.found),
        "diff": review.diff.map(render::json),
        "consumers": review.hits.iter().map(super::Hit::document).collect::<Vec<_>>(),
        "preview": review.preview.as_ref().map(tidegate_preview::render::json),
    })
}

// === impl Review ===

impl Review<'_> {
    /// What belongs into a comment: no notes, and consumers have lines of their own.
    fn told(&self) -> impl Iterator<Item = &Diagnostic> {
        let is_told = |one: &&Diagnostic| one.level != Level::Note && one.code != crate::review::codes::CONSUMER_HIT;
        self.found.iter().filter(is_told)
    }
}

fn headline(review: &Review<'_>) -> String {
    let errors = review.found.iter().filter(|one| one.level == Level::Error).count();
    match review.state() {
        State::Clean => "✅ clean".to_owned(),
        State::Told if review.hits.is_empty() => "✅ clean, and events feel it".to_owned(),
        State::Told => "✅ clean, and consumers feel it".to_owned(),
        State::Findings => format!("❌ {}", crate::commands::lint::count(errors, "error")),
        State::CouldNotTell => "❔ could not tell".to_owned(),
    }
}

fn mark(step: &Step) -> &'static str {
    match step.state {
        State::Clean => "✅",
        State::Told => "📣",
        State::Findings => "❌",
        State::CouldNotTell => "❔",
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Clean => "clean",
        State::Told => "told",
        State::Findings => "findings",
        State::CouldNotTell => "could not tell",
    }
}

fn finding(one: &Diagnostic) -> String {
    let help = match one.help.as_str() {
        "" => String::new(),
        help => format!(" → {help}"),
    };
    let place = format!("{}:{}", one.location.file, one.location.line);
    let line = format!("{place} {}{help}", one.problem);
    format!("- {} `{}` {}", one.level.as_str(), one.code, shortened(&line))
}

/// A line of a comment, as text.
fn shortened(text: &str) -> String {
    markdown_within_text(text, LINE_MAX)
}

/// A list under an empty line, the rest counted.
fn section(out: &mut String, lines: impl ExactSizeIterator<Item = String>, most: usize, what: &str) {
    let all = lines.len();
    if all == 0 {
        return;
    }
    out.push('\n');
    for line in lines.take(most) {
        out.push_str(&line);
        out.push('\n');
    }
    if all > most {
        let _ = writeln!(out, "- … and {} more {what}", all - most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::ground::Named;

    fn review(base: &Named, findings: usize) -> Review<'_> {
        let one = |number: usize| {
            crate::review::finding(
                "TG0101",
                Level::Error,
                ("a|b.odcs.yaml", 3, 1),
                format!("<b>@all</b> `<img src=e> @acme {number} {}`", "x".repeat(900)),
                "mend",
            )
        };
        Review {
            base,
            compared: "0123456789abcdef",
            steps: vec![Step {
                name: "lint",
                state: State::Findings,
                said: "a | b".to_owned(),
            }],
            found: (0..findings).map(one).collect(),
            diff: None,
            hits: Vec::new(),
            preview: None,
        }
    }

    #[test]
    fn a_comment_is_short_and_cannot_mention_anybody() {
        let base = Named {
            name: "main".to_owned(),
            commit: String::new(),
        };
        let text = markdown(&review(&base, 1000));
        assert!(text.starts_with(MARKER) && text.lines().count() <= LINES_MAX + 2, "{text}");
        assert!(text.contains("… and 985 more findings") && text.contains("a \\| b"), "{text}");
        assert!(!["@all", "@acme", "<b>", "<img"].iter().any(|bad| text.contains(bad)), "{text}");
        let summary = summary(&review(&base, 10_000));
        assert!(summary.len() < 1024 * 1024 && summary.contains("more\n"), "{}", summary.len());
        assert_eq!(json(&review(&base, 1))["result"], "findings");
    }
}
