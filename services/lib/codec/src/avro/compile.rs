//! Schema text to nodes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::schema::{Field, Node, NodeId, Plain, Schema, Written};
use crate::semantic::Semantic;

/// References that refer to references.
const REFERENCE_DEPTH_MAX: usize = 32;
/// Nodes of one schema with its references.
const NODES_MAX: usize = 100_000;
/// Bytes of a fixed type; more never fits a record.
const FIXED_MAX: u64 = 1 << 30;
/// Levels of nested types that are followed when sizes are worked out; deeper ones count as 0, which is always true of a least size.
const LEAST_DEPTH_MAX: usize = 64;

pub(super) struct Compiler<'t> {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
    references: &'t [(&'t str, &'t str)],
    /// One for each reference: not yet, or already compiled (or being compiled).
    begun: Vec<bool>,
    depth: usize,
}

// === impl Compiler ===

impl<'t> Compiler<'t> {
    pub(super) fn compile(text: &str, references: &'t [(&'t str, &'t str)]) -> Result<Schema, String> {
        let begun = vec![false; references.len()];
        let mut compiler = Compiler {
            nodes: Vec::new(),
            names: HashMap::new(),
            references,
            begun,
            depth: 0,
        };
        for index in 0..references.len() {
            compiler.reference(index)?;
        }
        let root = compiler.document(text)?;
        compiler.measure();
        Ok(Schema {
            nodes: compiler.nodes,
            root,
            written: Written {
                text: text.into(),
                references: references.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect(),
            },
            name: record_name(text),
        })
    }

    fn document(&mut self, text: &str) -> Result<NodeId, String> {
        let value = serde_json::from_str(text).map_err(|error| match text.trim() {
            // Registries hand out a schema that is one primitive without quotes, too.
            word if primitive(word).is_some() => String::new(),
            _ => format!("not JSON: line {} column {}", error.line(), error.column()),
        });
        match value {
            Ok(value) => self.schema(&value, ""),
            Err(reason) if reason.is_empty() => self.schema(&Value::String(text.trim().to_owned()), ""),
            Err(reason) => Err(reason),
        }
    }

    fn reference(&mut self, index: usize) -> Result<(), String> {
        if std::mem::replace(&mut self.begun[index], true) {
            return Ok(());
        }
        if self.depth == REFERENCE_DEPTH_MAX {
            return Err(format!("references are nested deeper than {REFERENCE_DEPTH_MAX}"));
        }
        self.depth += 1;
        let (name, text) = self.references[index];
        let result = self.document(text).map_err(|reason| format!("reference {name:?}: {reason}"));
        self.depth -= 1;
        result.map(|_| ())
    }

    fn push(&mut self, node: Node) -> Result<NodeId, String> {
        if self.nodes.len() == NODES_MAX {
            return Err(format!("more than {NODES_MAX} types"));
        }
        self.nodes.push(node);
        Ok((self.nodes.len() - 1) as NodeId)
    }

    fn schema(&mut self, value: &Value, namespace: &str) -> Result<NodeId, String> {
        match value {
            Value::String(name) => self.named(name, namespace),
            Value::Array(branches) => self.union(branches, namespace),
            Value::Object(object) => self.object(object, namespace),
            _ => Err("a schema is a name, a list or an object".to_owned()),
        }
    }

    fn named(&mut self, name: &str, namespace: &str) -> Result<NodeId, String> {
        if let Some(node) = primitive(name) {
            return self.push(node);
        }
        let full = full_name(name, namespace);
        if let Some(node) = self.names.get(&full).or_else(|| self.names.get(name)) {
            return Ok(*node);
        }
        let wanted = self
            .references
            .iter()
            .position(|(reference, _)| *reference == full || *reference == name);
        if let Some(index) = wanted {
            self.reference(index)?;
        }
        let known = self.names.get(&full).or_else(|| self.names.get(name));
        known.copied().ok_or_else(|| format!("type {full:?} is not defined"))
    }

    fn union(&mut self, branches: &[Value], namespace: &str) -> Result<NodeId, String> {
        if branches.is_empty() {
            return Err("a union without branches".to_owned());
        }
        let id = self.push(Node::Null)?;
        let mut nodes = Vec::with_capacity(branches.len());
        for branch in branches {
            if branch.is_array() {
                return Err("a union directly in a union".to_owned());
            }
            nodes.push(self.schema(branch, namespace)?);
        }
        self.nodes[id as usize] = Node::Union(nodes);
        Ok(id)
    }

    fn object(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<NodeId, String> {
        let kind = match object.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            // {"type": {...}} and {"type": [...]}: the inner schema, with nothing added.
            Some(inner @ (Value::Object(_) | Value::Array(_))) => return self.schema(inner, namespace),
            _ => return Err("a schema object without a type".to_owned()),
        };
        match kind {
            "record" | "error" => self.record(object, namespace),
            "enum" => self.enumeration(object, namespace),
            "fixed" => self.fixed(object, namespace),
            "array" => {
                let item = self.schema(object.get("items").ok_or("an array without items")?, namespace)?;
                self.push(Node::Array { item, least: 0 })
            }
            "map" => {
                let value = self.schema(object.get("values").ok_or("a map without values")?, namespace)?;
                self.push(Node::Map { value, least: 0 })
            }
            name => match primitive(name) {
                Some(node) => self.push(annotated(node, object)),
                None => self.named(name, namespace),
            },
        }
    }

    fn define(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<(NodeId, String), String> {
        let name = text(object, "name").ok_or("a named type without a name")?;
        let full = full_name(name, text(object, "namespace").unwrap_or(namespace));
        let id = self.push(Node::Null)?;
        if self.names.insert(full.clone(), id).is_some() {
            return Err(format!("type {full:?} is defined twice"));
        }
        let own = full.rsplit_once('.').map_or("", |(own, _)| own).to_owned();
        Ok((id, own))
    }

    fn record(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<NodeId, String> {
        let (id, namespace) = self.define(object, namespace)?;
        let Some(Value::Array(listed)) = object.get("fields") else {
            return Err("a record without fields".to_owned());
        };
        let mut fields: Vec<Field> = Vec::with_capacity(listed.len());
        let mut seen = std::collections::HashSet::new();
        for field in listed {
            let field = field.as_object().ok_or("a field that is no object")?;
            let name = text(field, "name").ok_or("a field without a name")?;
            if !seen.insert(name) {
                return Err(format!("field {name:?} is there twice"));
            }
            let node = self.schema(field.get("type").ok_or_else(|| format!("field {name:?} has no type"))?, &namespace)?;
            fields.push(Field { name: name.into(), node });
        }
        let variable_scale = text(object, "connect.name") == Some("io.debezium.data.VariableScaleDecimal");
        self.nodes[id as usize] = match fields.as_slice() {
            [scale, value] if variable_scale && self.is(scale, "scale", &Node::Int) && self.is(value, "value", &Node::Bytes) => {
                Node::VariableScaleDecimal
            }
            _ => Node::Record(fields),
        };
        Ok(id)
    }

    fn is(&self, field: &Field, name: &str, node: &Node) -> bool {
        *field.name == *name && std::mem::discriminant(&self.nodes[field.node as usize]) == std::mem::discriminant(node)
    }

    fn enumeration(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<NodeId, String> {
        let (id, _) = self.define(object, namespace)?;
        let Some(Value::Array(symbols)) = object.get("symbols") else {
            return Err("an enum without symbols".to_owned());
        };
        let symbols = symbols.iter().map(|symbol| symbol.as_str().map(Box::from)).collect::<Option<_>>();
        self.nodes[id as usize] = Node::Enum(symbols.ok_or("a symbol that is no text")?);
        Ok(id)
    }

    fn fixed(&mut self, object: &Map<String, Value>, namespace: &str) -> Result<NodeId, String> {
        let (id, _) = self.define(object, namespace)?;
        let size = object
            .get("size")
            .and_then(Value::as_u64)
            .filter(|size| *size <= FIXED_MAX)
            .ok_or("a fixed type without a usable size")?;
        self.nodes[id as usize] = annotated(Node::Fixed(size as usize), object);
        Ok(id)
    }

    /// Fills in the least sizes, by which counts that no datum can hold are refused at once.
    fn measure(&mut self) {
        let mut memo = vec![None; self.nodes.len()];
        for id in 0..self.nodes.len() {
            let (Node::Array { item: of, .. } | Node::Map { value: of, .. }) = self.nodes[id] else {
                continue;
            };
            let size = self.least(of, &mut memo, 0);
            match &mut self.nodes[id] {
                Node::Array { least, .. } => *least = size,
                // The key's length.
                Node::Map { least, .. } => *least = size.saturating_add(1),
                _ => {}
            }
        }
    }

    fn least(&self, id: NodeId, memo: &mut [Option<u64>], depth: usize) -> u64 {
        if let Some(size) = memo[id as usize] {
            return size;
        }
        if depth == LEAST_DEPTH_MAX {
            return 0;
        }
        // A type inside of itself counts as nothing there.
        memo[id as usize] = Some(0);
        let size = match &self.nodes[id as usize] {
            Node::Null => 0,
            Node::Float => 4,
            Node::Double => 8,
            Node::Fixed(size) | Node::Typed(Plain::Fixed(size), _) => *size as u64,
            Node::UuidBytes { fixed: true } => 16,
            Node::Duration => 12,
            Node::VariableScaleDecimal => 2,
            Node::Record(fields) => fields
                .iter()
                .fold(0, |sum, field| self.least(field.node, memo, depth + 1).saturating_add(sum)),
            Node::Union(branches) => {
                let smallest = branches
                    .iter()
                    .map(|branch| self.least(*branch, memo, depth + 1))
                    .min()
                    .unwrap_or(0);
                smallest.saturating_add(1)
            }
            _ => 1,
        };
        memo[id as usize] = Some(size);
        size
    }
}

fn text<'o>(object: &'o Map<String, Value>, key: &str) -> Option<&'o str> {
    object.get(key).and_then(Value::as_str)
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

fn primitive(name: &str) -> Option<Node> {
    Some(match name {
        "null" => Node::Null,
        "boolean" => Node::Boolean,
        "int" => Node::Int,
        "long" => Node::Long,
        "float" => Node::Float,
        "double" => Node::Double,
        "bytes" => Node::Bytes,
        "string" => Node::String,
        _ => return None,
    })
}

/// A primitive or fixed type with its logical type or Connect name.
fn annotated(node: Node, object: &Map<String, Value>) -> Node {
    let plain = match node {
        Node::Int => Plain::Int,
        Node::Long => Plain::Long,
        Node::Bytes => Plain::Bytes,
        Node::String => Plain::String,
        Node::Fixed(size) => Plain::Fixed(size),
        other => return other,
    };
    match (
        connect(plain, object).or_else(|| logical(plain, object)),
        text(object, "logicalType"),
        plain,
    ) {
        (Some(semantic), _, plain) => Node::Typed(plain, semantic),
        (None, Some("uuid"), Plain::Fixed(16)) => Node::UuidBytes { fixed: true },
        (None, Some("uuid"), Plain::Bytes) => Node::UuidBytes { fixed: false },
        (None, Some("duration"), Plain::Fixed(12)) => Node::Duration,
        (None, Some("big-decimal"), Plain::Bytes) => Node::BigDecimal,
        (None, ..) => node,
    }
}

/// What Kafka Connect's name says, where it fits the type.
fn connect(plain: Plain, object: &Map<String, Value>) -> Option<Semantic> {
    let name = text(object, "connect.name")?;
    let parameter = object
        .get("connect.parameters")
        .and_then(|parameters| parameters.get("scale"))
        .and_then(Value::as_str);
    let scale = parameter.and_then(|scale| scale.parse().ok()).or_else(|| scale(object));
    let semantic = Semantic::of_connect("", Some(name), scale)?;
    fits(plain, semantic).then_some(semantic)
}

fn logical(plain: Plain, object: &Map<String, Value>) -> Option<Semantic> {
    let semantic = match text(object, "logicalType")? {
        "decimal" => {
            object.get("precision").and_then(Value::as_u64).filter(|precision| *precision > 0)?;
            Semantic::Decimal {
                scale: scale(object)
                    .or(object.get("scale").is_none().then_some(0))
                    .filter(|scale| *scale >= 0)?,
            }
        }
        "date" => Semantic::Date,
        "time-millis" => Semantic::TimeMillis,
        "time-micros" => Semantic::TimeMicros,
        "timestamp-millis" | "local-timestamp-millis" => Semantic::TimestampMillis,
        "timestamp-micros" | "local-timestamp-micros" => Semantic::TimestampMicros,
        "timestamp-nanos" | "local-timestamp-nanos" => Semantic::TimestampNanos,
        _ => return None,
    };
    let wide = matches!(
        semantic,
        Semantic::TimeMicros | Semantic::TimestampMillis | Semantic::TimestampMicros | Semantic::TimestampNanos
    );
    (fits(plain, semantic) && (plain == Plain::Long) == wide).then_some(semantic)
}

fn fits(plain: Plain, semantic: Semantic) -> bool {
    match semantic {
        Semantic::Decimal { .. } | Semantic::Base64 => matches!(plain, Plain::Bytes | Plain::Fixed(_)),
        Semantic::Timestamp | Semantic::Time | Semantic::DateText | Semantic::DecimalText | Semantic::Hex => plain == Plain::String,
        _ => matches!(plain, Plain::Int | Plain::Long),
    }
}

fn scale(object: &Map<String, Value>) -> Option<i32> {
    object
        .get("scale")
        .and_then(Value::as_i64)
        .and_then(|scale| i32::try_from(scale).ok())
}

/// Full name of the record that the text defines; the namespace is part of the name, or stands beside it.
fn record_name(text: &str) -> Option<Box<str>> {
    name_of(text, &["record"])
}

/// Full name of the record, enum or fixed type that a text defines at its top (Avro specification, "Names"); none for any other text.
pub fn defined_name(text: &str) -> Option<Box<str>> {
    name_of(text, &["record", "error", "enum", "fixed"])
}

fn name_of(text: &str, kinds: &[&str]) -> Option<Box<str>> {
    let schema: Value = serde_json::from_str(text).ok()?;
    if !kinds.contains(&schema.get("type")?.as_str()?) {
        return None;
    }
    let name = schema.get("name")?.as_str()?;
    let namespace = schema.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if name.contains('.') || namespace.is_empty() {
        return Some(name.into());
    }
    Some(format!("{namespace}.{name}").into())
}
