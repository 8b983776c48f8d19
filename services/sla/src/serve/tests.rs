//! The loop over a clock that only moves when somebody waits.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;

use bytes::Bytes;
use tidegate_contract::ContractFile;
use tidegate_flow::ports::ObjectFacts;
use tidegate_flow::{Remedy, WorldError};
use tidegate_objectives::{Cell, Rows, TableSpec, Traffic};

use super::*;

const MINUTE: i64 = 60_000_000;
/// 2026-11-21T12:00:00Z.
const NOON: i64 = 1_795_262_400_000_000;

/// Ends the loop at `end`.
struct TestClock<'a> {
    now: AtomicI64,
    end: i64,
    stop: &'a AtomicBool,
}

/// A store in memory that may be away.
#[derive(Default)]
struct TestStore {
    objects: Mutex<BTreeMap<String, Bytes>>,
    away: AtomicBool,
}

/// Counts rows, and takes its time.
struct TestEngine<'a> {
    clock: &'a TestClock<'a>,
    takes: i64,
    rows: AtomicI64,
}

impl Clock for TestClock<'_> {
    fn now_micros(&self) -> i64 {
        self.now.load(Ordering::Acquire)
    }
    fn sleep(&self, duration: Duration) {
        self.pass(i64::try_from(duration.as_micros()).unwrap());
    }
}

impl TestClock<'_> {
    fn pass(&self, micros: i64) {
        if self.now.fetch_add(micros, Ordering::AcqRel) + micros >= self.end {
            self.stop.store(true, Ordering::Release);
        }
    }
}

impl QueryEngine for TestEngine<'_> {
    fn query(&self, _: &[TableSpec], sql: &str) -> Result<Rows, WorldError> {
        self.clock.pass(self.takes);
        let columns = sql.matches(" AS \"").count();
        let count = self.rows.load(Ordering::Acquire).to_string();
        Ok(Rows {
            rows: vec![vec![Cell::Number(count); columns.max(1)]],
            ..Rows::default()
        })
    }
}

impl Store for TestStore {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        if self.away.load(Ordering::Acquire) {
            return Err(WorldError::new(Remedy::Retry, "away"));
        }
        let mut objects = self.objects.lock().unwrap();
        if objects.contains_key(path) {
            return Ok(Created::Exists);
        }
        objects.insert(path.to_owned(), bytes);
        Ok(Created::New)
    }
    fn put(&self, _: &str, _: Bytes) -> Result<(), WorldError> {
        unreachable!("history is only created")
    }
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        Ok(self.objects.lock().unwrap().get(path).cloned())
    }
    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        Ok(self.objects.lock().unwrap().contains_key(path))
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        let objects = self.objects.lock().unwrap();
        let below = objects.iter().filter(|(path, _)| path.starts_with(&format!("{prefix}/")));
        Ok(below
            .map(|(path, bytes)| ObjectFacts {
                path: path.clone(),
                size: bytes.len() as u64,
            })
            .collect())
    }
}

fn snapshot(commit: &str, rules: &str) -> Arc<Snapshot> {
    let text = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: shop\nversion: 1.0.0\nstatus: active\nschema:\n  - name: o\n    physicalType: topic\n    \
         properties: [{{name: a, logicalType: timestamp}}]\n    quality:\n{rules}"
    );
    let files = [ContractFile {
        path: "o.odcs.yaml".into(),
        text,
    }];
    Arc::new(Snapshot::build(commit, &files).unwrap_or_else(|problems| panic!("{problems:#?}")).0)
}

const RULES: &str = "      - {id: some, metric: rowCount, mustBeGreaterThan: 0}\n      \
                     - {id: hourly, metric: rowCount, mustBeGreaterThan: 0, scheduler: cron, schedule: '0 * * * *'}\n";

#[derive(Default)]
struct Told<'a> {
    /// Minutes after noon that runs were for, and how many clauses each had.
    runs: Vec<(i64, usize)>,
    away: u64,
    busy: u64,
    promises: Vec<String>,
    planned: BTreeMap<String, (i64, f64)>,
    is_history_away: bool,
    at_end: Option<&'a dyn Fn(i64)>,
}

impl Watch for Told<'_> {
    fn beat(&mut self) {}
    fn follows(&mut self, roster: &Roster) {
        self.promises = roster.promises().iter().map(|(_, label)| label.clone()).collect();
    }
    fn planned(&mut self, contract: &str, next: i64, interval: f64) {
        self.planned.insert(contract.to_owned(), ((next - NOON) / MINUTE, interval));
    }
    fn missed(&mut self, _: &str, cause: Missed, runs: u64) {
        match cause {
            Missed::Away => self.away += runs,
            Missed::Busy => self.busy += runs,
        }
    }
    fn ended(&mut self, due: &Due, report: &Report, _: f64) {
        assert_eq!(report.exit_code(), 0);
        self.runs.push(((due.scheduled - NOON) / MINUTE, report.entries.len()));
        if let Some(at_end) = self.at_end {
            at_end((report.observed_at - NOON) / MINUTE);
        }
    }
    fn history_away(&mut self, _: &WorldError) {
        self.is_history_away = true;
    }
    fn history_well(&mut self) {
        self.is_history_away = false;
    }
}

/// One life of the process, from and until so many minutes after noon; every query takes so many minutes.
fn life<'a>(
    store: &TestStore,
    from: i64,
    until: i64,
    takes: i64,
    contracts: &dyn Fn(i64) -> Arc<Snapshot>,
    at_end: &'a dyn Fn(i64),
) -> Told<'a> {
    let stop = AtomicBool::new(false);
    let clock = TestClock {
        now: AtomicI64::new(NOON + from * MINUTE),
        end: NOON + until * MINUTE,
        stop: &stop,
    };
    let engine = TestEngine {
        clock: &clock,
        takes: takes * MINUTE,
        rows: AtomicI64::new(7),
    };
    let settings = Settings {
        schedule: Schedule::parse("*/15 * * * *").unwrap(),
        jitter: Duration::ZERO,
        history: true,
        completeness: false,
    };
    let mut told = Told {
        at_end: Some(at_end),
        ..Told::default()
    };
    let parts = Parts {
        snapshot: &|| contracts((clock.now_micros() - NOON) / MINUTE),
        engine: &engine,
        folder: &|_, _, _| "lake".into(),
        history_folder: &|contract, major| format!("{contract}/v{major}"),
        traffic: &|_, _, with| with(&|_, _, _, _| Traffic::default()),
        store,
        clock: &clock,
        watch: &mut told,
    };
    serve(&settings, parts, &stop);
    told
}

fn always(rules: &'static str) -> impl Fn(i64) -> Arc<Snapshot> {
    let snapshot = snapshot("c1", rules);
    move |_| snapshot.clone()
}

#[test]
fn every_schedule_is_kept_and_remembered_over_a_restart() {
    let store = TestStore::default();
    let first = life(&store, 1, 61, 0, &always(RULES), &|_| ());
    assert_eq!(
        first.runs,
        [(1, 2), (15, 1), (30, 1), (45, 1), (60, 2)],
        "at once, then by the clock"
    );
    assert_eq!(store.objects.lock().unwrap().len(), 5, "one file a run");
    assert_eq!((first.away, first.busy), (0, 0));
    assert_eq!(first.planned["shop"], (75, 900.0));
    // Down from 13:01 to 14:20: 13:15, 13:30, 13:45, 14:00, 14:15 and the hour at 14:00 did not take place; one run stands for all.
    let second = life(&store, 140, 151, 0, &always(RULES), &|_| ());
    assert_eq!(second.runs, [(135, 2), (150, 1)]);
    assert_eq!((second.away, second.busy), (5, 0), "of the hour, its one time is the run's own");
    assert!(!second.is_history_away);
}

#[test]
fn a_run_that_takes_long_is_not_overtaken_and_what_it_covered_is_told() {
    let store = TestStore::default();
    // Each run takes forty minutes: two quarters pass while it runs.
    let told = life(&store, 1, 130, 40, &always(RULES), &|_| ());
    // 12:15 and 12:30 are due when the first ends at 12:41, and one run stands for both.
    assert_eq!(told.runs, [(1, 2), (30, 1), (75, 2), (120, 2)]);
    assert_eq!(told.away, 0);
    assert!(told.busy >= 4, "nothing is passed over in silence: {}", told.busy);
}

#[test]
fn a_history_that_cannot_be_written_waits_and_is_written_later() {
    let store = TestStore::default();
    store.away.store(true, Ordering::Release);
    let back = |minute: i64| {
        if minute >= 45 {
            store.away.store(false, Ordering::Release);
        }
    };
    let told = life(&store, 1, 46, 0, &always(RULES), &back);
    assert_eq!(told.runs.len(), 4);
    assert_eq!(store.objects.lock().unwrap().len(), 4, "nothing was lost");
    assert!(!told.is_history_away);
    let away = TestStore::default();
    away.away.store(true, Ordering::Release);
    assert!(life(&away, 1, 16, 0, &always(RULES), &|_| ()).is_history_away);
}

#[test]
fn newer_contracts_are_followed_and_what_is_gone_is_promised_no_more() {
    let store = TestStore::default();
    let (old, new) = (
        snapshot("c1", RULES),
        snapshot("c2", "      - {id: other, metric: rowCount, mustBeGreaterThan: 0}\n"),
    );
    let told = life(
        &store,
        1,
        40,
        0,
        &|minute| if minute < 20 { old.clone() } else { new.clone() },
        &|_| (),
    );
    assert_eq!(told.runs, [(1, 2), (15, 1), (30, 1)]);
    assert_eq!(told.promises, ["v1/o#other"]);
}

#[test]
fn the_history_is_read_back_by_its_names() {
    let store = TestStore::default();
    life(&store, 1, 61, 0, &always(RULES), &|_| ());
    let hour = history::last(&store, "shop/v1", "0 * * * *").unwrap();
    assert_eq!(hour, Some(NOON + 60 * MINUTE));
    assert_eq!(history::last(&store, "shop/v1", "@daily").unwrap(), None);
    let path = store.objects.lock().unwrap().keys().next().unwrap().clone();
    assert!(path.starts_with("sla/history/shop/v1/date=2026-11-21/"), "{path}");
}

#[test]
fn names_of_many_schedules_stay_short() {
    let many: Vec<String> = (0..60).map(|minute| format!("{minute} * * * *")).collect();
    let name = RunName {
        folder: "shop/v1".into(),
        scheduled: NOON,
        mark: history::mark(many.iter().map(String::as_str)),
    };
    assert!(name.path().rsplit('/').next().unwrap().len() < 255);
    assert_eq!(history::mark([]), "asked");
    assert_ne!(history::mark(["@daily"]), history::mark(["@hourly"]));
}
