//! Requests and answers as values.

use std::sync::Arc;

use serde_json::Value;

/// The header that tells an answer of ours from one of something in between.
pub const MARK: &str = "tidegate-registry";

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// As it was sent, with its escapes.
    pub path: String,
    /// Behind `?`, as it was sent.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Bytes.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Media type.
    pub kind: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Bytes; a snapshot is shared by all answers.
    pub body: Arc<[u8]>,
}

// === impl Request ===

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// The steps of the path without their escapes. None for a path that is not UTF-8 below them.
    pub fn steps(&self) -> Option<Vec<String>> {
        let path = self.path.trim_matches('/');
        if path.is_empty() {
            return Some(Vec::new());
        }
        path.split('/').map(|step| unescaped(step, false)).collect()
    }

    /// A parameter behind `?`, the first of that name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescaped(key, true)? == name).then(|| unescaped(value, true)).flatten()
        })
    }
}

// === impl Answer ===

impl Answer {
    /// Text of that media type.
    pub fn text(status: u16, kind: &'static str, body: impl Into<String>) -> Answer {
        Answer {
            status,
            kind,
            headers: Vec::new(),
            body: body.into().into_bytes().into(),
        }
    }

    /// A JSON document.
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer::text(status, "application/json", format!("{body:#}\n"))
    }

    /// Our own form of an error: one sentence.
    pub fn problem(status: u16, sentence: impl Into<String>) -> Answer {
        Answer::json(status, &serde_json::json!({"error": sentence.into()}))
    }
}

/// Percent-decoding (RFC 3986, section 2.1); `+` is a space in queries of forms.
fn unescaped(text: &str, is_form: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits)
                    .ok()
                    .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
            }
            b'+' if is_form => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}
