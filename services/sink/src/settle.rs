//! Claim, write, commit: a closed slot into the store. Every step may be repeated, by the same worker after an answer that never came or by
//! another one after a crash, and leads to the same objects.

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tidegate_columnar::{Footer, WriterSettings, encode, read_identities};
use tidegate_flow::ports::{Created, Store};
use tidegate_flow::{Remedy, WorldError};

use crate::batch::{Closed, ClosedFile};
use crate::chain::{ChainName, read_claim, read_manifest};
use crate::document::{Claim, ClaimedFile, Manifest, VERSION, WrittenFile};
use crate::path::hex;

/// How a closed slot ended.
#[derive(Debug)]
pub enum Settled {
    /// It is in the lake.
    Committed(Box<Manifest>),
    /// Another claim has the position: drop the own rows and follow it.
    Follow(Box<Claim>),
}

/// Places the claim of a slot, or finds who has its position. `None`: the position is ours.
pub fn place_claim(store: &dyn Store, name: &ChainName, ours: &Claim) -> Result<Option<Claim>, WorldError> {
    let path = name.claim_path(ours.seq);
    if store.create(&path, ours.to_bytes())? == Created::New {
        return Ok(None);
    }
    match read_claim(store, name, ours.seq)? {
        // Our own put whose answer was lost, or somebody with the very same records: the lake will be the same.
        Some(theirs) if theirs == *ours => Ok(None),
        Some(theirs) => Ok(Some(theirs)),
        None => Err(WorldError::new(Remedy::Retry, format!("{path} was said to exist and is not there"))),
    }
}

/// Writes the files and the manifest of a slot whose claim is placed.
pub fn write(store: &dyn Store, name: &ChainName, closed: &Closed, now_micros: i64) -> Result<Manifest, WorldError> {
    let claim = &closed.claim;
    let mut files = Vec::with_capacity(closed.files.len());
    for (claimed, file) in claim.files.iter().zip(&closed.files) {
        files.push(write_file(store, claim, claimed, file)?);
    }
    let times = closed.times();
    let mut versions: Vec<String> = claim
        .files
        .iter()
        .zip(&closed.files)
        .flat_map(|(claimed, file)| file.versions.iter().map(|version| format!("{}@{version}", claimed.contract)))
        .collect();
    versions.sort();
    versions.dedup();
    let ours = Manifest {
        version: VERSION,
        claim: claim.clone(),
        files,
        min_event_time_micros: times.min,
        max_event_time_micros: times.max,
        contract_versions: versions,
        sources: closed.source_marks(),
        committed_at: Timestamp::from_microsecond(now_micros).map_or_else(|_| now_micros.to_string(), |now| now.to_string()),
    };
    let path = name.manifest_path(claim.seq);
    if store.create(&path, ours.to_bytes())? == Created::New {
        return Ok(ours);
    }
    let theirs = read_manifest(store, name, claim.seq)?
        .ok_or_else(|| WorldError::new(Remedy::Retry, format!("{path} was said to exist and is not there")))?;
    match ours.disagreement(&theirs) {
        None => Ok(theirs),
        Some(what) => Err(WorldError::new(
            Remedy::Bug,
            format!("{path} was committed with another {what} than these records make"),
        )),
    }
}

/// Writes one file, or adopts the one that another finisher wrote. Files are create-only like the chain, so that the hash in the manifest
/// stays that of the bytes even when two builds of Tidegate, whose encoders differ, finish the same slot at once.
fn write_file(store: &dyn Store, claim: &Claim, claimed: &ClaimedFile, file: &ClosedFile) -> Result<WrittenFile, WorldError> {
    let batch = file.batch();
    let footer = Footer {
        entries: vec![
            ("contract".into(), claimed.contract.clone()),
            ("object".into(), claimed.object.clone()),
            ("major".into(), claimed.major.to_string()),
            ("contract_versions".into(), file.versions.join(",")),
            (
                "slot".into(),
                format!("{}/{}/{}/{}", claim.topic, claim.topic_id, claim.partition, claim.seq),
            ),
            ("range".into(), format!("{}..{}", claim.start, claim.end)),
            ("engine".into(), claim.engine.clone()),
        ],
    };
    let settings = WriterSettings {
        zstd_level: claim.writer.zstd_level,
        row_group_rows: claim.writer.row_group_rows,
    };
    let ours = Bytes::from(
        encode(&batch, &footer, &settings)
            .map_err(|error| WorldError::caused(Remedy::Bug, format!("{} cannot be encoded", claimed.path), error))?,
    );
    let bytes = match store.create(&claimed.path, ours.clone())? {
        Created::New => ours,
        Created::Exists => {
            let found = store
                .get(&claimed.path)?
                .ok_or_else(|| WorldError::new(Remedy::Retry, format!("{} was said to exist and is not there", claimed.path)))?;
            if found != ours && !same_rows(&found, &ours) {
                return Err(WorldError::new(
                    Remedy::Bug,
                    format!("{} is there already with other rows", claimed.path),
                ));
            }
            found
        }
    };
    Ok(WrittenFile {
        path: claimed.path.clone(),
        rows: claimed.rows,
        bytes: u64::try_from(bytes.len()).expect("a length fits 64 bits"),
        sha256: hex(&Sha256::digest(&bytes)),
        min_event_time_micros: file.times.min,
        max_event_time_micros: file.times.max,
        contract_versions: file.versions.clone(),
    })
}

/// Whether two files hold the same records, told by their identities.
fn same_rows(found: &Bytes, ours: &Bytes) -> bool {
    match (read_identities(found.clone()), read_identities(ours.clone())) {
        (Ok(found), Ok(ours)) => found == ours,
        _ => false,
    }
}
