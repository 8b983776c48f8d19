//! Readiness as a number: who waits at its start, or for the world, is seen by whoever only reads metrics.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGaugeVec;

use super::Metrics;
use super::meter::Meter;
use crate::Health;

#[derive(Debug, Clone)]
pub(super) struct Readiness {
    ready: IntGaugeVec,
    roles: Arc<Mutex<Vec<(&'static str, Health)>>>,
}

// === impl Metrics ===

impl Metrics {
    /// This role answers here, and is as ready as `health` says; looked at whenever the metrics are read. Call it before the role waits for
    /// anything: that there is no such number means that nobody is there.
    pub fn readiness(&self, role: &'static str, health: &Health) {
        let mut roles = self.readiness.roles.lock().unwrap_or_else(PoisonError::into_inner);
        roles.push((role, health.clone()));
    }
}

// === impl Readiness ===

impl Readiness {
    pub(super) fn new(meter: &mut Meter) -> Self {
        Readiness {
            ready: meter.gauge_vec(
                "ready",
                "1 while nothing is in the way of the role's work, 0 otherwise, as /readyz says",
                &["role"],
            ),
            roles: Arc::default(),
        }
    }

    /// Brings the numbers up to now.
    pub(super) fn look(&self) {
        for (role, health) in &*self.roles.lock().unwrap_or_else(PoisonError::into_inner) {
            let is_ready = health.hindrances().is_empty();
            self.ready.with_label_values(&[role]).set(i64::from(is_ready));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_what_health_says_at_the_time_of_reading() {
        let (metrics, health) = (Metrics::new("", ""), Health::starting());
        assert!(!metrics.render(0).contains("\ntidegate_ready"), "nobody is here yet");
        metrics.readiness("sink", &health);
        assert!(metrics.render(0).contains("tidegate_ready{role=\"sink\"} 0"));
        health.clear("starting");
        assert!(metrics.render(0).contains("tidegate_ready{role=\"sink\"} 1"));
        health.hinder("kafka", "no broker answers");
        assert!(metrics.render(0).contains("tidegate_ready{role=\"sink\"} 0"));
    }
}
