//! How many questions for ids that turn out unknown a registry gets. A producer may send a million random ids; the registry serves others too.

use std::time::{Duration, Instant};

/// A bucket of permits that refills.
#[derive(Debug)]
pub(crate) struct Pace {
    burst: f64,
    a_second: f64,
    permits: f64,
    at: Instant,
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(burst: u32, a_second: u32, now: Instant) -> Self {
        Pace {
            burst: burst.into(),
            a_second: a_second.into(),
            permits: burst.into(),
            at: now,
        }
    }

    /// Takes a permit, or says how long until there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at);
        self.permits = (self.permits + passed.as_secs_f64() * self.a_second).min(self.burst);
        self.at = self.at.max(now);
        if self.permits >= 1.0 {
            self.permits -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.permits) / self.a_second))
    }

    /// Gives a permit back: the question was a good one.
    pub(crate) fn give_back(&mut self) {
        self.permits = (self.permits + 1.0).min(self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gets_the_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(10, 5, start);
        let taken = |pace: &mut Pace, milliseconds: u64| pace.take(start + Duration::from_millis(milliseconds)).is_ok();
        assert_eq!((0..100).filter(|_| taken(&mut pace, 0)).count(), 10);
        // Ten seconds of asking each millisecond: five a second.
        assert_eq!((1..=10_000).filter(|&at| taken(&mut pace, at)).count(), 50);
    }

    #[test]
    fn good_questions_cost_nothing() {
        let start = Instant::now();
        let mut pace = Pace::new(1, 1, start);
        for _ in 0..100 {
            pace.take(start).unwrap();
            pace.give_back();
        }
        pace.take(start).unwrap();
        let wait = pace.take(start + Duration::from_millis(250)).unwrap_err();
        assert!((740..=760).contains(&wait.as_millis()), "{wait:?}");
    }
}
