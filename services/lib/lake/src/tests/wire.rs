//! A server with prepared answers in the place of S3: what no healthy server does on demand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tidegate_flow::ports::{Created, Store};
use tidegate_flow::{Remedy, WorldError};

use crate::{LakeOptions, Look, Watched, open};

const EMPTY_LIST: &str = "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>";

/// One answer; none keeps silent until the client gives up.
type Answer = Option<(u16, &'static str)>;

struct Wire {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Answers the opening list, then `answers` in order; each connection carries one request.
fn wire(answers: Vec<Answer>) -> Wire {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = requests.clone();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for answer in std::iter::once(Some((200, EMPTY_LIST))).chain(answers) {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap() == 0 || line == "\r\n" {
                    break;
                }
                head.push(line.trim_end().to_ascii_lowercase());
            }
            let length = head
                .iter()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |text| text.parse().unwrap());
            std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).unwrap();
            seen.lock().unwrap().push(head.join("\n"));
            let mut stream = reader.into_inner();
            match answer {
                Some((status, body)) => {
                    let length = body.len();
                    write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nETag: \"e\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n").unwrap();
                    let headless = seen.lock().unwrap().last().unwrap().starts_with("head ");
                    if !headless {
                        stream.write_all(body.as_bytes()).unwrap();
                    }
                }
                None => silent.push(stream),
            }
        }
        // Whoever was met with silence stays connected until the listener is gone and everybody has given up.
        while let Ok((stream, _)) = listener.accept() {
            silent.push(stream);
        }
    });
    Wire { address, requests }
}

impl Wire {
    fn open(&self) -> Result<Arc<dyn Store>, WorldError> {
        open("s3://bucket/lake", &self.options())
    }

    fn options(&self) -> LakeOptions {
        let mut options = LakeOptions::from_variables([("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hunter2")]);
        options.endpoint = Some(self.address.clone());
        options.request_timeout = Duration::from_millis(300);
        options.retry_timeout = Duration::from_millis(500);
        options
    }

    /// Method and conditional header of each request after the opening one.
    fn asked(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let short = |head: &String| {
            let method = head.split(' ').next().unwrap().to_owned();
            if head.contains("if-none-match: *") {
                format!("{method} create-only")
            } else {
                method
            }
        };
        requests[1..].iter().map(short).collect()
    }
}

#[test]
fn a_conflict_without_an_object_is_tried_again() {
    let wire = wire(vec![
        Some((409, "<Code>ConditionalRequestConflict</Code>")),
        Some((404, "")),
        Some((200, "")),
    ]);
    let store = wire.open().unwrap();
    assert_eq!(store.create("a", Bytes::from_static(b"x")).unwrap(), Created::New);
    assert_eq!(wire.asked(), ["put create-only", "head", "put create-only"]);
}

#[test]
fn a_conflict_with_an_object_means_that_it_exists() {
    for status in [409, 412] {
        let wire = wire(vec![Some((status, "")), Some((200, ""))]);
        let store = wire.open().unwrap();
        assert_eq!(store.create("a", Bytes::from_static(b"x")).unwrap(), Created::Exists);
        assert_eq!(wire.asked(), ["put create-only", "head"]);
    }
}

#[test]
fn conflicts_for_ever_are_never_exists() {
    let wire = wire((0..6).flat_map(|_| [Some((409, "")), Some((404, ""))]).collect());
    let error = wire.open().unwrap().create("a", Bytes::new()).unwrap_err();
    assert_eq!(error.remedy, Remedy::Retry);
    assert!(error.what.contains("nothing is there"), "{error}");
}

#[test]
fn a_create_without_an_answer_is_unknown_and_not_sent_again() {
    let wire = wire(vec![None]);
    let error = wire.open().unwrap().create("a", Bytes::from_static(b"x")).unwrap_err();
    assert_eq!(error.remedy, Remedy::Retry);
    assert!(error.what.contains("may or may not have happened"), "{error}");
    assert_eq!(wire.asked(), ["put create-only"]);
}

#[test]
fn a_refused_look_is_no_proof_of_existence() {
    let wire = wire(vec![Some((412, "")), Some((403, ""))]);
    let error = wire.open().unwrap().create("a", Bytes::new()).unwrap_err();
    assert_eq!(error.remedy, Remedy::Operator, "{error}");
}

#[test]
fn throttling_and_failing_heal_and_permissions_do_not() {
    for (status, body, remedy) in [
        (503, "<Code>SlowDown</Code>", Remedy::Retry),
        (500, "<Code>InternalError</Code>", Remedy::Retry),
        (403, "<Code>AccessDenied</Code>", Remedy::Operator),
        (404, "<Code>NoSuchBucket</Code>", Remedy::Operator),
    ] {
        let wire = wire(vec![Some((status, body)); 8]);
        let error = wire.open().unwrap().put("a", Bytes::new()).unwrap_err();
        assert_eq!(error.remedy, remedy, "{status}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[test]
fn a_bucket_that_vanished_is_not_an_empty_lake() {
    let wire = wire(vec![
        Some((404, "<Code>NoSuchBucket</Code>")),
        Some((404, "<Code>NoSuchBucket</Code>")),
    ]);
    let store = wire.open().unwrap();
    assert_eq!(store.list("chain").unwrap_err().remedy, Remedy::Operator);
}

#[test]
fn nobody_at_the_address_is_worth_another_try() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let wire = Wire {
        address: format!("http://{}", listener.local_addr().unwrap()),
        requests: Arc::default(),
    };
    drop(listener);
    let error = wire.open().map(drop).unwrap_err();
    assert_eq!(error.remedy, Remedy::Retry, "{error}");
    assert!(error.what.contains("cannot connect"), "{error}");
}

#[test]
fn an_unchanged_object_costs_one_small_request() {
    let document = "tidegate-bundle";
    let wire = wire(vec![
        Some((200, document)),
        Some((304, "")),
        Some((304, "")),
        Some((412, "")),
        Some((200, document)),
        Some((403, "<Code>AccessDenied</Code>")),
    ]);
    let watched = Watched::open("s3://bucket/lake", &wire.options(), "a", 1000).unwrap();
    let Look::New(bytes, tag) = watched.look(None).unwrap() else {
        panic!("nothing was there");
    };
    assert_eq!(&bytes[..], document.as_bytes());
    for _ in 0..2 {
        assert_eq!(watched.look(tag.as_ref()).unwrap(), Look::Unchanged);
    }
    // A store that answers the condition with what is meant for writes is read.
    assert!(matches!(watched.look(tag.as_ref()).unwrap(), Look::New(..)));
    assert_eq!(watched.look(tag.as_ref()).unwrap_err().remedy, Remedy::Operator);
    let requests = wire.requests.lock().unwrap();
    let asked: Vec<(bool, bool)> = requests[1..]
        .iter()
        .map(|head| (head.starts_with("get "), head.contains("\nif-none-match: \"e\"")))
        .collect();
    assert_eq!(
        asked,
        [(true, false), (true, true), (true, true), (true, true), (true, false), (true, true)]
    );
}
