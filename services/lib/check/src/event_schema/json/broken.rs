//! What a schema says of an event, as violations without a value; and what is wrong with a schema, for its author.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;
use tidegate_codec::Detail;
use tidegate_contract::{Location, SchemaFolder, Severity};

use super::{Fault, JsonSchema, place};
use crate::event_schema::document::unescaped;
use crate::judge::findings::{Broken, Findings, Rule};
use crate::verdict::{Reason, VIOLATIONS_MAX};

/// Top-level fields whose value the source of a change event did not send: what the schema says of them, or below them, does not count.
pub(crate) type Unsent<'a> = &'a dyn Fn(&str, &Value) -> bool;

/// A step of a pointer; items go before fields, both in their order. Map keys are starred.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Item(usize),
    Field(String),
}

/// A broken keyword and where. The order decides which are listed when there are too many: the library's own order is not promised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    steps: Vec<Step>,
    keyword: String,
}

// === impl JsonSchema ===

impl JsonSchema {
    /// Adds what the value breaks, in the order of pointers, each keyword once at each place.
    pub(crate) fn judge(&self, value: &Value, prefix: &str, location: &Location, unsent: Option<Unsent<'_>>, findings: &mut Findings) {
        if self.validator.is_valid(value) {
            return;
        }
        let mut found: BTreeMap<Place, (Reason, Option<Detail>)> = BTreeMap::new();
        let mut exempt = false;
        for error in self.validator.iter_errors(value) {
            if let Some(unsent) = unsent
                && is_exempt(&error, value, unsent)
            {
                exempt = true;
                continue;
            }
            let (reason, detail) = reason(error.kind());
            let place = Place {
                steps: self.steps(&error, value),
                keyword: error.kind().keyword().to_owned(),
            };
            found.insert(place, (reason, detail));
            // One more than is listed, so that the verdict knows that it is cut.
            if found.len() > VIOLATIONS_MAX + 1 {
                found.pop_last();
            }
        }
        if found.is_empty() && !exempt {
            // The two questions to the library must agree; if they ever do not, the event is not called valid.
            let place = Place {
                steps: Vec::new(),
                keyword: "invalid".to_owned(),
            };
            found.insert(place, (Reason::ConstraintViolation, None));
        }
        for (place, (reason, detail)) in found {
            let rule: Arc<str> = format!("schema:{}", place.keyword).into();
            let broken = Broken {
                reason,
                detail,
                rule: Rule::Id(&rule),
                severity: Severity::Error,
                location,
            };
            findings.add(broken, || pointer(prefix, &place.steps).into());
        }
    }

    /// The way to the value, and for a field that is missing or too many a step to it.
    fn steps(&self, error: &ValidationError<'_>, event: &Value) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = Some(event);
        for segment in error.instance_path().as_str().split('/').skip(1) {
            let name = unescaped(segment);
            let (step, next) = match at {
                Some(Value::Array(items)) => {
                    let index = name.parse().unwrap_or(usize::MAX);
                    (Step::Item(index), items.get(index))
                }
                Some(Value::Object(fields)) => (Step::Field(self.presentable(&name)), fields.get(&*name)),
                _ => (Step::Field("*".to_owned()), None),
            };
            steps.push(step);
            at = next;
        }
        match error.kind() {
            Kind::Required { property } => steps.push(Step::Field(self.presentable(property.as_str().unwrap_or_default()))),
            Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } | Kind::PropertyNames { .. } => {
                steps.push(Step::Field("*".to_owned()));
            }
            _ => {}
        }
        steps
    }

    fn presentable(&self, name: &str) -> String {
        if self.names.contains(name) { name } else { "*" }.to_owned()
    }
}

/// What is said of a field that was not sent, or of something below it.
fn is_exempt(error: &ValidationError<'_>, event: &Value, unsent: Unsent<'_>) -> bool {
    let mut segments = error.instance_path().as_str().split('/').skip(1);
    let Some(name) = segments.next().map(unescaped) else { return false };
    event.get(&*name).is_some_and(|value| unsent(&name, value))
}

fn reason(kind: &Kind) -> (Reason, Option<Detail>) {
    match kind {
        Kind::Required { .. } => (Reason::RequiredMissing, Some(Detail::Missing)),
        Kind::Type { .. } => (Reason::TypeMismatch, None),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => (Reason::AdditionalProperties, None),
        Kind::RegexEngineFailure { .. } | Kind::BacktrackLimitExceeded { .. } => (Reason::LimitExceeded, None),
        _ => (Reason::ConstraintViolation, None),
    }
}

fn pointer(prefix: &str, steps: &[Step]) -> String {
    let mut out = prefix.to_owned();
    for step in steps {
        out.push('/');
        match step {
            Step::Item(index) => out.push_str(&index.to_string()),
            Step::Field(name) => out.push_str(&name.replace('~', "~0").replace('/', "~1")),
        }
    }
    out
}

/// What the library found wrong with a schema. Texts of the schema may be shown: it is the author's own.
pub(super) fn fault(path: &str, folder: &SchemaFolder, error: &ValidationError<'_>) -> Fault {
    let text = folder.get(path).map_or("", |text| text);
    match error.kind() {
        Kind::Referencing(problem) => {
            let written = match problem {
                jsonschema::ReferencingError::Unretrievable { uri, .. } => Some(uri.as_str()),
                jsonschema::ReferencingError::PointerToNowhere { pointer } => Some(pointer.as_str()),
                jsonschema::ReferencingError::NoSuchAnchor { anchor } => Some(anchor.as_str()),
                _ => None,
            };
            Fault {
                place: Some(
                    written
                        .and_then(|written| reference(path, folder, written))
                        .unwrap_or_else(|| place::at(path, text, 0)),
                ),
                problem: format!("a reference leads nowhere: {}", cause(problem)),
                help: "references lead into the document and to other files under `schemas/`, by path or by their `$id`; nothing is fetched",
            }
        }
        Kind::Format { format } if format == "regex" => Fault {
            place: Some(place::of_pointer(path, text, error.instance_path().as_str())),
            problem: "this pattern cannot be run in linear time".to_owned(),
            help: "write it without look-around and back-references, and shorter if it repeats large counts",
        },
        _ => Fault {
            place: Some(place::of_pointer(path, text, error.instance_path().as_str())),
            problem: format!("this is not valid in a JSON Schema: {error}"),
            help: "correct the schema",
        },
    }
}

/// Where a reference is written, in the first file or another. Only what it resolved to is known, so the last step of it is compared.
fn reference(path: &str, folder: &SchemaFolder, resolved: &str) -> Option<Location> {
    let leads_there = |reference: &str| {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let last = |address: &str| address.rsplit('/').next().map(str::to_owned);
        fragment.trim_start_matches('/') == resolved.trim_start_matches('/') || !base.is_empty() && last(base) == last(resolved)
    };
    let first = folder.get(path).map(|text| (path, &**text));
    let others = folder.iter().map(|(path, text)| (&**path, &**text));
    first.into_iter().chain(others).find_map(|(path, text)| {
        let document = super::parse(path, text).ok()?;
        let mut references = HashSet::new();
        super::collect_references(&document, &mut references);
        let mut places = references.into_iter().filter(|reference| leads_there(reference));
        place::of_string(path, text, places.next()?)
    })
}

fn cause(problem: &jsonschema::ReferencingError) -> String {
    match problem {
        jsonschema::ReferencingError::Unretrievable { uri, source } => format!("`{}`: {source}", uri.trim_start_matches("schemas:///")),
        other => other.to_string(),
    }
}
