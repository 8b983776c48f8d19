//! One number for a process's memory, dealt out to what holds records.

use anyhow::bail;

/// What is dealt out where nothing is said.
const DEFAULT_MIB: u64 = 1_024;
/// Below this nothing would be left beside the program itself.
const LEAST_MIB: u64 = 128;
const MIB: usize = 1 << 20;

/// Bytes that each buffer may hold. Half of the budget is dealt out to buffers that can all be full at once; the rest is for what grows on the
/// way (unpacked fetches, columns that double, the file that is being encoded) and for the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Open batch of a validator.
    pub(crate) batch: usize,
    /// All slots of a sink.
    pub(crate) slots: usize,
    /// One slot.
    pub(crate) slot: usize,
    /// What the Kafka client reads ahead.
    prefetch: usize,
    /// One answer of a broker to a fetch.
    fetch: usize,
}

// === impl Shares ===

impl Shares {
    /// The shares of a budget in MiB.
    pub(crate) fn of(budget_mib: Option<u64>) -> anyhow::Result<Shares> {
        let mib = budget_mib.unwrap_or(DEFAULT_MIB);
        if !(LEAST_MIB..=1 << 20).contains(&mib) {
            bail!("memory.budget_mib: must be {LEAST_MIB} to {}", 1 << 20);
        }
        let budget = usize::try_from(mib).expect("checked above").saturating_mul(MIB);
        Ok(Shares {
            batch: (budget / 16).min(32 * MIB),
            slots: budget / 3,
            slot: budget / 8,
            prefetch: (budget / 32).min(16 * MIB),
            fetch: (budget / 32).min(32 * MIB),
        })
    }

    /// Properties of the Kafka client, for those that the file does not set.
    pub(crate) fn client(&self) -> [(&'static str, String); 2] {
        [
            ("queued.max.messages.kbytes", (self.prefetch >> 10).to_string()),
            ("fetch.max.bytes", self.fetch.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_grow_with_the_budget_and_stay_below_it() {
        let least = Shares::of(Some(LEAST_MIB)).unwrap();
        let default = Shares::of(None).unwrap();
        assert_eq!((default.batch, default.slot), (32 * MIB, 128 * MIB));
        for (shares, mib) in [(least, LEAST_MIB), (default, DEFAULT_MIB)] {
            // A closing slot, its file and the encoder's pages beside all the others.
            let sink = shares.slots + 2 * shares.slot + shares.prefetch + shares.fetch;
            let validator = 3 * shares.batch + shares.prefetch + shares.fetch;
            assert!(sink.max(validator) < mib as usize * MIB, "{shares:?}");
        }
        assert!(Shares::of(Some(LEAST_MIB - 1)).is_err() && Shares::of(Some(u64::MAX)).is_err());
    }
}
