//! From a field name on the wire to its node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_codec::Word;

/// Wire names of one object. Writers nearly always keep one order, so the field that followed last time is tried first.
#[derive(Debug, Default)]
pub(crate) struct FieldIndex {
    /// In contract order.
    declared: Vec<Word>,
    /// The field that last followed the one before: number 0 begins the object, number n + 1 follows field n. A guess that costs time
    /// when it is wrong and decides nothing; threads may overwrite each other's.
    follows: Vec<AtomicU32>,
    /// Sorted by name, with the position in contract order.
    sorted: Vec<(Arc<str>, usize)>,
}

// === impl FieldIndex ===

impl FieldIndex {
    /// Builds the index; names must be distinct, the first one of two equal names comes back as the error.
    pub(crate) fn new(names: Vec<Arc<str>>) -> Result<FieldIndex, Arc<str>> {
        let mut sorted: Vec<(Arc<str>, usize)> = names.iter().cloned().enumerate().map(|(at, name)| (name, at)).collect();
        sorted.sort();
        match sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(pair[0].0.clone()),
            None => Ok(FieldIndex {
                declared: names.iter().map(|name| Word::name(name)).collect(),
                follows: (0..=names.len()).map(|next| AtomicU32::new(next as u32)).collect(),
                sorted,
            }),
        }
    }

    /// The field that probably comes at `place`: 0 at the begin of the object, n + 1 behind field n.
    #[inline]
    pub(crate) fn likely(&self, place: usize) -> Option<(usize, &Word)> {
        let at = self.follows.get(place)?.load(Ordering::Relaxed) as usize;
        Some((at, self.declared.get(at)?))
    }

    /// Position of `name` in contract order, which is remembered for `place`.
    pub(crate) fn find(&self, name: &str, place: usize) -> Option<usize> {
        let at = self.sorted.binary_search_by(|(declared, _)| (**declared).cmp(name)).ok()?;
        let found = self.sorted[at].1;
        if let Some(follows) = self.follows.get(place) {
            follows.store(found as u32, Ordering::Relaxed);
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_in_any_order() {
        let index = FieldIndex::new(vec!["b".into(), "a".into(), "é".into()]).unwrap();
        let likely = |place| index.likely(place).map(|(at, word)| (at, word.text()));
        assert_eq!((likely(0), likely(1), likely(3)), (Some((0, "b")), Some((1, "a")), None));
        assert_eq!(index.find("b", 0), Some(0));
        assert_eq!(index.find("a", 0), Some(1));
        assert_eq!(index.find("é", 99), Some(2));
        assert_eq!(index.find("c", 0), None);
        assert_eq!((likely(0), likely(1)), (Some((1, "a")), Some((1, "a"))));
        assert!(FieldIndex::new(vec!["a".into(), "a".into()]).is_err());
    }
}
