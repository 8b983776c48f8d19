//! For the comment of a pull request: at most 40 lines, whatever was found.

use std::fmt::Write as _;

use tidegate_contract::{is_disguise, is_unseen};

use super::{COUNTS, RARE, events, number, place, share};
use crate::limit::Conclusion;
use crate::report::Report;
use crate::tally::{Change, Tally};

/// Lines at most.
pub const MARKDOWN_LINES_MAX: usize = 40;

/// Markdown, bounded in lines; what is left out is counted.
pub fn markdown(report: &Report) -> String {
    let total = report.total();
    let failing = total.of(Change::NewlyFailing);
    let mut head = format!(
        "### Preview: {} of {} would newly fail ({})\n\n",
        number(failing),
        events(total.events()),
        share(failing, total.decided())
    );
    if let (Some(limit), Some(conclusion)) = (report.limit, report.conclusion()) {
        let _ = match conclusion {
            Conclusion::Within => writeln!(head, "Within the limit of {limit}.\n"),
            Conclusion::Exceeded => writeln!(head, "**More than the limit of {limit}.**\n"),
            Conclusion::CouldNotTell => writeln!(
                head,
                "**Could not tell** whether this is within the limit of {limit}: {}.\n",
                report.why_not_told()
            ),
        };
    }
    head.push_str("| |events|share|\n|---|--:|--:|\n");
    for (change, name) in COUNTS {
        let count = total.of(change);
        if count > 0 || !RARE.contains(&change) {
            let _ = writeln!(head, "|{name}|{}|{}|", number(count), share(count, total.events()));
        }
    }
    let tail = tail(report, &total);
    let mut room = MARKDOWN_LINES_MAX.saturating_sub(head.lines().count() + tail.lines().count());
    let mut text = head;
    for (change, title) in [
        (Change::NewlyFailing, "newly failing"),
        (Change::NewlyPassing, "newly passing (rule of the old contract)"),
    ] {
        // Half of what is left for the first, so that the second has a place.
        let share = if change == Change::NewlyFailing && !total.rules(Change::NewlyPassing).is_empty() {
            room * 2 / 3
        } else {
            room
        };
        let table = table(&total, change, title, share);
        room -= table.lines().count().min(room);
        text.push_str(&table);
    }
    text.push_str(&tail);
    text
}

fn table(total: &Tally, change: Change, title: &str, room: usize) -> String {
    let rules = total.rules(change);
    // A blank line, two of the head, one for the rest.
    if rules.is_empty() || room < 5 {
        return String::new();
    }
    let mut text = format!("\n|{title}|rule|at|for example|\n|--:|---|---|---|\n");
    let shown = rules.len().min(room - 4);
    for (key, count) in &rules[..shown] {
        let example = count.examples.first().map_or(String::new(), |example| match &example.value {
            Some((_, value)) => format!("{} {}", code(&example.position), code(value)),
            None => code(&example.position),
        });
        let rule = format!("{} {}", cell(key.reason.as_str()), code(&key.rule));
        let _ = writeln!(
            text,
            "|{}|{} {rule}|{}|{example}|",
            number(count.events),
            cell(&key.subject),
            code(place(key))
        );
    }
    let left = (rules.len() - shown) as u64;
    if left > 0 || total.rules_beyond(change) > 0 {
        let _ = writeln!(text, "|…|{} more rules and places| | |", number(left + total.rules_beyond(change)));
    }
    text
}

/// What must be said whatever the tables hold.
fn tail(report: &Report, total: &Tally) -> String {
    let mut lines: Vec<String> = Vec::new();
    if let Some((open, freed, already)) = report.dead_letters() {
        let more = if already > 0 {
            format!("; {} pass already under the old contracts", number(already))
        } else {
            String::new()
        };
        lines.push(format!(
            "Of {} open dead letters the change would free **{}**{more}.",
            number(open),
            number(freed)
        ));
    }
    for (why, count) in total.undecided_for().take(4) {
        lines.push(format!("{} undecided: {}.", events(count.events), cell(why)));
    }
    for (version, count) in total.unenforced_versions().take(3) {
        lines.push(format!(
            "{} is {}: enforced it would refuse {} of those that pass.",
            code(version),
            count.status,
            events(count.events)
        ));
    }
    for (version, count) in total.halting_versions().take(3) {
        lines.push(format!(
            "{} says `onFailure: {}`: {} fail under it, and a partition halts at the first of its own.",
            code(version),
            count.on_failure,
            events(count.events)
        ));
    }
    let producers = total.producers();
    let hit: Vec<String> = producers
        .iter()
        .filter(|(_, count)| count.newly_failing > 0)
        .take(5)
        .map(|(name, count)| format!("{} {}", code(name), number(count.newly_failing)))
        .collect();
    if !hit.is_empty() {
        lines.push(format!("Newly failing by producer: {}.", hit.join(", ")));
    }
    let inputs: Vec<String> = report
        .inputs
        .iter()
        .take(5)
        .map(|input| {
            let stopped = input.cut().map_or(String::new(), |cut| format!(", {cut}"));
            format!(
                "{} ({}, `now` {}{stopped})",
                code(&input.name),
                events(input.tally.events()),
                input.now
            )
        })
        .collect();
    let others = report.inputs.len().saturating_sub(5);
    let others = if others > 0 { format!(" and {others} more") } else { String::new() };
    lines.push(format!("Judged: {}{others}.", inputs.join(", ")));
    let unknown: Vec<&str> = report
        .inputs
        .iter()
        .flat_map(|input| input.unknown.iter().map(String::as_str))
        .collect();
    for sentence in unknown.iter().take(4) {
        lines.push(format!("Not known from there: {}.", cell(sentence)));
    }
    for note in report.notes.iter().take(3) {
        lines.push(format!("Note: {}.", cell(note)));
    }
    let mut text = String::new();
    for line in lines {
        let _ = write!(text, "\n- {line}");
    }
    text.push('\n');
    // A list begins behind a blank line.
    format!("\n{}", text.trim_start_matches('\n'))
}

/// Text that breaks no table and starts no markup.
fn cell(text: &str) -> String {
    let text = plain(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let is_number = rest.as_str().starts_with(|next: char| next.is_ascii_digit());
        match c {
            '|' | '*' | '_' | '<' | '>' | '[' | ']' | '`' | '\\' => out.extend(['\\', c]),
            // Services look for mentions behind Markdown, where an escape or an entity is a character again.
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("@\u{200b}"),
            '#' | '!' if is_number => out.extend([c, '\u{200b}']),
            ':' if rest.as_str().starts_with("//") => out.push_str(":\u{200b}"),
            other => out.push(other),
        }
    }
    out
}

/// Text as code; names come from contracts, topics and files.
fn code(text: &str) -> String {
    let safe = plain(text).replace('`', "'").replace('|', "¦");
    // Two back ticks with nothing between them open code.
    match safe.is_empty() {
        true => String::from("` `"),
        false => format!("`{safe}`"),
    }
}

/// One line that is what it looks like, and in which no agent of CI finds a command (`##[`, `##vso[`). Before all else: what is left out between two
/// characters would join them.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        let c = match c {
            '\n' | '\r' | '\t' => ' ',
            c if is_disguise(c) => continue,
            c => c,
        };
        if c == '#' && last == '#' {
            out.push(' ');
        }
        out.push(c);
        last = if is_unseen(c) { last } else { c };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup_and_mentions_nobody() {
        assert_eq!(cell("@acme &#64;all <b> a|b"), "@\u{200b}acme &amp;#\u{200b}64;all \\<b\\> a\\|b");
        assert_eq!(cell("#12 http://e.example\u{1b}[1m"), "#\u{200b}12 http:\u{200b}//e.example\\[1m");
        assert_eq!(code("a`b|c\nd\u{1b}"), "`a'b¦c d`");
        assert_eq!(code(""), "` `");
        assert_eq!(
            cell("#\u{1b}12 h:\u{202e}//e @\u{7}a !1"),
            "#\u{200b}12 h:\u{200b}//e @\u{200b}a !\u{200b}1"
        );
        for text in ["##[error]x", "##vso[task.complete]", "#\u{200b}#[a", "###", "#\u{1b}#"] {
            assert!(!code(text).replace(is_unseen, "").contains("##"), "{text}");
            assert!(!cell(text).replace(is_unseen, "").contains("##"), "{text}");
        }
    }
}
