//! Errors of `object_store` as errors of the world.
//!
//! Its texts hold addresses, and an address may hold a signature. So none of them is passed on: what is told is the operation, our own
//! path, the status and the store's error code.

use std::error::Error as StdError;
use std::io::ErrorKind;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use tidegate_flow::{Remedy, WorldError};

/// What is known of a failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    status: Option<u16>,
    code: Option<String>,
    transport: Option<HttpErrorKind>,
    disk: Option<ErrorKind>,
}

/// `what` names operation, path and store.
pub(crate) fn world(what: &str, error: &Error) -> WorldError {
    let facts = Facts::of(error);
    let (remedy, why) = match error {
        Error::PermissionDenied { .. } => (Remedy::Operator, "not permitted"),
        Error::Unauthenticated { .. } => (Remedy::Operator, "not authenticated"),
        // An object that is not there is never an error here, so it is the place for it.
        Error::NotFound { .. } => (Remedy::Operator, "no such bucket, container or folder"),
        Error::NotSupported { .. } | Error::NotImplemented { .. } => (Remedy::Operator, "the store cannot do that"),
        Error::UnknownConfigurationKey { .. } => (Remedy::Operator, "unknown setting"),
        Error::InvalidPath { .. } => (Remedy::Bug, "not a path"),
        _ => facts.judge(),
    };
    WorldError::new(remedy, format!("{what}: {why}{facts}"))
}

// === impl Facts ===

impl Facts {
    fn of(error: &Error) -> Facts {
        let mut facts = Facts {
            status: None,
            code: None,
            transport: None,
            disk: None,
        };
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(cause) = next {
            if let Some(http) = cause.downcast_ref::<HttpError>() {
                facts.transport = Some(http.kind());
            }
            if let Some(io) = cause.downcast_ref::<std::io::Error>() {
                facts.disk.get_or_insert(io.kind());
            }
            // The type with the status is private; its text is not.
            let text = cause.to_string();
            facts.status = facts.status.or_else(|| status_in(&text));
            facts.code = facts.code.or_else(|| code_in(&text));
            next = cause.source();
        }
        facts
    }

    fn judge(&self) -> (Remedy, &'static str) {
        match (self.status, self.transport, self.disk) {
            (Some(400), ..) if self.code.as_deref() == Some("ExpiredToken") => (Remedy::Retry, "the credentials have just expired"),
            (Some(401 | 403), ..) => (Remedy::Operator, "not permitted"),
            (Some(408 | 409 | 425 | 429), ..) => (Remedy::Retry, "the store is busy"),
            (Some(300..=499), ..) => (Remedy::Operator, "the store refuses the request"),
            (Some(_), ..) => (Remedy::Retry, "the store fails"),
            (None, Some(HttpErrorKind::Connect), _) => (Remedy::Retry, "cannot connect"),
            (None, Some(HttpErrorKind::Timeout), _) => (Remedy::Retry, "no answer in time, so it may or may not have happened"),
            (None, Some(_), _) => (Remedy::Retry, "the connection broke, so it may or may not have happened"),
            (None, None, Some(ErrorKind::PermissionDenied)) => (Remedy::Operator, "not permitted"),
            (None, None, Some(ErrorKind::ReadOnlyFilesystem)) => (Remedy::Operator, "the disk is read-only"),
            (None, None, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)) => (Remedy::Operator, "the disk is full"),
            (None, None, Some(ErrorKind::NotADirectory | ErrorKind::IsADirectory)) => {
                (Remedy::Operator, "a file is where a folder must be")
            }
            (None, None, Some(ErrorKind::NotFound)) => (Remedy::Retry, "a folder vanished on the way"),
            (None, None, _) => (Remedy::Retry, "the store fails"),
        }
    }
}

impl std::fmt::Display for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(status) = self.status {
            write!(f, " (status {status}")?;
            if let Some(code) = &self.code {
                write!(f, ", {code}")?;
            }
            f.write_str(")")?;
        } else if let Some(kind) = self.disk {
            write!(f, " ({kind})")?;
        }
        Ok(())
    }
}

/// The number after `status code: `.
fn status_in(text: &str) -> Option<u16> {
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}

/// The store's error code, `<Code>SlowDown</Code>`; only if it is a plain word.
fn code_in(text: &str) -> Option<String> {
    let (_, after) = text.split_once("<Code>")?;
    let (code, _) = after.split_once("</Code>")?;
    let plain = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic {
            store: "S3",
            source: text.to_owned().into(),
        }
    }

    fn io(kind: ErrorKind) -> Error {
        Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(std::io::Error::from(kind)),
        }
    }

    #[test]
    fn each_status_has_its_remedy() {
        let answer = |status: &str, code: &str| {
            let text = format!(
                "Error performing PUT https://h/b?sig=hunter2 - Server returned non-2xx status code: {status}: <Code>{code}</Code>"
            );
            world("cannot put a/b", &generic(&text))
        };
        for (status, code, remedy) in [
            ("503 Service Unavailable", "SlowDown", Remedy::Retry),
            ("500 Internal Server Error", "InternalError", Remedy::Retry),
            ("429 Too Many Requests", "TooManyRequests", Remedy::Retry),
            ("400 Bad Request", "ExpiredToken", Remedy::Retry),
            ("400 Bad Request", "InvalidArgument", Remedy::Operator),
            ("403 Forbidden", "SignatureDoesNotMatch", Remedy::Operator),
            ("301 Moved Permanently", "PermanentRedirect", Remedy::Operator),
        ] {
            let error = answer(status, code);
            assert_eq!(error.remedy, remedy, "{status} {code}");
            assert!(
                error.what.starts_with("cannot put a/b: ") && error.what.contains(code) && error.what.contains(&status[..3]),
                "{error}"
            );
            assert!(!error.what.contains("hunter2") && error.source.is_none(), "{error}");
        }
    }

    #[test]
    fn disks_have_remedies_too() {
        for (kind, remedy) in [
            (ErrorKind::PermissionDenied, Remedy::Operator),
            (ErrorKind::StorageFull, Remedy::Operator),
            (ErrorKind::ReadOnlyFilesystem, Remedy::Operator),
            (ErrorKind::Interrupted, Remedy::Retry),
        ] {
            assert_eq!(world("x", &io(kind)).remedy, remedy, "{kind}");
        }
    }

    #[test]
    fn a_code_that_is_no_word_is_not_repeated() {
        assert_eq!(code_in("<Code>SlowDown</Code>").as_deref(), Some("SlowDown"));
        assert_eq!(code_in("<Code>https://x?sig=1</Code>"), None);
        assert_eq!(code_in("<Code></Code>"), None);
        assert_eq!(status_in("status code: 50"), None);
    }
}
