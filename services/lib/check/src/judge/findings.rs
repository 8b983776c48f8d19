//! The violations of one record while it is being walked.

use std::fmt::Write as _;
use std::sync::Arc;

use tidegate_codec::Detail;
use tidegate_contract::{Location, Severity};

use crate::plan::Plan;
use crate::verdict::{Facts, Reason, VIOLATIONS_MAX, Verdict, Violation};

/// Collects up to [`VIOLATIONS_MAX`] violations. An error is never pushed out by a warning.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Violation>,
    errors: usize,
    cut: bool,
    /// For each one of the list which entries the stars of its pointer stand for; stays when the list is handed out.
    entries: Vec<Vec<u64>>,
    /// Quality rules whose violations are not listed: a kill switch keeps them from being asked.
    off: Vec<Arc<str>>,
}

/// Where a violation is, as far as it may be said.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// JSON Pointer with starred map keys.
    pointer: String,
    /// Positions in their maps of the entries that are starred, from 0. Nothing is allocated where there is no map.
    entries: Vec<u64>,
}

impl From<String> for Place {
    /// A pointer without starred keys.
    fn from(pointer: String) -> Self {
        Place {
            pointer,
            entries: Vec::new(),
        }
    }
}

/// One step from the event to a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// A declared field, by node.
    Field(usize),
    /// An item.
    Index(u64),
    /// An entry of a map by position, since its key is content.
    Entry(u64),
}

/// A clause that is broken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Broken<'a> {
    pub(crate) reason: Reason,
    pub(crate) detail: Option<Detail>,
    pub(crate) rule: Rule<'a>,
    pub(crate) severity: Severity,
    pub(crate) location: &'a Location,
}

/// Names a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule<'a> {
    /// A clause of the property.
    Clause(&'static str),
    /// A quality rule.
    Id(&'a Arc<str>),
}

// === impl Findings ===

impl Findings {
    /// Starts over.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.entries.clear();
        self.errors = 0;
        self.cut = false;
    }

    /// Counts violations that come before those of the collector in the verdict and have no stars.
    pub(crate) fn precede(&mut self, count: usize) {
        self.entries.splice(0..0, std::iter::repeat_with(Vec::new).take(count));
    }

    /// Which entries the stars of the pointers stand for, in the order of the last verdict's list; shorter where that has other sources.
    pub(crate) fn entries(&self) -> &[Vec<u64>] {
        &self.entries
    }

    /// Switches these quality rules off until the next call.
    pub(crate) fn switch_off<'r>(&mut self, rules: impl Iterator<Item = &'r Arc<str>>) {
        self.off.clear();
        self.off.extend(rules.cloned());
    }

    /// Whether some are.
    pub(crate) fn is_partly_off(&self) -> bool {
        !self.off.is_empty()
    }

    /// What was found so far, and an empty collector again.
    pub(crate) fn take(&mut self) -> Vec<Violation> {
        let list = std::mem::take(&mut self.list);
        self.clear();
        list
    }

    /// Adds one; the place is only built when it is listed.
    pub(crate) fn add(&mut self, broken: Broken<'_>, place: impl FnOnce() -> Place) {
        if let Rule::Id(id) = broken.rule
            && self.off.contains(id)
        {
            return;
        }
        let is_error = broken.severity == Severity::Error;
        self.errors += usize::from(is_error);
        if self.list.len() >= VIOLATIONS_MAX {
            self.cut = true;
            let weakest = self.list.iter().rposition(|listed| listed.severity != Severity::Error);
            match weakest {
                Some(at) if is_error => {
                    self.list.remove(at);
                    self.entries.remove(at);
                }
                _ => return,
            }
        }
        let Place { pointer, entries } = place();
        if self.list.is_empty() {
            self.entries.clear();
        }
        self.entries.push(entries);
        self.list.push(Violation {
            reason: broken.reason,
            detail: broken.detail,
            rule: match broken.rule {
                Rule::Clause(name) => Arc::from(name),
                Rule::Id(id) => id.clone(),
            },
            severity: broken.severity,
            pointer,
            location: broken.location.clone(),
        });
    }

    /// The verdict, and an empty collector again.
    pub(crate) fn conclude(&mut self, facts: Facts) -> Verdict {
        let list = std::mem::take(&mut self.list);
        let verdict = if self.errors > 0 {
            Verdict::Invalid {
                violations: list,
                cut: self.cut,
            }
        } else {
            Verdict::Valid { notes: list, facts }
        };
        self.errors = 0;
        self.cut = false;
        verdict
    }
}

/// The verdict about a value with what was found around it, which comes first.
pub(crate) fn joined(mut found: Vec<Violation>, verdict: Verdict) -> Verdict {
    if found.is_empty() {
        return verdict;
    }
    let (rest, was_cut, facts) = match verdict {
        Verdict::Valid { notes, facts } => (notes, false, Some(facts)),
        Verdict::Invalid { violations, cut } => (violations, cut, None),
        other @ (Verdict::Skipped(_) | Verdict::Need(_)) => return other,
    };
    found.extend(rest);
    // A warning never pushes out an error, wherever either was found.
    if found.len() > VIOLATIONS_MAX {
        found.sort_by_key(|violation| violation.severity != Severity::Error);
    }
    let is_error = |violation: &Violation| violation.severity == Severity::Error;
    match facts.filter(|_| !found.iter().any(is_error)) {
        Some(facts) => Verdict::Valid { notes: found, facts },
        None => {
            let cut = was_cut || found.len() > VIOLATIONS_MAX;
            found.truncate(VIOLATIONS_MAX);
            Verdict::Invalid { violations: found, cut }
        }
    }
}

/// JSON Pointer (RFC 6901) of the steps inside of `image`; `last` is a further step that no node stands for. Map keys are starred.
pub(crate) fn pointer(plan: &Plan, image: &str, steps: &[Step], last: Option<&str>) -> Place {
    let mut out = String::from(image);
    let mut entries = Vec::new();
    for step in steps {
        out.push('/');
        match step {
            Step::Field(node) => escape(&mut out, &plan.nodes[*node].wire_name),
            Step::Index(index) => {
                let _ = write!(out, "{index}");
            }
            Step::Entry(at) => {
                out.push('*');
                entries.push(*at);
            }
        }
    }
    if let Some(last) = last {
        out.push('/');
        escape(&mut out, last);
    }
    Place { pointer: out, entries }
}

/// The name of an undeclared field as far as it may be shown: a name that does not look like one could be content.
pub(crate) fn presentable(name: &str) -> &str {
    let looks_like_a_name = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    if looks_like_a_name { name } else { "*" }
}

fn escape(out: &mut String, step: &str) {
    for c in step.chars() {
        match c {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joining_hides_no_error_either() {
        let violation = |severity| Violation {
            reason: Reason::SemanticViolation,
            detail: None,
            rule: Arc::from("x"),
            severity,
            pointer: String::new(),
            location: Location::default(),
        };
        let around = vec![violation(Severity::Warning); 25];
        let value = Verdict::Invalid {
            violations: vec![violation(Severity::Error)],
            cut: false,
        };
        let Verdict::Invalid { violations, cut } = joined(around, value) else {
            panic!("an error makes it invalid")
        };
        assert!(cut && violations.len() == VIOLATIONS_MAX && violations[0].severity == Severity::Error);
    }

    fn add(findings: &mut Findings, severity: Severity) {
        let broken = Broken {
            reason: Reason::SemanticViolation,
            detail: None,
            rule: Rule::Clause("x"),
            severity,
            location: &Location::default(),
        };
        findings.add(broken, Place::default);
    }

    #[test]
    fn warnings_never_hide_an_error() {
        let mut findings = Findings::default();
        for _ in 0..30 {
            add(&mut findings, Severity::Warning);
        }
        add(&mut findings, Severity::Error);
        let Verdict::Invalid { violations, cut } = findings.conclude(Facts::default()) else {
            panic!("an error makes it invalid")
        };
        assert_eq!(violations.len(), VIOLATIONS_MAX);
        assert!(cut);
        assert_eq!(
            violations.iter().filter(|violation| violation.severity == Severity::Error).count(),
            1
        );
        assert!(matches!(findings.conclude(Facts::default()), Verdict::Valid { .. }));
    }

    #[test]
    fn names_that_could_be_content_are_starred() {
        assert_eq!(presentable("total_2"), "total_2");
        for name in ["", "4111111111111111", "a@b.example", "Ann Smith"] {
            assert_eq!(presentable(name), "*");
        }
    }
}
