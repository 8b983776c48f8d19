//! Why a source record may have no outcome.

use tidegate_check::Skip;
use tidegate_flow::Record;

/// What a record without an outcome says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explained {
    /// This policy leaves it without an outcome.
    Skipped(Skip),
    /// Nothing: it should have one.
    Nothing,
    /// That cannot be told now, for this reason (a schema that nobody gives out). Never taken for either of the others.
    Untold(String),
}

/// Names the policy under which a source record has no outcome. Asked only about records without one, and must not ask anybody who was
/// involved in judging them. Functions from a record to a possible policy are explanations, too.
pub trait Explain {
    /// What this record says.
    fn explain(&self, record: &Record) -> Explained;
}

impl<F: Fn(&Record) -> Option<Skip>> Explain for F {
    fn explain(&self, record: &Record) -> Explained {
        self(record).map_or(Explained::Nothing, Explained::Skipped)
    }
}

/// The reason that needs no contract: null key and null value. Only right for topics of change events.
pub fn keyless_tombstone(record: &Record) -> Option<Skip> {
    (record.key.is_none() && record.value.is_none()).then_some(Skip::TombstoneKeyless)
}
