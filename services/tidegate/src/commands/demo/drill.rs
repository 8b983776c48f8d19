//! Faults to practise on: what is planted, what shows it, and the runbook that ends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Remedy, WorldError};

/// How long all is well before the fault.
pub(super) const BEGINS_AFTER: Duration = Duration::from_secs(3);

/// No event is faulty.
pub(super) const NEVER: u32 = u32::MAX;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drill {
    /// A release of all producers sends every third event against its contract.
    BrokenProducer,
    /// The payment service writes with a schema that the registry does not know.
    SchemaChange,
    /// The contract of orders stops its partition in front of a bad event (onFailure: stop).
    StuckPartition,
    /// Events arrive hours after they happened.
    LateData,
    /// The producers fall silent.
    TrafficStops,
    /// The lake's store does not answer.
    StoreUnreachable,
}

/// What to look at.
#[derive(Debug)]
pub(super) struct Card {
    /// What happened, as somebody would be told.
    pub(super) story: &'static str,
    /// The alert that tells it in production, which is also its runbook.
    pub(super) alert: &'static str,
    /// Metric to watch, as `/metrics` names it; with labels, the beginning of its line.
    pub(super) watch: &'static str,
    /// What is to be seen there.
    pub(super) seen: &'static str,
    /// A question to answer before opening the runbook.
    pub(super) question: &'static str,
}

/// A store that can be taken away.
pub(super) struct Outage {
    pub(super) inner: Arc<dyn Store>,
    pub(super) away: Arc<AtomicBool>,
}

// === impl Drill ===

impl Drill {
    pub(super) const fn card(self) -> Card {
        match self {
            Drill::BrokenProducer => Card {
                story: "The producers were released a minute ago. Since then many of their events are dead letters, those of orders among them.",
                alert: "ContractErrorBudgetFastBurn",
                watch: "tidegate_dead_letters_total{contract=\"orders\"",
                seen: "grows by about a third of the orders; `reason` says why",
                question: "Which rules do the new dead letters break, and would a replay without a repair help?",
            },
            Drill::SchemaChange => Card {
                story: "The payment service has a new schema. Every payment since then is a dead letter.",
                alert: "ContractNewFailureGroup",
                watch: "tidegate_dead_letters_total{contract=\"payments\",reason=\"registry_schema_unknown\"",
                seen: "a reason that was not there before",
                question: "Is the schema missing in the registry, or does the producer name the wrong id?",
            },
            Drill::StuckPartition => Card {
                story: "Orders stand still on some partitions; the others go on.",
                alert: "TidegatePartitionHalted",
                watch: "tidegate_partition_halted{",
                seen: "1 for a partition of orders",
                question: "Which record stands in front, and who may decide what becomes of it?",
            },
            Drill::LateData => Card {
                story: "Readers say that the table is old, and yet rows arrive all the time.",
                alert: "ContractLatencyBreach",
                watch: "tidegate_objective_status{contract=\"orders\"",
                seen: "status=\"breached\" is 1 for orders-latency",
                question: "Is Tidegate slow, or do events come late? Compare the lag with the age of the events.",
            },
            Drill::TrafficStops => Card {
                story: "Nothing arrives any more.",
                alert: "ContractTrafficAbsent",
                watch: "tidegate_outcomes_total{contract=\"orders\"",
                seen: "stays where it is",
                question: "Do the sources grow (then Tidegate stands), or have the producers stopped?",
            },
            Drill::StoreUnreachable => Card {
                story: "The lake does not take anything. Topics keep what comes.",
                alert: "TidegateSinkBacklog",
                watch: "tidegate_world_errors_total{port=\"lake\"",
                seen: "grows, and so does tidegate_lake_oldest_open_seconds",
                question: "How long do the validated topics keep their records, and what happens at their end?",
            },
        }
    }

    /// Faults of the traffic: one event in so many is faulty.
    pub(super) const fn fault_every(self) -> u32 {
        match self {
            Drill::BrokenProducer => 3,
            Drill::StuckPartition => 25,
            _ => NEVER,
        }
    }

    /// Microseconds by which events are older than their arrival.
    pub(super) const fn late_by(self) -> i64 {
        match self {
            Drill::LateData => 3 * 3_600_000_000,
            _ => 0,
        }
    }

    /// The text of a contract as the drill needs it.
    pub(super) fn contract(self, path: &str, text: String) -> String {
        const STOP: &str = "customProperties:\n  - property: onFailure\n    vendor: tidegate\n    value: stop\nschema:\n";
        match (self, path) {
            (Drill::StuckPartition, "shop/orders/v1.odcs.yaml") => text.replacen("\nschema:\n", &format!("\n{STOP}"), 1),
            _ => text,
        }
    }

    /// What the producer writes instead, at `now` (microseconds since the epoch).
    pub(super) fn change(self, record: &mut Outgoing, payments: &str, now: i64) {
        if self == Drill::LateData {
            record.timestamp = Some(now / 1000);
        }
        if self == Drill::SchemaChange
            && &*record.to.topic == payments
            && let Some(value) = &record.value
            && value.len() > 5
        {
            let mut changed = value.to_vec();
            // Confluent's frame: a zero byte and the id. The registry knows none of this number.
            changed[1..5].copy_from_slice(&7_001_u32.to_be_bytes());
            record.value = Some(Bytes::from(changed));
        }
    }

    /// Whether the metrics show the fault, for --check. `before` was rendered before it began, `last` a second ago.
    pub(super) fn shows(self, before: &str, last: &str, now: &str) -> bool {
        let watch = self.card().watch;
        let (was, is) = (sum(before, watch), sum(now, watch));
        match self {
            Drill::BrokenProducer | Drill::StoreUnreachable | Drill::StuckPartition => is > was,
            Drill::SchemaChange => was == 0.0 && is > 0.0,
            Drill::LateData => {
                lines(now, watch).any(|(labels, value)| labels.contains("orders-latency") && labels.contains("breached") && value > 0.0)
            }
            Drill::TrafficStops => is > 0.0 && is == sum(last, watch),
        }
    }
}

/// Series whose line begins so, with their values.
fn lines<'a>(text: &'a str, begins: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter(move |line| line.starts_with(begins)).filter_map(|line| {
        line.rsplit_once(' ')
            .and_then(|(labels, value)| Some((labels, value.parse().ok()?)))
    })
}

fn sum(text: &str, begins: &str) -> f64 {
    lines(text, begins).map(|(_, value)| value).sum()
}

// === impl Outage ===

impl Outage {
    fn asked(&self) -> Result<&dyn Store, WorldError> {
        match self.away.load(Ordering::Acquire) {
            true => Err(WorldError::new(Remedy::Retry, "the store does not answer (this is a drill)")),
            false => Ok(&*self.inner),
        }
    }
}

impl Store for Outage {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        self.asked()?.create(path, bytes)
    }

    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.asked()?.put(path, bytes)
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        self.asked()?.get(path)
    }

    fn get_range(&self, path: &str, range: std::ops::Range<u64>) -> Result<Option<Bytes>, WorldError> {
        self.asked()?.get_range(path, range)
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        self.asked()?.exists(path)
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        self.asked()?.list(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drill_has_a_runbook() {
        for drill in Drill::value_variants() {
            let runbook = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../infra/runbooks")
                .join(format!("{}.md", drill.card().alert));
            assert!(runbook.exists(), "{}", runbook.display());
        }
    }

    #[test]
    fn a_fault_shows_only_when_it_is_there() {
        let drill = Drill::SchemaChange;
        let line = "tidegate_dead_letters_total{contract=\"payments\",reason=\"registry_schema_unknown\",topic=\"p\",version=\"2\"} 4\n";
        assert!(drill.shows("", "", line) && !drill.shows(line, line, line) && !drill.shows("", "", ""));
        let outcomes = |n: u8| format!("tidegate_outcomes_total{{contract=\"orders\",outcome=\"valid\"}} {n}\n");
        let silent = Drill::TrafficStops;
        assert!(silent.shows("", &outcomes(4), &outcomes(4)) && !silent.shows("", &outcomes(4), &outcomes(5)));
        let late = Drill::LateData;
        let status = |n: u8| {
            format!("tidegate_objective_status{{contract=\"orders\",objective=\"v1/orders#orders-latency\",status=\"breached\"}} {n}\n")
        };
        assert!(late.shows("", "", &status(1)) && !late.shows("", "", &status(0)));
    }

    #[test]
    fn the_contract_of_the_stuck_partition_stops() {
        let text = include_str!("../../../../../contracts/shop/orders/v1.odcs.yaml").to_owned();
        let stops = Drill::StuckPartition.contract("shop/orders/v1.odcs.yaml", text.clone());
        let file = tidegate_contract::ContractFile {
            path: "orders.odcs.yaml".into(),
            text: stops,
        };
        let (snapshot, _) = tidegate_contract::Snapshot::build("drill", &[file]).unwrap();
        assert_eq!(snapshot.contracts[0].on_failure, tidegate_contract::on_failure::OnFailure::Stop);
        assert_eq!(Drill::LateData.contract("shop/orders/v1.odcs.yaml", text.clone()), text);
    }
}
