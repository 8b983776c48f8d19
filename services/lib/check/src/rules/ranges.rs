//! Patterns of one length, such as `^[A-Z]{3}-[0-9]{6}$`: each byte within a range. Most patterns of identifiers are of this kind.

/// The most bytes.
const LENGTH_MAX: usize = 32;

/// One range of bytes for each place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranges {
    len: usize,
    /// Any byte behind the end.
    low: [u8; LENGTH_MAX],
    high: [u8; LENGTH_MAX],
}

// === impl Ranges ===

impl Ranges {
    /// Of an ECMA-262 pattern that already compiled; none where it is not of this kind. Every byte that is let through is printable ASCII
    /// other than quote and backslash, so that what holds is what JSON writes without escapes.
    pub(crate) fn of_pattern(pattern: &str) -> Option<Ranges> {
        let mut rest = pattern.strip_prefix('^')?.strip_suffix('$')?.as_bytes();
        let mut ranges = Ranges {
            len: 0,
            low: [0; LENGTH_MAX],
            high: [u8::MAX; LENGTH_MAX],
        };
        while !rest.is_empty() {
            let (low, high) = one(&mut rest)?;
            for _ in 0..times(&mut rest)? {
                if ranges.len == LENGTH_MAX {
                    return None;
                }
                ranges.low[ranges.len] = low;
                ranges.high[ranges.len] = high;
                ranges.len += 1;
            }
        }
        Some(ranges)
    }

    /// The least and the greatest text of the pattern, byte by byte.
    pub(crate) fn ends(&self) -> (&[u8], &[u8]) {
        (&self.low[..self.len], &self.high[..self.len])
    }

    /// How many bytes the text in quotes takes that `rest` begins with, if it is of the pattern; zero if not.
    #[inline(never)]
    pub(crate) fn takes(&self, rest: &[u8]) -> usize {
        let inside = match rest.split_first() {
            Some((b'"', inside)) if inside.get(self.len) == Some(&b'"') => inside,
            _ => return 0,
        };
        // Any byte is good behind the end, so that all places are looked at without a loop.
        let holds = match inside.first_chunk::<LENGTH_MAX>() {
            Some(all) => (0..LENGTH_MAX).fold(true, |holds, at| holds & (self.low[at] <= all[at]) & (all[at] <= self.high[at])),
            None => self.holds(&inside[..self.len]),
        };
        if holds { self.len + 2 } else { 0 }
    }

    /// Whether the text is of the pattern.
    #[inline]
    pub(crate) fn holds(&self, text: &[u8]) -> bool {
        if text.len() != self.len {
            return false;
        }
        let places = self.low.iter().zip(&self.high);
        text.iter()
            .zip(places)
            .fold(true, |holds, (byte, (low, high))| holds & (low <= byte) & (byte <= high))
    }
}

/// A character or a class of one range.
fn one(rest: &mut &[u8]) -> Option<(u8, u8)> {
    let (low, high, after) = match *rest {
        [b'[', low, b'-', high, b']', after @ ..] => (*low, *high, after),
        [b'[', only, b']', after @ ..] => (*only, *only, after),
        [b'\\', b'd', after @ ..] => (b'0', b'9', after),
        [b'\\', escaped @ (b'-' | b'.' | b'/' | b'+' | b'$' | b'*' | b'?'), after @ ..] => (*escaped, *escaped, after),
        [plain, after @ ..] if plain.is_ascii_alphanumeric() || b"-_:/ ,;#@=".contains(plain) => (*plain, *plain, after),
        _ => return None,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:/ ,;#@=.+$*?".contains(&byte);
    // A range between two letters or two digits holds letters or digits only.
    let whole = low == high
        || (low.is_ascii_digit() && high.is_ascii_digit())
        || (low.is_ascii_lowercase() && high.is_ascii_lowercase())
        || (low.is_ascii_uppercase() && high.is_ascii_uppercase());
    (plain(low) && plain(high) && whole && low <= high).then(|| *rest = after)?;
    Some((low, high))
}

/// `{n}`, or once. Whatever else may repeat is of another kind.
fn times(rest: &mut &[u8]) -> Option<usize> {
    match *rest {
        [b'{', inside @ ..] => {
            let end = inside.iter().position(|byte| *byte == b'}')?;
            let count = std::str::from_utf8(&inside[..end]).ok()?;
            if !count.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            *rest = &inside[end + 1..];
            count.parse().ok().filter(|count| *count <= LENGTH_MAX)
        }
        [b'*' | b'+' | b'?', ..] => None,
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn kinds() {
        for pattern in ["^ORD-[0-9]{10}$", r"^\d{4}$", "^[A-Z]{2}$", "^a$", "^$", r"^v\.\d$", "^[x]{0}y$"] {
            assert!(Ranges::of_pattern(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "a",
            "^a",
            "^a+$",
            "^[a-z]{2,3}$",
            "^(a)$",
            "^a|b$",
            "^.$",
            "^[^a]$",
            "^[a-zA-Z]$",
            "^[ -~]$",
            "^[A-z]$",
            r"^\w$",
            "^a{33}$",
            "^é$",
            "^\"$",
            r"^\\$",
            "^[]-a]$",
            "^a{,3}$",
            "^$$",
            "^^$",
        ] {
            assert_eq!(Ranges::of_pattern(pattern), None, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn holds_what_the_engine_finds(pattern in r"\^([a-cA-C0-9_-]|\[[a-c]-[a-c]\]|\[0-9\]|\\d)(\{[0-3]\})?([a-c]|\[0-9\])\$", text in "[a-cA-C0-3_-]{0,8}") {
            if let (Some(ranges), Ok(engine)) = (Ranges::of_pattern(&pattern), tidegate_contract::pattern::compile(&pattern)) {
                prop_assert_eq!(ranges.holds(text.as_bytes()), engine.is_match(&text), "{} {}", pattern, text);
            }
        }
    }
}
