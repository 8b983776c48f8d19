//! `tidegate lint`: every diagnostic of contracts, and what of them is not executed.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_contract::snapshot::is_contract_path;
use tidegate_contract::yaml::BYTES_MAX;
use tidegate_contract::{ContractFile, Diagnostic, Level, SchemaFolder, Snapshot, parse, render};
use tidegate_git::directory::read_schemas_near;

use crate::cli::{LintArgs, LintOutput};
use crate::exit::Exit;
use crate::wiring::clock::now_micros;

mod formats;

/// The deepest folder that is searched.
const DEPTH_MAX: usize = 32;
/// The most contract files of one call, as for a snapshot.
const FILES_MAX: usize = 10_000;

pub(crate) fn run(args: &LintArgs) -> Exit {
    crate::screen::ending(lint(args))
}

fn lint(args: &LintArgs) -> anyhow::Result<Exit> {
    let now = match &args.today {
        Some(text) => moment(text)?,
        None => now_micros(),
    };
    let mut found = Vec::new();
    let files = read(&args.paths, &mut found)?;
    let schemas = event_schemas(&files)?;
    found.extend(diagnose(&files, &schemas, now));
    if args.no_notes {
        found.retain(|diagnostic| diagnostic.level != Level::Note);
    }
    let tally = Tally::of(&found);
    let mut out = std::io::stdout().lock();
    match args.output {
        LintOutput::Text => {
            let sources: BTreeMap<Arc<str>, String> = files
                .iter()
                .chain(&schemas)
                .map(|file| (file.path.clone(), file.text.clone()))
                .collect();
            let color = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(out, "{}", render(&found, &sources, color))?;
            writeln!(out, "{}: {}", count(files.len(), "contract file"), tally.sentence())?;
        }
        LintOutput::Json => writeln!(out, "{}", serde_json::to_string_pretty(&formats::document(&found))?)?,
        LintOutput::Github => formats::github(&found).iter().try_for_each(|line| writeln!(out, "{line}"))?,
        LintOutput::Gitlab => writeln!(out, "{}", serde_json::to_string_pretty(&formats::gitlab(&found))?)?,
        LintOutput::Azure => formats::azure(&found).iter().try_for_each(|line| writeln!(out, "{line}"))?,
        LintOutput::Junit => {
            let names: Vec<&str> = files.iter().map(|file| &*file.path).collect();
            write!(out, "{}", formats::junit(&names, &found, args.deny.is_some()))?;
        }
        LintOutput::Sarif => writeln!(out, "{}", serde_json::to_string_pretty(&formats::sarif(&found))?)?,
    }
    let denied = args.deny.is_some() && tally.warnings > 0;
    Ok(if tally.errors > 0 || denied { Exit::Findings } else { Exit::Clean })
}

/// What the whole snapshot says, then what each contract that loads says for itself, by file and line.
/// The files of the folders `schemas` that the contracts may name something of.
fn event_schemas(files: &[ContractFile]) -> anyhow::Result<Vec<ContractFile>> {
    let mut schemas = BTreeMap::new();
    for file in files {
        for schema in read_schemas_near(Path::new(&*file.path))?.files {
            schemas.entry(schema.path.clone()).or_insert(schema);
        }
    }
    Ok(schemas.into_values().collect())
}

fn diagnose(files: &[ContractFile], schemas: &[ContractFile], now: i64) -> Vec<Diagnostic> {
    let all: Vec<ContractFile> = files.iter().chain(schemas).cloned().collect();
    let mut found = match Snapshot::build("lint", &all) {
        Ok((snapshot, mut diagnostics)) => {
            diagnostics.extend(tidegate_registry::ids::check(&all, &snapshot).err().into_iter().flatten());
            diagnostics
        }
        Err(diagnostics) => diagnostics,
    };
    let folder = Arc::new(SchemaFolder::new(schemas));
    for file in files {
        if let (Some(mut contract), _) = parse(&file.path, &file.text)
            && contract.attach_schemas(&folder).is_empty()
        {
            found.extend(tidegate_check::lint(&contract, now));
        }
    }
    let place = |one: &Diagnostic| (one.location.file.clone(), one.location.line, one.location.column, one.code);
    found.sort_by_key(place);
    found.dedup();
    found
}

fn read(paths: &[PathBuf], found: &mut Vec<Diagnostic>) -> anyhow::Result<Vec<ContractFile>> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here[..] } else { paths };
    let mut names = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let before = names.len();
        match meta.is_dir() {
            true => search(path, 0, &mut names)?,
            // A file that is named is a contract, whatever its name.
            false => names.push(path.clone()),
        }
        if names.len() == before {
            bail!("{}: holds no contract file (*.odcs.yaml)", path.display());
        }
    }
    names.sort();
    names.dedup();
    let mut files = Vec::with_capacity(names.len());
    for path in names {
        let name = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        let bytes = std::fs::read(&path).with_context(|| format!("{name}: cannot be read"))?;
        if bytes.len() > BYTES_MAX {
            found.push(Diagnostic::unreadable(
                Level::Error,
                name,
                "the file is larger than 4 MiB",
                "split the contract",
            ));
            continue;
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                if !is_contract_path(&name) {
                    let problem = "the name does not end in .odcs.yaml, so no worker reads the file";
                    found.push(Diagnostic::unreadable(Level::Warning, name.as_str(), problem, "rename it"));
                    // The snapshot leaves such files alone; what is wrong inside is said all the same.
                    found.extend(parse(&name, &text).1);
                }
                files.push(ContractFile { path: name.into(), text });
            }
            Err(_) => found.push(Diagnostic::unreadable(
                Level::Error,
                name,
                "the file is not UTF-8 text",
                "save it as UTF-8",
            )),
        }
    }
    Ok(files)
}

/// Contract files of a folder; links, and folders whose name begins with a dot, are passed over.
fn search(folder: &Path, depth: usize, names: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if depth > DEPTH_MAX {
        bail!("{}: folders are nested deeper than {DEPTH_MAX}", folder.display());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() && !name.starts_with('.') {
            search(&path, depth + 1, names)?;
        } else if kind.is_file() && is_contract_path(&name) {
            names.push(path);
        }
        if names.len() > FILES_MAX {
            bail!("more than {FILES_MAX} contract files");
        }
    }
    Ok(())
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
struct Tally {
    errors: usize,
    warnings: usize,
    notes: usize,
}

impl Tally {
    fn of(found: &[Diagnostic]) -> Tally {
        let of = |level| found.iter().filter(|diagnostic| diagnostic.level == level).count();
        Tally {
            errors: of(Level::Error),
            warnings: of(Level::Warning),
            notes: of(Level::Note),
        }
    }

    fn sentence(&self) -> String {
        let parts = [(self.errors, "error"), (self.warnings, "warning"), (self.notes, "note")];
        parts.map(|(number, what)| count(number, what)).join(", ")
    }
}

fn count(number: usize, what: &str) -> String {
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
