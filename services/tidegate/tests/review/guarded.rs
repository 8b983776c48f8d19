//! What a change could hide, or make the service that shows the review do.

use serde_json::Value;

use crate::repo::{CONSUMER, CONTRACT, Repo, errors, step, tidegate};

/// A change that takes `total` away, and everything that names it.
fn without_total() -> Repo {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    let contract: String = CONTRACT
        .lines()
        .filter(|line| !line.contains("total"))
        .map(|line| format!("{line}\n"))
        .collect();
    let contract = contract.replace("    quality:\n", "").replace("version: 1.0.0", "version: 2.0.0");
    repo.write("contracts/orders/v1.odcs.yaml", &contract);
    repo.write(
        "contracts/orders/tests/expected.yaml",
        "invalid:\n  no_id.json: [required at /id]\n",
    );
    std::fs::remove_file(repo.here().join("contracts/orders/tests/invalid/free.json")).unwrap();
    repo
}

#[test]
fn who_read_what_is_taken_away_is_named_whatever_becomes_of_the_declaration() {
    for consumer in [Some(CONSUMER.replace("fields: [total]", "fields: [id]")), None] {
        let repo = without_total();
        match &consumer {
            Some(text) => repo.write("consumers/finance.yaml", text),
            None => std::fs::remove_file(repo.here().join("consumers/finance.yaml")).unwrap(),
        }
        repo.commit();
        let (code, review) = repo.ci();
        assert_eq!((code, errors(&review)), (0, vec![]), "{review:#}");
        assert_eq!(step(&review, "consumers"), "told");
        let hits = review["consumers"].as_array().unwrap();
        let is_named = |hit: &Value| hit["consumer"] == "finance" && hit["field"] == "total" && hit["former"] == true;
        assert!(hits.iter().any(is_named), "{hits:#?}");
        for args in [
            &["diff", "--base", "main", "--output", "markdown"][..],
            &["diff", "main...change", "contracts", "--output", "markdown"],
        ] {
            let (_, comment, err) = repo.run(args);
            assert!(
                comment.contains("finance") && comment.contains("read before this change"),
                "{comment}{err}"
            );
            assert!(comment.lines().count() <= 40, "{comment}");
        }
    }
}

#[test]
fn no_text_of_a_contract_or_consumer_commands_the_service() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    let id = "o\\n##vso[task.setvariable variable=PATH]/tmp/x\\n::add-mask::x\\u001b[2J";
    repo.write(
        "contracts/orders/v1.odcs.yaml",
        &CONTRACT
            .replace("version: 1.0.0", "version: 2.0.0")
            .replace("id: orders", &format!("id: \"{id}\""))
            .replace("name: id, logicalType: string, required: true", "name: id, logicalType: integer"),
    );
    repo.write(
        "consumers/finance.yaml",
        &CONSUMER
            .replace("contract: orders", &format!("contract: \"{id}\""))
            .replace("consumer: finance", &format!("consumer: \"f{id}\"")),
    );
    for args in [
        &["ci", "--base", "main", "--output", "github"][..],
        &["ci", "--base", "main", "--output", "azure"],
        &["ci", "--base", "main", "--output", "text"],
        &["diff", "--base", "main"],
        &["lint", "."],
        &["lint", ".", "--output", "azure"],
        &["test", "."],
    ] {
        let (_, out, _) = tidegate(repo.here(), args, &[("TF_BUILD", "True")]);
        let is_command = |line: &&str| {
            let line = line.trim_start();
            (line.starts_with("::") && !["::error ", "::warning ", "::notice "].iter().any(|known| line.starts_with(known)))
                || line
                    .match_indices("##vso[")
                    .any(|(at, _)| at > 0 || !line.starts_with("##vso[task.logissue "))
        };
        let commands: Vec<&str> = out.lines().filter(is_command).collect();
        assert!(commands.is_empty() && !out.contains('\u{1b}'), "{args:?}: {commands:?}\n{out}");
    }
}

#[test]
fn services_get_paths_from_the_root_of_the_repository() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.edit("version: 1.0.0", "version: 1.1.0");
    repo.edit("physicalType: 'decimal(12,2)', required: true", "physicalType: 'decimal(12,2)'");
    let folder = repo.here().join("contracts/orders");
    for (args, expected) in [
        (
            vec!["ci", "--base", "main", "--output", "github"],
            "file=contracts/orders/v1.odcs.yaml,",
        ),
        (
            vec!["ci", "--base", "main", "--output", "azure"],
            "sourcepath=contracts/orders/v1.odcs.yaml;",
        ),
        (
            vec!["lint", "--base", "main", "--output", "sarif"],
            "\"uri\": \"contracts/orders/v1.odcs.yaml\"",
        ),
        (
            vec!["lint", "--base", "main", "--output", "gitlab"],
            "\"path\": \"contracts/orders/v1.odcs.yaml\"",
        ),
    ] {
        let (_, out, err) = tidegate(&folder, &args, &[]);
        assert!(out.contains(expected), "{args:?}\n{out}{err}");
    }
}

#[test]
fn what_stands_on_changed_lines_is_annotated_before_errors_elsewhere() {
    let repo = Repo::new();
    repo.write(
        "contracts/bad.odcs.yaml",
        &CONTRACT
            .replace("orders", "bad")
            .replace("logicalType: string", "logicalType: strin"),
    );
    repo.commit();
    repo.git(&["switch", "-q", "-c", "change"]);
    // A warning: it has no tests.
    repo.write("contracts/new/v1.odcs.yaml", &CONTRACT.replace("orders", "new"));
    for (output, warning, error) in [
        ("github", "::warning file=contracts/new", "::error file=contracts/bad"),
        (
            "azure",
            "type=warning;sourcepath=contracts/new",
            "type=error;sourcepath=contracts/bad",
        ),
    ] {
        let (code, out, err) = repo.run(&["ci", "--base", "main", "--output", output]);
        assert_ne!(code, 0, "{out}{err}");
        let at = |text: &str| out.find(text).unwrap_or_else(|| panic!("{text}: {out}{err}"));
        assert!(at(warning) < at(error), "{out}");
    }
    // Without a change to compare with, errors come first.
    repo.write(
        "contracts/aaa/v1.odcs.yaml",
        &CONTRACT.replace("orders", "aaa").replace("status: active", "status: retired"),
    );
    let (_, out, _) = repo.run(&["lint", ".", "--no-history", "--output", "github"]);
    assert!(out.starts_with("::error "), "{out}");
}

#[test]
fn the_last_contract_cannot_go_without_a_word() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    std::fs::remove_file(repo.here().join("contracts/orders/v1.odcs.yaml")).unwrap();
    std::fs::remove_dir_all(repo.here().join("consumers")).unwrap();
    repo.commit();
    let (code, out, err) = repo.run(&["ci", "--base", "main", "--output", "json"]);
    let review: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!(code, 1);
    assert!(errors(&review).iter().any(|error| error.starts_with("TG0341")), "{review:#}");
    assert_eq!(step(&review, "consumers"), "told");
}

#[test]
fn tests_that_are_never_run_are_told() {
    let repo = Repo::new();
    repo.write("contracts/orders/tests/Invalid/free.json", "{}\n");
    let (code, out, _) = repo.run(&["test", "."]);
    assert!(code == 1 && out.contains("`Invalid` is neither"), "{code} {out}");
    let repo = Repo::new();
    repo.write("contracts/orders/tests/valid/more.jsonl", "\n\n");
    let (code, out, _) = repo.run(&["test", "."]);
    assert!(code == 1 && out.contains("holds no event"), "{code} {out}");
}

#[test]
fn a_wide_table_described_plainly_is_a_contract() {
    let repo = Repo::new();
    let columns: String = (0..800)
        .map(|n| format!("      - {{name: c{n}, logicalType: integer}}\n"))
        .collect();
    repo.edit("    quality:\n", &format!("{columns}    quality:\n"));
    repo.edit("version: 1.0.0", "version: 1.1.0");
    let (code, out, _) = repo.run(&["lint", ".", "--no-history"]);
    assert!(
        code == 0 && out.contains("0 errors"),
        "{code} {}",
        out.lines().last().unwrap_or_default()
    );
    let (code, out, _) = repo.run(&["test", "."]);
    assert_eq!(code, 0, "{out}");
}
