//! Whether what one message writes can be read as another: protobuf.dev, "Updating A Message Type", narrowed to the changes that lose no
//! value and give none another meaning. `schemas/formats/event-schemas.md` has the rules for authors; they are listed at [`fits`].
//!
//! The question is asked of the schemas alone, before any datum: it is answered yes only if every datum of the writer can be read.

use std::collections::HashSet;

use super::schema::{Field, Kind, Message, MessageId, Presence, Schema};
use crate::avro::Mismatch;

/// Messages inside of each other that two schemas are compared down to; deeper ones, which are no real schemas, do not fit.
const LEVELS_MAX: usize = 128;

/// Whether every datum that is written as `written` can be read as `wanted`:
/// - the two have the same full name; names of the messages inside of them do not count, but well-known ones fit only themselves;
/// - a field of the one with number or name of a field of the other has both;
/// - both are single, both are lists, or both are maps; packed or not does not count;
/// - its type is the same or wider without another meaning: `int32` to `int64`, `uint32` to `uint64` or `int64`, `sint32` to `sint64`, `bool`
///   to any of the four plain varints, an enum to `int32` or `int64`, `string` to `bytes`;
/// - every value that a written enum declares has the same number and name in the wanted one;
/// - fields of one wanted `oneof` that are written belong to one written `oneof`;
/// - what the wanted message calls `required` (proto2) is written, as `required`;
/// - no written field has a number or name that the wanted message reserves. Other fields that only the writer knows are passed over.
pub fn fits(writer: &Schema, written: MessageId, reader: &Schema, wanted: MessageId) -> Result<(), Mismatch> {
    let mut comparison = Comparison {
        writer,
        reader,
        proven: HashSet::new(),
        path: Vec::new(),
    };
    if writer.full_name(written) != reader.full_name(wanted) {
        return comparison.no();
    }
    comparison.messages(written, wanted)
}

struct Comparison<'s> {
    writer: &'s Schema,
    reader: &'s Schema,
    /// Pairs that fit, or are being compared: messages that hold themselves are compared once.
    proven: HashSet<(u32, u32)>,
    path: Vec<&'s str>,
}

// === impl Comparison ===

impl<'s> Comparison<'s> {
    fn messages(&mut self, written: MessageId, wanted: MessageId) -> Result<(), Mismatch> {
        if !self.proven.insert((written.0, wanted.0)) {
            return Ok(());
        }
        let (writer, reader): (&'s Message, &'s Message) = (self.writer.message(written), self.reader.message(wanted));
        if writer.shape != reader.shape || self.path.len() > LEVELS_MAX {
            return self.no();
        }
        for wanted in &reader.fields {
            self.path.push(&wanted.name);
            let by_number = writer.fields.iter().find(|field| field.number == wanted.number);
            let by_name = writer.fields.iter().find(|field| field.name == wanted.name);
            match (by_number, by_name) {
                (Some(written), Some(named)) if written.number == named.number => self.fields(written, wanted)?,
                (None, None) if wanted.presence == Presence::Required => return self.missing(),
                (None, None) => {}
                _ => return self.no(),
            }
            self.path.pop();
        }
        for written in &writer.fields {
            let is_reserved = reader
                .reserved
                .iter()
                .any(|(first, behind)| (*first..*behind).contains(&written.number))
                || reader.reserved_names.contains(&written.name);
            if is_reserved {
                self.path.push(&written.name);
                return self.no();
            }
        }
        self.oneofs(writer, reader)
    }

    fn fields(&mut self, written: &'s Field, wanted: &'s Field) -> Result<(), Mismatch> {
        match (written.presence, wanted.presence) {
            (Presence::Required, Presence::Required) => {}
            (_, Presence::Required) => return self.missing(),
            (written, wanted) if many(written) != many(wanted) => return self.no(),
            _ => {}
        }
        match (wanted.presence, written.kind, wanted.kind) {
            (Presence::Map, Kind::Message(written), Kind::Message(wanted)) => {
                let (Some(written), Some(wanted)) = (entry(self.writer, written), entry(self.reader, wanted)) else {
                    return self.no();
                };
                self.path.push("*");
                self.kinds(written[0].kind, wanted[0].kind)?;
                self.kinds(written[1].kind, wanted[1].kind)?;
                self.path.pop();
                Ok(())
            }
            (Presence::List, written, wanted) => {
                self.path.push("*");
                self.kinds(written, wanted)?;
                self.path.pop();
                Ok(())
            }
            (_, written, wanted) => self.kinds(written, wanted),
        }
    }

    fn kinds(&mut self, written: Kind, wanted: Kind) -> Result<(), Mismatch> {
        let fits = match (written, wanted) {
            (Kind::Message(written), Kind::Message(wanted)) => return self.messages(written, wanted),
            (Kind::Enum(written), Kind::Enum(wanted)) => self.enums(written, wanted),
            (Kind::Enum(_), Kind::Int32 | Kind::Int64)
            | (Kind::Int32, Kind::Int64)
            | (Kind::Uint32, Kind::Uint64 | Kind::Int64)
            | (Kind::Sint32, Kind::Sint64)
            | (Kind::Bool, Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64)
            | (Kind::String, Kind::Bytes) => true,
            (written, wanted) => written == wanted,
        };
        if fits { Ok(()) } else { self.no() }
    }

    fn enums(&self, written: u32, wanted: u32) -> bool {
        let (written, wanted) = (&self.writer.enums[written as usize], &self.reader.enums[wanted as usize]);
        written.is_null == wanted.is_null && written.names.iter().all(|(number, name)| wanted.name(*number) == Some(name))
    }

    /// A reader keeps one member of a `oneof`, so a writer must not be able to write two.
    fn oneofs(&mut self, writer: &'s Message, reader: &'s Message) -> Result<(), Mismatch> {
        for members in &reader.oneofs {
            let mut written = members.iter().filter_map(|member| {
                let number = reader.fields[*member as usize].number;
                writer.fields.iter().find(|field| field.number == number)
            });
            let Some(first) = written.next() else { continue };
            let alone = |other: &&Field| other.oneof.is_none() || other.oneof != first.oneof;
            if let Some(second) = written.find(alone) {
                self.path.push(&second.name);
                return self.no();
            }
        }
        Ok(())
    }

    fn no(&self) -> Result<(), Mismatch> {
        self.mismatch(false)
    }

    fn missing(&self) -> Result<(), Mismatch> {
        self.mismatch(true)
    }

    fn mismatch(&self, missing: bool) -> Result<(), Mismatch> {
        // Names of fields hold neither `/` nor `~`.
        let pointer = self.path.iter().flat_map(|step| ["/", step]).collect();
        Err(Mismatch { pointer, missing })
    }
}

fn many(presence: Presence) -> Option<Presence> {
    matches!(presence, Presence::List | Presence::Map).then_some(presence)
}

/// Key and value of the message that stands for a map's entry.
fn entry(schema: &Schema, id: MessageId) -> Option<&[Field; 2]> {
    schema.message(id).fields.as_slice().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/pointer` of what does not fit, with `!` where the field is missing.
    fn compared(writer: &str, reader: &str) -> String {
        let parse = |body: &str| {
            let body = if body.contains("syntax") {
                body.to_owned()
            } else {
                format!("syntax = \"proto3\"; {body}")
            };
            Schema::parse(&body, &[]).unwrap()
        };
        let (writer, reader) = (parse(writer), parse(reader));
        let named = |schema: &Schema| schema.declared("M").unwrap();
        match fits(&writer, named(&writer), &reader, named(&reader)) {
            Ok(()) => "fits".to_owned(),
            Err(Mismatch { pointer, missing }) => format!("{pointer}{}", if missing { "!" } else { "" }),
        }
    }

    fn field(writer: &str, reader: &str) -> String {
        compared(&format!("message M {{ {writer} }}"), &format!("message M {{ {reader} }}"))
    }

    #[test]
    fn fields_are_known_by_number_and_name() {
        for (writer, reader, expected) in [
            ("int32 a = 1;", "int32 a = 1;", "fits"),
            ("int32 a = 1;", "int32 b = 1;", "/b"),
            ("int32 a = 2;", "int32 a = 1;", "/a"),
            ("int32 a = 1; int32 b = 2;", "int32 a = 2; int32 b = 1;", "/a"),
            ("int32 a = 1; string extra = 9;", "int32 a = 1;", "fits"),
            ("", "int32 a = 1;", "fits"),
            ("int32 a = 5;", "reserved 3 to 5;", "/a"),
            ("int32 a = 6;", "reserved 3 to 5;", "fits"),
            ("int32 old = 6;", "reserved \"old\";", "/old"),
            ("int32 a = 536870911;", "reserved 9 to max;", "/a"),
        ] {
            assert_eq!(field(writer, reader), expected, "{writer} as {reader}");
        }
        assert_eq!(compared("message M {}", "message M {}"), "fits");
        let (one, other) = (
            "syntax = \"proto3\"; package a; message M {}",
            "syntax = \"proto3\"; package b; message M {}",
        );
        let (one, other) = (Schema::parse(one, &[]).unwrap(), Schema::parse(other, &[]).unwrap());
        let (written, wanted) = (one.declared("a.M").unwrap(), other.declared("b.M").unwrap());
        assert!(fits(&one, written, &other, wanted).is_err(), "the full name counts");
    }

    #[test]
    fn types_fit_where_no_value_is_lost() {
        const SCALARS: [&str; 15] = [
            "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64",
            "bool", "string", "bytes",
        ];
        let wider = [
            ("int32", "int64"),
            ("uint32", "uint64"),
            ("uint32", "int64"),
            ("sint32", "sint64"),
            ("bool", "int32"),
            ("bool", "int64"),
            ("bool", "uint32"),
            ("bool", "uint64"),
            ("string", "bytes"),
        ];
        for writer in SCALARS {
            for reader in SCALARS {
                let expected = writer == reader || wider.contains(&(writer, reader));
                for (form, pointer) in [
                    ("{} a = 1;", "/a"),
                    ("repeated {} a = 1;", "/a/*"),
                    ("map<string, {}> a = 1;", "/a/*"),
                ] {
                    let found = field(&form.replace("{}", writer), &form.replace("{}", reader));
                    assert_eq!(found, if expected { "fits" } else { pointer }, "{writer} as {reader}: {form}");
                }
            }
        }
        for (writer, reader) in [
            ("repeated int32 a = 1;", "int32 a = 1;"),
            ("int32 a = 1;", "repeated int32 a = 1;"),
            ("map<string, int32> a = 1;", "repeated int32 a = 1;"),
            (
                "message E { string key = 1; int32 value = 2; } repeated E a = 1;",
                "map<string, int32> a = 1;",
            ),
        ] {
            assert_eq!(field(writer, reader), "/a", "{writer} as {reader}");
        }
        assert_eq!(field("repeated int32 a = 1 [packed = false];", "repeated int32 a = 1;"), "fits");
        assert_eq!(field("optional int32 a = 1;", "int32 a = 1;"), "fits", "presence takes no part");
    }

    #[test]
    fn enums_have_no_value_that_the_reader_does_not_know() {
        let of = |values: &str| format!("enum E {{ {values} }} message M {{ E e = 1; }}");
        assert_eq!(compared(&of("A = 0; B = 1;"), &of("A = 0; B = 1; C = 2;")), "fits");
        assert_eq!(compared(&of("A = 0; B = 1;"), &of("A = 0;")), "/e");
        assert_eq!(
            compared(&of("A = 0; B = 1;"), &of("A = 0; X = 1;")),
            "/e",
            "another name is another value"
        );
        assert_eq!(compared(&of("A = 0;"), "message M { int64 e = 1; }"), "fits");
        assert_eq!(compared("message M { int32 e = 1; }", &of("A = 0;")), "/e");
    }

    #[test]
    fn messages_are_compared_field_by_field() {
        let of =
            |inner: &str| format!("message M {{ L l = 1; repeated L ls = 2; map<string, L> by = 3; M m = 4; }} message L {{ {inner} }}");
        assert_eq!(compared(&of("int32 n = 1;"), &of("int64 n = 1;")), "fits");
        assert_eq!(compared(&of("int64 n = 1;"), &of("int32 n = 1;")), "/l/n");
        assert_eq!(
            compared("message M { repeated L ls = 2; } message L { bytes n = 1; }", &of("string n = 1;")),
            "/ls/*/n"
        );
        assert_eq!(
            compared("message M { Other l = 1; } message Other { int32 n = 1; }", &of("int32 n = 1;")),
            "fits",
            "names inside do not count"
        );
        let time = "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message M { google.protobuf.Timestamp t = 1; }";
        let alike = "message M { T t = 1; } message T { int64 seconds = 1; int32 nanos = 2; }";
        assert_eq!((compared(time, time), compared(alike, time)), ("fits".into(), "/t".into()));
    }

    #[test]
    fn a_oneof_and_a_required_field_are_promises() {
        let choice = "oneof c { int32 a = 1; int32 b = 2; }";
        assert_eq!(field(choice, choice), "fits");
        assert_eq!(field(choice, "int32 a = 1; int32 b = 2;"), "fits");
        assert_eq!(field("int32 a = 1; int32 b = 2;", choice), "/b");
        assert_eq!(field("oneof c { int32 a = 1; } oneof d { int32 b = 2; }", choice), "/b");
        assert_eq!(field("int32 b = 2;", choice), "fits", "one field alone is never two");
        let two = |body: &str| format!("syntax = \"proto2\"; message M {{ {body} }}");
        assert_eq!(compared(&two("required int32 a = 1;"), &two("required int32 a = 1;")), "fits");
        assert_eq!(compared(&two("required int32 a = 1;"), &two("optional int32 a = 1;")), "fits");
        assert_eq!(compared(&two("optional int32 a = 1;"), &two("required int32 a = 1;")), "/a!");
        assert_eq!(compared(&two(""), &two("required int32 a = 1;")), "/a!");
    }

    #[test]
    fn a_chain_of_messages_ends_somewhere() {
        let mut text = String::from("message M { C0 c = 1; }");
        for level in 0..300 {
            text += &format!("message C{level} {{ C{} c = 1; }}", level + 1);
        }
        text += "message C300 { int32 n = 1; }";
        assert!(compared(&text, &text).len() > 2 * LEVELS_MAX, "too deep to compare");
    }
}
