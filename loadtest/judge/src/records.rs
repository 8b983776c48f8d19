//! Many records in one buffer, as a consumer's batch has them.

/// Records one after another.
#[derive(Debug, Default, Clone)]
pub struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

// === impl Records ===

impl Records {
    /// Appends what `write` writes as one record.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One of them.
    ///
    /// # Panics
    /// When there is none of that number.
    pub fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// The first `count` in order.
    pub fn iter(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends[..count].iter().map(move |end| {
            let record = &self.bytes[start..*end];
            start = *end;
            record
        })
    }

    /// The bytes of the first `count`, one behind another.
    pub fn joined(&self, count: usize) -> &[u8] {
        &self.bytes[..count.checked_sub(1).map_or(0, |last| self.ends[last])]
    }
}
