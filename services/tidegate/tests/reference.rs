//! The reference tool of the standard accepts our contracts, and those that `init` makes: a file that only we can read would be no ODCS.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the tool lies, as the stand says; none means that the test is skipped, which CI does not accept.
fn tool() -> Option<String> {
    let Ok(stand) = std::env::var("TIDEGATE_STAND") else {
        assert!(
            std::env::var("CI").is_err(),
            "under CI the reference tool must be there: run through tests/run"
        );
        eprintln!("SKIPPED: the reference tool of the standard is not installed (TIDEGATE_STAND is not set); run through tests/run");
        return None;
    };
    let stand: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(stand).unwrap()).unwrap();
    let path = stand["odcs"]["pythonpath"].as_str();
    if path.is_none() {
        assert!(std::env::var("CI").is_err(), "under CI the stand must have the part `odcs`");
        eprintln!("SKIPPED: the stand has no part `odcs`");
    }
    path.map(str::to_owned)
}

/// Exit code and everything that `datacontract lint` prints.
fn lint(tool: &str, contract: &Path) -> (Option<i32>, String) {
    let output = Command::new("python3")
        .args(["-c", "import sys; from datacontract.cli import main; sys.exit(main())", "lint"])
        .arg(contract)
        .env("PYTHONPATH", tool)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code(), text)
}

fn contracts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contracts(&path, found);
        } else if path.to_string_lossy().ends_with(".odcs.yaml") {
            found.push(path);
        }
    }
}

#[test]
fn the_reference_tool_accepts_our_contracts() {
    let Some(tool) = tool() else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["init", "new"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    let mut paths = Vec::new();
    contracts(folder.path(), &mut paths);
    contracts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts"), &mut paths);
    assert!(paths.len() >= 5, "{paths:?}");
    for path in &paths {
        let (code, text) = lint(&tool, path);
        assert_eq!(code, Some(0), "{}: {text}", path.display());
    }
    // It is no tool that accepts anything.
    let broken = folder.path().join("broken.odcs.yaml");
    let text = std::fs::read_to_string(&paths[0]).unwrap();
    std::fs::write(&broken, text.replace("logicalType: string", "logicalTyp: string")).unwrap();
    let (code, text) = lint(&tool, &broken);
    assert_ne!(code, Some(0), "{text}");
}
