//! Completeness of a stretch: what adds up, what is missing, and that nothing is taken for complete which nobody has seen.

use tidegate_flow::stamp;
use tidegate_flow::{NextOffset, Record};

use super::world::{DEAD, RAW, VALID, World};
use crate::account::Account;
use crate::explain::keyless_tombstone;
use crate::plan::Mode::{AtLeastOnce, ExactlyOnce};

const ALL: i64 = 1_000;

fn judged(mut world: World, until: i64) -> World {
    world.judged_until(until);
    world
}

/// Raw, validated, dead-lettered, skipped, pending, missing; the first five add up.
fn counts(account: &Account) -> [u64; 6] {
    [
        account.raw,
        account.validated,
        account.dead_lettered,
        account.skipped,
        account.pending,
        account.missing.count,
    ]
}

#[test]
fn all_records_are_accounted_for_in_both_modes() {
    for mode in [ExactlyOnce, AtLeastOnce] {
        let mut world = judged(World::clean(mode), 10);
        let account = world.account(0, ALL);
        assert_eq!((counts(&account), &account.unknown), ([10, 8, 2, 0, 0, 0], &None));
        assert_eq!((account.from, account.until, account.next), (0, 10, NextOffset(10)));
        // The next look begins there; nothing has come, nothing is read.
        let again = world.account(account.next.0, ALL);
        assert_eq!((counts(&again), &again.unknown), ([0; 6], &None));
    }
}

#[test]
fn what_is_past_the_position_is_pending_and_looked_at_later() {
    let mut world = World::clean(ExactlyOnce);
    world.source("under way");
    world.source("under way, too");
    world.judged_until(10);
    let account = world.account(4, ALL);
    assert_eq!((counts(&account), &account.unknown), ([8, 5, 1, 0, 2, 0], &None));
    assert_eq!(account.next, NextOffset(10));
    world.valid(10);
    world.judged_until(12);
    let later = world.account(account.next.0, ALL);
    assert_eq!(
        (counts(&later), later.missing.first.as_slice()),
        ([2, 1, 0, 0, 0, 1], [11].as_slice())
    );
}

#[test]
fn an_outcome_that_is_gone_is_missing() {
    for (topic, own, source) in [(VALID, 4, 5), (DEAD, 1, 7)] {
        let mut world = judged(World::clean(ExactlyOnce), 10);
        world.remove(topic, own);
        let account = world.account(0, ALL);
        assert_eq!(
            (account.missing.first.as_slice(), &account.unknown),
            ([source].as_slice(), &None),
            "{topic}"
        );
        assert_eq!(account.raw, account.validated + account.dead_lettered + account.missing.count);
    }
}

#[test]
fn an_outcome_of_another_partition_is_none() {
    let mut world = World::new(ExactlyOnce);
    world.source("a");
    world.source("b");
    world.valid(0);
    world.outcome(VALID, 1, |record| {
        let header = record.headers.iter_mut().find(|header| &*header.name == stamp::ORIGIN).unwrap();
        header.value = Some("raw:1:1".into());
    });
    world.judged_until(2);
    let account = world.account(0, ALL);
    assert_eq!(account.missing.first, [1]);
    assert_eq!(account.amiss, [("misplaced", 1)]);
}

#[test]
fn a_second_outcome_and_other_bytes_are_told_beside_the_counts() {
    let mut world = judged(World::clean(ExactlyOnce), 10);
    world.valid(9);
    assert_eq!(world.account(0, ALL).amiss, [("doubled", 1)]);
    let mut world = World::new(ExactlyOnce);
    world.source("a");
    world.outcome(VALID, 0, |record| record.value = Some("else".into()));
    world.judged_until(1);
    assert_eq!(world.account(0, ALL).amiss, [("changed", 1)]);
}

#[test]
fn a_policy_explains_what_has_no_outcome() {
    let mut world = World::clean(ExactlyOnce);
    world.keyless_tombstone();
    world.judged_until(11);
    let account = world.account_explained(0, ALL, &|record: &Record| keyless_tombstone(record));
    assert_eq!((counts(&account), &account.unknown), ([11, 8, 2, 1, 0, 0], &None));
    assert_eq!(world.account(0, ALL).missing.first, [10], "unless nothing does");
}

#[test]
fn what_cannot_be_read_is_unknown_and_looked_at_again() {
    let mut world = judged(World::clean(ExactlyOnce), 10);
    world.break_broker();
    let account = world.account(3, ALL);
    assert!(account.unknown.as_deref().unwrap().contains("broker is down"), "{account:?}");
    assert_eq!((account.next, counts(&account)[..4].iter().sum::<u64>()), (NextOffset(3), 0));
    world.mend_broker();
    assert_eq!(world.account(account.next.0, ALL).unknown, None);
    world.no_offsets_of(DEAD);
    assert!(world.account(0, ALL).unknown.is_some(), "outcomes of one class are not to be had");
}

#[test]
fn without_a_position_nothing_is_excused() {
    let mut world = World::clean(ExactlyOnce);
    let account = world.account(0, ALL);
    assert!(account.unknown.unwrap().contains("no position"));
    // Where there was never a record there is nothing to account for.
    assert_eq!(World::new(ExactlyOnce).account(0, ALL).unknown, None);
    world.judged_until(11);
    assert!(world.account(0, ALL).unknown.unwrap().contains("created again"));
}

#[test]
fn what_retention_took_is_not_taken_for_complete() {
    // Before it was judged.
    let mut world = judged(World::clean(ExactlyOnce), 4);
    world.retain_from(RAW, 6);
    assert!(
        world
            .account(2, ALL)
            .unknown
            .unwrap()
            .contains("2 offsets from the group's position")
    );
    // Judged, and gone before anybody looked; what is there is counted, and the next look is well again.
    let mut world = judged(World::clean(ExactlyOnce), 10);
    world.retain_from(RAW, 6);
    let account = world.account(2, ALL);
    assert!(
        account.unknown.as_deref().unwrap().contains("4 offsets before they were looked at"),
        "{account:?}"
    );
    assert_eq!(counts(&account), [4, 3, 1, 0, 0, 0]);
    assert_eq!(world.account(account.next.0, ALL).unknown, None);
    // Its outcomes.
    let mut world = judged(World::clean(ExactlyOnce), 10);
    world.retain_from(VALID, 3);
    let account = world.account(0, ALL);
    assert!(account.unknown.is_some() && account.missing.count == 0, "{account:?}");
    assert_eq!(account.next, NextOffset(10), "they do not come back");
}

#[test]
fn an_open_transaction_is_unknown_until_its_end_is_seen() {
    let mut world = judged(World::clean(ExactlyOnce), 10);
    world.uncommitted = true;
    world.hide_from(VALID, 6);
    let account = world.account(0, ALL);
    assert!(account.unknown.as_deref().unwrap().contains("transaction"), "{account:?}");
    assert_eq!((account.missing.count, account.next), (0, NextOffset(8)));
    world.hide_from(VALID, 8);
    assert_eq!(counts(&world.account(account.next.0, ALL)), [2, 2, 0, 0, 0, 0]);
}

#[test]
fn a_bounded_look_says_what_it_leaves_for_the_next() {
    let mut world = judged(World::clean(ExactlyOnce), 10);
    let account = world.account(0, 4);
    assert_eq!((counts(&account), account.next), ([4, 3, 1, 0, 0, 0], NextOffset(4)));
    assert!(
        account.unknown.unwrap().contains("6 judged offsets from 4 on"),
        "behind is not complete"
    );
    let rest = world.account(4, 6);
    assert_eq!((counts(&rest), rest.unknown), ([6, 5, 1, 0, 0, 0], None));
}
