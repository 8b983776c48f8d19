//! Makes metrics and remembers their definitions, so that the reference page cannot forget one.

use prometheus::core::Collector;
use prometheus::{CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry};

const NAMESPACE: &str = "tidegate";

/// What a metric is called and means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Full name.
    pub name: String,
    /// How it counts.
    pub kind: Kind,
    /// Label names in order.
    pub labels: Vec<&'static str>,
    /// One sentence.
    pub help: &'static str,
}

/// How a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

/// Hands out metrics that are registered and defined.
#[derive(Debug)]
pub(super) struct Meter {
    registry: Registry,
    definitions: Vec<Definition>,
}

// === impl Meter ===

impl Meter {
    pub(super) fn new() -> Self {
        Meter {
            registry: Registry::new(),
            definitions: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Registry, Vec<Definition>) {
        (self.registry, self.definitions)
    }

    /// Whole events.
    pub(super) fn counter_vec(&mut self, name: &str, help: &'static str, labels: &[&'static str]) -> IntCounterVec {
        let made = IntCounterVec::new(opts(name, help), labels);
        self.keep(name, help, Kind::Counter, labels, made)
    }

    /// Seconds that add up.
    pub(super) fn seconds_vec(&mut self, name: &str, help: &'static str, labels: &[&'static str]) -> CounterVec {
        let made = CounterVec::new(opts(name, help), labels);
        self.keep(name, help, Kind::Counter, labels, made)
    }

    /// Whole numbers that go up and down.
    pub(super) fn gauge_vec(&mut self, name: &str, help: &'static str, labels: &[&'static str]) -> IntGaugeVec {
        let made = IntGaugeVec::new(opts(name, help), labels);
        self.keep(name, help, Kind::Gauge, labels, made)
    }

    /// Numbers that go up and down.
    pub(super) fn number_vec(&mut self, name: &str, help: &'static str, labels: &[&'static str]) -> GaugeVec {
        let made = GaugeVec::new(opts(name, help), labels);
        self.keep(name, help, Kind::Gauge, labels, made)
    }

    /// One number that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &'static str) -> Gauge {
        let made = Gauge::with_opts(opts(name, help));
        self.keep(name, help, Kind::Gauge, &[], made)
    }

    /// Observations in buckets.
    pub(super) fn histogram(&mut self, name: &str, help: &'static str, buckets: &[f64]) -> Histogram {
        let made = Histogram::with_opts(HistogramOpts {
            common_opts: opts(name, help),
            buckets: buckets.to_vec(),
        });
        self.keep(name, help, Kind::Histogram, &[], made)
    }

    /// Observations in buckets, by label.
    pub(super) fn histogram_vec(&mut self, name: &str, help: &'static str, labels: &[&'static str], buckets: &[f64]) -> HistogramVec {
        let made = HistogramVec::new(
            HistogramOpts {
                common_opts: opts(name, help),
                buckets: buckets.to_vec(),
            },
            labels,
        );
        self.keep(name, help, Kind::Histogram, labels, made)
    }

    fn keep<M: Collector + Clone + 'static>(
        &mut self,
        name: &str,
        help: &'static str,
        kind: Kind,
        labels: &[&'static str],
        made: prometheus::Result<M>,
    ) -> M {
        let metric = made.expect("names, labels and buckets are constants and valid");
        self.registry
            .register(Box::new(metric.clone()))
            .expect("no two metrics have one name");
        self.definitions.push(Definition {
            name: format!("{NAMESPACE}_{name}"),
            kind,
            labels: labels.to_vec(),
            help,
        });
        metric
    }
}

// === impl Kind ===

impl Kind {
    /// As Prometheus' `# TYPE` line names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}
