//! The lake against the validated topics.
//!
//! All files are read once; for each validated partition a set of offsets with a row remains, and a sum of hashes that ties rows to
//! origins. Then the topic is read once and held against both, slot by slot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tidegate_columnar::Identity;
use tidegate_flow::ports::{Scan, Store};
use tidegate_flow::{NextOffset, Offset, Origin, Record, TopicPartition, WorldError, stamp};

use crate::bits::Bits;
use crate::likeness::origin_hash;
use crate::manifest::{self, Manifest};
use crate::report::{Examples, FilesLedger, LakeLedger};
use crate::stream::stream;

/// Offsets that share one sum of hashes.
const STRETCH: i64 = 1024;

/// Reads the identities out of a file's bytes.
pub(crate) type Reader<'a> = &'a dyn Fn(Bytes) -> Result<Vec<Identity>, String>;

/// A validated topic whose lake is audited; `incarnation` as the chain's documents name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Landed {
    pub(crate) topic: Arc<str>,
    pub(crate) incarnation: Option<Arc<str>>,
}

/// What the lake holds of the audited topics.
#[derive(Debug, Default)]
pub(crate) struct Lake {
    slots: BTreeMap<TopicPartition, Vec<Manifest>>,
    rows: BTreeMap<TopicPartition, Rows>,
    origins: BTreeMap<TopicPartition, Bits>,
}

#[derive(Debug, Default)]
struct Rows {
    offsets: Bits,
    stretches: BTreeMap<i64, Stretch>,
    doubled: Examples,
    doubled_origin: Examples,
}

/// Rows whose record was not met yet: how many, and the sum of their hashes.
#[derive(Debug, Default)]
struct Stretch {
    open: u64,
    sum: u64,
}

// === impl Lake ===

impl Lake {
    /// Reads chain and files.
    pub(crate) fn read(store: &dyn Store, landed: &[Landed], read: Reader<'_>, files: &mut FilesLedger) -> Result<Lake, WorldError> {
        let mut lake = Lake::default();
        let (manifests, unreadable) = manifest::read_all(store)?;
        files.manifests_unreadable = unreadable;
        let mut elsewhere = BTreeSet::new();
        let mut promised = BTreeMap::new();
        for manifest in manifests {
            let ours = landed.iter().any(|each| {
                *each.topic == *manifest.claim.topic && each.incarnation.as_deref().is_none_or(|id| *id == *manifest.claim.topic_id)
            });
            if !ours {
                elsewhere.extend(manifest.files.into_iter().map(|file| file.path));
                continue;
            }
            promised.extend(manifest.files.iter().map(|file| (file.path.clone(), file.clone())));
            let at = TopicPartition::new(&*manifest.claim.topic, manifest.claim.partition);
            lake.slots.entry(at).or_default().push(manifest);
        }
        lake.slots.values_mut().for_each(|slots| slots.sort_by_key(|slot| slot.claim.seq));
        // The listing comes after the manifests: a file that a manifest names must be in it.
        for object in store.list("lake/")?.into_iter().filter(|object| object.path.ends_with(".parquet")) {
            if elsewhere.contains(&object.path) {
                files.elsewhere += 1;
                continue;
            }
            let promise = promised.remove(&object.path);
            let Some(bytes) = store.get(&object.path)? else {
                files.missing.push(object.path);
                continue;
            };
            let unlike = promise
                .as_ref()
                .is_some_and(|promise| promise.sha256 != hex(&Sha256::digest(&bytes)));
            let identities = match read(bytes) {
                Ok(identities) => identities,
                Err(why) => {
                    files.unreadable.push(format!("{}: {why}", object.path));
                    continue;
                }
            };
            files.read += 1;
            files.rows += identities.len() as u64;
            if unlike || promise.is_some_and(|promise| promise.rows != identities.len() as u64) {
                files.changed.push(object.path);
            }
            identities.iter().for_each(|identity| lake.take(identity));
        }
        files.missing.extend(promised.into_keys());
        Ok(lake)
    }

    fn take(&mut self, identity: &Identity) {
        let rows = self
            .rows
            .entry(TopicPartition::new(identity.topic.clone(), identity.partition))
            .or_default();
        let origin = Origin {
            at: TopicPartition::new(identity.source_topic.clone(), identity.source_partition),
            offset: Offset(identity.source_offset),
        };
        if rows.offsets.insert(identity.offset) {
            let stretch = rows.stretches.entry(identity.offset / STRETCH).or_default();
            stretch.open += 1;
            stretch.sum = stretch.sum.wrapping_add(origin_hash(identity.offset, &origin));
        } else {
            rows.doubled.add(identity.offset);
        }
        if !self.origins.entry(origin.at).or_default().insert(identity.source_offset) {
            rows.doubled_origin.add(identity.source_offset);
        }
    }

    /// Holds one validated partition against the lake.
    pub(crate) fn audit(
        &mut self,
        at: &TopicPartition,
        from: NextOffset,
        until: NextOffset,
        scan: &mut dyn Scan,
    ) -> Result<LakeLedger, WorldError> {
        let mut rows = self.rows.remove(at).unwrap_or_default();
        let slots = self.slots.remove(at).unwrap_or_default();
        let mut ledger = LakeLedger {
            topic: at.topic.to_string(),
            partition: at.partition,
            ..LakeLedger::default()
        };
        check_chain(&slots, &mut ledger);
        let mut counts = vec![Count::default(); slots.len()];
        let origins = &self.origins;
        let (mut slot, mut matched) = (0, 0_u64);
        stream(scan, at, from, until, |record| {
            let offset = record.origin.offset.0;
            let with_row = rows.offsets.contains(offset);
            matched += u64::from(with_row);
            if with_row {
                let stretch = rows.stretches.entry(offset / STRETCH).or_default();
                stretch.open -= 1;
                // Without a stamp the sum cannot come out even, which is right: the row claims an origin.
                let origin = stamp::read(&record.headers).map(|stamp| stamp.origin);
                stretch.sum = stretch.sum.wrapping_sub(origin.map_or(0, |origin| origin_hash(offset, &origin)));
            }
            while slots.get(slot).is_some_and(|slot| slot.claim.end <= offset) {
                slot += 1;
            }
            match slots.get(slot) {
                None => ledger.pending += 1,
                // Before the chain or in a hole of it.
                Some(next) if offset < next.claim.start => {
                    ledger.records += 1;
                    ledger.rows += u64::from(with_row);
                    ledger.missing.add_many(offset, u64::from(!with_row));
                }
                Some(_) => {
                    counts[slot].records += 1;
                    counts[slot].rows += u64::from(with_row);
                    if !with_row && !explains_itself(record, origins) {
                        counts[slot].unexplained += 1;
                        ledger.missing.add(offset);
                    }
                }
            }
        })?;
        for (slot, count) in slots.iter().zip(counts) {
            settle(slot, count, from, &mut ledger);
        }
        // Rows of records that retention has removed from the topic lie below its first offset.
        ledger.invented = rows.offsets.len() - matched - rows.offsets.count_below(from.0);
        for (at, stretch) in rows.stretches {
            // Rows without a record are told above.
            if stretch.open == 0 && stretch.sum != 0 {
                ledger.wrong_origin.add(at * STRETCH);
            }
        }
        ledger.doubled = std::mem::take(&mut rows.doubled);
        ledger.doubled_origin = std::mem::take(&mut rows.doubled_origin);
        Ok(ledger)
    }
}

impl Lake {
    /// Rows of partitions that were not audited, for these topics: their partitions do not exist.
    pub(crate) fn left_over(&self, landed: &[Landed]) -> Vec<LakeLedger> {
        let ours = self.rows.iter().filter(|(at, _)| landed.iter().any(|each| each.topic == at.topic));
        ours.map(|(at, rows)| LakeLedger {
            topic: at.topic.to_string(),
            partition: at.partition,
            invented: rows.offsets.len(),
            ..LakeLedger::default()
        })
        .collect()
    }
}

/// Slots must follow one another, and their own numbers must add up.
fn check_chain(slots: &[Manifest], ledger: &mut LakeLedger) {
    for (at, slot) in slots.iter().enumerate() {
        let claim = &slot.claim;
        let follows = match at.checked_sub(1).map(|before| &slots[before].claim) {
            Some(before) => claim.seq == before.seq + 1 && claim.start == before.end && claim.topic_id == before.topic_id,
            None => claim.seq == 0,
        };
        let skipped: u64 = claim.skips.values().sum();
        let written: u64 = slot.files.iter().map(|file| file.rows).sum();
        if !follows || claim.start >= claim.end || claim.rows != written || claim.records != claim.rows + skipped {
            ledger.chain_breaks.add(claim.start);
        }
    }
    ledger.landed_until = slots.last().map(|slot| slot.claim.end);
}

/// Records of one slot as the topic shows them.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    records: u64,
    rows: u64,
    /// Without a row, and nothing about the record says why.
    unexplained: u64,
}

/// Whether a record without a row shows itself why it has none: only a proposed contract judged it, it is a tombstone, or its source
/// record has a row already. What the manifests count is held against this, not believed.
fn explains_itself(record: &Record, origins: &BTreeMap<TopicPartition, Bits>) -> bool {
    let Some(stamp) = stamp::read(&record.headers) else { return false };
    !stamp.enforced
        || record.value.is_none()
        || origins
            .get(&stamp.origin.at)
            .is_some_and(|seen| seen.contains(stamp.origin.offset.0))
}

fn settle(slot: &Manifest, count: Count, from: NextOffset, ledger: &mut LakeLedger) {
    let claim = &slot.claim;
    let Count {
        records,
        rows: with_row,
        unexplained,
    } = count;
    ledger.records += records;
    ledger.rows += with_row;
    // Retention has removed records of this slot: only what is left can be held against it.
    if claim.start < from.0 {
        return;
    }
    for (policy, count) in &claim.skips {
        *ledger.skipped.entry(policy.clone()).or_default() += count;
    }
    let accounted = with_row + claim.skips.values().sum::<u64>();
    // Unexplained ones are told by offset above, whatever the manifest counts.
    ledger
        .missing
        .add_many(claim.start, (records - unexplained).saturating_sub(accounted));
    ledger.surplus.add_many(claim.start, accounted.saturating_sub(records));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
