//! What a seed decides before anything runs.

use std::time::Duration;

use fastrand::Rng;
use tidegate_validator::Mode;

/// The deployment and its load.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) partitions: i32,
    pub(crate) validators: usize,
    pub(crate) sinks: usize,
    pub(crate) records: usize,
    /// Records come over so long.
    pub(crate) load: Duration,
    /// Faults strike for so long.
    pub(crate) trouble: Duration,
    pub(crate) batch_records: usize,
    pub(crate) batch_age: Duration,
    pub(crate) slot_records: u64,
    pub(crate) slot_age: Duration,
}

// === impl Plan ===

impl Plan {
    pub(crate) fn drawn(rng: &mut Rng) -> Plan {
        Plan {
            mode: if rng.u8(..3) == 0 { Mode::AtLeastOnce } else { Mode::ExactlyOnce },
            partitions: rng.i32(1..=3),
            validators: rng.usize(1..=3),
            sinks: rng.usize(1..=2),
            records: rng.usize(30..160),
            load: Duration::from_secs(rng.u64(5..120)),
            trouble: Duration::from_secs(rng.u64(60..200)),
            batch_records: [3, 10, 50][rng.usize(..3)],
            batch_age: Duration::from_millis([50, 500, 2_000][rng.usize(..3)]),
            slot_records: [4, 12, 40][rng.usize(..3)],
            slot_age: Duration::from_secs([2, 10, 30][rng.usize(..3)]),
        }
    }
}
