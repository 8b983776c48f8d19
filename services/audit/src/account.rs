//! Completeness of a stretch: raw = validated + dead-lettered + skipped + pending, and nothing missing, by partition.
//!
//! For whoever looks again and again and cannot read everything each time. Counts come from [`audit_along`] over a bounded range, so an outcome
//! counts only if it is there, has the right bytes and stands in the right partition. What lies past the committed position of the validator's
//! group is pending and not read.

use std::collections::BTreeMap;

use tidegate_flow::ports::{Cluster, Scan};
use tidegate_flow::{NextOffset, TopicPartition, WorldError};

use crate::explain::Explain;
use crate::plan::Plan;
use crate::report::{Examples, Report, SourceLedger};
use crate::run::{Course, Ports, audit_along};
use crate::watch::Watch;

/// Source offsets that are merged at a time; nine bytes each, and pieces of the outcome topics are a 64th of it.
const WINDOW: i64 = 640_000;

/// Where a look begins, and how far it goes.
#[derive(Debug, Clone)]
pub struct Look {
    /// First offset by source partition; a partition that is not named begins at its first offset.
    pub from: BTreeMap<TopicPartition, NextOffset>,
    /// Offsets of a partition that are read at most; what lies behind is for the next look, and makes this one unknown.
    pub most: i64,
}

/// What became of one partition's records in the stretch `[from, until)`, and what waits behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub at: TopicPartition,
    /// First offset that was looked at.
    pub from: i64,
    /// Looked at up to here: the group's position, or less.
    pub until: i64,
    /// The sum of what follows but `missing`, and `missing`.
    pub raw: u64,
    /// With a validated outcome.
    pub validated: u64,
    /// With a dead letter.
    pub dead_lettered: u64,
    /// Without an outcome, explained by the record itself.
    pub skipped: u64,
    /// Offsets from the group's position to the end; ends of transactions are among them.
    pub pending: u64,
    /// Judged, without an outcome, and nothing explains it.
    pub missing: Examples,
    /// Other breaches that the audit found in the stretch, by its words for them.
    pub amiss: Vec<(&'static str, u64)>,
    /// Why not everything could be told; none when it could.
    pub unknown: Option<String>,
    /// Where the next look begins.
    pub next: NextOffset,
}

/// What can be said of a partition before its records are read.
enum Stretch {
    /// This much is to be read.
    Read {
        from: i64,
        until: i64,
        pending: u64,
        behind: i64,
        unread: i64,
    },
    /// Nothing can be told.
    Untold(String),
}

/// Looks once. `plan` names the group's positions, which were read before; its ranges are not looked at, and the lake neither. An error is one
/// of the sources' bounds; everything else that cannot be read makes its partitions unknown.
pub fn account<'a>(
    plan: &Plan,
    look: &Look,
    cluster: &mut dyn Cluster,
    scan: &mut dyn Scan,
    uncommitted: Option<&'a mut dyn Scan>,
    explain: &dyn Explain,
    watch: &'a mut dyn Watch,
) -> Result<Vec<Account>, WorldError> {
    let mut plan = plan.clone();
    let mut stretches: Vec<(TopicPartition, i64, Stretch)> = Vec::new();
    for topic in &mut plan.topics {
        topic.landed = false;
        topic.ranges.clear();
        for (partition, bounds) in (0..).zip(cluster.offsets(&topic.source)?) {
            let at = TopicPartition::new(topic.source.clone(), partition);
            let wanted = look.from.get(&at).copied();
            let position = topic.positions.get(&partition).copied();
            let stretch = stretch(wanted, bounds, position, look.most);
            let range = match &stretch {
                Stretch::Read { from, until, .. } => (NextOffset(*from), NextOffset(*until)),
                Stretch::Untold(_) => (bounds.0, bounds.0),
            };
            topic.ranges.insert(partition, range);
            stretches.push((at, wanted.unwrap_or(bounds.0).0, stretch));
        }
    }
    let is_idle = plan
        .topics
        .iter()
        .flat_map(|topic| topic.ranges.values())
        .all(|(from, until)| from >= until);
    let report = match is_idle {
        true => Ok(None),
        false => {
            let ports = Ports {
                cluster,
                scan,
                store: None,
            };
            let course = Course {
                uncommitted,
                window: WINDOW,
                range: "completeness".to_owned(),
                ..Course::watched_by(watch)
            };
            audit_along(&plan, ports, explain, course).map(Some)
        }
    };
    let known: Vec<TopicPartition> = stretches.iter().map(|(at, _, _)| at.clone()).collect();
    Ok(stretches
        .into_iter()
        .map(|(at, wanted, stretch)| match stretch {
            Stretch::Untold(why) => nothing(at, wanted, why),
            Stretch::Read {
                from,
                until,
                pending,
                behind,
                unread,
            } => {
                let mut account = match &report {
                    Ok(report) => read(at, (from, until), report.as_ref(), &known),
                    Err(why) => nothing(at, from, why.clone()),
                };
                account.pending = pending;
                account.raw += pending;
                if unread > 0 {
                    account.doubt(format!("retention has removed {unread} offsets before they were looked at"));
                }
                if behind > 0 {
                    account.doubt(format!("{behind} judged offsets from {until} on are for the next look"));
                }
                account
            }
        })
        .collect())
}

/// A position is what makes offsets pending, so without one nothing is: a group of another name must not excuse everything.
fn stretch(wanted: Option<NextOffset>, (low, end): (NextOffset, NextOffset), position: Option<NextOffset>, most: i64) -> Stretch {
    let position = match position {
        Some(position) => position,
        None if low == end => end,
        None => {
            return Stretch::Untold("the validator's group has no position here, so nobody can tell what it has judged".to_owned());
        }
    };
    if position > end {
        return Stretch::Untold(format!(
            "the validator's group stands at {}, and the partition ends at {}: was the topic created again?",
            position.0, end.0
        ));
    }
    if position < low {
        return Stretch::Untold(format!(
            "retention has removed {} offsets from the group's position on before they were judged; `tidegate resume` says how to go on",
            low.0 - position.0
        ));
    }
    let wanted = wanted.unwrap_or(low).min(position);
    let from = wanted.max(low).0;
    let until = position.0.min(from.saturating_add(most));
    Stretch::Read {
        from,
        until,
        pending: whole(end.0 - position.0),
        behind: position.0 - until,
        unread: from - wanted.0,
    }
}

fn nothing(at: TopicPartition, from: i64, why: String) -> Account {
    Account {
        at,
        from,
        until: from,
        raw: 0,
        validated: 0,
        dead_lettered: 0,
        skipped: 0,
        pending: 0,
        missing: Examples::default(),
        amiss: Vec::new(),
        unknown: Some(why),
        next: NextOffset(from),
    }
}

/// What the audit found of a partition; `None` stands for stretches that are all empty.
fn read(at: TopicPartition, (from, until): (i64, i64), report: Option<&Report>, known: &[TopicPartition]) -> Account {
    let empty = Account {
        until,
        unknown: None,
        next: NextOffset(until),
        ..nothing(at.clone(), from, String::new())
    };
    let Some(report) = report else { return empty };
    let is_of = |ledger: &&SourceLedger| ledger.topic == *at.topic && ledger.partition == at.partition && ledger.from == from;
    let doubts = doubts(&at, report, known);
    let Some(ledger) = report.sources.iter().find(is_of).filter(|ledger| ledger.until == until) else {
        let why = doubts.first().cloned().unwrap_or_else(|| "it could not be read".to_owned());
        return nothing(at, from, why);
    };
    let amiss = ledger
        .breaches()
        .into_iter()
        .filter(|(name, count)| *name != "missing" && *count > 0)
        .collect();
    // What may be told later is looked at again; what retention or compaction took is not coming back.
    let is_open = ledger.unseen.contains_key("open_transaction") || !ledger.untold.is_empty();
    let mut account = Account {
        raw: ledger.visible,
        validated: ledger.validated,
        dead_lettered: ledger.dead_lettered,
        skipped: ledger.skipped.values().sum(),
        missing: ledger.missing.clone(),
        amiss,
        next: NextOffset(ledger.unproved_from.filter(|_| is_open).unwrap_or(until)),
        ..empty
    };
    for doubt in doubts {
        account.doubt(doubt);
    }
    account
}

/// Lines of the report that are about this partition, or about none that can be told from others.
fn doubts(at: &TopicPartition, report: &Report, known: &[TopicPartition]) -> Vec<String> {
    let own = format!("{at}: ");
    let is_of_others = |line: &str| known.iter().any(|other| other != at && line.starts_with(&format!("{other}: ")));
    let lines = report.incomplete.iter().filter(|line| !is_of_others(line));
    lines.map(|line| line.strip_prefix(&own).unwrap_or(line).to_owned()).collect()
}

fn whole(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

// === impl Account ===

impl Account {
    fn doubt(&mut self, why: String) {
        match &mut self.unknown {
            Some(known) => {
                known.push_str("; ");
                known.push_str(&why);
            }
            none => *none = Some(why),
        }
    }
}
