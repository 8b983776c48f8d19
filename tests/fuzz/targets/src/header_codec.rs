//! The headers of outcomes: what is written is read back, and a producer cannot write what is believed.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_contract::ContractRef;
use tidegate_flow::stamp::{self, JudgedBy};
use tidegate_flow::{Header, Offset, Origin, TopicPartition};

use crate::input::Parts;

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let (topic, id, version, commit, now) = (parts.text(), parts.text(), parts.text(), parts.text(), parts.short());
    let (partition, offset) = (parts.short(), parts.short());
    let text = parts.text();
    let headers: Vec<Header> = parts
        .headers(12)
        .into_iter()
        .map(|(name, value)| Header {
            name: Arc::from(name),
            value: value.map(Bytes::copy_from_slice),
        })
        .collect();

    // Any text is read to nothing, or to what is written as the same text.
    if let Some(origin) = stamp::parse_origin(text) {
        assert_eq!(stamp::origin_text(&origin), text, "two texts name one record");
        assert!(origin.at.partition >= 0 && origin.offset.0 >= 0, "Kafka has no such position");
    }
    if let Some(contract) = stamp::parse_contract(text) {
        assert_eq!(contract.to_string(), text);
    }
    // Any headers.
    let _ = stamp::read(&headers);

    let cleaned = stamp::sanitize(headers.clone());
    assert_eq!(cleaned.len(), headers.len(), "none is lost");
    for (before, after) in headers.iter().zip(&cleaned) {
        assert_eq!(before.value, after.value, "values stay");
        assert!(!after.name.starts_with(stamp::PREFIX), "none is believed");
        match before.name.starts_with(stamp::PREFIX) {
            true => assert_eq!(*after.name, format!("{}{}", stamp::FORGED, before.name)),
            false => assert_eq!(before.name, after.name),
        }
    }
    assert_eq!(stamp::sanitize(cleaned.clone()), cleaned);
    assert_eq!(stamp::read(&cleaned), None, "a producer cannot stamp");

    // What the validator writes behind whatever the producer wrote.
    let origin = Origin {
        at: TopicPartition::new(topic, i32::from(partition)),
        offset: Offset(i64::from(offset)),
    };
    let contract = (!id.is_empty()).then(|| ContractRef {
        id: id.into(),
        version: version.replace('@', "").as_str().into(),
    });
    let commit = commit.replace('/', "");
    let mut stamped = cleaned;
    JudgedBy::new(contract.as_ref(), &commit, "1", i64::from(now)).stamp(&mut stamped, &origin);
    let read = stamp::read(&stamped).unwrap_or_else(|| panic!("a stamp is not read back"));
    assert_eq!(
        (read.origin, read.contract, &*read.commit, read.enforced),
        (origin, contract, &*commit, true)
    );
}
