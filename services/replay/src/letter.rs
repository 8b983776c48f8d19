//! A dead letter as its headers tell it.

use std::cell::OnceCell;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tidegate_flow::record::header_text;
use tidegate_flow::stamp::{self, Stamp};
use tidegate_flow::{Header, Record};

/// How often a dead letter was sent back whose header does not say it: often enough to be parked, since it might go on for ever.
pub const ATTEMPTS_UNKNOWN: u32 = u32::MAX;

/// One dead letter.
#[derive(Debug, Clone)]
pub struct Letter<'r> {
    /// As it lies in the dead-letter topic.
    pub record: &'r Record,
    /// Identity and contract.
    pub stamp: Stamp,
    /// When it failed: the clock that the judge saw, microseconds since the epoch.
    pub failed_at: i64,
    /// How often it has been sent back before; [`ATTEMPTS_UNKNOWN`] where that cannot be read.
    pub attempts: u32,
    sum: OnceCell<u64>,
}

/// What dead letters of one group have in common. No value and no message text, so that a group survives rewording.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Class {
    /// Contract id; none where no contract was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Its major version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
    /// Source topic, where no contract was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Rule or clause; empty where the dead letter was too large to carry it.
    pub rule: String,
    /// Place in the event, positions in lists starred; empty for the event as a whole.
    pub path: String,
    /// Reason, from the closed list.
    pub reason: String,
    /// Finer code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One entry of the list of violations; what else it holds is of no use here.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    rule: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    pointer: String,
}

// === impl Letter ===

impl<'r> Letter<'r> {
    /// Reads one; none for a record without our stamp.
    pub fn read(record: &'r Record) -> Option<Letter<'r>> {
        let stamp = stamp::read(&record.headers)?;
        header_text(&record.headers, stamp::REASON)?;
        let judge = header_text(&record.headers, stamp::JUDGE)?;
        Some(Letter {
            record,
            stamp,
            failed_at: judge.rsplit('/').next()?.parse().ok()?,
            attempts: header_text(&record.headers, stamp::ATTEMPTS).map_or(0, |text| text.parse().unwrap_or(ATTEMPTS_UNKNOWN)),
            sum: OnceCell::new(),
        })
    }

    /// A header of ours as text.
    pub fn text(&self, name: &str) -> Option<&'r str> {
        header_text(&self.record.headers, name)
    }

    /// Its group.
    pub fn class(&self) -> Class {
        let (rule, pointer) = self.leading();
        let contract = self.stamp.contract.as_ref();
        Class {
            contract: contract.map(|contract| contract.id.to_string()),
            major: contract.and_then(|contract| contract.version.split('.').next()?.parse().ok()),
            topic: contract.is_none().then(|| self.source_topic().to_owned()),
            rule,
            path: starred(&pointer),
            reason: self.text(stamp::REASON).unwrap_or_default().to_owned(),
            detail: self.text(stamp::DETAIL).map(str::to_owned),
        }
    }

    /// What decides its group, as bytes: letters with equal ones are of one group.
    pub fn class_bytes(&self, into: &mut Vec<u8>) {
        into.clear();
        for name in [stamp::CONTRACT, stamp::REASON, stamp::DETAIL, stamp::ERRORS] {
            into.extend_from_slice(self.text(name).unwrap_or_default().as_bytes());
            into.push(0);
        }
        if self.stamp.contract.is_none() {
            into.extend_from_slice(self.source_topic().as_bytes());
        }
    }

    /// The record that failed first, whatever was replayed since.
    pub fn first_origin(&self) -> String {
        self.text(stamp::FIRST_ORIGIN)
            .map_or_else(|| stamp::origin_text(&self.stamp.origin), str::to_owned)
    }

    /// Topic of that record.
    fn source_topic(&self) -> &str {
        let first = self.text(stamp::FIRST_ORIGIN).and_then(|text| text.split(':').next());
        first.unwrap_or(&self.stamp.origin.at.topic)
    }

    /// The producer's own headers.
    pub fn own_headers(&self) -> &'r [Header] {
        stamp::own_headers(&self.record.headers)
    }

    /// What its key and value are, whatever its place; see [`sum_of`].
    pub fn sum(&self) -> u64 {
        *self.sum.get_or_init(|| sum_of(self.record))
    }

    /// Where it lies, as headers write places.
    pub fn place(&self) -> String {
        stamp::origin_text(&self.record.origin)
    }

    /// Its value stayed at its origin, because the record was too large with it.
    pub fn is_reference(&self) -> bool {
        self.text(stamp::VALUE_SHA256).is_some()
    }

    /// Rule and pointer of the violation that names it: the first of severity error.
    fn leading(&self) -> (String, String) {
        let errors = self.text(stamp::ERRORS).unwrap_or("[]");
        let entries: Vec<Entry> = serde_json::from_str(errors).unwrap_or_default();
        let is_named = |entry: &&Entry| !entry.rule.is_empty();
        let first = entries.iter().filter(is_named).find(|entry| entry.severity == "error");
        match first.or_else(|| entries.iter().find(is_named)) {
            Some(entry) => (entry.rule.clone(), entry.pointer.clone()),
            None => (String::new(), String::new()),
        }
    }
}

// === impl Class ===

impl Class {
    /// Twelve hex digits that name the group.
    pub fn fingerprint(&self) -> String {
        let major = self.major.map(|major| major.to_string()).unwrap_or_default();
        let mut hash = Sha256::new();
        for part in [
            self.contract.as_deref().unwrap_or_default(),
            &major,
            self.topic.as_deref().unwrap_or_default(),
            &self.rule,
            &self.path,
            &self.reason,
            self.detail.as_deref().unwrap_or_default(),
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let mut text = String::with_capacity(12);
        for byte in &hash.finalize()[..6] {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Reason and detail in one word.
    pub fn kind(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}/{detail}", self.reason),
            None => self.reason.clone(),
        }
    }
}

/// Tells the contents of records apart: of key and value, where the value may be away and only its hash be there. Never 0.
pub(crate) fn sum_of(record: &Record) -> u64 {
    let mut hash = Sha256::new();
    match record.key.as_deref() {
        Some(key) => {
            hash.update((key.len() as u64).to_le_bytes());
            hash.update(key);
        }
        None => hash.update(u64::MAX.to_le_bytes()),
    }
    match (header_text(&record.headers, stamp::VALUE_SHA256), record.value.as_deref()) {
        (Some(hex), _) => hash.update(hex.as_bytes()),
        (None, Some(value)) => hash.update(hex(value).as_bytes()),
        (None, None) => {}
    }
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first).max(1)
}

/// SHA-256 in hex digits.
pub(crate) fn hex(value: &[u8]) -> String {
    // Of each letter, so without the formatter.
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let digits = Sha256::digest(value)
        .into_iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    let mut text = String::with_capacity(64);
    text.extend(digits);
    text
}

/// A pointer with every position in a list starred. A field whose name is a number looks the same, and is starred, too.
pub fn starred(pointer: &str) -> String {
    let star = |segment: &str| match !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) {
        true => "*".to_owned(),
        false => segment.to_owned(),
    };
    pointer.split('/').map(star).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_as_headers_have_them() {
        // FIPS 180-4, of the empty text.
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(b""), empty);
    }

    #[test]
    fn positions_in_lists_do_not_tell_groups_apart() {
        assert_eq!(starred("/items/12/sku"), "/items/*/sku");
        assert_eq!(starred(""), "");
        let class = |path: &str, rule: &str| Class {
            contract: Some("orders".into()),
            major: Some(1),
            topic: None,
            rule: rule.into(),
            path: starred(path),
            reason: "type_mismatch".into(),
            detail: None,
        };
        assert_eq!(class("/items/1", "type").fingerprint(), class("/items/22", "type").fingerprint());
        assert_ne!(class("/items/1", "type").fingerprint(), class("/items/1", "enum").fingerprint());
        assert_ne!(
            class("/ab", "c").fingerprint(),
            class("/a", "bc").fingerprint(),
            "parts do not run together"
        );
    }
}
