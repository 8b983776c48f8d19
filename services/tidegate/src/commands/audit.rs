//! `tidegate audit`.

use std::sync::Arc;

use tidegate_audit::{Mode, Plan, Ports, Report, TopicPlan, audit, keyless_tombstone};
use tidegate_check::Skip;
use tidegate_codec::cdc;
use tidegate_flow::ports::{Cluster as _, Store};
use tidegate_flow::{Record, TopicPartition};
use tidegate_kafka::{ClusterClient, PartitionScan, group_positions};
use tidegate_validator::Settings;

use crate::cli::{AuditArgs, Output};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::say;
use crate::table::table;
use crate::wiring::contracts::LiveContracts;

pub(crate) fn run(args: &AuditArgs) -> Exit {
    match report(args) {
        Ok(report) => {
            show(&report, args.output);
            Exit::of_report(report.exit_code())
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::CouldNotTell
        }
    }
}

fn report(args: &AuditArgs) -> anyhow::Result<Report> {
    let config = Config::load(&args.role)?;
    config.require_brokers()?;
    let contracts = LiveContracts::open(&config.contracts).map_err(anyhow::Error::msg)?;
    let snapshot = contracts.current();
    let topics: Vec<Arc<str>> = match args.topics.as_slice() {
        [] => snapshot.topics(),
        named => named.iter().map(|topic| Arc::from(topic.as_str())).collect(),
    };
    let mut cluster = ClusterClient::connect(&config.kafka)?;
    let mut plan = plan(&config.validator, &topics);
    for topic in &mut plan.topics {
        topic.landed = config.lake.is_some();
        // The group's positions first: what comes while the audit runs is pending, not missing.
        let count = i32::try_from(cluster.offsets(&topic.source)?.len())?;
        let partitions: Vec<TopicPartition> = (0..count)
            .map(|partition| TopicPartition {
                topic: topic.source.clone(),
                partition,
            })
            .collect();
        for (at, next) in group_positions(&config.kafka, &config.validator_group, &partitions)? {
            // Without a position nothing counts as pending: everything must have its outcome.
            if let Some(next) = next {
                topic.positions.insert(at.partition, next);
            }
        }
    }
    let store = config
        .lake
        .as_ref()
        .map(|lake| tidegate_lake::open(&lake.location, &lake.options))
        .transpose()?;
    let mut scan = PartitionScan::connect(&config.kafka)?;
    let cdc = cdc_topics(&snapshot);
    let ports = Ports {
        cluster: &mut cluster,
        scan: &mut scan,
        store: store.as_deref().map(|store| store as &dyn Store),
    };
    Ok(audit(&plan, ports, &|record| explain(&cdc, record)))
}

/// The topics of a deployment, audited in full.
pub(crate) fn plan(settings: &Settings, topics: &[Arc<str>]) -> Plan {
    let mode = match settings.mode {
        tidegate_validator::Mode::ExactlyOnce => Mode::ExactlyOnce,
        tidegate_validator::Mode::AtLeastOnce => Mode::AtLeastOnce,
    };
    let topics = topics
        .iter()
        .map(|topic| TopicPlan::new(topic.clone(), settings.validated(topic), settings.dead_letters(topic)))
        .collect();
    Plan { mode, topics }
}

/// Topics whose records are change events.
pub(crate) fn cdc_topics(snapshot: &tidegate_validator::JudgingSnapshot) -> Vec<Arc<str>> {
    let bindings = snapshot.snapshot.bindings.iter();
    bindings
        .filter(|(_, binding)| binding.default.object().settings.cdc.is_some())
        .map(|(topic, _)| topic.clone())
        .collect()
}

/// Why a source record may have no outcome: only what can be read off the record itself.
pub(crate) fn explain(cdc: &[Arc<str>], record: &Record) -> Option<Skip> {
    if !cdc.contains(&record.origin.at.topic) {
        return None;
    }
    keyless_tombstone(record).or_else(|| is_control(record).then_some(Skip::CdcControl))
}

/// Debezium's own records in JSON: heartbeats, transactions, schema changes.
fn is_control(record: &Record) -> bool {
    let Some(value) = &record.value else { return false };
    cdc::unwrap_json(value, &mut cdc::SchemaBlockCache::default())
        .is_ok_and(|unwrapped| cdc::control_kind(&record.origin.at.topic, &unwrapped).is_some())
}

/// Prints a report.
pub(crate) fn show(report: &Report, output: Output) {
    if output == Output::Json {
        say(format_args!("{}", report.to_json()));
        return;
    }
    let rows = report.rows().into_iter().map(|row| {
        let cells: Vec<String> = row
            .cells
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        [
            if row.clean { "ok" } else { "NOT CLEAN" }.to_owned(),
            row.at,
            row.what.to_owned(),
            cells.join(", "),
        ]
    });
    say(format_args!("{}", table(["", "partition", "what", "ledger"], rows)));
    for why in &report.incomplete {
        say(format_args!("incomplete: {why}"));
    }
    say(format_args!(
        "audit: {}",
        match report.exit_code() {
            0 => "clean",
            1 => "NOT CLEAN",
            _ => "INCOMPLETE: not everything could be looked at",
        }
    ));
}
