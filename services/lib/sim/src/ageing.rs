//! What becomes of records with time: retention and compaction.

use std::collections::HashMap;

use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError};

use crate::broker::Broker;
use crate::log::Isolation;

/// Reads partitions outside of any group, uncommitted and aborted records included.
#[derive(Debug, Clone)]
pub struct UncommittedScan(Broker);

// === impl Broker ===

impl Broker {
    /// Removes everything before an offset, as retention does.
    pub fn expire(&self, at: &TopicPartition, before: NextOffset) {
        if let Some(log) = self.lock().log_mut(at) {
            log.expire(before.0);
        }
        self.notify();
    }

    /// Removes every record that has a later one of its key, as compaction does with all but the newest segment; `until` is where that
    /// begins. Aborted records go, too, and control records stay.
    pub fn compact(&self, at: &TopicPartition, until: NextOffset) {
        if let Some(log) = self.lock().log_mut(at) {
            log.compact(until.0);
        }
        self.notify();
    }

    /// Scans that see uncommitted records.
    pub fn uncommitted_scan(&self) -> UncommittedScan {
        UncommittedScan(self.clone())
    }
}

// === impl Log ===

impl crate::log::Log {
    fn compact(&mut self, until: i64) {
        let mut last = HashMap::new();
        self.each(|offset, entry| {
            if let Some(key) = &entry.key {
                last.insert(key.clone(), offset);
            }
        });
        self.drop_where(until, |offset, key| key.is_none_or(|key| last.get(key) != Some(&offset)));
    }
}

// === impl UncommittedScan ===

impl Scan for UncommittedScan {
    fn scan(
        &mut self,
        partition: &TopicPartition,
        from: NextOffset,
        until: NextOffset,
        records_max: usize,
    ) -> Result<Vec<Record>, WorldError> {
        let mut records = Vec::new();
        self.0
            .lock()
            .read(partition, from, records_max, Isolation::Uncommitted, &mut records);
        records.retain(|record| record.origin.offset.0 < until.0);
        Ok(records)
    }
}
