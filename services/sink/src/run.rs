//! The loop: polls, feeds slots, closes them, and keeps one partition's trouble from the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_flow::ports::{Clock, Cluster, Consumer, Polled, Store, TopicFacts};
use tidegate_flow::record::Position;
use tidegate_flow::{NextOffset, Record, Remedy, TopicPartition, WorldError};

use crate::batch::{Closing, Gather, Held, Taken};
use crate::chain::{ChainName, read_chain};
use crate::document::{Claim, Writer};
use crate::lane::{Hold, Lane, Tip, Work};
use crate::metrics::Metrics;
use crate::rulings::Rulings;
use crate::settle::{place_claim, write};
use crate::slot::{Close, Limits, decide, over_budget};

/// How the sink behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When slots close.
    pub limits: Limits,
    /// Parquet settings of new claims.
    pub writer: Writer,
    /// Event times past the clock by more than this go to `_unknown`.
    pub future_limit: Duration,
    /// Stands in for Kafka's topic id where the broker has none; raise it when a topic was deleted and created again.
    pub topic_epoch: Option<u64>,
    /// Most records of one poll.
    pub poll_records: usize,
    /// Longest wait of one poll; also how often ages and retries are looked at.
    pub poll_wait: Duration,
    /// First and longest wait before something that failed is tried again.
    pub retry: (Duration, Duration),
}

/// The outside world.
#[allow(missing_debug_implementations, reason = "borrowed ports")]
pub struct Parts<'a> {
    /// Member of the sink's group, subscribed to the validated topics.
    pub consumer: &'a mut dyn Consumer,
    /// Facts about topics.
    pub cluster: &'a mut dyn Cluster,
    /// The lake's store; chain and files are below its root.
    pub store: &'a dyn Store,
    /// Contracts and their judge.
    pub rulings: &'a mut dyn Rulings,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Numbers.
    pub metrics: &'a dyn Metrics,
}

struct Worker<'a, 'p> {
    settings: &'a Settings,
    parts: &'a mut Parts<'p>,
    lanes: BTreeMap<TopicPartition, Lane>,
    /// Facts of topics, asked once per assignment.
    topics: BTreeMap<Arc<str>, TopicFacts>,
}

/// What a step on a lane asks for next.
type Step = Result<(), Trouble>;

/// Why a lane does not go on.
enum Trouble {
    /// By its remedy.
    World(WorldError),
    /// For good.
    Halt(String),
}

/// Sinks until `stop` is set, then puts what is open into the lake, commits and leaves the group. An error ends the role: the consumer as a
/// whole cannot go on. Trouble of single partitions is logged, counted and waited out inside.
pub fn run(settings: &Settings, mut parts: Parts<'_>, stop: &AtomicBool) -> Result<(), WorldError> {
    let mut worker = Worker {
        settings,
        parts: &mut parts,
        lanes: BTreeMap::new(),
        topics: BTreeMap::new(),
    };
    let mut attempts = 0;
    let outcome = loop {
        if stop.load(Ordering::SeqCst) {
            break Ok(());
        }
        match worker.parts.consumer.poll(settings.poll_records, settings.poll_wait) {
            Ok(polled) => {
                attempts = 0;
                worker.polled(polled);
                worker.tick();
            }
            Err(error) if matches!(error.remedy, Remedy::Retry | Remedy::Reread) => {
                attempts += 1;
                worker.parts.metrics.ready(false);
                let wait = backoff(settings.retry, attempts);
                tracing::warn!(error = %error, wait_ms = wait.as_millis(), "polling failed, will try again");
                worker.parts.clock.sleep(wait);
            }
            Err(error) => break Err(error),
        }
    };
    worker.drain();
    worker.parts.consumer.close();
    outcome
}

/// Refuses topics whose records may vanish before they are in the lake. For the start of the role; assignments check again.
pub fn check_topics(facts: &[TopicFacts]) -> Result<(), WorldError> {
    facts.iter().try_for_each(check_topic)
}

fn check_topic(facts: &TopicFacts) -> Result<(), WorldError> {
    match facts.cleanup_policy.as_deref() {
        Some("delete") => Ok(()),
        // Event Hubs does not tell; its hubs delete unless compaction was switched on by hand.
        None => {
            tracing::warn!(topic = %facts.topic, "the broker does not tell cleanup.policy; it must be `delete`");
            Ok(())
        }
        Some(other) => {
            let what = format!(
                "topic {} has cleanup.policy `{other}`: records could be compacted away before they are in the lake; set it to `delete`",
                facts.topic
            );
            Err(WorldError::new(Remedy::Operator, what))
        }
    }
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Settings {
            limits: Limits::default(),
            writer: Writer {
                zstd_level: 1,
                row_group_rows: 1_000_000,
            },
            future_limit: Duration::from_secs(24 * 3_600),
            topic_epoch: None,
            poll_records: 5_000,
            poll_wait: Duration::from_millis(200),
            retry: (Duration::from_millis(500), Duration::from_secs(60)),
        }
    }
}

// === impl Worker ===

impl Worker<'_, '_> {
    fn polled(&mut self, polled: Polled) {
        match polled {
            Polled::Records(records) => {
                self.lanes.values_mut().for_each(|lane| lane.stale = false);
                for record in &records {
                    let Some(mut lane) = self.lanes.remove(&record.origin.at) else {
                        continue;
                    };
                    let step = self.feed(&mut lane, record);
                    self.settle_step(&mut lane, step);
                    self.lanes.insert(lane.at.clone(), lane);
                }
            }
            Polled::Assigned(partitions) => {
                self.topics.clear();
                for at in partitions {
                    tracing::info!(topic = %at.topic, partition = at.partition, "assigned");
                    self.lanes.insert(at.clone(), Lane::new(at));
                }
            }
            Polled::Revoked(partitions) | Polled::Lost(partitions) => {
                // Open slots were not claimed: the next owner reads their records again.
                for at in partitions {
                    tracing::info!(topic = %at.topic, partition = at.partition, "given up");
                    self.lanes.remove(&at);
                }
            }
            Polled::Stuck(at, error) => {
                if let Some(mut lane) = self.lanes.remove(&at) {
                    // The chain is read again, which tells whether records are missing.
                    lane.tip = None;
                    lane.work = Work::Idle;
                    self.settle_step(&mut lane, Err(Trouble::World(error)));
                    self.lanes.insert(at, lane);
                }
            }
        }
    }

    /// What is due without a record.
    fn tick(&mut self) {
        let now = self.parts.clock.now_micros();
        self.parts.rulings.refresh();
        let commit = self.parts.rulings.commit();
        let keys: Vec<_> = self.lanes.keys().cloned().collect();
        for at in keys {
            let Some(mut lane) = self.lanes.remove(&at) else { continue };
            let step = self.due(&mut lane, now, &commit);
            self.settle_step(&mut lane, step);
            self.lanes.insert(at, lane);
        }
        while let Some(at) = self.over_budget() {
            let Some(mut lane) = self.lanes.remove(&at) else { break };
            let step = self.close(&mut lane, Close::Budget);
            self.settle_step(&mut lane, step);
            self.lanes.insert(at, lane);
        }
        self.tell(now);
    }

    /// The largest slot that may close, when all open ones together are too large.
    fn over_budget(&self) -> Option<TopicPartition> {
        let open = self.lanes.values().filter(|lane| matches!(lane.work, Work::Gathering(_)));
        over_budget(&self.settings.limits, open.map(|lane| (lane.at.clone(), lane.bytes())))
    }

    fn due(&mut self, lane: &mut Lane, now: i64, commit: &Arc<str>) -> Step {
        match &lane.hold {
            Hold::Retry { at, .. } if *at <= now => {
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
                    "{at} begins at {} but the lake ends at {}: what lay between was deleted before it was in the lake; `tidegate resume --accept-loss {}..{}` records the gap",
                    low.0, end.0, end.0, low.0
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
        let (low, _) = self.parts.consumer.watermarks(&lane.at)?;
        if low.0 > claim.first_offset {
            return Err(Trouble::Halt(format!(
                "{} begins at {} but slot {} was claimed from {}: its records were deleted before it was written",
                lane.at, low.0, claim.seq, claim.first_offset
            )));
        }
        tracing::info!(topic = %lane.at.topic, partition = lane.at.partition, seq = claim.seq, start = claim.start, end = claim.end, "finishing a claim");
        lane.position = NextOffset(claim.start.max(low.0));
        lane.work = Work::Following(Box::new(claim.clone()), Gather::following(&claim, tip.sources.clone()));
        self.release(lane)
    }

    /// Lets the consumer read on from the lane's position.
    fn release(&mut self, lane: &mut Lane) -> Step {
        let positions = [(lane.at.clone(), lane.position)];
        lane.stale = true;
        match lane.started {
            true => self.parts.consumer.seek(&positions)?,
            false => self.parts.consumer.start(&positions)?,
        }
        lane.started = true;
        if lane.paused {
            self.parts.consumer.resume(std::slice::from_ref(&lane.at))?;
            lane.paused = false;
        }
        lane.hold = Hold::None;
        Ok(())
    }

    fn feed(&mut self, lane: &mut Lane, record: &Record) -> Step {
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
    fn close(&mut self, lane: &mut Lane, why: Close) -> Step {
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
                lane.work = Work::Closing {
                    closed: Box::new(gather.close(closing)),
                    placed: false,
                    why,
                };
            }
            Work::Following(claim, gather) => {
                closing.writer = claim.writer;
                let mut closed = gather.close(closing);
                if let Some(what) = closed.claim.disagreement(&claim) {
                    return Err(Trouble::Halt(format!(
                        "slot {} of {} was claimed with another {what} than its records make now",
                        claim.seq, lane.at
                    )));
                }
                closed.claim = *claim;
                lane.work = Work::Closing {
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
    fn settle(&mut self, lane: &mut Lane) -> Step {
        let (Work::Closing { closed, placed, why }, Some(tip)) = (&mut lane.work, &mut lane.tip) else {
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
            self.parts.metrics.file(&claimed.contract, &claimed.object, file.rows, file.bytes);
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

    /// What a step that failed means for the lane.
    fn settle_step(&mut self, lane: &mut Lane, step: Step) {
        match step {
            Ok(()) => {}
            Err(Trouble::Halt(what)) => self.halt(lane, &what),
            Err(Trouble::World(error)) if error.remedy == Remedy::Bug => self.halt(lane, &describe(&error)),
            Err(Trouble::World(error)) => {
                let operator = error.remedy == Remedy::Operator;
                if error.remedy == Remedy::Reread {
                    lane.tip = None;
                    lane.work = Work::Idle;
                }
                lane.attempts = lane.attempts.saturating_add(1);
                let wait = if operator {
                    self.settings.retry.1
                } else {
                    backoff(self.settings.retry, lane.attempts)
                };
                let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
                lane.hold = Hold::Retry {
                    at: self.parts.clock.now_micros().saturating_add(micros),
                    operator,
                };
                self.parts.metrics.retried(&lane.at);
                tracing::warn!(
                    topic = %lane.at.topic, partition = lane.at.partition, error = %describe(&error), wait_ms = wait.as_millis(), operator,
                    "will try again"
                );
                self.pause(lane);
            }
        }
    }

    fn halt(&mut self, lane: &mut Lane, what: &str) {
        tracing::error!(topic = %lane.at.topic, partition = lane.at.partition, reason = what, "partition halted; nothing of it is lost or skipped");
        lane.hold = Hold::Halted;
        lane.work = Work::Idle;
        self.pause(lane);
    }

    /// Keeps the consumer from fetching in vain. Failing at it does no harm: records of a lane on hold are ignored and read again.
    fn pause(&mut self, lane: &mut Lane) {
        if !lane.started || lane.paused {
            return;
        }
        match self.parts.consumer.pause(std::slice::from_ref(&lane.at)) {
            Ok(()) => lane.paused = true,
            Err(error) => tracing::debug!(topic = %lane.at.topic, partition = lane.at.partition, error = %error, "not paused"),
        }
    }

    /// Puts open slots into the lake. What fails stays in Kafka for the next owner.
    fn drain(&mut self) {
        for at in self.lanes.keys().cloned().collect::<Vec<_>>() {
            let Some(mut lane) = self.lanes.remove(&at) else { continue };
            let step = match &lane.work {
                _ if lane.hold == Hold::Halted => Ok(()),
                Work::Gathering(gather) if !gather.is_empty() => self.close(&mut lane, Close::Stop),
                Work::Closing { .. } => self.settle(&mut lane),
                _ => Ok(()),
            };
            self.settle_step(&mut lane, step);
        }
    }

    fn tell(&self, now: i64) {
        let metrics = self.parts.metrics;
        let since = self.lanes.values().filter_map(Lane::open_since).min();
        let age = since.map_or(0, |since| u64::try_from(now.saturating_sub(since)).unwrap_or(0));
        metrics.oldest_open(Duration::from_micros(age));
        metrics.open_bytes(self.lanes.values().map(Lane::bytes).sum());
        let holding = |test: fn(&Hold) -> bool| self.lanes.values().filter(|lane| test(&lane.hold)).count();
        metrics.halted(holding(|hold| matches!(hold, Hold::Halted | Hold::Retry { operator: true, .. })));
        metrics.waiting_for_snapshot(holding(|hold| matches!(hold, Hold::Version { .. })));
        metrics.ready(holding(|hold| *hold != Hold::None) == 0);
    }
}

// === impl Trouble ===

impl From<WorldError> for Trouble {
    fn from(error: WorldError) -> Self {
        Trouble::World(error)
    }
}

/// An error with what is underneath.
fn describe(error: &WorldError) -> String {
    let mut text = error.what.clone();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Doubles from the first wait to the longest.
fn backoff((first, longest): (Duration, Duration), attempts: u32) -> Duration {
    first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(longest)
}
