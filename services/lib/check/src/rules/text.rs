//! All clauses of a text together.

use super::format::TextFormat;
use super::length::Length;
use super::pattern::Pattern;

/// Length, pattern and format of a text.
#[derive(Debug, Default)]
pub(crate) struct TextLimits {
    /// `minLength`, `maxLength`.
    pub(crate) length: Length,
    /// `pattern`.
    pub(crate) pattern: Option<Pattern>,
    /// `format`.
    pub(crate) format: Option<TextFormat>,
}

// === impl TextLimits ===

impl TextLimits {
    /// Says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.length.is_empty() && self.pattern.is_none() && self.format.is_none()
    }

    /// Tells each clause that `text` breaks.
    pub(crate) fn check(&self, text: &str, mut broken: impl FnMut(&'static str)) {
        if let Some(clause) = self.length.broken(text) {
            broken(clause);
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
            broken("pattern");
        }
        if self.format.is_some_and(|format| !format.holds(text)) {
            broken("format");
        }
    }
}
