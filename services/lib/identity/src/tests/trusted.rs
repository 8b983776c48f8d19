//! Tokens that are made and signed here, with keys of this very run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tidegate_flow::Remedy;

use super::server::Server;
use crate::{Doubt, Keys, Trusted};

const NOW: u64 = 1_767_323_045;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An issuer with a key of each kind.
struct Signer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

impl Signer {
    fn new() -> Signer {
        Signer {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    fn jwks(&self) -> Value {
        // RFC 8017, A.1.1, of 2,048 bits: two lengths of three bytes each and a zero in front of the modulus; the exponent is 65537.
        let der = self.rsa.public_key().as_ref();
        let (n, e) = (&der[9..9 + 256], &der[der.len() - 3..]);
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "kid": "r", "use": "sig", "alg": "RS256", "n": text(n), "e": text(e)},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])},
            {"kty": "oct", "kid": "h", "k": text("secret")},
        ]})
    }

    fn keys(&self) -> Keys {
        Keys::parse(&self.jwks().to_string()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
        let random = SystemRandom::new();
        let signature = if header["alg"] == "ES256" {
            self.ec.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
        } else {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa
                .sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
                .unwrap();
            signature
        };
        format!("{signed}.{}", text(signature))
    }
}

fn trusted() -> Trusted {
    Trusted {
        issuer: "https://id.example.com".to_owned(),
        audience: "tidegate".to_owned(),
        claim: Some(("realm.roles".to_owned(), vec!["contracts-reader".to_owned()])),
        leeway: Duration::from_secs(30),
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example.com", "aud": ["other", "tidegate"], "sub": "validator", "exp": NOW + 60, "iat": NOW,
        "realm": {"roles": ["x", "contracts-reader"]}})
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

#[test]
fn a_token_of_the_issuer_is_believed() {
    let signer = Signer::new();
    let keys = signer.keys();
    for (algorithm, id) in [("RS256", "r"), ("ES256", "e")] {
        let token = signer.sign(&json!({"alg": algorithm, "kid": id, "typ": "at+jwt"}), &claims());
        assert_eq!(trusted().verify(&keys, &token, now()), Ok("validator".to_owned()), "{algorithm}");
        let unnamed = signer.sign(&json!({"alg": algorithm}), &claims());
        assert!(trusted().verify(&keys, &unnamed, now()).is_ok(), "the only key for {algorithm}");
    }
    let sign = |claims: &Value| signer.sign(&json!({"alg": "ES256", "kid": "e"}), claims);
    let token = sign(&with("aud", json!("tidegate")));
    assert!(
        trusted().verify(&keys, &token, now() + Duration::from_secs(85)).is_ok(),
        "within the leeway"
    );
    let scope = Trusted {
        claim: Some(("scope".to_owned(), vec!["read".to_owned()])),
        ..trusted()
    };
    assert!(scope.verify(&keys, &sign(&with("scope", json!("write read"))), now()).is_ok());
    assert_eq!(scope.verify(&keys, &sign(&with("scope", json!("reads"))), now()), Err(Doubt::Claim));
}

#[test]
fn every_other_token_is_not() {
    let signer = Signer::new();
    let keys = signer.keys();
    let verify = |token: &str| trusted().verify(&keys, token, now()).unwrap_err();
    let good = json!({"alg": "RS256", "kid": "r"});
    for (key, value, doubt) in [
        ("iss", json!("https://id.example.com/"), Doubt::Issuer),
        ("iss", Value::Null, Doubt::Issuer),
        ("aud", json!("other"), Doubt::Audience),
        ("aud", json!([["tidegate"]]), Doubt::Audience),
        ("exp", json!(NOW - 30), Doubt::Expired),
        ("exp", Value::Null, Doubt::Expired),
        ("exp", json!("never"), Doubt::Expired),
        ("nbf", json!(NOW + 31), Doubt::NotYet),
        ("nbf", json!("x"), Doubt::NotYet),
        ("iat", json!(NOW + 31), Doubt::NotYet),
        ("realm", json!({"roles": ["contracts-reader-not"]}), Doubt::Claim),
        ("realm", Value::Null, Doubt::Claim),
    ] {
        assert_eq!(verify(&signer.sign(&good, &with(key, value.clone()))), doubt, "{key} {value}");
    }
    // Another issuer's keys, and a signature that was changed.
    assert_eq!(verify(&Signer::new().sign(&good, &claims())), Doubt::Signature);
    let token = signer.sign(&good, &claims());
    let (front, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[0] ^= 1;
    assert_eq!(verify(&format!("{front}.{}", text(bytes))), Doubt::Signature);
    let forged = with("sub", json!("admin")).to_string();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(verify(&format!("{}.{}.{}", parts[0], text(forged), parts[2])), Doubt::Signature);
    // Algorithms that nobody meant: none, a MAC with the public key, one key for the other's algorithm.
    let unsigned = format!("{}.{}.", text(json!({"alg": "none"}).to_string()), text(claims().to_string()));
    assert_eq!(verify(&unsigned), Doubt::Algorithm);
    for (header, doubt) in [
        (json!({"alg": "HS256", "kid": "r"}), Doubt::Algorithm),
        (json!({"alg": "RS512", "kid": "r"}), Doubt::Algorithm),
        (json!({"alg": "rs256", "kid": "r"}), Doubt::Algorithm),
        (json!({"kid": "r"}), Doubt::Algorithm),
        (json!({"alg": "RS256", "kid": "e"}), Doubt::UnknownKey),
        (json!({"alg": "ES256", "kid": "r"}), Doubt::UnknownKey),
        (json!({"alg": "RS256", "kid": "gone"}), Doubt::UnknownKey),
        (json!({"alg": "RS256", "kid": "r", "crit": ["b64"]}), Doubt::Unreadable),
    ] {
        assert_eq!(verify(&signer.sign(&header, &claims())), doubt, "{header}");
    }
    for odd in ["", "a.b", "a.b.c", "a.b.c.d", "..", &"x".repeat(20_000)] {
        assert_eq!(verify(odd), Doubt::Unreadable, "{odd}");
    }
}

#[test]
fn keys_are_discovered_from_the_very_issuer() {
    let signer = Signer::new();
    let keys = Server::answering(&[(200, &signer.jwks().to_string())]);
    let with_issuer = |issuer: &str| json!({"issuer": issuer, "jwks_uri": format!("{}/keys", keys.url())}).to_string();
    // Its address is known only once it listens, so the first answer names another one.
    let other = Server::answering(&[(200, &with_issuer("https://id.example.com"))]);
    let asked = Trusted {
        issuer: other.url(),
        ..trusted()
    };
    let error = asked.keys().unwrap_err();
    assert!(
        error.remedy == Remedy::Operator && error.what.contains("names another issuer"),
        "{error}"
    );
    assert!(other.asked()[0].starts_with("GET /.well-known/openid-configuration"));
    let away = Trusted {
        issuer: "http://127.0.0.1:1".to_owned(),
        ..trusted()
    };
    assert_eq!(away.keys().unwrap_err().remedy, Remedy::Retry);
    let plain = Trusted {
        issuer: "http://id.example.com".to_owned(),
        ..trusted()
    };
    assert!(plain.check().is_err() && trusted().check().is_ok());
    let nobody = Trusted {
        audience: String::new(),
        ..trusted()
    };
    assert!(nobody.check().is_err());
    for odd in ["", "{}", r#"{"keys": []}"#, r#"{"keys": [{"kty": "RSA", "n": "!", "e": "AQAB"}]}"#] {
        assert!(Keys::parse(odd).is_err(), "{odd}");
    }
}
