//! `tidegate try`: one event and its verdict, with the place of everything that is wrong.

mod clause;
mod schemas;
mod show;

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tidegate_check::locate::{Place, locate, values};
use tidegate_check::{Choice, Chooser, Input, Judge, SchemaNeed, Verdict, Violation};
use tidegate_contract::{Binding, Severity};

use self::schemas::Schemas;
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
    let Some(loaded) = contract_file::open(&args.contract, args.object.as_deref())? else {
        return Ok(Exit::CouldNotTell);
    };
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
    let mut schemas = Schemas::of(args)?;
    let input = Input {
        key: key.as_deref(),
        value: Some(&event),
        headers: &headers,
        now,
    };
    let shared = if args.object.is_none() {
        contract_file::shared_topic(&Arc::new(loaded.contract.clone()))
    } else {
        None
    };
    let (object, undescribed) = match shared {
        Some(binding) => choose(binding, &input, &mut schemas)?,
        None => (loaded.pick(args.object.as_deref())?, None),
    };
    let Some(chosen) = loaded.compile(object) else {
        return Ok(Exit::CouldNotTell);
    };
    let Chosen { contract, plan, .. } = &chosen;
    let object = &contract.objects[object];
    let topic = args
        .topic
        .clone()
        .unwrap_or_else(|| object.topic.as_ref().unwrap_or(&object.name).to_string());
    let mut judge = Judge::new();
    let is_described = undescribed.is_none();
    let verdict = match undescribed {
        Some(verdict) => verdict,
        None => loop {
            match judge.judge(plan, &input, &topic, &schemas, &mut ()) {
                Verdict::Need(need) if schemas.fetch(&need)? => {}
                verdict => break verdict,
            }
        },
    };
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
        object: is_described.then_some(&*plan.object),
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

/// The object that describes the event; where none does, the first of the topic and the verdict that says so.
fn choose(binding: Binding, input: &Input<'_>, schemas: &mut Schemas) -> anyhow::Result<(usize, Option<Verdict>)> {
    let first = binding.default.object;
    let chooser = Chooser::new(binding);
    loop {
        let (reason, detail, clause) = match chooser.choose(input, schemas) {
            Choice::Bound { bound, .. } => return Ok((bound.object, None)),
            Choice::Need(need) if schemas.fetch(&need)? => continue,
            Choice::Need(need) => return Ok((first, Some(Verdict::Need(need)))),
            Choice::Refused { reason, detail, clause } => (reason, detail, clause),
        };
        let mut discriminators = chooser
            .binding()
            .objects()
            .filter_map(|bound| bound.object().settings.discriminator.as_ref());
        let violation = Violation {
            reason,
            detail,
            rule: clause.into(),
            severity: Severity::Error,
            pointer: String::new(),
            location: discriminators.next().map(|one| one.location.clone()).unwrap_or_default(),
        };
        let verdict = Verdict::Invalid {
            violations: vec![violation],
            cut: false,
        };
        return Ok((first, Some(verdict)));
    }
}

fn missing(need: &SchemaNeed) -> String {
    let which = match need {
        SchemaNeed::File { file, .. } => {
            return format!("the contract names the schema file {file}, which is not here; give its folder with --schema-dir DIR");
        }
        SchemaNeed::Id(id) => format!("id {id}"),
        SchemaNeed::Guid(guid) => format!("GUID {}", schemas::uuid(guid)),
        SchemaNeed::Glue(uuid) => format!("Glue version {}", schemas::uuid(uuid)),
        SchemaNeed::GlobalId(id) => format!("global id {id}"),
        SchemaNeed::ContentId(id) => format!("content id {id}"),
    };
    let stem = schemas::stem(need);
    format!(
        "the event names the registry schema of {which}, which is not here; give it with --avro-schema FILE or --schema-dir DIR, where it is \
         {stem}.avsc or {stem}.proto"
    )
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

impl Found<'_> {
    /// The bytes to show; none where the violation is about the record as a whole.
    fn bytes(&self) -> Option<std::ops::Range<usize>> {
        match &self.place {
            Place::Value(bytes) | Place::Name(bytes) | Place::Missing(bytes) | Place::Within(bytes) => Some(bytes.clone()),
            Place::Stopped(at) => Some(*at..*at),
            Place::Whole => None,
        }
    }
}
