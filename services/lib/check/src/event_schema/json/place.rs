//! Lines and columns in schema files.

use tidegate_codec::{JsonReader, Reader, Token};
use tidegate_contract::Location;

use crate::event_schema::document::unescaped;

/// The place of a byte offset.
pub(super) fn at(path: &str, text: &str, offset: usize) -> Location {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let count = |number: usize| u32::try_from(number + 1).unwrap_or(u32::MAX);
    Location {
        file: format!("{}{path}", tidegate_contract::event_schema::FOLDER).into(),
        line: count(before.matches('\n').count()),
        column: count(before[line_start..].chars().count()),
        pointer: "".into(),
    }
}

/// The place of the value that a JSON Pointer names, or of the last step towards it that is there.
pub(super) fn of_pointer(path: &str, text: &str, pointer: &str) -> Location {
    let mut reader = JsonReader::new(text.as_bytes());
    let mut offset = 0;
    for step in pointer.split('/').skip(1).map(unescaped) {
        match descend(&mut reader, &step) {
            Some(found) => offset = found,
            None => break,
        }
    }
    Location {
        pointer: pointer.into(),
        ..at(path, text, offset)
    }
}

/// The place where a text is first written as a JSON string.
pub(super) fn of_string(path: &str, text: &str, wanted: &str) -> Option<Location> {
    let quoted = serde_json::Value::String(wanted.to_owned()).to_string();
    text.find(&quoted).map(|offset| at(path, text, offset))
}

/// Moves to the member or item of that name; its offset.
fn descend(reader: &mut JsonReader<'_>, step: &str) -> Option<usize> {
    match reader.next().ok()? {
        Token::BeginObject => loop {
            let Token::Key(key) = reader.next().ok()? else { return None };
            if *key == *step {
                return Some(reader.position());
            }
            reader.skip().ok()?;
        },
        Token::BeginArray => {
            for _ in 0..step.parse::<usize>().ok()? {
                reader.skip().ok()?;
            }
            Some(reader.position())
        }
        _ => None,
    }
}
