//! ODCS library metrics that one record decides: `nullValues`, `missingValues` and `invalidValues` with `mustBe: 0` in rows.
//! Every other metric or limit is a statement about many rows and left to the lake.

use std::sync::Arc;

use tidegate_codec::{Detail, Scalar};
use tidegate_contract::model::{Metric, RuleKind};
use tidegate_contract::{Location, QualityRule, Severity};

use super::enumeration::Allowed;
use super::pattern::Pattern;
use crate::leaf::LeafContext;

/// A metric that must count no row, so that each row must not count.
#[derive(Debug)]
pub(crate) struct LibraryRule {
    /// Rule id.
    pub(crate) id: Arc<str>,
    /// What it does.
    pub(crate) severity: Severity,
    /// Where.
    pub(crate) location: Location,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Null,
    Missing(Allowed),
    Invalid { valid: Option<Allowed>, pattern: Option<Pattern> },
}

/// Why a library rule does not compile.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The literal at this position cannot be a value of the property.
    Literal(usize),
    /// The pattern, with a sentence.
    Pattern(String),
    /// The property is not a leaf.
    Shape,
}

// === impl LibraryRule ===

impl LibraryRule {
    /// Compiles a rule for a property; none when it is left to the lake. `context` is none when the property is no leaf.
    pub(crate) fn compile(rule: &QualityRule, context: Option<&LeafContext<'_>>) -> Result<Option<LibraryRule>, Refused> {
        let RuleKind::Library(metric) = &rule.kind else { return Ok(None) };
        if !rule.is_per_record() {
            return Ok(None);
        }
        let leaf = || context.ok_or(Refused::Shape);
        let kind = match metric {
            Metric::NullValues => Kind::Null,
            Metric::MissingValues(literals) => Kind::Missing(Allowed::compile(literals, leaf()?).map_err(Refused::Literal)?),
            Metric::InvalidValues { valid, pattern } => Kind::Invalid {
                valid: match valid.as_slice() {
                    [] => None,
                    literals => Some(Allowed::compile(literals, leaf()?).map_err(Refused::Literal)?),
                },
                pattern: pattern.as_deref().map(Pattern::compile).transpose().map_err(Refused::Pattern)?,
            },
            Metric::DuplicateValues(_) | Metric::RowCount => return Ok(None),
        };
        Ok(Some(LibraryRule {
            id: rule.id.clone(),
            severity: rule.severity,
            location: rule.location.clone(),
            kind,
        }))
    }

    /// Whether null (or a missing field) counts.
    pub(crate) fn counts_null(&self) -> bool {
        matches!(self.kind, Kind::Null | Kind::Missing(_))
    }

    /// Whether a value counts. `invalidValues` with a pattern looks at texts only.
    pub(crate) fn counts(&self, value: &Scalar<'_>) -> bool {
        match &self.kind {
            Kind::Null => false,
            Kind::Missing(missing) => missing.holds(value),
            Kind::Invalid { valid, pattern } => {
                valid.as_ref().is_some_and(|valid| !valid.holds(value))
                    || pattern
                        .as_ref()
                        .is_some_and(|pattern| matches!(value, Scalar::Str(text) if !pattern.is_match(text)))
            }
        }
    }
}

/// The finer code of a null that counts.
pub(crate) fn null_detail(missing: bool) -> Detail {
    if missing { Detail::Missing } else { Detail::Null }
}
