//! `tidegate try`: one event and its verdict, with the place of everything that is wrong.

mod clause;
mod show;

use std::collections::HashMap;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_check::input::Known;
use tidegate_check::locate::{Place, locate, values};
use tidegate_check::{Input, Judge, SchemaLookup, SchemaNeed, Verdict, Violation};
use tidegate_codec::avro::Schema;

use self::show::{Attempt, Found};
use crate::cli::{Output, TryArgs};
use crate::commands::contract_file::{self, Chosen};
use crate::exit::Exit;
use crate::screen::say;
use crate::wiring::clock::now_micros;

pub(crate) fn run(args: &TryArgs) -> Exit {
    crate::screen::ending(attempt(args))
}

fn attempt(args: &TryArgs) -> anyhow::Result<Exit> {
    let Some(chosen) = contract_file::load(&args.contract, args.object.as_deref())? else {
        return Ok(Exit::CouldNotTell);
    };
    let Chosen {
        contract, object, plan, ..
    } = &chosen;
    let object = &contract.objects[*object];
    let (file, event) = read(&args.event)?;
    let key = args.key.as_deref().map(key).transpose()?;
    let headers = headers(&args.headers)?;
    let headers: Vec<(&str, Option<&[u8]>)> = headers.iter().map(|(name, value)| (*name, Some(value.as_bytes()))).collect();
    let now = match &args.now {
        Some(text) => text
            .parse::<jiff::Timestamp>()
            .with_context(|| format!("--now: `{text}` is not an RFC 3339 time"))?
            .as_microsecond(),
        None => now_micros(),
    };
    let topic = args
        .topic
        .clone()
        .unwrap_or_else(|| object.topic.as_ref().unwrap_or(&object.name).to_string());
    let schemas = Schemas::of(args)?;
    let input = Input {
        key: key.as_deref(),
        value: Some(&event),
        headers: &headers,
        now,
    };
    let mut judge = Judge::new();
    let verdict = judge.judge(plan, &input, &topic, &schemas, &mut ());
    let violations: &[Violation] = match &verdict {
        Verdict::Valid { notes, .. } => notes,
        Verdict::Invalid { violations, .. } => violations,
        Verdict::Skipped(_) | Verdict::Need(_) => &[],
    };
    let starred = |at: usize| judge.starred().get(at).map_or(&[][..], Vec::as_slice);
    let found: Vec<Found<'_>> = violations
        .iter()
        .enumerate()
        .map(|(at, violation)| {
            let same = |before: &usize| {
                violations[*before].pointer == violation.pointer
                    && violations[*before].rule == violation.rule
                    && starred(*before) == starred(at)
            };
            let earlier = (0..at).filter(same).count();
            Found {
                violation,
                place: locate(plan, &input, &schemas, violation, starred(at), earlier),
            }
        })
        .collect();
    let hidden = if args.redact {
        // What cannot be read may hold anything.
        values(plan, &input, &schemas).map_or_else(
            |_| std::iter::once(0..event.len()).collect(),
            |seen| show::classified(object, &seen),
        )
    } else {
        Vec::new()
    };
    let attempt = Attempt {
        chosen: &chosen,
        file: &file,
        event: &event,
        verdict: &verdict,
        found: &found,
        hidden: &hidden,
    };
    match args.output {
        Output::Human => say(format_args!(
            "{}",
            attempt.text(contract_file::color(std::io::stdout().is_terminal()))
        )),
        Output::Json => say(format_args!("{:#}", attempt.document())),
    }
    Ok(match &verdict {
        Verdict::Valid { .. } | Verdict::Skipped(_) => Exit::Clean,
        Verdict::Invalid { .. } => Exit::Findings,
        Verdict::Need(need) => {
            eprintln!("error: {}", missing(need));
            Exit::CouldNotTell
        }
    })
}

fn missing(need: &SchemaNeed) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let which = match need {
        SchemaNeed::Id(id) => format!("id {id}"),
        SchemaNeed::Guid(guid) => format!("GUID {}", hex(guid)),
        SchemaNeed::Glue(uuid) => format!("Glue version {}", hex(uuid)),
        SchemaNeed::GlobalId(id) => format!("global id {id}"),
        SchemaNeed::ContentId(id) => format!("content id {id}"),
        SchemaNeed::File { file, .. } => return format!("`try` does not read schema files such as {file} yet; use a topic and `validate`"),
    };
    format!("the event names the registry schema of {which}, which is not here; give it with --avro-schema FILE or --schema-dir DIR")
}

/// The event and the name under which it is shown.
fn read(path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    if path.as_os_str() == "-" {
        let mut event = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut event)
            .context("standard input cannot be read")?;
        return Ok((String::from("<stdin>"), event));
    }
    let event = std::fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Ok((path.display().to_string(), event))
}

fn key(text: &str) -> anyhow::Result<Vec<u8>> {
    let path = Path::new(text);
    if path.is_file() {
        return std::fs::read(path).with_context(|| format!("--key: {text}: cannot be read"));
    }
    Ok(text.as_bytes().to_vec())
}

fn headers(given: &[String]) -> anyhow::Result<Vec<(&str, &str)>> {
    given
        .iter()
        .map(|header| {
            header
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .with_context(|| format!("--header: `{header}` is not NAME=VALUE"))
        })
        .collect()
}

/// Schemas that stand for a registry's.
enum Schemas {
    None,
    Every(Arc<Schema>),
    ById(HashMap<u32, Arc<Schema>>),
}

impl Schemas {
    fn of(args: &TryArgs) -> anyhow::Result<Schemas> {
        let parse = |path: &Path| -> anyhow::Result<Arc<Schema>> {
            let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
            match Schema::parse(&text, &[]) {
                Ok(schema) => Ok(Arc::new(schema)),
                Err(problem) => bail!("{}: no Avro schema: {problem}", path.display()),
            }
        };
        if let Some(path) = &args.avro_schema {
            return Ok(Schemas::Every(parse(path)?));
        }
        let Some(folder) = &args.schema_dir else { return Ok(Schemas::None) };
        let mut schemas = HashMap::new();
        let entries = std::fs::read_dir(folder).with_context(|| format!("--schema-dir: {}: cannot be read", folder.display()))?;
        for entry in entries {
            let path: PathBuf = entry
                .with_context(|| format!("--schema-dir: {}: cannot be read", folder.display()))?
                .path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let (Some(id), Some("avsc" | "json")) = (id, path.extension().and_then(|extension| extension.to_str())) {
                schemas.insert(id, parse(&path)?);
            }
        }
        Ok(Schemas::ById(schemas))
    }
}

impl SchemaLookup for Schemas {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match (self, need) {
            (Schemas::Every(schema), _) => Known::Avro(schema.clone()),
            (Schemas::ById(schemas), SchemaNeed::Id(id)) => schemas.get(id).map_or(Known::NotCached, |schema| Known::Avro(schema.clone())),
            // That a schema is not at hand says nothing about the event.
            _ => Known::NotCached,
        }
    }
}

impl Found<'_> {
    /// The bytes to show; none where the violation is about the record as a whole.
    fn bytes(&self) -> Option<std::ops::Range<usize>> {
        match &self.place {
            Place::Value(bytes) | Place::Name(bytes) | Place::Missing(bytes) => Some(bytes.clone()),
            Place::Stopped(at) => Some(*at..*at),
            Place::Whole => None,
        }
    }
}
