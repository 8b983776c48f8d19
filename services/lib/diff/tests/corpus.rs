//! The grades are true of the judge's verdicts on the corpus: every case's contract with a word, a number or a clause changed, judged on the
//! case's own events. So change events, keys, headers, all encodings and event schemas are in it, too.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests; what was seen is printed")]

#[path = "../../check/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use support::{Event, Schemas, corpus, event_schemas};
use tidegate_check::{Judge, Plan, Verdict, compile};
use tidegate_contract::{Contract, Level};
use tidegate_diff::{Grade, compare};

/// Edits of each contract; `TIDEGATE_DIFF_EDITS` asks for more.
const EDITS: usize = 12;

/// Words that take each other's place.
const WORDS: &[(&str, &str)] = &[
    ("true", "false"),
    ("error", "warning"),
    ("warning", "info"),
    ("ignore", "fail"),
    ("fail", "warn"),
    ("required: true", "required: false"),
    ("logicalType: string", "logicalType: integer"),
    ("logicalType: integer", "logicalType: number"),
    ("logicalType: integer", "logicalType: string"),
    ("logicalType: date", "logicalType: string"),
    ("minimum", "exclusiveMinimum"),
    ("maximum", "exclusiveMaximum"),
    ("precise", "string"),
    ("adaptive", "connect"),
    ("bytes", "hex"),
    ("debezium", "debezium-flat"),
    ("[json]", "[json, avro]"),
    ("[avro]", "[json, avro]"),
    ("i32", "i64"),
    ("numeric", "varchar"),
    ("&&", "||"),
    (">", ">="),
    ("mustBe: 0", "mustBeLessThan: 2"),
    ("create", "update"),
];

/// Every text that is one edit away, none of them twice.
fn edits(text: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let lines: Vec<&str> = text.lines().collect();
    let with = |at: usize, line: Option<String>| -> String {
        let changed = lines.iter().enumerate().filter_map(|(index, own)| match index == at {
            true => line.clone(),
            false => Some((*own).to_owned()),
        });
        changed.map(|line| line + "\n").collect()
    };
    for (at, line) in lines.iter().enumerate() {
        found.insert(with(at, None));
        for (from, to) in WORDS {
            if let Some(start) = line.find(from) {
                found.insert(with(at, Some(format!("{}{to}{}", &line[..start], &line[start + from.len()..]))));
            }
        }
        // Each part of a mapping on one line, and each number.
        let parts: Vec<&str> = line.split(", ").collect();
        for part in 1..parts.len() {
            let mut left = parts.clone();
            let gone = left.remove(part);
            let tail: String = gone.chars().rev().take_while(|c| matches!(c, '}' | ']')).collect();
            found.insert(with(at, Some(left.join(", ") + &tail)));
        }
        for (start, _) in line.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
            let digit = line.as_bytes()[start];
            let other = if digit == b'9' { b'1' } else { digit + 1 };
            let mut bytes = line.as_bytes().to_vec();
            bytes[start] = other;
            found.insert(with(at, Some(String::from_utf8(bytes).unwrap())));
        }
    }
    found.remove(text);
    found.into_iter().collect()
}

fn read(name: &str, text: &str, schemas: &Path) -> Option<(Contract, Plan)> {
    let (contract, diagnostics) = tidegate_contract::parse(name, text);
    if diagnostics.iter().any(|one| one.level == Level::Error) {
        return None;
    }
    let mut contract = contract?;
    if !contract.attach_schemas(&Arc::new(event_schemas(schemas))).is_empty() || contract.objects.is_empty() {
        return None;
    }
    let plan = compile(&contract, 0).ok()?;
    Some((contract, plan))
}

#[test]
fn what_is_said_of_a_change_holds_for_the_corpus() {
    let mut folders: Vec<_> = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let most = std::env::var("TIDEGATE_DIFF_EDITS").map_or(EDITS, |text| text.parse().unwrap());
    let (mut pairs, mut differing, mut open) = (0_u32, 0_u32, 0_u32);
    for (seed, folder) in folders.into_iter().filter(|path| path.join("events.jsonl").exists()).enumerate() {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(folder.join("contract.odcs.yaml")).unwrap();
        let schemas = Schemas::read(&folder.join("schemas.json"));
        let events: Vec<Event> = fs::read_to_string(folder.join("events.jsonl"))
            .unwrap()
            .lines()
            .map(Event::read)
            .collect();
        let Some((old, old_plan)) = read(&name, &text, &folder.join("schemas")) else {
            panic!("{name} does not load")
        };
        let mut rng = Rng::with_seed(seed as u64);
        let mut edited = edits(&text);
        rng.shuffle(&mut edited);
        let mut tried = 0;
        for other in &edited {
            let Some((new, new_plan)) = read(&name, other, &folder.join("schemas")) else {
                continue;
            };
            tried += 1;
            if tried > most {
                break;
            }
            pairs += 1;
            let changes = compare(&old, &new);
            let grade = changes.iter().fold(Grade::None, |grade, change| grade.and(change.producers));
            let said = || {
                let of: Vec<&str> = text.lines().filter(|line| !other.lines().any(|one| one == *line)).collect();
                let to: Vec<&str> = other.lines().filter(|line| !text.lines().any(|one| one == *line)).collect();
                format!("{name}: {grade:?} {changes:#?}\n-{}\n+{}", of.join("\n-"), to.join("\n+"))
            };
            assert!(
                !changes.iter().any(|change| change.sentence.contains("it is not known what")),
                "a clause is compared too little: {}",
                said()
            );
            open += u32::from(grade == Grade::Undetermined);
            let mut differs = false;
            for (line, event) in events.iter().enumerate() {
                let passes = |plan: &Plan| match event.judge(&mut Judge::new(), plan, &schemas, &mut ()) {
                    Verdict::Valid { .. } | Verdict::Skipped(_) => Some(true),
                    Verdict::Invalid { .. } => Some(false),
                    Verdict::Need(_) => None,
                };
                let (Some(passed), Some(passes)) = (passes(&old_plan), passes(&new_plan)) else {
                    continue;
                };
                assert!(
                    passes || !passed || grade.may_tighten(),
                    "event {} is refused: {}",
                    line + 1,
                    said()
                );
                assert!(passed || !passes || grade.may_loosen(), "event {} passes: {}", line + 1, said());
                differs |= passes != passed;
            }
            differing += u32::from(differs);
        }
    }
    println!("{pairs} pairs, {differing} with other verdicts, {open} undetermined");
    assert!(pairs > 600 && differing > 150, "{pairs} {differing}");
    assert!(open * 3 < pairs, "{open} of {pairs} undetermined");
}
