//! Alerts on what only Kubernetes tells: `git_sync_…` comes from the sidecar that fetches contracts, `kube_…` from kube-state-metrics, since
//! an SLA check that is a Job serves no metrics.

use crate::Options;
use crate::alert::{Alert, Group, Severity};
use crate::platform::link;
use crate::promql::shortest;

pub(crate) fn group(options: &Options) -> Group {
    let quarter = options.times.text(900);
    let alert = |name, expr: String, hold, summary: &str| {
        let alert = Alert::new(options, name, Severity::Ticket, expr, hold, summary.to_owned()).label("team", &options.platform_team);
        link(alert, options)
    };
    let alerts = vec![
        alert(
            "TidegateContractsNotFetched",
            format!(
                "sum by (pod) (increase(git_sync_count_total{{status=\"error\"}}[{quarter}])) > 0\n  unless on (pod) sum by (pod) (increase(git_sync_count_total{{status=~\"success|noop\"}}[{quarter}])) > 0"
            ),
            300,
            "git-sync of {{ $labels.pod }} has not reached the contract repository for 15 minutes.",
        ),
        alert(
            "TidegateSlaCheckFailed",
            "max by (job_name) (kube_job_status_failed{namespace=\"tidegate\", job_name=~\"tidegate-sla-.+\"}) > 0".to_owned(),
            0,
            "The SLA check {{ $labels.job_name }} failed: a promise is broken or could not be told.",
        ),
        alert(
            "TidegateSlaCheckMissing",
            format!(
                "time() - max(kube_cronjob_status_last_schedule_time{{namespace=\"tidegate\", cronjob=\"tidegate-sla\"}}) > {}",
                shortest(options.times.seconds(2700.0))
            ),
            300,
            "The SLA check has not run for {{ $value | humanizeDuration }}; it should every 15 minutes.",
        ),
    ];
    Group::new(options, "tidegate-kubernetes".to_owned(), alerts)
}
