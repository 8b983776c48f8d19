//! Properties: of an object, of a nested object, items of arrays, keys and values of maps.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reader;
use super::edition::Edition;
use super::keys;
use super::shape::check_keys;
use crate::codes;
use crate::model::{Literal, LogicalType, Property};
use crate::nearest::did_you_mean;
use crate::problems::quoted;
use crate::yaml::{At, Value, json_number};

const LOGICAL_TYPES: [&str; 11] = [
    "string",
    "date",
    "timestamp",
    "time",
    "number",
    "integer",
    "object",
    "array",
    "boolean",
    "map",
    "vector",
];
/// What people write instead of a logical type.
const TYPE_SLIPS: [(&str, &str); 16] = [
    ("text", "string"),
    ("varchar", "string"),
    ("uuid", "string` with `logicalTypeOptions: {format: uuid}"),
    ("int", "integer"),
    ("long", "integer"),
    ("bigint", "integer"),
    ("decimal", "number` with `physicalType: decimal(precision,scale)"),
    ("numeric", "number` with `physicalType: decimal(precision,scale)"),
    ("float", "number` with `logicalTypeOptions: {format: f64}"),
    ("double", "number` with `logicalTypeOptions: {format: f64}"),
    ("bool", "boolean"),
    ("datetime", "timestamp"),
    ("struct", "object"),
    ("record", "object"),
    ("list", "array"),
    ("bytes", "string` with `logicalTypeOptions: {format: binary}"),
];

// === impl Reader ===

impl Reader<'_> {
    /// `properties[]` of an object.
    pub(super) fn read_properties(&mut self, at: &At<'_>) -> Vec<Property> {
        let mut properties: Vec<Property> = Vec::new();
        let mut primary_keys = 0;
        for item in at.list("properties") {
            let Some(name) = item.text("name") else { continue };
            if name.is_empty() {
                self.problems
                    .error(codes::MISSING_KEY, item.place(), "a property has an empty name", "");
            }
            if name.to_ascii_lowercase().starts_with("_tidegate_") {
                let problem = format!("{} is a column of Tidegate", quoted(&name));
                self.problems.error(
                    codes::RESERVED_NAME,
                    item.place(),
                    problem,
                    "choose another `name`; `physicalName` may stay",
                );
            }
            let property = self.read_property(&item, name, &mut primary_keys);
            properties.push(property);
        }
        self.refuse_equal_names(at, &properties);
        properties
    }

    pub(super) fn read_property(&mut self, at: &At<'_>, name: Arc<str>, primary_keys: &mut u32) -> Property {
        self.refuse_settings(at);
        let logical_type = self.read_logical_type(at);
        let physical_type = at.text("physicalType");
        let enumeration = self.read_enumeration(at, &logical_type);
        let primary_key = at.flag("primaryKey").unwrap_or(false).then(|| {
            *primary_keys += 1;
            let position = at.get("primaryKeyPosition").and_then(|position| match &position.node.value {
                Value::Number(text) => text.parse::<u32>().ok().filter(|position| *position > 0),
                _ => None,
            });
            position.unwrap_or(*primary_keys)
        });
        let mut property = Property {
            wire_name: at.text("physicalName").unwrap_or_else(|| name.clone()),
            name,
            logical_type,
            physical_type,
            required: at.flag("required").unwrap_or(false),
            unique: at.flag("unique").unwrap_or(false),
            primary_key,
            enumeration,
            classification: at.text("classification").map(|text| text.to_lowercase().into()),
            quality: Vec::new(),
            location: self.problems.location(&at.place()),
        };
        self.check_precision(at, &property);
        let nested = match &property.logical_type {
            LogicalType::Object { properties, .. } => properties.as_slice(),
            _ => &[],
        };
        property.quality = self.read_quality(at, Some(&property.name), nested);
        property
    }

    fn read_logical_type(&mut self, at: &At<'_>) -> LogicalType {
        let Some(kind) = at.get("logicalType") else {
            self.without_logical_type(at);
            return LogicalType::Any;
        };
        let Some(text) = kind.as_text() else { return LogicalType::Any };
        if matches!(&*text, "map" | "vector") && self.edition < Edition::V3_2 {
            let problem = format!("logicalType `{text}` came with apiVersion v3.2.0");
            self.problems
                .error(codes::LOGICAL_TYPE, kind.place(), problem, "say `apiVersion: v3.2.0`");
        }
        // Examples of the standard itself use these two in v3.0 files.
        if matches!(&*text, "timestamp" | "time") && self.edition < Edition::V3_1 {
            let problem = format!("logicalType `{text}` came with apiVersion v3.1.0");
            self.problems
                .warning(codes::LOGICAL_TYPE, kind.place(), problem, "say `apiVersion: v3.1.0`");
        }
        self.misplaced_children(at, &text);
        let options = at.get("logicalTypeOptions");
        match &*text {
            "string" => self.read_string(options.as_ref()),
            "date" => self.read_date(options.as_ref()),
            "timestamp" => self.read_timestamp(options.as_ref()),
            "time" => self.read_time(options.as_ref()),
            "number" => self.read_number(options.as_ref()),
            "integer" => self.read_integer(at, options.as_ref()),
            "boolean" => {
                self.refuse_options(options.as_ref());
                LogicalType::Boolean
            }
            "object" => {
                let properties = self.read_properties(at);
                self.read_object_type(options.as_ref(), properties)
            }
            "array" => {
                let items = at.get("items").map(|items| Box::new(self.read_item(&items, "item")));
                self.read_array(options.as_ref(), items)
            }
            "map" => self.read_map(at, options.as_ref()),
            "vector" => self.read_vector(at, options.as_ref()),
            _ => {
                let problem = format!("{} is not a logicalType", quoted(&text));
                let folded = text.to_ascii_lowercase();
                let help = match TYPE_SLIPS.iter().find(|(slip, _)| *slip == folded) {
                    Some((_, instead)) => format!("write `{instead}`"),
                    None => did_you_mean(&text, &LOGICAL_TYPES),
                };
                self.problems.error(codes::LOGICAL_TYPE, kind.place(), problem, help);
                LogicalType::Any
            }
        }
    }

    fn without_logical_type(&mut self, at: &At<'_>) {
        let needs_type = ["logicalTypeOptions", "properties", "items", "map"]
            .into_iter()
            .find_map(|key| at.get(key).map(|at| (key, at)));
        match needs_type {
            Some((key, part)) => {
                let problem = format!("`{key}` without a logicalType");
                let logical_type = match key {
                    "properties" => "object",
                    "items" => "array",
                    "map" => "map",
                    _ => "string",
                };
                self.problems.error(
                    codes::LOGICAL_TYPE,
                    part.key_place(),
                    problem,
                    format!("add `logicalType: {logical_type}`"),
                );
            }
            None => {
                let help = "add `logicalType`, else any value passes and the lake keeps it as JSON text";
                self.problems
                    .note(codes::NO_TYPE, at.place(), "a property without a logicalType", help);
            }
        }
    }

    /// Children that belong to another type would silently not be checked.
    fn misplaced_children(&mut self, at: &At<'_>, logical_type: &str) {
        for (key, owner) in [("properties", "object"), ("items", "array"), ("map", "map")] {
            if owner == logical_type || !LOGICAL_TYPES.contains(&logical_type) {
                continue;
            }
            if let Some(child) = at.get(key) {
                let problem = format!("`{key}` belongs to logicalType {owner}, this is {logical_type}");
                let help = match (logical_type, key) {
                    ("array", "properties") => "put them under `items: {logicalType: object, properties: […]}`".to_owned(),
                    _ => format!("write `logicalType: {owner}`, or remove `{key}`"),
                };
                self.problems.error(codes::OPTION, child.key_place(), problem, help);
            }
        }
    }

    fn read_map(&mut self, at: &At<'_>, options: Option<&At<'_>>) -> LogicalType {
        self.refuse_options(options);
        let map = at.get("map");
        if map.is_none() {
            let help = "add `map: {key: {logicalType: string}, value: {…}}`";
            self.problems.error(codes::MISSING_KEY, at.place(), "a map has no `map`", help);
        }
        let part = |name: &str| map.as_ref().and_then(|map| map.get(name));
        let (Some(key), Some(value)) = (part("key"), part("value")) else {
            return LogicalType::Any;
        };
        let key = Box::new(self.read_item(&key, "key"));
        LogicalType::Map {
            key,
            value: Box::new(self.read_item(&value, "value")),
        }
    }

    /// An item of an array, a key or a value of a map: its name is its role unless one is given.
    fn read_item(&mut self, at: &At<'_>, role: &str) -> Property {
        self.read_property(at, at.text("name").unwrap_or_else(|| role.into()), &mut 0)
    }

    /// `enum`: the long form of v3.2.0 (`- value: …`) or plain values.
    fn read_enumeration(&mut self, at: &At<'_>, logical_type: &LogicalType) -> Vec<Literal> {
        let mut values = Vec::new();
        let Some(list) = at.get("enum") else { return values };
        if list.items().is_some_and(|mut items| items.next().is_none()) {
            let help = "list the allowed values, or remove `enum`";
            self.problems
                .error(codes::ENUM, list.key_place(), "an empty enum allows nothing", help);
        }
        for item in list.items().into_iter().flatten() {
            let value = if matches!(item.node.value, Value::Mapping(_)) {
                check_keys(&item, &keys::ENUM_VALUE, self.edition, self.problems);
                let Some(value) = item.get("value") else { continue };
                value
            } else {
                item
            };
            let Some(literal) = literal(&value) else { continue };
            let fits = match (logical_type, &literal) {
                (LogicalType::Any, _) => true,
                (LogicalType::Number { .. }, Literal::Number(_)) => true,
                (LogicalType::Integer { .. }, Literal::Number(text)) => text.parse::<i128>().is_ok(),
                (LogicalType::Boolean, Literal::Bool(_)) => true,
                (LogicalType::String { .. } | LogicalType::Date { .. }, Literal::String(_)) => true,
                (LogicalType::Timestamp { .. } | LogicalType::Time { .. }, Literal::String(_)) => true,
                _ => false,
            };
            if !fits {
                let problem = format!("this enum value is {}, which the logicalType does not allow", value.node.kind());
                let help = match (logical_type, &literal) {
                    (LogicalType::String { .. }, Literal::Number(text)) => format!("quote it: '{text}'"),
                    (LogicalType::String { .. }, Literal::Bool(value)) => format!("quote it: '{value}'"),
                    (_, Literal::Null) => "a property that is not `required` may be null without being listed".to_owned(),
                    _ => String::new(),
                };
                self.problems.error(codes::ENUM, value.place(), problem, help);
            } else if values.contains(&literal) {
                self.problems
                    .warning(codes::ENUM, value.place(), "this value is listed twice", "remove one");
            } else {
                values.push(literal);
            }
        }
        values
    }

    fn check_precision(&mut self, at: &At<'_>, property: &Property) {
        if !matches!(&property.logical_type, LogicalType::Number { format: None, .. }) {
            return;
        }
        match property.decimal() {
            Some((precision, scale)) if precision == 0 || precision > 38 || scale > precision => {
                let place = at.get("physicalType").map_or(at.place(), |at| at.place());
                let problem = format!("a decimal of {precision} digits with {scale} after the point cannot be stored");
                self.problems.error(
                    codes::NUMBER_PRECISION,
                    place,
                    problem,
                    "precision is 1 to 38, scale 0 to precision",
                );
            }
            Some(_) => {}
            None => {
                let help = "write `physicalType: decimal(12,2)`, or `logicalTypeOptions: {format: f64}` where rounding is fine";
                self.problems
                    .note(codes::NUMBER_PRECISION, at.place(), "a number without precision and scale", help);
            }
        }
    }

    fn refuse_equal_names(&mut self, at: &At<'_>, properties: &[Property]) {
        let mut names: BTreeMap<&str, u32> = BTreeMap::new();
        let mut wire_names: BTreeMap<&str, u32> = BTreeMap::new();
        let mut folded: BTreeMap<String, &str> = BTreeMap::new();
        let items: Vec<At<'_>> = at
            .list("properties")
            .into_iter()
            .filter(|item| item.text("name").is_some())
            .collect();
        for (property, item) in properties.iter().zip(items) {
            let line = property.location.line;
            let name_place = item.get("name").map_or(item.place(), |name| name.place());
            if let Some(first) = names.get(&*property.name) {
                let problem = format!(
                    "a second property is named {}; the first is at line {first}",
                    quoted(&property.name)
                );
                self.problems.error(codes::DUPLICATE_NAME, name_place, problem, "rename one");
                continue;
            }
            names.insert(&property.name, line);
            if let Some(first) = wire_names.insert(&property.wire_name, line) {
                let problem = format!(
                    "a second property reads the field {}; the first is at line {first}",
                    quoted(&property.wire_name)
                );
                self.problems
                    .error(codes::DUPLICATE_NAME, name_place, problem, "change one `physicalName`");
            } else if let Some(other) = folded.insert(property.name.to_lowercase(), &property.name) {
                let problem = format!("{} and {} differ only in case", quoted(other), quoted(&property.name));
                let help = "many query engines cannot tell these columns apart";
                self.problems.warning(codes::SUSPICIOUS_TEXT, name_place, problem, help);
            }
        }
    }
}

/// A constant; none for collections and for numbers that no document can hold.
pub(super) fn literal(at: &At<'_>) -> Option<Literal> {
    match &at.node.value {
        Value::Null => Some(Literal::Null),
        Value::Bool(value) => Some(Literal::Bool(*value)),
        Value::Number(text) => json_number(text).map(|text| Literal::Number(text.into())),
        Value::String(text) => Some(Literal::String(text.clone())),
        Value::Sequence(_) | Value::Mapping(_) => None,
    }
}
