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
    /// Says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// Texts of at least so many and at most so many bytes are surely within the limits, whatever their characters.
    pub(crate) fn certain_bytes(&self) -> (usize, usize) {
        let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        // n characters have n to 4n bytes: more than 4(n-1) bytes are at least n characters.
        let least = self.min.map_or(0, |min| {
            bytes(min).saturating_sub(1).saturating_mul(4).saturating_add(usize::from(min > 0))
        });
        (least, self.max.map_or(usize::MAX, bytes))
    }

    /// The clause that `text` breaks.
    pub(crate) fn broken(&self, text: &str) -> Option<&'static str> {
        // Most texts are decided without counting.
        let (least, most) = self.certain_bytes();
        if (least..=most).contains(&text.len()) {
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

    #[test]
    fn certain_means_certain() {
        for (min, max) in [(0, 0), (0, 3), (1, 5), (3, 4)] {
            let length = Length {
                min: Some(min),
                max: Some(max),
            };
            let (least, most) = length.certain_bytes();
            for text in ["", "a", "é", "aé", "😀", "aa😀", "😀😀", "😀😀😀", "abcde"] {
                let count = text.chars().count() as u64;
                if (least..=most).contains(&text.len()) {
                    assert!((min..=max).contains(&count), "{text} {min} {max}");
                }
            }
        }
    }
}
