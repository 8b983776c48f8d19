//! One file a subcommand.

pub(crate) mod alerts;
pub(crate) mod attempt;
pub(crate) mod audit;
pub(crate) mod bundle;
pub(crate) mod check;
pub(crate) mod ci;
mod contract_file;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod infer;
pub(crate) mod init;
mod judges;
pub(crate) mod lint;
mod patience;
pub(crate) mod preview;
pub(crate) mod registry;
pub(crate) mod replay;
pub(crate) mod resume;
pub(crate) mod schema;
pub(crate) mod schema_ids;
pub(crate) mod sink;
pub(crate) mod sla;
pub(crate) mod test;
pub(crate) mod topics;
pub(crate) mod validate;
pub(crate) mod version;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidegate_flow::ports::Cluster;
use tidegate_flow::{Remedy, WorldError};
use tidegate_schemas::{Auth, Directory, Registry};
use tidegate_telemetry::metrics::Port;
use tidegate_telemetry::{Health, Metrics, Server};

pub(crate) use patience::Patience;

use crate::config::Config;
use crate::exit::Exit;
use crate::signals::{end_in_time, stop_flag};
use crate::wiring::clock::{SystemClock, now_micros};
use crate::wiring::contracts::LiveContracts;
use crate::wiring::schemas::SchemaSource;

/// Runs a role: proven config, contracts that load, then the role itself until it is asked to stop. `name` is the role's in metrics.
pub(crate) fn run_role(
    name: &'static str,
    config: anyhow::Result<Config>,
    role: impl FnOnce(&Config, LiveContracts, &Arc<AtomicBool>) -> Result<(), WorldError>,
) -> Exit {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Exit::Config;
        }
    };
    let stop = stop_flag();
    end_in_time(&stop);
    let contracts = match contracts(name, &config, &stop) {
        Ok(contracts) => contracts,
        Err(error) if error.remedy == Remedy::Retry => {
            tracing::info!(%error, "stopped while waiting");
            return Exit::Clean;
        }
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Config;
        }
    };
    match role(&config, contracts, &stop) {
        Ok(()) => Exit::Clean,
        // Asked to stop while waiting for the world: nothing was open.
        Err(error) if error.remedy == Remedy::Retry && stop.load(Ordering::Acquire) => {
            tracing::info!(%error, "stopped while waiting");
            Exit::Clean
        }
        Err(error) => {
            tracing::error!("{error}");
            Exit::of_role(&error)
        }
    }
}

/// How long the first look at the contracts may take before the process says at its address that it lives.
const FIRST_LOOK_WITHIN: Duration = Duration::from_millis(500);

/// The contracts. While their source is silent or away the process lives, is not ready and says why, and tries again.
fn contracts(name: &'static str, config: &Config, stop: &Arc<AtomicBool>) -> Result<LiveContracts, WorldError> {
    let mut reach = config.following.reach.clone();
    reach.git.stop = stop.clone();
    let open = || LiveContracts::open_with(&config.contracts, &reach, config.following.poll_every);
    let (clock, health) = (SystemClock { stop: stop.clone() }, Health::starting());
    let metrics = Metrics::new(crate::build::VERSION, crate::build::COMMIT);
    metrics.readiness(name, &health);
    // The role listens at the same address once it begins.
    let listen = || Server::start(address(&config.http)?, metrics.clone(), health.clone());
    let mut server = None;
    let first = std::thread::scope(|scope| {
        let looking = scope.spawn(open);
        let begun = Instant::now();
        while !looking.is_finished() {
            if server.is_none() && begun.elapsed() >= FIRST_LOOK_WITHIN {
                health.hinder("starting", "waiting for the first answer of the contract source".to_owned());
                server = Some(listen()?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        looking.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    match first {
        Err(error) if error.remedy == Remedy::Retry && !stop.load(Ordering::Acquire) => {
            tracing::warn!(%error, "waiting for contracts; it goes on by itself");
            metrics.world_error(Port::Contracts, &error);
            health.hinder("starting", error.what);
        }
        outcome => return outcome,
    }
    let _server = match server {
        Some(server) => server,
        None => listen()?,
    };
    let patience = Patience {
        clock: &clock,
        stop,
        health: &health,
        metrics: &metrics,
    };
    patience.until(Port::Contracts, open)
}

/// An address to listen on.
pub(crate) fn address(text: &str) -> Result<SocketAddr, WorldError> {
    text.parse()
        .map_err(|_| WorldError::new(Remedy::Operator, format!("http: `{text}` is not an address such as 127.0.0.1:9464")))
}

/// Registry and folder of schema files, as configured; credentials come from the environment.
pub(crate) fn schemas(config: &Config) -> Result<SchemaSource, WorldError> {
    let registry = match &config.registry {
        Some(url) => Some(Registry::connect(url, Auth::from_env()?)?),
        None => None,
    };
    let files = config.schema_files.as_ref().map(Directory::open).transpose()?;
    Ok(SchemaSource::Configured { registry, files })
}

/// Refuses to start without all of these topics.
pub(crate) fn require_topics(cluster: &mut dyn Cluster, topics: &[Arc<str>]) -> Result<(), WorldError> {
    let facts = cluster.topics(topics)?;
    let missing: Vec<&str> = topics
        .iter()
        .filter(|topic| facts.iter().all(|fact| fact.topic != **topic))
        .map(|topic| &**topic)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(WorldError::new(
        Remedy::Operator,
        format!("these topics do not exist: {}; create them first", missing.join(", ")),
    ))
}

/// A suffix that no other live process uses.
pub(crate) fn unique() -> String {
    format!("{:x}-{:x}", std::process::id(), now_micros())
}
