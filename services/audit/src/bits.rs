//! Sets of offsets that cost memory only where something is.

use std::collections::BTreeMap;

/// Bits of a chunk.
const CHUNK: u64 = 1 << 15;
const WORDS: usize = (CHUNK / 64) as usize;

/// A set of offsets, in chunks of 4 KiB.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    chunks: BTreeMap<u64, Box<[u64; WORDS]>>,
    count: u64,
}

// === impl Bits ===

impl Bits {
    /// Adds an offset; false if it was there already.
    pub(crate) fn insert(&mut self, offset: i64) -> bool {
        let (chunk, word, bit) = place(offset);
        let words = self.chunks.entry(chunk).or_insert_with(|| Box::new([0; WORDS]));
        let new = words[word] & bit == 0;
        words[word] |= bit;
        self.count += u64::from(new);
        new
    }

    pub(crate) fn contains(&self, offset: i64) -> bool {
        let (chunk, word, bit) = place(offset);
        self.chunks.get(&chunk).is_some_and(|words| words[word] & bit != 0)
    }

    pub(crate) fn len(&self) -> u64 {
        self.count
    }

    /// How many are below `limit`.
    pub(crate) fn count_below(&self, limit: i64) -> u64 {
        let (last, word, bit) = place(limit.max(0));
        let whole: u64 = self
            .chunks
            .range(..last)
            .flat_map(|(_, words)| words.iter())
            .map(|word| u64::from(word.count_ones()))
            .sum();
        let Some(words) = self.chunks.get(&last) else { return whole };
        let part: u64 = words[..word].iter().map(|word| u64::from(word.count_ones())).sum();
        whole + part + u64::from((words[word] & (bit - 1)).count_ones())
    }
}

fn place(offset: i64) -> (u64, usize, u64) {
    // Negative offsets do not exist in Kafka; as bits they are only large.
    let at = offset.cast_unsigned();
    let within = at % CHUNK;
    (at / CHUNK, (within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(offsets in prop::collection::vec(0_i64..200_000, 0..300), limit in 0_i64..200_000) {
            let (mut bits, mut set) = (Bits::default(), BTreeSet::new());
            for offset in offsets {
                prop_assert_eq!(bits.insert(offset), set.insert(offset));
            }
            prop_assert_eq!(bits.len(), set.len() as u64);
            prop_assert_eq!(bits.count_below(limit), set.range(..limit).count() as u64);
            prop_assert!(set.iter().all(|&offset| bits.contains(offset)));
        }
    }

    #[test]
    fn remembers_what_was_added() {
        let mut bits = Bits::default();
        let offsets = [0, 1, 63, 64, 32_767, 32_768, 1_000_000_007, i64::MAX];
        for offset in offsets {
            assert!(!bits.contains(offset));
            assert!(bits.insert(offset));
            assert!(!bits.insert(offset));
            assert!(bits.contains(offset));
        }
        assert_eq!(bits.len(), offsets.len() as u64);
        for (limit, below) in [
            (-1, 0),
            (0, 0),
            (1, 1),
            (64, 3),
            (65, 4),
            (32_768, 5),
            (40_000, 6),
            (1_000_000_007, 6),
            (i64::MAX, 7),
        ] {
            assert_eq!(bits.count_below(limit), below, "{limit}");
        }
        assert!(!bits.contains(2) && !bits.contains(65_536));
    }
}
