//! `tidegate alerts render`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use tidegate_alerts::{Match, Options, Routes, Routing, Times, prometheus_rule, routes, rule_file, rules, unread, yaml};
use tidegate_contract::Snapshot;
use tidegate_git::LoadOutcome;

use crate::cli::{AlertsArgs, Output, RoleArgs, RuleForm, SlaChecks};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::{complain, say};
use crate::wiring::contracts::source::Source;

const WRITTEN_BY: &str = "# Written by `tidegate alerts render`: change contracts or options instead, and write it anew.\n";

pub(crate) fn run(args: &AlertsArgs) -> Exit {
    crate::screen::ending(render(args))
}

fn render(args: &AlertsArgs) -> anyhow::Result<Exit> {
    if args.out.is_some() && args.output == Output::Json {
        bail!("--output json goes to standard output, and --out to files: give one of them");
    }
    if args.namespace.is_some() && args.form != RuleForm::PrometheusRule && !args.kubernetes {
        bail!("--namespace: only a PrometheusRule and what Kubernetes tells have one; add --form prometheus-rule or --kubernetes");
    }
    let mut options = options(args)?;
    let snapshot = match &args.contracts {
        None => None,
        Some(spec) => {
            let config = Config::load(&RoleArgs {
                config: args.config.clone(),
                contracts: Some(spec.clone()),
                ..RoleArgs::default()
            })?;
            options.dead_letter_topic.clone_from(&config.validator.dead_letter_topic);
            options.validated_topic.clone_from(&config.validator.validated_topic);
            options.slot_seconds = config.sink.limits.age_max.as_secs().max(1);
            let (mut source, _) = Source::open(spec, &config.following.reach)?;
            match source.load()? {
                LoadOutcome::Loaded(snapshot, _) => {
                    if args.dead_letter_retention.is_none() {
                        options.dead_letter_retentions = kept(&config, &snapshot)?;
                    }
                    Some(snapshot)
                }
                LoadOutcome::Refused { commit, diagnostics } => {
                    bail!(
                        "the contracts of {commit} do not load:\n{}",
                        crate::wiring::contracts::lines(&diagnostics)
                    )
                }
                LoadOutcome::Unchanged => bail!("{spec}: nothing to load"),
            }
        }
    };
    let groups = rules(snapshot.as_deref(), &options);
    let alerts: usize = groups.iter().map(|group| group.alerts.len()).sum();
    let document = match args.form {
        RuleForm::Prometheus => rule_file(&groups),
        RuleForm::PrometheusRule => prometheus_rule(&groups, &args.name, args.namespace.as_deref()),
    };
    let told = snapshot.as_deref().map(|snapshot| told(snapshot, args, &options));
    let silent = told.as_ref().map_or(&[][..], |told| &told.silent);

    for line in snapshot.as_deref().map(unread).unwrap_or_default() {
        complain(&format!("warning: {line}"));
    }
    if snapshot.is_some() && !groups.iter().any(|group| group.name.starts_with("contract-")) {
        eprintln!("warning: no contract is enforced (active or deprecated) and bound to a topic: only Tidegate itself is alerted on");
    }
    if args.output == Output::Json {
        let routes = told.as_ref().map(|told| &told.config);
        let notes = told.as_ref().map(|told| &told.notes);
        say(format_args!(
            "{}",
            json!({ "rules": document, "alertmanager": routes, "notes": notes, "silent": silent })
        ));
        // Who only wants the rules has routes of his own.
        return Ok(Exit::Clean);
    }
    let Some(out) = &args.out else {
        say(format_args!("{WRITTEN_BY}{}", yaml::text(&document).trim_end()));
        return Ok(Exit::Clean);
    };
    std::fs::create_dir_all(out).with_context(|| format!("{}: cannot be made", out.display()))?;
    write(&out.join("rules.yaml"), &document)?;
    say(format_args!(
        "{}  {alerts} alerts in {} groups",
        out.join("rules.yaml").display(),
        groups.len()
    ));
    let Some(told) = &told else { return Ok(Exit::Clean) };
    write(&out.join("alertmanager.yaml"), &told.config)?;
    let receivers = told.config["receivers"].as_array().map_or(0, Vec::len);
    say(format_args!("{}  {receivers} receivers", out.join("alertmanager.yaml").display()));
    for note in &told.notes {
        complain(&format!("note: {note}"));
    }
    if silent.is_empty() {
        return Ok(Exit::Clean);
    }
    eprintln!(
        "error: nobody is told for {}: give --webhook, or --slack-url-file or --smtp for the channels of the contracts (`support`), or --platform-slack",
        silent.join(", ")
    );
    Ok(Exit::Findings)
}

fn options(args: &AlertsArgs) -> anyhow::Result<Options> {
    if !(args.error_rate > 0.0 && args.error_rate < 100.0) {
        bail!(
            "--error-rate: {} is no share of events: more than 0 and less than 100 percent",
            args.error_rate
        );
    }
    let Some(times) = Times::faster(args.speed) else {
        bail!("--speed: {} is no factor of at least 1", args.speed);
    };
    if args.runbooks.is_empty() {
        bail!("--runbooks: whoever is woken must find a runbook; leave the option out for the paths in the repository");
    }
    let every = length("--sla-every", &args.sla_every)?;
    Ok(Options {
        runbooks: args.runbooks.clone(),
        dashboards: args.dashboards.clone(),
        error_rate: args.error_rate / 100.0,
        new_group_records: args.new_group.max(1),
        dead_letter_retention: match &args.dead_letter_retention {
            Some(text) => length("--dead-letter-retention", text)?,
            None => Options::default().dead_letter_retention,
        },
        sla_every: (args.sla == SlaChecks::Serve).then_some(every),
        platform_team: args.platform_team.clone(),
        kubernetes: args.kubernetes,
        namespace: args.namespace.clone().unwrap_or_else(|| Options::default().namespace),
        matches: args
            .matches
            .iter()
            .map(|text| Match::parse(text).map_err(|why| anyhow!("--match: {why}")))
            .collect::<anyhow::Result<_>>()?,
        times,
        ..Options::default()
    })
}

/// Seconds that the dead letters of each source topic are kept, by the config.
fn kept(config: &Config, snapshot: &Snapshot) -> anyhow::Result<BTreeMap<String, u64>> {
    let of = |topic: &str| Ok((topic.to_owned(), config.topics.dead_letters_kept(topic)? / 1000));
    snapshot.bindings.keys().map(|topic| of(topic)).collect()
}

fn told(snapshot: &Snapshot, args: &AlertsArgs, options: &Options) -> Routes {
    let routing = Routing {
        webhook: args.webhook.clone(),
        slack_url_file: args.slack_url_file.clone(),
        mail: args.smtp.clone().zip(args.mail_from.clone()),
        platform_slack: args.platform_slack.clone(),
    };
    routes(snapshot, options, &routing)
}

/// Seconds of `7d`, `36h`, `15m`, `90s`.
fn length(option: &str, text: &str) -> anyhow::Result<u64> {
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let parsed = found.and_then(|(number, seconds): (&str, u64)| number.parse::<u64>().ok()?.checked_mul(seconds));
    match parsed {
        Some(seconds) if seconds > 0 => Ok(seconds),
        _ => bail!("{option}: `{text}` is no length of time such as 7d, 36h, 15m or 90s"),
    }
}

fn write(path: &Path, document: &Value) -> anyhow::Result<()> {
    std::fs::write(path, format!("{WRITTEN_BY}{}", yaml::text(document))).with_context(|| format!("{}: cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_a_unit() {
        assert_eq!(length("--x", "36h").unwrap(), 129_600);
        for wrong in ["", "7", "0s", "-1d", "1w", "d"] {
            let said = length("--x", wrong).unwrap_err().to_string();
            assert!(said.starts_with("--x: "), "{said}");
        }
    }
}
