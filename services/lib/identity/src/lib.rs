//! Tokens that say who we are: to Amazon MSK by IAM, to Azure Event Hubs by Entra ID, to any brokers by OpenID Connect.
//!
//! [`Trusted`] is the other side: whose tokens we believe.
//!
//! [`Issuer`] makes one after another; whoever uses them asks ahead of their end. Where credentials come from is decided once, from the
//! variables that each cloud's own tools use, and never falls back to another place later. The exchanges are a handful of HTTP requests
//! whose shapes the clouds document, so no SDK is behind them. Calls block, for at most [`BOUND`]. Not for async threads.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod aws;
mod entra;
mod form;
mod http;
mod oidc;
mod trusted;
mod variables;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, SystemTime};

use tidegate_flow::WorldError;

pub use oidc::Client;
pub use trusted::{Doubt, Keys, Trusted};
pub use variables::Variables;

use http::Http;

/// How long one token may take, all exchanges together.
pub const BOUND: Duration = Duration::from_secs(25);

/// A token for the brokers. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// As it travels.
    pub value: String,
    /// Whom it stands for: a name for the brokers' logs.
    pub principal: &'static str,
    /// When it ends.
    pub expires_at: SystemTime,
}

/// Makes tokens of one kind.
pub struct Issuer {
    http: Http,
    kind: Kind,
}

enum Kind {
    MskIam(aws::Msk),
    Entra(entra::Entra),
    Oidc(oidc::Client),
}

// === impl Issuer ===

impl Issuer {
    /// IAM of Amazon MSK. Without `region` it is read off the brokers' names, else off `AWS_REGION`.
    ///
    /// # Errors
    ///
    /// [`tidegate_flow::Remedy::Operator`] when the region or the credentials' place cannot be told.
    pub fn msk_iam(region: Option<&str>, brokers: &str, variables: &Variables) -> Result<Issuer, WorldError> {
        Issuer::new(Kind::MskIam(aws::Msk::new(region, brokers, variables)?))
    }

    /// Entra ID for Event Hubs. Without `scope` it is that of the first broker's namespace.
    ///
    /// # Errors
    ///
    /// [`tidegate_flow::Remedy::Operator`] when variables are missing or contradict each other.
    pub fn entra(scope: Option<&str>, brokers: &str, variables: &Variables) -> Result<Issuer, WorldError> {
        Issuer::new(Kind::Entra(entra::Entra::new(scope, brokers, variables)?))
    }

    /// Client credentials of OpenID Connect (RFC 6749, section 4.4).
    ///
    /// # Errors
    ///
    /// [`tidegate_flow::Remedy::Operator`] for an address in the clear.
    pub fn oidc(client: Client) -> Result<Issuer, WorldError> {
        client.check()?;
        Issuer::new(Kind::Oidc(client))
    }

    fn new(kind: Kind) -> Result<Issuer, WorldError> {
        Ok(Issuer { http: Http::new()?, kind })
    }

    /// A new token, valid from now on.
    ///
    /// # Errors
    ///
    /// [`tidegate_flow::Remedy::Retry`] where nobody answers, [`tidegate_flow::Remedy::Operator`] where somebody says no.
    pub fn issue(&mut self) -> Result<Issued, WorldError> {
        self.issue_at(SystemTime::now())
    }

    pub(crate) fn issue_at(&mut self, now: SystemTime) -> Result<Issued, WorldError> {
        match &mut self.kind {
            Kind::MskIam(msk) => msk.issue(&self.http, now),
            Kind::Entra(entra) => entra.issue(&self.http, now),
            Kind::Oidc(client) => client.issue(&self.http, now),
        }
    }

    /// Where the credentials come from, for the log.
    pub fn source(&self) -> &'static str {
        match &self.kind {
            Kind::MskIam(msk) => msk.source(),
            Kind::Entra(entra) => entra.source(),
            Kind::Oidc(_) => "client credentials",
        }
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("source", &self.source()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
