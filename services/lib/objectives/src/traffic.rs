//! What is known of an object's topics beside its rows: dead letters, whether anything waits, whether the first files are still there.
//!
//! Rows of the lake cannot tell these; whoever can ask brokers and the chain hands them in. What nobody looked at is none, and never taken
//! for good.

use std::collections::BTreeMap;

use crate::completeness::Completeness;

/// Microseconds of a minute.
pub const MINUTE: i64 = 60_000_000;

/// The windows of burn rates (SRE Workbook, chapter 5): label, microseconds.
pub const WINDOWS: [(&str, i64); 5] = [
    ("5m", 5 * MINUTE),
    ("30m", 30 * MINUTE),
    ("1h", 60 * MINUTE),
    ("6h", 6 * 60 * MINUTE),
    ("3d", 3 * 24 * 60 * MINUTE),
];

/// What is known of an object beside its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Whether a record of the object's topic is on its way to the lake. `Some(false)` is proof that everything that was ever sent is there.
    pub waiting: Option<bool>,
    /// Whether the files that were written first are still there: if so, nothing was removed by age.
    pub first_files_kept: Option<bool>,
    /// Dead letters of the object.
    pub dead_letters: Option<DeadLetters>,
    /// Whether all records of the topic are accounted for.
    pub completeness: Option<Completeness>,
    /// Why something above is none, one sentence without a full stop.
    pub why: Option<String>,
}

/// Dead letters of one object by the minute of their source's timestamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    /// Nothing is known of what was before (microseconds since the epoch).
    pub since: i64,
    /// Minutes since the epoch, with counts.
    pub minutes: BTreeMap<i64, u64>,
}

/// How a budget of bad records, or of bad minutes, is spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Share that may be bad, of 1.
    pub allowed: f64,
    /// Good and bad of the whole window.
    pub whole: (u64, u64),
    /// Of each of [`WINDOWS`]: label, good, bad.
    pub windows: Vec<(&'static str, u64, u64)>,
}

// === impl DeadLetters ===

impl DeadLetters {
    /// How many from the minute of `from` on up to and with the minute of `until`.
    pub fn count(&self, from: i64, until: i64) -> u64 {
        self.minutes.range(minute(from)..=minute(until)).map(|(_, count)| count).sum()
    }
}

// === impl Budget ===

impl Budget {
    /// What is left over the whole window, of 1; below 0 when overspent. Nothing came: nothing is spent.
    pub fn remaining(&self) -> f64 {
        1.0 - self.burn(self.whole.0, self.whole.1)
    }

    /// Share of bad ones, divided by what is allowed.
    pub fn burn(&self, good: u64, bad: u64) -> f64 {
        match good + bad {
            0 => 0.0,
            total => bad as f64 / total as f64 / self.allowed,
        }
    }
}

/// The minute of an instant.
pub fn minute(micros: i64) -> i64 {
    micros.div_euclid(MINUTE)
}

/// The beginning of the minute of an instant: windows begin there, so that rows and dead letters are counted over the same time.
pub fn aligned(micros: i64) -> i64 {
    minute(micros).saturating_mul(MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted_by_whole_minutes() {
        let letters = DeadLetters {
            since: 0,
            minutes: [(9, 1), (10, 2), (11, 4), (12, 8)].into(),
        };
        assert_eq!(letters.count(10 * MINUTE + 5, 11 * MINUTE), 6);
        assert_eq!(letters.count(13 * MINUTE, 20 * MINUTE), 0);
        assert_eq!((minute(-1), aligned(-1)), (-1, -MINUTE));
    }

    #[test]
    fn a_budget_is_spent_by_its_share() {
        let budget = Budget {
            allowed: 0.01,
            whole: (995, 5),
            windows: Vec::new(),
        };
        assert!((budget.remaining() - 0.5).abs() < 1e-9);
        assert!((budget.burn(90, 10) - 10.0).abs() < 1e-9);
        assert_eq!(budget.burn(0, 0), 0.0);
    }
}
