//! A bad world: broker, store, registry or clock failing us. Never used for bad data.

/// What the one who gets the error should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Wait and call again; it heals by itself.
    Retry,
    /// Facts changed under us: read them again and decide again.
    Reread,
    /// Somebody must change configuration, permissions or topics.
    Operator,
    /// We are wrong.
    Bug,
}

/// An error of the outside world with its remedy. The text holds names and codes, never event content or secrets.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct WorldError {
    /// What to do.
    pub remedy: Remedy,
    /// What happened, lower case, without a full stop.
    pub what: String,
    /// What was underneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

// === impl WorldError ===

impl WorldError {
    /// An error without a cause underneath.
    pub fn new(remedy: Remedy, what: impl Into<String>) -> Self {
        WorldError {
            remedy,
            what: what.into(),
            source: None,
        }
    }

    /// An error with its cause.
    pub fn caused(remedy: Remedy, what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        WorldError {
            remedy,
            what: what.into(),
            source: Some(source.into()),
        }
    }
}
