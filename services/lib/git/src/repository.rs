//! Contract files of one commit of a local repository, read from its object database.

use std::path::Path;

use gix::object::tree::EntryKind;
use gix::{ObjectId, Repository, Tree};
use tidegate_contract::event_schema::is_schema_path;
use tidegate_flow::{Remedy, WorldError};

use crate::reading::{FOLDERS_DEEP_MAX, Reading, is_wanted};

/// Whether the path is a repository: a working tree with its `.git`, or a bare one.
pub fn is_repository(path: &Path) -> bool {
    let bare = path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir();
    bare || path.join(".git").exists()
}

/// The commit that a branch, tag or commit id names now, as 40 hex digits. No reference means `HEAD`.
///
/// The repository is opened afresh on every call, so that a fetch or a repack by somebody else is seen. Configuration outside of the
/// repository and the environment are not read.
pub fn resolve(path: &Path, reference: Option<&str>) -> Result<String, WorldError> {
    let repository = open(path)?;
    find_commit(&repository, path, reference).map(|id| id.to_string())
}

/// Every contract file of the commit with these 40 hex digits, below `folder` (`""` for all), hidden folders left out; paths are relative
/// to the folder. Event schemas are those of the folder's `schemas`, and where it has none those of the root of the commit; their paths begin
/// with `schemas/` either way. Submodules and symbolic links are not followed.
pub fn read_commit(path: &Path, commit: &str, folder: &str) -> Result<Reading, WorldError> {
    let repository = open(path)?;
    let id = full_id(commit).ok_or_else(|| operator(format!("`{commit}` is not a commit id of 40 hex digits")))?;
    let tree = tree_of(&repository, path, id, folder)?;
    let mut reading = Reading::default();
    read_tree(&repository, &tree, "", 0, is_wanted, &mut reading)?;
    if tree
        .find_entry("schemas".as_bytes())
        .is_none_or(|entry| entry.kind() != EntryKind::Tree)
    {
        let root = tree_of(&repository, path, id, "")?;
        if let Some(schemas) = root
            .find_entry("schemas".as_bytes())
            .filter(|entry| entry.kind() == EntryKind::Tree)
        {
            let id = schemas.object_id();
            let what = || "cannot read the folder schemas".to_owned();
            let schemas = repository.find_tree(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
            read_tree(&repository, &schemas, "schemas", 0, is_schema_path, &mut reading)?;
        }
    }
    reading.sort();
    Ok(reading)
}

/// The files of another folder of that commit (`""` for the root) whose paths below it are wanted; none when it has no such folder.
pub fn read_folder(path: &Path, commit: &str, folder: &str, wanted: fn(&str) -> bool) -> Result<Option<Reading>, WorldError> {
    let repository = open(path)?;
    let id = full_id(commit).ok_or_else(|| operator(format!("`{commit}` is not a commit id of 40 hex digits")))?;
    // A commit that cannot be read at all is another matter.
    tree_of(&repository, path, id, "")?;
    let Ok(tree) = tree_of(&repository, path, id, folder) else {
        return Ok(None);
    };
    let mut reading = Reading::default();
    read_tree(&repository, &tree, "", 0, wanted, &mut reading)?;
    reading.sort();
    Ok(Some(reading))
}

/// Whether `commit` is `earlier` or has it among its ancestors. A commit that is no longer there is nobody's ancestor.
pub fn comes_after(path: &Path, commit: &str, earlier: &str) -> Result<bool, WorldError> {
    let repository = open(path)?;
    let (Some(commit), Some(earlier)) = (full_id(commit), full_id(earlier)) else {
        return Ok(false);
    };
    if repository.find_commit(earlier).is_err() {
        return Ok(false);
    }
    let what = || format!("cannot read the history of {}", path.display());
    let walk = repository.rev_walk([commit]).all();
    for ancestor in walk.map_err(|error| caused(Remedy::Retry, what(), error))? {
        if ancestor.map_err(|error| caused(Remedy::Retry, what(), error))?.id == earlier {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the repository is there and holds that commit.
pub(crate) fn has_commit(path: &Path, commit: &str) -> bool {
    let found = open(path).ok().zip(full_id(commit));
    found.is_some_and(|(repository, id)| repository.find_commit(id).is_ok())
}

/// The commit that this one was made from, the first of them after a merge; none for the first of all and for one that is not there.
pub(crate) fn parent(path: &Path, commit: &str) -> Option<String> {
    let (repository, id) = open(path).ok().zip(full_id(commit))?;
    let commit = repository.find_commit(id).ok()?;
    commit.parent_ids().next().map(|id| id.to_string())
}

pub(crate) fn open(path: &Path) -> Result<Repository, WorldError> {
    let opened = gix::open::Options::isolated().open(path);
    let repository = opened.map_err(|error| caused(Remedy::Operator, format!("cannot open the repository {}", path.display()), error))?;
    Ok(repository.to_thread_local())
}

fn find_commit(repository: &Repository, path: &Path, reference: Option<&str>) -> Result<ObjectId, WorldError> {
    let Some(name) = reference else {
        let head = repository.head_commit();
        let what = || format!("the repository {} has no commit at HEAD yet", path.display());
        return head
            .map(|commit| commit.id)
            .map_err(|error| caused(Remedy::Operator, what(), error));
    };
    if let Some(id) = full_id(name) {
        let found = repository.find_commit(id);
        let what = || format!("the repository {} has no commit {name}", path.display());
        return found
            .map(|commit| commit.id)
            .map_err(|error| caused(Remedy::Operator, what(), error));
    }
    // Full names only: the expressions of `git rev-parse` (searches, reflogs, ancestors) do not belong into a configuration.
    let candidates = match name.starts_with("refs/") {
        true => vec![name.to_owned()],
        false => vec![
            format!("refs/heads/{name}"),
            format!("refs/tags/{name}"),
            format!("refs/remotes/origin/{name}"),
        ],
    };
    let mut found: Vec<(String, ObjectId)> = Vec::new();
    for full_name in candidates {
        let looked_up = repository.try_find_reference(full_name.as_str());
        let what = || format!("cannot look up `{full_name}` in {}", path.display());
        let Some(mut one) = looked_up.map_err(|error| caused(Remedy::Operator, what(), error))? else {
            continue;
        };
        if one.name().as_bstr() != full_name.as_str() {
            continue;
        }
        let commit = one.peel_to_commit();
        let what = || format!("`{full_name}` of {} does not lead to a commit", path.display());
        let commit = commit.map_err(|error| caused(Remedy::Operator, what(), error))?;
        found.push((full_name, commit.id));
    }
    // A remote-tracking branch is what a local branch of that name was made from; a tag of that name is something else.
    let is_ambiguous =
        found.len() > 1 && found[0].0.starts_with("refs/heads/") && found[1].0.starts_with("refs/tags/") && found[0].1 != found[1].1;
    if is_ambiguous {
        return Err(operator(format!(
            "`{name}` is a branch and a tag of {}; write `refs/heads/{name}` or `refs/tags/{name}`",
            path.display()
        )));
    }
    match found.into_iter().next() {
        Some((_, id)) => Ok(id),
        None => Err(operator(format!(
            "the repository {} has no branch, tag or commit `{name}` (a commit is written with all of its 40 digits)",
            path.display()
        ))),
    }
}

pub(crate) fn full_id(text: &str) -> Option<ObjectId> {
    (text.len() == 40).then(|| ObjectId::from_hex(text.as_bytes()).ok()).flatten()
}

pub(crate) fn tree_of<'r>(repository: &'r Repository, path: &Path, commit: ObjectId, folder: &str) -> Result<Tree<'r>, WorldError> {
    let found = repository.find_commit(commit).and_then(|commit| commit.tree());
    // An object may be missing for a moment while somebody repacks.
    let mut tree = found.map_err(|error| caused(Remedy::Retry, format!("cannot read commit {commit} of {}", path.display()), error))?;
    for name in folder.split('/').filter(|name| !matches!(*name, "" | ".")) {
        let missing = || operator(format!("commit {commit} of {} has no folder `{folder}`", path.display()));
        let entry = tree
            .find_entry(name.as_bytes())
            .filter(|entry| entry.kind() == EntryKind::Tree)
            .ok_or_else(missing)?;
        let id = entry.object_id();
        tree = repository
            .find_tree(id)
            .map_err(|error| caused(Remedy::Retry, format!("cannot read the tree {id}"), error))?;
    }
    Ok(tree)
}

fn read_tree(
    repository: &Repository,
    tree: &Tree<'_>,
    path: &str,
    depth: usize,
    wanted: fn(&str) -> bool,
    reading: &mut Reading,
) -> Result<(), WorldError> {
    if depth > FOLDERS_DEEP_MAX {
        reading.refuse(
            path,
            &format!("folders are nested deeper than {FOLDERS_DEEP_MAX}"),
            "flatten the folders",
        );
        return Ok(());
    }
    for entry in tree.iter() {
        let entry = entry.map_err(|error| caused(Remedy::Operator, format!("the tree {} is damaged", tree.id), error))?;
        let name = entry.filename().to_string();
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        if !reading.admit_entry(&below) {
            return Ok(());
        }
        if name.starts_with('.') {
            continue;
        }
        let id = entry.object_id();
        match entry.kind() {
            EntryKind::Tree => {
                let what = || format!("cannot read the folder {below}");
                let subtree = repository.find_tree(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
                read_tree(repository, &subtree, &below, depth + 1, wanted, reading)?;
            }
            EntryKind::Blob | EntryKind::BlobExecutable if wanted(&below) => {
                if std::str::from_utf8(entry.filename()).is_err() {
                    reading.refuse(&below, "the name of the file is not UTF-8", "rename it");
                    continue;
                }
                // The size comes from the header, so that a blob of gigabytes is never inflated.
                let what = || format!("cannot read the file {below}");
                let header = repository.find_header(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
                if reading.admit_size(&below, header.size()) {
                    let blob = repository.find_blob(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
                    reading.take(&below, blob.detach().data);
                }
            }
            EntryKind::Link if wanted(&below) => {
                reading.leave_out(&below, "symbolic links of a commit are not followed", "commit the file itself");
            }
            EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link | EntryKind::Commit => {}
        }
    }
    Ok(())
}

pub(crate) fn operator(what: String) -> WorldError {
    WorldError::new(Remedy::Operator, what)
}

/// The reader of errors shows one line, so the cause belongs into it.
pub(crate) fn caused(remedy: Remedy, what: String, error: gix::Error) -> WorldError {
    WorldError::caused(remedy, format!("{what}: {error}"), error)
}

#[cfg(test)]
mod tests;
