//! What a document goes on with, looked at where it stands.
//!
//! Nearly all JSON is written by programs: fields in one order, no white space or one blank, texts without escapes, short numbers. Who knows
//! what should come compares the bytes with that, which costs a fraction of reading tokens. Nothing here is a fault: what is not taken is
//! read by [`super::JsonReader`], which decides; what is taken is exactly what it would have read. Every function takes the rest of a
//! document that is proven UTF-8 ([`super::JsonReader::stand`]) and says how many bytes it took, zero for none.

use super::{number, skim, text};
use crate::known::{Word, Words};
use crate::token::SmallNumber;

/// `separator` (a comma, or the bracket behind which the first field stands) and the name.
#[inline(always)]
pub fn name(rest: &[u8], separator: u8, name: &Word) -> usize {
    match name.begins_behind(separator, rest) {
        0 => name_behind_space(rest, separator, name),
        len => len,
    }
}

/// The same for what is seldom: white space, long names, the last bytes of a document.
#[inline(never)]
fn name_behind_space(rest: &[u8], separator: u8, name: &Word) -> usize {
    let start = space(rest);
    let Some(behind) = rest[start..].strip_prefix(&[separator]) else {
        return 0;
    };
    let between = space(behind);
    match name.begins(&behind[between..]) {
        0 => 0,
        len => start + 1 + between + len,
    }
}

/// `separator`, as of [`name`].
#[inline(always)]
pub fn separator(rest: &[u8], separator: u8) -> usize {
    if rest.first() == Some(&separator) {
        return 1;
    }
    let start = space(rest);
    if rest.get(start) == Some(&separator) { start + 1 } else { 0 }
}

/// White space; the one thing of which there may be none.
#[inline(always)]
pub fn space(rest: &[u8]) -> usize {
    match rest.first() {
        Some(byte) if *byte > b' ' => 0,
        _ => all_space(rest),
    }
}

#[inline(never)]
fn all_space(rest: &[u8]) -> usize {
    let other = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r'));
    other.unwrap_or(rest.len())
}

/// A text without escapes, in its quotes.
#[inline(never)]
pub fn text(rest: &[u8]) -> usize {
    if rest.first() != Some(&b'"') {
        return 0;
    }
    let end = text::plain_end(rest, 1);
    if rest.get(end) == Some(&b'"') { end + 1 } else { 0 }
}

/// A text with or without escapes, in its quotes.
#[inline(never)]
pub fn escaped_text(rest: &[u8]) -> usize {
    match rest.first() {
        Some(b'"') => text::quote_behind_escapes(rest, text::plain_end(rest, 1)).map_or(0, |quote| quote + 1),
        _ => 0,
    }
}

/// The inside of a text of so many bytes, which are not looked at: they are one only if the caller finds neither quote, backslash nor
/// anything outside of printable ASCII among them. It took two bytes more.
#[inline(always)]
pub fn ascii(rest: &[u8], len: usize) -> Option<&[u8]> {
    match rest.get(..len + 2)? {
        [b'"', inside @ .., b'"'] => Some(inside),
        _ => None,
    }
}

/// One of these texts.
#[inline(never)]
pub fn word(rest: &[u8], words: &Words) -> usize {
    words.begins(rest).map_or(0, Word::written_len)
}

/// A number of at most 18 digits and without an exponent, and its length.
#[inline(always)]
pub fn number(rest: &[u8]) -> Option<(SmallNumber, usize)> {
    number::small(rest)
}

/// A whole number of at most 19 digits that fits 64 bits, and its length.
#[inline(never)]
pub fn integer(rest: &[u8]) -> Option<(i64, usize)> {
    number::integer(rest)
}

/// A whole number without a sign, whatever its size.
#[inline(never)]
pub fn whole(rest: &[u8]) -> usize {
    number::whole(rest)
}

/// An object or a list of which only the end is looked for: whoever takes it must prove that it is one value.
pub(crate) fn container(rest: &[u8]) -> usize {
    match rest.first() {
        Some(b'{' | b'[') => skim::balanced_end(rest, 0).unwrap_or(0),
        _ => 0,
    }
}

/// A truth value.
#[inline(always)]
pub fn truth(rest: &[u8]) -> usize {
    let Some([head @ .., last]) = rest.first_chunk::<5>() else {
        return 0;
    };
    match (head, last) {
        (b"true", _) => 4,
        (b"fals", b'e') => 5,
        _ => 0,
    }
}

/// Null.
#[inline(always)]
pub fn null(rest: &[u8]) -> usize {
    if rest.starts_with(b"null") { 4 } else { 0 }
}

/// A value that is neither an object nor a list, whatever it is.
#[inline]
pub fn leaf(rest: &[u8]) -> usize {
    match rest.first() {
        Some(b'"') => match text(rest) {
            0 => escaped_text(rest),
            len => len,
        },
        Some(b't' | b'f') => truth(rest),
        Some(b'n') => null(rest),
        Some(b'-' | b'0'..=b'9') => match number(rest) {
            Some((_, len)) => len,
            None => integer(rest).map_or(0, |(_, len)| len),
        },
        _ => 0,
    }
}

/// The same, or an object or a list of nothing.
#[inline]
pub fn leaf_or_empty(rest: &[u8]) -> usize {
    match rest.first_chunk() {
        Some(b"[]" | b"{}") => 2,
        _ => leaf(rest),
    }
}
