//! Contract files of the paths that were named, as they lie on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tidegate_contract::snapshot::is_contract_path;
use tidegate_contract::yaml::BYTES_MAX;
use tidegate_contract::{ContractFile, Diagnostic, Level, parse};

use crate::review::ground::leads_out;
use crate::review::shown;

/// The deepest folder that is searched.
const DEPTH_MAX: usize = 32;
/// The most contract files of one call, as for a snapshot.
const FILES_MAX: usize = 10_000;

/// Files in the order of their names; what cannot be read is added to `found`. The error is a path that holds no contract file, unless it may.
pub(super) fn read(paths: &[PathBuf], may_be_empty: bool, found: &mut Vec<Diagnostic>) -> anyhow::Result<Vec<ContractFile>> {
    let mut names = Vec::new();
    for path in paths {
        let meta = std::fs::metadata(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let before = names.len();
        if leads_out(path) {
            let problem = "this is a link out of the repository, which is not followed";
            found.push(Diagnostic::unreadable(Level::Error, shown(path), problem, "commit the file itself"));
            continue;
        }
        match meta.is_dir() {
            true => search(path, 0, &mut names, found)?,
            // A file that is named is a contract, whatever its name.
            false => names.push(path.clone()),
        }
        let is_refused = found.iter().any(|one| one.level == Level::Error);
        if names.len() == before && !may_be_empty && !is_refused {
            let passed_over = found
                .first()
                .map_or_else(String::new, |one| format!("; {}: {}", one.location.file, one.problem));
            bail!("{}: holds no contract file (*.odcs.yaml){passed_over}", path.display());
        }
    }
    names.sort();
    names.dedup();
    let mut files = Vec::with_capacity(names.len());
    for path in names {
        let name = shown(&path);
        let meta = std::fs::metadata(&path).with_context(|| format!("{name}: cannot be read"))?;
        if !meta.is_file() {
            let help = "remove it";
            found.push(Diagnostic::unreadable(Level::Error, name, "this is not a regular file", help));
            continue;
        }
        // Asked before it is read: a file of gigabytes is not taken into memory to say so.
        if meta.len() > BYTES_MAX as u64 {
            let problem = "the file is larger than 4 MiB";
            found.push(Diagnostic::unreadable(Level::Error, name, problem, "split the contract"));
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("{name}: cannot be read"))?;
        match String::from_utf8(bytes) {
            Ok(text) => {
                if !is_contract_path(&name) {
                    let problem = "the name does not end in .odcs.yaml, so no worker reads the file";
                    found.push(Diagnostic::unreadable(Level::Warning, name.as_str(), problem, "rename it"));
                    // The snapshot leaves such files alone; what is wrong inside is said all the same.
                    found.extend(parse(&name, &text).1);
                }
                files.push(ContractFile { path: name.into(), text });
            }
            Err(_) => found.push(Diagnostic::unreadable(
                Level::Error,
                name,
                "the file is not UTF-8 text",
                "save it as UTF-8",
            )),
        }
    }
    Ok(files)
}

/// Contract files of a folder; folders whose name begins with a dot are passed over. Links and submodules are not followed, as workers do
/// not follow those of a commit, and where contracts may be missing for it that is said.
fn search(folder: &Path, depth: usize, names: &mut Vec<PathBuf>, found: &mut Vec<Diagnostic>) -> anyhow::Result<()> {
    if depth > DEPTH_MAX {
        bail!("{}: folders are nested deeper than {DEPTH_MAX}", folder.display());
    }
    let left_out = |found: &mut Vec<Diagnostic>, level: Level, path: &Path, problem: &str| {
        found.push(Diagnostic::unreadable(level, shown(path), problem, "commit the files themselves"));
    };
    // Who asks for the repository of a file in it would get that one, with a history of its own.
    if is_bare(folder) && !folder.join(".git").exists() {
        left_out(
            found,
            Level::Error,
            folder,
            "a repository inside of the repository (HEAD, objects, refs): nothing in it is read",
        );
        return Ok(());
    }
    if depth > 0 && folder.join(".git").exists() {
        left_out(
            found,
            Level::Warning,
            folder,
            "a submodule is no part of the commit: nothing in it is read",
        );
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = entry.path();
        let raw = entry.file_name();
        let name = raw.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if raw.to_str().is_none() && (kind.is_dir() || is_contract_path(&name)) {
            // Nothing could name it: no owner, no finding, no snapshot.
            found.push(Diagnostic::unreadable(
                Level::Error,
                shown(&path),
                "the name is not UTF-8",
                "rename it",
            ));
            continue;
        }
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_symlink() && (is_contract_path(&name) || path.is_dir()) {
            // A contract that is a link would silently not be there; a folder may hold anything.
            let level = if is_contract_path(&name) { Level::Error } else { Level::Warning };
            left_out(found, level, &path, "symbolic links of a commit are not followed");
        } else if is_contract_path(&name) {
            // What is no regular file is refused where it is read.
            names.push(path);
        }
        if names.len() > FILES_MAX {
            bail!("more than {FILES_MAX} contract files");
        }
    }
    folders.iter().try_for_each(|folder| search(folder, depth + 1, names, found))
}

fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}
