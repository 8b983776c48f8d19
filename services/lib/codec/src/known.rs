//! Texts that are known before the bytes come: field names and allowed words, prepared for comparison where they stand.
//!
//! Comparing a document with what is expected next costs a few instructions; reading it as a token and looking it up costs many more.
//! What matches here is exactly what the reader would have read; everything else (escapes, another order, other spacing) takes that way.

/// One text, as JSON writes it without escapes.
#[derive(Debug, Clone)]
pub struct Word {
    text: Box<str>,
    /// Behind the opening quote: the text, the closing quote, and for a name the colon. Empty where JSON has to escape it.
    tail: Box<[u8]>,
    /// The first and the last eight bytes of `tail`, which overlap when it is short; what is missing of eight counts as zero.
    first: u64,
    last: u64,
    /// How `tail` is compared.
    span: Span,
}

/// How many bytes there are to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    /// Fewer than eight: the first ones of eight, under this mask.
    Few(u64),
    /// Eight to sixteen: the first and the last eight.
    Pair,
    /// More: also what is between.
    Many,
    /// It never stands there.
    Never,
}

/// A small list of texts, one of which is expected.
#[derive(Debug, Clone)]
pub struct Words {
    words: Box<[Word]>,
    /// For each word its first eight bytes and which of them count, side by side so that all are compared without a branch.
    heads: Box<[(u64, u64)]>,
}

/// Words that are compared without a branch, one bit each.
const AT_ONCE: usize = 32;

// === impl Word ===

impl Word {
    /// A field name; in JSON it ends with the colon.
    pub fn name(text: &str) -> Word {
        Word::new(text, "\":")
    }

    /// A value.
    pub fn value(text: &str) -> Word {
        Word::new(text, "\"")
    }

    fn new(text: &str, end: &str) -> Word {
        let plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        let tail = if plain { format!("{text}{end}").into_bytes() } else { Vec::new() };
        let span = match tail.len() {
            0 => Span::Never,
            len @ 1..8 => Span::Few((1 << (8 * len)) - 1),
            8..=16 => Span::Pair,
            _ => Span::Many,
        };
        let few = tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        Word {
            text: text.into(),
            first: tail.first_chunk().map_or(few, |chunk| u64::from_le_bytes(*chunk)),
            last: tail.last_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk)),
            tail: tail.into(),
            span,
        }
    }

    /// The text itself.
    #[inline]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The index behind it, when it stands at `at` of a JSON text, which is the index behind the opening quote.
    #[inline(always)]
    pub(crate) fn json_end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = bytes.get(at..)?;
        let end = at + self.tail.len();
        let Some(head) = rest.first_chunk::<8>() else {
            return (self.span != Span::Never && rest.starts_with(&self.tail)).then_some(end);
        };
        let differs = u64::from_le_bytes(*head) ^ self.first;
        match self.span {
            Span::Few(mask) => (differs & mask == 0).then_some(end),
            Span::Never => None,
            _ if differs != 0 => None,
            _ => {
                let last = bytes.get(..end)?.last_chunk::<8>()?;
                if u64::from_le_bytes(*last) != self.last {
                    return None;
                }
                (self.span == Span::Pair || rest.starts_with(&self.tail)).then_some(end)
            }
        }
    }
}

// === impl Words ===

impl Words {
    /// Prepares allowed values.
    pub fn values<'t>(texts: impl IntoIterator<Item = &'t str>) -> Words {
        let words: Box<[Word]> = texts.into_iter().map(Word::value).collect();
        let heads = words.iter().map(|word| match word.span {
            Span::Few(mask) => (word.first, mask),
            Span::Pair | Span::Many => (word.first, u64::MAX),
            // No bytes are zero where these would stand.
            Span::Never => (0, u64::MAX),
        });
        Words {
            heads: heads.collect(),
            words,
        }
    }

    /// Their texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(Word::text)
    }

    /// The word whose text this is.
    #[inline]
    pub fn find(&self, text: &str) -> Option<&str> {
        self.words.iter().find(|word| *word.text == *text).map(Word::text)
    }

    /// As [`Word::json_end`], for any of them.
    #[inline]
    pub(crate) fn json_end(&self, bytes: &[u8], at: usize) -> Option<(&str, usize)> {
        let Some(head) = bytes.get(at..)?.first_chunk::<8>().filter(|_| self.heads.len() <= AT_ONCE) else {
            return self.words.iter().find_map(|word| Some((word.text(), word.json_end(bytes, at)?)));
        };
        let head = u64::from_le_bytes(*head);
        let mut likely = 0_u32;
        for (bit, (first, mask)) in self.heads.iter().enumerate() {
            likely |= u32::from((head ^ first) & mask == 0) << bit;
        }
        while likely != 0 {
            let word = &self.words[likely.trailing_zeros() as usize];
            if let Some(end) = word.json_end(bytes, at) {
                return Some((word.text(), end));
            }
            likely &= likely - 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_end_behind_the_colon() {
        let long = "x".repeat(40);
        for name in ["", "a", "total", &long, "Größe"] {
            let word = Word::name(name);
            for behind in ["", "1", " 1, and something that is longer than what is compared at once"] {
                let text = format!("{{\"{name}\":{behind}");
                assert_eq!(word.json_end(text.as_bytes(), 2), Some(name.len() + 4), "{text}");
            }
            assert_eq!(word.json_end(format!("{{\"{name}\" :1").as_bytes(), 2), None);
            assert_eq!(word.json_end(format!("{{\"{name}").as_bytes(), 2), None);
            assert_eq!(word.json_end(b"", 2), None);
        }
        // JSON escapes these, so they never stand there as they are.
        for name in ["a\"b", "a\\b", "a\nb"] {
            let text = format!("{{\"{name}\":1, and something that is longer than what is compared at once");
            assert_eq!(Word::name(name).json_end(text.as_bytes(), 2), None);
        }
    }

    proptest! {
        #[test]
        fn finds_one_of_many(words in proptest::collection::vec("[ab\"\\\\]{0,10}", 0..40), text in "[ab\"\\\\]{0,24}", at in 0_usize..24) {
            let prepared = Words::values(words.iter().map(String::as_str));
            let plain = |word: &&String| !word.contains(['"', '\\']);
            let rest = text.get(at..);
            let expected = words.iter().filter(plain).find(|word| rest.is_some_and(|rest| rest.starts_with(&format!("{word}\""))));
            let expected = expected.map(|word| (word.as_str(), at + word.len() + 1));
            prop_assert_eq!(prepared.json_end(text.as_bytes(), at), expected);
        }

        #[test]
        fn finds_what_starts_there(name in "[a-c\"\\\\]{0,36}", text in "[a-c\"\\\\:]{0,80}", at in 0_usize..80) {
            let tail = format!("{name}\":");
            let plain = !name.contains(['"', '\\']);
            let expected = text.get(at..).is_some_and(|rest| plain && rest.starts_with(&tail)).then(|| at + tail.len());
            prop_assert_eq!(Word::name(&name).json_end(text.as_bytes(), at), expected);
        }
    }
}
