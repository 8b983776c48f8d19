//! Replays every folder of `tests/corpus` that holds `events.jsonl`: each event must get exactly its recorded verdict.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tidegate_check::{Judge, compile};

use support::{Event, Schemas, corpus, describe};

#[test]
fn every_case_gets_its_verdicts() {
    let mut cases: Vec<PathBuf> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("events.jsonl").exists())
        .collect();
    cases.sort();
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    let mut events_seen = 0;
    // One judge for everything: nothing may leak from one record, or one contract, into the next.
    let mut judge = Judge::new();
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy();
        let text = fs::read_to_string(case.join("contract.odcs.yaml")).unwrap();
        let contract = support::contract(&name, &text);
        let plan = compile(&contract, 0).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
        let schemas = Schemas::read(&case.join("schemas.json"));
        let events = fs::read_to_string(case.join("events.jsonl")).unwrap();
        let verdicts = fs::read_to_string(case.join("verdicts.jsonl")).unwrap();
        let (events, verdicts): (Vec<&str>, Vec<&str>) = (events.lines().collect(), verdicts.lines().collect());
        assert_eq!(events.len(), verdicts.len(), "{name}: one verdict line for each event line");
        for (line, (event, expected)) in events.iter().zip(&verdicts).enumerate() {
            let event = Event::read(event);
            let verdict = event.judge(&mut judge, &plan, &schemas, &mut ());
            let (found, expected) = (describe(&verdict), serde_json::from_str::<Value>(expected).unwrap());
            if found != expected {
                wrong.push(format!("{name}:{}\n  expected {expected}\n  found    {found}", line + 1));
            }
            events_seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {events_seen} events:\n{}", wrong.len(), wrong.join("\n"));
}

/// Contracts that must not compile, with the codes that say why.
#[test]
fn refused_contracts() {
    let folder = corpus().join("refused");
    let schemas = std::sync::Arc::new(support::event_schemas(&folder.join("schemas")));
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let wanted: Vec<&str> = text
            .lines()
            .next()
            .unwrap()
            .trim_start_matches("# refused:")
            .split_whitespace()
            .collect();
        let codes: Vec<&str> = match tidegate_contract::parse(&name, &text).0 {
            None => panic!("{name} is refused by the reader already"),
            Some(mut contract) => {
                assert!(contract.attach_schemas(&schemas).is_empty(), "{name}");
                compile(&contract, 0).unwrap_err().iter().map(|problem| problem.code).collect()
            }
        };
        assert_eq!(codes, wanted, "{name}");
        seen += 1;
    }
    assert!(seen >= 5);
}
