//! A writer's schema as tables of messages and enums.

use std::collections::HashMap;

use super::compile;

/// A compiled Protobuf schema: a root file with everything that it imports. Immutable; share it by `Arc`.
#[derive(Debug)]
pub struct Schema {
    pub(super) messages: Vec<Message>,
    pub(super) enums: Vec<Enum>,
    /// Messages of the root file, in the order of the file.
    pub(super) top: Vec<MessageId>,
    /// All messages of the root file, nested and synthetic ones too, sorted by full name.
    pub(super) by_ordinal: Vec<MessageId>,
    pub(super) by_name: HashMap<Box<str>, MessageId>,
}

/// A message of a [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageId(pub(super) u32);

#[derive(Debug)]
pub(super) struct Message {
    /// Full name.
    pub(super) name: Box<str>,
    pub(super) shape: Shape,
    pub(super) fields: Vec<Field>,
    /// Number of a field to its index, sorted by number.
    pub(super) by_number: Vec<(u32, u32)>,
    /// Members of each real `oneof`.
    pub(super) oneofs: Vec<Vec<u32>>,
    /// Nested messages in the order of the file, without the synthetic ones of maps.
    pub(super) nested: Vec<MessageId>,
    /// Field numbers that must not be used (`reserved`), from the first to behind the last.
    pub(super) reserved: Vec<(u32, u32)>,
    /// Names that must not be used.
    pub(super) reserved_names: Vec<Box<str>>,
    /// Made for a map.
    pub(super) is_entry: bool,
}

/// What a message stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Itself.
    Plain,
    Timestamp,
    Duration,
    /// Its one field.
    Wrapper,
    /// A map of its one field.
    Struct,
    /// One of its fields.
    Value,
    /// A list of its one field.
    ListValue,
    Date,
    TimeOfDay,
    /// `google.type.Decimal`: text.
    DecimalText,
    /// `confluent.type.Decimal`: bytes, precision, scale.
    DecimalBytes,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: Box<str>,
    pub(super) json_name: Box<str>,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    /// The real `oneof` that it belongs to.
    pub(super) oneof: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// Not on the wire means the default.
    Implicit,
    /// Not on the wire means missing.
    Explicit,
    /// Not on the wire means that it is no such message (`required` of proto2).
    Required,
    List,
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(u32),
    Message(MessageId),
}

#[derive(Debug)]
pub(super) struct Enum {
    /// By number, sorted; the first name of a number.
    pub(super) names: Vec<(i32, Box<str>)>,
    /// Number of the value that comes first, which is the default.
    pub(super) default: i32,
    /// `google.protobuf.NullValue`.
    pub(super) is_null: bool,
}

// === impl Schema ===

impl Schema {
    /// Compiles the text of a `.proto` file. `references` are the files that it imports, as (path of the import, text), in any order.
    /// Google's well-known files, `google/type/{date,decimal,timeofday}.proto`, `confluent/meta.proto` and `confluent/type/decimal.proto`
    /// need not be among them. No file is ever opened. The error says what is wrong, without quoting more of the schema than names.
    pub fn parse(text: &str, references: &[(&str, &str)]) -> Result<Schema, String> {
        compile::from_text(text, references)
    }

    /// Compiles a `google.protobuf.FileDescriptorSet` as `protoc --include_imports --descriptor_set_out` writes it. Its last file is the
    /// root, which matters only to [`Schema::message_at`] and [`Schema::message_by_ordinal`].
    pub fn from_descriptor_set(bytes: &[u8]) -> Result<Schema, String> {
        compile::from_descriptor_set(bytes)
    }

    /// The message at Confluent's indexes: the position in the file, then among the messages nested in that one, and so on.
    pub fn message_at(&self, path: &[u32]) -> Option<MessageId> {
        let (first, rest) = path.split_first()?;
        let mut found = *self.top.get(*first as usize)?;
        for index in rest {
            found = *self.message(found).nested.get(*index as usize)?;
        }
        Some(found)
    }

    /// The message at AWS Glue's index: among all messages of the root file, nested ones included, by full name.
    pub fn message_by_ordinal(&self, ordinal: u32) -> Option<MessageId> {
        self.by_ordinal.get(ordinal as usize).copied()
    }

    /// The message of that full name, such as `shop.Order`.
    pub fn message_named(&self, full_name: &str) -> Option<MessageId> {
        self.by_name.get(full_name).copied()
    }

    /// The message of that full name if the root file itself declares it, and not one that it imports.
    pub fn declared(&self, full_name: &str) -> Option<MessageId> {
        let mut own = self.declarations();
        own.find(|(name, _)| *name == full_name).map(|(_, id)| id)
    }

    /// Full names of the messages that the root file declares, nested ones included, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.declarations().map(|(name, _)| name)
    }

    /// Full name of a message, such as `shop.Order`.
    pub fn full_name(&self, message: MessageId) -> &str {
        &self.message(message).name
    }

    fn declarations(&self) -> impl Iterator<Item = (&str, MessageId)> {
        let own = self.by_ordinal.iter().map(|id| (self.message(*id), *id));
        own.filter(|(message, _)| !message.is_entry)
            .map(|(message, id)| (&*message.name, id))
    }

    pub(super) fn message(&self, id: MessageId) -> &Message {
        &self.messages[id.0 as usize]
    }
}

// === impl Message ===

impl Message {
    /// Index of the field with that number. Writers nearly always keep the order of the schema, so `expected` is tried first.
    #[inline]
    pub(super) fn find(&self, number: u32, expected: usize) -> Option<usize> {
        if self.fields.get(expected).is_some_and(|field| field.number == number) {
            return Some(expected);
        }
        let at = self.by_number.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(self.by_number[at].1 as usize)
    }
}

// === impl Enum ===

impl Enum {
    pub(super) fn name(&self, number: i32) -> Option<&str> {
        let at = self.names.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(&self.names[at].1)
    }
}

// === impl Kind ===

impl Kind {
    /// Wire type of one value (Encoding, "Message Structure"): 0 varint, 1 eight bytes, 2 with a length, 5 four bytes.
    pub(super) fn wire_type(self) -> u8 {
        match self {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
            Kind::String | Kind::Bytes | Kind::Message(_) => 2,
            _ => 0,
        }
    }
}
