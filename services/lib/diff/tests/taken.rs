//! Which events have another judge when a set of contracts changes, and the way back.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "support/made.rs"]
mod made;

use std::sync::Arc;

use made::{Made, ONE, diff, rows, version, with_status};
use tidegate_contract::Contract;
use tidegate_diff::Grade::{Both, Loosens, None, Tightens, Undetermined};
use tidegate_diff::render::human;
use tidegate_diff::{Bump, Change};

#[test]
fn events_that_another_object_takes() {
    let old = [ONE.build()];
    let by = "    customProperties:\n      - {property: discriminator, vendor: tidegate, value: {from: header, name: kind, value: b}}\n";
    let rival = Made {
        id: "u",
        object: by,
        properties: &["name: a, logicalType: integer, required: true"],
        ..ONE
    };
    let found = diff(&old, &[old[0].clone(), rival.build()]);
    assert_eq!(rows(found.changes()), [("schema", Undetermined, Both, Bump::Major)], "{found:#?}");
    assert!(found.changes().all(|change| change.breaks_producers() && change.breaks_consumers()));
    assert!(
        human(&found).contains("that say `b`; until now `o` of t@1.0.0 judged them"),
        "{}",
        human(&found)
    );
    // On a topic of its own, and as a draft, it takes nothing.
    let elsewhere = Made {
        topic: "elsewhere",
        ..rival
    };
    assert_eq!(diff(&old, &[old[0].clone(), elsewhere.build()]).changes().count(), 0);
    let draft = Made {
        id: "u",
        object: by,
        status: "draft",
        ..ONE
    };
    assert_eq!(diff(&old, &[old[0].clone(), draft.build()]).changes().count(), 0);
    // A contract that stood on another topic and comes to this one says what it takes, not that the topic was free.
    let moved = Made {
        id: "u",
        topic: "v",
        ..ONE
    }
    .build();
    let more = format!(
        "{by}    properties:\n      - {{name: a, logicalType: integer}}\n  - name: p\n    physicalName: v\n    physicalType: topic\n"
    );
    let both = Made {
        id: "u",
        version: "2.0.0",
        object: &more,
        ..ONE
    }
    .build();
    let found = diff(&[old[0].clone(), moved.clone()], &[old[0].clone(), both]);
    let takes = found
        .changes()
        .filter(|change| change.sentence.contains("until now `o` of t@1.0.0"));
    assert_eq!(takes.count(), 1, "{}", human(&found));
}

#[test]
fn a_next_major_version_beside_takes_the_events_that_name_none() {
    let next = version("2.0.0");
    let found = diff(&[version("1.0.0")], &[version("1.0.0"), next]);
    assert_eq!(rows(found.changes()), [("default", None, Both, Bump::Major)], "{found:#?}");
    assert!(
        !found.has_findings() && human(&found).contains("go to version 2.0.0"),
        "{}",
        human(&found)
    );
    // Of one major they land where they landed.
    assert_eq!(
        diff(&[version("1.0.0")], &[version("1.0.0"), version("1.1.0")]).changes().count(),
        0
    );
}

/// A contract of topic `t` whose one object has this discriminator and these settings; `more` are settings, one a line.
fn typed(id: &str, status: &str, kind: Option<&str>, more: &[&str]) -> Arc<Contract> {
    typed_as(id, "1.0.0", status, kind, more, "")
}

fn typed_as(id: &str, version: &str, status: &str, kind: Option<&str>, more: &[&str], top: &str) -> Arc<Contract> {
    let mut object = String::new();
    let by = kind.map(|kind| format!("property: discriminator, value: {{from: header, name: kind, value: {kind}}}"));
    for setting in by.iter().map(String::as_str).chain(more.iter().copied()) {
        object.push_str(&format!("      - {{vendor: tidegate, {setting}}}\n"));
    }
    if !object.is_empty() {
        object.insert_str(0, "    customProperties:\n");
    }
    Made {
        id,
        version,
        status,
        top,
        object: &object,
        ..ONE
    }
    .build()
}

#[test]
fn another_version_that_takes_over_is_said_at_what_made_way() {
    let all = |list: &[(&str, &str)]| -> Vec<Arc<Contract>> { list.iter().map(|(version, status)| with_status(version, status)).collect() };
    let two = [("1.0.0", "deprecated"), ("2.0.0", "active")];
    for (old, new, expected) in [
        // What every event passes under is not asked where another version judges.
        (
            &two[..],
            &[two[0], ("2.0.0", "proposed")][..],
            ("default", Undetermined, Both, Bump::Major),
        ),
        (
            &[("1.0.0", "deprecated"), ("1.1.0", "active")],
            &[("1.0.0", "deprecated"), ("1.1.0", "proposed")],
            ("default", Undetermined, Both, Bump::Major),
        ),
        (&two, &two[..1], ("default", Undetermined, Both, Bump::Major)),
        (
            &[("0.9.0", "proposed"), ("1.0.0", "draft")],
            &[("0.9.0", "proposed"), ("1.0.0", "active")],
            ("default", Tightens, Tightens, Bump::Major),
        ),
        (&[two[0], ("2.0.0", "retired")], &two[..1], ("default", Loosens, Both, Bump::Major)),
    ] {
        let found = diff(&all(old), &all(new));
        let rows = rows(found.changes());
        assert!(rows.contains(&expected), "{old:?} -> {new:?}: {rows:?}");
        assert_eq!(rows.iter().filter(|row| row.0 == "default").count(), 1, "{rows:?}");
        assert!(found.contracts.iter().any(|one| one.unannounced().count() > 0), "{found:#?}");
    }
    // A status asks for no number: no other one could announce it.
    let found = diff(&all(&two), &all(&[two[0], ("2.0.0", "proposed")]));
    assert!(!found.has_findings() && found.contracts[0].demanded == Bump::None, "{found:#?}");
    assert!(
        human(&found).contains("the events of topic `t` go to t@1.0.0 from now on, unless they name another version; t@2.0.0 judged them"),
        "{}",
        human(&found)
    );
    // Where the one below is the one that was compared with, the contract has said it.
    for (old, new) in [
        (&[("1.0.0", "active")][..], &[("1.0.0", "deprecated"), ("1.1.0", "active")][..]),
        (&[("1.0.0", "active")], &[("1.1.0", "active")]),
        (
            &[("1.0.0", "active"), ("1.1.0", "proposed")],
            &[("1.0.0", "deprecated"), ("1.1.0", "active")],
        ),
        (&[("1.0.0", "proposed")], &[("1.0.0", "active")]),
        (&[("1.0.0", "active"), ("1.1.0", "proposed")], &[("1.0.0", "active")]),
    ] {
        let found = diff(&all(old), &all(new));
        assert!(
            found.changes().all(|change| change.clause != "default"),
            "{old:?} -> {new:?}: {found:#?}"
        );
    }
}

#[test]
fn events_of_a_type_that_goes_are_judged_by_the_rest() {
    let (kind, rest) = (typed("a", "active", Some("x"), &[]), typed("r", "active", Option::None, &[]));
    for (old, left, grade) in [
        ("active", "draft", Undetermined),
        ("proposed", "draft", Tightens),
        ("proposed", "", Tightens),
        ("retired", "", Loosens),
    ] {
        let new = match left {
            "" => vec![rest.clone()],
            status => vec![typed("a", status, Some("x"), &[]), rest.clone()],
        };
        let found = diff(&[typed("a", old, Some("x"), &[]), rest.clone()], &new);
        let row = found.changes().find(|change| change.clause == "default");
        assert_eq!(row.map(|change| change.producers), Some(grade), "{old} -> {left}: {found:#?}");
        assert!(found.contracts.iter().all(|one| &**one.id() == "a"), "{found:#?}");
    }
    // And the other way round, whoever takes them says so, with the contract that loses them.
    let found = diff(std::slice::from_ref(&rest), &[rest.clone(), kind]);
    let taken: Vec<&Change> = found.changes().collect();
    assert_eq!(rows(taken.iter().copied()), [("schema", Undetermined, Both, Bump::Major)]);
    assert_eq!(taken[0].former, [rest.reference()]);
}

#[test]
fn a_proposal_that_goes_takes_its_topic_away() {
    let found = diff(&[with_status("1.0.0", "proposed")], &[]);
    assert!(
        rows(found.changes()).contains(&("status", Tightens, None, Bump::Major)),
        "{found:#?}"
    );
    assert!(found.contracts[0].unannounced().count() == 1 && !found.has_findings());
    // Beside the version in force it judged nothing; only who names it loses something.
    let found = diff(&[version("1.0.0"), with_status("1.1.0", "proposed")], &[version("1.0.0")]);
    assert_eq!(rows(found.changes()), [("version", Undetermined, None, Bump::Patch)]);
}

#[test]
fn claims_that_a_newcomer_lists_are_taken_from_the_others() {
    use Bump::Major;
    let uri = |uri: &str| format!("property: dataSchemas, value: ['{uri}']");
    let id = |id: u32| format!("property: schemaIds, value: [{id}]");
    let plain = typed("a", "active", Some("x"), &[]);
    let newcomer = |more: &str| typed("b", "active", Some("b"), &[more]);
    for (old, more, clause) in [
        (plain.clone(), uri("urn:b"), "dataSchemas"),
        (typed("a", "active", Some("x"), &[&uri("urn:a")]), uri("urn:a"), "dataSchemas"),
        (plain.clone(), id(5), "schemaIds"),
        (typed("a", "active", Some("x"), &[&id(5)]), id(5), "schemaIds"),
    ] {
        let found = diff(std::slice::from_ref(&old), &[old.clone(), newcomer(&more)]);
        assert_eq!(rows(found.changes()), [(clause, Undetermined, Undetermined, Major)], "{more}");
        assert!(
            found
                .changes()
                .all(|change| change.former == [old.reference()] && change.breaks_producers())
        );
        // A draft that is put into force, and one that has drawn them all the time.
        let draft = typed("b", "draft", Some("b"), &[&more]);
        let found = diff(&[old.clone(), draft], &[old.clone(), newcomer(&more)]);
        assert!(found.changes().any(|change| change.clause == clause), "{more}: {found:#?}");
        let again = typed_as("b", "1.0.1", "active", Some("b"), &[&more], "");
        let found = diff(&[old.clone(), newcomer(&more)], &[old, again]);
        assert!(found.changes().all(|change| change.clause != clause), "{more}: {found:#?}");
    }
    // Where claims are read already, one that nobody listed was refused; and on a topic of its own there is nobody to lose anything.
    let old = typed("a", "active", Some("x"), &[&uri("urn:a")]);
    assert_eq!(
        diff(std::slice::from_ref(&old), &[old.clone(), newcomer(&uri("urn:b"))])
            .changes()
            .count(),
        0
    );
    assert_eq!(diff(&[], &[newcomer(&uri("urn:b"))]).changes().count(), 0);
    // An object that was there says by itself that its list grew, and not what others lose by it.
    let old = [
        typed("a", "active", Some("x"), &[&id(5)]),
        typed("b", "active", Some("b"), &[&id(6)]),
    ];
    let new = [
        old[0].clone(),
        typed_as("b", "1.1.0", "active", Some("b"), &["property: schemaIds, value: [5, 6]"], ""),
    ];
    let found = diff(&old, &new);
    let mut claims = rows(found.changes().filter(|change| change.clause == "schemaIds"));
    claims.sort();
    assert_eq!(
        claims,
        [
            ("schemaIds", Undetermined, Undetermined, Bump::Minor),
            ("schemaIds", Undetermined, Undetermined, Major)
        ]
    );
    assert!(found.has_findings());
}

#[test]
fn a_newcomer_that_halts_the_topic() {
    let stop = "customProperties:\n  - {property: onFailure, vendor: tidegate, value: stop}\n";
    let plain = typed("a", "active", Some("x"), &[]);
    let halting = |status: &str| typed_as("b", "1.0.0", status, Some("b"), &[], stop);
    let found = diff(std::slice::from_ref(&plain), &[plain.clone(), halting("active")]);
    assert_eq!(rows(found.changes()), [("onFailure", Tightens, Both, Bump::Major)]);
    assert!(human(&found).contains("holds up everything behind it"));
    let found = diff(&[plain.clone(), halting("proposed")], &[plain.clone(), halting("active")]);
    assert!(found.changes().any(|change| change.clause == "onFailure"), "{found:#?}");
    for (old, new) in [
        (vec![plain.clone()], vec![plain.clone(), halting("proposed")]),
        (vec![plain.clone()], vec![plain.clone(), halting("retired")]),
        // Another one said so before.
        (
            vec![plain.clone(), halting("active")],
            vec![
                plain.clone(),
                halting("active"),
                typed_as("c", "1.0.0", "active", Some("c"), &[], stop),
            ],
        ),
    ] {
        assert!(diff(&old, &new).changes().all(|change| change.clause != "onFailure"));
    }
}

#[test]
fn the_way_back_needs_no_new_number() {
    let mut past = tidegate_diff::History::default();
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        past.take(&with_status(version, "active"), "c");
    }
    let back = |old: &[Arc<Contract>], new: &[Arc<Contract>]| diff(old, new).let_go_back(old, new, &past);
    let old = [version("1.1.0")];
    assert!(diff(&old, &[version("1.0.0")]).has_findings());
    let found = back(&old, &[version("1.0.0")]);
    assert!(!found.has_findings() && found.contracts[0].goes_back, "{found:#?}");
    // The newer one stood beside it.
    for status in ["active", "deprecated"] {
        let old = [with_status("1.0.0", "deprecated"), version("2.0.0")];
        let new = [with_status("1.0.0", status)];
        assert!(diff(&old, &new).has_findings());
        let found = back(&old, &new);
        assert!(
            !found.has_findings() && found.contracts.iter().any(|one| one.goes_back),
            "{found:#?}"
        );
        assert!(found.changes().any(Change::breaks_producers), "{found:#?}");
    }
    // What was never published, or says something else, is a step back as ever; what is gone altogether is gone.
    assert!(back(&old, &[version("1.0.5")]).has_findings());
    let other = Made {
        properties: &["name: a, logicalType: string"],
        ..ONE
    };
    assert!(back(&old, &[other.build()]).has_findings());
    assert!(back(&old, &[with_status("1.0.0", "draft")]).has_findings());
    assert!(back(&[version("1.0.0")], &[]).has_findings());
    assert!(back(&[with_status("1.0.0", "deprecated"), version("2.0.0")], &[version("2.0.0")]).has_findings());
    assert!(
        back(
            &[with_status("1.0.0", "retired"), version("2.0.0")],
            &[with_status("1.0.0", "retired")]
        )
        .has_findings()
    );
    let low = Made {
        topic: "u",
        version: "0.9.0",
        ..ONE
    }
    .build();
    let mut past = past.clone();
    past.take(&low, "c");
    let old = [low.clone(), version("1.0.0")];
    assert!(
        diff(&old, std::slice::from_ref(&low))
            .let_go_back(&old, &[low], &past)
            .has_findings(),
        "its topic would be without a contract"
    );
}
