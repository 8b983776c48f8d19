//! Alerts on one contract: its error budget, its promises, its traffic. [`crate::pipeline`] has those on the way of its topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::model::{Literal, SlaProperty};
use tidegate_contract::{Contract, Snapshot, Status};
use tidegate_objectives::duration::limit_micros;

use crate::alert::{Alert, Group, Severity};
use crate::owner::Owner;
use crate::promql::{counted, literal, percent, quoted, shortest, template_text};
use crate::{Options, objective, pipeline};

/// How fast a budget may burn over a long and a short window (seconds), and who is told.
const BURNS: [(&str, f64, u64, u64, Severity); 3] = [
    ("ContractErrorBudgetFastBurn", 14.4, 3600, 300, Severity::Page),
    ("ContractErrorBudgetBurn", 6.0, 21_600, 1800, Severity::Page),
    ("ContractErrorBudgetSlowBurn", 1.0, 259_200, 21_600, Severity::Ticket),
];
/// So few dead letters, or records, say nothing about a share.
const BAD_MIN: u32 = 10;
const RECORDS_MIN: u32 = 100;
const NEW_AFTER: u64 = 14 * 86_400;

/// One major version of a contract that is enforced, by its newest version.
pub(crate) struct Subject<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) owner: Owner,
    pub(crate) options: &'a Options,
    /// Source topics, sorted.
    pub(crate) topics: Vec<Arc<str>>,
    /// Labels of its records, without braces.
    pub(crate) selector: String,
}

/// One group for each contract and major version that is enforced and bound to a topic.
pub(crate) fn groups(snapshot: &Snapshot, options: &Options) -> Vec<Group> {
    let subjects = subjects(snapshot, options);
    let mut groups: Vec<Group> = subjects.iter().map(group).collect();
    groups.extend(pipeline::groups(&subjects, options));
    groups
}

/// The shortest freshness that an enforced contract promises, in seconds.
pub(crate) fn shortest_freshness(snapshot: &Snapshot) -> Option<f64> {
    let enforced = snapshot.contracts.iter().filter(|contract| is_judging(contract));
    let promised = enforced
        .flat_map(|contract| &contract.sla)
        .filter(|sla| &*sla.property == "freshness");
    promised.filter_map(seconds).reduce(f64::min)
}

/// The value of an SLA property that is a length of time.
pub(crate) fn seconds(sla: &SlaProperty) -> Option<f64> {
    let micros = limit_micros(&sla.value, sla.unit.as_deref()).ok()?;
    (micros > 0).then_some(micros as f64 / 1e6)
}

/// Promises that get no alert because their value cannot be read, one line each.
pub(crate) fn unread(snapshot: &Snapshot) -> Vec<String> {
    let enforced = snapshot.contracts.iter().filter(|contract| is_judging(contract));
    let unread = enforced.flat_map(|contract| &contract.sla).filter_map(|sla| {
        let problem = match &*sla.property {
            "latency" | "freshness" | "frequency" if seconds(sla).is_none() => "is no length of time, so there is no alert on it",
            name if name.eq_ignore_ascii_case("errorRate") && share(&sla.value, sla.unit.as_deref()).is_none() => {
                "is no share such as `0.1` with unit `percent`, so the default error rate stands in"
            }
            _ => return None,
        };
        let at = &sla.location;
        Some(format!(
            "{}:{}: the value of `{}` ({}) {problem}",
            at.file, at.line, sla.id, sla.property
        ))
    });
    unread.collect()
}

/// Everything of a retired contract is a dead letter on purpose.
fn is_judging(contract: &Contract) -> bool {
    matches!(contract.status, Status::Active | Status::Deprecated)
}

fn subjects<'a>(snapshot: &'a Snapshot, options: &'a Options) -> Vec<Subject<'a>> {
    let mut newest: BTreeMap<(&str, u64), &Contract> = BTreeMap::new();
    for contract in snapshot.contracts.iter().filter(|contract| is_judging(contract)) {
        let kept = newest.entry((&contract.id, contract.version.major)).or_insert(contract);
        if kept.version < contract.version {
            *kept = contract;
        }
    }
    let subject = |contract: &'a Contract| {
        let mut topics: Vec<Arc<str>> = contract.objects.iter().filter_map(|object| object.topic.clone()).collect();
        topics.sort();
        topics.dedup();
        (!topics.is_empty()).then(|| Subject {
            selector: selector(snapshot, contract, &topics),
            owner: Owner::of(contract),
            contract,
            options,
            topics,
        })
    };
    newest.into_values().filter_map(subject).collect()
}

/// The records that this major version judged. What no contract claimed counts for the one that its topic falls back to. Replays come by
/// another topic, and are not counted.
fn selector(snapshot: &Snapshot, contract: &Contract, topics: &[Arc<str>]) -> String {
    let major = contract.version.major;
    let falls_back = topics.iter().any(|topic| {
        let default = snapshot.bindings.get(topic).map(|binding| &binding.default.contract);
        default.is_some_and(|default| default.id == contract.id && default.version.major == major)
    });
    let unclaimed = if falls_back { "|" } else { "" };
    let topic = one_of(topics.iter().map(|topic| &**topic));
    let id = format!("{}{unclaimed}", literal(&contract.id));
    let version = format!("{major}([.].+)?{unclaimed}");
    format!("topic=~{},contract=~{},version=~{}", quoted(&topic), quoted(&id), quoted(&version))
}

/// A pattern of these texts.
pub(crate) fn one_of<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(literal).collect::<Vec<_>>().join("|")
}

fn group(subject: &Subject<'_>) -> Group {
    let mut alerts = subject.burns();
    alerts.push(subject.new_failure_group());
    alerts.push(subject.near_retention());
    alerts.extend(subject.traffic_absent());
    if let Some(every) = subject.options.sla_every {
        alerts.extend(objective::alerts(subject, every));
    }
    let name = format!("contract-{}-v{}", subject.contract.id, subject.contract.version.major);
    Group::new(subject.options, name, alerts)
}

// === impl Subject ===

impl Subject<'_> {
    /// `orders v1`, safe in a template.
    pub(crate) fn name(&self) -> String {
        template_text(&format!("{} v{}", self.contract.id, self.contract.version.major))
    }

    /// An alert that goes to the team of the contract.
    pub(crate) fn alert(&self, name: &'static str, severity: Severity, slo: &str, expr: String, hold: u64, summary: String) -> Alert {
        let options = self.options;
        let team = self.owner.team.as_deref().unwrap_or(&options.platform_team);
        let alert = Alert::new(options, name, severity, expr, hold, summary)
            .label("team", team)
            .label("contract", &*self.contract.id)
            .label("major", self.contract.version.major.to_string())
            .label("topic", self.topics.join(","))
            .label("slo", slo)
            .note("purpose", template_text(&self.owner.purpose))
            .note("support", template_text(&self.owner.support()));
        match &options.dashboards {
            Some(base) => alert.note(
                "dashboard_url",
                format!(
                    "{}/d/tidegate-contract?var-contract={}",
                    base.trim_end_matches('/'),
                    encoded(&self.contract.id)
                ),
            ),
            None => alert,
        }
    }

    /// Regulation wakes somebody; anything else is a ticket.
    pub(crate) fn severity_of(sla: &SlaProperty) -> Severity {
        match sla.driver.as_deref() {
            Some("regulatory") => Severity::Page,
            _ => Severity::Ticket,
        }
    }

    /// Share of dead letters that is promised, of 1: the smallest `errorRate`, else that of the options.
    fn budget(&self) -> (f64, &'static str) {
        let promised = self
            .contract
            .sla
            .iter()
            .filter(|sla| sla.property.eq_ignore_ascii_case("errorRate"));
        let shares = promised.filter_map(|sla| share(&sla.value, sla.unit.as_deref()));
        match shares.reduce(f64::min) {
            Some(share) => (share, "promised by its errorRate"),
            None => (self.options.error_rate, "where a contract promises no errorRate"),
        }
    }

    fn burns(&self) -> Vec<Alert> {
        let (budget, whence) = self.budget();
        let times = self.options.times;
        let all = format!("tidegate_outcomes_total{{{}}}", self.selector);
        let dead = format!("tidegate_outcomes_total{{{},outcome=\"dead\"}}", self.selector);
        let one = |(name, factor, long, short, severity): (&'static str, f64, u64, u64, Severity)| {
            // A generous budget cannot burn that fast: half of what lies above it is as bad.
            let limit = shortest((factor * budget).min(f64::midpoint(budget, 1.0)));
            let share = |window: &str| format!("sum(rate({dead}[{window}])) / sum(rate({all}[{window}])) > {limit}");
            let (long, short) = (times.text(long), times.text(short));
            let expr = format!(
                "{}\n  and {}\n  and sum(increase({dead}[{long}])) >= {BAD_MIN}\n  and sum(increase({all}[{long}])) >= {RECORDS_MIN}",
                share(&long),
                share(&short)
            );
            let summary = format!(
                "{}: {{{{ $value | humanizePercentage }}}} of the events of {long} are dead letters, limit {}",
                self.name(),
                percent(budget)
            );
            let reasons = format!(
                "{{{{ range query `topk(3, sum by (reason) (increase(tidegate_dead_letters_total{{{}}}[{long}])))` }}}}{{{{ .Labels.reason }}}} {{{{ .Value | printf \"%.0f\" }}}}; {{{{ end }}}}",
                self.selector
            );
            let factor = shortest(factor);
            self.alert(name, severity, "errors", expr, 0, summary)
                .note("reasons", reasons)
                .note(
                    "description",
                    format!(
                        "The budget of {} ({whence}) burns at least {factor} times too fast over {long} and {short}. Dead letters are kept for {} days.",
                        percent(budget),
                        shortest(self.dead_letters_kept() as f64 / 86_400.0)
                    ),
                )
                .note("command", self.list_command())
        };
        BURNS.into_iter().map(one).collect()
    }

    /// The finest group that metrics know is contract and reason; `dlq ls` has rule and path.
    fn new_failure_group(&self) -> Alert {
        let times = self.options.times;
        let (hour, old, ago) = (times.text(3600), times.text(NEW_AFTER), times.text(NEW_AFTER + 3600));
        let dead = format!("tidegate_dead_letters_total{{{}}}", self.selector);
        let expr = format!(
            "sum by (reason) ({}) >= {}\n  unless on (reason) sum by (reason) (increase({dead}[{old}] offset {hour})) > 0\n  unless on (reason) sum by (reason) (last_over_time({dead}[{old}] offset {hour}) unless {dead} offset {ago})",
            counted(&dead, &hour),
            self.options.new_group_records
        );
        let summary = format!(
            "{}: {{{{ $value | printf \"%.0f\" }}}} dead letters with reason {{{{ $labels.reason }}}} in the last hour, none in the 14 days before",
            self.name()
        );
        // A page on the same dead letters comes within that time, and mutes it.
        self.alert("ContractNewFailureGroup", Severity::Ticket, "errors", expr, 300, summary)
            .note("command", self.list_command())
    }

    fn list_command(&self) -> String {
        let topics = self.topics.join(" --topic ");
        template_text(&format!("tidegate dlq ls --config tidegate.yaml --topic {topics}"))
    }

    /// Seconds, by the topic that keeps them for the shortest time.
    fn dead_letters_kept(&self) -> u64 {
        let options = self.options;
        let kept = self
            .topics
            .iter()
            .map(|topic| options.dead_letter_retentions.get(&**topic).copied());
        kept.map(|kept| kept.unwrap_or(options.dead_letter_retention))
            .min()
            .unwrap_or(options.dead_letter_retention)
    }

    /// Metrics do not know what was replayed, closed or ignored: it counts as well, so that nobody is to act on this alone.
    fn near_retention(&self) -> Alert {
        let times = self.options.times;
        let kept = self.dead_letters_kept();
        let (day, offset) = (times.text(kept.min(86_400)), kept.saturating_sub(86_400));
        let offset = match offset {
            0 => String::new(),
            seconds => format!(" offset {}", times.text(seconds)),
        };
        let expr = format!(
            "sum(increase(tidegate_outcomes_total{{{},outcome=\"dead\"}}[{day}]{offset})) >= 1",
            self.selector
        );
        let summary = format!(
            "{}: {{{{ $value | printf \"%.0f\" }}}} dead letters are deleted by the retention of their topic within 24 hours",
            self.name()
        );
        self.alert("DeadLetterNearRetention", Severity::Info, "retention", expr, 0, summary)
            .note(
                "command",
                "tidegate dlq ls --config tidegate.yaml --state known,fixing,new".to_owned(),
            )
    }

    /// One and a half times the promised distance, five minutes at least.
    fn traffic_absent(&self) -> Option<Alert> {
        let promised = self.contract.sla.iter().filter(|sla| &*sla.property == "frequency");
        let (sla, expected) = promised
            .filter_map(|sla| Some((sla, seconds(sla)?)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let window = self.options.times.text((expected * 1.5).max(300.0) as u64);
        let all = format!("tidegate_outcomes_total{{{}}}", self.selector);
        // Before that much time has passed nobody can tell.
        let expr = format!("sum(increase({all}[{window}])) == 0\n  and on () count({all} offset {window}) > 0");
        let summary = format!(
            "{}: no event for {window}; one is promised every {}",
            self.name(),
            crate::promql::spoken(expected)
        );
        Some(self.alert("ContractTrafficAbsent", Self::severity_of(sla), "traffic", expr, 0, summary))
    }
}

/// A share of 1 from `0.1 %`, `0.1` `percent`, or `0.001`.
fn share(value: &Literal, unit: Option<&str>) -> Option<f64> {
    let text = match value {
        Literal::Number(text) | Literal::String(text) => text.trim(),
        Literal::Bool(_) | Literal::Null => return None,
    };
    let (text, is_percent) = match text.strip_suffix('%') {
        Some(text) => (text.trim(), true),
        None => (
            text,
            unit.is_some_and(|unit| ["%", "percent", "pct"].contains(&unit.to_lowercase().as_str())),
        ),
    };
    let number: f64 = text.parse().ok()?;
    let share = if is_percent { number / 100.0 } else { number };
    (share > 0.0 && share < 1.0).then_some(share)
}

/// Percent-encoded (RFC 3986).
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_in_every_way_that_means_one_thing() {
        let number = |text: &str| Literal::Number(text.into());
        for (value, unit, expected) in [
            (number("0.1"), Some("%"), Some(0.001)),
            (number("0.1"), Some("percent"), Some(0.001)),
            (Literal::String("0.1 %".into()), None, Some(0.001)),
            (number("0.001"), None, Some(0.001)),
            (number("5"), None, None),
            (number("0"), None, None),
            (Literal::String("few".into()), None, None),
            (Literal::Null, None, None),
        ] {
            assert_eq!(share(&value, unit), expected, "{value:?} {unit:?}");
        }
        assert_eq!(encoded("a/b c"), "a%2Fb%20c");
    }
}
