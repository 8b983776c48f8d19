use std::sync::Arc;

use proptest::prelude::*;
use tidegate_contract::{ContractRef, Location, Severity};

use super::*;
use crate::column::{Column, ColumnKind};
use crate::objective::{Clause, EventTime};

const SECOND: i64 = 1_000_000;
const NOW: i64 = 1_000_000 * SECOND;

fn objective(probe: Probe, limit: Limit) -> Objective {
    let clause = Clause {
        id: "c@1.0.0/o#r".into(),
        contract: ContractRef {
            id: "c".into(),
            version: "1.0.0".into(),
        },
        major: 1,
        api_version: "v3.1.0".into(),
        object: Some("o".into()),
        element: None,
        rule: "r".into(),
        metric: "m".into(),
        severity: Severity::Error,
        driver: None,
        location: Location::default(),
        schedule: None,
    };
    Objective {
        clause,
        table: "o".into(),
        cdc: false,
        probe,
        limit,
        notes: Vec::new(),
    }
}

fn numbers(values: &[i64]) -> Observation {
    Observation::Row(values.iter().map(|value| Cell::Number(value.to_string())).collect())
}

fn fresh(observation: &Observation) -> SlaVerdict {
    evaluate(
        &objective(Probe::Freshness(EventTime::RecordTimestamp), Limit::Within(60 * SECOND)),
        observation,
        &Traffic::default(),
        NOW,
    )
}

fn late(row: &[i64]) -> SlaVerdict {
    evaluate(
        &objective(Probe::Latency(EventTime::SourceTime), Limit::Within(SECOND)),
        &numbers(row),
        &Traffic::default(),
        NOW,
    )
}

fn count(threshold: Threshold, percent: bool, row: &[i64]) -> SlaVerdict {
    let column = Column {
        path: vec![Arc::from("a")],
        kind: ColumnKind::Text,
    };
    evaluate(
        &objective(Probe::NullValues(column), Limit::Operator { threshold, percent }),
        &numbers(row),
        &Traffic::default(),
        NOW,
    )
}

fn sql(threshold: Threshold, cell: Cell) -> SlaVerdict {
    evaluate(
        &objective(Probe::Sql("SELECT 1".into()), Limit::Operator { threshold, percent: false }),
        &Observation::Row(vec![cell]),
        &Traffic::default(),
        NOW,
    )
}

fn number(text: &str) -> Literal {
    Literal::Number(text.into())
}

fn met(verdict: &SlaVerdict) -> Option<bool> {
    match verdict {
        SlaVerdict::Met(_) => Some(true),
        SlaVerdict::Breached(_) => Some(false),
        SlaVerdict::Unknown { .. } => None,
    }
}

fn why(verdict: SlaVerdict) -> String {
    match verdict {
        SlaVerdict::Unknown { why } => why,
        known => panic!("{known:?}"),
    }
}

#[test]
fn what_was_not_measured_is_unknown() {
    for observation in [
        Observation::Missing("the store is away".into()),
        Observation::NoData(vec!["o.log".into()]),
        Observation::NoRow,
        Observation::Row(vec![]),
        Observation::Row(vec![Cell::Null; 4]),
        Observation::Row(vec![Cell::Null; 7]),
        Observation::Row(vec![Cell::Null; 2]),
    ] {
        for (probe, limit) in [
            (Probe::Freshness(EventTime::SourceTime), Limit::Within(1)),
            (Probe::Latency(EventTime::SourceTime), Limit::Within(1)),
            (
                Probe::RowCount,
                Limit::Operator {
                    threshold: Threshold::GreaterOrEqual(0.0),
                    percent: false,
                },
            ),
            (
                Probe::Sql("SELECT 1".into()),
                Limit::Operator {
                    threshold: Threshold::NotBe(number("7")),
                    percent: false,
                },
            ),
        ] {
            let verdict = evaluate(&objective(probe, limit), &observation, &Traffic::default(), NOW);
            assert_eq!(met(&verdict), None, "{observation:?} {verdict:?}");
        }
    }
}

#[test]
fn freshness_is_the_age_of_the_newest_event() {
    assert_eq!(met(&fresh(&numbers(&[5, 5, NOW - 60 * SECOND, 0]))), Some(true));
    let SlaVerdict::Breached(measured) = fresh(&numbers(&[5, 5, NOW - 60 * SECOND - 1, 0])) else {
        panic!("a breach")
    };
    assert_eq!(
        (measured.value.as_str(), measured.limit.as_str(), measured.unit),
        ("60.000001", "<= 60", "seconds")
    );
}

#[test]
fn dates_in_the_future_do_not_keep_it_fresh() {
    let only = Observation::Row(vec![
        Cell::Number("3".into()),
        Cell::Number("3".into()),
        Cell::Null,
        Cell::Number("3".into()),
    ]);
    assert_eq!(why(fresh(&only)), "all 3 event times lie in the future");
    let SlaVerdict::Breached(measured) = fresh(&numbers(&[5, 5, NOW - 3600 * SECOND, 2])) else {
        panic!("a breach")
    };
    assert!(
        measured.says.contains("1 h old") && measured.says.contains("2 rows dated in the future"),
        "{}",
        measured.says
    );
}

#[test]
fn freshness_without_times_is_unknown() {
    let row = |rows: &str| {
        Observation::Row(vec![
            Cell::Number(rows.into()),
            Cell::Number("0".into()),
            Cell::Null,
            Cell::Number("0".into()),
        ])
    };
    assert_eq!(why(fresh(&row("0"))), "the table has no rows");
    assert_eq!(why(fresh(&row("4"))), "none of 4 rows has an event time");
}

#[test]
fn one_late_row_of_a_hundred_is_allowed() {
    // rows, timed, late, p99, longest in time, shortest late, longest
    assert_eq!(met(&late(&[200, 200, 2, 900_000, 900_000, 5 * SECOND, 9 * SECOND])), Some(true));
    assert_eq!(met(&late(&[200, 200, 3, 900_000, 900_000, 5 * SECOND, 9 * SECOND])), Some(false));
    assert_eq!(met(&late(&[99, 99, 1, 900_000, 900_000, 5 * SECOND, 5 * SECOND])), Some(false));
}

#[test]
fn the_percentile_shown_agrees_with_the_verdict() {
    let SlaVerdict::Breached(measured) = late(&[200, 200, 3, 900_000, 900_000, 5 * SECOND, 9 * SECOND]) else {
        panic!("a breach")
    };
    assert_eq!(measured.value, "5");
    let SlaVerdict::Met(measured) = late(&[200, 200, 2, 4 * SECOND, 900_000, 5 * SECOND, 9 * SECOND]) else {
        panic!("met")
    };
    assert_eq!(measured.value, "0.9");
}

#[test]
fn percentages_compare_at_the_very_limit() {
    assert_eq!(met(&count(Threshold::LessThan(0.1), true, &[1, 1000])), Some(false));
    assert_eq!(met(&count(Threshold::LessOrEqual(0.1), true, &[1, 1000])), Some(true));
    assert_eq!(met(&count(Threshold::LessThan(5.0), true, &[499, 10_000])), Some(true));
    assert_eq!(
        why(count(Threshold::LessThan(5.0), true, &[0, 0])),
        "the table has no rows to take a percentage of"
    );
}

#[test]
fn operators_say_what_is_good() {
    let rows = |threshold: Threshold, value: i64| met(&count(threshold, false, &[value, 100])).unwrap();
    assert!(rows(Threshold::Be(number("5")), 5) && !rows(Threshold::Be(number("5")), 6));
    assert!(rows(Threshold::NotBe(number("5")), 6) && !rows(Threshold::NotBe(number("5.0")), 5));
    assert!(rows(Threshold::GreaterThan(5.0), 6) && !rows(Threshold::GreaterThan(5.0), 5));
    assert!(rows(Threshold::GreaterOrEqual(5.0), 5) && !rows(Threshold::GreaterOrEqual(5.0), 4));
    assert!(rows(Threshold::LessThan(5.0), 4) && !rows(Threshold::LessThan(5.0), 5));
    assert!(rows(Threshold::LessOrEqual(5.0), 5) && !rows(Threshold::LessOrEqual(5.0), 6));
    for (value, inside) in [(0, false), (1, true), (5, true), (6, false)] {
        assert_eq!(rows(Threshold::Between(1.0, 5.0), value), inside);
        assert_eq!(rows(Threshold::NotBetween(1.0, 5.0), value), !inside);
    }
}

#[test]
fn a_query_may_answer_with_any_type_but_not_with_a_wrong_one() {
    assert_eq!(met(&sql(Threshold::Be(number("10.5")), Cell::Number("10.50".into()))), Some(true));
    assert_eq!(met(&sql(Threshold::Be(Literal::Bool(true)), Cell::Bool(true))), Some(true));
    assert_eq!(
        met(&sql(Threshold::Be(Literal::String("ok".into())), Cell::Text("bad".into()))),
        Some(false)
    );
    assert_eq!(met(&sql(Threshold::Be(Literal::Null), Cell::Null)), Some(true));
    assert_eq!(met(&sql(Threshold::LessThan(1.0), Cell::Null)), None);
    assert_eq!(met(&sql(Threshold::NotBe(number("1")), Cell::Text("1".into()))), None);
    assert_eq!(met(&sql(Threshold::LessThan(1.0), Cell::Text("NaN".into()))), None);
}

#[test]
fn text_is_never_shown() {
    let SlaVerdict::Breached(measured) = sql(Threshold::Be(Literal::String("ok".into())), Cell::Text("a@b.example".into())) else {
        panic!("a breach")
    };
    assert_eq!(measured.value, "text of 11 characters");
    assert!(!format!("{measured:?}").contains("a@b"));
}

#[test]
fn lengths_of_time_for_people() {
    assert_eq!(human(0), "0 ms");
    assert_eq!(human(250_000), "250 ms");
    assert_eq!(human(3_600 * SECOND), "1 h");
    assert_eq!(human(90_061 * SECOND), "1 d 1 h");
    assert_eq!(seconds(-1_500_000), "-1.5");
    assert_eq!(seconds(0), "0");
}

proptest! {
    #[test]
    fn late_rows_decide_as_the_nearest_rank_does(mut lags in proptest::collection::vec(0i64..100, 1..400), within in 0i64..100) {
        let late_rows = lags.iter().filter(|lag| **lag > within).count() as i64;
        lags.sort_unstable();
        let rank = (99 * lags.len()).div_ceil(100);
        let n = lags.len() as i64;
        let row = [n, n, late_rows, lags[rank - 1], 0, 0, lags[lags.len() - 1]];
        let verdict = evaluate(&objective(Probe::Latency(EventTime::SourceTime), Limit::Within(within)), &numbers(&row), &Traffic::default(), NOW);
        prop_assert_eq!(met(&verdict), Some(lags[rank - 1] <= within));
    }
}

#[test]
fn idle_is_not_stale_and_only_proof_makes_idle() {
    let of = |waiting| {
        let traffic = Traffic {
            waiting,
            ..Traffic::default()
        };
        let row = numbers(&[5, 5, NOW - 3600 * SECOND, 0]);
        evaluate(
            &objective(Probe::Freshness(EventTime::RecordTimestamp), Limit::Within(60 * SECOND)),
            &row,
            &traffic,
            NOW,
        )
    };
    assert!(matches!(of(Some(false)), SlaVerdict::Met(measured) if measured.says.contains("idle") && measured.value == "3600"));
    assert!(matches!(of(Some(true)), SlaVerdict::Breached(_)));
    assert!(matches!(of(None), SlaVerdict::Breached(measured) if measured.says.contains("not known")));
}
