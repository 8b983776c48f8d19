//! The story: 200,000 mixed events, two workers, a killed worker, a killed sink, a rebalance; then nothing is lost and nothing doubled.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use tidegate_check::Reason;
use tidegate_flow::record::{Outgoing, header_text};
use tidegate_flow::{Offset, Origin, Record, TopicPartition, stamp};
use tidegate_kafka::RecordWriter;
use tidegate_sim::traffic::{Expected, Planted, Route, Traffic};
use tidegate_tests::process::Role;
use tidegate_tests::readers::duckdb;
use tidegate_tests::stand::Stand;

use crate::EVENTS;
use crate::world::{PARTITIONS, World};

/// One story.
pub(crate) struct Story {
    pub(crate) store: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) seed: u64,
}

pub(crate) fn play(story: &Story) {
    let Some(stand) = Stand::get() else { return };
    let world = World::new(stand, story.store, story.mode);
    let events = std::env::var("TIDEGATE_E2E_EVENTS").map_or(EVENTS, |text| text.parse().unwrap());
    let mut producing = Producing::new(&world, story.seed);

    producing.write(events / 2);
    let first = world.start("validator-1", "validate");
    let mut second = world.start("validator-2", "validate");
    let first_sink = world.start("sink-1", "sink");
    wait("the first outcomes", &mut [&mut second], || {
        world.progress("validator", &world.sources()) > 0
    });
    wait("the first slots", &mut [&mut second], || {
        world.progress("sink", &world.validated()) > 0
    });

    // A worker and the sink die in the middle; a third worker joins at once, which is a rebalance by itself.
    first.kill();
    first_sink.kill();
    let mut third = world.start("validator-3", "validate");
    let mut sink = world.start("sink-2", "sink");
    producing.write(events - events / 2);
    let halfway = i64::try_from(events / 2).unwrap();
    wait("half of the outcomes", &mut [&mut second, &mut third, &mut sink], || {
        world.progress("validator", &world.sources()) > halfway
    });
    assert!(second.stop().success(), "SIGTERM drains and ends well");

    wait("every outcome", &mut [&mut third, &mut sink], || {
        world.is_settled("validator", &world.sources())
    });
    assert!(third.stop().success());
    wait("every row", &mut [&mut sink], || world.is_settled("sink", &world.validated()));
    assert!(sink.stop().success());

    prove_topics(&world, story, &producing.planted);
    prove_audit(&world);
    prove_lake(&world, &producing.planted);
}

/// Writes planted events and remembers where each went: one idempotent producer keeps the order of a partition.
struct Producing<'a> {
    world: &'a World,
    traffic: Traffic,
    writer: RecordWriter,
    next: HashMap<TopicPartition, i64>,
    planted: BTreeMap<Origin, Planted>,
}

impl Producing<'_> {
    fn new(world: &World, seed: u64) -> Producing<'_> {
        let route = Route {
            prefix: world.prefix.clone(),
            partitions: PARTITIONS,
            payment_schema: world.payment_schema,
            fault_every: 30,
        };
        let writer = RecordWriter::connect(&world.kafka).unwrap();
        Producing {
            world,
            traffic: Traffic::new(route, seed),
            writer,
            next: HashMap::new(),
            planted: BTreeMap::new(),
        }
    }

    fn write(&mut self, events: u64) {
        let mut left = events;
        while left > 0 {
            let now = i64::try_from(
                std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap()
                    .as_micros(),
            )
            .unwrap();
            let batch: Vec<Planted> = (0..left.min(10_000)).map(|_| self.traffic.next(now)).collect();
            let records: Vec<Outgoing> = batch.iter().map(|event| event.record.clone()).collect();
            let delivery = self.writer.write(&records).unwrap();
            assert_eq!(
                delivery.delivered,
                records.len(),
                "{}: {:?}",
                self.world.prefix,
                delivery.refused.first()
            );
            left -= batch.len() as u64;
            for event in batch {
                let at = event.record.to.clone();
                let offset = self.next.entry(at.clone()).or_default();
                self.planted.insert(
                    Origin {
                        at,
                        offset: Offset(*offset),
                    },
                    event,
                );
                *offset += 1;
            }
        }
    }
}

/// Every planted event has its outcome and no other, byte for byte; in at_least_once it may be there again, identical.
fn prove_topics(world: &World, story: &Story, planted: &BTreeMap<Origin, Planted>) {
    let mut found: BTreeMap<Origin, Expected> = BTreeMap::new();
    let mut repeated = 0;
    for source in world.sources() {
        for (topic, valid) in [(format!("{source}.validated"), true), (format!("{source}.dlq"), false)] {
            for record in world.read(&topic) {
                let origin = stamp::read(&record.headers).expect("every outcome is stamped").origin;
                let event = planted
                    .get(&origin)
                    .unwrap_or_else(|| panic!("{topic}: {origin:?} was never written"));
                assert_unchanged(&record, event);
                let outcome = match valid {
                    true => Expected::Valid,
                    false => Expected::DeadLetter(reason(&record)),
                };
                if let Some(earlier) = found.insert(origin.clone(), outcome) {
                    assert_eq!(earlier, outcome, "{origin:?} got two classes");
                    assert_eq!(story.mode, "at_least_once", "{origin:?} is doubled");
                    repeated += 1;
                }
            }
        }
    }
    eprintln!(
        "{} {}: {} events, {} outcomes, {repeated} repeated",
        story.store,
        story.mode,
        planted.len(),
        found.len()
    );
    for (origin, event) in planted {
        match event.expected {
            Expected::Skipped(_) => assert!(!found.contains_key(origin), "{origin:?} should have been skipped"),
            expected => assert_eq!(found.get(origin), Some(&expected), "{origin:?}"),
        }
    }
}

fn assert_unchanged(record: &Record, event: &Planted) {
    let original = &event.record;
    assert_eq!(
        (&record.key, &record.value, record.timestamp),
        (&original.key, &original.value, original.timestamp)
    );
    assert_eq!(record.headers[..original.headers.len()], original.headers[..]);
    assert_eq!(record.origin.at.partition, original.to.partition);
}

fn reason(record: &Record) -> &'static str {
    Reason::from_name(header_text(&record.headers, stamp::REASON).unwrap())
        .unwrap()
        .as_str()
}

fn prove_audit(world: &World) {
    let state = world.folder.path().join("audit.state");
    let state = state.to_str().unwrap();
    let (code, out, err) = world.run(&["audit", "--output", "json", "--state", state]);
    assert_eq!(code, 0, "the audit is not clean:\n{out}\n{err}");
    let whole: serde_json::Value = serde_json::from_str(&out).unwrap();
    let (code, out, err) = world.run(&["audit", "--output", "json", "--state", state, "--since-last"]);
    assert_eq!(code, 0, "what came since is not clean:\n{out}\n{err}");
    let since: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&since["files"]["read"], &since["files"]["outside"]),
        (&0.into(), &whole["files"]["read"])
    );
    let (code, _, err) = world.run(&["audit", "--state", state, "--since-last", "--topic", &world.sources()[0]]);
    assert!(code == 2 && err.contains("list of topics"), "{err}");
}

/// DuckDB counts over the plain glob what was validated once, less what the manifests say makes no row.
fn prove_lake(world: &World, planted: &BTreeMap<Origin, Planted>) {
    let store = world.lake();
    let folder = world.folder.path().join("copy");
    for object in store.list("lake/").unwrap() {
        let path = folder.join(&object.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, store.get(&object.path).unwrap().unwrap()).unwrap();
    }
    let mut skipped: BTreeMap<String, u64> = BTreeMap::new();
    for object in store
        .list("chain/")
        .unwrap()
        .iter()
        .filter(|object| object.path.ends_with(".manifest.json"))
    {
        let manifest: serde_json::Value = serde_json::from_slice(&store.get(&object.path).unwrap().unwrap()).unwrap();
        for (policy, count) in manifest["claim"]["skips"].as_object().into_iter().flatten() {
            *skipped.entry(policy.clone()).or_default() += count.as_u64().unwrap();
        }
    }
    let valid = planted.values().filter(|event| event.expected == Expected::Valid).count() as u64;
    let rowless = planted
        .values()
        .filter(|event| event.expected == Expected::Valid && event.rowless)
        .count() as u64;
    assert_eq!(skipped.get("tombstone_after_delete").copied().unwrap_or(0), rowless, "{skipped:?}");
    let sql = "SELECT count(*), count(DISTINCT (_tidegate_source_topic, _tidegate_source_partition, _tidegate_source_offset)) \
               FROM read_parquet('copy/lake/**/*.parquet', union_by_name = true)";
    let rows = duckdb(&world.stand, world.folder.path(), sql);
    assert_eq!(rows[0][0], valid - rowless, "rows under the plain glob");
    assert_eq!(rows[0][1], valid - rowless, "rows of different source records");
    let sql = "SELECT count(*) FROM read_parquet('copy/lake/orders/**/*.parquet') WHERE total IS NULL OR placed_at IS NULL";
    assert_eq!(
        duckdb(&world.stand, world.folder.path(), sql)[0][0],
        0,
        "required columns hold values"
    );
}

/// Waits for a condition; roles that must be running are watched meanwhile.
fn wait(what: &str, roles: &mut [&mut Role], mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !done() {
        for role in roles.iter_mut() {
            role.assert_running();
        }
        if Instant::now() >= deadline {
            let logs: Vec<String> = roles.iter().map(|role| role.tail()).collect();
            panic!("{what} did not come in time\n{}", logs.join("\n---\n"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
