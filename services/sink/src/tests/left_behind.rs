//! What a run has left in the lake, read as anybody would read it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tidegate_columnar::{Identity, read_identities};
use tidegate_flow::ports::Store;

use super::world::{ID, MemoryStore, NEW_ID, TOPIC, Topic};
use crate::chain::{ChainName, read_claim, read_manifest};
use crate::document::Manifest;
use crate::path::hex;

/// What a reader of the lake and an auditor of the chain see. Proves on the way that the chain is whole: slots without gap or overlap,
/// claims fulfilled, every file announced, hashed and readable, no file beside the manifests.
pub(super) fn lake(store: &MemoryStore, partition: i32) -> (Vec<Identity>, Vec<Manifest>) {
    let name = chain(partition);
    let mut manifests: Vec<Manifest> = Vec::new();
    let mut rows = Vec::new();
    let mut announced = BTreeSet::new();
    while let Some(manifest) = read_manifest(store, &name, manifests.len() as u64).unwrap() {
        let claim = &manifest.claim;
        assert_eq!(Some(claim.clone()), read_claim(store, &name, claim.seq).unwrap());
        assert_eq!(claim.seq, manifests.len() as u64);
        if let Some(before) = manifests.last() {
            assert_eq!(claim.start, before.claim.end, "slots touch");
        }
        assert_eq!(claim.rows + claim.skips.values().sum::<u64>(), claim.records);
        let mut in_slot = 0;
        for (claimed, file) in claim.files.iter().zip(&manifest.files) {
            let bytes = store.get(&file.path).unwrap().unwrap();
            assert_eq!((&claimed.path, file.bytes), (&file.path, bytes.len() as u64));
            assert_eq!(file.sha256, hex(&Sha256::digest(&bytes)));
            let identities = read_identities(bytes).unwrap();
            assert_eq!((claimed.rows, file.rows), (identities.len() as u64, identities.len() as u64));
            assert!(
                identities
                    .iter()
                    .all(|row| claim.first_offset <= row.offset && row.offset <= claim.last_offset)
            );
            in_slot += identities.len() as u64;
            rows.extend(identities);
            assert!(announced.insert(file.path.clone()), "{} is announced twice", file.path);
        }
        assert_eq!(in_slot, claim.rows);
        manifests.push(manifest);
    }
    assert_eq!(
        read_claim(store, &name, manifests.len() as u64).unwrap(),
        None,
        "no claim is left open"
    );
    let marker = format!("-{partition}-");
    let found: BTreeSet<_> = store
        .list("lake")
        .unwrap()
        .into_iter()
        .map(|facts| facts.path)
        .filter(|path| path.contains(&marker))
        .collect();
    assert_eq!(found, announced);
    rows.sort();
    (rows, manifests)
}

pub(super) fn chain(partition: i32) -> ChainName {
    ChainName {
        topic: TOPIC.into(),
        topic_id: ID.into(),
        partition,
    }
}

/// The chain of the topic that was made anew.
pub(super) fn chain_made_anew(partition: i32) -> ChainName {
    ChainName {
        topic_id: NEW_ID.into(),
        ..chain(partition)
    }
}

/// Every record of a partition is one row, and nothing else is.
pub(super) fn assert_exact(store: &MemoryStore, topic: &Topic, partition: i32) {
    let (rows, _) = lake(store, partition);
    let found: Vec<_> = rows.iter().map(|row| row.offset).collect();
    let wanted: Vec<_> = topic.records[&partition].iter().map(|record| record.origin.offset.0).collect();
    assert_eq!(found, wanted);
}
