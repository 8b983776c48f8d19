//! The text beside a committed position, version 1: which snapshot judged up to here.

use serde::{Deserialize, Serialize};

/// `{"v":1,"s":"<commit>"}`; Event Hubs allows 1,024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Format version.
    pub v: u32,
    /// Snapshot in force for records from this position on.
    pub s: String,
}

// === impl Note ===

impl Note {
    /// A note of this engine.
    pub fn new(commit: &str) -> Note {
        Note {
            v: 1,
            s: commit.to_owned(),
        }
    }

    /// Reads a note; none for text of others or of a later version.
    pub fn read(text: &str) -> Option<Note> {
        serde_json::from_str(text).ok().filter(|note: &Note| note.v == 1)
    }

    /// The text to commit.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("two plain fields always serialise")
    }
}
