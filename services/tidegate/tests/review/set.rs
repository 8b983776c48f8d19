//! What a change of one contract does to the events of another, on real repositories.

use serde_json::Value;

use super::repo::*;

const FILE: &str = "contracts/orders/v1.odcs.yaml";

/// The contract of the repository with only events of one kind; `more` are settings of the object.
fn of_kind(id: &str, kind: &str, more: &str) -> String {
    let settings = format!(
        "    customProperties:\n      - {{property: discriminator, vendor: tidegate, value: {{from: header, name: kind, value: {kind}}}}}\n{more}"
    );
    CONTRACT
        .replace("id: orders\n", &format!("id: {id}\n"))
        .replace("  - name: orders\n", &format!("  - name: o_{id}\n    physicalName: orders\n"))
        .replace("    properties:\n", &format!("{settings}    properties:\n"))
}

fn changes(review: &Value) -> Vec<String> {
    let contracts = review["diff"]["contracts"].as_array().unwrap();
    let changes = contracts.iter().flat_map(|contract| contract["changes"].as_array().unwrap());
    changes
        .map(|change| format!("{} {} {}", change["clause"], change["producers"], change["bump"]).replace('"', ""))
        .collect()
}

#[test]
fn a_revert_is_the_way_back() {
    let repo = Repo::new();
    repo.edit("version: 1.0.0", "version: 1.1.0");
    repo.edit("value.total > 0.0", "value.total >= 0.0");
    let tests = std::fs::read_to_string(repo.here().join("contracts/orders/tests/expected.yaml")).unwrap();
    repo.git(&[
        "mv",
        "contracts/orders/tests/invalid/free.json",
        "contracts/orders/tests/valid/free.json",
    ]);
    repo.write(
        "contracts/orders/tests/expected.yaml",
        &tests.replace("  free.json: [positive]\n", ""),
    );
    let raised = repo.commit();
    repo.git(&["switch", "-q", "-c", "back"]);
    repo.git(&["revert", "--no-edit", &raised]);
    let (code, review) = repo.ci();
    assert_eq!((code, errors(&review)), (0, vec![]), "{review:#}");
    assert_eq!(step(&review, "changes"), "told");
    assert!(
        review["steps"].to_string().contains("back to what was published: orders"),
        "{review:#}"
    );
    // What it does is said all the same.
    assert!(changes(&review).iter().any(|change| change.contains("undetermined")), "{review:#}");
    let (code, out, err) = repo.run(&["diff", "--base", "main", "contracts"]);
    assert_eq!(code, 0, "{out}{err}");
    // The same number with another content is no way back, and neither is one that never was.
    repo.edit("value.total > 0.0", "value.total > 1.0");
    assert_eq!(repo.ci().0, 1);
    repo.git(&["checkout", "-q", FILE]);
    repo.edit("version: 1.0.0", "version: 1.0.5");
    let (code, review) = repo.ci();
    assert_eq!((code, step(&review, "changes")), (1, "findings"), "{review:#}");
    assert_eq!(repo.run(&["diff", "--base", "main", "contracts"]).0, 1);

    // A version that came beside the old one, and goes again.
    let repo = Repo::new();
    repo.write(
        "contracts/orders/v2.odcs.yaml",
        &CONTRACT.replace("version: 1.0.0", "version: 2.0.0"),
    );
    repo.edit("status: active", "status: deprecated");
    let raised = repo.commit();
    repo.git(&["switch", "-q", "-c", "back"]);
    repo.git(&["revert", "--no-edit", &raised]);
    let (code, review) = repo.ci();
    assert_eq!((code, errors(&review), step(&review, "changes")), (0, vec![], "told"), "{review:#}");
    assert!(changes(&review).contains(&"default undetermined major".to_owned()), "{review:#}");
    // Without the one below there is nothing to go back to.
    std::fs::remove_file(repo.here().join(FILE)).unwrap();
    std::fs::remove_file(repo.here().join("consumers/finance.yaml")).unwrap();
    assert_eq!(repo.ci().0, 1);
}

#[test]
fn a_draft_that_does_not_load_keeps_nobody_from_comparing() {
    let repo = Repo::new();
    let broken = CONTRACT
        .replace("orders", "later")
        .replace("status: active", "status: draft")
        .replace("logicalType: number", "logicalType: nonsense");
    repo.write("contracts/later.odcs.yaml", &broken);
    // On the branch that brings it, and on every one that comes later.
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.commit();
    for later in [false, true] {
        if later {
            repo.git(&["switch", "-q", "main"]);
            repo.git(&["merge", "-q", "change"]);
            repo.git(&["switch", "-q", "change"]);
        }
        repo.edit(
            if later { "version: 1.1.0" } else { "version: 1.0.0" },
            if later { "version: 1.2.0" } else { "version: 1.1.0" },
        );
        let (code, review) = repo.ci();
        assert_eq!((code, step(&review, "changes")), (0, "clean"), "{review:#}");
        assert!(!review["findings"].to_string().contains("TG0342"), "{review:#}");
        let (code, out, err) = repo.run(&["diff", "--base", "main", "contracts"]);
        assert!(code == 0 && out.contains("1.0.0 → 1.") || later, "{code} {out}{err}");
        assert!(
            err.contains("later.odcs.yaml is a draft that does not load, so it is left out"),
            "{err}"
        );
        repo.write("events.jsonl", "{\"id\":\"a\",\"total\":1.50}\n");
        let (code, out, err) = repo.run(&["preview", "--old", "main:contracts", "--new", "contracts", "events.jsonl"]);
        assert!(code == 0 && out.contains("1  still passing"), "{code} {out}{err}");
        repo.commit();
    }
    // One that is read, and whose rules do not compile, is compared as it stands.
    repo.write(
        "contracts/later.odcs.yaml",
        &broken
            .replace("nonsense", "number")
            .replace("value.total > 0.0", "value.nothing > 0.0"),
    );
    let (code, review) = repo.ci();
    assert_eq!(
        (code, errors(&review), step(&review, "changes")),
        (0, vec![], "clean"),
        "{review:#}"
    );
    repo.git(&["checkout", "-q", "contracts/later.odcs.yaml"]);
    // Named itself it is meant; and what is no draft is refused as ever, also when it was in force before.
    assert_eq!(repo.run(&["diff", FILE, "contracts/later.odcs.yaml"]).0, 2);
    repo.write("contracts/later.odcs.yaml", &broken.replace("draft", "active"));
    assert_eq!(repo.run(&["diff", "--base", "main", "contracts"]).0, 2);
    assert_eq!(repo.ci().0, 1);
    repo.git(&["checkout", "-q", "contracts/later.odcs.yaml"]);
    repo.edit("status: active", "status: draft");
    repo.edit("logicalType: number", "logicalType: nonsense");
    let (code, review) = repo.ci();
    assert!(
        code == 1 && review["findings"].to_string().contains("is gone although it is enforced"),
        "{review:#}"
    );
}

#[test]
fn readers_of_whom_events_are_taken_from_are_named() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.write("contracts/returns.odcs.yaml", &of_kind("returns", "return", ""));
    let (code, review) = repo.ci();
    assert_eq!(
        (code, step(&review, "changes"), step(&review, "consumers")),
        (0, "told", "told"),
        "{review:#}"
    );
    assert_eq!(changes(&review), ["schema undetermined major"]);
    let hit = &review["consumers"][0];
    assert_eq!(
        (&hit["consumer"], &hit["contract"]),
        (&"finance".into(), &"orders".into()),
        "{review:#}"
    );
    assert!(
        hit["change"]
            .as_str()
            .unwrap()
            .contains("until now `orders` of orders@1.0.0 judged them"),
        "{hit}"
    );
    let (_, out, _) = repo.run(&["diff", "--base", "main", "contracts"]);
    assert!(out.contains("consumers hit: 1\n  finance"), "{out}");
    // Of another major version nobody is meant.
    repo.write(
        "consumers/finance.yaml",
        &CONSUMER.replace("    fields", "    version: 1\n    fields"),
    );
    assert_eq!(repo.ci().1["consumers"].as_array().unwrap().len(), 1);
    repo.write(
        "contracts/orders/v0.odcs.yaml",
        &CONTRACT.replace("1.0.0", "0.1.0").replace("active", "retired"),
    );
    repo.write(
        "consumers/finance.yaml",
        &CONSUMER.replace("    fields", "    version: 0\n    fields"),
    );
    repo.git(&["add", "--all"]);
    let hits = repo.ci().1["consumers"].clone();
    let taken = hits
        .as_array()
        .unwrap()
        .iter()
        .filter(|hit| hit["former"] == false && hit["change"].to_string().contains("until now"));
    assert_eq!(taken.count(), 0, "{hits:#}");
}

#[test]
fn what_one_contract_asks_of_a_whole_topic_is_told() {
    let uri = "      - {property: dataSchemas, vendor: tidegate, value: ['urn:b']}\n";
    let stop = "customProperties:\n  - {property: onFailure, vendor: tidegate, value: stop}\nschema:\n";
    for (newcomer, expected) in [
        (of_kind("b", "b", uri), "dataSchemas undetermined major"),
        (of_kind("b", "b", "").replace("schema:\n", stop), "onFailure tightens major"),
    ] {
        let repo = Repo::new();
        repo.write(FILE, &of_kind("orders", "order", "").replace("version: 1.0.0", "version: 2.0.0"));
        repo.commit();
        repo.git(&["switch", "-q", "-c", "change"]);
        repo.write("contracts/b.odcs.yaml", &newcomer);
        let (code, review) = repo.ci();
        assert_eq!((code, step(&review, "changes")), (0, "told"), "{review:#}");
        assert_eq!(changes(&review), [expected]);
        assert!(review["findings"].to_string().contains("TG0343"), "{review:#}");
    }
}
