//! The chain of a partition: which slots are in the lake, and which one is under way.
//!
//! `chain/<topic>-<topic id>/<partition, 5 digits>/<seq, 10 digits>.claim.json` and `….manifest.json`, outside of `lake/`, so that a glob over
//! the lake sees Parquet files only. Both are create-only. Three rules make the chain whole:
//!
//! 1. claim n is placed only when manifest n-1 exists, and starts at its end;
//! 2. files of slot n are written only under claim n, create-only, under names that follow from the claim;
//! 3. manifest n is placed only when all files of claim n exist.
//!
//! So the existence of manifests is monotone in n, and the head is found by probing, in about 2 log2(n) requests. Listings are not asked:
//! they cost more with every slot, and not every store promises that they are current.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::ports::Store;
use tidegate_flow::{NextOffset, Remedy, WorldError};

use crate::document::{Claim, Manifest};
use crate::path::part;

/// Names the chain of one partition of one incarnation of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainName {
    /// Validated topic.
    pub topic: Arc<str>,
    /// Kafka's topic id, or `epoch=<n>`; `=` is in neither topic names nor ids, so the two never meet.
    pub topic_id: Arc<str>,
    /// Partition.
    pub partition: i32,
}

/// Last offset seen of each source partition.
pub type Sources = BTreeMap<(Arc<str>, i32), i64>;

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainState {
    /// Position of the next slot.
    pub next_seq: u64,
    /// End of the last committed slot; none for an empty chain.
    pub end: Option<NextOffset>,
    /// Source offsets as the last manifest left them.
    pub sources: Sources,
    /// A claim at `next_seq` that has no manifest.
    pub open: Option<Claim>,
}

// === impl ChainName ===

impl ChainName {
    /// Path of a claim.
    pub fn claim_path(&self, seq: u64) -> String {
        format!("{}/{seq:010}.claim.json", self.directory())
    }

    /// Path of a manifest.
    pub fn manifest_path(&self, seq: u64) -> String {
        format!("{}/{seq:010}.manifest.json", self.directory())
    }

    /// Path of a Parquet file. A slot has one file per contract object, major and bucket.
    pub fn file_path(&self, contract: &str, object: &str, major: u64, bucket: &str, start: i64) -> String {
        format!(
            "lake/{}/{}/v{major}/{bucket}/{}-{}-{start:020}.parquet",
            part(contract),
            part(object),
            self.incarnation(),
            self.partition
        )
    }

    /// Directory of all chain objects of the partition.
    pub fn directory(&self) -> String {
        format!("chain/{}/{:05}", self.incarnation(), self.partition)
    }

    /// Whether Kafka's own id tells incarnations apart, and not an epoch that somebody counts.
    pub(crate) fn has_kafka_id(&self) -> bool {
        !self.topic_id.contains('=')
    }

    fn incarnation(&self) -> String {
        format!("{}-{}", part(&self.topic), part(&self.topic_id))
    }
}

/// The highest position that exists, given that existence is monotone: everything up to it does, nothing past it.
/// About 2 log2(n) questions.
pub fn find_head<E>(mut exists: impl FnMut(u64) -> Result<bool, E>) -> Result<Option<u64>, E> {
    if !exists(0)? {
        return Ok(None);
    }
    let (mut there, mut step) = (0_u64, 1_u64);
    while exists(there + step)? {
        there += step;
        step *= 2;
    }
    let mut missing = there + step;
    while missing - there > 1 {
        let middle = there + (missing - there) / 2;
        match exists(middle)? {
            true => there = middle,
            false => missing = middle,
        }
    }
    Ok(Some(there))
}

/// Reads where a chain stands.
pub fn read_chain(store: &dyn Store, name: &ChainName) -> Result<ChainState, WorldError> {
    let head = find_head(|seq| store.exists(&name.manifest_path(seq)))?;
    let mut state = ChainState {
        next_seq: 0,
        end: None,
        sources: Sources::new(),
        open: None,
    };
    if let Some(seq) = head {
        let manifest = read_manifest(store, name, seq)?
            .ok_or_else(|| WorldError::new(Remedy::Retry, format!("{} was there and is gone", name.manifest_path(seq))))?;
        state.next_seq = seq + 1;
        state.end = Some(NextOffset(manifest.claim.end));
        state.sources = manifest
            .sources
            .into_iter()
            .map(|mark| ((mark.topic.into(), mark.partition), mark.last_offset))
            .collect();
    }
    state.open = read_claim(store, name, state.next_seq)?;
    Ok(state)
}

/// The claim at a position, if there.
pub fn read_claim(store: &dyn Store, name: &ChainName, seq: u64) -> Result<Option<Claim>, WorldError> {
    let path = name.claim_path(seq);
    store.get(&path)?.map(|bytes| Claim::parse(&path, &bytes)).transpose()
}

/// The manifest at a position, if there.
pub fn read_manifest(store: &dyn Store, name: &ChainName, seq: u64) -> Result<Option<Manifest>, WorldError> {
    let path = name.manifest_path(seq);
    store.get(&path)?.map(|bytes| Manifest::parse(&path, &bytes)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_found_with_few_questions() {
        for slots in (0..70).chain([1_000, 65_535, 65_536, 1_000_000, 123_456_789]) {
            let mut asked = 0;
            let head = find_head(|seq| {
                asked += 1;
                Ok::<_, ()>(seq < slots)
            });
            assert_eq!(head, Ok(slots.checked_sub(1)));
            assert!(asked <= 3 + 2 * (slots.max(1)).ilog2(), "{slots}: {asked}");
        }
        assert_eq!(find_head(|_| Err::<bool, _>("down")), Err("down"));
    }

    #[test]
    fn names_are_as_published() {
        let name = ChainName {
            topic: "orders.validated".into(),
            topic_id: "8Nq-Zw_XQLyPdpW0iUTMvA".into(),
            partition: 7,
        };
        assert_eq!(
            name.claim_path(12),
            "chain/orders.validated-8Nq-Zw_XQLyPdpW0iUTMvA/00007/0000000012.claim.json"
        );
        assert_eq!(
            name.file_path("urn:shop/orders", "order", 2, "date=2026-11-21", 42),
            "lake/urn%3Ashop%2Forders/order/v2/date=2026-11-21/orders.validated-8Nq-Zw_XQLyPdpW0iUTMvA-7-00000000000000000042.parquet"
        );
        let epoch = ChainName {
            topic: "t".into(),
            topic_id: "epoch=3".into(),
            partition: 0,
        };
        assert_eq!(epoch.directory(), "chain/t-epoch%3D3/00000");
    }

    #[test]
    fn file_names_fit_common_file_systems() {
        let name = ChainName {
            topic: "t".repeat(249).into(),
            topic_id: "epoch=18446744073709551615".into(),
            partition: i32::MAX,
        };
        let path = name.file_path(&"💧".repeat(300), &"/".repeat(300), u64::MAX, "date=_unknown", i64::MAX);
        assert!(path.split('/').all(|part| part.len() <= 255), "{path}");
    }
}
