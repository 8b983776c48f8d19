//! All clauses of a text together.

use regex::Regex;

use super::format::TextFormat;
use super::length::Length;

/// Length, pattern and format of a text.
#[derive(Debug, Default)]
pub(crate) struct TextLimits {
    /// `minLength`, `maxLength`.
    pub(crate) length: Length,
    /// `pattern`.
    pub(crate) pattern: Option<Regex>,
    /// `format`.
    pub(crate) format: Option<TextFormat>,
}

// === impl TextLimits ===

impl TextLimits {
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
