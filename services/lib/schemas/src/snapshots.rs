//! Client of `tidegate registry serve`: the snapshot in force, asked for again only when it has changed, and those of earlier commits.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, header, redirect};
use tidegate_flow::{Remedy, WorldError};

use crate::auth::Auth;
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
    auth: Auth,
    bytes_max: usize,
    runtime: Blocking,
}

/// What the registry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// What the tag names is in force still.
    Unchanged,
    /// A document; nothing of it has been proved.
    Document {
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
    /// [`Remedy::Operator`] for a URL that is none or holds credentials.
    pub fn connect(url: &str, auth: Auth, bytes_max: usize) -> Result<Snapshots, WorldError> {
        let base = checked_url(url)?.to_owned();
        if base.starts_with("http://") && !matches!(auth, Auth::Nobody) {
            tracing::warn!(registry = base, "the token for the contract registry travels unencrypted");
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
            auth,
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
        self.ask("v1/snapshot".to_owned(), tag)
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
        request = match &self.auth {
            Auth::Nobody => request,
            Auth::Basic(user, password) => request.basic_auth(user, Some(password)),
            Auth::Bearer(token) => request.bearer_auth(token),
        };
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

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshots").field("base", &self.base).finish_non_exhaustive()
    }
}

async fn understood(base: &str, answer: Response, bytes_max: usize) -> Result<Served, WorldError> {
    let status = answer.status();
    let fails = |remedy, why: &str| Err(WorldError::new(remedy, format!("the contract registry {base} {why}")));
    match status {
        StatusCode::NOT_MODIFIED => Ok(Served::Unchanged),
        StatusCode::OK => {
            let tag = answer
                .headers()
                .get(header::ETAG)
                .and_then(|tag| tag.to_str().ok())
                .map(str::to_owned);
            match body(base, answer, bytes_max).await? {
                Some(bytes) => Ok(Served::Document { bytes, tag }),
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
        "does not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "breaks off its answer"
    };
    WorldError::new(Remedy::Retry, format!("the contract registry {base} {how}"))
}
