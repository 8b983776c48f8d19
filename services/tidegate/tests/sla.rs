//! `tidegate sla` over the lake of a demo: every report, the scheduled check until it is stopped, and what it leaves behind.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn tidegate(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    let mut all = args.to_vec();
    all.extend(["--contracts", "mine", "--lake", "demo-lake"]);
    all
}

/// The process, ended with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_lake_of_a_demo_is_looked_at_once_and_by_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = tidegate(folder.path(), &["demo", "--seconds", "3", "--rate", "400"]);
    assert_eq!(code, 0, "{out}\n{err}");

    // Promises beside those of the demo, which observations of the lake alone decide, and one that they cannot.
    let text = std::fs::read_to_string(folder.path().join("demo-lake/contracts/shop/orders/v1.odcs.yaml")).unwrap();
    let more = "slaProperties:\n  - {id: supported, property: endOfSupport, value: '2999-12-31'}\n  \
                - {id: young, property: retention, value: 1, unit: d, valueExt: max}\n  \
                - {id: errors, property: errorRate, value: 50, unit: percent}\n";
    std::fs::create_dir(folder.path().join("mine")).unwrap();
    std::fs::write(
        folder.path().join("mine/orders.odcs.yaml"),
        text.replacen("slaProperties:\n", more, 1),
    )
    .unwrap();

    let (code, out, _) = tidegate(folder.path(), &with(&["sla", "run", "--once", "--output", "json", "--history"]));
    assert_eq!(code, 2, "nobody could tell the error rate without brokers: {out}");
    let documents: serde_json::Value = serde_json::from_str(&out).unwrap();
    let status = |rule: &str| {
        let results = documents
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|document| document["results"].as_array().unwrap());
        let found = results.into_iter().find(|result| result["tidegate"]["rule"] == rule).unwrap();
        (
            found["status"].as_str().unwrap().to_owned(),
            found["message"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(status("supported").0, "pass");
    assert_eq!(status("young").0, "pass");
    assert_eq!(status("errors").0, "error");
    assert!(status("errors").1.contains("no brokers are named"), "{}", status("errors").1);

    let (_, junit, _) = tidegate(folder.path(), &with(&["sla", "run", "--once", "--output", "junit"]));
    assert!(
        junit.starts_with("<?xml") && junit.contains("<error message=\"dead letters are not known"),
        "{junit}"
    );
    let (_, page, _) = tidegate(folder.path(), &with(&["sla", "run", "--once", "--output", "html"]));
    assert!(
        page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>") && page.contains("supported"),
        "{page}"
    );
    let (code, _, err) = tidegate(folder.path(), &with(&["sla", "run", "--once", "--rule", "nothing-such"]));
    assert!(code == 2 && err.contains("no clause"), "{err}");

    let (code, _, err) = tidegate(folder.path(), &with(&["sla", "serve", "--schedule", "every day"]));
    assert!(code == 78 && err.contains("no cron expression"), "{code} {err}");

    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(with(&[
            "sla",
            "serve",
            "--schedule",
            "0 0 1 1 *",
            "--jitter",
            "0",
            "--http",
            "127.0.0.1:0",
            "--log-format",
            "json",
        ]))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut served = Served(child);
    let mut address = None;
    // A contract that was never looked at is looked at at once, and the log says so.
    // Kept to the end: a log that nobody reads ends the process.
    let mut lines = log.lines();
    for line in lines.by_ref() {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = line.to_string();
        if let Some(at) = line.pointer("/fields/address").or_else(|| line.get("address")) {
            address = Some(at.as_str().unwrap().to_owned());
        }
        if text.contains("\"looked at\"") {
            break;
        }
    }
    let address = address.expect("the log says where it listens");
    let until = Instant::now() + Duration::from_secs(60);
    let metrics = loop {
        let text = get(&address, "/metrics");
        if text.contains("tidegate_sla_next_run_timestamp_seconds{") || Instant::now() > until {
            break text;
        }
        std::thread::yield_now();
    };
    assert!(metrics.contains("objective=\"v1/#supported\",status=\"met\"} 1"), "{metrics}");
    assert!(
        metrics.contains("objective=\"v1/orders#errors\",status=\"unknown\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("tidegate_sla_schedule_interval_seconds{"), "{metrics}");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    let stopped = Command::new("kill").arg("-TERM").arg(served.0.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(served.0.wait().unwrap().code(), Some(0), "a stop is no fault");
    drop(lines);

    let (code, out, err) = tidegate(folder.path(), &with(&["sla", "history", "--rule", "supported", "--output", "json"]));
    assert_eq!(code, 0, "{err}");
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2, "one run that was asked for and one by schedule: {out}");
    assert!(rows.iter().all(|row| row["status"] == "pass"), "{out}");
}

#[test]
fn the_examples_for_schedulers_parse_and_use_flags_that_exist() {
    let check = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/schedulers/check.py");
    let output = Command::new("python3")
        .arg(check)
        .arg(env!("CARGO_BIN_EXE_tidegate"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 4);
}
