//! Which columns a contract object has in the lake.
//!
//! | contract | Arrow | Parquet |
//! |---|---|---|
//! | integer within `i64` | Int64 | INT64 |
//! | `u64`, `i128`, `u128` | Decimal128(38, 0); the judge lets no number of more digits pass | FIXED_LEN_BYTE_ARRAY |
//! | decimal (p, s) | Decimal128(p, s) | INT32, INT64 or FIXED_LEN_BYTE_ARRAY by p |
//! | `f32`, `f64` | Float32, Float64 | FLOAT, DOUBLE |
//! | text, bytes | Utf8, Binary | BYTE_ARRAY |
//! | date, time | Date32, Time64(us) | DATE, TIME_MICROS |
//! | timestamp | Timestamp(us, UTC), or without a zone | TIMESTAMP_MICROS, adjusted to UTC or not |
//! | object, array, map | Struct, List, Map | groups as the Parquet specification names them |
//! | no declared type, object without properties | Utf8 | JSON text |
//!
//! Every column is nullable (map keys excepted), because a file may hold rows of several minor versions of one major: its columns are the
//! union. Types are fixed within a major; only the precision of a decimal may grow, the scale may not.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use tidegate_check::plan::{Kind, LeafType, Node};

/// Names of the columns that every file has beside those of the contract.
pub mod fixed {
    /// Topic that the validator consumed: part of the row's identity.
    pub const SOURCE_TOPIC: &str = "_tidegate_source_topic";
    /// Partition that the validator consumed.
    pub const SOURCE_PARTITION: &str = "_tidegate_source_partition";
    /// Offset that the validator consumed.
    pub const SOURCE_OFFSET: &str = "_tidegate_source_offset";
    /// Validated topic.
    pub const TOPIC: &str = "_tidegate_topic";
    /// Partition of the validated topic.
    pub const PARTITION: &str = "_tidegate_partition";
    /// Offset in the validated topic.
    pub const OFFSET: &str = "_tidegate_offset";
    /// Record timestamp.
    pub const TIMESTAMP: &str = "_tidegate_timestamp";
    /// Contract version that judged the row.
    pub const CONTRACT_VERSION: &str = "_tidegate_contract_version";
    /// Snapshot commit that judged the row.
    pub const SNAPSHOT: &str = "_tidegate_snapshot";
    /// Operation of a change event, or `tombstone`; null for plain events.
    pub const OP: &str = "_op";
    /// Commit time at the source; change events only.
    pub const SOURCE_TIME: &str = "_source_time";
    /// Position in the source's log; change events only.
    pub const SOURCE_POSITION: &str = "_source_position";
    /// Columns whose value the source did not send; change events only.
    pub const UNAVAILABLE: &str = "_unavailable";
    /// Every name of ours starts so, or is one of the four above.
    pub const PREFIX: &str = "_tidegate_";
}

/// The union of the columns of several plans of one major.
#[derive(Debug, Clone)]
pub struct Layout {
    pub(crate) fields: Vec<LayoutField>,
}

/// One column, or a part of one. Field 0 is the row.
#[derive(Debug, Clone)]
pub(crate) struct LayoutField {
    pub(crate) name: Arc<str>,
    /// Dotted from the top, as `_unavailable` names it.
    pub(crate) path: Arc<str>,
    pub(crate) parent: usize,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shape {
    Leaf(ColumnType),
    Struct(Vec<usize>),
    List(usize),
    Map(usize, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Bool,
    Int64,
    Decimal { precision: u8, scale: u8 },
    F32,
    F64,
    Text,
    Json,
    Bytes,
    Date,
    Time,
    Timestamp { utc: bool },
}

/// A contract object that has no place in the lake. Somebody must change the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A property has the name of a column of ours.
    #[error("column `{0}` is reserved for Tidegate; give the property another name")]
    Reserved(String),
    /// Two properties of one object share a name.
    #[error("column `{0}` is declared twice in one object")]
    Twice(String),
    /// Two minor versions of one major disagree.
    #[error("column `{0}` has different types in two versions of one major; a change of type needs a new major version")]
    TypeChanged(String),
}

// === impl Layout ===

impl Layout {
    /// A row without columns.
    #[expect(clippy::new_without_default, reason = "an empty layout is a start, not a sensible value")]
    pub fn new() -> Self {
        let row = LayoutField {
            name: "row".into(),
            path: "".into(),
            parent: 0,
            shape: Shape::Struct(Vec::new()),
        };
        Layout { fields: vec![row] }
    }

    /// Adds the columns of a plan, given as its nodes. Answers which column each node fills. After an error the layout is as it was.
    pub fn merge(&mut self, nodes: &[Node]) -> Result<Vec<usize>, LayoutError> {
        let before = self.clone();
        let mut places = vec![0; nodes.len()];
        match self.merge_children(nodes, 0, 0, &mut places) {
            Ok(()) => Ok(places),
            Err(error) => {
                *self = before;
                Err(error)
            }
        }
    }

    /// The Arrow schema: the contract's columns in the order in which versions brought them, then the fixed ones.
    pub fn schema(&self, cdc: bool) -> Schema {
        let mut fields = self.top_fields();
        fields.extend(fixed_fields(cdc));
        Schema::new(fields)
    }

    pub(crate) fn top_fields(&self) -> Vec<FieldRef> {
        let Shape::Struct(children) = &self.fields[0].shape else {
            unreachable!("field 0 is the row, built as a struct above")
        };
        children.iter().map(|&child| self.field(child, true)).collect()
    }

    pub(crate) fn field(&self, index: usize, nullable: bool) -> FieldRef {
        Arc::new(Field::new(self.fields[index].name.as_ref(), self.data_type(index), nullable))
    }

    fn data_type(&self, index: usize) -> DataType {
        match &self.fields[index].shape {
            Shape::Leaf(leaf) => leaf.data_type(),
            Shape::Struct(children) => DataType::Struct(children.iter().map(|&child| self.field(child, true)).collect()),
            Shape::List(item) => DataType::List(self.field(*item, true)),
            Shape::Map(key, value) => DataType::Map(self.entries_field(*key, *value), false),
        }
    }

    pub(crate) fn entries_field(&self, key: usize, value: usize) -> FieldRef {
        let entries = DataType::Struct(vec![self.field(key, false), self.field(value, true)].into());
        Arc::new(Field::new("key_value", entries, false))
    }

    /// Merges the children of `node` into the struct `into`.
    fn merge_children(&mut self, nodes: &[Node], node: usize, into: usize, places: &mut [usize]) -> Result<(), LayoutError> {
        let Kind::Object(declared) = &nodes[node].kind else { return Ok(()) };
        let mut seen: Vec<&str> = Vec::with_capacity(declared.len());
        for &child in declared {
            let name = &nodes[child].name;
            if seen.contains(&&**name) {
                return Err(LayoutError::Twice(self.path_of(into, name)));
            }
            if into == 0 && is_reserved(name) {
                return Err(LayoutError::Reserved(name.to_string()));
            }
            seen.push(name);
            let Shape::Struct(existing) = &self.fields[into].shape else {
                unreachable!("only structs are merged into");
            };
            match existing.iter().copied().find(|&field| self.fields[field].name == *name) {
                Some(field) => self.unify(nodes, child, field, places)?,
                None => {
                    let field = self.add(nodes, child, into, name.clone(), places)?;
                    if let Shape::Struct(children) = &mut self.fields[into].shape {
                        children.push(field);
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets a node fill a column that is there already.
    fn unify(&mut self, nodes: &[Node], node: usize, field: usize, places: &mut [usize]) -> Result<(), LayoutError> {
        places[node] = field;
        let changed = LayoutError::TypeChanged(self.fields[field].path.to_string());
        match (&nodes[node].kind, self.fields[field].shape.clone()) {
            (Kind::Object(children), Shape::Struct(_)) if !children.is_empty() => self.merge_children(nodes, node, field, places),
            (Kind::Array(item), Shape::List(at)) => self.unify(nodes, *item, at, places),
            (Kind::Map(key, value), Shape::Map(key_at, value_at)) => {
                self.unify(nodes, *key, key_at, places)?;
                self.unify(nodes, *value, value_at, places)
            }
            (kind, Shape::Leaf(existing)) => {
                let unified = leaf_of(kind).and_then(|leaf| leaf.unify(existing)).ok_or(changed)?;
                self.fields[field].shape = Shape::Leaf(unified);
                Ok(())
            }
            _ => Err(changed),
        }
    }

    /// Makes a new column for a node and all below it. A parent always stands before its parts.
    fn add(&mut self, nodes: &[Node], node: usize, parent: usize, name: Arc<str>, places: &mut [usize]) -> Result<usize, LayoutError> {
        let index = self.fields.len();
        let path = self.path_of(parent, &name).into();
        let leaf = leaf_of(&nodes[node].kind);
        let shape = leaf.map_or(Shape::Struct(Vec::new()), Shape::Leaf);
        self.fields.push(LayoutField { name, path, parent, shape });
        places[node] = index;
        match &nodes[node].kind {
            Kind::Object(_) if leaf.is_none() => self.merge_children(nodes, node, index, places)?,
            // The names are those of the Parquet specification's LIST and MAP, which readers look for.
            Kind::Array(item) => self.fields[index].shape = Shape::List(self.add(nodes, *item, index, "element".into(), places)?),
            Kind::Map(key, value) => {
                let key = self.add(nodes, *key, index, "key".into(), places)?;
                let value = self.add(nodes, *value, index, "value".into(), places)?;
                self.fields[index].shape = Shape::Map(key, value);
            }
            _ => {}
        }
        Ok(index)
    }

    fn path_of(&self, parent: usize, name: &str) -> String {
        match &*self.fields[parent].path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

// === impl ColumnType ===

impl ColumnType {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            ColumnType::Bool => DataType::Boolean,
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Decimal { precision, scale } => {
                DataType::Decimal128(precision, i8::try_from(scale).expect("a scale is within 0..=38"))
            }
            ColumnType::F32 => DataType::Float32,
            ColumnType::F64 => DataType::Float64,
            ColumnType::Text | ColumnType::Json => DataType::Utf8,
            ColumnType::Bytes => DataType::Binary,
            ColumnType::Date => DataType::Date32,
            ColumnType::Time => DataType::Time64(TimeUnit::Microsecond),
            ColumnType::Timestamp { utc } => DataType::Timestamp(TimeUnit::Microsecond, utc.then(|| "UTC".into())),
        }
    }

    fn unify(self, other: ColumnType) -> Option<ColumnType> {
        match (self, other) {
            (ColumnType::Decimal { precision: a, scale: s }, ColumnType::Decimal { precision: b, scale: t }) if s == t => {
                Some(ColumnType::Decimal {
                    precision: a.max(b),
                    scale: s,
                })
            }
            _ => (self == other).then_some(self),
        }
    }
}

/// The single column of a node; none for what has parts. An object without properties would be a group without members, which Parquet
/// does not have.
fn leaf_of(kind: &Kind) -> Option<ColumnType> {
    Some(match kind {
        Kind::Object(children) if children.is_empty() => ColumnType::Json,
        Kind::Object(_) | Kind::Array(_) | Kind::Map(..) => return None,
        Kind::Any => ColumnType::Json,
        Kind::Leaf(leaf) => match *leaf {
            LeafType::Bool => ColumnType::Bool,
            LeafType::Int { bits, signed } if bits < 64 || (bits == 64 && signed) => ColumnType::Int64,
            LeafType::Int { .. } => ColumnType::Decimal { precision: 38, scale: 0 },
            LeafType::Decimal { precision, scale } => ColumnType::Decimal { precision, scale },
            LeafType::F32 => ColumnType::F32,
            LeafType::F64 => ColumnType::F64,
            LeafType::Str => ColumnType::Text,
            LeafType::Bytes => ColumnType::Bytes,
            LeafType::Date => ColumnType::Date,
            LeafType::Time => ColumnType::Time,
            LeafType::Timestamp { utc } => ColumnType::Timestamp { utc },
        },
    })
}

fn is_reserved(name: &str) -> bool {
    name.starts_with(fixed::PREFIX) || [fixed::OP, fixed::SOURCE_TIME, fixed::SOURCE_POSITION, fixed::UNAVAILABLE].contains(&name)
}

/// The fixed columns in file order. `_op` is always there, so that a tombstone does not change the schema.
pub(crate) fn fixed_fields(cdc: bool) -> Vec<FieldRef> {
    let instant = ColumnType::Timestamp { utc: true }.data_type();
    let mut fields = vec![
        Field::new(fixed::SOURCE_TOPIC, DataType::Utf8, true),
        Field::new(fixed::SOURCE_PARTITION, DataType::Int32, true),
        Field::new(fixed::SOURCE_OFFSET, DataType::Int64, true),
        Field::new(fixed::TOPIC, DataType::Utf8, true),
        Field::new(fixed::PARTITION, DataType::Int32, true),
        Field::new(fixed::OFFSET, DataType::Int64, true),
        Field::new(fixed::TIMESTAMP, instant.clone(), true),
        Field::new(fixed::CONTRACT_VERSION, DataType::Utf8, true),
        Field::new(fixed::SNAPSHOT, DataType::Utf8, true),
        Field::new(fixed::OP, DataType::Utf8, true),
    ];
    if cdc {
        fields.push(Field::new(fixed::SOURCE_TIME, instant, true));
        fields.push(Field::new(fixed::SOURCE_POSITION, DataType::Utf8, true));
        fields.push(Field::new(fixed::UNAVAILABLE, DataType::List(unavailable_item()), true));
    }
    fields.into_iter().map(Arc::new).collect()
}

pub(crate) fn unavailable_item() -> FieldRef {
    Arc::new(Field::new("element", DataType::Utf8, true))
}
