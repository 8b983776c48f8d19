//! Partitions that are ours and are not read yet. Either where they begin cannot be told now, or they seem to kill whoever reads them, before a
//! record is in hand: a compressed batch that unpacks to more than there is memory, for one. Those are read one at a time, the least tried
//! first: so the others go on, and those that were only beside the culprit are soon through.

use tidegate_flow::{Remedy, TopicPartition, WorldError};

use crate::ownership::micros;
use crate::run::Worker;

/// When a partition is begun after all; microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parked {
    since: i64,
    until: i64,
    /// Processes ended when they read it.
    kills: bool,
}

// === impl Worker ===

impl Worker<'_> {
    /// Puts partitions off that nobody could read, with the number of their starts.
    pub(crate) fn park(&mut self, mut unreadable: Vec<(u32, TopicPartition)>) {
        unreadable.sort();
        let since = self.parts.clock.now_micros();
        let mut until = self
            .parked
            .values()
            .filter(|parked| parked.kills)
            .map(|parked| parked.until)
            .max()
            .unwrap_or(0)
            .max(since);
        for (starts, at) in unreadable {
            until += micros(self.settings.operator_retry_after);
            let what = format!(
                "{at}: {} processes ended when they read it, before a record was in hand; see docs/operate.md, \"A record that kills the process\"",
                starts - 1
            );
            let error = WorldError::new(Remedy::Operator, what);
            self.parts.meter.held(&at, true, &error.what);
            tracing::error!(partition = %at, why = %error, "partition parked; nothing is lost, it is read again later");
            self.parked.insert(at, Parked { since, until, kills: true });
        }
    }

    /// Puts partitions off whose beginning could not be told. One after another they are asked again, which may take its time.
    pub(crate) fn put_off(&mut self, unanswered: Vec<(TopicPartition, WorldError)>) {
        let since = self.parts.clock.now_micros();
        for (at, error) in unanswered {
            let for_operator = error.remedy != Remedy::Retry;
            let until = since + micros(self.settings.operator_retry_after);
            self.parts.meter.held(&at, for_operator, &error.what);
            tracing::error!(partition = %at, why = %error, for_operator, "partition not started yet; the others go on");
            self.parked.insert(
                at,
                Parked {
                    since,
                    until,
                    kills: false,
                },
            );
        }
    }

    /// The next partition whose turn has come is read again.
    pub(crate) fn take_parked(&mut self) {
        let now = self.parts.clock.now_micros();
        // A clock may be put back.
        let is_due = |parked: &Parked| now >= parked.until || now < parked.since;
        let Some((at, parked)) = self
            .parked
            .iter()
            .find(|(_, parked)| is_due(parked))
            .map(|(at, parked)| (at.clone(), *parked))
        else {
            return;
        };
        self.parked.remove(&at);
        self.parts.meter.released(&at);
        self.trying = parked.kills.then(|| at.clone());
        self.waiting.push(at);
    }
}
