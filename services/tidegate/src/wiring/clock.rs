//! The machine's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_flow::ports::Clock;

/// Wall clock; waits end early when the process is asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct SystemClock {
    pub(crate) stop: Arc<AtomicBool>,
}

/// Microseconds since the epoch.
pub(crate) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        now_micros()
    }

    fn sleep(&self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() && !self.stop.load(Ordering::Acquire) {
            let step = left.min(Duration::from_millis(50));
            std::thread::sleep(step);
            left -= step;
        }
    }
}
