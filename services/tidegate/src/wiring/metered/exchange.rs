//! A member of a group with its producer: transactions, refusals, positions and waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, FaultClass, Polled, Refusal, TransactionFault};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, TopicPartition, WorldError};
use tidegate_telemetry::Metrics;
use tidegate_telemetry::metrics::{Port, TransactionOutcome};

use crate::wiring::busy::Busy;
use crate::wiring::clock::now_micros;

/// Committed positions of the partitions that are owned right now. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Positions(Arc<Mutex<BTreeMap<TopicPartition, NextOffset>>>);

/// A consumer, or consumer and producer. Decides nothing: every answer is that of the one inside.
pub(crate) struct Metered<C: ?Sized> {
    inner: Box<C>,
    metrics: Metrics,
    busy: Busy,
    positions: Positions,
    /// Failed calls of the consumer are counted here. The validator counts its own.
    counts_errors: bool,
    begun: Option<Instant>,
    /// Positions of the open transaction.
    added: Vec<(TopicPartition, NextOffset)>,
}

// === impl Positions ===

impl Positions {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, NextOffset>> {
        // Nothing inside can be half done when a thread panics with the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, as they are now.
    pub(crate) fn all(&self) -> BTreeMap<TopicPartition, NextOffset> {
        self.locked().clone()
    }

    /// Whether the partition is owned.
    pub(crate) fn has(&self, at: &TopicPartition) -> bool {
        self.locked().contains_key(at)
    }
}

// === impl Metered ===

impl<C: Consumer + ?Sized> Metered<C> {
    pub(crate) fn new(inner: Box<C>, metrics: &Metrics, busy: &Busy) -> Metered<C> {
        Metered {
            inner,
            metrics: metrics.clone(),
            busy: busy.clone(),
            positions: Positions::default(),
            counts_errors: false,
            begun: None,
            added: Vec::new(),
        }
    }

    /// Counts failed calls, and partitions that change hands, for a role that does not do so itself.
    pub(crate) fn counting(mut self) -> Metered<C> {
        self.counts_errors = true;
        self
    }

    /// Where the group stands, for whoever measures how far that is from the end.
    pub(crate) fn positions(&self) -> Positions {
        self.positions.clone()
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut C) -> Result<T, WorldError>) -> Result<T, WorldError> {
        let answer = self.busy.waiting(|| call(&mut self.inner));
        if let (true, Err(error)) = (self.counts_errors, &answer) {
            self.metrics.world_error(Port::Kafka, error);
        }
        answer
    }

    /// Whoever takes a partition over has as long as any owner before it counts as stuck.
    fn taken(&mut self, positions: &[(TopicPartition, NextOffset)]) {
        for (at, next) in positions {
            self.metrics.partition_committed(at, now_micros());
            self.positions.locked().insert(at.clone(), *next);
        }
    }

    fn moved(&mut self, positions: impl IntoIterator<Item = (TopicPartition, NextOffset)>) {
        for (at, next) in positions {
            // A note beside an offset is committed again without the offset moving.
            let before = match self.positions.locked().get_mut(&at) {
                Some(position) => std::mem::replace(position, next),
                // Gone meanwhile.
                None => continue,
            };
            if before != next {
                self.metrics.partition_committed(&at, now_micros());
            }
        }
    }

    fn gone(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.positions.locked().remove(at);
            self.metrics.partition_gone(at);
        }
    }

    fn ended(&mut self, outcome: TransactionOutcome) {
        // An abort may be asked for again when it has ended already.
        if let Some(begun) = self.begun.take() {
            self.metrics.transaction(outcome, begun.elapsed());
        }
    }

    fn faulted<T>(&mut self, answer: Result<T, TransactionFault>) -> Result<T, TransactionFault> {
        if answer.as_ref().is_err_and(|fault| fault.class == FaultClass::Fatal) {
            self.ended(TransactionOutcome::Fenced);
        }
        answer
    }
}

impl<C: Consumer + ?Sized> Consumer for Metered<C> {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        let polled = self.call(|inner| inner.poll(records_max, wait));
        match &polled {
            Ok(Polled::Revoked(partitions)) => {
                if self.counts_errors {
                    self.metrics.revoked(partitions.len());
                }
                self.gone(partitions);
            }
            Ok(Polled::Lost(partitions)) => {
                if self.counts_errors {
                    self.metrics.lost(partitions.len());
                }
                self.gone(partitions);
            }
            Ok(Polled::Assigned(partitions)) if self.counts_errors => self.metrics.assigned(partitions.len()),
            Ok(Polled::Stuck(_, error)) => self.metrics.world_error(Port::Kafka, error),
            _ => {}
        }
        polled
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.call(|inner| inner.start(positions))?;
        self.taken(positions);
        Ok(())
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.call(|inner| inner.seek(positions))
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.call(|inner| inner.pause(partitions))
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.call(|inner| inner.resume(partitions))
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.inner.assignment()
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        let answer = self.call(|inner| inner.committed(partitions))?;
        let known = answer.iter().filter(|committed| self.positions.has(&committed.at));
        let known: Vec<_> = known
            .filter_map(|committed| Some((committed.at.clone(), committed.next?)))
            .collect();
        self.moved(known);
        Ok(answer)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.call(|inner| inner.commit(positions))?;
        self.moved(positions.iter().map(|position| (position.at.clone(), position.next)));
        Ok(())
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        self.call(|inner| inner.watermarks(partition))
    }

    fn topic_id(&mut self, topic: &str) -> Option<Arc<str>> {
        self.busy.waiting(|| self.inner.topic_id(topic))
    }

    fn close(&mut self) {
        self.busy.waiting(|| self.inner.close());
        let owned: Vec<TopicPartition> = self.positions.all().into_keys().collect();
        self.gone(&owned);
    }
}

impl<C: Exchange + ?Sized> Exchange for Metered<C> {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.added.clear();
        self.begun = Some(Instant::now());
        let answer = self.busy.waiting(|| self.inner.begin());
        self.faulted(answer)
    }

    fn send(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        let topics = runs(&batch);
        let answer = self.busy.waiting(|| self.inner.send(batch));
        if let Ok(delivery) = &answer {
            for (index, refusal, _) in &delivery.refused {
                let run = topics.partition_point(|(begins, _)| begins <= index);
                if let Some((_, topic)) = run.checked_sub(1).and_then(|run| topics.get(run)) {
                    self.metrics.sends_refused(topic, refusal_name(*refusal), 1);
                }
            }
        }
        self.faulted(answer)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        let answer = self.busy.waiting(|| self.inner.send_offsets(positions));
        if answer.is_ok() {
            self.added = positions.iter().map(|position| (position.at.clone(), position.next)).collect();
        }
        self.faulted(answer)
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        let answer = self.busy.waiting(|| self.inner.commit_transaction());
        if let Ok(is_quick) = answer {
            let added = std::mem::take(&mut self.added);
            self.moved(added);
            self.ended(match is_quick {
                true => TransactionOutcome::Committed,
                false => TransactionOutcome::CommittedLate,
            });
        }
        self.faulted(answer)
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        let answer = self.busy.waiting(|| self.inner.abort_transaction());
        if answer.is_ok() {
            self.ended(TransactionOutcome::Aborted);
        }
        self.faulted(answer)
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        // What was open is lost with its producer; after a late commit nothing is.
        self.ended(TransactionOutcome::Fenced);
        self.call(|inner| inner.renew())
    }
}

/// Where the topic changes, and to which: a batch has tens of thousands of records and few topics.
fn runs(batch: &[Outgoing]) -> Vec<(usize, Arc<str>)> {
    let mut runs: Vec<(usize, Arc<str>)> = Vec::new();
    for (index, record) in batch.iter().enumerate() {
        if runs.last().is_none_or(|(_, topic)| *topic != record.to.topic) {
            runs.push((index, record.to.topic.clone()));
        }
    }
    runs
}

const fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TooLarge => "too_large",
        Refusal::TooLargeTogether => "too_large_together",
        Refusal::Forbidden => "forbidden",
        Refusal::Other => "other",
    }
}
