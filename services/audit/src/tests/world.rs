//! A small world in memory: topics, a lake, and the workers' deeds and misdeeds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};
use tidegate_columnar::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use tidegate_columnar::{Footer, Identity, WriterSettings, encode, fixed};
use tidegate_flow::ports::{Cluster, Created, NewTopic, ObjectFacts, Scan, Store, TopicFacts};
use tidegate_flow::stamp::JudgedBy;
use tidegate_flow::{Header, NextOffset, Offset, Origin, Record, Remedy, TopicPartition, WorldError};

use crate::account::{Account, Look, account};
use crate::explain::Explain;
use crate::plan::{Mode, Plan, TopicPlan};
use crate::report::Report;
use crate::run::{Course, Earlier, Ports, audit_along, audit_with};
use crate::state::State;
use crate::watch::{Unwatched, Watch};

pub(super) const RAW: &str = "raw";
pub(super) const VALID: &str = "valid";
pub(super) const DEAD: &str = "dead";

/// Topics of one partition and a lake.
pub(super) struct World {
    pub(super) plan: Plan,
    /// Files are Parquet; otherwise text lines that tests can change.
    pub(super) parquet: bool,
    /// Source offsets that are merged at a time: few, so that every test crosses seams.
    pub(super) window: i64,
    /// `cleanup.policy` of all topics.
    pub(super) policy: Option<String>,
    /// The audit has a reader of uncommitted records, too.
    pub(super) uncommitted: bool,
    pub(super) topics: Topics,
    lake: Lake,
}

#[derive(Default)]
pub(super) struct Topics {
    pub(super) records: BTreeMap<Arc<str>, Vec<Record>>,
    low: BTreeMap<Arc<str>, i64>,
    /// Ends for readers of committed records; that of the topic elsewhere.
    stable: BTreeMap<Arc<str>, i64>,
    broken: bool,
    /// Nobody tells offsets of this topic.
    unanswered: Option<Arc<str>>,
    /// Brokers without topic ids.
    nameless: bool,
    sees_uncommitted: bool,
    policy: Option<String>,
}

#[derive(Default)]
struct Lake {
    objects: Mutex<BTreeMap<String, Bytes>>,
}

impl World {
    pub(super) fn new(mode: Mode) -> World {
        let mut topics = Topics::default();
        for topic in [RAW, VALID, DEAD] {
            topics.records.insert(topic.into(), Vec::new());
        }
        World {
            plan: Plan {
                mode,
                topics: vec![TopicPlan::new(RAW, VALID, DEAD)],
            },
            parquet: false,
            window: 4,
            policy: Some("delete".to_owned()),
            uncommitted: false,
            topics,
            lake: Lake::default(),
        }
    }

    /// Ten records, of which 3 and 7 are dead letters, landed in two slots.
    pub(super) fn clean(mode: Mode) -> World {
        let mut world = World::new(mode);
        for number in 0..10 {
            world.source(&format!("event {number}"));
            match number {
                3 | 7 => world.dead(number),
                _ => world.valid(number),
            }
        }
        world.slot(0, 0, 5, &[0, 1, 2, 3, 4], 0);
        world.slot(1, 5, 8, &[5, 6, 7], 0);
        world
    }

    pub(super) fn source(&mut self, value: &str) {
        let record = Record {
            origin: self.next(RAW),
            timestamp: Some(1),
            key: Some(Bytes::from_static(b"k")),
            value: Some(Bytes::from(value.to_owned())),
            headers: vec![Header::text("trace", "t1"), Header::text("tidegate.forged", "x")],
        };
        self.topics.push(RAW, record);
    }

    pub(super) fn keyless_tombstone(&mut self) {
        let record = Record {
            origin: self.next(RAW),
            timestamp: None,
            key: None,
            value: None,
            headers: vec![],
        };
        self.topics.push(RAW, record);
    }

    /// A gap in the offsets of a topic: control records, aborted records.
    pub(super) fn gap(&mut self, topic: &str) {
        let mut record = Record {
            origin: self.next(topic),
            timestamp: None,
            key: None,
            value: None,
            headers: vec![],
        };
        record.origin.at.partition = -1;
        self.topics.push(topic, record);
    }

    pub(super) fn valid(&mut self, source: usize) {
        self.outcome(VALID, source, |_| ());
    }

    pub(super) fn dead(&mut self, source: usize) {
        self.outcome(DEAD, source, |record| {
            record.headers.push(Header::text("__connect.errors.topic", RAW))
        });
    }

    /// The outcome that a worker writes, changed by `misdeed`.
    pub(super) fn outcome(&mut self, topic: &str, source: usize, misdeed: impl FnOnce(&mut Record)) {
        let mut record = self.topics.records[RAW][source].clone();
        record.headers = tidegate_flow::stamp::sanitize(record.headers);
        JudgedBy::new(None, "c0ffee", "1", 0).stamp(&mut record.headers, &record.origin);
        record.origin = self.next(topic);
        misdeed(&mut record);
        self.topics.push(topic, record);
    }

    /// A committed slot of the validated topic whose rows are these validated offsets.
    pub(super) fn slot(&mut self, seq: u64, start: i64, end: i64, rows: &[i64], skipped: u64) {
        let path = self.file(start, rows);
        let bytes = self.lake.objects.lock().unwrap()[&path].clone();
        let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let files = json!([{"path": path, "rows": rows.len(), "bytes": bytes.len(), "sha256": sha256}]);
        self.manifest(seq, start, end, rows.len() as u64, skipped, &files);
    }

    /// A claim of an incarnation of the validated topic, with a file of its own; nobody commits it.
    pub(super) fn claim(&mut self, id: &str, start: i64, rows: &[i64]) {
        let path = format!("lake/orders/order/v1/date=2026-01-02/valid-{id}-0-{start:020}.parquet");
        let lines: Vec<String> = rows.iter().map(|&offset| format!("{offset} {}", self.source_of(offset))).collect();
        self.put(&path, lines.join("\n"));
        let text = json!({"version": 1, "topic": VALID, "topic_id": id, "partition": 0, "files": [{"path": path}]}).to_string();
        self.put(&format!("chain/valid-{id}/00000/0000000009.claim.json"), text);
    }

    pub(super) fn manifest(&mut self, seq: u64, start: i64, end: i64, rows: u64, skipped: u64, files: &serde_json::Value) {
        let claim = json!({"version": 1, "topic": VALID, "topic_id": "id-1", "partition": 0, "seq": seq, "start": start, "end": end,
            "records": rows + skipped, "rows": rows, "skips": {"shadow": skipped}, "unknown_to_audit": true});
        let last = (0..end)
            .filter(|&offset| self.is_visible(offset))
            .map(|offset| self.source_of(offset))
            .max();
        let marks: Vec<_> = last
            .iter()
            .map(|last| json!({"topic": RAW, "partition": 0, "last_offset": last}))
            .collect();
        let text =
            json!({"version": 1, "claim": claim, "files": files, "sources": marks, "committed_at": "2026-01-01T00:00:00Z"}).to_string();
        self.put(&format!("chain/valid-id-1/00000/{seq:010}.manifest.json"), text);
    }

    /// A file without a manifest.
    pub(super) fn file(&mut self, start: i64, rows: &[i64]) -> String {
        let rows: Vec<(i64, i64)> = rows.iter().map(|&offset| (offset, self.source_of(offset))).collect();
        let lines: Vec<String> = rows.iter().map(|(offset, source)| format!("{offset} {source}")).collect();
        let path = format!("lake/orders/order/v1/date=2026-01-01/valid-id-1-0-{start:020}.parquet");
        match self.parquet {
            true => self.put(&path, parquet(&rows)),
            false => self.put(&path, lines.join("\n")),
        }
        path
    }

    pub(super) fn put(&mut self, path: &str, text: impl Into<Bytes>) {
        self.lake.put(path, text.into()).unwrap();
    }

    pub(super) fn forget(&mut self, path_part: &str) {
        self.lake.objects.lock().unwrap().retain(|path, _| !path.contains(path_part));
    }

    pub(super) fn replace(&mut self, path_part: &str, from: &str, to: &str) {
        let mut objects = self.lake.objects.lock().unwrap();
        for (_, bytes) in objects.iter_mut().filter(|(path, _)| path.contains(path_part)) {
            *bytes = Bytes::from(std::str::from_utf8(bytes).unwrap().replace(from, to));
        }
    }

    pub(super) fn remove(&mut self, topic: &str, offset: usize) {
        self.topics.records.get_mut(topic).unwrap()[offset].origin.at.partition = -1;
    }

    pub(super) fn retain_from(&mut self, topic: &str, offset: i64) {
        self.topics.low.insert(topic.into(), offset);
    }

    /// Readers of committed records see nothing from here on: a transaction has no end yet.
    pub(super) fn hide_from(&mut self, topic: &str, offset: i64) {
        self.topics.stable.insert(topic.into(), offset);
    }

    pub(super) fn break_broker(&mut self) {
        self.topics.broken = true;
    }

    pub(super) fn mend_broker(&mut self) {
        (self.topics.broken, self.topics.unanswered) = (false, None);
    }

    pub(super) fn no_offsets_of(&mut self, topic: &str) {
        self.topics.unanswered = Some(topic.into());
    }

    pub(super) fn no_ids(&mut self) {
        self.topics.nameless = true;
    }

    /// The group has committed up to here.
    pub(super) fn judged_until(&mut self, offset: i64) {
        self.plan.topics[0].positions.insert(0, NextOffset(offset));
    }

    /// Source records, each with a validated outcome.
    pub(super) fn validate_all(&mut self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            self.source(&format!("event {number}"));
            self.valid(number);
        }
    }

    /// Audits, and what was kept at its end.
    pub(super) fn audit_kept(&mut self, earlier: Earlier, range: &str) -> (Report, State) {
        self.audit_stopped(earlier, range, None)
    }

    /// The same, stopped after so many records.
    pub(super) fn audit_stopped(&mut self, earlier: Earlier, range: &str, stop_after: Option<usize>) -> (Report, State) {
        let mut keeper = Keeper {
            stop_after,
            ..Keeper::default()
        };
        let report = self.audit_along(&|_: &Record| None, &mut keeper, earlier, range).unwrap();
        (report, keeper.states.pop().unwrap())
    }

    pub(super) fn audit(&mut self) -> Report {
        self.audit_explained(&|_: &Record| None)
    }

    pub(super) fn audit_explained(&mut self, explain: &dyn Explain) -> Report {
        self.audit_along(explain, &mut Unwatched, Earlier::Nothing, "all").unwrap()
    }

    pub(super) fn audit_along(
        &mut self,
        explain: &dyn Explain,
        watch: &mut dyn Watch,
        earlier: Earlier,
        range: &str,
    ) -> Result<Report, String> {
        let (mut scan, mut raw) = (self.scan(), self.scan());
        raw.sees_uncommitted = true;
        self.topics.policy.clone_from(&self.policy);
        let ports = Ports {
            cluster: &mut self.topics,
            scan: &mut scan,
            store: Some(&self.lake),
        };
        let mut course = Course::watched_by(watch);
        (course.window, course.earlier, course.range) = (self.window, earlier, range.to_owned());
        course.uncommitted = if self.uncommitted { Some(&mut raw) } else { None };
        match self.parquet {
            true => audit_along(&self.plan, ports, explain, course),
            false => audit_with(&self.plan, ports, explain, course, &read_lines),
        }
    }

    pub(super) fn count(&mut self, watch: &mut dyn Watch) -> Report {
        let mut scan = self.scan();
        let ports = Ports {
            cluster: &mut self.topics,
            scan: &mut scan,
            store: Some(&self.lake),
        };
        crate::quick::count(&self.plan, ports, watch)
    }

    /// What became of the stretch from `from` on, at most so many offsets.
    pub(super) fn account(&mut self, from: i64, most: i64) -> Account {
        self.account_explained(from, most, &|_: &Record| None)
    }

    pub(super) fn account_explained(&mut self, from: i64, most: i64, explain: &dyn Explain) -> Account {
        let (mut scan, mut raw) = (self.scan(), self.scan());
        raw.sees_uncommitted = true;
        self.topics.policy.clone_from(&self.policy);
        let look = Look {
            from: [(TopicPartition::new(RAW, 0), NextOffset(from))].into(),
            most,
        };
        let uncommitted = if self.uncommitted { Some(&mut raw as &mut dyn Scan) } else { None };
        let accounts = account(&self.plan, &look, &mut self.topics, &mut scan, uncommitted, explain, &mut Unwatched);
        let [one] = <[Account; 1]>::try_from(accounts.unwrap()).unwrap();
        one
    }

    fn scan(&self) -> Topics {
        Topics {
            records: self.topics.records.clone(),
            low: self.topics.low.clone(),
            stable: self.topics.stable.clone(),
            broken: self.topics.broken,
            ..Topics::default()
        }
    }

    fn is_visible(&self, offset: i64) -> bool {
        let record = self.topics.records[VALID].get(offset as usize);
        record.is_some_and(|record| record.origin.at.partition == 0)
    }

    fn next(&self, topic: &str) -> Origin {
        Origin {
            at: TopicPartition::new(topic, 0),
            offset: Offset(self.topics.records[topic].len() as i64),
        }
    }

    fn source_of(&self, offset: i64) -> i64 {
        let record = self.topics.records[VALID].get(offset as usize);
        record
            .and_then(|record| tidegate_flow::stamp::read(&record.headers))
            .map_or(offset, |stamp| stamp.origin.offset.0)
    }
}

/// A file of the lake with these validated and source offsets.
fn parquet(rows: &[(i64, i64)]) -> Vec<u8> {
    let text = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; rows.len()])) };
    let long = |of: fn(&(i64, i64)) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values(rows.iter().map(of))) };
    let zeros = || -> ArrayRef { Arc::new(Int32Array::from(vec![0; rows.len()])) };
    let batch = RecordBatch::try_from_iter([
        ("amount", long(|_| 1)),
        (fixed::SOURCE_TOPIC, text(RAW)),
        (fixed::SOURCE_PARTITION, zeros()),
        (fixed::SOURCE_OFFSET, long(|row| row.1)),
        (fixed::TOPIC, text(VALID)),
        (fixed::PARTITION, zeros()),
        (fixed::OFFSET, long(|row| row.0)),
        (fixed::CONTRACT_VERSION, text("1.0.0")),
        (fixed::SNAPSHOT, text("c0ffee")),
    ]);
    encode(
        &batch.unwrap(),
        &Footer::default(),
        &WriterSettings {
            zstd_level: 1,
            row_group_rows: 100,
        },
    )
    .unwrap()
}

/// In place of Parquet: a line `<validated offset> <source offset>` for each row.
fn read_lines(bytes: Bytes, each: &mut dyn FnMut(&Identity)) -> Result<u64, String> {
    let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
    let identity = |line: &str| -> Option<Identity> {
        let (offset, source) = line.split_once(' ')?;
        Some(Identity {
            source_topic: RAW.into(),
            source_partition: 0,
            source_offset: source.parse().ok()?,
            topic: VALID.into(),
            partition: 0,
            offset: offset.parse().ok()?,
            contract_version: "1.0.0".into(),
            snapshot: "c0ffee".into(),
        })
    };
    let mut rows = 0;
    for line in text.lines() {
        each(&identity(line).ok_or_else(|| "not a row".to_owned())?);
        rows += 1;
    }
    Ok(rows)
}

/// Keeps every state, and stops the audit when it has seen so much.
#[derive(Default)]
pub(super) struct Keeper {
    pub(super) states: Vec<State>,
    pub(super) read: usize,
    pub(super) stop_after: Option<usize>,
}

impl Watch for Keeper {
    fn records(&mut self, _: &TopicPartition, _: NextOffset, _: NextOffset, count: usize) -> bool {
        self.read += count;
        self.stop_after.is_none_or(|limit| self.read < limit)
    }

    fn keep(&mut self, state: &State) -> Result<(), WorldError> {
        // As a file would: what is not in the document is lost.
        self.states.push(State::parse(&state.to_bytes()).unwrap());
        Ok(())
    }
}

impl Topics {
    fn push(&mut self, topic: &str, record: Record) {
        self.records.get_mut(topic).unwrap().push(record);
    }

    fn end(&self, topic: &str) -> i64 {
        let all = self.records[topic].len() as i64;
        let stable = self.stable.get(topic).copied().filter(|_| !self.sees_uncommitted);
        stable.map_or(all, |stable| stable.min(all))
    }
}

impl Cluster for Topics {
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
        let known = names.iter().filter(|name| self.records.contains_key(*name));
        Ok(known
            .map(|name| TopicFacts {
                topic: name.clone(),
                id: (!self.nameless).then(|| "id-1".into()),
                partitions: 1,
                cleanup_policy: self.policy.clone(),
            })
            .collect())
    }

    fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
        let low = self.low.get(topic).copied().unwrap_or(0);
        if self.unanswered.as_deref() == Some(topic) {
            return Err(WorldError::new(Remedy::Retry, "no answer"));
        }
        Ok(vec![(NextOffset(low), NextOffset(self.end(topic)))])
    }

    fn create(&mut self, _: &[NewTopic]) -> Result<(), WorldError> {
        panic!("an audit creates nothing")
    }
}

impl Scan for Topics {
    fn scan(&mut self, at: &TopicPartition, from: NextOffset, until: NextOffset, _: usize) -> Result<Vec<Record>, WorldError> {
        if self.broken {
            return Err(WorldError::new(Remedy::Retry, "broker is down"));
        }
        if from.0 < self.low.get(&at.topic).copied().unwrap_or(0) {
            return Err(WorldError::new(Remedy::Operator, "out of range"));
        }
        let until = until.0.min(self.end(&at.topic));
        let range = from.0.min(until) as usize..until as usize;
        // Three at a time, so that batches have seams.
        Ok(self.records[&at.topic][range]
            .iter()
            .filter(|record| record.origin.at.partition == at.partition)
            .take(3)
            .cloned()
            .collect())
    }
}

impl Store for Lake {
    fn create(&self, _: &str, _: Bytes) -> Result<Created, WorldError> {
        panic!("an audit creates nothing")
    }

    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.objects.lock().unwrap().insert(path.to_owned(), bytes);
        Ok(())
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        Ok(self.objects.lock().unwrap().get(path).cloned())
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        Ok(self.objects.lock().unwrap().contains_key(path))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        let objects = self.objects.lock().unwrap();
        let below = objects.iter().filter(|(path, _)| path.starts_with(prefix));
        Ok(below
            .map(|(path, bytes)| ObjectFacts {
                path: path.clone(),
                size: bytes.len() as u64,
            })
            .collect())
    }
}
