//! When a slot closes. Pure decisions.

use std::time::Duration;

/// What one slot may hold, and all open ones together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Records of a slot: rows, and skipped ones too.
    pub rows_max: u64,
    /// Bytes of a slot's rows in memory.
    pub bytes_max: usize,
    /// Age of a slot's oldest record.
    pub age_max: Duration,
    /// Files of a slot.
    pub buckets_max: usize,
    /// Bytes of all slots in memory, also of those that wait for the store; past it the largest closes first, and then nothing more is read.
    pub bytes_total_max: usize,
}

/// What a slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Records.
    pub records: u64,
    /// Bytes in memory.
    pub bytes: usize,
    /// When its first record came, microseconds since the epoch.
    pub opened_at: i64,
}

/// Why a slot closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Close {
    /// As many records as allowed.
    Rows,
    /// As many bytes as allowed.
    Bytes,
    /// Its oldest record waited long enough.
    Age,
    /// The next record would need one file too many.
    Buckets,
    /// All open slots together were too large, and this was the largest.
    Budget,
    /// The worker stops.
    Stop,
    /// The next record halts the partition; what came before it is good.
    Halt,
    /// The range of a claim that was there already is complete.
    Followed,
}

// === impl Close ===

impl Close {
    /// Snake-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Close::Rows => "rows",
            Close::Bytes => "bytes",
            Close::Age => "age",
            Close::Buckets => "buckets",
            Close::Budget => "budget",
            Close::Stop => "stop",
            Close::Halt => "halt",
            Close::Followed => "followed",
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            rows_max: 1_000_000,
            bytes_max: 128 << 20,
            age_max: Duration::from_secs(300),
            buckets_max: 32,
            bytes_total_max: 512 << 20,
        }
    }
}

/// Whether a slot that is not empty closes now.
pub fn decide(limits: &Limits, fill: &Fill, now: i64) -> Option<Close> {
    let age_max = i64::try_from(limits.age_max.as_micros()).unwrap_or(i64::MAX);
    if fill.records >= limits.rows_max.max(1) {
        Some(Close::Rows)
    } else if fill.bytes >= limits.bytes_max {
        Some(Close::Bytes)
    } else {
        // A clock that went backwards makes one small slot; nobody waits for it to catch up.
        let age = now.saturating_sub(fill.opened_at);
        (age < 0 || age >= age_max).then_some(Close::Age)
    }
}

/// When all slots together are too much, and when there is room again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pressure {
    max: usize,
    /// Slots close until all together are no more than this.
    pub(crate) until: usize,
}

// === impl Pressure ===

impl Pressure {
    /// While partitions are paused for memory, a quarter of it becomes free before they go on.
    pub(crate) fn of(limits: &Limits, is_pressed: bool) -> Pressure {
        let max = limits.bytes_total_max;
        Pressure {
            max,
            until: if is_pressed { max - max / 4 } else { max },
        }
    }

    /// Nothing more may be read.
    pub(crate) fn begins(self, held: usize) -> bool {
        held > self.max
    }

    /// Reading may go on.
    pub(crate) fn ends(self, held: usize) -> bool {
        held <= self.until
    }
}

/// Which of the open slots must go when `total` is more than `until`: the largest, or none.
pub(crate) fn over_budget<K>(total: usize, until: usize, open: impl Iterator<Item = (K, usize)>) -> Option<K> {
    let largest = open.reduce(|most, one| if one.1 > most.1 { one } else { most });
    largest.filter(|_| total > until).map(|(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_limit_that_is_reached_closes() {
        let limits = Limits {
            rows_max: 10,
            bytes_max: 100,
            age_max: Duration::from_micros(50),
            buckets_max: 2,
            bytes_total_max: 1_000,
        };
        let fill = |records, bytes| Fill {
            records,
            bytes,
            opened_at: 1_000,
        };
        assert_eq!(decide(&limits, &fill(9, 99), 1_049), None);
        assert_eq!(decide(&limits, &fill(10, 0), 1_000), Some(Close::Rows));
        assert_eq!(decide(&limits, &fill(1, 100), 1_000), Some(Close::Bytes));
        assert_eq!(decide(&limits, &fill(1, 1), 1_050), Some(Close::Age));
        assert_eq!(decide(&limits, &fill(1, 1), 999), Some(Close::Age), "the clock went backwards");
    }

    #[test]
    fn the_largest_goes_only_when_all_are_too_many() {
        assert_eq!(over_budget(100, 100, [("a", 40), ("b", 60)].into_iter()), None);
        assert_eq!(over_budget(102, 100, [("a", 40), ("b", 61), ("c", 1)].into_iter()), Some("b"));
        assert_eq!(
            over_budget(900, 100, std::iter::empty::<(u8, usize)>()),
            None,
            "what waits for the store cannot close again"
        );
    }

    #[test]
    fn pressure_begins_past_the_budget_and_ends_well_below_it() {
        let limits = Limits {
            bytes_total_max: 100,
            ..Limits::default()
        };
        let calm = Pressure::of(&limits, false);
        assert!(!calm.begins(100) && calm.begins(101));
        let pressed = Pressure::of(&limits, true);
        assert_eq!(pressed.until, 75);
        assert!(pressed.ends(75) && !pressed.ends(76));
    }
}
