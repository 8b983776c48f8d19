//! One step on JSON text: the bytes of what it names are replaced, all others are copied.

use std::borrow::Cow;

use tidegate_codec::span::{Span, Visited, visit};
use tidegate_codec::{JsonReader, Reader as _, Token};

use crate::pointer::Pointer;

/// What a value is cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A number without a fraction: of text that holds one, and of a number whose fraction is zero.
    Integer,
    /// A number, of text that holds one; its digits stay.
    Number,
    /// Text, of a number or a truth value as it was written.
    String,
    /// A truth value, of the texts `true` and `false`.
    Boolean,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many places were changed; none means that nothing was there to change.
    Changed(usize),
    /// A value is there and cannot be cast.
    NotCastable,
    /// The new name is taken.
    Occupied,
}

/// The text is no JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJson;

/// Bytes `span` become `with`.
struct Splice<'s> {
    span: Span,
    with: Cow<'s, [u8]>,
}

/// Gives the place a value: the one that is there is replaced; a field that is missing is added at the end of its object, if that is there.
pub(crate) fn set(text: &mut Vec<u8>, place: &Pointer, json: &str) -> Result<Outcome, NotJson> {
    let (mut there, mut parents) = (Vec::new(), Vec::new());
    walk(text, |path, visited| {
        if place.leads_to(path) {
            there.push(visited.value);
        } else if place.leads_into(path) && text[visited.value.start] == b'{' {
            parents.push(visited.value);
        }
    })?;
    parents.retain(|parent| !there.iter().any(|span| parent.start < span.start && span.end < parent.end));
    let mut splices: Vec<Splice<'_>> = Vec::new();
    for span in there {
        if &text[span.start..span.end] != json.as_bytes() {
            splices.push(Splice {
                span,
                with: json.as_bytes().into(),
            });
        }
    }
    for parent in parents {
        let mut last = parent.end - 2;
        while text[last].is_ascii_whitespace() {
            last -= 1;
        }
        let comma = if text[last] == b'{' { "" } else { "," };
        let at = last + 1;
        splices.push(Splice {
            span: Span { start: at, end: at },
            with: format!("{comma}{}:{json}", quoted(place.last())).into_bytes().into(),
        });
    }
    Ok(splice(text, splices))
}

/// Takes the place out, with its name and one comma.
pub(crate) fn remove(text: &mut Vec<u8>, place: &Pointer) -> Result<Outcome, NotJson> {
    let mut found = Vec::new();
    walk(text, |path, visited| {
        if place.leads_to(path) {
            found.push(Span {
                start: visited.key.map_or(visited.value.start, |key| key.start),
                end: visited.value.end,
            });
        }
    })?;
    let with_comma = |span: &Span| {
        let (mut start, mut end) = (span.start, span.end);
        while text[end].is_ascii_whitespace() {
            end += 1;
        }
        if text[end] == b',' {
            end += 1;
            while text[end].is_ascii_whitespace() {
                end += 1;
            }
            return Span { start, end };
        }
        // The last one: the comma in front of it goes, if it is not the only one. What follows it stays.
        while text[start - 1].is_ascii_whitespace() {
            start -= 1;
        }
        match text[start - 1] {
            b',' => Span {
                start: start - 1,
                end: span.end,
            },
            _ => *span,
        }
    };
    let splices = found.iter().map(|span| Splice {
        span: with_comma(span),
        with: Cow::Borrowed(&[]),
    });
    let splices = splices.collect();
    Ok(splice(text, splices))
}

/// Gives a field another name, in its place.
pub(crate) fn rename(text: &mut Vec<u8>, place: &Pointer, to: &str) -> Result<Outcome, NotJson> {
    let target = place.beside(to);
    let (mut found, mut taken) = (Vec::new(), false);
    let mut targets = Vec::new();
    let mut parents = Vec::new();
    walk(text, |path, visited| {
        if place.leads_to(path) {
            found.extend(visited.key);
        } else if target.leads_to(path) {
            targets.extend(visited.key);
        } else if place.leads_into(path) {
            parents.push(visited.value);
        }
    })?;
    for parent in &parents {
        let within = |span: &&Span| parent.start < span.start && span.end < parent.end;
        taken |= found.iter().any(|span| within(&span)) && targets.iter().any(|span| within(&span));
    }
    if taken {
        return Ok(Outcome::Occupied);
    }
    let name = quoted(to);
    let splices = found.into_iter().map(|span| Splice {
        span,
        with: name.as_bytes().into(),
    });
    let splices = splices.collect();
    Ok(splice(text, splices))
}

/// Writes a value as another type, if that is exact. What is of that type already, and null, stay.
pub(crate) fn cast(text: &mut Vec<u8>, place: &Pointer, to: Target) -> Result<Outcome, NotJson> {
    let mut found = Vec::new();
    walk(text, |path, visited| {
        if place.leads_to(path) {
            found.push(visited.value);
        }
    })?;
    let mut splices = Vec::new();
    for span in found {
        match casted(&text[span.start..span.end], to) {
            Cast::Same => {}
            Cast::To(with) => splices.push(Splice { span, with: with.into() }),
            Cast::Impossible => return Ok(Outcome::NotCastable),
        }
    }
    Ok(splice(text, splices))
}

/// The document is JSON.
pub(crate) fn is_json(text: &[u8]) -> bool {
    walk(text, |_, _| {}).is_ok()
}

/// Text as JSON writes it.
pub(crate) fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether the text is one number of JSON and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    let mut reader = JsonReader::new(text.as_bytes());
    let is_whole = matches!(reader.next(), Ok(Token::Number(number)) if number.len() == text.len());
    is_whole && matches!(reader.next(), Ok(Token::End))
}

enum Cast {
    Same,
    To(Vec<u8>),
    Impossible,
}

fn casted(raw: &[u8], to: Target) -> Cast {
    let Ok(raw) = std::str::from_utf8(raw) else {
        return Cast::Impossible;
    };
    let plain = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // An escape in a number or a truth value is nothing that anybody writes.
    let inner = plain.filter(|inner| !inner.contains('\\'));
    let is_scalar = !raw.starts_with(['{', '[']);
    match to {
        _ if raw == "null" => Cast::Same,
        Target::String if plain.is_some() => Cast::Same,
        Target::String if is_scalar => Cast::To(format!("\"{raw}\"").into_bytes()),
        Target::Number if is_number(raw) => Cast::Same,
        Target::Number => inner
            .filter(|inner| is_number(inner))
            .map_or(Cast::Impossible, |inner| Cast::To(inner.into())),
        Target::Integer => match inner.or(Some(raw)).filter(|text| is_number(text)).and_then(whole) {
            Some(whole) if whole == raw => Cast::Same,
            Some(whole) => Cast::To(whole.into()),
            None => Cast::Impossible,
        },
        Target::Boolean if raw == "true" || raw == "false" => Cast::Same,
        Target::Boolean => inner
            .filter(|inner| matches!(*inner, "true" | "false"))
            .map_or(Cast::Impossible, |inner| Cast::To(inner.into())),
        Target::String => Cast::Impossible,
    }
}

/// The digits before a fraction of zeros; none for other fractions and for exponents.
fn whole(number: &str) -> Option<&str> {
    if number.contains(['e', 'E']) {
        return None;
    }
    match number.split_once('.') {
        None => Some(number),
        Some((whole, fraction)) => fraction.bytes().all(|digit| digit == b'0').then_some(whole),
    }
}

fn walk(text: &[u8], each: impl FnMut(&[tidegate_codec::span::Segment<'_>], Visited)) -> Result<(), NotJson> {
    visit(&mut JsonReader::new(text), each).map_err(|_| NotJson)
}

fn splice(text: &mut Vec<u8>, mut splices: Vec<Splice<'_>>) -> Outcome {
    let changed = splices.len();
    if changed == 0 {
        return Outcome::Changed(0);
    }
    splices.sort_by_key(|splice| splice.span.start);
    let mut out = Vec::with_capacity(text.len() + splices.iter().map(|splice| splice.with.len()).sum::<usize>());
    let mut at = 0;
    for splice in splices {
        // Neighbours that go both share a comma.
        let start = splice.span.start.max(at);
        out.extend_from_slice(&text[at..start]);
        out.extend_from_slice(&splice.with);
        at = splice.span.end.max(at);
    }
    out.extend_from_slice(&text[at..]);
    *text = out;
    Outcome::Changed(changed)
}

#[cfg(test)]
mod tests;
