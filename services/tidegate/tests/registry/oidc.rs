//! Clients that prove themselves with tokens of an issuer.

use super::*;

/// An issuer of tokens on this machine: its discovery document and its keys.
fn issuer(jwks: String) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let own = url.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let Ok(length) = stream.read(&mut head) else { continue };
            let body = match String::from_utf8_lossy(&head[..length]).starts_with("GET /.well-known/openid-configuration ") {
                true => format!(r#"{{"issuer": "{own}", "jwks_uri": "{own}/keys"}}"#),
                false => jwks.clone(),
            };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

/// RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        text.extend((0..=three.len()).map(|at| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize])));
    }
    text
}

#[test]
fn tokens_of_a_trusted_issuer_let_in() {
    let shop = Shop::new();
    shop.push();
    let openssl = |args: &[&str]| {
        let output = Command::new("openssl").args(args).current_dir(shop.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    openssl(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
        "rsa.pem",
    ]);
    let modulus = String::from_utf8(openssl(&["rsa", "-in", "rsa.pem", "-noout", "-modulus"])).unwrap();
    let hex = modulus.trim().strip_prefix("Modulus=").unwrap();
    let n: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let jwks = serde_json::json!({"keys": [{"kty": "RSA", "kid": "k", "n": base64url(&n), "e": "AQAB"}]});
    let url = issuer(jwks.to_string());
    let sign = |audience: &str, end: u64| {
        let claims = serde_json::json!({"iss": url, "aud": audience, "sub": "worker", "exp": end, "groups": ["contracts"]});
        let head = serde_json::json!({"alg": "RS256", "kid": "k"});
        let signed = format!(
            "{}.{}",
            base64url(head.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        std::fs::write(shop.path().join("signed"), &signed).unwrap();
        let signature = openssl(&["dgst", "-sha256", "-sign", "rsa.pem", "signed"]);
        format!("{signed}.{}", base64url(&signature))
    };
    std::fs::write(
        shop.path().join("oidc.yaml"),
        format!("contract_registry:\n  oidc: {{issuer: \"{url}\", audience: tidegate, claim: groups, values: [contracts]}}\n"),
    )
    .unwrap();
    let args = [
        "registry",
        "serve",
        "--contracts",
        "work",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "oidc.yaml",
    ];
    let mut registry = Role::start(shop.path(), "registry", &args, &[]);
    let api = registry.said("address");
    let far = 4_102_444_800;
    let status = |token: &str| ask(&api, "GET", "/v1/snapshot", &[("Authorization", &format!("Bearer {token}"))], "").0;
    let good = sign("tidegate", far);
    registry.wait("the token", |_| status(&good) == 200);
    assert_eq!(status(&sign("another", far)), 401);
    assert_eq!(status(&sign("tidegate", 1_000_000_000)), 401);
    assert_eq!(status(&good[..good.len() - 4]), 401);
    assert_eq!(ask(&api, "GET", "/v1/snapshot", &[], "").0, 401);
    // A role follows with such a token in a file.
    std::fs::write(shop.path().join("token"), &good).unwrap();
    let source = format!("http://{api}");
    let worker = ["validate", "--brokers", "127.0.0.1:1", "--contracts", &source];
    let mut worker = Role::start(shop.path(), "worker", &worker, &[("TIDEGATE_CONTRACTS_TOKEN_FILE", "token")]);
    let address = worker.said("address");
    worker.wait("the snapshot", |_| !in_force(&address).is_empty());
    assert!(!registry.log().contains(&good) && !worker.log().contains(&good));
}
