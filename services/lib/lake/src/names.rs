//! Which object names work on every store.
//!
//! The strictest store decides, so that a lake can be copied from one to another: S3 allows 1,024 bytes a key, a file system 255 bytes
//! a segment, and `object_store`'s local disk keeps `name#1` for uploads that are under way.

use object_store::path::Path;

const PATH_BYTES_MAX: usize = 1024;
/// 255 less what a staged upload appends.
const SEGMENT_BYTES_MAX: usize = 240;

/// The path of an object.
pub(crate) fn object(path: &str) -> Result<Path, &'static str> {
    if path.is_empty() {
        return Err("an object needs a name");
    }
    let parsed = checked(path)?;
    let staged = path
        .rsplit_once('#')
        .is_some_and(|(_, tail)| !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit()));
    if staged {
        return Err("a name may not end in # and digits");
    }
    Ok(parsed)
}

/// The path of a folder; empty is the root, a slash at the end is allowed.
pub(crate) fn folder(path: &str) -> Result<Path, &'static str> {
    match path.strip_suffix('/').unwrap_or(path) {
        "" if path.is_empty() => Ok(Path::default()),
        inside => checked(inside),
    }
}

fn checked(path: &str) -> Result<Path, &'static str> {
    if path.len() > PATH_BYTES_MAX {
        return Err("a path may have at most 1,024 bytes");
    }
    for segment in path.split('/') {
        match segment {
            "" => return Err("a path may not start or end with a slash or hold two in a row"),
            "." | ".." => return Err("a path may not hold . or .."),
            long if long.len() > SEGMENT_BYTES_MAX => return Err("a segment of a path may have at most 240 bytes"),
            odd if odd.chars().any(char::is_control) || odd.contains('\\') => {
                return Err("a path may not hold control characters or backslashes");
            }
            _ => {}
        }
    }
    Path::parse(path).map_err(|_| "not a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_not_every_store_takes_are_refused() {
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "a/../b",
            ".",
            "a\nb",
            "a\\b",
            "x#12",
            &"a".repeat(241),
            &"a/".repeat(600),
        ] {
            assert!(object(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn odd_names_stay_as_they_are() {
        for good in ["a b", "a%2Fb/c", "ü/日本", "x#y", "#", ".hidden", "..x", "a=1/b=2", "a+b&c"] {
            assert_eq!(object(good).unwrap().as_ref(), good);
        }
    }

    #[test]
    fn a_folder_may_end_in_a_slash_or_be_the_root() {
        assert_eq!(folder("lake/").unwrap(), folder("lake").unwrap());
        assert_eq!(folder("").unwrap(), Path::default());
        assert!(folder("/").is_err());
        assert!(folder("lake//").is_err());
    }
}
