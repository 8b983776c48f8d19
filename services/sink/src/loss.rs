//! Offsets that were deleted before they were in the lake: what stands between a chain and its topic, and the slot that stands for such a
//! gap once somebody has accepted the loss.
//!
//! The gap becomes a slot like any other: claim and manifest by the same create-only protocol, without files, with all of its offsets
//! skipped as [`SKIP`]. So a sink, also one of an older build, follows the chain unchanged. The reason is a document beside the claim
//! ([`Loss`]), placed before it, and the claim holds the document's hash: no such slot without its reason, and no other reason than the one
//! that was there when it was claimed. Whoever is killed in the middle runs the same again; of two at once, the one who comes second
//! finishes what the first has begun.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tidegate_flow::loss::SKIP;
use tidegate_flow::ports::{Created, Store};
use tidegate_flow::{Loss, Lost, NextOffset, Remedy, WorldError};

use crate::chain::{ChainName, read_chain, read_manifest};
use crate::document::{Claim, LAYOUT, Manifest, SourceMark, VERSION};
use crate::path::hex;
use crate::run::Settings;
use crate::settle::place_claim;

/// What stands between a chain and its topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Nothing was committed yet: the sink begins where the topic begins.
    Empty,
    /// The next record is there, or will be.
    Sound {
        /// End of the lake.
        end: NextOffset,
    },
    /// What lies between the lake's end and the topic's first offset is gone.
    Gap {
        /// Position of the slot that may stand for it.
        seq: u64,
        /// End of the lake.
        from: NextOffset,
        /// First offset of the topic.
        to: NextOffset,
    },
    /// A loss was accepted and is not in the chain yet; it must be finished before anything else.
    Begun(Box<Loss>),
    /// Records of an open claim are gone before it was written.
    ClaimGone {
        /// The claim.
        claim: Box<Claim>,
        /// How many of its files are there.
        written: usize,
    },
    /// The topic ends before the lake does, or before an open claim.
    Behind {
        /// How far the lake, or the claim, reaches.
        end: NextOffset,
    },
}

/// A gap that is in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The document that counts, which may be that of whoever came first.
    pub loss: Loss,
    /// Its path in the store.
    pub path: String,
    /// It was in the chain before.
    pub was_there: bool,
}

// === impl ChainName ===

impl ChainName {
    /// Path of the document of a loss.
    pub fn loss_path(&self, seq: u64) -> String {
        format!("{}/{seq:010}.loss.json", self.directory())
    }
}

/// Compares a chain with the first and the end offset of its partition. Reads only.
pub fn standing(store: &dyn Store, name: &ChainName, (low, high): (NextOffset, NextOffset)) -> Result<Standing, WorldError> {
    let state = read_chain(store, name)?;
    let begun = match &state.open {
        Some(claim) if !is_loss(claim) => None,
        _ => read_loss(store, name, state.next_seq)?,
    };
    Ok(match (state.end, &state.open) {
        (_, Some(claim)) if is_loss(claim) => match begun {
            Some(loss) => Standing::Begun(Box::new(loss)),
            None => {
                let what = format!(
                    "{} gives offsets up, and {} is not there",
                    name.claim_path(claim.seq),
                    name.loss_path(claim.seq)
                );
                return Err(WorldError::new(Remedy::Operator, what));
            }
        },
        (_, Some(claim)) if high.0 <= claim.last_offset => Standing::Behind {
            end: NextOffset(claim.end),
        },
        (_, Some(claim)) if low.0 > claim.first_offset => {
            let mut written = 0;
            for file in &claim.files {
                written += usize::from(store.exists(&file.path)?);
            }
            Standing::ClaimGone {
                claim: Box::new(claim.clone()),
                written,
            }
        }
        (Some(end), None) if high < end => Standing::Behind { end },
        (Some(end), None) if low > end => match begun {
            Some(loss) => Standing::Begun(Box::new(loss)),
            None => Standing::Gap {
                seq: state.next_seq,
                from: end,
                to: low,
            },
        },
        (Some(end), _) => Standing::Sound { end },
        (None, _) => Standing::Empty,
    })
}

/// The last slot of the chain, where it stands for an accepted loss.
pub fn last_accepted(store: &dyn Store, name: &ChainName) -> Result<Option<Loss>, WorldError> {
    let Some(seq) = read_chain(store, name)?.next_seq.checked_sub(1) else {
        return Ok(None);
    };
    let (manifest, loss) = (read_manifest(store, name, seq)?, read_loss(store, name, seq)?);
    Ok(loss.filter(|loss| manifest.is_some_and(|manifest| stands_for(&manifest.claim, loss))))
}

/// Puts the gap into the chain; may be repeated by anybody. `wanted` names the gap as [`standing`] told it; `low` is the first offset that
/// the topic has now. [`Remedy::Reread`]: somebody else has moved the chain meanwhile, look again.
pub fn accept(store: &dyn Store, name: &ChainName, wanted: &Loss, low: NextOffset, now_micros: i64) -> Result<Accepted, WorldError> {
    let seq = wanted.seq.expect("a loss of landing names its slot");
    assert!(
        wanted.lost == Lost::Landing && wanted.to <= low.0,
        "what is still there is not lost"
    );
    let path = name.loss_path(seq);
    let state = read_chain(store, name)?;
    if state.next_seq > seq {
        return finished(store, name, wanted, &path);
    }
    let is_next = state.next_seq == seq && state.end == Some(NextOffset(wanted.from));
    if !is_next || state.open.as_ref().is_some_and(|claim| !is_loss(claim)) {
        return Err(moved(&path));
    }
    // 1. The reason.
    let loss = match store.create(&path, wanted.to_bytes())? {
        Created::New => wanted.clone(),
        Created::Exists => read_loss(store, name, seq)?
            .ok_or_else(|| WorldError::new(Remedy::Retry, format!("{path} was said to exist and is not there")))?,
    };
    if !loss.is_same_gap(wanted) {
        return Err(moved(&path));
    }
    // 2. The claim.
    let claim = claim_of(&loss, name, seq);
    let claim = match place_claim(store, name, &claim)? {
        None => claim,
        Some(theirs) if stands_for(&theirs, &loss) => theirs,
        Some(_) => return Err(moved(&name.claim_path(seq))),
    };
    // 3. The manifest. What the slots before have seen of the sources stays seen: whatever of it comes again is a repeat.
    let marks = state.sources.into_iter().map(|((topic, partition), last_offset)| SourceMark {
        topic: topic.to_string(),
        partition,
        last_offset,
    });
    let manifest = Manifest {
        version: VERSION,
        claim,
        files: Vec::new(),
        min_event_time_micros: None,
        max_event_time_micros: None,
        contract_versions: Vec::new(),
        sources: marks.collect(),
        committed_at: Timestamp::from_microsecond(now_micros).map_or_else(|_| now_micros.to_string(), |now| now.to_string()),
    };
    if store.create(&name.manifest_path(seq), manifest.to_bytes())? == Created::Exists {
        return finished(store, name, &loss, &path);
    }
    Ok(Accepted {
        loss,
        path,
        was_there: false,
    })
}

/// The slot is in the chain: it must stand for this gap.
fn finished(store: &dyn Store, name: &ChainName, wanted: &Loss, path: &str) -> Result<Accepted, WorldError> {
    let seq = wanted.seq.expect("a loss of landing names its slot");
    let manifest = read_manifest(store, name, seq)?;
    let loss = read_loss(store, name, seq)?.filter(|loss| loss.is_same_gap(wanted));
    match (manifest, loss) {
        (Some(manifest), Some(loss)) if stands_for(&manifest.claim, &loss) => Ok(Accepted {
            loss,
            path: path.to_owned(),
            was_there: true,
        }),
        _ => Err(moved(path)),
    }
}

fn moved(path: &str) -> WorldError {
    WorldError::new(
        Remedy::Reread,
        format!("{path}: the chain has moved meanwhile (a sink has landed records, or another loss was accepted); look again"),
    )
}

fn read_loss(store: &dyn Store, name: &ChainName, seq: u64) -> Result<Option<Loss>, WorldError> {
    let path = name.loss_path(seq);
    store.get(&path)?.map(|bytes| Loss::parse(&path, &bytes)).transpose()
}

/// The claim counts offsets that were given up.
pub fn is_loss(claim: &Claim) -> bool {
    claim.skips.contains_key(SKIP)
}

/// The slot stands for this very document.
fn stands_for(claim: &Claim, loss: &Loss) -> bool {
    let counted = BTreeMap::from([(SKIP.to_owned(), loss.offsets())]);
    (claim.start, claim.end) == (loss.from, loss.to) && claim.rows == 0 && claim.skips == counted && claim.rows_sha256 == hash(loss)
}

/// Follows from the document alone, so that everybody who finishes it makes the same claim.
fn claim_of(loss: &Loss, name: &ChainName, seq: u64) -> Claim {
    let settings = Settings::default();
    Claim {
        version: VERSION,
        topic: name.topic.to_string(),
        topic_id: name.topic_id.to_string(),
        partition: name.partition,
        seq,
        start: loss.from,
        end: loss.to,
        first_offset: loss.from,
        last_offset: loss.to - 1,
        records: loss.offsets(),
        rows: 0,
        skips: BTreeMap::from([(SKIP.to_owned(), loss.offsets())]),
        rows_sha256: hash(loss),
        snapshot: "none".to_owned(),
        engine: loss.engine.clone(),
        layout: LAYOUT,
        writer: settings.writer,
        now_micros: loss.accepted_at_micros,
        future_limit_seconds: settings.future_limit.as_secs(),
        files: Vec::new(),
    }
}

fn hash(loss: &Loss) -> String {
    hex(&Sha256::digest(loss.to_bytes()))
}
