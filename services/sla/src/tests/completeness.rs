//! Completeness in a pass and in every form of its report.

use tidegate_objectives::Traffic;
use tidegate_objectives::completeness::{Accounted, Completeness, Counts, RULE};

use super::{NOW, ORDERS, Stand, described, entry, folder, measured, orders, schema, snapshot};
use crate::{Filter, Outcome};

#[test]
fn completeness_is_judged_where_it_is_wanted_and_stands_in_every_report() {
    let stand = Stand::new();
    orders(&stand);
    let partition = |partition, missing| Accounted {
        topic: "orders".to_owned(),
        partition,
        from: 40,
        until: 50,
        counts: Counts {
            raw: 12,
            validated: 9 - missing,
            dead_lettered: 1,
            skipped: 0,
            pending: 2,
            missing,
        },
        missing_first: if missing > 0 { vec![47] } else { Vec::new() },
        amiss: if missing > 0 { vec![("doubled", 1)] } else { Vec::new() },
        unknown: None,
    };
    let pass = |completeness: bool, known: Option<Completeness>| {
        let filter = Filter {
            completeness,
            rule: Some(RULE.into()),
            ..Filter::default()
        };
        let traffic = |_: &str, _: &str, _: u64, is_wanted: bool| {
            assert!(is_wanted);
            Traffic {
                completeness: known.clone(),
                why: Some("the broker is away".to_owned()),
                ..Traffic::default()
            }
        };
        crate::run(&snapshot(ORDERS), &stand.lake, &folder, &traffic, NOW, &filter)
    };
    assert!(pass(false, None).entries.is_empty(), "nobody asked");
    let unknown = pass(true, None);
    assert_eq!((entry(&unknown, RULE).outcome, unknown.exit_code()), (Outcome::Error, 2));
    assert_eq!(entry(&unknown, RULE).says, "the broker is away");
    let partitions = vec![partition(0, 0), partition(1, 3)];
    let met = pass(
        true,
        Some(Completeness {
            partitions: partitions[..1].to_vec(),
        }),
    );
    assert_eq!((entry(&met, RULE).outcome, met.exit_code()), (Outcome::Pass, 0));

    let report = pass(true, Some(Completeness { partitions }));
    assert_eq!((measured(&report, RULE), report.exit_code()), ((Outcome::Fail, "4"), 1));
    let documents = report.to_json();
    described(&documents, &schema());
    let known = &documents[0]["results"][0]["tidegate"]["completeness"];
    assert_eq!((&known["raw"], &known["missing"]), (&24.into(), &3.into()));
    assert_eq!(known["partitions"][1]["missingFirst"], serde_json::json!([47]));
    let line = "orders-1 40..50: 12 records = 6 validated + 1 dead-lettered + 0 skipped + 2 pending + 3 missing; 1 doubled";
    assert_eq!(report.partitions()[1], line);
    assert!(
        report.to_html().contains(line) && report.to_junit().contains(line),
        "{}",
        report.to_junit()
    );
    // A report of a pass names the numbers, too.
    assert!(
        met.to_junit().contains("<system-out>orders-0 40..50: 12 records"),
        "{}",
        met.to_junit()
    );
}
