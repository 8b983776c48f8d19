//! The folder `schemas` of earlier commits.

use std::collections::HashSet;
use std::path::Path;

use gix::{ObjectId, Repository, Tree};
use tidegate_flow::{Remedy, WorldError};

use crate::reading::FOLDERS_DEEP_MAX;
use crate::repository::{caused, tree_of};

/// Every file that a walk has met below `schemas`: paths with contents.
#[derive(Default)]
pub(super) struct SchemasSeen {
    files: HashSet<(String, ObjectId)>,
}

/// The tree of `schemas` of a commit: that of the folder, and where it has none that of the root, as a commit is read.
pub(super) fn schemas_of(repository: &Repository, path: &Path, commit: ObjectId, folder: &str) -> Result<Option<ObjectId>, WorldError> {
    let root = tree_of(repository, path, commit, "")?;
    match below(&root, &format!("{folder}/schemas"))? {
        Some(own) => Ok(Some(own)),
        None => below(&root, "schemas"),
    }
}

/// The tree at a path; none where there is no folder.
pub(super) fn below(root: &Tree<'_>, path: &str) -> Result<Option<ObjectId>, WorldError> {
    let steps = path.split('/').filter(|step| !matches!(*step, "" | "."));
    let entry = root.lookup_entry(steps.map(str::as_bytes));
    let entry = entry.map_err(|error| caused(Remedy::Retry, format!("cannot read {path} of an earlier commit"), error))?;
    Ok(entry.filter(|entry| entry.mode().is_tree()).map(|entry| entry.object_id()))
}

// === impl SchemasSeen ===

impl SchemasSeen {
    /// Takes up everything in the tree.
    pub(super) fn take(&mut self, repository: &Repository, schemas: Option<ObjectId>) -> Result<(), WorldError> {
        let files = &mut self.files;
        visit(repository, schemas, (String::new(), 0), &mut |path, id| files.insert((path, id))).map(drop)
    }

    /// Whether the tree has a file that was not met before at its path with its content.
    pub(super) fn lacks(&self, repository: &Repository, schemas: Option<ObjectId>) -> Result<bool, WorldError> {
        let mut lacks = false;
        visit(repository, schemas, (String::new(), 0), &mut |path, id| {
            let is_new = !self.files.contains(&(path, id));
            lacks |= is_new;
            is_new
        })?;
        Ok(lacks)
    }
}

/// Gives `each` folders and files of a tree; what is in a folder only where it says that the folder is new.
fn visit(
    repository: &Repository,
    tree: Option<ObjectId>,
    (path, depth): (String, usize),
    each: &mut dyn FnMut(String, ObjectId) -> bool,
) -> Result<(), WorldError> {
    let Some(id) = tree.filter(|_| depth <= FOLDERS_DEEP_MAX) else {
        return Ok(());
    };
    let what = || format!("cannot read schemas/{path} of an earlier commit");
    let tree = repository.find_tree(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
    for entry in tree.iter() {
        let entry = entry.map_err(|error| caused(Remedy::Operator, format!("the tree {id} is damaged"), error))?;
        let name = entry.filename();
        // Copies of texts that were registered judge nothing.
        if depth == 0 && name == "registered" {
            continue;
        }
        let inner = format!("{path}/{name}");
        let id = entry.object_id();
        if each(inner.clone(), id) && entry.mode().is_tree() {
            visit(repository, Some(id), (inner, depth + 1), each)?;
        }
    }
    Ok(())
}
