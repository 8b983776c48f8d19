//! Where in the bytes a value lies: the slow second look that only tools for people take.
//!
//! A judge never keeps spans. Whoever must show one reads the document again with [`visit`], which tells of every value where it begins
//! and ends.

use std::borrow::Cow;

use crate::avro::AvroReader;
use crate::failure::DecodeFailure;
use crate::json::JsonReader;
use crate::protobuf::ProtobufReader;
use crate::token::{Reader, Token};

/// Bytes `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Byte behind the last one.
    pub end: usize,
}

/// One step from the document down to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'b> {
    /// Name of the field or entry; none for an item of a list.
    pub name: Option<Cow<'b, str>>,
    /// Another name of the field, in Protobuf.
    pub alias: Option<&'b str>,
    /// Position among its siblings, from 0.
    pub ordinal: u64,
}

/// A value that was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visited {
    /// Its name, with the quotes in JSON; names of Avro fields have no bytes.
    pub key: Option<Span>,
    /// The value. In Avro the index of its union belongs to it.
    pub value: Span,
}

/// A reader that can say where the next key or value begins, which is not always where the last one ended.
pub trait Placed<'b>: Reader<'b> {
    /// Offset of the first byte of what [`Reader::next`] would read.
    fn next_start(&self) -> usize;

    /// Offset behind the name that was read last, without the colon of JSON.
    fn name_end(&self) -> usize {
        self.position()
    }
}

/// A value that is open.
struct Open {
    is_object: bool,
    start: usize,
    key: Option<Span>,
    children: u64,
}

/// Reads one document and tells `each` of every value in it, inner ones before those that hold them. After a failure the values before it
/// have been told.
pub fn visit<'b>(reader: &mut impl Placed<'b>, mut each: impl FnMut(&[Segment<'b>], Visited)) -> Result<(), DecodeFailure> {
    let mut open: Vec<Open> = Vec::new();
    let mut path: Vec<Segment<'b>> = Vec::new();
    let mut key = None;
    loop {
        let start = reader.next_start();
        let token = reader.next()?;
        let end = reader.position();
        match token {
            Token::End => return Ok(()),
            Token::Key(name) => {
                let parent = open.last_mut().expect("a key stands inside of an object");
                path.push(Segment {
                    name: Some(name),
                    alias: None,
                    ordinal: parent.children,
                });
                parent.children += 1;
                let end = reader.name_end();
                key = (end > start).then_some(Span { start, end });
                continue;
            }
            Token::EndObject | Token::EndArray => {
                let ended = open.pop().expect("an end has a beginning");
                let value = Span { start: ended.start, end };
                each(&path, Visited { key: ended.key, value });
                path.pop();
                continue;
            }
            _ => {}
        }
        if let Some(parent) = open.last_mut().filter(|parent| !parent.is_object) {
            path.push(Segment {
                name: None,
                alias: None,
                ordinal: parent.children,
            });
            parent.children += 1;
        }
        let key = key.take();
        if matches!(token, Token::BeginObject | Token::BeginArray) {
            open.push(Open {
                is_object: token == Token::BeginObject,
                start,
                key,
                children: 0,
            });
        } else {
            let value = Span { start, end };
            each(&path, Visited { key, value });
            path.pop();
        }
    }
}

/// As [`visit`] for a Protobuf message, whose fields lie in any order and may come in parts: a value is told with the bytes from its first
/// part to its last, without tags. A default that is not on the wire has no bytes and is not told of.
pub fn visit_protobuf<'b>(reader: &mut ProtobufReader<'b, '_>, mut each: impl FnMut(&[Segment<'b>], Visited)) -> Result<(), DecodeFailure> {
    // For each open value: whether it is an object, where it lies, how many parts it has had.
    let mut open: Vec<(bool, Option<Span>, u64)> = Vec::new();
    let mut path: Vec<Segment<'b>> = Vec::new();
    loop {
        let token = reader.next()?;
        let mut tell = |path: &[Segment<'b>], value: Option<Span>| {
            if let Some(value) = value {
                each(path, Visited { key: None, value });
            }
        };
        match token {
            Token::End => return Ok(()),
            Token::Key(name) => {
                let (_, _, parts) = open.last_mut().expect("a key stands inside of an object");
                path.push(Segment {
                    name: Some(name),
                    alias: reader.alias(),
                    ordinal: *parts,
                });
                *parts += 1;
                continue;
            }
            Token::EndObject | Token::EndArray => {
                let (_, value, _) = open.pop().expect("an end has a beginning");
                tell(&path, value);
                path.pop();
                continue;
            }
            _ => {}
        }
        if let Some((_, _, parts)) = open.last_mut().filter(|(is_object, ..)| !is_object) {
            path.push(Segment {
                name: None,
                alias: None,
                ordinal: *parts,
            });
            *parts += 1;
        }
        let value = reader.extent().map(|bytes| Span {
            start: bytes.start,
            end: bytes.end,
        });
        if matches!(token, Token::BeginObject | Token::BeginArray) {
            open.push((token == Token::BeginObject, value, 0));
        } else {
            tell(&path, value);
            path.pop();
        }
    }
}

// === impl JsonReader ===

impl<'b> Placed<'b> for JsonReader<'b> {
    fn next_start(&self) -> usize {
        let mut at = self.position();
        // Between two values stand white space and at most one comma; the colon belongs to the name.
        while self
            .byte_at(at)
            .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b','))
        {
            at += 1;
        }
        at
    }

    fn name_end(&self) -> usize {
        let mut at = self.position();
        while at > 0
            && self
                .byte_at(at - 1)
                .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b':'))
        {
            at -= 1;
        }
        at
    }
}

// === impl AvroReader ===

impl<'b> Placed<'b> for AvroReader<'b> {
    fn next_start(&self) -> usize {
        self.behind_block_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::Schema;

    fn shown<'b>(reader: &mut impl Placed<'b>, bytes: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        let read = visit(reader, |path, visited| {
            let path: Vec<String> = path
                .iter()
                .map(|segment| segment.name.as_ref().map_or(segment.ordinal.to_string(), ToString::to_string))
                .collect();
            let text = |span: Span| String::from_utf8_lossy(&bytes[span.start..span.end]).into_owned();
            let key = visited.key.map(text).unwrap_or_default();
            out.push(format!("/{} {key} {}", path.join("/"), text(visited.value)));
        });
        if let Err(failure) = read {
            out.push(format!("{failure:?}"));
        }
        out
    }

    #[test]
    fn every_json_value_lies_where_it_is_said_to() {
        let text = b" { \"a\" : [ 1 ,\n\"x\" , {} ] , \"b\\n\":{\"c\":null} } ";
        let expected = [
            "/a/0  1",
            "/a/1  \"x\"",
            "/a/2  {}",
            "/a \"a\" [ 1 ,\n\"x\" , {} ]",
            "/b\n/c \"c\" null",
            "/b\n \"b\\n\" {\"c\":null}",
            "/  { \"a\" : [ 1 ,\n\"x\" , {} ] , \"b\\n\":{\"c\":null} }",
        ];
        assert_eq!(shown(&mut JsonReader::new(text), text), expected);
    }

    #[test]
    fn what_was_read_before_a_failure_is_told() {
        let text = b"{\"a\":1,\"b\":}";
        let shown = shown(&mut JsonReader::new(text), text);
        assert_eq!(shown[0], "/a \"a\" 1");
        assert!(shown[1].contains("Syntax") && shown[1].contains("11"), "{shown:?}");
    }

    #[test]
    fn avro_values_have_their_bytes_without_block_counts() {
        let schema = Schema::parse(
            r#"{"type":"record","name":"R","fields":[
                {"name":"a","type":{"type":"array","items":"string"}},
                {"name":"b","type":["null","long"]},
                {"name":"m","type":{"type":"map","values":"string"}}]}"#,
            &[],
        )
        .unwrap();
        // Two blocks in the list (the second with its size), one union of a long, one entry.
        let datum = b"\x02\x02x\x01\x04\x02y\x00\x02\x0e\x02\x02k\x02v\x00";
        let expected = [
            "/a/0  \u{2}x",
            "/a/1  \u{2}y",
            "/a  \u{2}\u{2}x\u{1}\u{4}\u{2}y\0",
            "/b  \u{2}\u{e}",
            "/m/k \u{2}k \u{2}v",
            "/m  \u{2}\u{2}k\u{2}v\0",
        ];
        let mut found = shown(&mut AvroReader::new(&schema, datum), datum);
        found.pop();
        assert_eq!(found, expected);
    }

    #[test]
    fn protobuf_values_have_their_bytes_wherever_they_lie() {
        let text = "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message M { string nameOf = 1; repeated int32 n = 2; \
                    M m = 3; map<string, int32> by = 4; google.protobuf.Timestamp t = 5; int32 absent = 6; string other_name = 7; }";
        let schema = crate::protobuf::Schema::parse(text, &[]).unwrap();
        let message = schema.declared("M").unwrap();
        // m.nameOf, n in two parts (packed and not) around nameOf, an entry of the map, a moment of 7 s.
        let datum = b"\x1a\x03\x0a\x01i\x12\x02\x05\x06\x0a\x02xy\x10\x07\x22\x05\x0a\x01k\x10\x09\x2a\x02\x08\x07\x3a\x01z";
        let mut scratch = crate::protobuf::Scratch::default();
        let mut reader = ProtobufReader::new(&schema, message, datum, &mut scratch).with_base(100);
        let (mut found, mut aliases) = (Vec::new(), Vec::new());
        visit_protobuf(&mut reader, |path, visited| {
            let steps: Vec<String> = path
                .iter()
                .map(|segment| segment.name.as_ref().map_or(segment.ordinal.to_string(), ToString::to_string))
                .collect();
            aliases.extend(path.iter().filter_map(|segment| segment.alias));
            let bytes = &datum[visited.value.start - 100..visited.value.end - 100];
            found.push(format!("/{} {}", steps.join("/"), bytes.escape_ascii()));
        })
        .unwrap();
        let expected = [
            "/nameOf xy",
            r"/n/0 \x05",
            r"/n/1 \x06",
            r"/n/2 \x07",
            r"/n \x05\x06\n\x02xy\x10\x07",
            "/m/nameOf i",
            r"/m \n\x01i",
            r"/by/k \t",
            r#"/by \n\x01k\x10\t"#,
            r"/t \x08\x07",
            "/other_name z",
        ];
        assert_eq!(found[..found.len() - 1], expected);
        assert_eq!(
            found.last().unwrap().len(),
            "/ ".len() + datum.escape_ascii().count(),
            "the message itself"
        );
        assert_eq!(aliases, ["otherName"]);
    }
}
