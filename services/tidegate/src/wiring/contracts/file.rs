//! A bundle on disk that is looked at again and again: while it is the same file, it is not read.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Times of files are as coarse as two seconds on some file systems: what was written so shortly before it was read may be written again
/// and look the same.
const SETTLED: Duration = Duration::from_secs(3);

/// What tells one content of a file from another. The time of the last change of the inode is set by nobody but the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What a look found.
#[derive(Debug)]
pub(super) enum Look {
    Unchanged,
    /// At most `bytes_max` bytes and one; the print is there only where the same print will mean the same bytes.
    New(Vec<u8>, Option<Print>),
}

/// Reads the file at `path`, unless it is still the one of `seen`. `now` is not later than the call.
pub(super) fn look(path: &Path, seen: Option<&Print>, bytes_max: u64, now: SystemTime) -> io::Result<Look> {
    let mut file = File::open(path)?;
    let before = Print::of(&file.metadata()?);
    if seen == Some(&before) {
        return Ok(Look::Unchanged);
    }
    let mut bytes = Vec::new();
    file.by_ref().take(bytes_max + 1).read_to_end(&mut bytes)?;
    let after = Print::of(&file.metadata()?);
    let is_settled = before == after && before.is_older_than(now);
    Ok(Look::New(bytes, is_settled.then_some(before)))
}

// === impl Print ===

impl Print {
    fn of(metadata: &Metadata) -> Print {
        Print {
            place: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_older_than(self, now: SystemTime) -> bool {
        let Some(settled) = now.checked_sub(SETTLED) else { return false };
        let Ok(settled) = settled.duration_since(UNIX_EPOCH) else {
            return false;
        };
        u64::try_from(self.changed.0).is_ok_and(|changed| changed < settled.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_just_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let Look::New(bytes, print) = look(&path, None, 10, SystemTime::now()).unwrap() else {
            panic!("it was never read");
        };
        assert_eq!((&bytes[..], print), (&b"one"[..], None), "the next write may have the same time");
    }

    #[test]
    fn a_file_that_has_been_there_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "one").unwrap();
        let later = SystemTime::now() + SETTLED + Duration::from_secs(2);
        let Look::New(_, Some(print)) = look(&path, None, 10, later).unwrap() else {
            panic!("it was not read, or nothing was kept of it");
        };
        assert!(matches!(look(&path, Some(&print), 10, later).unwrap(), Look::Unchanged));
        std::fs::write(&path, "eleven char").unwrap();
        assert!(matches!(look(&path, Some(&print), 9, later).unwrap(), Look::New(bytes, _) if bytes.len() == 10));
    }

    #[test]
    fn what_differs_in_anything_is_another_file() {
        let print = Print {
            place: (1, 2),
            size: 3,
            modified: (4, 5),
            changed: (1_000, 7),
        };
        for other in [
            Print { place: (1, 3), ..print },
            Print { size: 4, ..print },
            Print { modified: (4, 6), ..print },
            Print {
                changed: (1_000, 8),
                ..print
            },
        ] {
            assert_ne!(print, other);
        }
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(print.is_older_than(at(1_004)));
        for (seconds, why) in [
            (1_003, "within what a clock of files may hide"),
            (900, "of the future"),
            (1, "of the epoch"),
        ] {
            assert!(!print.is_older_than(at(seconds)), "{why}");
        }
    }
}
