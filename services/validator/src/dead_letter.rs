//! The form of a dead letter: the original bytes, our headers, and the names that Kafka Connect made common.

use std::fmt::Write as _;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tidegate_check::{Reason, Violation};
use tidegate_contract::Severity;
use tidegate_flow::stamp::{self, JudgedBy};
use tidegate_flow::{Header, Origin, Record};

/// Upper limit of the `tidegate.errors` header.
pub const ERRORS_BYTES_MAX: usize = 8 << 10;

/// How much of the diagnosis travels along. A record near the broker's limit would grow past it with all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diagnosis {
    /// Everything.
    Full,
    /// Identity, contract, reason: what a replay and the audit need.
    Trimmed,
    /// As that, and in the place of the value its size and SHA-256: it stays where the origin says, as long as the source keeps it.
    Reference,
}

/// The headers of a dead letter: the producer's `own` first, without any that look like ours, then ours.
pub fn headers(
    record: &Record,
    own: Vec<Header>,
    judged: &JudgedBy,
    violations: &[Violation],
    cut: bool,
    failed_at: &str,
    diagnosis: Diagnosis,
) -> Vec<Header> {
    let mut headers = own;
    judged.stamp(&mut headers, &record.origin);
    let Some(first) = leading(violations) else { return headers };
    headers.push(Header::text(stamp::REASON, first.reason.as_str()));
    if let Some(detail) = first.detail {
        headers.push(Header::text(stamp::DETAIL, detail.as_str()));
    }
    match diagnosis {
        Diagnosis::Full => {}
        Diagnosis::Trimmed => return headers,
        Diagnosis::Reference => {
            reference(&mut headers, record.value.as_deref().unwrap_or_default());
            return headers;
        }
    }
    headers.push(Header::text(stamp::RULES, rules(violations)));
    headers.push(Header::text(stamp::ERRORS, errors_json(violations, cut)));
    headers.push(Header::text(stamp::FAILED_AT, failed_at));
    connect_headers(&mut headers, &record.origin, first);
    headers
}

fn reference(headers: &mut Vec<Header>, value: &[u8]) {
    let mut sha256 = String::with_capacity(64);
    for byte in Sha256::digest(value) {
        let _ = write!(sha256, "{byte:02x}");
    }
    headers.push(Header::text(stamp::VALUE_SHA256, sha256));
    headers.push(Header::text(stamp::VALUE_BYTES, value.len().to_string()));
}

/// The violation that names the dead letter: the first of severity error.
pub fn leading(violations: &[Violation]) -> Option<&Violation> {
    violations
        .iter()
        .find(|violation| violation.severity == Severity::Error)
        .or_else(|| violations.first())
}

/// The first reason of a verdict's violations.
pub fn leading_reason(violations: &[Violation]) -> Reason {
    leading(violations).expect("an invalid verdict has a violation").reason
}

/// Violations as compact JSON, cut to [`ERRORS_BYTES_MAX`] at a whole entry; the last entry then says so. Holds no value of the event.
pub fn errors_json(violations: &[Violation], cut: bool) -> String {
    let mut text = String::from("[");
    let mut left_out = 0;
    for violation in violations {
        let entry = entry(violation).to_string();
        if text.len() + entry.len() + 64 > ERRORS_BYTES_MAX {
            left_out += 1;
            continue;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&entry);
    }
    if left_out > 0 || cut {
        let separator = if text.len() > 1 { "," } else { "" };
        let _ = write!(text, r#"{separator}{{"more":true,"left_out":{left_out}}}"#);
    }
    text.push(']');
    text
}

fn entry(violation: &Violation) -> serde_json::Value {
    let mut entry = serde_json::json!({
        "reason": violation.reason.as_str(),
        "rule": &*violation.rule,
        "severity": severity(violation.severity),
        "pointer": capped(&violation.pointer),
        "contract": format!("{}:{}:{}", violation.location.file, violation.location.line, violation.location.column),
        "clause": &*violation.location.pointer,
    });
    if let Some(detail) = violation.detail {
        entry["detail"] = detail.as_str().into();
    }
    entry
}

/// Names of fields come from the event; a long one is cut (I29).
fn capped(pointer: &str) -> &str {
    let mut end = pointer.len().min(256);
    while !pointer.is_char_boundary(end) {
        end -= 1;
    }
    &pointer[..end]
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn rules(violations: &[Violation]) -> String {
    let mut rules: Vec<&str> = violations.iter().map(|violation| &*violation.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.join(",")
}

/// Text values as Kafka Connect writes them (`errors.deadletterqueue.context.headers.enable`); a header that exists is left alone.
fn connect_headers(headers: &mut Vec<Header>, origin: &Origin, first: &Violation) {
    let place = if first.pointer.is_empty() {
        "the event".to_owned()
    } else {
        capped(&first.pointer).to_owned()
    };
    let values = [
        ("topic", origin.at.topic.to_string()),
        ("partition", origin.at.partition.to_string()),
        ("offset", origin.offset.0.to_string()),
        ("connector.name", "tidegate".to_owned()),
        ("stage", "VALUE_CONVERTER".to_owned()),
        ("exception.class.name", format!("tidegate.{}", first.reason.as_str())),
        (
            "exception.message",
            format!("{} ({}) at {place}", first.reason.as_str(), first.rule),
        ),
    ];
    for (name, value) in values {
        let name = format!("__connect.errors.{name}");
        if headers.iter().all(|header| *header.name != *name) {
            headers.push(Header {
                name: name.into(),
                value: Some(Bytes::from(value)),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_contract::Location;
    use tidegate_flow::{Offset, TopicPartition};

    fn violation(rule: &str, pointer: &str) -> Violation {
        Violation {
            reason: Reason::TypeMismatch,
            detail: None,
            rule: rule.into(),
            severity: Severity::Error,
            pointer: pointer.to_owned(),
            location: Location {
                file: "orders.odcs.yaml".into(),
                line: 12,
                column: 7,
                pointer: "/schema/0".into(),
            },
        }
    }

    fn record(headers: Vec<Header>) -> Record {
        Record {
            origin: Origin {
                at: TopicPartition::new("orders", 3),
                offset: Offset(42),
            },
            timestamp: Some(5),
            key: None,
            value: Some(Bytes::from_static(b"{")),
            headers,
        }
    }

    #[test]
    fn the_producers_headers_stay_first_and_forged_ones_are_moved_aside() {
        let record = record(vec![
            Header::text("a", "1"),
            Header::text("tidegate.reason", "none"),
            Header::text("a", "2"),
        ]);
        let judged = JudgedBy::new(None, "c0ffee", "1", 7);
        let headers = headers(
            &record,
            stamp::sanitize(record.headers.clone()),
            &judged,
            &[violation("type", "/x")],
            false,
            "2026-01-01T00:00:00Z",
            Diagnosis::Full,
        );
        let names: Vec<&str> = headers.iter().map(|header| &*header.name).collect();
        assert_eq!(&names[..3], ["a", "forged.tidegate.reason", "a"]);
        assert_eq!(tidegate_flow::record::header_text(&headers, stamp::REASON), Some("type_mismatch"));
        assert_eq!(tidegate_flow::record::header_text(&headers, "__connect.errors.offset"), Some("42"));
        assert_eq!(stamp::read(&headers).unwrap().origin, record.origin);
    }

    #[test]
    fn errors_stay_within_their_limit_and_say_when_they_were_cut() {
        let many: Vec<Violation> = (0..200).map(|i| violation("type", &format!("/{}", "x".repeat(200 + i)))).collect();
        let text = errors_json(&many, false);
        assert!(text.len() <= ERRORS_BYTES_MAX, "{}", text.len());
        let parsed: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed.last().unwrap()["more"], true);
        assert!(
            serde_json::from_str::<Vec<serde_json::Value>>(&errors_json(&many[..2], false))
                .unwrap()
                .len()
                == 2
        );
    }
}
