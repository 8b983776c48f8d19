//! A contract object compiled for judging and for the lake.

use std::sync::Arc;

use tidegate_contract::model::{CdcFormat, Encoding};
use tidegate_contract::{ContractRef, Location, OnFailure, Status};

use crate::event_schema::EventSchema;

mod at_once;
mod change;
mod checks;
pub mod codes;
pub mod compile;
mod fields;
mod fingerprint;
mod outside;
mod quick;
pub(crate) mod route;
mod rule_forms;
mod views;

pub(crate) use at_once::Hope;
pub(crate) use change::ChangeSettings;
pub(crate) use checks::{AnyShape, Body, Check, ItemLimits, PropertyLimits};
pub use compile::compile;
pub use compile::leaf_type::leaf_type;
pub(crate) use compile::leaf_type::{digits, fraction};
pub(crate) use fields::FieldIndex;
pub use fingerprint::without_locations;
pub(crate) use outside::{HeaderCheck, KeyPlan, Outside};
pub(crate) use quick::{Quick, QuickCheck};
pub use rule_forms::RuleForm;
pub use views::RuleView;

/// The compiled object. Node 0 is the row. Immutable and shared by every judge of a worker.
#[derive(Debug)]
pub struct Plan {
    /// Nodes; children are reached by number.
    pub nodes: Vec<Node>,
    /// No other plan of this process has it.
    pub(crate) id: u64,
    /// Version that this plan enforces; stamped on every outcome.
    pub contract: ContractRef,
    /// ODCS name of the object.
    pub object: Arc<str>,
    /// What enforcement does with the verdicts.
    pub status: Status,
    /// What happens behind an event that is refused. No verdict depends on it, and so the fingerprint does not either.
    pub on_failure: OnFailure,
    /// Accepted encodings in order, never empty.
    pub encodings: Vec<Encoding>,
    /// The same as the decoder knows them.
    pub(crate) framings: Vec<tidegate_codec::Encoding>,
    /// Schema file and message of bare Protobuf.
    pub(crate) protobuf: Option<(Arc<str>, Arc<str>)>,
    /// How rows travel; none means plain events.
    pub cdc: Option<CdcFormat>,
    /// Node numbers from a top-level field down to the leaf that is the event time (a date or a timestamp, outside of lists and maps).
    pub event_time: Option<Vec<usize>>,
    /// Top-level nodes of the primary key in the order of `primaryKeyPosition`; empty when the contract declares none.
    pub primary_key: Vec<usize>,
    /// SHA-256 in hex over everything that can change a verdict: object, settings, rules, status and [`crate::ENGINE_VERSION`]; where a row
    /// rule reads which contract or version judges, these too. Equal fingerprints give equal verdicts for equal topic, bytes and `now`,
    /// places in files aside.
    pub fingerprint: String,
    /// Where the object stands in its file.
    pub location: Location,
    /// What the contract names beside its own clauses, and where.
    pub event_schema: Option<(EventSchema, Location)>,
    /// What is checked at each node, parallel to `nodes`.
    pub(crate) checks: Vec<Check>,
    /// The shortest ways to see that a value is valid, parallel to `nodes`.
    pub(crate) quick: Vec<QuickCheck>,
    /// Row rules, reached by number from [`Check::rules`].
    pub(crate) programs: Vec<crate::rules::cel::Rule>,
    /// Rules over the row that are asked together.
    pub(crate) glance: crate::rules::cel::Glance,
    /// What is left to ask of them where the row was seen at once.
    pub(crate) unsettled: crate::rules::cel::Glance,
    /// Whether trying that is worth it.
    pub(crate) hope: Hope,
    /// Settings that the change-event side needs.
    pub(crate) change: ChangeSettings,
    /// Key and headers; none when the contract says nothing about them.
    pub(crate) outside: Option<Box<Outside>>,
    /// Rules that are not asked before a moment (microseconds since the epoch).
    pub(crate) off: Vec<(Arc<str>, i64)>,
}

/// One property, item, map key or map value (or the row itself, node 0).
#[derive(Debug, Clone)]
pub struct Node {
    /// Column name in the lake (ODCS `name`); `item`, `key`, `value` for parts of lists and maps.
    pub name: Arc<str>,
    /// Field on the wire.
    pub wire_name: Arc<str>,
    /// Shape.
    pub kind: Kind,
}

/// Shape of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Declared fields, as node numbers in contract order.
    Object(Vec<usize>),
    /// List of one item node.
    Array(usize),
    /// Map: key node and value node.
    Map(usize, usize),
    /// A leaf.
    Leaf(LeafType),
    /// No declared type: kept as JSON text.
    Any,
}

/// Type of a leaf; the scalars that a judge hands to a row sink fit it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafType {
    /// `Scalar::Bool`.
    Bool,
    /// `Scalar::Int` within these bits.
    Int {
        /// 8, 16, 32, 64 or 128; of the 128, as many as 38 digits take.
        bits: u8,
        /// Whether negative numbers exist.
        signed: bool,
    },
    /// `Scalar::Decimal` with exactly this scale, within this precision (1..=38).
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `Scalar::Float` that an f32 holds.
    F32,
    /// `Scalar::Float`.
    F64,
    /// `Scalar::Str`.
    Str,
    /// `Scalar::Bytes`.
    Bytes,
    /// `Scalar::Date`.
    Date,
    /// `Scalar::Time`.
    Time,
    /// `Scalar::Timestamp`; `utc` says whether it is an instant or a local date-time.
    Timestamp {
        /// An instant (written with UTC in the lake).
        utc: bool,
    },
}

// === impl Plan ===

impl Plan {
    /// Every schema file that takes part in judging values and keys, (path below `schemas/`, SHA-256 in hex).
    pub fn schema_files(&self) -> Vec<(String, String)> {
        schema_files(self.event_schema.as_ref(), self.outside.as_deref())
    }

    /// Those of them that judge keys.
    pub fn key_schema_files(&self) -> &[(String, String)] {
        of_key(self.outside.as_deref()).map_or(&[], |(schema, _)| schema.files())
    }

    /// Whether the partition halts in front of a record that this plan refuses: its contract is enforced on events (active or deprecated),
    /// and its `onFailure` says so.
    pub fn halts_on_failure(&self) -> bool {
        matches!(self.status, Status::Active | Status::Deprecated) && self.on_failure.halts()
    }

    /// The quality rules that a kill switch keeps from being asked at `now` (microseconds since the epoch).
    pub fn switched_off(&self, now: i64) -> impl Iterator<Item = &Arc<str>> {
        self.off.iter().filter(move |(_, until)| now < *until).map(|(rule, _)| rule)
    }
}

fn schema_files(of_values: Option<&(EventSchema, Location)>, outside: Option<&Outside>) -> Vec<(String, String)> {
    let files = |(schema, _): &(EventSchema, Location)| schema.files().to_vec();
    of_values.into_iter().chain(of_key(outside)).flat_map(files).collect()
}

fn of_key(outside: Option<&Outside>) -> Option<&(EventSchema, Location)> {
    outside?.key.as_ref()?.plan.event_schema.as_ref()
}
