//! One partition's log with transactions: the last stable offset, control records, aborted records.

use bytes::Bytes;
use tidegate_flow::Header;

/// What a record's transaction came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Written outside of a transaction, or its transaction committed.
    Committed,
    /// Its transaction was aborted: read_committed never sees it.
    Aborted,
    /// Its transaction is open: nothing from here on is stable.
    Open,
    /// A commit or abort marker, or what compaction left of a record: takes an offset, is never handed out.
    Control,
}

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Decided and committed ones, up to the last stable offset.
    Committed,
    /// All of them, as they are appended. Nothing of Tidegate reads so; the simulator shows what would become of it.
    Uncommitted,
}

/// One entry; its offset is its index in the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) fate: Fate,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: Vec<Header>,
}

/// Append-only entries from offset 0.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    /// Offset of the first entry that retention has left.
    first: i64,
}

// === impl Log ===

impl Log {
    pub(crate) fn append(&mut self, entry: Entry) -> i64 {
        self.entries.push(entry);
        self.entries.len() as i64 - 1
    }

    /// Ends a transaction here: its records get their fate, and a marker takes the next offset.
    pub(crate) fn finish(&mut self, offsets: &[i64], fate: Fate) {
        for &offset in offsets {
            self.entries[offset as usize].fate = fate;
        }
        self.gap();
    }

    /// Takes an offset without a record.
    pub(crate) fn gap(&mut self) {
        self.append(Entry {
            fate: Fate::Control,
            timestamp: None,
            key: None,
            value: None,
            headers: Vec::new(),
        });
    }

    /// The first offset that is left.
    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    /// Everything before is gone.
    pub(crate) fn expire(&mut self, before: i64) {
        self.first = before.clamp(self.first, self.stable_end());
    }

    /// Every committed record with its offset.
    pub(crate) fn each(&self, mut take: impl FnMut(i64, &Entry)) {
        let committed = (0..).zip(&self.entries).filter(|(_, entry)| entry.fate == Fate::Committed);
        committed.for_each(|(offset, entry)| take(offset, entry));
    }

    /// Leaves nothing of decided records before `until` that `goes` names, nor of aborted ones; their offsets stay taken.
    pub(crate) fn drop_where(&mut self, until: i64, mut goes: impl FnMut(i64, Option<&Bytes>) -> bool) {
        let until = until.min(self.stable_end());
        for (offset, entry) in (0..until).zip(&mut self.entries) {
            if entry.fate == Fate::Aborted || entry.fate == Fate::Committed && goes(offset, entry.key.as_ref()) {
                entry.fate = Fate::Control;
            }
        }
    }

    /// The last stable offset: everything before it is decided.
    pub(crate) fn stable_end(&self) -> i64 {
        self.entries
            .iter()
            .position(|entry| entry.fate == Fate::Open)
            .unwrap_or(self.entries.len()) as i64
    }

    /// Records from `from`, at most `max`, with their offsets; and the position after what was passed over.
    pub(crate) fn read(&self, from: i64, max: usize, isolation: Isolation, mut take: impl FnMut(i64, &Entry)) -> i64 {
        let end = match isolation {
            Isolation::Committed => self.stable_end(),
            Isolation::Uncommitted => self.entries.len() as i64,
        };
        let from = from.max(self.first);
        let mut next = from;
        let mut taken = 0;
        for offset in from..end {
            if taken == max {
                break;
            }
            let entry = &self.entries[offset as usize];
            let is_seen = match isolation {
                Isolation::Committed => entry.fate == Fate::Committed,
                Isolation::Uncommitted => entry.fate != Fate::Control,
            };
            if is_seen {
                take(offset, entry);
                taken += 1;
            }
            next = offset + 1;
        }
        next
    }
}
