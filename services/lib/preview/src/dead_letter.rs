//! What a dead letter was: the record as its producer sent it, and when it was judged. `flow::stamp` and the validator's `dead_letter` write what
//! is read here.

use tidegate_flow::record::header_text;
use tidegate_flow::stamp::{self, FORGED, JUDGE, PREFIX, VALUE_SHA256};
use tidegate_flow::{Header, Origin, Record};

/// The record behind a dead letter.
#[derive(Debug)]
pub struct Original<'a> {
    /// Where the validator consumed it.
    pub origin: Origin,
    /// The producer's headers, names as they were sent.
    pub headers: Vec<(&'a str, Option<&'a [u8]>)>,
    /// The time that rules saw, microseconds since the epoch; none when the stamp does not say.
    pub judged_at: Option<i64>,
    /// The value is not in the dead letter, only its digest.
    pub left_out: bool,
}

/// Reads a dead letter; none for a record that carries no stamp of ours.
pub fn original(letter: &Record) -> Option<Original<'_>> {
    let stamp = stamp::read(&letter.headers)?;
    // The producer's headers come first, and none of them begins with our prefix: such names were moved aside.
    let ours = letter.headers.iter().position(|header| header.name.starts_with(PREFIX))?;
    let judged_at = header_text(&letter.headers, JUDGE).and_then(|text| text.rsplit('/').next()?.parse().ok());
    Some(Original {
        origin: stamp.origin,
        headers: letter.headers[..ours].iter().map(as_sent).collect(),
        judged_at,
        left_out: letter.headers.iter().any(|header| &*header.name == VALUE_SHA256),
    })
}

fn as_sent(header: &Header) -> (&str, Option<&[u8]>) {
    let name = match header.name.strip_prefix(FORGED) {
        Some(forged) if forged.starts_with(PREFIX) => forged,
        _ => &*header.name,
    };
    (name, header.value.as_deref())
}
