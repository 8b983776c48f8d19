//! Which commit is in force, noted for the next process.

use std::path::Path;
use std::time::UNIX_EPOCH;

use tidegate_flow::WorldError;

use crate::repository::{full_id, operator};

/// Whole or not at all.
pub(crate) fn write(path: &Path, commit: &str) -> Result<(), WorldError> {
    let staged = path.with_extension(format!("{}.staged", std::process::id()));
    let written = std::fs::write(&staged, format!("{commit}\n")).and_then(|()| std::fs::rename(&staged, path));
    written.map_err(|error| {
        // What was begun is of no use.
        let _ = std::fs::remove_file(&staged);
        operator(format!("cannot write {}: {error}", path.display()))
    })
}

/// The commit, and when it was noted, microseconds since the epoch; none where nothing sound is.
pub(crate) fn read(path: &Path) -> Option<(String, i64)> {
    let commit = std::fs::read_to_string(path).ok()?.trim().to_owned();
    full_id(&commit)?;
    let at = std::fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((commit, i64::try_from(at.as_micros()).ok()?))
}
