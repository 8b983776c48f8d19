//! The versions of the standard that are read.

/// A version of the standard as far as the form of a file depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edition {
    /// v3.0.0 to v3.0.2.
    V3_0,
    /// v3.1.0.
    V3_1,
    /// v3.2.0.
    V3_2,
}

/// Accepted texts of `apiVersion`.
pub(crate) const ACCEPTED: [(&str, Edition); 5] = [
    ("v3.2.0", Edition::V3_2),
    ("v3.1.0", Edition::V3_1),
    ("v3.0.2", Edition::V3_0),
    ("v3.0.1", Edition::V3_0),
    ("v3.0.0", Edition::V3_0),
];

// === impl Edition ===

impl Edition {
    pub(crate) fn of(text: &str) -> Option<Edition> {
        ACCEPTED.iter().find(|(name, _)| *name == text).map(|(_, edition)| *edition)
    }

    /// The first `apiVersion` of the edition.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Edition::V3_0 => "v3.0.0",
            Edition::V3_1 => "v3.1.0",
            Edition::V3_2 => "v3.2.0",
        }
    }
}
