//! `tidegate bundle`: a snapshot of contracts as one file.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use tidegate_contract::{Bundle, ContractFile, Diagnostic, Level};
use tidegate_git::LoadOutcome;
use tidegate_registry::Catalog;

use crate::cli::{BundleArgs, RoleArgs};
use crate::config::Config;
use crate::exit::Exit;
use crate::screen::{self, complain};
use crate::wiring::contracts::source::{Source, is_bundle};

pub(crate) fn run(args: &BundleArgs) -> Exit {
    crate::screen::ending(bundle(args))
}

fn bundle(args: &BundleArgs) -> anyhow::Result<Exit> {
    if !is_bundle(&args.out) {
        bail!(
            "--out {}: the name of a bundle ends in .tidegate, which is how --contracts knows one",
            args.out
        );
    }
    if is_bundle(&args.source) {
        bail!("{}: this is a bundle already", args.source);
    }
    let config = Config::load(&RoleArgs {
        config: args.config.clone(),
        contracts: Some(args.source.clone()),
        ..RoleArgs::default()
    })?;
    let (mut source, past) = Source::open(&args.source, &config.following.reach)?;
    let refused = |commit: &str, report: &str| {
        complain(&format!("error: the contracts of {commit} cannot be used:\n{report}"));
        Ok(Exit::Findings)
    };
    let commit = match source.load()? {
        LoadOutcome::Loaded(snapshot, notes) => {
            warn(&notes);
            snapshot.commit.clone()
        }
        LoadOutcome::Refused { commit, diagnostics } => return refused(&commit, &crate::wiring::contracts::lines(&diagnostics)),
        LoadOutcome::Unchanged => bail!("{}: nothing to load", args.source),
    };
    let files = source.sources().iter().map(|(path, text)| ContractFile {
        path: path.clone(),
        text: text.clone(),
    });
    // What workers would refuse is not written.
    let catalog = match Catalog::compile(Bundle::new(&*commit, files), past.published(&commit)?, None) {
        // Its warnings are those of the load.
        Ok((catalog, _)) => catalog,
        Err(problems) => return refused(&commit, &crate::wiring::contracts::lines(&problems)),
    };
    write(&args.out, &catalog.document, &config)?;
    screen::say(format_args!(
        "{}  {}  commit {}, {} contracts",
        catalog.digest,
        args.out,
        catalog.commit,
        catalog.snapshot.contracts.len()
    ));
    Ok(Exit::Clean)
}

/// What is left out of a bundle is not silently left out.
fn warn(notes: &[Diagnostic]) {
    for note in notes.iter().filter(|note| note.level == Level::Warning) {
        let at = &note.location;
        complain(&format!(
            "{}:{}:{}: warning[{}]: {}",
            at.file, at.line, at.column, note.code, note.problem
        ));
    }
}

/// Whole or not at all: a worker may read at any moment.
fn write(out: &str, document: &[u8], config: &Config) -> anyhow::Result<()> {
    if out.contains("://") {
        let (location, name) = out.rsplit_once('/').expect("a URL holds slashes");
        let store = tidegate_lake::open(location, &config.following.reach.store)?;
        store.put(name, document.to_vec().into())?;
        return Ok(());
    }
    let path = Path::new(out);
    let staged = path.with_extension(format!("tidegate.{}", super::unique()));
    let unwritten = || format!("{out}: cannot be written");
    let mut file = std::fs::File::create(&staged).with_context(unwritten)?;
    let placed = file
        .write_all(document)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&staged, path));
    if placed.is_err() {
        // What was begun is of no use.
        let _ = std::fs::remove_file(&staged);
    }
    placed.with_context(unwritten)
}
