//! Completeness: whether every record of a source topic is accounted for. No clause of a contract says it; Tidegate promises it for every topic
//! that a contract is bound to.

use tidegate_contract::{Severity, Snapshot};

use crate::evaluate::{Measured, SlaVerdict};
use crate::objective::{Clause, Limit, Objective, Plan, Planned, Probe};
use crate::sql;

/// Rule of the clause. It has a prefix, because ids of contracts such as `completeness` are the authors' own.
pub const RULE: &str = "tidegate-completeness";

/// Metric of the clause.
pub const METRIC: &str = "completeness";

/// What became of the records of an object's topic in the stretch that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Each partition of the topic, and of its retry topic where there is one.
    pub partitions: Vec<Accounted>,
}

/// One partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounted {
    /// Source topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First offset that was looked at.
    pub from: i64,
    /// Looked at up to here.
    pub until: i64,
    /// All records of it.
    pub counts: Counts,
    /// First offsets of what is missing.
    pub missing_first: Vec<i64>,
    /// Other breaches in the stretch, by the audit's words for them, and how many.
    pub amiss: Vec<(&'static str, u64)>,
    /// Why not everything could be told; none when it could.
    pub unknown: Option<String>,
}

/// Records by what became of them; where nothing is amiss or unknown, the first is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the source.
    pub raw: u64,
    /// In the validated topic.
    pub validated: u64,
    /// In the dead-letter topic.
    pub dead_lettered: u64,
    /// Without an outcome, by a policy that the record itself shows.
    pub skipped: u64,
    /// Not judged yet.
    pub pending: u64,
    /// Judged, and nobody knows where they are.
    pub missing: u64,
}

/// Adds the clause for every object with a topic of the contract versions that are judged; they come after the contract's own.
pub fn promise(plans: &mut [Plan], snapshot: &Snapshot) {
    for (plan, contract) in plans.iter_mut().zip(&snapshot.contracts) {
        for object in contract.objects.iter().filter(|object| object.topic.is_some()) {
            let table = sql::log_table(&object.name);
            // A version that does not speak has no tables.
            if !plan.tables.iter().any(|known| known.name == table) {
                continue;
            }
            let clause = Clause {
                id: format!("{}/{}#{RULE}", plan.contract, object.name).into(),
                contract: plan.contract.clone(),
                major: contract.version.major,
                api_version: plan.api_version.clone(),
                object: Some(object.name.clone()),
                element: None,
                rule: RULE.into(),
                metric: METRIC.into(),
                severity: Severity::Error,
                driver: None,
                location: object.location.clone(),
                schedule: None,
            };
            plan.clauses.push(Planned::Judge(Objective {
                clause,
                table: table.into(),
                cdc: object.settings.cdc.is_some(),
                probe: Probe::Completeness,
                limit: Limit::AtLeast(0),
                notes: Vec::new(),
            }));
        }
    }
}

/// A loss is certain whatever else is unknown; everything else wants to have been looked at.
pub(crate) fn judge(known: Option<&Completeness>, why: Option<&str>) -> SlaVerdict {
    let Some(known) = known else {
        let why = why.unwrap_or("nobody has looked at the topics");
        return SlaVerdict::Unknown { why: why.to_owned() };
    };
    if known.partitions.is_empty() {
        return SlaVerdict::Unknown {
            why: "the topic has no partitions that could be looked at".to_owned(),
        };
    }
    let sum = known.sum();
    let wrong = sum.missing
        + known
            .partitions
            .iter()
            .flat_map(|one| &one.amiss)
            .map(|(_, count)| count)
            .sum::<u64>();
    let doubts: Vec<String> = known
        .partitions
        .iter()
        .filter_map(|one| Some(format!("{}-{}: {}", one.topic, one.partition, one.unknown.as_deref()?)))
        .collect();
    if wrong == 0 && !doubts.is_empty() {
        return SlaVerdict::Unknown { why: few(&doubts) };
    }
    // The audit explains every record, or says why not; should it ever do neither, nothing is promised kept.
    if wrong == 0 && !sum.adds_up() {
        return SlaVerdict::Unknown {
            why: format!("the numbers do not add up: {}", sum.words()),
        };
    }
    let mut says = sum.words();
    says.push_str(&match known.partitions.len() {
        1 => format!(", from offset {} to {}", known.partitions[0].from, known.partitions[0].until),
        partitions => format!(", in {partitions} partitions"),
    });
    let findings: Vec<String> = known.partitions.iter().filter_map(Accounted::finding).collect();
    if !findings.is_empty() {
        says.push_str(&format!("; {}; prove it with `tidegate audit`", few(&findings)));
    }
    if !doubts.is_empty() {
        says.push_str(&format!("; not told: {}", few(&doubts)));
    }
    let measured = Measured {
        value: wrong.to_string(),
        numeric: true,
        limit: "= 0".to_owned(),
        unit: "records",
        says,
        limit_number: Some(0.0),
        budget: None,
    };
    match wrong {
        0 => SlaVerdict::Met(measured),
        _ => SlaVerdict::Breached(measured),
    }
}

/// The first three, and how many more there are.
fn few(lines: &[String]) -> String {
    let shown = lines.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
    match lines.len() {
        more @ 4.. => format!("{shown}; and {} more partitions", more - 3),
        _ => shown,
    }
}

// === impl Completeness ===

impl Completeness {
    /// Over all partitions.
    pub fn sum(&self) -> Counts {
        self.partitions.iter().fold(Counts::default(), |sum, one| Counts {
            raw: sum.raw + one.counts.raw,
            validated: sum.validated + one.counts.validated,
            dead_lettered: sum.dead_lettered + one.counts.dead_lettered,
            skipped: sum.skipped + one.counts.skipped,
            pending: sum.pending + one.counts.pending,
            missing: sum.missing + one.counts.missing,
        })
    }
}

// === impl Accounted ===

impl Accounted {
    /// One line: partition, stretch, numbers, and what is wrong or unknown.
    pub fn line(&self) -> String {
        // Of a partition that nobody could look at there are no numbers, and noughts would look like some.
        if let (Some(why), true) = (&self.unknown, self.from == self.until && self.counts == Counts::default()) {
            return format!("{}-{}: not told: {why}", self.topic, self.partition);
        }
        let mut line = format!(
            "{}-{} {}..{}: {}",
            self.topic,
            self.partition,
            self.from,
            self.until,
            self.counts.words()
        );
        for (what, count) in &self.amiss {
            line.push_str(&format!("; {count} {}", what.replace('_', " ")));
        }
        if let Some(why) = &self.unknown {
            line.push_str(&format!("; not told: {why}"));
        }
        line
    }

    fn finding(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.counts.missing > 0 {
            let first: Vec<String> = self.missing_first.iter().take(3).map(ToString::to_string).collect();
            let first = match first.is_empty() {
                true => String::new(),
                false => format!(" (offset {})", first.join(", ")),
            };
            parts.push(format!("{} missing{first}", self.counts.missing));
        }
        parts.extend(self.amiss.iter().map(|(what, count)| format!("{count} {}", what.replace('_', " "))));
        (!parts.is_empty()).then(|| format!("{}-{}: {}", self.topic, self.partition, parts.join(", ")))
    }
}

// === impl Counts ===

impl Counts {
    /// Whether every record has become something.
    pub const fn adds_up(&self) -> bool {
        self.raw == self.validated + self.dead_lettered + self.skipped + self.pending + self.missing
    }

    /// The sum as a person writes it.
    pub fn words(&self) -> String {
        let missing = match self.missing {
            0 => String::new(),
            missing => format!(" + {missing} missing"),
        };
        format!(
            "{} records {} {} validated + {} dead-lettered + {} skipped + {} pending{missing}",
            self.raw,
            if self.adds_up() { "=" } else { "≠" },
            self.validated,
            self.dead_lettered,
            self.skipped,
            self.pending
        )
    }

    /// Names, as metrics and documents have them, and numbers.
    pub const fn named(&self) -> [(&'static str, u64); 6] {
        [
            ("raw", self.raw),
            ("validated", self.validated),
            ("dead_lettered", self.dead_lettered),
            ("skipped", self.skipped),
            ("pending", self.pending),
            ("missing", self.missing),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(partition: i32, missing: u64, unknown: Option<&str>) -> Accounted {
        Accounted {
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
            missing_first: (0..missing).map(|at| 41 + i64::try_from(at).unwrap()).collect(),
            amiss: Vec::new(),
            unknown: unknown.map(str::to_owned),
        }
    }

    fn judged(partitions: Vec<Accounted>) -> SlaVerdict {
        judge(Some(&Completeness { partitions }), None)
    }

    #[test]
    fn what_adds_up_is_met_and_says_how() {
        let SlaVerdict::Met(measured) = judged(vec![partition(0, 0, None)]) else {
            panic!()
        };
        assert_eq!((measured.value.as_str(), measured.unit), ("0", "records"));
        assert_eq!(
            measured.says,
            "12 records = 9 validated + 1 dead-lettered + 0 skipped + 2 pending, from offset 40 to 50"
        );
    }

    #[test]
    fn one_missing_record_breaks_it_whatever_else_is_unknown() {
        let SlaVerdict::Breached(measured) = judged(vec![partition(0, 0, Some("no answer")), partition(1, 2, None)]) else {
            panic!()
        };
        assert_eq!(measured.value, "2");
        assert!(measured.says.contains("orders-1: 2 missing (offset 41, 42)"), "{}", measured.says);
        assert!(measured.says.contains("not told: orders-0: no answer"), "{}", measured.says);
    }

    #[test]
    fn what_nobody_could_look_at_is_never_met() {
        let unknown = judged(vec![partition(0, 0, None), partition(1, 0, Some("no answer"))]);
        assert_eq!(
            unknown,
            SlaVerdict::Unknown {
                why: "orders-1: no answer".to_owned()
            }
        );
        assert!(matches!(judge(None, Some("no brokers")), SlaVerdict::Unknown { why } if why == "no brokers"));
        assert!(matches!(judge(None, None), SlaVerdict::Unknown { .. }));
    }

    #[test]
    fn numbers_that_do_not_add_up_are_never_met() {
        let mut odd = partition(0, 0, None);
        odd.counts.raw += 1;
        let SlaVerdict::Unknown { why } = judged(vec![odd]) else { panic!() };
        assert!(why.contains("do not add up: 13 records ≠ 9 validated"), "{why}");
        assert!(
            matches!(judged(Vec::new()), SlaVerdict::Unknown { .. }),
            "nobody looked at anything"
        );
    }

    #[test]
    fn a_line_shows_no_numbers_that_nobody_has_seen() {
        let unseen = Accounted {
            topic: "orders".to_owned(),
            unknown: Some("no answer".to_owned()),
            ..Accounted::default()
        };
        assert_eq!(unseen.line(), "orders-0: not told: no answer");
        let seen = partition(0, 0, Some("6 offsets are for the next look")).line();
        assert!(
            seen.starts_with("orders-0 40..50: 12 records = 9 validated") && seen.ends_with("; not told: 6 offsets are for the next look")
        );
    }

    #[test]
    fn other_breaches_break_it_too() {
        let mut twice = partition(0, 0, None);
        twice.amiss = vec![("two_classes", 3)];
        let SlaVerdict::Breached(measured) = judged(vec![twice]) else {
            panic!()
        };
        assert!(measured.says.contains("orders-0: 3 two classes"), "{}", measured.says);
    }
}
