//! The form of a contract: which keys a mapping may have and what kind of value each takes.
//!
//! Form is checked first and for the whole file; the modules that give clauses their meaning then read only what has the right form, so
//! a wrong kind of value is reported once and has no consequences.

use super::edition::Edition;
use crate::codes;
use crate::nearest::nearest;
use crate::problems::{Problems, listed, quoted};
use crate::yaml::{At, Value};

/// What kind of value is expected.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Text.
    Text,
    /// True or false.
    Flag,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// Text, number, truth value or nothing.
    Scalar,
    /// Anything at all; also what a later step looks at itself.
    Any,
    /// One of these words in any case, and an error otherwise.
    Word(&'static [&'static str]),
    /// One of these words in any case, and a warning otherwise.
    Usually(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// A mapping with these keys.
    Mapping(&'static Keys),
    /// A mapping or a list, by what is there.
    MappingOrList(&'static Keys, &'static Shape),
    /// Text or a list of texts.
    TextOrList,
    /// Text or a mapping of anything.
    TextOrMapping,
    /// Any mapping.
    AnyMapping,
}

/// The keys of a kind of mapping.
#[derive(Debug)]
pub(crate) struct Keys {
    /// How a sentence calls such a mapping.
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [Key],
    /// Unknown keys only get a warning in editions before this one, because their schema let them through.
    pub(crate) open_before: Edition,
    /// What people write, and what they should write instead.
    pub(crate) slips: &'static [(&'static str, &'static str)],
}

/// A key of a mapping.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) since: Edition,
    pub(crate) required: bool,
}

/// A key that every edition has.
pub(crate) const fn key(name: &'static str, shape: &'static Shape) -> Key {
    Key {
        name,
        shape,
        since: Edition::V3_0,
        required: false,
    }
}

/// A key that must be there.
pub(crate) const fn required(name: &'static str, shape: &'static Shape) -> Key {
    Key {
        name,
        shape,
        since: Edition::V3_0,
        required: true,
    }
}

/// A key that came later.
pub(crate) const fn since(edition: Edition, name: &'static str, shape: &'static Shape) -> Key {
    Key {
        name,
        shape,
        since: edition,
        required: false,
    }
}

/// Checks form, everything below included.
pub(crate) fn check(at: &At<'_>, shape: &Shape, edition: Edition, problems: &mut Problems) {
    let value = &at.node.value;
    match (shape, value) {
        (Shape::Any | Shape::Scalar, Value::Null) | (Shape::Any, _) => {}
        (Shape::Text | Shape::TextOrList | Shape::TextOrMapping, Value::String(_)) => {}
        (Shape::Flag, Value::Bool(_)) | (Shape::Number, Value::Number(_)) => {}
        (Shape::Whole, Value::Number(text)) if text.parse::<i64>().is_ok() => {}
        (Shape::Scalar, Value::Bool(_) | Value::Number(_) | Value::String(_)) => {}
        (Shape::Word(words), Value::String(text)) => check_word(at, text, words, true, problems),
        (Shape::Usually(words), Value::String(text)) => check_word(at, text, words, false, problems),
        (Shape::List(item) | Shape::MappingOrList(_, item), Value::Sequence(_)) => {
            for element in at.items().into_iter().flatten() {
                check(&element, item, edition, problems);
            }
        }
        (Shape::TextOrList, Value::Sequence(_)) => {
            for element in at.items().into_iter().flatten() {
                check(&element, &Shape::Text, edition, problems);
            }
        }
        (Shape::Mapping(keys) | Shape::MappingOrList(keys, _), Value::Mapping(_)) => check_keys(at, keys, edition, problems),
        (Shape::AnyMapping | Shape::TextOrMapping, Value::Mapping(_)) => {}
        _ => wrong_kind(at, shape, problems),
    }
}

/// Checks the keys of a mapping and everything below.
pub(crate) fn check_keys(at: &At<'_>, keys: &Keys, edition: Edition, problems: &mut Problems) {
    for (name, value) in at.entries().into_iter().flatten() {
        match keys.keys.iter().find(|key| key.name == &**name) {
            Some(key) if key.since > edition => {
                let problem = format!("`{}` of {} came with apiVersion {}", key.name, keys.what, key.since.name());
                let help = format!("say `apiVersion: {}`, or leave it out", key.since.name());
                if edition < keys.open_before {
                    problems.warning(codes::UNKNOWN_KEY, value.key_place(), problem, help);
                } else {
                    problems.error(codes::UNKNOWN_KEY, value.key_place(), problem, help);
                }
            }
            // A key without a value is a key that was left out.
            Some(_) if value.node.value == Value::Null => {}
            Some(key) => check(&value, key.shape, edition, problems),
            None => {
                let problem = format!("{} is not a key of {}", quoted(name), keys.what);
                let help = unknown_help(name, keys, edition);
                if edition < keys.open_before {
                    problems.warning(codes::UNKNOWN_KEY, value.key_place(), problem, help);
                } else {
                    problems.error(codes::UNKNOWN_KEY, value.key_place(), problem, help);
                }
            }
        }
    }
    for key in keys.keys.iter().filter(|key| key.required && at.get(key.name).is_none()) {
        let problem = format!("{} has no `{}`", keys.what, key.name);
        problems.error(codes::MISSING_KEY, at.place(), problem, format!("add `{}:`", key.name));
    }
}

fn unknown_help(name: &str, keys: &Keys, edition: Edition) -> String {
    if let Some((_, instead)) = keys.slips.iter().find(|(slip, _)| *slip == name) {
        return (*instead).to_owned();
    }
    let known = || keys.keys.iter().filter(|key| key.since <= edition).map(|key| key.name);
    match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if keys.keys.len() <= 12 => format!("keys here: {}", listed(known())),
        None => "put additions of your own under `customProperties`".to_owned(),
    }
}

fn check_word(at: &At<'_>, text: &str, words: &[&str], strict: bool, problems: &mut Problems) {
    if words.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        return;
    }
    let problem = format!("{} is none of {}", quoted(text), listed(words.iter().copied()));
    let help = nearest(text, words.iter().copied())
        .map(|near| format!("did you mean `{near}`?"))
        .unwrap_or_default();
    if strict {
        problems.error(codes::WRONG_TYPE, at.place(), problem, help);
    } else {
        problems.warning(codes::WRONG_TYPE, at.place(), problem, help);
    }
}

fn wrong_kind(at: &At<'_>, shape: &Shape, problems: &mut Problems) {
    let expected = match shape {
        Shape::Text | Shape::Word(_) | Shape::Usually(_) => "text",
        Shape::Flag => "true or false",
        Shape::Whole => "a whole number",
        Shape::Number => "a number",
        Shape::Scalar => "a single value",
        Shape::Any => "a value",
        Shape::List(_) => "a list",
        Shape::Mapping(_) | Shape::AnyMapping => "a mapping",
        Shape::MappingOrList(..) => "a mapping or a list",
        Shape::TextOrList => "text or a list of texts",
        Shape::TextOrMapping => "text or a mapping",
    };
    let help = match (shape, &at.node.value) {
        (Shape::Text | Shape::Word(_) | Shape::Usually(_), Value::Number(text)) => format!("quote it: '{text}'"),
        (Shape::Text, Value::Bool(value)) => format!("quote it: '{value}'"),
        (Shape::Flag, Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "on" | "true" => "write true".to_owned(),
            "no" | "n" | "off" | "false" => "write false".to_owned(),
            _ => String::new(),
        },
        (Shape::Number | Shape::Whole, Value::String(text)) if text.parse::<f64>().is_ok() => "remove the quotes".to_owned(),
        (Shape::List(_), Value::Mapping(_)) => "start each item with `- `".to_owned(),
        _ => String::new(),
    };
    problems.error(
        codes::WRONG_TYPE,
        at.place(),
        format!("expected {expected}, found {}", at.node.kind()),
        help,
    );
}
