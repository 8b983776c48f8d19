//! Partitions that seem to kill whoever reads them, before a record is in hand: a compressed batch that unpacks to more than there is memory,
//! for one. They are not read when they are assigned but later, one at a time, the least tried first: so the others go on, and those that were
//! only beside the culprit are soon through.

use tidegate_flow::{Remedy, TopicPartition, WorldError};

use crate::ownership::micros;
use crate::run::Worker;

// === impl Worker ===

impl Worker<'_> {
    /// Puts partitions off, with the number of their starts.
    pub(crate) fn park(&mut self, mut unreadable: Vec<(u32, TopicPartition)>) {
        unreadable.sort();
        let mut due = self.parked.values().copied().max().unwrap_or(0).max(self.parts.clock.now_micros());
        for (starts, at) in unreadable {
            due += micros(self.settings.operator_retry_after);
            let what = format!(
                "{at}: {} processes ended when they read it, before a record was in hand; see docs/operate.md, \"A record that kills the process\"",
                starts - 1
            );
            let error = WorldError::new(Remedy::Operator, what);
            self.parts.meter.held(&at, true, &error.what);
            tracing::error!(partition = %at, why = %error, "partition parked; nothing is lost, it is read again later");
            self.parked.insert(at, due);
        }
    }

    /// The next partition whose turn has come is read again.
    pub(crate) fn take_parked(&mut self) {
        let now = self.parts.clock.now_micros();
        let longest = micros(self.settings.operator_retry_after).saturating_mul(i64::try_from(self.parked.len()).unwrap_or(i64::MAX));
        // A clock may be put back.
        let is_due = |due: i64| due <= now || due - now > longest;
        let Some(at) = self.parked.iter().find(|(_, due)| is_due(**due)).map(|(at, _)| at.clone()) else {
            return;
        };
        self.parked.remove(&at);
        self.parts.meter.released(&at);
        self.trying = Some(at.clone());
        self.waiting.push(at);
    }
}
