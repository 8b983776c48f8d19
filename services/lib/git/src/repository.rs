//! Contract files of one commit of a local repository, read from its object database.

use std::path::Path;

use gix::object::tree::EntryKind;
use gix::{ObjectId, Repository, Tree};
use tidegate_contract::event_schema::is_schema_path;
use tidegate_contract::snapshot::is_contract_path;
use tidegate_flow::{Remedy, WorldError};

use crate::reading::{FOLDERS_DEEP_MAX, Reading, is_wanted};

/// Whether the path is a repository: a working tree with its `.git`, or a bare one.
pub fn is_repository(path: &Path) -> bool {
    let bare = path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir();
    bare || path.join(".git").exists()
}

/// The root of the repository that a place lies in: the nearest working tree at or above it, and a bare repository only where there is none. Files of
/// a commit can look like a bare repository, but never like a working tree: Git takes up nothing that is called `.git`.
pub fn root_of(place: &Path) -> Option<&Path> {
    let tree = place.ancestors().find(|folder| folder.join(".git").exists());
    tree.or_else(|| place.ancestors().find(|folder| is_repository(folder)))
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
/// with `schemas/` either way.
///
/// Nothing outside of the commit is read. What would silently be missing for it refuses the reading: a contract that is a symbolic link, a
/// link to a folder or out of the repository, and a submodule. A link to a file that is no contract, and a schema file that is a link
/// (whoever names it does not load), are left out.
pub fn read_commit(path: &Path, commit: &str, folder: &str) -> Result<Reading, WorldError> {
    let repository = open(path)?;
    let id = full_id(commit).ok_or_else(|| operator(format!("`{commit}` is not a commit id of 40 hex digits")))?;
    let tree = tree_of(&repository, path, id, folder)?;
    let root = tree_of(&repository, path, id, "")?;
    let mut reading = Reading::default();
    let links = Links { root: &root, folder };
    read_tree(&repository, &tree, "", 0, (is_wanted, Some(&links)), &mut reading)?;
    let is_folder = |entry: &gix::object::tree::EntryRef<'_, '_>| entry.kind() == EntryKind::Tree;
    if !tree.find_entry("schemas".as_bytes()).is_some_and(|entry| is_folder(&entry))
        && let Some(schemas) = root.find_entry("schemas".as_bytes()).filter(is_folder)
    {
        let id = schemas.object_id();
        let what = || "cannot read the folder schemas".to_owned();
        let schemas = repository.find_tree(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
        let links = Links { root: &root, folder: "" };
        read_tree(&repository, &schemas, "schemas", 0, (is_schema_path, Some(&links)), &mut reading)?;
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
    // Not contracts: what is behind a link is left out, and takes no contract away.
    read_tree(&repository, &tree, "", 0, (wanted, None), &mut reading)?;
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

/// The largest object that is read whole.
const OBJECT_BYTES_MAX: u64 = 32 * 1024 * 1024;

pub(crate) fn open(path: &Path) -> Result<Repository, WorldError> {
    let bounded = gix::open::Options::isolated().config_overrides([format!("gitoxide.objects.allocLimit={OBJECT_BYTES_MAX}")]);
    let opened = bounded.open(path);
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
    find_among(repository, path, name, &candidates)
}

/// The commit of what a mirror keeps under the first of these names: a branch, then a tag.
pub(crate) fn resolve_kept(path: &Path, reference: Option<&str>, names: &[String]) -> Result<String, WorldError> {
    let repository = open(path)?;
    match reference {
        Some(commit) if full_id(commit).is_some() => find_commit(&repository, path, reference),
        _ => find_among(&repository, path, reference.unwrap_or("HEAD"), names),
    }
    .map(|id| id.to_string())
}

/// `candidates` are full names, a branch before a tag.
fn find_among(repository: &Repository, path: &Path, name: &str, candidates: &[String]) -> Result<ObjectId, WorldError> {
    // No name of a reference has these (`git check-ref-format`).
    if name.contains(['~', '^', ':', '?', '*', '[', '\\', ' ']) || name.contains("..") || name.contains("@{") {
        let what = format!(
            "`{name}` is no name: say a branch, a tag, or a commit by all of its 40 digits; expressions such as main~1 are not read"
        );
        return Err(WorldError::new(Remedy::Operator, what));
    }
    let mut found: Vec<(usize, ObjectId)> = Vec::new();
    for (at, full_name) in candidates.iter().enumerate() {
        let looked_up = repository.try_find_reference(full_name.as_str());
        let what = || format!("cannot look up `{name}` in {}", path.display());
        let Some(mut one) = looked_up.map_err(|error| caused(Remedy::Operator, what(), error))? else {
            continue;
        };
        if one.name().as_bstr() != full_name.as_str() {
            continue;
        }
        let commit = one.peel_to_commit();
        let what = || format!("`{name}` of {} does not lead to a commit", path.display());
        let commit = commit.map_err(|error| caused(Remedy::Operator, what(), error))?;
        found.push((at, commit.id));
    }
    // A remote-tracking branch is what a local branch of that name was made from; a tag of that name is something else.
    if let [(0, branch), (1, tag), ..] = found[..]
        && branch != tag
    {
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
    if !repository.has_object(commit) {
        return Err(operator(format!("{} has no commit {commit}, or has it no longer", path.display())));
    }
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
    (wanted, links): (fn(&str) -> bool, Option<&Links<'_>>),
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
                read_tree(repository, &subtree, &below, depth + 1, (wanted, links), reading)?;
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
            EntryKind::Link if links.is_some() && is_contract_path(&below) => {
                reading.refuse(
                    &below,
                    "the contract is a symbolic link, which is not followed",
                    "commit the file itself",
                );
            }
            EntryKind::Link if wanted(&below) => {
                reading.leave_out(&below, "symbolic links of a commit are not followed", "commit the file itself");
            }
            EntryKind::Link => {
                if let Some(links) = links
                    && let Some(problem) = links.problem(repository, &below, id)?
                {
                    reading.refuse(
                        &below,
                        problem,
                        "commit the files themselves, or name the folder of the contracts (#REF:FOLDER)",
                    );
                }
            }
            EntryKind::Commit if links.is_some() => {
                let help = "commit the files themselves, or name the folder of the contracts (#REF:FOLDER)";
                reading.refuse(
                    &below,
                    "a submodule is no part of the commit: contracts in it would be missing",
                    help,
                );
            }
            EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Commit => {}
        }
    }
    Ok(())
}

/// Where symbolic links lead, told from the commit alone.
struct Links<'a> {
    root: &'a Tree<'a>,
    /// That the paths are relative to.
    folder: &'a str,
}

// === impl Links ===

impl Links<'_> {
    /// Why a link that is no contract must not be passed over: behind it there may be contracts.
    fn problem(&self, repository: &Repository, path: &str, id: ObjectId) -> Result<Option<&'static str>, WorldError> {
        let what = || format!("cannot read the link {path}");
        let header = repository.find_header(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
        if header.size() > 4096 {
            return Ok(Some("the symbolic link leads nowhere that could be read"));
        }
        let blob = repository.find_blob(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
        let outside = Ok(Some("the symbolic link leads out of the repository"));
        let Ok(target) = std::str::from_utf8(&blob.data) else {
            return outside;
        };
        if target.starts_with('/') {
            return outside;
        }
        let mut steps: Vec<&str> = self
            .folder
            .split('/')
            .chain(path.split('/'))
            .filter(|step| !matches!(*step, "" | "."))
            .collect();
        steps.pop();
        for step in target.split('/') {
            match step {
                "" | "." => {}
                ".." if steps.pop().is_none() => return outside,
                ".." => {}
                step => steps.push(step),
            }
        }
        if steps.is_empty() {
            return Ok(Some("the symbolic link leads to a folder, which is not followed"));
        }
        let entry = self.root.lookup_entry(steps.iter().map(|step| step.as_bytes()));
        let entry = entry.map_err(|error| caused(Remedy::Retry, what(), error))?;
        Ok(match entry.map(|entry| entry.mode().kind()) {
            Some(EntryKind::Blob | EntryKind::BlobExecutable) | None => None,
            Some(EntryKind::Tree | EntryKind::Commit) => Some("the symbolic link leads to a folder, which is not followed"),
            Some(EntryKind::Link) => Some("the symbolic link leads to another link, which is not followed"),
        })
    }
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
