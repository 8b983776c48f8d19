//! A validated topic that is deleted and made again under its name while a worker reads it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_columnar::read_identities;
use tidegate_flow::ports::Store as _;
use tidegate_flow::{Header, stamp};

use super::left_behind::*;
use super::world::*;
use crate::chain::{ChainName, read_manifest};

const RECORDS: i64 = 24;
/// Records of the new topic.
const LONGER: i64 = 36;
/// Source offsets of the new topic begin here.
const NEW: i64 = 1_000;

/// Source offsets of the rows under a chain.
fn landed(store: &MemoryStore, name: &ChainName) -> Vec<i64> {
    let mut offsets = Vec::new();
    let mut seq = 0;
    while let Some(manifest) = read_manifest(store, name, seq).unwrap() {
        for file in &manifest.files {
            let rows = read_identities(store.get(&file.path).unwrap().unwrap()).unwrap();
            offsets.extend(rows.iter().map(|row| row.source_offset));
        }
        seq += 1;
    }
    offsets.sort_unstable();
    offsets
}

/// The topic as it is before, and what tells that it was made anew: longer, and from other source records.
fn topic_made_anew() -> (Topic, Arc<AtomicBool>) {
    let mut topic = Topic::orders(1, RECORDS);
    let mut again = Topic::orders(1, LONGER);
    for (source, record) in (NEW..).zip(again.records.get_mut(&0).unwrap()) {
        record.headers[0] = Header::text(stamp::ORIGIN, format!("raw:0:{source}"));
    }
    let made_anew = topic.made_anew_as(again);
    (topic, made_anew)
}

/// A store at whose n-th call the topic is made anew.
fn switching<'a>(inner: &'a MemoryStore, call: usize, made_anew: &'a AtomicBool) -> FaultyStore<'a> {
    let switch: Box<dyn FnOnce() + Send + 'a> = Box::new(|| made_anew.store(true, Ordering::SeqCst));
    FaultyStore::new(inner, call, Fault::First(Mutex::new(Some(switch))))
}

/// The new topic is already as long as the old one, so no position is out of range: only the id tells.
#[test]
fn whenever_a_topic_is_made_anew_its_records_land_in_a_chain_of_their_own() {
    let mut switched = 0;
    for call in 0.. {
        let (topic, made_anew) = topic_made_anew();
        let inner = MemoryStore::default();
        let store = switching(&inner, call, &made_anew);
        assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
        if !made_anew.load(Ordering::SeqCst) {
            break;
        }
        // Whoever comes next, where the switch came too late for this one.
        assert!(work(&topic, &inner, &mut TestRulings::new(false), &settings(5)));
        let (old, new) = (landed(&inner, &chain(0)), landed(&inner, &chain_made_anew(0)));
        assert!(old.iter().all(|source| *source < NEW), "call {call}: the old chain took {old:?}");
        assert_eq!(new, (NEW..NEW + LONGER).collect::<Vec<_>>(), "call {call}");
        switched += 1;
    }
    assert!(switched > 20, "{switched} places were tried");
}

/// Made anew while the chain is read: its records are not read for the claim, they would only halt the partition.
#[test]
fn a_claim_of_the_topic_before_is_not_followed_in_the_new_one() {
    for call in 0..2 {
        let (topic, made_anew) = topic_made_anew();
        let inner = MemoryStore::default();
        assert!(work(&topic, &OnlyChain(&inner), &mut TestRulings::new(false), &settings(5)));
        let claim = chain(0).claim_path(0);
        assert!(inner.exists(&claim).unwrap());
        let store = switching(&inner, call, &made_anew);
        assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(5)));
        assert!(landed(&inner, &chain(0)).is_empty(), "call {call}");
        assert_eq!(
            landed(&inner, &chain_made_anew(0)),
            (NEW..NEW + LONGER).collect::<Vec<_>>(),
            "call {call}"
        );
    }
}

/// A broker that does not say the id for a while: nothing is claimed then, and nothing is taken for another topic.
#[test]
fn an_id_that_is_not_told_is_waited_for() {
    let mut settings = settings(5);
    settings.retry = (Duration::from_millis(1), Duration::from_millis(1));
    for told in 1..5 {
        let topic = Topic {
            ids_left_out: Arc::new(Mutex::new((told, 3))),
            ..Topic::orders(1, RECORDS)
        };
        let store = MemoryStore::default();
        assert!(work(&topic, &store, &mut TestRulings::new(false), &settings));
        assert_eq!(*topic.ids_left_out.lock().unwrap(), (0, 0), "it was asked so often");
        assert_exact(&store, &topic, 0);
    }
}
