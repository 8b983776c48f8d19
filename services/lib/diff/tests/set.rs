//! What only a whole set of contracts tells, and grades that events would contradict.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "support/made.rs"]
mod made;

use made::{Made, ONE, diff, rows, version, with_status};
use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, SchemaLookup, SchemaNeed, Verdict as Judged, compile};
use tidegate_contract::Contract;
use tidegate_diff::Grade::{self, Both, Loosens, None, Tightens, Undetermined};
use tidegate_diff::render::human;
use tidegate_diff::{Bump, Change, Verdict, compare, compare_files};

struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        Known::Unknown
    }
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
