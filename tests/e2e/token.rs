//! A role signs in by token, all the way from its config: token endpoint, its thread, the brokers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tidegate_tests::stand::Stand;

use crate::rights::{Place, wait};

/// Seconds that a token is good for.
const LIFE: u64 = 6;

/// An identity provider with unsigned tokens, which the stand's listener takes; tells what it was asked. Ends with the process.
fn provider(asked: Sender<String>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = asked.send(answer(stream.unwrap()));
        }
    });
    format!("http://{address}/token")
}

fn answer(stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.to_ascii_lowercase();
        length = line
            .strip_prefix("content-length: ")
            .map_or(length, |text| text.trim().parse().unwrap());
        request.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    request.push_str(&String::from_utf8(form).unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"tidegate","iat":{now},"exp":{}}}"#, now + LIFE);
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims));
    let body = format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{LIFE}}}"#);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    reader.into_inner().write_all(format!("{head}{body}").as_bytes()).unwrap();
    request
}

#[test]
fn a_role_signs_in_by_token_and_stays_signed_in() {
    let Some(stand) = Stand::get() else { return };
    let (told, asked) = channel();
    let endpoint = provider(told);
    let place = Place::new(stand.clone(), "token");
    let config = std::fs::read_to_string(place.path("tidegate.yaml")).unwrap();
    let (_, rest) = config.split_once("validator:").unwrap();
    let config = format!(
        "kafka:\n  brokers: {}\n  client: {{ssl.ca.location: {}}}\n  auth: {{kind: oidc, client_id: tide, token_endpoint: \"{endpoint}\", \
         scope: kafka, extensions: {{logicalCluster: lkc-1}}}}\nvalidator:{rest}",
        stand.text("kafka", "oauth_bootstrap"),
        stand.text("kafka", "ca"),
    );
    std::fs::write(place.path("tidegate.yaml"), config).unwrap();
    let mut validator = place.start_with("validate", &[("TIDEGATE_KAFKA_CLIENT_SECRET", "secret")]);
    for _ in 0..4 {
        let request = asked.recv_timeout(Duration::from_secs(60)).expect("it asks again and again");
        // `tide:secret`
        assert!(
            request.starts_with("post /token ") && request.contains("authorization: basic dglkztpzzwnyzxq="),
            "{request}"
        );
        assert!(request.ends_with("grant_type=client_credentials&scope=kafka"), "{request}");
    }
    place.fill();
    wait(&mut validator, "outcomes", || place.end(".validated") > 0 && place.end(".dlq") > 0);
    assert!(validator.stop().success());
}
