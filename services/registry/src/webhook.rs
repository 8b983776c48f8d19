//! Webhooks of Git hosts: a signed word that there may be something new. It is only ever a reason to look; what is there is read from Git.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::auth::hex32;
use crate::http::Request;

/// What a Git host and this registry both know. `Debug` shows nothing.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It carries neither signature nor token.
    Unsigned,
    /// Its signature or token is not ours.
    Wrong,
}

/// What the head of a webhook tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glance {
    /// It carries the secret itself; the body adds nothing.
    Proven,
    /// It carries a signature of the body.
    Signed,
}

// === impl Secret ===

impl Secret {
    /// The text as it was given to the Git host. None for fewer than 16 bytes, which could be guessed.
    pub fn new(text: &str) -> Option<Secret> {
        let bytes = text.trim().as_bytes().to_vec();
        (bytes.len() >= 16).then_some(Secret(bytes))
    }

    /// Whether the webhook comes from who knows the secret: `X-Hub-Signature-256` (GitHub, Gitea, Forgejo, Bitbucket's `X-Hub-Signature`
    /// with SHA-256), or `X-Gitlab-Token`. Compared in constant time.
    pub fn check(&self, request: &Request) -> Result<(), Doubt> {
        let signature = request.header("x-hub-signature-256").or_else(|| request.header("x-hub-signature"));
        if let Some(signature) = signature {
            let said = signature.strip_prefix("sha256=").and_then(hex32).ok_or(Doubt::Wrong)?;
            return self.keyed(&request.body).verify_slice(&said).map_err(|_| Doubt::Wrong);
        }
        let token = request.header("x-gitlab-token").ok_or(Doubt::Unsigned)?;
        // Equal signatures under one key mean equal texts, and comparing those takes the same time for all.
        let expected = self.keyed(&self.0).finalize().into_bytes();
        self.keyed(token.as_bytes()).verify_slice(&expected).map_err(|_| Doubt::Wrong)
    }

    /// Whether the body is worth reading.
    ///
    /// # Errors
    ///
    /// It carries neither the secret nor anything of the form of a signature.
    pub fn glance(&self, head: &Request) -> Result<Glance, Doubt> {
        let signature = head.header("x-hub-signature-256").or_else(|| head.header("x-hub-signature"));
        match signature {
            Some(signature) => signature
                .strip_prefix("sha256=")
                .and_then(hex32)
                .map(|_| Glance::Signed)
                .ok_or(Doubt::Wrong),
            None => self.check(head).map(|()| Glance::Proven),
        }
    }

    fn keyed(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(bytes);
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key, body and signature of GitHub's page on validating webhook deliveries.
    #[test]
    fn the_example_of_github_is_believed_and_nothing_near_it() {
        let secret = Secret::new("It's a Secret to Everybody").unwrap();
        let signed = |signature: &str, body: &str| Request {
            headers: vec![("x-hub-signature-256".to_owned(), signature.to_owned())],
            body: body.as_bytes().to_vec(),
            ..Request::default()
        };
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(secret.check(&signed(right, "Hello, World!")), Ok(()));
        assert_eq!(secret.check(&signed(right, "Hello, World")), Err(Doubt::Wrong));
        assert_eq!(
            secret.check(&signed(&right.replace("75710", "75711"), "Hello, World!")),
            Err(Doubt::Wrong)
        );
        assert_eq!(secret.check(&signed(&right[..70], "Hello, World!")), Err(Doubt::Wrong));
        assert_eq!(secret.check(&signed("sha1=00", "Hello, World!")), Err(Doubt::Wrong));
        assert_eq!(Secret::new("another secret").map(drop), None, "too short");
        let other = Secret::new("It's a Secret to Nobody").unwrap();
        assert_eq!(other.check(&signed(right, "Hello, World!")), Err(Doubt::Wrong));
    }

    #[test]
    fn the_token_of_gitlab_must_be_the_secret() {
        let secret = Secret::new("0123456789abcdef\n").unwrap();
        let with = |token: &str| Request {
            headers: vec![("x-gitlab-token".to_owned(), token.to_owned())],
            ..Request::default()
        };
        assert_eq!(secret.check(&with("0123456789abcdef")), Ok(()));
        for wrong in ["", "0123456789abcdee", "0123456789abcdef0"] {
            assert_eq!(secret.check(&with(wrong)), Err(Doubt::Wrong), "{wrong}");
        }
        assert_eq!(secret.check(&Request::default()), Err(Doubt::Unsigned));
    }
}
