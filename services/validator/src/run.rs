//! The loop. All state between two polls is here; [`crate::ownership`] is about partitions, [`crate::flush`] about batches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_flow::ports::Polled;
use tidegate_flow::{Record, Remedy, TopicPartition, WorldError};

use crate::judging::Bench;
use crate::ownership::Owned;
use crate::parking::Parked;
use crate::parts::{JudgingSnapshot, Parts};
use crate::quarantine::Crashes;
use crate::settings::Settings;

/// A poll never waits longer than this, so that stop requests and healed partitions are noticed.
const POLL_WAIT_MAX: Duration = Duration::from_millis(100);
/// Without records no batch takes newer contracts up, so a worker looks for them by itself, this often.
const LOOK_MICROS: i64 = 1_000_000;

/// Runs until `stop` is set, then drains: the open batch is published, the group is left. Returns `Err` only for what an operator
/// must mend before any partition can move; everything else is waited out, loudly.
pub fn run<'a>(settings: &'a Settings, parts: Parts<'a>, stop: &'a AtomicBool) -> Result<(), WorldError> {
    let mut worker = Worker {
        settings,
        stop,
        snapshot: parts.contracts.latest(),
        parts,
        bench: Bench::new(settings.retries.clone()),
        partitions: BTreeMap::new(),
        batch: Vec::new(),
        aside: Vec::new(),
        alone_next: false,
        is_abandoned: false,
        is_ending: false,
        parked: BTreeMap::new(),
        trying: None,
        counted: BTreeMap::new(),
        batch_bytes: 0,
        batch_since: 0,
        records_max: settings.batch_records_max,
        failures: 0,
        rest: None,
        judged_at: 0,
        looked_at: 0,
        recreated: BTreeSet::new(),
        ids_asked_at: None,
        judging_micros: 0,
        waiting: Vec::new(),
        trouble: None,
    };
    worker.looked_at = worker.parts.clock.now_micros();
    worker.parts.meter.snapshot(worker.snapshot.commit());
    let ended = worker.turn_until_stopped();
    // Nothing is waited for any more where an operator is needed.
    worker.is_ending = ended.is_err();
    worker.leave_no_count();
    worker.parts.exchange.close();
    ended
}

pub(crate) struct Worker<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) parts: Parts<'a>,
    pub(crate) snapshot: Arc<JudgingSnapshot>,
    pub(crate) bench: Bench,
    /// In order, so that the same events make the same calls.
    pub(crate) partitions: BTreeMap<TopicPartition, Owned>,
    pub(crate) batch: Vec<Record>,
    /// What the attempt under way does not take in hand ([`crate::hands`]); empty between two.
    pub(crate) aside: Vec<Record>,
    /// Whose turn it is where partitions are in quarantine.
    pub(crate) alone_next: bool,
    /// A call was left without an answer because the worker stops: nothing more goes through this producer.
    pub(crate) is_abandoned: bool,
    /// It is over, and no answer is waited for any more.
    pub(crate) is_ending: bool,
    /// Ours, and not read before a time, see [`crate::parking`].
    pub(crate) parked: BTreeMap<TopicPartition, Parked>,
    /// The parked partition whose turn it is.
    pub(crate) trying: Option<TopicPartition>,
    /// What was last noted of this process's own starts.
    pub(crate) counted: BTreeMap<TopicPartition, Option<Crashes>>,
    /// Bytes of the batch: keys, values, headers.
    pub(crate) batch_bytes: usize,
    /// When the first record of the batch came, microseconds since the epoch.
    pub(crate) batch_since: i64,
    /// Shrinks when a batch fails without naming a culprit, so that it ends up alone; grows back with success.
    pub(crate) records_max: usize,
    /// Batches that failed in a row.
    pub(crate) failures: u32,
    /// To be waited before the next attempt.
    pub(crate) rest: Option<Duration>,
    /// When the last batch was judged.
    pub(crate) judged_at: i64,
    /// When newer contracts were looked for, without a batch.
    pub(crate) looked_at: i64,
    /// Topics that are others than those that we began with.
    pub(crate) recreated: BTreeSet<Arc<str>>,
    /// When the brokers last answered for topic ids.
    pub(crate) ids_asked_at: Option<i64>,
    /// What judging the last batch took.
    pub(crate) judging_micros: i64,
    /// Given to us by the group, not started yet: where they begin could not be found out.
    pub(crate) waiting: Vec<TopicPartition>,
    /// What kept the last turn from getting on, if anything.
    pub(crate) trouble: Option<String>,
}

// === impl Worker ===

impl Worker<'_> {
    fn turn_until_stopped(&mut self) -> Result<(), WorldError> {
        while !self.is_stopping() {
            self.turn()?;
        }
        tracing::info!(
            open_records = self.batch.len(),
            "stopping: publishing what is open, then leaving the group"
        );
        self.flush()
    }

    fn turn(&mut self) -> Result<(), WorldError> {
        self.trouble = None;
        self.uncount_held();
        self.release_healed()?;
        self.take_parked();
        if !self.waiting.is_empty() {
            self.start_waiting()?;
        }
        let room = self.records_max.saturating_sub(self.batch.len());
        match self.parts.exchange.poll(room.max(1), self.patience()) {
            Ok(Polled::Records(records)) => self.take(records),
            Ok(Polled::Assigned(partitions)) => self.waiting.extend(partitions),
            Ok(Polled::Revoked(partitions)) => self.gone(&partitions, false),
            Ok(Polled::Lost(partitions)) => self.gone(&partitions, true),
            Ok(Polled::Stuck(at, error)) => self.hold(&at, &error)?,
            Err(error) if error.remedy == Remedy::Retry => self.wait_out(&error),
            Err(error) => return Err(error),
        }
        if self.is_due() {
            self.flush()?;
        }
        // What a flush leaves for the next one counts, too: nothing more is taken while it is too much.
        while self.batch_bytes >= self.settings.batch_bytes_max && !self.is_stopping() {
            self.flush()?;
        }
        self.look_for_contracts();
        self.report();
        Ok(())
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// How long the next poll may wait: until the batch is due at most.
    fn patience(&self) -> Duration {
        if self.batch.is_empty() {
            return POLL_WAIT_MAX;
        }
        let age = Duration::from_micros(u64::try_from(self.parts.clock.now_micros() - self.batch_since).unwrap_or(0));
        self.settings.batch_age_max.saturating_sub(age).min(POLL_WAIT_MAX)
    }

    /// Takes newer contracts up while nothing is open; a batch does it by itself.
    fn look_for_contracts(&mut self) {
        let now = self.parts.clock.now_micros();
        // A clock may be put back.
        if self.batch.is_empty() && (now - self.looked_at).abs() >= LOOK_MICROS {
            self.looked_at = now;
            self.switch_snapshot();
        }
    }

    fn is_due(&self) -> bool {
        let age_micros = self.parts.clock.now_micros() - self.batch_since;
        let full = self.batch.len() >= self.records_max || self.batch_bytes >= self.settings.batch_bytes_max;
        // A clock that went backwards must not keep a batch open until it has caught up.
        let old = u128::try_from(age_micros).map_or(true, |age| age >= self.settings.batch_age_max.as_micros());
        !self.batch.is_empty() && (full || old)
    }

    /// A held partition may still hand over what was fetched before it was paused; it is read again when it goes on.
    fn take(&mut self, records: Vec<Record>) {
        if self.batch.is_empty() && !records.is_empty() {
            self.batch_since = self.parts.clock.now_micros();
        }
        for record in records {
            if self
                .partitions
                .get(&record.origin.at)
                .is_some_and(|owned| owned.held_until.is_none())
            {
                self.batch_bytes += bytes_of(&record);
                self.batch.push(record);
            }
        }
    }

    /// Drops what the batch holds of these partitions.
    pub(crate) fn forget_batch_of(&mut self, partitions: &[TopicPartition]) {
        self.batch.retain(|record| !partitions.contains(&record.origin.at));
        self.aside.retain(|record| !partitions.contains(&record.origin.at));
        self.batch_bytes = self.batch.iter().chain(&self.aside).map(bytes_of).sum();
    }

    /// Counts, logs and waits a moment. The loop goes on afterwards.
    pub(crate) fn wait_out(&mut self, error: &WorldError) {
        tracing::warn!(%error, "waiting; nothing is lost, it goes on by itself");
        self.parts.meter.trouble(error);
        self.trouble = Some(error.what.clone());
        self.parts.clock.sleep(self.settings.retry_after.min(Duration::from_secs(1)));
    }

    fn report(&self) {
        let held = self.partitions.values().filter(|owned| owned.held_until.is_some()).count();
        self.parts.meter.buffered(self.batch_bytes);
        let all = !self.partitions.is_empty() && held == self.partitions.len();
        let ready = match &self.trouble {
            Some(what) => Err(what.as_str()),
            None if all => Err("every partition is paused"),
            None => Ok(()),
        };
        self.parts.meter.turned(ready);
    }
}

pub(crate) fn bytes_of(record: &Record) -> usize {
    let headers = record
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.as_ref().map_or(0, |value| value.len()));
    record.key.as_ref().map_or(0, |key| key.len()) + record.value.as_ref().map_or(0, |value| value.len()) + headers.sum::<usize>()
}
