//! One owned partition: what the loop knows of it between two polls.

use std::sync::Arc;

use tidegate_flow::{NextOffset, TopicPartition};

use crate::batch::{Closed, Gather};
use crate::chain::{ChainName, ChainState, Sources};
use crate::document::Claim;
use crate::metrics::Progress;
use crate::slot::Close;

#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) at: TopicPartition,
    /// None until the chain was read.
    pub(crate) tip: Option<Tip>,
    /// The record that is wanted next; what lies before it was fetched before a seek.
    pub(crate) position: NextOffset,
    pub(crate) work: Work,
    pub(crate) hold: Hold,
    /// What halts the partition once its closing slot is in the lake.
    pub(crate) doom: Option<String>,
    /// Failures in a row, for the backoff.
    pub(crate) attempts: u32,
    /// The consumer was told where to start.
    pub(crate) started: bool,
    pub(crate) paused: bool,
    /// Ignores the rest of what the last poll brought, because the position changed.
    pub(crate) stale: bool,
}

/// The head of a chain as this worker knows it.
#[derive(Debug)]
pub(crate) struct Tip {
    pub(crate) name: ChainName,
    pub(crate) next_seq: u64,
    pub(crate) end: NextOffset,
    pub(crate) sources: Sources,
}

#[derive(Debug)]
pub(crate) enum Work {
    /// No record since the last slot.
    Idle,
    /// A slot of our own.
    Gathering(Gather),
    /// Re-reading the range of a claim that has no manifest yet.
    Following(Box<Claim>, Gather),
    /// A slot on its way into the store. `placed`: its claim is known to hold the position. `bytes`: what its rows take in memory.
    Closing {
        closed: Box<Closed>,
        placed: bool,
        why: Close,
        bytes: usize,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Hold {
    /// Reads on.
    None,
    /// Tries again at that time (microseconds since the epoch). `operator`: somebody has to do something before it can succeed.
    Retry { at: i64, operator: bool },
    /// Reads on when others have let go of memory.
    Memory,
    /// Tries again when the snapshot is another one.
    Version { commit: Arc<str> },
    /// Only a restart after somebody looked.
    Halted,
}

// === impl Hold ===

impl Hold {
    pub(crate) const fn progress(&self) -> Progress {
        match self {
            Hold::None | Hold::Memory => Progress::Going,
            Hold::Retry { operator: false, .. } | Hold::Version { .. } => Progress::Waiting,
            Hold::Retry { operator: true, .. } | Hold::Halted => Progress::Halted,
        }
    }
}

// === impl Lane ===

impl Lane {
    pub(crate) fn new(at: TopicPartition) -> Self {
        Lane {
            at,
            tip: None,
            position: NextOffset(0),
            work: Work::Idle,
            hold: Hold::Retry {
                at: i64::MIN,
                operator: false,
            },
            doom: None,
            attempts: 0,
            started: false,
            paused: false,
            stale: false,
        }
    }

    /// Bytes of rows in memory, also of a slot that waits for the store.
    pub(crate) fn bytes(&self) -> usize {
        match &self.work {
            Work::Gathering(gather) | Work::Following(_, gather) => gather.fill().bytes,
            Work::Closing { bytes, .. } => *bytes,
            Work::Idle => 0,
        }
    }

    /// Drops what was gathered of a claim while the lane waits for something else than memory; it is read again from the claim's first
    /// record.
    pub(crate) fn give_back(&mut self) {
        let (Work::Following(claim, gather), Some(tip)) = (&mut self.work, &self.tip) else {
            return;
        };
        if matches!(self.hold, Hold::Retry { .. } | Hold::Version { .. }) && !gather.is_empty() {
            *gather = Gather::following(claim, tip.sources.clone());
            self.position = NextOffset(claim.first_offset);
        }
    }

    /// Since when the oldest record that is not in the lake waits, microseconds since the epoch. A slot on its way, or one that is read
    /// again, waits since it was claimed at the latest.
    pub(crate) fn open_since(&self) -> Option<i64> {
        match &self.work {
            Work::Gathering(gather) if !gather.is_empty() => Some(gather.fill().opened_at),
            Work::Closing { closed, .. } => Some(closed.claim.now_micros),
            Work::Following(claim, _) => Some(claim.now_micros),
            Work::Gathering(_) | Work::Idle => None,
        }
    }
}

// === impl Tip ===

impl Tip {
    /// The head of a chain that was read. An empty chain starts at the first offset that the partition still has: what was deleted before
    /// the first claim was never the lake's.
    pub(crate) fn new(name: ChainName, state: ChainState, low: NextOffset) -> Self {
        Tip {
            name,
            next_seq: state.next_seq,
            end: state.end.unwrap_or(low),
            sources: state.sources,
        }
    }

    /// Moves past a committed slot.
    pub(crate) fn advance(&mut self, end: NextOffset, sources: Sources) {
        self.next_seq += 1;
        self.end = end;
        self.sources = sources;
    }
}
