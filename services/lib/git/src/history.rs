//! The past of a branch: contract files as its commits held them, where two branches parted, what a clone takes for published.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use gix::{ObjectId, Repository};
use tidegate_contract::ContractFile;
use tidegate_flow::{Remedy, WorldError};

use self::schemas::{SchemasSeen, schemas_of};
use self::seen::{Look, Seen};
use crate::repository::{caused, full_id, open, operator, tree_of};

mod records;
mod schemas;
mod seen;

pub use records::{Way, versions_of};

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

/// Where a content stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The commit, 40 hex digits.
    pub commit: &'a Arc<str>,
    /// The merge on the branch that took the commit in from beside it; none for a commit of the branch itself.
    pub merge: Option<&'a Arc<str>>,
}

/// What came of a content, which says whether it is to be given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The file alone says what it means: never again.
    Whole,
    /// It names files of `schemas` and loaded with those of this commit: again where a merge takes in others.
    WithSchemas,
    /// It names files of `schemas` and did not load with those of this commit: again in every commit that has others.
    Waiting,
}

/// Is given a content of a contract file, its path relative to the folder.
pub type Each<'e> = dyn FnMut(Place<'_>, ContractFile) -> Taken + 'e;

/// Gives `each` every content that a contract file below `folder` ever had on the way of first parents from this commit (40 hex digits) back
/// to the beginning, oldest first, together with the commit that had it first.
///
/// First parents are what the branch itself was. Of what a merge took in from beside it, only the last commit is looked at, before the merge
/// itself: after `git pull` and a push, that one was the branch. Hidden folders, links and submodules are passed over, as are files past the
/// limits of a reading, which never loaded. Each tree and each file is read once, however many commits hold it, so a walk costs about as much
/// as what changed; [`Taken`] says when a file is given again.
pub fn walk(path: &Path, commit: &str, folder: &str, each: &mut Each<'_>) -> Result<Walked, WorldError> {
    let repository = open(path)?;
    let chain = first_parents(&repository, path, id_of(commit)?, COMMITS_MAX)?;
    let on_branch: HashSet<ObjectId> = chain.commits.iter().copied().collect();
    let mut seen = Seen::default();
    let mut schemas_seen = SchemasSeen::default();
    for id in chain.commits.iter().rev() {
        let schemas = schemas_of(&repository, path, *id, folder)?;
        schemas_seen.take(&repository, schemas)?;
        let name: Arc<str> = id.to_string().into();
        for tip in other_parents(&repository, path, *id)?
            .into_iter()
            .filter(|tip| !on_branch.contains(tip))
        {
            let schemas = schemas_of(&repository, path, tip, folder)?;
            let look = Look {
                schemas,
                anew: schemas_seen.lacks(&repository, schemas)?,
            };
            let tip_name: Arc<str> = tip.to_string().into();
            let place = Place {
                commit: &tip_name,
                merge: Some(&name),
            };
            seen.commit(&repository, path, tip, folder, look, &mut |file| each(place, file))?;
        }
        let place = Place {
            commit: &name,
            merge: None,
        };
        let look = Look { schemas, anew: false };
        seen.commit(&repository, path, *id, folder, look, &mut |file| each(place, file))?;
    }
    Ok(Walked {
        commits: chain.commits.len(),
        is_whole: chain.is_whole,
    })
}

/// Whether a commit is this one, on its way of first parents, or was taken in there by a merge as the last commit of something else: what was
/// in force is one of these.
pub fn is_on_the_way(path: &Path, commit: &str, to: &str) -> Result<bool, WorldError> {
    let repository = open(path)?;
    let commit = id_of(commit)?;
    let chain = first_parents(&repository, path, id_of(to)?, COMMITS_MAX)?;
    if chain.commits.contains(&commit) {
        return Ok(true);
    }
    for id in chain.commits {
        if other_parents(&repository, path, id)?.contains(&commit) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The nearest commit on the way of first parents whose contracts or schemas are others than those of this one.
pub fn before(path: &Path, commit: &str, folder: &str) -> Result<Option<String>, WorldError> {
    let repository = open(path)?;
    let files = |id: ObjectId| {
        let contracts = tree_of(&repository, path, id, folder).ok().map(|tree| tree.id);
        Ok::<_, WorldError>((contracts, schemas_of(&repository, path, id, folder)?))
    };
    let chain = first_parents(&repository, path, id_of(commit)?, COMMITS_MAX)?;
    let Some((first, others)) = chain.commits.split_first() else {
        return Ok(None);
    };
    let here = files(*first)?;
    for id in others {
        let there = files(*id)?;
        if there.0.is_some() && there != here {
            return Ok(Some(id.to_string()));
        }
    }
    Ok(None)
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

/// What a merge took in: every parent but the first. Those that a shallow clone leaves out are left out.
fn other_parents(repository: &Repository, path: &Path, id: ObjectId) -> Result<Vec<ObjectId>, WorldError> {
    let what = || format!("cannot read the history of {}", path.display());
    let commit = repository.find_commit(id).map_err(|error| caused(Remedy::Retry, what(), error))?;
    let others = commit.parent_ids().skip(1).map(gix::Id::detach);
    Ok(others.filter(|id| repository.has_object(*id)).collect())
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
        let walked = walk(repo.path(), commit, folder, &mut |place, file| {
            found.push((place.commit.to_string(), file.path.to_string(), file.text));
            Taken::Whole
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
        // By the tip that the merge took in; what was tried in between is nobody's.
        let expected = [(&first, "one"), (&second, "two"), (&on_branch, "three")];
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
            walk(repo.path(), "main", "", &mut |_, _| Taken::Whole).is_err(),
            "names are resolved by somebody else"
        );
    }

    /// What is given, as `CONTENT@COMMIT`, or `CONTENT@COMMIT>MERGE`; commits by their first letters in `names`.
    fn given(repo: &Repo, head: &str, names: &[(&str, &str)], taken: impl Fn(&str, &str) -> Taken) -> String {
        let name = |id: &str| names.iter().find(|(_, one)| *one == id).map_or("?", |(name, _)| *name);
        let mut found = Vec::new();
        walk(repo.path(), head, "c", &mut |place, file| {
            let at = name(place.commit);
            let merge = place.merge.map_or_else(String::new, |merge| format!(">{}", name(merge)));
            let taken = taken(&file.text, at);
            found.push(format!("{}@{at}{merge}", file.text));
            taken
        })
        .unwrap();
        found.join(" ")
    }

    #[test]
    fn what_did_not_load_is_given_again_with_other_schemas() {
        let repo = Repo::new();
        repo.write("c/deep/a.odcs.yaml", "late");
        repo.write("c/b.odcs.yaml", "plain");
        let first = repo.commit();
        repo.write("c/b.odcs.yaml", "other");
        let second = repo.commit();
        // The folder has no schemas of its own.
        repo.write("schemas/x.avsc", "1");
        let third = repo.commit();
        repo.write("c/schemas/x.avsc", "2");
        let fourth = repo.commit();
        repo.write("schemas/x.avsc", "3");
        repo.write("c/schemas/registered/x.avsc", "3");
        let fifth = repo.commit();
        let names = [("1", &*first), ("2", &*second), ("3", &*third), ("4", &*fourth), ("5", &*fifth)];
        let loading = |since: &'static str| {
            move |text: &str, at: &str| match text {
                "late" if at < since => Taken::Waiting,
                "late" => Taken::WithSchemas,
                _ => Taken::Whole,
            }
        };
        assert_eq!(given(&repo, &fifth, &names, loading("1")), "plain@1 late@1 other@2");
        assert_eq!(given(&repo, &fifth, &names, loading("3")), "plain@1 late@1 other@2 late@3");
        assert_eq!(given(&repo, &fifth, &names, loading("4")), "plain@1 late@1 other@2 late@3 late@4");
        assert_eq!(
            given(&repo, &fifth, &names, loading("9")),
            "plain@1 late@1 other@2 late@3 late@4 late@5"
        );
    }

    #[test]
    fn what_a_merge_took_in_is_given_with_its_own_schemas() {
        let repo = Repo::new();
        repo.write("c/a.odcs.yaml", "a");
        repo.write("schemas/x.avsc", "1");
        let first = repo.commit();
        repo.git(&["switch", "-q", "-c", "dev"]);
        repo.write("README", "mine");
        let dev = repo.commit();
        repo.git(&["switch", "-q", "main"]);
        repo.write("schemas/x.avsc", "2");
        repo.write("c/b.odcs.yaml", "b");
        let main = repo.commit();
        // As `git pull` does it, own side kept; then a push.
        repo.git(&["switch", "-q", "dev"]);
        repo.git(&["merge", "-q", "-s", "ours", "-m", "m", "main"]);
        let merge = repo.git(&["rev-parse", "HEAD"]);
        let names = [("1", &*first), ("d", &*dev), ("p", &*main), ("m", &*merge)];
        let taken = |_: &str, _: &str| Taken::WithSchemas;
        assert_eq!(given(&repo, &merge, &names, taken), "a@1 a@p>m b@p>m");
        assert_eq!(given(&repo, &merge, &names, |_, _| Taken::Whole), "a@1 b@p>m");
        // A merge that keeps what the other side did with its schemas met nothing new.
        repo.git(&["switch", "-q", "main"]);
        repo.git(&["merge", "-q", "--no-ff", "-m", "m", &dev]);
        let plain = repo.git(&["rev-parse", "HEAD"]);
        assert_eq!(given(&repo, &plain, &names, taken), "a@1 b@p");
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
        let walked = walk(clone.path(), &head, "", &mut |_, file| {
            seen.push(file.text);
            Taken::Whole
        })
        .unwrap();
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
