//! The broker of the demo: in memory, or a real Kafka. The roles cannot tell the difference.

use std::sync::Arc;

use tidegate_flow::WorldError;
use tidegate_flow::ports::{Cluster, Consumer, Exchange, Scan};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Remedy, TopicPartition};
use tidegate_kafka::{ClusterClient, Delivering, GroupConsumer, GroupExchange, PartitionScan, RecordWriter, Settings, group_positions};
use tidegate_sim::{Broker, BrokerConsumer, BrokerExchange};

/// Makes the ports.
#[derive(Clone)]
pub(super) enum Backend {
    Embedded(Broker),
    Kafka(Settings),
}

/// Writes raw events.
pub(super) enum Producer {
    Embedded(tidegate_sim::Writer),
    Kafka(Box<RecordWriter>),
}

impl Backend {
    pub(super) fn exchange(&self, group: &str, topics: &[Arc<str>], id: &str) -> Result<Box<dyn Exchange>, WorldError> {
        Ok(match self {
            Backend::Embedded(broker) => Box::new(BrokerExchange::join(broker, group, topics, Some(id))),
            Backend::Kafka(settings) => Box::new(GroupExchange::join(
                settings,
                "validator",
                group,
                topics,
                Delivering::Transactional(id.to_owned()),
            )?),
        })
    }

    pub(super) fn consumer(&self, group: &str, topics: &[Arc<str>]) -> Result<Box<dyn Consumer>, WorldError> {
        Ok(match self {
            Backend::Embedded(broker) => Box::new(BrokerConsumer::join(broker, group, topics)),
            Backend::Kafka(settings) => Box::new(GroupConsumer::join(settings, "sink", group, topics)?),
        })
    }

    pub(super) fn cluster(&self) -> Result<Box<dyn Cluster>, WorldError> {
        Ok(match self {
            Backend::Embedded(broker) => Box::new(broker.cluster()),
            Backend::Kafka(settings) => Box::new(ClusterClient::connect(settings)?),
        })
    }

    pub(super) fn scan(&self) -> Result<Box<dyn Scan>, WorldError> {
        Ok(match self {
            Backend::Embedded(broker) => Box::new(broker.scan()),
            Backend::Kafka(settings) => Box::new(PartitionScan::connect(settings)?),
        })
    }

    pub(super) fn producer(&self) -> Result<Producer, WorldError> {
        Ok(match self {
            Backend::Embedded(broker) => Producer::Embedded(broker.writer()),
            Backend::Kafka(settings) => Producer::Kafka(Box::new(RecordWriter::connect(settings)?)),
        })
    }

    /// Whether no record of these topics lies behind what the group has committed.
    pub(super) fn is_settled(&self, group: &str, topics: &[Arc<str>]) -> Result<bool, WorldError> {
        let (mut cluster, mut scan) = (self.cluster()?, self.scan()?);
        for topic in topics {
            let ends = cluster.offsets(topic)?;
            let partitions: Vec<TopicPartition> = (0..ends.len())
                .map(|p| TopicPartition {
                    topic: topic.clone(),
                    partition: p as i32,
                })
                .collect();
            let committed: Vec<Option<NextOffset>> = match self {
                Backend::Embedded(broker) => partitions.iter().map(|at| broker.committed(group, at)).collect(),
                Backend::Kafka(settings) => group_positions(settings, group, &partitions)?
                    .into_iter()
                    .map(|(_, next)| next)
                    .collect(),
            };
            // The end lies behind the last transaction's marker, which no position ever covers: what counts is whether records are left.
            for ((at, (low, end)), next) in partitions.iter().zip(ends).zip(committed) {
                if !scan.scan(at, next.unwrap_or(low), end, 1)?.is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

impl Producer {
    pub(super) fn write(&mut self, batch: &[Outgoing]) -> Result<(), WorldError> {
        match self {
            Producer::Embedded(writer) => writer.write(batch),
            Producer::Kafka(writer) => match writer.write(batch) {
                Ok(delivery) if delivery.delivered == batch.len() => Ok(()),
                Ok(delivery) => {
                    let what = format!("{} of {} events were written", delivery.delivered, batch.len());
                    Err(WorldError::new(Remedy::Operator, what))
                }
                Err(fault) => Err(WorldError::new(Remedy::Retry, fault.to_string())),
            },
        }
    }
}
