//! Field names that an object already had.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::DEPTH_MAX;

/// How many names of all open objects are kept without a set.
const INLINE: usize = 48;

/// A stack of name sets, one for each open object. Comparing is by a 32-bit tag first, so ordinary objects cost a few compares and no
/// allocation; an object for which the room does not suffice moves to a hash set with random keys, so that no input can make it slow.
/// It is large, so readers make it when the first name has to be kept, and hand it on to the next reader ([`crate::JsonReader::lend`]).
#[derive(Debug, Clone)]
pub struct Keys {
    tags: [u32; INLINE],
    names: [Name; INLINE],
    len: u32,
    /// For each open object one bit for each tag seen; a clear bit proves a new name.
    seen: [u64; DEPTH_MAX],
    /// Where its names begin; those of outer objects come before. [`LARGE`] when it has a set.
    starts: [u8; DEPTH_MAX],
    large: Vec<Large>,
}

#[derive(Debug, Clone)]
struct Large {
    start: u8,
    names: HashSet<Box<str>>,
}

const LARGE: u8 = u8::MAX;

/// Where a name lies in the text, which must be shorter than 2^31 bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Name {
    /// First byte behind the quote.
    start: u32,
    /// Bytes, and the highest bit where it has escapes, so that its bytes are not the name yet.
    len: u32,
}

const ESCAPED: u32 = 1 << 31;

// === impl Name ===

impl Name {
    #[inline]
    pub(crate) fn new(start: usize, end: usize, escaped: bool) -> Name {
        Name {
            start: start as u32,
            len: (end - start) as u32 | if escaped { ESCAPED } else { 0 },
        }
    }

    pub(crate) fn escaped(self) -> bool {
        self.len & ESCAPED != 0
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + (self.len & !ESCAPED) as usize
    }
}

// === impl Keys ===

impl Keys {
    pub(crate) fn new() -> Keys {
        Keys {
            tags: [0; INLINE],
            names: [Name::default(); INLINE],
            len: 0,
            seen: [0; DEPTH_MAX],
            starts: [0; DEPTH_MAX],
            large: Vec::new(),
        }
    }

    /// Forgets everything; `levels` objects or lists are open around what comes.
    pub(crate) fn restart(&mut self, levels: usize) {
        self.len = 0;
        self.large.clear();
        for level in 0..levels {
            self.enter(level);
        }
    }

    /// An object begins at this level (0 is the outermost).
    #[inline]
    pub(crate) fn enter(&mut self, level: usize) {
        self.seen[level] = 0;
        self.starts[level] = self.len as u8;
    }

    /// It ends.
    #[inline]
    pub(crate) fn leave(&mut self, level: usize) {
        match self.starts[level] {
            LARGE => self.len = self.large.pop().map_or(0, |large| u32::from(large.start)),
            start => self.len = u32::from(start),
        }
    }

    /// Notes a name of the object at this level, whose text is `key`; false when the object already has it. `resolve` gives the text of a
    /// noted name.
    #[inline]
    pub(crate) fn insert<'t>(&mut self, level: usize, name: Name, key: &str, tag: u32, resolve: impl Fn(Name) -> Cow<'t, str>) -> bool {
        let bit = 1_u64 << (tag & 63);
        let at = self.len as usize;
        let start = self.starts[level];
        if start == LARGE || at == INLINE {
            return self.insert_large(level, name, key, tag, resolve);
        }
        if self.seen[level] & bit != 0 && self.has(start, key, tag, &resolve) {
            return false;
        }
        self.seen[level] |= bit;
        self.tags[at] = tag;
        self.names[at] = name;
        self.len += 1;
        true
    }

    #[inline]
    fn has<'t>(&self, start: u8, key: &str, tag: u32, resolve: &impl Fn(Name) -> Cow<'t, str>) -> bool {
        let noted = start as usize..self.len as usize;
        self.tags[noted.clone()]
            .iter()
            .zip(&self.names[noted])
            .any(|(other, name)| *other == tag && resolve(*name) == key)
    }

    #[cold]
    fn insert_large<'t>(&mut self, level: usize, name: Name, key: &str, tag: u32, resolve: impl Fn(Name) -> Cow<'t, str>) -> bool {
        let start = self.starts[level];
        if start != LARGE {
            if self.has(start, key, tag, &resolve) {
                return false;
            }
            let names = self.names[start as usize..self.len as usize]
                .iter()
                .map(|name| Box::from(&*resolve(*name)))
                .collect();
            self.large.push(Large { start, names });
            self.len = u32::from(start);
            self.starts[level] = LARGE;
        }
        // The innermost open object is the one that asks, and inner large ones are gone.
        self.large
            .last_mut()
            .is_some_and(|large| large.names.insert(Box::from(&*resolve(name))))
    }
}

/// Equal names have equal tags: made of the length, the first and the last bytes.
#[inline]
pub(crate) fn tag(key: &[u8]) -> u32 {
    let head = match key.first_chunk::<8>() {
        Some(head) => u64::from_le_bytes(*head),
        None => key.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    mix(head, key)
}

/// As [`tag`] for `key = text[start..end]`, without a loop for short names.
#[inline]
pub(crate) fn tag_within(text: &[u8], start: usize, end: usize) -> u32 {
    let key = &text[start..end];
    match text[start..].first_chunk::<8>() {
        Some(head) if key.len() < 8 => mix(u64::from_le_bytes(*head) & ((1 << (key.len() * 8)) - 1), key),
        Some(head) => mix(u64::from_le_bytes(*head), key),
        None => tag(key),
    }
}

#[inline]
fn mix(head: u64, key: &[u8]) -> u32 {
    let tail = key.last_chunk::<8>().map_or(0, |tail| u64::from_le_bytes(*tail));
    let mixed = (head ^ (key.len() as u64).rotate_right(8)).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tail.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    (mixed >> 32) as u32 ^ mixed as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tags_do_not_depend_on_the_way(before in ".{0,3}", key in ".{0,20}", after in ".{0,12}") {
            let text = format!("{before}{key}{after}");
            let start = before.len();
            prop_assert_eq!(tag_within(text.as_bytes(), start, start + key.len()), tag(key.as_bytes()));
        }
    }
}
