//! `pattern`: ECMA-262 patterns on a linear-time engine. Unanchored: a pattern finds, it does not match.

use tidegate_contract::pattern;

use super::ranges::Ranges;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    engine: pattern::Pattern,
    ranges: Option<Ranges>,
}

// === impl Pattern ===

impl Pattern {
    /// Compiles; the error is a sentence for the author.
    pub(crate) fn compile(text: &str) -> Result<Pattern, String> {
        Ok(Pattern {
            engine: pattern::compile(text)?,
            ranges: Ranges::of_pattern(text),
        })
    }

    /// The pattern as ranges, where it is of that kind.
    pub(crate) fn ranges(&self) -> Option<&Ranges> {
        self.ranges.as_ref()
    }

    /// Whether the text has the pattern somewhere.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        match &self.ranges {
            Some(ranges) => ranges.holds(text.as_bytes()),
            None => self.engine.is_match(text),
        }
    }
}
