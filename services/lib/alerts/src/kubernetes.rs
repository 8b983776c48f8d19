//! Alerts on what only Kubernetes tells: `git_sync_…` comes from the sidecar that fetches contracts, `kube_…` from kube-state-metrics, since
//! an SLA check that is a Job serves no metrics.

use crate::Options;
use crate::alert::{Alert, Group, Severity};
use crate::platform::link;
use crate::promql::{quoted, shortest};

/// Three times what the CronJob of infra/k8s waits.
const LATE: u64 = 2700;

pub(crate) fn group(options: &Options) -> Group {
    let times = options.times;
    let quarter = times.text(900);
    let alert = |name, expr: String, hold, summary: &str| {
        let alert = Alert::new(options, name, Severity::Ticket, expr, hold, summary.to_owned()).label("team", &options.platform_team);
        link(alert, options)
    };
    // Whoever selects by namespace has said where.
    let inside = match options.matches.iter().any(|one| one.label() == "namespace") {
        true => String::new(),
        false => format!("namespace={}, ", quoted(&options.namespace)),
    };
    let started = format!("kube_job_status_start_time{{{inside}job_name=~\"tidegate-sla-.+\"}}");
    let ended = |condition: &str| {
        format!(
            "max({started} and on (namespace, job_name) kube_job_{condition}{{{inside}job_name=~\"tidegate-sla-.+\", condition=\"true\"}} == 1)"
        )
    };
    let scheduled = format!("kube_cronjob_status_last_schedule_time{{{inside}cronjob=\"tidegate-sla\"}}");
    let mut alerts = vec![alert(
        "TidegateContractsNotFetched",
        format!(
            "sum by (pod) (increase(git_sync_count_total{{status=\"error\"}}[{quarter}])) > 0\n  unless on (pod) sum by (pod) (increase(git_sync_count_total{{status=~\"success|noop\"}}[{quarter}])) > 0"
        ),
        300,
        "git-sync of {{ $labels.pod }} has not reached the contract repository for 15 minutes.",
    )];
    // Checks that are no Jobs tell by their own metrics, and a CronJob that is not there is no news.
    if options.sla_every.is_none() {
        alerts.extend([
            // A Job that failed is kept for a day; one that came out well behind it ends the matter.
            alert(
                "TidegateSlaCheckFailed",
                format!("{}\n  > on () ({} or on () vector(0))", ended("failed"), ended("complete")),
                0,
                "The last SLA check failed: a promise is broken or could not be told.",
            ),
            alert(
                "TidegateSlaCheckMissing",
                format!(
                    "time() - max({scheduled}) > {}\n  or on () absent_over_time({scheduled}[{}]) * 0",
                    shortest(times.seconds(LATE as f64)),
                    times.text(LATE)
                ),
                300,
                "{{ if $value }}The SLA check has not run for {{ $value | humanizeDuration }}{{ else }}The SLA check has never run{{ end }}; it should every 15 minutes.",
            ),
        ]);
    }
    Group::new(options, "tidegate-kubernetes".to_owned(), alerts)
}
