//! The inside of JSON strings.

use wide::u8x16;

use crate::failure::Detail;

/// Index of the first quote, backslash or control character from `at` on; the length where there is none.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let block = u8x16::new(*chunk);
        let control = block.simd_eq(block.min(u8x16::splat(0x1f)));
        let marks = (block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\')) | control).to_bitmask();
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += 16;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        at += 1;
    }
    at
}

/// Reads on in a string at its first backslash, up to the closing quote. The pieces go to `out` when `KEEP`.
/// Answers the index of the closing quote, or what is wrong and where.
#[cold]
pub(super) fn escaped_end<const KEEP: bool>(text: &str, start: usize, first: usize, out: &mut String) -> Result<usize, (Detail, usize)> {
    let bytes = text.as_bytes();
    let mut run = start;
    let mut at = first;
    loop {
        match bytes.get(at) {
            None => return Err((Detail::Truncated, at)),
            Some(b'"') => {
                if KEEP {
                    out.push_str(&text[run..at]);
                }
                return Ok(at);
            }
            Some(b'\\') => {
                if KEEP {
                    out.push_str(&text[run..at]);
                }
                let (character, end) = escape(bytes, at)?;
                if KEEP {
                    out.push(character);
                }
                run = end;
                at = plain_end(bytes, end);
            }
            Some(_) => return Err((Detail::Syntax, at)),
        }
    }
}

/// The index of the closing quote of a string in whose inside something other than that stands at `first`; none where it is broken.
#[cold]
pub(super) fn quote_behind_escapes(bytes: &[u8], first: usize) -> Option<usize> {
    let mut at = first;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at = plain_end(bytes, escape(bytes, at).ok()?.1),
            _ => return None,
        }
    }
}

/// The text of a string whose raw inside is proven.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    unescape_into(raw, &mut out);
    out
}

/// As [`unescape`], behind what `out` holds already.
pub(crate) fn unescape_into(raw: &str, out: &mut String) {
    let bytes = raw.as_bytes();
    let mut run = 0;
    while let Some(slash) = bytes[run..].iter().position(|byte| *byte == b'\\') {
        out.push_str(&raw[run..run + slash]);
        let Ok((character, end)) = escape(bytes, run + slash) else {
            return;
        };
        out.push(character);
        run = end;
    }
    out.push_str(&raw[run..]);
}

/// Bytes of text and bytes of the raw inside of a string that the character (or escape) at `at` of a proven one takes.
pub(crate) fn unescaped_step(raw: &[u8], at: usize) -> (usize, usize) {
    if raw.get(at) != Some(&b'\\') {
        return (1, 1);
    }
    escape(raw, at).map_or((1, 1), |(character, end)| (character.len_utf8(), end - at))
}

/// The character of the escape at `at` (a backslash) and the index behind it.
fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), (Detail, usize)> {
    let character = match bytes.get(at + 1) {
        None => return Err((Detail::Truncated, at + 1)),
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(bytes, at),
        Some(_) => return Err((Detail::Syntax, at + 1)),
    };
    Ok((character, at + 2))
}

fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize), (Detail, usize)> {
    let unit = hex4(bytes, at + 2)?;
    if let Some(character) = char::from_u32(unit) {
        return Ok((character, at + 6));
    }
    // A surrogate: only a high one that a low one follows means a character.
    if unit >= 0xDC00 || bytes.get(at + 6).is_some_and(|byte| *byte != b'\\') || bytes.get(at + 7).is_some_and(|byte| *byte != b'u') {
        return Err((Detail::BadEncoding, at));
    }
    let low = hex4(bytes, at + 8)?;
    if !(0xDC00..0xE000).contains(&low) {
        return Err((Detail::BadEncoding, at));
    }
    let code = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    char::from_u32(code)
        .map(|character| (character, at + 12))
        .ok_or((Detail::BadEncoding, at))
}

fn hex4(bytes: &[u8], at: usize) -> Result<u32, (Detail, usize)> {
    let mut unit = 0;
    for index in at..at + 4 {
        let byte = bytes.get(index).ok_or((Detail::Truncated, bytes.len()))?;
        let digit = char::from(*byte).to_digit(16).ok_or((Detail::Syntax, index))?;
        unit = unit << 4 | digit;
    }
    Ok(unit)
}
