//! One file a subcommand.

pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod sink;
pub(crate) mod sla;
pub(crate) mod validate;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_flow::ports::{Clock as _, Cluster};
use tidegate_flow::{Remedy, WorldError};
use tidegate_schemas::{Auth, Registry};
use tidegate_telemetry::Health;

use crate::wiring::clock::{SystemClock, now_micros};
use crate::wiring::schemas::SchemaSource;

/// Calls until the world answers: a broker or store that is down at the start is waited for, loudly and not ready. What an operator
/// must mend, and a stop request, end the wait.
pub(crate) fn patiently<T>(clock: &SystemClock, health: &Health, mut call: impl FnMut() -> Result<T, WorldError>) -> Result<T, WorldError> {
    loop {
        match call() {
            Ok(value) => return Ok(value),
            Err(error) if error.remedy == Remedy::Retry && !clock.stop.load(Ordering::Acquire) => {
                tracing::warn!(%error, "waiting; it goes on by itself");
                health.hinder("starting", error.what.clone());
                clock.sleep(Duration::from_secs(1));
            }
            Err(error) => return Err(error),
        }
    }
}

/// An address to listen on.
pub(crate) fn address(text: &str) -> Result<SocketAddr, WorldError> {
    text.parse()
        .map_err(|_| WorldError::new(Remedy::Operator, format!("http: `{text}` is not an address such as 127.0.0.1:9464")))
}

/// The registry, if one is configured; credentials come from the environment.
pub(crate) fn schemas(url: Option<&str>) -> Result<SchemaSource, WorldError> {
    match url {
        Some(url) => Ok(SchemaSource::Registry(Registry::connect(url, Auth::from_env()?)?)),
        None => Ok(SchemaSource::Nowhere),
    }
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
