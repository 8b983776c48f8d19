//! `tidegate sink`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tidegate_flow::WorldError;
use tidegate_flow::ports::Cluster as _;
use tidegate_kafka::{ClusterClient, GroupConsumer};
use tidegate_sink::Parts;
use tidegate_telemetry::metrics::Port;
use tidegate_telemetry::{Health, Metrics, Server};

use crate::cli::RoleArgs;
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::busy::{Busy, IdleClock};
use crate::wiring::clock::SystemClock;
use crate::wiring::contracts::LiveContracts;
use crate::wiring::lag::{LagWatch, Look};
use crate::wiring::metered::{Metered, MeteredSchemas, MeteredStore};
use crate::wiring::meters::SinkMeter;

pub(crate) fn run(args: &RoleArgs) -> Exit {
    let config = Config::load(args).and_then(|config| {
        config.require_brokers()?;
        config.require_lake()?;
        Ok(config)
    });
    super::run_role("sink", config, sink)
}

fn sink(config: &Config, contracts: LiveContracts, stop: &Arc<AtomicBool>) -> Result<(), WorldError> {
    let lake = config.require_lake().expect("`run` has asked for it");
    let clock = SystemClock { stop: stop.clone() };
    let metrics = Metrics::new(crate::build::VERSION, crate::build::COMMIT);
    let health = Health::starting();
    let server = Server::start(super::address(&config.http)?, metrics.clone(), health.clone())?;
    tracing::info!(address = %server.address(), "/livez /readyz /metrics");
    // Says which role answers here, from the first moment on.
    metrics.readiness("sink", &health);
    metrics.buffer_budget("sink", config.sink.limits.bytes_total_max);
    let contracts = contracts.counted_by(&metrics);
    let validated: Vec<Arc<str>> = contracts
        .current()
        .topics()
        .iter()
        .map(|topic| config.validator.validated(topic))
        .collect();

    let mut cluster = ClusterClient::connect(&config.kafka)?;
    let patience = super::Patience {
        clock: &clock,
        stop,
        health: &health,
        metrics: &metrics,
    };
    patience.until(Port::Kafka, || super::require_topics(&mut cluster, &validated))?;
    tidegate_sink::run::check_topics(&cluster.topics(&validated)?)?;
    let busy = Busy::new(&metrics, "sink");
    let store = MeteredStore {
        inner: patience.until(Port::Lake, || tidegate_lake::open(&lake.location, &lake.options))?,
        metrics: metrics.clone(),
        busy: busy.clone(),
    };
    let schemas = MeteredSchemas {
        inner: super::schemas(config)?,
        metrics: metrics.clone(),
        busy: busy.clone(),
    };
    let mut rulings = tidegate_sink::SnapshotRulings::new(|| contracts.current().snapshot.clone(), &schemas);
    let consumer = GroupConsumer::join(&config.kafka, "sink", &config.sink_group, &validated)?;
    let mut consumer = Metered::new(Box::new(consumer), &metrics, &busy).counting();
    let kafka = config.kafka.clone();
    let nothing = |_: &Arc<str>| Vec::new();
    let lag = LagWatch::start(consumer.positions(), &metrics, nothing, move || {
        Ok(Look {
            cluster: Box::new(ClusterClient::connect(&kafka)?),
            // The role has no right to it.
            records: None,
            logs: Some(Box::new(ClusterClient::connect_uncommitted(&kafka)?)),
        })
    })?;
    let clock = IdleClock {
        clock: clock.clone(),
        busy,
    };
    let meter = SinkMeter::new(&metrics, &health);
    tracing::info!(lake = lake.location, topics = validated.len(), "sinking");
    let parts = Parts {
        consumer: &mut consumer,
        cluster: &mut cluster,
        store: &store,
        rulings: &mut rulings,
        clock: &clock,
        metrics: &meter,
    };
    let result = tidegate_sink::run(&config.sink, parts, stop);
    tracing::info!("stopped");
    drop((lag, server));
    result
}
