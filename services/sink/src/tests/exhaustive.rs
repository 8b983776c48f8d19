//! Claim, write, commit, explored in full: two writers that cut their slots differently and have different clocks, three slots, and every
//! order of their store calls, with a crash or a lost answer before or after any of them.
//!
//! The writers are the real [`read_chain`], [`place_claim`] and [`write`]. One step of a writer is one store call: what it calls next
//! follows from the answers that it had so far, which is asked by running the function over those answers. Where both writers and the
//! store are as they were before, nothing new can follow, so every state is looked at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Mutex;

use bytes::Bytes;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_flow::{NextOffset, Remedy, WorldError, stamp};

use super::left_behind::chain;
use super::world::{DAY, NOON, TestRulings, Topic};
use crate::batch::{Closed, Closing, Gather, Taken};
use crate::chain::{Sources, read_chain};
use crate::document::{Claim, Manifest, Writer};
use crate::settle::{place_claim, write};

/// A writer is done when this many slots are in the lake.
const SLOTS: u64 = 3;
/// Crashes and lost answers in one course of events.
const FAULTS: u8 = 2;
/// Records of a slot of each writer's own.
const CUTS: [i64; 2] = [2, 3];

/// Paths and contents by their numbers in [`Names`].
type Objects = BTreeMap<u16, u16>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Call {
    Create(u16, u16),
    Get(u16),
    Exists(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Answer {
    Created(bool),
    Got(Option<u16>),
    Exists(bool),
}

/// Numbers for bytes, so that a state is small.
#[derive(Default)]
struct Names {
    bytes: Vec<Bytes>,
    numbers: HashMap<Bytes, u16>,
}

/// What a writer is about, as `run/steps.rs` goes through it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    Open,
    Claim { seq: u64, end: i64 },
    Write { claim: u16 },
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Writing {
    phase: Phase,
    /// Of the calls of this phase.
    answers: Vec<Answer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    objects: Objects,
    writers: [Writing; 2],
    faults: u8,
}

/// What follows from the answers.
#[derive(Debug, Clone)]
enum Next {
    Call(Call),
    Enter(Phase),
    /// The phase begins again, as after an answer that never came.
    Again,
}

/// A store that gives the answers that are known, and then takes down what it is asked.
struct Probe<'n> {
    names: &'n Mutex<Names>,
    answers: Mutex<std::vec::IntoIter<Answer>>,
    asked: Mutex<Option<Call>>,
}

/// The writers' functions and what they answered before.
struct Model {
    names: Rc<Mutex<Names>>,
    topic: Topic,
    closed: HashMap<(i64, i64, i64, u64), Rc<Closed>>,
    known: HashMap<(usize, Writing), Next>,
}

// === impl Names ===

impl Names {
    fn number(&mut self, bytes: Bytes) -> u16 {
        *self.numbers.entry(bytes.clone()).or_insert_with(|| {
            self.bytes.push(bytes);
            u16::try_from(self.bytes.len() - 1).unwrap()
        })
    }
}

// === impl Probe ===

impl Probe<'_> {
    fn number(&self, bytes: impl Into<Bytes>) -> u16 {
        self.names.lock().unwrap().number(bytes.into())
    }

    fn ask(&self, call: Call) -> Result<Answer, WorldError> {
        self.answers.lock().unwrap().next().ok_or_else(|| {
            self.asked.lock().unwrap().get_or_insert(call);
            WorldError::new(Remedy::Retry, "not answered yet")
        })
    }
}

impl Store for Probe<'_> {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        match self.ask(Call::Create(self.number(path.to_owned()), self.number(bytes)))? {
            Answer::Created(true) => Ok(Created::New),
            Answer::Created(false) => Ok(Created::Exists),
            other => panic!("{path}: {other:?}"),
        }
    }
    fn put(&self, path: &str, _: Bytes) -> Result<(), WorldError> {
        panic!("{path}: nothing of the chain is ever replaced")
    }
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        match self.ask(Call::Get(self.number(path.to_owned())))? {
            Answer::Got(found) => Ok(found.map(|number| self.names.lock().unwrap().bytes[usize::from(number)].clone())),
            other => panic!("{path}: {other:?}"),
        }
    }
    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        match self.ask(Call::Exists(self.number(path.to_owned())))? {
            Answer::Exists(there) => Ok(there),
            other => panic!("{path}: {other:?}"),
        }
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        panic!("{prefix}: listings are not asked")
    }
}

// === impl Model ===

impl Model {
    fn next(&mut self, writer: usize, writing: &Writing) -> Next {
        let key = (writer, writing.clone());
        if let Some(next) = self.known.get(&key) {
            return next.clone();
        }
        let next = self.run(writer, writing);
        self.known.insert(key, next.clone());
        next
    }

    fn run(&mut self, writer: usize, writing: &Writing) -> Next {
        let names = self.names.clone();
        let probe = Probe {
            names: &names,
            answers: Mutex::new(writing.answers.clone().into_iter()),
            asked: Mutex::new(None),
        };
        let entered = self.enter(writer, &writing.phase, &probe);
        match (probe.asked.into_inner().unwrap(), entered) {
            (Some(call), _) => Next::Call(call),
            (None, Ok(phase)) => Next::Enter(phase),
            (None, Err(error)) if error.remedy == Remedy::Retry => Next::Again,
            (None, Err(error)) => panic!("writer {writer} in {:?}: {error}", writing.phase),
        }
    }

    fn enter(&mut self, writer: usize, phase: &Phase, store: &Probe<'_>) -> Result<Phase, WorldError> {
        match phase {
            Phase::Open => {
                let state = read_chain(store, &chain(0))?;
                Ok(match state.open {
                    _ if state.next_seq >= SLOTS => Phase::Done,
                    Some(claim) => Phase::Write {
                        claim: store.number(claim.to_bytes()),
                    },
                    None => Phase::Claim {
                        seq: state.next_seq,
                        end: state.end.map_or(0, |end| end.0),
                    },
                })
            }
            Phase::Claim { seq, end } => {
                let ours = self.slot(*end, end + CUTS[writer] - 1, NOON + DAY * writer as i64, *seq);
                let claim = place_claim(store, &chain(0), &ours.claim)?.unwrap_or_else(|| ours.claim.clone());
                Ok(Phase::Write {
                    claim: store.number(claim.to_bytes()),
                })
            }
            Phase::Write { claim } => {
                let claim = store.names.lock().unwrap().bytes[usize::from(*claim)].clone();
                let claim = Claim::parse("the claim", &claim).unwrap();
                let closed = self.slot(claim.start, claim.last_offset, claim.now_micros, claim.seq);
                assert_eq!(closed.claim.disagreement(&claim), None);
                write(store, &chain(0), &closed, NOON)?;
                let seq = claim.seq + 1;
                Ok(if seq >= SLOTS {
                    Phase::Done
                } else {
                    Phase::Claim { seq, end: claim.end }
                })
            }
            Phase::Done => Ok(Phase::Done),
        }
    }

    /// The slot of these records, as their claimer or a follower makes it.
    fn slot(&mut self, start: i64, last: i64, now: i64, seq: u64) -> Rc<Closed> {
        let topic = &self.topic;
        let make = || {
            let before = topic.records[&0].iter().rfind(|record| record.origin.offset.0 < start);
            let origin = before.map(|record| stamp::read(&record.headers).unwrap().origin);
            let sources: Sources = origin
                .map(|origin| ((origin.at.topic, origin.at.partition), origin.offset.0))
                .into_iter()
                .collect();
            let mut gather = Gather::open(NextOffset(start), sources, now, 86_400);
            let mut rulings = TestRulings::new(false);
            for record in topic.records[&0]
                .iter()
                .filter(|record| (start..=last).contains(&record.origin.offset.0))
            {
                assert_eq!(gather.take(record, &mut rulings, 9).unwrap(), Taken::Row);
            }
            let writer = Writer {
                zstd_level: 1,
                row_group_rows: 100,
            };
            Rc::new(gather.close(Closing {
                name: &chain(0),
                seq,
                snapshot: "c0ffee",
                writer,
            }))
        };
        self.closed.entry((start, last, now, seq)).or_insert_with(make).clone()
    }
}

fn apply(objects: &mut Objects, call: Call) -> Answer {
    match call {
        Call::Create(path, bytes) => {
            let is_new = !objects.contains_key(&path);
            objects.entry(path).or_insert(bytes);
            Answer::Created(is_new)
        }
        Call::Get(path) => Answer::Got(objects.get(&path).copied()),
        Call::Exists(path) => Answer::Exists(objects.contains_key(&path)),
    }
}

/// The three rules of the chain, in every state.
fn check(objects: &Objects, names: &Names) {
    let bytes = |number: &u16| names.bytes[usize::from(*number)].clone();
    let objects: HashMap<String, Bytes> = objects
        .iter()
        .map(|(path, content)| (String::from_utf8(bytes(path).to_vec()).unwrap(), bytes(content)))
        .collect();
    let mut end = 0;
    for seq in 0..SLOTS + 1 {
        let (claim, manifest) = (objects.get(&chain(0).claim_path(seq)), objects.get(&chain(0).manifest_path(seq)));
        let Some(claim) = claim else {
            assert!(manifest.is_none(), "manifest {seq} without its claim");
            assert!(
                (seq + 1..=SLOTS).all(|later| !objects.contains_key(&chain(0).claim_path(later))),
                "a claim past {seq}"
            );
            return;
        };
        let claim = Claim::parse("claim", claim).unwrap();
        assert_eq!(claim.start, end, "claim {seq} begins where the last slot ended");
        end = claim.end;
        let Some(manifest) = manifest else {
            assert!(
                !objects.contains_key(&chain(0).claim_path(seq + 1)),
                "claim {} before manifest {seq}",
                seq + 1
            );
            return;
        };
        let manifest = Manifest::parse("manifest", manifest).unwrap();
        assert_eq!(manifest.claim, claim);
        for (claimed, file) in claim.files.iter().zip(&manifest.files) {
            let bytes = &objects[&claimed.path];
            assert_eq!((file.path.as_str(), file.bytes), (claimed.path.as_str(), bytes.len() as u64));
        }
    }
}

/// Every state that can follow, and how many of them are ends.
fn explore(create_only: bool) -> (usize, usize) {
    let mut model = Model {
        names: Rc::default(),
        topic: Topic::orders_of_one_day(12),
        closed: HashMap::new(),
        known: HashMap::new(),
    };
    let idle = Writing {
        phase: Phase::Open,
        answers: Vec::new(),
    };
    let first = State {
        objects: Objects::new(),
        writers: [idle.clone(), idle.clone()],
        faults: FAULTS,
    };
    let (mut open, mut seen, mut ends) = (vec![first.clone()], HashSet::from([first]), 0);
    let mut checked = HashSet::new();
    while let Some(state) = open.pop() {
        if checked.insert(state.objects.clone()) {
            check(&state.objects, &model.names.lock().unwrap());
        }
        ends += usize::from(state.writers.iter().all(|writing| writing.phase == Phase::Done));
        let mut follow = |state: State| {
            if !seen.contains(&state) {
                seen.insert(state.clone());
                open.push(state);
            }
        };
        for writer in 0..2 {
            let writing = &state.writers[writer];
            let with = |objects: Objects, phase: Phase, answers: Vec<Answer>, faults: u8| {
                let mut next = state.clone();
                next.objects = objects;
                next.writers[writer] = Writing { phase, answers };
                next.faults = faults;
                next
            };
            match model.next(writer, writing) {
                Next::Enter(Phase::Done) if writing.phase == Phase::Done => {}
                Next::Enter(phase) => follow(with(state.objects.clone(), phase, Vec::new(), state.faults)),
                Next::Again => follow(with(state.objects.clone(), writing.phase.clone(), Vec::new(), state.faults)),
                Next::Call(call) => {
                    let mut done = state.objects.clone();
                    if let (false, Call::Create(path, _)) = (create_only, call) {
                        done.remove(&path);
                    }
                    let answer = apply(&mut done, call);
                    let mut answers = writing.answers.clone();
                    answers.push(answer);
                    follow(with(done.clone(), writing.phase.clone(), answers, state.faults));
                    if state.faults > 0 {
                        for objects in [state.objects.clone(), done] {
                            // No answer: the phase begins again. Dead: the chain is read again.
                            follow(with(objects.clone(), writing.phase.clone(), Vec::new(), state.faults - 1));
                            follow(with(objects, Phase::Open, Vec::new(), state.faults - 1));
                        }
                    }
                }
            }
        }
    }
    (seen.len(), ends)
}

#[test]
fn the_chain_holds_in_every_course_of_events() {
    let (states, ends) = explore(true);
    assert!(states > 30_000 && ends > 10, "{states} states, {ends} ends");
}

/// The check itself: with puts that replace, the same exploration finds a chain that is broken.
#[test]
#[should_panic(expected = "assertion")]
fn puts_that_replace_break_the_chain() {
    explore(false);
}
