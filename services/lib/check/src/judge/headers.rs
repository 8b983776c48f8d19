//! `requiredHeaders`: which of them a record lacks.

use tidegate_codec::Detail;
use tidegate_contract::Severity;

use super::findings::{Broken, Findings, Rule};
use crate::input::Input;
use crate::plan::HeaderCheck;
use crate::verdict::Reason;

/// Adds a `header_missing` for each header that is missing, null, no text, or another text than the contract asks for. Pointers are
/// `/headers/<name as in the contract>`. The last header of a name counts.
pub(super) fn check(findings: &mut Findings, headers: &[HeaderCheck], input: &Input<'_>) {
    for wanted in headers {
        let found = input.headers.iter().rev().find(|(name, _)| **name == *wanted.name);
        let (clause, detail) = match found.map(|(_, value)| value.map(std::str::from_utf8)) {
            None => ("requiredHeaders", Some(Detail::Missing)),
            Some(None) => ("requiredHeaders", Some(Detail::Null)),
            // Any bytes will do where nothing is said about the text.
            Some(Some(Err(_))) if wanted.pattern.is_none() && wanted.constant.is_none() => continue,
            Some(Some(Err(_))) => ("requiredHeaders", Some(Detail::BadEncoding)),
            Some(Some(Ok(text))) => {
                if wanted.constant.as_deref().is_some_and(|constant| constant != text) {
                    ("const", None)
                } else if wanted.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
                    ("pattern", None)
                } else {
                    continue;
                }
            }
        };
        let broken = Broken {
            reason: Reason::HeaderMissing,
            detail,
            rule: Rule::Clause(clause),
            severity: Severity::Error,
            location: &wanted.location,
        };
        findings.add(broken, || {
            format!("/headers/{}", wanted.name.replace('~', "~0").replace('/', "~1")).into()
        });
    }
}
