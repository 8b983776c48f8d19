//! The partitions that a worker owns: where each begins, which snapshot judges it, when it waits, how it is read again.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_flow::ports::Committed;
use tidegate_flow::{NextOffset, Position, Remedy, TopicPartition, WorldError};

use crate::ledger::Note;
use crate::outcome::Decided;
use crate::parts::JudgingSnapshot;
use crate::quarantine::Watch;
use crate::run::Worker;
use crate::settings::{Mode, StartAt};

/// So many partitions are asked for their ends in vain, one after another, before the others are put off unasked: each takes its time.
const UNANSWERED_MAX: usize = 3;
/// How often the brokers are asked whether topics are still the same.
const ASK_IDS_MICROS: i64 = 1_000_000;

/// One partition that we own.
#[derive(Debug)]
pub(crate) struct Owned {
    /// Everything before it has a committed outcome.
    pub(crate) committed: NextOffset,
    /// The snapshot that the group's note names: what leaves from `committed` on was judged by it, should we die now.
    pub(crate) noted: Arc<str>,
    /// In at_least_once, records before an offset may already have left: they are judged the same way again.
    pub(crate) pinned: Option<Pinned>,
    /// Waiting for a bad world to heal: not fetched until then (microseconds since the epoch).
    pub(crate) held_until: Option<i64>,
    /// Starts before this one that came to nothing.
    pub(crate) watch: Watch,
    /// What the group's note says of this start while the partition waits.
    pub(crate) start: Start,
}

/// Whether the group's note counts the start of a partition: who waits has nothing in hand to die of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// As any start.
    Counted,
    /// It waits since just now; the note is to be taken back, which is tried once for each wait.
    Waiting,
    /// The note does not count it for as long as it waits.
    Uncounted,
}

/// How records that may already have left were judged.
#[derive(Debug, Clone)]
pub(crate) struct Pinned {
    /// Records before this offset.
    pub(crate) before: NextOffset,
    /// By this snapshot.
    pub(crate) snapshot: Arc<JudgingSnapshot>,
    /// At this time (microseconds since the epoch), where it is known: after a restart it is not.
    pub(crate) now: Option<i64>,
}

// === impl Worker ===

impl Worker<'_> {
    /// Looks up where each waiting partition begins. In an outage they go on waiting: nothing is read from a partition before that.
    pub(crate) fn start_waiting(&mut self) -> Result<(), WorldError> {
        let waiting = std::mem::take(&mut self.waiting);
        let started = self.begin_at(&waiting).and_then(|positions| {
            // A pause that was asked for when a partition was already another's may outlive that.
            let begun: Vec<TopicPartition> = positions.iter().map(|(at, _)| at.clone()).collect();
            self.parts.exchange.resume(&begun)?;
            self.parts.exchange.start(&positions)
        });
        match started {
            Ok(()) => {
                self.parts.meter.assigned(waiting.len());
                tracing::info!(partitions = %names(&waiting), "partitions assigned");
                self.tell_watched(&waiting);
            }
            Err(error) if error.remedy == Remedy::Retry => {
                self.wait_out(&error);
                // Those that were put off meanwhile are asked for by and by: nobody begins a partition twice.
                self.waiting = waiting.into_iter().filter(|at| !self.parked.contains_key(at)).collect();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn begin_at(&mut self, partitions: &[TopicPartition]) -> Result<Vec<(TopicPartition, NextOffset)>, WorldError> {
        let mut starts = Vec::with_capacity(partitions.len());
        let (mut begun, mut unreadable, mut unanswered) = (Vec::new(), Vec::new(), Vec::new());
        let all = self.parts.exchange.committed(partitions)?;
        let explained = self.deaths_alone(&all);
        for committed in all {
            if let Some(error) = self.other_incarnation(&committed) {
                self.parts.meter.held(&committed.at, true, &error.what);
                tracing::error!(partition = %committed.at, why = %error, "partition not started");
                continue;
            }
            let asked = match unanswered.len() < UNANSWERED_MAX {
                true => self.parts.exchange.watermarks(&committed.at),
                false => Err(WorldError::new(Remedy::Retry, "not asked for its end: those of others do not come")),
            };
            let (low, end) = match asked {
                Ok(ends) => ends,
                Err(error) => {
                    unanswered.push((committed.at, error));
                    continue;
                }
            };
            let next = committed.next.unwrap_or(match self.settings.start_at {
                // Whatever is in a retry topic was put there to be judged.
                StartAt::Latest if !self.settings.is_retry(&committed.at.topic) => end,
                StartAt::Earliest | StartAt::Latest => low,
            });
            let (noted, pinned) = self.judged_until_now(&committed, next, end);
            let watch = self.watch(&committed, next, end);
            if watch.is_unreadable(explained) && self.trying.as_ref() != Some(&committed.at) {
                unreadable.push((watch.attempt(), committed.at));
                continue;
            }
            if committed.next.is_none() || watch.is_counting() {
                begun.push(Position {
                    at: committed.at.clone(),
                    next,
                    metadata: self.note_with(&committed.at, &noted, watch.note()),
                });
            }
            self.partitions.insert(
                committed.at.clone(),
                Owned {
                    committed: next,
                    noted,
                    pinned,
                    held_until: None,
                    watch,
                    start: Start::Counted,
                },
            );
            starts.push((committed.at, next));
        }
        // Whoever owns the partition next begins at the same record, also if nothing is committed until then, and knows of this start.
        self.commit_notes(&begun)?;
        self.park(unreadable);
        self.put_off(unanswered);
        self.trying = None;
        Ok(starts)
    }

    /// Deaths that records alone in hand explain, in these partitions and in those that are ours already.
    fn deaths_alone(&self, committed: &[Committed]) -> u32 {
        let noted = committed
            .iter()
            .filter_map(|one| Note::read(&one.metadata)?.c)
            .map(|crashes| crashes.a);
        let ours = self.partitions.values().map(|owned| owned.watch.deaths_alone());
        noted.chain(ours).sum()
    }

    /// What the note tells of former owners.
    fn watch(&self, committed: &Committed, next: NextOffset, end: NextOffset) -> Watch {
        let noted = Note::read(&committed.metadata).and_then(|note| note.c);
        let own = self.counted.get(&committed.at).and_then(Option::as_ref);
        let limits = (self.settings.batch_records_max, self.settings.crash_restarts_max);
        Watch::begin(noted.as_ref(), own, (next, end), limits, tidegate_check::ENGINE_VERSION)
    }

    /// Why the committed position is not about the topic that is there now; its offsets began anew.
    fn other_incarnation(&self, committed: &Committed) -> Option<WorldError> {
        let recorded = Note::read(&committed.metadata)?.t?;
        let present = self.settings.topic_ids.get(&committed.at.topic)?;
        (recorded != **present).then(|| created_again(&committed.at, committed.next.map_or(0, |next| next.0)))
    }

    /// Holds partitions whose topic is another one by now: what was read of it is not what follows the committed position. The brokers are
    /// asked after the batch was read and before anything of it leaves, at most once a second.
    pub(crate) fn hold_recreated(&mut self, decided: &mut Vec<Decided>) -> Result<(), WorldError> {
        let now = self.parts.clock.now_micros();
        // A question without an answer takes its time, so there is one at most.
        let mut unanswered: BTreeSet<Arc<str>> = BTreeSet::new();
        if self.ids_asked_at.is_none_or(|asked| (now - asked).abs() >= ASK_IDS_MICROS) {
            let topics: BTreeSet<Arc<str>> = decided.iter().map(|one| one.record.origin.at.topic.clone()).collect();
            for topic in topics {
                let Some(begun) = self.settings.topic_ids.get(&topic) else {
                    continue;
                };
                let present = unanswered.is_empty().then(|| self.parts.exchange.topic_id(&topic)).flatten();
                match present {
                    Some(present) if present != *begun => drop(self.recreated.insert(topic)),
                    Some(_) => drop(self.recreated.remove(&topic)),
                    None => drop(unanswered.insert(topic)),
                }
            }
            self.ids_asked_at = unanswered.is_empty().then_some(now);
        }
        let is_held = |at: &TopicPartition| self.recreated.contains(&at.topic) || unanswered.contains(&at.topic);
        let held: BTreeSet<TopicPartition> = decided.iter().map(|one| one.record.origin.at.clone()).filter(is_held).collect();
        decided.retain(|one| !held.contains(&one.record.origin.at));
        for at in held {
            let error = match self.recreated.contains(&at.topic) {
                true => created_again(&at, self.partitions.get(&at).map_or(0, |owned| owned.committed.0)),
                false => WorldError::new(
                    Remedy::Retry,
                    format!("{at}: the brokers do not say whether the topic is still the same"),
                ),
            };
            self.hold(&at, &error)?;
        }
        Ok(())
    }

    /// The recorded snapshot, and the range that must still be judged by it. In at_least_once the records between the committed
    /// position and the end may have left before a crash. No offset may get two classes.
    fn judged_until_now(&mut self, committed: &Committed, next: NextOffset, end: NextOffset) -> (Arc<str>, Option<Pinned>) {
        let current = self.snapshot.commit().clone();
        let Some(note) = Note::read(&committed.metadata) else {
            return (current, None);
        };
        if self.settings.mode == Mode::ExactlyOnce || next >= end {
            return (note.s.into(), None);
        }
        // Also when it is the one in force: a newer one may come before the open records are through.
        let recorded = match note.s == *current {
            true => Some(self.snapshot.clone()),
            false => self.parts.contracts.at(&note.s),
        };
        match recorded {
            Some(snapshot) => (
                note.s.into(),
                Some(Pinned {
                    before: end,
                    snapshot,
                    now: None,
                }),
            ),
            None => {
                tracing::warn!(
                    commit = note.s,
                    "the contracts that judged the open records are no longer readable (a plain directory keeps no history); \
                     they are judged by the current ones, so a record sent before the restart may get a second class"
                );
                (note.s.into(), None)
            }
        }
    }

    pub(crate) fn gone(&mut self, partitions: &[TopicPartition], lost: bool) {
        self.parts.meter.given_up(partitions.len(), lost);
        self.forget_batch_of(partitions);
        self.waiting.retain(|at| !partitions.contains(at));
        self.parked.retain(|at, _| !partitions.contains(at));
        for at in partitions {
            if self.partitions.remove(at).is_some_and(|owned| owned.watch.is_quarantined()) {
                self.parts.meter.quarantined(at, false);
            }
            self.parts.meter.released(at);
        }
        tracing::info!(partitions = %names(partitions), lost, "partitions given up");
    }

    /// Some of a failed batch may have left all the same; whatever is in force when it is judged again, it gets the class it got.
    pub(crate) fn pin(&mut self, positions: &[Position]) {
        if self.settings.mode == Mode::ExactlyOnce {
            return;
        }
        for position in positions {
            let Some(owned) = self.partitions.get_mut(&position.at) else {
                continue;
            };
            let snapshot = self.snapshot.clone();
            owned.pinned.get_or_insert(Pinned {
                before: position.next,
                snapshot,
                now: Some(self.judged_at),
            });
        }
    }

    /// Reads partitions again from their committed positions, which are our own: asking the group could race. One that cannot be
    /// rewound now hands over nothing until it could.
    pub(crate) fn rewind(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.parts.meter.aborted();
        let partitions: Vec<TopicPartition> = positions.iter().map(|position| position.at.clone()).collect();
        self.forget_batch_of(&partitions);
        for at in &partitions {
            let Some(owned) = self.partitions.get(at) else { continue };
            let (committed, is_held) = (owned.committed, owned.held_until.is_some());
            if is_held {
                continue;
            }
            if let Err(error) = self.parts.exchange.seek(&[(at.clone(), committed)]) {
                self.hold(at, &error)?;
            }
        }
        Ok(())
    }

    /// Stops reading a partition until its trouble may be over, then reads from its committed position. The others go on.
    pub(crate) fn hold(&mut self, at: &TopicPartition, error: &WorldError) -> Result<(), WorldError> {
        self.forget_batch_of(std::slice::from_ref(at));
        let now = self.parts.clock.now_micros();
        let Some(owned) = self.partitions.get_mut(at) else { return Ok(()) };
        let for_operator = matches!(error.remedy, Remedy::Operator | Remedy::Bug);
        let patience = if for_operator {
            self.settings.operator_retry_after
        } else {
            self.settings.retry_after
        };
        owned.held_until = Some(now + micros(patience));
        if owned.start == Start::Counted {
            owned.start = Start::Waiting;
        }
        let next = owned.committed.0;
        if let Err(failed) = self.parts.exchange.pause(std::slice::from_ref(at)) {
            // Not paused it goes on fetching; `take` drops what comes.
            tracing::debug!(partition = %at, error = %failed, "pausing failed");
        }
        self.parts.meter.held(at, for_operator, &error.what);
        tracing::error!(partition = %at, next, why = %error, for_operator, "partition paused; nothing is lost");
        Ok(())
    }

    /// Lets held partitions try again from their committed position.
    pub(crate) fn release_healed(&mut self) -> Result<(), WorldError> {
        let now = self.parts.clock.now_micros();
        let longest = micros(self.settings.retry_after.max(self.settings.operator_retry_after));
        // Further away than anything was ever put off: the clock went backwards, and nobody waits for it to catch up.
        let is_due = |until: i64| until <= now || until.saturating_sub(now) > longest;
        let due: Vec<(TopicPartition, NextOffset)> = self
            .partitions
            .iter()
            .filter(|(_, owned)| owned.held_until.is_some_and(is_due))
            .map(|(at, owned)| (at.clone(), owned.committed))
            .collect();
        let partitions: Vec<TopicPartition> = due.iter().map(|(at, _)| at.clone()).collect();
        if let Err(error) = self.count_again(&partitions) {
            for at in &partitions {
                self.hold(at, &error)?;
            }
            return Ok(());
        }
        for (at, committed) in due {
            let one = std::slice::from_ref(&at);
            match self
                .parts
                .exchange
                .seek(&[(at.clone(), committed)])
                .and_then(|()| self.parts.exchange.resume(one))
            {
                Ok(()) => {
                    if let Some(owned) = self.partitions.get_mut(&at) {
                        owned.held_until = None;
                    }
                    self.parts.meter.released(&at);
                }
                Err(error) => self.hold(&at, &error)?,
            }
        }
        Ok(())
    }
}

fn created_again(at: &TopicPartition, committed: i64) -> WorldError {
    let what = format!(
        "{at}: the topic was deleted and created again since position {committed} was committed; set the group's offset on purpose, \
         with the validators stopped"
    );
    WorldError::new(Remedy::Operator, what)
}

pub(crate) fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2)
}

pub(crate) fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
