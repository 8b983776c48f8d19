//! The beginning of what is left of a datum, read without a reader. What is odd is declined, and [`super::AvroReader`] decides.

/// A whole number of up to eight groups of bits (specification, "Binary Encoding": zig-zag, variable length), and how many bytes it took.
#[inline(always)]
pub fn long(rest: &[u8]) -> Option<(i64, usize)> {
    match rest.first() {
        Some(byte) if *byte < 0x80 => Some((unzigzag(u64::from(*byte)), 1)),
        _ => long_of_more(rest),
    }
}

#[inline(never)]
fn long_of_more(rest: &[u8]) -> Option<(i64, usize)> {
    let mut value = 0;
    for (group, byte) in rest.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * group);
        if *byte < 0x80 {
            return Some((unzigzag(value), group + 1));
        }
    }
    None
}

/// Bytes or text behind their length, and how many bytes that took with the length.
#[inline(always)]
pub fn bytes(rest: &[u8]) -> Option<(&[u8], usize)> {
    let (len, start) = long(rest)?;
    let inside = rest[start..].get(..usize::try_from(len).ok()?)?;
    Some((inside, start + inside.len()))
}

/// Text that is UTF-8, as [`bytes`].
#[inline]
pub fn is_text(bytes: &[u8]) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// A double.
#[inline(always)]
pub fn double(rest: &[u8]) -> Option<(f64, usize)> {
    rest.first_chunk().map(|bytes| (f64::from_le_bytes(*bytes), 8))
}

/// A float.
#[inline(always)]
pub fn float(rest: &[u8]) -> Option<(f64, usize)> {
    rest.first_chunk().map(|bytes| (f64::from(f32::from_le_bytes(*bytes)), 4))
}

#[inline(always)]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
