//! `tidegate diff`: what a change of contracts means, and which version it needs.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::bail;
use tidegate_diff::{Diff, compare_files, compare_sets, render};

use crate::cli::{DiffArgs, DiffOutput, Undetermined};
use crate::commands::lint::formats::{harmless, printable, printed_json};
use crate::exit::Exit;
use crate::review::back::let_go_back;
use crate::review::consumers::{Consumers, Hit, hits};
use crate::wiring::clock::now_micros;

pub(crate) mod side;

/// The most lines of a comment about consumers.
const READERS_MAX: usize = 10;
/// The longest line about one of them, in characters.
const LINE_MAX: usize = 400;

use side::Side;

pub(crate) fn run(args: &DiffArgs) -> Exit {
    crate::screen::ending(diff(args))
}

fn diff(args: &DiffArgs) -> anyhow::Result<Exit> {
    let (old, new) = match (&args.base, args.sides.as_slice()) {
        (None, [range]) if range.contains("...") => match Side::between(range, "")? {
            Some(sides) => sides,
            None => bail!("name two sides, OLD and NEW, or the old one by --base REF"),
        },
        (None, [old, new]) => match Side::between(old, new)? {
            Some(sides) => sides,
            None => (Side::parse(old)?, Side::parse(new)?),
        },
        (None, _) => bail!("name two sides, OLD and NEW, or the old one by --base REF"),
        (Some(base), []) => Side::since(base, ".")?,
        (Some(base), [here]) => Side::since(base, here)?,
        (Some(_), _) => bail!("with --base there is one side at most"),
    };
    let (Some(before), Some(now)) = (old.load()?, new.load()?) else {
        return Ok(Exit::CouldNotTell);
    };
    let names = (old.name(), new.name());
    let diff = match (before.as_slice(), now.as_slice()) {
        // Two files are meant to be compared, whatever they are called.
        ([one], [other]) if old.is_file() && new.is_file() => compare_files((&names.0, &names.1), one, other),
        _ => compare_sets((&names.0, &names.1), &before, &now),
    };
    let diff = match args.undetermined {
        Undetermined::Major => diff,
        Undetermined::Minor => diff.trusting(),
    };
    let diff = diff.at(now_micros());
    let diff = match &old {
        Side::Commit { root, commit, path, .. } if !old.is_file() => let_go_back(diff, (root, commit, path), &before, &now)?,
        Side::Commit { .. } | Side::Disk(_) => diff,
    };
    let (readers_before, readers_now) = (Consumers::of_side(&old)?, Consumers::of_side(&new)?);
    let hits = hits(&readers_before, &readers_now, &diff, &now);
    let text = match args.output {
        DiffOutput::Human => harmless(printable(&format!("{}{}", render::human(&diff), readers(&hits)))),
        DiffOutput::Markdown => markdown(&diff, &hits),
        DiffOutput::Json => {
            let mut document = render::json(&diff);
            document["consumers"] = hits.iter().map(Hit::document).collect();
            printed_json(&document)?
        }
        DiffOutput::Odcs => printed_json(&serde_json::Value::Array(render::odcs(&diff)))?,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(if diff.has_findings() { Exit::Findings } else { Exit::Clean })
}

/// The comment with whom the changes hit, in as many lines as the one without.
fn markdown(diff: &Diff, hits: &[Hit<'_>]) -> String {
    if hits.is_empty() {
        return render::markdown(diff);
    }
    let shown = hits.len().min(READERS_MAX);
    let mut text = render::markdown_within(diff, render::LINES_MAX - shown - 4);
    let _ = writeln!(text, "\n**Consumers hit: {}**\n", hits.len());
    for hit in &hits[..shown] {
        let place = format!("{}:{}", hit.file, hit.line);
        let _ = writeln!(
            text,
            "- {} <sub>{}</sub>",
            render::markdown_within_text(&hit.sentence(), LINE_MAX),
            render::markdown_within_text(&place, LINE_MAX)
        );
    }
    if hits.len() > shown {
        let _ = writeln!(text, "- … and {} more", hits.len() - shown);
    }
    text
}

/// Whom the changes hit, one a line, by the line of the file that says so.
fn readers(hits: &[Hit<'_>]) -> String {
    let lines = hits
        .iter()
        .map(|hit| format!("  {}  ({}:{})\n", hit.sentence(), render::one_line(&hit.file), hit.line));
    match hits {
        [] => String::new(),
        hits => format!("\nconsumers hit: {}\n{}", hits.len(), lines.collect::<String>()),
    }
}
