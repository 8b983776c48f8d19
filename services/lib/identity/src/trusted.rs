//! Who asks us, by tokens of an issuer that somebody trusts: OpenID Connect Discovery 1.0, keys by RFC 7517, tokens by RFC 7519, read with the
//! care of RFC 8725. Signatures are proved by `aws-lc-rs`; what a token may be is decided here: two algorithms, no key of its own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::Value;
use tidegate_flow::WorldError;

use crate::http::{Ask, Http, check_address};
use crate::variables::operator;

/// The longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// The most keys of an issuer.
const KEYS_MAX: usize = 100;

/// Whose tokens are believed, and which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The issuer as its tokens name it; discovery is below it.
    pub issuer: String,
    /// Whom a token must be for.
    pub audience: String,
    /// A claim that a token must have with one of these values; steps into objects are parted by dots. None lets every token of the issuer
    /// for the audience in.
    pub claim: Option<(String, Vec<String>)>,
    /// How far clocks may differ.
    pub leeway: Duration,
}

/// Keys that an issuer signs with.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    public: Public,
}

#[derive(Debug, Clone)]
enum Public {
    /// Modulus and exponent, big-endian. For RS256.
    Rsa(Vec<u8>, Vec<u8>),
    /// A point of P-256, uncompressed. For ES256.
    P256(Vec<u8>),
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It is no token of three parts, or asks for what nobody here understands (`crit`).
    Unreadable,
    /// It is signed by another algorithm than RS256 and ES256, or not at all.
    Algorithm,
    /// Its key is none of the issuer's. A newer set may have it.
    UnknownKey,
    /// The signature is not that of the key.
    Signature,
    /// It is somebody else's.
    Issuer,
    /// It is for somebody else.
    Audience,
    /// It is over, or says no end.
    Expired,
    /// It has not begun.
    NotYet,
    /// The claim that lets in is not there.
    Claim,
}

// === impl Trusted ===

impl Trusted {
    /// Refuses what could not be asked safely.
    ///
    /// # Errors
    ///
    /// [`tidegate_flow::Remedy::Operator`].
    pub fn check(&self) -> Result<(), WorldError> {
        check_address(&self.issuer, "the issuer of tokens")?;
        match self.audience.is_empty() {
            true => Err(operator(
                "an issuer of tokens needs an audience: any other service's token would be taken else".to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// The keys that the issuer has now. Blocks for some seconds at most. Not for async threads.
    ///
    /// # Errors
    ///
    /// [`tidegate_flow::Remedy::Retry`] when it cannot be reached, [`tidegate_flow::Remedy::Operator`] when it is none, or another one.
    pub fn keys(&self) -> Result<Keys, WorldError> {
        let http = Http::new()?;
        let get = |url: &str| {
            http.ask(Ask {
                whom: "the issuer of tokens",
                method: Method::GET,
                url,
                headers: vec![("accept", "application/json".to_owned())],
                form: None,
            })?
            .accepted(|_| None, "check contract_registry.oidc.issuer")
        };
        let about = get(&format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/')))?;
        let about: Value = serde_json::from_str(&about).map_err(|_| operator("the issuer's discovery document is no JSON".to_owned()))?;
        // Discovery 1.0, section 4.3: it must be the very issuer that was asked.
        if about["issuer"].as_str() != Some(&*self.issuer) {
            return Err(operator(format!(
                "the discovery document below {} names another issuer",
                self.issuer
            )));
        }
        let place = about["jwks_uri"].as_str().unwrap_or_default();
        check_address(place, "the issuer's jwks_uri")?;
        Keys::parse(&get(place)?).map_err(operator)
    }

    /// Whom a token stands for: its `sub`.
    ///
    /// # Errors
    ///
    /// Why it is not believed. Nothing of it may be used.
    pub fn verify(&self, keys: &Keys, token: &str, now: SystemTime) -> Result<String, Doubt> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Doubt::Unreadable);
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [head, body, signature] = parts[..] else {
            return Err(Doubt::Unreadable);
        };
        let header = object(head).ok_or(Doubt::Unreadable)?;
        if header.get("crit").is_some() {
            return Err(Doubt::Unreadable);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Doubt::Unreadable)?;
        let signed = &token[..head.len() + 1 + body.len()];
        let key = keys.of(header["kid"].as_str(), header["alg"].as_str().unwrap_or_default())?;
        if !key.public.has_signed(signed.as_bytes(), &signature) {
            return Err(Doubt::Signature);
        }
        let claims = object(body).ok_or(Doubt::Unreadable)?;
        self.hold(&claims, now)?;
        Ok(claims["sub"]
            .as_str()
            .unwrap_or("a client without a name")
            .chars()
            .filter(|letter| !letter.is_control())
            .take(128)
            .collect())
    }

    fn hold(&self, claims: &Value, now: SystemTime) -> Result<(), Doubt> {
        if claims["iss"].as_str() != Some(&*self.issuer) {
            return Err(Doubt::Issuer);
        }
        if !values(&claims["aud"]).any(|audience| audience == self.audience) {
            return Err(Doubt::Audience);
        }
        // Numbers of seconds, which may have a fraction (RFC 7519, section 2).
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let leeway = self.leeway.as_secs_f64();
        if claims["exp"].as_f64().is_none_or(|end| now >= end + leeway) {
            return Err(Doubt::Expired);
        }
        let begins = |claim: &Value| !claim.is_null() && claim.as_f64().is_none_or(|begin| begin > now + leeway);
        if begins(&claims["nbf"]) || begins(&claims["iat"]) {
            return Err(Doubt::NotYet);
        }
        let Some((path, wanted)) = &self.claim else { return Ok(()) };
        let found = claims
            .get(path)
            .or_else(|| path.split('.').try_fold(claims, |inner, step| inner.get(step)));
        let is_there = found.is_some_and(|found| values(found).any(|value| wanted.iter().any(|wanted| wanted == value)));
        if is_there { Ok(()) } else { Err(Doubt::Claim) }
    }
}

// === impl Keys ===

impl Keys {
    /// A JWK Set. Keys of other kinds, and those that are not for signatures, are left out.
    ///
    /// # Errors
    ///
    /// It is none, or has no key that can be used.
    pub fn parse(text: &str) -> Result<Keys, String> {
        let set: Value = serde_json::from_str(text).map_err(|_| "the issuer's keys are no JSON".to_owned())?;
        let listed = set["keys"].as_array().ok_or("the issuer's keys are no JWK Set")?;
        let keys: Vec<Key> = listed.iter().take(KEYS_MAX).filter_map(Key::of).collect();
        match keys.is_empty() {
            true => Err("the issuer has no key for RS256 or ES256".to_owned()),
            false => Ok(Keys { keys }),
        }
    }

    /// The key of that name; without a name the only one for the algorithm.
    fn of(&self, id: Option<&str>, algorithm: &str) -> Result<&Key, Doubt> {
        if !matches!(algorithm, "RS256" | "ES256") {
            return Err(Doubt::Algorithm);
        }
        let mut fitting = self.keys.iter().filter(|key| key.public.algorithm() == algorithm);
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)).ok_or(Doubt::UnknownKey),
            None => match (fitting.next(), fitting.next()) {
                (Some(key), None) => Ok(key),
                _ => Err(Doubt::UnknownKey),
            },
        }
    }
}

// === impl Key ===

impl Key {
    fn of(jwk: &Value) -> Option<Key> {
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok();
        let public = match (jwk["kty"].as_str()?, jwk["crv"].as_str()) {
            ("RSA", _) => Public::Rsa(bytes("n")?, bytes("e")?),
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes("x")?, bytes("y")?);
                (x.len() == 32 && y.len() == 32).then(|| Public::P256([&[4][..], &x, &y].concat()))?
            }
            _ => return None,
        };
        let is_for_this = jwk["use"].as_str().is_none_or(|usage| usage == "sig")
            && jwk["alg"].as_str().is_none_or(|algorithm| algorithm == public.algorithm());
        is_for_this.then(|| Key {
            id: jwk["kid"].as_str().map(str::to_owned),
            public,
        })
    }
}

// === impl Public ===

impl Public {
    fn algorithm(&self) -> &'static str {
        match self {
            Public::Rsa(..) => "RS256",
            Public::P256(_) => "ES256",
        }
    }

    fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        match self {
            Public::Rsa(n, e) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, bytes, signature)
                .is_ok(),
            Public::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(bytes, signature)
                .is_ok(),
        }
    }
}

/// A part of a token that must be a JSON object.
fn object(part: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    value.is_object().then_some(value)
}

/// A text, the words of a text (`scope` is one), or the texts of a list.
fn values(claim: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match claim {
        Value::String(text) => Box::new(std::iter::once(text.as_str()).chain(text.split_whitespace())),
        Value::Array(items) => Box::new(items.iter().filter_map(Value::as_str)),
        _ => Box::new(std::iter::empty()),
    }
}
