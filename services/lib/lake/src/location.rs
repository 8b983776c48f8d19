//! Where a lake is: the text of the configuration, read.

use std::fmt;
use std::path::PathBuf;

use tidegate_flow::{Remedy, WorldError};

use crate::names;

/// Where a lake is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder: a plain path or `file:///absolute/path`.
    Disk(PathBuf),
    /// `s3://bucket/prefix`.
    S3 {
        /// Bucket.
        bucket: String,
        /// Path below it; may be empty.
        prefix: String,
    },
    /// `az://container/prefix`.
    Azure {
        /// Container.
        container: String,
        /// Path below it; may be empty.
        prefix: String,
    },
    /// `memory:`, empty at each opening. For tests and the demo.
    Memory,
}

// === impl Location ===

impl Location {
    /// Reads the text.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] for a scheme that is not known, a missing bucket or a prefix that cannot be a path.
    pub fn parse(text: &str) -> Result<Location, WorldError> {
        if text == "memory:" {
            return Ok(Location::Memory);
        }
        match text.split_once("://") {
            Some(("s3", rest)) => bucket_and_prefix(text, rest).map(|(bucket, prefix)| Location::S3 { bucket, prefix }),
            Some(("az", rest)) => bucket_and_prefix(text, rest).map(|(container, prefix)| Location::Azure { container, prefix }),
            Some(("file", path)) if path.starts_with('/') => Ok(Location::Disk(path.into())),
            Some(("file", _)) => Err(wrong(text, "file:// needs an absolute path, as in file:///var/lake")),
            Some(_) => Err(wrong(
                text,
                "known are a path, file:///path, s3://bucket/prefix, az://container/prefix and memory:",
            )),
            None if text.is_empty() => Err(wrong(text, "it is empty")),
            None => Ok(Location::Disk(text.into())),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Disk(path) => write!(f, "{}", path.display()),
            Location::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Location::Azure { container, prefix } => write!(f, "az://{container}/{prefix}"),
            Location::Memory => f.write_str("memory:"),
        }
    }
}

fn bucket_and_prefix(text: &str, rest: &str) -> Result<(String, String), WorldError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    // Names of buckets and containers are plain; anything else is a user, a port or a query that somebody hopes is understood.
    if bucket.is_empty() || !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._$".contains(&byte)) {
        return Err(wrong(text, "the bucket or container has no plain name"));
    }
    let prefix = prefix.trim_end_matches('/');
    match names::folder(prefix) {
        Ok(_) => Ok((bucket.to_owned(), prefix.to_owned())),
        Err(why) => Err(wrong(text, why)),
    }
}

fn wrong(text: &str, why: &str) -> WorldError {
    // A location may hold a password by mistake (`s3://key:secret@bucket`), so only a harmless one is shown.
    let shown = if text.contains(['@', '?']) { "(not shown)" } else { text };
    WorldError::new(Remedy::Operator, format!("lake location {shown}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind_and_prints_it_again() {
        for (text, expected) in [
            ("memory:", Location::Memory),
            ("./demo-lake", Location::Disk("./demo-lake".into())),
            (
                "s3://b-1.x/a/b",
                Location::S3 {
                    bucket: "b-1.x".into(),
                    prefix: "a/b".into(),
                },
            ),
            (
                "az://c/",
                Location::Azure {
                    container: "c".into(),
                    prefix: String::new(),
                },
            ),
        ] {
            let location = Location::parse(text).unwrap();
            assert_eq!(location, expected);
            assert_eq!(location.to_string(), text);
        }
        assert_eq!(Location::parse("file:///var/lake").unwrap(), Location::Disk("/var/lake".into()));
        assert_eq!(Location::parse("s3://b").unwrap(), Location::parse("s3://b/").unwrap());
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for text in [
            "",
            "gs://b/p",
            "s3://",
            "s3:///p",
            "az://a b/p",
            "s3://b/a/../b",
            "s3://b//a",
            "file://x",
            "s3://host:9000/b",
        ] {
            assert_eq!(Location::parse(text).unwrap_err().remedy, Remedy::Operator, "{text}");
        }
    }

    #[test]
    fn a_misplaced_secret_is_not_repeated() {
        let error = Location::parse("s3://AKIA:hunter2@bucket/p").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
