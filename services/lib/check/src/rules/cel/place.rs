//! Where in an expression something is wrong.

use std::fmt;

use cel::common::ast::SourceInfo;

/// A place in the text of an expression, both from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Line of the expression, not of the file.
    pub(crate) line: usize,
    /// Column.
    pub(crate) column: usize,
}

/// Why an expression is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Where, if it is about a part.
    pub(crate) place: Option<Place>,
    /// A sentence for the author.
    pub(crate) text: String,
}

// === impl Place ===

impl Place {
    /// Of a part of the syntax tree.
    pub(super) fn of(source: &SourceInfo, part: u64) -> Option<Place> {
        let (start, _) = source.offset_for(part)?;
        let before: String = source.source.chars().take(start as usize).collect();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Some(Place {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

// === impl Refusal ===

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Refusal { place: None, text }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
