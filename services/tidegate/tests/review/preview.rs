//! `tidegate ci --preview`: the change meets events that came.

use serde_json::Value;

use crate::repo::{Repo, step};

const EVENTS: &str = "{\"id\":\"a\",\"total\":1.50}\n{\"id\":\"b\",\"total\":250.00}\n{\"id\":\"c\",\"total\":0.00}\n{\"id\":\"secret-d\",\"total\":300.00}\n";

/// A branch that refuses large totals; two events of four newly fail.
fn stricter() -> Repo {
    let repo = Repo::new();
    repo.write("events.jsonl", EVENTS);
    repo.commit();
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.edit("version: 1.0.0", "version: 2.0.0");
    repo.edit("value.total > 0.0", "value.total > 0.0 && value.total < 200.0");
    repo
}

fn review(repo: &Repo, more: &[&str]) -> (i32, Value) {
    let args = [&["ci", "--base", "main", "--output", "json"], more].concat();
    let (code, out, err) = repo.run(&args);
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}\n{err}")))
}

#[test]
fn a_review_says_what_the_change_does_to_events() {
    let repo = stricter();
    let (code, told) = review(&repo, &["--preview", "events.jsonl"]);
    assert_eq!(
        (code, step(&told, "preview"), told["result"].as_str()),
        (0, "told", Some("told")),
        "{told:#}"
    );
    assert_eq!(
        told["preview"]["reasons"]["newly_failing"]["semantic_violation"], 2,
        "{:#}",
        told["preview"]
    );

    let (code, within) = review(&repo, &["--preview", "events.jsonl", "--max-newly-failing", "50%"]);
    assert_eq!((code, step(&within, "preview")), (0, "told"));
    let (code, past) = review(&repo, &["--preview", "events.jsonl", "--max-newly-failing", "1"]);
    assert_eq!(
        (code, step(&past, "preview"), past["result"].as_str()),
        (1, "findings", Some("findings"))
    );

    // No value of an event gets into a comment by itself.
    let comment = |more: &[&str]| {
        repo.run(&[&["ci", "--base", "main", "--output", "markdown", "--preview", "events.jsonl"], more].concat())
            .1
    };
    let (hidden, shown) = (comment(&[]), comment(&["--show-values"]));
    assert!(
        hidden.contains("2 of 4 events would newly fail") && !hidden.contains("250.00") && !hidden.contains("secret-d"),
        "{hidden}"
    );
    assert!(!shown.contains("secret-d"), "a rule about the total shows no id\n{shown}");
}

#[test]
fn what_could_not_be_previewed_is_never_clean() {
    let repo = stricter();
    for input in ["missing.jsonl", "topic:orders"] {
        let (code, told) = review(&repo, &["--preview", input]);
        assert_eq!((code, step(&told, "preview")), (2, "could not tell"), "{told:#}");
        assert_eq!(step(&told, "changes"), "clean", "the other checks are told all the same");
    }
    // Nothing to judge says so, and is past any limit.
    repo.write("none.jsonl", "");
    assert_eq!(review(&repo, &["--preview", "none.jsonl"]).0, 0);
    assert_eq!(review(&repo, &["--preview", "none.jsonl", "--max-newly-failing", "1"]).0, 2);
    // Contracts that do not load.
    repo.edit("logicalType: string", "logicalType: strin");
    let (code, told) = review(&repo, &["--preview", "events.jsonl"]);
    assert_eq!((code, step(&told, "preview")), (2, "could not tell"), "{told:#}");
}

#[test]
fn without_a_change_no_event_is_judged() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    let (code, told) = review(&repo, &["--preview", "topic:orders", "--max-newly-failing", "0"]);
    assert_eq!((code, step(&told, "preview")), (0, "clean"), "{told:#}");
}
