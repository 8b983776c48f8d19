//! Whether a process lives and whether it is ready.
//!
//! Live means that every loop turns; a process that is not live should be restarted. Ready means that nothing is in the way of work
//! right now; a bad world makes a process not ready, and never not live, because a restart does not heal a broker.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Health of a process. Clones share their state.
#[derive(Debug, Clone)]
pub struct Health {
    state: Arc<State>,
}

/// One loop's sign of life. A dropped pulse does not count as finished: a loop that panicked is not well.
#[derive(Debug)]
pub struct Pulse {
    name: Arc<str>,
    beat: Arc<Beat>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    began: Instant,
    pulses: Mutex<Vec<(Arc<str>, Arc<Beat>)>>,
    hindrances: Mutex<BTreeMap<String, String>>,
}

#[derive(Debug)]
struct Beat {
    /// Microseconds after `State::began`.
    last: AtomicU64,
    limit: Duration,
}

// === impl Health ===

impl Health {
    /// A process that has just begun: live, and not ready because of `starting` until that is cleared.
    pub fn starting() -> Self {
        let state = State {
            began: Instant::now(),
            pulses: Mutex::default(),
            hindrances: Mutex::default(),
        };
        let health = Health { state: Arc::new(state) };
        health.hinder("starting", "not all parts are up yet");
        health
    }

    /// A loop that turns at least once in `limit`. It counts as having turned just now.
    pub fn pulse(&self, name: &str, limit: Duration) -> Pulse {
        let beat = Arc::new(Beat {
            last: AtomicU64::new(micros(self.state.began.elapsed())),
            limit,
        });
        let name: Arc<str> = name.into();
        locked(&self.state.pulses).push((name.clone(), beat.clone()));
        Pulse {
            name,
            beat,
            state: self.state.clone(),
        }
    }

    /// Something is in the way of work. The same `cause` again replaces the text. No event content, no secrets: this is shown.
    pub fn hinder(&self, cause: &str, text: impl Into<String>) {
        locked(&self.state.hindrances).insert(cause.to_owned(), text.into());
    }

    /// This cause is no longer in the way.
    pub fn clear(&self, cause: &str) {
        locked(&self.state.hindrances).remove(cause);
    }

    /// `cause: text` of everything in the way of work, sorted; empty means ready.
    pub fn hindrances(&self) -> Vec<String> {
        locked(&self.state.hindrances)
            .iter()
            .map(|(cause, text)| format!("{cause}: {}", one_line(text)))
            .collect()
    }

    /// Loops that have not turned within their limit; empty means live.
    pub fn stalled(&self) -> Vec<String> {
        self.stalled_at(self.state.began.elapsed())
    }

    fn stalled_at(&self, now: Duration) -> Vec<String> {
        let pulses = locked(&self.state.pulses);
        let late = pulses.iter().filter_map(|(name, beat)| {
            let silence = now.saturating_sub(Duration::from_micros(beat.last.load(Ordering::Relaxed)));
            (silence > beat.limit).then(|| format!("{name}: has not turned for {} s", silence.as_secs()))
        });
        late.collect()
    }
}

// === impl Pulse ===

impl Pulse {
    /// The loop has turned.
    pub fn beat(&self) {
        self.beat.last.store(micros(self.state.began.elapsed()), Ordering::Relaxed);
    }

    /// The loop ends in good order and will not turn again.
    pub fn finish(self) {
        locked(&self.state.pulses).retain(|(_, beat)| !Arc::ptr_eq(beat, &self.beat));
    }

    /// Name of the loop.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing inside can be half done when a thread panics with the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ready_when_nothing_is_in_the_way() {
        let health = Health::starting();
        assert_eq!(health.hindrances(), ["starting: not all parts are up yet"]);
        health.clear("starting");
        assert!(health.hindrances().is_empty());
        health.hinder("kafka", "no broker\nanswers");
        health.hinder("contracts", "none yet");
        health.hinder("contracts", "stale");
        assert_eq!(health.hindrances(), ["contracts: stale", "kafka: no broker answers"]);
    }

    #[test]
    fn a_loop_that_does_not_turn_is_named() {
        let health = Health::starting();
        let slow = health.pulse("validator-0", 10 * SECOND);
        let dead = health.pulse("sink", 5 * SECOND);
        let began = health.state.began.elapsed();
        assert!(health.stalled_at(began + 4 * SECOND).is_empty());
        assert_eq!(health.stalled_at(began + 9 * SECOND).len(), 1);
        assert!(health.stalled_at(began + 9 * SECOND)[0].starts_with("sink: "));
        drop(dead);
        assert_eq!(
            health.stalled_at(began + 20 * SECOND).len(),
            2,
            "a dropped pulse is not a finished one"
        );
        slow.beat();
        slow.finish();
        assert_eq!(health.stalled_at(began + 20 * SECOND).len(), 1);
    }

    #[test]
    fn a_beat_counts_from_now() {
        let health = Health::starting();
        let pulse = health.pulse("loop", SECOND);
        pulse.beat.last.store(0, Ordering::Relaxed);
        pulse.beat();
        assert!(health.stalled_at(health.state.began.elapsed()).is_empty());
        assert_eq!(pulse.name(), "loop");
    }
}
