//! The chain's manifests, as far as an audit needs them. `schemas/formats/manifest.schema.json` describes them; this reader takes nothing
//! from the code that writes them, and passes over fields that it does not know.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidegate_flow::WorldError;
use tidegate_flow::ports::Store;

/// Folder of claims and manifests.
const CHAIN: &str = "chain/";
const MANIFEST: &str = ".manifest.json";
/// The newest format that is understood.
const VERSION: u32 = 1;

/// A committed slot.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    pub(crate) claim: Claim,
    pub(crate) files: Vec<File>,
}

/// What the slot is.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claim {
    pub(crate) topic: String,
    pub(crate) topic_id: String,
    pub(crate) partition: i32,
    pub(crate) seq: u64,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) records: u64,
    pub(crate) rows: u64,
    pub(crate) skips: BTreeMap<String, u64>,
}

/// A file of the slot.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) rows: u64,
    pub(crate) sha256: String,
}

/// Reads every manifest. What cannot be read is named in the second list.
pub(crate) fn read_all(store: &dyn Store) -> Result<(Vec<Manifest>, Vec<String>), WorldError> {
    let (mut read, mut unreadable) = (Vec::new(), Vec::new());
    for object in store.list(CHAIN)?.into_iter().filter(|object| object.path.ends_with(MANIFEST)) {
        let parsed = store
            .get(&object.path)?
            .and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
        match parsed.filter(|manifest| manifest.version <= VERSION) {
            Some(manifest) => read.push(manifest),
            None => unreadable.push(object.path),
        }
    }
    Ok((read, unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sample_is_understood() {
        let manifest: Manifest = serde_json::from_str(include_str!("../../../schemas/formats/manifest.v1.json")).unwrap();
        assert_eq!(manifest.version, VERSION);
        let claim = &manifest.claim;
        assert!(claim.start < claim.end && !claim.topic_id.is_empty());
        assert_eq!(claim.rows + claim.skips.values().sum::<u64>(), claim.records);
        assert_eq!(manifest.files.iter().map(|file| file.rows).sum::<u64>(), claim.rows);
        assert!(
            manifest
                .files
                .iter()
                .all(|file| file.path.starts_with("lake/") && file.sha256.len() == 64)
        );
    }
}
