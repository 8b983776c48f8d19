//! Outcomes that are written and cannot be seen yet.
//!
//! A transaction is committed once for all, but each partition gets the mark of its end by itself: the group's position may be there
//! before the outcomes of the same transaction. So what seems to be missing is looked for among what is not committed.

use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, TopicPartition, stamp};

use crate::outlet::Outlet;
use crate::stream::{Halt, Reading};
use crate::window::Window;

/// Offsets behind the end that are looked at: a transaction that has no end yet is the first thing there.
const AHEAD: i64 = 100_000;

/// Tells the window which of its offsets have an outcome behind the ends of the outlets; whether there is any.
pub(crate) fn find_open(
    outlets: &[Outlet; 2],
    source: &TopicPartition,
    window: &mut Window,
    scan: &mut dyn Scan,
    reading: &mut Reading<'_>,
) -> Result<bool, Halt> {
    let mut found = false;
    let mut reading = Reading {
        scan,
        watch: &mut *reading.watch,
    };
    for outlet in outlets {
        let from = NextOffset(outlet.until.0.max(outlet.low.0));
        reading.stream(&outlet.at, from, NextOffset(from.0.saturating_add(AHEAD)), |record| {
            if let Some(stamp) = stamp::read(&record.headers).filter(|stamp| stamp.origin.at == *source) {
                found |= window.open(stamp.origin.offset.0);
            }
        })?;
    }
    Ok(found)
}
