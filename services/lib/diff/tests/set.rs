//! What only a whole set of contracts tells, and grades that events would contradict.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, SchemaLookup, SchemaNeed, Verdict as Judged, compile};
use tidegate_contract::Contract;
use tidegate_diff::Grade::{self, Both, Loosens, None, Tightens, Undetermined};
use tidegate_diff::render::human;
use tidegate_diff::{Bump, Change, Diff, Verdict, compare, compare_files, compare_sets};

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
}

/// A contract of one object; `top` are lines of the contract, `object` those of the object beside its topic and properties.
struct Made<'a> {
    id: &'a str,
    version: &'a str,
    status: &'a str,
    topic: &'a str,
    top: &'a str,
    object: &'a str,
    properties: &'a [&'a str],
}

const ONE: Made<'static> = Made {
    id: "t",
    version: "1.0.0",
    status: "active",
    topic: "t",
    top: "",
    object: "",
    properties: &["name: a, logicalType: integer"],
};

impl Made<'_> {
    fn build(&self) -> Arc<Contract> {
        let properties: String = self.properties.iter().map(|one| format!("      - {{{one}}}\n")).collect();
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: {}\nversion: \"{}\"\nstatus: {}\n{}schema:\n  - name: o\n    physicalName: {}\n    \
             physicalType: topic\n{}    properties:\n{properties}",
            self.id, self.version, self.status, self.top, self.topic, self.object
        );
        let (contract, problems) = tidegate_contract::parse(&format!("{}/{}.odcs.yaml", self.id, self.version), &text);
        Arc::new(contract.unwrap_or_else(|| panic!("{problems:#?}\n{text}")))
    }
}

fn version(version: &str) -> Arc<Contract> {
    Made { version, ..ONE }.build()
}

fn with_status(version: &str, status: &str) -> Arc<Contract> {
    Made { version, status, ..ONE }.build()
}

fn diff(old: &[Arc<Contract>], new: &[Arc<Contract>]) -> Diff {
    compare_sets(("main", "here"), old, new)
}

fn rows<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<(&'static str, Grade, Grade, Bump)> {
    let row = |change: &Change| (change.clause, change.producers, change.consumers, change.bump);
    changes.into_iter().map(row).collect()
}

/// A rule over the row.
fn rule(expression: &str) -> String {
    format!("    quality:\n      - {{id: r, type: custom, engine: cel, implementation: {expression:?}}}\n")
}

#[test]
fn a_version_that_vanishes_because_its_file_was_raised_is_said() {
    use Bump::{Major, Patch};
    let old = [version("1.0.0")];
    let found = diff(&old, &[version("1.0.1")]);
    assert_eq!(rows(found.changes()), [("version", Undetermined, None, Patch)], "{found:#?}");
    let text = human(&found);
    assert!(
        text.contains("`t@1.0.0`") && !text.contains("`t@1`") && text.contains("keep its file with `status: deprecated`"),
        "{text}"
    );
    assert!(!found.has_findings());
    // The last of its major: whoever asks for any version of it is refused, too.
    let found = diff(&old, &[version("2.0.0")]);
    assert_eq!(rows(found.changes()), [("version", Undetermined, None, Major)]);
    assert!(human(&found).contains("`t@1.0.0` or `t@1`") && !found.has_findings());
    // Two files are compared as if each were all there is.
    assert_eq!(compare_files(("a", "b"), &old[0], &version("1.0.1")).changes().count(), 1);
    // Beside the old one nothing is lost; and nobody may name what was never in force, or has no topic.
    assert!(diff(&old, &[version("1.0.0"), version("1.0.1")]).changes().next().is_none());
    assert!(
        diff(&[with_status("1.0.0", "draft")], &[with_status("1.0.1", "draft")])
            .changes()
            .next()
            .is_none()
    );
    assert!(
        diff(&[with_status("1.0.0", "retired")], &[with_status("1.1.0", "retired")])
            .changes()
            .next()
            .is_none()
    );
}

#[test]
fn a_contract_that_is_not_loaded_any_more_is_gone() {
    let old = [with_status("1.0.0", "active")];
    for version in ["1.0.0", "1.1.0"] {
        let found = diff(&old, &[with_status(version, "draft")]);
        assert_eq!(rows(found.changes()), [("status", Tightens, Both, Bump::None)], "{version}");
        assert!(found.contracts[0].verdict == Verdict::Gone && found.has_findings());
        assert!(found.changes().all(|change| change.breaks_producers() && change.breaks_consumers()));
    }
    // A proposal lets everything pass, and lands nothing.
    let found = diff(&old, &[with_status("1.0.0", "proposed")]);
    assert_eq!(rows(found.changes()), [("status", Loosens, Loosens, Bump::None)]);
    assert!(
        found
            .changes()
            .all(|change| change.breaks_consumers() && !change.breaks_producers())
    );
    // A draft or proposal beside the version in force takes nothing from it.
    for status in ["draft", "proposed"] {
        let found = diff(&old, &[old[0].clone(), with_status("1.1.0", status)]);
        assert!(!found.has_findings() && !found.clone().trusting().has_findings(), "{found:#?}");
        assert!(
            found.changes().all(|change| (change.producers, change.consumers) == (None, None)),
            "{found:#?}"
        );
    }
    // And it keeps nothing in force: deleting the version beside a proposal is no promotion.
    let proposed = with_status("1.1.0", "proposed");
    let found = diff(&[old[0].clone(), proposed.clone()], &[proposed]);
    assert!(
        found.contracts.iter().any(|contract| contract.verdict == Verdict::Gone),
        "{found:#?}"
    );
}

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

#[test]
fn what_happens_behind_a_refused_event() {
    let with = |word: &str| {
        let top = format!("customProperties:\n  - {{property: onFailure, vendor: tidegate, value: {word}}}\n");
        Made { top: &top, ..ONE }.build()
    };
    for (old, new, expected) in [
        (ONE.build(), with("stop"), ("onFailure", Tightens, Both, Bump::Major)),
        (ONE.build(), with("hold_key"), ("onFailure", Tightens, Both, Bump::Major)),
        (with("hold_key"), with("stop"), ("onFailure", Tightens, Both, Bump::Major)),
        (with("stop"), with("continue"), ("onFailure", Loosens, Loosens, Bump::Minor)),
        (with("stop"), ONE.build(), ("onFailure", Loosens, Loosens, Bump::Minor)),
    ] {
        let changes = compare(&old, &new);
        assert_eq!(rows(&changes), [expected]);
        assert!(changes[0].old.is_some() || changes[0].new.is_some());
    }
    assert!(
        rows(&compare(&ONE.build(), &with("continue")))
            .iter()
            .all(|row| row.0 != "onFailure")
    );
}

#[test]
fn of_several_switches_of_a_rule_the_last_counts() {
    let quality = rule("value.a > 0");
    let with = |until: &[&str]| {
        let list: Vec<String> = until
            .iter()
            .map(|until| format!("{{rule: r, until: '{until}', reason: x}}"))
            .collect();
        let top = format!(
            "customProperties:\n  - {{property: killSwitches, vendor: tidegate, value: [{}]}}\n",
            list.join(", ")
        );
        Made {
            top: &top,
            object: &quality,
            ..ONE
        }
        .build()
    };
    for (old, new, grade, bump) in [
        (&["2026-12-01", "2036-12-01"][..], &["2026-12-01"][..], Tightens, Bump::Major),
        (&["2026-12-01"], &["2026-12-01", "2036-12-01"], Loosens, Bump::Minor),
        (&["2036-12-01", "2026-12-01"], &["2026-12-01"], Tightens, Bump::Major),
        (&["2036-12-01"], &[], Tightens, Bump::Major),
    ] {
        assert_eq!(rows(&compare(&with(old), &with(new)))[..], [("killSwitches", grade, grade, bump)]);
    }
    // A rule that is asked sooner than was said refuses what passed; one whose switch has ended is asked already.
    let seconds = |year: i64| (year - 1970) * 31_557_600 * 1_000_000;
    let at = |year| compare_files(("a", "b"), &with(&["2030-06-01"]), &with(&[])).at(seconds(year));
    assert_eq!(rows(at(2029).changes()), [("killSwitches", Tightens, Tightens, Bump::Major)]);
    assert!(at(2029).has_findings() && at(2029).changes().all(Change::breaks_producers));
    assert_eq!(rows(at(2031).changes()), [("killSwitches", None, None, Bump::Patch)]);
    let grade = |old: &[&str], new: &[&str]| {
        compare(&with(old), &with(new))
            .iter()
            .fold(None, |grade, change| grade.and(change.producers))
    };
    assert_eq!(grade(&["2026-12-01", "2036-12-01"], &["2036-12-01"]), None);
}

/// Producers' grade of a pair, held against what the judge makes of events.
fn agrees(old: &Contract, new: &Contract, events: &[&str]) -> (Grade, Bump) {
    let changes = compare(old, new);
    let grade = changes.iter().fold(None, |grade, change| grade.and(change.producers));
    let plans = [compile(old, 0).unwrap(), compile(new, 0).unwrap()];
    let mut turned = false;
    for event in events {
        let [passed, passes] = [&plans[0], &plans[1]].map(|plan| {
            let input = Input {
                key: Option::None,
                value: Some(event.as_bytes()),
                headers: &[],
                now: 1_800_000_000_000_000,
            };
            matches!(Judge::new().judge(plan, &input, "t", &NoSchemas, &mut ()), Judged::Valid { .. })
        });
        assert!(
            passes || !passed || grade.may_tighten(),
            "{event} is refused although it {grade:?}: {changes:#?}"
        );
        assert!(
            passed || !passes || grade.may_loosen(),
            "{event} passes although it {grade:?}: {changes:#?}"
        );
        turned |= passed != passes;
    }
    assert!(turned, "no event shows it: {changes:#?}");
    (grade, changes.iter().map(|change| change.bump).max().unwrap())
}

#[test]
fn rules_that_see_what_is_declared() {
    let a = "name: a, logicalType: integer";
    let (b, typed) = ("name: b", "name: b, logicalType: integer");
    for (expression, old, new, event) in [
        ("size(value) < 2", &[a][..], &[a, b][..], r#"{"a": 1, "b": 2}"#),
        ("'b' in value", &[a, b], &[a], r#"{"a": 1, "b": 2}"#),
        ("size(value) >= 2", &[a, b], &[a], r#"{"a": 1, "b": 2}"#),
        ("'b' in value", &[a], &[a, typed], r#"{"a": 1, "b": 2}"#),
        (
            "value.all(k, k != 'b2')",
            &[a, b],
            &[a, "name: b2, physicalName: b"],
            r#"{"a": 1, "b": 2}"#,
        ),
        (
            "size(value.n) < 2",
            &["name: n, logicalType: object, properties: [{name: x}]"],
            &["name: n, logicalType: object, properties: [{name: x}, {name: y}]"],
            r#"{"n": {"x": 1, "y": 2}}"#,
        ),
        (
            "value.l.all(i, i == {'x': 'q'})",
            &["name: l, logicalType: array, items: {logicalType: object, properties: [{name: x, logicalType: string}]}"],
            &["name: l, logicalType: array, items: {logicalType: object, properties: [{name: x, logicalType: string}, {name: y}]}"],
            r#"{"l": [{"x": "q", "y": 2}]}"#,
        ),
    ] {
        let quality = rule(expression);
        let with = |properties: &[&str]| {
            Made {
                object: &quality,
                properties,
                ..ONE
            }
            .build()
        };
        assert_eq!(
            agrees(&with(old), &with(new), &[event]),
            (Undetermined, Bump::Major),
            "{expression}"
        );
    }
    // Which of several names comes first is not even one thing for one contract, so no event shows it.
    let quality = rule("value.map(k, k)[0] == 'a'");
    let with = |properties: &[&str]| {
        Made {
            object: &quality,
            properties,
            ..ONE
        }
        .build()
    };
    assert_eq!(
        rows(&compare(&with(&[a, b]), &with(&[b, a]))),
        [("properties", Undetermined, None, Bump::Major)]
    );
    // Rules that see single fields leave the grades as they are.
    for expression in ["value.a > 0", "has(value.a)", "value.n == null || value.n.x == 1"] {
        let quality = rule(expression);
        let n = "name: n, logicalType: object, properties: [{name: x, logicalType: integer}]";
        let with = |properties: &[&str]| {
            Made {
                object: &quality,
                properties,
                ..ONE
            }
            .build()
        };
        assert_eq!(
            rows(&compare(&with(&[a, n]), &with(&[a, n, b]))),
            [("properties", None, Tightens, Bump::Minor)],
            "{expression}"
        );
    }
    // One that only warns refuses nothing.
    let warning = rule("size(value) < 2").replace("engine: cel", "engine: cel, severity: warning");
    let with = |properties: &[&str]| {
        Made {
            object: &warning,
            properties,
            ..ONE
        }
        .build()
    };
    assert_eq!(
        rows(&compare(&with(&[a]), &with(&[a, b]))),
        [("properties", None, Tightens, Bump::Minor)]
    );
}

#[test]
fn null_that_a_rule_kept_out() {
    let with = |rules: &str, more: &str| {
        Made {
            properties: &[&format!("name: a, logicalType: string{more}, quality: [{rules}]")],
            ..ONE
        }
        .build()
    };
    let null = "{id: n, metric: nullValues, mustBe: 0}";
    let missing = "{id: m, metric: missingValues, arguments: {missingValues: [null, '']}, mustBe: 0}";
    for (old, new) in [
        (null.to_owned(), String::new()),
        (null.to_owned(), null.replace("mustBe", "severity: warning, mustBe")),
        (null.to_owned(), null.replace("mustBe: 0", "mustBeLessThan: 5")),
        (missing.to_owned(), String::new()),
    ] {
        let (grade, bump) = agrees(&with(&old, ""), &with(&new, ""), &[r#"{"a": null}"#, "{}", r#"{"a": "x"}"#]);
        assert_eq!((grade, bump), (Loosens, Bump::Major), "{old} -> {new}");
        // Where something else keeps it out, no null comes.
        let bump = |more: &str, both: &str| {
            let rules = |own: &str| [own, both].into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join(", ");
            compare(&with(&rules(&old), more), &with(&rules(&new), more))
                .iter()
                .map(|change| change.bump)
                .max()
        };
        assert_eq!(bump(", required: true", ""), Some(Bump::Minor), "{old} -> {new}");
        assert_eq!(
            bump("", "{id: z, metric: nullValues, mustBe: 0}"),
            Some(Bump::Minor),
            "{old} -> {new}"
        );
    }
}

#[test]
fn rules_of_the_lake_weigh_as_their_severity_says() {
    let with = |severity: &str| {
        let object = format!("    quality:\n      - {{id: r, metric: rowCount, mustBeGreaterThan: 5, severity: {severity}}}\n");
        Made { object: &object, ..ONE }.build()
    };
    assert_eq!(
        rows(&compare(&with("error"), &with("info"))),
        [("severity", None, Loosens, Bump::Minor)]
    );
    assert_eq!(
        rows(&compare(&with("warning"), &with("error"))),
        [("severity", None, Tightens, Bump::Minor)]
    );
    let sql = |query: &str| {
        let object = format!("    quality:\n      - {{id: r, type: sql, query: {query:?}, mustBe: 0}}\n");
        Made { object: &object, ..ONE }.build()
    };
    for (old, new) in [
        ("SELECT 1 FROM o WHERE a = 'x  y'", "SELECT 1 FROM o WHERE a = 'x y'"),
        ("SELECT 1 FROM o -- c\n WHERE a = 1", "SELECT 1 FROM o -- c WHERE a = 1"),
    ] {
        assert_eq!(rows(&compare(&sql(old), &sql(new))), [("quality", None, Undetermined, Bump::Minor)]);
    }
}

#[test]
fn what_is_not_told_demands_what_the_documentation_says() {
    let with = |setting: &str| {
        let object = format!("    customProperties:\n      - {{vendor: tidegate, {setting}}}\n");
        Made { object: &object, ..ONE }.build()
    };
    for (old, new, bump) in [
        (ONE.build(), with("property: dataSchemas, value: ['urn:a']"), Bump::Major),
        (
            with("property: dataSchemas, value: ['urn:a', 'urn:b']"),
            with("property: dataSchemas, value: ['urn:a']"),
            Bump::Major,
        ),
        // A list grows with every schema.
        (
            with("property: dataSchemas, value: ['urn:a']"),
            with("property: dataSchemas, value: ['urn:a', 'urn:b']"),
            Bump::Minor,
        ),
        (
            with("property: schemaIds, value: [1]"),
            with("property: schemaIds, value: [1, 2]"),
            Bump::Minor,
        ),
    ] {
        let changes = compare(&old, &new);
        assert_eq!(changes.len(), 1, "{changes:#?}");
        assert_eq!((changes[0].producers, changes[0].bump), (Undetermined, bump), "{changes:#?}");
    }
    // Known to refuse something is counted, whatever version it demands.
    let typed = Made {
        properties: &["name: a, logicalType: integer", "name: b, logicalType: string"],
        ..ONE
    };
    let (grade, bump) = agrees(&ONE.build(), &typed.build(), &[r#"{"a": 1, "b": 2}"#]);
    assert_eq!((grade, bump), (Tightens, Bump::Minor));
    assert!(compare(&ONE.build(), &typed.build())[0].breaks_producers());
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
        diff(&old, &[low.clone()]).let_go_back(&old, &[low], &past).has_findings(),
        "its topic would be without a contract"
    );
}
