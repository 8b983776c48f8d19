//! How long a role's thread works, and how long it waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tidegate_flow::ports::Clock;
use tidegate_telemetry::Metrics;

/// Between two calls to the outside world a thread is busy. One belongs to one thread; clones share its time.
#[derive(Clone)]
pub(crate) struct Busy {
    metrics: Metrics,
    role: &'static str,
    since: Arc<Mutex<Instant>>,
}

/// A clock whose sleep is no work.
pub(crate) struct IdleClock<C> {
    pub(crate) clock: C,
    pub(crate) busy: Busy,
}

// === impl Busy ===

impl Busy {
    pub(crate) fn new(metrics: &Metrics, role: &'static str) -> Busy {
        Busy {
            metrics: metrics.clone(),
            role,
            since: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// A call that waits for the outside world. Calls do not nest.
    pub(crate) fn waiting<T>(&self, call: impl FnOnce() -> T) -> T {
        let worked = self.since.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        self.metrics.thread_busy(self.role, worked.as_secs_f64());
        let answer = call();
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        answer
    }
}

impl<C: Clock> Clock for IdleClock<C> {
    fn now_micros(&self) -> i64 {
        self.clock.now_micros()
    }

    fn sleep(&self, duration: Duration) {
        self.busy.waiting(|| self.clock.sleep(duration));
    }
}
