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
    /// The least and the greatest unscaled value at `scale` that keep all four; none where 64 bits do not hold them.
    pub(crate) fn whole(&self, scale: u8) -> Option<(i64, i64)> {
        // Rounded down, and whether that is the limit itself.
        let at = |limit: &Exact| -> Option<(i128, bool)> {
            if limit.scale <= scale {
                return limit.rescale(scale).map(|value| (value, true));
            }
            let step = 10_i128.checked_pow(u32::from(limit.scale - scale))?;
            Some((limit.unscaled.div_euclid(step), limit.unscaled.rem_euclid(step) == 0))
        };
        let four = &self.0;
        let (mut min, mut max) = (i128::from(i64::MIN), i128::from(i64::MAX));
        if let Some(limit) = &four.minimum {
            let (value, exact) = at(limit)?;
            min = min.max(value + i128::from(!exact));
        }
        if let Some(limit) = &four.exclusive_minimum {
            min = min.max(at(limit)?.0 + 1);
        }
        if let Some(limit) = &four.maximum {
            max = max.min(at(limit)?.0);
        }
        if let Some(limit) = &four.exclusive_maximum {
            let (value, exact) = at(limit)?;
            max = max.min(value - i128::from(exact));
        }
        Some((i64::try_from(min).ok()?, i64::try_from(max).ok()?))
    }

    /// The least and the greatest double that keep all four.
    pub(crate) fn doubles(&self) -> (f64, f64) {
        let limit = |limit: &Option<Exact>, unsaid: f64| limit.as_ref().map_or(unsaid, |limit| limit.to_f64());
        let four = &self.0;
        let min =
            limit(&four.minimum, f64::NEG_INFINITY).max(four.exclusive_minimum.map_or(f64::NEG_INFINITY, |limit| limit.to_f64().next_up()));
        let max = limit(&four.maximum, f64::INFINITY).min(four.exclusive_maximum.map_or(f64::INFINITY, |limit| limit.to_f64().next_down()));
        (min, max)
    }

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
    /// The least and the greatest value that keep all four.
    pub(crate) fn inclusive(&self) -> (i64, i64) {
        let four = &self.0;
        let min = four
            .minimum
            .unwrap_or(i64::MIN)
            .max(four.exclusive_minimum.map_or(i64::MIN, |limit| limit.saturating_add(1)));
        let max = four
            .maximum
            .unwrap_or(i64::MAX)
            .min(four.exclusive_maximum.map_or(i64::MAX, |limit| limit.saturating_sub(1)));
        (min, max)
    }

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
    fn limits_in_whole_numbers() {
        let limits = |minimum: Option<&str>, maximum: Option<&str>, over: Option<&str>, under: Option<&str>| {
            Limits::parse(&Bounds {
                minimum: minimum.map(Into::into),
                maximum: maximum.map(Into::into),
                exclusive_minimum: over.map(Into::into),
                exclusive_maximum: under.map(Into::into),
            })
            .unwrap()
        };
        assert_eq!(limits(Some("1"), Some("9"), None, None).whole(0), Some((1, 9)));
        assert_eq!(limits(Some("0.5"), Some("9.5"), None, None).whole(0), Some((1, 9)));
        assert_eq!(limits(Some("-0.5"), Some("-1.5"), None, None).whole(0), Some((0, -2)));
        assert_eq!(limits(None, None, Some("0.5"), Some("9.5")).whole(0), Some((1, 9)));
        assert_eq!(limits(None, None, Some("1"), Some("9")).whole(2), Some((101, 899)));
        assert_eq!(limits(Some("99999999999999999999"), None, None, None).whole(0), None);
        assert_eq!(
            limits(Some("-99999999999999999999"), None, None, None).whole(0),
            Some((i64::MIN, i64::MAX))
        );
        let (min, max) = limits(None, None, Some("0"), Some("1")).doubles();
        assert!(min > 0.0 && max < 1.0 && limits(Some("0"), Some("1"), None, None).doubles() == (0.0, 1.0));
    }

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
