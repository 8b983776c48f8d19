//! What commits held in a folder below `schemas`.

use std::collections::HashSet;
use std::path::Path;

use gix::{ObjectId, Repository};
use tidegate_contract::ContractFile;
use tidegate_flow::{Remedy, WorldError};

use super::schemas::below;
use super::{COMMITS_MAX, first_parents, id_of, other_parents};
use crate::reading::FILE_BYTES_MAX;
use crate::repository::{caused, open, tree_of};

/// How a commit belongs to the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It was the branch.
    Branch,
    /// A merge took it in as the last commit of something beside the branch.
    Tip,
    /// It came along with such a one.
    Beside,
}

/// Gives `each` the files right in `schemas/BELOW` as every commit behind this one held them, whenever they changed: those of the branch
/// oldest first, the tips that a merge took in before the merge, and then what came along with those. Their paths begin with `schemas/`. The
/// folder `schemas` is that of `folder`, and where it has none that of the root, as [`crate::repository::read_commit`] reads it. Files past
/// the limits of a reading are left out.
pub fn versions_of(
    path: &Path,
    commit: &str,
    folder: &str,
    below: &str,
    each: &mut dyn FnMut(Way, Vec<ContractFile>),
) -> Result<(), WorldError> {
    let repository = open(path)?;
    let head = id_of(commit)?;
    let chain = first_parents(&repository, path, head, COMMITS_MAX)?;
    let on_branch: HashSet<ObjectId> = chain.commits.iter().copied().collect();
    let mut records = Records {
        repository: &repository,
        path,
        folder,
        below,
        given: HashSet::new(),
    };
    let mut before = None;
    for id in chain.commits.iter().rev() {
        for tip in other_parents(&repository, path, *id)?
            .into_iter()
            .filter(|tip| !on_branch.contains(tip))
        {
            records.give(tip, &mut before.clone(), &mut |files| each(Way::Tip, files))?;
        }
        records.give(*id, &mut before, &mut |files| each(Way::Branch, files))?;
    }
    let what = || format!("cannot read the history of {}", path.display());
    let walk = repository.rev_walk([head]).all();
    let others = walk.map_err(|error| caused(Remedy::Retry, what(), error))?;
    for other in others.take(COMMITS_MAX) {
        let other = other.map_err(|error| caused(Remedy::Retry, what(), error))?.id;
        if !on_branch.contains(&other) {
            records.give_new(other, &mut |files| each(Way::Beside, files))?;
        }
    }
    Ok(())
}

struct Records<'r> {
    repository: &'r Repository,
    path: &'r Path,
    folder: &'r str,
    below: &'r str,
    /// Trees that were given.
    given: HashSet<ObjectId>,
}

// === impl Records ===

impl Records<'_> {
    /// Gives what a commit holds, unless it is what was there before.
    fn give(&mut self, commit: ObjectId, before: &mut Option<ObjectId>, each: &mut dyn FnMut(Vec<ContractFile>)) -> Result<(), WorldError> {
        let Some(tree) = self.tree(commit)?.filter(|tree| *before != Some(*tree)) else {
            return Ok(());
        };
        *before = Some(tree);
        self.given.insert(tree);
        each(self.files(tree)?);
        Ok(())
    }

    /// Gives what a commit holds, unless any commit held it that was given.
    fn give_new(&mut self, commit: ObjectId, each: &mut dyn FnMut(Vec<ContractFile>)) -> Result<(), WorldError> {
        if let Some(tree) = self.tree(commit)?
            && self.given.insert(tree)
        {
            each(self.files(tree)?);
        }
        Ok(())
    }

    fn tree(&self, commit: ObjectId) -> Result<Option<ObjectId>, WorldError> {
        let root = tree_of(self.repository, self.path, commit, "")?;
        let own = format!("{}/schemas", self.folder);
        match below(&root, &own)? {
            Some(_) => below(&root, &format!("{own}/{}", self.below)),
            None => below(&root, &format!("schemas/{}", self.below)),
        }
    }

    fn files(&self, tree: ObjectId) -> Result<Vec<ContractFile>, WorldError> {
        let what = || format!("cannot read schemas/{} of an earlier commit", self.below);
        let unread = |error| caused(Remedy::Retry, what(), error);
        let tree = self.repository.find_tree(tree).map_err(unread)?;
        let mut files = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(|error| caused(Remedy::Operator, format!("the tree {} is damaged", tree.id), error))?;
            let (Ok(name), true) = (std::str::from_utf8(entry.filename()), entry.mode().is_blob()) else {
                continue;
            };
            let id = entry.object_id();
            let header = self
                .repository
                .find_header(id)
                .map_err(|error| caused(Remedy::Retry, what(), error))?;
            if header.size() > FILE_BYTES_MAX {
                continue;
            }
            let blob = self
                .repository
                .find_blob(id)
                .map_err(|error| caused(Remedy::Retry, what(), error))?;
            if let Ok(text) = String::from_utf8(blob.detach().data) {
                let path = format!("schemas/{}/{name}", self.below).into();
                files.push(ContractFile { path, text });
            }
        }
        Ok(files)
    }
}
