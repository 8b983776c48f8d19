//! `tidegate infer`: a draft of a contract from events or from a schema.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use tidegate_infer::{Draft, Events, Options, schema};
use tidegate_preview::line::{LineFeed, Wrapped};
use tidegate_preview::{Chunk, Feed};

use super::preview::input::Input;
use super::preview::{open, topic};
use crate::cli::RoleArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::complain;
use crate::wiring::clock::now_micros;

/// A schema is read whole.
const SCHEMA_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tidegate infer events.jsonl --out orders.odcs.yaml
  tidegate infer topic:orders --brokers kafka:9092 --sample 50000
  tidegate infer order.avsc
  kcat -C -t orders -e | tidegate infer - --id orders --limits

An input is a file with one JSON event a line (`-` is standard input), topic:NAME, or a schema: Avro (.avsc), JSON Schema or the schema block of
Debezium (.json). Comments in the draft say what each guess rests on. Values of fields that look personal are never written.
Exit 0: written; 2: misuse, or there is nothing to make a draft of.")]
pub(crate) struct InferArgs {
    /// Events or a schema.
    pub(crate) input: String,
    /// Id of the contract and name of its object; default: as the input is called.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Topic that it binds; default: the one that is read, of a file the id.
    #[arg(long)]
    pub(crate) topic: Option<String>,
    /// Look at so many events: the first of a file, the newest of a topic.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sample: u64,
    /// Write enumerations, limits and lengths as clauses; without it they are comments.
    #[arg(long)]
    pub(crate) limits: bool,
    /// File to write; default: standard output.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Config file (YAML), for brokers.
    #[arg(long, short, env = "TIDEGATE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Kafka brokers, host:port, comma separated.
    #[arg(long, env = "TIDEGATE_BROKERS")]
    pub(crate) brokers: Option<String>,
}

pub(crate) fn run(args: &InferArgs) -> Exit {
    crate::screen::ending(infer(args))
}

fn infer(args: &InferArgs) -> anyhow::Result<Exit> {
    let input = Input::parse(&args.input)?;
    let draft = draft(args, &input)?;
    let name = match &input {
        Input::Lines(file) => stem(file),
        Input::Topic(range) | Input::DeadLetters(range) => range.topic.clone(),
    };
    let id = args.id.clone().unwrap_or_else(|| name.clone());
    let read = match &input {
        Input::Lines(_) => id.clone(),
        Input::Topic(_) | Input::DeadLetters(_) => name,
    };
    let text = draft.to_yaml(&Options {
        topic: args.topic.clone().unwrap_or(read),
        id,
        limits: args.limits,
    });
    // A draft that does not load would only move the work to its reader.
    let (_, diagnostics) = tidegate_contract::parse("draft", &text);
    if let Some(problem) = diagnostics.iter().find(|one| one.level == tidegate_contract::Level::Error) {
        bail!("{}: no contract can be drafted: {} ({})", args.input, problem.problem, problem.help);
    }
    match &args.out {
        Some(path) => std::fs::write(path, &text).with_context(|| format!("{}: cannot be written", path.display()))?,
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(Exit::Clean)
}

fn draft(args: &InferArgs, input: &Input) -> anyhow::Result<Draft> {
    let said = |why: String| anyhow::anyhow!("{}: {why}", args.input);
    let mut feed: Box<dyn Feed> = match input {
        Input::Lines(file) => {
            let path = Path::new(file);
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            if file != "-" && ["avsc", "json"].contains(&ending) {
                let length = std::fs::metadata(path).with_context(|| format!("{file}: cannot be read"))?.len();
                if ending == "avsc" || length <= SCHEMA_BYTES_MAX {
                    let document = document(file, length)?;
                    match document.as_ref().map(|document| (schema::kind(document), document)) {
                        Some((Some(kind), document)) => return schema::draft(kind, document).map_err(said),
                        Some((None, _)) if ending == "avsc" => bail!("{file}: is no Avro schema of a record"),
                        None if ending == "avsc" => bail!("{file}: is no JSON, so it is no Avro schema"),
                        // One event, over however many lines.
                        Some((None, document)) if document.is_object() => {
                            let text = std::fs::read(path).with_context(|| format!("{file}: cannot be read"))?;
                            let mut events = Events::new();
                            events.take(Some(&text));
                            return finished(&events, args);
                        }
                        Some((None, document)) if document.is_array() => {
                            bail!("{file}: is one JSON list; write one event a line (`jq -c '.[]' {file} | tidegate infer -`)")
                        }
                        _ => {}
                    }
                }
            }
            Box::new(LineFeed::new(file.as_str(), "", 0, open(file)?))
        }
        Input::Topic(range) => {
            let config = Config::load(&RoleArgs {
                contracts: Some(String::new()),
                config: args.config.clone(),
                brokers: args.brokers.clone(),
                ..RoleArgs::default()
            })?;
            let window = topic::Window {
                last: None,
                since: None,
                events_max: args.sample,
                now: now_micros(),
            };
            Box::new(topic::TopicFeed::open(&config, range, &window, false)?)
        }
        Input::DeadLetters(_) => bail!("{}: dead letters are what events should not be; name the source topic", args.input),
    };
    let mut events = Events::new();
    while events.count() < args.sample {
        let Some(chunk) = feed.next(args.sample - events.count())? else {
            break;
        };
        match chunk {
            Chunk::Lines(lines) => {
                for (number, line) in lines.each() {
                    match line.strip_prefix(b"@") {
                        None => events.take(Some(line)),
                        Some(wrapped) => {
                            let wrapped = Wrapped::read(wrapped).map_err(|why| anyhow::anyhow!("{}:{number}: {why}", args.input))?;
                            events.key(wrapped.key.as_deref());
                            events.take(wrapped.value.as_deref());
                        }
                    }
                }
            }
            Chunk::Records { records, .. } | Chunk::DeadLetters { records, .. } => {
                for record in records {
                    events.key(record.key.as_deref());
                    events.take(record.value.as_deref());
                }
            }
            Chunk::Rows { .. } => unreachable!("no feed of a draft reads the lake"),
        }
    }
    finished(&events, args)
}

fn finished(events: &Events, args: &InferArgs) -> anyhow::Result<Draft> {
    let draft = events.draft().map_err(|why| anyhow::anyhow!("{}: {why}", args.input))?;
    if let Some(warning) = events.warning() {
        complain(&format!(
            "warning: {}: made from {} only. {warning}",
            args.input,
            super::lint::count(usize::try_from(events.used()).unwrap_or(usize::MAX), "event")
        ));
    }
    Ok(draft)
}

/// The file as one JSON document, if it is one.
fn document(file: &str, length: u64) -> anyhow::Result<Option<serde_json::Value>> {
    if length > SCHEMA_BYTES_MAX {
        bail!("{file}: has {length} bytes; a schema of more than 16 MiB is not read");
    }
    let text = std::fs::read(file).with_context(|| format!("{file}: cannot be read"))?;
    Ok(serde_json::from_slice(&text).ok())
}

/// The name of a file up to its first dot, as far as it is one.
fn stem(file: &str) -> String {
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem: String = name
        .split('.')
        .next()
        .unwrap_or_default()
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    match stem.trim_matches('-') {
        "" => String::from("events"),
        stem => stem.to_owned(),
    }
}
