//! What a value in hand must be, and how a broken clause is reported.

use tidegate_codec::{Detail, Scalar};
use tidegate_contract::Severity;

use super::{Mode, Stop, Walk};
use crate::datum::Datum;
use crate::exact::Exact;
use crate::judge::findings::{Broken, Rule, pointer, presentable};
use crate::leaf::Refusal;
use crate::plan::{Body, ItemLimits};
use crate::row::RowSink;
use crate::rules;
use crate::rules::library::LibraryRule;
use crate::temporal::DAY_MICROS;
use crate::verdict::Reason;

// === impl Walk ===

impl<R: RowSink> Walk<'_, R> {
    pub(super) fn refuse(&mut self, node: usize, refusal: Refusal) {
        let clause = if self.plan.checks[node].wire.pattern.is_some() {
            "format"
        } else {
            "type"
        };
        match refusal {
            Refusal::Type => self.report(Reason::TypeMismatch, None, "type", node),
            Refusal::Form => self.report(Reason::TypeMismatch, None, clause, node),
            Refusal::Range => self.report(Reason::ConstraintViolation, Some(Detail::NumberOutOfRange), "range", node),
        }
        self.capture(node, || Datum::Broken);
    }

    pub(super) fn scalar(&mut self, node: usize, scalar: &Scalar<'_>) {
        let check = &self.plan.checks[node];
        if self.reports_clauses() {
            self.clauses(node, scalar);
        }
        if check.event_time && self.mode != Mode::CaptureOnly {
            self.event_time = match scalar {
                Scalar::Timestamp(micros) => Some(*micros),
                // Days that an Avro date reaches and microseconds do not have no event time, as if they could not be read.
                Scalar::Date(days) => i64::from(*days).checked_mul(DAY_MICROS),
                _ => None,
            };
        }
        if self.hands_on() {
            self.row.scalar(node, scalar);
        }
        self.capture(node, || Datum::of(scalar));
    }

    pub(super) fn clauses(&mut self, node: usize, scalar: &Scalar<'_>) {
        let plan = self.plan;
        let check = &plan.checks[node];
        let broken = |walk: &mut Self, clause| walk.report(Reason::ConstraintViolation, None, clause, node);
        match (&check.body, scalar) {
            (Body::Text(limits), Scalar::Str(text)) => limits.check(text, |clause| broken(self, clause)),
            (Body::Number { limits, multiple_of }, number) => {
                let exact = match number {
                    Scalar::Int(value) => Some(Exact::int(*value)),
                    Scalar::Decimal { unscaled, scale } => Some(Exact {
                        unscaled: *unscaled,
                        scale: *scale,
                    }),
                    _ => None,
                };
                let float = if let Scalar::Float(value) = number { *value } else { 0.0 };
                match exact {
                    Some(value) => limits.check(value, |clause| broken(self, clause)),
                    None => limits.check_f64(float, |clause| broken(self, clause)),
                }
                let is_multiple = multiple_of.is_none_or(|factor| match exact {
                    Some(value) => factor.holds(value),
                    None => factor.holds_f64(float),
                });
                if !is_multiple {
                    broken(self, "multipleOf");
                }
            }
            (Body::Temporal(limits), Scalar::Date(days)) => limits.check(i64::from(*days), |clause| broken(self, clause)),
            (Body::Temporal(limits), Scalar::Time(micros) | Scalar::Timestamp(micros)) => {
                limits.check(*micros, |clause| broken(self, clause));
            }
            _ => {}
        }
        if check.allowed.as_ref().is_some_and(|allowed| !allowed.holds(scalar)) {
            broken(self, "enum");
        }
        for rule in &check.library {
            if rule.counts(scalar) {
                self.quality(None, rule);
            }
        }
    }

    pub(super) fn library_null(&mut self, node: usize, missing: bool) {
        let plan = self.plan;
        for rule in &plan.checks[node].library {
            if rule.counts_null() {
                self.quality(Some(rules::library::null_detail(missing)), rule);
            }
        }
    }

    pub(super) fn quality(&mut self, detail: Option<Detail>, rule: &LibraryRule) {
        let broken = Broken {
            reason: Reason::SemanticViolation,
            detail,
            rule: Rule::Id(&rule.id),
            severity: rule.severity,
            location: &rule.location,
        };
        let steps = &self.scratch.steps;
        self.findings.add(broken, || pointer(self.plan, self.image, steps, None));
    }

    pub(super) fn unknown(&mut self, severity: Severity, key: &str, node: usize) {
        let location = &self.plan.checks[node].location;
        let broken = Broken {
            reason: Reason::AdditionalProperties,
            detail: None,
            rule: Rule::Clause("unknownFields"),
            severity,
            location,
        };
        let steps = &self.scratch.steps;
        self.findings
            .add(broken, || pointer(self.plan, self.image, steps, Some(presentable(key))));
    }

    /// Fields that the writer's schema does not name; they are under the policy of the row.
    pub(super) fn unknown_numbers(&mut self) {
        let check = &self.plan.checks[0];
        let Body::Object { unknown, .. } = &check.body else { return };
        let Some(severity) = unknown.severity() else { return };
        let broken = Broken {
            reason: Reason::AdditionalProperties,
            detail: None,
            rule: Rule::Clause("unknownFields"),
            severity,
            location: &check.location,
        };
        self.findings.add(broken, || pointer(self.plan, self.image, &[], None));
    }

    pub(super) fn report(&mut self, reason: Reason, detail: Option<Detail>, clause: &'static str, node: usize) {
        if self.mode == Mode::CaptureOnly {
            return;
        }
        let location = &self.plan.checks[node].location;
        let broken = Broken {
            reason,
            detail,
            rule: Rule::Clause(clause),
            severity: Severity::Error,
            location,
        };
        let steps = &self.scratch.steps;
        self.findings.add(broken, || pointer(self.plan, self.image, steps, None));
    }

    pub(super) fn limit(&mut self, node: usize) -> Stop {
        self.report(Reason::LimitExceeded, Some(Detail::TooLarge), "limit", node);
        Stop::Limit
    }

    pub(super) fn item_limits(&self, node: usize) -> ItemLimits {
        match &self.plan.checks[node].body {
            Body::Items(limits) => *limits,
            _ => ItemLimits::default(),
        }
    }

    pub(super) fn reports_clauses(&self) -> bool {
        matches!(self.mode, Mode::Whole | Mode::KeyOnly)
    }
}
