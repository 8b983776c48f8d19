//! The verdict as a person reads it, and as a program does.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Value, json};
use tidegate_check::locate::{Place, Seen};
use tidegate_check::{Reason, Verdict, Violation};
use tidegate_contract::excerpt::{Excerpt, Finding, Mark, line_and_column, render_findings};
use tidegate_contract::{Level, LogicalType, Property, SchemaObject, Severity};

use super::clause;
use crate::commands::contract_file::Chosen;

/// A violation and its place in the event.
pub(super) struct Found<'a> {
    pub(super) violation: &'a Violation,
    pub(super) place: Place,
}

/// Everything that is shown.
pub(super) struct Attempt<'a> {
    pub(super) chosen: &'a Chosen,
    /// None where no object of the contract describes the event.
    pub(super) object: Option<&'a str>,
    pub(super) file: &'a str,
    pub(super) event: &'a [u8],
    pub(super) verdict: &'a Verdict,
    pub(super) found: &'a [Found<'a>],
    /// Bytes that are not shown.
    pub(super) hidden: &'a [Range<usize>],
}

/// The bytes of values whose property has a classification, `public` excepted; for a list or map that of its items counts as well.
pub(super) fn classified(object: &SchemaObject, seen: &[Seen]) -> Vec<Range<usize>> {
    let hides = |property: &Property| property.classification.as_deref().is_some_and(|class| class != "public");
    let is_hidden = |path: &[String]| {
        let Some((first, rest)) = path.split_first() else { return false };
        let mut at = object.properties.iter().find(|property| *property.wire_name == **first);
        let mut rest = rest.iter();
        while let Some(property) = at {
            if hides(property) {
                return true;
            }
            let Some(step) = rest.next() else { return false };
            at = match &property.logical_type {
                LogicalType::Object { properties, .. } => properties.iter().find(|inner| *inner.wire_name == **step),
                LogicalType::Array { items, .. } => items.as_deref(),
                LogicalType::Map { key, value } => {
                    if hides(key) {
                        return true;
                    }
                    Some(value)
                }
                _ => None,
            };
        }
        false
    };
    let mut hidden: Vec<Range<usize>> = seen
        .iter()
        .filter(|value| is_hidden(&value.path))
        .map(|value| value.bytes.clone())
        .collect();
    // A map with classified keys is hidden with its braces.
    let maps = seen.iter().filter(|value| {
        property_at(object, &value.path)
            .is_some_and(|property| matches!(&property.logical_type, LogicalType::Map { key, .. } if hides(key)))
    });
    hidden.extend(maps.map(|value| value.bytes.clone()));
    hidden
}

fn property_at<'o>(object: &'o SchemaObject, path: &[String]) -> Option<&'o Property> {
    let (first, rest) = path.split_first()?;
    let mut at = object.properties.iter().find(|property| *property.wire_name == **first)?;
    for step in rest {
        at = match &at.logical_type {
            LogicalType::Object { properties, .. } => properties.iter().find(|inner| *inner.wire_name == **step)?,
            LogicalType::Array { items, .. } => items.as_deref()?,
            LogicalType::Map { value, .. } => value,
            _ => return None,
        };
    }
    Some(at)
}

// === impl Attempt ===

impl Attempt<'_> {
    pub(super) fn text(&self, color: bool) -> String {
        let findings: Vec<Finding> = self.found.iter().map(|found| self.finding(found)).collect();
        let contract = self.chosen.contract.reference();
        let errors = self
            .found
            .iter()
            .filter(|found| found.violation.severity == Severity::Error)
            .count();
        let notes = self.found.len() - errors;
        let plural = |count: usize, word: &str| match count {
            1 => format!("1 {word}"),
            _ => format!("{count} {word}s"),
        };
        let unenforced = if self.chosen.contract.status.is_enforced() {
            ""
        } else {
            "; the contract is not enforced yet, such events pass"
        };
        let conclusion = match self.verdict {
            Verdict::Valid { .. } if notes == 0 => String::from("valid"),
            Verdict::Valid { .. } => format!("valid, with {}", plural(notes, "note")),
            Verdict::Invalid { cut, .. } => {
                let more = if *cut { " (and more than are listed)" } else { "" };
                format!("invalid: {}{more}{unenforced}", plural(errors, "error"))
            }
            Verdict::Skipped(skip) => format!("skipped by policy {}: neither valid nor a dead letter", skip.as_str()),
            Verdict::Need(_) => String::from("could not tell: a schema is missing"),
        };
        let object = self.object.map(|object| format!(" `{object}`")).unwrap_or_default();
        format!(
            "{}{}: {conclusion} under {contract}{object}",
            render_findings(&findings, color),
            self.file
        )
    }

    pub(super) fn document(&self) -> Value {
        let violations: Vec<Value> = self.found.iter().map(|found| self.violation(found)).collect();
        let contract = self.chosen.contract.reference();
        let mut document = json!({
            "verdict": match self.verdict {
                Verdict::Valid { .. } => "valid",
                Verdict::Invalid { .. } => "invalid",
                Verdict::Skipped(_) => "skipped",
                Verdict::Need(_) => "unknown",
            },
            "contract": {"id": &*contract.id, "version": &*contract.version},
            "object": self.object,
            "event": self.file,
            "violations": violations,
        });
        match self.verdict {
            Verdict::Invalid { cut, .. } => document["cut"] = json!(cut),
            Verdict::Skipped(skip) => document["policy"] = json!(skip.as_str()),
            Verdict::Need(need) => document["needs"] = json!(super::missing(need)),
            Verdict::Valid { .. } => {}
        }
        document
    }

    fn violation(&self, found: &Found<'_>) -> Value {
        let violation = found.violation;
        let at = clause::place(&self.chosen.contract, violation);
        let span = found.bytes().map(|bytes| {
            let (line, column) = line_and_column(self.event, bytes.start);
            json!({"start": bytes.start, "end": bytes.end, "line": line, "column": column})
        });
        json!({
            "reason": violation.reason.as_str(),
            "detail": violation.detail.map(|detail| detail.as_str()),
            "rule": &*violation.rule,
            "severity": severity(violation.severity),
            "pointer": violation.pointer,
            "event": {
                "place": match found.place {
                    Place::Value(_) => "value",
                    Place::Name(_) => "name",
                    Place::Missing(_) => "missing_in",
                    Place::Stopped(_) => "stopped_at",
                    Place::Within(_) => "within",
                    Place::Whole => "whole",
                },
                "span": span,
            },
            "contract": {"file": &*at.file, "line": at.line, "column": at.column, "pointer": &*at.pointer},
        })
    }

    fn finding(&self, found: &Found<'_>) -> Finding {
        let violation = found.violation;
        let level = match violation.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Note,
        };
        let label = label(found);
        let mut excerpts: Vec<Excerpt> = self.event_excerpt(found, &label).into_iter().collect();
        let at = clause::place(&self.chosen.contract, violation);
        excerpts.push(Excerpt::of_contract(&self.chosen.text, &at, "the contract says so here"));
        let mut notes = Vec::new();
        if !violation.pointer.is_empty() {
            notes.push(format!("pointer: {}", violation.pointer));
        }
        if let Some(detail) = violation.detail {
            notes.push(format!("detail: {}", detail.as_str()));
        }
        notes.push(format!("rule: {}", violation.rule));
        Finding {
            level,
            code: violation.reason.as_str().to_owned(),
            title: self.title(violation),
            excerpts,
            notes,
        }
    }

    fn event_excerpt(&self, found: &Found<'_>, label: &str) -> Option<Excerpt> {
        let bytes = found.bytes()?;
        let mark = if matches!(found.place, Place::Missing(_)) {
            Mark::Ends
        } else {
            Mark::Piece
        };
        // Control characters are no text to show, apart from those that JSON may hold between values.
        let is_text = |text: &&str| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
        match std::str::from_utf8(self.event).ok().filter(is_text) {
            Some(text) => {
                let masked = mask(text, self.hidden);
                Some(Excerpt::of_text(self.file, &masked, bytes, mark, label))
            }
            None => Some(Excerpt::of_bytes(self.file, self.event, bytes, self.hidden, label)),
        }
    }

    fn title(&self, violation: &Violation) -> String {
        let mut names = violation.pointer.rsplit('/').map(|name| name.replace("~1", "/").replace("~0", "~"));
        let what = match (names.next().as_deref(), names.next().as_deref()) {
            (Some("*"), _) if violation.reason == Reason::AdditionalProperties => String::from("a field"),
            (Some("*"), Some(map)) => format!("an entry of `{map}`"),
            (Some(name), Some(list)) if name.parse::<u64>().is_ok() => format!("item {name} of `{list}`"),
            (None | Some(""), _) => String::from("the event"),
            (Some(name), _) => format!("`{name}`"),
        };
        match violation.reason {
            Reason::RequiredMissing if violation.detail == Some(tidegate_codec::Detail::Null) => format!("{what} is null and is required"),
            Reason::RequiredMissing => format!("{what} is required and not there"),
            Reason::TypeMismatch => format!("{what} is not {}", self.wanted(violation)),
            Reason::ConstraintViolation => format!("{what} breaks `{}`", violation.rule),
            Reason::AdditionalProperties => format!("{what} is not declared"),
            Reason::SemanticViolation => match self.description(violation) {
                Some(description) => format!("rule `{}` does not hold: {description}", violation.rule),
                None => format!("rule `{}` does not hold", violation.rule),
            },
            Reason::Undecodable => String::from("the event cannot be read"),
            Reason::CdcMalformed => String::from("this is not a complete change event"),
            Reason::ContractRetired => String::from("the contract is retired"),
            Reason::UnplannedEvent if violation.rule.as_ref() == "discriminator" => {
                String::from("no object of the contract describes this event")
            }
            Reason::UnknownFraming => String::from("the bytes are in none of the encodings that the contract accepts"),
            _ => format!("{what}: {}", violation.reason.as_str().replace('_', " ")),
        }
    }

    /// What kind of value the property wants.
    fn wanted(&self, violation: &Violation) -> String {
        let node = self.chosen.contract.document.at_pointer(&violation.location.pointer);
        match node.and_then(|node| node.get("logicalType")).and_then(|node| node.as_str()) {
            Some(logical_type) if "aeiou".contains(&logical_type[..logical_type.len().min(1)]) => format!("an {logical_type}"),
            Some(logical_type) => format!("a {logical_type}"),
            None => String::from("of the declared type"),
        }
    }

    fn description(&self, violation: &Violation) -> Option<String> {
        let node = self.chosen.contract.document.at_pointer(&violation.location.pointer)?;
        let text = node.get("description")?.as_str()?;
        Some(text.trim().trim_end_matches('.').to_owned())
    }
}

fn label(found: &Found<'_>) -> String {
    let violation = found.violation;
    let detail = violation.detail.map(|detail| detail.as_str().replace('_', " "));
    match &found.place {
        Place::Missing(_) => {
            let name = violation.pointer.rsplit('/').next().unwrap_or_default();
            format!("no `{}` in here", name.replace("~1", "/").replace("~0", "~"))
        }
        Place::Stopped(_) => format!(
            "reading stopped here{}",
            detail.map(|detail| format!(": {detail}")).unwrap_or_default()
        ),
        Place::Within(_) => String::from("somewhere in these bytes, which are compressed or base64"),
        Place::Name(_) if violation.reason == Reason::AdditionalProperties => String::from("not declared"),
        _ => match violation.reason {
            Reason::TypeMismatch => String::from("another type"),
            Reason::ConstraintViolation => format!(
                "breaks `{}`{}",
                violation.rule,
                detail.map(|detail| format!(": {detail}")).unwrap_or_default()
            ),
            Reason::SemanticViolation => String::from("the rule looks at this"),
            _ => detail.unwrap_or_default(),
        },
    }
}

/// The text with hidden values as stars, byte for byte, so that places stay true.
fn mask(text: &str, hidden: &[Range<usize>]) -> String {
    let stars: BTreeSet<usize> = hidden.iter().flat_map(Clone::clone).collect();
    let masked: Vec<u8> = text
        .bytes()
        .enumerate()
        .map(|(at, byte)| if stars.contains(&at) && byte != b'\n' { b'*' } else { byte })
        .collect();
    // Whole values are hidden, so no character is cut.
    String::from_utf8(masked).unwrap_or_else(|_| "*".repeat(text.len()))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}
