//! `minimum`, `maximum` and their exclusive forms.

use std::cmp::Ordering;

use tidegate_contract::model::Bounds;

use crate::exact::Exact;

/// Limits of a number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits(Four<Exact>);

/// Limits of a date (days), a time or a timestamp (microseconds).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TemporalLimits(Four<i64>);

#[derive(Debug, Clone, Copy)]
struct Four<T> {
    minimum: Option<T>,
    maximum: Option<T>,
    exclusive_minimum: Option<T>,
    exclusive_maximum: Option<T>,
}

// === impl Limits ===

impl Limits {
    /// Reads all four; the error names the clause that is no number.
    pub(crate) fn parse(bounds: &Bounds) -> Result<Limits, &'static str> {
        Four::parse(bounds, Exact::parse).map(Limits)
    }

    /// Tells each clause that the number breaks.
    pub(crate) fn check(&self, value: Exact, broken: impl FnMut(&'static str)) {
        self.0.check(|limit| Some(value.compare(*limit)), broken);
    }

    /// Likewise for a double; NaN breaks every limit.
    pub(crate) fn check_f64(&self, value: f64, broken: impl FnMut(&'static str)) {
        self.0.check(|limit| value.partial_cmp(&limit.to_f64()), broken);
    }
}

// === impl TemporalLimits ===

impl TemporalLimits {
    /// Reads all four with the reader of the type; the error names the clause that cannot be read.
    pub(crate) fn parse(bounds: &Bounds, read: impl Fn(&str) -> Option<i64>) -> Result<TemporalLimits, &'static str> {
        Four::parse(bounds, read).map(TemporalLimits)
    }

    /// Tells each clause that the value breaks.
    pub(crate) fn check(&self, value: i64, broken: impl FnMut(&'static str)) {
        self.0.check(|limit| Some(value.cmp(limit)), broken);
    }
}

// === impl Four ===

impl<T> Default for Four<T> {
    fn default() -> Self {
        Four {
            minimum: None,
            maximum: None,
            exclusive_minimum: None,
            exclusive_maximum: None,
        }
    }
}

impl<T> Four<T> {
    fn parse(bounds: &Bounds, read: impl Fn(&str) -> Option<T>) -> Result<Four<T>, &'static str> {
        let one = |text: &Option<std::sync::Arc<str>>, clause| match text {
            None => Ok(None),
            Some(text) => read(text).map(Some).ok_or(clause),
        };
        Ok(Four {
            minimum: one(&bounds.minimum, "minimum")?,
            maximum: one(&bounds.maximum, "maximum")?,
            exclusive_minimum: one(&bounds.exclusive_minimum, "exclusiveMinimum")?,
            exclusive_maximum: one(&bounds.exclusive_maximum, "exclusiveMaximum")?,
        })
    }

    fn check(&self, compare: impl Fn(&T) -> Option<Ordering>, mut broken: impl FnMut(&'static str)) {
        let mut clause = |limit: &Option<T>, name: &'static str, holds: fn(Ordering) -> bool| {
            if let Some(limit) = limit
                && !compare(limit).is_some_and(holds)
            {
                broken(name);
            }
        };
        clause(&self.minimum, "minimum", Ordering::is_ge);
        clause(&self.maximum, "maximum", Ordering::is_le);
        clause(&self.exclusive_minimum, "exclusiveMinimum", Ordering::is_gt);
        clause(&self.exclusive_maximum, "exclusiveMaximum", Ordering::is_lt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exclusive_and_nan() {
        let bounds = Bounds {
            minimum: Some("0".into()),
            exclusive_maximum: Some("1.5".into()),
            ..Bounds::default()
        };
        let limits = Limits::parse(&bounds).unwrap();
        let broken = |value: &str| {
            let mut seen = Vec::new();
            limits.check(Exact::parse(value).unwrap(), |clause| seen.push(clause));
            seen
        };
        assert!(broken("0").is_empty());
        assert!(broken("1.49999999999999999999").is_empty());
        assert_eq!(broken("1.50"), ["exclusiveMaximum"]);
        assert_eq!(broken("-0.1"), ["minimum"]);
        let mut seen = Vec::new();
        limits.check_f64(f64::NAN, |clause| seen.push(clause));
        assert_eq!(seen, ["minimum", "exclusiveMaximum"]);
        assert_eq!(
            Limits::parse(&Bounds {
                maximum: Some("x".into()),
                ..Bounds::default()
            })
            .unwrap_err(),
            "maximum"
        );
    }
}
