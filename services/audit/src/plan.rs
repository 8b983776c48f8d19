//! What to audit.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::NextOffset;

/// What a second outcome means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A breach.
    ExactlyOnce,
    /// Allowed if it is of the same class and has the same bytes; it is counted.
    AtLeastOnce,
}

/// Topics to audit together.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Delivery mode of the workers.
    pub mode: Mode,
    /// Source topics.
    pub topics: Vec<TopicPlan>,
}

/// A source topic and where its outcomes go.
#[derive(Debug, Clone)]
pub struct TopicPlan {
    /// Topic that the validator consumes.
    pub source: Arc<str>,
    /// Topic of what passes.
    pub validated: Arc<str>,
    /// Topic of dead letters.
    pub dead_letters: Arc<str>,
    /// Dead letters hold the original bytes; false where a policy masks them or keeps a reference.
    pub dead_letters_full: bool,
    /// Source offsets to audit, by partition; a partition that is not named is audited from its first offset to its end. Of a partition
    /// that is named, only the stretch of the outcome topics is read that holds the outcomes of the range by order, and only the
    /// slots of the lake that hold these.
    pub ranges: BTreeMap<i32, (NextOffset, NextOffset)>,
    /// What the validator's group has committed, by partition. An offset from there on without an outcome is pending, not missing.
    /// Must have been read before the audit begins. Without a position everything up to the end must be settled.
    pub positions: BTreeMap<i32, NextOffset>,
    /// The validated topic goes to the lake.
    pub landed: bool,
    /// `topic_id` in the chain's documents; none takes the id that the cluster tells, and all documents of the topic where it tells none.
    pub incarnation: Option<Arc<str>>,
    /// Only Tidegate writes to the source: the headers that look like ours are ours, and none is moved aside.
    pub retry: bool,
    /// Source topics that are not audited here have outcomes in the same outcome topics.
    pub others: bool,
    /// The validator's group began with what came after it: offsets before the first outcome have none, as far as the
    /// outcome topics still show which one was the first.
    pub starts_late: bool,
}

// === impl TopicPlan ===

impl TopicPlan {
    /// A topic in full, with full dead letters, landed.
    pub fn new(source: impl Into<Arc<str>>, validated: impl Into<Arc<str>>, dead_letters: impl Into<Arc<str>>) -> Self {
        TopicPlan {
            source: source.into(),
            validated: validated.into(),
            dead_letters: dead_letters.into(),
            dead_letters_full: true,
            ranges: BTreeMap::new(),
            positions: BTreeMap::new(),
            landed: true,
            incarnation: None,
            retry: false,
            others: false,
            starts_late: false,
        }
    }
}
