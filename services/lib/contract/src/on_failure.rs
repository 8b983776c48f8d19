//! What happens behind an event that breaks its contract.

/// The setting `onFailure` of a contract. It speaks of events that an active or deprecated version refuses; what passes, is skipped, or is
/// only counted (a proposed version) moves on whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnFailure {
    /// The event becomes a dead letter, and the next one is judged.
    #[default]
    Continue,
    /// Later events with the same key wait until the dead letter is repaired.
    HoldKey,
    /// The partition halts in front of the event, until a version of the contract takes it or lets it go.
    Stop,
}

// === impl OnFailure ===

impl OnFailure {
    /// The word in contracts.
    pub const fn as_str(self) -> &'static str {
        match self {
            OnFailure::Continue => "continue",
            OnFailure::HoldKey => "hold_key",
            OnFailure::Stop => "stop",
        }
    }

    /// Whether the partition halts in front of a failing event. Keys are not held one by one yet, and going on would break what `hold_key`
    /// asks for, so it halts as well.
    pub const fn halts(self) -> bool {
        matches!(self, OnFailure::HoldKey | OnFailure::Stop)
    }
}
