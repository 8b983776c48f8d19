//! What a JSON Schema says of an event.

use std::borrow::Cow;

use serde_json::Value;
use tidegate_codec::{Detail, JsonReader, Token};
use tidegate_contract::Severity;

use super::Document;
use crate::change;
use crate::event_schema::{EventSchema, NoTree, Unsent, VALUES_MAX, read};
use crate::judge::findings::{Broken, Rule};
use crate::judge::walk::Source;
use crate::judge::{Image, Judge, Surroundings};
use crate::plan::{Kind, Plan};
use crate::verdict::Reason;

// === impl Judge ===

impl Judge {
    /// Adds what the JSON Schema says. The walk has read the document without a fault before.
    pub(in crate::judge) fn ask_schema(&mut self, around: &Surroundings<'_>, image: Image) {
        let (Some((EventSchema::Json(schema), location)), Some(document)) = (&around.plan.event_schema, around.document) else {
            return;
        };
        let tree = match document {
            Document::Json(bytes) => read(&mut JsonReader::new(bytes), Source::plain, VALUES_MAX),
            Document::Row(row) => read(&mut row.reader(), Source::plain, VALUES_MAX),
        };
        let plan = around.plan;
        match tree {
            Ok(value) if schema.is_within_reach(&value) => {
                let unavailable = &self.scratch.unavailable;
                let unsent = |name: &str, value: &Value| is_unsent(plan, unavailable, name, value);
                let unsent: Option<Unsent<'_>> = if image.placeholders { Some(&unsent) } else { None };
                schema.judge(&value, image.prefix, location, unsent, &mut self.findings);
            }
            // What cannot be read was reported by the walk; were it ever not, the event is still not valid.
            Ok(_) | Err(NoTree::TooMany | NoTree::Broken(_)) => {
                let broken = Broken {
                    reason: Reason::LimitExceeded,
                    detail: Some(Detail::TooLarge),
                    rule: Rule::Clause("schema"),
                    severity: Severity::Error,
                    location,
                };
                self.findings.add(broken, || image.prefix.to_owned().into());
            }
        }
    }
}

/// Whether a top-level field stands for a value that the source did not send; lists and objects were found before the walk.
fn is_unsent(plan: &Plan, unavailable: &[usize], name: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => change::is_placeholder(plan, &Token::Str(Cow::Borrowed(text))),
        Value::Array(_) | Value::Object(_) => match &plan.nodes[0].kind {
            Kind::Object(columns) => columns
                .iter()
                .any(|column| *plan.nodes[*column].wire_name == *name && unavailable.contains(column)),
            _ => false,
        },
        _ => false,
    }
}
