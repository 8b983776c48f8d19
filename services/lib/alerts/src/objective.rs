//! Alerts on what `tidegate sla serve` has measured: promises that are broken or about to be, and checks that do not come.

use tidegate_contract::model::SlaProperty;
use tidegate_objectives::completeness;

use crate::alert::{Alert, Severity};
use crate::contract::{Subject, one_of, seconds};
use crate::promql::{literal, quoted, shortest, spoken};

/// A breach is predicted for so many seconds ahead, by the slope of as many before.
const AHEAD: u64 = 1800;

pub(crate) fn alerts(subject: &Subject<'_>, every: u64) -> Vec<Alert> {
    let timed: Vec<(&SlaProperty, f64)> = subject
        .contract
        .sla
        .iter()
        .filter(|sla| matches!(&*sla.property, "latency" | "freshness"))
        .filter_map(|sla| Some((sla, seconds(sla)?)))
        .collect();
    let mut alerts = Vec::new();
    for (sla, limit) in &timed {
        alerts.push(breach(subject, sla, *limit));
        alerts.push(predicted(subject, sla, *limit));
    }
    alerts.push(others(subject, &timed));
    alerts.push(missing(subject, every));
    alerts
}

/// Labels of one objective: `v<major>/<object>[.<property>]#<rule>`.
fn labels(subject: &Subject<'_>, rule: &str) -> String {
    let pattern = format!("(v{}/.*#)?{}", subject.contract.version.major, literal(rule));
    format!("contract={},objective=~{}", quoted(&subject.contract.id), quoted(&pattern))
}

fn slo(sla: &SlaProperty) -> &'static str {
    match &*sla.property {
        "latency" => "latency",
        _ => "freshness",
    }
}

fn breach(subject: &Subject<'_>, sla: &SlaProperty, limit: f64) -> Alert {
    let labels = labels(subject, &sla.id);
    let (name, what) = match slo(sla) {
        "latency" => ("ContractLatencyBreach", "events take"),
        _ => ("ContractFreshnessBreach", "the newest row is older than"),
    };
    let broken = format!("max(tidegate_objective_status{{{labels},status=\"breached\"}}) == 1");
    // One that is broken without a number counts as well.
    let expr = format!("max(tidegate_objective_measured{{{labels}}}) and on () ({broken})\n  or on () (({broken}) - 1)");
    let summary = format!(
        "{}: {what} {{{{ $value | humanizeDuration }}}}, {} is promised ({})",
        subject.name(),
        spoken(limit),
        crate::promql::template_text(&sla.id)
    );
    let command = "tidegate sla run --once --config tidegate.yaml";
    subject
        .alert(name, Subject::severity_of(sla), slo(sla), expr, 0, summary)
        .label("objective", &*sla.id)
        .note("command", command)
}

fn predicted(subject: &Subject<'_>, sla: &SlaProperty, limit: f64) -> Alert {
    let times = subject.options.times;
    let labels = labels(subject, &sla.id);
    let measured = format!("tidegate_objective_measured{{{labels}}}");
    let (window, ahead) = (times.text(AHEAD), shortest(times.seconds(AHEAD as f64)));
    let expr = format!(
        "(({} - max({measured})) / max(deriv({measured}[{window}])) > 0) < {ahead}\n  and max({measured}) > {}\n  unless on () max(tidegate_objective_status{{{labels},status=\"breached\"}}) == 1",
        shortest(limit),
        shortest(limit / 2.0),
    );
    let summary = format!(
        "{}: {} of {} ({}) is broken in {{{{ $value | humanizeDuration }}}} if it goes on like this",
        subject.name(),
        slo(sla),
        spoken(limit),
        crate::promql::template_text(&sla.id)
    );
    subject
        .alert("ContractBreachPredicted", Severity::Info, slo(sla), expr, 0, summary)
        .label("objective", &*sla.id)
}

/// Everything that has no alert of its own: rules of the lake and the other SLA properties.
fn others(subject: &Subject<'_>, timed: &[(&SlaProperty, f64)]) -> Alert {
    let major = subject.contract.version.major;
    // Completeness is the platform's matter: TidegateRecordsMissing.
    let ids = one_of(timed.iter().map(|(sla, _)| &*sla.id).chain([completeness::RULE]));
    let own = format!(",objective!~{}", quoted(&format!("(v{major}/.*#)?({ids})")));
    let expr = format!(
        "max by (objective) (tidegate_objective_status{{contract={},objective=~\"v{major}/.*|[^/]*\"{own},status=\"breached\"}}) == 1",
        quoted(&subject.contract.id)
    );
    let summary = format!("{}: {{{{ $labels.objective }}}} does not hold", subject.name());
    subject
        .alert("ContractObjectiveBreach", Severity::Ticket, "objectives", expr, 0, summary)
        .note("command", "tidegate sla run --once --config tidegate.yaml")
}

/// Dead man's switch.
fn missing(subject: &Subject<'_>, every: u64) -> Alert {
    let times = subject.options.times;
    let evaluated = format!(
        "tidegate_objective_evaluated_timestamp_seconds{{contract={}}}",
        quoted(&subject.contract.id)
    );
    let expr = format!(
        "time() - max({evaluated}) > {}\n  or on () absent({evaluated}) * {}",
        shortest(times.seconds(2.0 * every as f64)),
        shortest(times.seconds(2.0 * every as f64)),
    );
    let summary = format!(
        "{}: no check of its SLAs for {{{{ $value | humanizeDuration }}}}; one is due every {}",
        subject.name(),
        spoken(every as f64)
    );
    let alert = subject.alert("SlaCheckMissing", Severity::Ticket, "checks", expr, 300, summary);
    // Whoever runs the checks is to be told, not who owns the contract.
    let platform = &subject.options.platform_team;
    Alert {
        labels: alert
            .labels
            .into_iter()
            .map(|(name, value)| (name, if name == "team" { platform.clone() } else { value }))
            .filter(|(name, _)| *name != "objective")
            .collect(),
        ..alert
    }
}
