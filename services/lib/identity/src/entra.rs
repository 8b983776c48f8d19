//! Entra ID for Event Hubs: by workload identity, by a client's secret, or by the machine's managed identity.

use std::time::SystemTime;

use reqwest::Method;
use tidegate_flow::WorldError;

use crate::Issued;
use crate::form::{escaped, joined};
use crate::http::{Ask, Http, access_token, check_address, oauth_code};
use crate::variables::{Variables, operator};

const AUTHORITY: &str = "https://login.microsoftonline.com";
const METADATA: &str = "http://169.254.169.254";
const WHOM: &str = "Entra ID";
const ADVICE: &str = "check AZURE_CLIENT_ID, AZURE_TENANT_ID, the federated credential (issuer, subject, audience) or the secret";

/// Where tokens for one scope come from.
pub(crate) struct Entra {
    scope: String,
    from: From,
    /// Asked for the federated token each time: Kubernetes writes it anew every hour.
    variables: Variables,
}

enum From {
    /// A token of Kubernetes is exchanged (RFC 7523, section 2.2).
    Federated {
        endpoint: String,
        client_id: String,
    },
    Secret {
        endpoint: String,
        client_id: String,
    },
    /// Managed identity of the machine, by its metadata service.
    Machine {
        base: String,
        client_id: Option<String>,
    },
}

// === impl Entra ===

impl Entra {
    pub(crate) fn new(scope: Option<&str>, brokers: &str, variables: &Variables) -> Result<Entra, WorldError> {
        let scope = match scope {
            Some(scope) => scope.to_owned(),
            None => format!("https://{}/.default", first_host(brokers)?),
        };
        Ok(Entra {
            scope,
            from: choose(variables)?,
            variables: variables.clone(),
        })
    }

    pub(crate) fn source(&self) -> &'static str {
        match self.from {
            From::Federated { .. } => "workload identity",
            From::Secret { .. } => "client secret",
            From::Machine { .. } => "managed identity",
        }
    }

    pub(crate) fn issue(&self, http: &Http, now: SystemTime) -> Result<Issued, WorldError> {
        let said = match &self.from {
            From::Federated { endpoint, client_id } => {
                let assertion = self.variables.file("AZURE_FEDERATED_TOKEN_FILE")?;
                let proof = [
                    ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                    ("client_assertion", &assertion),
                ];
                self.exchange(http, endpoint, client_id, &proof)?
            }
            From::Secret { endpoint, client_id } => {
                let secret = self.variables.secret("AZURE_CLIENT_SECRET")?;
                let secret = secret.ok_or_else(|| operator("AZURE_CLIENT_SECRET is not set"))?;
                self.exchange(http, endpoint, client_id, &[("client_secret", &secret)])?
            }
            From::Machine { base, client_id } => {
                // This service wants a resource, which is the scope without its last part.
                let resource = self.scope.strip_suffix("/.default").unwrap_or(&self.scope);
                let mut query = vec![("api-version", "2018-02-01"), ("resource", resource)];
                query.extend(client_id.as_deref().map(|id| ("client_id", id)));
                http.ask(Ask {
                    whom: "Azure's metadata service",
                    method: Method::GET,
                    url: &format!("{base}/metadata/identity/oauth2/token?{}", joined(&query)),
                    headers: vec![("metadata", "true".to_owned())],
                    form: None,
                })?
            }
        };
        let whom = said.whom;
        let (value, expires_at) = access_token(whom, &said.accepted(oauth_code, ADVICE)?, now)?;
        Ok(Issued {
            value,
            principal: "tidegate",
            expires_at,
        })
    }

    fn exchange(&self, http: &Http, endpoint: &str, client_id: &str, proof: &[(&str, &str)]) -> Result<crate::http::Said, WorldError> {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", self.scope.as_str()),
        ];
        form.extend(proof);
        http.ask(Ask {
            whom: WHOM,
            method: Method::POST,
            url: endpoint,
            headers: Vec::new(),
            form: Some(joined(&form)),
        })
    }
}

/// The most particular of what the variables allow.
fn choose(variables: &Variables) -> Result<From, WorldError> {
    let client_id = variables.get("AZURE_CLIENT_ID").map(str::to_owned);
    let is_federated = variables.get("AZURE_FEDERATED_TOKEN_FILE").is_some();
    let has_secret = variables.secret("AZURE_CLIENT_SECRET")?.is_some();
    if !is_federated && !has_secret {
        let base = variables.get("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or(METADATA);
        if base != METADATA {
            check_address(base, "AZURE_POD_IDENTITY_AUTHORITY_HOST")?;
        }
        return Ok(From::Machine {
            base: base.trim_end_matches('/').to_owned(),
            client_id,
        });
    }
    let missing = |name: &str| {
        let with = if is_federated {
            "AZURE_FEDERATED_TOKEN_FILE"
        } else {
            "AZURE_CLIENT_SECRET"
        };
        operator(format!("{with} is set and {name} is not: Entra ID needs both"))
    };
    let client_id = client_id.ok_or_else(|| missing("AZURE_CLIENT_ID"))?;
    let tenant = variables.get("AZURE_TENANT_ID").ok_or_else(|| missing("AZURE_TENANT_ID"))?;
    let authority = variables.get("AZURE_AUTHORITY_HOST").unwrap_or(AUTHORITY).trim_end_matches('/');
    check_address(authority, "AZURE_AUTHORITY_HOST")?;
    let endpoint = format!("{authority}/{}/oauth2/v2.0/token", escaped(tenant));
    Ok(match is_federated {
        true => From::Federated { endpoint, client_id },
        false => From::Secret { endpoint, client_id },
    })
}

fn first_host(brokers: &str) -> Result<&str, WorldError> {
    let first = brokers.split(',').next().unwrap_or_default().trim();
    let host = first.rsplit_once(':').map_or(first, |(host, _)| host);
    match host.is_empty() {
        false => Ok(host),
        true => Err(operator("no broker is named, so the scope of Entra's tokens is not known")),
    }
}
