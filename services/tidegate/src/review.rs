//! What the review of a change of contracts needs beside the contracts: where they lie in a repository, what was published, who reads them,
//! who owns them, which lines changed. Used by `lint`, `test`, `diff` and `ci`.

pub(crate) mod back;
pub(crate) mod changed;
pub(crate) mod codes;
pub(crate) mod consumers;
pub(crate) mod ground;
pub(crate) mod loaded;
pub(crate) mod owners;
pub(crate) mod published;

use std::path::Path;

use tidegate_contract::{Diagnostic, Level, Location};

/// The largest file of consumers or owners, in bytes.
const SIDE_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A finding at a line; columns count from 1.
pub(crate) fn finding(
    code: &'static str,
    level: Level,
    place: (&str, u32, u32),
    problem: impl Into<String>,
    help: impl Into<String>,
) -> Diagnostic {
    Diagnostic {
        code,
        level,
        location: Location {
            file: place.0.into(),
            line: place.1,
            column: place.2,
            pointer: "".into(),
        },
        problem: problem.into(),
        help: help.into(),
    }
}

/// The text of a small file beside contracts, or why it is not read. Links are not followed: they may lead out of the repository.
pub(crate) fn side_file(path: &Path) -> Result<String, String> {
    let meta = std::fs::symlink_metadata(path).map_err(|error| format!("the file cannot be read: {error}"))?;
    if meta.file_type().is_symlink() {
        return Err("this is a symbolic link, which is not followed".to_owned());
    }
    if ground::leads_out(path) {
        return Err("it lies behind a link out of the repository, which is not followed".to_owned());
    }
    if !meta.is_file() {
        return Err("this is not a regular file".to_owned());
    }
    if meta.len() > SIDE_FILE_BYTES_MAX {
        return Err(format!(
            "the file has {} bytes, more than the limit of {SIDE_FILE_BYTES_MAX}",
            meta.len()
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("the file cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "the file is not UTF-8 text".to_owned())
}

/// A path as findings name it: as it was given, without the dot that stands for the current folder.
pub(crate) fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.display().to_string()
}
