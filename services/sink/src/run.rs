//! The loop: polls, feeds slots, closes them, and keeps one partition's trouble from the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_flow::ports::{Clock, Cluster, Consumer, Polled, Store, TopicFacts};
use tidegate_flow::{Remedy, TopicPartition, WorldError};

use crate::document::Writer;
use crate::lane::{Hold, Lane, Work};
use crate::metrics::Metrics;
use crate::rulings::Rulings;
use crate::slot::{Close, Limits};

mod incarnation;
mod memory;
mod steps;

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
    /// Facts of topics, asked once per assignment, and again when a partition of theirs is in trouble.
    topics: BTreeMap<Arc<str>, TopicFacts>,
    /// Ids of topics as the brokers told them since the last poll.
    ids: BTreeMap<Arc<str>, incarnation::Told>,
    stop: &'a AtomicBool,
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
        ids: BTreeMap::new(),
        stop,
    };
    let mut attempts = 0;
    let outcome = loop {
        if stop.load(Ordering::SeqCst) {
            break Ok(());
        }
        match worker.parts.consumer.poll(settings.poll_records, settings.poll_wait) {
            Ok(polled) => {
                attempts = 0;
                worker.ids.clear();
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
                // Whatever the topic is now is asked again: it may have been made anew.
                self.topics.remove(&at.topic);
                if self.lanes.get(&at).is_some_and(|lane| lane.hold == Hold::Halted) {
                    return;
                }
                if let Some(mut lane) = self.lanes.remove(&at) {
                    // The chain is read again, which tells whether records are missing.
                    lane.tip = None;
                    lane.doom = None;
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
            // Each lane may wait for the store; a stop request is not to wait for all of them.
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let Some(mut lane) = self.lanes.remove(&at) else { continue };
            let step = self.due(&mut lane, now, &commit);
            self.settle_step(&mut lane, step);
            self.lanes.insert(at, lane);
        }
        self.keep_within_budget();
        self.tell(now);
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
                    self.topics.remove(&lane.at.topic);
                    lane.doom = None;
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
        metrics.standing(&mut self.lanes.values().map(|lane| (&lane.at, lane.hold.progress())));
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
