//! Requests to services of identity. Bodies hold secrets in both directions, so no error shows any.

use std::time::{Duration, SystemTime};

use reqwest::{Client, Method, Response, StatusCode, redirect};
use serde_json::Value;
use tidegate_flow::{Remedy, WorldError};
use tokio::runtime::Runtime;

use crate::variables::operator;

const CONNECT_WITHIN: Duration = Duration::from_secs(3);
const ANSWER_WITHIN: Duration = Duration::from_secs(7);
/// Bytes of one answer.
const ANSWER_MAX: usize = 1 << 20;
/// Addresses at which clouds hand out credentials in the clear: on the machine itself, or link-local and never routed.
const LOCAL: [&str; 6] = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
];
const METADATA: [&str; 2] = ["169.254.169.254", "[fd00:ec2::254]"];

/// A client that blocks, with a runtime of its own that lives on the caller's thread.
pub(crate) struct Http {
    runtime: Runtime,
    outward: Client,
    /// Without the proxies of the environment, which cannot reach metadata services and must not see credentials.
    direct: Client,
}

/// A request. Its body is a form.
pub(crate) struct Ask<'a> {
    /// Who is asked, for errors: `AWS STS`.
    pub(crate) whom: &'static str,
    pub(crate) method: Method,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) form: Option<String>,
}

/// What was said.
pub(crate) struct Said {
    pub(crate) whom: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

// === impl Http ===

impl Http {
    pub(crate) fn new() -> Result<Http, WorldError> {
        let failed = |error: &dyn std::fmt::Display| operator(format!("cannot make an HTTP client for tokens: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(&error))?;
        let client = || {
            Client::builder()
                .connect_timeout(CONNECT_WITHIN)
                .timeout(ANSWER_WITHIN)
                .redirect(redirect::Policy::none())
        };
        Ok(Http {
            runtime,
            outward: client().build().map_err(|error| failed(&error))?,
            direct: client().no_proxy().build().map_err(|error| failed(&error))?,
        })
    }

    /// Sends and reads the answer, whatever its status.
    pub(crate) fn ask(&self, ask: Ask<'_>) -> Result<Said, WorldError> {
        let whom = ask.whom;
        let is_local = host(ask.url).is_some_and(|host| LOCAL.contains(&host) || METADATA.contains(&host));
        let client = if is_local { &self.direct } else { &self.outward };
        let mut request = client.request(ask.method, ask.url);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        if let Some(form) = ask.form {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        }
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|error| silence(whom, &error))?;
            let status = response.status();
            let body = read(response).await.map_err(|error| silence(whom, &error))?;
            let body = body.ok_or_else(|| operator(format!("{whom} answers with more than {ANSWER_MAX} bytes")))?;
            Ok(Said { whom, status, body })
        })
    }
}

/// None when it is too long.
async fn read(mut response: Response) -> Result<Option<String>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_MAX {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&body).into_owned()))
}

/// The library's text may hold the address with its query, which can hold a token.
fn silence(whom: &str, error: &reqwest::Error) -> WorldError {
    let how = if error.is_timeout() {
        "does not answer in time"
    } else if error.is_connect() {
        "cannot be reached"
    } else {
        "breaks off its answer"
    };
    WorldError::new(Remedy::Retry, format!("{whom} {how}"))
}

// === impl Said ===

impl Said {
    /// The body of a success; else an error with the service's own short code, which `code` finds in the body.
    pub(crate) fn accepted(self, code: impl Fn(&str) -> Option<String>, advice: &str) -> Result<String, WorldError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let code = code(&self.body)
            .filter(|code| is_code(code))
            .map_or(String::new(), |code| format!(" ({code})"));
        let what = format!("{} says {}{code}", self.whom, self.status.as_u16());
        let passes = self.status.is_server_error() || matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Err(match passes {
            true => WorldError::new(Remedy::Retry, what),
            false => operator(format!("{what}; {advice}")),
        })
    }
}

/// Names of faults are short and plain; anything else may be content.
fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= 64
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b' '))
}

/// `access_token` with its end, as OAuth 2.0 answers (RFC 6749, section 5.1). Some services give numbers as text.
pub(crate) fn access_token(whom: &str, body: &str, now: SystemTime) -> Result<(String, SystemTime), WorldError> {
    let odd = || {
        operator(format!(
            "{whom} answers without `access_token` and `expires_in`: is this a token endpoint?"
        ))
    };
    let answer: Value = serde_json::from_str(body).map_err(|_| odd())?;
    let token = answer["access_token"].as_str().filter(|token| !token.is_empty()).ok_or_else(odd)?;
    let life = &answer["expires_in"];
    let seconds = life.as_u64().or_else(|| life.as_str()?.parse().ok()).ok_or_else(odd)?;
    Ok((token.to_owned(), now + Duration::from_secs(seconds.min(86_400 * 30))))
}

/// `error` of an answer (RFC 6749, section 5.2), with Entra's own number where there is one: `invalid_client AADSTS7000215`.
pub(crate) fn oauth_code(body: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(body).ok()?;
    let code = answer["error"].as_str()?.to_owned();
    let number = answer["error_description"].as_str().and_then(|text| text.split(':').next());
    Some(match number.filter(|number| number.starts_with("AADSTS")) {
        Some(number) => format!("{code} {number}"),
        None => code,
    })
}

/// Refuses an address that would send secrets readable for everyone on the way.
pub(crate) fn check_address(url: &str, is_named: &str) -> Result<(), WorldError> {
    let is_safe = url.starts_with("https://") || (url.starts_with("http://") && host(url).is_some_and(|host| LOCAL.contains(&host)));
    match is_safe {
        true => Ok(()),
        false => Err(operator(format!("{is_named} must begin with https://: secrets go there"))),
    }
}

fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(match authority.starts_with('[') {
        true => &authority[..=authority.find(']')?],
        false => authority.split(':').next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_by_tls_or_stay_on_the_machine() {
        for safe in [
            "https://login.example.com/x",
            "http://127.0.0.1:8080/t",
            "http://169.254.170.23/v1/credentials",
            "http://[::1]:80/",
        ] {
            assert!(check_address(safe, "it").is_ok(), "{safe}");
        }
        for unsafe_one in [
            "http://login.example.com/",
            "http://127.0.0.1@evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://169.254.169.254/latest",
            "ftp://127.0.0.1/",
            "",
        ] {
            assert!(check_address(unsafe_one, "it").is_err(), "{unsafe_one}");
        }
    }

    #[test]
    fn only_short_plain_codes_are_passed_on() {
        assert!(is_code("invalid_client AADSTS7000215") && is_code("ExpiredTokenException"));
        assert!(!is_code("token eyJ<..>") && !is_code("") && !is_code(&"x".repeat(65)));
    }
}
