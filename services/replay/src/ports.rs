//! What the outside gives: contracts to judge by, and somebody who watches.

use std::sync::Arc;

use tidegate_contract::{Contract, ContractRef};
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError};

/// What would become of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ruling {
    /// It would pass.
    Valid,
    /// It would be a dead letter again.
    Invalid {
        /// Reason, with its detail where there is one.
        reason: String,
        /// Rule or clause.
        rule: String,
        /// Place in the event.
        pointer: String,
    },
    /// Its contract stops or holds back what follows (`onFailure`) instead of making it a dead letter.
    Halts {
        /// Reason.
        reason: String,
        /// Place in the event.
        pointer: String,
    },
    /// A policy would skip it.
    Skipped(&'static str),
}

/// The contracts of one named snapshot.
pub trait Contracts {
    /// What would become of a record of this source topic. An error is a bad world, such as a registry that does not answer.
    fn judge(&mut self, topic: &str, record: &Record) -> Result<Ruling, WorldError>;
    /// The object that would judge it; none where there is none.
    fn object(&mut self, topic: &str, record: &Record) -> Result<Option<(Arc<Contract>, usize)>, WorldError>;
    /// All objects that may judge records of a source topic.
    fn objects(&mut self, _topic: &str) -> Vec<(Arc<Contract>, usize)> {
        Vec::new()
    }
    /// Whether a contract (or, without one, any of the topic) has a field of that name: names of others may be content.
    fn has_field(&self, topic: &str, contract: Option<&ContractRef>, name: &str) -> bool;
}

/// Is told about progress.
pub trait Watch {
    /// A replay is kept in the state topic: stopped from now on, it can be gone on with.
    fn kept(&mut self, _id: &str) {}
    /// `count` more records of a partition were read, up to `next` of `until`. False asks to stop.
    fn read(&mut self, _at: &TopicPartition, _next: NextOffset, _until: NextOffset, _count: usize) -> bool {
        true
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
