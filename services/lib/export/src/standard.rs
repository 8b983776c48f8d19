//! Whether a contract file has the form that the standard's own JSON Schema asks for, so that other tools of the standard take it, too.
//!
//! The reader of contracts decides what Tidegate executes, and says what is wrong in its own words. It reads some things that the schema does not
//! allow, and passes over parts that it has no use for (`servers`, `price`, `support`); those are held to the schema here.

use std::sync::{Arc, LazyLock};

use jsonschema::error::{TypeKind, ValidationError, ValidationErrorKind};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value};
use tidegate_contract::yaml::{self, Node};

use crate::editor::STANDARD;

/// The most deviations that are told of one file.
pub const DEVIATIONS_MAX: usize = 50;

/// One place that the schema refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// JSON Pointer in the document.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
}

/// Holds a document to the schema of the standard, version 3.2.0 with the mend that the README beside it names.
pub fn deviations(document: &Node) -> Vec<Deviation> {
    static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
        let schema = serde_json::from_str(STANDARD).expect("a file of this crate");
        let options = jsonschema::options().with_draft(Draft::Draft201909);
        options.build(&schema).expect("the standard's schema compiles")
    });
    let document = value(document);
    let mut found: Vec<Deviation> = SCHEMA
        .iter_errors(&document)
        .take(DEVIATIONS_MAX)
        .map(|error| deviation(&error))
        .collect();
    found.sort_by(|a, b| (&a.pointer, &a.problem).cmp(&(&b.pointer, &b.problem)));
    found.dedup();
    found
}

/// The document as JSON has it; what JSON has no number for stays text.
fn value(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::Bool(value) => Value::Bool(*value),
        yaml::Value::Number(text) => number(text),
        yaml::Value::String(text) => Value::String(text.to_string()),
        yaml::Value::Sequence(items) => Value::Array(items.iter().map(value).collect()),
        yaml::Value::Mapping(entries) => Value::Object(
            entries
                .iter()
                .map(|entry| (entry.key.to_string(), value(&entry.node)))
                .collect::<Map<_, _>>(),
        ),
    }
}

fn number(text: &Arc<str>) -> Value {
    let as_json = yaml::json_number(text).and_then(|digits| serde_json::from_str(&digits).ok());
    as_json.unwrap_or_else(|| Value::String(text.to_string()))
}

fn deviation(error: &ValidationError<'_>) -> Deviation {
    let error = nearest(error);
    Deviation {
        pointer: error.instance_path().as_str().to_owned(),
        problem: problem(error.kind()),
    }
}

/// Of several forms that do not fit, the one that came furthest into the document says most.
fn nearest<'e>(error: &'e ValidationError<'e>) -> &'e ValidationError<'e> {
    let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind() else {
        return error;
    };
    let depth = |error: &ValidationError<'_>| error.instance_path().as_str().matches('/').count();
    let within = context.iter().flatten().map(nearest).filter(|inner| depth(inner) > depth(error));
    within.max_by_key(|inner| depth(inner)).unwrap_or(error)
}

fn problem(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Required { property } => format!("the standard asks for `{}` here", text(property)),
        ValidationErrorKind::AdditionalProperties { unexpected } | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            format!("the standard knows no {} here", listed(unexpected))
        }
        ValidationErrorKind::Enum { options } => {
            let known: Vec<String> = options.as_array().into_iter().flatten().map(text).collect();
            format!("the standard takes one of {}", listed(&known))
        }
        ValidationErrorKind::Constant { expected_value } => format!("the standard asks for `{}`", text(expected_value)),
        ValidationErrorKind::Type {
            kind: TypeKind::Single(wanted),
        } => format!("the standard asks for {}", named(&wanted.to_string())),
        ValidationErrorKind::Type {
            kind: TypeKind::Multiple(wanted),
        } => {
            let wanted: Vec<&str> = wanted.iter().map(|one| named(one.as_str())).collect();
            format!("the standard asks for {}", wanted.join(" or "))
        }
        ValidationErrorKind::Pattern { pattern } => format!("the standard asks for text like `{pattern}`"),
        ValidationErrorKind::Format { format } => format!("the standard asks for text of the form `{format}`"),
        ValidationErrorKind::MinItems { limit } => format!("the standard asks for at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("the standard takes at most {limit} items"),
        ValidationErrorKind::UniqueItems => "the standard takes no item twice".to_owned(),
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            "this fits none of the forms that the standard knows".to_owned()
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => "this fits several forms that exclude each other in the standard".to_owned(),
        other => format!("the standard's schema refuses this ({})", other.keyword()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn named(kind: &str) -> &'static str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "string" => "text (in quotes, where it looks like something else)",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        _ => "nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: 1.0.0\nstatus: active\nschema:\n  - name: orders\n    \
                        properties:\n      - {name: id, logicalType: string}\n      - {name: untyped}\n";

    fn found(text: &str) -> Vec<String> {
        let document = yaml::parse("orders.odcs.yaml", text).0.expect("YAML");
        let found = deviations(&document);
        found.iter().map(|one| format!("{} {}", one.pointer, one.problem)).collect()
    }

    #[test]
    fn a_contract_of_the_standard_deviates_nowhere() {
        assert_eq!(found(GOOD), Vec::<String>::new());
    }

    #[test]
    fn what_the_reader_has_no_use_for_is_held_to_the_schema() {
        for (more, expected) in [
            ("support: mail\n", "/support the standard asks for a list"),
            ("servers:\n  - {server: a, type: kafka, host: h, topic: t}\n", "/servers/0"),
            ("price: {priceAmount: much}\n", "/price/priceAmount the standard asks for a number"),
            ("colour: red\n", " the standard knows no `colour` here"),
            ("tags: [1]\n", "/tags/0 the standard asks for text"),
        ] {
            let found = found(&format!("{GOOD}{more}"));
            assert!(found.iter().any(|one| one.starts_with(expected)), "{more}: {found:?}");
        }
    }
}
