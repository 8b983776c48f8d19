//! Which dead letters are meant.

use serde::{Deserialize, Serialize};

use tidegate_flow::record::header_text;

use crate::fold::Memo;
use crate::job::Stretch;
use crate::letter::Letter;

/// All that is said must hold; what is left empty means any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// One of these groups; the beginning of a fingerprint will do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
    /// Contract id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Rule or clause of the leading violation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Its place, positions in lists starred; also what lies below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Reason, or reason/detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Failed at that time or later, microseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Failed before that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// In one of these stretches of the dead-letter topic.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub offsets: Vec<Stretch>,
    /// What the producer calls itself in a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub producer: Option<String>,
    /// The key, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

// === impl Filter ===

impl Filter {
    /// Whether it means everything.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// Whether a letter is meant.
    pub fn takes(&self, letter: &Letter<'_>, memo: &mut Memo) -> bool {
        let record = letter.record;
        let (at, offset) = (&record.origin.at, record.origin.offset.0);
        let is_there = self.offsets.is_empty() || self.offsets.iter().any(|stretch| stretch.holds(at.partition, offset));
        let is_then = self.from.is_none_or(|from| letter.failed_at >= from) && self.until.is_none_or(|until| letter.failed_at < until);
        let is_key = self.key.as_ref().is_none_or(|key| record.key.as_deref() == Some(key.as_bytes()));
        let is_of = |producer: &String| {
            ["producer", "ce_source", "x-producer"]
                .iter()
                .any(|name| header_text(letter.own_headers(), name) == Some(producer))
        };
        if !is_there || !is_then || !is_key || !self.producer.as_ref().is_none_or(is_of) {
            return false;
        }
        let (fingerprint, class) = memo.group(letter);
        let is_below =
            |path: &String| class.path == *path || class.path.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'));
        (self.fingerprints.is_empty() || self.fingerprints.iter().any(|start| fingerprint.starts_with(start.as_str())))
            && self
                .contract
                .as_ref()
                .is_none_or(|contract| class.contract.as_ref() == Some(contract))
            && self.rule.as_ref().is_none_or(|rule| class.rule == *rule)
            && self.path.as_ref().is_none_or(is_below)
            && self
                .reason
                .as_ref()
                .is_none_or(|reason| class.reason == *reason || class.kind() == *reason)
    }
}
