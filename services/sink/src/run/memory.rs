//! All slots together stay within the budget: the largest close early, and where the store does not take them, nothing more is read.

use tidegate_flow::TopicPartition;

use super::Worker;
use crate::lane::{Hold, Lane, Work};
use crate::slot::{Close, Pressure, over_budget};

impl Worker<'_, '_> {
    /// Closes the largest slots while all are too large together. Slots that wait for the store count, too, and do not go away by being
    /// closed: then partitions are paused until the store takes them.
    pub(super) fn keep_within_budget(&mut self) {
        let is_pressed = self.lanes.values().any(|lane| lane.hold == Hold::Memory);
        let pressure = Pressure::of(&self.settings.limits, is_pressed);
        while let Some(at) = self
            .largest(pressure.until)
            .filter(|_| !self.stop.load(std::sync::atomic::Ordering::SeqCst))
        {
            let Some(mut lane) = self.lanes.remove(&at) else { break };
            let step = self.close(&mut lane, Close::Budget);
            self.settle_step(&mut lane, step);
            let is_stuck = matches!(lane.work, Work::Closing { .. });
            self.lanes.insert(at, lane);
            if is_stuck {
                // Another one would wait for the same store.
                break;
            }
        }
        let held = self.lanes.values().map(Lane::bytes).sum();
        if pressure.begins(held) {
            self.hold_all(held);
        } else if is_pressed && pressure.ends(held) {
            self.release_all(held);
        }
        self.keep_one_following();
    }

    fn largest(&self, until: usize) -> Option<TopicPartition> {
        let total = self.lanes.values().map(Lane::bytes).sum();
        let open = self.lanes.values().filter(|lane| match &lane.work {
            Work::Gathering(gather) => !gather.is_empty() && lane.hold != Hold::Halted,
            _ => false,
        });
        over_budget(total, until, open.map(|lane| (lane.at.clone(), lane.bytes())))
    }

    /// Whoever reads on would need more memory; only one of those that read a claim's range again goes on, since it must be complete before
    /// it can leave.
    fn hold_all(&mut self, held: usize) {
        let following = self
            .lanes
            .values()
            .filter(|lane| matches!(lane.work, Work::Following(..)) && lane.hold == Hold::None);
        let spared = following.max_by_key(|lane| lane.bytes()).map(|lane| lane.at.clone());
        let readers = self
            .lanes
            .values()
            .filter(|lane| lane.hold == Hold::None && lane.started && Some(&lane.at) != spared.as_ref());
        let paused: Vec<TopicPartition> = readers.map(|lane| lane.at.clone()).collect();
        if paused.is_empty() {
            return;
        }
        tracing::warn!(
            held_bytes = held,
            budget_bytes = self.settings.limits.bytes_total_max,
            partitions = paused.len(),
            "slots in memory are over the budget and the store does not take them: partitions are paused, nothing is lost"
        );
        for at in paused {
            let Some(mut lane) = self.lanes.remove(&at) else { continue };
            lane.hold = Hold::Memory;
            self.pause(&mut lane);
            self.lanes.insert(at, lane);
        }
    }

    /// A claim that is followed leaves memory only when its range is complete. So while partitions are paused one of those that follow a
    /// claim reads on, the one that has most of it first: else claims that are too large together would wait for each other for ever.
    fn keep_one_following(&mut self) {
        if !self.lanes.values().any(|lane| lane.hold == Hold::Memory) {
            return;
        }
        // What waits for something else gives back what it has gathered, and reads it again.
        self.lanes.values_mut().for_each(Lane::give_back);
        // A slot that the store does not take holds its memory; another one would join it there.
        let is_busy = |lane: &Lane| match &lane.work {
            Work::Closing { .. } => true,
            Work::Following(..) => lane.hold == Hold::None,
            Work::Gathering(_) | Work::Idle => false,
        };
        if self.lanes.values().any(is_busy) {
            return;
        }
        let paused = |lane: &&Lane| matches!(lane.work, Work::Following(..)) && lane.hold == Hold::Memory;
        let next = self.lanes.values().filter(paused).max_by_key(|lane| lane.bytes());
        let Some(mut lane) = next.map(|lane| lane.at.clone()).and_then(|at| self.lanes.remove(&at)) else {
            return;
        };
        tracing::info!(topic = %lane.at.topic, partition = lane.at.partition, "finishing this claim first: memory is short");
        let step = self.release(&mut lane);
        self.settle_step(&mut lane, step);
        self.lanes.insert(lane.at.clone(), lane);
    }

    fn release_all(&mut self, held: usize) {
        let waiting = self.lanes.values().filter(|lane| lane.hold == Hold::Memory);
        let released: Vec<TopicPartition> = waiting.map(|lane| lane.at.clone()).collect();
        tracing::info!(held_bytes = held, partitions = released.len(), "memory is free again: reading on");
        for at in released {
            let Some(mut lane) = self.lanes.remove(&at) else { continue };
            let step = self.release(&mut lane);
            self.settle_step(&mut lane, step);
            self.lanes.insert(at, lane);
        }
    }
}
