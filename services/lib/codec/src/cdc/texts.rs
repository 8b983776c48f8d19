//! Text that an event does not hold as it is: documents inside of JSON strings, names to look up. Reused from event to event.

use std::ops::Range;

/// Room for the unescaped texts of one change event. Keep one beside the [`super::SchemaBlockCache`]; what it holds means nothing between
/// two events.
#[derive(Debug, Default)]
pub struct Texts {
    text: String,
    /// Names, sorted once all of them are there.
    names: Vec<Range<usize>>,
}

// === impl Texts ===

impl Texts {
    /// Empty.
    pub fn new() -> Texts {
        Texts::default()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.names.clear();
    }

    /// Appends what `write` writes; where it lies.
    pub(super) fn push(&mut self, write: impl FnOnce(&mut String)) -> Range<usize> {
        let start = self.text.len();
        write(&mut self.text);
        start..self.text.len()
    }

    pub(super) fn push_name(&mut self, name: &str) {
        let range = self.push(|text| text.push_str(name));
        self.names.push(range);
    }

    /// Ends the list of names; false when one of them is there twice.
    pub(super) fn sort_names(&mut self) -> bool {
        let text = &self.text;
        self.names
            .sort_unstable_by(|left, right| text[left.clone()].cmp(&text[right.clone()]));
        self.names.windows(2).all(|pair| text[pair[0].clone()] != text[pair[1].clone()])
    }

    pub(super) fn get(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        let found = self.names.binary_search_by(|range| self.text[range.clone()].cmp(name));
        found.is_ok()
    }

    /// The name at `index` of the sorted list.
    pub(super) fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(|range| &self.text[range.clone()])
    }
}
