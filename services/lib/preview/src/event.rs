//! One event to compare by, and where it came from.

use std::sync::Arc;

use tidegate_flow::Origin;

/// One record as the judges get it. Borrowed: nothing of an event is copied on its way.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Topic that it came to; decides which contracts it meets.
    pub topic: &'a str,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes.
    pub value: Option<&'a [u8]>,
    /// Headers as the producer sent them.
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
    /// Microseconds since the epoch: the clock that rules see.
    pub now: i64,
    /// Where it can be found again.
    pub position: Position<'a>,
}

/// Where an event can be found again.
#[derive(Debug, Clone, Copy)]
pub enum Position<'a> {
    /// A line of a file, from 1.
    Line(&'a Arc<str>, u64),
    /// A record of a topic.
    Record(&'a Origin),
    /// A dead letter, and the record that it was.
    DeadLetter(&'a Origin, &'a Origin),
    /// The row of the lake of a record.
    Row(&'a Origin),
}

impl std::fmt::Display for Position<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = |origin: &Origin| format!("{}:{}:{}", origin.at.topic, origin.at.partition, origin.offset.0);
        match self {
            Position::Line(file, line) => write!(f, "{file}:{line}"),
            Position::Record(origin) => f.write_str(&place(origin)),
            Position::DeadLetter(letter, origin) => write!(f, "{} (was {})", place(letter), place(origin)),
            Position::Row(origin) => write!(f, "row of {}", place(origin)),
        }
    }
}
