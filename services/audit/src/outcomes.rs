//! Reads the outcome records of one source partition into a window.

use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, TopicPartition, WorldError, stamp};

use crate::likeness::Likeness;
use crate::report::Examples;
use crate::stream::stream;
use crate::window::{Class, Window};

/// One of the two topics that hold outcomes.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    pub(crate) at: TopicPartition,
    pub(crate) from: NextOffset,
    pub(crate) until: NextOffset,
    pub(crate) class: Class,
    pub(crate) likeness: Likeness,
}

/// What was found on the way.
#[derive(Debug, Default)]
pub(crate) struct Oddities {
    /// Records without a readable stamp.
    pub(crate) unstamped: Examples,
    /// Source offsets that come after a higher one.
    pub(crate) out_of_order: Examples,
}

/// Marks every outcome of `source`. Outcomes of other sources may share the topic and are passed over.
pub(crate) fn mark(scan: &mut dyn Scan, outlet: &Outlet, source: &TopicPartition, window: &mut Window) -> Result<Oddities, WorldError> {
    let mut odd = Oddities::default();
    let mut highest = i64::MIN;
    stream(scan, &outlet.at, outlet.from, outlet.until, |record| {
        let Some(stamp) = stamp::read(&record.headers) else {
            odd.unstamped.add(record.origin.offset.0);
            return;
        };
        if stamp.origin.at != *source {
            return;
        }
        let offset = stamp.origin.offset.0;
        if offset < highest {
            odd.out_of_order.add(offset);
        }
        highest = highest.max(offset);
        window.outcome(offset, outlet.class, outlet.likeness.of_outcome(record));
    })?;
    Ok(odd)
}
