//! What an audit has done so far, as a document: one that was interrupted goes on from it, and the next one begins where it ended.
//!
//! The document says what was audited, and is refused for anything else: for topics that were created again, another lake, another
//! range. It holds ledgers and positions, never content.

use serde::{Deserialize, Serialize};

use crate::continuation::Continuation;
use crate::report::{FilesLedger, LakeLedger, SourceLedger};
use crate::source::SourceWork;

/// The version that this build writes, and the only one that it reads.
const VERSION: u32 = 2;
const FORMAT: &str = "tidegate-audit-state";

/// Progress of an audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    format: String,
    version: u32,
    /// What is audited.
    pub subject: Subject,
    /// Nothing is left to do.
    pub finished: bool,
    /// No range was asked for, nor by any audit that it followed: what came since can be audited by itself.
    pub(crate) whole: bool,
    /// Where it began, when it followed another.
    pub(crate) since: Option<Continuation>,
    /// What was not to be had of the partitions below; whoever goes on tells it again.
    pub(crate) incomplete: Vec<String>,
    pub(crate) sources: Vec<SourceState>,
    pub(crate) lake: Vec<LakeState>,
}

/// What an audit is about. Two audits with the same subject would read the same things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// `exactly_once` or `at_least_once`.
    pub mode: String,
    /// The range in the words of whoever asked for it.
    pub range: String,
    /// The lake, as its owner names it; none when it is left out.
    pub lake: Option<String>,
    /// Topics by role: source, validated, dead letters.
    pub topics: Vec<[SubjectTopic; 3]>,
}

/// A topic that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectTopic {
    /// Name.
    pub name: String,
    /// Kafka's id; none where the broker has none.
    pub id: Option<String>,
    /// Partitions.
    pub partitions: i32,
}

/// One source partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SourceState {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) from: i64,
    pub(crate) until: i64,
    pub(crate) position: Option<i64>,
    /// Offsets between the position and the first one that there is.
    pub(crate) removed_before_judging: u64,
    /// A part of the partition.
    pub(crate) partial: bool,
    /// What came since an audit that read the validated and the dead-letter partition up to here.
    pub(crate) settled: Option<[i64; 2]>,
    /// Ends of the validated and the dead-letter partition.
    pub(crate) outlet_ends: [i64; 2],
    pub(crate) work: SourceWork,
    /// When it is done.
    pub(crate) ledger: Option<SourceLedger>,
}

/// One partition of a validated topic that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LakeState {
    pub(crate) ledger: LakeLedger,
    pub(crate) files: FilesLedger,
}

// === impl State ===

impl State {
    pub(crate) fn new(subject: Subject) -> State {
        State {
            format: FORMAT.to_owned(),
            version: VERSION,
            subject,
            finished: false,
            whole: true,
            since: None,
            incomplete: Vec::new(),
            sources: Vec::new(),
            lake: Vec::new(),
        }
    }

    /// Reads a document. The error says why it cannot be used.
    pub fn parse(bytes: &[u8]) -> Result<State, String> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|_| "it is no state of an audit".to_owned())?;
        if head.format != FORMAT {
            return Err("it is no state of an audit".to_owned());
        }
        if head.version != VERSION {
            return Err(format!(
                "it has version {}, and this build reads version {VERSION}: begin a new one, or go on with the build that wrote it",
                head.version
            ));
        }
        serde_json::from_slice(bytes).map_err(|error| format!("it is damaged: {error}"))
    }

    /// Why an audit of what came since cannot begin where this one ended; none when it can.
    pub(crate) fn refuses_next(&self, next: &Subject) -> Option<String> {
        if !self.whole {
            return Some(format!(
                "it is of a part ({}), and what lies before that was never audited: begin with an audit of everything",
                self.subject.range
            ));
        }
        self.subject.refuses(next, false)
    }

    /// The document.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names and numbers always become JSON")
    }
}

// === impl Subject ===

impl Subject {
    /// Why what was done for this subject is of no use for `wanted`; none when it is. The range counts only for the same audit.
    pub(crate) fn refuses(&self, wanted: &Subject, same_audit: bool) -> Option<String> {
        let differs =
            |what: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| Some(format!("{what} was {ours:?} and is {theirs:?}"));
        if self.mode != wanted.mode {
            return differs("the mode", &self.mode, &wanted.mode);
        }
        if self.lake != wanted.lake {
            return differs("the lake", &self.lake, &wanted.lake);
        }
        if same_audit && self.range != wanted.range {
            return differs("the range", &self.range, &wanted.range);
        }
        let names = |subject: &Subject| -> Vec<String> { subject.topics.iter().flatten().map(|topic| topic.name.clone()).collect() };
        if names(self) != names(wanted) {
            return differs("the list of topics", &names(self), &names(wanted));
        }
        for (before, now) in self.topics.iter().flatten().zip(wanted.topics.iter().flatten()) {
            if before.id != now.id {
                return Some(format!("topic {} was deleted and created again", before.name));
            }
            if before.partitions != now.partitions {
                let what = format!("the number of partitions of {}", before.name);
                return differs(&what, &before.partitions, &now.partitions);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        let topic = |name: &str| SubjectTopic {
            name: name.to_owned(),
            id: Some(format!("id of {name}")),
            partitions: 3,
        };
        Subject {
            mode: "exactly_once".to_owned(),
            range: "all".to_owned(),
            lake: Some("s3://b".to_owned()),
            topics: vec![["raw", "raw.validated", "raw.dlq"].map(topic)],
        }
    }

    #[test]
    fn a_state_survives_its_document() {
        let mut state = State::new(subject());
        state.sources.push(SourceState {
            topic: "raw".to_owned(),
            partition: 2,
            from: 5,
            until: 90,
            position: Some(80),
            removed_before_judging: 0,
            partial: true,
            settled: Some([60, 10]),
            outlet_ends: [70, 10],
            work: SourceWork::default(),
            ledger: None,
        });
        assert_eq!(State::parse(&state.to_bytes()), Ok(state.clone()));
    }

    #[test]
    fn what_is_no_state_of_this_version_is_refused_with_the_reason() {
        let text = String::from_utf8(State::new(subject()).to_bytes()).unwrap();
        for (from, to, why) in [
            ("\"version\":2", "\"version\":1", "it has version 1, and this build reads version 2"),
            (FORMAT, "something-else", "no state of an audit"),
            ("\"finished\":false", "\"finished\":7", "damaged"),
            ("\"finished\":false", "\"finished\":false,\"odd\":1", "damaged"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            let refused = State::parse(changed.as_bytes()).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(State::parse(b"{").is_err() && State::parse(&text.as_bytes()[..text.len() / 2]).is_err());
    }

    #[test]
    fn another_subject_is_refused_with_the_difference() {
        type Change = fn(&mut Subject);
        let changes: [(Change, &str); 6] = [
            (|subject| subject.mode = "at_least_once".to_owned(), "mode"),
            (|subject| subject.lake = None, "lake"),
            (|subject| subject.range = "part".to_owned(), "range"),
            (|subject| subject.topics[0][2].name = "other".to_owned(), "list of topics"),
            (|subject| subject.topics[0][1].id = None, "raw.validated was deleted"),
            (|subject| subject.topics[0][0].partitions = 4, "partitions of raw"),
        ];
        for (change, why) in changes {
            let mut other = subject();
            change(&mut other);
            let refused = subject().refuses(&other, true).unwrap();
            assert!(refused.contains(why), "{refused}");
        }
        assert_eq!(subject().refuses(&subject(), true), None);
        let mut next = subject();
        next.range = "since".to_owned();
        assert_eq!(subject().refuses(&next, false), None, "the next audit has another range");
    }
}
