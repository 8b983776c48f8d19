//! The text beside a committed position, version 1: which snapshot judged, which incarnation of the topic the position is about, and how
//! often the partition was begun in vain.

use serde::{Deserialize, Serialize};

use crate::quarantine::Crashes;

/// `{"v":1,"s":"<commit>","t":"<topic id>","c":{..}}`; Event Hubs allows 1,024 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Format version.
    pub v: u32,
    /// Snapshot in force for records from this position on.
    pub s: String,
    /// Kafka's id of the topic, where the brokers have one: positions of a topic that was deleted and created again mean nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<String>,
    /// Starts that came to nothing; none while the partition moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<Crashes>,
}

// === impl Note ===

impl Note {
    /// A note of this engine.
    pub fn new(commit: &str, topic_id: Option<&str>) -> Note {
        Note {
            v: 1,
            s: commit.to_owned(),
            t: topic_id.map(str::to_owned),
            c: None,
        }
    }

    /// Reads a note; none for text of others or of a later version.
    pub fn read(text: &str) -> Option<Note> {
        serde_json::from_str(text).ok().filter(|note: &Note| note.v == 1)
    }

    /// The text to commit.
    pub fn write(&self) -> String {
        serde_json::to_string(self).expect("plain fields always serialise")
    }
}
