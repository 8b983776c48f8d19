//! `tidegate validate`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tidegate_flow::ports::TopicFacts;
use tidegate_flow::{TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, Delivering, GroupExchange, PartitionScan, Transactions, group_positions, probe_transactions};
use tidegate_telemetry::metrics::{DeliveryMode, Port};
use tidegate_telemetry::{Health, Metrics, Server};
use tidegate_validator::{Mode, Parts, Settings, check_first_time, startup};

use crate::cli::RoleArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::busy::{Busy, IdleClock};
use crate::wiring::clock::SystemClock;
use crate::wiring::contracts::LiveContracts;
use crate::wiring::lag::{LagWatch, Look};
use crate::wiring::metered::{Metered, MeteredSchemas};
use crate::wiring::meters::ValidatorMeter;

pub(crate) fn run(args: &RoleArgs) -> Exit {
    let config = Config::load(args).and_then(|config| config.require_brokers().map(|()| config));
    super::run_role("validator", config, validate)
}

fn validate(config: &Config, contracts: LiveContracts, stop: &Arc<AtomicBool>) -> Result<(), WorldError> {
    let clock = SystemClock { stop: stop.clone() };
    let metrics = Metrics::new(crate::build::VERSION, crate::build::COMMIT);
    let health = Health::starting();
    let server = Server::start(super::address(&config.http)?, metrics.clone(), health.clone())?;
    tracing::info!(address = %server.address(), "/livez /readyz /metrics");
    // Says which role answers here, from the first moment on.
    metrics.readiness("validator", &health);
    metrics.buffer_budget("validator", config.validator.batch_bytes_max);
    let contracts = contracts.counted_by(&metrics).announced();
    let snapshot = contracts.current();
    let topics = snapshot.topics();
    if topics.is_empty() {
        let what = format!(
            "{} binds no topic: give an object `physicalType: topic` and an enforced status",
            config.contracts
        );
        return Err(WorldError::new(tidegate_flow::Remedy::Operator, what));
    }

    let mut cluster = ClusterClient::connect(&config.kafka)?;
    let mut settings = config.validator.clone().with_retries_of(&topics);
    let patience = super::Patience {
        clock: &clock,
        stop,
        health: &health,
        metrics: &metrics,
    };
    let facts = patience.until(Port::Kafka, || startup::check_topics(&mut cluster, &settings, &topics))?;
    let topics: Vec<Arc<str>> = topics.into_iter().chain(settings.retries.keys().cloned()).collect();
    patience.until(Port::Kafka, || first_time(config, &settings, &mut cluster, &facts, &topics))?;
    settings.topic_ids = facts.into_iter().filter_map(|fact| Some((fact.topic, fact.id?))).collect();
    let mode = config.validator.mode;
    let delivering = match mode {
        Mode::AtLeastOnce => Delivering::Acknowledged,
        Mode::ExactlyOnce => {
            let token = super::unique();
            match patience.until(Port::Kafka, || probe_transactions(&config.kafka, &config.probe_topic, &token))? {
                Transactions::Proved => Delivering::Transactional(format!("{}-{}", config.validator_group, super::unique())),
                Transactions::Refuted(why) => {
                    let what =
                        format!("exactly_once was asked for and these brokers do not hold it: {why}; set validator.mode to at_least_once");
                    return Err(WorldError::new(tidegate_flow::Remedy::Operator, what));
                }
            }
        }
    };
    metrics.delivery_mode(match mode {
        Mode::ExactlyOnce => DeliveryMode::ExactlyOnce,
        Mode::AtLeastOnce => DeliveryMode::AtLeastOnce,
    });
    // Whoever looks into a transaction that does not end asks whose it is.
    let transactional_id = match &delivering {
        Delivering::Transactional(id) => Some(id.as_str()),
        Delivering::Acknowledged => None,
    };
    tracing::info!(mode = mode.as_str(), snapshot = %snapshot.commit(), topics = topics.len(), transactional_id, "validating");

    let busy = Busy::new(&metrics, "validator");
    let schemas = MeteredSchemas {
        inner: super::schemas(config)?,
        metrics: metrics.clone(),
        busy: busy.clone(),
    };
    let mut live = contracts;
    let exchange = patience.until(Port::Kafka, || {
        GroupExchange::join(&config.kafka, "validator", &config.validator_group, &topics, delivering.clone())
    })?;
    let meter = ValidatorMeter::new(&metrics, &health, "validator");
    let mut exchange = Metered::new(Box::new(exchange), &metrics, &busy);
    let kafka = config.kafka.clone();
    let naming = settings.clone();
    let written = move |source: &Arc<str>| vec![naming.validated(source), naming.dead_letters(source)];
    let lag = LagWatch::start(exchange.positions(), &metrics, written, move || {
        Ok(Look {
            cluster: Box::new(ClusterClient::connect(&kafka)?),
            records: Some(Box::new(PartitionScan::connect(&kafka)?)),
            logs: Some(Box::new(ClusterClient::connect_uncommitted(&kafka)?)),
        })
    })?;
    let clock = IdleClock {
        clock: clock.clone(),
        busy,
    };
    let parts = Parts {
        exchange: &mut exchange,
        contracts: &mut live,
        schemas: &schemas,
        clock: &clock,
        meter: &meter,
    };
    let result = tidegate_validator::run(&settings, parts, stop);
    tracing::info!("stopped");
    drop((lag, server));
    result
}

/// Where the group has no position nothing may have been judged before.
fn first_time(
    config: &Config,
    settings: &Settings,
    cluster: &mut ClusterClient,
    facts: &[TopicFacts],
    sources: &[Arc<str>],
) -> Result<(), WorldError> {
    let partitions: Vec<TopicPartition> = facts
        .iter()
        .filter(|fact| sources.contains(&fact.topic))
        .flat_map(|fact| {
            (0..fact.partitions).map(|partition| TopicPartition {
                topic: fact.topic.clone(),
                partition,
            })
        })
        .collect();
    let without = || -> Result<Vec<TopicPartition>, WorldError> {
        let positions = group_positions(&config.kafka, &config.validator_group, &partitions)?;
        Ok(positions.into_iter().filter(|(_, next)| next.is_none()).map(|(at, _)| at).collect())
    };
    let mut asked = without()?;
    let mut scan = PartitionScan::connect(&config.kafka)?;
    while !asked.is_empty() {
        let answer = check_first_time(cluster, &mut scan, settings, &config.validator_group, &asked);
        if answer.is_ok() {
            break;
        }
        // Another validator may have begun meanwhile: then what was found are its outcomes.
        let still = without()?;
        if still.len() == asked.len() {
            return answer;
        }
        asked = still;
    }
    Ok(())
}
