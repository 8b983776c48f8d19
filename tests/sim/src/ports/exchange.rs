//! A validator's pair of group member and producer, on a network that loses answers and delays requests.
//!
//! What a call can come to is what librdkafka shows of it (`reliability.md` 1.1): its retries inside of a call, its epochs, its flags.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_flow::ports::{Committed, Consumer, Delivery, Exchange, FaultClass, Polled, Refusal, TransactionFault};
use tidegate_flow::record::{Outgoing, Position};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError, stamp};
use tidegate_sim::BrokerExchange;

use crate::fault::Fault;
use crate::mutation::Mutation;
use crate::ports::reader::Reader;
use crate::world::{Late, Process, Request, VALIDATORS};

/// What a validator is given for a Kafka client.
pub(crate) struct ProcessExchange {
    reader: Reader,
    inner: BrokerExchange,
    /// Requests of the open transaction had no answer: the client takes a new epoch with the abort (KIP-360).
    unanswered: bool,
}

// === impl ProcessExchange ===

impl ProcessExchange {
    pub(crate) fn join(process: &Arc<Process>, topics: &[Arc<str>], transactional_id: Option<&str>) -> ProcessExchange {
        process.enter("join");
        transactional_id.iter().for_each(|id| process.world.await_markers(id));
        let mut inner = BrokerExchange::join(&process.world.broker, VALIDATORS, topics, transactional_id);
        let reader = Reader::new(process.clone(), VALIDATORS, inner.consumer());
        process.leave("join");
        ProcessExchange {
            reader,
            inner,
            unanswered: false,
        }
    }

    fn process(&self) -> &Arc<Process> {
        &self.reader.process
    }

    /// A call of the producer: what is on its way may arrive first.
    fn enter(&self, site: &str) {
        if let Some((id, _)) = self.inner.producer() {
            self.process().world.deliver_late(&id, 0.3);
            self.process().world.await_markers(&id);
        }
        self.process().enter(site);
    }

    /// Commit or abort. `Ok(false)`: slowly, and its request may still be repeated.
    fn finish(&mut self, commit: bool) -> Result<bool, TransactionFault> {
        let site = if commit { "commit" } else { "abort" };
        self.enter(site);
        let process = self.process().clone();
        let world = &process.world;
        if commit && world.strikes_at(Fault::F12, 0.3) {
            return Err(self.fault(FaultClass::Abortable, "the coordinator refused"));
        }
        if world.strikes(Fault::F3) {
            return self.unanswered(commit);
        }
        if !commit && self.unanswered {
            // The abort of a client with unanswered requests ends with a new epoch, which shuts them out.
            self.unanswered = false;
            let ended = self.inner.abort_transaction();
            self.inner.renew().map_err(|error| self.fault(FaultClass::Fatal, &error.what))?;
            process.leave(site);
            return ended;
        }
        let producer = self.inner.producer();
        let answer = if commit {
            self.inner.commit_transaction()
        } else {
            self.inner.abort_transaction()
        };
        let answer = answer.or_else(|fault| match !commit && world.is_mutated(Mutation::CommitFaultsAreAborts) {
            true => Ok(true),
            false => Err(fault),
        });
        process.note(format_args!("  {site}: {answer:?}"));
        process.leave(site);
        answer?;
        if world.strikes(Fault::F2) {
            return self.unanswered(commit);
        }
        if world.strikes(Fault::F4) {
            if let Some((id, epoch)) = producer {
                let what = Request::End { commit };
                world.send_late(Late { id, epoch, what });
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// No answer: the client gives up for now, for good, or without a word.
    fn unanswered(&mut self, commit: bool) -> Result<bool, TransactionFault> {
        let process = self.process().clone();
        process.world.schedule.sleep(process.world.millis(500..5_000));
        if let Some((id, epoch)) = self.inner.producer().filter(|_| process.world.schedule.draw(|rng| rng.bool())) {
            let what = Request::End { commit };
            process.world.send_late(Late { id, epoch, what });
        }
        let class = process.world.schedule.draw(|rng| {
            [
                FaultClass::Retriable,
                FaultClass::Retriable,
                FaultClass::Unclassified,
                FaultClass::Fatal,
            ][rng.usize(..4)]
        });
        if class == FaultClass::Retriable && process.world.is_mutated(Mutation::KeepsProducer) {
            return self.finish(commit);
        }
        let class = match class {
            FaultClass::Unclassified | FaultClass::Fatal if commit && process.world.is_mutated(Mutation::CommitFaultsAreAborts) => {
                FaultClass::Abortable
            }
            class => class,
        };
        Err(self.fault(class, "no answer"))
    }

    fn fault(&self, class: FaultClass, what: &str) -> TransactionFault {
        self.process().note(format_args!("  {class:?}: {what}"));
        TransactionFault {
            class,
            what: what.to_owned(),
            operator: false,
        }
    }

    /// Which of a batch the brokers refuse for good.
    fn refusal(&self, outgoing: &Outgoing) -> Option<(Refusal, &'static str)> {
        let world = &self.process().world;
        let is_dead = outgoing.to.topic.ends_with(".dlq");
        if is_dead && world.schedule.now() < world.forbidden_until.load(Ordering::Relaxed) {
            return Some((Refusal::Forbidden, "topic authorization failed"));
        }
        let origin = stamp::read(&outgoing.headers)?.origin;
        (!is_dead && is_large(&world.faults, origin.offset.0)).then_some((Refusal::TooLarge, "message too large"))
    }

    /// Sends a batch of which the brokers take, or acknowledge, only a part.
    fn send_part(&mut self, batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        let process = self.process().clone();
        let world = &process.world;
        if world.strikes(Fault::F16) {
            world.forbidden_until.store(world.schedule.now() + 30_000_000, Ordering::Relaxed);
        }
        let transactional = self.inner.producer().is_some();
        let mut refused: Vec<(usize, Refusal, String)> = Vec::new();
        let few = world.strikes(Fault::F14);
        for (index, outgoing) in batch.iter().enumerate() {
            let lasting = self.refusal(outgoing).map(|(refusal, why)| (index, refusal, why.to_owned()));
            let passing =
                || (few && world.schedule.draw(|rng| rng.bool())).then(|| (index, Refusal::Other, "not enough replicas".to_owned()));
            refused.extend(lasting.or_else(passing));
        }
        // Without transactions a failure stops whatever follows it (`enable.gapless.guarantee`).
        if let (false, Some(first)) = (transactional, refused.first().map(|(index, ..)| *index)) {
            let others = (first + 1..batch.len()).filter(|index| refused.iter().all(|(other, ..)| other != index));
            let stopped: Vec<_> = others
                .map(|index| (index, Refusal::Other, "gapless guarantee".to_owned()))
                .collect();
            refused.extend(stopped);
        }
        let mut taken = Vec::with_capacity(batch.len());
        let mut late = Vec::new();
        let cut = world
            .strikes(Fault::F5)
            .then(|| world.schedule.draw(|rng| rng.usize(..=batch.len())));
        let dies = world
            .strikes_at(Fault::F1, 3.0)
            .then(|| world.schedule.draw(|rng| rng.usize(..=batch.len())));
        for (index, outgoing) in batch.into_iter().enumerate() {
            if refused.iter().any(|(other, ..)| *other == index) || dies.is_some_and(|dies| index >= dies) {
                continue;
            }
            if cut.is_some_and(|cut| index >= cut) {
                late.push(outgoing);
            } else {
                taken.push(outgoing);
            }
        }
        let sent = self.inner.send(taken);
        if let Some((id, _)) = self.inner.producer() {
            world.time_transaction(&id);
        }
        if dies.is_some() {
            process.die();
        }
        let mut delivery = sent?;
        delivery.refused.extend(refused);
        delivery.refused.sort_by_key(|(index, ..)| *index);
        if !late.is_empty() {
            self.unanswered = true;
            world.schedule.sleep(Duration::from_secs(15));
            match self.inner.producer() {
                Some((id, epoch)) => {
                    let what = Request::Produce(late);
                    world.send_late(Late { id, epoch, what });
                }
                None => {
                    // Not fenced by anything: it just arrives, a prefix of it or all.
                    let count = world.schedule.draw(|rng| rng.usize(..=late.len()));
                    late.truncate(count);
                    let (broker, schedule) = (world.broker.clone(), world.schedule.clone());
                    world.schedule.after(world.millis(0..5_000), move || {
                        let _ = broker.writer().write(&late);
                        schedule.note(format_args!("    {} late records arrive", late.len()));
                        schedule.changed();
                    });
                }
            }
        }
        Ok(delivery)
    }
}

/// Whether a record is too large with a valid record's headers: a matter of the record, not of luck.
pub(crate) fn is_large(faults: &crate::fault::Faults, offset: i64) -> bool {
    let every = (1.0 / faults.likely(Fault::F15).max(0.001)) as i64;
    faults.is_on(Fault::F15) && offset % every == every / 2
}

impl Exchange for ProcessExchange {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.enter("begin");
        self.inner.begin()
    }

    fn send(&mut self, mut batch: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        self.enter("send");
        let process = self.process().clone();
        let count = batch.len();
        if process.world.strikes_at(Fault::F12, 0.3) {
            return Err(self.fault(FaultClass::Fatal, "the producer is lost"));
        }
        if process.world.is_mutated(Mutation::ScattersPartitions) {
            for outgoing in &mut batch {
                let sum: i32 = outgoing.key.iter().flat_map(|key| key.iter()).map(|byte| i32::from(*byte)).sum();
                outgoing.to.partition = sum % process.world.plan.partitions;
            }
        }
        let delivery = self.send_part(batch)?;
        process.note(format_args!("  {} of {count} delivered", delivery.delivered));
        process.leave("send");
        if process.world.is_mutated(Mutation::BelievesDeliveries) {
            return Ok(Delivery {
                delivered: count,
                refused: Vec::new(),
            });
        }
        Ok(delivery)
    }

    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.enter("send offsets");
        let process = self.process().clone();
        if process.world.strikes(Fault::F12) {
            let class = process
                .world
                .schedule
                .draw(|rng| [FaultClass::Retriable, FaultClass::Abortable, FaultClass::Fatal][rng.usize(..3)]);
            if process.world.schedule.draw(|rng| rng.bool()) {
                let _ = self.inner.send_offsets(positions);
                if let Some((id, _)) = self.inner.producer() {
                    process.world.time_transaction(&id);
                }
            }
            return Err(self.fault(class, "the coordinator moves"));
        }
        self.reader.heartbeat(self.inner.consumer());
        let answer = self.inner.send_offsets(positions);
        for position in positions {
            process.note(format_args!("  {} at {}", position.at, position.next.0));
        }
        if let Some((id, _)) = self.inner.producer() {
            process.world.time_transaction(&id);
        }
        process.leave("send offsets");
        answer
    }

    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        let quick = self.finish(true)?;
        Ok(quick || self.process().world.is_mutated(Mutation::KeepsProducer))
    }

    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        let quick = self.finish(false)?;
        Ok(quick || self.process().world.is_mutated(Mutation::KeepsProducer))
    }

    fn renew(&mut self) -> Result<(), WorldError> {
        self.enter("renew");
        if self.process().world.strikes(Fault::F12) {
            return Err(WorldError::new(Remedy::Retry, "the coordinator moves"));
        }
        self.unanswered = false;
        let process = self.process().clone();
        let answer = self.inner.renew();
        process.leave("renew");
        answer
    }
}

impl Consumer for ProcessExchange {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        self.reader.poll(self.inner.consumer(), records_max, wait)
    }

    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.reader.start(self.inner.consumer(), positions)
    }

    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.reader.seek(self.inner.consumer(), positions)
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.reader.resume(self.inner.consumer(), partitions)
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.reader.assignment(self.inner.member())
    }

    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.reader.committed(self.inner.consumer(), partitions)
    }

    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.reader.commit(self.inner.consumer(), positions)
    }

    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        self.reader.watermarks(self.inner.consumer(), partition)
    }

    fn close(&mut self) {
        self.reader.close(self.inner.consumer());
    }
}

/// A process that dies tells nobody.
impl Drop for ProcessExchange {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.inner.consumer().die_silently();
        }
    }
}
