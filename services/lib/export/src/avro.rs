//! Avro schema of an event's value: what a producer with this schema writes has the contract's types.
//!
//! Avro says types and whether null is allowed; every other clause is a gap, said once. Names that Avro does not have are written with
//! underscores; since the judge finds fields by name, such a contract needs the producer to agree, and the gap says so.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidegate_check::plan::{Kind, LeafType, Node};
use tidegate_contract::LogicalType;
use tidegate_contract::model::Literal;

use crate::{Export, Gap, Subject, Typed, below, described, parts, wire};

/// Writes the schema of the row.
pub fn export(subject: &Subject<'_>) -> Export {
    let mut writer = Writer {
        subject,
        gaps: Vec::new(),
        taken: BTreeSet::new(),
    };
    let name = writer.type_name(&subject.object.name);
    let fields = writer.fields(subject.fields(), "", &name);
    let mut schema = json!({"type": "record", "name": name, "namespace": namespace(&subject.contract.id)});
    if let Some(text) = described::description(subject.contract, &subject.object.location) {
        schema["doc"] = json!(text);
    }
    schema["fields"] = Value::Array(fields);
    let problem = "Avro says types and nulls only: ranges, options and rules are not said";
    writer.gaps.insert(0, Gap::new("", &subject.object.location, problem));
    if subject.is_enveloped() {
        let problem = "the schema describes the row, not the change event around it";
        writer.gaps.insert(0, Gap::new("", &subject.object.location, problem));
    }
    Export {
        text: format!("{schema:#}\n"),
        gaps: writer.gaps,
    }
}

struct Writer<'s> {
    subject: &'s Subject<'s>,
    gaps: Vec<Gap>,
    /// Names of types, which one schema may define once.
    taken: BTreeSet<String>,
}

// === impl Writer ===

impl<'s> Writer<'s> {
    fn fields(&mut self, fields: Vec<Typed<'s>>, path: &str, record: &str) -> Vec<Value> {
        let mut names = BTreeSet::new();
        fields
            .into_iter()
            .map(|field| {
                let path = below(path, wire(field));
                let mut name = legal(wire(field));
                while !names.insert(name.clone()) {
                    name.push('_');
                }
                let inner = self.value(field, &path, &format!("{record}_{name}"));
                let mut out = json!({"name": name});
                if *name != **wire(field) {
                    let problem = "Avro has no such name; the judge looks for the contract's, so fields of this schema are not found";
                    self.gaps.push(Gap::new(&path, &field.property.location, problem));
                    out["wireName"] = json!(&**wire(field));
                }
                if let Some(text) = described::description(self.subject.contract, &field.property.location) {
                    out["doc"] = json!(text);
                }
                if self.subject.is_required(field) {
                    out["type"] = inner;
                } else {
                    out["type"] = json!(["null", inner]);
                    out["default"] = Value::Null;
                }
                out
            })
            .collect()
    }

    /// The schema of a value that is not null; `name` is for a type that needs one.
    fn value(&mut self, typed: Typed<'s>, path: &str, name: &str) -> Value {
        match self.subject.kind(typed) {
            Kind::Leaf(leaf) => self.leaf(typed, *leaf, name),
            Kind::Object(_) => {
                let record = self.type_name(name);
                if let LogicalType::Object {
                    max_properties: Some(_), ..
                } = &typed.property.logical_type
                {
                    let problem = "a record always has all of its fields, and `maxProperties` counts them";
                    self.gaps.push(Gap::new(path, &typed.property.location, problem));
                }
                let fields = match &typed.property.logical_type {
                    LogicalType::Object { properties, .. } => self.subject.nested(typed.node, properties),
                    _ => Vec::new(),
                };
                let fields = self.fields(fields, path, &record);
                json!({"type": "record", "name": record, "fields": fields})
            }
            Kind::Array(item) => {
                if matches!(typed.property.logical_type, LogicalType::Array { unique_items: true, .. })
                    && has_record(&self.subject.plan.nodes, *item)
                {
                    let problem = "a record writes a missing field as null, and `uniqueItems` then takes the two for equal";
                    self.gaps.push(Gap::new(path, &typed.property.location, problem));
                }
                match parts(self.subject, typed).first() {
                    Some(item) => json!({"type": "array", "items": self.part(*item, &below(path, "[]"), &format!("{name}_item"))}),
                    None => match self.subject.plan.nodes[*item].kind {
                        // A vector.
                        Kind::Leaf(leaf) => json!({"type": "array", "items": plain(leaf)}),
                        _ => json!({"type": "array", "items": "string"}),
                    },
                }
            }
            Kind::Map(..) => {
                let [key, value] = parts(self.subject, typed)[..] else {
                    unreachable!("a map has a key and a value")
                };
                if self.subject.leaf(key) != Some(LeafType::Str) {
                    let problem = "keys of Avro maps are text; the judge reads them as the declared type";
                    self.gaps.push(Gap::new(&below(path, "key"), &key.property.location, problem));
                }
                json!({"type": "map", "values": self.part(value, &below(path, "value"), &format!("{name}_value"))})
            }
            Kind::Any => {
                let problem = "Avro has no type for any value; text stands for it";
                self.gaps.push(Gap::new(path, &typed.property.location, problem));
                match typed.property.logical_type {
                    LogicalType::Object { .. } => json!({"type": "map", "values": "string"}),
                    LogicalType::Array { .. } => json!({"type": "array", "items": "string"}),
                    _ => json!("string"),
                }
            }
        }
    }

    /// An item of a list or a value of a map.
    fn part(&mut self, typed: Typed<'s>, path: &str, name: &str) -> Value {
        let inner = self.value(typed, path, name);
        if self.subject.is_required(typed) {
            inner
        } else {
            json!(["null", inner])
        }
    }

    fn leaf(&mut self, typed: Typed<'_>, leaf: LeafType, name: &str) -> Value {
        let texts: Vec<&str> = typed
            .property
            .enumeration
            .iter()
            .filter_map(|literal| match literal {
                Literal::String(text) => Some(&**text),
                _ => None,
            })
            .collect();
        let distinct: BTreeSet<&&str> = texts.iter().collect();
        let is_enum =
            leaf == LeafType::Str && !texts.is_empty() && distinct.len() == texts.len() && texts.iter().all(|text| *text == legal(text));
        if is_enum {
            return json!({"type": "enum", "name": self.type_name(name), "symbols": texts});
        }
        match &typed.property.logical_type {
            LogicalType::String { format: Some(format), .. } if &**format == "uuid" => json!({"type": "string", "logicalType": "uuid"}),
            _ => plain(leaf),
        }
    }

    fn type_name(&mut self, wanted: &str) -> String {
        let mut name = legal(wanted);
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// The Avro type that holds exactly the values of a leaf, or the next wider one.
fn plain(leaf: LeafType) -> Value {
    match leaf {
        LeafType::Bool => json!("boolean"),
        LeafType::Int { bits, signed } if bits < 32 || (bits == 32 && signed) => json!("int"),
        LeafType::Int { bits, signed } if bits < 64 || (bits == 64 && signed) => json!("long"),
        LeafType::Int { .. } => json!({"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 0}),
        LeafType::Decimal { precision, scale } => {
            json!({"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale})
        }
        LeafType::F32 => json!("float"),
        LeafType::F64 => json!("double"),
        LeafType::Str => json!("string"),
        LeafType::Bytes => json!("bytes"),
        LeafType::Date => json!({"type": "int", "logicalType": "date"}),
        LeafType::Time => json!({"type": "long", "logicalType": "time-micros"}),
        LeafType::Timestamp { utc: true } => json!({"type": "long", "logicalType": "timestamp-micros"}),
        LeafType::Timestamp { utc: false } => json!({"type": "long", "logicalType": "local-timestamp-micros"}),
    }
}

/// Whether values of the node hold an object anywhere.
fn has_record(nodes: &[Node], node: usize) -> bool {
    match &nodes[node].kind {
        Kind::Object(_) => true,
        Kind::Array(inner) | Kind::Map(_, inner) => has_record(nodes, *inner),
        Kind::Leaf(_) | Kind::Any => false,
    }
}

/// A name of Avro: letters, digits and underscores, no digit first.
fn legal(name: &str) -> String {
    let mut legal: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if legal.is_empty() || legal.starts_with(|first: char| first.is_ascii_digit()) {
        legal.insert(0, '_');
    }
    legal
}

fn namespace(id: &str) -> String {
    let parts: Vec<String> = id.split('.').filter(|part| !part.is_empty()).map(legal).collect();
    if parts.is_empty() {
        String::from("contract")
    } else {
        parts.join(".")
    }
}
