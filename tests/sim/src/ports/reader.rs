//! What validators' and sinks' group members have in common: reading, and being told of rebalances.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate_flow::ports::{Committed, Consumer, Polled};
use tidegate_flow::record::Position;
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};
use tidegate_sim::{BrokerConsumer, Schedule};

use crate::fault::Fault;
use crate::mutation::Mutation;
use crate::world::Process;

/// The client's side of a group member.
pub(crate) struct Reader {
    pub(crate) process: Arc<Process>,
    pub(crate) group: &'static str,
    /// Where each started partition was started, and what comes next.
    expected: BTreeMap<TopicPartition, (NextOffset, NextOffset)>,
    /// Assigned and not taken back, as the role has been told.
    told: Vec<TopicPartition>,
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(process: Arc<Process>, group: &'static str, consumer: &mut BrokerConsumer) -> Reader {
        if process.world.is_mutated(Mutation::ReadsUncommitted) {
            consumer.read_uncommitted();
        }
        process.joined(group, consumer.member());
        Reader {
            process,
            group,
            expected: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    pub(crate) fn poll(&mut self, consumer: &mut BrokerConsumer, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        let process = self.process.clone();
        let world = &process.world;
        process.enter("poll");
        if world.strikes_at(Fault::F12, 0.3) {
            world.schedule.sleep(wait);
            return Err(WorldError::new(Remedy::Retry, "no broker is reachable"));
        }
        if let Some(polled) = self.stand_still(consumer) {
            return Ok(polled);
        }
        self.fetch_again(consumer)?;
        let most = world.schedule.draw(|rng| rng.usize(1..=records_max.clamp(1, 64)));
        // An idle process may be slow; this spares the simulation thousands of empty polls.
        let idle = if wait >= Duration::from_millis(100) {
            world.schedule.draw(|rng| rng.u32(1..8))
        } else {
            1
        };
        let deadline = world.schedule.now() + micros(wait * idle);
        let polled = loop {
            match consumer.take(most) {
                Some(Polled::Records(records)) => break Polled::Records(self.unseen(records)),
                Some(polled) => break polled,
                None if world.schedule.now() >= deadline => break Polled::Records(Vec::new()),
                None => wait_until(&world.schedule, deadline),
            }
        };
        process.joined(self.group, consumer.member());
        match &polled {
            Polled::Records(records) => {
                if !records.is_empty() {
                    let first = &records[0].origin;
                    process.note(format_args!("  {} records from {} {}", records.len(), first.at, first.offset.0));
                }
            }
            Polled::Assigned(partitions) => {
                process.knows_loss_at.store(i64::MAX, Ordering::Relaxed);
                process.left.store(false, Ordering::Relaxed);
                self.told.extend(partitions.iter().cloned());
                process.note(format_args!("  assigned {}", names(partitions)));
            }
            Polled::Revoked(partitions) | Polled::Lost(partitions) => {
                self.expected.retain(|at, _| !partitions.contains(at));
                self.told.retain(|at| !partitions.contains(at));
                let lost = matches!(polled, Polled::Lost(_));
                process.note(format_args!("  gave up {}{}", names(partitions), if lost { ", lost" } else { "" }));
            }
            Polled::Stuck(..) => {}
        }
        process.leave("poll");
        Ok(polled)
    }

    /// A partition of which nothing comes any more until it is taken anew.
    fn stand_still(&mut self, consumer: &mut BrokerConsumer) -> Option<Polled> {
        let world = &self.process.world;
        if self.expected.is_empty() || !world.strikes(Fault::F21) {
            return None;
        }
        let at = world.schedule.draw(|rng| rng.usize(..self.expected.len()));
        let at = self.expected.keys().nth(at).expect("drawn below the length").clone();
        consumer.pause(std::slice::from_ref(&at)).expect("pausing in memory does not fail");
        if world.is_mutated(Mutation::KeepsStallsQuiet) {
            return None;
        }
        self.process.note(format_args!("  {at} stands still"));
        let error = WorldError::new(Remedy::Operator, format!("{at}: there are records and none can be read"));
        Some(Polled::Stuck(at, error))
    }

    /// A fetch that was under way brings what was seen before.
    fn fetch_again(&mut self, consumer: &mut BrokerConsumer) -> Result<(), WorldError> {
        let world = &self.process.world;
        if self.expected.is_empty() || world.schedule.draw(|rng| rng.u8(..50)) > 0 {
            return Ok(());
        }
        let at = world.schedule.draw(|rng| rng.usize(..self.expected.len()));
        let (at, (first, next)) = self.expected.iter().nth(at).expect("drawn below the length");
        let from = world.schedule.draw(|rng| rng.i64(first.0..=next.0));
        consumer.seek(&[(at.clone(), NextOffset(from))])
    }

    fn unseen(&mut self, records: Vec<tidegate_flow::Record>) -> Vec<tidegate_flow::Record> {
        let all = self.process.world.is_mutated(Mutation::HandsOverRepeats);
        let mut unseen = Vec::with_capacity(records.len());
        for record in records {
            let Some((_, next)) = self.expected.get_mut(&record.origin.at) else {
                continue;
            };
            if all || record.origin.offset.0 >= next.0 {
                *next = record.origin.offset.next().max(*next);
                unseen.push(record);
            }
        }
        unseen
    }

    pub(crate) fn start(&mut self, consumer: &mut BrokerConsumer, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        let process = self.process.clone();
        for (at, next) in positions {
            process.note(format_args!("  starts {at} at {}", next.0));
        }
        self.trouble("start")?;
        // What was given up in the meantime is not taken by starting it.
        let held = consumer.assignment();
        let started: Vec<_> = positions.iter().filter(|(at, _)| held.contains(at)).cloned().collect();
        self.expected.extend(started.iter().map(|(at, next)| (at.clone(), (*next, *next))));
        process.call("start", || consumer.start(&started))
    }

    pub(crate) fn seek(&mut self, consumer: &mut BrokerConsumer, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        if self.process.world.is_mutated(Mutation::KeepsReading) {
            return Ok(());
        }
        for (at, next) in positions {
            self.process.note(format_args!("  seeks {at} {}", next.0));
        }
        self.trouble("seek")?;
        self.process.enter("seek");
        for (at, next) in positions {
            if let Some(known) = self.expected.get_mut(at) {
                *known = (*next, *next);
                consumer.seek(&[(at.clone(), *next)])?;
            }
        }
        self.process.leave("seek");
        Ok(())
    }

    pub(crate) fn resume(&mut self, consumer: &mut BrokerConsumer, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.trouble("resume")?;
        self.process.call("resume", || consumer.resume(partitions))
    }

    pub(crate) fn assignment(&self, consumer: &BrokerConsumer) -> Vec<TopicPartition> {
        if self.process.world.is_mutated(Mutation::OwnsForEver) {
            return self.told.clone();
        }
        if self.process.knows_loss() && !consumer.is_member() {
            Vec::new()
        } else {
            consumer.assignment()
        }
    }

    pub(crate) fn committed(&mut self, consumer: &mut BrokerConsumer, partitions: &[TopicPartition]) -> Result<Vec<Committed>, WorldError> {
        self.trouble("committed")?;
        let process = self.process.clone();
        let world = &process.world;
        process.enter("committed");
        let deadline = world.schedule.now() + 10_000_000;
        let committed = loop {
            if world.is_mutated(Mutation::ReadsUnstablePositions) {
                break consumer.unstable(partitions);
            }
            match consumer.stable(partitions) {
                Some(committed) => break committed,
                None if world.schedule.now() >= deadline => {
                    return Err(WorldError::new(
                        Remedy::Retry,
                        "a transaction that holds these positions is still open",
                    ));
                }
                None => wait_until(&world.schedule, deadline),
            }
        };
        for one in &committed {
            process.note(format_args!(
                "  committed {} {:?} {}",
                one.at,
                one.next.map(|next| next.0),
                one.metadata
            ));
        }
        process.leave("committed");
        Ok(committed)
    }

    pub(crate) fn commit(&mut self, consumer: &mut BrokerConsumer, positions: &[Position]) -> Result<(), WorldError> {
        self.trouble("commit positions")?;
        // The request goes with the generation that the client has when it is asked, however long it then takes.
        self.heartbeat(consumer);
        self.process.enter("commit positions");
        consumer
            .commit(positions)
            .inspect_err(|error| self.process.note(format_args!("  refused: {error}")))?;
        for position in positions {
            self.process.note(format_args!("  {} at {}", position.at, position.next.0));
        }
        self.process.leave("commit positions");
        if self.process.world.strikes_at(Fault::F12, 0.3) {
            return Err(WorldError::new(Remedy::Retry, "no answer; the positions are committed"));
        }
        Ok(())
    }

    pub(crate) fn watermarks(
        &mut self,
        consumer: &mut BrokerConsumer,
        at: &TopicPartition,
    ) -> Result<(NextOffset, NextOffset), WorldError> {
        self.trouble("watermarks")?;
        self.process.call("watermarks", || consumer.watermarks(at))
    }

    /// By the time that the client knows of its loss it has joined again in the background: its generation is good, whatever it owns.
    pub(crate) fn heartbeat(&self, consumer: &mut BrokerConsumer) {
        if self.process.knows_loss() && !self.process.left.load(Ordering::Relaxed) {
            consumer.come_back();
            // Should the process die now, it is this member whose session ends.
            self.process.joined(self.group, consumer.member());
        }
    }

    pub(crate) fn close(&mut self, consumer: &mut BrokerConsumer) {
        self.process.note(format_args!("close"));
        if self.process.world.is_mutated(Mutation::LeavesSilently) {
            consumer.die_silently();
            self.process.leaves_silently();
        } else {
            consumer.close();
        }
        self.process.world.schedule.changed();
    }

    fn trouble(&self, site: &str) -> Result<(), WorldError> {
        match self.process.world.strikes_at(Fault::F12, 0.3) {
            true => Err(WorldError::new(Remedy::Retry, format!("{site}: the coordinator moves"))),
            false => Ok(()),
        }
    }
}

/// Waits for a change, until `deadline` at most.
fn wait_until(schedule: &Schedule, deadline: i64) {
    let left = u64::try_from(deadline - schedule.now()).unwrap_or(0);
    schedule.wait_for_change(Duration::from_micros(left.max(1)));
}

pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(crate) fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
