//! From a field name on the wire to its node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_codec::Word;

use super::quick::QuickCheck;

/// Wire names of one object. Writers nearly always keep one order, so the field that followed last time is tried first.
#[derive(Debug, Default)]
pub(crate) struct FieldIndex {
    /// The field that last began an object.
    first: AtomicU32,
    /// In contract order.
    declared: Vec<Declared>,
    /// Sorted by name, with the position in contract order.
    sorted: Vec<(Arc<str>, usize)>,
}

/// One declared field.
#[derive(Debug)]
pub(crate) struct Declared {
    /// Its name, as it is written.
    pub(crate) name: Word,
    /// Its node.
    pub(crate) node: usize,
    /// The bit that says that it was seen, in the first word of them; none where it is in another word.
    pub(crate) bit: u64,
    /// The shortest way to see that its value is valid.
    pub(crate) quick: QuickCheck,
    /// The field that last followed it. A guess that costs time when it is wrong and decides nothing; threads may overwrite each other's.
    follower: AtomicU32,
}

// === impl FieldIndex ===

impl FieldIndex {
    /// Builds the index of names and their nodes; names must be distinct, the first one of two equal names comes back as the error.
    pub(crate) fn new(fields: Vec<(Arc<str>, usize)>) -> Result<FieldIndex, Arc<str>> {
        let mut sorted: Vec<(Arc<str>, usize)> = fields.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        sorted.sort();
        let declared = |(at, (name, node)): (usize, &(Arc<str>, usize))| Declared {
            name: Word::name(name),
            node: *node,
            bit: if at < 64 { 1 << at } else { 0 },
            quick: QuickCheck::default(),
            follower: AtomicU32::new(at as u32 + 1),
        };
        match sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(pair[0].0.clone()),
            None => Ok(FieldIndex {
                first: AtomicU32::new(0),
                declared: fields.iter().enumerate().map(declared).collect(),
                sorted,
            }),
        }
    }

    /// Gives each field the quick check of its node. Who takes a field quickly keeps one word of what was seen, so fields that have their bit
    /// in another one have none.
    pub(crate) fn set_quick(&mut self, of_nodes: &[QuickCheck]) {
        for declared in self.declared.iter_mut().filter(|declared| declared.bit != 0) {
            declared.quick = of_nodes[declared.node].clone();
        }
    }

    /// All fields, in contract order.
    #[inline(always)]
    pub(crate) fn declared(&self) -> &[Declared] {
        &self.declared
    }

    /// The number of the field that probably comes behind that one, or at the begin of the object; past all fields when none does.
    #[inline(always)]
    pub(crate) fn likely(&self, behind: Option<usize>) -> usize {
        let guess = match behind {
            None => &self.first,
            Some(field) => match self.declared.get(field) {
                Some(declared) => &declared.follower,
                None => return usize::MAX,
            },
        };
        guess.load(Ordering::Relaxed) as usize
    }

    /// Position of `name` in contract order, which is remembered as what comes behind `behind`.
    pub(crate) fn find(&self, name: &str, behind: Option<usize>) -> Option<usize> {
        let at = self.sorted.binary_search_by(|(declared, _)| (**declared).cmp(name)).ok()?;
        let found = self.sorted[at].1;
        let guess = behind.map_or(&self.first, |field| &self.declared[field].follower);
        guess.store(found as u32, Ordering::Relaxed);
        Some(found)
    }
}

// === impl Declared ===

impl Declared {
    /// As [`FieldIndex::likely`].
    #[inline(always)]
    pub(crate) fn follower(&self) -> usize {
        self.follower.load(Ordering::Relaxed) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_in_any_order() {
        let index = FieldIndex::new(vec![("b".into(), 1), ("a".into(), 2), ("é".into(), 3)]).unwrap();
        let likely = |behind| index.declared().get(index.likely(behind)).map(|declared| declared.name.text());
        assert_eq!((likely(None), likely(Some(0)), likely(Some(2))), (Some("b"), Some("a"), None));
        assert_eq!(index.find("b", None), Some(0));
        assert_eq!(index.find("a", None), Some(1));
        assert_eq!(index.find("é", Some(2)), Some(2));
        assert_eq!(index.find("c", None), None);
        assert_eq!((likely(None), likely(Some(2))), (Some("a"), Some("é")));
        assert!(FieldIndex::new(vec![("a".into(), 1), ("a".into(), 2)]).is_err());
    }
}
