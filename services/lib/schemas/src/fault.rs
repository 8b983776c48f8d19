//! Answers of a registry that are no schema.

use std::error::Error as StdError;

use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::RawError;
use tidegate_flow::{Remedy, WorldError};

/// Confluent's codes: subject, version and schema not found.
const SUBJECT_UNKNOWN: u32 = 40401;
const VERSION_UNKNOWN: u32 = 40402;
const SCHEMA_UNKNOWN: u32 = 40403;

/// What a failed call means.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The registry works and has no such thing.
    Absent,
    /// Everything else. A page of a proxy with status 404 belongs here too: it says nothing about the schema.
    World(WorldError),
}

// === impl Fault ===

impl Fault {
    /// Reads the client's error. Its texts hold addresses, so only status and code are passed on.
    pub(crate) fn of(doing: &str, error: &SRCError) -> Fault {
        let code = caused_by::<RawError>(error).map_or(0, |raw| raw.error_code);
        let status = status_in(&error.error);
        if status == Some(404) && [SUBJECT_UNKNOWN, VERSION_UNKNOWN, SCHEMA_UNKNOWN].contains(&code) {
            return Fault::Absent;
        }
        let (remedy, why) = match status {
            Some(401 | 403) => (Remedy::Operator, "not permitted"),
            Some(404 | 405) => (
                Remedy::Operator,
                "this is no schema registry with Confluent's API, or its path is missing",
            ),
            Some(409) => (Remedy::Operator, "incompatible with an earlier version of the subject"),
            Some(422) => (Remedy::Operator, "not accepted"),
            Some(408 | 425 | 429) => (Remedy::Retry, "the registry is busy"),
            Some(400..=499) => (Remedy::Operator, "refused"),
            Some(_) => (Remedy::Retry, "the registry fails"),
            None if error.retriable => (Remedy::Retry, "no answer"),
            None => (Remedy::Retry, "an answer that cannot be read"),
        };
        let mut what = format!("cannot {doing}: {why}");
        if let Some(status) = status {
            what.push_str(&format!(" (status {status}, code {code})"));
        } else if let Some(io) = caused_by::<std::io::Error>(error) {
            what.push_str(&format!(" ({})", io.kind()));
        }
        Fault::World(WorldError::new(remedy, what))
    }
}

fn caused_by<E: StdError + 'static>(error: &SRCError) -> Option<&E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<E>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

/// The number after `failed with status `.
fn status_in(text: &str) -> Option<u16> {
    let (_, after) = text.split_once("failed with status ")?;
    after.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_registrys_own_codes_mean_absent() {
        let answer = |status: u16, code: u32| {
            let raw: RawError = serde_json::from_value(serde_json::json!({"error_code": code, "message": "hunter2"})).unwrap();
            let text = format!("HTTP request to schema registry failed with status {status} Whatever");
            Fault::of("get schema id 7", &SRCError::non_retryable_with_cause(raw, &text))
        };
        for (status, code) in [(404, 40403), (404, 40401), (404, 40402)] {
            assert!(matches!(answer(status, code), Fault::Absent), "{status} {code}");
        }
        for (status, code, remedy) in [
            (404, 404, Remedy::Operator),
            (404, 0, Remedy::Operator),
            (401, 40101, Remedy::Operator),
            (403, 40301, Remedy::Operator),
            (500, 50001, Remedy::Retry),
            (500, 40403, Remedy::Retry),
            (503, 0, Remedy::Retry),
            (429, 42901, Remedy::Retry),
            (409, 409, Remedy::Operator),
        ] {
            let Fault::World(error) = answer(status, code) else {
                panic!("{status} {code}")
            };
            assert_eq!(error.remedy, remedy, "{status} {code}");
            assert!(
                error.what.contains(&format!("(status {status}, code {code})")) && !error.what.contains("hunter2"),
                "{error}"
            );
        }
    }
}
