//! `tidegate check`: the judge of the workers, on a file.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_check::{Input, Judge, Skip, Verdict, Violation};
use tidegate_contract::{Contract, Diagnostic, Level, Severity};

use crate::cli::{CheckArgs, Output};
use crate::commands::contract_file::report;
use crate::commands::judges::Judges;
use crate::exit::Exit;
use crate::wiring::clock::now_micros;
use crate::wiring::event_schemas;
use crate::wiring::schemas::SchemaSource;

pub(crate) fn run(args: &CheckArgs) -> Exit {
    crate::screen::ending(check(args))
}

fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let Some(loaded) = load(args)? else {
        return Ok(Exit::CouldNotTell);
    };
    let now = match &args.now {
        Some(text) => text
            .parse::<jiff::Timestamp>()
            .with_context(|| format!("--now: `{text}` is not an RFC 3339 time"))?
            .as_microsecond(),
        None => now_micros(),
    };
    let mut out = std::io::stdout().lock();
    let mut judge = Judge::new();
    let schemas = SchemaSource::Fixed(Arc::default());
    let mut tally = Tally::default();
    let input: Box<dyn std::io::Read> = match args.events.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(&args.events).with_context(|| format!("{}: cannot be read", args.events.display()))?),
    };
    let mut reader = std::io::BufReader::new(input);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.is_empty() {
            continue;
        }
        let event = Event::read(&line).with_context(|| format!("{}:{number}", args.events.display()))?;
        let headers: Vec<(&str, Option<&[u8]>)> = event
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref().map(str::as_bytes)))
            .collect();
        let input = Input {
            key: event.key.as_deref(),
            value: event.value.as_deref(),
            headers: &headers,
            now,
        };
        let verdict = loaded.judges.judge(&mut judge, &input, &schemas);
        tally.add(&verdict);
        match args.output {
            Output::Human => show(&mut out, &args.events, number, &verdict)?,
            Output::Json => writeln!(out, "{}", document(number, &verdict))?,
        }
    }
    if args.output == Output::Human {
        tally.show(&mut out, &loaded.judges.contract)?;
        if loaded.notes > 0 {
            let (file, notes) = (args.contract.display(), loaded.notes);
            writeln!(out, "{notes} notes about the contract are not shown; see `tidegate lint {file}`")?;
        }
    }
    Ok(if tally.invalid == 0 { Exit::Clean } else { Exit::Findings })
}

/// What judges.
struct Loaded {
    judges: Judges,
    /// Diagnostics of level note.
    notes: usize,
}

/// The compiled objects; `None` when the contract does not load, which has been said then.
fn load(args: &CheckArgs) -> anyhow::Result<Option<Loaded>> {
    let name = args.contract.display().to_string();
    let text = std::fs::read_to_string(&args.contract).with_context(|| format!("{name}: cannot be read"))?;
    let (mut contract, diagnostics) = tidegate_contract::parse(&name, &text);
    let found = diagnostics.len();
    let mut shown: Vec<Diagnostic> = diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.level != Level::Note)
        .collect();
    let notes = found - shown.len();
    let mut sources = BTreeMap::from([(Arc::from(name.as_str()), text)]);
    if let Some(contract) = &mut contract {
        shown.extend(event_schemas::attach(contract, &args.contract, &mut sources)?);
    }
    report(&sources, &shown);
    let Some(contract) = contract.filter(|_| shown.iter().all(|diagnostic| diagnostic.level != Level::Error)) else {
        return Ok(None);
    };
    match Judges::of(Arc::new(contract), args.object.as_deref(), &args.contract)? {
        Ok(judges) => Ok(Some(Loaded { judges, notes })),
        Err(problems) => {
            report(&sources, &problems);
            Ok(None)
        }
    }
}

/// One line: the value itself, or `@` and a JSON object with key, value and headers.
pub(crate) struct Event {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<String>)>,
}

impl Event {
    pub(crate) fn read(line: &[u8]) -> anyhow::Result<Event> {
        let Some(wrapped) = line.strip_prefix(b"@") else {
            return Ok(Event {
                key: None,
                value: Some(line.to_vec()),
                headers: Vec::new(),
            });
        };
        let wrapped: serde_json::Value = serde_json::from_slice(wrapped).context("what follows @ must be a JSON object")?;
        let Some(object) = wrapped.as_object() else {
            bail!("what follows @ must be a JSON object")
        };
        if let Some(unknown) = object.keys().find(|name| !["key", "value", "headers"].contains(&name.as_str())) {
            bail!("what follows @ has `{unknown}`; it may have key, value and headers");
        }
        let text = |name: &str| match &wrapped[name] {
            serde_json::Value::Null => Ok(None),
            serde_json::Value::String(text) => Ok(Some(text.clone().into_bytes())),
            _ => bail!("{name} must be text or null"),
        };
        let mut headers = Vec::new();
        for header in wrapped["headers"].as_array().into_iter().flatten() {
            let name = header[0].as_str().context("headers must be a list of [name, text or null]")?;
            headers.push((name.to_owned(), header[1].as_str().map(str::to_owned)));
        }
        Ok(Event {
            key: text("key")?,
            value: text("value")?,
            headers,
        })
    }
}

#[derive(Default)]
struct Tally {
    valid: u64,
    invalid: u64,
    skipped: u64,
    rules: BTreeMap<(&'static str, Arc<str>), u64>,
}

impl Tally {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Valid { .. } => self.valid += 1,
            Verdict::Skipped(_) => self.skipped += 1,
            Verdict::Invalid { violations, .. } => {
                self.invalid += 1;
                for violation in violations {
                    *self.rules.entry((violation.reason.as_str(), violation.rule.clone())).or_default() += 1;
                }
            }
            // Without a registry the schema cannot be had here, so the event cannot be called valid.
            Verdict::Need(_) => self.invalid += 1,
        }
    }

    fn show(&self, out: &mut impl std::io::Write, contract: &Contract) -> std::io::Result<()> {
        writeln!(
            out,
            "{}: {} valid, {} invalid, {} skipped",
            contract.reference(),
            self.valid,
            self.invalid,
            self.skipped
        )?;
        for ((reason, rule), count) in &self.rules {
            writeln!(out, "  {count:>8}  {reason}  {rule}")?;
        }
        Ok(())
    }
}

fn show(out: &mut impl std::io::Write, events: &Path, number: u64, verdict: &Verdict) -> std::io::Result<()> {
    let place = format!("{}:{number}", events.display());
    match verdict {
        Verdict::Valid { notes, .. } => notes.iter().try_for_each(|note| line(out, &place, note)),
        Verdict::Invalid { violations, cut } => {
            violations.iter().try_for_each(|violation| line(out, &place, violation))?;
            if *cut {
                writeln!(out, "{place}: more violations than are listed")?;
            }
            Ok(())
        }
        Verdict::Skipped(skip) => writeln!(out, "{place}: skipped by policy {}", name(*skip)),
        Verdict::Need(need) => writeln!(out, "{place}: error: needs registry schema {need:?}, which `check` cannot ask for"),
    }
}

fn line(out: &mut impl std::io::Write, place: &str, violation: &Violation) -> std::io::Result<()> {
    let severity = match violation.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let detail = violation
        .detail
        .map(|detail| detail.as_str())
        .filter(|detail| *detail != violation.reason.as_str());
    let detail = detail.map(|detail| format!("/{detail}")).unwrap_or_default();
    let pointer = if violation.pointer.is_empty() {
        "(event)"
    } else {
        &violation.pointer
    };
    let at = &violation.location;
    writeln!(
        out,
        "{place}: {severity}: {}{detail} at {pointer}: rule `{}` ({}:{}:{})",
        violation.reason.as_str(),
        violation.rule,
        at.file,
        at.line,
        at.column
    )
}

fn name(skip: Skip) -> &'static str {
    skip.as_str()
}

fn document(number: u64, verdict: &Verdict) -> serde_json::Value {
    let list = |violations: &[Violation]| {
        violations
            .iter()
            .map(|violation| {
                serde_json::json!({
                    "reason": violation.reason.as_str(),
                    "detail": violation.detail.map(|detail| detail.as_str()),
                    "rule": &*violation.rule,
                    "pointer": violation.pointer,
                    "contract": {
                        "file": &*violation.location.file,
                        "line": violation.location.line,
                        "column": violation.location.column,
                        "pointer": &*violation.location.pointer,
                    },
                })
            })
            .collect::<Vec<_>>()
    };
    match verdict {
        Verdict::Valid { notes, .. } => serde_json::json!({"line": number, "verdict": "valid", "notes": list(notes)}),
        Verdict::Invalid { violations, cut } => {
            serde_json::json!({"line": number, "verdict": "invalid", "violations": list(violations), "cut": cut})
        }
        Verdict::Skipped(skip) => serde_json::json!({"line": number, "verdict": "skipped", "policy": skip.as_str()}),
        Verdict::Need(need) => serde_json::json!({"line": number, "verdict": "unknown", "needs": format!("{need:?}")}),
    }
}
