//! The steps of one partition: read its chain, follow a claim, feed a slot, close it, settle it.

use std::sync::Arc;

use tidegate_flow::record::Position;
use tidegate_flow::{NextOffset, Record, Remedy, TopicPartition, WorldError};

use super::{Step, Trouble, Worker, check_topic};
use crate::batch::{Closing, Gather, Held, Taken};
use crate::chain::{ChainName, read_chain};
use crate::document::Claim;
use crate::lane::{Hold, Lane, Tip, Work};
use crate::settle::{place_claim, write};
use crate::slot::{Close, decide};

impl Worker<'_, '_> {
    /// What is due without a record: a retry, a new snapshot, an age.
    pub(super) fn due(&mut self, lane: &mut Lane, now: i64, commit: &Arc<str>) -> Step {
        let longest = i64::try_from(self.settings.retry.1.as_micros()).unwrap_or(i64::MAX);
        match &lane.hold {
            // Further away than anything was ever put off: the clock went backwards, and nobody waits for it to catch up.
            Hold::Retry { at, .. } if *at <= now || at.saturating_sub(now) > longest => {
                if lane.tip.is_none() {
                    self.open(lane)?;
                } else if let Work::Closing { .. } = lane.work {
                    self.settle(lane)?;
                } else {
                    self.release(lane)?;
                }
            }
            Hold::Version { commit: held } if held != commit => self.release(lane)?,
            _ => {}
        }
        if matches!(lane.hold, Hold::Halted) {
            return Ok(());
        }
        match &lane.work {
            Work::Gathering(gather) if !gather.is_empty() => match decide(&self.settings.limits, &gather.fill(), now) {
                Some(why) => self.close(lane, why),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Reads the chain of a partition and starts reading where it ends.
    fn open(&mut self, lane: &mut Lane) -> Step {
        let name = self.chain_name(&lane.at)?;
        let state = read_chain(self.parts.store, &name)?;
        let (low, high) = self.parts.consumer.watermarks(&lane.at)?;
        if let Some(end) = state.end {
            let at = &lane.at;
            if high < end {
                return Err(Trouble::Halt(format!(
                    "{at} ends at {} but the lake already holds it up to {}: the topic was deleted and created again, or the store belongs to another cluster",
                    high.0, end.0
                )));
            }
            if low > end && state.open.is_none() {
                return Err(Trouble::Halt(format!(
                    "{at} begins at {} but the lake ends at {}: what lay between was deleted before it was in the lake{}; `tidegate resume --accept-loss {}/{}:{}..{} --reason TEXT` says what that would give up; with --execute it records the gap, and a restart goes on behind it",
                    low.0,
                    end.0,
                    likely(low, end),
                    at.topic,
                    at.partition,
                    end.0,
                    low.0
                )));
            }
        }
        let open = state.open.clone();
        let tip = Tip::new(name, state, low);
        lane.position = tip.end;
        tracing::info!(topic = %lane.at.topic, partition = lane.at.partition, slots = tip.next_seq, next = tip.end.0, finishing = open.is_some(), "chain read");
        lane.tip = Some(tip);
        lane.work = Work::Idle;
        match open {
            Some(claim) => self.follow(lane, claim),
            None => self.release(lane),
        }
    }

    fn chain_name(&mut self, at: &TopicPartition) -> Result<ChainName, Trouble> {
        if !self.topics.contains_key(&at.topic) {
            let facts = self.parts.cluster.topics(std::slice::from_ref(&at.topic))?;
            self.topics.extend(facts.into_iter().map(|facts| (facts.topic.clone(), facts)));
        }
        let facts = self
            .topics
            .get(&at.topic)
            .ok_or_else(|| WorldError::new(Remedy::Operator, format!("topic {} does not exist", at.topic)))?;
        if let Err(error) = check_topic(facts) {
            self.topics.remove(&at.topic);
            return Err(error.into());
        }
        let topic_id = match (&facts.id, self.settings.topic_epoch) {
            (Some(id), _) => id.clone(),
            (None, Some(epoch)) => format!("epoch={epoch}").into(),
            (None, None) => {
                let what = format!(
                    "the broker has no topic id for {}: configure a topic epoch, so that a topic that is created again is told apart",
                    at.topic
                );
                return Err(WorldError::new(Remedy::Operator, what).into());
            }
        };
        Ok(ChainName {
            topic: at.topic.clone(),
            topic_id,
            partition: at.partition,
        })
    }

    /// Reads the range of a claim again to finish it.
    fn follow(&mut self, lane: &mut Lane, claim: Claim) -> Step {
        let Some(tip) = &lane.tip else {
            unreachable!("claims are found where the chain was read")
        };
        let (low, high) = self.parts.consumer.watermarks(&lane.at)?;
        if high.0 <= claim.last_offset {
            return Err(Trouble::Halt(format!(
                "{} ends at {} but slot {} was claimed up to {}: the log lost records, or this is another topic of that name",
                lane.at, high.0, claim.seq, claim.last_offset
            )));
        }
        if low.0 > claim.first_offset {
            return Err(Trouble::Halt(format!(
                "{} begins at {} but slot {} was claimed from {}: its records were deleted before it was written; `tidegate resume` says how it stands",
                lane.at, low.0, claim.seq, claim.first_offset
            )));
        }
        tracing::info!(topic = %lane.at.topic, partition = lane.at.partition, seq = claim.seq, start = claim.start, end = claim.end, "finishing a claim");
        lane.position = NextOffset(claim.start.max(low.0));
        lane.work = Work::Following(Box::new(claim.clone()), Gather::following(&claim, tip.sources.clone()));
        self.release(lane)
    }

    /// Lets the consumer read on from the lane's position, if that is one of the topic that the chain is of.
    pub(super) fn release(&mut self, lane: &mut Lane) -> Step {
        self.check_incarnation(lane)?;
        let positions = [(lane.at.clone(), lane.position)];
        lane.stale = true;
        // A pause that was asked for when the partition was already another's may outlive that, so a new lane resumes too.
        if lane.paused || !lane.started {
            self.parts.consumer.resume(std::slice::from_ref(&lane.at))?;
            lane.paused = false;
        }
        match lane.started {
            true => self.parts.consumer.seek(&positions)?,
            false => self.parts.consumer.start(&positions)?,
        }
        lane.started = true;
        lane.hold = Hold::None;
        Ok(())
    }

    /// Gives a record to the open slot.
    pub(super) fn feed(&mut self, lane: &mut Lane, record: &Record) -> Step {
        let offset = record.origin.offset;
        let mut fetched = 0;
        while lane.hold == Hold::None && !lane.stale && offset.0 >= lane.position.0 {
            if let Work::Idle = lane.work {
                let tip = lane.tip.as_ref().expect("a lane without a chain is on hold");
                let now = self.parts.clock.now_micros();
                lane.work = Work::Gathering(Gather::open(
                    tip.end,
                    tip.sources.clone(),
                    now,
                    self.settings.future_limit.as_secs(),
                ));
            }
            let taken = match &mut lane.work {
                Work::Gathering(gather) => gather.take(record, self.parts.rulings, self.settings.limits.buckets_max)?,
                Work::Following(claim, gather) => {
                    if offset.0 > claim.last_offset {
                        let what = format!(
                            "records of slot {} are missing in {}: it was claimed up to offset {}",
                            claim.seq, lane.at, claim.last_offset
                        );
                        return Err(Trouble::Halt(what));
                    }
                    gather.take(record, self.parts.rulings, usize::MAX)?
                }
                Work::Idle | Work::Closing { .. } => return Ok(()),
            };
            match taken {
                Taken::Row | Taken::Skipped(_) => {
                    lane.position = offset.next();
                    lane.attempts = 0;
                    return self.close_if_full(lane, offset.0);
                }
                Taken::Full => self.close(lane, Close::Buckets)?,
                Taken::Held(Held::Schema(need)) => {
                    self.parts.rulings.fetch(&need)?;
                    fetched += 1;
                    // Fetched and still needed: the cache lost it again. Others must not wait for that.
                    if fetched > 3 {
                        return Err(WorldError::new(
                            Remedy::Retry,
                            format!("{} offset {} needs a schema that does not stay cached", lane.at, offset.0),
                        )
                        .into());
                    }
                }
                Taken::Held(Held::SchemaGone) => {
                    let what = format!(
                        "the registry does not know a schema that {} offset {} was validated with",
                        lane.at, offset.0
                    );
                    return Err(WorldError::new(Remedy::Operator, what).into());
                }
                Taken::Held(Held::Version(contract)) => {
                    tracing::warn!(topic = %lane.at.topic, partition = lane.at.partition, offset = offset.0, contract = %contract, "waiting for a snapshot that holds this version");
                    lane.hold = Hold::Version {
                        commit: self.parts.rulings.commit(),
                    };
                    self.pause(lane);
                    return Ok(());
                }
                Taken::Held(Held::Broken(what)) => {
                    return match &lane.work {
                        Work::Gathering(gather) if !gather.is_empty() => {
                            lane.doom = Some(what);
                            self.close(lane, Close::Halt)
                        }
                        _ => Err(Trouble::Halt(what)),
                    };
                }
            }
        }
        Ok(())
    }

    fn close_if_full(&mut self, lane: &mut Lane, offset: i64) -> Step {
        let why = match &lane.work {
            Work::Following(claim, _) => (offset == claim.last_offset).then_some(Close::Followed),
            Work::Gathering(gather) => decide(&self.settings.limits, &gather.fill(), self.parts.clock.now_micros()),
            Work::Idle | Work::Closing { .. } => None,
        };
        match why {
            Some(why) => self.close(lane, why),
            None => Ok(()),
        }
    }

    /// Ends the open slot and puts it into the store.
    pub(super) fn close(&mut self, lane: &mut Lane, why: Close) -> Step {
        let tip = lane.tip.as_ref().expect("a lane without a chain has no slot");
        let snapshot = self.parts.rulings.commit();
        let mut closing = Closing {
            name: &tip.name,
            seq: tip.next_seq,
            snapshot: &snapshot,
            writer: self.settings.writer,
        };
        match std::mem::replace(&mut lane.work, Work::Idle) {
            Work::Gathering(gather) => {
                let bytes = gather.fill().bytes;
                lane.work = Work::Closing {
                    bytes,
                    closed: Box::new(gather.close(closing)),
                    placed: false,
                    why,
                };
            }
            Work::Following(claim, gather) => {
                closing.writer = claim.writer;
                let bytes = gather.fill().bytes;
                let mut closed = gather.close(closing);
                if let Some(what) = closed.claim.disagreement(&claim) {
                    return Err(Trouble::Halt(format!(
                        "slot {} of {} was claimed with another {what} than its records make now",
                        claim.seq, lane.at
                    )));
                }
                closed.claim = *claim;
                lane.work = Work::Closing {
                    bytes,
                    closed: Box::new(closed),
                    placed: true,
                    why,
                };
            }
            other => lane.work = other,
        }
        self.settle(lane)
    }

    /// Claim, write, commit, as far as they are not done.
    pub(super) fn settle(&mut self, lane: &mut Lane) -> Step {
        if let Work::Closing { placed: false, .. } = lane.work {
            self.check_incarnation(lane)?;
        }
        let (Work::Closing { closed, placed, why, .. }, Some(tip)) = (&mut lane.work, &mut lane.tip) else {
            return Ok(());
        };
        if !*placed {
            if let Some(theirs) = place_claim(self.parts.store, &tip.name, &closed.claim)? {
                // Theirs may end before the record that halts us, or after it: it comes up again in its turn.
                lane.doom = None;
                return self.follow(lane, theirs);
            }
            *placed = true;
        }
        let manifest = write(self.parts.store, &tip.name, closed, self.parts.clock.now_micros())?;
        for (claimed, file) in manifest.claim.files.iter().zip(&manifest.files) {
            self.parts.metrics.file(&lane.at.topic, &claimed.contract, file.rows, file.bytes);
        }
        for (policy, records) in &closed.skips {
            self.parts.metrics.skipped(&lane.at.topic, *policy, *records);
        }
        self.parts.metrics.slot(&lane.at, *why);
        let end = NextOffset(closed.claim.end);
        tracing::info!(
            topic = %lane.at.topic, partition = lane.at.partition, seq = tip.next_seq, end = end.0, rows = closed.claim.rows,
            files = closed.claim.files.len(), why = why.as_str(), "slot committed"
        );
        tip.advance(end, std::mem::take(&mut closed.sources));
        lane.work = Work::Idle;
        lane.attempts = 0;
        // A hint for lag displays; the chain is the truth.
        let hint = Position {
            at: lane.at.clone(),
            next: end,
            metadata: String::new(),
        };
        if let Err(error) = self.parts.consumer.commit(&[hint]) {
            tracing::warn!(topic = %lane.at.topic, partition = lane.at.partition, error = %error, "the group offset was not committed");
        }
        if let Some(what) = lane.doom.take() {
            return Err(Trouble::Halt(what));
        }
        match lane.hold {
            Hold::Retry { .. } => self.release(lane),
            _ => Ok(()),
        }
    }
}

/// The end of a transaction takes an offset and never lands.
fn likely(low: NextOffset, end: NextOffset) -> &'static str {
    match low.0 - end.0 {
        1 => " (one offset: of a topic that is written in transactions most likely the end of the last one, which holds no record)",
        _ => "",
    }
}
