//! One partition, many processes: some records kill whoever judges them, and somebody kills processes at will.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const ENGINE: &str = "7";

/// A partition as its group knows it, from the first death on.
struct Partition {
    end: i64,
    poison: BTreeSet<i64>,
    hand_max: usize,
    restarts_max: u32,
    committed: i64,
    note: Option<Crashes>,
    given_up: Vec<i64>,
    /// Records that were alone in hand when a process was shot.
    shot_alone: Vec<i64>,
}

#[derive(Debug, PartialEq)]
enum Ended {
    Died,
    Halted,
    Through,
}

impl Partition {
    /// One process from its takeover to its end. It is shot when so many batches were in hand; a batch holds what `sizes` say, at most what
    /// it may.
    fn process(&mut self, sizes: &[usize], shot_at: Option<usize>) -> Ended {
        let limits = (self.hand_max, self.restarts_max);
        let mut watch = Watch::begin(
            self.note.as_ref(),
            None,
            (NextOffset(self.committed), NextOffset(self.end)),
            limits,
            ENGINE,
        );
        self.note = watch.note();
        for batch in 0.. {
            if self.committed == self.end {
                return Ended::Through;
            }
            let is_shot = shot_at == Some(batch);
            let first = self.committed;
            let mut given_up = false;
            let hand = if watch.is_quarantined() {
                match watch.facing(first) {
                    Facing::Halt(_) => return Ended::Halted,
                    facing => given_up = facing == Facing::GiveUp,
                }
                self.note = Some(watch.note_alone(first, false));
                1
            } else {
                watch
                    .hand_now()
                    .min(sizes[batch % sizes.len()].max(1))
                    .min((self.end - first) as usize)
            };
            let last = first + hand as i64;
            if is_shot || (!given_up && self.poison.range(first..last).next().is_some()) {
                if watch.is_quarantined() && is_shot {
                    self.shot_alone.push(first);
                }
                return Ended::Died;
            }
            if given_up {
                self.given_up.push(first);
            }
            self.note = watch.note_behind(NextOffset(last), hand, given_up);
            watch.passed(NextOffset(last), hand, given_up);
            self.committed = last;
        }
        unreachable!("batches have no end")
    }
}

fn partition(end: i64, poison: impl IntoIterator<Item = i64>, hand_max: usize, restarts_max: u32) -> Partition {
    Partition {
        end,
        poison: poison.into_iter().collect(),
        hand_max,
        restarts_max,
        committed: 0,
        note: None,
        given_up: Vec::new(),
        shot_alone: Vec::new(),
    }
}

#[test]
fn the_record_that_kills_is_found_and_given_up_after_a_handful_of_starts() {
    let mut partition = partition(50_000, [31_234], 10_000, 3);
    let mut deaths = 0;
    while partition.process(&[10_000], None) == Ended::Died {
        deaths += 1;
    }
    assert_eq!((partition.given_up.as_slice(), partition.committed), (&[31_234_i64][..], 50_000));
    assert_eq!(deaths, 7, "one that nobody counted, three in vain, three with it alone in hand");
}

#[test]
fn another_engine_starts_counting_anew() {
    let noted = Crashes {
        n: 9,
        o: Some(4),
        a: 3,
        e: "6".to_owned(),
        ..Crashes::default()
    };
    let places = (NextOffset(4), NextOffset(10));
    let watch = Watch::begin(Some(&noted), None, places, (100, 3), ENGINE);
    assert_eq!((watch.attempt(), watch.facing(4)), (1, Facing::Try));
    let same = Crashes {
        e: ENGINE.to_owned(),
        ..noted
    };
    let watch = Watch::begin(Some(&same), None, places, (100, 3), ENGINE);
    assert_eq!(
        (watch.attempt(), watch.facing(4), watch.facing(5)),
        (10, Facing::GiveUp, Facing::Try)
    );
}

#[test]
fn what_a_process_reads_of_itself_is_no_death_and_a_good_leave_is_none_either() {
    let places = (NextOffset(0), NextOffset(10));
    let first = Watch::begin(None, None, places, (100, 3), ENGINE);
    let own = first.note();
    let again = Watch::begin(own.as_ref(), own.as_ref(), places, (100, 3), ENGINE);
    assert_eq!(again.attempt(), 1);
    let second = Watch::begin(own.as_ref(), None, places, (100, 3), ENGINE);
    assert_eq!(second.attempt(), 2);
    assert_eq!(second.note_left().map(|note| note.n), Some(1));
}

#[test]
fn nothing_waiting_counts_nothing_and_what_moves_is_forgotten() {
    let idle = Watch::begin(None, None, (NextOffset(5), NextOffset(5)), (100, 3), ENGINE);
    assert_eq!(idle.note(), None);
    let mut busy = Watch::begin(None, None, (NextOffset(0), NextOffset(1_000)), (100, 3), ENGINE);
    busy.passed(NextOffset(60), 60, false);
    assert!(busy.note().is_some(), "a former owner may have had what follows in hand");
    assert_eq!(busy.note_behind(NextOffset(100), 40, false), None);
    let short = Watch::begin(None, None, (NextOffset(0), NextOffset(3)), (100, 3), ENGINE);
    assert_eq!(short.note_behind(NextOffset(3), 3, false), None, "nobody had more than there was");
}

#[test]
fn a_process_that_dies_of_everything_halts_the_partition_and_gives_up_no_more() {
    let mut partition = partition(1_000, 0..1_000, 100, 3);
    let mut starts = 0;
    while partition.process(&[100], None) != Ended::Halted {
        starts += 1;
        assert!(starts < 100);
    }
    assert_eq!(partition.given_up, [0, 1, 2], "after three in a row it is not about records");
}

#[test]
fn who_dies_of_giving_up_or_after_judging_halts() {
    let alone = |a: u32, l: bool| Crashes {
        n: 5,
        o: Some(3),
        a,
        l,
        d: 0,
        e: ENGINE.to_owned(),
    };
    let facing = |noted: &Crashes| Watch::begin(Some(noted), None, (NextOffset(3), NextOffset(9)), (100, 3), ENGINE).facing(3);
    assert_eq!(facing(&alone(2, false)), Facing::Try);
    assert_eq!(facing(&alone(3, false)), Facing::GiveUp);
    assert_eq!(facing(&alone(4, false)), Facing::GiveUp, "it may have been shot");
    assert!(matches!(facing(&alone(5, false)), Facing::Halt(_)));
    assert_eq!(facing(&alone(2, true)), Facing::Try);
    assert!(matches!(facing(&alone(3, true)), Facing::Halt(_)), "never two classes");
}

proptest! {
    /// Whatever kills processes: no record is given up unless three died with it alone in hand; and once only poison kills, everything that
    /// is no poison passes.
    #[test]
    fn the_innocent_pass(
        poison in prop::collection::btree_set(0_i64..300, 0..4),
        sizes in prop::collection::vec(1_usize..120, 1..5),
        shots in prop::collection::vec(prop::option::of(0_usize..40), 0..12),
        (hand_max, restarts_max) in (1_usize..150, 1_u32..5),
    ) {
        // Three in a row that really kill halt: that is another test.
        prop_assume!(poison.iter().all(|at| !poison.contains(&(at + 1))));
        let mut partition = partition(300, poison.iter().copied(), hand_max, restarts_max);
        for shot in shots {
            partition.process(&sizes, shot);
        }
        let mut starts = 0;
        loop {
            match partition.process(&sizes, None) {
                Ended::Through => break,
                Ended::Died => starts += 1,
                Ended::Halted => {
                    prop_assert!(partition.shot_alone.len() >= 2, "halted without cause at {}", partition.committed);
                    return Ok(());
                }
            }
            // Batches smaller than a hand may each bring one uncounted death.
            prop_assert!(starts < 40 * (poison.len() + 1), "does not get through, at {} with {:?}", partition.committed, partition.note);
        }
        for given_up in &partition.given_up {
            let shots = partition.shot_alone.iter().filter(|at| *at == given_up).count();
            prop_assert!(poison.contains(given_up) || shots >= 3, "{given_up} is innocent");
        }
        for kills in &poison {
            prop_assert!(partition.given_up.contains(kills), "{kills} passed");
        }
    }
}
