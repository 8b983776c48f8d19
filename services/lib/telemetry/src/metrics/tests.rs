use std::time::Duration;

use tidegate_check::{Reason, Skip};
use tidegate_contract::{ContractRef, Severity};
use tidegate_flow::{Remedy, TopicPartition, WorldError};

use super::reference::reference;
use super::*;

fn orders() -> ContractRef {
    ContractRef {
        id: "orders".into(),
        version: "1.2.0".into(),
    }
}

/// Uses every method once, so that every series exists.
fn everything() -> Metrics {
    let metrics = Metrics::new("0.1.0", "abc");
    let at = TopicPartition::new("raw.orders", 3);
    metrics.consumed("raw.orders", 10);
    metrics.validated("raw.orders", &orders(), 7);
    metrics.dead_letters("raw.orders", Some(&orders()), Reason::TypeMismatch, 2);
    metrics.dead_letters("raw.orders", None, Reason::NoContract, 1);
    metrics.skipped("raw.orders", Skip::CdcControl, 1);
    metrics.noted("raw.orders", &orders(), Severity::Warning, 4);
    metrics.shadowed("raw.orders", &orders(), 5, 6);
    metrics.switched_off(&orders(), "total-is-sum", 3);
    metrics.batch(BatchOutcome::Committed, 10, Duration::from_millis(3));
    metrics.batch(BatchOutcome::Aborted, 10, Duration::from_millis(3));
    metrics.transaction(TransactionOutcome::Committed, Duration::from_millis(30));
    metrics.delivery_mode(DeliveryMode::ExactlyOnce);
    metrics.assigned(2);
    metrics.revoked(1);
    metrics.lost(1);
    metrics.snapshot("c0ffee", 1_000_000);
    metrics.snapshot_refresh(Refresh::Loaded);
    metrics.registry_request("/contracts/{id}", 200);
    metrics.registry_connections(7, 2);
    metrics.schema_request(SchemaAnswer::Unknown);
    metrics.world_error(Port::Lake, &WorldError::new(Remedy::Retry, "slow"));
    metrics.partition_paused(&at, true);
    metrics.partition_halted(&at, false);
    metrics.partition_quarantined(&at, true);
    metrics.buffered("sink", 900);
    metrics.buffer_budget("sink", 1_000);
    metrics.partition_lag(&at, 12);
    metrics.partition_undecided(&at, Duration::from_millis(1_500));
    metrics.thread_busy("validator", 1.5);
    metrics.partition_committed(&at, 4_000_000);
    metrics.outcomes("raw.orders", Some(&orders()), 7, 2);
    metrics.outcomes("raw.orders", None, 0, 0);
    metrics.sends_refused("dlq.orders", "forbidden", 2);
    metrics.landed("valid.orders", "orders", 7, 1, 900);
    metrics.slot("valid.orders", SlotOutcome::Committed);
    metrics.landing_skipped("valid.orders", "shadow", 1);
    metrics.oldest_open("valid.orders", Duration::from_secs(2));
    metrics.store_call("create", Duration::from_millis(8));
    metrics.objective("orders", "freshness", ObjectiveStatus::Breached, Some(90.0), 5_000_000);
    metrics.objective_limit("orders", "freshness", 60.0);
    metrics.budget(&BudgetBurn {
        contract: "orders",
        objective: "v1/orders#errors",
        budget: 0.01,
        remaining: 0.5,
        windows: &[("5m", 90, 10), ("1h", 0, 0)],
    });
    metrics.run_ended("orders", RunOutcome::Breached, 1.5, 5_000_000);
    metrics.runs_missed("orders", MissedCause::Away, 2);
    metrics.run_planned("orders", 6_000_000, 900.0);
    metrics.accounted(ACCOUNTING);
    metrics.readiness("sink", &crate::Health::starting());
    metrics
}

const ACCOUNTING: Accounting<'_> = Accounting {
    contract: "orders",
    objective: "v1/orders#complete",
    topic: "raw.orders",
    partition: 4,
    records: &[("raw", 12), ("missing", 2)],
    breaches: &[("missing", 2)],
};

#[test]
fn breaches_add_up_and_numbers_of_a_look_go_with_it() {
    let metrics = everything();
    metrics.accounted(Accounting {
        breaches: &[("missing", 0), ("doubled", 1)],
        ..ACCOUNTING
    });
    let of = r#"contract="orders""#;
    let rest = r#"objective="v1/orders#complete",partition="4",topic="raw.orders"} "#;
    let text = metrics.render(3_000_000);
    for line in [
        format!(r#"tidegate_completeness_records{{{of},fate="raw",{rest}12"#),
        format!(r#"tidegate_completeness_breaches_total{{breach="missing",{of},{rest}2"#),
        format!(r#"tidegate_completeness_breaches_total{{breach="doubled",{of},{rest}1"#),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    metrics.accounted_gone("orders", "v1/orders#complete", "raw.orders", 4, &["raw", "missing"]);
    let text = metrics.render(3_000_000);
    assert!(!text.contains("tidegate_completeness_records{") && text.contains("tidegate_completeness_breaches_total{"));
}

#[test]
fn budgets_burn_by_their_share_and_go_when_they_are_not_known() {
    let metrics = everything();
    let text = metrics.render(3_000_000);
    for line in [
        r#"tidegate_error_budget_burn_rate{contract="orders",objective="v1/orders#errors",window="5m"} 10"#,
        r#"tidegate_error_budget_burn_rate{contract="orders",objective="v1/orders#errors",window="1h"} 0"#,
        r#"tidegate_error_budget_records{contract="orders",objective="v1/orders#errors",result="bad",window="5m"} 10"#,
        r#"tidegate_error_budget_remaining_ratio{contract="orders",objective="v1/orders#errors"} 0.5"#,
        r#"tidegate_sla_runs_missed_total{cause="away",contract="orders"} 2"#,
        r#"tidegate_sla_schedule_interval_seconds{contract="orders"} 900"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    metrics.budget_gone("orders", "v1/orders#errors", &["5m", "1h"]);
    metrics.run_gone("orders");
    let text = metrics.render(3_000_000);
    assert!(!text.contains("tidegate_error_budget_burn_rate{") && !text.contains("tidegate_error_budget_records{"));
    assert!(!text.contains("tidegate_sla_next_run_timestamp_seconds{") && text.contains("tidegate_sla_runs_total{"));
}

#[test]
fn every_defined_metric_is_rendered_with_its_type() {
    let metrics = everything();
    let text = metrics.render(3_000_000);
    for definition in metrics.definitions() {
        let line = format!("# TYPE {} {}", definition.name, definition.kind.as_str());
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
}

#[test]
fn counts_arrive_under_their_labels() {
    let text = everything().render(3_500_000);
    for line in [
        r#"tidegate_records_validated_total{contract="orders",topic="raw.orders",version="1.2.0"} 7"#,
        r#"tidegate_dead_letters_total{contract="orders",reason="type_mismatch",topic="raw.orders",version="1.2.0"} 2"#,
        r#"tidegate_dead_letters_total{contract="",reason="no_contract",topic="raw.orders",version=""} 1"#,
        r#"tidegate_records_skipped_total{policy="cdc_control",topic="raw.orders"} 1"#,
        r#"tidegate_shadow_verdicts_total{contract="orders",topic="raw.orders",verdict="invalid",version="1.2.0"} 6"#,
        r#"tidegate_delivery_mode{mode="exactly_once"} 1"#,
        r#"tidegate_delivery_mode{mode="at_least_once"} 0"#,
        r#"tidegate_snapshot_info{commit="c0ffee"} 1"#,
        "tidegate_snapshot_age_seconds 2.5",
        r#"tidegate_world_errors_total{port="lake",remedy="retry"} 1"#,
        r#"tidegate_partition_lag_records{partition="3",topic="raw.orders"} 12"#,
        "tidegate_registry_connections 7",
        "tidegate_registry_connections_refused_total 2",
        r#"tidegate_partition_quarantined{partition="3",topic="raw.orders"} 1"#,
        r#"tidegate_buffer_bytes{role="sink"} 900"#,
        r#"tidegate_buffer_budget_bytes{role="sink"} 1000"#,
        r#"tidegate_objective_status{contract="orders",objective="freshness",status="breached"} 1"#,
        r#"tidegate_objective_status{contract="orders",objective="freshness",status="met"} 0"#,
        r#"tidegate_objective_measured{contract="orders",objective="freshness"} 90"#,
        r#"tidegate_build_info{commit="abc",version="0.1.0"} 1"#,
        "tidegate_batch_records_count 1",
        r#"tidegate_outcomes_total{contract="orders",outcome="dead",topic="raw.orders",version="1.2.0"} 2"#,
        r#"tidegate_outcomes_total{contract="",outcome="dead",topic="raw.orders",version=""} 0"#,
        r#"tidegate_sends_refused_total{refusal="forbidden",topic="dlq.orders"} 2"#,
        r#"tidegate_partition_committed_timestamp_seconds{partition="3",topic="raw.orders"} 4"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn a_new_commit_replaces_the_old_one() {
    let metrics = everything();
    metrics.snapshot("decade", 2_000_000);
    let text = metrics.render(2_000_000);
    assert!(text.contains(r#"snapshot_info{commit="decade"} 1"#));
    assert!(!text.contains("c0ffee"));
}

#[test]
fn what_is_gone_shows_nothing() {
    let metrics = everything();
    metrics.partition_lag_unknown(&TopicPartition::new("raw.orders", 3));
    assert!(!metrics.render(0).contains("tidegate_partition_lag_records{"));
    metrics.partition_lag(&TopicPartition::new("raw.orders", 3), 1);
    metrics.partition_gone(&TopicPartition::new("raw.orders", 3));
    metrics.objective("orders", "freshness", ObjectiveStatus::Unknown, None, 6_000_000);
    let text = metrics.render(0);
    assert!(!text.contains(r#"partition="3""#));
    assert!(!text.contains("tidegate_objective_measured{"));
    assert!(text.contains(r#"objective="freshness",status="unknown"} 1"#));
    metrics.objective_gone("orders", "freshness");
    assert!(!metrics.render(0).contains("freshness"));
}

#[test]
fn names_follow_the_conventions() {
    for definition in Metrics::new("", "").definitions() {
        let name = &definition.name;
        assert!(name.starts_with("tidegate_"), "{name}");
        assert_eq!(name.ends_with("_total"), definition.kind == Kind::Counter, "{name}");
        assert!(!name.contains("_ms") && !name.contains("_milli"), "{name} is not in base units");
        assert!(!definition.help.is_empty() && !definition.help.ends_with('.'), "{name}");
    }
}

#[test]
fn the_reference_lists_each_metric_once() {
    let table = reference();
    for definition in Metrics::new("", "").definitions() {
        assert_eq!(table.matches(&format!("| `{}` |", definition.name)).count(), 1);
    }
}
