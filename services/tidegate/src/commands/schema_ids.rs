//! `tidegate registry ids`: an id for every event schema, recorded beside the contracts.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tidegate_contract::Snapshot;
use tidegate_git::directory::read_directory;
use tidegate_registry::ids::{FILE, Ids, check, left_out, wanted};

use crate::cli::IdsArgs;
use crate::exit::Exit;
use crate::screen;
use crate::wiring::contracts::lines;

pub(crate) fn run(args: &IdsArgs) -> Exit {
    crate::screen::ending(ids(args))
}

fn ids(args: &IdsArgs) -> anyhow::Result<Exit> {
    let reading = read_directory(&args.folder)?;
    if reading.is_refused() {
        bail!("{}", lines(&reading.diagnostics));
    }
    let snapshot = match Snapshot::build("ids", &reading.files) {
        Ok((snapshot, _)) => snapshot,
        Err(problems) => bail!("the contracts do not load:\n{}", lines(&problems)),
    };
    for one in left_out(&snapshot) {
        eprintln!(
            "note: {}: the event schema of `{}` refers to other files and gets no id",
            one.location, one.subject
        );
    }
    let wanted = wanted(&snapshot);
    let mut ids = match Ids::read(&reading.files) {
        Ok(found) => found.unwrap_or_default(),
        Err(problems) => bail!("{}", lines(&problems)),
    };
    if args.check {
        return Ok(match check(&reading.files, &snapshot) {
            Ok(Some(_)) => Exit::Clean,
            Ok(None) if wanted.is_empty() => Exit::Clean,
            Ok(None) => {
                eprintln!(
                    "error: {FILE} is not there, and {} event schemas need ids; run `tidegate registry ids`",
                    wanted.len()
                );
                Exit::Findings
            }
            Err(problems) => {
                eprintln!("{}", lines(&problems));
                Exit::Findings
            }
        });
    }
    if wanted.is_empty() {
        screen::say(format_args!(
            "no topic has an event schema (setting `eventSchema`) that can get an id: nothing to record"
        ));
        return Ok(Exit::Clean);
    }
    let (schemas, versions) = ids.record(&wanted);
    let home = home(&args.folder);
    for (path, text) in ids.files() {
        let place = home.join(&path);
        let unwritten = || format!("{}: cannot be written", place.display());
        if std::fs::read_to_string(&place).is_ok_and(|there| there == text) {
            continue;
        }
        let folder = place.parent().expect("the path has a folder");
        std::fs::create_dir_all(folder).with_context(unwritten)?;
        std::fs::write(&place, text).with_context(unwritten)?;
    }
    screen::say(format_args!(
        "{}: {schemas} new schemas, {versions} new versions; {} subjects in all",
        home.join(FILE).display(),
        ids.subjects.len()
    ));
    Ok(Exit::Clean)
}

/// Where `schemas/` lies: in the folder, or beside it.
fn home(folder: &Path) -> PathBuf {
    let beside = folder.canonicalize().ok().and_then(|folder| folder.parent().map(Path::to_owned));
    match beside {
        Some(beside) if !folder.join("schemas").is_dir() && beside.join("schemas").is_dir() => beside,
        _ => folder.to_owned(),
    }
}
