//! The end of a value without a look at what is inside.

use wide::u8x16;

/// Index behind the object or list that begins at `at`; none where it does not end. Counts brackets outside of texts and nothing else, so
/// for bytes that are a value this is its end, and for others it is anywhere: whoever reads the part must prove that it is exactly one
/// value.
pub(super) fn balanced_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut walk = Walk::default();
    let mut at = at;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let block = u8x16::new(*chunk);
        // Brackets and braces differ in one bit.
        let low = block | u8x16::splat(0x20);
        let marks = block.simd_eq(u8x16::splat(b'"'))
            | block.simd_eq(u8x16::splat(b'\\'))
            | low.simd_eq(u8x16::splat(b'{'))
            | low.simd_eq(u8x16::splat(b'}'));
        let mut marks = marks.to_bitmask();
        while marks != 0 {
            let place = marks.trailing_zeros() as usize;
            if walk.ends(chunk[place & 15], at + place)? {
                return Some(at + place + 1);
            }
            marks &= marks - 1;
        }
        at += 16;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | b'{' | b'[' | b'}' | b']') && walk.ends(*byte, at)? {
            return Some(at + 1);
        }
        at += 1;
    }
    None
}

/// Where the walk is.
#[derive(Default)]
struct Walk {
    depth: usize,
    in_text: bool,
    /// This byte is escaped.
    escaped: Option<usize>,
}

// === impl Walk ===

impl Walk {
    /// Takes a quote, backslash or bracket; whether the value ends with it. None where a bracket closes what was not open.
    #[inline(always)]
    fn ends(&mut self, byte: u8, at: usize) -> Option<bool> {
        if self.in_text {
            if self.escaped == Some(at) {
                return Some(false);
            }
            match byte {
                b'"' => self.in_text = false,
                b'\\' => self.escaped = Some(at + 1),
                _ => {}
            }
            return Some(false);
        }
        match byte | 0x20 {
            b'{' => self.depth += 1,
            b'}' => {
                self.depth = self.depth.checked_sub(1)?;
                return Some(self.depth == 0);
            }
            _ => self.in_text = byte == b'"',
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::JsonReader;
    use crate::token::Reader as _;
    use proptest::prelude::*;

    #[test]
    fn ends_of_values() {
        for text in [r#"{}"#, r#"[[],{"a":"}"}]"#, r#"{"a\"}":"\\","b":["]"]}"#] {
            assert_eq!(balanced_end(format!("{text},1]").as_bytes(), 0), Some(text.len()), "{text}");
        }
        for text in ["{", "[\"]", r#"{"a":"\"#, ""] {
            assert_eq!(balanced_end(text.as_bytes(), 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_strict_reader_agrees_on_what_it_accepts(text in "[\\[{]([\\[\\]{}\":,\\\\a1 ]|\"a\":|\\[1\\]){0,24}") {
            let mut reader = JsonReader::new(text.as_bytes());
            if reader.skip().is_ok() {
                prop_assert_eq!(balanced_end(text.as_bytes(), 0), Some(reader.position()));
            }
        }
    }
}
