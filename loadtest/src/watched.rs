//! A validator's exchange, watched from outside: when the first record comes, and when the end of the source is committed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, Polled, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, TopicPartition, WorldError};
use tidegate_kafka::GroupExchange;

use crate::measure::Stretch;
use crate::progress::Progress;

/// Hands everything on. Costs one call per batch.
pub(crate) struct Watched<'a> {
    pub(crate) inner: GroupExchange,
    pub(crate) progress: Progress,
    pub(crate) stretch: Stretch,
    /// Set when the end is committed, so that the validator drains and returns.
    pub(crate) stop: &'a AtomicBool,
    /// Positions of the open transaction.
    pub(crate) pending: Vec<Position>,
}

// === impl Watched ===

impl Watched<'_> {
    fn committed_to(&mut self, positions: &[Position]) {
        for position in positions {
            self.progress.committed(position.at.partition, position.next.0);
        }
        if self.progress.is_done() {
            self.stretch.end();
            self.stop.store(true, Ordering::Release);
        }
    }
}

impl Exchange for Watched<'_> {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.pending.clear();
        self.inner.begin()
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        self.inner.send(batch)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.inner.send_offsets(positions)?;
        self.pending = positions.to_vec();
        Ok(())
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        let quick = self.inner.commit_transaction()?;
        let pending = std::mem::take(&mut self.pending);
        self.committed_to(&pending);
        Ok(quick)
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.pending.clear();
        self.inner.abort_transaction()
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        self.inner.renew()
    }
}

impl Consumer for Watched<'_> {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        let polled = self.inner.poll(records_max, wait)?;
        if matches!(&polled, Polled::Records(records) if !records.is_empty()) {
            self.stretch.begin();
        }
        Ok(polled)
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.inner.start(positions)
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.inner.seek(positions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.inner.resume(partitions)
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.inner.assignment()
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.inner.committed(partitions)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.inner.commit(positions)?;
        self.committed_to(positions);
        Ok(())
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        self.inner.watermarks(partition)
    }

    fn close(&mut self) {
        self.inner.close();
    }
}
