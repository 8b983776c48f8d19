//! Collects the problems of one file.

use std::sync::Arc;

use crate::codes::{self, Code};
use crate::diagnostic::{Diagnostic, Level, Location};
use crate::disguise::is_disguise;

/// The most problems that are listed for one file, and beside them the most notes; a machine-made file can hold hundreds of thousands.
const PROBLEMS_MAX: usize = 500;
/// The most characters of somebody's text that are repeated in a sentence.
const QUOTED_MAX: usize = 60;

/// A place in the file being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) pointer: String,
}

/// The problems of one file so far.
#[derive(Debug)]
pub(crate) struct Problems {
    file: Arc<str>,
    list: Vec<Diagnostic>,
    errors: usize,
    notes: usize,
}

// === impl Problems ===

impl Problems {
    pub(crate) fn new(file: &str) -> Self {
        Problems {
            file: file.into(),
            list: Vec::new(),
            errors: 0,
            notes: 0,
        }
    }

    /// The place as others see it.
    pub(crate) fn location(&self, place: &Place) -> Location {
        Location {
            file: self.file.clone(),
            line: place.line,
            column: place.column,
            pointer: place.pointer.as_str().into(),
        }
    }

    pub(crate) fn error(&mut self, code: Code, place: Place, problem: impl Into<String>, help: impl Into<String>) {
        self.push(Level::Error, code, place, problem.into(), help.into());
    }

    pub(crate) fn warning(&mut self, code: Code, place: Place, problem: impl Into<String>, help: impl Into<String>) {
        self.push(Level::Warning, code, place, problem.into(), help.into());
    }

    pub(crate) fn note(&mut self, code: Code, place: Place, problem: impl Into<String>, help: impl Into<String>) {
        self.push(Level::Note, code, place, problem.into(), help.into());
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors so far; a reader compares before and after to know whether a part of the file was good.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// All problems in file order, each once.
    pub(crate) fn into_sorted(mut self) -> Vec<Diagnostic> {
        // Aliases make one place of the file part of several places of the document; the reader wants to hear of it once.
        self.list.sort_by(|a, b| order(a).cmp(&order(b)));
        self.list
            .dedup_by(|a, b| order(a) == order(b) && a.level == b.level && a.help == b.help);
        self.list
    }

    fn push(&mut self, level: Level, code: Code, place: Place, problem: String, help: String) {
        if level == Level::Error {
            self.errors += 1;
        }
        // A wide table that is described plainly has a note for each column, and nothing is wrong with it.
        let (listed, is_note) = match level {
            Level::Note => (self.notes, true),
            _ => (self.list.len() - self.notes, false),
        };
        if listed > PROBLEMS_MAX {
            return;
        }
        self.notes += usize::from(is_note);
        let location = self.location(&place);
        if listed == PROBLEMS_MAX {
            let what = if is_note { "notes" } else { "problems" };
            self.list.push(Diagnostic {
                code: codes::TOO_MANY.id,
                level: if is_note { Level::Note } else { Level::Error },
                location,
                problem: format!("more than {PROBLEMS_MAX} {what}; the rest is not listed"),
                help: String::new(),
            });
            self.errors += usize::from(!is_note);
            return;
        }
        self.list.push(Diagnostic {
            code: code.id,
            level,
            location,
            problem,
            help,
        });
    }
}

fn order(diagnostic: &Diagnostic) -> (u32, u32, &str, &str) {
    (
        diagnostic.location.line,
        diagnostic.location.column,
        diagnostic.code,
        &diagnostic.problem,
    )
}

/// Somebody's text between backquotes, shortened, with control characters made harmless.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (index, c) in text.chars().enumerate() {
        if index == QUOTED_MAX {
            out.push('…');
            break;
        }
        // Terminal escapes, and marks that turn the direction of text around, could disguise what a sentence says.
        if is_disguise(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out.push('`');
    out
}

/// Names between backquotes with commas.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}
