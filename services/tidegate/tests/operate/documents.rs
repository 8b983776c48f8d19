//! What `topics check`, `topics apply` and `doctor` print as JSON, held to the schemas that readers are given.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Place, root, stand};

/// A schema of `schemas/formats`, which must itself be one, and must know every key of a document.
struct Format(jsonschema::Validator, &'static str);

impl Format {
    fn of(name: &'static str) -> Format {
        let text = std::fs::read_to_string(root().join("schemas/formats").join(name)).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        Format(jsonschema::options().build(&schema).unwrap(), name)
    }

    fn problems(&self, document: &Value) -> Vec<String> {
        let errors = self.0.iter_errors(document);
        errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// The document of a text that holds nothing else, and fits. Without any of its keys it does not, nor with one more.
    fn fits(&self, said: &str) -> Value {
        let document: Value = serde_json::from_str(said).unwrap_or_else(|error| panic!("{}: {error}:\n{said}", self.1));
        let problems = self.problems(&document);
        assert!(problems.is_empty(), "{}: {problems:#?}\n{document:#}", self.1);
        for key in document.as_object().unwrap().keys() {
            let mut less = document.clone();
            less.as_object_mut().unwrap().remove(key);
            assert!(!self.problems(&less).is_empty(), "{}: {key} may be missing", self.1);
        }
        let mut more = document.clone();
        more["unheard-of"] = 1.into();
        assert!(!self.problems(&more).is_empty(), "{}: a key that nobody described passes", self.1);
        document
    }
}

fn texts<'a>(document: &'a Value, list: &str, key: &str) -> BTreeSet<&'a str> {
    let entries = document[list].as_array().unwrap();
    entries.iter().map(|entry| entry[key].as_str().unwrap()).collect()
}

#[test]
fn what_topics_print_fits_their_schemas() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    let (check, apply) = (Format::of("topics-check.schema.json"), Format::of("topics-apply.schema.json"));
    let json = |args: &[&str]| place.topics(&[args, &["--output", "json"]].concat());

    // Nothing is there; nothing is made.
    let (code, said) = json(&["check"]);
    let document = check.fits(&said);
    assert_eq!((code, document["clean"].as_bool()), (1, Some(false)));
    assert!(!document["findings"].as_array().unwrap().is_empty());
    let (code, said) = json(&["apply", "--partitions", "2"]);
    let document = apply.fits(&said);
    assert_eq!((code, document["executed"].as_bool()), (1, Some(false)));
    let kinds: BTreeSet<&str> = ["source", "validated", "dead letters", "retry", "parked", "probe", "state"].into();
    assert_eq!(texts(&document, "changes", "kind"), kinds);

    // Made, then raised; a source is not widened for anybody.
    let (code, said) = json(&["apply", "--partitions", "2", "--execute"]);
    assert_eq!((code, apply.fits(&said)["executed"].as_bool()), (0, Some(true)));
    let (code, said) = json(&["apply", "--retention", "8d", "--execute"]);
    let document = apply.fits(&said);
    assert_eq!(code, 0);
    assert!(document["changes"][0]["step"].get("set").is_some(), "{document:#}");
    place.config(&format!("topics: {{sources: {{{}: {{partitions: 4}}}}}}\n", place.topic("")));
    let (_, said) = json(&["apply"]);
    assert!(!apply.fits(&said)["refused"].as_array().unwrap().is_empty(), "{said}");
    let (code, said) = json(&["apply", "--execute", "--widen-sources"]);
    let document = apply.fits(&said);
    assert_eq!(code, 0);
    assert!(document["changes"][0]["step"].get("partitions").is_some(), "{document:#}");
    let (code, said) = json(&["check"]);
    let document = check.fits(&said);
    assert_eq!((code, &document["clean"], &document["topics"]), (0, &true.into(), &7.into()));

    // The schema sees into the lists, too.
    let mut odd = document.clone();
    odd["notes"] = serde_json::json!([{ "topic": "orders", "problem": "none" }]);
    assert!(!check.problems(&odd).is_empty());

    // What the brokers say of a change that they refuse is the last word of the document.
    let refused = Place::new(place.stand.clone());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["topics", "apply", "--execute", "--output", "json", "--config"])
        .arg(refused.path("tidegate.yaml"))
        .env("TIDEGATE_CONTRACTS", refused.path("contracts"))
        .env("TIDEGATE_BROKERS", refused.kafka("bootstrap"))
        .output()
        .unwrap();
    let document = apply.fits(&String::from_utf8_lossy(&output.stdout));
    assert!(
        document["failed"].as_str().unwrap().contains("fewer brokers than copies"),
        "{document:#}"
    );
}

#[test]
fn what_the_doctor_prints_fits_its_schema() {
    let Some(stand) = stand() else { return };
    let place = Place::new(stand);
    let format = Format::of("doctor-report.schema.json");
    let states = |document: &Value| -> BTreeSet<String> { texts(document, "checks", "state").into_iter().map(str::to_owned).collect() };
    let counted = |document: &Value, state: &str| {
        let checks = document["checks"].as_array().unwrap();
        checks.iter().filter(|check| check["state"] == state).count() as u64
    };
    let lake = place.lake();
    let mut well: Vec<(&str, &str)> = lake.iter().map(|(name, value)| (*name, value.as_str())).collect();
    well.push(("TIDEGATE_LOG_LEVEL", "error"));
    let mut seen = BTreeSet::new();
    let mut checks = BTreeSet::new();
    let mut take = |said: &str| {
        let document = format.fits(said);
        for (state, count) in [("wrong", "wrong"), ("warning", "warnings"), ("skipped", "skipped")] {
            assert_eq!(document[count].as_u64(), Some(counted(&document, state)), "{count}: {document:#}");
        }
        seen.extend(states(&document));
        checks.extend(texts(&document, "checks", "check").into_iter().map(str::to_owned));
        document
    };
    // Topics are missing.
    let (code, said) = place.doctor(&["--output", "json"], &well);
    assert!(code == 1 && take(&said)["wrong"].as_u64().unwrap() > 0);
    assert_eq!(place.topics(&["apply", "--partitions", "2", "--execute"]).0, 0);
    let (code, said) = place.doctor(&["--output", "json"], &well);
    assert!(code == 0 && take(&said)["wrong"] == 0, "{said}");
    // Nobody answers, so what needs an answer is skipped.
    let (code, said) = place.doctor(&["--output", "json"], &[("TIDEGATE_BROKERS", "127.0.0.1:1")]);
    assert_eq!((code, take(&said)["profile"].is_null()), (1, true));
    // A profile, and a check that waits for nobody.
    let (_, said) = place.doctor(&["--output", "json", "--profile", "kafka"], &[]);
    assert_eq!(take(&said)["profile"], "kafka");
    assert!(seen.is_superset(&["ok", "wrong", "skipped"].map(str::to_owned).into()), "{seen:?}");
    let made: BTreeSet<String> = [
        "config",
        "contracts",
        "network",
        "topics",
        "rights",
        "transactions",
        "groups",
        "registry",
        "store",
    ]
    .map(str::to_owned)
    .into();
    assert!(checks.is_superset(&made), "{checks:?}");
}
