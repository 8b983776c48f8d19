//! Looking at a million dead letters, and sending them back: processor time of this process, librdkafka's threads included.
//!
//! A look is what `dlq ls` does once the contracts are there: clients are made, the state topic is read, what came since is counted and kept.
//! A build with optimisation fails where a look at what was counted before takes a second, or a replay sends fewer than 50,000 records in a
//! second of processor time.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use tidegate_contract::{Contract, ContractRef};
use tidegate_flow::ports::{Clock, Cluster as _, NewTopic};
use tidegate_flow::record::Outgoing;
use tidegate_flow::stamp::{self, JudgedBy};
use tidegate_flow::{Header, Offset, Origin, Record, TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, GroupRelay, PartitionScan, RecordWriter, Settings};
use tidegate_repair::Repair;
use tidegate_replay::board::fold_record;
use tidegate_replay::ports::Unwatched;
use tidegate_replay::run::{Ended, Pace, Ports, group, replay, transactional_id};
use tidegate_replay::survey::survey;
use tidegate_replay::{Board, Contracts, Counts, Earlier, Filter, Job, Ruling, Stretch};

use crate::measure::cpu_now;
use crate::topics::{self, PARTITIONS};

const SOURCE: &str = "tidegate-load.orders";
const REPAIR: &str =
    "tidegate: repair/v1\nsteps:\n  - cast: /total\n    to: number\n    when: value.channel == 'web'\n  - set: /currency\n    value: EUR\n";
const CONTRACT: &str = "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nversion: 1.2.0\nstatus: active\nschema:\n  - name: orders\n    physicalType: topic\n    properties:\n      - name: channel\n        logicalType: string\n      - name: total\n        logicalType: number\n";
/// Goals of the issue.
const LOOK_MAX: Duration = Duration::from_secs(1);
const REPLAYED_MIN: f64 = 50_000.0;

/// Flags.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kafka brokers.
    #[arg(long, env = "TIDEGATE_STAND_KAFKA_BOOTSTRAP")]
    brokers: String,
    /// Dead letters.
    #[arg(long, default_value_t = 1_000_000)]
    letters: i64,
    /// How many of them are sent back.
    #[arg(long, default_value_t = 300_000)]
    replayed: i64,
}

struct Now;

impl Clock for Now {
    fn now_micros(&self) -> i64 {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The contract above.
struct Orders(Arc<Contract>);

impl Contracts for Orders {
    fn judge(&mut self, _: &str, _: &Record) -> Result<Ruling, WorldError> {
        Ok(Ruling::Valid)
    }

    fn object(&mut self, _: &str, _: &Record) -> Result<Option<(Arc<Contract>, usize)>, WorldError> {
        Ok(Some((self.0.clone(), 0)))
    }

    fn has_field(&self, _: &str, _: Option<&ContractRef>, _: &str) -> bool {
        true
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let settings = Settings::plain(args.brokers.as_str());
    let names = [".dlq", ".retry", ".retry-repaired", ".parked"].map(|suffix| format!("{SOURCE}{suffix}"));
    let [dead, retry, repaired, parked] = &names;
    let state = format!("{SOURCE}.state");
    let all = [dead.as_str(), retry.as_str(), repaired.as_str(), parked.as_str()];
    topics::create(&settings, &all)?;
    let mut cluster = ClusterClient::connect(&settings)?;
    cluster.create(&[NewTopic {
        topic: state.clone(),
        partitions: 1,
        config: vec![("cleanup.policy".to_owned(), "compact".to_owned())],
    }])?;
    ensure!(
        !topics::holds_records(&settings, retry)?,
        "{retry} holds records: remove the topics {SOURCE}.* first"
    );
    if !topics::holds_records(&settings, dead)? {
        fill(&settings, dead, args.letters)?;
    }
    let mut missed = Vec::new();
    look(&settings, dead, &state, "look, nothing kept", None)?;
    look(&settings, dead, &state, "look, counts kept", Some(&mut missed))?;
    let further: Vec<Outgoing> = (0..30).map(|number| letter(dead, &contract_ref(), args.letters + number)).collect();
    let delivery = RecordWriter::connect(&settings)?
        .write(&further)
        .map_err(|fault| anyhow::anyhow!("{fault}"))?;
    ensure!(delivery.delivered == further.len(), "not everything was taken");
    look(
        &settings,
        dead,
        &state,
        "look, counts kept and thirty more since",
        Some(&mut missed),
    )?;
    look(&settings, dead, &state, "look, those kept as well", Some(&mut missed))?;
    let (contract, problems) = tidegate_contract::parse("orders.odcs.yaml", CONTRACT);
    let contract = Arc::new(contract.with_context(|| format!("{problems:?}"))?);
    let text = Repair::parse("casts.repair.yaml", REPAIR).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    for (target, repair) in [(retry, None), (repaired, Some(&text))] {
        let per_partition = args.replayed / i64::from(PARTITIONS);
        let stretches = (0..PARTITIONS).map(|partition| Stretch {
            partition,
            from: 0,
            until: per_partition,
        });
        let mut job = Job {
            v: 1,
            id: format!("load-{}", Now.now_micros()),
            source: SOURCE.to_owned(),
            dead_letters: dead.clone(),
            target: target.clone(),
            parked: Some(parked.clone()),
            attempts_max: 3,
            group: group(&format!("load-{}", Now.now_micros())),
            filter: Filter::default(),
            repair: None,
            stretches: stretches.collect(),
            topic_ids: std::collections::BTreeMap::new(),
            again: false,
            only_valid: false,
            snapshot: "none".to_owned(),
            by: "loadtest".to_owned(),
            reason: None,
            begun: 0,
            at: 0,
            finished: false,
            counts: Counts::default(),
        };
        let mut relay = GroupRelay::open(&settings, &job.group, &transactional_id(dead))?;
        let (begun, at) = (cpu_now(), std::time::Instant::now());
        let ports = Ports {
            cluster: &mut ClusterClient::connect(&settings)?,
            scan: &mut scan_of(&settings)?,
            relay: &mut relay,
            contracts: &mut Orders(contract.clone()),
            clock: &Now,
            watch: &mut Unwatched,
        };
        let pace = Pace {
            rate: None,
            accept_gone: false,
        };
        let ended = replay(&mut job, repair, &state, pace, &Earlier::default(), ports, &AtomicBool::new(false))?;
        let (cpu, wall) = ((cpu_now() - begun).as_secs_f64(), at.elapsed().as_secs_f64());
        ensure!(ended == Ended::Finished, "it was stopped");
        let sent: i64 = ClusterClient::connect(&settings)?
            .offsets(target)?
            .iter()
            .enumerate()
            .map(|(partition, (low, end))| {
                let at = TopicPartition::new(target.as_str(), partition as i32);
                use tidegate_flow::ports::Scan as _;
                scan_of(&settings)?
                    .scan(&at, *low, *end, usize::MAX)
                    .map(|records| records.len() as i64)
            })
            .sum::<Result<i64, _>>()?;
        ensure!(
            sent == per_partition * i64::from(PARTITIONS) && sent as u64 == job.counts.sent,
            "{sent} arrived: {:?}",
            job.counts
        );
        println!(
            "replay{}: {sent} records, {cpu:.3} s processor time ({:.0} records a processor second), {wall:.3} s wall",
            if repair.is_some() { " with a repair" } else { "" },
            sent as f64 / cpu
        );
        if sent as f64 / cpu < REPLAYED_MIN {
            missed.push(format!(
                "a replay sent fewer than {REPLAYED_MIN} records a second of processor time"
            ));
        }
    }
    topics::delete(&settings, &[dead, retry, repaired, parked, &state])?;
    ensure!(cfg!(debug_assertions) || missed.is_empty(), "{}", missed.join("; "));
    Ok(())
}

/// Counts the groups as `dlq ls` does, and keeps what is new. With somewhere to put it, a look that takes too long is a goal that was missed.
fn look(settings: &Settings, dead: &str, state: &str, what: &str, missed: Option<&mut Vec<String>>) -> anyhow::Result<()> {
    let (begun, at) = (cpu_now(), std::time::Instant::now());
    let mut cluster = ClusterClient::connect(settings)?;
    let mut scan = scan_of(settings)?;
    let bounds = cluster
        .offsets(state)?
        .first()
        .copied()
        .context("the state topic has a partition")?;
    let board = Board::read(&mut scan, state, bounds)?;
    let topics: Vec<Arc<str>> = vec![dead.into()];
    let found = survey(&mut cluster, &mut scan, &topics, &board, i64::MAX, &|_, _, _| true, &mut Unwatched)?;
    let kept: Vec<Outgoing> = found
        .fresh
        .iter()
        .map(|place| fold_record(state, &found.folds[*place]).context("a fold is too large"))
        .collect::<anyhow::Result<_>>()?;
    if !kept.is_empty() {
        let delivery = RecordWriter::connect_repeating(settings)?
            .write(&kept)
            .map_err(|fault| anyhow::anyhow!("{fault}"))?;
        ensure!(delivery.delivered == kept.len(), "not all counts were kept");
    }
    let letters: u64 = found
        .folds
        .iter()
        .flat_map(|fold| fold.groups.values())
        .map(|group| group.count)
        .sum();
    let wall = at.elapsed();
    println!(
        "{what}: {letters} dead letters, {} read, {:.3} s processor time, {:.3} s wall",
        found.read,
        (cpu_now() - begun).as_secs_f64(),
        wall.as_secs_f64()
    );
    if let Some(missed) = missed
        && wall >= LOOK_MAX
    {
        missed.push(format!("{what} took {wall:?}, and may take {LOOK_MAX:?}"));
    }
    Ok(())
}

fn contract_ref() -> ContractRef {
    ContractRef {
        id: "orders".into(),
        version: "1.2.0".into(),
    }
}

fn scan_of(settings: &Settings) -> Result<PartitionScan, WorldError> {
    PartitionScan::connect(settings)
}

/// As the validator writes them, of thirty groups.
fn fill(settings: &Settings, topic: &str, letters: i64) -> anyhow::Result<()> {
    let mut writer = RecordWriter::connect(settings)?;
    let contract = contract_ref();
    let mut written = 0;
    while written < letters {
        let count = 20_000.min(letters - written);
        let batch: Vec<Outgoing> = (written..written + count).map(|number| letter(topic, &contract, number)).collect();
        let delivery = writer.write(&batch).map_err(|fault| anyhow::anyhow!("{fault}"))?;
        ensure!(delivery.delivered == batch.len(), "not everything was taken");
        written += count;
    }
    Ok(())
}

fn letter(topic: &str, contract: &ContractRef, number: i64) -> Outgoing {
    let partition = (number % i64::from(PARTITIONS)) as i32;
    let origin = Origin {
        at: TopicPartition::new(SOURCE, partition),
        offset: Offset(number * 7),
    };
    let mut headers = Vec::new();
    JudgedBy::new(
        Some(contract),
        "fb006336ccd69fc2b2a4ece25135ca9db751a581",
        "3",
        1_795_255_076_577_726 + number,
    )
    .stamp(&mut headers, &origin);
    headers.push(Header::text(stamp::REASON, "type_mismatch"));
    headers.push(Header::text(stamp::RULES, "type"));
    let field = number % 30;
    let errors = format!(
        r#"[{{"reason":"type_mismatch","rule":"type","severity":"error","pointer":"/lines/{}/field{field}","contract":"shop/orders/v1.odcs.yaml:147:9","clause":"/schema/0/properties/{field}"}}]"#,
        number % 7
    );
    headers.push(Header::text(stamp::ERRORS, errors));
    headers.push(Header::text(stamp::FAILED_AT, "2026-11-21T10:04:09.505109Z"));
    for name in [
        "topic",
        "partition",
        "offset",
        "connector.name",
        "stage",
        "exception.class.name",
        "exception.message",
    ] {
        headers.push(Header::text(
            format!("__connect.errors.{name}"),
            "type_mismatch (type) at /lines/0/field",
        ));
    }
    let value = format!(
        r#"{{"order_id":"6b1f4f0e-6f1f-4d5c-9b0a-{number:012x}","placed_at":"2026-11-21T08:15:30.123Z","channel":"web","customer":{{"customer_id":{number},"email":"ada@example.com","country":"NO"}},"currency":"SEK","lines":[{{"sku":"LMP-10442","qty":2,"price":49.90}},{{"sku":"CBL-0007","qty":1,"price":9.90}}],"total":"109.70"}}"#
    );
    Outgoing {
        to: TopicPartition::new(topic, partition),
        timestamp: None,
        key: Some(Bytes::from(format!("customer-{}", number % 5_000))),
        value: Some(Bytes::from(value)),
        headers,
    }
}
