//! Records and positions.

use std::sync::Arc;

use bytes::Bytes;

/// Offset of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

/// The offset to read next, which is what Kafka commits: the last record's offset + 1, or further where control records lie between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NextOffset(pub i64);

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
}

/// Where a record was consumed: its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Topic and partition.
    pub at: TopicPartition,
    /// Offset.
    pub offset: Offset,
}

/// Starts the name of a header whose real name is not UTF-8; its bytes follow in hex. A producer has no reason to begin a name with the
/// replacement character, and one that does is treated the same way.
pub const UNREADABLE_NAME: &str = "\u{fffd}";

/// One header; a name may repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Name.
    pub name: Arc<str>,
    /// Value; none is Kafka's null.
    pub value: Option<Bytes>,
}

/// A consumed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where from.
    pub origin: Origin,
    /// Milliseconds since the epoch as the broker holds it; none where the broker has none.
    pub timestamp: Option<i64>,
    /// Key bytes.
    pub key: Option<Bytes>,
    /// Value bytes.
    pub value: Option<Bytes>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

/// A record to produce. Partition is always explicit: a partitioner of the client would scatter keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Topic and partition.
    pub to: TopicPartition,
    /// Milliseconds since the epoch. Kafka's clients replace 0 by now, so 0 also travels in a header.
    pub timestamp: Option<i64>,
    /// Key bytes.
    pub key: Option<Bytes>,
    /// Value bytes.
    pub value: Option<Bytes>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

/// A position to commit, with the text that Kafka keeps beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Partition.
    pub at: TopicPartition,
    /// Next offset.
    pub next: NextOffset,
    /// Offset metadata, at most 1,024 bytes (Event Hubs' limit).
    pub metadata: String,
}

// === impl Offset ===

impl Offset {
    /// The position after this record.
    pub const fn next(self) -> NextOffset {
        NextOffset(self.0 + 1)
    }
}

// === impl TopicPartition ===

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }
}

impl std::fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

// === impl Header ===

impl Header {
    /// A header with a text value.
    pub fn text(name: impl Into<Arc<str>>, value: impl Into<String>) -> Self {
        Header {
            name: name.into(),
            value: Some(Bytes::from(value.into())),
        }
    }
}

/// The first value of a header of that name, as text when it is UTF-8.
pub fn header_text<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| &*header.name == name)
        .and_then(|header| std::str::from_utf8(header.value.as_deref()?).ok())
}
