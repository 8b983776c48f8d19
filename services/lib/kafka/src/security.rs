//! What keeps a connection trustworthy: properties that would take it away are refused, those that are missing are added.

use std::collections::BTreeMap;

use crate::settings::SettingsError;

/// Suites that exist in TLS 1.2 only (those of 1.3 are always on), strongest first. librdkafka has no option for the lowest version;
/// without a suite that TLS 1.1 knows, no such connection can come about, whatever the brokers or OpenSSL's own configuration say.
const SUITES: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:\
                      ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
                      DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256";
/// Parts of OpenSSL's names that no suite of TLS 1.1 has.
const ONLY_SINCE_1_2: [&str; 5] = ["GCM", "CCM", "CHACHA20", "SHA256", "SHA384"];

/// Either says whom we trust.
const CA_PROPERTIES: [&str; 2] = ["ssl.ca.location", "ssl.ca.pem"];

/// Every property that would let a stranger stand in for the brokers or for us.
pub(crate) fn refusals(client: &BTreeMap<String, String>, has_tokens: bool) -> Vec<SettingsError> {
    let refused = client.iter().filter_map(|(property, value)| {
        let why = refusal(property, value.trim(), has_tokens)?;
        let property = property.clone();
        Some(SettingsError { property, why })
    });
    let mut refused: Vec<SettingsError> = refused.collect();
    let by_token = mechanism(client).is_some_and(|mechanism| mechanism.eq_ignore_ascii_case("OAUTHBEARER"));
    if by_token && !has_tokens {
        refused.push(SettingsError {
            property: "sasl.mechanism".to_owned(),
            why: "OAUTHBEARER needs to know whose tokens: set `kafka.auth.kind` to msk_iam, entra or oidc",
        });
    }
    refused
}

fn refusal(property: &str, value: &str, has_tokens: bool) -> Option<&'static str> {
    match property {
        "enable.ssl.certificate.verification" if !is_true(value) => {
            Some("anybody could stand in for the brokers; name who signed their certificates in `ssl.ca.location`")
        }
        "ssl.endpoint.identification.algorithm" if !value.eq_ignore_ascii_case("https") => {
            Some("anybody with any certificate could stand in for the brokers; use the names that their certificates hold")
        }
        "ssl.cipher.suites" if !value.split(':').all(is_modern) => {
            Some("name suites of TLS 1.2 in OpenSSL's spelling, separated by colons, no keywords: older versions are not spoken")
        }
        "enable.sasl.oauthbearer.unsecure.jwt" if is_true(value) => Some("anybody can make such a token"),
        "sasl.oauthbearer.method" if !value.eq_ignore_ascii_case("default") => {
            Some("tokens come by `kafka.auth`; for OpenID Connect set `kafka.auth.kind` to oidc")
        }
        "sasl.mechanism" | "sasl.mechanisms" if has_tokens && !value.eq_ignore_ascii_case("OAUTHBEARER") => {
            Some("`kafka.auth` signs in by token (OAUTHBEARER); one of the two can be meant")
        }
        "security.protocol" if has_tokens && !value.eq_ignore_ascii_case("sasl_ssl") => {
            Some("`kafka.auth` sends a token, which only TLS keeps secret: leave it out or set sasl_ssl")
        }
        _ => None,
    }
}

/// What the user left open and a safe connection needs. `certificates` is the file that `SSL_CERT_FILE` names.
pub(crate) fn defaults(client: &BTreeMap<String, String>, has_tokens: bool, certificates: Option<String>) -> Vec<(&'static str, String)> {
    let mut added = Vec::new();
    if has_tokens {
        added.push(("security.protocol", "sasl_ssl".to_owned()));
        added.push(("sasl.mechanism", "OAUTHBEARER".to_owned()));
    }
    let is_tls = client
        .get("security.protocol")
        .map_or(has_tokens, |protocol| protocol.to_ascii_lowercase().contains("ssl"));
    if is_tls {
        added.push(("ssl.cipher.suites", SUITES.to_owned()));
        if !CA_PROPERTIES.iter().any(|property| client.contains_key(*property)) {
            // OpenSSL is linked in with a folder of its own that no system fills; `probe` looks where systems keep their authorities.
            added.push(("ssl.ca.location", certificates.unwrap_or_else(|| "probe".to_owned())));
        }
    }
    added.retain(|(property, _)| match *property {
        "sasl.mechanism" => mechanism(client).is_none(),
        property => !client.contains_key(property),
    });
    added
}

fn mechanism(client: &BTreeMap<String, String>) -> Option<&String> {
    client.get("sasl.mechanism").or_else(|| client.get("sasl.mechanisms"))
}

fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "true" | "t" | "1")
}

/// A plain name of a suite that TLS 1.1 does not have.
fn is_modern(suite: &str) -> bool {
    suite
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && suite.contains(['-', '_'])
        && ONLY_SINCE_1_2.iter().any(|part| suite.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn refused(property: &str, value: &str) -> bool {
        !refusals(&map(&[(property, value)]), false).is_empty()
    }

    #[test]
    fn verification_stays_on() {
        for (property, value) in [
            ("enable.ssl.certificate.verification", "false"),
            ("enable.ssl.certificate.verification", " F"),
            ("ssl.endpoint.identification.algorithm", "none"),
            ("ssl.endpoint.identification.algorithm", ""),
            ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.mechanisms", "oauthbearer"),
        ] {
            assert!(refused(property, value), "{property}={value}");
        }
        assert!(!refused("enable.ssl.certificate.verification", "true"));
        assert!(!refused("ssl.endpoint.identification.algorithm", "https"));
        assert!(!refused("sasl.mechanism", "SCRAM-SHA-512"));
    }

    #[test]
    fn suites_of_older_versions_are_refused() {
        for suites in [
            "ALL",
            "DEFAULT:@SECLEVEL=0",
            "ECDHE-RSA-AES128-SHA",
            "ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA",
            "ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0",
            "ALL:!SHA256",
            "SHA256",
            "ECDHE-RSA-AES128-GCM-SHA256,AES128-SHA",
            "",
        ] {
            assert!(refused("ssl.cipher.suites", suites), "{suites}");
        }
        assert!(!refused("ssl.cipher.suites", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-SHA384"));
        assert!(!refused("ssl.cipher.suites", SUITES), "our own list");
    }

    #[test]
    fn a_token_travels_by_tls_only() {
        let property = |entries: &[(&str, &str)]| refusals(&map(entries), true).into_iter().map(|e| e.property).collect::<Vec<_>>();
        assert_eq!(property(&[("security.protocol", "sasl_plaintext")]), ["security.protocol"]);
        assert_eq!(property(&[("sasl.mechanism", "PLAIN")]), ["sasl.mechanism"]);
        assert!(property(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")]).is_empty());
    }

    #[test]
    fn what_is_left_open_is_safe() {
        let names = |client: &[(&str, &str)], tokens| {
            let added = defaults(&map(client), tokens, None);
            added.into_iter().map(|(property, _)| property).collect::<Vec<_>>()
        };
        assert!(names(&[], false).is_empty(), "nothing is changed for brokers in the clear");
        assert_eq!(
            names(&[("security.protocol", "SSL")], false),
            ["ssl.cipher.suites", "ssl.ca.location"]
        );
        assert_eq!(
            names(&[("security.protocol", "ssl"), ("ssl.ca.location", "/x")], false),
            ["ssl.cipher.suites"]
        );
        assert_eq!(
            names(&[("sasl.mechanisms", "OAUTHBEARER")], true),
            ["security.protocol", "ssl.cipher.suites", "ssl.ca.location"]
        );
        let named = defaults(&map(&[("security.protocol", "ssl")]), false, Some("/certificates".to_owned()));
        assert!(named.contains(&("ssl.ca.location", "/certificates".to_owned())));
    }
}
