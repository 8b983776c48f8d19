//! `minLength`, `maxLength`: in characters (Unicode scalar values), as JSON Schema counts them.

/// Limits of a text's length.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Length {
    /// Fewest characters.
    pub(crate) min: Option<u64>,
    /// Most characters.
    pub(crate) max: Option<u64>,
}

// === impl Length ===

impl Length {
    /// The clause that `text` breaks.
    pub(crate) fn broken(&self, text: &str) -> Option<&'static str> {
        if self.min.is_none() && self.max.is_none() {
            return None;
        }
        let bytes = text.len() as u64;
        // A character has one to four bytes: most texts are decided without counting.
        let certain = self.min.is_none_or(|min| bytes.div_ceil(4) >= min) && self.max.is_none_or(|max| bytes <= max);
        if certain {
            return None;
        }
        let length = text.chars().count() as u64;
        if self.min.is_some_and(|min| length < min) {
            Some("minLength")
        } else if self.max.is_some_and(|max| length > max) {
            Some("maxLength")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Length;

    #[test]
    fn counts_characters() {
        let length = Length {
            min: Some(2),
            max: Some(3),
        };
        for (text, broken) in [
            ("", Some("minLength")),
            ("é", Some("minLength")),
            ("éé", None),
            ("😀😀😀", None),
            ("abcd", Some("maxLength")),
        ] {
            assert_eq!(length.broken(text), broken, "{text}");
        }
    }
}
