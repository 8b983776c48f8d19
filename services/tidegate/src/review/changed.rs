//! Which lines of a file are new against an earlier text of it, so that findings about them come first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_contract::Diagnostic;

/// The most cells of the table of common lines; past it the whole middle of the file counts as changed.
const CELLS_MAX: usize = 4_000_000;

/// Changed lines by file, named as findings name it.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    files: BTreeMap<Arc<str>, BTreeSet<u32>>,
}

// === impl Changed ===

impl Changed {
    /// Takes up a file; `old` is none where it did not exist.
    pub(crate) fn add(&mut self, file: &Arc<str>, old: Option<&str>, new: &str) {
        let lines = lines(old.unwrap_or_default(), new);
        if !lines.is_empty() {
            self.files.insert(file.clone(), lines);
        }
    }

    pub(crate) fn has(&self, file: &str, line: u32) -> bool {
        self.files.get(file).is_some_and(|lines| lines.contains(&line))
    }

    /// On changed lines first, the worst of each kind first, then by place.
    pub(crate) fn sort(&self, found: &mut [Diagnostic]) {
        found.sort_by_key(|one| {
            let place = &one.location;
            let is_old = !self.has(&place.file, place.line);
            (is_old, one.level, place.file.clone(), place.line, place.column)
        });
    }
}

/// Lines of `new`, counted from 1, that a shortest edit from `old` inserts.
fn lines(old: &str, new: &str) -> BTreeSet<u32> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let (old, middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let number = |at: usize| u32::try_from(head + at + 1).unwrap_or(u32::MAX);
    if old.len().saturating_mul(middle.len()) > CELLS_MAX {
        return (0..middle.len()).map(number).collect();
    }
    // Length of the longest common rest from each pair of lines on.
    let width = middle.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..middle.len()).rev() {
            common[i * width + j] = match old[i] == middle[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut inserted) = (0, 0, BTreeSet::new());
    while j < middle.len() {
        if i < old.len() && old[i] == middle[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1] {
            i += 1;
        } else {
            inserted.insert(number(j));
            j += 1;
        }
    }
    inserted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &str, new: &str) -> Vec<u32> {
        lines(old, new).into_iter().collect()
    }

    #[test]
    fn inserted_lines_are_those_that_an_edit_needs() {
        assert!(of("a\nb\nc\n", "a\nb\nc\n").is_empty());
        assert_eq!(of("a\nb\nc\n", "a\nx\nb\nc\n"), [2]);
        assert_eq!(of("a\nb\nc\n", "a\nX\nc\nd\n"), [2, 4]);
        assert_eq!(of("a\nb\nc\nd\ne\n", "a\nc\nX\ne\nY\n"), [3, 5]);
        assert_eq!(of("", "a\nb\n"), [1, 2]);
        assert!(of("a\nb\n", "").is_empty());
        let many = |text: &str| format!("{text}\n").repeat(3000);
        assert_eq!(of(&many("a"), &many("b")).len(), 3000, "too many to compare");
    }

    #[test]
    fn findings_on_changed_lines_come_first() {
        let at = |line: u32, level| crate::review::finding("TG0101", level, ("a", line, 1), "p", "");
        use tidegate_contract::Level::{Error, Note, Warning};
        let mut changed = Changed::default();
        changed.add(&"a".into(), Some("1\n2\n3\n"), "1\nX\n3\nY\n");
        let mut found = vec![at(1, Error), at(3, Note), at(4, Note), at(2, Warning), at(4, Error)];
        changed.sort(&mut found);
        let order: Vec<(u32, &str)> = found.iter().map(|one| (one.location.line, one.level.as_str())).collect();
        assert_eq!(order, [(4, "error"), (2, "warning"), (4, "note"), (1, "error"), (3, "note")]);
    }
}
