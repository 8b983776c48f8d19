//! Whatever the bytes are: no panic, one verdict, and the row sink changes nothing.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::sync::OnceLock;

use proptest::prelude::*;
use tidegate_check::{Judge, Plan, Verdict, compile};

use support::{Event, Recorder, Schemas, corpus};

struct Case {
    plan: Plan,
    schemas: Schemas,
    events: Vec<Event>,
}

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let mut folders: Vec<_> = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        let folders = folders.into_iter().filter(|path| path.join("events.jsonl").exists());
        folders
            .map(|folder| {
                let text = fs::read_to_string(folder.join("contract.odcs.yaml")).unwrap();
                let contract = support::contract_with("case", &text, &folder.join("schemas"));
                let events = fs::read_to_string(folder.join("events.jsonl"))
                    .unwrap()
                    .lines()
                    .map(Event::read)
                    .collect();
                Case {
                    plan: compile(&contract, 0).unwrap(),
                    schemas: Schemas::read(&folder.join("schemas.json")),
                    events,
                }
            })
            .collect()
    })
}

/// A change of the bytes: where (as a fraction of the length), what, and how.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(f64, u8),
    Insert(f64, u8),
    Remove(f64),
    Truncate(f64),
    Repeat(f64, f64),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let telling = prop_oneof![
        Just(b'"'),
        Just(b'{'),
        Just(b'}'),
        Just(b'['),
        Just(b','),
        Just(b'0'),
        Just(b'9'),
        Just(b'e'),
        Just(b'-'),
        Just(0),
        Just(1),
        any::<u8>()
    ];
    let place = 0.0..1.0_f64;
    prop_oneof![
        (place.clone(), telling.clone()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (place.clone(), telling).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        place.clone().prop_map(Mutation::Remove),
        place.clone().prop_map(Mutation::Truncate),
        (place.clone(), place).prop_map(|(from, to)| Mutation::Repeat(from, to)),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a short text"
)]
fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let at = |place: f64| ((bytes.len() as f64 * place) as usize).min(bytes.len().saturating_sub(1));
    if bytes.is_empty() {
        return;
    }
    match *mutation {
        Mutation::Replace(place, byte) => {
            let at = at(place);
            bytes[at] = byte;
        }
        Mutation::Insert(place, byte) => bytes.insert(at(place), byte),
        Mutation::Remove(place) => drop(bytes.remove(at(place))),
        Mutation::Truncate(place) => bytes.truncate(at(place)),
        Mutation::Repeat(from, to) => {
            let (from, to) = (at(from.min(to)), at(from.max(to)));
            let part = bytes[from..to].to_vec();
            bytes.splice(to..to, part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_one_verdict(
        case in any::<prop::sample::Index>(),
        event in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 0..4),
        keyless in prop::bool::weighted(0.1),
    ) {
        let case = case.get(cases());
        let seed = event.get(&case.events);
        let mut value = seed.value.clone();
        if let Some(value) = &mut value {
            for mutation in &mutations {
                mutate(value, mutation);
            }
        }
        let event = Event {
            key: seed.key.clone().filter(|_| !keyless),
            value,
            headers: seed.headers.clone(),
            now: seed.now,
            topic: seed.topic.clone(),
        };
        let mut judge = Judge::new();
        let mut row = Recorder::default();
        let first = event.judge(&mut judge, &case.plan, &case.schemas, &mut row);
        // The buffers of a judge that has seen something else do not matter, nor does the sink.
        let mut used = Judge::new();
        for other in &case.events {
            other.judge(&mut used, &case.plan, &case.schemas, &mut ());
        }
        let second = event.judge(&mut used, &case.plan, &case.schemas, &mut ());
        let mut again = Recorder::default();
        let third = event.judge(&mut used, &case.plan, &case.schemas, &mut again);
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(&first, &third);
        // The short way through what is as expected is a way to the same verdict and the same row.
        let mut long = Recorder::default();
        let fourth = event.judge(&mut Judge::thorough(), &case.plan, &case.schemas, &mut long);
        prop_assert_eq!(&first, &fourth);
        prop_assert_eq!(&row.calls, &long.calls);
        match &first {
            Verdict::Valid { .. } => {
                prop_assert!(row.is_balanced());
                prop_assert_eq!(row.calls, again.calls);
            }
            Verdict::Invalid { violations, cut } => {
                prop_assert!(!violations.is_empty());
                prop_assert!(violations.iter().any(|violation| violation.severity == tidegate_contract::Severity::Error));
                prop_assert!(violations.len() <= tidegate_check::verdict::VIOLATIONS_MAX);
                prop_assert!(!cut || violations.len() == tidegate_check::verdict::VIOLATIONS_MAX);
            }
            Verdict::Skipped(_) | Verdict::Need(_) => {}
        }
    }

    #[test]
    fn noise_gets_one_verdict(case in any::<prop::sample::Index>(), value in prop::collection::vec(any::<u8>(), 0..200)) {
        let case = case.get(cases());
        let event = Event { key: None, value: Some(value), ..Event::default() };
        let first = event.judge(&mut Judge::new(), &case.plan, &case.schemas, &mut ());
        let second = event.judge(&mut Judge::new(), &case.plan, &case.schemas, &mut Recorder::default());
        prop_assert_eq!(first, second);
    }
}
