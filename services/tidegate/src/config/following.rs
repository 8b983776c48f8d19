//! Sections about contracts: how their source is reached, and how the registry serves them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tidegate_git::{Access, Order, Secret};
use tidegate_identity::{Trusted, Variables};
use tidegate_lake::LakeOptions;
use tidegate_schemas::{Plaintext, Token};

use crate::wiring::contracts::POLL_EVERY;
use crate::wiring::contracts::source::Reach;

/// Folder for mirrors, where the config file says nothing.
const STATE: &str = "TIDEGATE_CONTRACTS_STATE";
/// Token of the contract source, or the file that it is in (`…_FILE`).
const TOKEN: &str = "TIDEGATE_CONTRACTS_TOKEN";

/// How far the clocks of an issuer and of this machine may differ.
const LEEWAY_S: u64 = 60;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SourceSection {
    poll_ms: Option<u64>,
    history: Option<String>,
    state: Option<PathBuf>,
    user: Option<String>,
    ssh_key: Option<PathBuf>,
    ssh_known_hosts: Option<PathBuf>,
    plaintext: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServingSection {
    pub(super) listen: Option<String>,
    pub(super) tokens: Option<PathBuf>,
    pub(super) webhook_secret: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) open: bool,
    pub(super) oidc: Option<OidcSection>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OidcSection {
    issuer: String,
    audience: String,
    claim: Option<String>,
    values: Vec<String>,
    leeway_s: Option<u64>,
}

/// How the source of contracts is followed.
#[derive(Debug, Clone)]
pub(crate) struct Following {
    pub(crate) reach: Reach,
    pub(crate) poll_every: Duration,
}

/// What `registry serve` listens on and whom it lets in.
#[derive(Debug, Clone)]
pub(crate) struct Serving {
    pub(crate) listen: SocketAddr,
    pub(crate) tokens: Option<PathBuf>,
    pub(crate) webhook_secret: Option<PathBuf>,
    /// Certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// Whose tokens let in beside those of the file.
    pub(crate) trusted: Option<Trusted>,
}

// === impl SourceSection ===

impl SourceSection {
    pub(super) fn following(self, variables: &Variables, store: LakeOptions) -> anyhow::Result<Following> {
        let poll_every = match self.poll_ms {
            None => POLL_EVERY,
            Some(millis @ 100..=12_000) => Duration::from_millis(millis),
            Some(_) => bail!("contracts_source.poll_ms: must be 100 to 12000, so that a change arrives within 15 s"),
        };
        let order = match self.history.as_deref() {
            None | Some("forward") => Order::Forward,
            Some("any") => Order::Any,
            Some(other) => bail!("contracts_source.history: `{other}` is neither forward nor any"),
        };
        let token = variables.secret(TOKEN).map_err(|error| anyhow::anyhow!("{error}"))?;
        // A file may hold another token in an hour, so the file is kept and not what it holds now.
        let file = token
            .is_some()
            .then(|| variables.get(&format!("{TOKEN}_FILE")).map(PathBuf::from))
            .flatten();
        let (git, registry) = match (file, token) {
            (Some(file), _) => (Some(Secret::in_file(&file)), Token::File(file)),
            (None, Some(text)) => (Some(Secret::new(&*text)), Token::Text(text)),
            (None, None) => (None, Token::None),
        };
        let plain = Access::default();
        Ok(Following {
            reach: Reach {
                git: Access {
                    state: self
                        .state
                        .or_else(|| variables.get(STATE).map(PathBuf::from))
                        .unwrap_or_else(|| plain.state.clone()),
                    user: self.user.unwrap_or_else(|| plain.user.clone()),
                    token: git,
                    ssh_key: self.ssh_key,
                    ssh_known_hosts: self.ssh_known_hosts,
                    order,
                    ..plain
                },
                registry,
                plaintext: if self.plaintext { Plaintext::Allowed } else { Plaintext::Refused },
                store,
            },
            poll_every,
        })
    }
}

// === impl ServingSection ===

impl ServingSection {
    /// Proven: whoever can reach the address must be known, unless it is this machine only or somebody has said otherwise.
    pub(super) fn serving(self) -> anyhow::Result<Serving> {
        let text = self.listen.as_deref().unwrap_or("127.0.0.1:8080");
        let listen: SocketAddr = text
            .parse()
            .with_context(|| format!("contract_registry.listen: `{text}` is not an address such as 127.0.0.1:8080"))?;
        let is_guarded = self.tokens.is_some() || self.oidc.is_some();
        if !is_guarded && !listen.ip().is_loopback() && !self.open {
            bail!(
                "contract_registry.listen: {listen} can be reached from other machines and nobody has to say who they are; set \
                 contract_registry.tokens (--tokens) or contract_registry.oidc, or contract_registry.open: true (--open) if everybody may read the contracts"
            );
        }
        if is_guarded && self.open {
            bail!("contract_registry: `tokens` and `oidc` let some in and `open` everybody; keep one");
        }
        let tls = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => bail!("contract_registry: `certificate` and `key` belong together, one of them is missing"),
        };
        Ok(Serving {
            listen,
            tokens: self.tokens,
            webhook_secret: self.webhook_secret,
            tls,
            trusted: self.oidc.map(OidcSection::trusted).transpose()?,
        })
    }
}

// === impl OidcSection ===

impl OidcSection {
    fn trusted(self) -> anyhow::Result<Trusted> {
        let claim = match (self.claim, self.values.is_empty()) {
            (Some(claim), false) => Some((claim, self.values)),
            (None, true) => None,
            _ => bail!("contract_registry.oidc: `claim` and `values` belong together, one of them is missing"),
        };
        let leeway = match self.leeway_s.unwrap_or(LEEWAY_S) {
            seconds @ 0..=300 => Duration::from_secs(seconds),
            _ => bail!("contract_registry.oidc.leeway_s: must be 0 to 300; set the clocks"),
        };
        let trusted = Trusted {
            issuer: self.issuer,
            audience: self.audience,
            claim,
            leeway,
        };
        trusted
            .check()
            .map_err(|error| anyhow::anyhow!("contract_registry.oidc: {error}"))?;
        Ok(trusted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_let_in_unseen_by_accident() {
        let on = |listen: &str| ServingSection {
            listen: Some(listen.to_owned()),
            ..ServingSection::default()
        };
        assert!(on("127.0.0.1:1").serving().is_ok() && on("[::1]:1").serving().is_ok());
        assert!(on("0.0.0.0:1").serving().unwrap_err().to_string().contains("--tokens"));
        assert!(on("[::]:1").serving().is_err() && on("10.0.0.1:1").serving().is_err() && on("nowhere").serving().is_err());
        let open = ServingSection {
            open: true,
            ..on("0.0.0.0:1")
        };
        assert!(open.clone().serving().is_ok());
        let known = ServingSection {
            tokens: Some("t".into()),
            ..on("0.0.0.0:1")
        };
        assert!(known.serving().is_ok());
        assert!(
            ServingSection {
                tokens: Some("t".into()),
                ..open
            }
            .serving()
            .is_err()
        );
        let oidc = |section: OidcSection| ServingSection {
            oidc: Some(OidcSection {
                issuer: "https://id.example.com".to_owned(),
                ..section
            }),
            ..on("0.0.0.0:1")
        };
        let for_us = OidcSection {
            audience: "tidegate".to_owned(),
            ..OidcSection::default()
        };
        assert!(oidc(for_us.clone()).serving().is_ok());
        assert!(oidc(OidcSection::default()).serving().unwrap_err().to_string().contains("audience"));
        let half = OidcSection {
            claim: Some("groups".to_owned()),
            ..for_us
        };
        assert!(oidc(half).serving().unwrap_err().to_string().contains("belong together"));
        assert!(
            ServingSection {
                key: Some("k".into()),
                ..on("127.0.0.1:1")
            }
            .serving()
            .is_err()
        );
    }

    #[test]
    fn intervals_that_would_be_too_late_are_refused() {
        let following = |poll_ms, history: Option<&str>| {
            let section = SourceSection {
                poll_ms,
                history: history.map(str::to_owned),
                ..SourceSection::default()
            };
            section.following(&Variables::default(), LakeOptions::default())
        };
        assert_eq!(following(None, None).unwrap().poll_every, POLL_EVERY);
        assert!(following(Some(15_000), None).is_err() && following(Some(0), None).is_err());
        assert_eq!(following(None, Some("any")).unwrap().reach.git.order, Order::Any);
        assert!(following(None, Some("backward")).is_err());
    }
}
