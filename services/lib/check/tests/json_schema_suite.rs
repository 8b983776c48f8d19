//! The official JSON Schema test suite through the path that event schemas of contracts take.
//!
//! The suite is a part of the stand (`tests/stand/parts/suite.py`); its `remotes/` lie in memory as the files under `schemas/` would. What we
//! decide otherwise is listed with the reason, and each entry must occur.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tidegate_check::event_schema::JsonSchema;
use tidegate_contract::SchemaFolder;

/// Where the suite says that its remotes are.
const BASE: &str = "http://localhost:1234/";
const DRAFTS: [(&str, &str); 5] = [
    ("draft4", "http://json-schema.org/draft-04/schema#"),
    ("draft6", "http://json-schema.org/draft-06/schema#"),
    ("draft7", "http://json-schema.org/draft-07/schema#"),
    ("draft2019-09", "https://json-schema.org/draft/2019-09/schema"),
    ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
];

/// What a test may be decided as where the suite says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    /// The schema is refused when it is compiled, whatever the event.
    Refused,
    /// The event is judged the other way round.
    Otherwise,
}

/// (file below the draft's folder, part of the name of the group, part of the name of the test, what we do, why)
const EXCEPTIONS: &[(&str, &str, &str, Ours, &str)] = &[
    (
        "format.json",
        " format",
        "is only an annotation by default",
        Ours::Otherwise,
        "formats are asserted in every draft: a format that nobody checks would only look like a promise",
    ),
    ("vocabulary.json", "schema that uses custom metaschema", "", Ours::Refused, OWN),
    ("vocabulary.json", "ignore unrecognized optional vocabulary", "", Ours::Refused, OWN),
    (
        "optional/format-assertion.json",
        "schema that uses custom metaschema",
        "",
        Ours::Refused,
        OWN,
    ),
];

/// Why dialects of one's own are refused.
const OWN: &str = "`$schema` names a dialect of its own, which may switch keywords off";

fn suite() -> Option<PathBuf> {
    let Ok(stand) = std::env::var("TIDEGATE_STAND") else {
        assert!(
            std::env::var("CI").is_err(),
            "under CI the official suite must be there: run through tests/run"
        );
        eprintln!("SKIPPED: the official JSON Schema test suite is not installed (TIDEGATE_STAND is not set); run through tests/run");
        return None;
    };
    let stand: Value = serde_json::from_str(&fs::read_to_string(stand).unwrap()).unwrap();
    Some(PathBuf::from(
        stand["suite"]["path"].as_str().expect("the stand has the part `suite`"),
    ))
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn below(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/")
}

#[test]
fn every_draft_is_judged_as_the_suite_says() {
    let Some(suite) = suite() else { return };
    let remotes: Vec<(String, String)> = json_files(&suite.join("remotes"))
        .iter()
        .map(|file| (below(&suite.join("remotes"), file), fs::read_to_string(file).unwrap()))
        .collect();
    assert!(remotes.len() > 30);
    let (mut seen, mut occurred, mut wrong) = (0, BTreeSet::new(), Vec::new());
    for (draft, uri) in DRAFTS {
        let folder = suite.join("tests").join(draft);
        let before = seen;
        for file in json_files(&folder) {
            let name = below(&folder, &file);
            let groups: Vec<Value> = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            for group in &groups {
                let text = group["schema"].to_string();
                let texts = remotes.iter().map(|(path, text)| (path.as_str(), text.as_str()));
                let files = Arc::new(SchemaFolder::from_texts(texts.chain([("case.json", text.as_str())])));
                let compiled = JsonSchema::compile_below(&files, "case.json", Some(uri), BASE);
                for test in group["tests"].as_array().unwrap() {
                    seen += 1;
                    let found = match &compiled {
                        Err(_) => Some(Ours::Refused),
                        Ok(schema) => {
                            let accepts = schema.accepts(test["data"].to_string().as_bytes()).unwrap();
                            (accepts != test["valid"].as_bool().unwrap()).then_some(Ours::Otherwise)
                        }
                    };
                    let Some(found) = found else { continue };
                    let (group, test) = (group["description"].as_str().unwrap(), test["description"].as_str().unwrap());
                    let listed = EXCEPTIONS.iter().position(|(file, in_group, in_test, ours, _)| {
                        *file == name && group.contains(in_group) && test.contains(in_test) && *ours == found
                    });
                    match listed {
                        Some(index) => drop(occurred.insert(index)),
                        None => {
                            let why = compiled.as_ref().err().map(|faults| faults[0].to_string()).unwrap_or_default();
                            wrong.push(format!("{draft}/{name} | {group} | {test} | {found:?} {why}"));
                        }
                    }
                }
            }
        }
        assert!(seen - before > 500, "{draft}: only {} tests", seen - before);
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
    let idle: Vec<_> = EXCEPTIONS
        .iter()
        .enumerate()
        .filter(|(index, _)| !occurred.contains(index))
        .collect();
    assert!(idle.is_empty(), "these exceptions no longer occur: {idle:?}");
}
