//! What a change demands of the version.

use tidegate_contract::Version;

use crate::change::Grade;

/// The part of a version that rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bump {
    /// None.
    None,
    /// Nothing that is judged or promised changed.
    Patch,
    /// Nobody who was in order has to do anything.
    Minor,
    /// Somebody may have to.
    Major,
}

/// How the author's version stands to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// It rose (or stayed) by this much.
    Up(Bump),
    /// It fell.
    Down,
}

// === impl Bump ===

impl Bump {
    /// Lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Bump::None => "none",
            Bump::Patch => "patch",
            Bump::Minor => "minor",
            Bump::Major => "major",
        }
    }

    /// For a clause of values: refusing what passed is major, everything else that has an effect is minor.
    pub(crate) fn of_values(producers: Grade, consumers: Grade) -> Bump {
        if producers.may_tighten() {
            Bump::Major
        } else if producers != Grade::None || consumers != Grade::None {
            Bump::Minor
        } else {
            Bump::Patch
        }
    }

    /// For a promise that refuses no event.
    pub(crate) fn of_promise(consumers: Grade) -> Bump {
        if consumers == Grade::None { Bump::Patch } else { Bump::Minor }
    }

    /// The next version: `1.4.2` becomes `1.4.3`, `1.5.0` or `2.0.0`.
    pub fn applied(self, version: &Version) -> String {
        let Version { major, minor, patch, .. } = version;
        match self {
            Bump::None => version.text.to_string(),
            Bump::Patch => format!("{major}.{minor}.{}", patch.saturating_add(1)),
            Bump::Minor => format!("{major}.{}.0", minor.saturating_add(1)),
            Bump::Major => format!("{}.0.0", major.saturating_add(1)),
        }
    }
}

/// From the old version to the new one, by the first number that differs. `1.0` and `1.0.0` are no step.
pub fn step(old: &Version, new: &Version) -> Step {
    let numbers = |version: &Version| [version.major, version.minor, version.patch];
    let (from, to) = (numbers(old), numbers(new));
    match from.iter().zip(to).position(|(old, new)| *old != new) {
        None => Step::Up(Bump::None),
        Some(at) if to[at] < from[at] => Step::Down,
        Some(0) => Step::Up(Bump::Major),
        Some(1) => Step::Up(Bump::Minor),
        Some(_) => Step::Up(Bump::Patch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        let mut numbers = text.split('.').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap_or(0);
        Version {
            text: text.into(),
            major: next(),
            minor: next(),
            patch: next(),
        }
    }

    #[test]
    fn steps_and_next_versions() {
        for (old, new, expected) in [
            ("1.0.0", "1.0.0", Step::Up(Bump::None)),
            ("1.0", "1.0.0", Step::Up(Bump::None)),
            ("1.0.0", "1.0.1", Step::Up(Bump::Patch)),
            ("1.0.9", "1.1.0", Step::Up(Bump::Minor)),
            ("1.9.9", "2.0.0", Step::Up(Bump::Major)),
            ("2.0.0", "1.9.9", Step::Down),
            ("1.1.0", "1.0.9", Step::Down),
        ] {
            assert_eq!(step(&version(old), &version(new)), expected, "{old} {new}");
        }
        let from = version("1.4.2");
        let next = |bump: Bump| bump.applied(&from);
        assert_eq!(
            [next(Bump::None), next(Bump::Patch), next(Bump::Minor), next(Bump::Major)],
            ["1.4.2", "1.4.3", "1.5.0", "2.0.0"]
        );
    }
}
