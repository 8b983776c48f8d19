//! From descriptors to tables.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use prost_reflect::{Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind as Declared, MessageDescriptor};
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};

use super::Import;
use super::descriptor_set;
use super::known_files;
use super::schema::{Enum, Field, Kind, Message, MessageId, Presence, Schema, Shape};

/// The name under which the root is compiled; imports cannot reach it.
const ROOT: &str = "root of the schema.proto";
/// Bytes of all texts of a schema.
const TEXT_MAX: usize = 4 << 20;
/// Brackets inside of each other. The compiler of schemas is recursive.
const NESTING_MAX: usize = 64;
const MESSAGES_MAX: usize = 20_000;

/// Files in memory, and no others.
struct Memory {
    files: HashMap<String, String>,
}

impl FileResolver for Memory {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.files.get(name) {
            Some(text) => File::from_source(name, text),
            None => Err(protox::Error::file_not_found(name)),
        }
    }
}

pub(super) fn from_text(text: &str, references: &[(&str, &str)]) -> Result<Schema, String> {
    let texts = || references.iter().map(|(_, text)| *text).chain([text]);
    if texts().map(str::len).sum::<usize>() > TEXT_MAX {
        return Err(format!("the schema has more than {TEXT_MAX} bytes"));
    }
    if !texts().all(is_shallow) {
        return Err(format!("the schema nests deeper than {NESTING_MAX} levels"));
    }
    let mut files: HashMap<String, String> = known_files::FILES
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    files.extend(references.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    files.insert(ROOT.to_owned(), text.to_owned());
    let mut resolver = ChainFileResolver::new();
    resolver.add(Memory { files });
    resolver.add(GoogleFileResolver::new());
    let mut compiler = protox::Compiler::with_file_resolver(resolver);
    compiler.open_file(ROOT).map_err(|error| short(&error.to_string()))?;
    let pool = compiler.descriptor_pool();
    let root = pool.get_file_by_name(ROOT).ok_or("the schema has no root")?;
    Builder::build(&pool, &root)
}

pub(super) fn from_descriptor_set(bytes: &[u8]) -> Result<Schema, String> {
    if bytes.len() > TEXT_MAX {
        return Err(format!("the descriptor set has more than {TEXT_MAX} bytes"));
    }
    descriptor_set::examine(bytes).map_err(|error| short(&error))?;
    // The last net under a library that expects a compiler's output: its panic is a bad schema, and no end of a worker.
    let built = std::panic::catch_unwind(|| {
        let pool = DescriptorPool::decode(bytes).map_err(|error| short(&error.to_string()))?;
        let root = pool.files().last().ok_or("the descriptor set has no files")?;
        Builder::build(&pool, &root)
    });
    built.unwrap_or_else(|_| Err("the descriptor set is none that a compiler of schemas writes".into()))
}

/// The files that a text imports, in order. The error says why it cannot be read.
pub(super) fn imports(text: &str) -> Result<Vec<Import>, String> {
    if text.len() > TEXT_MAX {
        return Err(format!("the schema has more than {TEXT_MAX} bytes"));
    }
    if !is_shallow(text) {
        return Err(format!("the schema nests deeper than {NESTING_MAX} levels"));
    }
    let file = File::from_source(ROOT, text).map_err(|error| short(&error.to_string()))?;
    let declared = file.file_descriptor_proto();
    let places = declared.source_code_info.as_ref().map_or(&[][..], |info| &info.location);
    let line = |index: usize| {
        // Field 3 of a file is its list of imports (descriptor.proto); places count lines from 0.
        let place = places.iter().find(|place| place.path == [3, index as i32])?;
        u32::try_from(*place.span.first()?).ok()?.checked_add(1)
    };
    let numbered = declared.dependency.iter().enumerate();
    Ok(numbered
        .map(|(index, path)| Import {
            path: path.clone(),
            line: line(index).unwrap_or(1),
        })
        .collect())
}

/// Whether an import needs no file: its declarations come with us.
pub(super) fn is_known(path: &str) -> bool {
    known_files::FILES.iter().any(|(known, _)| *known == path) || GoogleFileResolver::new().open_file(path).is_ok()
}

/// The first line of what a library says, bounded.
fn short(text: &str) -> String {
    match text.lines().next().unwrap_or_default() {
        // The parser says this of imports with `..`, `//` and the like, too.
        "invalid group name" => "an import is no plain path such as `shop/line.proto`".to_owned(),
        line => line.chars().take(200).collect(),
    }
}

/// Whether brackets outside of comments and quoted text nest no deeper than [`NESTING_MAX`].
fn is_shallow(text: &str) -> bool {
    let (mut depth, mut rest) = (0_usize, text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'/' if rest.starts_with(b"/") => rest = &rest[rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())..],
            b'/' if rest.starts_with(b"*") => {
                rest = match rest[1..].windows(2).position(|pair| pair == b"*/") {
                    Some(at) => &rest[at + 3..],
                    None => &[],
                }
            }
            quote @ (b'"' | b'\'') => {
                let mut at = 0;
                while let Some(byte) = rest.get(at) {
                    match byte {
                        b'\\' => at += 2,
                        // No text goes past its line.
                        byte if byte == quote || *byte == b'\n' => break,
                        _ => at += 1,
                    }
                }
                rest = rest.get(at + 1..).unwrap_or_default();
            }
            b'{' | b'[' | b'<' | b'(' => {
                depth += 1;
                if depth > NESTING_MAX {
                    return false;
                }
            }
            b'}' | b']' | b'>' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[derive(Default)]
struct Builder {
    ids: HashMap<String, MessageId>,
    found: Vec<MessageDescriptor>,
    enum_ids: HashMap<String, u32>,
    enums: Vec<Enum>,
}

// === impl Builder ===

impl Builder {
    fn build(pool: &DescriptorPool, root: &FileDescriptor) -> Result<Schema, String> {
        let mut builder = Builder::default();
        let top = root.messages().map(|message| builder.id(&message)).collect();
        // Every message of every file can be named, in a fixed order.
        for message in pool.all_messages() {
            builder.id(&message);
        }
        let mut messages = Vec::new();
        while let Some(message) = builder.found.get(messages.len()).cloned() {
            messages.push(builder.message(&message)?);
            if builder.found.len() > MESSAGES_MAX {
                return Err(format!("the schema has more than {MESSAGES_MAX} messages"));
            }
        }
        let mut of_root: Vec<&MessageDescriptor> = builder.found.iter().filter(|message| message.parent_file() == *root).collect();
        of_root.sort_by(|one, other| one.full_name().cmp(other.full_name()));
        let by_ordinal = of_root.iter().map(|message| builder.ids[message.full_name()]).collect();
        let by_name = builder.ids.into_iter().map(|(name, id)| (name.into_boxed_str(), id)).collect();
        Ok(Schema {
            messages,
            enums: builder.enums,
            top,
            by_ordinal,
            by_name,
        })
    }

    fn id(&mut self, message: &MessageDescriptor) -> MessageId {
        if let Some(id) = self.ids.get(message.full_name()) {
            return *id;
        }
        let id = MessageId(self.found.len() as u32);
        self.ids.insert(message.full_name().to_owned(), id);
        self.found.push(message.clone());
        id
    }

    fn enum_id(&mut self, declared: &EnumDescriptor) -> u32 {
        if let Some(id) = self.enum_ids.get(declared.full_name()) {
            return *id;
        }
        let mut seen = HashSet::new();
        let mut names: Vec<(i32, Box<str>)> = declared
            .values()
            .filter(|value| seen.insert(value.number()))
            .map(|value| (value.number(), value.name().into()))
            .collect();
        names.sort();
        let id = self.enums.len() as u32;
        self.enums.push(Enum {
            names,
            default: declared.default_value().number(),
            is_null: declared.full_name() == "google.protobuf.NullValue",
        });
        self.enum_ids.insert(declared.full_name().to_owned(), id);
        id
    }

    fn message(&mut self, message: &MessageDescriptor) -> Result<Message, String> {
        let mut oneofs: Vec<Vec<u32>> = Vec::new();
        let mut oneof_ids: HashMap<String, u32> = HashMap::new();
        let mut fields = Vec::new();
        // The order of the file, which is the order in which writers nearly always write.
        let mut declared: Vec<FieldDescriptor> = message.fields().collect();
        declared.sort_by_key(|field| field.path().last().copied());
        for (index, field) in declared.iter().enumerate() {
            if field.is_group() {
                return Err(format!("{} is a group, which is not read", field.full_name()));
            }
            let oneof = field
                .containing_oneof()
                .filter(|oneof| !is_synthetic(field, oneof.fields().len()))
                .map(|oneof| {
                    let id = *oneof_ids.entry(oneof.full_name().to_owned()).or_insert_with(|| {
                        oneofs.push(Vec::new());
                        oneofs.len() as u32 - 1
                    });
                    oneofs[id as usize].push(index as u32);
                    id
                });
            let presence = if field.is_map() {
                Presence::Map
            } else if field.is_list() {
                Presence::List
            } else if field.cardinality() == Cardinality::Required {
                Presence::Required
            } else if field.supports_presence() {
                Presence::Explicit
            } else {
                Presence::Implicit
            };
            fields.push(Field {
                number: field.number(),
                name: field.name().into(),
                json_name: field.json_name().into(),
                kind: self.kind(&field.kind()),
                presence,
                oneof,
            });
        }
        let mut by_number: Vec<(u32, u32)> = fields
            .iter()
            .enumerate()
            .map(|(index, field)| (field.number, index as u32))
            .collect();
        by_number.sort_unstable();
        let nested = message
            .child_messages()
            .filter(|nested| !nested.is_map_entry())
            .map(|nested| self.id(&nested))
            .collect();
        Ok(Message {
            name: message.full_name().into(),
            shape: shape(message.full_name(), &fields),
            fields,
            by_number,
            oneofs,
            nested,
            reserved: message.reserved_ranges().map(|range| (range.start, range.end)).collect(),
            reserved_names: message.reserved_names().map(Into::into).collect(),
            is_entry: message.is_map_entry(),
        })
    }

    fn kind(&mut self, kind: &Declared) -> Kind {
        match kind {
            Declared::Double => Kind::Double,
            Declared::Float => Kind::Float,
            Declared::Int32 => Kind::Int32,
            Declared::Int64 => Kind::Int64,
            Declared::Uint32 => Kind::Uint32,
            Declared::Uint64 => Kind::Uint64,
            Declared::Sint32 => Kind::Sint32,
            Declared::Sint64 => Kind::Sint64,
            Declared::Fixed32 => Kind::Fixed32,
            Declared::Fixed64 => Kind::Fixed64,
            Declared::Sfixed32 => Kind::Sfixed32,
            Declared::Sfixed64 => Kind::Sfixed64,
            Declared::Bool => Kind::Bool,
            Declared::String => Kind::String,
            Declared::Bytes => Kind::Bytes,
            Declared::Enum(declared) => Kind::Enum(self.enum_id(declared)),
            Declared::Message(message) => Kind::Message(self.id(message)),
        }
    }
}

/// proto3's `optional` is declared as a `oneof` of one member.
fn is_synthetic(field: &FieldDescriptor, members: usize) -> bool {
    members == 1 && field.field_descriptor_proto().proto3_optional()
}

/// By name, and only where the fields are what that name promises: a schema may declare anything.
fn shape(full_name: &str, fields: &[Field]) -> Shape {
    let is = |wanted: &[(u32, Kind)]| {
        fields.len() == wanted.len()
            && fields
                .iter()
                .zip(wanted)
                .all(|(field, (number, kind))| field.number == *number && field.kind == *kind)
    };
    let one = |number: u32, presence: Presence| matches!(fields, [field] if field.number == number && field.presence == presence);
    let shape = match full_name {
        "google.protobuf.Timestamp" if is(&[(1, Kind::Int64), (2, Kind::Int32)]) => Shape::Timestamp,
        "google.protobuf.Duration" if is(&[(1, Kind::Int64), (2, Kind::Int32)]) => Shape::Duration,
        "google.protobuf.DoubleValue"
        | "google.protobuf.FloatValue"
        | "google.protobuf.Int64Value"
        | "google.protobuf.UInt64Value"
        | "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.BoolValue"
        | "google.protobuf.StringValue"
        | "google.protobuf.BytesValue"
            if one(1, Presence::Implicit) =>
        {
            Shape::Wrapper
        }
        "google.protobuf.Struct" if one(1, Presence::Map) => Shape::Struct,
        "google.protobuf.ListValue" if one(1, Presence::List) => Shape::ListValue,
        "google.protobuf.Value" if fields.iter().all(|field| field.oneof == Some(0)) => Shape::Value,
        "google.type.Date" if is(&[(1, Kind::Int32), (2, Kind::Int32), (3, Kind::Int32)]) => Shape::Date,
        "google.type.TimeOfDay" if is(&[(1, Kind::Int32), (2, Kind::Int32), (3, Kind::Int32), (4, Kind::Int32)]) => Shape::TimeOfDay,
        "google.type.Decimal" if is(&[(1, Kind::String)]) => Shape::DecimalText,
        "confluent.type.Decimal" if is(&[(1, Kind::Bytes), (2, Kind::Uint32), (3, Kind::Int32)]) => Shape::DecimalBytes,
        _ => return Shape::Plain,
    };
    let singular = fields.iter().all(|field| field.presence == Presence::Implicit);
    match shape {
        Shape::Struct | Shape::ListValue | Shape::Value => shape,
        _ if singular => shape,
        _ => Shape::Plain,
    }
}
