//! Places in an event: JSON Pointers (RFC 6901), in which `*` stands for every item of a list.

use std::fmt;
use std::sync::Arc;

use tidegate_codec::span::Segment;

/// A place, or with `*` several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: Arc<str>,
    steps: Vec<Arc<str>>,
}

// === impl Pointer ===

impl Pointer {
    /// Reads one; an error is a sentence without a full stop. The whole event (an empty pointer) is no place.
    pub fn parse(text: &str) -> Result<Pointer, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is not a place: write a JSON Pointer such as /customer/email"));
        };
        let step = |step: &str| -> Result<Arc<str>, String> {
            let mut plain = String::with_capacity(step.len());
            let mut chars = step.chars();
            while let Some(next) = chars.next() {
                match next {
                    '~' => match chars.next() {
                        Some('0') => plain.push('~'),
                        Some('1') => plain.push('/'),
                        _ => return Err(format!("`{text}` has a ~ that is neither ~0 (for ~) nor ~1 (for /)")),
                    },
                    other => plain.push(other),
                }
            }
            Ok(plain.into())
        };
        let steps = rest.split('/').map(step).collect::<Result<_, _>>()?;
        Ok(Pointer { text: text.into(), steps })
    }

    /// Whether it leads to the value at the end of this path.
    pub(crate) fn leads_to(&self, path: &[Segment<'_>]) -> bool {
        self.steps.len() == path.len() && self.steps.iter().zip(path).all(|(step, segment)| is_step(step, segment))
    }

    /// Whether what it leads to lies in the value at the end of this path.
    pub(crate) fn leads_into(&self, path: &[Segment<'_>]) -> bool {
        self.steps.len() == path.len() + 1 && self.steps.iter().zip(path).all(|(step, segment)| is_step(step, segment))
    }

    /// The last step: the name of a field, or an item of a list.
    pub(crate) fn last(&self) -> &str {
        self.steps.last().expect("an empty pointer is refused")
    }

    /// The same place under another name.
    pub(crate) fn beside(&self, name: &str) -> Pointer {
        let mut steps = self.steps.clone();
        *steps.last_mut().expect("an empty pointer is refused") = name.into();
        Pointer {
            text: self.text.clone(),
            steps,
        }
    }
}

fn is_step(step: &str, segment: &Segment<'_>) -> bool {
    match &segment.name {
        Some(name) => **name == *step,
        None => step == "*" || step.parse() == Ok(segment.ordinal),
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_as_the_standard_says() {
        assert_eq!(
            Pointer::parse("/a~1b/c~0d").unwrap().steps,
            ["a/b".into(), "c~d".into()] as [Arc<str>; 2]
        );
        for wrong in ["", "a", "a/b", "/a~2", "/a~"] {
            assert!(Pointer::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Pointer::parse("/").unwrap().last(), "", "the field without a name");
    }
}
