//! How to reach a lake: plain settings, and variables of the environment with their usual names.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tidegate_flow::{Remedy, WorldError};

/// Secrets that may come as `NAME_FILE`, the path of a file with the secret, instead of `NAME`.
const FROM_FILES: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_CLIENT_SECRET",
];

/// How to reach a lake. Secrets come from variables only, and `Debug` shows none.
///
/// Variables are those of AWS's and Azure's own tools: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`,
/// `AWS_ENDPOINT_URL`, those of web identity, pod identity and containers; `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`,
/// `AZURE_STORAGE_SAS_KEY`, `AZURE_CLIENT_ID`, `AZURE_TENANT_ID`, `AZURE_FEDERATED_TOKEN_FILE` and so on. Fields win over variables.
#[derive(Clone)]
pub struct LakeOptions {
    /// Address of an S3-compatible server (`https://host`), or of an Azure account (`https://account.blob.core.windows.net`; for
    /// Azurite with the account as its path, `http://127.0.0.1:10000/devstoreaccount1`).
    pub endpoint: Option<String>,
    /// S3 region.
    pub region: Option<String>,
    /// Azure storage account.
    pub account: Option<String>,
    /// Allows `http://` to other hosts than this one. Records then travel readable for everyone on the way.
    pub allow_http: bool,
    /// How long one request may take. A large object must get through in that time.
    pub request_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a call retries inside before it comes back with [`Remedy::Retry`].
    pub retry_timeout: Duration,
    variables: BTreeMap<String, String>,
}

// === impl LakeOptions ===

impl LakeOptions {
    /// With the variables of this process.
    pub fn from_env() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        LakeOptions::from_variables(std::env::vars_os().filter_map(text))
    }

    /// With these variables; those that do not start with `AWS_` or `AZURE_` are left out.
    pub fn from_variables<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let ours = |(name, value): (N, V)| {
            let name = name.into();
            (name.starts_with("AWS_") || name.starts_with("AZURE_")).then(|| (name, value.into()))
        };
        LakeOptions {
            variables: variables.into_iter().filter_map(ours).collect(),
            ..LakeOptions::default()
        }
    }

    /// The variables with one prefix, secrets from files read in.
    pub(crate) fn variables(&self, prefix: &str) -> Result<BTreeMap<String, String>, WorldError> {
        let mut found = BTreeMap::new();
        for (name, value) in self
            .variables
            .iter()
            .filter(|(name, value)| name.starts_with(prefix) && !value.is_empty())
        {
            match name.strip_suffix("_FILE").filter(|secret| FROM_FILES.contains(secret)) {
                Some(secret) if self.variables.contains_key(secret) => {
                    return Err(WorldError::new(
                        Remedy::Operator,
                        format!("both {secret} and {name} are set: only one can be meant"),
                    ));
                }
                Some(secret) => drop(found.insert(secret.to_owned(), read_secret(name, value)?)),
                None => drop(found.insert(name.clone(), value.clone())),
            }
        }
        Ok(found)
    }
}

impl Default for LakeOptions {
    /// No variables, no endpoint.
    fn default() -> Self {
        LakeOptions {
            endpoint: None,
            region: None,
            account: None,
            allow_http: false,
            request_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            retry_timeout: Duration::from_secs(30),
            variables: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for LakeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeOptions")
            .field("endpoint", &self.endpoint.as_deref().map(without_user))
            .field("region", &self.region)
            .field("account", &self.account)
            .field("allow_http", &self.allow_http)
            .field("request_timeout", &self.request_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("retry_timeout", &self.retry_timeout)
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// A URL as it may be shown: nothing before an `@`, no query.
pub(crate) fn without_user(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}

fn read_secret(name: &str, path: &str) -> Result<String, WorldError> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(WorldError::new(Remedy::Operator, format!("the file that {name} names is empty"))),
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(WorldError::caused(
            Remedy::Operator,
            format!("the file that {name} names cannot be read"),
            error,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_and_no_values() {
        let mut options = LakeOptions::from_variables([("AWS_SECRET_ACCESS_KEY", "hunter2"), ("HOME", "/x")]);
        options.endpoint = Some("https://user:hunter3@host/path?sig=hunter4".into());
        let shown = format!("{options:?}");
        assert!(
            shown.contains("AWS_SECRET_ACCESS_KEY") && shown.contains("https://host/path") && !shown.contains("HOME"),
            "{shown}"
        );
        assert!(!shown.contains("hunter"), "{shown}");
    }

    #[test]
    fn a_secret_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        let options = LakeOptions::from_variables([
            ("AWS_SECRET_ACCESS_KEY_FILE", path.to_str().unwrap()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ]);
        let variables = options.variables("AWS_").unwrap();
        assert_eq!(variables["AWS_SECRET_ACCESS_KEY"], "hunter2");
        assert_eq!(
            variables["AWS_WEB_IDENTITY_TOKEN_FILE"], "/var/run/token",
            "AWS reads this one itself, again and again"
        );
    }

    #[test]
    fn an_unclear_secret_is_for_an_operator() {
        let twice = LakeOptions::from_variables([("AWS_SESSION_TOKEN", "a"), ("AWS_SESSION_TOKEN_FILE", "b")]);
        let missing = LakeOptions::from_variables([("AZURE_CLIENT_SECRET_FILE", "/nowhere/at/all")]);
        assert_eq!(twice.variables("AWS_").unwrap_err().remedy, Remedy::Operator);
        assert_eq!(missing.variables("AZURE_").unwrap_err().remedy, Remedy::Operator);
    }
}
