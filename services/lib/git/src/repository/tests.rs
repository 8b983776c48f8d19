use super::*;
use crate::testing::Repo;

fn paths(reading: &Reading) -> Vec<&str> {
    reading.files.iter().map(|file| &*file.path).collect()
}

#[test]
fn branches_tags_and_commits() {
    let repo = Repo::new();
    repo.write("a.odcs.yaml", "one");
    let first = repo.commit();
    repo.git(&["tag", "-a", "v1", "-m", "annotated"]);
    repo.git(&["switch", "-q", "-c", "feature/x"]);
    repo.write("a.odcs.yaml", "two");
    let second = repo.commit();
    repo.git(&["switch", "-q", "main"]);
    let at = |name: &str| resolve(repo.path(), Some(name)).map_err(|error| error.to_string());
    assert_eq!(resolve(repo.path(), None).unwrap(), first);
    assert_eq!(at("main"), Ok(first.clone()));
    assert_eq!(at("v1"), Ok(first.clone()), "an annotated tag leads to its commit");
    assert_eq!(at("feature/x"), Ok(second.clone()));
    assert_eq!(at("refs/heads/feature/x"), Ok(second.clone()));
    assert_eq!(at(&second), Ok(second.clone()));
    for wrong in [
        "nobody",
        "HEAD~1",
        ":/two",
        "main@{1}",
        "-x",
        "refs/heads/../x",
        &first[..10],
        &"0".repeat(40),
    ] {
        assert!(at(wrong).is_err(), "{wrong}");
    }
    assert_eq!(read_commit(repo.path(), &first, "").unwrap().files[0].text, "one");
    assert_eq!(read_commit(repo.path(), &second, "").unwrap().files[0].text, "two");
    repo.git(&["tag", "feature/x", &first]);
    assert!(at("feature/x").unwrap_err().contains("a branch and a tag"));
}

#[test]
fn packed_and_bare_repositories() {
    let repo = Repo::new();
    for round in 0..5 {
        repo.write("shop/o.odcs.yaml", &format!("round {round}\n{}", "x\n".repeat(200)));
        repo.commit();
    }
    repo.git(&["gc", "-q", "--aggressive"]);
    let bare = tempfile::tempdir().unwrap();
    repo.git(&["clone", "-q", "--bare", ".", bare.path().to_str().unwrap()]);
    assert!(is_repository(bare.path()) && is_repository(repo.path()) && !is_repository(&repo.path().join("shop")));
    for path in [bare.path(), repo.path()] {
        let reading = read_commit(path, &resolve(path, Some("main")).unwrap(), "").unwrap();
        assert!(reading.files[0].text.starts_with("round 4"), "{path:?}");
    }
    // A fetch into the bare clone is seen by the next call.
    repo.write("shop/o.odcs.yaml", "fetched");
    let newest = repo.commit();
    repo.git(&["push", "-q", bare.path().to_str().unwrap(), "main"]);
    assert_eq!(resolve(bare.path(), Some("main")).unwrap(), newest);
}

#[test]
fn nothing_but_regular_files_of_the_commit() {
    let repo = Repo::new();
    repo.write("contracts/a.odcs.yaml", "committed");
    repo.write("contracts/notes.yaml", "other");
    repo.write(".github/t.odcs.yaml", "hidden");
    repo.write("outside.odcs.yaml", "outside");
    // Links to files that are no contracts take nothing away.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("notes.yaml", repo.path().join("contracts/alias.yaml")).unwrap();
        std::os::unix::fs::symlink("../gone", repo.path().join("contracts/dangling")).unwrap();
    }
    // A hook and a filter that would leave a trace if anything ran them.
    let trace = repo.path().join("trace");
    for hook in ["post-checkout", "reference-transaction"] {
        repo.write(&format!(".git/hooks/{hook}"), &format!("#!/bin/sh\ntouch {}\n", trace.display()));
    }
    repo.write(".gitattributes", "*.yaml filter=evil\n");
    let commit = repo.commit();
    repo.git(&["config", "filter.evil.smudge", &format!("touch {}", trace.display())]);
    #[cfg(unix)]
    for hook in ["post-checkout", "reference-transaction"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(repo.path().join(".git/hooks").join(hook), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    repo.write("contracts/a.odcs.yaml", "not committed");
    let reading = read_commit(repo.path(), &commit, "contracts").unwrap();
    assert_eq!(paths(&reading), ["a.odcs.yaml"]);
    assert_eq!(reading.files[0].text, "committed");
    assert!(reading.diagnostics.is_empty(), "{:?}", reading.diagnostics);
    assert_eq!(
        paths(&read_commit(repo.path(), &commit, "").unwrap()),
        ["contracts/a.odcs.yaml", "outside.odcs.yaml"]
    );
    assert!(!trace.exists());
    let missing = read_commit(repo.path(), &commit, "contract").unwrap_err();
    assert!(missing.to_string().contains("no folder `contract`"));
    assert!(read_commit(repo.path(), &commit, "contracts/a.odcs.yaml").is_err());
}

/// Behind each of these there may be contracts, which would silently not be there.
#[cfg(unix)]
#[test]
fn links_and_submodules_are_refused() {
    use std::os::unix::fs::symlink;
    let repo = Repo::new();
    repo.write("contracts/a.odcs.yaml", "committed");
    repo.write("shared/b.odcs.yaml", "shared");
    let link = |target: &str, name: &str| symlink(target, repo.path().join(name)).unwrap();
    link("../shared/b.odcs.yaml", "contracts/link.odcs.yaml");
    link("../shared", "contracts/folder");
    link("..", "contracts/up");
    link("folder", "contracts/twice");
    link("/etc", "contracts/absolute");
    link("../../outside", "contracts/outside");
    repo.git(&["add", "--all"]);
    // A submodule is a tree entry of kind commit; no repository has to be behind it.
    let module = "160000,1234567890123456789012345678901234567890,contracts/module";
    repo.git(&["update-index", "--add", "--cacheinfo", module]);
    repo.git(&["commit", "-q", "-m", "c"]);
    let commit = repo.git(&["rev-parse", "HEAD"]);
    let reading = read_commit(repo.path(), &commit, "contracts").unwrap();
    let said: Vec<(&str, &str)> = reading
        .diagnostics
        .iter()
        .map(|one| (&*one.location.file, one.problem.as_str()))
        .collect();
    for (file, problem) in [
        ("link.odcs.yaml", "symbolic link"),
        ("folder", "leads to a folder"),
        ("up", "leads to a folder"),
        ("twice", "leads to another link"),
        ("absolute", "out of the repository"),
        ("outside", "out of the repository"),
        ("module", "submodule"),
    ] {
        assert!(
            said.iter().any(|(path, said)| *path == file && said.contains(problem)),
            "{file}: {said:?}"
        );
    }
    assert!(reading.is_refused() && said.len() == 7, "{said:?}");
    let folder = read_commit(repo.path(), &commit, "shared").unwrap();
    assert!(
        !folder.is_refused() && folder.files.len() == 1,
        "another folder is not touched by it"
    );
}

#[cfg(unix)]
#[test]
fn names_that_would_forge_a_line_are_refused_and_shown_escaped() {
    let repo = Repo::new();
    repo.write("n\n2026 ERROR fake.odcs.yaml", "x");
    repo.write("back\\slash.odcs.yaml", "x");
    let reading = read_commit(repo.path(), &repo.commit(), "").unwrap();
    assert!(
        reading.is_refused() && reading.files.is_empty() && reading.diagnostics.len() == 2,
        "{:?}",
        reading.diagnostics
    );
    let shown = tidegate_contract::render_lines(&reading.diagnostics);
    assert!(
        shown.contains("n\\n2026 ERROR fake.odcs.yaml") && !shown.contains("\n2026"),
        "{shown}"
    );
}

#[test]
fn schemas_of_the_same_commit_come_along() {
    let repo = Repo::new();
    repo.write("contracts/a.odcs.yaml", "contract");
    repo.write("schemas/shop/order.schema.json", "one");
    repo.write("schemas/shop/order.avsc", "avro");
    repo.write("schemas/shop/order.proto", "protobuf");
    repo.write("schemas/notes.md", "no schema");
    repo.write("schemas/x.odcs.yaml", "a contract outside of the folder");
    repo.write_bytes("schemas/latin.json", &[0xff]);
    repo.write("other/schemas/z.json", "of somebody else");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/hostname", repo.path().join("schemas/link.json")).unwrap();
    let commit = repo.commit();
    repo.write("schemas/shop/order.schema.json", "not committed");
    let schemas = [
        "schemas/shop/order.avsc",
        "schemas/shop/order.proto",
        "schemas/shop/order.schema.json",
    ];
    let reading = read_commit(repo.path(), &commit, "contracts").unwrap();
    assert_eq!(paths(&reading), [&["a.odcs.yaml"][..], &schemas].concat());
    assert!(!reading.is_refused(), "a file that nobody names refuses nothing");
    let said: Vec<&str> = reading.diagnostics.iter().map(|one| &*one.location.file).collect();
    let left_out: &[&str] = if cfg!(unix) {
        &["schemas/latin.json", "schemas/link.json"]
    } else {
        &["schemas/latin.json"]
    };
    assert_eq!(said, left_out);
    assert_eq!(reading.files.last().unwrap().text, "one");
    let whole = read_commit(repo.path(), &commit, "").unwrap();
    assert_eq!(
        paths(&whole),
        [&["contracts/a.odcs.yaml"][..], &schemas, &["schemas/x.odcs.yaml"]].concat()
    );
    // A folder with schemas of its own keeps to them.
    repo.write("contracts/schemas/own.json", "own");
    let commit = repo.commit();
    let reading = read_commit(repo.path(), &commit, "contracts").unwrap();
    assert_eq!(paths(&reading), ["a.odcs.yaml", "schemas/own.json"]);
}

#[test]
fn hostile_trees_are_refused() {
    let repo = Repo::new();
    repo.write("big.odcs.yaml", &"x".repeat(5 * 1024 * 1024));
    repo.write_bytes("latin.odcs.yaml", b"caf\xe9");
    repo.write(&format!("{}x.odcs.yaml", "d/".repeat(40)), "deep");
    let reading = read_commit(repo.path(), &repo.commit(), "").unwrap();
    assert!(reading.is_refused() && reading.files.is_empty());
    let said: Vec<&str> = reading.diagnostics.iter().map(|one| one.problem.as_str()).collect();
    for part in ["5242880 bytes", "not UTF-8", "nested deeper"] {
        assert!(said.iter().any(|one| one.contains(part)), "{said:?}");
    }
}

#[test]
fn damaged_and_foreign_places() {
    let nothing = tempfile::tempdir().unwrap();
    assert!(resolve(nothing.path(), None).unwrap_err().to_string().contains("cannot open"));
    let empty = Repo::new();
    assert_eq!(resolve(empty.path(), None).unwrap_err().remedy, Remedy::Operator);
    let repo = Repo::new();
    repo.write("a.odcs.yaml", "x");
    let commit = repo.commit();
    let blob = repo.git(&["rev-parse", "HEAD:a.odcs.yaml"]);
    std::fs::remove_file(repo.path().join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let error = read_commit(repo.path(), &commit, "").unwrap_err();
    assert!(
        error.remedy == Remedy::Retry && error.to_string().contains("a.odcs.yaml"),
        "{error}"
    );
}
