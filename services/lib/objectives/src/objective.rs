//! The nouns: a clause of a contract, and what has to be measured and compared for it.

use std::sync::Arc;

use tidegate_contract::model::{Literal, Threshold};
use tidegate_contract::{ContractRef, Location, Severity};

use crate::column::Column;
use crate::observation::TableSpec;

/// A clause of a contract about its rows in the lake: one quality rule, or one SLA property for one element.
#[derive(Debug, Clone)]
pub struct Clause {
    /// `<contract>@<version>/<object>[.<property>]#<rule>`; unique in a report as long as the contract's own ids are unique per element.
    pub id: Arc<str>,
    /// Contract version that says it.
    pub contract: ContractRef,
    /// Major version: the folder of the lake.
    pub major: u64,
    /// ODCS `apiVersion` of the contract.
    pub api_version: Arc<str>,
    /// Object; none for a clause about the contract as a whole.
    pub object: Option<Arc<str>>,
    /// Dotted path of the property, if it is about one.
    pub element: Option<Arc<str>>,
    /// Rule id or SLA property id.
    pub rule: Arc<str>,
    /// `freshness`, `latency`, an ODCS library metric, `sql`, or another SLA property's name.
    pub metric: Arc<str>,
    /// What a breach weighs. SLA properties have no severity in the standard and count as [`Severity::Error`].
    pub severity: Severity,
    /// ODCS `driver` of an SLA property.
    pub driver: Option<Arc<str>>,
    /// Where.
    pub location: Location,
    /// Cron expression of its own, as written.
    pub schedule: Option<Arc<str>>,
}

/// A clause that can be judged.
#[derive(Debug, Clone)]
pub struct Objective {
    /// Which clause.
    pub clause: Clause,
    /// Table that it asks about: a name of [`Plan::tables`].
    pub table: Arc<str>,
    /// Whether the rows come from change events, where a null may be a value that the source did not send (`_unavailable`).
    pub cdc: bool,
    /// What to measure.
    pub probe: Probe,
    /// What to compare it with.
    pub limit: Limit,
    /// What a reader of the verdict should know, such as how a value of the contract was read.
    pub notes: Vec<String>,
}

/// What to measure.
#[derive(Debug, Clone)]
pub enum Probe {
    /// Age of the newest event at `now`.
    Freshness(EventTime),
    /// Time from an event to its record's Kafka timestamp: 99th percentile, nearest rank.
    Latency(EventTime),
    /// Rows.
    RowCount,
    /// Rows where the property is null.
    NullValues(Column),
    /// Rows where the property is null or one of these.
    MissingValues(Column, Vec<Literal>),
    /// Rows whose value (nulls are not judged) is outside of a list or does not contain a pattern.
    InvalidValues {
        /// Property.
        column: Column,
        /// Allowed values; empty means any.
        valid: Vec<Literal>,
        /// Allowed pattern, unanchored, in the syntax of the `regex` crate.
        pattern: Option<Arc<str>>,
    },
    /// Rows that repeat another one in all of these; a row with a null among them repeats nothing, as in SQL's UNIQUE.
    DuplicateValues(Vec<Column>),
    /// First column of the first row of the contract's own query, placeholders filled.
    Sql(Arc<str>),
    /// Longest time without a record, within the last `window`; both in microseconds. Time since the last record counts too.
    Frequency {
        /// The promised gap.
        every: i64,
        /// How far back it is looked.
        window: i64,
    },
    /// Records that passed in the last `window`, scaled to `per`; both in microseconds.
    Throughput {
        /// What time the promise counts by.
        per: i64,
        /// How far back it is looked.
        window: i64,
    },
    /// Dead letters among all records of the last `window`.
    ErrorRate {
        /// Microseconds.
        window: i64,
    },
    /// Minutes of the last `window` in which a record passed, among those in which any came.
    Availability {
        /// Microseconds.
        window: i64,
    },
    /// Age of the oldest row, by its record's timestamp.
    Retention,
    /// Rows of a day that had come by a time of the next: microseconds after midnight, and to add to UTC.
    DayBy {
        /// What day a row belongs to.
        event: EventTime,
        /// The time.
        time: i64,
        /// The offset of its clock.
        offset: i64,
    },
    /// Time left until this instant (microseconds since the epoch). Asks nothing of the lake.
    Until(i64),
    /// Whether every record of the topic is accounted for. Asks nothing of the lake.
    Completeness,
}

/// Where the time of an event stands.
#[derive(Debug, Clone)]
pub enum EventTime {
    /// In this property.
    Property(Column),
    /// In `_source_time`: when the database changed the row (CDC).
    SourceTime,
    /// Nowhere: the Kafka record's timestamp stands in. Good enough for freshness, meaningless for latency.
    RecordTimestamp,
}

/// What a measured value is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// At most so many microseconds.
    Within(i64),
    /// At least so many microseconds.
    AtLeast(i64),
    /// One ODCS operator.
    Operator {
        /// Operator with its value; it says what is good.
        threshold: Threshold,
        /// Percent of the rows rather than rows.
        percent: bool,
    },
}

/// What becomes of a clause.
#[derive(Debug, Clone)]
pub enum Planned {
    /// It is measured and judged.
    Judge(Objective),
    /// It should be judged, and what the contract says does not allow it: the verdict is unknown.
    Undecidable {
        /// Which.
        clause: Clause,
        /// Why, one sentence without a full stop.
        why: String,
    },
    /// It is not executed here, by design.
    NotExecuted {
        /// Which.
        clause: Clause,
        /// Why, one sentence without a full stop.
        why: String,
    },
}

/// Everything about one contract version.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Contract version.
    pub contract: ContractRef,
    /// ODCS `apiVersion`.
    pub api_version: Arc<str>,
    /// Clauses in file order: first the objects' rules, then the SLA properties.
    pub clauses: Vec<Planned>,
    /// Tables that the queries of this plan may name.
    pub tables: Vec<TableSpec>,
    /// How many CEL row rules the validator checks on every record instead.
    pub per_record: usize,
}

/// Which rows a contract's rules speak about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowSet {
    /// Every event; tombstones have no row.
    Events,
    /// The table that a change log amounts to: the last change of each key, deleted ones left out. Holds the key's properties in order.
    Current(Vec<Arc<str>>),
    /// Every change that carries a row; the contract names no primary key to fold by.
    Changes,
}

// === impl Planned ===

impl Planned {
    /// The clause.
    pub fn clause(&self) -> &Clause {
        match self {
            Planned::Judge(objective) => &objective.clause,
            Planned::Undecidable { clause, .. } | Planned::NotExecuted { clause, .. } => clause,
        }
    }
}

// === impl Clause ===

impl Clause {
    /// `object.property`, `object`, or nothing for the contract as a whole.
    pub fn place(&self) -> String {
        match (&self.object, &self.element) {
            (Some(object), Some(element)) => format!("{object}.{element}"),
            (Some(object), None) => object.to_string(),
            (None, _) => String::new(),
        }
    }

    /// The rule, and what it measures where that is another word.
    pub fn rule_with_metric(&self) -> String {
        match self.rule == self.metric {
            true => self.rule.to_string(),
            false => format!("{} ({})", self.rule, self.metric),
        }
    }

    /// Label of metrics: `v<major>/<object>[.<property>]#<rule>`. The same for all versions of a major, which speak about the same rows.
    pub fn label(&self) -> String {
        format!("v{}/{}#{}", self.major, self.place(), self.rule)
    }
}
