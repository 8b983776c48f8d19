//! JSON Schema 2020-12 of an event's value: it accepts what the judge accepts, as far as JSON Schema can say it.
//!
//! Formats are written as annotations and, where the judge's form is a regular language, as patterns too, since validators are free not to
//! look at `format`. What is left out is in the gaps and in `$comment`; the schema then accepts more than the judge, never less (but for
//! 64-bit floats at a limit, whose text has digits that no double has: the judge compares the double, a validator perhaps the digits).
//! Below the schema lie the rules of the decoder, which no schema can state: names twice in one object, nesting past 64 levels, more
//! than 2^20 items.

mod forms;
mod leaf;

use serde_json::{Map, Value, json};
use tidegate_check::plan::{Kind, LeafType};
use tidegate_contract::model::Literal;
use tidegate_contract::model::{Metric, RuleKind, Threshold, UnknownFields};
use tidegate_contract::{LogicalType, QualityRule};

use crate::{Export, Gap, Subject, Typed, below, decides, described, parts, wire};

/// Writes the schema of the row: of the value for plain events, of `before` and `after` for change events.
pub fn export(subject: &Subject<'_>) -> Export {
    let mut gaps = Vec::new();
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!(&*subject.object.name));
    if let Some(text) = described::description(subject.contract, &subject.object.location) {
        schema.insert("description".into(), json!(text));
    }
    schema.insert("type".into(), json!("object"));
    let mut writer = Writer { subject, gaps: &mut gaps };
    writer.fields(&mut schema, subject.fields(), "");
    for rule in &subject.object.quality {
        writer.rule_gap("", rule);
    }
    let mut comment = vec![format!(
        "Tidegate contract {}, object {}.",
        subject.contract.reference(),
        subject.object.name
    )];
    if subject.is_enveloped() {
        comment.push(String::from("Describes the row in `before` and `after`, not the envelope."));
        let problem = "the schema describes the row, not the change event around it";
        gaps.insert(0, Gap::new("", &subject.object.location, problem));
    }
    let unsaid: Vec<String> = gaps
        .iter()
        .map(|gap| {
            let path = if gap.path.is_empty() { "(event)" } else { &gap.path };
            format!("{path}: {}", gap.problem)
        })
        .collect();
    if !unsaid.is_empty() {
        comment.push(format!("Not said here: {}.", unsaid.join("; ")));
    }
    schema.insert("$comment".into(), json!(comment.join(" ")));
    let text = format!("{:#}\n", Value::Object(schema));
    Export { text, gaps }
}

struct Writer<'w, 's> {
    subject: &'w Subject<'s>,
    gaps: &'w mut Vec<Gap>,
}

// === impl Writer ===

impl<'s> Writer<'_, 's> {
    fn fields(&mut self, schema: &mut Map<String, Value>, fields: Vec<Typed<'s>>, path: &str) {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in fields {
            let never_null = self.subject.is_required(field) || counts_null(field);
            if never_null {
                required.push(json!(&**wire(field)));
            }
            let inner = self.value(field, !never_null, &below(path, wire(field)));
            properties.insert(wire(field).to_string(), Value::Object(inner));
        }
        schema.insert("properties".into(), Value::Object(properties));
        if !required.is_empty() {
            schema.insert("required".into(), Value::Array(required));
        }
        match self.subject.object.settings.unknown_fields {
            UnknownFields::Fail => drop(schema.insert("additionalProperties".into(), json!(false))),
            // A warning passes.
            UnknownFields::Ignore | UnknownFields::Warn => {}
        }
    }

    /// The schema of one value.
    fn value(&mut self, typed: Typed<'s>, nullable: bool, path: &str) -> Map<String, Value> {
        let property = typed.property;
        let mut schema = Map::new();
        if let Some(text) = described::description(self.subject.contract, &property.location) {
            schema.insert("description".into(), json!(text));
        }
        match self.subject.kind(typed) {
            Kind::Leaf(leaf) => {
                leaf::write(self, &mut schema, typed, *leaf, path);
            }
            Kind::Object(_) => {
                schema.insert("type".into(), json!("object"));
                if let LogicalType::Object { properties, .. } = &property.logical_type {
                    let fields = self.subject.nested(typed.node, properties);
                    self.fields(&mut schema, fields, path);
                }
                self.property_limits(&mut schema, &property.logical_type);
            }
            Kind::Array(item) => self.array(&mut schema, typed, *item, path),
            Kind::Map(..) => self.map(&mut schema, typed, path),
            Kind::Any => self.any(&mut schema, &property.logical_type),
        }
        for rule in &property.quality {
            self.rule(&mut schema, typed, rule, path);
        }
        null(&mut schema, nullable);
        schema
    }

    fn array(&mut self, schema: &mut Map<String, Value>, typed: Typed<'s>, item: usize, path: &str) {
        schema.insert("type".into(), json!("array"));
        let inner = below(path, "[]");
        match &typed.property.logical_type {
            LogicalType::Array {
                min_items,
                max_items,
                unique_items,
                ..
            } => {
                if let Some(item) = parts(self.subject, typed).first() {
                    let never_null = self.subject.is_required(*item) || counts_null(*item);
                    let items = self.value(*item, !never_null, &inner);
                    schema.insert("items".into(), Value::Object(items));
                }
                limit(schema, "minItems", *min_items);
                limit(schema, "maxItems", *max_items);
                if *unique_items {
                    if comparable(&self.subject.plan.nodes, item) {
                        schema.insert("uniqueItems".into(), json!(true));
                    } else {
                        let problem = "uniqueItems compares values, and one value has several texts here";
                        self.gaps.push(Gap::new(path, &typed.property.location, problem));
                    }
                }
            }
            LogicalType::Vector { dimensions, .. } => {
                let mut items = Map::new();
                if let Kind::Leaf(leaf) = self.subject.plan.nodes[item].kind {
                    leaf::number_type(&mut items, leaf);
                }
                schema.insert("items".into(), Value::Object(items));
                limit(schema, "minItems", Some(*dimensions));
                limit(schema, "maxItems", Some(*dimensions));
            }
            _ => {}
        }
    }

    fn map(&mut self, schema: &mut Map<String, Value>, typed: Typed<'s>, path: &str) {
        schema.insert("type".into(), json!("object"));
        let [key, value] = parts(self.subject, typed)[..] else { return };
        let key_path = below(path, "key");
        let names = match self.subject.leaf(key) {
            Some(LeafType::Bool) => json!({"enum": ["true", "false"]}),
            Some(LeafType::Int { .. } | LeafType::Decimal { .. } | LeafType::F32 | LeafType::F64) => {
                let problem = "the keys are numbers; their range and options are not said";
                self.gaps.push(Gap::new(&key_path, &key.property.location, problem));
                json!({"pattern": forms::NUMBER})
            }
            _ => {
                let mut names = self.value(key, false, &key_path);
                names.remove("type");
                Value::Object(names)
            }
        };
        if names.as_object().is_some_and(|names| !names.is_empty()) {
            schema.insert("propertyNames".into(), names);
        }
        let never_null = self.subject.is_required(value) || counts_null(value);
        let values = self.value(value, !never_null, &below(path, "value"));
        schema.insert("additionalProperties".into(), Value::Object(values));
    }

    fn any(&mut self, schema: &mut Map<String, Value>, logical_type: &LogicalType) {
        match logical_type {
            LogicalType::Object { .. } => {
                schema.insert("type".into(), json!("object"));
                self.property_limits(schema, logical_type);
            }
            LogicalType::Array { min_items, max_items, .. } => {
                schema.insert("type".into(), json!("array"));
                limit(schema, "minItems", *min_items);
                limit(schema, "maxItems", *max_items);
            }
            _ => drop(schema.insert("type".into(), json!(["boolean", "number", "string", "array", "object"]))),
        }
    }

    fn property_limits(&self, schema: &mut Map<String, Value>, logical_type: &LogicalType) {
        if let LogicalType::Object {
            min_properties,
            max_properties,
            ..
        } = logical_type
        {
            limit(schema, "minProperties", *min_properties);
            limit(schema, "maxProperties", *max_properties);
        }
    }

    /// A rule of a property: what one value decides and a schema can say is added, the rest is a gap.
    fn rule(&mut self, schema: &mut Map<String, Value>, typed: Typed<'s>, rule: &QualityRule, path: &str) {
        if !decides(rule) {
            return;
        }
        let RuleKind::Library(metric) = &rule.kind else {
            self.rule_gap(path, rule);
            return;
        };
        if !must_be_zero(rule) {
            return;
        }
        match metric {
            // Said by `required` and the type.
            Metric::NullValues => {}
            Metric::MissingValues(literals) => match leaf::constants(self, typed, literals) {
                Some(values) if values.is_empty() => {}
                Some(values) => also(schema, json!({"not": {"enum": values}})),
                None => self.rule_gap(path, rule),
            },
            Metric::InvalidValues { valid, pattern } => {
                match leaf::constants(self, typed, valid) {
                    Some(mut values) if !valid.is_empty() => {
                        values.push(Value::Null);
                        also(schema, json!({"enum": values}));
                    }
                    Some(_) => {}
                    None => self.rule_gap(path, rule),
                }
                if let Some(pattern) = pattern
                    && self.subject.leaf(typed) == Some(LeafType::Str)
                {
                    also(schema, json!({"pattern": &**pattern}));
                }
            }
            Metric::DuplicateValues(_) | Metric::RowCount => {}
        }
    }

    fn rule_gap(&mut self, path: &str, rule: &QualityRule) {
        let one_event = match &rule.kind {
            RuleKind::Cel { .. } => true,
            RuleKind::Library(metric) => must_be_zero(rule) && !matches!(metric, Metric::DuplicateValues(_) | Metric::RowCount),
            RuleKind::Sql { .. } | RuleKind::NotExecuted => false,
        };
        if one_event && decides(rule) {
            let problem = format!("rule `{}` is not said", rule.id);
            self.gaps.push(Gap::new(path, &rule.location, problem));
        }
    }
}

/// Adds a schema that must hold as well.
fn also(schema: &mut Map<String, Value>, other: Value) {
    match schema.entry("allOf").or_insert_with(|| json!([])) {
        Value::Array(all) => all.push(other),
        _ => unreachable!("`allOf` is only written here"),
    }
}

fn limit(schema: &mut Map<String, Value>, name: &str, value: Option<u64>) {
    if let Some(value) = value {
        schema.insert(name.into(), json!(value));
    }
}

/// Lets null pass beside the type.
fn null(schema: &mut Map<String, Value>, nullable: bool) {
    if !nullable {
        return;
    }
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(one) => *one = json!([one.take(), "null"]),
        None => {}
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// Whether a library rule of severity error lets no null pass.
fn counts_null(typed: Typed<'_>) -> bool {
    typed.property.quality.iter().any(|rule| {
        decides(rule) && must_be_zero(rule) && matches!(rule.kind, RuleKind::Library(Metric::NullValues | Metric::MissingValues(_)))
    })
}

/// Whether a metric must count no row, so that each record decides for itself.
fn must_be_zero(rule: &QualityRule) -> bool {
    match &rule.threshold {
        Some(Threshold::Be(Literal::Number(text))) => text.parse::<f64>().is_ok_and(|number| number == 0.0),
        Some(Threshold::LessOrEqual(limit)) => *limit == 0.0,
        _ => false,
    }
}

/// Whether two values of the node are equal exactly when their JSON is.
fn comparable(nodes: &[tidegate_check::plan::Node], node: usize) -> bool {
    match &nodes[node].kind {
        Kind::Leaf(LeafType::Bool | LeafType::Int { .. } | LeafType::Decimal { .. } | LeafType::Str | LeafType::Bytes) => true,
        Kind::Array(item) => comparable(nodes, *item),
        _ => false,
    }
}
