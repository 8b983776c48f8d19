//! From the text of one file to a contract, with every problem at once.

use sha2::{Digest, Sha256};

use crate::diagnostic::{Diagnostic, Level};
use crate::model::{Contract, Status};
use crate::problems::Problems;
use crate::{odcs, yaml};

/// What one file turned out to be.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// There only when the file has no error.
    pub(crate) contract: Option<Contract>,
    /// Known even when the rest of the file is wrong.
    pub(crate) status: Option<Status>,
    /// In file order.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads one contract. The contract is there exactly when no diagnostic is an error; diagnostics come in file order, each once.
///
/// `file` is only repeated in the diagnostics. CEL expressions and SQL are not compiled here.
pub fn parse(file: &str, text: &str) -> (Option<Contract>, Vec<Diagnostic>) {
    let parsed = parse_file(file, text);
    (parsed.contract, parsed.diagnostics)
}

/// Whether the file says that it is a draft, also where its other mistakes keep it from being read: a draft is not loaded, so what is wrong with
/// it refuses nothing.
pub fn is_draft(text: &str) -> bool {
    parse_file("", text).status == Some(Status::Draft)
}

pub(crate) fn parse_file(file: &str, text: &str) -> Parsed {
    let mut problems = Problems::new(file);
    let (mut contract, mut status) = (None, None);
    if let Some(document) = yaml::parse_into(text, &mut problems) {
        (contract, status) = odcs::read(document, &sha256_hex(text.as_bytes()), &mut problems);
    }
    if problems.has_errors() {
        contract = None;
    }
    let diagnostics = problems.into_sorted();
    debug_assert_eq!(
        contract.is_none(),
        diagnostics.iter().any(|one| one.level == Level::Error),
        "no contract without a reason"
    );
    Parsed {
        contract,
        status,
        diagnostics,
    }
}

/// SHA-256 in lower-case hex.
/// SHA-256 in 64 hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
