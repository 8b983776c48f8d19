//! Field names that an object already had.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::DEPTH_MAX;

/// How many names of all open objects are kept without a set.
const INLINE: usize = 64;

/// A stack of name sets, one for each open object. Comparing is by a 32-bit tag first, so ordinary objects cost a few compares and no
/// allocation; an object for which the room does not suffice moves to a hash set with random keys, so that no input can make it slow.
#[derive(Debug, Clone)]
pub(crate) struct Keys<'b> {
    tags: [u32; INLINE],
    names: [Name; INLINE],
    len: usize,
    levels: [Level; DEPTH_MAX],
    large: Vec<(usize, HashSet<Cow<'b, str>>)>,
}

/// Where a name lies in the text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Name {
    /// First byte behind the quote.
    pub(crate) start: u32,
    /// Bytes.
    pub(crate) len: u32,
    /// Has escapes, so that its bytes are not the name yet.
    pub(crate) escaped: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Names of outer objects come before this one.
    start: u32,
    large: bool,
    /// One bit for each tag seen; a clear bit proves a new name.
    seen: u64,
}

// === impl Keys ===

impl<'b> Keys<'b> {
    pub(crate) fn new() -> Keys<'b> {
        Keys { tags: [0; INLINE], names: [Name::default(); INLINE], len: 0, levels: [Level::default(); DEPTH_MAX], large: Vec::new() }
    }

    /// An object begins at this level (0 is the outermost).
    #[inline]
    pub(crate) fn enter(&mut self, level: usize) {
        self.levels[level] = Level { start: self.len as u32, large: false, seen: 0 };
    }

    /// It ends.
    #[inline]
    pub(crate) fn leave(&mut self, level: usize) {
        let Level { start, large, .. } = self.levels[level];
        self.len = start as usize;
        if large {
            self.large.pop();
        }
    }

    /// Notes a name of the object at this level; false when the object already has it. `resolve` gives the text of a noted name.
    #[inline]
    pub(crate) fn insert(&mut self, level: usize, name: Name, key: &str, resolve: impl Fn(Name) -> Cow<'b, str>) -> bool {
        let tag = tag(key.as_bytes());
        let bit = 1_u64 << (tag & 63);
        let Level { start, large, seen } = self.levels[level];
        if large {
            return self.insert_large(name, resolve);
        }
        if seen & bit != 0 {
            for index in start as usize..self.len {
                if self.tags[index] == tag && resolve(self.names[index]) == key {
                    return false;
                }
            }
        }
        if self.len == INLINE {
            return self.grow(level, name, resolve);
        }
        self.levels[level].seen = seen | bit;
        self.tags[self.len] = tag;
        self.names[self.len] = name;
        self.len += 1;
        true
    }

    #[cold]
    fn insert_large(&mut self, name: Name, resolve: impl Fn(Name) -> Cow<'b, str>) -> bool {
        self.large.last_mut().is_some_and(|(_, set)| set.insert(resolve(name)))
    }

    #[cold]
    fn grow(&mut self, level: usize, name: Name, resolve: impl Fn(Name) -> Cow<'b, str>) -> bool {
        let start = self.levels[level].start as usize;
        let set = self.names[start..self.len].iter().map(|name| resolve(*name)).collect();
        self.large.push((level, set));
        self.len = start;
        self.levels[level].large = true;
        self.insert_large(name, resolve)
    }
}

/// Length and both ends; equal names have equal tags.
#[inline]
fn tag(key: &[u8]) -> u32 {
    let (head, tail) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
            (Some(head), Some(tail)) => (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail))),
            _ => (key.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        },
    };
    let mixed = (head ^ (key.len() as u64).rotate_right(8)).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tail.wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    (mixed >> 32) as u32 ^ mixed as u32
}
