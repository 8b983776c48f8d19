use super::*;

fn text(id: &str, version: &str, status: &str, topics: &[&str]) -> String {
    let objects: String = topics
        .iter()
        .map(|topic| format!("  - name: {topic}\n    physicalType: topic\n    properties: [{{name: a, logicalType: boolean}}]\n"))
        .collect();
    format!("apiVersion: v3.2.0\nkind: DataContract\nid: {id}\nversion: \"{version}\"\nstatus: {status}\nschema:\n{objects}")
}

fn file(path: &str, text: impl Into<String>) -> ContractFile {
    ContractFile {
        path: path.into(),
        text: text.into(),
    }
}

/// Files `0.odcs.yaml`, `1.odcs.yaml`, … of `(id, version, status)`, each bound to topic `t`.
fn files(contracts: &[(&str, &str, &str)]) -> Vec<ContractFile> {
    let text = |(id, version, status): &(&str, &str, &str)| text(id, version, status, &["t"]);
    contracts
        .iter()
        .enumerate()
        .map(|(index, one)| file(&format!("{index}.odcs.yaml"), text(one)))
        .collect()
}

fn chosen(contracts: &[(&str, &str, &str)]) -> (String, Option<String>, usize) {
    let (snapshot, _) = Snapshot::build("c", &files(contracts)).unwrap_or_else(|errors| panic!("{}", crate::render_lines(&errors)));
    let binding = &snapshot.bindings["t"];
    let name = |bound: &BoundObject| bound.contract.reference().to_string();
    (name(&binding.default), binding.shadow.as_ref().map(name), binding.versions.len())
}

fn refused(files: &[ContractFile]) -> Vec<String> {
    let errors = Snapshot::build("c", files).unwrap_err();
    errors
        .iter()
        .filter(|one| one.level == Level::Error)
        .map(|one| format!("{} {}", one.location, one.problem))
        .collect()
}

#[test]
fn the_highest_enforced_version_judges() {
    let one = |name: &str| (name.to_owned(), None, 1);
    assert_eq!(chosen(&[("a", "1.0", "active")]), one("a@1.0"));
    assert_eq!(chosen(&[("a", "1.0", "proposed")]), one("a@1.0"));
    assert_eq!(
        chosen(&[("a", "1.9.0", "deprecated"), ("a", "1.10.0", "active")]),
        ("a@1.10.0".into(), None, 2)
    );
    assert_eq!(
        chosen(&[("a", "2.0.0", "proposed"), ("a", "1.0.0", "active")]),
        ("a@1.0.0".into(), Some("a@2.0.0".into()), 2)
    );
    assert_eq!(
        chosen(&[("a", "1.1.0", "proposed"), ("a", "1.0.0", "retired")]),
        ("a@1.0.0".into(), Some("a@1.1.0".into()), 2)
    );
    assert_eq!(
        chosen(&[("a", "2.0.0", "active"), ("b", "1.0.0", "active")]),
        ("a@2.0.0".into(), None, 2)
    );
}

#[test]
fn a_record_may_name_another_loaded_version() {
    let (snapshot, _) = Snapshot::build("c", &files(&[("a", "1.0.0", "deprecated"), ("a", "2.0.0", "active")])).unwrap();
    let claim = |version: &str| ContractRef {
        id: "a".into(),
        version: version.into(),
    };
    assert!(matches!(snapshot.resolve("t", None), Resolution::Bound(bound) if bound.contract.version.major == 2));
    assert!(matches!(snapshot.resolve("t", Some(&claim("1.0.0"))), Resolution::Bound(bound) if bound.contract.version.major == 1));
    assert!(matches!(snapshot.resolve("t", Some(&claim("3.0.0"))), Resolution::UnknownVersion));
    assert!(matches!(snapshot.resolve("nobody", None), Resolution::Unbound));
}

#[test]
fn rivals_are_refused_with_both_places() {
    let errors = refused(&files(&[("a", "1.0.0", "active"), ("b", "1.4.0", "proposed")]));
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].starts_with("1.odcs.yaml:7:5 topic `t` has two contracts for major 1"),
        "{errors:?}"
    );
    assert!(errors[0].ends_with("b@1.4.0 here and a@1.0.0 at 0.odcs.yaml:7:5"), "{errors:?}");
    assert_eq!(refused(&files(&[("a", "1.0.0", "active"), ("a", "1.1.0", "active")])).len(), 1);
    assert_eq!(refused(&files(&[("a", "1.0.0", "proposed"), ("a", "1.1.0", "proposed")])).len(), 1);
}

#[test]
fn a_version_never_changes_content() {
    let errors = refused(&files(&[("a", "1.0.0", "active"), ("a", "1.0.0", "deprecated")]));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("1.odcs.yaml:1:1 a@1.0.0 is given another content") && errors[0].contains("0.odcs.yaml:1:1"),
        "{errors:?}"
    );
    let (snapshot, warnings) = Snapshot::build("c", &files(&[("a", "1.0.0", "active"), ("a", "1.0.0", "active")])).unwrap();
    assert_eq!(snapshot.contracts.len(), 1);
    assert!(
        warnings
            .iter()
            .any(|one| one.level == Level::Warning && one.problem.contains("copied"))
    );
}

#[test]
fn drafts_are_not_loaded_whatever_is_wrong_with_them() {
    let broken = text("a", "1.0.0", "draft", &["t"]).replace("boolean", "bool");
    let (snapshot, said) = Snapshot::build("c", &[file("a.odcs.yaml", broken.clone())]).unwrap();
    assert!(snapshot.contracts.is_empty() && snapshot.bindings.is_empty());
    assert!(said.iter().any(|one| one.problem == "a draft is not loaded"));
    assert!(said.iter().any(|one| one.level == Level::Warning && one.problem.contains("bool")));
    assert_eq!(refused(&[file("a.odcs.yaml", broken.replace("draft", "active"))]).len(), 1);
}

#[test]
fn one_contract_binds_several_topics() {
    let both = file("a.odcs.yml", text("a", "1.0.0", "active", &["t", "u"]));
    let (snapshot, _) = Snapshot::build("c", &[both, file("notes.yaml", "not: a contract"), file("README.md", "# x")]).unwrap();
    assert_eq!(snapshot.bindings.keys().map(|topic| &**topic).collect::<Vec<_>>(), ["t", "u"]);
    assert_eq!((&*snapshot.bindings["u"].default.object().name, &*snapshot.commit), ("u", "c"));
}

#[test]
fn problems_of_all_files_come_at_once() {
    let errors = refused(&[file("b.odcs.yaml", "kind: DataContract\n"), file("a.odcs.yaml", "x: [")]);
    assert!(
        errors.len() >= 3 && errors[0].starts_with("a.odcs.yaml:") && errors[1].starts_with("b.odcs.yaml:"),
        "{errors:?}"
    );
}

#[test]
fn the_commit_of_a_directory_depends_on_paths_and_texts_only() {
    let (a, b) = (file("a", "1"), file("b", "2"));
    let commit = directory_commit(&[a.clone(), b.clone()]);
    assert_eq!(commit, directory_commit(&[b.clone(), a.clone()]));
    assert!(commit.len() == 20 && commit.starts_with("dir-"));
    for other in [
        vec![a.clone()],
        vec![a, file("b", "3")],
        vec![file("a", "1b 1 2")],
        vec![file("ab", "12")],
    ] {
        assert_ne!(commit, directory_commit(&other));
    }
}

/// One contract whose objects share the topic `t`, each with a discriminator (`from, name, value`) or none.
fn shared(id: &str, objects: &[(&str, Option<(&str, &str)>)]) -> ContractFile {
    let mut text = text(id, "1.0.0", "active", &[]);
    for (name, discriminator) in objects {
        text += &format!(
            "  - name: {name}\n    physicalName: t\n    physicalType: topic\n    properties: [{{name: a, logicalType: boolean}}]\n"
        );
        if let Some((place, value)) = discriminator {
            text += &format!(
                "    customProperties: [{{vendor: tidegate, property: discriminator, value: {{from: {place}, value: {value}}}}}]\n"
            );
        }
    }
    file(&format!("{id}.odcs.yaml"), text)
}

#[test]
fn several_types_of_events_share_a_topic() {
    let header = "header, name: kind";
    let files = [
        shared("a", &[("placed", Some((header, "p"))), ("rest", None)]),
        shared("b", &[("sent", Some((header, "s")))]),
    ];
    let (snapshot, _) = Snapshot::build("c", &files).unwrap_or_else(|errors| panic!("{}", crate::render_lines(&errors)));
    let binding = &snapshot.bindings["t"];
    let values: Vec<Option<&str>> = binding.events.iter().map(|event| event.value.as_deref()).collect();
    assert_eq!(values, [None, Some("p"), Some("s")]);
    assert_eq!(&*binding.default.object().name, "rest");
    assert_eq!(binding.selector, Some(DiscriminatorBy::Header("kind".into())));
    let a = binding.default.contract.reference();
    assert_eq!(&*binding.object(&a, Some("placed")).unwrap().object().name, "placed");
    assert_eq!(&*binding.object(&a, None).unwrap().object().name, "rest");
    assert!(binding.shares_version(&binding.default.contract) && !binding.shares_version(&binding.events[2].default.contract));
}

#[test]
fn types_of_events_are_told_apart_in_one_place() {
    let errors = refused(&[
        shared("a", &[("x", Some(("header, name: kind", "x")))]),
        shared("b", &[("y", Some(("pointer, name: /kind", "y")))]),
    ]);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("pointer `/kind` here and by header `kind`"), "{errors:?}");
}

#[test]
fn one_type_of_events_has_one_contract() {
    let one = |id| shared(id, &[("x", Some(("cloudevents-type", "n")))]);
    let errors = refused(&[one("a"), one("b")]);
    assert!(errors[0].contains("two contracts for major 1"), "{errors:?}");
    let errors = refused(&[shared(
        "a",
        &[("x", Some(("cloudevents-type", "n"))), ("y", Some(("cloudevents-type", "n")))],
    )]);
    assert!(
        errors[0].contains("a second object is bound to events `n` of topic `t`"),
        "{errors:?}"
    );
}
