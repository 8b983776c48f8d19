//! Why a source record may have no outcome.

use tidegate_check::Skip;
use tidegate_flow::Record;

/// The reason that needs no contract: null key and null value. Only right for topics of change events.
pub fn keyless_tombstone(record: &Record) -> Option<Skip> {
    (record.key.is_none() && record.value.is_none()).then_some(Skip::TombstoneKeyless)
}
