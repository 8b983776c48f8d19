//! Who looks on while an audit runs.

use tidegate_flow::{NextOffset, TopicPartition, WorldError};

use crate::state::State;

/// Is told how far an audit is, may end it, and keeps what need not be done again. Every method may do nothing.
pub trait Watch {
    /// `count` more records of a partition were read, up to `next` of `until`. False ends the audit; its report is then incomplete.
    fn records(&mut self, _at: &TopicPartition, _next: NextOffset, _until: NextOffset, _count: usize) -> bool {
        true
    }

    /// `done` of `of` files of a partition in the lake were read. False ends the audit.
    fn files(&mut self, _at: &TopicPartition, _done: usize, _of: usize) -> bool {
        true
    }

    /// Another part is done: called after every few million records at most, and once more at the end, also when the audit was stopped.
    /// An error ends the audit.
    fn keep(&mut self, _state: &State) -> Result<(), WorldError> {
        Ok(())
    }
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
