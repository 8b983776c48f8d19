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

/// The ports that measuring needs. Who may not look at records goes without the second: then one offset that stands still counts as the mark
/// of the last transaction.
pub(crate) type Look = (Box<dyn Cluster>, Option<Box<dyn Scan>>);

/// What the last look saw.
#[derive(Default)]
struct Gauge {
    /// Partitions with a number that is shown, and the position it was counted from.
    shown: BTreeMap<TopicPartition, NextOffset>,
}

// === impl LagWatch ===

impl LagWatch {
    /// Measures until it is dropped. `connect` is called in the thread.
    pub(crate) fn start(
        positions: Positions,
        metrics: &Metrics,
        connect: impl Fn() -> Result<Look, WorldError> + Send + 'static,
    ) -> Result<LagWatch, WorldError> {
        LagWatch::start_every(EVERY, positions, metrics, connect)
    }

    pub(crate) fn start_every(
        every: Duration,
        positions: Positions,
        metrics: &Metrics,
        connect: impl Fn() -> Result<Look, WorldError> + Send + 'static,
    ) -> Result<LagWatch, WorldError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let metrics = metrics.clone();
        let thread = std::thread::Builder::new()
            .name("lag".to_owned())
            .spawn(move || {
                let mut gauge = Gauge::default();
                let mut look = None;
                let mut rest = every;
                while stopped.recv_timeout(rest) == Err(RecvTimeoutError::Timeout) {
                    let owned = positions.all();
                    match gauge.turn(&owned, &mut look, &connect, &metrics, &positions) {
                        Ok(partitions) => rest = every.max(EACH * partitions),
                        Err(error) => {
                            tracing::debug!(%error, "the lag cannot be told");
                            metrics.world_error(Port::Kafka, &error);
                            gauge.forget(&owned, &metrics);
                            look = None;
                        }
                    }
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
        let (cluster, scan) = match look {
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
                let stands = self.shown.insert(at.clone(), *position) == Some(*position);
                let are_marks = match scan {
                    Some(scan) if stands && (1..=MARKS_MAX).contains(&lag) => scan.scan(at, from, *end, 1)?.is_empty(),
                    Some(_) => false,
                    None => stands && lag == 1,
                };
                if are_marks {
                    lag = 0;
                }
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
