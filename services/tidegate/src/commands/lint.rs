//! `tidegate lint`: every diagnostic of contracts, and what of them is not executed.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use tidegate_contract::{Diagnostic, Level, render};

use crate::cli::{LintArgs, LintOutput};
use crate::exit::Exit;
use crate::review::ground::Ground;
use crate::wiring::clock::now_micros;

mod committed;
pub(crate) mod examine;
pub(crate) mod formats;
mod reading;

use examine::{Examined, Since, examine};

pub(crate) fn run(args: &LintArgs) -> Exit {
    crate::screen::ending(lint(args))
}

fn lint(args: &LintArgs) -> anyhow::Result<Exit> {
    let now = match &args.today {
        Some(text) => moment(text)?,
        None => now_micros(),
    };
    let since = match (&args.base, args.no_history) {
        (_, true) => Since::Nothing,
        (Some(base), false) => Since::Reference(base.clone()),
        (None, false) => Since::Published,
    };
    let mut examined = examine(&args.paths, now, &since)?;
    if args.no_notes {
        examined.found.retain(|diagnostic| diagnostic.level != Level::Note);
    }
    if let Some(base) = &args.base {
        examined.changed(base)?.sort(&mut examined.found);
    }
    let Examined { files, found, .. } = &examined;
    let tally = Tally::of(found);
    // Services know files by their place in the repository, wherever this was run.
    let placed = || -> anyhow::Result<Vec<Diagnostic>> {
        let ground = examined.paths.first().map(|path| Ground::of(path)).transpose()?.flatten();
        let placed = ground.map_or_else(|| found.clone(), |ground| ground.placed(found));
        Ok(match args.base {
            // Those on changed lines are the first already.
            Some(_) => placed,
            None => formats::worst_first(placed),
        })
    };
    let mut out = std::io::stdout().lock();
    match args.output {
        LintOutput::Text => {
            let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(out, "{}", formats::harmless(render(found, &examined.sources(), color)))?;
            writeln!(out, "{}: {}", count(files.len(), "contract file"), tally.sentence())?;
        }
        LintOutput::Json => write!(out, "{}", formats::printed_json(&formats::document(found))?)?,
        LintOutput::Github => formats::github(&placed()?).iter().try_for_each(|line| writeln!(out, "{line}"))?,
        LintOutput::Gitlab => write!(out, "{}", formats::printed_json(&formats::gitlab(&placed()?))?)?,
        LintOutput::Azure => formats::azure(&placed()?).iter().try_for_each(|line| writeln!(out, "{line}"))?,
        LintOutput::Junit => {
            let names: Vec<&str> = files.iter().map(|file| &*file.path).collect();
            write!(out, "{}", formats::junit("tidegate lint", &names, found, args.deny.is_some()))?;
        }
        LintOutput::Sarif => write!(out, "{}", formats::printed_json(&formats::sarif(&placed()?))?)?,
    }
    let denied = args.deny.is_some() && tally.warnings > 0;
    Ok(if tally.errors > 0 || denied { Exit::Findings } else { Exit::Clean })
}

/// A day (its start in UTC) or an RFC 3339 moment, in microseconds since the epoch.
fn moment(text: &str) -> anyhow::Result<i64> {
    let day = text
        .parse::<jiff::civil::Date>()
        .ok()
        .and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    match day {
        Some(day) if text.len() == 10 => Ok(day.timestamp().as_microsecond()),
        _ => Ok(text
            .parse::<jiff::Timestamp>()
            .with_context(|| format!("--today: `{text}` is neither a day such as 2026-11-21 nor an RFC 3339 time"))?
            .as_microsecond()),
    }
}

/// How many of each level.
pub(crate) struct Tally {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    notes: usize,
}

impl Tally {
    pub(crate) fn of(found: &[Diagnostic]) -> Tally {
        let of = |level| found.iter().filter(|diagnostic| diagnostic.level == level).count();
        Tally {
            errors: of(Level::Error),
            warnings: of(Level::Warning),
            notes: of(Level::Note),
        }
    }

    pub(crate) fn sentence(&self) -> String {
        let parts = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        parts.map(|(number, what)| count(number, what)).join(", ")
    }
}

pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_moments() {
        assert_eq!(moment("1970-01-02").unwrap(), 86_400_000_000);
        assert_eq!(moment("1970-01-01T00:00:01Z").unwrap(), 1_000_000);
        assert!(moment("soon").is_err());
    }
}
