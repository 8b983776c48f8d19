//! The tests of one contract as they lie beside it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tidegate_contract::snapshot::is_contract_path;
use tidegate_contract::{Diagnostic, Level};

use super::expected::Expected;
use crate::commands::check::Event;
use crate::review::{codes, finding, shown, side_file};

/// The largest file of events.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most files of one contract.
const FILES_MAX: usize = 10_000;
/// The most events of one contract.
const EVENTS_MAX: usize = 1_000_000;

/// Events and what they are held to.
pub(super) struct Suite {
    pub(super) expected: Expected,
    pub(super) cases: Vec<Case>,
}

/// One event.
pub(super) struct Case {
    pub(super) kind: Kind,
    /// File below `valid/` or `invalid/`, and for `.jsonl` `:` and the line.
    pub(super) name: String,
    /// The file alone.
    pub(super) file_name: String,
    /// Path as findings name it.
    pub(super) file: String,
    /// Line in it.
    pub(super) line: u32,
    pub(super) event: Event,
    /// Bytes that are taken as they are.
    pub(super) is_binary: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Valid,
    Invalid,
}

// === impl Kind ===

impl Kind {
    pub(super) fn folder(self) -> &'static str {
        match self {
            Kind::Valid => "valid",
            Kind::Invalid => "invalid",
        }
    }
}

// === impl Suite ===

impl Suite {
    /// The tests of a contract file; none when it has no folder of tests. What is wrong about the layout is added to `found`.
    pub(super) fn beside(contract: &Path, found: &mut Vec<Diagnostic>) -> anyhow::Result<Option<Suite>> {
        let Some(folder) = folder(contract, found)? else { return Ok(None) };
        let file = folder.join("expected.yaml");
        let name = shown(&file);
        let expected = match file.symlink_metadata() {
            Err(_) => Expected {
                file: name.into(),
                ..Expected::default()
            },
            Ok(_) => match side_file(&file) {
                Ok(text) => Expected::parse(&name, &text, found),
                Err(problem) => {
                    found.push(super::expected::finding(&name, (1, 1), problem, "make it a plain text file"));
                    return Ok(None);
                }
            },
        };
        strangers(&folder, found)?;
        let mut cases = Vec::new();
        for kind in [Kind::Valid, Kind::Invalid] {
            read(&folder.join(kind.folder()), kind, &mut cases, found)?;
        }
        Ok(Some(Suite { expected, cases }))
    }
}

/// `tests/` of the contract, or `tests/<name of the file>` where it has one of its own.
fn folder(contract: &Path, found: &mut Vec<Diagnostic>) -> anyhow::Result<Option<PathBuf>> {
    let around = contract
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let tests = around.join("tests");
    if !tests.is_dir() {
        return Ok(None);
    }
    if tests.is_symlink() {
        found.push(layout(
            &tests,
            1,
            "this is a symbolic link, which is not followed",
            "commit the folder itself",
        ));
        return Ok(None);
    }
    let name = contract.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.trim_end_matches(".yaml").trim_end_matches(".yml").trim_end_matches(".odcs");
    let own = tests.join(stem);
    if own.is_dir() {
        return Ok(Some(own));
    }
    let has_events = |folder: &Path| folder.join("valid").is_dir() || folder.join("invalid").is_dir();
    if !has_events(&tests) {
        return Ok(None);
    }
    let mut siblings = 0;
    for entry in std::fs::read_dir(around).with_context(|| format!("{}: cannot be read", around.display()))? {
        siblings += usize::from(is_contract_path(&entry?.file_name().to_string_lossy()));
    }
    if siblings > 1 {
        let help = format!("move them to tests/{stem}/valid and tests/{stem}/invalid, and so for the others");
        let problem = format!("the folder has {siblings} contracts, so it cannot be told which of them these tests are for");
        found.push(layout(&tests, 1, problem, &help));
        return Ok(None);
    }
    Ok(Some(tests))
}

/// What lies beside `valid/` and `invalid/` and is never run, such as `Invalid/`: somebody believes that it is.
fn strangers(folder: &Path, found: &mut Vec<Diagnostic>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
        let path = entry.with_context(|| format!("{}: cannot be read", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Contracts of a folder with several have folders of their own.
        let is_known = ["valid", "invalid", "expected.yaml"].contains(&&*name) || name.starts_with('.') || name.ends_with(".md");
        let has_events = path.join("valid").is_dir() || path.join("invalid").is_dir();
        if !is_known && !has_events {
            let problem = format!("`{name}` is neither `valid`, `invalid` nor `expected.yaml`: nothing of it is run");
            found.push(layout(&path, 1, problem, "rename it, or take it out of the folder"));
        }
    }
    Ok(())
}

fn read(folder: &Path, kind: Kind, cases: &mut Vec<Case>, found: &mut Vec<Diagnostic>) -> anyhow::Result<()> {
    if !folder.is_dir() || folder.is_symlink() {
        if folder.is_symlink() {
            found.push(layout(
                folder,
                1,
                "this is a symbolic link, which is not followed",
                "commit the folder itself",
            ));
        }
        return Ok(());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
        paths.push(entry.with_context(|| format!("{}: cannot be read", folder.display()))?.path());
        anyhow::ensure!(paths.len() <= FILES_MAX, "{}: more than {FILES_MAX} files", folder.display());
    }
    paths.sort();
    for path in paths {
        let file = shown(&path);
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            found.push(layout(&path, 1, "the name of the file is not UTF-8", "rename it"));
            continue;
        };
        if name.starts_with('.') || name.ends_with(".md") {
            continue;
        }
        let meta = path.symlink_metadata().with_context(|| format!("{file}: cannot be read"))?;
        let ending = name.rsplit('.').next().unwrap_or_default();
        let refused = match ending {
            _ if meta.file_type().is_symlink() => Some("this is a symbolic link, which is not followed".to_owned()),
            _ if !meta.is_file() => Some("this is not a regular file".to_owned()),
            _ if meta.len() > FILE_BYTES_MAX => Some(format!("the file has {} bytes, more than {FILE_BYTES_MAX}", meta.len())),
            "json" | "jsonl" | "bin" => None,
            _ => Some("events are read from .json, .jsonl and .bin only".to_owned()),
        };
        if let Some(problem) = refused {
            found.push(layout(&path, 1, problem, "rename it, or take it out of the folder"));
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("{file}: cannot be read"))?;
        if bytes.starts_with(b"version https://git-lfs") {
            found.push(layout(
                &path,
                1,
                "this is a Git LFS pointer, not an event",
                "commit the file itself",
            ));
            continue;
        }
        let mut take = |case: String, line: u32, bytes: &[u8]| {
            let event = match ending {
                "bin" => Ok(Event {
                    key: None,
                    value: Some(bytes.to_vec()),
                    headers: Vec::new(),
                }),
                _ => Event::read(bytes),
            };
            match event {
                Ok(event) => cases.push(Case {
                    kind,
                    name: case,
                    file_name: name.to_owned(),
                    file: file.clone(),
                    line,
                    event,
                    is_binary: ending == "bin",
                }),
                Err(error) => found.push(layout(
                    &path,
                    line,
                    format!("{error:#}"),
                    "write the value alone, or `@` and the object",
                )),
            }
        };
        if ending == "jsonl" {
            if bytes.trim_ascii().is_empty() {
                let problem = "the file holds no event, so it shows nothing";
                found.push(layout(&path, 1, problem, "write one event a line, or remove the file"));
                continue;
            }
            for (number, line) in (1_u32..).zip(bytes.split(|byte| *byte == b'\n')) {
                if !line.trim_ascii().is_empty() {
                    take(format!("{name}:{number}"), number, line);
                }
            }
        } else {
            take(name.to_owned(), 1, &bytes);
        }
        anyhow::ensure!(cases.len() <= EVENTS_MAX, "{}: more than {EVENTS_MAX} events", folder.display());
    }
    Ok(())
}

fn layout(path: &Path, line: u32, problem: impl Into<String>, help: &str) -> Diagnostic {
    finding(codes::TEST_LAYOUT, Level::Error, (&shown(path), line, 1), problem, help)
}
