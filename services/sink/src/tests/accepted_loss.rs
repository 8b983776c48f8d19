//! Records that were deleted before they landed: the partition halts, and goes on behind the gap once somebody has accepted the loss.

use std::sync::Mutex;

use tidegate_flow::ports::Store;
use tidegate_flow::{Loss, Lost, NextOffset, Remedy};

use super::left_behind::*;
use super::world::*;
use crate::Progress;
use crate::chain::{read_chain, read_claim, read_manifest};
use crate::loss::{Standing, accept, last_accepted, standing};

/// Twenty records in the lake (up to offset 24), ten behind them, of which retention has taken the first ones.
fn lagging(store: &MemoryStore) -> Topic {
    let mut topic = Topic::orders(1, 20);
    assert!(work(&topic, store, &mut TestRulings::new(false), &settings(7)));
    for number in 20..30 {
        topic.push(0, number + 10, number, "1.0.0", Some(&format!("{number},{NOON}")));
    }
    topic.low = 33;
    topic
        .records
        .get_mut(&0)
        .unwrap()
        .retain(|record| record.origin.offset.0 < 25 || record.origin.offset.0 >= 33);
    topic
}

fn ends(topic: &Topic) -> (NextOffset, NextOffset) {
    (NextOffset(topic.low), NextOffset(41))
}

fn gap(store: &dyn Store, topic: &Topic) -> Loss {
    match standing(store, &chain(0), ends(topic)).unwrap() {
        Standing::Gap { seq, from, to } => loss(seq, from.0, to.0, "the store was away"),
        other => panic!("{other:?}"),
    }
}

fn loss(seq: u64, from: i64, to: i64, reason: &str) -> Loss {
    let name = chain(0);
    Loss {
        version: tidegate_flow::loss::VERSION,
        lost: Lost::Landing,
        topic: name.topic.to_string(),
        topic_id: name.topic_id.to_string(),
        partition: 0,
        from,
        to,
        seq: Some(seq),
        group: None,
        reason: reason.to_owned(),
        accepted_by: "ops".to_owned(),
        accepted_at_micros: NOON,
        engine: "3".to_owned(),
    }
}

fn objects(store: &MemoryStore) -> std::collections::BTreeMap<String, bytes::Bytes> {
    store.objects.lock().unwrap().clone()
}

#[test]
fn a_halted_partition_is_told_of_as_such() {
    let store = MemoryStore::default();
    let whole = Topic::orders(2, 20);
    assert_eq!(
        stood(&whole, &store, &mut TestRulings::new(false), &settings(7)),
        [(0, Progress::Going), (1, Progress::Going)]
    );
    let store = MemoryStore::default();
    let topic = lagging(&store);
    assert_eq!(
        stood(&topic, &store, &mut TestRulings::new(false), &settings(7)),
        [(0, Progress::Halted)]
    );
}

#[test]
fn a_partition_goes_on_behind_an_accepted_loss_and_nowhere_else() {
    let store = MemoryStore::default();
    let topic = lagging(&store);
    let before = objects(&store);
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(7)));
    assert_eq!(objects(&store), before, "halted");
    let loss = gap(&store, &topic);
    assert_eq!((loss.from, loss.to, loss.seq), (24, 33, Some(3)));
    assert_eq!(objects(&store), before, "looking changes nothing");
    let done = accept(&store, &chain(0), &loss, NextOffset(33), NOON).unwrap();
    assert!(!done.was_there && done.path.ends_with("/00000/0000000003.loss.json"), "{done:?}");
    // Whoever does it again finds it done, and so does the sink.
    let after = objects(&store);
    let again = accept(&store, &chain(0), &loss, NextOffset(33), NOON + 1).unwrap();
    assert!(again.was_there && again.loss == loss && objects(&store) == after);
    assert_eq!(last_accepted(&store, &chain(0)).unwrap(), Some(loss.clone()));
    assert_eq!(
        standing(&store, &chain(0), ends(&topic)).unwrap(),
        Standing::Sound { end: NextOffset(33) }
    );
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(7)));
    assert_exact(&store, &topic, 0);
    let (_, manifests) = lake(&store, 0);
    let slot = &manifests[3];
    assert_eq!(
        (slot.claim.start, slot.claim.end, slot.claim.rows, slot.claim.records),
        (24, 33, 0, 9)
    );
    assert_eq!((slot.claim.skips["accepted_loss"], slot.files.len()), (9, 0));
    assert_eq!(slot.sources, manifests[2].sources, "what was seen stays seen");
    assert_eq!(manifests[4].claim.start, 33);
    assert_eq!(last_accepted(&store, &chain(0)).unwrap(), None, "the last slot is another one");
}

#[test]
fn what_came_before_the_gap_is_a_repeat_behind_it() {
    let store = MemoryStore::default();
    let mut topic = lagging(&store);
    // Delivered again, as at_least_once may.
    topic.push(0, 41, 19, "1.0.0", Some(&format!("19,{NOON}")));
    accept(&store, &chain(0), &gap(&store, &topic), NextOffset(33), NOON).unwrap();
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(100)));
    let (_, manifests) = lake(&store, 0);
    assert_eq!(manifests.last().unwrap().claim.skips["duplicate"], 1);
}

#[test]
fn a_stop_at_any_store_call_is_finished_by_running_it_again() {
    let mut calls = 0;
    for at in 0.. {
        for after in [false, true] {
            let store = MemoryStore::default();
            let topic = lagging(&store);
            let first = gap(&store, &topic);
            let faulty = FaultyStore::new(&store, at, Fault::Fail { after });
            let ended = accept(&faulty, &chain(0), &first, NextOffset(33), NOON);
            if ended.is_ok() {
                calls = at;
                break;
            }
            // In between a sink halts, whatever is there.
            let before = objects(&store);
            assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(7)));
            if read_manifest(&store, &chain(0), 3).unwrap().is_none() {
                assert_eq!(objects(&store), before, "call {at}");
            }
            // Somebody else goes on, for another reason, when more has been deleted: what was begun is finished as it was begun.
            let found = standing(&store, &chain(0), (NextOffset(36), NextOffset(41))).unwrap();
            let wanted = match found {
                Standing::Begun(loss) => {
                    assert_eq!((*loss).clone(), first);
                    *loss
                }
                Standing::Gap { seq: 3, from, .. } => loss(3, from.0, 33, "another reason"),
                Standing::Gap { seq: 4, .. } | Standing::Sound { .. } => first.clone(),
                other => panic!("{other:?}"),
            };
            let other = Loss {
                reason: "another reason".to_owned(),
                ..wanted.clone()
            };
            let done = accept(&store, &chain(0), &other, NextOffset(36), NOON + DAY).unwrap();
            assert!(done.loss == first || done.loss == other, "{done:?}");
            let manifest = read_manifest(&store, &chain(0), 3).unwrap().unwrap();
            assert_eq!(Some(manifest.claim), read_claim(&store, &chain(0), 3).unwrap());
            if read_chain(&store, &chain(0)).unwrap().next_seq == 4 {
                assert_eq!(last_accepted(&store, &chain(0)).unwrap(), Some(done.loss));
            }
            assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(7)));
            assert_exact(&store, &topic, 0);
        }
        if calls > 0 {
            break;
        }
    }
    assert!(calls >= 6, "{calls} calls: reads, reason, claim, manifest");
}

/// A sink has the records in memory and claims them while the loss is being accepted: one of them has the slot, at every step.
#[test]
fn a_sink_that_lands_meanwhile_has_the_slot_or_follows() {
    let (mut lost, mut landed) = (0, 0);
    for at in 0..12 {
        let store = MemoryStore::default();
        let topic = lagging(&store);
        let mut complete = topic.clone();
        complete.low = 0;
        complete.records = Topic::orders(1, 20).records;
        for number in 20..30 {
            complete.push(0, number + 10, number, "1.0.0", Some(&format!("{number},{NOON}")));
        }
        let wanted = gap(&store, &topic);
        let sink = || {
            assert!(work(&complete, &store, &mut TestRulings::new(false), &settings(100)));
        };
        let racing = FaultyStore::new(&store, at, Fault::First(Mutex::new(Some(Box::new(sink)))));
        let ended = accept(&racing, &chain(0), &wanted, NextOffset(33), NOON);
        let slot = read_manifest(&store, &chain(0), 3).unwrap();
        let Some(slot) = slot else {
            panic!("call {at}: neither of them has the slot");
        };
        match ended {
            Ok(_) => {
                assert_eq!(slot.claim.skips["accepted_loss"], 9);
                lost += 1;
            }
            Err(error) => {
                assert_eq!(error.remedy, Remedy::Reread, "{error}");
                assert!(slot.claim.skips.is_empty() && slot.claim.start == 24);
                assert_exact(&store, &complete, 0);
                landed += 1;
            }
        }
        assert!(read_chain(&store, &chain(0)).unwrap().open.is_none());
    }
    assert!(lost > 0 && landed > 0, "{lost} {landed}");
}

#[test]
fn what_is_no_gap_is_told_apart() {
    let store = MemoryStore::default();
    let topic = Topic::orders(1, 20);
    let of = |low, high| standing(&store, &chain(0), (NextOffset(low), NextOffset(high))).unwrap();
    assert_eq!(of(5, 25), Standing::Empty);
    assert!(work(&topic, &store, &mut TestRulings::new(false), &settings(7)));
    assert_eq!(of(0, 25), Standing::Sound { end: NextOffset(24) });
    assert_eq!(of(24, 25), Standing::Sound { end: NextOffset(24) });
    assert!(matches!(of(25, 26), Standing::Gap { .. }));
    assert_eq!(of(0, 20), Standing::Behind { end: NextOffset(24) });
    // A claim whose records are gone is never given up.
    let store = MemoryStore::default();
    let crashing = FaultyStore::new(&store, 2, Fault::Crash { after: true });
    assert!(!work(&topic, &crashing, &mut TestRulings::new(false), &settings(7)));
    let found = standing(&store, &chain(0), (NextOffset(2), NextOffset(25))).unwrap();
    let Standing::ClaimGone { claim, written } = found else {
        panic!("{found:?}");
    };
    assert_eq!((claim.start, claim.end, written), (0, 8, 0));
    let error = accept(&store, &chain(0), &loss(0, 0, 2, "x"), NextOffset(2), NOON).unwrap_err();
    assert_eq!(error.remedy, Remedy::Reread);
    assert_eq!(objects(&store).len(), 1, "nothing but the claim");
}
