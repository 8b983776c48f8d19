//! The section `kafka`: brokers, properties of the client, who signs in, and secrets that come from the environment.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{anyhow, bail};
use serde::Deserialize;
use tidegate_flow::WorldError;
use tidegate_identity::{Client, Issuer, Variables};
use tidegate_kafka::{Settings, Token, TokenSource, Tokens};

/// Secret of the environment → the client's property.
const FROM_VARIABLES: [(&str, &str); 3] = [
    ("TIDEGATE_KAFKA_USERNAME", "sasl.username"),
    ("TIDEGATE_KAFKA_PASSWORD", "sasl.password"),
    ("TIDEGATE_KAFKA_KEY_PASSWORD", "ssl.key.password"),
];
const CLIENT_SECRET: &str = "TIDEGATE_KAFKA_CLIENT_SECRET";

/// As written. `Debug` shows no value of a property.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KafkaSection {
    pub(super) brokers: Option<String>,
    pub(super) profile: Option<String>,
    client: BTreeMap<String, String>,
    auth: Option<AuthSection>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthSection {
    kind: Option<String>,
    region: Option<String>,
    scope: Option<String>,
    token_endpoint: Option<String>,
    client_id: Option<String>,
    extensions: BTreeMap<String, String>,
}

/// Tokens of an issuer, with what the brokers want to hear beside them.
struct Signed {
    issuer: Issuer,
    extensions: BTreeMap<String, String>,
}

// === impl KafkaSection ===

impl KafkaSection {
    /// Whose tokens sign in, if any do.
    pub(super) fn token_kind(&self) -> Option<String> {
        self.auth.as_ref().map(|auth| auth.kind.clone().unwrap_or_default())
    }

    /// Proven settings. Nobody is asked for a token yet.
    pub(super) fn settings(self, brokers: String, variables: &Variables) -> anyhow::Result<Settings> {
        let mut client = self.client;
        for (variable, property) in FROM_VARIABLES {
            let Some(secret) = variables.secret(variable)? else { continue };
            if client.insert(property.to_owned(), secret).is_some() {
                bail!("`{property}` stands in kafka.client and in {variable}: only one can be meant");
            }
        }
        // Roles share a file: who names no brokers connects to none, and needs nobody to sign in as.
        let auth = self.auth.filter(|_| !brokers.trim().is_empty());
        let tokens = auth.map(|auth| auth.tokens(&brokers, variables)).transpose()?;
        let settings = Settings {
            brokers,
            client,
            tokens,
            request_bytes_max: None,
        };
        settings.check().map_err(|refused| {
            let lines: Vec<String> = refused.iter().map(ToString::to_string).collect();
            anyhow!("kafka.client: {}", lines.join("; "))
        })?;
        Ok(settings)
    }
}

impl fmt::Debug for KafkaSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSection")
            .field("brokers", &self.brokers)
            .field("profile", &self.profile)
            .field("client", &self.client.keys().collect::<Vec<_>>())
            .field("auth", &self.auth)
            .finish()
    }
}

// === impl AuthSection ===

impl AuthSection {
    fn tokens(self, brokers: &str, variables: &Variables) -> anyhow::Result<Tokens> {
        let kind = self.kind.as_deref().unwrap_or_default();
        let (takes, issuer): (&[&str], _) = match kind {
            "msk_iam" => (&["region"], Issuer::msk_iam(self.region.as_deref(), brokers, variables)),
            "entra" => (&["scope"], Issuer::entra(self.scope.as_deref(), brokers, variables)),
            "oidc" => (&["scope", "token_endpoint", "client_id"], Issuer::oidc(self.client(variables)?)),
            "" => bail!("kafka.auth.kind: say msk_iam, entra or oidc"),
            other => bail!("kafka.auth.kind: `{other}` is none of msk_iam, entra, oidc"),
        };
        for (key, value) in [
            ("region", &self.region),
            ("scope", &self.scope),
            ("token_endpoint", &self.token_endpoint),
            ("client_id", &self.client_id),
        ] {
            if value.is_some() && !takes.contains(&key) {
                bail!("kafka.auth.{key}: has no meaning for kind {kind}");
            }
        }
        let issuer = issuer.map_err(|error| anyhow!("kafka.auth: {error}"))?;
        let extensions = self.extensions;
        Ok(Tokens::from_source(Signed { issuer, extensions })?)
    }

    fn client(&self, variables: &Variables) -> anyhow::Result<Client> {
        let needed = |key: &str, value: &Option<String>| value.clone().ok_or_else(|| anyhow!("kafka.auth.{key}: is needed for kind oidc"));
        Ok(Client {
            token_endpoint: needed("token_endpoint", &self.token_endpoint)?,
            client_id: needed("client_id", &self.client_id)?,
            client_secret: variables.secret(CLIENT_SECRET)?.ok_or_else(|| {
                anyhow!("kafka.auth: kind oidc needs the secret of its client in {CLIENT_SECRET} or {CLIENT_SECRET}_FILE")
            })?,
            scope: self.scope.clone(),
        })
    }
}

// === impl Signed ===

impl TokenSource for Signed {
    fn token(&mut self) -> Result<Token, WorldError> {
        let issued = self.issuer.issue()?;
        tracing::debug!(from = self.issuer.source(), "signed in for Kafka");
        Ok(Token {
            value: issued.value,
            principal: issued.principal.to_owned(),
            expires_at: issued.expires_at,
            extensions: self.extensions.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, pairs: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let section: KafkaSection = serde_saphyr::from_str(text).unwrap();
        section.settings(
            "shop.servicebus.windows.net:9093".into(),
            &Variables::from_pairs(pairs.iter().copied()),
        )
    }

    fn refusal(text: &str, pairs: &[(&str, &str)]) -> String {
        settings(text, pairs).unwrap_err().to_string()
    }

    #[test]
    fn secrets_come_from_the_environment_and_are_not_shown() {
        let pairs = [("TIDEGATE_KAFKA_USERNAME", "hunter1"), ("TIDEGATE_KAFKA_PASSWORD", "hunter2")];
        let found = settings("client: {sasl.mechanism: SCRAM-SHA-512, security.protocol: sasl_ssl}", &pairs).unwrap();
        assert_eq!(
            (found.client["sasl.username"].as_str(), found.client["sasl.password"].as_str()),
            ("hunter1", "hunter2")
        );
        assert!(!format!("{found:?}").contains("hunter"));
        let section: KafkaSection = serde_saphyr::from_str("client: {sasl.password: hunter2}").unwrap();
        assert!(!format!("{section:?}").contains("hunter"));
        let twice = refusal("client: {sasl.password: hunter3}", &pairs);
        assert!(twice.contains("TIDEGATE_KAFKA_PASSWORD") && !twice.contains("hunter"), "{twice}");
    }

    /// The SLA check and the registry read the same file.
    #[test]
    fn who_connects_to_no_broker_needs_no_identity() {
        let section = |text| -> KafkaSection { serde_saphyr::from_str(text).unwrap() };
        for text in ["auth: {kind: entra}", "auth: {kind: msk_iam}"] {
            let none = section(text)
                .settings(String::new(), &Variables::from_pairs::<String, String>([]))
                .unwrap();
            assert!(none.tokens.is_none());
        }
    }

    #[test]
    fn every_kind_of_token_is_proven_before_anybody_is_asked() {
        let identity = [
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/at/all"),
            ("AWS_REGION", "eu-north-1"),
            ("TIDEGATE_KAFKA_CLIENT_SECRET", "hunter2"),
        ];
        for text in [
            "auth: {kind: msk_iam}",
            "auth: {kind: msk_iam, region: eu-west-1}\nclient: {sasl.mechanism: OAUTHBEARER, security.protocol: sasl_ssl}",
            "auth: {kind: entra}",
            "auth: {kind: oidc, token_endpoint: \"https://login.example.com/token\", client_id: c, extensions: {logicalCluster: lkc-1}}",
        ] {
            assert!(settings(text, &identity).unwrap().tokens.is_some(), "{text}");
        }
        for (text, part) in [
            ("auth: {}", "msk_iam, entra or oidc"),
            ("auth: {kind: kerberos}", "kerberos"),
            ("auth: {kind: entra, region: eu-west-1}", "kafka.auth.region"),
            ("auth: {kind: oidc, client_id: c}", "kafka.auth.token_endpoint"),
            (
                "auth: {kind: oidc, client_id: c, token_endpoint: \"http://login.example.com\"}",
                "https://",
            ),
            ("auth: {kind: msk_iam}\nclient: {sasl.mechanism: PLAIN}", "sasl.mechanism"),
            (
                "auth: {kind: msk_iam}\nclient: {security.protocol: sasl_plaintext}",
                "security.protocol",
            ),
            ("client: {sasl.mechanism: OAUTHBEARER}", "kafka.auth.kind"),
            (
                "client: {enable.ssl.certificate.verification: \"false\"}",
                "enable.ssl.certificate.verification",
            ),
        ] {
            let said = refusal(text, &identity);
            assert!(said.contains(part) && !said.contains("hunter"), "{text}: {said}");
        }
        assert!(
            refusal(
                "auth: {kind: entra}",
                &identity[..1].iter().chain(&identity[2..]).copied().collect::<Vec<_>>()
            )
            .contains("AZURE_TENANT_ID")
        );
        assert!(refusal("auth: {kind: oidc, client_id: c, token_endpoint: \"https://x/\"}", &[]).contains(CLIENT_SECRET));
    }
}
