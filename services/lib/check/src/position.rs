//! The position of a change in the log of its source, as text that needs no allocation.

use std::fmt::{self, Write};
use std::ops::Deref;

/// Longest text that is kept in place: LSNs, binlog positions and GTIDs have some tens of bytes, stream positions of DMS about 90.
const INLINE: usize = 119;

/// Text such as `27411616` or `binlog.000001:7600`. Positions of one source order the changes of one key. Only a text longer than any of
/// the known sources' allocates.
#[derive(Clone)]
pub struct SourcePosition(Form);

#[derive(Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one is the usual one, and it is there so as not to allocate"
)]
enum Form {
    Inline { len: u8, bytes: [u8; INLINE] },
    Long(String),
}

// === impl SourcePosition ===

impl SourcePosition {
    /// The text of whatever shows itself.
    pub fn of(shown: &impl fmt::Display) -> SourcePosition {
        let mut position = SourcePosition::default();
        write!(position, "{shown}").expect("writing to memory does not fail");
        position
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Inline { len, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*len)]).expect("only whole texts are written, see write_str")
            }
            Form::Long(text) => text,
        }
    }
}

impl Default for SourcePosition {
    fn default() -> Self {
        SourcePosition(Form::Inline {
            len: 0,
            bytes: [0; INLINE],
        })
    }
}

impl Write for SourcePosition {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        match &mut self.0 {
            Form::Inline { len, bytes } => {
                let start = usize::from(*len);
                match bytes.get_mut(start..start + more.len()) {
                    Some(room) => {
                        room.copy_from_slice(more.as_bytes());
                        // The sum is within INLINE.
                        *len += more.len() as u8;
                    }
                    None => self.0 = Form::Long(format!("{}{more}", self.as_str())),
                }
            }
            Form::Long(text) => text.push_str(more),
        }
        Ok(())
    }
}

impl Deref for SourcePosition {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for SourcePosition {
    fn from(text: &str) -> Self {
        SourcePosition::of(&text)
    }
}

impl PartialEq for SourcePosition {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SourcePosition {}

impl fmt::Debug for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for SourcePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_of_any_length_come_back(parts in prop::collection::vec("\\PC{0,60}", 0..6)) {
            let mut position = SourcePosition::default();
            for part in &parts {
                position.write_str(part).unwrap();
            }
            prop_assert_eq!(position.as_str(), parts.concat());
            prop_assert_eq!(position, SourcePosition::from(parts.concat().as_str()));
        }
    }
}
