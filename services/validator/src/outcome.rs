//! From a verdict to the record that leaves.

use tidegate_check::{Reason, Skip, Violation};
use tidegate_contract::ContractRef;
use tidegate_flow::record::{Outgoing, header_text};
use tidegate_flow::stamp::{self, JudgedBy};
use tidegate_flow::{Header, Record, TopicPartition};

use crate::dead_letter::{self, Diagnosis};
use crate::settings::Settings;

/// What becomes of one record. Every record of a batch has exactly one.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Passes, byte-identical.
    Validated {
        /// Violations of lower severity.
        notes: Vec<Violation>,
        /// False when only a proposed contract judged it.
        enforced: bool,
    },
    /// Set aside with its reasons.
    DeadLetter {
        /// At least one.
        violations: Vec<Violation>,
        /// More were found than are listed.
        cut: bool,
        /// How much of them travels along.
        diagnosis: Diagnosis,
    },
    /// No record leaves; a named policy says why.
    Skipped(Skip),
}

/// How an outcome counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Validated.
    Validated,
    /// Dead letter for this reason.
    DeadLetter(Reason),
    /// Skipped by this policy.
    Skipped(Skip),
}

/// A judged record with all that its outcome needs.
#[derive(Debug, Clone)]
pub struct Decided {
    /// The record.
    pub record: Record,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The contract that judged it; none for `no_contract`.
    pub contract: Option<ContractRef>,
    /// Snapshot, engine and time, as they are stamped.
    pub judged: JudgedBy,
    /// Commit of the snapshot.
    pub commit: std::sync::Arc<str>,
    /// The contract says that its partition halts in front of a dead letter.
    pub halts: bool,
    /// A proposed version beside the one that judged, and whether it calls the record valid. Decides nothing.
    pub shadow: Option<(ContractRef, bool)>,
}

// === impl Decided ===

impl Decided {
    /// How it counts.
    pub fn class(&self) -> Class {
        match &self.outcome {
            Outcome::Validated { .. } => Class::Validated,
            Outcome::DeadLetter { violations, .. } => Class::DeadLetter(dead_letter::leading_reason(violations)),
            Outcome::Skipped(skip) => Class::Skipped(*skip),
        }
    }

    /// Whether its value stays behind.
    fn is_reference(&self) -> bool {
        let reference = Diagnosis::Reference;
        matches!(&self.outcome, Outcome::DeadLetter { diagnosis, .. } if *diagnosis == reference)
    }

    /// Whether it was set aside because processes died of it.
    pub(crate) fn is_given_up(&self) -> bool {
        self.class() == Class::DeadLetter(Reason::CrashSuspect)
    }

    /// The record that leaves, to the same partition number; none when it is skipped.
    pub fn outgoing(&self, settings: &Settings, failed_at: &str) -> Option<Outgoing> {
        let source = &self.record.origin.at;
        let is_retry = settings.is_retry(&source.topic);
        let own = match is_retry {
            true => stamp::own_headers(&self.record.headers).to_vec(),
            false => stamp::sanitize(self.record.headers.clone()),
        };
        let (topic, headers) = match &self.outcome {
            Outcome::Validated { notes, enforced } => (settings.validated(&source.topic), self.validated_headers(own, notes, *enforced)),
            Outcome::DeadLetter {
                violations,
                cut,
                diagnosis,
            } => {
                let headers = dead_letter::headers(&self.record, own, &self.judged, violations, *cut, failed_at, *diagnosis);
                (settings.dead_letters(&source.topic), headers)
            }
            Outcome::Skipped(_) => return None,
        };
        let mut headers = headers;
        let mut timestamp = self.record.timestamp;
        if is_retry {
            headers.extend(stamp::retry_headers(&self.record.headers).cloned());
            // The client replaced it on the way to the retry topic.
            if header_text(&self.record.headers, stamp::TIMESTAMP) == Some("0") {
                timestamp = Some(0);
            }
        }
        if timestamp == Some(0) {
            headers.push(Header::text(stamp::TIMESTAMP, "0"));
        }
        Some(Outgoing {
            to: TopicPartition {
                topic,
                partition: source.partition,
            },
            timestamp,
            key: self.record.key.clone(),
            value: self.record.value.clone().filter(|_| !self.is_reference()),
            headers,
        })
    }

    fn validated_headers(&self, own: Vec<Header>, notes: &[Violation], enforced: bool) -> Vec<Header> {
        let mut headers = own;
        self.judged.stamp(&mut headers, &self.record.origin);
        if !enforced {
            headers.push(Header::text(stamp::ENFORCED, "false"));
        }
        if !notes.is_empty() {
            headers.push(Header::text(stamp::NOTES, dead_letter::errors_json(notes, false)));
        }
        headers
    }

    /// The next smaller form after the brokers called the record too large; none when there is nothing left to leave out.
    /// Our notes on a valid record go first. If it is still too large it becomes a dead letter, which says so.
    pub fn smaller(&self, location: &tidegate_contract::Location) -> Option<Outcome> {
        match &self.outcome {
            Outcome::Validated { notes, enforced } if !notes.is_empty() => Some(Outcome::Validated {
                notes: Vec::new(),
                enforced: *enforced,
            }),
            Outcome::Validated { .. } => Some(Outcome::DeadLetter {
                violations: vec![Violation {
                    reason: Reason::SizeViolation,
                    detail: Some(tidegate_codec::Detail::TooLarge),
                    rule: "size".into(),
                    severity: tidegate_contract::Severity::Error,
                    pointer: String::new(),
                    location: location.clone(),
                }],
                cut: false,
                diagnosis: Diagnosis::Trimmed,
            }),
            Outcome::DeadLetter {
                violations,
                cut,
                diagnosis: Diagnosis::Full,
            } => Some(Outcome::DeadLetter {
                violations: violations.clone(),
                cut: *cut,
                diagnosis: Diagnosis::Trimmed,
            }),
            Outcome::DeadLetter {
                violations,
                cut,
                diagnosis: Diagnosis::Trimmed,
            } if self.record.value.is_some() => Some(Outcome::DeadLetter {
                violations: violations.clone(),
                cut: *cut,
                diagnosis: Diagnosis::Reference,
            }),
            Outcome::DeadLetter { .. } | Outcome::Skipped(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_flow::{Offset, Origin};

    /// What a producer writes under our prefix is kept, moved aside, and never believed.
    #[test]
    fn forged_headers_of_a_valid_record_are_moved_aside() {
        let at = TopicPartition::new("orders", 2);
        let record = Record {
            origin: Origin { at, offset: Offset(7) },
            timestamp: Some(0),
            key: None,
            value: None,
            headers: vec![Header::text(stamp::ORIGIN, "payments:0:1"), Header::text("mine", "x")],
        };
        let decided = Decided {
            outcome: Outcome::Validated {
                notes: Vec::new(),
                enforced: true,
            },
            contract: None,
            judged: JudgedBy::new(None, "c0ffee", "1", 5),
            commit: "c0ffee".into(),
            halts: false,
            shadow: None,
            record: record.clone(),
        };
        let outgoing = decided.outgoing(&Settings::default(), "").unwrap();
        assert_eq!((&*outgoing.to.topic, outgoing.to.partition), ("orders.validated", 2));
        assert_eq!(stamp::read(&outgoing.headers).unwrap().origin, record.origin);
        assert_eq!(header_text(&outgoing.headers, "forged.tidegate.origin"), Some("payments:0:1"));
        assert_eq!(
            header_text(&outgoing.headers, stamp::TIMESTAMP),
            Some("0"),
            "clients replace 0 by now"
        );
    }
}
