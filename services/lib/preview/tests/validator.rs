//! What a preview counts is what the validator then does: the same records, on the in-memory broker, through a validator with the old
//! contracts and one with the new ones, and through a preview of the two.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidegate_check::input::Known;
use tidegate_check::{Reason, SchemaLookup, SchemaNeed, Skip};
use tidegate_contract::{ContractFile, ContractRef, Severity, Snapshot};
use tidegate_flow::ports::{Clock, Cluster, NewTopic, Scan};
use tidegate_flow::record::{Header, Outgoing, header_text};
use tidegate_flow::{NextOffset, Origin, Record, Remedy, TopicPartition, WorldError, stamp};
use tidegate_preview::run::{Bounds, Ran};
use tidegate_preview::{Asked, Change, Chunk, Feed, Fetched, Pair, Side, Tally};
use tidegate_sim::traffic::{Route, Traffic};
use tidegate_sim::{Broker, BrokerExchange};
use tidegate_validator::{Contracts, JudgingSnapshot, Meter, Parts, Schemas, Settings};

const SCHEMA: u32 = 7;
const NOW: i64 = 1_700_000_100_000_000;
const TOPICS: [&str; 3] = ["orders", "payments", "customers"];

/// A registry with one schema.
struct Registry {
    schema: Arc<tidegate_codec::avro::Schema>,
    asked: Mutex<BTreeSet<u32>>,
    down: bool,
    /// There is none.
    absent: bool,
}

impl Registry {
    fn new() -> Registry {
        let text = std::fs::read_to_string(root().join("schemas/payments/payment.avsc")).unwrap();
        Registry {
            schema: Arc::new(tidegate_codec::avro::Schema::parse(&text, &[]).unwrap()),
            asked: Mutex::default(),
            down: false,
            absent: false,
        }
    }

    fn ask(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        let SchemaNeed::Id(id) = need else {
            panic!("only ids are used here")
        };
        if self.down {
            return Err(WorldError::new(Remedy::Retry, "registry down"));
        }
        self.asked.lock().unwrap().insert(*id);
        Ok(())
    }
}

impl SchemaLookup for Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match need {
            SchemaNeed::Id(id) if !self.asked.lock().unwrap().contains(id) => Known::NotCached,
            SchemaNeed::Id(SCHEMA) => Known::Avro(self.schema.clone()),
            _ => Known::Unknown,
        }
    }
}

impl Schemas for Registry {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.ask(need)
    }
}

impl tidegate_preview::Schemas for Registry {
    fn fetch(&self, need: &SchemaNeed) -> Result<Fetched, WorldError> {
        match self.absent {
            true => Ok(Fetched::NoSource),
            false => self.ask(need).map(|()| Fetched::Known),
        }
    }
}

struct Fixed(Arc<JudgingSnapshot>);

impl Contracts for Fixed {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.0.clone()
    }

    fn at(&mut self, _: &str) -> Option<Arc<JudgingSnapshot>> {
        None
    }
}

struct Quiet;

impl Meter for Quiet {
    fn validated(&self, _: &str, _: &ContractRef, _: u64) {}
    fn dead_letters(&self, _: &str, _: Option<&ContractRef>, _: Reason, _: u64) {}
    fn noted(&self, _: &str, _: &ContractRef, _: Severity) {}
    fn shadowed(&self, _: &str, _: &ContractRef, _: u64, _: u64) {}
    fn skipped(&self, _: &str, _: Skip, _: u64) {}
    fn committed(&self, _: usize, _: i64) {}
    fn aborted(&self) {}
    fn held(&self, _: &TopicPartition, _: bool, _: &str) {}
    fn released(&self, _: &TopicPartition) {}
    fn assigned(&self, _: usize) {}
    fn given_up(&self, _: usize, _: bool) {}
    fn trouble(&self, _: &WorldError) {}
    fn turned(&self, _: Result<(), &str>) {}
    fn snapshot(&self, _: &str) {}
}

/// Batches end by age. No rule of these contracts reads `now`.
struct Real;

impl Clock for Real {
    fn now_micros(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        since.as_micros() as i64
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(10)));
    }
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn files(edit: impl Fn(String) -> String) -> Vec<ContractFile> {
    ["shop/orders/v1", "payments/payments/v2", "crm/customers/v1"]
        .iter()
        .map(|name| format!("{name}.odcs.yaml"))
        .map(|path| ContractFile {
            text: edit(std::fs::read_to_string(root().join("contracts").join(&path)).unwrap()),
            path: path.into(),
        })
        .collect()
}

/// Tighter here, looser there, in all three encodings of the traffic.
fn changed(text: String) -> String {
    let new = text
        .replace("          - value: android\n", "")
        .replace(
            "implementation: value.lines.all(l, l.qty > 0)",
            "implementation: value.lines.all(l, l.qty > 1)",
        )
        .replace("pattern: \"^[A-Z]{3}-[0-9]{4,8}$\"", "pattern: \"[0-9]\"")
        .replace("exclusiveMinimum: 0, maximum: 500000", "maximum: 400")
        .replace("          - value: wallet\n", "")
        .replace("          - value: NOK\n", "          - value: NOK\n          - value: XXX\n")
        .replace("minItems: 1, maxItems: 200", "maxItems: 200");
    assert!(!text.contains("id: orders") || new != text);
    new
}

fn snapshot(files: &[ContractFile]) -> Arc<Snapshot> {
    Arc::new(Snapshot::build("c0ffee", files).unwrap().0)
}

fn broker() -> (Broker, Settings) {
    let broker = Broker::new();
    let settings = Settings {
        batch_age_max: Duration::from_millis(20),
        ..Settings::default()
    };
    make_topics(&broker, &settings);
    let route = Route {
        prefix: String::new(),
        partitions: 3,
        payment_schema: SCHEMA,
        fault_every: 7,
    };
    let mut traffic = Traffic::new(route, 11);
    let mut records: Vec<Outgoing> = (0..6_000_i64)
        .map(|i| traffic.next(1_700_000_000_000_000 + i * 1000).record)
        .collect();
    // A producer that forges our headers, one whose schema nobody knows, a version that nobody has.
    let mut forged = records[0].clone();
    forged.headers.push(Header::text("tidegate.reason", "none"));
    let mut unknown = records[0].clone();
    unknown.to = TopicPartition::new("payments", 0);
    unknown.value = Some(vec![0, 0, 0, 0, 99, 1, 2].into());
    let mut claims = records[0].clone();
    claims.headers.push(Header::text("data-contract", "orders@9.9.9"));
    // And those that name the version in force, or the type of another contract.
    let mut named = Vec::new();
    for (name, value) in [
        ("data-contract", "orders@1.2.0"),
        ("data-contract", "orders@1"),
        ("kind", "special"),
    ] {
        let mut orders = records.iter().filter(|record| *record.to.topic == *"orders");
        let mut record = orders.next().unwrap().clone();
        record.headers.push(Header::text(name, value));
        named.push(record);
    }
    records.extend([forged, unknown, claims]);
    records.extend(named);
    broker.writer().write(&records).unwrap();
    (broker, settings)
}

fn make_topics(broker: &Broker, settings: &Settings) {
    let mut topics = Vec::new();
    for topic in TOPICS {
        for name in [
            topic.to_owned(),
            settings.validated(topic).to_string(),
            settings.dead_letters(topic).to_string(),
        ] {
            topics.push(NewTopic {
                topic: name,
                partitions: 3,
                config: Vec::new(),
            });
        }
    }
    broker.cluster().create(&topics).unwrap();
}

/// What a validator makes of everything that is there: its dead letters, and the origins of what passed.
fn validate(broker: &Broker, settings: &Settings, files: &[ContractFile], group: &str) -> (Vec<Record>, BTreeSet<Origin>) {
    let stop = AtomicBool::new(false);
    let topics: Vec<Arc<str>> = TOPICS.iter().map(|topic| Arc::from(*topic)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut exchange = BrokerExchange::join(broker, group, &topics, Some(group));
            let mut contracts = Fixed(Arc::new(JudgingSnapshot::compile(snapshot(files)).unwrap()));
            let registry = Registry::new();
            let parts = Parts {
                exchange: &mut exchange,
                contracts: &mut contracts,
                schemas: &registry,
                clock: &Real,
                meter: &Quiet,
            };
            tidegate_validator::run(settings, parts, &stop).unwrap();
        });
        let deadline = Instant::now() + Duration::from_secs(120);
        let is_done = |topic: &Arc<str>| {
            let ends = broker.cluster().offsets(topic).unwrap();
            ends.iter().enumerate().all(|(partition, (_, end))| {
                end.0 == 0 || broker.committed(group, &TopicPartition::new(topic.clone(), partition as i32)) == Some(*end)
            })
        };
        while !topics.iter().all(is_done) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        stop.store(true, Ordering::Release);
        assert!(topics.iter().all(is_done), "the validator did not come to an end");
    });
    let dead = TOPICS
        .iter()
        .flat_map(|topic| read(broker, &settings.dead_letters(topic)))
        .collect();
    let passed = TOPICS
        .iter()
        .flat_map(|topic| read(broker, &settings.validated(topic)))
        .map(|record| stamp::read(&record.headers).unwrap().origin)
        .collect();
    (dead, passed)
}

fn read(broker: &Broker, topic: &str) -> Vec<Record> {
    let ends = broker.cluster().offsets(topic).unwrap();
    let mut scan = broker.scan();
    (0..ends.len())
        .flat_map(|partition| {
            let at = TopicPartition::new(topic, partition as i32);
            scan.scan(&at, NextOffset(0), ends[partition].1, usize::MAX).unwrap()
        })
        .collect()
}

/// Hands out records, a few at a time.
struct Records(Vec<Record>, bool);

impl Feed for Records {
    fn next(&mut self, events_max: u64) -> Result<Option<Chunk>, WorldError> {
        let count = self.0.len().min(100).min(events_max as usize);
        let records: Vec<Record> = self.0.drain(..count).collect();
        Ok((!records.is_empty()).then_some(match self.1 {
            true => Chunk::DeadLetters { records, now: NOW },
            false => Chunk::Records { records, now: NOW },
        }))
    }
}

fn side(name: &str, files: &[ContractFile]) -> Side {
    Side::new(name, &snapshot(files).contracts).unwrap()
}

fn preview(old: &[ContractFile], new: &[ContractFile], mut feed: Records, registry: &Registry, threads: usize) -> Result<Ran, WorldError> {
    let pair = Pair {
        old: side("old", old),
        new: side("new", new),
    };
    let bounds = Bounds {
        events_max: u64::MAX,
        threads,
    };
    tidegate_preview::run(&pair, &mut feed, &Asked::default(), registry, bounds, &mut |_| true)
}

fn origins(dead: &[Record]) -> BTreeSet<Origin> {
    dead.iter().map(|letter| stamp::read(&letter.headers).unwrap().origin).collect()
}

/// Dead letters by reason, and by rules of severity error.
fn by_rule<'a>(dead: impl Iterator<Item = &'a Record>) -> (BTreeMap<String, u64>, BTreeMap<(String, String), u64>) {
    let (mut reasons, mut rules) = (BTreeMap::new(), BTreeMap::new());
    for letter in dead {
        let reason = header_text(&letter.headers, stamp::REASON).unwrap();
        *reasons.entry(reason.to_owned()).or_default() += 1;
        let errors: Vec<serde_json::Value> = serde_json::from_str(header_text(&letter.headers, stamp::ERRORS).unwrap()).unwrap();
        let broken: BTreeSet<(String, String)> = errors
            .iter()
            .filter(|error| error["severity"] == "error")
            .map(|error| {
                (
                    error["reason"].as_str().unwrap().to_owned(),
                    error["rule"].as_str().unwrap().to_owned(),
                )
            })
            .collect();
        for rule in broken {
            *rules.entry(rule).or_default() += 1;
        }
    }
    (reasons, rules)
}

fn reasons(tally: &Tally, changes: &[Change]) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    for (reason, count) in changes.iter().flat_map(|change| tally.reasons(*change)) {
        *counted.entry(reason.as_str().to_owned()).or_default() += count;
    }
    counted
}

/// Events by rule, where a rule stands at one place only.
fn rules(tally: &Tally, changes: &[Change]) -> BTreeMap<(String, String), (u64, usize)> {
    let mut counted: BTreeMap<(String, String), (u64, usize)> = BTreeMap::new();
    let mut paths: BTreeMap<_, BTreeSet<(Arc<str>, String)>> = BTreeMap::new();
    for (key, count) in changes.iter().flat_map(|change| tally.rules(*change)) {
        let name = (key.reason.as_str().to_owned(), key.rule.to_string());
        counted.entry(name.clone()).or_default().0 += count.events;
        paths.entry(name).or_default().insert((key.subject.clone(), key.path.clone()));
    }
    for (name, paths) in paths {
        counted.entry(name).or_default().1 = paths.len();
    }
    counted
}

#[test]
fn counts_are_what_the_validator_then_does() {
    let (old, new) = (files(|text| text), files(changed));
    let (broker, settings) = broker();
    let raw: Vec<Record> = TOPICS.iter().flat_map(|topic| read(&broker, topic)).collect();
    let (dead_old, passed_old) = validate(&broker, &settings, &old, "old");
    // The same records again, from a broker of their own, under the new contracts.
    let (again, settings) = self::broker();
    let (dead_new, passed_new) = validate(&again, &settings, &new, "new");

    let tally = preview(&old, &new, Records(raw.clone(), false), &Registry::new(), 3).unwrap().tally;
    let (was, is) = (origins(&dead_old), origins(&dead_new));
    let newly: BTreeSet<&Origin> = is.difference(&was).collect();
    assert!(
        newly.len() > 100 && was.difference(&is).count() > 10,
        "{} {}",
        newly.len(),
        was.difference(&is).count()
    );
    assert_eq!(tally.events() as usize, raw.len());
    assert_eq!(tally.of(Change::NewlyFailing) as usize, newly.len());
    assert_eq!(tally.of(Change::NewlyPassing) as usize, was.difference(&is).count());
    assert_eq!(tally.of(Change::StillFailing) as usize, was.intersection(&is).count());
    assert_eq!(
        tally.of(Change::StillPassing) as usize,
        passed_old.intersection(&passed_new).count()
    );
    assert_eq!(tally.of(Change::StillSkipped) as usize, raw.len() - is.len() - passed_new.len());
    assert!(tally.of(Change::StillSkipped) > 0 && tally.of(Change::Undecided) == 0);

    // By reason and by rule, of those that newly fail and of all that fail.
    let failing = [Change::NewlyFailing, Change::StillFailing];
    for (changes, letters) in [
        (
            &failing[..1],
            dead_new
                .iter()
                .filter(|letter| newly.contains(&stamp::read(&letter.headers).unwrap().origin))
                .collect::<Vec<_>>(),
        ),
        (&failing[..], dead_new.iter().collect()),
        (
            &[Change::NewlyPassing],
            dead_old
                .iter()
                .filter(|letter| !is.contains(&stamp::read(&letter.headers).unwrap().origin))
                .collect(),
        ),
    ] {
        let (by_reason, by_rule) = by_rule(letters.iter().copied());
        assert_eq!(reasons(&tally, changes), by_reason);
        let counted = rules(&tally, changes);
        assert_eq!(counted.keys().collect::<Vec<_>>(), by_rule.keys().collect::<Vec<_>>());
        for (rule, events) in by_rule {
            let (counted, places) = counted[&rule];
            // An event that breaks a rule at two places counts at both.
            assert!(
                counted == events || (places > 1 && counted > events),
                "{rule:?}: {counted} at {places} places, {events} dead letters"
            );
        }
    }
    for reason in [
        "registry_schema_unknown",
        "unplanned_event",
        "semantic_violation",
        "constraint_violation",
    ] {
        assert!(
            by_rule(dead_new.iter()).0.contains_key(reason),
            "{reason} does not occur, so nothing is shown about it"
        );
    }
}

#[test]
fn dead_letters_are_judged_as_the_records_that_they_were() {
    let (old, new) = (files(|text| text), files(changed));
    let (broker, settings) = broker();
    let (dead, _) = validate(&broker, &settings, &old, "old");
    let (again, settings) = self::broker();
    let (dead_new, _) = validate(&again, &settings, &new, "new");
    let freed = origins(&dead).difference(&origins(&dead_new)).count();
    let tally = preview(&old, &new, Records(dead.clone(), true), &Registry::new(), 2).unwrap().tally;
    assert_eq!((tally.of(Change::NewlyPassing) as usize, tally.of(Change::Undecided)), (freed, 0));
    assert!(freed > 10);
    // Judged again as it was judged: every one of them still fails under its own contracts.
    let same = preview(&old, &old, Records(dead.clone(), true), &Registry::new(), 2).unwrap().tally;
    assert_eq!(same.of(Change::StillFailing) as usize, dead.len());
    assert_eq!(reasons(&same, &[Change::StillFailing]), by_rule(dead.iter()).0);

    // A value that was left out, and a record that is no dead letter, are named.
    let mut left_out = dead[0].clone();
    left_out.value = None;
    left_out.headers.push(Header::text(stamp::VALUE_SHA256, "00"));
    let mut stranger = dead[0].clone();
    stranger.headers.clear();
    let tally = preview(&old, &new, Records(vec![left_out, stranger], true), &Registry::new(), 1)
        .unwrap()
        .tally;
    assert_eq!(tally.of(Change::Undecided), 2);
    let why: Vec<&str> = tally.undecided_for().map(|(why, _)| why).collect();
    assert!(
        why.iter().any(|why| why.contains("digest")) && why.iter().any(|why| why.contains("no stamp")),
        "{why:?}"
    );
}

#[test]
fn a_registry_that_is_down_ends_it_and_none_at_all_leaves_undecided() {
    let (old, new) = (files(|text| text), files(changed));
    let (broker, _) = broker();
    let payments = read(&broker, "payments");
    let down = Registry {
        down: true,
        ..Registry::new()
    };
    let error = preview(&old, &new, Records(payments.clone(), false), &down, 2).unwrap_err();
    assert!(error.what.contains("registry down"));
    let absent = Registry {
        absent: true,
        ..Registry::new()
    };
    let tally = preview(&old, &new, Records(payments.clone(), false), &absent, 2).unwrap().tally;
    // What is in no frame is refused without a schema.
    assert!(tally.of(Change::Undecided) > 1_000, "{tally:?}");
    assert_eq!(
        (tally.of(Change::Undecided) + tally.of(Change::StillFailing)) as usize,
        payments.len()
    );
    let passing = tally.of(Change::StillPassing) + tally.of(Change::NewlyPassing);
    assert_eq!(passing, 0, "nothing passes unread");
}

#[test]
fn the_result_does_not_depend_on_threads() {
    let (old, new) = (files(|text| text), files(changed));
    let (broker, _) = broker();
    let raw: Vec<Record> = TOPICS.iter().flat_map(|topic| read(&broker, topic)).collect();
    let one = preview(&old, &new, Records(raw.clone(), false), &Registry::new(), 1).unwrap().tally;
    let many = preview(&old, &new, Records(raw, false), &Registry::new(), 7).unwrap().tally;
    assert_eq!(one, many, "examples included");
}

/// Edits after which no clause of a value differs, and events are judged otherwise all the same.
#[test]
fn what_only_names_versions_and_sets_change_is_counted_as_well() {
    let rule = "implementation: value.lines.all(l, l.qty > 0)";
    let asks = |expression: &'static str| move |text: String| text.replace(rule, &format!("implementation: \"{expression}\""));
    let raised = |text: String| text.replace("version: \"1.2.0\"", "version: \"1.3.0\"");
    let drafted = |text: String| match text.contains("id: orders") {
        true => text.replace("status: active", "status: draft"),
        false => text,
    };
    // Another contract takes the special orders.
    let rival = |files: &[ContractFile]| {
        let special = "    customProperties:\n      - {property: discriminator, vendor: tidegate, value: {from: header, name: kind, value: special}}\n";
        let mut files = files.to_vec();
        files.push(ContractFile {
            path: "shop/special/v1.odcs.yaml".into(),
            text: format!(
                "apiVersion: v3.2.0\nkind: DataContract\nid: special\nversion: 1.0.0\nstatus: active\nschema:\n  - name: special\n    physicalName: \
                 orders\n    physicalType: topic\n{special}    properties:\n      - {{name: never, required: true}}\n"
            ),
        });
        files
    };
    let reads_version = asks("meta.version == '1.2.0'");
    let sees_names = asks("'labels' in value");
    let renamed = |text: String| sees_names(text).replace("      - name: labels\n", "      - name: tags\n        physicalName: labels\n");
    let plain = files(|text| text);
    for (name, old, new) in [
        (
            "a rule reads the version",
            files(reads_version),
            files(|text| raised(reads_version(text))),
        ),
        ("the version is raised in place", plain.clone(), files(raised)),
        ("the contract is a draft", plain.clone(), files(drafted)),
        ("another contract takes events", plain.clone(), rival(&plain)),
        ("a rule sees what is declared", files(sees_names), files(renamed)),
    ] {
        let (broker, settings) = broker();
        let raw: Vec<Record> = TOPICS.iter().flat_map(|topic| read(&broker, topic)).collect();
        let was = origins(&validate(&broker, &settings, &old, "old").0);
        let (again, settings) = self::broker();
        let is = origins(&validate(&again, &settings, &new, "new").0);
        let tally = preview(&old, &new, Records(raw.clone(), false), &Registry::new(), 2).unwrap().tally;
        assert!(is.difference(&was).count() > 0, "{name}: nothing newly fails, so nothing is shown");
        assert_eq!(tally.of(Change::NewlyFailing) as usize, is.difference(&was).count(), "{name}");
        assert_eq!(tally.of(Change::NewlyPassing) as usize, was.difference(&is).count(), "{name}");
        assert_eq!(tally.of(Change::StillFailing) as usize, was.intersection(&is).count(), "{name}");
        assert_eq!((tally.events() as usize, tally.of(Change::Undecided)), (raw.len(), 0), "{name}");
    }
}
