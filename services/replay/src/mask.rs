//! What an event looks like, without its values. Names are shown where the contract has them; others may be content.

use std::fmt::Write as _;

use tidegate_codec::span::{Segment, visit};
use tidegate_codec::{JsonReader, Reader as _, Token};

/// Longer shapes are cut.
const SHAPE_MAX: usize = 400;

/// One line: `{"id": string(4), "*": number}`. What is no JSON is told by its size.
pub fn shape(value: Option<&[u8]>, is_known: &dyn Fn(&str) -> bool) -> String {
    let Some(value) = value else { return "null value".to_owned() };
    let mut reader = JsonReader::new(value);
    let mut out = String::new();
    let mut open: Vec<(bool, bool)> = Vec::new();
    let mut is_field = false;
    loop {
        let Ok(token) = reader.next() else {
            return match out.is_empty() {
                true => format!("{} bytes, not JSON", value.len()),
                false => format!("{out} … not JSON from here on"),
            };
        };
        if let (Some((_, is_first)), false) = (open.last_mut(), matches!(token, Token::EndObject | Token::EndArray) || is_field) {
            if !*is_first {
                out.push_str(", ");
            }
            *is_first = false;
        }
        is_field = false;
        match token {
            Token::BeginObject => {
                out.push('{');
                open.push((true, true));
            }
            Token::BeginArray => {
                out.push('[');
                open.push((false, true));
            }
            Token::EndObject | Token::EndArray => {
                let was_object = open.pop().is_some_and(|(is_object, _)| is_object);
                out.push(if was_object { '}' } else { ']' });
            }
            Token::Key(name) => {
                let _ = write!(out, "{:?}: ", if is_known(&name) { &name } else { "*" });
                is_field = true;
            }
            Token::End => return out,
            other => out.push_str(&scalar(&other)),
        }
        if out.len() > SHAPE_MAX {
            out.push('…');
            return out;
        }
    }
}

fn scalar(token: &Token<'_>) -> String {
    match token {
        Token::Null => "null".to_owned(),
        Token::Bool(_) => "boolean".to_owned(),
        Token::Number(text) if text.contains(['.', 'e', 'E']) => "number".to_owned(),
        Token::Number(_) => "integer".to_owned(),
        Token::Str(text) => format!("string({})", text.chars().count()),
        _ => "value".to_owned(),
    }
}

/// What differs between two JSON texts, place by place: `/amount: string(4) → number`. With `values`, the values themselves. None where
/// one of them is no JSON.
pub fn differences(before: &[u8], after: &[u8], values: bool, is_known: &dyn Fn(&str) -> bool) -> Option<Vec<String>> {
    let (before, after) = (leaves(before, is_known)?, leaves(after, is_known)?);
    let mut out = Vec::new();
    let shown = |raw: Option<&String>| match raw {
        None => "absent".to_owned(),
        Some(raw) if values => raw.clone(),
        Some(raw) => shape(Some(raw.as_bytes()), is_known),
    };
    for (place, name, raw) in &before {
        let now = after.iter().find(|(other, ..)| other == place).map(|(_, _, raw)| raw);
        if now != Some(raw) {
            out.push(format!("{name}: {} → {}", shown(Some(raw)), shown(now)));
        }
    }
    for (place, name, raw) in &after {
        if before.iter().all(|(other, ..)| other != place) {
            out.push(format!("{name}: {} → {}", shown(None), shown(Some(raw))));
        }
    }
    Some(out)
}

/// Place, place as it may be shown, and text of every value that is no object and no list.
fn leaves(text: &[u8], is_known: &dyn Fn(&str) -> bool) -> Option<Vec<(String, String, String)>> {
    let mut out = Vec::new();
    let place = |path: &[Segment<'_>], all: bool| {
        path.iter().fold(String::new(), |mut place, segment| {
            let _ = match &segment.name {
                Some(name) if all || is_known(name) => write!(place, "/{name}"),
                Some(_) => write!(place, "/*"),
                None => write!(place, "/{}", segment.ordinal),
            };
            place
        })
    };
    visit(&mut JsonReader::new(text), |path, visited| {
        let raw = &text[visited.value.start..visited.value.end];
        let is_empty = matches!(raw, b"{}" | b"[]");
        if is_empty || !matches!(raw.first(), Some(b'{' | b'[')) {
            out.push((place(path, true), place(path, false), String::from_utf8_lossy(raw).into_owned()));
        }
    })
    .ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_shows_names_of_the_contract_and_no_values() {
        let known = |name: &str| ["id", "items", "amount"].contains(&name);
        let text = r#"{"id":"s3cret","items":[{"amount":12.5},7],"alice@example.com":null}"#;
        assert_eq!(
            shape(Some(text.as_bytes()), &known),
            r#"{"id": string(6), "items": [{"amount": number}, integer], "*": null}"#
        );
        assert_eq!(shape(Some(b"\x00abc"), &known), "4 bytes, not JSON");
        assert_eq!(shape(Some(br#"{"id":1,x"#), &known), r#"{"id": integer … not JSON from here on"#);
        assert_eq!(shape(None, &known), "null value");
    }

    #[test]
    fn differences_name_places_and_hide_values() {
        let known = |name: &str| name != "s";
        let (before, after) = (br#"{"a":"1","s":{"b":2},"c":3}"#, br#"{"a":1,"c":3,"d":true}"#);
        let masked = differences(before, after, false, &known).unwrap();
        assert_eq!(
            masked,
            ["/a: string(1) → integer", "/*/b: integer → absent", "/d: absent → boolean"]
        );
        assert_eq!(differences(before, after, true, &known).unwrap()[0], "/a: \"1\" → 1");
        assert_eq!(differences(b"{", after, false, &known), None);
    }
}
