//! Pieces of the wire format.

use crate::failure::Detail;

/// A base-128 varint that begins at `at`: the value and where it ends. At most 10 bytes, and no bits past the 64th.
#[inline]
pub(crate) fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), Detail> {
    let mut value = 0_u64;
    for (index, byte) in bytes.get(at..).unwrap_or_default().iter().take(10).enumerate() {
        if index == 9 && *byte > 1 {
            return Err(Detail::Syntax);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Ok((value, at + index + 1));
        }
    }
    Err(if bytes.len().saturating_sub(at) >= 10 {
        Detail::Syntax
    } else {
        Detail::Truncated
    })
}

/// A tag: field number (never 0), wire type, and where it ends.
#[inline]
pub(super) fn tag(bytes: &[u8], at: usize) -> Result<(u32, u8, usize), Detail> {
    let (tag, end) = varint(bytes, at)?;
    // A field number has 29 bits.
    let Ok(tag) = u32::try_from(tag) else { return Err(Detail::Syntax) };
    if tag >> 3 == 0 {
        return Err(Detail::Syntax);
    }
    Ok((tag >> 3, (tag & 7) as u8, end))
}

/// Start and end of a value of that wire type (0, 1, 2, 5); with a length, of what the length counts.
#[inline]
pub(super) fn extent(bytes: &[u8], at: usize, wire_type: u8) -> Result<(usize, usize), Detail> {
    let (start, length) = match wire_type {
        0 => return varint(bytes, at).map(|(_, end)| (at, end)),
        1 => (at, 8),
        2 => {
            let (length, start) = varint(bytes, at)?;
            (start, usize::try_from(length).map_err(|_| Detail::Truncated)?)
        }
        5 => (at, 4),
        _ => return Err(Detail::Syntax),
    };
    match start.checked_add(length) {
        Some(end) if end <= bytes.len() => Ok((start, end)),
        _ => Err(Detail::Truncated),
    }
}

/// Passes over a field that nobody knows, whose tag ended at `at`; groups (wire types 3 and 4) with all that is inside of them.
pub(super) fn skip(bytes: &[u8], at: usize, number: u32, wire_type: u8) -> Result<usize, Detail> {
    if wire_type != 3 {
        return extent(bytes, at, wire_type).map(|(_, end)| end);
    }
    let mut open = [0_u32; crate::DEPTH_MAX];
    open[0] = number;
    let (mut depth, mut at) = (1, at);
    while depth > 0 {
        let (number, wire_type, end) = tag(bytes, at)?;
        at = match wire_type {
            3 if depth == open.len() => return Err(Detail::TooDeep),
            3 => {
                open[depth] = number;
                depth += 1;
                end
            }
            4 if open[depth - 1] == number => {
                depth -= 1;
                end
            }
            4 => return Err(Detail::Syntax),
            wire_type => extent(bytes, end, wire_type)?.1,
        };
    }
    Ok(at)
}

/// "ZigZag" of signed integers.
#[inline]
pub(super) fn zigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
