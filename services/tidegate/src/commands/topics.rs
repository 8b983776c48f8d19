//! `tidegate topics`: the topics that contracts need, written for other tools, made, checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use tidegate_kafka::{SeenTopics, TopicAdmin, TopicState, TopicToMake};
use tidegate_platform::{Change, Comparison, Finding, Format, Live, Spec, Step, compare};

use crate::cli::{Output, TopicsApplyArgs, TopicsArgs, TopicsCheckArgs, TopicsFormat, TopicsRenderArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::{complain, ending, say};
use crate::wiring::contracts::LiveContracts;

/// `topics render`.
pub(crate) fn render(args: &TopicsRenderArgs) -> Exit {
    ending(Config::load(&args.role).and_then(|config| {
        let (spec, said) = wanted(&config, &args.topics)?;
        let topics = spec.topics(&said);
        let problems = spec.problems(&topics);
        if !problems.is_empty() {
            for problem in &problems {
                complain(&line("error", problem));
            }
            return Ok(Exit::Findings);
        }
        let format = match args.to {
            TopicsFormat::Terraform => Format::Terraform,
            TopicsFormat::Tfvars => Format::Tfvars,
            TopicsFormat::Strimzi => Format::Strimzi,
            TopicsFormat::Script => Format::Script,
        };
        let text = tidegate_platform::render(format, config.platform(), &topics, &args.cluster).map_err(|why| anyhow!(why))?;
        say(format_args!("{}", text.trim_end()));
        Ok(Exit::Clean)
    }))
}

/// `topics check`.
pub(crate) fn check(args: &TopicsCheckArgs) -> Exit {
    ending(Config::load(&args.role).and_then(|config| {
        let admin = connect(&config)?;
        let compared = compared(&config, &args.topics, &admin, false)?;
        let findings = findings(&compared);
        let clean = findings.is_empty() && compared.found.untold == 0;
        match args.output {
            Output::Json => say(format_args!(
                "{:#}",
                json!({
                    "version": 1,
                    "platform": config.platform().as_str(),
                    "topics": compared.topics,
                    "findings": findings.iter().map(finding_document).collect::<Vec<_>>(),
                    "notes": compared.found.notes.iter().map(finding_document).collect::<Vec<_>>(),
                    "clean": clean,
                })
            )),
            Output::Human => {
                findings.iter().for_each(|finding| say(format_args!("{}", line("wrong", finding))));
                compared
                    .found
                    .notes
                    .iter()
                    .for_each(|note| say(format_args!("{}", line("note", note))));
                match (clean, compared.found.untold) {
                    (true, _) => say(format_args!("{} topics are as they should be", compared.topics)),
                    (false, 1..) => say(format_args!(
                        "{} findings on {} topics; nothing can be said of the settings of {}",
                        findings.len(),
                        compared.topics,
                        compared.found.untold
                    )),
                    (false, 0) => say(format_args!("{} findings on {} topics", findings.len(), compared.topics)),
                }
            }
        }
        Ok(match (findings.is_empty(), clean) {
            (false, _) => Exit::Findings,
            (true, true) => Exit::Clean,
            (true, false) => Exit::CouldNotTell,
        })
    }))
}

/// `topics apply`.
pub(crate) fn apply(args: &TopicsApplyArgs) -> Exit {
    ending(Config::load(&args.role).and_then(|config| {
        let admin = connect(&config)?;
        let compared = compared(&config, &args.topics, &admin, args.widen_sources)?;
        let found = &compared.found;
        let (human, mut failed, mut done) = (args.output == Output::Human, None, 0);
        if human {
            found.notes.iter().for_each(|note| say(format_args!("{}", line("note", note))));
            found
                .refused
                .iter()
                .for_each(|finding| say(format_args!("{}", line("left alone", finding))));
        }
        // What the platform cannot hold would fail halfway: then nothing is touched.
        let may = args.execute && compared.problems.is_empty();
        for change in &found.changes {
            if may && failed.is_none() {
                match make(&admin, change) {
                    Ok(()) => done += 1,
                    Err(error) => failed = Some(error),
                }
            }
            if human {
                let mark = match (may, &failed) {
                    (false, _) => "would",
                    (true, None) => "done",
                    (true, Some(_)) => "not done",
                };
                say(format_args!("{mark}: {}: {} ({})", change.topic, change.text(), change.why));
            }
        }
        let left = found.changes.len() - done;
        if human {
            compared
                .problems
                .iter()
                .for_each(|problem| say(format_args!("{}", line("impossible", problem))));
            say(format_args!("{}", ending_line(args.execute, &compared, done, left)));
        } else {
            say(format_args!(
                "{:#}",
                document(&config, &compared, args.execute, done, failed.as_ref())
            ));
        }
        if let Some(error) = failed {
            return Err(anyhow!(error).context(format!(
                "{done} of {} changes were made; run it again to go on",
                found.changes.len()
            )));
        }
        let is_whole = left == 0 && found.refused.is_empty() && compared.problems.is_empty();
        Ok(match (is_whole, found.untold) {
            (false, _) => Exit::Findings,
            (true, 0) => Exit::Clean,
            (true, _) => Exit::CouldNotTell,
        })
    }))
}

fn ending_line(execute: bool, compared: &Compared, done: usize, left: usize) -> String {
    let refused = match compared.found.refused.len() {
        0 => String::new(),
        count => format!("; {count} things are left alone, see above"),
    };
    match (execute, done + left) {
        _ if !compared.problems.is_empty() => "nothing was changed: the platform cannot hold these topics".to_owned(),
        (_, 0) => format!("nothing to do: {} topics{refused}", compared.topics),
        (true, _) => format!("{done} changes made{refused}"),
        (false, _) => format!("{left} changes; make them with --execute{refused}"),
    }
}

/// What is there, held against what is wanted.
pub(super) struct Compared {
    pub(super) found: Comparison,
    /// What the platform cannot hold.
    pub(super) problems: Vec<Finding>,
    /// How many topics were looked at.
    pub(super) topics: usize,
    /// The brokers' own words about the topics.
    pub(super) states: Vec<TopicState>,
    /// Topics that these credentials may not know of: nothing else here speaks of them.
    pub(super) hidden: Vec<String>,
}

/// Asks the brokers and compares.
pub(super) fn compared(config: &Config, args: &TopicsArgs, admin: &TopicAdmin, widen_sources: bool) -> anyhow::Result<Compared> {
    let (spec, said) = wanted(config, args)?;
    let compared = compared_with(config, spec, &said, admin, widen_sources)?;
    match compared.hidden.as_slice() {
        [] => Ok(compared),
        hidden => Err(anyhow!(
            "no permission to describe {}; the list of rights is in docs/operate.md#rights",
            hidden.join(", ")
        )),
    }
}

/// The same for sources that are known already, as far as these credentials see.
pub(super) fn compared_with(
    config: &Config,
    mut spec: Spec,
    said: &BTreeMap<String, u32>,
    admin: &TopicAdmin,
    widen_sources: bool,
) -> anyhow::Result<Compared> {
    let mut names: Vec<String> = spec.topics(said).into_iter().map(|topic| topic.name).collect();
    names.extend(spec.sources.iter().map(|source| source.name.clone()));
    names.sort();
    names.dedup();
    let SeenTopics { found: states, hidden } = admin.topics(&names)?;
    let live: Vec<Live> = states.iter().map(live).collect();
    spec.adopt(&live, widen_sources);
    // A sink sees no sources; their outcomes have the same partitions.
    spec.adopt(&stand_ins(&spec, &live, &hidden), false);
    let mut topics = spec.topics(said);
    let problems = spec.problems(&topics);
    topics.retain(|topic| !hidden.contains(&topic.name));
    let mut found = compare(config.platform(), &topics, &live, widen_sources);
    let missing = spec.missing_sources(&live).into_iter();
    found.refused.extend(missing.filter(|source| !hidden.contains(&source.topic)));
    Ok(Compared {
        found,
        problems,
        topics: topics.len(),
        states,
        hidden,
    })
}

/// Sources that cannot be seen, with the partitions of what comes of them.
fn stand_ins(spec: &Spec, live: &[Live], hidden: &[String]) -> Vec<Live> {
    let unseen = spec.sources.iter().filter(|source| hidden.contains(&source.name));
    unseen
        .filter_map(|source| {
            let outcome = live.iter().find(|topic| topic.name == source.validated)?;
            Some(Live {
                name: source.name.clone(),
                settings: None,
                ..outcome.clone()
            })
        })
        .collect()
}

/// Everything that is wrong, as findings.
pub(super) fn findings(compared: &Compared) -> Vec<Finding> {
    let changes = compared.found.changes.iter().map(Change::finding);
    changes
        .chain(compared.found.refused.iter().cloned())
        .chain(compared.problems.iter().cloned())
        .collect()
}

fn connect(config: &Config) -> anyhow::Result<TopicAdmin> {
    config.require_brokers()?;
    Ok(TopicAdmin::connect(&config.kafka)?)
}

/// The topics that the contracts need.
fn wanted(config: &Config, args: &TopicsArgs) -> anyhow::Result<(Spec, BTreeMap<String, u32>)> {
    let contracts = LiveContracts::open_with(&config.contracts, &config.following.reach, config.following.poll_every)?;
    let sources: Vec<Arc<str>> = contracts.current().topics();
    if sources.is_empty() {
        return Err(anyhow!(
            "{} binds no topic: give an object `physicalType: topic` and an enforced status",
            config.contracts
        ));
    }
    config
        .topics
        .spec(config, &sources, args)
        .context("the config says topics that cannot be")
}

fn live(state: &TopicState) -> Live {
    Live {
        name: state.topic.clone(),
        partitions: state.partitions,
        replication: state.replication,
        settings: state.settings.clone(),
    }
}

fn make(admin: &TopicAdmin, change: &Change) -> Result<(), tidegate_flow::WorldError> {
    match &change.step {
        Step::Create(topic) => admin.create(&TopicToMake {
            topic: topic.name.clone(),
            partitions: topic.partitions,
            replication: topic.replication,
            settings: topic
                .settings
                .iter()
                .map(|setting| (setting.key.to_owned(), setting.value.clone()))
                .collect(),
        }),
        Step::Partitions { after, .. } => admin.add_partitions(&change.topic, *after),
        Step::Set { key, after, .. } => admin.set(&change.topic, &[((*key).to_owned(), after.clone())]),
    }
}

fn line(mark: &str, finding: &Finding) -> String {
    let topic = if finding.topic.is_empty() {
        String::new()
    } else {
        format!("{}: ", finding.topic)
    };
    format!("{mark}: {topic}{}; fix: {}", finding.problem, finding.fix)
}

fn finding_document(finding: &Finding) -> Value {
    json!({"topic": finding.topic, "problem": finding.problem, "fix": finding.fix})
}

fn document(config: &Config, compared: &Compared, execute: bool, done: usize, failed: Option<&tidegate_flow::WorldError>) -> Value {
    let change = |(index, change): (usize, &Change)| {
        let step = match &change.step {
            Step::Create(topic) => json!({
                "create": {
                    "partitions": topic.partitions,
                    "replication": topic.replication,
                    "settings": topic.settings.iter().map(|setting| (setting.key.to_owned(), json!(setting.value))).collect::<serde_json::Map<_, _>>(),
                }
            }),
            Step::Partitions { before, after } => json!({"partitions": {"before": before, "after": after}}),
            Step::Set { key, before, after } => json!({"set": {"key": key, "before": before, "after": after}}),
        };
        json!({"topic": change.topic, "kind": change.kind.as_str(), "step": step, "why": change.why, "done": index < done})
    };
    json!({
        "version": 1,
        "platform": config.platform().as_str(),
        "executed": execute,
        "changes": compared.found.changes.iter().enumerate().map(change).collect::<Vec<_>>(),
        "refused": compared.found.refused.iter().chain(&compared.problems).map(finding_document).collect::<Vec<_>>(),
        "notes": compared.found.notes.iter().map(finding_document).collect::<Vec<_>>(),
        "failed": failed.map(ToString::to_string),
    })
}
