//! A partition from front to back, in batches.

use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, Record, Remedy, TopicPartition, WorldError};

const BATCH: usize = 5_000;

/// Gives every record of `[from, until)` to `each`, in offset order.
pub(crate) fn stream(
    scan: &mut dyn Scan,
    at: &TopicPartition,
    from: NextOffset,
    until: NextOffset,
    mut each: impl FnMut(&Record),
) -> Result<(), WorldError> {
    let mut next = from;
    while next < until {
        let batch = scan.scan(at, next, until, BATCH)?;
        let Some(last) = batch.last() else { return Ok(()) };
        let after = last.origin.offset.next();
        if batch
            .iter()
            .any(|record| record.origin.offset.0 < next.0 || record.origin.offset.0 >= until.0)
        {
            return Err(WorldError::new(Remedy::Bug, format!("a scan of {at} left its range")));
        }
        batch.iter().for_each(&mut each);
        next = after;
    }
    Ok(())
}
