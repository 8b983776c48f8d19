//! The faults that a seed may draw, by the names of the fault matrix.

use std::collections::BTreeMap;
use std::sync::Mutex;

use fastrand::Rng;

/// A strategy of the fault matrix. Numbers that are missing need a real broker or a real disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table says what each does")]
pub enum Fault {
    F1,
    F2,
    F3,
    F4,
    F5,
    F6,
    F7,
    F8,
    F9,
    F10,
    F11,
    F12,
    F14,
    F15,
    F16,
    F20,
    F21,
    F22,
    F23,
    F24,
    F25,
    F26,
    F27,
    F29,
    F31,
    F32,
    F34,
    /// Of the list of hostile inputs.
    I20,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which.
    pub fault: Fault,
    /// What it does here.
    pub what: &'static str,
    /// How likely it strikes where it can, when a seed has drawn it.
    pub likely: f64,
}

const fn row(fault: Fault, likely: f64, what: &'static str) -> Row {
    Row { fault, what, likely }
}

/// All of them.
pub const TABLE: &[Row] = &[
    row(
        Fault::F1,
        0.004,
        "kill -9 before or after any call, or in the middle of sending; the session lives on for 30 s",
    ),
    row(
        Fault::F2,
        0.05,
        "commit or abort happened, its answer is lost: to be resumed, or without any flag",
    ),
    row(
        Fault::F3,
        0.05,
        "commit or abort did not happen and has no answer: to be resumed, or without any flag",
    ),
    row(
        Fault::F4,
        0.12,
        "commit or abort answers late, and a repetition of its request arrives during a later transaction",
    ),
    row(
        Fault::F5,
        0.04,
        "part of a batch is not acknowledged in time, and arrives after the abort",
    ),
    row(
        Fault::F6,
        0.25,
        "another member joins a group and leaves it after a while (drawn every 10 s)",
    ),
    row(Fault::F7, 1.0, "rebalance storm: members join and leave every second for a minute"),
    row(
        Fault::F8,
        0.001,
        "frozen past the session timeout before or after any call, then back",
    ),
    row(
        Fault::F9,
        0.001,
        "frozen for 20 to 29 s: past the transaction timeout, not past the session's",
    ),
    row(
        Fault::F10,
        0.001,
        "a batch takes longer than max.poll.interval: the client leaves its group by itself",
    ),
    row(Fault::F11, 1.0, "a second worker with the same transactional id for 20 s"),
    row(
        Fault::F12,
        0.02,
        "leader or coordinator moves: retriable, abortable and fatal answers, polls and renewals that fail",
    ),
    row(Fault::F14, 0.05, "too few replicas: some records are refused"),
    row(
        Fault::F15,
        0.03,
        "records that are too large with the headers of a valid record (by their origin)",
    ),
    row(Fault::F16, 0.05, "the dead-letter topic may not be written to for a while"),
    row(
        Fault::F20,
        0.3,
        "upstream transactions that abort or stay open, control records, holes of compaction",
    ),
    row(
        Fault::F21,
        0.003,
        "a partition stands still and is reported stuck, until it is taken anew",
    ),
    row(
        Fault::F22,
        0.1,
        "contracts change while records flow; registry down; instances hear of a new snapshot late",
    ),
    row(Fault::F23, 0.04, "store: refused, timeout before and after apply, slow answers"),
    row(
        Fault::F24,
        0.25,
        "a second sink that believes to own everything (frozen and back, or another group member)",
    ),
    row(Fault::F25, 0.05, "store: conflict without an object, once or for ever"),
    row(Fault::F26, 0.15, "the sink's group offsets are forgotten (drawn every 10 s)"),
    row(Fault::F27, 0.01, "store: credentials refused for a while"),
    row(
        Fault::F29,
        0.01,
        "a process's clock jumps by up to an hour either way; records at timestamps 0, -1 and year 9999",
    ),
    row(Fault::F31, 0.04, "SIGTERM, sometimes twice; rolling restart (drawn every second)"),
    row(Fault::F32, 0.01, "throttled: a call takes seconds"),
    row(
        Fault::F34,
        0.3,
        "markers come one by one: a transaction is seen in each partition, and in the group, at a time of its own, up to 8 s late",
    ),
    row(
        Fault::I20,
        0.06,
        "a record that kills whoever judges it (never drawn: it outlasts the trouble of a seed)",
    ),
];

/// The faults of one seed: which are on, until when, and how often each struck.
#[derive(Debug)]
pub struct Faults {
    on: BTreeMap<Fault, f64>,
    struck: Mutex<BTreeMap<Fault, u64>>,
}

// === impl Fault ===

impl Fault {
    /// Reads `F7`, in either case.
    pub fn from_name(name: &str) -> Option<Fault> {
        TABLE
            .iter()
            .map(|row| row.fault)
            .find(|fault| format!("{fault:?}").eq_ignore_ascii_case(name))
    }

    /// Its row.
    pub fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.fault == self).expect("every fault has a row")
    }
}

// === impl Faults ===

impl Faults {
    /// Draws which faults a seed has and how hard they strike: few seeds have all, so that one fault does not hide behind another.
    pub fn drawn(seed: u64, rng: &mut Rng) -> Faults {
        let share = [0.1, 0.3, 0.6][rng.usize(..3)];
        let mut on = BTreeMap::new();
        let drawn_so = |fault| !matches!(fault, Fault::F34 | Fault::I20);
        for row in TABLE.iter().filter(|row| drawn_so(row.fault)) {
            if rng.f64() < share {
                on.insert(row.fault, row.likely * [0.5, 1.0, 3.0][rng.usize(..3)]);
            }
        }
        // Came later, and is drawn by itself, so that what earlier seeds have shown they still show.
        if Rng::with_seed(seed ^ 0xf35).f64() < 0.25 {
            on.insert(Fault::F34, Fault::F34.row().likely);
        }
        Faults::of(on)
    }

    /// These alone, each so many times as likely as its row says; none for a run without faults.
    pub fn only(faults: &[(Fault, f64)]) -> Faults {
        Faults::of(faults.iter().map(|(fault, factor)| (*fault, fault.row().likely * factor)).collect())
    }

    fn of(on: BTreeMap<Fault, f64>) -> Faults {
        Faults {
            on,
            struck: Mutex::default(),
        }
    }

    /// How likely it strikes, zero when it is off.
    pub fn likely(&self, fault: Fault) -> f64 {
        self.on.get(&fault).copied().unwrap_or(0.0)
    }

    /// Whether the seed has it.
    pub fn is_on(&self, fault: Fault) -> bool {
        self.on.contains_key(&fault)
    }

    /// The faults of the seed.
    pub fn names(&self) -> Vec<Fault> {
        self.on.keys().copied().collect()
    }

    /// Counts one that struck.
    pub fn struck(&self, fault: Fault) {
        *self.struck.lock().expect("not poisoned").entry(fault).or_default() += 1;
    }

    /// How often each struck.
    pub fn counts(&self) -> BTreeMap<Fault, u64> {
        self.struck.lock().expect("not poisoned").clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_one_row_and_one_name() {
        for row in TABLE {
            assert_eq!(TABLE.iter().filter(|other| other.fault == row.fault).count(), 1);
            assert_eq!(Fault::from_name(&format!("{:?}", row.fault).to_lowercase()), Some(row.fault));
        }
    }
}
