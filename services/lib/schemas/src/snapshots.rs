//! Client of `tidegate registry serve`: the snapshot in force, asked for again only when it has changed, and those of earlier commits.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, Url, header, redirect};
use tidegate_flow::{Remedy, WorldError};

use crate::registry::checked_url;
use crate::runtime::Blocking;

/// For connecting.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// For a whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Where snapshots are served.
pub struct Snapshots {
    base: String,
    client: Client,
    token: Token,
    bytes_max: usize,
    runtime: Blocking,
}

/// Who we are. `Debug` shows the kind only.
#[derive(Clone, Default)]
pub enum Token {
    /// Nobody.
    #[default]
    None,
    /// Whoever has this.
    Text(String),
    /// Whoever has what stands in this file. Read at each request, since such tokens are written anew while we run.
    File(PathBuf),
}

/// Whether contracts may come unencrypted from another machine, where whoever is on the way can choose them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plaintext {
    /// From this machine only.
    #[default]
    Refused,
    /// An operator has said that the network is trusted.
    Allowed,
}

/// What an answer says about how new it is: replicas of a registry look at Git one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Commits of the branch up to the one that was answered.
    pub height: Option<u64>,
    /// When the replica last saw its source, microseconds since the epoch by its clock.
    pub confirmed: Option<i64>,
}

/// What the registry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// What the tag names is in force still.
    Unchanged(Standing),
    /// A document; nothing of it has been proved.
    Document {
        /// How new it is.
        standing: Standing,
        /// Bytes.
        bytes: Vec<u8>,
        /// The tag to ask with next time, as it was sent.
        tag: Option<String>,
    },
    /// There is none for that commit.
    Absent,
}

// === impl Snapshots ===

impl Snapshots {
    /// Prepares a client; asks nothing yet. Answers of more than `bytes_max` bytes are refused.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] for a URL that is none, holds credentials, or is unencrypted although it leads to another machine.
    pub fn connect(url: &str, token: Token, plaintext: Plaintext, bytes_max: usize) -> Result<Snapshots, WorldError> {
        let base = checked_url(url)?.to_owned();
        if base.starts_with("http://") && !is_here(&base) {
            if plaintext == Plaintext::Refused {
                let what = format!(
                    "{base}: contracts are not taken unencrypted from another machine, where whoever is on the way could change them; \
                     write https://, or set contracts_source.plaintext: true where the network is trusted"
                );
                return Err(WorldError::new(Remedy::Operator, what));
            }
            tracing::warn!(registry = base, "contracts, and the token if there is one, travel unencrypted");
        }
        let client = Client::builder()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|_| WorldError::new(Remedy::Operator, format!("cannot make a client for the contract registry {base}")))?;
        Ok(Snapshots {
            base,
            client,
            token,
            bytes_max,
            runtime: Blocking::new()?,
        })
    }

    /// The snapshot in force, unless it is the one of that tag. Blocks.
    ///
    /// # Errors
    ///
    /// [`Remedy::Retry`] when the registry cannot be reached, fails, or has none yet; [`Remedy::Operator`] when it refuses us or is none.
    pub fn newest(&self, tag: Option<&str>) -> Result<Served, WorldError> {
        match self.ask("v1/snapshot".to_owned(), tag)? {
            // Without a snapshot one answers 503.
            Served::Absent => {
                let what = format!(
                    "the contract registry {} has no such path: the URL must end where /v1/snapshot begins",
                    self.base
                );
                Err(WorldError::new(Remedy::Operator, what))
            }
            served => Ok(served),
        }
    }

    /// The snapshot of a commit. Blocks.
    ///
    /// # Errors
    ///
    /// As [`Snapshots::newest`].
    pub fn at(&self, commit: &str) -> Result<Served, WorldError> {
        // The commit comes from a record's or a group's metadata.
        if !commit.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Ok(Served::Absent);
        }
        self.ask(format!("v1/snapshots/{commit}"), None)
    }

    fn ask(&self, path: String, tag: Option<&str>) -> Result<Served, WorldError> {
        let mut request = self.client.get(format!("{}/{path}", self.base));
        if let Some(token) = self.token.read()? {
            request = request.bearer_auth(token);
        }
        if let Some(tag) = tag {
            request = request.header(header::IF_NONE_MATCH, tag);
        }
        let (base, bytes_max) = (self.base.clone(), self.bytes_max);
        self.runtime.wait(async move {
            let answer = request.send().await.map_err(|error| silence(&base, &error))?;
            understood(&base, answer, bytes_max).await
        })?
    }
}

// === impl Token ===

impl Token {
    fn read(&self) -> Result<Option<String>, WorldError> {
        let operator = |what: String| Err(WorldError::new(Remedy::Operator, what));
        match self {
            Token::None => Ok(None),
            Token::Text(text) => Ok(Some(text.clone())),
            Token::File(path) => match std::fs::read_to_string(path) {
                Ok(text) if text.trim().is_empty() => operator(format!("the file of the token, {}, is empty", path.display())),
                Ok(text) => Ok(Some(text.trim().to_owned())),
                Err(error) => operator(format!("the file of the token, {}, cannot be read: {error}", path.display())),
            },
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Token::None => "None",
            Token::Text(_) => "Text",
            Token::File(_) => "File",
        })
    }
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("base", &self.base).finish_non_exhaustive()
    }
}

async fn understood(base: &str, answer: Response, bytes_max: usize) -> Result<Served, WorldError> {
    let status = answer.status();
    let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse::<i64>().ok();
    let standing = Standing {
        height: number("tidegate-height").and_then(|height| u64::try_from(height).ok()),
        confirmed: number("tidegate-confirmed"),
    };
    let fails = |remedy, why: &str| Err(WorldError::new(remedy, format!("the contract registry {base} {why}")));
    match status {
        StatusCode::NOT_MODIFIED => Ok(Served::Unchanged(standing)),
        StatusCode::OK => {
            let tag = answer
                .headers()
                .get(header::ETAG)
                .and_then(|tag| tag.to_str().ok())
                .map(str::to_owned);
            match body(base, answer, bytes_max).await? {
                Some(bytes) => Ok(Served::Document { standing, bytes, tag }),
                None => fails(Remedy::Operator, &format!("answers with more than {bytes_max} bytes")),
            }
        }
        StatusCode::NOT_FOUND => match answer.headers().contains_key("tidegate-registry") {
            true => Ok(Served::Absent),
            false => fails(Remedy::Operator, "is none, or its path is wrong (status 404)"),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => fails(
            Remedy::Operator,
            &format!(
                "refuses us (status {}): TIDEGATE_CONTRACTS_TOKEN or the file of TIDEGATE_CONTRACTS_TOKEN_FILE is missing or wrong",
                status.as_u16()
            ),
        ),
        StatusCode::SERVICE_UNAVAILABLE => fails(Remedy::Retry, "has no snapshot yet, or is busy (status 503)"),
        other if other.is_server_error() || other == StatusCode::TOO_MANY_REQUESTS || other == StatusCode::REQUEST_TIMEOUT => {
            fails(Remedy::Retry, &format!("fails (status {})", other.as_u16()))
        }
        other => fails(
            Remedy::Operator,
            &format!("does not answer as one does (status {})", other.as_u16()),
        ),
    }
}

/// None when it is too long.
async fn body(base: &str, mut answer: Response, bytes_max: usize) -> Result<Option<Vec<u8>>, WorldError> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| silence(base, &error))? {
        if body.len() + part.len() > bytes_max {
            return Ok(None);
        }
        body.extend_from_slice(&part);
    }
    Ok(Some(body))
}

fn silence(base: &str, error: &reqwest::Error) -> WorldError {
    let how = if error.is_timeout() {
        "does not answer in time".to_owned()
    } else if let Some(doubt) = distrust(error) {
        format!("is not trusted: {doubt} (roles trust what the system trusts, and the authorities in the file that SSL_CERT_FILE names)")
    } else if error.is_connect() {
        "cannot be reached".to_owned()
    } else {
        "breaks off its answer".to_owned()
    };
    WorldError::new(Remedy::Retry, format!("the contract registry {base} {how}"))
}

/// What is wrong with the server's certificate, if that is it.
fn distrust(error: &reqwest::Error) -> Option<String> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut innermost = None;
    while let Some(one) = at {
        let text = one.to_string();
        if text.to_lowercase().contains("certificate") {
            innermost = Some(text);
        }
        at = one.source();
    }
    innermost
}

/// Whether a URL leads to this machine.
fn is_here(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_come_unencrypted_from_this_machine_alone() {
        let connect = |url, plaintext| Snapshots::connect(url, Token::None, plaintext, 10).map(drop);
        for url in [
            "http://192.0.2.1",
            "http://registry:8080",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com/",
        ] {
            let error = connect(url, Plaintext::Refused).unwrap_err();
            assert!(
                error.remedy == Remedy::Operator && error.what.contains("contracts_source.plaintext"),
                "{error}"
            );
            assert!(connect(url, Plaintext::Allowed).is_ok(), "{url}");
        }
        for url in [
            "http://127.0.0.1:8080",
            "http://localhost:1/x",
            "http://[::1]:8080",
            "https://192.0.2.1",
        ] {
            assert!(connect(url, Plaintext::Refused).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_token_in_a_file_is_read_at_each_request() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = Token::File(path.clone());
        assert_eq!(token.read().unwrap_err().remedy, Remedy::Operator);
        for text in ["one", "two"] {
            std::fs::write(&path, format!("{text}\n")).unwrap();
            assert_eq!(token.read().unwrap().as_deref(), Some(text));
        }
        assert!(!format!("{token:?}").contains("two"));
    }
}
