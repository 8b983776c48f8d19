//! `unknownFields`: what an undeclared field does.

use tidegate_contract::Severity;
use tidegate_contract::model::UnknownFields;

/// The policy of an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unknown(UnknownFields);

// === impl Unknown ===

impl Unknown {
    /// The object's policy.
    pub(crate) fn new(policy: UnknownFields) -> Unknown {
        Unknown(policy)
    }

    /// How much an undeclared field weighs; none when it means nothing.
    pub(crate) fn severity(self) -> Option<Severity> {
        match self.0 {
            UnknownFields::Ignore => None,
            UnknownFields::Warn => Some(Severity::Warning),
            UnknownFields::Fail => Some(Severity::Error),
        }
    }
}
