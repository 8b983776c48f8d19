//! Alerts on what `tidegate sla serve` has measured: promises that are broken or about to be, and checks that do not come.

use tidegate_contract::model::SlaProperty;
use tidegate_objectives::{Planned, completeness, plan};

use crate::alert::{Alert, Severity};
use crate::contract::{Subject, one_of, seconds};
use crate::platform::link;
use crate::promql::{literal, quoted, shortest, spoken};

/// A breach is predicted for so many seconds ahead, by the slope of as many before.
const AHEAD: u64 = 1800;
/// A breach outlives so many seconds in which it cannot be told; then [`unknown`] alone is left.
const KEPT: u64 = 3600;
/// A look that is so much later than its time did not take place; an interval that is shorter is enough.
const LATE: f64 = 3600.0;

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
    if is_looked_at(subject) {
        alerts.push(unknown(subject, every));
        alerts.push(missing(subject));
    }
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
    let breached = format!("tidegate_objective_status{{{labels},status=\"breached\"}}");
    // What was broken a short while ago and cannot be told now is not mended.
    let broken = format!(
        "max({breached}) == 1 or on () (max(tidegate_objective_status{{{labels},status=\"unknown\"}}) == 1 and on () max(max_over_time({breached}[{}])) == 1)",
        subject.options.times.text(KEPT)
    );
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

/// Whether `tidegate sla serve` has anything to look at: a contract may promise nothing.
fn is_looked_at(subject: &Subject<'_>) -> bool {
    let plan = plan::contract(subject.contract, &|_, _, _| String::new());
    plan.clauses.iter().any(|planned| !matches!(planned, Planned::NotExecuted { .. }))
}

/// Unknown is never kept. Two looks that cannot tell are no accident.
fn unknown(subject: &Subject<'_>, every: u64) -> Alert {
    let expr = format!(
        "max by (objective) (tidegate_objective_status{{contract={},objective=~\"v{}/.*|[^/]*\",status=\"unknown\"}}) == 1",
        quoted(&subject.contract.id),
        subject.contract.version.major
    );
    let hold = 2 * every;
    let summary = format!(
        "{}: whether {{{{ $labels.objective }}}} holds has not been known for {}",
        subject.name(),
        spoken(hold as f64)
    );
    subject
        .alert("ContractObjectiveUnknown", Severity::Ticket, "unknown", expr, hold, summary)
        .note("command", "tidegate sla run --once --config tidegate.yaml")
}

/// Dead man's switch, by the schedules that the clauses have.
fn missing(subject: &Subject<'_>) -> Alert {
    let options = subject.options;
    let of = |metric: &str| format!("tidegate_sla_{metric}{{contract={}}}", quoted(&subject.contract.id));
    // The counter is there as soon as somebody follows the contract, before the first look is over.
    let expr = format!(
        "time() - max({}) > on () clamp_max(max({}), {})\n  or on () absent({}) * 0",
        of("next_run_timestamp_seconds"),
        of("schedule_interval_seconds"),
        shortest(options.times.seconds(LATE)),
        of("runs_missed_total")
    );
    let summary = format!(
        "{}: {{{{ if $value }}}}its promises should have been looked at {{{{ $value | humanizeDuration }}}} ago{{{{ else }}}}nobody looks at its promises{{{{ end }}}}",
        subject.name()
    );
    // Whoever runs the checks is to be told, not who owns the contract.
    let alert = Alert::new(options, "SlaCheckMissing", Severity::Ticket, expr, 300, summary)
        .label("team", &options.platform_team)
        .label("contract", &*subject.contract.id)
        .label("major", subject.contract.version.major.to_string())
        .label("topic", subject.topics.join(","))
        .label("slo", "checks");
    link(alert, options)
}
