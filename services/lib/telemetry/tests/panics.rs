//! What a panic says: its place and, if it is a literal of the source, its text. A formatted one may hold an event's content.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use tidegate_telemetry::logging::{Format, init};

const SECRET: &str = "AKIAQ7CANARY2SECRET";
const CHILD: &str = "TIDEGATE_TEST_PANICS";

/// Runs this test again in a process of its own, whose standard error is read.
#[test]
fn a_formatted_text_is_not_shown_and_a_literal_is() {
    if std::env::var(CHILD).is_ok() {
        init(Format::Json, "trace").unwrap();
        // The text is made at run time, as one with content would be.
        let content = std::env::var(CHILD).unwrap();
        let parse: Result<u32, _> = content.parse::<u32>().map_err(|_| content.clone());
        for panics in [
            std::thread::spawn(move || panic!("unexpected {content}")).join(),
            std::thread::spawn(move || parse.map(|_| ()).unwrap()).join(),
            std::thread::spawn(|| panic!("a plain mistake")).join(),
        ] {
            assert!(panics.is_err());
        }
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_formatted_text_is_not_shown_and_a_literal_is", "--nocapture"])
        .env(CHILD, SECRET)
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("panicked").count(), 3, "{said}");
    assert!(said.contains("a plain mistake") && said.contains("panics.rs"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
}
