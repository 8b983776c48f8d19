//! The counts. Bounded whatever the events are: rules and producers past a limit are counted together.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_check::{Reason, Violation};
use tidegate_contract::{Severity, Status};

use crate::event::Position;

/// Examples that are kept of a rule.
pub const EXAMPLES_MAX: usize = 3;
/// Rules and places that are told apart; further ones count together.
const RULES_MAX: usize = 500;
/// Producers that are told apart.
const PRODUCERS_MAX: usize = 200;
/// Whoever sends events without the header.
const UNNAMED: &str = "(none)";
/// The rest.
const OTHERS: &str = "(others)";

/// What a change of contracts makes of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// Would become a dead letter, and did not.
    NewlyFailing,
    /// Would pass or be skipped, and was a dead letter.
    NewlyPassing,
    /// Passes under both.
    StillPassing,
    /// A dead letter under both.
    StillFailing,
    /// Skipped by a policy under both.
    StillSkipped,
    /// Would be skipped, and passed.
    NewlySkipped,
    /// Would pass, and was skipped.
    NoLongerSkipped,
    /// Could not be told.
    Undecided,
}

/// What is counted by: a rule at a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleKey {
    /// Object of the contract; the topic where no object judged.
    pub subject: Arc<str>,
    /// Reason.
    pub reason: Reason,
    /// Rule id or clause.
    pub rule: Arc<str>,
    /// JSON Pointer with positions and keys of maps starred; empty for the whole event.
    pub path: String,
}

/// Events that break a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleCount {
    /// How many; an event counts once.
    pub events: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// An event that shows what a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Where it can be found again.
    pub position: String,
    /// Pointer and value, or stars for a value that is not shown.
    pub value: Option<(String, String)>,
}

/// Events of one producer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProducerCount {
    /// All.
    pub events: u64,
    /// Of them.
    pub newly_failing: u64,
    /// Of them.
    pub newly_passing: u64,
}

/// What a version that is not enforced would refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unenforced {
    /// How many events.
    pub events: u64,
    /// `proposed` or `draft`.
    pub status: &'static str,
}

/// Events that fail under a version which halts at the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Halting {
    /// How many events.
    pub events: u64,
    /// `stop` or `hold_key`.
    pub on_failure: &'static str,
}

/// Counts of any number of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    changes: BTreeMap<Change, u64>,
    /// By the rules of the side that refuses: the new one's, except for [`Change::NewlyPassing`].
    rules: BTreeMap<(Change, RuleKey), RuleCount>,
    /// By the leading reason of the dead letter.
    reasons: BTreeMap<(Change, Reason), u64>,
    /// Events whose rules are past the limit.
    rules_beyond: BTreeMap<Change, u64>,
    undecided: BTreeMap<Arc<str>, RuleCount>,
    producers: BTreeMap<Arc<str>, ProducerCount>,
    unenforced: BTreeMap<Arc<str>, Unenforced>,
    unenforced_rules: BTreeMap<RuleKey, u64>,
    halting: BTreeMap<Arc<str>, Halting>,
}

// === impl Tally ===

impl Tally {
    /// Events in all.
    pub fn events(&self) -> u64 {
        self.changes.values().sum()
    }

    /// Events of one kind.
    pub fn of(&self, change: Change) -> u64 {
        self.changes.get(&change).copied().unwrap_or_default()
    }

    /// Events whose fate does not change.
    pub fn unchanged(&self) -> u64 {
        self.of(Change::StillPassing) + self.of(Change::StillFailing) + self.of(Change::StillSkipped)
    }

    /// Events that passed and would not any more: they would fail, or be skipped.
    pub fn lost(&self) -> u64 {
        self.of(Change::NewlyFailing) + self.of(Change::NewlySkipped)
    }

    /// Events that could be told.
    pub fn decided(&self) -> u64 {
        self.events() - self.of(Change::Undecided)
    }

    /// What is broken by events of one kind, most events first.
    pub fn rules(&self, change: Change) -> Vec<(&RuleKey, &RuleCount)> {
        let mut rules: Vec<(&RuleKey, &RuleCount)> = self
            .rules
            .iter()
            .filter(|((of, _), _)| *of == change)
            .map(|((_, key), count)| (key, count))
            .collect();
        rules.sort_by(|(a, x), (b, y)| y.events.cmp(&x.events).then_with(|| a.cmp(b)));
        rules
    }

    /// Violations of events of one kind that are past the number of rules told apart.
    pub fn rules_beyond(&self, change: Change) -> u64 {
        self.rules_beyond.get(&change).copied().unwrap_or_default()
    }

    /// Leading reasons of events of one kind.
    pub fn reasons(&self, change: Change) -> impl Iterator<Item = (Reason, u64)> {
        self.reasons
            .iter()
            .filter(move |((of, _), _)| *of == change)
            .map(|((_, reason), count)| (*reason, *count))
    }

    /// Why events could not be told.
    pub fn undecided_for(&self) -> impl Iterator<Item = (&str, &RuleCount)> {
        self.undecided.iter().map(|(why, count)| (&**why, count))
    }

    /// Events by producer, most newly failing first; empty when nobody asked.
    pub fn producers(&self) -> Vec<(&str, ProducerCount)> {
        let mut producers: Vec<(&str, ProducerCount)> = self.producers.iter().map(|(name, count)| (&**name, *count)).collect();
        producers.sort_by_key(|(name, count)| (std::cmp::Reverse((count.newly_failing, count.newly_passing, count.events)), *name));
        producers
    }

    /// What versions that are not enforced would refuse of the events that pass.
    pub fn unenforced_versions(&self) -> impl Iterator<Item = (&str, &Unenforced)> {
        self.unenforced.iter().map(|(version, count)| (&**version, count))
    }

    /// The rules for which they would, most events first.
    pub fn unenforced_rules(&self) -> Vec<(&RuleKey, u64)> {
        let mut rules: Vec<(&RuleKey, u64)> = self.unenforced_rules.iter().map(|(key, count)| (key, *count)).collect();
        rules.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        rules
    }

    /// Versions of the new contracts that halt a partition at the first event that fails, with the events that do.
    pub fn halting_versions(&self) -> impl Iterator<Item = (&str, &Halting)> {
        self.halting.iter().map(|(version, count)| (&**version, count))
    }

    pub(crate) fn halting(&mut self, version: &str, on_failure: &'static str) {
        let count = match self.halting.get_mut(version) {
            Some(count) => count,
            None => self.halting.entry(version.into()).or_default(),
        };
        count.events += 1;
        count.on_failure = on_failure;
    }

    pub(crate) fn count(&mut self, change: Change) {
        *self.changes.entry(change).or_default() += 1;
    }

    pub(crate) fn add_reason(&mut self, change: Change, violations: &[Violation]) {
        let leading = violations.iter().find(|one| one.severity == Severity::Error).or(violations.first());
        if let Some(leading) = leading {
            *self.reasons.entry((change, leading.reason)).or_default() += 1;
        }
    }

    pub(crate) fn add(&mut self, change: Change, key: RuleKey, example: impl FnOnce() -> Example) {
        let key = (change, key);
        if self.rules.len() >= RULES_MAX && !self.rules.contains_key(&key) {
            *self.rules_beyond.entry(change).or_default() += 1;
            return;
        }
        let count = self.rules.entry(key).or_default();
        count.events += 1;
        if count.examples.len() < EXAMPLES_MAX {
            count.examples.push(example());
        }
    }

    pub(crate) fn add_unenforced(&mut self, key: RuleKey) {
        if self.unenforced_rules.len() < RULES_MAX || self.unenforced_rules.contains_key(&key) {
            *self.unenforced_rules.entry(key).or_default() += 1;
        }
    }

    pub(crate) fn unenforced(&mut self, version: &str, status: Status) {
        let status = if status == Status::Draft { "draft" } else { "proposed" };
        let count = self.unenforced.entry(version.into()).or_default();
        count.events += 1;
        count.status = status;
    }

    pub(crate) fn undecided(&mut self, why: &str, position: Position<'_>) {
        self.count(Change::Undecided);
        let count = match self.undecided.get_mut(why) {
            Some(count) => count,
            None => self.undecided.entry(why.into()).or_default(),
        };
        count.events += 1;
        if count.examples.len() < EXAMPLES_MAX {
            count.examples.push(Example {
                position: position.to_string(),
                value: None,
            });
        }
    }

    pub(crate) fn producer(&mut self, name: Option<&str>, change: Change) {
        let mut name = name.unwrap_or(UNNAMED);
        if !self.producers.contains_key(name) {
            if self.producers.len() >= PRODUCERS_MAX {
                name = OTHERS;
            }
            self.producers.entry(name.into()).or_default();
        }
        if let Some(count) = self.producers.get_mut(name) {
            count.add(&ProducerCount {
                events: 1,
                newly_failing: u64::from(change == Change::NewlyFailing),
                newly_passing: u64::from(change == Change::NewlyPassing),
            });
        }
    }

    /// Adds the counts of events that came later: of examples the earlier ones stay.
    pub fn merge(&mut self, later: Tally) {
        for (change, count) in later.changes {
            *self.changes.entry(change).or_default() += count;
        }
        for (reason, count) in later.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        for (change, count) in later.rules_beyond {
            *self.rules_beyond.entry(change).or_default() += count;
        }
        for (key, count) in later.rules {
            if self.rules.len() >= RULES_MAX && !self.rules.contains_key(&key) {
                *self.rules_beyond.entry(key.0).or_default() += count.events;
                continue;
            }
            self.rules.entry(key).or_default().merge(count);
        }
        for (why, count) in later.undecided {
            self.undecided.entry(why).or_default().merge(count);
        }
        for (name, count) in later.producers {
            let known = self.producers.len() < PRODUCERS_MAX || self.producers.contains_key(&name);
            self.producers
                .entry(if known { name } else { OTHERS.into() })
                .or_default()
                .add(&count);
        }
        for (version, count) in later.unenforced {
            let here = self.unenforced.entry(version).or_default();
            here.events += count.events;
            here.status = count.status;
        }
        for (version, count) in later.halting {
            let here = self.halting.entry(version).or_default();
            here.events += count.events;
            here.on_failure = count.on_failure;
        }
        for (key, count) in later.unenforced_rules {
            if self.unenforced_rules.len() < RULES_MAX || self.unenforced_rules.contains_key(&key) {
                *self.unenforced_rules.entry(key).or_default() += count;
            }
        }
    }
}

// === impl RuleCount ===

impl RuleCount {
    fn merge(&mut self, later: RuleCount) {
        self.events += later.events;
        let room = EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples.extend(later.examples.into_iter().take(room));
    }
}

// === impl ProducerCount ===

impl ProducerCount {
    fn add(&mut self, other: &ProducerCount) {
        self.events += other.events;
        self.newly_failing += other.newly_failing;
        self.newly_passing += other.newly_passing;
    }
}

// === impl Change ===

impl Change {
    /// Snake-case name, as the JSON output has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Change::NewlyFailing => "newly_failing",
            Change::NewlyPassing => "newly_passing",
            Change::StillPassing => "still_passing",
            Change::StillFailing => "still_failing",
            Change::StillSkipped => "still_skipped",
            Change::NewlySkipped => "newly_skipped",
            Change::NoLongerSkipped => "no_longer_skipped",
            Change::Undecided => "undecided",
        }
    }
}
