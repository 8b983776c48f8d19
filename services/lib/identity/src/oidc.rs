//! Client credentials of OpenID Connect and plain OAuth 2.0 (RFC 6749, section 4.4).

use std::fmt;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use tidegate_flow::WorldError;

use crate::Issued;
use crate::form::{escaped, joined};
use crate::http::{Ask, Http, access_token, check_address, oauth_code};

const WHOM: &str = "the token endpoint";

/// Who asks where. `Debug` does not show the secret.
#[derive(Clone)]
pub struct Client {
    /// Address of the token endpoint.
    pub token_endpoint: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: String,
    /// What is asked for, if the endpoint wants to know.
    pub scope: Option<String>,
}

// === impl Client ===

impl Client {
    pub(crate) fn check(&self) -> Result<(), WorldError> {
        check_address(&self.token_endpoint, "the token endpoint's address")
    }

    pub(crate) fn issue(&self, http: &Http, now: SystemTime) -> Result<Issued, WorldError> {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        // Section 2.3.1: both parts as in a form, then as a user and a password.
        let who = STANDARD.encode(format!("{}:{}", escaped(&self.client_id), escaped(&self.client_secret)));
        let body = http
            .ask(Ask {
                whom: WHOM,
                method: Method::POST,
                url: &self.token_endpoint,
                headers: vec![("authorization", format!("Basic {who}")), ("accept", "application/json".to_owned())],
                form: Some(joined(&form)),
            })?
            .accepted(oauth_code, "check client id, secret and scope")?;
        let (value, expires_at) = access_token(WHOM, &body, now)?;
        Ok(Issued {
            value,
            principal: "tidegate",
            expires_at,
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("token_endpoint", &self.token_endpoint)
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
