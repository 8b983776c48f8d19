//! `tidegate preview`: what a change of contracts would do to events that really came.

mod args;
pub(crate) mod input;
mod lake;
mod progress;
pub(crate) mod topic;

use std::fs::File;
use std::io::{Read, Write as _};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tidegate_contract::Status;
use tidegate_preview::line::LineFeed;
use tidegate_preview::run::{Bounds, Far};
use tidegate_preview::{Asked, Feed, InputReport, Limit, Pair, Report, Side, Stopped, render};

pub(crate) use args::{PreviewArgs, PreviewOutput, duration};
use input::Input;
use progress::Progress;

use crate::commands::contract_file;
use crate::commands::diff::side::Side as Source;
use crate::commands::lint::formats::{harmless, printable, printed_json};
use crate::config::Config;
use crate::exit::Exit;
use crate::signals::stop_flag;
use crate::wiring::clock::now_micros;

/// Which events to preview; for `tidegate preview` and `tidegate ci`.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// As on the command line.
    pub(crate) inputs: Vec<String>,
    /// Topic of events that do not say theirs; default: the only one that the contracts bind.
    pub(crate) topic: Option<String>,
    pub(crate) last: Option<u64>,
    pub(crate) since: Option<String>,
    pub(crate) max_events: u64,
    pub(crate) max_time: Duration,
    pub(crate) max_newly_failing: Option<Limit>,
    /// Microseconds since the epoch; default: the machine's clock.
    pub(crate) now: Option<i64>,
    pub(crate) asked: Asked,
    pub(crate) threads: Option<usize>,
    /// Config file, brokers, registry.
    pub(crate) role: crate::cli::RoleArgs,
}

pub(crate) fn run(args: &PreviewArgs) -> Exit {
    crate::screen::ending(command(args))
}

fn command(args: &PreviewArgs) -> anyhow::Result<Exit> {
    // A mistake in the flags is told before contracts are.
    let request = args.request()?;
    let (Some(old), Some(new)) = (side(&args.old)?, side(&args.new)?) else {
        return Ok(Exit::CouldNotTell);
    };
    let report = preview(&Pair { old, new }, &request)?;
    let text = match args.output {
        PreviewOutput::Human => harmless(printable(&render::human(&report))),
        PreviewOutput::Markdown => render::markdown(&report),
        PreviewOutput::Json => printed_json(&render::json(&report))?,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    let was_interrupted = report.inputs.iter().any(|input| input.stopped == Some(Stopped::Asked));
    Ok(match report.exit_code() {
        0 if was_interrupted => Exit::CouldNotTell,
        code => Exit::of_report(code),
    })
}

/// Makes a preview. An error is misuse or a world that does not answer: nothing may be concluded then.
pub(crate) fn preview(pair: &Pair, request: &Request) -> anyhow::Result<Report> {
    let inputs: Vec<Input> = request
        .inputs
        .iter()
        .map(|text| Input::parse(text))
        .collect::<anyhow::Result<_>>()?;
    let now = request.now.unwrap_or_else(now_micros);
    let fixed = jiff::Timestamp::from_microsecond(now).map_or_else(|_| now.to_string(), |at| at.to_string());
    let config = Config::load(&crate::cli::RoleArgs {
        // Contracts are the two sides.
        contracts: Some(String::new()),
        ..request.role.clone()
    })?;
    let schemas = super::schemas(&config)?;
    let threads = request
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(16));
    let begun = Instant::now();
    let stop = stop_flag();
    let mut report = Report {
        sides: (pair.old.name().to_owned(), pair.new.name().to_owned()),
        inputs: Vec::new(),
        notes: notes(pair, &inputs),
        limit: request.max_newly_failing,
    };
    let window = topic::Window {
        last: request.last,
        since: request.since.clone(),
        events_max: request.max_events,
        now,
    };
    let mut left = request.max_events;
    let mut progress = Progress::new();
    for input in &inputs {
        let mut unknown = Vec::new();
        let (mut feed, kind, clock): (Box<dyn Feed>, _, _) = match input {
            Input::Lines(file) if lake::is_lake(Path::new(file)) => {
                let feed = lake::LakeFeed::open(pair, Path::new(file), now)?;
                unknown = feed.unknown();
                (Box::new(feed), "lake", fixed.clone())
            }
            Input::Lines(file) => {
                let topic = line_topic(pair, request.topic.as_deref())?;
                (
                    Box::new(LineFeed::new(file.as_str(), topic, now, open(file)?)),
                    "lines",
                    fixed.clone(),
                )
            }
            Input::Topic(range) => {
                let feed = topic::TopicFeed::open(&config, range, &window, false)?;
                (Box::new(feed), "topic", fixed.clone())
            }
            Input::DeadLetters(range) => {
                let feed = topic::TopicFeed::open(&config, range, &window, true)?;
                (Box::new(feed), "dead_letters", String::from("the time at which each was judged"))
            }
        };
        let mut out_of_time = false;
        let ran = tidegate_preview::run(
            pair,
            &mut *feed,
            &request.asked,
            &schemas,
            Bounds { events_max: left, threads },
            &mut |far: Far| {
                progress.show(input.name(), far);
                out_of_time = begun.elapsed() > request.max_time;
                !out_of_time && !stop.load(Ordering::Acquire)
            },
        );
        progress.end();
        let ran = ran?;
        left = left.saturating_sub(ran.tally.events());
        let stopped = match (ran.stopped, ran.cut) {
            (true, _) if out_of_time => Some(Stopped::Time),
            (true, _) => Some(Stopped::Asked),
            (false, true) => Some(Stopped::Events),
            (false, false) => None,
        };
        report.inputs.push(InputReport {
            name: input.name().to_owned(),
            kind,
            now: clock,
            unknown,
            tally: ran.tally,
            stopped,
        });
    }
    Ok(report)
}

/// The contracts of one side, compiled; none when they do not load or compile, which has been said then.
fn side(spec: &str) -> anyhow::Result<Option<Side>> {
    let source = Source::parse(spec)?;
    let Some(mut contracts) = source.load()? else { return Ok(None) };
    if !source.is_file() {
        // As a validator loads them; a draft that is named itself is meant.
        contracts.retain(|contract| contract.status != Status::Draft);
    }
    match Side::new(spec, &contracts) {
        Ok(side) => Ok(Some(side)),
        Err(problems) => {
            contract_file::report(&std::collections::BTreeMap::new(), &problems);
            crate::screen::complain(&format!("error: {spec} does not compile, so nothing can be said about events"));
            Ok(None)
        }
    }
}

/// What a reader must know to understand the counts.
fn notes(pair: &Pair, inputs: &[Input]) -> Vec<String> {
    let (old, new) = (pair.old.topics(), pair.new.topics());
    let mut notes = Vec::new();
    let named = |topic: &Arc<str>| {
        inputs
            .iter()
            .any(|input| matches!(input, Input::Topic(range) if range.topic == **topic))
    };
    for topic in new.iter().filter(|topic| !old.contains(topic)) {
        notes.push(format!(
            "the old contracts do not bind topic {topic}: its events were dead letters (no_contract), if a validator read it"
        ));
    }
    for topic in old.iter().filter(|topic| !new.contains(topic)) {
        notes.push(format!("the new contracts do not bind topic {topic} any more"));
    }
    if inputs.iter().any(|input| matches!(input, Input::Topic(_))) {
        let unbound = inputs.iter().filter_map(|input| match input {
            Input::Topic(range) => Some(&range.topic),
            _ => None,
        });
        for topic in unbound.filter(|topic| !old.iter().chain(&new).any(|bound| **bound == ***topic)) {
            notes.push(format!(
                "neither side binds topic {topic}: its events are dead letters (no_contract) under both, and count as undecided here"
            ));
        }
    }
    // Of many topics only those that were asked for.
    if notes.len() > 5 {
        notes.retain(|note| old.iter().chain(&new).any(|topic| named(topic) && note.contains(&**topic)));
    }
    notes
}

fn line_topic(pair: &Pair, wanted: Option<&str>) -> anyhow::Result<Arc<str>> {
    let mut topics = pair.new.topics();
    topics.extend(pair.old.topics());
    topics.sort();
    topics.dedup();
    if let Some(topic) = wanted {
        // A name that is nearly right would judge nothing, and say so in no number.
        if topics.iter().any(|bound| **bound == *topic) {
            return Ok(topic.into());
        }
        let near = tidegate_contract::nearest(topic, topics.iter().map(|bound| &**bound));
        let help = near.map_or_else(
            || format!("they bind {}", listed(&topics)),
            |near| format!("did you mean `{near}`?"),
        );
        bail!("--topic {topic}: neither side binds such a topic; {help}");
    }
    match topics.as_slice() {
        [only] => Ok(only.clone()),
        [] => bail!("no contract of either side binds a topic: an object that judges events has `physicalType: topic`"),
        several => {
            bail!(
                "the contracts bind several topics ({}); say with --topic which one the events are of",
                listed(several)
            )
        }
    }
}

fn listed(topics: &[Arc<str>]) -> String {
    match topics {
        [] => String::from("none"),
        topics => topics.iter().map(|topic| &**topic).collect::<Vec<_>>().join(", "),
    }
}

/// A text to read lines from; what is plainly something else is told apart by its first bytes.
pub(crate) fn open(file: &str) -> anyhow::Result<Box<dyn Read>> {
    let mut read: Box<dyn Read> = match file {
        "-" => Box::new(std::io::stdin().lock()),
        path => Box::new(File::open(path).with_context(|| format!("{path}: cannot be read"))?),
    };
    let mut head = Vec::new();
    (&mut read)
        .take(4)
        .read_to_end(&mut head)
        .with_context(|| format!("{file}: cannot be read"))?;
    match head.as_slice() {
        b"PAR1" => bail!("{file}: is Parquet, not lines of JSON"),
        [0x1f, 0x8b, ..] => bail!("{file}: is compressed; unpack it first, with gunzip -c, and name `-` as the input"),
        [0x28, 0xb5, 0x2f, 0xfd] => bail!("{file}: is compressed; unpack it first, with zstd -dc, and name `-` as the input"),
        _ => Ok(Box::new(std::io::Cursor::new(head).chain(read))),
    }
}
