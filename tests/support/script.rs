//! Checks that are programs of their own.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a script's exit code says when a tool is missing on this machine.
const TOOL_MISSING: i32 = 3;

/// Runs `python3 tests/<script> …` and panics with its findings. A missing tool is a failure under CI; elsewhere the test says that it was
/// skipped, and which tool it misses.
pub fn run(script: &str, args: &[&str]) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let answer = Command::new("python3")
        .arg(tests.join(script))
        .args(args)
        .stdin(Stdio::null())
        .output();
    let in_ci = std::env::var("CI").is_ok();
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            assert!(!in_ci, "under CI python3 must be there: {error}");
            eprintln!("SKIPPED: python3 cannot be run: {error}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&answer.stderr);
    eprint!("{said}");
    if answer.status.code() == Some(TOOL_MISSING) && !in_ci {
        eprintln!("SKIPPED: {script} {}: a tool is missing", args.join(" "));
        return;
    }
    assert!(
        answer.status.success(),
        "{script} {} ends with {}:\n{}{said}",
        args.join(" "),
        answer.status,
        String::from_utf8_lossy(&answer.stdout)
    );
}
