//! An object that is looked at again and again: while it is the same, a look is one small request.
//!
//! The request is a conditional GET (RFC 9110, section 13.1.2). A store that gives an object no entity tag sends it each time.

use bytes::Bytes;
use tidegate_flow::WorldError;

use crate::open::open_lake;
use crate::options::LakeOptions;
use crate::store::Lake;

/// One object of a store.
#[derive(Debug)]
pub struct Watched {
    lake: Lake,
    path: String,
    bytes_max: u64,
}

/// What a store calls the bytes that it sent (RFC 9110, section 8.8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub(crate) String);

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// No such object.
    Absent,
    /// The object is still the one of the tag; nothing was sent.
    Unchanged,
    /// Its bytes, and the tag to ask with the next time; none where the store gives none.
    New(Bytes, Option<Tag>),
    /// It has so many bytes, more than is read. Nothing was read.
    TooLarge(u64),
}

// === impl Watched ===

impl Watched {
    /// Opens the store as [`crate::open`]; of the object at `path` at most `bytes_max` bytes are read. It need not be there yet.
    ///
    /// # Errors
    ///
    /// As [`crate::open`].
    pub fn open(location: &str, options: &LakeOptions, path: &str, bytes_max: u64) -> Result<Watched, WorldError> {
        Ok(Watched {
            lake: open_lake(location, options)?,
            path: path.to_owned(),
            bytes_max,
        })
    }

    /// Looks at the object. Give the tag of what was read last, and only of what was used: with it the same bytes never come again.
    ///
    /// # Errors
    ///
    /// Those of the store; the same look may be taken again.
    pub fn look(&self, seen: Option<&Tag>) -> Result<Look, WorldError> {
        self.lake.look(&self.path, seen, self.bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_flow::ports::Store as _;

    use super::*;

    fn watched(location: &str) -> Watched {
        Watched::open(location, &LakeOptions::default(), "a.tidegate", 10).unwrap()
    }

    fn put(watched: &Watched, text: &'static str) {
        watched.lake.put("a.tidegate", Bytes::from_static(text.as_bytes())).unwrap();
    }

    fn new(look: Look) -> (Bytes, Option<Tag>) {
        match look {
            Look::New(bytes, tag) => (bytes, tag),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_the_same_is_not_sent_again() {
        let watched = watched("memory:");
        assert_eq!(watched.look(None).unwrap(), Look::Absent);
        put(&watched, "one");
        let (bytes, tag) = new(watched.look(None).unwrap());
        assert_eq!((&bytes[..], watched.look(tag.as_ref()).unwrap()), (&b"one"[..], Look::Unchanged));
        put(&watched, "two");
        assert_eq!(&new(watched.look(tag.as_ref()).unwrap()).0[..], b"two");
        put(&watched, "");
        assert_eq!(new(watched.look(tag.as_ref()).unwrap()).0.len(), 0);
        put(&watched, "0123456789");
        assert_eq!(new(watched.look(None).unwrap()).0.len(), 10);
        put(&watched, "0123456789a");
        assert_eq!(watched.look(tag.as_ref()).unwrap(), Look::TooLarge(11));
    }

    #[test]
    fn a_file_is_read_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let watched = watched(&format!("file://{}", folder.path().display()));
        put(&watched, "one");
        assert_eq!(new(watched.look(None).unwrap()), (Bytes::from_static(b"one"), None));
    }
}
