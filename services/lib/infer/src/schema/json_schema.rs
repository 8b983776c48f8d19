//! JSON Schema, as far as a contract says the same: types, required fields, formats, limits, lists of values, references inside of the document,
//! `allOf`, and one branch beside null. What a contract cannot say stands as a comment where it was.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::clauses::Clauses;
use super::{DEPTH_MAX, Room, VALUES_MAX, documented};
use crate::draft::{Kind, Property, quoted};

/// Schemas that apply to one place, each through a reference or `allOf`; a few that name each other twice would be millions.
const PARTS_MAX: usize = 200;
/// The most characters of a part of the schema that a comment repeats.
const SHOWN_MAX: usize = 120;

/// Keywords that say nothing about events, and those that every place reads.
const READ: [&str; 30] = [
    "$schema",
    "$id",
    "id",
    "$anchor",
    "$defs",
    "definitions",
    "$comment",
    "$vocabulary",
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentMediaType",
    "contentEncoding",
    "$ref",
    "$recursiveRef",
    "$recursiveAnchor",
    "$dynamicAnchor",
    "allOf",
    "anyOf",
    "oneOf",
    "type",
    "nullable",
    "properties",
    "required",
    "additionalProperties",
];

/// What is said of the whole event, and its fields.
pub(super) fn properties(schema: &Value, room: &mut Room) -> Result<(Vec<String>, Vec<Property>), String> {
    let mut walk = Walk {
        root: schema,
        open: Vec::new(),
        room,
    };
    let whole = walk.whole(schema)?;
    let mut said = Vec::new();
    if whole.first("additionalProperties") == Some(&Value::Bool(false)) {
        said.push("It refuses fields that it does not describe; `unknownFields: fail` says so in a contract.".to_owned());
    }
    let list = walk.object(&whole, 0, &mut said)?;
    said.extend(whole.lost);
    said.extend(rest(&whole.parts, &BTreeSet::new()));
    Ok((said, list))
}

/// The document, and where in it the walk is.
struct Walk<'s, 'r> {
    root: &'s Value,
    /// Schemas around this place, so that one that holds itself ends.
    open: Vec<&'s Value>,
    room: &'r mut Room,
}

/// Everything that applies to one place.
#[derive(Default)]
struct Whole<'s> {
    parts: Vec<&'s Map<String, Value>>,
    seen: Vec<&'s Value>,
    /// Those that are the place, rather than mixed into it by `allOf`: who comes back to one of them goes on without end.
    heads: Vec<&'s Value>,
    nullable: bool,
    /// The schema around this place that it is again.
    again: Option<String>,
    /// What is said there and cannot be said here.
    lost: Vec<String>,
}

// === impl Whole ===

impl<'s> Whole<'s> {
    fn first(&self, keyword: &str) -> Option<&'s Value> {
        self.parts.iter().find_map(|part| part.get(keyword))
    }

    /// Names of types, the narrowest of the parts.
    fn types(&self) -> Vec<&'s str> {
        let lists = self.parts.iter().filter_map(|part| part.get("type")).map(|named| match named {
            Value::String(text) => vec![text.as_str()],
            Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        });
        let width = |types: &Vec<&str>| (types.len(), types.contains(&"number"));
        lists.min_by_key(width).unwrap_or_default()
    }

    /// The list of allowed values.
    fn values(&self) -> Option<(&'static str, Vec<&'s Value>)> {
        let listed = self
            .first("enum")
            .and_then(Value::as_array)
            .map(|list| ("enum", list.iter().collect()));
        listed.or_else(|| self.first("const").map(|value| ("const", vec![value])))
    }
}

// === impl Walk ===

impl<'s> Walk<'s, '_> {
    fn whole(&self, schema: &'s Value) -> Result<Whole<'s>, String> {
        let mut whole = Whole::default();
        self.gather(schema, Some("itself"), &mut whole, &mut Vec::new())?;
        Ok(whole)
    }

    /// `called` is how a comment names a schema that is the place itself.
    fn gather(&self, schema: &'s Value, called: Option<&str>, whole: &mut Whole<'s>, way: &mut Vec<&'s Value>) -> Result<(), String> {
        let is_same = |other: &&Value| std::ptr::eq(*other, schema);
        let Value::Object(part) = schema else {
            if schema == &Value::Bool(false) {
                whole.lost.push(String::from("nothing may be here (`false`)"));
            }
            return Ok(());
        };
        if way.iter().any(is_same) {
            return Err(String::from("references of the schema go in a circle"));
        }
        if let Some(called) = called {
            if self.open.iter().any(is_same) {
                whole.again = Some(called.to_owned());
                return Ok(());
            }
            whole.heads.push(schema);
        }
        if whole.seen.iter().any(is_same) {
            return Ok(());
        }
        if whole.parts.len() >= PARTS_MAX {
            return Err(format!("more than {PARTS_MAX} schemas apply to one place"));
        }
        whole.parts.push(part);
        whole.seen.push(schema);
        way.push(schema);
        whole.nullable |= part.get("nullable") == Some(&Value::Bool(true));
        for keyword in ["$ref", "$recursiveRef"] {
            if let Some(reference) = part.get(keyword).and_then(Value::as_str) {
                self.gather(self.target(reference)?, called.map(|_| reference), whole, way)?;
            }
        }
        for branch in part.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.gather(branch, None, whole, way)?;
        }
        for keyword in ["anyOf", "oneOf"] {
            let Some(branches) = part.get(keyword).and_then(Value::as_array) else {
                continue;
            };
            let is_null = |branch: &&Value| branch.get("type").is_some_and(|named| named == "null");
            let others: Vec<&Value> = branches.iter().filter(|branch| !is_null(branch)).collect();
            whole.nullable |= others.len() < branches.len();
            match others.as_slice() {
                [only] => self.gather(only, called, whole, way)?,
                _ => whole.lost.push(lost(keyword, &part[keyword])),
            }
        }
        way.pop();
        Ok(())
    }

    /// References inside of the document are followed; others are never fetched.
    fn target(&self, reference: &str) -> Result<&'s Value, String> {
        let pointer = reference
            .strip_prefix('#')
            .ok_or("the schema refers to another document, which is not fetched: put it in here")?;
        let target = self.root.pointer(pointer);
        target.ok_or_else(|| String::from("the schema refers to a place that it does not have"))
    }

    /// Fields of an object; what is said about it beside them is added to `said`.
    fn object(&mut self, whole: &Whole<'s>, depth: usize, said: &mut Vec<String>) -> Result<Vec<Property>, String> {
        let required = whole.parts.iter().filter_map(|part| part.get("required").and_then(Value::as_array));
        let mut required: BTreeSet<&str> = required.flatten().filter_map(Value::as_str).collect();
        let before = self.open.len();
        self.open.extend(&whole.heads);
        let mut list: Vec<Property> = Vec::new();
        let fields = whole
            .parts
            .iter()
            .filter_map(|part| part.get("properties").and_then(Value::as_object));
        for (name, inner) in fields.flatten() {
            if list.iter().any(|property| property.name == *name) {
                said.push(format!("`{name}` is described twice (`allOf`); the first description stands"));
                continue;
            }
            if !self.room.take() {
                break;
            }
            let (mut property, nullable) = self.of_type(name, inner, depth + 1)?;
            let is_required = required.remove(name.as_str());
            property.required = is_required && !nullable;
            if is_required && nullable {
                property.evidence.push(String::from("must be there, and may be null"));
            }
            list.push(property);
        }
        self.open.truncate(before);
        if !required.is_empty() {
            let names: Vec<&str> = required.into_iter().collect();
            said.push(format!("must be there, and is not described: {}", names.join(", ")));
        }
        Ok(list)
    }

    /// The property, and whether null is allowed.
    fn of_type(&mut self, name: &str, schema: &'s Value, depth: usize) -> Result<(Property, bool), String> {
        let whole = self.whole(schema)?;
        let described = whole.first("description").and_then(Value::as_str);
        let any = |why: String| {
            let mut property = Property::new(name, Kind::Any);
            property.evidence.push(why);
            property
        };
        if let Some(called) = &whole.again {
            let why = format!("is {called} again; a contract cannot hold itself, so what is inside is not checked");
            return Ok((documented(any(why), described), true));
        }
        if depth > DEPTH_MAX {
            return Ok((any(String::from("goes on deeper than a draft does")), true));
        }
        let types = whole.types();
        let mut nullable = whole.nullable || types.contains(&"null");
        let named: Vec<&str> = types.iter().copied().filter(|kind| *kind != "null").collect();
        let values = whole.values();
        if let Some((_, values)) = &values
            && types.is_empty()
        {
            nullable |= values.iter().any(|value| value.is_null());
        }
        let mut guessed = None;
        let kind = match named.as_slice() {
            [kind] => Some(*kind),
            [] if types.is_empty() => {
                guessed = kind_of(&whole, values.as_ref().map(|(_, values)| values.as_slice()));
                guessed.map(|(kind, _)| kind)
            }
            _ => None,
        };
        let mut taken = BTreeSet::new();
        let mut property = match kind {
            Some(kind) => self.typed(name, kind, &whole, depth, &mut taken)?,
            None => {
                nullable |= types.is_empty() && values.as_ref().is_none_or(|(_, values)| values.iter().any(|value| value.is_null()));
                any(match named.as_slice() {
                    [] => String::from("of no type that is named"),
                    several => format!("of several types: {}", several.join(", ")),
                })
            }
        };
        if let Some((_, Some(why))) = guessed {
            property.evidence.push(String::from(why));
        }
        if let Some((keyword, values)) = values.filter(|_| kind.is_some()) {
            let written = written(kind.unwrap_or_default(), &property.kind, &values);
            if let Some(written) = written {
                property.values = written;
                taken.insert(keyword);
            }
        }
        property.stated = true;
        property.evidence.extend(whole.lost.iter().cloned());
        property.evidence.extend(rest(&whole.parts, &taken));
        Ok((documented(property, described), nullable))
    }

    fn typed(
        &mut self,
        name: &str,
        kind: &str,
        whole: &Whole<'s>,
        depth: usize,
        taken: &mut BTreeSet<&'static str>,
    ) -> Result<Property, String> {
        let mut said = Vec::new();
        let mut property = match kind {
            "boolean" => Property::leaf(name, "boolean"),
            "integer" => Property::leaf(name, "integer").with("format", "i64"),
            // A number of any form: the schema names neither digits nor a width.
            "number" => Property::leaf(name, "number").with("format", "f64"),
            "string" => match whole.first("format").and_then(Value::as_str) {
                Some("date-time") => Property::leaf(name, "timestamp"),
                Some("date") => Property::leaf(name, "date"),
                Some("time") => Property::leaf(name, "time"),
                Some(format @ ("uuid" | "email" | "uri" | "hostname" | "ipv4" | "ipv6")) => {
                    Property::leaf(name, "string").with("format", format)
                }
                _ => Property::leaf(name, "string"),
            },
            "object" => self.objects(name, whole, depth, &mut said)?,
            "array" => match whole.first("items").filter(|items| items.is_object()) {
                Some(items) => {
                    taken.insert("items");
                    let before = self.open.len();
                    self.open.extend(&whole.heads);
                    let item = self.of_type("item", items, depth + 1)?.0;
                    self.open.truncate(before);
                    Property::new(name, Kind::Array(Some(Box::new(item))))
                }
                None => Property::new(name, Kind::Array(None)),
            },
            other => return Err(format!("{name} has the type `{other}`, which JSON does not have")),
        };
        let is_text = kind == "string" && matches!(property.kind, Kind::Leaf("string"));
        let has_format = property.options.iter().any(|(option, _)| *option == "format") || !is_text;
        if kind == "string" && has_format {
            taken.insert("format");
        }
        let limits: &[&'static str] = match kind {
            "integer" | "number" => &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
            "string" if is_text => &["minLength", "maxLength", "pattern"],
            "array" => &["minItems", "maxItems", "uniqueItems"],
            "object" if matches!(property.kind, Kind::Object(_)) => &["minProperties", "maxProperties"],
            _ => &[],
        };
        let mut clauses = Clauses::of(&property);
        for limit in limits {
            let written = whole.first(limit).and_then(|value| match value {
                Value::Number(number) => Some(number.to_string()),
                Value::String(text) if *limit == "pattern" => Some(quoted(text)),
                Value::Bool(_) => Some(value.to_string()),
                _ => None,
            });
            // Asked of the contract's own reader: a limit that it refuses would keep the draft from being one.
            if let Some(written) = written
                && clauses.takes(limit, &written)
            {
                property.limits.push((limit, written));
                taken.insert(limit);
            }
        }
        property.evidence.extend(said);
        Ok(property)
    }

    /// An object with fields, or a map.
    fn objects(&mut self, name: &str, whole: &Whole<'s>, depth: usize, said: &mut Vec<String>) -> Result<Property, String> {
        let fields = self.object(whole, depth, said)?;
        let others = whole.first("additionalProperties");
        let values = others.filter(|value| value.is_object() && fields.is_empty());
        if let Some(values) = values {
            let before = self.open.len();
            self.open.extend(&whole.heads);
            let value = self.of_type("value", values, depth + 1)?.0;
            self.open.truncate(before);
            return Ok(Property::new(name, Kind::Map(Box::new(value))));
        }
        match others {
            Some(Value::Bool(false)) => said.push(String::from(
                "not taken over: fields that are not described are refused (`additionalProperties: false`)",
            )),
            Some(other @ Value::Object(_)) => said.push(lost("additionalProperties", other)),
            _ => {}
        }
        Ok(Property::new(name, Kind::Object(fields)))
    }
}

/// What a schema without a type means, and how that was told.
fn kind_of(whole: &Whole<'_>, values: Option<&[&Value]>) -> Option<(&'static str, Option<&'static str>)> {
    if let Some(values) = values {
        let all = |is: fn(&Value) -> bool| values.iter().all(|value| is(value) || value.is_null()) && values.iter().any(|value| is(value));
        return match () {
            () if all(Value::is_string) => Some(("string", None)),
            () if all(|value| value.is_i64()) => Some(("integer", None)),
            () if all(Value::is_boolean) => Some(("boolean", None)),
            () => None,
        };
    }
    match () {
        () if whole.first("properties").is_some() => Some(("object", Some("no type is named; taken for an object"))),
        () if whole.first("items").is_some() => Some(("array", Some("no type is named; taken for a list"))),
        () => None,
    }
}

/// Values as YAML, where all of them are of the type; null is no value of a list.
fn written(kind: &str, made: &Kind, values: &[&Value]) -> Option<Vec<String>> {
    let values: Vec<&&Value> = values.iter().filter(|value| !value.is_null()).collect();
    let written = match (kind, made) {
        ("string", Kind::Leaf("string")) => values.iter().map(|value| value.as_str().map(quoted)).collect::<Option<Vec<_>>>(),
        ("integer", _) => values.iter().map(|value| value.as_i64().map(|number| number.to_string())).collect(),
        _ => None,
    };
    written.filter(|list| !list.is_empty() && list.len() <= VALUES_MAX)
}

/// Every keyword that nobody read.
fn rest(parts: &[&Map<String, Value>], taken: &BTreeSet<&'static str>) -> Vec<String> {
    let all = parts.iter().flat_map(|part| part.iter());
    let unread = all.filter(|(keyword, _)| !READ.contains(&keyword.as_str()) && !taken.contains(keyword.as_str()));
    // Extensions of others (OpenAPI's `x-…`) are no rules.
    unread
        .filter(|(keyword, _)| !keyword.starts_with("x-"))
        .map(|(keyword, value)| lost(keyword, value))
        .collect()
}

fn lost(keyword: &str, value: &Value) -> String {
    let text = value.to_string();
    let shown = match text.char_indices().nth(SHOWN_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    };
    format!("not taken over: `{keyword}`: {shown}")
}
