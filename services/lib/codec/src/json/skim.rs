//! The end of a value without a look at what is inside.

use super::text;

/// Index behind the object or list that begins at `at`; none where it does not end. Counts brackets outside of texts and nothing else, so
/// for bytes that are a value this is its end, and for others it is anywhere: whoever reads the part must prove that it is exactly one
/// value.
pub(super) fn balanced_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = text_end(bytes, at + 1)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Index behind the closing quote of a text whose inside begins at `at`.
#[inline]
fn text_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = text::plain_end(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            // A control character; the strict reader says what it thinks of it.
            _ => at += 1,
        }
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
