//! The review of contract changes as a user runs it, on real Git repositories: `lint` with history, `test`, `ci`, `init`, `schema`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod guarded;
mod hostile;
mod preview;
mod repo;
mod set;

use std::path::{Path, PathBuf};

use repo::*;
use serde_json::Value;

#[test]
fn a_good_change_is_clean() {
    let repo = Repo::new();
    assert_eq!(
        repo.run(&["lint", ".", "--deny", "warnings"]).0,
        0,
        "{:?}",
        repo.run(&["lint", "."])
    );
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.edit("version: 1.0.0", "version: 1.1.0");
    repo.edit("    quality:\n", "      - {name: note, logicalType: string}\n    quality:\n");
    let (code, review) = repo.ci();
    assert_eq!((code, errors(&review)), (0, vec![]), "{review:#}");
    assert_eq!(review["format"], "tidegate.ci/1");
    assert_eq!(["lint", "tests", "changes"].map(|name| step(&review, name)), ["clean"; 3]);
    assert_eq!(review["diff"]["contracts"][0]["verdict"], "enough");
    // Committed or not, it is the same change; and main may have gone on meanwhile without being part of it.
    repo.commit();
    assert_eq!(repo.ci().0, 0);
    repo.git(&["switch", "-q", "main"]);
    repo.write("contracts/later.odcs.yaml", &CONTRACT.replace("orders", "later"));
    repo.commit();
    repo.git(&["switch", "-q", "change"]);
    let (code, review) = repo.ci();
    assert_eq!(code, 0, "a contract that came to main later is not gone here: {review:#}");
    let (_, out, _) = repo.run(&["diff", "--base", "main"]);
    assert!(!out.contains("later"), "{out}");
    let (code, out, err) = repo.run(&["diff", "main...change", "contracts"]);
    assert!(code == 0 && out.contains("1.0.0 → 1.1.0") && !out.contains("later"), "{out}{err}");
}

#[test]
fn a_breaking_change_names_the_version_and_who_feels_it() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.edit("version: 1.0.0", "version: 1.1.0");
    repo.edit("physicalType: 'decimal(12,2)', required: true", "physicalType: 'decimal(12,2)'");
    repo.commit();
    let (code, review) = repo.ci();
    assert_eq!(
        (code, errors(&review)),
        (1, vec!["TG0340 contracts/orders/v1.odcs.yaml:4".to_owned()]),
        "{review:#}"
    );
    assert_eq!((step(&review, "changes"), step(&review, "consumers")), ("findings", "told"));
    let hit = &review["consumers"][0];
    assert_eq!(
        (
            &hit["consumer"],
            &hit["owner"],
            &hit["field"],
            &hit["declared"]["line"],
            &hit["place"]["line"]
        ),
        (&"finance".into(), &"@acme/finance".into(), &"total".into(), &6.into(), &12.into())
    );
    // What stands on changed lines comes first.
    let first: Vec<u64> = review["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["line"].as_u64().unwrap())
        .collect();
    assert_eq!(first[..2], [4, 12], "{review:#}");

    let comment = repo.here().join("comment.md");
    let summary = repo.here().join("summary.md");
    let environment = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    let args = [
        "ci",
        "--base",
        "main",
        "--comment",
        "comment.md",
        "--junit",
        "j.xml",
        "--code-quality",
        "q.json",
        "--sarif",
        "s.json",
    ];
    let (code, out, err) = tidegate(repo.here(), &args, &environment);
    assert!(
        code == 1 && out.contains("::error file=contracts/orders/v1.odcs.yaml,line=4,"),
        "{out}{err}"
    );
    let text = std::fs::read_to_string(&comment).unwrap();
    assert!(
        text.starts_with("<!-- tidegate ci -->\n") && text.contains("write `version: 2.0.0`"),
        "{text}"
    );
    let shown = text.split("<details>").next().unwrap();
    assert!(
        shown.lines().count() <= 40 && shown.contains("finance (@\u{200b}acme/finance"),
        "{text}"
    );
    assert!(std::fs::read_to_string(&summary).unwrap().contains("Everything that was found"));
    assert!(std::fs::read_to_string(repo.here().join("j.xml")).unwrap().contains("TG0340"));
    for (file, pointer) in [("q.json", "/0/check_name"), ("s.json", "/runs/0/results/0/ruleId")] {
        let report: Value = serde_json::from_str(&std::fs::read_to_string(repo.here().join(file)).unwrap()).unwrap();
        assert_eq!(report.pointer(pointer), Some(&"TG0340".into()), "{file}");
    }
    let (_, out, _) = tidegate(repo.here(), &["ci", "--base", "main"], &[("TF_BUILD", "True")]);
    assert!(
        out.starts_with("##vso[task.logissue type=error;sourcepath=contracts/orders/v1.odcs.yaml;linenumber=4;"),
        "{out}"
    );

    // The right version makes it clean; who feels it is told all the same.
    repo.edit("version: 1.1.0", "version: 2.0.0");
    let (code, review) = repo.ci();
    assert_eq!(
        (code, review["result"].as_str(), review["consumers"].as_array().unwrap().len()),
        (0, Some("told"), 1),
        "{review:#}"
    );
    let (_, out, _) = repo.run(&["diff", "--base", "main"]);
    assert!(
        out.contains("consumers hit: 1\n  finance (@acme/finance, finance@example.com) reads `total`"),
        "{out}"
    );
}

#[test]
fn a_published_version_never_changes() {
    let repo = Repo::new();
    let published = repo.git(&["rev-parse", "HEAD"]);
    // Drafts may change; what was enforced once may not, not even long after.
    repo.write(
        "contracts/draft.odcs.yaml",
        &CONTRACT.replace("orders", "other").replace("active", "draft"),
    );
    repo.commit();
    repo.write(
        "contracts/draft.odcs.yaml",
        &CONTRACT
            .replace("orders", "other")
            .replace("active", "draft")
            .replace("value.total > 0.0", "value.total > 1.0"),
    );
    repo.edit("status: active", "status: deprecated");
    repo.edit("version: 1.0.0", "version: 1.0.0 # a comment changes nothing");
    repo.commit();
    assert_eq!(repo.run(&["lint", "."]).0, 0, "{}", repo.run(&["lint", "."]).1);
    repo.edit(
        "{name: id, logicalType: string",
        "{name: id, description: of the shop, logicalType: string",
    );
    let (code, out, _) = repo.run(&["lint", ".", "--output", "json"]);
    let found: Value = serde_json::from_str(&out).unwrap();
    let one = found
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["code"] == "TG0140")
        .unwrap_or_else(|| panic!("{out}"));
    assert_eq!((code, &one["line"], &one["column"]), (1, &4.into(), &10.into()));
    assert!(one["problem"].as_str().unwrap().contains(&published[..10]), "{one}");
    assert!(one["help"].as_str().unwrap().contains("write `version: 1.0.1`"), "{one}");
    assert_eq!(repo.run(&["lint", ".", "--no-history"]).0, 0);
    assert_eq!(
        repo.run(&["lint", "contracts/orders/v1.odcs.yaml"]).0,
        1,
        "one file has a history, too"
    );
    // Committed to main by force, it is still wrong; and the next free version is said where 1.0.1 is taken.
    repo.write(
        "contracts/orders/next/v1.odcs.yaml",
        &CONTRACT.replace("1.0.0", "1.0.1").replace("topic", "table"),
    );
    repo.commit();
    let (code, out, _) = repo.run(&["lint", "."]);
    assert!(code == 1 && out.contains("write `version: 1.0.2`"), "{out}");
    let (code, review) = repo.ci();
    assert!(
        code == 1 && errors(&review).iter().any(|one| one.starts_with("TG0140")),
        "{review:#}"
    );
}

#[test]
fn work_on_a_branch_is_not_published() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    repo.edit("version: 1.0.0", "version: 1.1.0");
    repo.edit("    quality:\n", "      - {name: note, logicalType: string}\n    quality:\n");
    repo.commit();
    repo.edit("name: note", "name: remark");
    repo.commit();
    assert_eq!(repo.ci().0, 0, "1.1.0 was never on main");
    assert_eq!(repo.run(&["lint", ".", "--base", "main"]).0, 0);
    // A clone knows which branch is published.
    let clone = tempfile::tempdir().unwrap();
    repo.git(&["switch", "-q", "main"]);
    repo.git(&["clone", "-q", ".", clone.path().to_str().unwrap()]);
    let other = Repo { folder: clone };
    other.git(&["switch", "-q", "-c", "own"]);
    other.git(&["merge", "-q", "origin/change"]);
    assert_eq!(other.run(&["lint", "."]).0, 0);
    other.edit("{name: id, logicalType: string", "{name: id, description: x, logicalType: string");
    assert_eq!(other.run(&["lint", "."]).0, 0, "still 1.1.0, still not on main");
    other.edit("version: 1.1.0", "version: 1.0.0");
    assert_eq!(other.run(&["lint", "."]).0, 1);
    // Merged without a fast forward, only the merge counts.
    repo.git(&["merge", "-q", "--no-ff", "-m", "m", "change"]);
    assert_eq!(repo.run(&["lint", "."]).0, 0, "{}", repo.run(&["lint", "."]).1);
}

#[test]
fn a_shallow_clone_cannot_tell() {
    let repo = Repo::new();
    repo.write("README", "x");
    repo.commit();
    let clone = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repo.here().display());
    repo.git(&["clone", "-q", "--depth", "1", &url, clone.path().to_str().unwrap()]);
    let (code, out, _) = tidegate(clone.path(), &["lint", "."], &[]);
    assert!(
        code == 0 && out.contains("warning[TG0301]") && out.contains("fetch-depth: 0"),
        "{out}"
    );
    let (code, out, _) = tidegate(clone.path(), &["ci", "--base", "origin/main"], &[]);
    assert!(code == 2 && out.contains("could not tell"), "{out}");
}

#[test]
fn malformed_commits() {
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    for (from, to, code) in [
        ("required: true}", "requird: true}", "TG0107"),
        ("status: active", "status: active\nstatus: active", "TG0102"),
        ("status: active", "status: on", "TG0110"),
        ("value.total > 0.0", "value.totl > 0.0", "TG0201"),
        ("status: active", "status: active\nname: !!python/object x", "TG0104"),
    ] {
        let before = std::fs::read_to_string(repo.here().join("contracts/orders/v1.odcs.yaml")).unwrap();
        repo.edit(from, to);
        let (exit, review) = repo.ci();
        assert!(
            exit == 1 && errors(&review).iter().any(|one| one.starts_with(code)),
            "{to}: {review:#}"
        );
        assert!(review["diff"].is_null() || code == "TG0201", "{review:#}");
        assert_eq!(repo.run(&["test", "."]).0, 2, "{to}");
        repo.write("contracts/orders/v1.odcs.yaml", &before);
    }
    // A base that does not load: the change is compared with the last commit before it that does.
    repo.git(&["switch", "-q", "main"]);
    repo.edit("status: active", "status: aktive");
    repo.commit();
    repo.git(&["switch", "-q", "-c", "mend"]);
    repo.edit("status: aktive", "status: active");
    repo.edit("value.total > 0.0", "value.total > 1.0");
    let (code, review) = repo.ci();
    assert!(
        code == 1 && review.to_string().contains("TG0342") && errors(&review).iter().any(|one| one.starts_with("TG0140")),
        "{review:#}"
    );
    // Gone without being retired.
    repo.git(&["checkout", "-q", "--", "."]);
    repo.git(&["switch", "-q", "change"]);
    repo.write("contracts/new.odcs.yaml", &CONTRACT.replace("orders", "new"));
    std::fs::remove_file(repo.here().join("contracts/orders/v1.odcs.yaml")).unwrap();
    std::fs::remove_file(repo.here().join("consumers/finance.yaml")).unwrap();
    let (code, review) = repo.ci();
    assert!(
        code == 1 && errors(&review).iter().any(|one| one.starts_with("TG0341")),
        "{review:#}"
    );
}

#[cfg(unix)]
#[test]
fn hostile_files_are_refused_with_the_reason() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.odcs.yaml"), CONTRACT.replace("orders", "secret")).unwrap();
    std::fs::write(outside.path().join("secret"), "consumer: SECRET-NAME\n").unwrap();
    let repo = Repo::new();
    repo.git(&["switch", "-q", "-c", "change"]);
    symlink(
        outside.path().join("secret.odcs.yaml"),
        repo.here().join("contracts/link.odcs.yaml"),
    )
    .unwrap();
    symlink(outside.path(), repo.here().join("contracts/folder")).unwrap();
    symlink(outside.path().join("secret"), repo.here().join("consumers/link.yaml")).unwrap();
    symlink(
        outside.path().join("secret"),
        repo.here().join("contracts/orders/tests/valid/link.json"),
    )
    .unwrap();
    repo.write(
        "contracts/orders/tests/valid/lfs.json",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    );
    repo.write("contracts/orders/tests/valid/notes.txt", "x");
    repo.write(
        "contracts/lfs.odcs.yaml",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n",
    );
    std::fs::File::create(repo.here().join("contracts/huge.odcs.yaml"))
        .unwrap()
        .set_len(6 << 30)
        .unwrap();
    std::fs::File::create(repo.here().join("consumers/huge.yaml"))
        .unwrap()
        .set_len(6 << 30)
        .unwrap();
    let bomb = (1..12).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, number| {
        let before = format!("*a{}", number - 1);
        format!("{text}a{number}: &a{number} [{}]\n", [before.as_str(); 9].join(","))
    });
    repo.write("contracts/bomb.odcs.yaml", &bomb);
    repo.write("consumers/bomb.yaml", &bomb);
    let remote = CONTRACT.replace("orders", "remote").replace(
        "    properties:\n",
        "    customProperties:\n      - {property: eventSchema, vendor: tidegate, value: remote.schema.json}\n    properties:\n",
    );
    repo.write("contracts/remote.odcs.yaml", &remote);
    // Nobody listens on this port, and nobody is asked.
    let schema = "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", \"allOf\": [{\"$ref\": \"http://127.0.0.1:9/x.json\"}, {\"$ref\": \"file:///etc/passwd\"}]}";
    repo.write("schemas/remote.schema.json", schema);
    repo.write("contracts/sub/.git", "gitdir: elsewhere\n");
    repo.write("contracts/sub/x.odcs.yaml", &CONTRACT.replace("orders", "sub"));
    for command in [
        &["lint", ".", "--output", "json"][..],
        &["ci", "--base", "main", "--output", "json"],
    ] {
        let (code, out, err) = repo.run(command);
        assert_eq!(code, 1, "{out}{err}");
        let document: Value = serde_json::from_str(&out).unwrap();
        let found = document.get("findings").unwrap_or(&document).as_array().unwrap();
        for (code, file, problem) in [
            ("TG0143", "contracts/link.odcs.yaml", "symbolic links"),
            ("TG0143", "contracts/folder", "symbolic links"),
            ("TG0143", "contracts/sub", "submodule"),
            ("TG0320", "consumers/link.yaml", "symbolic link"),
            ("TG0143", "contracts/lfs.odcs.yaml", "Git LFS"),
            ("TG0143", "contracts/huge.odcs.yaml", "4 MiB"),
            ("TG0320", "consumers/huge.yaml", "more than the limit"),
            ("TG0103", "contracts/bomb.odcs.yaml", ""),
            ("TG0103", "consumers/bomb.yaml", ""),
            ("TG0205", "schemas/remote.schema.json", ""),
        ] {
            let is_it = |one: &&Value| one["code"] == code && one["file"] == file && one["problem"].as_str().unwrap().contains(problem);
            assert!(found.iter().any(|one| is_it(&one)), "{command:?} {code} {file}: {out}");
        }
        assert!(
            !out.contains("SECRET") && !out.contains("root:") && !out.contains("\"secret"),
            "{out}"
        );
    }
    let (code, out, _) = repo.run(&["test", "contracts/orders"]);
    assert_eq!(code, 1, "{out}");
    for part in [
        "this is a symbolic link, which is not followed",
        "this is a Git LFS pointer",
        "events are read from .json, .jsonl and .bin only",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
}

#[test]
fn owners_and_consumers_are_checked() {
    let repo = Repo::new();
    let lint = |deny: bool| {
        let args = if deny {
            vec!["lint", ".", "--deny", "warnings"]
        } else {
            vec!["lint", "."]
        };
        let (code, out, _) = repo.run(&args);
        (code, out)
    };
    assert_eq!(lint(true).0, 0);
    repo.write(".github/CODEOWNERS", "/docs/ @acme/shop\n");
    let (code, out) = lint(false);
    assert!(
        code == 1
            && out.contains("error[TG0331]")
            && out.contains("add `/contracts/orders/ @your-organization/shop` to .github/CODEOWNERS"),
        "{out}"
    );
    repo.write(".github/CODEOWNERS", "* @acme/others\n");
    let (code, out) = lint(false);
    assert!(
        code == 0 && out.contains("warning[TG0332]") && out.contains("orders/v1.odcs.yaml:6:14"),
        "{out}"
    );
    assert_eq!(lint(true).0, 1);
    repo.write(".github/CODEOWNERS", "* @acme/shop\n");
    repo.write("consumers/finance.yaml", &CONSUMER.replace("[total]", "[totl]"));
    let (code, out) = lint(false);
    assert!(
        code == 1 && out.contains("error[TG0322]") && out.contains("did you mean `total`?") && out.contains("consumers/finance.yaml:6:14"),
        "{out}"
    );
    assert_eq!(
        repo.run(&["lint", "contracts/orders/v1.odcs.yaml"]).0,
        0,
        "of one file it cannot be told"
    );
    assert_eq!(repo.run(&["lint", "contracts"]).0, 1, "consumers stand beside the folder");
}

#[test]
fn tests_hold_contracts_to_their_examples() {
    let repo = Repo::new();
    let (code, out, err) = repo.run(&["test"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("orders@1.0.0 (contracts/orders/v1.odcs.yaml): 1 valid, 2 invalid, all as expected"),
        "{out}"
    );
    let failing = |expected: &[&str]| {
        let (code, out, _) = repo.run(&["test", "contracts"]);
        assert_eq!(code, 1, "{out}");
        expected.iter().for_each(|part| assert!(out.contains(part), "{part}\n{out}"));
    };
    let tests = "contracts/orders/tests";
    // A rule that is loosened, one that is another, a valid event that fails, a name that is missing, one of nobody.
    repo.edit("value.total > 0.0", "value.total >= 0.0");
    failing(&[
        "error[TG0313]: the event passes, and must not",
        "tests/invalid/free.json:1:1",
        "note[TG0315]: no example trips the rule `positive`",
    ]);
    repo.edit("value.total >= 0.0", "value.total > 0.0");
    repo.write(&format!("{tests}/invalid/free.json"), "{\"total\":0.00}");
    failing(&["error[TG0314]: it trips `required` at /id (required_missing), which is not named"]);
    repo.write(&format!("{tests}/invalid/free.json"), "{\"id\":\"a\",\"total\":0.00}");
    repo.write(
        &format!("{tests}/expected.yaml"),
        &EXPECTED.replace("required at /id", "required at /total"),
    );
    failing(&["error[TG0314]: it does not trip `required at /total`; it trips `required` at /id"]);
    repo.write(&format!("{tests}/expected.yaml"), &EXPECTED.replace("no_id.json", "no_ip.json"));
    failing(&[
        "write `no_id.json: [required at /id]` below `invalid`",
        "error[TG0311]: there is no event `no_ip.json` in invalid/",
    ]);
    repo.write(&format!("{tests}/expected.yaml"), EXPECTED);
    repo.write(
        &format!("{tests}/valid/two.jsonl"),
        "{\"id\":\"a\",\"total\":1}\n\n{\"id\":1,\"total\":1}\n",
    );
    failing(&[
        "error[TG0312]: the event does not pass: `type` at /id (type_mismatch)",
        "tests/valid/two.jsonl:3:1",
    ]);
    let by = |output: &str| repo.run(&["test", "contracts", "--output", output]).1;
    let report: Value = serde_json::from_str(&by("json")).unwrap();
    assert_eq!(
        (&report["format"], &report["events"], &report["failures"]),
        (&"tidegate.test/1".into(), &5.into(), &1.into())
    );
    assert_eq!(report["contracts"][0]["fingerprints"][0].as_str().unwrap().len(), 64);
    assert!(
        by("junit").contains("<testsuite name=\"orders@1.0.0\" tests=\"5\" failures=\"1\""),
        "{}",
        by("junit")
    );
    assert!(
        by("github").starts_with("::error file=contracts/orders/tests/valid/two.jsonl,line=3,"),
        "{}",
        by("github")
    );
    std::fs::remove_file(repo.here().join(tests).join("valid/two.jsonl")).unwrap();

    // What time it is must be said where a rule asks.
    repo.edit("value.total > 0.0", "value.total > 0.0 && now > timestamp('2025-01-01T00:00:00Z')");
    assert_eq!(repo.run(&["test"]).0, 0);
    repo.write(
        &format!("{tests}/expected.yaml"),
        &EXPECTED.replace("now: '2026-01-01T00:00:00Z'\n", ""),
    );
    failing(&["rule `positive` reads `now`, and the tests say no time"]);
    assert_eq!(repo.run(&["test", "--now", "2026-01-01T00:00:00Z"]).0, 0);
    assert_eq!(repo.run(&["test", "--now", "2024-01-01T00:00:00Z"]).0, 1);
    // Two contracts in one folder have tests of their own.
    repo.write("contracts/orders/v2.odcs.yaml", &CONTRACT.replace("1.0.0", "2.0.0"));
    failing(&["error[TG0310]: the folder has 2 contracts", "move them to tests/v1/valid"]);
    repo.git(&["mv", "contracts/orders/tests", "contracts/orders/v1tests"]);
    std::fs::create_dir_all(repo.here().join("contracts/orders/tests")).unwrap();
    repo.git(&["mv", "contracts/orders/v1tests", "contracts/orders/tests/v1"]);
    repo.write("contracts/orders/tests/v1/expected.yaml", EXPECTED);
    let (code, out, _) = repo.run(&["test", "contracts"]);
    assert!(
        code == 0
            && out.contains("warning[TG0316]: orders@2.0.0 has no tests")
            && out.contains("orders@1.0.0 (contracts/orders/v1.odcs.yaml): 1 valid, 2 invalid"),
        "{out}"
    );
    // Nothing that is tested is no success.
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join("a.odcs.yaml"), CONTRACT).unwrap();
    assert_eq!(tidegate(empty.path(), &["test", "."], &[]).0, 2);
    assert_eq!(tidegate(&empty.path().join(".."), &["test", "/nowhere"], &[]).0, 2);
}

#[test]
fn the_examples_of_this_repository_do_what_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (code, out, err) = tidegate(&root, &["test", "contracts"], &[]);
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(out.matches("all as expected").count(), 5, "four contracts and the sum: {out}");
    assert!(!out.contains("no tests") && !out.contains("TG0315"), "{out}");
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn a_new_repository_is_clean_at_once() {
    for (service, pipeline) in [
        ("github", ".github/workflows/contracts.yaml"),
        ("gitlab", ".gitlab-ci.yml"),
        ("azure", "azure-pipelines.yml"),
    ] {
        let around = tempfile::tempdir().unwrap();
        let (code, out, err) = tidegate(around.path(), &["init", "new/one", "--ci", service], &[]);
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        let repo = Repo {
            folder: tempfile::tempdir_in(around.path()).unwrap(),
        };
        // A fresh clone counts as empty.
        repo.git(&["init", "-q", "-b", "main"]);
        assert_eq!(repo.run(&["init", ".", "--ci", service]).0, 0);
        for deny in [&["lint", ".", "--deny", "warnings"][..], &["test", "."]] {
            let (code, out, err) = repo.run(deny);
            assert_eq!((code, err.as_str()), (0, ""), "{deny:?} {out}");
            assert!(!out.contains("warning[") && !out.contains("note["), "{out}");
            let (code, ..) = tidegate(&around.path().join("new/one"), deny, &[]);
            assert_eq!(code, 0, "without a repository, too");
        }
        repo.commit();
        assert_eq!(repo.run(&["lint", ".", "--deny", "warnings"]).0, 0);
        let (code, out, err) = repo.run(&["ci", "--base", "main"]);
        assert_eq!(code, 0, "{out}{err}");
        // The team is the owner under the name of the real organization, too.
        assert!(repo.here().join(pipeline).is_file());
        let (code, _, err) = repo.run(&["init", "."]);
        assert!(code == 2 && err.contains("is not empty"), "{err}");
        // The schema that the example points at is there, and is what `schema` prints.
        let contract = repo.here().join("contracts/shop/orders/v1.odcs.yaml");
        let text = std::fs::read_to_string(&contract).unwrap();
        let modeline = text
            .lines()
            .next()
            .unwrap()
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap();
        let schema = std::fs::read_to_string(contract.parent().unwrap().join(modeline)).unwrap();
        assert_eq!(repo.run(&["schema"]).1, schema);
        let mut all = Vec::new();
        files(repo.here(), &mut all);
        for path in all.iter().filter(|path| !path.components().any(|part| part.as_os_str() == ".git")) {
            let text = std::fs::read_to_string(path).unwrap();
            commands_exist(&path.display().to_string(), &text);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for name in [".pre-commit-hooks.yaml", "services/tidegate/docs/review.md"] {
        commands_exist(name, &std::fs::read_to_string(root.join(name)).unwrap());
    }
}

/// YAML parses, and every command and flag that a file names is one that this program has.
fn commands_exist(name: &str, text: &str) {
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        let (node, said) = tidegate_contract::yaml::parse(name, text);
        assert!(node.is_some() && said.is_empty(), "{name}: {said:?}");
    }
    let joined = text.replace("\\\n", " ");
    let mut seen = 0;
    for line in joined.lines() {
        // Containers are started with the command behind the image.
        let line = line.replace("\"$IMAGE\" ", "tidegate ");
        for rest in line.split("tidegate ").skip(1) {
            let command: String = rest.chars().take_while(|c| c.is_ascii_lowercase()).collect();
            let known = ["ci", "diff", "explain", "init", "lint", "schema", "test"];
            if !known.contains(&command.as_str()) {
                continue;
            }
            seen += 1;
            let (code, help, err) = tidegate(Path::new("."), &[&command, "--help"], &[]);
            assert_eq!(code, 0, "{name}: {command}: {err}");
            let end = rest.find(['`', '|', '#', '&', ';', '<']).unwrap_or(rest.len());
            for flag in rest[..end]
                .split_whitespace()
                .filter(|word| word.starts_with("--") && !word.starts_with("-->"))
            {
                let flag = flag.split('=').next().unwrap();
                assert!(help.contains(flag), "{name}: `{command}` has no {flag}");
            }
        }
    }
    let runs = ["workflows/", "gitlab-ci", "azure-pipelines", "pre-commit", "review.md"];
    assert!(seen > 0 || !runs.iter().any(|part| name.contains(part)), "{name} names no command");
}
