//! The past of a branch: contract files as its commits held them, where two branches parted, what a clone takes for published.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use gix::object::tree::EntryKind;
use gix::{ObjectId, Repository, Tree};
use tidegate_contract::ContractFile;
use tidegate_contract::snapshot::is_contract_path;
use tidegate_flow::{Remedy, WorldError};

use crate::reading::{FILE_BYTES_MAX, FOLDERS_DEEP_MAX};
use crate::repository::{caused, full_id, open, operator, tree_of};

/// The most commits that are looked at, the newest ones.
pub const COMMITS_MAX: usize = 50_000;

/// How far a walk came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Commits on the way.
    pub commits: usize,
    /// Whether the first commit of the branch was reached: false in a shallow clone, and past [`COMMITS_MAX`].
    pub is_whole: bool,
}

/// Gives `each` every content that a contract file below `folder` ever had on the way of first parents from this commit (40 hex digits) back
/// to the beginning, oldest first, together with the commit that had it first; paths are relative to the folder.
///
/// First parents are what the branch itself was: what was tried on another branch counts from its merge on. Hidden folders, links and
/// submodules are passed over, as are files past the limits of a reading, which never loaded. Each tree and each file is read once,
/// however many commits hold it, so a walk costs about as much as what changed.
pub fn walk(path: &Path, commit: &str, folder: &str, each: &mut dyn FnMut(&Arc<str>, ContractFile)) -> Result<Walked, WorldError> {
    let repository = open(path)?;
    let chain = first_parents(&repository, path, id_of(commit)?, COMMITS_MAX)?;
    let mut seen = Seen::default();
    for id in chain.commits.iter().rev() {
        // The folder may be younger than the branch.
        let Ok(tree) = tree_of(&repository, path, *id, folder) else {
            // A commit that cannot be read at all is another matter.
            tree_of(&repository, path, *id, "")?;
            continue;
        };
        let commit: Arc<str> = id.to_string().into();
        seen.tree(&repository, &tree, "", 0, &mut |file| each(&commit, file))?;
    }
    Ok(Walked {
        commits: chain.commits.len(),
        is_whole: chain.is_whole,
    })
}

/// Gives `each` the files right in `schemas/BELOW` as each commit on the way of first parents held them, oldest first, whenever they changed;
/// their paths begin with `schemas/`. The folder `schemas` is that of `folder`, and where it has none that of the root, as
/// [`crate::repository::read_commit`] reads it. Files past the limits of a reading are left out.
pub fn versions_of(
    path: &Path,
    commit: &str,
    folder: &str,
    below: &str,
    each: &mut dyn FnMut(Vec<ContractFile>),
) -> Result<(), WorldError> {
    let repository = open(path)?;
    let chain = first_parents(&repository, path, id_of(commit)?, COMMITS_MAX)?;
    let mut before = None;
    for id in chain.commits.iter().rev() {
        let root = tree_of(&repository, path, *id, "")?;
        let what = || format!("cannot read schemas/{below} of an earlier commit");
        let found = |folder: &str| {
            let steps = folder.split('/').filter(|step| !matches!(*step, "" | "."));
            let entry = root.lookup_entry(steps.map(str::as_bytes));
            let entry = entry.map_err(|error| caused(Remedy::Retry, what(), error))?;
            Ok::<_, WorldError>(entry.filter(|entry| entry.mode().is_tree()).map(|entry| entry.object_id()))
        };
        let own = found(&format!("{folder}/schemas"))?.is_some();
        let place = if own {
            format!("{folder}/schemas/{below}")
        } else {
            format!("schemas/{below}")
        };
        let Some(tree) = found(&place)?.filter(|tree| before != Some(*tree)) else {
            continue;
        };
        before = Some(tree);
        let tree = repository.find_tree(tree).map_err(|error| caused(Remedy::Retry, what(), error))?;
        let mut files = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(|error| caused(Remedy::Operator, format!("the tree {} is damaged", tree.id), error))?;
            let (Ok(name), true) = (std::str::from_utf8(entry.filename()), entry.mode().is_blob()) else {
                continue;
            };
            let header = repository
                .find_header(entry.object_id())
                .map_err(|error| caused(Remedy::Retry, what(), error))?;
            if header.size() > FILE_BYTES_MAX {
                continue;
            }
            let blob = repository
                .find_blob(entry.object_id())
                .map_err(|error| caused(Remedy::Retry, what(), error))?;
            if let Ok(text) = String::from_utf8(blob.detach().data) {
                let path = format!("schemas/{below}/{name}").into();
                files.push(ContractFile { path, text });
            }
        }
        each(files);
    }
    Ok(())
}

/// Whether the commit (40 hex digits) has that folder.
pub fn has_folder(path: &Path, commit: &str, folder: &str) -> Result<bool, WorldError> {
    let repository = open(path)?;
    let id = id_of(commit)?;
    // A commit that is not there at all is an error, not a missing folder.
    tree_of(&repository, path, id, "")?;
    Ok(tree_of(&repository, path, id, folder).is_ok())
}

/// The commits from this one back along first parents, newest first, at most so many.
pub fn line(path: &Path, commit: &str, most: usize) -> Result<Vec<String>, WorldError> {
    let repository = open(path)?;
    let chain = first_parents(&repository, path, id_of(commit)?, most)?;
    Ok(chain.commits.iter().map(ToString::to_string).collect())
}

/// The commit in which the histories of two commits parted; none when they share nothing, as in a shallow clone. Of several, one.
pub fn merge_base(path: &Path, one: &str, other: &str) -> Result<Option<String>, WorldError> {
    let repository = open(path)?;
    let found = repository.merge_base(id_of(one)?, id_of(other)?);
    let what = || format!("cannot read the history of {}", path.display());
    let found = found.map_err(|error| caused(Remedy::Retry, what(), error))?;
    Ok(found.map(|id| id.detach().to_string()))
}

/// The commit of the default branch of the remote `origin` as this clone last saw it, and the name of that branch; none in a repository that
/// was not cloned, or that never asked which branch it is.
pub fn default_branch(path: &Path) -> Result<Option<(String, String)>, WorldError> {
    let repository = open(path)?;
    let what = || format!("cannot look up the default branch of {}", path.display());
    let looked_up = repository.try_find_reference("refs/remotes/origin/HEAD");
    let Some(mut head) = looked_up.map_err(|error| caused(Remedy::Operator, what(), error))? else {
        return Ok(None);
    };
    let target = head.target().try_name().map(|name| name.shorten().to_string());
    // It may name a branch that was since removed; then nothing is known.
    let commit = head.peel_to_commit().ok().map(|commit| commit.id.to_string());
    Ok(commit.map(|commit| (target.unwrap_or_else(|| "origin/HEAD".to_owned()), commit)))
}

struct Chain {
    /// Newest first.
    commits: Vec<ObjectId>,
    is_whole: bool,
}

fn first_parents(repository: &Repository, path: &Path, from: ObjectId, most: usize) -> Result<Chain, WorldError> {
    let what = || format!("cannot read the history of {}", path.display());
    let walk = repository.rev_walk([from]).first_parent_only().all();
    let mut commits = Vec::new();
    for commit in walk.map_err(|error| caused(Remedy::Retry, what(), error))? {
        if commits.len() == most {
            return Ok(Chain { commits, is_whole: false });
        }
        commits.push(commit.map_err(|error| caused(Remedy::Retry, what(), error))?.id);
    }
    // The last commit of a shallow clone names a parent that is not there.
    let last = commits.last().copied().unwrap_or(from);
    let last = repository.find_commit(last).map_err(|error| caused(Remedy::Retry, what(), error))?;
    let is_whole = last.parent_ids().next().is_none();
    Ok(Chain { commits, is_whole })
}

/// What was looked at before, by content.
#[derive(Default)]
struct Seen {
    trees: HashSet<ObjectId>,
    files: HashSet<ObjectId>,
}

// === impl Seen ===

impl Seen {
    fn tree(
        &mut self,
        repository: &Repository,
        tree: &Tree<'_>,
        path: &str,
        depth: usize,
        each: &mut dyn FnMut(ContractFile),
    ) -> Result<(), WorldError> {
        if depth > FOLDERS_DEEP_MAX || !self.trees.insert(tree.id) {
            return Ok(());
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
                EntryKind::Tree if !self.trees.contains(&id) => {
                    let subtree = repository.find_tree(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
                    self.tree(repository, &subtree, &below, depth + 1, each)?;
                }
                EntryKind::Blob | EntryKind::BlobExecutable if is_contract_path(&below) && self.files.insert(id) => {
                    let header = repository.find_header(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
                    if header.size() > FILE_BYTES_MAX {
                        continue;
                    }
                    let blob = repository.find_blob(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
                    if let Ok(text) = String::from_utf8(blob.detach().data) {
                        each(ContractFile { path: below.into(), text });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn id_of(commit: &str) -> Result<ObjectId, WorldError> {
    full_id(commit).ok_or_else(|| operator(format!("`{commit}` is not a commit id of 40 hex digits")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Repo;

    fn texts(repo: &Repo, commit: &str, folder: &str) -> (Vec<(String, String, String)>, Walked) {
        let mut found = Vec::new();
        let walked = walk(repo.path(), commit, folder, &mut |commit, file| {
            found.push((commit.to_string(), file.path.to_string(), file.text));
        });
        (found, walked.unwrap())
    }

    #[test]
    fn every_content_once_with_the_commit_that_had_it_first() {
        let repo = Repo::new();
        repo.write("README", "no contract yet");
        repo.commit();
        repo.write("contracts/shop/a.odcs.yaml", "one");
        repo.write("contracts/.hidden/x.odcs.yaml", "hidden");
        repo.write_bytes("contracts/n.odcs.yaml", b"\xff");
        let first = repo.commit();
        repo.write("contracts/shop/a.odcs.yaml", "two");
        let second = repo.commit();
        // A branch tries something and takes it back; main sees the merge only.
        repo.git(&["switch", "-q", "-c", "branch"]);
        repo.write("contracts/shop/a.odcs.yaml", "tried");
        repo.commit();
        repo.write("contracts/shop/a.odcs.yaml", "three");
        let on_branch = repo.commit();
        repo.git(&["switch", "-q", "main"]);
        repo.write("README", "meanwhile");
        let parted = repo.git(&["rev-parse", "HEAD"]);
        repo.commit();
        repo.git(&["merge", "-q", "--no-ff", "-m", "m", "branch"]);
        let merged = repo.git(&["rev-parse", "HEAD"]);
        // The old content again, and the same file under another name.
        repo.write("contracts/shop/a.odcs.yaml", "one");
        repo.write("contracts/copy.odcs.yaml", "two");
        let last = repo.commit();
        let (found, walked) = texts(&repo, &last, "contracts");
        let expected = [(&first, "one"), (&second, "two"), (&merged, "three")];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(commit, text)| (commit.clone(), "shop/a.odcs.yaml".to_owned(), text.to_owned()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(
            walked,
            Walked {
                commits: 6,
                is_whole: true
            }
        );
        assert!(texts(&repo, &last, "nowhere").0.is_empty());
        assert!(has_folder(repo.path(), &last, "contracts/shop").unwrap() && !has_folder(repo.path(), &last, "nowhere").unwrap());
        assert!(has_folder(repo.path(), &"0".repeat(40), "").is_err());
        assert_eq!(texts(&repo, &last, "").0.len(), 3);
        assert_eq!(merge_base(repo.path(), &on_branch, &parted).unwrap(), Some(parted.clone()));
        assert_eq!(line(repo.path(), &last, 2).unwrap(), [last.clone(), merged]);
        // Another beginning has nothing in common.
        repo.git(&["switch", "-q", "--orphan", "other"]);
        let other = repo.commit();
        assert_eq!(merge_base(repo.path(), &other, &last).unwrap(), None);
        assert!(
            walk(repo.path(), "main", "", &mut |_, _| {}).is_err(),
            "names are resolved by somebody else"
        );
    }

    #[test]
    fn a_shallow_clone_says_that_it_is() {
        let repo = Repo::new();
        for text in ["one", "two", "three"] {
            repo.write("a.odcs.yaml", text);
            repo.commit();
        }
        let head = repo.git(&["rev-parse", "HEAD"]);
        assert_eq!(default_branch(repo.path()).unwrap(), None);
        let clone = tempfile::tempdir().unwrap();
        let url = format!("file://{}", repo.path().display());
        repo.git(&["clone", "-q", "--depth", "2", &url, clone.path().to_str().unwrap()]);
        let mut seen = Vec::new();
        let walked = walk(clone.path(), &head, "", &mut |_, file| seen.push(file.text)).unwrap();
        assert_eq!(
            (seen, walked),
            (
                vec!["two".to_owned(), "three".to_owned()],
                Walked {
                    commits: 2,
                    is_whole: false
                }
            )
        );
        assert_eq!(default_branch(clone.path()).unwrap(), Some(("origin/main".to_owned(), head)));
    }
}
