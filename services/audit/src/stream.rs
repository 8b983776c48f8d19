//! A partition from front to back, in batches, under somebody's eyes.

use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, Record, Remedy, TopicPartition, WorldError};

use crate::watch::Watch;

const BATCH: usize = 5_000;

/// Why an audit stands still.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Something cannot be read.
    World(WorldError),
    /// [`Watch`] asked for it.
    Stopped,
}

/// What records are read with, and who is told of it.
pub(crate) struct Reading<'a> {
    pub(crate) scan: &'a mut dyn Scan,
    pub(crate) watch: &'a mut dyn Watch,
}

// === impl Halt ===

impl From<WorldError> for Halt {
    fn from(error: WorldError) -> Halt {
        Halt::World(error)
    }
}

// === impl Reading ===

impl Reading<'_> {
    /// Gives every record of `[from, until)` to `each`, in offset order.
    pub(crate) fn stream(
        &mut self,
        at: &TopicPartition,
        from: NextOffset,
        until: NextOffset,
        mut each: impl FnMut(&Record),
    ) -> Result<(), Halt> {
        let mut next = from;
        while next < until {
            match self.some(at, next, until, BATCH, &mut each)? {
                Some(after) => next = after,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// As [`Reading::stream`], at most `records_max`; where to go on, none when there is nothing more.
    pub(crate) fn some(
        &mut self,
        at: &TopicPartition,
        from: NextOffset,
        until: NextOffset,
        records_max: usize,
        mut each: impl FnMut(&Record),
    ) -> Result<Option<NextOffset>, Halt> {
        if from >= until {
            return Ok(None);
        }
        let batch = self.scan.scan(at, from, until, records_max)?;
        let Some(last) = batch.last() else { return Ok(None) };
        let after = last.origin.offset.next();
        let is_inside = |record: &Record| record.origin.offset.0 >= from.0 && record.origin.offset.0 < until.0;
        if !batch.iter().all(is_inside) {
            return Err(WorldError::new(Remedy::Bug, format!("a scan of {at} left its range")).into());
        }
        batch.iter().for_each(&mut each);
        match self.watch.records(at, after, until, batch.len()) {
            true => Ok(Some(after)),
            false => Err(Halt::Stopped),
        }
    }
}
