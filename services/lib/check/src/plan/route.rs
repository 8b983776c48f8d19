//! The way of a plan through data of one writer's schema, prepared once.
//!
//! With Avro the names and the order of fields are those of the schema. Which field has which clauses, which are missing and which are not
//! declared is the same for every datum, so it is worked out when the first one comes, and what is left to do is to look at values.

use tidegate_codec::avro::{Layout, Part, Schema};

use super::{Body, Kind, Plan, Quick};

/// A record, in the order in which it is written.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its object.
    pub(crate) node: usize,
    /// What is written.
    pub(crate) fields: Box<[Value]>,
    /// Declared fields that are not written and whose absence somebody notices.
    pub(crate) missing: Box<[usize]>,
}

/// A value that is written.
#[derive(Debug)]
pub(crate) struct Value {
    /// Its node; none for a field that the contract does not name.
    pub(crate) node: Option<usize>,
    /// What the schema says of it.
    pub(crate) part: Part,
    /// The same without the union of [`Value::optional`].
    pub(crate) inner: Part,
    /// It is one of two branches, the other one null.
    pub(crate) optional: Option<Optional>,
    /// How it is looked at.
    pub(crate) form: Form,
}

/// The first bytes of a union of null and something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Optional {
    /// Index of null, as it is written.
    pub(crate) null: u8,
    /// Index of the other branch.
    pub(crate) value: u8,
}

/// How a value is looked at.
#[derive(Debug)]
pub(crate) enum Form {
    /// Nowhere but in the walk over its tokens.
    Walked,
    /// As text, by the quick check.
    Text,
    /// A symbol: whether each one is allowed, and their texts.
    Symbol(Box<[bool]>, Box<[Box<str>]>),
    /// A truth value.
    Truth,
    /// A whole number within these limits.
    Int { min: i64, max: i64 },
    /// A double within these limits.
    Double { min: f64, max: f64 },
    /// The same, written as a float.
    Float { min: f64, max: f64 },
    /// Field by field.
    Record(Box<Record>),
    /// Item by item, each of at least so many bytes.
    List(Box<Value>, u64),
}

/// The route of a plan through data of a schema; none where the walk over tokens is the only way.
pub(crate) fn compile(plan: &Plan, schema: &Schema) -> Option<Record> {
    match schema.layout(schema.root()) {
        Layout::Record(_) if schema.is_modest() => record(plan, schema, 0, schema.root()),
        _ => None,
    }
}

fn record(plan: &Plan, schema: &Schema, node: usize, part: Part) -> Option<Record> {
    let (Kind::Object(children), Layout::Record(fields)) = (&plan.nodes[node].kind, schema.layout(part)) else {
        return None;
    };
    let Body::Object {
        unknown, limits, missed, ..
    } = &plan.checks[node].body
    else {
        return None;
    };
    // What is wrong with each datum alike is said by the walk.
    if crate::rules::properties::broken(*limits, fields.iter().len() as u64).is_some() {
        return None;
    }
    let named = |name: &str| children.iter().copied().find(|child| *plan.nodes[*child].wire_name == *name);
    let mut values = Vec::new();
    for (name, part) in fields.iter() {
        let value = match named(name) {
            Some(child) => value(plan, schema, child, part),
            None if unknown.severity().is_none() => Value {
                node: None,
                part,
                inner: part,
                optional: None,
                form: Form::Walked,
            },
            None => return None,
        };
        values.push(value);
    }
    let written = |child: &usize| values.iter().any(|value| value.node == Some(*child));
    let noticed = |at: usize| missed.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1);
    let missing = children
        .iter()
        .enumerate()
        .filter(|(at, child)| noticed(*at) && !written(child))
        .map(|(_, child)| *child)
        .collect();
    Some(Record {
        node,
        fields: values.into(),
        missing,
    })
}

fn value(plan: &Plan, schema: &Schema, node: usize, part: Part) -> Value {
    let two = match schema.layout(part) {
        Layout::Union(branches) => branches.two(),
        _ => None,
    };
    // Zig-zag doubles an index.
    let (optional, inner) = match two.map(|[a, b]| ((a, schema.layout(a)), (b, schema.layout(b)))) {
        Some(((_, Layout::Null), (b, layout))) if !matches!(layout, Layout::Null | Layout::Union(_)) => {
            (Some(Optional { null: 0, value: 2 }), b)
        }
        Some(((a, layout), (_, Layout::Null))) if !matches!(layout, Layout::Null | Layout::Union(_)) => {
            (Some(Optional { null: 2, value: 0 }), a)
        }
        _ => (None, part),
    };
    Value {
        node: Some(node),
        part,
        inner,
        optional,
        form: form(plan, schema, node, inner),
    }
}

fn form(plan: &Plan, schema: &Schema, node: usize, part: Part) -> Form {
    let layout = schema.layout(part);
    let quick = &plan.quick[node].quick;
    match (&plan.nodes[node].kind, layout) {
        (Kind::Leaf(_), _) if plan.checks[node].wire.column.is_some() => Form::Walked,
        (Kind::Leaf(_), layout) => leaf(quick, layout),
        (Kind::Object(_), Layout::Record(_)) => match record(plan, schema, node, part) {
            Some(record) => Form::Record(Box::new(record)),
            None => Form::Walked,
        },
        (Kind::Array(item), Layout::Array(of, least)) if least > 0 => Form::List(Box::new(value(plan, schema, *item, of)), least),
        _ => Form::Walked,
    }
}

fn leaf(quick: &Quick, layout: Layout<'_>) -> Form {
    match (quick, layout) {
        (Quick::Bool, Layout::Boolean) => Form::Truth,
        (Quick::Int { min, max }, Layout::Long) => Form::Int { min: *min, max: *max },
        (Quick::Int { min, max }, Layout::Int) => Form::Int {
            min: (*min).max(i64::from(i32::MIN)),
            max: (*max).min(i64::from(i32::MAX)),
        },
        (Quick::Float { min, max }, Layout::Double) => Form::Double { min: *min, max: *max },
        (Quick::Float { min, max }, Layout::Float) => Form::Float { min: *min, max: *max },
        (quick, Layout::Text) if quick.is_text() || matches!(quick, Quick::Instant { .. }) => Form::Text,
        (quick, Layout::Enum(symbols)) if quick.is_text() || matches!(quick, Quick::Instant { .. }) => Form::Symbol(
            symbols.iter().map(|symbol| quick.takes_text(symbol.as_bytes())).collect(),
            symbols.into(),
        ),
        _ => Form::Walked,
    }
}
