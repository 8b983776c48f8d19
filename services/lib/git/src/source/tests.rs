use super::*;
use crate::testing::Repo;

fn contract(version: &str, logical_type: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: \"{version}\"\nstatus: active\nschema:\n  - name: t\n    \
         physicalType: topic\n    properties:\n      - {{name: x, logicalType: {logical_type}}}\n"
    )
}

fn loaded(source: &mut ContractSource) -> Arc<Snapshot> {
    match source.load().unwrap() {
        LoadOutcome::Loaded(snapshot, _) => snapshot,
        other => panic!("{other:?}"),
    }
}

fn refused(source: &mut ContractSource) -> (Arc<str>, Vec<Diagnostic>) {
    match source.load().unwrap() {
        LoadOutcome::Refused { commit, diagnostics } => (commit, diagnostics),
        other => panic!("{other:?}"),
    }
}

fn spec(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_bad_commit_never_replaces_a_good_one() {
    let repo = Repo::new();
    repo.write("c/a.odcs.yaml", &contract("1.0.0", "boolean"));
    let first = repo.commit();
    let mut source = ContractSource::open(&format!("{}#main:c", spec(repo.path())), None).unwrap();
    assert!(source.current().is_none());
    assert_eq!(*loaded(&mut source).commit, *first);
    assert!(matches!(source.load().unwrap(), LoadOutcome::Unchanged));

    repo.write("c/a.odcs.yaml", &contract("1.1.0", "bool"));
    let bad = repo.commit();
    for _ in 0..2 {
        let (commit, diagnostics) = refused(&mut source);
        assert_eq!(*commit, *bad);
        assert_eq!((&*diagnostics[0].location.file, diagnostics[0].location.line), ("a.odcs.yaml", 10));
        assert_eq!(*source.current().unwrap().commit, *first);
    }
    let shown = tidegate_contract::render(&refused(&mut source).1, source.sources(), false);
    assert!(shown.contains("logicalType: bool}"), "{shown}");

    // Back to the good commit by force: nothing new, and the refusal is forgotten.
    repo.git(&["reset", "-q", "--hard", &first]);
    assert!(matches!(source.load().unwrap(), LoadOutcome::Unchanged));
    repo.write("c/a.odcs.yaml", &contract("1.1.0", "boolean"));
    let third = repo.commit();
    assert_eq!(*loaded(&mut source).commit, *third);

    assert_eq!(&*source.snapshot_at(&first).unwrap().contracts[0].version.text, "1.0.0");
    assert!(Arc::ptr_eq(&source.snapshot_at(&third).unwrap(), source.current().unwrap()));
    let error = source.snapshot_at(&bad).unwrap_err();
    assert!(
        error.remedy == Remedy::Operator && error.to_string().contains("a.odcs.yaml:10:"),
        "{error}"
    );
    assert!(source.snapshot_at("main").is_err());
    assert_eq!(*source.current().unwrap().commit, *third);
}

/// Files of a commit can be a bare repository, whose contracts nobody reviewed.
#[test]
fn a_bare_repository_among_the_files_of_another_is_refused() {
    let (outer, inner) = (Repo::new(), Repo::new());
    inner.write("a.odcs.yaml", &contract("1.0.0", "string"));
    inner.commit();
    outer.write("contracts/b.odcs.yaml", &contract("1.0.0", "string"));
    outer.commit();
    let place = outer.path().join("contracts");
    inner.git(&["clone", "-q", "--bare", ".", spec(&inner.path().join("bare"))]);
    for name in ["HEAD", "objects", "refs"] {
        std::fs::rename(inner.path().join("bare").join(name), place.join(name)).unwrap();
    }
    let error = ContractSource::open(spec(&place), None).err().unwrap();
    assert!(
        error.remedy == Remedy::Operator && error.to_string().contains("a bare repository inside of the working tree"),
        "{error}"
    );
}

/// I27: what is in force goes forward only.
#[test]
fn i27_a_branch_that_is_put_back_or_rewritten_is_refused() {
    let repo = Repo::new();
    repo.write("a.odcs.yaml", &contract("1.0.0", "string"));
    let first = repo.commit();
    repo.write("a.odcs.yaml", &contract("1.1.0", "string"));
    let second = repo.commit();
    let mut source = ContractSource::open(spec(repo.path()), Some("main")).unwrap();
    assert_eq!(&*loaded(&mut source).commit, second);
    repo.git(&["reset", "-q", "--hard", &first]);
    let error = source.load().unwrap_err();
    assert!(
        error.remedy == Remedy::Operator && error.what.contains("does not come after"),
        "{error}"
    );
    assert_eq!(&*source.current().unwrap().commit, second, "the good one stays");
    // A force-push of something else is refused as well.
    repo.write("a.odcs.yaml", &contract("2.0.0", "string"));
    repo.commit();
    assert!(source.load().is_err());
    repo.git(&["reset", "-q", "--hard", &second]);
    assert!(matches!(source.load(), Ok(LoadOutcome::Unchanged)));
    // Forward along a merge is forward.
    repo.git(&["checkout", "-q", "-b", "side", &first]);
    repo.write("b.odcs.yaml", &contract("1.0.0", "string").replace("id: ", "id: other-"));
    repo.commit();
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-edit", "side"]);
    assert_ne!(&*source.current().unwrap().commit, repo.git(&["rev-parse", "main"]));
    assert!(!matches!(source.load(), Err(_) | Ok(LoadOutcome::Unchanged)));
    // A restart takes what is there.
    repo.git(&["reset", "-q", "--hard", &first]);
    assert_eq!(
        &*loaded(&mut ContractSource::open(spec(repo.path()), Some("main")).unwrap()).commit,
        first
    );
}

#[test]
fn a_plain_directory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.odcs.yaml");
    std::fs::write(&file, contract("1.0.0", "boolean")).unwrap();
    let mut source = ContractSource::open(spec(folder.path()), None).unwrap();
    let first = loaded(&mut source).commit.clone();
    assert!(first.starts_with("dir-") && first.len() == 20);
    assert!(matches!(source.load().unwrap(), LoadOutcome::Unchanged));
    // What the id does not cover is still a reason to refuse.
    let broken = folder.path().join("b.odcs.yaml");
    std::fs::write(&broken, [0xff]).unwrap();
    refused(&mut source);
    refused(&mut source);
    std::fs::remove_file(&broken).unwrap();
    assert!(matches!(source.load().unwrap(), LoadOutcome::Unchanged));
    std::fs::write(&file, contract("1.0.1", "boolean")).unwrap();
    let second = loaded(&mut source).commit.clone();
    assert!(source.snapshot_at(&second).is_ok());
    assert!(source.snapshot_at(&first).unwrap_err().to_string().contains("no longer holds"));
    drop(folder);
    assert!(source.load().is_err());
    assert_eq!(source.current().unwrap().commit, second);
}

#[test]
fn a_directory_that_was_mended_loads() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.odcs.yaml"), contract("1.0.0", "boolean")).unwrap();
    std::fs::write(folder.path().join("b.odcs.yaml"), [0xff]).unwrap();
    let mut source = ContractSource::open(spec(folder.path()), None).unwrap();
    let (commit, _) = refused(&mut source);
    std::fs::remove_file(folder.path().join("b.odcs.yaml")).unwrap();
    assert_eq!(loaded(&mut source).commit, commit);
}

#[test]
fn what_the_spec_may_say() {
    let repo = Repo::new();
    repo.write("c/a.odcs.yaml", &contract("1.0.0", "boolean"));
    repo.commit();
    let path = spec(repo.path());
    let open = |spec: &str, reference: Option<&str>| ContractSource::open(spec, reference).map_err(|error| error.to_string());
    for (good, reference) in [
        (path.to_owned(), None),
        (path.to_owned(), Some("main")),
        (format!("{path}#main"), Some("main")),
        (format!("{path}#:c"), None),
        (format!("{path}/c"), None),
    ] {
        loaded(&mut open(&good, reference).unwrap());
    }
    for (wrong, reference, part) in [
        ("https://example.com/contracts.git#main:../x".to_owned(), None, "leads out"),
        ("git@example.com:contracts.git#main".to_owned(), Some("other"), "two references"),
        ("https://example.com/contracts.git#refs/heads/*".to_owned(), None, "not the name"),
        (
            "https://example.com/contracts.git#a:b".to_owned(),
            Some("--upload-pack=x"),
            "two references",
        ),
        (
            "https://example.com/contracts.git".to_owned(),
            Some("--upload-pack=x"),
            "not the name",
        ),
        (format!("{path}/nobody"), None, "there is no directory"),
        (format!("{path}#main"), Some("other"), "two references"),
        (format!("{path}#main:../x"), None, "leads out"),
        (format!("{path}/c#main"), None, "PATH#REF:FOLDER"),
        (format!("{path}/c"), Some("main"), "plain directory"),
    ] {
        let error = open(&wrong, reference).unwrap_err();
        assert!(error.contains(part), "{wrong}: {error}");
    }
}

/// What loads and does not compile counts as if it had not loaded: going back to the commit before it is no going back.
#[test]
fn a_rejected_commit_is_refused_and_forgotten_with_the_next() {
    let repo = Repo::new();
    repo.write("a.odcs.yaml", &contract("1.0.0", "string"));
    let first = repo.commit();
    let mut source = ContractSource::open(spec(repo.path()), Some("main")).unwrap();
    loaded(&mut source);
    repo.write("a.odcs.yaml", &contract("1.1.0", "string"));
    let second = repo.commit();
    loaded(&mut source);
    source.reject(Vec::new());
    assert_eq!(*source.current().unwrap().commit, *first);
    assert_eq!(*refused(&mut source).0, *second);
    repo.git(&["reset", "-q", "--hard", &first]);
    assert!(matches!(source.load().unwrap(), LoadOutcome::Unchanged));
    repo.write("a.odcs.yaml", &contract("1.1.0", "boolean"));
    let third = repo.commit();
    assert_eq!(*loaded(&mut source).commit, *third);
}

/// The schema is a part of what judges: a change of it is another commit, and without it nothing loads.
#[test]
fn an_event_schema_is_part_of_the_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("schemas")).unwrap();
    let text = contract("1.0.0", "boolean").replace(
        "    properties:",
        "    customProperties:\n      - {property: eventSchema, vendor: tidegate, value: t.json}\n    properties:",
    );
    std::fs::write(folder.path().join("a.odcs.yaml"), text).unwrap();
    let mut source = ContractSource::open(spec(folder.path()), None).unwrap();
    let (_, diagnostics) = refused(&mut source);
    assert_eq!(
        (diagnostics[0].code, diagnostics[0].location.line),
        ("TG0155", 10),
        "{diagnostics:?}"
    );
    let schema = folder.path().join("schemas/t.json");
    std::fs::write(&schema, "{}").unwrap();
    let first = loaded(&mut source);
    let object = &first.contracts[0].objects[0];
    assert_eq!(
        object.settings.event_schema.as_ref().unwrap().text().map(|text| &**text),
        Some("{}")
    );
    assert_eq!(source.sources().get("schemas/t.json").map(String::as_str), Some("{}"));
    std::fs::write(&schema, "{ }").unwrap();
    assert_ne!(loaded(&mut source).commit, first.commit);
    std::fs::remove_file(&schema).unwrap();
    refused(&mut source);
    assert!(source.current().is_some(), "the last good one stays");
}

#[test]
fn what_was_put_into_force_by_somebody_else_is_followed_forward_too() {
    let repo = Repo::new();
    repo.write("a.odcs.yaml", &contract("1.0.0", "string"));
    let good = repo.commit();
    repo.write("a.odcs.yaml", &contract("1.1.0", "nonsense"));
    repo.commit();
    let mut source = ContractSource::open(spec(repo.path()), Some("main")).unwrap();
    refused(&mut source);
    source.put_in_force(&good);
    // An unrelated beginning.
    repo.git(&["switch", "-q", "--orphan", "other"]);
    repo.write("a.odcs.yaml", &contract("9.0.0", "string"));
    repo.commit();
    repo.git(&["branch", "-q", "-f", "main", "other"]);
    let error = source.load().unwrap_err();
    assert!(error.what.contains("does not come after") && error.what.contains(&good), "{error}");
}

#[test]
fn records_of_earlier_commits_are_given_in_order() {
    let repo = Repo::new();
    repo.write("c/a.odcs.yaml", "x");
    repo.write("schemas/registered/ids.json", "one");
    repo.commit();
    repo.write("c/a.odcs.yaml", "y");
    repo.commit();
    repo.write("schemas/registered/ids.json", "two");
    repo.write("schemas/registered/1.avsc", "schema");
    repo.write("schemas/other/ids.json", "another folder");
    repo.commit();
    repo.git(&["revert", "--no-edit", "HEAD"]);
    repo.write("c/schemas/registered/ids.json", "of the folder itself");
    let last = repo.commit();
    let source = ContractSource::open(&format!("{}#main:c", spec(repo.path())), None).unwrap();
    let mut seen: Vec<Vec<(String, String)>> = Vec::new();
    let mut each = |way: Way, files: Vec<ContractFile>| {
        assert_eq!(way, Way::Branch);
        seen.push(files.into_iter().map(|file| (file.path.to_string(), file.text)).collect());
    };
    source.archive().versions_of(&last, "registered", &mut each).unwrap();
    let file = |name: &str, text: &str| (format!("schemas/registered/{name}"), text.to_owned());
    assert_eq!(
        seen,
        [
            vec![file("ids.json", "one")],
            vec![file("1.avsc", "schema"), file("ids.json", "two")],
            vec![file("ids.json", "one")],
            vec![file("ids.json", "of the folder itself")],
        ]
    );
}

#[test]
fn records_beside_the_branch_are_given_too() {
    let repo = Repo::new();
    repo.write("schemas/registered/ids.json", "one");
    repo.commit();
    repo.git(&["switch", "-q", "-c", "dev"]);
    repo.write("README", "mine");
    repo.commit();
    repo.git(&["switch", "-q", "main"]);
    for text in ["two", "three"] {
        repo.write("schemas/registered/ids.json", text);
        repo.commit();
    }
    repo.git(&["switch", "-q", "dev"]);
    repo.git(&["merge", "-q", "-s", "ours", "-m", "m", "main"]);
    let last = repo.git(&["rev-parse", "HEAD"]);
    let source = ContractSource::open(&format!("{}#dev", spec(repo.path())), None).unwrap();
    let mut seen = Vec::new();
    let mut each = |way: Way, files: Vec<ContractFile>| seen.push((way, files[0].text.clone()));
    source.archive().versions_of(&last, "registered", &mut each).unwrap();
    let expected = [(Way::Branch, "one"), (Way::Tip, "three"), (Way::Beside, "two")];
    assert_eq!(seen, expected.map(|(way, text)| (way, text.to_owned())));
}
