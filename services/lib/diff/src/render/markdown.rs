//! A comment of a pull request: at most 40 lines, worst first, the rest counted.

use std::fmt::Write as _;

use tidegate_contract::{is_disguise, is_unseen};

use super::sentence;
use crate::change::{Change, Grade};
use crate::semver::Bump;
use crate::set::Diff;

/// The most lines of a comment.
pub const LINES_MAX: usize = 40;
/// First line of every comment, by which the one before is found again.
pub const MARKER: &str = "<!-- tidegate diff -->";

/// Lines beside the table: marker, title, verdict, one empty line each, header of the table, the line about the rest, the legend.
const FRAME: usize = 11;
/// The most characters of a cell, and of a name.
const CELL_MAX: usize = 600;
const NAME_MAX: usize = 200;
/// The most lines about contracts and about published versions.
const CONTRACTS_MAX: usize = 10;

/// The comment, with a line break at its end.
pub fn markdown(diff: &Diff) -> String {
    markdown_within(diff, LINES_MAX)
}

/// The same in fewer lines, where something else stands beside it; 24 at least.
pub fn markdown_within(diff: &Diff, lines_max: usize) -> String {
    let lines_max = lines_max.max(FRAME + CONTRACTS_MAX + 3);
    let mut out = format!("{MARKER}\n### Contracts: {}\n\n", headline(diff));
    let mut notes: Vec<String> = diff
        .violations
        .iter()
        .map(|violation| {
            format!(
                "- **{} was published with another content** ({}): give the changed contract a new version",
                code(&violation.contract.to_string()),
                code(&violation.published)
            )
        })
        .collect();
    notes.extend(diff.contracts.iter().map(|contract| {
        let mark = if contract.verdict.is_finding() { "**" } else { "" };
        format!("- {mark}{}{mark}: {}", code(contract.id()), cell(&sentence(contract)))
    }));
    let shown_notes = fold(&mut out, &notes, CONTRACTS_MAX, "lines about contracts");
    let changes = sorted(diff);
    if changes.is_empty() {
        return out;
    }
    out.push_str("\n| | What | Producers | Consumers | Version |\n|---|---|---|---|---|\n");
    let room = lines_max - FRAME - shown_notes;
    let rows: Vec<String> = changes.iter().map(|change| row(change)).collect();
    let left = rows.len().saturating_sub(room);
    rows.iter().take(room).for_each(|row| out.push_str(row));
    if left > 0 {
        let _ = write!(out, "\n… and {} more: {}.\n", left, counted(&changes[room..]));
    } else {
        out.push('\n');
    }
    out.push_str(
        "<sub>Producers: which events pass. Consumers: what may be relied on. Undetermined: the contracts alone do not tell.</sub>\n",
    );
    out
}

fn headline(diff: &Diff) -> String {
    let changes = sorted(diff);
    if changes.is_empty() && diff.contracts.is_empty() && diff.violations.is_empty() {
        return "nothing changed".to_owned();
    }
    let producers = changes.iter().filter(|change| change.breaks_producers()).count();
    let consumers = changes.iter().filter(|change| change.breaks_consumers()).count();
    let breaks = match (producers, consumers) {
        (0, 0) => "nobody is broken".to_owned(),
        (some, 0) => format!("{some} break producers"),
        (0, some) => format!("{some} break consumers"),
        (one, other) => format!("{one} break producers, {other} break consumers"),
    };
    let verdict = if diff.has_findings() { "❌" } else { "✅" };
    let count = changes.len();
    format!("{verdict} {count} change{}, {breaks}", if count == 1 { "" } else { "s" })
}

fn row(change: &Change) -> String {
    let place = change.new.as_ref().or(change.old.as_ref());
    let place = place
        .map(|place| format!("<br><sub>{}:{}</sub>", cell(&place.file), place.line))
        .unwrap_or_default();
    format!(
        "| {} | {}{place} | {} | {} | {} |\n",
        mark(change),
        cell(&change.sentence),
        word(change.producers, change.breaks_producers()),
        word(change.consumers, change.breaks_consumers()),
        match change.bump {
            Bump::None => "",
            bump => bump.as_str(),
        }
    )
}

fn mark(change: &Change) -> &'static str {
    match change.bump {
        Bump::Major => "🔴",
        Bump::Minor => "🟡",
        Bump::Patch | Bump::None => "⚪",
    }
}

fn word(grade: Grade, breaks: bool) -> String {
    match (grade, breaks) {
        (Grade::None, _) => String::new(),
        (grade, true) => format!("**{}**", grade.as_str()),
        (grade, false) => grade.as_str().to_owned(),
    }
}

fn sorted(diff: &Diff) -> Vec<&Change> {
    let mut changes: Vec<&Change> = diff.changes().collect();
    changes.sort_by_key(|change| change.weight());
    changes
}

fn counted(changes: &[&Change]) -> String {
    let of = |bump: Bump| changes.iter().filter(|change| change.bump == bump).count();
    let parts = [Bump::Major, Bump::Minor, Bump::Patch, Bump::None].map(|bump| (of(bump), bump));
    let named = parts.iter().filter(|(count, _)| *count > 0).map(|(count, bump)| match bump {
        Bump::None => format!("{count} that demand nothing"),
        bump => format!("{count} {}", bump.as_str()),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// Writes as many lines as there is room for, the last one counting the rest; answers how many were written.
fn fold(out: &mut String, lines: &[String], most: usize, what: &str) -> usize {
    let shown = if lines.len() > most { most - 1 } else { lines.len() };
    for line in &lines[..shown] {
        out.push_str(line);
        out.push('\n');
    }
    let left = lines.len() - shown;
    if left > 0 {
        let _ = writeln!(out, "- … and {left} more {what}");
    }
    shown + usize::from(left > 0)
}

/// Text of a contract must not become markup: a cell has one line, no bars, no tags, no links, no mentions. Code between back ticks stays code.
///
/// Longer texts are cut with [`text_within`], before they are made: who cuts the result opens what was closed.
pub fn text(text: &str) -> String {
    // Once and before all else: what is left out between two characters would join them.
    let text: String = text.chars().filter_map(plain).collect();
    // Markdown pairs runs of the same length, so a longer one would open code that single ones do not close.
    let single = single_ticks(&text);
    let text = single.as_str();
    // With an odd number of back ticks the last one would open code for the rest of the line, and what is inside would be outside.
    let paired = text.matches('`').count().is_multiple_of(2);
    let mut out = String::with_capacity(text.len());
    let mut in_code = false;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        // At the start of a line these begin a heading, a list, a quotation, a fence.
        if out.is_empty() && "#>+-~=*_".contains(c) {
            out.push('\\');
        }
        match c {
            '|' => out.push_str("\\|"),
            // Agents of CI look for `##[` and `##vso[` in whatever is printed, code or not.
            '#' if rest.as_str().trim_start_matches(is_unseen).starts_with('#') => out.push_str("# "),
            '`' if paired => {
                in_code = !in_code;
                out.push(c);
            }
            '`' => out.push('\''),
            c if in_code => out.push(c),
            '<' => out.push_str("&lt;"),
            // Services look for mentions behind Markdown, where an entity is a character again.
            '&' => out.push_str("&amp;"),
            // A back tick behind a back slash opens nothing; brackets make links and pictures.
            '\\' | '[' | ']' => out.extend(['\\', c]),
            // A zero-width space keeps a mention, the number of an issue and an address from being one.
            '@' => out.push_str("@\u{200b}"),
            '#' | '!' if rest.as_str().starts_with(|next: char| next.is_ascii_digit()) => out.extend([c, '\u{200b}']),
            ':' if rest.as_str().starts_with("//") => out.push_str(":\u{200b}"),
            '.' if out.to_ascii_lowercase().ends_with("www") => out.push_str("\u{200b}."),
            c => out.push(c),
        }
    }
    out
}

/// Ends of lines as spaces; none for what commands or turns.
fn plain(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' => Some(' '),
        c if is_disguise(c) => None,
        c => Some(c),
    }
}

/// [`text`] of at most so many characters, and an ellipsis; escapes may double them.
pub fn text_within(raw: &str, most: usize) -> String {
    let cut = |most: usize| match raw.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &raw[..at]),
        None => raw.to_owned(),
    };
    let made = text(&cut(most));
    match made.chars().count() > 2 * most {
        // An escape has five characters at most.
        true => text(&cut(2 * most / 5)),
        false => made,
    }
}

/// Each run of several back ticks as apostrophes.
fn single_ticks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        out.push_str(&rest[..at]);
        out.push_str(&if run == 1 { "`".to_owned() } else { "'".repeat(run) });
        rest = &rest[at + run..];
    }
    out.push_str(rest);
    out
}

/// A name as code.
fn code(name: &str) -> String {
    let name: String = name.chars().take(NAME_MAX).collect();
    text(&format!("`{}`", name.replace('`', "'")))
}

/// A cell that is not longer than anybody reads.
fn cell(raw: &str) -> String {
    text_within(raw, CELL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_run_of_back_ticks_opens_markup() {
        for nasty in [
            "``<img src=x> @acme/all [l](http://e.example)",
            "`a ``<b>`` `c",
            "```\n<i>",
            "a ` b",
        ] {
            let text = text(nasty);
            assert!(!text.contains("``") && text.matches('`').count().is_multiple_of(2), "{text}");
            let outside: String = text.split('`').step_by(2).collect();
            assert!(!outside.contains('<') && !outside.contains("@acme"), "{text}");
        }
        assert_eq!(text("`a` and `b|c`"), "`a` and `b\\|c`");
        assert_eq!(
            (text("# a"), text("- a"), text("~~~"), text("#12")),
            ("\\# a".into(), "\\- a".into(), "\\~~~".into(), "\\#\u{200b}12".into())
        );
    }

    /// What stands outside of code, where a back tick behind a back slash is a character and no more.
    fn outside(text: &str) -> String {
        let (mut out, mut in_code, mut is_escaped) = (String::new(), false, false);
        for c in text.chars() {
            match c {
                '`' if in_code || !is_escaped => in_code = !in_code,
                c if !in_code => out.push(c),
                _ => {}
            }
            is_escaped = c == '\\' && !is_escaped && !in_code;
        }
        assert!(!in_code, "{text}");
        out
    }

    #[test]
    fn hostile_text_is_no_markup() {
        for nasty in [
            // The first tick is no tick for Markdown, so that the tag is outside of code.
            "x \\`<img src=e>` and `y",
            "x \\`<img src=e>`",
            "x \\\\`<img src=e>`",
            "[text](http://e.example) ![](http://e.example/p.png)",
            "&#64;acme/all &commat;acme &lt;img>",
            "see #12 and www.e.example and WWW.e.example",
            "#\u{1b}12 h:\u{7}//e !\u{202e}12 @\u{1b}acme w\u{7}ww.e",
            "##vso[task.complete] `##[error]x` #\u{ad}#[a",
        ] {
            let outside = outside(&text(nasty));
            let plain = outside.replace("\\\\", "");
            let seen = text(nasty).replace(is_unseen, "");
            assert!(!seen.contains("##"), "{nasty} became {seen}");
            for bad in ["<", "#12", "!12", "://", "www.", "WWW.", "&#64", "&commat", "@acme"] {
                assert!(!plain.contains(bad), "{bad}: {nasty} became {outside}");
            }
            assert!(
                plain.match_indices('[').all(|(at, _)| plain[..at].ends_with('\\')),
                "{nasty} became {outside}"
            );
        }
    }

    #[test]
    fn a_cut_opens_nothing() {
        let long = format!("`<img src=e> @acme {}` may be, `too`", "x".repeat(700));
        let short = text_within(&long, 600);
        assert!(short.ends_with('…') && !outside(&short).contains("<img"), "{short}");
        assert!(!outside(&short).contains("@acme"), "{short}");
        assert!(text_within(&"<".repeat(600), 600).chars().count() <= 1_200);
        assert_eq!(text_within("a", 600), "a");
    }
}
