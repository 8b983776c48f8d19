//! Waiting at the start of a role for a world that is away: loudly, not ready, and counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_flow::ports::Clock;
use tidegate_flow::{Remedy, WorldError};
use tidegate_telemetry::metrics::Port;
use tidegate_telemetry::{Health, Metrics};

/// Time between two tries.
const REST: Duration = Duration::from_secs(1);

/// How a role waits at its start, and who is told meanwhile.
pub(crate) struct Patience<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) health: &'a Health,
    pub(crate) metrics: &'a Metrics,
}

// === impl Patience ===

impl Patience<'_> {
    /// Calls until the world answers: a broker or store that is down at the start is waited for. What an operator must mend, and a stop
    /// request, end the wait. `port` is what the call asks.
    pub(crate) fn until<T>(&self, port: Port, mut call: impl FnMut() -> Result<T, WorldError>) -> Result<T, WorldError> {
        loop {
            match call() {
                Ok(value) => return Ok(value),
                Err(error) if error.remedy == Remedy::Retry && !self.stop.load(Ordering::Acquire) => {
                    tracing::warn!(%error, "waiting; it goes on by itself");
                    self.metrics.world_error(port, &error);
                    self.health.hinder("starting", error.what.clone());
                    self.clock.sleep(REST);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Counts how often it was waited.
    #[derive(Default)]
    struct Waits(std::sync::atomic::AtomicUsize);

    impl Clock for Waits {
        fn now_micros(&self) -> i64 {
            0
        }
        fn sleep(&self, _: Duration) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn away() -> WorldError {
        WorldError::new(Remedy::Retry, "no broker answers")
    }

    #[test]
    fn who_waits_is_counted_and_not_ready() {
        let (clock, stop, health, metrics) = (Waits::default(), AtomicBool::new(false), Health::starting(), Metrics::new("", ""));
        metrics.readiness("sink", &health);
        let patience = Patience {
            clock: &clock,
            stop: &stop,
            health: &health,
            metrics: &metrics,
        };
        let calls = Cell::new(0);
        let answer = patience.until(Port::Kafka, || {
            calls.set(calls.get() + 1);
            if calls.get() < 4 { Err(away()) } else { Ok(calls.get()) }
        });
        assert_eq!((answer.unwrap(), clock.0.load(Ordering::SeqCst)), (4, 3));
        let shown = metrics.render(0);
        assert!(
            shown.contains("tidegate_world_errors_total{port=\"kafka\",remedy=\"retry\"} 3"),
            "{shown}"
        );
        assert!(shown.contains("tidegate_ready{role=\"sink\"} 0"), "{shown}");
        assert_eq!(health.hindrances(), ["starting: no broker answers"]);
    }

    #[test]
    fn what_somebody_must_mend_and_a_stop_end_the_wait() {
        let (clock, stop, health, metrics) = (Waits::default(), AtomicBool::new(false), Health::starting(), Metrics::new("", ""));
        let patience = Patience {
            clock: &clock,
            stop: &stop,
            health: &health,
            metrics: &metrics,
        };
        let refused = patience.until::<()>(Port::Lake, || Err(WorldError::new(Remedy::Operator, "no such bucket")));
        assert_eq!(refused.unwrap_err().remedy, Remedy::Operator);
        stop.store(true, Ordering::SeqCst);
        assert!(patience.until::<()>(Port::Lake, || Err(away())).is_err());
        assert_eq!(clock.0.load(Ordering::SeqCst), 0);
    }
}
