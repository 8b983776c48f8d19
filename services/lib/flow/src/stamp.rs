//! The headers that Tidegate adds, version 1. `schemas/formats/headers.md` describes them for other readers.
//!
//! Validated records carry [`ORIGIN`], [`CONTRACT`] and [`JUDGE`]; few and short, because each is paid per record.
//! Dead letters carry those, the reasons, and the names that Kafka Connect made common.

use std::sync::Arc;

use bytes::Bytes;

use crate::record::{Header, Offset, Origin, TopicPartition, header_text};
use tidegate_contract::ContractRef;

/// Every header of ours starts so; producers may not use it.
pub const PREFIX: &str = "tidegate.";
/// Identity: `<topic>:<partition>:<offset>` of the consumed record (a topic name cannot hold a colon).
pub const ORIGIN: &str = "tidegate.origin";
/// `<contract id>@<version>` that judged the record; the version is what follows the last `@`.
pub const CONTRACT: &str = "tidegate.contract";
/// Object of the contract, only where several objects of one version share the topic.
pub const OBJECT: &str = "tidegate.object";
/// `<snapshot commit>/<engine version>/<now>`: with the bytes, all that the verdict depends on. `now` is in microseconds since the epoch.
pub const JUDGE: &str = "tidegate.judge";
/// `false` when only a proposed contract judged the record.
pub const ENFORCED: &str = "tidegate.enforced";
/// Compact JSON list of violations with severity warning or info.
pub const NOTES: &str = "tidegate.notes";
/// The producer's timestamp when it is 0, which Kafka's clients replace by now.
pub const TIMESTAMP: &str = "tidegate.timestamp";
/// Prefix of forged `tidegate.` headers, moved aside as they came.
pub const FORGED: &str = "forged.";
/// Reason of a dead letter, from the closed list.
pub const REASON: &str = "tidegate.reason";
/// Finer code beside the reason.
pub const DETAIL: &str = "tidegate.detail";
/// Rule ids, comma separated.
pub const RULES: &str = "tidegate.rules";
/// Compact JSON list of all violations, at most 8 KiB.
pub const ERRORS: &str = "tidegate.errors";
/// SHA-256 in hex of a value that was left out because the dead letter would be too large with it; the value is at the origin.
pub const VALUE_SHA256: &str = "tidegate.value-sha256";
/// How many bytes that value has.
pub const VALUE_BYTES: &str = "tidegate.value-bytes";
/// When it failed, RFC 3339 in UTC.
pub const FAILED_AT: &str = "tidegate.failed-at";

/// On retry topics, and on what becomes of their records: identity ([`ORIGIN`]) of the record whose dead letter was sent back.
pub const RETRY_OF: &str = "tidegate.retry-of";
/// Likewise: identity of the record that failed first, whatever was replayed since.
pub const FIRST_ORIGIN: &str = "tidegate.first-origin";
/// Likewise: which replay.
pub const REPLAY: &str = "tidegate.replay";
/// Likewise: how often the record has been sent back so far, from 1.
pub const ATTEMPTS: &str = "tidegate.attempts";
/// Likewise, where the value was changed on the way: SHA-256 in hex of the repair file.
pub const REPAIR: &str = "tidegate.repair";

/// What a stamped record says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Where the validator consumed it.
    pub origin: Origin,
    /// Contract version that judged it; none when no contract was bound (a dead letter).
    pub contract: Option<ContractRef>,
    /// Object of it; none where the version alone says which one.
    pub object: Option<Arc<str>>,
    /// Snapshot commit.
    pub commit: Arc<str>,
    /// False for a record that only a proposed contract judged.
    pub enforced: bool,
}

/// Text of an origin.
pub fn origin_text(origin: &Origin) -> String {
    format!("{}:{}:{}", origin.at.topic, origin.at.partition, origin.offset.0)
}

/// Reads `<topic>:<partition>:<offset>`. A record has one name: what [`origin_text`] would not write (`+1`, `01`, a number below zero) is
/// no identity.
pub fn parse_origin(text: &str) -> Option<Origin> {
    let (rest, offset) = text.rsplit_once(':')?;
    let (topic, partition) = rest.rsplit_once(':')?;
    let plain = |digits: &str| digits == "0" || !digits.starts_with(['0', '-', '+']);
    if !plain(partition) || !plain(offset) {
        return None;
    }
    Some(Origin {
        at: TopicPartition::new(topic, partition.parse().ok()?),
        offset: Offset(offset.parse().ok()?),
    })
}

/// Reads `<id>@<version>`.
pub fn parse_contract(text: &str) -> Option<ContractRef> {
    let (id, version) = text.rsplit_once('@')?;
    Some(ContractRef {
        id: id.into(),
        version: version.into(),
    })
}

/// The stamp of a record that Tidegate wrote; none when it carries no readable one.
pub fn read(headers: &[Header]) -> Option<Stamp> {
    Some(Stamp {
        origin: parse_origin(header_text(headers, ORIGIN)?)?,
        contract: header_text(headers, CONTRACT).and_then(parse_contract),
        object: header_text(headers, OBJECT).map(Arc::from),
        commit: header_text(headers, JUDGE)?.split('/').next()?.into(),
        enforced: header_text(headers, ENFORCED) != Some("false"),
    })
}

/// The producer's headers as they leave: forged ones of ours moved aside under [`FORGED`], all else untouched and in order.
pub fn sanitize(headers: Vec<Header>) -> Vec<Header> {
    if headers.iter().all(|header| !header.name.starts_with(PREFIX)) {
        return headers;
    }
    headers
        .into_iter()
        .map(|header| match header.name.starts_with(PREFIX) {
            true => Header {
                name: format!("{FORGED}{}", header.name).into(),
                value: header.value,
            },
            false => header,
        })
        .collect()
}

/// Where the producer's own headers end in a record that Tidegate wrote: ours follow behind them, and none of theirs begins with
/// [`PREFIX`] any more.
pub fn own_headers(headers: &[Header]) -> &[Header] {
    let ours = headers.iter().position(|header| header.name.starts_with(PREFIX));
    &headers[..ours.unwrap_or(headers.len())]
}

/// What a record of a retry topic says of its way, to be carried on. Only Tidegate writes there, so it is believed.
pub fn retry_headers(headers: &[Header]) -> impl Iterator<Item = &Header> {
    let carried = [RETRY_OF, FIRST_ORIGIN, REPLAY, ATTEMPTS, REPAIR];
    headers[own_headers(headers).len()..]
        .iter()
        .filter(move |header| carried.contains(&&*header.name))
}

/// How often a record has been sent back; 0 for one that never was.
pub fn attempts(headers: &[Header]) -> u32 {
    header_text(headers, ATTEMPTS).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The two headers that are the same for a whole batch.
#[derive(Debug, Clone)]
pub struct JudgedBy {
    contract: Option<Bytes>,
    object: Option<Bytes>,
    judge: Bytes,
}

// === impl JudgedBy ===

impl JudgedBy {
    /// Prepares them; `engine` is the version of the judge, `now` the time that the rules saw, microseconds since the epoch.
    pub fn new(contract: Option<&ContractRef>, commit: &str, engine: &str, now: i64) -> Self {
        JudgedBy {
            contract: contract.map(|reference| Bytes::from(reference.to_string())),
            object: None,
            judge: Bytes::from(format!("{commit}/{engine}/{now}")),
        }
    }

    /// Names the object, where the version alone does not say which one judged.
    pub fn of_object(mut self, object: &str) -> Self {
        self.object = Some(Bytes::copy_from_slice(object.as_bytes()));
        self
    }

    /// Adds identity, contract and judge to the headers of an outcome.
    pub fn stamp(&self, headers: &mut Vec<Header>, origin: &Origin) {
        headers.push(Header {
            name: ORIGIN.into(),
            value: Some(Bytes::from(origin_text(origin))),
        });
        if let Some(contract) = &self.contract {
            headers.push(Header {
                name: CONTRACT.into(),
                value: Some(contract.clone()),
            });
        }
        if let Some(object) = &self.object {
            headers.push(Header {
                name: OBJECT.into(),
                value: Some(object.clone()),
            });
        }
        headers.push(Header {
            name: JUDGE.into(),
            value: Some(self.judge.clone()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_name() {
        let origin = parse_origin("a.b-c:0:9223372036854775807").unwrap();
        assert_eq!(origin_text(&origin), "a.b-c:0:9223372036854775807");
        for text in [
            "t:+1:0",
            "t:1:+0",
            "t:01:0",
            "t:1:00",
            "t:-1:0",
            "t:0:-1",
            "t:-0:0",
            "t:1",
            "t::1",
            "t:1:",
            "",
            "t:1:9223372036854775808",
            "t:1: 2",
        ] {
            assert_eq!(parse_origin(text), None, "{text}");
        }
    }
}
