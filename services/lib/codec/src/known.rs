//! Texts that are known before the bytes come: field names and allowed words, prepared for comparison where they stand.
//!
//! Comparing a document with what is expected next costs a few instructions; reading it as a token and looking it up costs many more.
//! What matches here is exactly what the reader would have read; everything else (escapes, another order, other spacing) takes that way.

/// One text, as JSON writes it without escapes.
#[derive(Debug, Clone)]
pub struct Word {
    /// The first sixteen bytes of `written`; what is missing of them counts as zero.
    head: [u64; 2],
    /// Which bytes of these count.
    mask: [u64; 2],
    /// Bytes of `written`.
    len: u32,
    /// There are more than sixteen.
    long: bool,
    /// The text in quotes, and for a name the colon. Never empty.
    written: Box<[u8]>,
    text: Box<str>,
}

/// A small list of texts, one of which is expected.
#[derive(Debug, Clone)]
pub struct Words {
    words: Box<[Word]>,
    /// For what the first bytes of a text are hashed to, the number of the one word that it may be.
    places: [u8; PLACES],
    /// Which bytes these are: as many as the shortest word has as it is written, so that what follows it does not matter.
    first: [u64; 2],
    /// Spreads the words so that no two have one place; zero where none was found, and the words are tried one after another.
    factor: u64,
}

/// Places of a hash, as a power of two.
const PLACES_BITS: u32 = 6;
const PLACES: usize = 1 << PLACES_BITS;

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
        // What JSON escapes never stands there as it is; and no text has this byte.
        let written = if plain { format!("\"{text}{end}").into_bytes() } else { vec![0xff] };
        let eight = |at: usize, of: &dyn Fn(u8) -> u8| {
            let part = written.iter().skip(at).take(8);
            part.rev().fold(0, |word, byte| word << 8 | u64::from(of(*byte)))
        };
        Word {
            head: [eight(0, &|byte| byte), eight(8, &|byte| byte)],
            mask: [eight(0, &|_| 0xff), eight(8, &|_| 0xff)],
            len: written.len() as u32,
            long: written.len() > 16,
            written: written.into(),
            text: text.into(),
        }
    }

    /// How long it is as it is written.
    #[inline]
    pub(crate) fn written_len(&self) -> usize {
        self.len as usize
    }

    /// The text itself.
    #[inline]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How long it is as it is written, when `rest` begins with it; zero when it does not.
    #[inline(always)]
    pub(crate) fn begins(&self, rest: &[u8]) -> usize {
        match rest.first_chunk::<16>() {
            Some(head) if !self.long => {
                if self.is_at(head) {
                    self.len as usize
                } else {
                    0
                }
            }
            _ => self.begins_slowly(rest),
        }
    }

    /// The same behind one byte that must come first.
    #[inline(always)]
    pub(crate) fn begins_behind(&self, byte: u8, rest: &[u8]) -> usize {
        match rest.first_chunk::<17>() {
            Some([first, head @ ..]) if *first == byte && self.is_at(head) => match self.long {
                false => self.len as usize + 1,
                true => match self.begins_slowly(&rest[1..]) {
                    0 => 0,
                    len => len + 1,
                },
            },
            _ => 0,
        }
    }

    #[inline(always)]
    fn is_at(&self, head: &[u8; 16]) -> bool {
        let head = u128::from_le_bytes(*head);
        (head as u64 ^ self.head[0]) & self.mask[0] | ((head >> 64) as u64 ^ self.head[1]) & self.mask[1] == 0
    }

    #[inline(never)]
    fn begins_slowly(&self, rest: &[u8]) -> usize {
        if rest.starts_with(&self.written) { self.len as usize } else { 0 }
    }
}

// === impl Words ===

impl Words {
    /// Prepares allowed values.
    pub fn values<'t>(texts: impl IntoIterator<Item = &'t str>) -> Words {
        let words: Box<[Word]> = texts.into_iter().map(Word::value).collect();
        let shortest = words.iter().min_by_key(|word| word.len);
        let mut prepared = Words {
            first: shortest.map_or([0; 2], |word| word.mask),
            words,
            places: [0; PLACES],
            factor: 0,
        };
        // Odd numbers without a pattern; for a few words one of the first fits.
        let factors = (1..200_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        if prepared.words.len() <= PLACES / 2 {
            prepared.factor = factors.into_iter().find(|factor| prepared.spread(*factor)).unwrap_or(0);
        }
        prepared
    }

    /// Gives each word its place; false if two have the same.
    fn spread(&mut self, factor: u64) -> bool {
        let mut taken = [false; PLACES];
        for (number, word) in self.words.iter().enumerate() {
            let mut head = [0; 16];
            for (to, from) in head.iter_mut().zip(&word.written) {
                *to = *from;
            }
            let place = self.place(&head, factor);
            if word.long || std::mem::replace(&mut taken[place], true) {
                return false;
            }
            self.places[place] = number as u8;
        }
        true
    }

    /// Where a text in quotes has its place.
    #[inline(always)]
    fn place(&self, head: &[u8; 16], factor: u64) -> usize {
        let head = u128::from_le_bytes(*head);
        let (low, high) = (head as u64 & self.first[0], (head >> 64) as u64 & self.first[1]);
        (low.wrapping_add(high.rotate_left(29)).wrapping_mul(factor) >> (64 - PLACES_BITS)) as usize
    }

    /// Their texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(Word::text)
    }

    /// Whether these bytes are one of them.
    #[inline]
    pub fn has(&self, text: &[u8]) -> bool {
        self.words.iter().any(|word| word.text.as_bytes() == text)
    }

    /// The word that `rest` begins with.
    #[inline(always)]
    pub(crate) fn begins(&self, rest: &[u8]) -> Option<&Word> {
        match rest.first_chunk::<16>() {
            Some(head) if self.factor != 0 => {
                let word = self.words.get(usize::from(self.places[self.place(head, self.factor)]))?;
                word.is_at(head).then_some(word)
            }
            _ => self.words.iter().find(|word| word.begins(rest) > 0),
        }
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
                assert_eq!(word.begins(&text.as_bytes()[1..]), name.len() + 3, "{text}");
            }
            assert_eq!(word.begins(format!("\"{name}\" :1").as_bytes()), 0);
            assert_eq!(word.begins(format!("\"{name}").as_bytes()), 0);
            assert_eq!(word.begins(b""), 0);
        }
        // JSON escapes these, so they never stand there as they are.
        for name in ["a\"b", "a\\b", "a\nb"] {
            let text = format!("{{\"{name}\":1, and something that is longer than what is compared at once");
            assert_eq!(Word::name(name).begins(&text.as_bytes()[1..]), 0);
        }
    }

    proptest! {
        #[test]
        fn finds_one_of_many(words in proptest::collection::vec("[ab\"\\\\]{0,20}", 0..40), text in "\"[ab\"\\\\]{0,24}") {
            let prepared = Words::values(words.iter().map(String::as_str));
            let plain = |word: &&String| !word.contains(['"', '\\']);
            let expected = words.iter().filter(plain).find(|word| text.starts_with(&format!("\"{word}\"")));
            prop_assert_eq!(prepared.begins(text.as_bytes()).map(Word::text), expected.map(String::as_str));
        }

        #[test]
        fn finds_what_stands_there(name in "[a-c\"\\\\]{0,36}", text in "\"[a-c\"\\\\:]{0,80}", same in any::<bool>()) {
            let written = format!("\"{name}\":");
            let text = if same { format!("{written}{text}") } else { text };
            let expected = !name.contains(['"', '\\']) && text.starts_with(&written);
            prop_assert_eq!(Word::name(&name).begins(text.as_bytes()), if expected { written.len() } else { 0 });
        }
    }
}
