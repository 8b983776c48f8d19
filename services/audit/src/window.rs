//! What is known of each source offset in a window: flags and the hash of its first outcome.

/// Offsets of a window unless told otherwise: nine bytes each.
pub(crate) const WINDOW: i64 = 1 << 22;

const VALID: u8 = 1;
const DEAD: u8 = 1 << 1;
const AGAIN: u8 = 1 << 2;
const UNLIKE: u8 = 1 << 3;
const SEEN: u8 = 1 << 4;
const ABORTED: u8 = 1 << 5;
const OPEN: u8 = 1 << 6;

/// Kind of an outcome record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Valid,
    Dead,
}

/// The outcomes of one source offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Nothing,
    Once(Class),
    /// More than once in one class.
    Again(Class),
    /// In both classes.
    Both,
}

/// A range of source offsets.
#[derive(Debug)]
pub(crate) struct Window {
    start: i64,
    flags: Vec<u8>,
    hashes: Vec<u64>,
}

// === impl Window ===

impl Window {
    pub(crate) fn new(start: i64, end: i64) -> Self {
        let length = usize::try_from(end - start).expect("a window is not longer than WINDOW");
        Window {
            start,
            flags: vec![0; length],
            hashes: vec![0; length],
        }
    }

    /// An outcome of this offset; offsets outside of the window are not its business.
    pub(crate) fn outcome(&mut self, offset: i64, class: Class, hash: u64) {
        let Some(at) = self.at(offset) else { return };
        let flag = match class {
            Class::Valid => VALID,
            Class::Dead => DEAD,
        };
        if self.flags[at] & flag != 0 {
            self.flags[at] |= AGAIN;
            // A repeat must repeat the bytes too.
            if self.hashes[at] != hash {
                self.flags[at] |= UNLIKE;
            }
        } else if self.flags[at] & (VALID | DEAD) == 0 {
            self.hashes[at] = hash;
        }
        self.flags[at] |= flag;
    }

    /// The source record of this offset was seen.
    pub(crate) fn seen(&mut self, offset: i64) {
        if let Some(at) = self.at(offset) {
            self.flags[at] |= SEEN;
        }
    }

    pub(crate) fn standing(&self, offset: i64) -> Standing {
        let flags = self.at(offset).map_or(0, |at| self.flags[at]);
        match (flags & VALID != 0, flags & DEAD != 0, flags & AGAIN != 0) {
            (true, true, _) => Standing::Both,
            (true, false, true) => Standing::Again(Class::Valid),
            (false, true, true) => Standing::Again(Class::Dead),
            (true, false, false) => Standing::Once(Class::Valid),
            (false, true, false) => Standing::Once(Class::Dead),
            (false, false, _) => Standing::Nothing,
        }
    }

    /// Whether the outcomes of this offset hold what they should.
    pub(crate) fn alike(&self, offset: i64, hash: u64) -> bool {
        self.at(offset)
            .is_some_and(|at| self.hashes[at] == hash && self.flags[at] & UNLIKE == 0)
    }

    /// Only a reader of uncommitted records sees a record at this offset.
    pub(crate) fn aborted(&mut self, offset: i64) {
        if let Some(at) = self.at(offset) {
            self.flags[at] |= ABORTED;
        }
    }

    /// Whether [`Window::aborted`] was said of the offset.
    pub(crate) fn is_aborted(&self, offset: i64) -> bool {
        self.at(offset).is_some_and(|at| self.flags[at] & ABORTED != 0)
    }

    /// An outcome of this offset is written and cannot be seen yet. Whether the offset is of this window.
    pub(crate) fn open(&mut self, offset: i64) -> bool {
        let at = self.at(offset);
        if let Some(at) = at {
            self.flags[at] |= OPEN;
        }
        at.is_some()
    }

    /// Whether [`Window::open`] was said of the offset.
    pub(crate) fn is_open(&self, offset: i64) -> bool {
        self.at(offset).is_some_and(|at| self.flags[at] & OPEN != 0)
    }

    /// Offsets without a visible source record.
    pub(crate) fn unseen(&self) -> impl Iterator<Item = i64> {
        (self.start..)
            .zip(&self.flags)
            .filter(|&(_, &flags)| flags & SEEN == 0)
            .map(|(offset, _)| offset)
    }

    /// First offset of the window.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// Offset after the last one.
    pub(crate) fn end(&self) -> i64 {
        self.start + i64::try_from(self.flags.len()).expect("a window fits into memory")
    }

    fn at(&self, offset: i64) -> Option<usize> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        (at < self.flags.len()).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_standing_is_told_apart() {
        let mut window = Window::new(100, 110);
        for (offset, class) in [
            (100, Class::Valid),
            (101, Class::Dead),
            (102, Class::Valid),
            (102, Class::Valid),
            (103, Class::Dead),
            (103, Class::Valid),
        ] {
            window.outcome(offset, class, 7);
        }
        window.outcome(99, Class::Valid, 7);
        window.outcome(110, Class::Valid, 7);
        let standings: Vec<Standing> = (100..105).map(|offset| window.standing(offset)).collect();
        let expected = [
            Standing::Once(Class::Valid),
            Standing::Once(Class::Dead),
            Standing::Again(Class::Valid),
            Standing::Both,
            Standing::Nothing,
        ];
        assert_eq!(standings, expected);
    }

    #[test]
    fn a_repeat_with_other_bytes_is_unlike() {
        let mut window = Window::new(0, 3);
        window.outcome(0, Class::Valid, 7);
        window.outcome(0, Class::Valid, 7);
        window.outcome(1, Class::Valid, 7);
        window.outcome(1, Class::Valid, 8);
        assert!(window.alike(0, 7) && !window.alike(0, 8) && !window.alike(1, 7));
    }

    #[test]
    fn what_is_unseen_is_told_apart() {
        let mut window = Window::new(5, 9);
        window.outcome(5, Class::Valid, 1);
        window.outcome(7, Class::Dead, 1);
        window.seen(5);
        window.seen(6);
        window.aborted(8);
        window.aborted(9);
        assert_eq!(window.unseen().collect::<Vec<_>>(), [7, 8]);
        assert!(!window.is_aborted(7) && window.is_aborted(8) && !window.is_aborted(9));
        assert_eq!((window.start(), window.end()), (5, 9));
    }
}
