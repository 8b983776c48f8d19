//! Which contents of contract files a walk has given already.

use std::collections::HashMap;
use std::path::Path;

use gix::object::tree::EntryKind;
use gix::{ObjectId, Repository, Tree};
use tidegate_contract::ContractFile;
use tidegate_contract::snapshot::is_contract_path;
use tidegate_flow::{Remedy, WorldError};

use super::Taken;
use crate::reading::{FILE_BYTES_MAX, FOLDERS_DEEP_MAX};
use crate::repository::{caused, tree_of};

/// How one commit is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The tree of its `schemas`.
    pub(super) schemas: Option<ObjectId>,
    /// Whether files that loaded with other schemas are given again.
    pub(super) anew: bool,
}

/// What was looked at before, by content.
#[derive(Default)]
pub(super) struct Seen {
    trees: HashMap<ObjectId, State>,
    files: HashMap<ObjectId, State>,
}

/// What is known of a file, or of all files in a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    names_schemas: bool,
    /// It did not load with this tree of schemas (or with none), the last one that it was given with.
    waiting: Option<Option<ObjectId>>,
}

/// Is given one file.
type Given<'e> = dyn FnMut(ContractFile) -> Taken + 'e;

// === impl Seen ===

impl Seen {
    pub(super) fn commit(
        &mut self,
        repository: &Repository,
        path: &Path,
        commit: ObjectId,
        folder: &str,
        look: Look,
        each: &mut Given<'_>,
    ) -> Result<(), WorldError> {
        // The folder may be younger than the branch.
        let Ok(tree) = tree_of(repository, path, commit, folder) else {
            // A commit that cannot be read at all is another matter.
            tree_of(repository, path, commit, "")?;
            return Ok(());
        };
        self.tree(repository, &tree, ("", 0), look, each)?;
        Ok(())
    }

    fn tree(
        &mut self,
        repository: &Repository,
        tree: &Tree<'_>,
        (path, depth): (&str, usize),
        look: Look,
        each: &mut Given<'_>,
    ) -> Result<State, WorldError> {
        let before = self.trees.get(&tree.id).copied();
        if let Some(before) = before.filter(|before| before.is_done(look)) {
            return Ok(before);
        }
        let mut state = State::default();
        if depth > FOLDERS_DEEP_MAX {
            return Ok(state);
        }
        for entry in tree.iter() {
            let entry = entry.map_err(|error| caused(Remedy::Operator, format!("the tree {} is damaged", tree.id), error))?;
            let Ok(name) = std::str::from_utf8(entry.filename()) else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            let below = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            };
            let id = entry.object_id();
            let what = || format!("cannot read {below} of an earlier commit");
            match entry.kind() {
                EntryKind::Tree => {
                    let known = self.trees.get(&id).copied().filter(|known| known.is_done(look));
                    state = state.and(match known {
                        Some(known) => known,
                        None => {
                            let subtree = repository.find_tree(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
                            self.tree(repository, &subtree, (&below, depth + 1), look, each)?
                        }
                    });
                }
                EntryKind::Blob | EntryKind::BlobExecutable if is_contract_path(&below) => {
                    state = state.and(self.file(repository, id, &below, look, each)?);
                }
                _ => {}
            }
        }
        self.trees.insert(tree.id, state);
        Ok(state)
    }

    fn file(&mut self, repository: &Repository, id: ObjectId, path: &str, look: Look, each: &mut Given<'_>) -> Result<State, WorldError> {
        let before = self.files.get(&id).copied();
        if let Some(before) = before.filter(|before| before.is_done(look)) {
            return Ok(before);
        }
        let what = || format!("cannot read {path} of an earlier commit");
        let header = repository.find_header(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
        let mut state = State::default();
        if header.size() <= FILE_BYTES_MAX {
            let blob = repository.find_blob(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
            if let Ok(text) = String::from_utf8(blob.detach().data) {
                let taken = each(ContractFile { path: path.into(), text });
                state.names_schemas = taken != Taken::Whole;
                // What loaded once was published: that it does not load beside other schemas takes nothing away.
                let has_loaded = before.is_some_and(|before| before.waiting.is_none());
                state.waiting = (taken == Taken::Waiting && !has_loaded).then_some(look.schemas);
            }
        }
        self.files.insert(id, state);
        Ok(state)
    }
}

// === impl State ===

impl State {
    fn is_done(&self, look: Look) -> bool {
        let waits = self.waiting.is_some_and(|tried| tried != look.schemas);
        let is_asked_anew = self.names_schemas && look.anew;
        !(waits || is_asked_anew)
    }

    fn and(self, other: State) -> State {
        State {
            names_schemas: self.names_schemas || other.names_schemas,
            waiting: self.waiting.or(other.waiting),
        }
    }
}
