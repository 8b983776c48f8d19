//! `tidegate registry ids`: an id for every event schema, recorded beside the contracts.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tidegate_contract::Snapshot;
use tidegate_git::directory::read_directory;
use tidegate_git::history::versions_of;
use tidegate_git::repository::resolve;
use tidegate_registry::Recorded;
use tidegate_registry::ids::{FILE, Ids, check_after, left_out, wanted};

use crate::cli::IdsArgs;
use crate::exit::Exit;
use crate::review::ground::Ground;
use crate::review::published::take_record;
use crate::screen;
use crate::wiring::contracts::lines;
use crate::wiring::contracts::source::REGISTERED;

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
            "note: {}: the event schema of `{}` gets no id: {}",
            one.location, one.subject, one.why
        );
    }
    let wanted = wanted(&snapshot);
    let mut ids = match Ids::read(&reading.files) {
        Ok(found) => found.unwrap_or_default(),
        Err(problems) => bail!("{}", lines(&problems)),
    };
    // Through a link something else than the record would be read, and written.
    if let Some(odd) = reading
        .diagnostics
        .iter()
        .find(|one| one.location.file.starts_with("schemas/registered"))
    {
        bail!("{}: {}", odd.location.file, odd.problem);
    }
    let past = past(&args.folder)?;
    let contradictions = past.problems(&ids);
    if !contradictions.is_empty() {
        bail!("{}", lines(&contradictions));
    }
    if args.check {
        return Ok(match check_after(&reading.files, &snapshot, &past) {
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
    let (schemas, versions) = ids.record(&wanted, &past);
    let home = home(&args.folder);
    let files = ids.files();
    for (path, _) in &files {
        refuse_links(&home, path)?;
    }
    for (path, text) in files {
        write(&home.join(&path), &text).with_context(|| format!("{}: cannot be written", home.join(&path).display()))?;
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

/// What the branch recorded up to `HEAD`; nothing outside of a repository and before its first commit.
fn past(folder: &Path) -> anyhow::Result<Recorded> {
    let mut past = Recorded::default();
    if let Some(ground) = Ground::of(folder)?
        && let Ok(head) = resolve(&ground.root, None)
    {
        versions_of(&ground.root, &head, &ground.folder, REGISTERED, &mut |way, files| {
            take_record(&mut past, way, &files);
        })?;
    }
    Ok(past)
}

/// A repository of somebody else may hold links in the place of what is written, which would lead the text anywhere on this machine.
fn refuse_links(home: &Path, path: &str) -> anyhow::Result<()> {
    let mut place = home.to_owned();
    for step in path.split('/') {
        place.push(step);
        match place.symlink_metadata() {
            Ok(there) if there.file_type().is_symlink() => {
                bail!(
                    "{}: this is a symbolic link; ids are written into the folder itself: remove the link",
                    place.display()
                );
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", place.display())),
        }
    }
    Ok(())
}

/// Whole or not at all, and never through what stands there.
fn write(place: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(place).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let folder = place.parent().expect("the path has a folder");
    std::fs::create_dir_all(folder)?;
    let staged = folder.join(format!(".staged-{}", super::unique()));
    let mut file = std::fs::File::options().write(true).create_new(true).open(&staged)?;
    let placed = file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&staged, place));
    if placed.is_err() {
        // What was begun is of no use.
        let _ = std::fs::remove_file(&staged);
    }
    placed
}
