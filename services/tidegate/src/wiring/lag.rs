//! How far the group is behind, asked by a thread of its own: roles do not wait for it, and a role that hangs is still seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};
use tidegate_telemetry::Metrics;
use tidegate_telemetry::metrics::Port;

use super::metered::Positions;
use super::undecided::Undecided;

/// Time between two looks, and what each partition of the topics adds to it: the brokers are asked partition by partition.
const EVERY: Duration = Duration::from_secs(5);
const EACH: Duration = Duration::from_millis(20);
/// So few offsets may be nothing but marks of transactions; they are looked at.
const MARKS_MAX: i64 = 1_000;

/// Ends the thread when dropped.
pub(crate) struct LagWatch {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The ports that measuring needs.
pub(crate) struct Look {
    /// Its ends are the last stable offsets.
    pub(crate) cluster: Box<dyn Cluster>,
    /// Who may not look at records goes without: then one offset that stands still counts as the mark of the last transaction.
    pub(crate) records: Option<Box<dyn Scan>>,
    /// Its ends are those of the logs. Without it nobody is told how long something stands undecided.
    pub(crate) logs: Option<Box<dyn Cluster>>,
}

/// What the last look saw.
#[derive(Default)]
struct Gauge {
    /// Partitions with a number that is shown.
    shown: BTreeMap<TopicPartition, Shown>,
    undecided: Undecided,
}

struct Shown {
    /// The position that it was counted from.
    position: NextOffset,
    looked: Option<Looked>,
}

/// What lay between two offsets. Records are not fetched twice to learn the same: they may be large, and who is slow has enough to do.
#[derive(Clone, Copy)]
struct Looked {
    from: NextOffset,
    end: NextOffset,
    is_empty: bool,
}

// === impl LagWatch ===

impl LagWatch {
    /// Measures until it is dropped; in the topics of `written`, given one that is read, only how long something stands undecided. `connect`
    /// is called in the thread.
    pub(crate) fn start(
        positions: Positions,
        metrics: &Metrics,
        written: impl Fn(&Arc<str>) -> Vec<Arc<str>> + Send + 'static,
        connect: impl Fn() -> Result<Look, WorldError> + Send + 'static,
    ) -> Result<LagWatch, WorldError> {
        LagWatch::start_every(EVERY, positions, metrics, written, connect)
    }

    pub(crate) fn start_every(
        every: Duration,
        positions: Positions,
        metrics: &Metrics,
        written: impl Fn(&Arc<str>) -> Vec<Arc<str>> + Send + 'static,
        connect: impl Fn() -> Result<Look, WorldError> + Send + 'static,
    ) -> Result<LagWatch, WorldError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let metrics = metrics.clone();
        let thread = std::thread::Builder::new()
            .name("lag".to_owned())
            .spawn(move || {
                let mut gauge = Gauge::default();
                let mut look: Option<Look> = None;
                let mut rest = every;
                while stopped.recv_timeout(rest) == Err(RecvTimeoutError::Timeout) {
                    let owned = positions.all();
                    let mut asked = 0;
                    match gauge.turn(&owned, &mut look, &connect, &metrics, &positions) {
                        Ok(partitions) => asked += partitions,
                        Err(error) => {
                            tracing::debug!(%error, "the lag cannot be told");
                            metrics.world_error(Port::Kafka, &error);
                            gauge.forget(&owned, &metrics);
                            gauge.undecided.forget(&metrics);
                            look = None;
                        }
                    }
                    let told = match &mut look {
                        Some(Look {
                            cluster, logs: Some(logs), ..
                        }) => gauge
                            .undecided
                            .turn(&positions.all(), &written, &mut **cluster, &mut **logs, &metrics),
                        _ => Ok(0),
                    };
                    match told {
                        Ok(partitions) => asked += partitions,
                        Err(error) => {
                            tracing::debug!(%error, "how long something stands undecided cannot be told");
                            metrics.world_error(Port::Kafka, &error);
                        }
                    }
                    rest = every.max(EACH * asked);
                }
            })
            .map_err(|error| WorldError::caused(Remedy::Operator, "cannot start a thread for lag", error))?;
        Ok(LagWatch {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for LagWatch {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A question under way may take its time out; nobody waits for it, and the process may end meanwhile.
        drop(self.thread.take());
    }
}

// === impl Gauge ===

impl Gauge {
    /// One look at everything that is owned; answers how many partitions the brokers were asked for.
    fn turn(
        &mut self,
        owned: &BTreeMap<TopicPartition, NextOffset>,
        look: &mut Option<Look>,
        connect: &impl Fn() -> Result<Look, WorldError>,
        metrics: &Metrics,
        positions: &Positions,
    ) -> Result<u32, WorldError> {
        self.shown.retain(|at, _| owned.contains_key(at));
        if owned.is_empty() {
            return Ok(0);
        }
        let Look {
            cluster, records: scan, ..
        } = match look {
            Some(look) => look,
            None => look.insert(connect()?),
        };
        let topics: BTreeSet<&Arc<str>> = owned.keys().map(|at| &at.topic).collect();
        let mut asked = 0;
        for topic in topics {
            let ends = cluster.offsets(topic)?;
            asked += u32::try_from(ends.len()).unwrap_or(u32::MAX);
            for (at, position) in owned.iter().filter(|(at, _)| at.topic == *topic) {
                let Some((low, end)) = usize::try_from(at.partition).ok().and_then(|index| ends.get(index)) else {
                    continue;
                };
                let from = NextOffset(position.0.max(low.0));
                let mut lag = (end.0 - from.0).max(0);
                // Marks of transactions are no records, and no position ever covers the last one.
                let before = self.shown.get(at).filter(|shown| shown.position == *position);
                let stands = before.is_some();
                let mut looked = before.and_then(|shown| shown.looked).filter(|looked| looked.holds(from, *end));
                let are_marks = match scan {
                    Some(scan) if stands && (1..=MARKS_MAX).contains(&lag) => match looked {
                        Some(looked) => looked.is_empty,
                        None => {
                            let is_empty = scan.scan(at, from, *end, 1)?.is_empty();
                            looked = Some(Looked { from, end: *end, is_empty });
                            is_empty
                        }
                    },
                    Some(_) => false,
                    None => stands && lag == 1,
                };
                if are_marks {
                    lag = 0;
                }
                let position = *position;
                self.shown.insert(at.clone(), Shown { position, looked });
                // Given up meanwhile: whoever has it now shows it.
                if positions.has(at) {
                    metrics.partition_lag(at, lag);
                }
            }
        }
        Ok(asked)
    }

    fn forget(&mut self, owned: &BTreeMap<TopicPartition, NextOffset>, metrics: &Metrics) {
        self.shown.clear();
        for at in owned.keys() {
            metrics.partition_lag_unknown(at);
        }
    }
}

// === impl Looked ===

impl Looked {
    /// Records stay where they are; behind nothing but marks records may have come.
    fn holds(self, from: NextOffset, end: NextOffset) -> bool {
        self.from == from && (!self.is_empty || self.end == end)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tidegate_flow::Record;
    use tidegate_flow::ports::NewTopic;
    use tidegate_flow::record::Outgoing;
    use tidegate_sim::Broker;

    use super::*;

    struct Counting<S>(S, Arc<AtomicUsize>);

    impl<S: Scan> Scan for Counting<S> {
        fn scan(&mut self, at: &TopicPartition, from: NextOffset, until: NextOffset, most: usize) -> Result<Vec<Record>, WorldError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.scan(at, from, until, most)
        }
    }

    #[test]
    fn records_behind_a_position_that_stands_are_fetched_once() {
        let broker = Broker::incarnation(7);
        let topic = NewTopic {
            topic: "orders".to_owned(),
            partitions: 1,
            config: Vec::new(),
        };
        broker.cluster().create(&[topic]).unwrap();
        let at = TopicPartition::new("orders", 0);
        let record = Outgoing {
            to: at.clone(),
            timestamp: Some(1),
            key: None,
            value: None,
            headers: Vec::new(),
        };
        broker.writer().write(&[record.clone(), record.clone()]).unwrap();
        let scans = Arc::new(AtomicUsize::new(0));
        let connect = || -> Result<Look, WorldError> {
            let scan = Counting(broker.scan(), scans.clone());
            Ok(Look {
                cluster: Box::new(broker.cluster()),
                records: Some(Box::new(scan)),
                logs: None,
            })
        };
        let (mut gauge, mut look) = (Gauge::default(), None);
        let (metrics, positions) = (Metrics::new("0.1.0", ""), Positions::default());
        let mut looks = |position: i64, times: usize| {
            let owned = BTreeMap::from([(at.clone(), NextOffset(position))]);
            for _ in 0..times {
                gauge.turn(&owned, &mut look, &connect, &metrics, &positions).unwrap();
            }
            scans.load(Ordering::Relaxed)
        };
        assert_eq!(looks(0, 1), 0, "it may move yet");
        assert_eq!(looks(0, 5), 1);
        broker.writer().write(&[record]).unwrap();
        assert_eq!(looks(0, 5), 1, "what was there is there");
        assert_eq!(looks(2, 5), 2, "another position");
        assert_eq!(looks(3, 5), 2, "nothing is behind it");
    }
}
