//! `multipleOf`, exact.

use crate::exact::Exact;

/// A factor, not zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MultipleOf(Exact);

// === impl MultipleOf ===

impl MultipleOf {
    /// Reads the factor; none when it is no positive decimal.
    pub(crate) fn parse(text: &str) -> Option<MultipleOf> {
        Exact::parse(text).filter(|factor| factor.unscaled > 0).map(MultipleOf)
    }

    /// The factor itself.
    pub(crate) fn factor(self) -> Exact {
        self.0
    }

    /// Whether an exact number is a multiple.
    pub(crate) fn holds(self, value: Exact) -> bool {
        value.is_multiple_of(self.0)
    }

    /// Whether a double is one: its shortest decimal form is taken for what the writer meant.
    pub(crate) fn holds_f64(self, value: f64) -> bool {
        value.is_finite() && Exact::parse(&format!("{value:e}")).is_some_and(|value| value.is_multiple_of(self.0))
    }
}
