//! From a dead letter to the record that goes back: the original bytes (or the repaired value), the producer's own headers, and ours that
//! say where it comes from.

use bytes::Bytes;
use tidegate_flow::record::Outgoing;
use tidegate_flow::{Header, TopicPartition, stamp};

use crate::letter::Letter;

/// On records of retry and parked topics: what the content of the dead letter was, sixteen hex digits. Whoever looks for what was sent
/// before tells by it two letters of one place apart (the source was made anew).
pub const RETRY_SUM: &str = "tidegate.retry-sum";

/// The record for a retry topic.
pub fn sent(letter: &Letter<'_>, value: Option<Bytes>, target: &str, replay: &str, repair: Option<&str>) -> Outgoing {
    let mut headers = letter.own_headers().to_vec();
    headers.push(Header::text(stamp::RETRY_OF, stamp::origin_text(&letter.stamp.origin)));
    headers.push(Header::text(stamp::FIRST_ORIGIN, letter.first_origin()));
    headers.push(Header::text(RETRY_SUM, format!("{:016x}", letter.sum())));
    headers.push(Header::text(stamp::REPLAY, replay));
    headers.push(Header::text(stamp::ATTEMPTS, letter.attempts.saturating_add(1).to_string()));
    if let Some(repair) = repair {
        headers.push(Header::text(stamp::REPAIR, repair));
    }
    let is_zero = letter.text(stamp::TIMESTAMP) == Some("0");
    if is_zero {
        headers.push(Header::text(stamp::TIMESTAMP, "0"));
    }
    Outgoing {
        to: TopicPartition::new(target, letter.record.origin.at.partition),
        timestamp: if is_zero { Some(0) } else { letter.record.timestamp },
        key: letter.record.key.clone(),
        value,
        headers,
    }
}

/// The dead letter as it is, for the parked topic.
pub fn parked(letter: &Letter<'_>, topic: &str, replay: &str) -> Outgoing {
    let is_ours = |header: &&Header| ![stamp::RETRY_OF, stamp::REPLAY, RETRY_SUM].contains(&&*header.name);
    let mut headers: Vec<Header> = letter.record.headers.iter().filter(is_ours).cloned().collect();
    headers.push(Header::text(stamp::RETRY_OF, stamp::origin_text(&letter.stamp.origin)));
    headers.push(Header::text(RETRY_SUM, format!("{:016x}", letter.sum())));
    headers.push(Header::text(stamp::REPLAY, replay));
    Outgoing {
        to: TopicPartition::new(topic, letter.record.origin.at.partition),
        timestamp: letter.record.timestamp,
        key: letter.record.key.clone(),
        value: letter.record.value.clone(),
        headers,
    }
}
