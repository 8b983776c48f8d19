//! From a field name on the wire to its node.

use std::sync::Arc;

/// Wire names of one object. Writers nearly always keep one order, so the field after the last one found is tried first.
#[derive(Debug, Default)]
pub(crate) struct FieldIndex {
    /// In contract order.
    declared: Vec<Arc<str>>,
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
            None => Ok(FieldIndex { declared: names, sorted }),
        }
    }

    /// Position of `name` in contract order; `expected` is where the writer's order suggests to look first.
    pub(crate) fn find(&self, name: &str, expected: usize) -> Option<usize> {
        if self.declared.get(expected).is_some_and(|declared| **declared == *name) {
            return Some(expected);
        }
        let at = self.sorted.binary_search_by(|(declared, _)| (**declared).cmp(name)).ok()?;
        Some(self.sorted[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_in_any_order() {
        let index = FieldIndex::new(vec!["b".into(), "a".into(), "é".into()]).unwrap();
        assert_eq!(index.find("b", 0), Some(0));
        assert_eq!(index.find("a", 0), Some(1));
        assert_eq!(index.find("é", 99), Some(2));
        assert_eq!(index.find("c", 0), None);
        assert!(FieldIndex::new(vec!["a".into(), "a".into()]).is_err());
    }
}
