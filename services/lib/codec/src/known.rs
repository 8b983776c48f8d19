//! Texts that are known before the bytes come: field names and allowed words, prepared for comparison where they stand.
//!
//! Comparing a document with what is expected next costs a few instructions; reading it as a token and looking it up costs many more.
//! What matches here is exactly what the reader would have read; everything else (escapes, another order, other spacing) takes that way.

/// Bytes that are compared at once.
const CHUNK: usize = 32;

/// One text, as JSON writes it without escapes.
#[derive(Debug, Clone)]
pub struct Word {
    text: Box<str>,
    /// Behind the opening quote: the text, the closing quote, and for a name the colon. Empty where JSON has to escape it.
    tail: Box<[u8]>,
    /// The first bytes of `tail`, zero behind its end.
    head: [u64; CHUNK / 8],
    /// Ones where `head` counts.
    mask: [u64; CHUNK / 8],
}

/// A small list of texts, one of which is expected.
#[derive(Debug, Clone)]
pub struct Words(Box<[Word]>);

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
        let tail: Box<[u8]> = if plain {
            format!("{text}{end}").into_bytes().into()
        } else {
            Box::default()
        };
        let (mut head, mut mask) = ([0_u8; CHUNK], [0_u8; CHUNK]);
        for (at, byte) in tail.iter().take(CHUNK).enumerate() {
            head[at] = *byte;
            mask[at] = 0xff;
        }
        Word {
            text: text.into(),
            tail,
            head: words(&head),
            mask: words(&mask),
        }
    }

    /// The text itself.
    #[inline]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The index behind it, when it stands at `at` of a JSON text, which is the index behind the opening quote.
    #[inline]
    pub(crate) fn json_end(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let rest = bytes.get(at..)?;
        let Some(chunk) = rest.first_chunk::<CHUNK>() else {
            return self.json_end_near(rest, at);
        };
        let found = words(chunk);
        let differs = (0..CHUNK / 8).fold(0, |differs, index| differs | ((found[index] ^ self.head[index]) & self.mask[index]));
        if differs != 0 || self.tail.is_empty() {
            return None;
        }
        if self.tail.len() > CHUNK {
            return self.json_end_near(rest, at);
        }
        Some(at + self.tail.len())
    }

    /// Too near to the end, or too long, to be compared at once.
    fn json_end_near(&self, rest: &[u8], at: usize) -> Option<usize> {
        (!self.tail.is_empty() && rest.starts_with(&self.tail)).then(|| at + self.tail.len())
    }
}

// === impl Words ===

impl Words {
    /// Prepares allowed values.
    pub fn values<'t>(texts: impl IntoIterator<Item = &'t str>) -> Words {
        Words(texts.into_iter().map(Word::value).collect())
    }

    /// Their texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Word::text)
    }

    /// The word whose text this is.
    #[inline]
    pub fn find(&self, text: &str) -> Option<&str> {
        self.0.iter().find(|word| *word.text == *text).map(Word::text)
    }

    /// As [`Word::json_end`], for any of them.
    #[inline]
    pub(crate) fn json_end(&self, bytes: &[u8], at: usize) -> Option<(&str, usize)> {
        self.0.iter().find_map(|word| Some((word.text(), word.json_end(bytes, at)?)))
    }
}

#[inline]
fn words(bytes: &[u8; CHUNK]) -> [u64; CHUNK / 8] {
    let mut words = [0; CHUNK / 8];
    for (word, part) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*part);
    }
    words
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
        fn finds_what_starts_there(name in "[a-c\"\\\\]{0,36}", text in "[a-c\"\\\\:]{0,80}", at in 0_usize..80) {
            let tail = format!("{name}\":");
            let plain = !name.contains(['"', '\\']);
            let expected = text.get(at..).is_some_and(|rest| plain && rest.starts_with(&tail)).then(|| at + tail.len());
            prop_assert_eq!(Word::name(&name).json_end(text.as_bytes(), at), expected);
        }
    }
}
