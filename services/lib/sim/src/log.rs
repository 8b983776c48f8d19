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
    /// A commit or abort marker: takes an offset, is never handed out.
    Control,
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
        self.append(Entry {
            fate: Fate::Control,
            timestamp: None,
            key: None,
            value: None,
            headers: Vec::new(),
        });
    }

    /// The last stable offset: everything before it is decided.
    pub(crate) fn stable_end(&self) -> i64 {
        self.entries
            .iter()
            .position(|entry| entry.fate == Fate::Open)
            .unwrap_or(self.entries.len()) as i64
    }

    /// Committed records from `from`, at most `max`, with their offsets; and the position after what was passed over.
    pub(crate) fn read_committed(&self, from: i64, max: usize, mut take: impl FnMut(i64, &Entry)) -> i64 {
        let mut next = from;
        let mut taken = 0;
        for offset in from..self.stable_end() {
            if taken == max {
                break;
            }
            let entry = &self.entries[offset as usize];
            if entry.fate == Fate::Committed {
                take(offset, entry);
                taken += 1;
            }
            next = offset + 1;
        }
        next
    }
}
