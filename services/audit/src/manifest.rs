//! The chain's manifests, as far as an audit needs them. `schemas/formats/manifest.schema.json` describes them; this reader takes nothing
//! from the code that writes them, and passes over fields that it does not know.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tidegate_flow::WorldError;
use tidegate_flow::ports::Store;

use crate::losses::{self, LOSS};

/// Folder of claims and manifests.
const CHAIN: &str = "chain/";
const MANIFEST: &str = ".manifest.json";
const CLAIM: &str = ".claim.json";
/// The newest format that is understood.
const VERSION: u32 = 1;

/// Why a manifest skips a record that is another delivery of one that it counts.
pub(crate) const DUPLICATE: &str = "duplicate";

/// A committed slot.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    pub(crate) claim: Claim,
    pub(crate) files: Vec<File>,
    pub(crate) sources: Vec<Mark>,
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
    #[serde(default)]
    pub(crate) rows_sha256: String,
}

/// A file of the slot.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// The last offset of a source partition up to the end of the slot.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Mark {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) last_offset: i64,
}

/// A claim without a manifest: the next slot, or what a topic left behind that is gone.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OpenClaim {
    version: u32,
    pub(crate) topic: String,
    pub(crate) topic_id: String,
    pub(crate) files: Vec<ClaimedFile>,
}

/// A file that a claim announces.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ClaimedFile {
    pub(crate) path: String,
}

/// What lies below `chain/`.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub(crate) manifests: Vec<Manifest>,
    /// Claims without a manifest.
    pub(crate) claims: Vec<OpenClaim>,
    /// Losses that somebody has accepted.
    pub(crate) losses: Vec<losses::Document>,
    /// Paths of what cannot be read.
    pub(crate) unreadable: Vec<String>,
}

/// Reads every manifest, and every claim that has none. What vanishes between listing and reading was never there: documents are only
/// ever created.
pub(crate) fn read_all(store: &dyn Store) -> Result<Documents, WorldError> {
    let paths: BTreeSet<String> = store.list(CHAIN)?.into_iter().map(|object| object.path).collect();
    let mut documents = Documents::default();
    for path in &paths {
        if path.ends_with(MANIFEST) {
            let parsed = store.get(path)?.and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
            match parsed.filter(|manifest| manifest.version <= VERSION) {
                Some(manifest) => documents.manifests.push(manifest),
                None => documents.unreadable.push(path.clone()),
            }
        } else if path.ends_with(LOSS) && !path.starts_with(losses::FOLDER) {
            match store.get(path)?.and_then(|bytes| losses::Document::read(path, &bytes)) {
                Some(loss) => documents.losses.push(loss),
                None => documents.unreadable.push(path.clone()),
            }
        } else if let Some(slot) = path.strip_suffix(CLAIM)
            && !paths.contains(&format!("{slot}{MANIFEST}"))
        {
            let parsed = store.get(path)?.and_then(|bytes| serde_json::from_slice::<OpenClaim>(&bytes).ok());
            match parsed.filter(|claim| claim.version <= VERSION) {
                Some(claim) => documents.claims.push(claim),
                None => documents.unreadable.push(path.clone()),
            }
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sample_is_understood() {
        let manifest: Manifest = serde_json::from_str(include_str!("../../../schemas/formats/manifest.v1.json")).unwrap();
        assert_eq!((manifest.version, manifest.sources.len()), (VERSION, 1));
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

    #[test]
    fn the_published_claim_is_understood() {
        let claim: OpenClaim = serde_json::from_str(include_str!("../../../schemas/formats/claim.v1.json")).unwrap();
        assert!(claim.version == VERSION && claim.files.iter().all(|file| file.path.starts_with("lake/")));
    }
}
