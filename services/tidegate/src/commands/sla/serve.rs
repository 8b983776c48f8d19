//! `tidegate sla serve`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use tidegate_flow::WorldError;
use tidegate_sla::{Parts, Schedule, Settings};
use tidegate_telemetry::metrics::Port;
use tidegate_telemetry::{Health, Metrics, Server};

use super::traffic::Observer;
use super::{folder, history_folder};
use crate::cli::{CompletenessArgs, SlaServeArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::wiring::clock::SystemClock;
use crate::wiring::contracts::LiveContracts;
use crate::wiring::sla_watch::SlaWatch;

pub(crate) fn serve(args: &SlaServeArgs) -> Exit {
    let settings = Schedule::parse(&args.schedule)
        .map_err(anyhow::Error::msg)
        .context("--schedule")
        .map(|schedule| Settings {
            schedule,
            jitter: Duration::from_secs(args.jitter),
            history: !args.no_history,
            completeness: !args.completeness.no_completeness,
        });
    let proven = settings.and_then(|settings| {
        let config = Config::load(&args.role)?;
        config.require_lake()?;
        // Nobody promises anything about topics that nobody can ask about.
        let completeness = settings.completeness && config.require_brokers().is_ok();
        Ok((Settings { completeness, ..settings }, config))
    });
    match proven {
        Ok((settings, config)) => crate::commands::run_role("sla", Ok(config), |config, contracts, stop| {
            by_schedule(&settings, &args.completeness, config, contracts, stop)
        }),
        Err(error) => crate::commands::run_role("sla", Err(error), |_, _, _| Ok(())),
    }
}

fn by_schedule(
    settings: &Settings,
    completeness: &CompletenessArgs,
    config: &Config,
    contracts: LiveContracts,
    stop: &Arc<AtomicBool>,
) -> Result<(), WorldError> {
    let lake = config.require_lake().expect("`serve` has asked for it");
    let clock = SystemClock { stop: stop.clone() };
    let metrics = Metrics::new(crate::build::VERSION, crate::build::COMMIT);
    let health = Health::starting();
    let server = Server::start(crate::commands::address(&config.http)?, metrics.clone(), health.clone())?;
    tracing::info!(address = %server.address(), "/livez /readyz /metrics");
    metrics.readiness("sla", &health);
    let contracts = contracts.counted_by(&metrics);
    let patience = crate::commands::Patience {
        clock: &clock,
        stop,
        health: &health,
        metrics: &metrics,
    };
    let store = patience.until(Port::Lake, || tidegate_lake::open(&lake.location, &lake.options))?;
    let engine = tidegate_query::Lake::new(store.clone(), tidegate_query::Limits::default())?;
    let observer = Observer::new(config, store.clone(), completeness);
    let mut watch = SlaWatch::new(&metrics, &health);
    tracing::info!(lake = lake.location, schedule = %settings.schedule.text(), "looking at service levels by schedule");
    let parts = Parts {
        snapshot: &|| contracts.current().snapshot.clone(),
        engine: &engine,
        folder: &folder,
        history_folder: &history_folder,
        traffic: &|snapshot, now, with| with(&observer.of(snapshot, now)),
        store: &*store,
        clock: &clock,
        watch: &mut watch,
    };
    tidegate_sla::serve(settings, parts, stop);
    tracing::info!("stopped");
    drop(server);
    Ok(())
}
