//! Replays every folder of `tests/corpus/choices`: each event must get the recorded object of its topic, or the recorded refusal.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use serde_json::{Value, json};
use tidegate_check::{Choice, Chooser, Input};
use tidegate_contract::{ContractFile, Snapshot};

use support::{Event, Schemas, corpus};

#[test]
fn every_event_gets_its_object() {
    let (mut wrong, mut cases) = (Vec::new(), 0);
    for entry in fs::read_dir(corpus().join("choices")).unwrap() {
        let case = entry.unwrap().path();
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let mut files = vec![ContractFile {
            path: "contract.odcs.yaml".into(),
            text: fs::read_to_string(case.join("contract.odcs.yaml")).unwrap(),
        }];
        let schemas = support::event_schemas(&case.join("schemas"));
        files.extend(schemas.iter().map(|(path, text)| ContractFile {
            path: format!("schemas/{path}").into(),
            text: text.to_string(),
        }));
        let snapshot = Snapshot::build("c", &files)
            .unwrap_or_else(|problems| panic!("{name}: {problems:#?}"))
            .0;
        let chooser = Chooser::new(snapshot.bindings["events"].clone());
        let schemas = Schemas::read(&case.join("schemas.json"));
        let events = fs::read_to_string(case.join("events.jsonl")).unwrap();
        let choices = fs::read_to_string(case.join("choices.jsonl")).unwrap();
        assert_eq!(events.lines().count(), choices.lines().count(), "{name}: one choice for each event");
        for (line, (event, expected)) in events.lines().zip(choices.lines()).enumerate() {
            let event = Event::read(event);
            let headers: Vec<(&str, Option<&[u8]>)> = event
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()))
                .collect();
            let input = Input {
                key: event.key.as_deref(),
                value: event.value.as_deref(),
                headers: &headers,
                now: event.now,
            };
            let found = match chooser.choose(&input, &schemas) {
                Choice::Bound { bound, .. } => json!({"object": &*bound.object().name}),
                Choice::Refused { reason, detail, clause } => {
                    json!({"refused": [reason.as_str(), detail.map(|detail| detail.as_str()), clause]})
                }
                Choice::Need(need) => json!({"need": support::name(&need)}),
            };
            if found != serde_json::from_str::<Value>(expected).unwrap() {
                wrong.push(format!("{name}:{} expected {expected}, found {found}", line + 1));
            }
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 5, "only {cases} cases");
}
