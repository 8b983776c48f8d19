//! Every decorator over the in-memory broker and store: what is asked goes through unchanged, and what happened is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_flow::ports::{
    Cluster, Consumer as _, Created, Delivery, Exchange as _, NewTopic, ObjectFacts, Polled, Refusal, Store, TopicFacts, TransactionFault,
};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{NextOffset, Position, Remedy, TopicPartition, WorldError};
use tidegate_sim::{Broker, BrokerExchange};
use tidegate_telemetry::Metrics;

use super::*;
use crate::wiring::busy::Busy;
use crate::wiring::lag::{LagWatch, Look};

fn record(topic: &str) -> Outgoing {
    Outgoing {
        to: TopicPartition::new(topic, 0),
        timestamp: Some(1),
        key: None,
        value: Some(Bytes::from_static(b"1")),
        headers: Vec::new(),
    }
}

fn position(next: i64) -> Position {
    Position {
        at: TopicPartition::new("orders", 0),
        next: NextOffset(next),
        metadata: String::new(),
    }
}

fn nothing(_: &Arc<str>) -> Vec<Arc<str>> {
    Vec::new()
}

/// A topic with three records, and a member that owns it.
fn world() -> (Broker, Metered<BrokerExchange>, Metrics) {
    let broker = Broker::incarnation(7);
    let topics: Vec<NewTopic> = ["orders", "orders.validated"]
        .map(|topic| NewTopic {
            topic: topic.to_owned(),
            partitions: 1,
            config: Vec::new(),
        })
        .to_vec();
    broker.cluster().create(&topics).unwrap();
    broker
        .writer()
        .write(&[record("orders"), record("orders"), record("orders")])
        .unwrap();
    let metrics = Metrics::new("0.1.0", "");
    let inner = BrokerExchange::join(&broker, "group", &["orders".into()], Some("id"));
    let busy = Busy::new(&metrics, "validator");
    let mut exchange = Metered::new(Box::new(inner), &metrics, &busy);
    let mut is_assigned = false;
    while !is_assigned {
        is_assigned = matches!(exchange.poll(10, Duration::ZERO).unwrap(), Polled::Assigned(_));
    }
    exchange.start(&[(TopicPartition::new("orders", 0), NextOffset(0))]).unwrap();
    (broker, exchange, metrics)
}

fn has(metrics: &Metrics, line: &str) -> bool {
    metrics.render(0).lines().any(|found| found.starts_with(line))
}

#[test]
fn transactions_are_counted_by_their_end() {
    let (_, mut exchange, metrics) = world();
    for commits in [true, false] {
        exchange.begin().unwrap();
        exchange.send(vec![record("orders.validated")]).unwrap();
        exchange.send_offsets(&[position(2)]).unwrap();
        match commits {
            true => exchange.commit_transaction().unwrap(),
            false => exchange.abort_transaction().unwrap(),
        };
    }
    exchange.begin().unwrap();
    exchange.renew().unwrap();
    exchange.renew().unwrap();
    for outcome in ["committed", "aborted", "fenced"] {
        let line = format!(r#"tidegate_transactions_total{{outcome="{outcome}"}} 1"#);
        assert!(has(&metrics, &line), "{line}\n{}", metrics.render(0));
        assert!(has(
            &metrics,
            &format!(r#"tidegate_transaction_seconds_count{{outcome="{outcome}"}} 1"#)
        ));
    }
    assert!(has(&metrics, r#"tidegate_thread_busy_seconds_total{role="validator"}"#));
}

#[test]
fn positions_move_with_what_is_committed_and_go_with_the_partition() {
    let (_, mut exchange, metrics) = world();
    let positions = exchange.positions();
    let at = TopicPartition::new("orders", 0);
    assert_eq!(positions.all().get(&at), Some(&NextOffset(0)));
    exchange.begin().unwrap();
    exchange.send_offsets(&[position(2)]).unwrap();
    exchange.abort_transaction().unwrap();
    assert_eq!(positions.all().get(&at), Some(&NextOffset(0)), "an aborted position is none");
    exchange.begin().unwrap();
    exchange.send_offsets(&[position(2)]).unwrap();
    exchange.commit_transaction().unwrap();
    assert_eq!(positions.all().get(&at), Some(&NextOffset(2)));
    assert!(has(
        &metrics,
        r#"tidegate_partition_committed_timestamp_seconds{partition="0",topic="orders"}"#
    ));
    exchange.close();
    assert!(!positions.has(&at));
    assert!(
        !has(&metrics, "tidegate_partition_committed_timestamp_seconds{"),
        "whoever has it now shows it"
    );
}

#[test]
fn lag_is_what_lies_behind_the_position_and_marks_are_no_records() {
    let (broker, mut exchange, metrics) = world();
    let shown = |line: &str| {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while !has(&metrics, line) {
            assert!(std::time::Instant::now() < deadline, "{line}\n{}", metrics.render(0));
            std::thread::yield_now();
        }
    };
    let watched = broker.clone();
    let watch = LagWatch::start_every(Duration::from_millis(5), exchange.positions(), &metrics, nothing, move || {
        Ok(Look {
            cluster: Box::new(watched.cluster()),
            records: Some(Box::new(watched.scan())),
            logs: None,
        })
    })
    .unwrap();
    shown(r#"tidegate_partition_lag_records{partition="0",topic="orders"} 3"#);
    exchange.commit(&[position(3)]).unwrap();
    shown(r#"tidegate_partition_lag_records{partition="0",topic="orders"} 0"#);
    // A producer's transaction leaves a mark behind its record.
    let mut other = BrokerExchange::join(&broker, "others", &[], Some("other"));
    other.begin().unwrap();
    other.send(vec![record("orders")]).unwrap();
    other.commit_transaction().unwrap();
    shown(r#"tidegate_partition_lag_records{partition="0",topic="orders"} 2"#);
    exchange.commit(&[position(4)]).unwrap();
    shown(r#"tidegate_partition_lag_records{partition="0",topic="orders"} 0"#);
    drop(watch);
}

#[test]
fn a_lag_that_cannot_be_told_is_not_shown() {
    let (_, exchange, metrics) = world();
    metrics.partition_lag(&TopicPartition::new("orders", 0), 9);
    let away = || Err(WorldError::new(Remedy::Retry, "no broker answers"));
    let _watch = LagWatch::start_every(Duration::from_millis(5), exchange.positions(), &metrics, nothing, away).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !has(&metrics, r#"tidegate_world_errors_total{port="kafka",remedy="retry"}"#) {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while has(&metrics, "tidegate_partition_lag_records{") {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
}

/// Tells offsets until the brokers are away.
struct UntilAway(Box<dyn Cluster>, Arc<AtomicBool>);

impl Cluster for UntilAway {
    fn topics(&mut self, names: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
        self.0.topics(names)
    }

    fn offsets(&mut self, topic: &str) -> Result<Vec<(NextOffset, NextOffset)>, WorldError> {
        match self.1.load(Ordering::Relaxed) {
            true => Err(WorldError::new(Remedy::Retry, "no broker answers")),
            false => self.0.offsets(topic),
        }
    }

    fn create(&mut self, topics: &[NewTopic]) -> Result<(), WorldError> {
        self.0.create(topics)
    }
}

#[test]
fn nothing_stands_undecided_while_the_lag_cannot_be_told() {
    let (broker, exchange, metrics) = world();
    let away = Arc::new(AtomicBool::new(false));
    let is_away = away.clone();
    let connect = move || {
        Ok(Look {
            cluster: Box::new(UntilAway(Box::new(broker.cluster()), is_away.clone())),
            records: None,
            logs: Some(Box::new(broker.cluster())),
        })
    };
    let _watch = LagWatch::start_every(Duration::from_millis(5), exchange.positions(), &metrics, nothing, connect).unwrap();
    for shown in [true, false] {
        away.store(!shown, Ordering::Relaxed);
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while has(&metrics, "tidegate_partition_undecided_seconds{") != shown {
            assert!(std::time::Instant::now() < deadline, "shown: {}", !shown);
            std::thread::yield_now();
        }
    }
}

/// Takes nothing for the second topic of a batch.
struct Refusing(BrokerExchange);

impl tidegate_flow::ports::Consumer for Refusing {
    fn poll(&mut self, records_max: usize, wait: Duration) -> Result<Polled, WorldError> {
        self.0.poll(records_max, wait)
    }
    fn start(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.0.start(positions)
    }
    fn seek(&mut self, positions: &[(TopicPartition, NextOffset)]) -> Result<(), WorldError> {
        self.0.seek(positions)
    }
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.0.pause(partitions)
    }
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), WorldError> {
        self.0.resume(partitions)
    }
    fn assignment(&self) -> Vec<TopicPartition> {
        self.0.assignment()
    }
    fn committed(&mut self, partitions: &[TopicPartition]) -> Result<Vec<tidegate_flow::ports::Committed>, WorldError> {
        self.0.committed(partitions)
    }
    fn commit(&mut self, positions: &[Position]) -> Result<(), WorldError> {
        self.0.commit(positions)
    }
    fn watermarks(&mut self, partition: &TopicPartition) -> Result<(NextOffset, NextOffset), WorldError> {
        self.0.watermarks(partition)
    }
    fn close(&mut self) {
        self.0.close();
    }
}

impl tidegate_flow::ports::Exchange for Refusing {
    fn begin(&mut self) -> Result<(), TransactionFault> {
        self.0.begin()
    }
    fn send(&mut self, _: Vec<Outgoing>) -> Result<Delivery, TransactionFault> {
        Ok(Delivery {
            delivered: 1,
            refused: vec![(1, Refusal::Forbidden, "no".to_owned()), (2, Refusal::TooLarge, "no".to_owned())],
        })
    }
    fn send_offsets(&mut self, positions: &[Position]) -> Result<(), TransactionFault> {
        self.0.send_offsets(positions)
    }
    fn commit_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.0.commit_transaction()
    }
    fn abort_transaction(&mut self) -> Result<bool, TransactionFault> {
        self.0.abort_transaction()
    }
    fn renew(&mut self) -> Result<(), WorldError> {
        self.0.renew()
    }
}

#[test]
fn refused_records_are_counted_by_their_topic() {
    let broker = Broker::incarnation(8);
    let metrics = Metrics::new("0.1.0", "");
    let inner = Refusing(BrokerExchange::join(&broker, "group", &[], Some("id")));
    let mut exchange = Metered::new(Box::new(inner), &metrics, &Busy::new(&metrics, "validator"));
    exchange.begin().unwrap();
    let batch = vec![record("orders.validated"), record("orders.dlq"), record("orders.dlq")];
    assert_eq!(exchange.send(batch).unwrap().refused.len(), 2);
    for refusal in ["forbidden", "too_large"] {
        let line = format!(r#"tidegate_sends_refused_total{{refusal="{refusal}",topic="orders.dlq"}} 1"#);
        assert!(has(&metrics, &line), "{line}\n{}", metrics.render(0));
    }
    assert!(!has(
        &metrics,
        r#"tidegate_sends_refused_total{refusal="forbidden",topic="orders.validated"}"#
    ));
}

/// A store that is away.
struct Away;

impl Store for Away {
    fn create(&self, _: &str, _: Bytes) -> Result<Created, WorldError> {
        Ok(Created::Exists)
    }
    fn put(&self, _: &str, _: Bytes) -> Result<(), WorldError> {
        Err(WorldError::new(Remedy::Retry, "away"))
    }
    fn get(&self, _: &str) -> Result<Option<Bytes>, WorldError> {
        Ok(None)
    }
    fn exists(&self, _: &str) -> Result<bool, WorldError> {
        Ok(true)
    }
    fn list(&self, _: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        Ok(Vec::new())
    }
}

#[test]
fn calls_to_the_store_are_timed_and_failures_counted() {
    let metrics = Metrics::new("0.1.0", "");
    let store = MeteredStore {
        inner: Arc::new(Away),
        metrics: metrics.clone(),
        busy: Busy::new(&metrics, "sink"),
    };
    assert_eq!(store.create("a", Bytes::new()).unwrap(), Created::Exists);
    assert!(store.put("a", Bytes::new()).is_err());
    assert!(store.get("a").unwrap().is_none() && store.get_range("a", 0..1).unwrap().is_none());
    assert!(store.exists("a").unwrap() && store.list("a").unwrap().is_empty());
    for operation in ["create", "put", "get", "get_range", "exists", "list"] {
        let line = format!(r#"tidegate_lake_store_seconds_count{{operation="{operation}"}} 1"#);
        assert!(has(&metrics, &line), "{line}\n{}", metrics.render(0));
    }
    assert!(has(&metrics, r#"tidegate_world_errors_total{port="lake",remedy="retry"} 1"#));
}

/// Knows schema 1, says that 2 does not exist, and does not answer for 3.
struct Source;

impl SchemaLookup for Source {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match need {
            SchemaNeed::Id(1) => Known::Avro(Arc::new(tidegate_codec::avro::Schema::parse("\"string\"", &[]).unwrap())),
            SchemaNeed::Id(2) => Known::Unknown,
            _ => Known::Unusable,
        }
    }
}

impl tidegate_validator::Schemas for Source {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        match need {
            SchemaNeed::Id(3) => Err(WorldError::new(Remedy::Retry, "away")),
            _ => Ok(()),
        }
    }
}

#[test]
fn questions_for_schemas_are_counted_by_their_answer() {
    let metrics = Metrics::new("0.1.0", "");
    let schemas = MeteredSchemas {
        inner: Source,
        metrics: metrics.clone(),
        busy: Busy::new(&metrics, "validator"),
    };
    for id in 1..=4 {
        let asked = tidegate_validator::Schemas::fetch(&schemas, &SchemaNeed::Id(id));
        assert_eq!(asked.is_err(), id == 3);
    }
    for outcome in ["found", "unknown", "failed", "unusable"] {
        let line = format!(r#"tidegate_schema_requests_total{{outcome="{outcome}"}} 1"#);
        assert!(has(&metrics, &line), "{line}\n{}", metrics.render(0));
    }
    assert!(has(&metrics, r#"tidegate_world_errors_total{port="schemas",remedy="retry"} 1"#));
}
