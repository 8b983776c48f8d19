//! The play: generator, two validators, sink, SLA checks, and the proof at the end.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tidegate_audit::{Ports, audit};
use tidegate_flow::ports::{Clock as _, NewTopic, Store};
use tidegate_flow::{Record, TopicPartition, WorldError, stamp};
use tidegate_sim::Broker;
use tidegate_sim::traffic::{Expected, Route, Traffic};
use tidegate_sla::{Filter, run_once};
use tidegate_telemetry::{Health, Metrics, Server};
use tidegate_validator::Parts;

use super::backend::Backend;
use super::display;
use super::drill::{BEGINS_AFTER, NEVER, Outage};
use super::setup::{PAYMENT_SCHEMA, Places, prepare};
use crate::cli::DemoArgs;
use crate::commands::audit::ControlRecords;
use crate::commands::{audit as audit_command, sla as sla_command};
use crate::screen::say;
use crate::signals::stop_flag;
use crate::wiring::busy::{Busy, IdleClock};
use crate::wiring::clock::{SystemClock, now_micros};
use crate::wiring::contracts::LiveContracts;
use crate::wiring::lag::{LagWatch, Look};
use crate::wiring::metered::{Metered, MeteredSchemas, MeteredStore};
use crate::wiring::meters::{SinkMeter, ValidatorMeter};
use crate::wiring::schemas::SchemaSource;

const PARTITIONS: i32 = 6;
const PAYMENT_SCHEMA_ID: u32 = 1;
/// How long the roles may take to finish what the generator wrote.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// What was planted and what was found, by topic and outcome.
pub(super) type Ledger = BTreeMap<(String, Expected), u64>;

/// Everything that the threads share.
struct Stage {
    backend: Backend,
    validator: tidegate_validator::Settings,
    sink: tidegate_sink::Settings,
    groups: [String; 2],
    sources: Vec<Arc<str>>,
    contracts: LiveContracts,
    schemas: SchemaSource,
    store: Arc<dyn Store>,
    metrics: Metrics,
    health: Health,
    /// Ends the validators, then the sink.
    stops: [Arc<AtomicBool>; 2],
    failures: Mutex<Vec<String>>,
    /// The store is away (drill).
    away: Arc<AtomicBool>,
    /// A drill has shown itself.
    shown: AtomicBool,
}

/// Plays until time or Ctrl-C; true when planted equals found and the audit is clean.
pub(super) fn play(args: &DemoArgs) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let asked_to_stop = stop_flag();
    let run = format!("{:x}", now_micros());
    let backend = match &args.brokers {
        None => Backend::Embedded(Broker::incarnation(now_micros().unsigned_abs())),
        Some(brokers) => Backend::Kafka(tidegate_kafka::Settings::plain(brokers)),
    };
    // On a shared Kafka each run has topics of its own: planted and found can only be compared for what this run wrote.
    let prefix = if args.brokers.is_some() {
        format!("tidegate-demo.{run}.")
    } else {
        String::new()
    };
    let places = prepare(&args.lake, &prefix, args.drill)?;
    display::step(
        begun,
        &format!(
            "contracts in {}{}",
            places.contracts.display(),
            if places.git { ", a Git repository" } else { "" }
        ),
    );
    let stage = Stage::set(args, backend, &places, &prefix, &run)?;
    display::step(
        begun,
        match &args.brokers {
            None => "broker in memory (with --brokers HOST:PORT: your Kafka)".to_owned(),
            Some(brokers) => format!("Kafka at {brokers}, topics {prefix}*"),
        }
        .as_str(),
    );
    stage.metrics.readiness("demo", &stage.health);
    let server = Server::start(crate::commands::address(&args.http)?, stage.metrics.clone(), stage.health.clone())?;
    display::step(begun, &format!("metrics at http://{}/metrics", server.address()));

    let mut planted = Ledger::new();
    let found = std::thread::scope(|scope| -> anyhow::Result<Ledger> {
        let stage = &stage;
        let workers: Vec<_> = (0..2)
            .map(|number| scope.spawn(move || stage.run("validator", || stage.validate(number))))
            .collect();
        let sink = scope.spawn(|| stage.run("sink", || stage.sink()));
        display::step(begun, "two validators, one sink, SLA checks every 10 s");
        let played = stage.direct(args, begun, &asked_to_stop, &prefix, server.address(), &mut planted);
        // In this order: what the validators commit last is still landed.
        stage.stops[0].store(true, Ordering::Release);
        for worker in workers {
            worker.join().expect("workers do not panic");
        }
        // A drill ends with its fault in place: nothing is waited for, and the store is back so that the sink can stop.
        stage.away.store(false, Ordering::Release);
        let settled = match args.drill {
            Some(_) => played,
            None => played.and_then(|()| stage.wait_until_landed()),
        };
        stage.stops[1].store(true, Ordering::Release);
        sink.join().expect("the sink does not panic");
        settled?;
        match args.drill {
            Some(_) => Ok(Ledger::new()),
            None => stage.find(),
        }
    });
    let found = found?;
    if args.drill.is_some() {
        say(format_args!(
            "\nThe drill is over. Remove it all with: rm -r {}",
            args.lake.display()
        ));
        return Ok(stage.shown.load(Ordering::Acquire));
    }
    stage.finale(args, &places, &planted, &found)
}

impl Stage {
    fn set(args: &DemoArgs, backend: Backend, places: &Places, prefix: &str, run: &str) -> anyhow::Result<Stage> {
        let metrics = Metrics::new(crate::build::VERSION, crate::build::COMMIT);
        let contracts = LiveContracts::open(&places.contracts.display().to_string())
            .map_err(anyhow::Error::msg)?
            .counted_by(&metrics)
            .announced();
        let schema = tidegate_codec::avro::Schema::parse(PAYMENT_SCHEMA, &[])
            .map_err(anyhow::Error::msg)
            .context("the payment schema")?;
        let validator = tidegate_validator::Settings {
            batch_age_max: Duration::from_millis(200),
            ..Default::default()
        };
        let mut sink = tidegate_sink::Settings::default();
        sink.limits.age_max = Duration::from_secs(2);
        let sources: Vec<Arc<str>> = ["orders", "payments", "customers"]
            .iter()
            .map(|name| format!("{prefix}{name}").into())
            .collect();
        let topics = sources
            .iter()
            .flat_map(|source| [source.clone(), validator.validated(source), validator.dead_letters(source)]);
        let topics: Vec<NewTopic> = topics
            .map(|topic| NewTopic {
                topic: topic.to_string(),
                partitions: PARTITIONS,
                config: Vec::new(),
            })
            .collect();
        backend.cluster()?.create(&topics)?;
        Ok(Stage {
            backend,
            validator,
            sink,
            groups: [format!("tidegate-demo-validator-{run}"), format!("tidegate-demo-sink-{run}")],
            sources,
            contracts,
            schemas: SchemaSource::Fixed(Arc::new(HashMap::from([(PAYMENT_SCHEMA_ID, Arc::new(schema))]))),
            store: tidegate_lake::open(&args.lake.display().to_string(), &tidegate_lake::LakeOptions::default())?,
            metrics,
            health: Health::starting(),
            stops: [Arc::default(), Arc::default()],
            failures: Mutex::default(),
            away: Arc::default(),
            shown: AtomicBool::new(false),
        })
    }

    /// Runs a role; its failure ends the demo.
    fn run(&self, name: &str, role: impl FnOnce() -> Result<(), WorldError>) {
        if let Err(error) = role() {
            self.failures
                .lock()
                .expect("no panic happens while it is held")
                .push(format!("{name}: {error}"));
        }
    }

    fn validate(&self, number: usize) -> Result<(), WorldError> {
        let busy = Busy::new(&self.metrics, "validator");
        let clock = IdleClock {
            clock: SystemClock {
                stop: self.stops[0].clone(),
            },
            busy: busy.clone(),
        };
        let meter = ValidatorMeter::new(&self.metrics, &self.health, &format!("validator-{number}"));
        let exchange = self
            .backend
            .exchange(&self.groups[0], &self.sources, &format!("{}-{number}", self.groups[0]))?;
        let mut exchange = Metered::new(exchange, &self.metrics, &busy);
        let _lag = self.lag(exchange.positions())?;
        let schemas = MeteredSchemas {
            inner: self.schemas.clone(),
            metrics: self.metrics.clone(),
            busy,
        };
        let mut contracts = self.contracts.clone();
        let parts = Parts {
            exchange: &mut exchange,
            contracts: &mut contracts,
            schemas: &schemas,
            clock: &clock,
            meter: &meter,
        };
        tidegate_validator::run(&self.validator, parts, &self.stops[0])
    }

    fn sink(&self) -> Result<(), WorldError> {
        let busy = Busy::new(&self.metrics, "sink");
        let clock = IdleClock {
            clock: SystemClock {
                stop: self.stops[1].clone(),
            },
            busy: busy.clone(),
        };
        let meter = SinkMeter::new(&self.metrics, &self.health);
        let validated = self.validated();
        let mut cluster = self.backend.cluster()?;
        let consumer = self.backend.consumer(&self.groups[1], &validated)?;
        let mut consumer = Metered::new(consumer, &self.metrics, &busy).counting();
        let _lag = self.lag(consumer.positions())?;
        let schemas = MeteredSchemas {
            inner: self.schemas.clone(),
            metrics: self.metrics.clone(),
            busy: busy.clone(),
        };
        let store = MeteredStore {
            inner: Arc::new(Outage {
                inner: self.store.clone(),
                away: self.away.clone(),
            }),
            metrics: self.metrics.clone(),
            busy,
        };
        let mut rulings = tidegate_sink::SnapshotRulings::new(|| self.contracts.current().snapshot.clone(), &schemas);
        let parts = tidegate_sink::Parts {
            consumer: &mut consumer,
            cluster: &mut *cluster,
            store: &store,
            rulings: &mut rulings,
            clock: &clock,
            metrics: &meter,
        };
        tidegate_sink::run(&self.sink, parts, &self.stops[1])
    }

    fn lag(&self, positions: crate::wiring::metered::Positions) -> Result<LagWatch, WorldError> {
        let backend = self.backend.clone();
        let nothing = |_: &Arc<str>| Vec::new();
        LagWatch::start(positions, &self.metrics, nothing, move || {
            Ok(Look {
                cluster: backend.cluster()?,
                records: Some(backend.scan()?),
                logs: None,
            })
        })
    }

    fn validated(&self) -> Vec<Arc<str>> {
        self.sources.iter().map(|source| self.validator.validated(source)).collect()
    }

    /// Writes events at the asked rate, shows the first dead letter and a line a second, until the time is up; then waits until the
    /// validators have committed all of it.
    fn direct(
        &self,
        args: &DemoArgs,
        begun: Instant,
        stop: &AtomicBool,
        prefix: &str,
        metrics: std::net::SocketAddr,
        planted: &mut Ledger,
    ) -> anyhow::Result<()> {
        let mut route = Route {
            prefix: prefix.to_owned(),
            partitions: PARTITIONS,
            payment_schema: PAYMENT_SCHEMA_ID,
            fault_every: if args.drill.is_some() { NEVER } else { 25 },
        };
        let mut traffic = Traffic::new(route.clone(), args.seed);
        let payments = format!("{prefix}payments");
        let mut drilling: Option<String> = None;
        let mut last = String::new();
        let mut producer = self.backend.producer()?;
        let clock = SystemClock {
            stop: Arc::new(AtomicBool::new(false)),
        };
        let mut written = 0;
        let mut shown = false;
        let mut next_line = Duration::from_secs(1);
        let mut next_sla = Duration::from_secs(if args.drill.is_some() { 6 } else { 10 });
        let playing = Instant::now();
        while !stop.load(Ordering::Acquire) && args.seconds.is_none_or(|seconds| playing.elapsed() < Duration::from_secs(seconds)) {
            self.check_failures()?;
            if let Some(drill) = args.drill.filter(|_| drilling.is_none() && playing.elapsed() >= BEGINS_AFTER) {
                drilling = Some(self.metrics.render(now_micros()));
                route.fault_every = drill.fault_every();
                traffic = Traffic::new(route.clone(), args.seed + 1);
                self.away.store(drill == super::Drill::StoreUnreachable, Ordering::Release);
                display::drill(begun, drill, &format!("http://{metrics}/metrics"));
            }
            let drill = args.drill.filter(|_| drilling.is_some());
            let late = drill.map_or(0, super::Drill::late_by);
            let due = match drill {
                Some(super::Drill::TrafficStops) => written,
                _ => (playing.elapsed().as_secs_f64() * args.rate as f64) as u64,
            };
            let batch: Vec<_> = (written..due.min(written + 5_000))
                .map(|_| traffic.next(now_micros() - late))
                .collect();
            let mut records: Vec<_> = batch.iter().map(|event| event.record.clone()).collect();
            if let Some(drill) = drill {
                records.iter_mut().for_each(|record| drill.change(record, &payments, now_micros()));
            }
            producer.write(&records)?;
            written += batch.len() as u64;
            for event in batch {
                *planted.entry((event.record.to.topic.to_string(), event.expected)).or_default() += 1;
            }
            if !shown && let Some(dead) = self.first_dead_letter()? {
                display::dead_letter(begun, &dead);
                shown = true;
            }
            if playing.elapsed() >= next_line {
                next_line += Duration::from_secs(1);
                let now = self.metrics.render(now_micros());
                if let (Some(drill), Some(before)) = (args.drill, &drilling) {
                    self.shown.fetch_or(drill.shows(before, &last, &now), Ordering::AcqRel);
                }
                last = now;
                display::progress(begun, written, &self.metrics.render(now_micros()));
            }
            if playing.elapsed() >= next_sla {
                next_sla += Duration::from_secs(if args.drill.is_some() { 3 } else { 10 });
                let report = self.sla()?;
                super::objectives::tell(&self.metrics, &report, now_micros());
                let counts = report.counts();
                display::step(
                    begun,
                    &format!(
                        "SLA check: {} pass, {} warn, {} fail, {} unknown",
                        counts.pass, counts.warn, counts.fail, counts.error
                    ),
                );
            }
            clock.sleep(Duration::from_millis(20));
        }
        if args.drill.is_some() {
            return Ok(());
        }
        // Whatever must follow the last event, such as the tombstone after a delete, has been promised by it.
        display::step(begun, &format!("{written} events written; finishing what is open"));
        self.wait("the validators", || self.backend.is_settled(&self.groups[0], &self.sources))
    }

    fn wait_until_landed(&self) -> anyhow::Result<()> {
        self.wait("the sink", || self.backend.is_settled(&self.groups[1], &self.validated()))
    }

    fn wait(&self, who: &str, mut done: impl FnMut() -> Result<bool, WorldError>) -> anyhow::Result<()> {
        let deadline = Instant::now() + SETTLE_MAX;
        while !done()? {
            self.check_failures()?;
            anyhow::ensure!(Instant::now() < deadline, "{who} did not finish within {SETTLE_MAX:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn check_failures(&self) -> anyhow::Result<()> {
        let failures = self.failures.lock().expect("no panic happens while it is held");
        anyhow::ensure!(failures.is_empty(), "{}", failures.join("; "));
        Ok(())
    }

    fn first_dead_letter(&self) -> anyhow::Result<Option<Record>> {
        for source in &self.sources {
            let topic = self.validator.dead_letters(source);
            if let Some(record) = self.records(&topic, 1)?.into_iter().next() {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn records(&self, topic: &Arc<str>, each_max: usize) -> anyhow::Result<Vec<Record>> {
        let mut records = Vec::new();
        let mut scan = self.backend.scan()?;
        for (partition, (low, end)) in self.backend.cluster()?.offsets(topic)?.into_iter().enumerate() {
            let at = TopicPartition {
                topic: topic.clone(),
                partition: partition as i32,
            };
            records.extend(scan.scan(&at, low, end, each_max)?);
        }
        Ok(records)
    }

    /// Counts outcomes from the topics themselves, not from the workers' numbers.
    fn find(&self) -> anyhow::Result<Ledger> {
        let mut found = Ledger::new();
        for source in &self.sources {
            let mut settled = 0;
            for record in self.records(&self.validator.dead_letters(source), usize::MAX)? {
                let reason = tidegate_flow::record::header_text(&record.headers, stamp::REASON).unwrap_or_default();
                let reason = tidegate_check::Reason::from_name(reason).map_or("?", |reason| reason.as_str());
                *found.entry((source.to_string(), Expected::DeadLetter(reason))).or_default() += 1;
                settled += 1;
            }
            let valid = self.records(&self.validator.validated(source), usize::MAX)?.len() as u64;
            found.insert((source.to_string(), Expected::Valid), valid);
            let skipped = (self.records(source, usize::MAX)?.len() as u64).saturating_sub(settled + valid);
            if skipped > 0 {
                found.insert((source.to_string(), Expected::Skipped("tombstone_keyless")), skipped);
            }
        }
        Ok(found)
    }

    fn sla(&self) -> anyhow::Result<tidegate_sla::Report> {
        let engine = tidegate_query::Lake::new(self.store.clone(), tidegate_query::Limits::default())?;
        Ok(run_once(
            &self.contracts.current().snapshot,
            &engine,
            &sla_command::folder,
            now_micros(),
            &Filter::default(),
        ))
    }

    fn finale(&self, args: &DemoArgs, places: &Places, planted: &Ledger, found: &Ledger) -> anyhow::Result<bool> {
        display::ledger(planted, found);
        say(format_args!("\nSLA and lake rules:"));
        sla_command::show(&self.sla()?, crate::cli::SlaOutput::Human);
        say(format_args!(
            "\nAudit: source offsets against validated topics, dead letters and lake rows"
        ));
        let plan = audit_command::plan(&self.validator, &self.sources);
        let explain = ControlRecords::new(&self.contracts.current().snapshot, self.schemas.clone());
        let (mut cluster, mut scan) = (self.backend.cluster()?, self.backend.scan()?);
        let ports = Ports {
            cluster: &mut *cluster,
            scan: &mut *scan,
            store: Some(&*self.store),
        };
        let report = audit(&plan, ports, &explain);
        audit_command::show(&report, crate::cli::Output::Human);
        display::next_steps(args, places);
        Ok(planted == found && report.clean())
    }
}
