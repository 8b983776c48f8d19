//! Events of a text, one a line, read in blocks of bounded size.
//!
//! A line is the value itself, or `@` and a JSON object: `key`, `value` (text or null), `key_base64`, `value_base64` (any bytes), `headers`
//! (list of name and text or null; a third item is base64 instead), `topic`, `now` (microseconds since the epoch). No JSON document begins with
//! `@`, so the two cannot be mistaken for each other.

use std::io::Read;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tidegate_check::judge::VALUE_BYTES_MAX;
use tidegate_flow::{Remedy, WorldError};

use crate::run::{Chunk, Feed};

/// Bytes of a block. Large enough that handing it to a thread costs nothing beside judging it.
const BLOCK: usize = 512 << 10;
/// A longer line is cut to this, which is more than any record may have: its verdict is `size_violation` all the same.
const LINE_MAX: usize = VALUE_BYTES_MAX + 1;

/// Bytes that hold no whole event, in a row: nobody is asked meanwhile whether to go on, so that a text without an end, or without lines, is told.
const NOTHING_MAX: u64 = if cfg!(test) { 2 * LINE_MAX as u64 } else { 1 << 30 };

/// Reads lines.
#[derive(Debug)]
pub struct LineFeed<R> {
    file: Arc<str>,
    topic: Arc<str>,
    now: i64,
    read: R,
    /// Read and not handed out.
    rest: Vec<u8>,
    /// Number of the first line of `rest`.
    line: u64,
    ended: bool,
    begun: bool,
    /// Bytes read since the last event was handed out.
    nothing: u64,
}

/// Lines of a text.
#[derive(Debug)]
pub struct Lines {
    pub(crate) file: Arc<str>,
    pub(crate) topic: Arc<str>,
    pub(crate) now: i64,
    pub(crate) first: u64,
    pub(crate) bytes: Vec<u8>,
    /// Lines that hold something.
    pub(crate) events: u64,
}

/// What stands behind `@`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Key; none is null.
    pub key: Option<Vec<u8>>,
    /// Value; none is null.
    pub value: Option<Vec<u8>>,
    /// In order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Where it came to, if the line says.
    pub topic: Option<String>,
    /// Microseconds since the epoch, if the line says.
    pub now: Option<i64>,
}

// === impl LineFeed ===

impl<R: Read> LineFeed<R> {
    /// `file` is what positions call it; `topic` and `now` are those of lines that do not say.
    pub fn new(file: impl Into<Arc<str>>, topic: impl Into<Arc<str>>, now: i64, read: R) -> LineFeed<R> {
        LineFeed {
            file: file.into(),
            topic: topic.into(),
            now,
            read,
            rest: Vec::new(),
            line: 1,
            ended: false,
            begun: false,
            nothing: 0,
        }
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> Result<(), WorldError> {
        let before = bytes.len();
        bytes.resize(before + BLOCK, 0);
        let read = loop {
            match self.read.read(&mut bytes[before..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let read = read.map_err(|error| WorldError::caused(Remedy::Operator, format!("{}: reading: {error}", self.file), error))?;
        bytes.truncate(before + read);
        self.nothing += read as u64;
        if self.nothing > NOTHING_MAX {
            let what = format!(
                "{}:{}: no event in the {NOTHING_MAX} bytes from here on: is this a text with one event a line?",
                self.file, self.line
            );
            return Err(WorldError::new(Remedy::Operator, what));
        }
        self.ended = read == 0;
        if !self.begun && bytes.len() >= 3 {
            self.begun = true;
            // A byte order mark is the file's, not the first event's.
            if bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
        }
        Ok(())
    }

    /// Passes over what is left of a line; what lies behind it stays in `rest`.
    fn skip_line(&mut self) -> Result<(), WorldError> {
        while !self.ended {
            let mut piece = Vec::new();
            self.more(&mut piece)?;
            if let Some(end) = memchr::memchr(b'\n', &piece) {
                self.rest = piece.split_off(end + 1);
                return Ok(());
            }
        }
        Ok(())
    }

    /// At least one whole line, unless the text is at its end.
    fn block(&mut self) -> Result<Vec<u8>, WorldError> {
        let mut bytes = std::mem::take(&mut self.rest);
        let mut end = memchr::memrchr(b'\n', &bytes);
        while !self.ended && (end.is_none() || bytes.len() < BLOCK / 2) {
            let before = bytes.len();
            self.more(&mut bytes)?;
            end = memchr::memrchr(b'\n', &bytes[before.min(bytes.len())..])
                .map(|at| before + at)
                .or(end);
            if end.is_none() && bytes.len() > LINE_MAX {
                bytes.truncate(LINE_MAX);
                self.skip_line()?;
                bytes.push(b'\n');
                return Ok(bytes);
            }
        }
        if let Some(end) = end.filter(|_| !self.ended) {
            self.rest = bytes.split_off(end + 1);
        }
        Ok(bytes)
    }
}

impl<R: Read> Feed for LineFeed<R> {
    fn next(&mut self, events_max: u64) -> Result<Option<Chunk>, WorldError> {
        loop {
            let mut bytes = self.block()?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let (mut events, mut lines, mut end) = (0, 0, 0);
            while end < bytes.len() && events < events_max {
                let stop = memchr::memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |at| end + at + 1);
                events += u64::from(holds_something(&bytes[end..stop]));
                lines += 1;
                end = stop;
            }
            if end < bytes.len() {
                let mut rest = bytes.split_off(end);
                rest.append(&mut self.rest);
                self.rest = rest;
            }
            let first = self.line;
            self.line += lines;
            if events > 0 {
                self.nothing = 0;
                return Ok(Some(Chunk::Lines(Lines {
                    file: self.file.clone(),
                    topic: self.topic.clone(),
                    now: self.now,
                    first,
                    bytes,
                    events,
                })));
            }
        }
    }
}

// === impl Lines ===

impl Lines {
    /// Every line that holds something, with its number.
    pub fn each(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut left = self.bytes.as_slice();
        let mut number = self.first;
        std::iter::from_fn(move || {
            while !left.is_empty() {
                let (line, rest) = match memchr::memchr(b'\n', left) {
                    Some(end) => (&left[..end], &left[end + 1..]),
                    None => (left, &left[left.len()..]),
                };
                let at = number;
                number += 1;
                left = rest;
                if holds_something(line) {
                    return Some((at, line));
                }
            }
            None
        })
    }
}

fn holds_something(line: &[u8]) -> bool {
    // The first byte nearly always tells.
    line.first().is_some_and(|byte| !byte.is_ascii_whitespace()) || line.iter().any(|byte| !byte.is_ascii_whitespace())
}

// === impl Wrapped ===

impl Wrapped {
    /// Reads what follows `@`; the error says what is wrong with it and quotes nothing.
    pub fn read(text: &[u8]) -> Result<Wrapped, &'static str> {
        const KNOWN: [&str; 7] = ["key", "value", "key_base64", "value_base64", "headers", "topic", "now"];
        let wrapped: Value = serde_json::from_slice(text).map_err(|_| "what follows @ must be a JSON object")?;
        let object = wrapped.as_object().ok_or("what follows @ must be a JSON object")?;
        if object.keys().any(|name| !KNOWN.contains(&name.as_str())) {
            return Err("what follows @ may have key, value, key_base64, value_base64, headers, topic and now, nothing else");
        }
        let mut headers = Vec::new();
        match object.get("headers") {
            None => {}
            Some(Value::Array(list)) => {
                for header in list {
                    let name = header[0].as_str().ok_or("headers must be a list of [name, text or null]")?;
                    let value = match (&header[1], header.get(2)) {
                        (Value::Null, Some(Value::String(text))) => Some(decoded(text)?),
                        (Value::Null, _) => None,
                        (Value::String(text), None) => Some(text.clone().into_bytes()),
                        _ => return Err("the value of a header must be text or null"),
                    };
                    headers.push((name.to_owned(), value));
                }
            }
            Some(_) => return Err("headers must be a list of [name, text or null]"),
        }
        Ok(Wrapped {
            key: bytes(object, "key", "key_base64")?,
            value: bytes(object, "value", "value_base64")?,
            headers,
            topic: object.get("topic").and_then(Value::as_str).map(str::to_owned),
            now: object.get("now").and_then(Value::as_i64),
        })
    }
}

fn bytes(object: &serde_json::Map<String, Value>, text: &str, base64: &str) -> Result<Option<Vec<u8>>, &'static str> {
    match (object.get(text), object.get(base64)) {
        (Some(Value::String(text)), None) => Ok(Some(text.clone().into_bytes())),
        (None, Some(Value::String(text))) => Ok(Some(decoded(text)?)),
        (None | Some(Value::Null), None | Some(Value::Null)) => Ok(None),
        _ => Err("key and value must be text or null, or base64 as key_base64 and value_base64"),
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    STANDARD.decode(text).map_err(|_| "this is no base64")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(into.len()).min(self.0.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn lines(text: &[u8], step: usize, events_max: u64) -> Vec<(u64, Vec<u8>)> {
        let mut feed = LineFeed::new("f", "t", 0, Slow(text, step));
        let mut found = Vec::new();
        while let Some(Chunk::Lines(chunk)) = feed.next(events_max).unwrap() {
            assert!(chunk.events <= events_max && chunk.events as usize == chunk.each().count());
            found.extend(chunk.each().map(|(number, line)| (number, line.to_vec())));
        }
        found
    }

    #[test]
    fn every_line_comes_once_with_its_number_however_it_is_read() {
        let text = b"\xef\xbb\xbf{\"a\":1}\n\n  \r\n{\"b\":2}\r\nlast";
        for (step, events_max) in [(1, 1), (3, 2), (7, 100), (1 << 20, 1), (1 << 20, 100)] {
            let found = lines(text, step.max(3), events_max);
            let expected: [(u64, &[u8]); 3] = [(1, b"{\"a\":1}"), (4, b"{\"b\":2}\r"), (5, b"last")];
            assert_eq!(found.len(), 3, "{step} {events_max}: {found:?}");
            assert!(
                found.iter().zip(expected).all(|((n, line), (m, want))| *n == m && *line == want),
                "{found:?}"
            );
        }
        assert!(lines(b"", 1, 9).is_empty() && lines(b"\n\n \n", 1, 9).is_empty());
    }

    #[test]
    fn a_text_without_an_end_is_told() {
        let blank = [&vec![b' '; BLOCK][..], b"\n"].concat();
        for piece in [&vec![b'x'; BLOCK], &blank] {
            let mut feed = LineFeed::new("f", "t", 0, Pieces(std::iter::repeat(&piece[..]), &[]));
            let told = std::iter::from_fn(|| Some(feed.next(u64::MAX))).take(3).find_map(Result::err);
            let error = told.expect("it goes on without an end");
            assert!(
                error.remedy == Remedy::Operator && error.to_string().contains("one event a line"),
                "{error}"
            );
        }
        // Events between blank lines are no such text, however long it is.
        let event = [&blank[..], b"{}\n"].concat();
        let events = 2 * NOTHING_MAX / event.len() as u64;
        let text = (0..events).map(|_| &event[..]);
        let mut feed = LineFeed::new("f", "t", 0, Pieces(text, &[]));
        let mut seen = 0;
        while let Some(chunk) = feed.next(u64::MAX).unwrap() {
            seen += chunk.events();
        }
        assert_eq!(seen, events);
    }

    /// Pieces one behind the other.
    struct Pieces<'p, I>(I, &'p [u8]);

    impl<'p, I: Iterator<Item = &'p [u8]>> Read for Pieces<'p, I> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            while self.1.is_empty() {
                let Some(next) = self.0.next() else { return Ok(0) };
                self.1 = next;
            }
            self.1.read(into)
        }
    }

    #[test]
    fn a_line_past_every_limit_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; LINE_MAX + 3 * BLOCK];
        text.extend_from_slice(b"\n{\"next\":1}\n");
        let found = lines(&text, 1 << 20, 100);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, found[0].1.len()), (1, LINE_MAX));
        assert_eq!(found[1], (2, b"{\"next\":1}".to_vec()));
    }

    #[test]
    fn wrappers_hold_bytes_and_refuse_what_they_do_not_know() {
        let text =
            br#"{"key": "k", "value_base64": "AAE=", "headers": [["a", "b"], ["c", null], ["d", null, "/w=="]], "now": 7, "topic": "t"}"#;
        let wrapped = Wrapped::read(text).unwrap();
        assert_eq!(
            (wrapped.key.as_deref(), wrapped.value.as_deref()),
            (Some(&b"k"[..]), Some(&[0, 1][..]))
        );
        assert_eq!(wrapped.headers[2], ("d".to_owned(), Some(vec![0xff])));
        assert_eq!((wrapped.now, wrapped.topic.as_deref()), (Some(7), Some("t")));
        for bad in [
            &b"[]"[..],
            b"{",
            br#"{"vlaue": "x"}"#,
            br#"{"value": 7}"#,
            br#"{"value_base64": "?"}"#,
            br#"{"headers": [7]}"#,
        ] {
            assert!(Wrapped::read(bad).is_err());
        }
    }
}
