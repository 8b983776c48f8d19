//! The exchanges against recorded answers, given by a server of our own.

mod server;
mod trusted;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidegate_flow::Remedy;

use crate::{Client, Issued, Issuer, Variables};
use server::Server;

const BROKERS: &str = "b-1.orders.x1y2z3.c2.kafka.eu-north-1.amazonaws.com:9098";
const HUB: &str = "shop.servicebus.windows.net:9093";

/// 2026-01-02T03:04:05Z; the recorded answers end after it.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

fn variables(pairs: &[(&str, &str)]) -> Variables {
    Variables::from_pairs(pairs.iter().copied())
}

/// The address in a token of MSK.
fn address(issued: &Issued) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(&issued.value).unwrap()).unwrap()
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn keys_of_the_environment_sign_without_asking_anybody() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ];
    let mut issuer = Issuer::msk_iam(None, BROKERS, &variables(&keys)).unwrap();
    let issued = issuer.issue_at(now()).unwrap();
    assert_eq!(issued.expires_at, now() + Duration::from_secs(900));
    // Whole, as MSK's own signer for Python would make it, but for the name of the client.
    assert_eq!(
        address(&issued),
        "https://kafka.eu-north-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-north-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20260102T030405Z\
         &X-Amz-Expires=900&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=15f7cb6be67ad7ab0a33175cb42bfa6dfb86714f24cea05e1c4b97c56f8ff414&User-Agent=tidegate"
    );
    let half = Issuer::msk_iam(None, BROKERS, &variables(&keys[..1]))
        .unwrap()
        .issue_at(now())
        .unwrap_err();
    assert_eq!(half.remedy, Remedy::Operator);
    assert!(half.what.contains("AWS_SECRET_ACCESS_KEY is missing"), "{half}");
}

#[test]
fn web_identity_is_exchanged_at_sts_and_its_file_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let token = file(&folder, "token", "first-jwt\n");
    let server = Server::answering(&[
        (200, include_str!("tests/recorded/sts-assume-role-with-web-identity.xml")),
        (403, include_str!("tests/recorded/sts-access-denied.xml")),
    ]);
    let pairs = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/tidegate-validator"),
        ("AWS_ENDPOINT_URL_STS", &server.url()),
    ];
    let mut issuer = Issuer::msk_iam(None, BROKERS, &variables(&pairs)).unwrap();
    assert_eq!(issuer.source(), "web identity (IRSA)");
    let issued = issuer.issue_at(now()).unwrap();
    let signed = address(&issued);
    assert!(
        signed.contains("X-Amz-Credential=ASIAIOSFODNN7EXAMPLE%2F") && signed.contains("X-Amz-Security-Token=AQoDYXdz%2F%2F%2BEXAMPLE"),
        "{signed}"
    );
    // Good for an hour: the next token needs no question.
    issuer.issue_at(now() + Duration::from_secs(450)).unwrap();
    // They end in five minutes: asked again, and the token of the cluster is the new one.
    std::fs::write(&token, "second-jwt").unwrap();
    let refused = issuer.issue_at(now() + Duration::from_secs(3300)).unwrap_err();
    assert_eq!(
        (refused.remedy, refused.what.as_str()),
        (
            Remedy::Operator,
            "AWS STS says 403 (AccessDenied); check AWS_ROLE_ARN and whom that role trusts (issuer, subject, audience)"
        )
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert!(
        asked[0].starts_with("POST / HTTP/1.1"),
        "a token must not stand in an address: {}",
        asked[0]
    );
    for part in [
        "Action=AssumeRoleWithWebIdentity",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Ftidegate-validator",
        "WebIdentityToken=first-jwt",
    ] {
        assert!(asked[0].contains(part), "{part} is not in {}", asked[0]);
    }
    assert!(asked[1].contains("WebIdentityToken=second-jwt"));
}

#[test]
fn a_token_ends_with_the_credentials_that_signed_it() {
    let server = Server::answering(&[(200, include_str!("tests/recorded/eks-pod-identity.json"))]);
    let folder = tempfile::tempdir().unwrap();
    let token = file(&folder, "token", "pod-jwt");
    let pairs = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", server.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token),
    ];
    let mut issuer = Issuer::msk_iam(Some("eu-west-1"), BROKERS, &Variables::from_pairs(pairs)).unwrap();
    let issued = issuer.issue_at(now()).unwrap();
    // The recorded ones end at 03:14:05, before the fifteen minutes are over.
    assert_eq!(issued.expires_at, now() + Duration::from_secs(600));
    assert!(address(&issued).starts_with("https://kafka.eu-west-1.amazonaws.com/"));
    let asked = server.asked();
    assert!(
        asked[0].starts_with("GET /v1/credentials HTTP/1.1") && asked[0].contains("authorization: pod-jwt"),
        "{}",
        asked[0]
    );
}

#[test]
fn the_machines_role_needs_a_session() {
    let server = Server::answering(&[
        (200, "AQAEAsession=="),
        (200, "tidegate-node"),
        (200, include_str!("tests/recorded/ec2-role.json")),
    ]);
    let pairs = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url())];
    let mut issuer = Issuer::msk_iam(None, BROKERS, &Variables::from_pairs(pairs)).unwrap();
    assert!(address(&issuer.issue_at(now()).unwrap()).contains("Credential=ASIAMACHINEEXAMPLE%2F"));
    let asked = server.asked();
    assert!(asked[0].starts_with("PUT /latest/api/token ") && asked[0].contains("x-aws-ec2-metadata-token-ttl-seconds: 300"));
    assert!(asked[1].starts_with("GET /latest/meta-data/iam/security-credentials/ "));
    assert!(asked[2].starts_with("GET /latest/meta-data/iam/security-credentials/tidegate-node "));
    assert!(asked[2].contains("x-aws-ec2-metadata-token: aqaeasession=="), "{}", asked[2]);
}

#[test]
fn a_profile_is_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(
        &folder,
        "credentials",
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = a\n\n# staging\n[staging]\naws_access_key_id=AKIDSTAGING\naws_secret_access_key=b\n",
    );
    let sign = |pairs: &[(&str, &str)]| Issuer::msk_iam(None, BROKERS, &variables(pairs)).unwrap().issue_at(now());
    let by_name = sign(&[("AWS_SHARED_CREDENTIALS_FILE", &path), ("AWS_PROFILE", "staging")]).unwrap();
    assert!(address(&by_name).contains("AKIDSTAGING"));
    let default = sign(&[("AWS_SHARED_CREDENTIALS_FILE", &path)]).unwrap();
    assert!(address(&default).contains("AKIDDEFAULT"));
    let missing = sign(&[("AWS_SHARED_CREDENTIALS_FILE", &path), ("AWS_PROFILE", "nobody")]).unwrap_err();
    assert_eq!(missing.remedy, Remedy::Operator);
    assert!(missing.what.contains("`nobody`"), "{missing}");
}

#[test]
fn credentials_are_fetched_from_safe_places_only() {
    for (name, value) in [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://credentials.example/"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@credentials.example/"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/x"),
    ] {
        let error = Issuer::msk_iam(None, BROKERS, &variables(&[(name, value)])).unwrap_err();
        assert_eq!(error.remedy, Remedy::Operator, "{name}");
    }
    assert!(Issuer::msk_iam(None, "kafka.internal:9098", &variables(&[])).is_err(), "no region");
    assert!(Issuer::msk_iam(Some("eu.evil.example/"), BROKERS, &variables(&[])).is_err());
}

#[test]
fn workload_identity_is_exchanged_at_entra_and_its_file_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let token = file(&folder, "token", "first-jwt");
    let server = Server::answering(&[
        (200, include_str!("tests/recorded/entra-token.json")),
        (401, include_str!("tests/recorded/entra-refused.json")),
    ]);
    let pairs = [
        ("AZURE_FEDERATED_TOKEN_FILE", token.as_str()),
        ("AZURE_CLIENT_ID", "11111111-2222-3333-4444-555555555555"),
        ("AZURE_TENANT_ID", "66666666-7777-8888-9999-000000000000"),
        ("AZURE_AUTHORITY_HOST", &format!("{}/", server.url())),
    ];
    let mut issuer = Issuer::entra(None, HUB, &variables(&pairs)).unwrap();
    let issued = issuer.issue_at(now()).unwrap();
    assert_eq!(issued.value, "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.recorded.signature");
    assert_eq!(issued.expires_at, now() + Duration::from_secs(3599));
    std::fs::write(&token, "second-jwt").unwrap();
    let refused = issuer.issue_at(now()).unwrap_err();
    assert_eq!(refused.remedy, Remedy::Operator);
    assert!(
        refused
            .what
            .starts_with("Entra ID says 401 (invalid_client AADSTS700213); check AZURE_CLIENT_ID"),
        "{refused}"
    );
    let asked = server.asked();
    assert!(asked[0].starts_with("POST /66666666-7777-8888-9999-000000000000/oauth2/v2.0/token HTTP/1.1"));
    for part in [
        "grant_type=client_credentials",
        "client_id=11111111-2222-3333-4444-555555555555",
        "scope=https%3A%2F%2Fshop.servicebus.windows.net%2F.default",
        "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
        "client_assertion=first-jwt",
    ] {
        assert!(asked[0].contains(part), "{part} is not in {}", asked[0]);
    }
    assert!(asked[1].contains("client_assertion=second-jwt"));
}

#[test]
fn a_client_secret_is_exchanged_at_entra() {
    let server = Server::answering(&[(200, include_str!("tests/recorded/entra-token.json"))]);
    let url = server.url();
    let pairs = [
        ("AZURE_CLIENT_SECRET", "s3cr~t/+"),
        ("AZURE_CLIENT_ID", "c"),
        ("AZURE_TENANT_ID", "t"),
        ("AZURE_AUTHORITY_HOST", url.as_str()),
    ];
    let mut issuer = Issuer::entra(Some("https://other.servicebus.windows.net/.default"), HUB, &variables(&pairs)).unwrap();
    issuer.issue_at(now()).unwrap();
    let asked = server.asked();
    assert!(
        asked[0].contains("client_secret=s3cr~t%2F%2B") && asked[0].contains("scope=https%3A%2F%2Fother."),
        "{}",
        asked[0]
    );
    for missing in ["AZURE_CLIENT_ID", "AZURE_TENANT_ID"] {
        let rest: Vec<_> = pairs.iter().copied().filter(|(name, _)| *name != missing).collect();
        let error = Issuer::entra(None, HUB, &variables(&rest)).unwrap_err();
        assert!(error.what.contains(missing), "{error}");
    }
}

#[test]
fn a_managed_identity_is_asked_for_at_the_machine() {
    let server = Server::answering(&[(200, include_str!("tests/recorded/azure-imds-token.json"))]);
    let pairs = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url())];
    let mut issuer = Issuer::entra(None, HUB, &Variables::from_pairs(pairs)).unwrap();
    assert_eq!(issuer.issue_at(now()).unwrap().expires_at, now() + Duration::from_secs(86_399));
    let asked = server.asked();
    assert!(
        asked[0].starts_with(
            "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fshop.servicebus.windows.net HTTP/1.1"
        ),
        "{}",
        asked[0]
    );
    assert!(asked[0].contains("metadata: true"));
}

#[test]
fn client_credentials_of_any_provider() {
    let server = Server::answering(&[
        (200, r#"{"access_token":"t0ken","token_type":"Bearer","expires_in":300}"#),
        (400, r#"{"error":"invalid_scope","error_description":"hunter2"}"#),
        (503, "busy"),
        (200, "<html>hunter2</html>"),
    ]);
    let client = Client {
        token_endpoint: format!("{}/oauth/token", server.url()),
        client_id: "tide gate".into(),
        client_secret: "hunter2:x".into(),
        scope: Some("kafka".into()),
    };
    let mut issuer = Issuer::oidc(client.clone()).unwrap();
    let issued = issuer.issue_at(now()).unwrap();
    assert_eq!(
        (issued.value.as_str(), issued.expires_at),
        ("t0ken", now() + Duration::from_secs(300))
    );
    for (remedy, said) in [
        (
            Remedy::Operator,
            "the token endpoint says 400 (invalid_scope); check client id, secret and scope",
        ),
        (Remedy::Retry, "the token endpoint says 503"),
        (
            Remedy::Operator,
            "the token endpoint answers without `access_token` and `expires_in`: is this a token endpoint?",
        ),
    ] {
        let error = issuer.issue_at(now()).unwrap_err();
        assert_eq!((error.remedy, error.what.as_str()), (remedy, said));
    }
    let asked = server.asked();
    // `tide%20gate:hunter2%3Ax`
    assert!(
        asked[0].contains("authorization: basic dglkzsuymgdhdgu6ahvudgvymiuzqxg="),
        "{}",
        asked[0]
    );
    assert!(asked[0].ends_with("grant_type=client_credentials&scope=kafka"), "{}", asked[0]);
    drop(server);
    let gone = issuer.issue_at(now()).unwrap_err();
    assert_eq!(
        (gone.remedy, gone.what.as_str()),
        (Remedy::Retry, "the token endpoint cannot be reached")
    );
    let clear = Client {
        token_endpoint: "http://login.example.com/token".into(),
        ..client.clone()
    };
    assert!(Issuer::oidc(clear).unwrap_err().what.contains("https://"));
    for shown in [format!("{client:?}"), format!("{issuer:?}"), format!("{issued:?}")] {
        assert!(!shown.contains("hunter2") && !shown.contains("t0ken"), "{shown}");
    }
}
