//! The suite on versitygw (S3) and Azurite, whose addresses are in the file that `TIDEGATE_STAND` names.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tidegate_flow::Remedy;

use crate::{LakeOptions, Look, Watched, conformance, open};

/// The part of the stand; none, said aloud, when there is no stand here. On CI there must be one.
fn part(name: &str) -> Option<Value> {
    let Some(path) = std::env::var_os("TIDEGATE_STAND") else {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "TIDEGATE_STAND is not set: on CI the real stores must be there"
        );
        // Past the capture of test output: a skip must be seen.
        writeln!(std::io::stderr(), "SKIPPED: TIDEGATE_STAND is not set, so {name} was not tried").unwrap();
        return None;
    };
    let stand: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert!(stand[name].is_object(), "the stand has no {name}");
    Some(stand[name].clone())
}

fn text(part: &Value, name: &str) -> String {
    part[name]
        .as_str()
        .unwrap_or_else(|| panic!("the stand's part has no {name}"))
        .to_owned()
}

/// A folder that no earlier run has used.
fn fresh() -> String {
    format!("suite-{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos())
}

fn s3(part: &Value, secret: &str) -> LakeOptions {
    let mut options = LakeOptions::from_variables([
        ("AWS_ACCESS_KEY_ID", text(part, "access_key").as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret),
    ]);
    options.endpoint = Some(text(part, "endpoint"));
    options.region = Some(text(part, "region"));
    options
}

fn azure(part: &Value, key: &str) -> LakeOptions {
    let mut options = LakeOptions::from_variables([("AZURE_STORAGE_ACCOUNT_KEY", key)]);
    options.endpoint = Some(text(part, "blob_endpoint"));
    options.account = Some(text(part, "account"));
    options
}

#[test]
fn s3_conforms() {
    let Some(part) = part("s3") else { return };
    let location = format!("s3://{}/lake tests/{}", text(&part, "bucket"), fresh());
    let store = open(&location, &s3(&part, &text(&part, "secret_key"))).unwrap();
    conformance(&*store, "suite").unwrap();
}

#[test]
fn azure_conforms() {
    let Some(part) = part("azure") else { return };
    let location = format!("az://{}/lake tests/{}", text(&part, "container"), fresh());
    let store = open(&location, &azure(&part, &text(&part, "key"))).unwrap();
    conformance(&*store, "suite").unwrap();
}

#[test]
fn stores_do_not_send_what_was_seen() {
    let (Some(s3_part), Some(azure_part)) = (part("s3"), part("azure")) else {
        return;
    };
    let in_s3 = format!("s3://{}/lake tests/{}", text(&s3_part, "bucket"), fresh());
    let in_azure = format!("az://{}/lake tests/{}", text(&azure_part, "container"), fresh());
    for (location, options) in [
        (in_s3, s3(&s3_part, &text(&s3_part, "secret_key"))),
        (in_azure, azure(&azure_part, &text(&azure_part, "key"))),
    ] {
        let store = open(&location, &options).unwrap();
        let watched = Watched::open(&location, &options, "a.tidegate", 100).unwrap();
        assert_eq!(watched.look(None).unwrap(), Look::Absent, "{location}");
        let mut seen = None;
        for content in ["one", "two", ""] {
            store.put("a.tidegate", content.as_bytes().to_vec().into()).unwrap();
            let Look::New(bytes, tag) = watched.look(seen.as_ref()).unwrap() else {
                panic!("{location}: {content} was taken for what was there before");
            };
            assert!(*bytes == *content.as_bytes() && tag.is_some(), "{location}");
            assert_eq!(watched.look(tag.as_ref()).unwrap(), Look::Unchanged, "{location}");
            seen = tag;
        }
        store.put("a.tidegate", vec![0; 101].into()).unwrap();
        assert_eq!(watched.look(seen.as_ref()).unwrap(), Look::TooLarge(101), "{location}");
    }
}

#[test]
fn wrong_keys_and_names_are_for_an_operator() {
    let (Some(s3_part), Some(azure_part)) = (part("s3"), part("azure")) else {
        return;
    };
    let (bucket, container) = (text(&s3_part, "bucket"), text(&azure_part, "container"));
    let (secret, key) = (text(&s3_part, "secret_key"), text(&azure_part, "key"));
    for (location, options) in [
        (format!("s3://{bucket}/x"), s3(&s3_part, "hunter2hunter2")),
        ("s3://no-such-bucket/x".to_owned(), s3(&s3_part, &secret)),
        (format!("az://{container}/x"), azure(&azure_part, "aHVudGVyMmh1bnRlcjI=")),
        ("az://no-such-container/x".to_owned(), azure(&azure_part, &key)),
    ] {
        let error = open(&location, &options).map(drop).unwrap_err();
        assert_eq!(error.remedy, Remedy::Operator, "{location}: {error}");
        assert!(
            !error.what.contains("hunter2") && !error.what.contains(&secret) && !error.what.contains(&key),
            "{error}"
        );
    }
}
