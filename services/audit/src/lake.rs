//! What the lake holds: the chain's documents, and the rows of the files, a partition at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tidegate_columnar::Identity;
use tidegate_flow::ports::Store;
use tidegate_flow::{TopicPartition, WorldError};

use crate::losses::Document;
use crate::manifest::{self, File, Manifest};
use crate::report::FilesLedger;
use crate::rows::Rows;
use crate::stream::Halt;
use crate::watch::Watch;

/// Hands out the identities of a file's rows; how many there were.
pub(crate) type Reader<'a> = &'a dyn Fn(Bytes, &mut dyn FnMut(&Identity)) -> Result<u64, String>;

/// A validated topic whose lake is audited; `incarnation` as the chain's documents name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Landed {
    pub(crate) topic: Arc<str>,
    pub(crate) incarnation: Option<Arc<str>>,
}

/// The chain's documents of the audited topics, and files that no manifest names.
#[derive(Debug, Default)]
pub(crate) struct Lake {
    slots: BTreeMap<TopicPartition, Vec<Manifest>>,
    losses: BTreeMap<TopicPartition, Vec<Document>>,
    strays: Vec<String>,
    /// Rows of strays, once they were read.
    stray_rows: BTreeMap<TopicPartition, Rows>,
    /// About all files that belong to no partition, and those that are missing.
    pub(crate) files: FilesLedger,
}

/// What part of a partition's rows is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

// === impl Lake ===

impl Lake {
    /// Reads the chain and lists the files.
    pub(crate) fn open(store: &dyn Store, landed: &[Landed]) -> Result<Lake, WorldError> {
        Lake::listed(store, landed, |_, _| false)
    }

    /// As [`Lake::open`]; a file that is not as long as its manifest says counts as changed. For those who do not read files.
    pub(crate) fn open_with_sizes(store: &dyn Store, landed: &[Landed]) -> Result<Lake, WorldError> {
        Lake::listed(store, landed, |promised, found| promised != found)
    }

    fn listed(store: &dyn Store, landed: &[Landed], is_changed: impl Fn(u64, u64) -> bool) -> Result<Lake, WorldError> {
        let mut lake = Lake::default();
        let documents = manifest::read_all(store)?;
        lake.files.manifests_unreadable = documents.unreadable;
        let is_ours = |topic: &str, id: &str| {
            let mut landed = landed.iter();
            landed.any(|each| *each.topic == *topic && each.incarnation.as_deref().is_none_or(|ours| *ours == *id))
        };
        let (mut elsewhere, mut orphaned) = (BTreeSet::new(), BTreeSet::new());
        let mut promised = BTreeMap::new();
        for manifest in documents.manifests {
            let paths = manifest.files.iter().map(|file| file.path.clone());
            if is_ours(&manifest.claim.topic, &manifest.claim.topic_id) {
                promised.extend(paths.zip(manifest.files.iter().map(|file| file.bytes)));
                let at = TopicPartition::new(&*manifest.claim.topic, manifest.claim.partition);
                lake.slots.entry(at).or_default().push(manifest);
            } else {
                elsewhere.extend(paths);
            }
        }
        for loss in documents.losses.into_iter().filter(|loss| is_ours(&loss.topic, &loss.topic_id)) {
            let at = TopicPartition::new(&*loss.topic, loss.partition);
            lake.losses.entry(at).or_default().push(loss);
        }
        lake.slots.values_mut().for_each(|slots| slots.sort_by_key(|slot| slot.claim.seq));
        for claim in documents.claims {
            if is_ours(&claim.topic, &claim.topic_id) {
                continue;
            }
            let is_known = landed.iter().any(|each| *each.topic == *claim.topic);
            let of = if is_known { &mut orphaned } else { &mut elsewhere };
            of.extend(claim.files.into_iter().map(|file| file.path));
        }
        // The listing comes after the documents: a file that a manifest names must be in it.
        for object in store.list("lake/")?.into_iter().filter(|object| object.path.ends_with(".parquet")) {
            if let Some(bytes) = promised.remove(&object.path) {
                if is_changed(bytes, object.size) {
                    lake.files.changed.push(object.path);
                }
                continue;
            }
            if elsewhere.contains(&object.path) {
                lake.files.elsewhere += 1;
            } else if orphaned.contains(&object.path) {
                lake.files.orphaned += 1;
            } else {
                lake.strays.push(object.path);
            }
        }
        lake.files.missing.extend(promised.into_keys());
        Ok(lake)
    }

    /// Slots of a partition in the order of the chain.
    pub(crate) fn slots(&self, at: &TopicPartition) -> &[Manifest] {
        self.slots.get(at).map_or(&[], Vec::as_slice)
    }

    /// Documents of losses of a partition that somebody has accepted.
    pub(crate) fn losses(&self, at: &TopicPartition) -> &[Document] {
        self.losses.get(at).map_or(&[], Vec::as_slice)
    }

    /// Reads the files that no manifest names: those of the slots under way, and what should not be there.
    pub(crate) fn read_strays(&mut self, store: &dyn Store, read: Reader<'_>) -> Result<(), WorldError> {
        for path in std::mem::take(&mut self.strays) {
            let rows = &mut self.stray_rows;
            read_file(store, &path, None, read, &mut self.files, &mut |identity| {
                let at = TopicPartition::new(identity.topic.clone(), identity.partition);
                rows.entry(at).or_default().take(identity);
            })?;
        }
        Ok(())
    }

    /// The rows of one partition, and what was found about its files. Rows of slots outside of the extent are not read.
    pub(crate) fn rows(
        &mut self,
        at: &TopicPartition,
        extent: Extent,
        store: &dyn Store,
        read: Reader<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(Rows, FilesLedger), Halt> {
        let mut rows = self.stray_rows.remove(at).unwrap_or_default();
        let mut files = FilesLedger::default();
        let slots = self.slots(at);
        let touches = |slot: &&Manifest| slot.claim.start < extent.until && slot.claim.end > extent.from;
        let inside: Vec<&File> = slots.iter().filter(touches).flat_map(|slot| &slot.files).collect();
        files.outside = (slots.iter().map(|slot| slot.files.len()).sum::<usize>() - inside.len()) as u64;
        for (number, file) in inside.iter().enumerate() {
            // It is told as missing already.
            if self.files.missing.contains(&file.path) {
                continue;
            }
            let mut is_misfiled = false;
            read_file(store, &file.path, Some(file), read, &mut files, &mut |identity| {
                if *identity.topic == *at.topic && identity.partition == at.partition {
                    rows.take(identity);
                } else {
                    is_misfiled = true;
                }
            })?;
            if is_misfiled {
                files.misfiled.push(file.path.clone());
            }
            if !watch.files(at, number + 1, inside.len()) {
                return Err(Halt::Stopped);
            }
        }
        Ok((rows, files))
    }

    /// Partitions of these topics that hold slots or rows and were not asked for.
    pub(crate) fn left_over(&mut self, asked: &BTreeSet<TopicPartition>, landed: &[Landed]) -> Vec<TopicPartition> {
        let all: BTreeSet<&TopicPartition> = self.slots.keys().chain(self.stray_rows.keys()).collect();
        let is_ours = |at: &&TopicPartition| landed.iter().any(|each| each.topic == at.topic) && !asked.contains(*at);
        all.into_iter().filter(is_ours).cloned().collect()
    }
}

fn read_file(
    store: &dyn Store,
    path: &str,
    promise: Option<&File>,
    read: Reader<'_>,
    files: &mut FilesLedger,
    each: &mut dyn FnMut(&Identity),
) -> Result<(), WorldError> {
    let Some(bytes) = store.get(path)? else {
        files.missing.push(path.to_owned());
        return Ok(());
    };
    let unlike = promise.is_some_and(|promise| promise.sha256 != hex(&Sha256::digest(&bytes)));
    match read(bytes, each) {
        Ok(rows) => {
            files.read += 1;
            files.rows += rows;
            if unlike || promise.is_some_and(|promise| promise.rows != rows) {
                files.changed.push(path.to_owned());
            }
        }
        Err(why) => files.unreadable.push(format!("{path}: {why}")),
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
