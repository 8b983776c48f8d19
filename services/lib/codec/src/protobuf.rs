//! Protobuf wire format (protobuf.dev, "Encoding"), read with a compiled schema.
//!
//! The wire has fields in any order, each any number of times, and tokens have to come as objects with every field once. So a message is
//! read twice: its tags are indexed into scratch that is kept between records, then its fields are handed out in the order of the schema.
//! How values arrive:
//! - a field that tracks no presence (proto3 without `optional`) and is not on the wire is its default: `0`, `""`, `false`, the first
//!   value of an enum. That is what the specification says such a field is; a writer cannot leave it out. Lists and maps are empty then.
//!   A field that tracks presence (proto2, `optional`, messages, members of a `oneof`) and is not on the wire is missing; without a field
//!   that proto2 calls `required` the bytes are no such message (`Missing`);
//! - a singular field that comes several times is merged as the specification asks of readers: the last scalar wins, messages are joined,
//!   the last member of a `oneof` wins. Concatenated messages are legal Protobuf and every consumer reads them so; refusing them would
//!   refuse what consumers accept. It is handed out once, merged. A map with a key twice is `DuplicateKey`, as in the other encodings:
//!   no writer makes one, and which entry counts would be decided silently;
//! - packed and unpacked lists are both read, whatever the schema says (the specification asks for it);
//! - names are the field names of the schema; [`ProtobufReader::alias`] has the `json_name` of the last one, so that a contract may use either;
//! - an enum is its name with the number as [`ProtobufReader::raw`]; a number without a name stays a number;
//! - `google.protobuf.Timestamp` is an instant, `Duration` text as in its JSON form (`1.5s`), wrappers are their value or missing, `Struct`,
//!   `Value` and `ListValue` are what they hold; `google.type.Date`, `TimeOfDay` and `Decimal`, `confluent.type.Decimal` are typed;
//!   `Any` is an object of `type_url` and bytes;
//! - a field that the schema does not know is counted ([`ProtobufReader::unknown_fields`]) and passed over;
//! - text must be UTF-8 in proto2 too. A field with another wire type than its own is `Syntax`: it was written by another schema.

mod compile;
mod descriptor_set;
mod fits;
mod index;
mod known_files;
mod reader;
mod schema;
mod well_known;
mod wire;

pub use crate::avro::Mismatch;
pub use fits::fits;
pub use index::Scratch;
pub use reader::ProtobufReader;
pub use schema::{MessageId, Schema};
pub(crate) use wire::varint as read_varint;

/// A file that a schema imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its path, as it is written.
    pub path: String,
    /// Line of the import, from 1.
    pub line: u32,
}

/// The files that the text of a `.proto` file imports, in order; no file is opened. The error says why the text cannot be read.
pub fn imports(text: &str) -> Result<Vec<Import>, String> {
    compile::imports(text)
}

/// Whether [`Schema::parse`] needs no file for that import: `google/protobuf/*`, and those that its page lists.
pub fn is_known_import(path: &str) -> bool {
    compile::is_known(path)
}
