//! What is wrong with a contract or a config file, and where.

use std::sync::Arc;

/// A place in a contract file. Lines and columns count from 1; `pointer` is the JSON Pointer (RFC 6901) of the YAML node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// File name as the reader was given it, relative to the contract root.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// JSON Pointer of the node in the file.
    pub pointer: Arc<str>,
}

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The contract does not load.
    Error,
    /// It loads, and somebody should look.
    Warning,
    /// Said for completeness, for example a clause that is not executed.
    Note,
}

/// One problem of one file: what, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, `TG0123`.
    pub code: &'static str,
    /// Weight.
    pub level: Level,
    /// Where.
    pub location: Location,
    /// What is wrong, one sentence without a full stop.
    pub problem: String,
    /// How to mend it, one sentence, may be empty.
    pub help: String,
}

// === impl Diagnostic ===

impl Diagnostic {
    /// A file that a reader of directories or commits could not or would not hand over.
    pub fn unreadable(level: Level, file: impl Into<Arc<str>>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        let location = Location {
            file: file.into(),
            line: 1,
            column: 1,
            pointer: "".into(),
        };
        Diagnostic {
            code: crate::codes::FILE_READ.id,
            level,
            location,
            problem: problem.into(),
            help: help.into(),
        }
    }
}

// === impl Level ===

impl Level {
    /// Lower-case word, as in `error[TG0101]`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
        }
    }
}

// === impl Location ===

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
