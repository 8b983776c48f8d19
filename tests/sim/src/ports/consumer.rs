//! A sink's group member.

use std::sync::Arc;
use std::time::Duration;

use tidegate_flow::ports::{Committed, Consumer, Polled};
use tidegate_flow::record::Position;
use tidegate_flow::{NextOffset, TopicPartition, WorldError};
use tidegate_sim::BrokerConsumer;

use crate::ports::reader::Reader;
use crate::world::{Process, SINKS};

pub(crate) struct ProcessConsumer {
    reader: Reader,
    inner: BrokerConsumer,
}

// === impl ProcessConsumer ===

impl ProcessConsumer {
    pub(crate) fn join(process: &Arc<Process>, topics: &[Arc<str>]) -> ProcessConsumer {
        process.enter("join");
        let mut inner = BrokerConsumer::join(&process.world.broker, SINKS, topics);
        let reader = Reader::new(process.clone(), SINKS, &mut inner);
        process.leave("join");
        ProcessConsumer { reader, inner }
    }
}

impl Consumer for ProcessConsumer {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        self.reader.poll(&mut self.inner, records_max, wait)
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.reader.start(&mut self.inner, positions)
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.reader.seek(&mut self.inner, positions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.reader.resume(&mut self.inner, partitions)
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.reader.assignment(&self.inner)
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.reader.committed(&mut self.inner, partitions)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.reader.commit(&mut self.inner, positions)
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        self.reader.watermarks(&mut self.inner, partition)
    }

    fn close(&mut self) {
        self.reader.close(&mut self.inner);
    }
}

/// A process that dies tells nobody.
impl Drop for ProcessConsumer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.inner.die_silently();
        }
    }
}
