//! What the sink needs of contracts: the plan that a stamp names, and the judge that reads a record by it.

use std::sync::Arc;

use tidegate_check::plan::Node;
use tidegate_check::{Input, SchemaNeed, Verdict};
use tidegate_columnar::RowBuilder;
use tidegate_contract::ContractRef;
use tidegate_contract::model::LakeBucket;
use tidegate_flow::WorldError;

/// One object of one contract version, as the lake sees it. Never changes for a (topic, version).
#[derive(Debug)]
pub struct Bound {
    /// The version.
    pub contract: ContractRef,
    /// Its major.
    pub major: u64,
    /// Object name.
    pub object: Arc<str>,
    /// Change events.
    pub cdc: bool,
    /// A tombstone only ever follows the delete that it repeats (Debezium's envelopes); where not, it may be all that a delete leaves.
    pub tombstones_repeat: bool,
    /// Size of a bucket.
    pub bucket: LakeBucket,
    /// A property is the event time; without one the record's timestamp is.
    pub event_time: bool,
    /// Nodes of the plan.
    pub nodes: Arc<[Node]>,
    /// Number by which [`Rulings::judge`] knows the plan.
    pub number: usize,
}

/// Contracts, judge and registry schemas behind one seam. Only [`Rulings::fetch`] may do I/O.
pub trait Rulings {
    /// Turns to the newest snapshot. Called between polls; nothing else changes the snapshot.
    fn refresh(&mut self);
    /// Commit of the current snapshot.
    fn commit(&self) -> Arc<str>;
    /// The object that a stamp names, whatever its status; none when the current snapshot does not hold that version.
    /// `topic` is the one that the validator consumed, `object` the one of several of that version which the stamp names.
    fn bind(&mut self, topic: &str, contract: &ContractRef, object: Option<&str>) -> Result<Option<Arc<Bound>>, WorldError>;
    /// Reads a record into `row` ([`RowBuilder::begin_row`] was called).
    fn judge(&mut self, bound: &Bound, topic: &str, input: &Input<'_>, row: &mut RowBuilder) -> Verdict;
    /// Asks the registry for a schema, so that judging again gets further.
    fn fetch(&mut self, need: &SchemaNeed) -> Result<(), WorldError>;
}
