//! A group from outside: what it has committed, who is in it, and its positions moved while nobody is.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tidegate_flow::ports::Committed;
use tidegate_flow::{NextOffset, Position, Remedy, TopicPartition, WorldError};

use crate::callbacks::QuestionCallbacks;
use crate::cluster::{ask, settled};
use crate::consumer::commit_list;
use crate::fault::world_error;
use crate::held::Held;
use crate::settings::Settings;

/// A group that this client never joins.
pub struct IdleGroup {
    reader: Held<BaseConsumer<QuestionCallbacks>>,
    group: String,
}

// === impl IdleGroup ===

impl IdleGroup {
    /// Makes the client; connecting happens at the first question.
    pub fn connect(settings: &Settings, group: &str) -> Result<IdleGroup, WorldError> {
        let reader: BaseConsumer<QuestionCallbacks> = settings
            .member("positions", group)
            .create_with_context(QuestionCallbacks::default())
            .map_err(|error| world_error("making a client", error))?;
        Ok(IdleGroup {
            reader: Held::new(settings, reader)?,
            group: group.to_owned(),
        })
    }

    /// What the group has committed. Waits for pending transactions, as members do.
    pub fn committed(&self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for at in partitions {
            list.add_partition(&at.topic, at.partition);
        }
        let doing = format!("asking what group {} has committed", self.group);
        let answer = ask(&self.reader, &doing, |reader, patience| {
            settled(|| reader.committed_offsets(list.clone(), patience))
        })?;
        let elements = answer.elements();
        let committed = elements.iter().map(|element| {
            element.error().map_err(|error| world_error(doing.clone(), error))?;
            Ok(Committed {
                at: TopicPartition::new(element.topic(), element.partition()),
                next: match element.offset() {
                    rdkafka::Offset::Offset(offset) => Some(NextOffset(offset)),
                    _ => None,
                },
                metadata: element.metadata().to_owned(),
            })
        });
        committed.collect()
    }

    /// How many members it has. Of a group that uses the protocol of KIP-848, which no role of ours joins with, brokers may tell none.
    pub fn members(&self) -> Result<usize, WorldError> {
        let doing = format!("asking who is in group {}", self.group);
        let answer = ask(&self.reader, &doing, |reader, patience| {
            settled(|| reader.fetch_group_list(Some(&self.group), patience))
        })?;
        Ok(answer.groups().iter().map(|group| group.members().len()).sum())
    }

    /// Moves positions and waits for the answer. The brokers take that from nobody while the group has members.
    pub fn commit(&self, positions: &[Position]) -> Result<(), WorldError> {
        let list = commit_list(positions)?;
        settled(|| self.reader.commit(&list, CommitMode::Sync)).map_err(|error| match code(&error) {
            Some(Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress) => WorldError::new(
                Remedy::Operator,
                format!("group {} has members, and its positions move only while it has none", self.group),
            ),
            _ => world_error(format!("committing positions of group {}", self.group), error),
        })
    }
}

fn code(error: &KafkaError) -> Option<Code> {
    error.rdkafka_error_code()
}

impl std::fmt::Debug for IdleGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdleGroup").field("group", &self.group).finish_non_exhaustive()
    }
}
