//! Who may ask: bearer tokens of which only hashes are kept.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::http::Request;

/// The tokens that are accepted. Of each its SHA-256 is known: whoever reads the file cannot ask. `Debug` shows names only.
#[derive(Clone, Default)]
pub struct Tokens {
    names: BTreeMap<[u8; 32], String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody with a token of that name.
    Named(String),
    /// Nobody has to say who they are.
    Anybody,
    /// Somebody without a token that is accepted.
    Stranger,
}

// === impl Tokens ===

impl Tokens {
    /// Reads the file of tokens: `NAME sha256:HEX` a line, `#` begins a comment.
    ///
    /// # Errors
    ///
    /// The first line that is none, by its number, and a file without any token: an empty one would lock everybody out or let everybody in,
    /// and neither is meant.
    pub fn parse(text: &str) -> Result<Tokens, String> {
        let mut names = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let wrong = || format!("line {}: write `NAME sha256:` and 64 hex digits, the SHA-256 of the token", at + 1);
            let (name, hash) = line.split_once(char::is_whitespace).ok_or_else(wrong)?;
            let hash = hash.trim().strip_prefix("sha256:").and_then(hex32).ok_or_else(wrong)?;
            // What `sha256sum` says when the file of the token was not there.
            if [&b""[..], b"\n", b"\r\n"]
                .iter()
                .any(|nothing| hash == <[u8; 32]>::from(Sha256::digest(nothing)))
            {
                return Err(format!(
                    "line {}: this is the SHA-256 of an empty token, which everybody has",
                    at + 1
                ));
            }
            if names.insert(hash, name.to_owned()).is_some() {
                return Err(format!("line {}: this token stands in the file already", at + 1));
            }
        }
        if names.is_empty() {
            return Err("the file holds no token".to_owned());
        }
        Ok(Tokens { names })
    }

    /// Who asks, by `Authorization: Bearer TOKEN`, or by the password of `Basic`, which is how serializers of Kafka send one.
    ///
    /// What is compared are hashes, so the time that it takes tells nothing about a token.
    pub fn caller(&self, request: &Request) -> Caller {
        let Some(token) = token(request) else {
            return Caller::Stranger;
        };
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        match self.names.get(&hash) {
            Some(name) => Caller::Named(name.clone()),
            None => Caller::Stranger,
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names.values()).finish()
    }
}

/// What somebody shows, if it is anything.
pub(crate) fn token(request: &Request) -> Option<String> {
    request
        .header("authorization")
        .and_then(presented)
        .filter(|token| !token.trim().is_empty())
}

fn presented(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(base64(value)?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

/// RFC 4648, section 4.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xfff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

pub(crate) fn hex32(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> Request {
        Request {
            headers: vec![("authorization".to_owned(), value.to_owned())],
            ..Request::default()
        }
    }

    #[test]
    fn who_has_the_token_is_let_in_by_name() {
        // printf %s s3cret | sha256sum
        let tokens =
            Tokens::parse("# clients\nvalidator sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0  # the pods\n\n")
                .unwrap();
        assert_eq!(tokens.caller(&with("Bearer s3cret")), Caller::Named("validator".to_owned()));
        assert_eq!(tokens.caller(&with("bearer  s3cret")), Caller::Named("validator".to_owned()));
        assert_eq!(
            tokens.caller(&with("Basic YW55Ym9keTpzM2NyZXQ=")),
            Caller::Named("validator".to_owned())
        );
        for wrong in [
            "Bearer s3cret1",
            "Bearer",
            "Bearer ",
            "s3cret",
            "Basic czNjcmV0",
            "Basic !",
            "Digest s3cret",
        ] {
            assert_eq!(tokens.caller(&with(wrong)), Caller::Stranger, "{wrong}");
        }
        assert_eq!(tokens.caller(&Request::default()), Caller::Stranger);
        assert_eq!(format!("{tokens:?}"), r#"{"validator"}"#);
    }

    #[test]
    fn a_file_that_would_let_nobody_in_is_refused() {
        for wrong in [
            "",
            "# none\n",
            "a",
            "a b",
            "a sha256:12",
            "a sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "a sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
            "a md5:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0",
        ] {
            assert!(Tokens::parse(wrong).is_err(), "{wrong}");
        }
    }
}
