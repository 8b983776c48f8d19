//! Where contracts lie: the repository around them, and the commits that a review asks about.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_contract::Diagnostic;
use tidegate_git::history::{default_branch, merge_base};
use tidegate_git::repository::{resolve, root_of};

/// A folder inside of a working tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ground {
    /// Root of the working tree.
    pub(crate) root: PathBuf,
    /// Path below it with `/`; empty for the root.
    pub(crate) folder: String,
}

/// A commit and what the user, or the repository, calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// 40 hex digits.
    pub(crate) commit: String,
}

// === impl Ground ===

impl Ground {
    /// The folder of a path (itself, when it is one); none when it lies in no repository.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Option<Ground>> {
        let full = path.canonicalize().with_context(|| format!("{}: cannot be read", path.display()))?;
        let folder = if full.is_dir() {
            full
        } else {
            full.parent().unwrap_or(&full).to_path_buf()
        };
        let Some(root) = root_of(&folder) else {
            return Ok(None);
        };
        let below = folder.strip_prefix(root).unwrap_or(Path::new(""));
        let parts: Vec<&str> = below
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str().with_context(|| format!("{}: is not UTF-8", path.display())),
                _ => bail!("{}: is no plain path", path.display()),
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Some(Ground {
            root: root.to_path_buf(),
            folder: parts.join("/"),
        }))
    }

    /// The working tree that this one is a submodule of. Its history and its branches are another's than those of the tree that is reviewed.
    pub(crate) fn around(&self) -> Option<&Path> {
        let link = std::fs::read_to_string(self.root.join(".git")).ok()?;
        link.contains("/modules/").then(|| self.root.parent().and_then(root_of)).flatten()
    }

    /// Findings with their files named from the root of the repository; a file that is not in it keeps its name.
    pub(crate) fn placed(&self, found: &[Diagnostic]) -> Vec<Diagnostic> {
        let mut names: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        let mut below = |file: &Arc<str>| {
            let name = names.entry(file.clone()).or_insert_with(|| {
                let full = Path::new(&**file).canonicalize().ok();
                let below = full.as_deref().and_then(|full| full.strip_prefix(&self.root).ok());
                below.and_then(Path::to_str).map_or_else(|| file.clone(), Into::into)
            });
            name.clone()
        };
        let mut placed = found.to_vec();
        for one in &mut placed {
            one.location.file = below(&one.location.file);
        }
        placed
    }

    /// The branch, tag or commit of that name.
    pub(crate) fn find(&self, reference: &str) -> anyhow::Result<Named> {
        Ok(Named {
            name: reference.to_owned(),
            commit: find_commit(&self.root, reference)?,
        })
    }

    /// What this clone takes for published: the default branch of its remote, else its own `HEAD`. None before the first commit.
    pub(crate) fn published(&self) -> anyhow::Result<Option<Named>> {
        if let Some((name, commit)) = default_branch(&self.root)? {
            return Ok(Some(Named { name, commit }));
        }
        let commit = resolve(&self.root, None).ok();
        Ok(commit.map(|commit| Named {
            name: "HEAD".to_owned(),
            commit,
        }))
    }

    /// Where `HEAD` and a commit parted: what a pull request is compared with. An error says when the clone is too shallow to tell.
    pub(crate) fn parted(&self, base: &Named) -> anyhow::Result<String> {
        let head = find_commit(&self.root, "HEAD")?;
        parted(&self.root, base, &head)
    }
}

/// Whether a folder lies in a repository.
pub(crate) fn is_in_repository(folder: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.canonicalize().is_ok_and(|folder| root_of(&folder).is_some())
}

/// Whether a path lies in a repository and leads out of it by a link: whoever makes a change makes its links, and what is read is shown.
pub(crate) fn leads_out(path: &Path) -> bool {
    // Names as they are, up to the last step back, behind which they mean nothing without the links before them.
    let parts: Vec<_> = path.components().collect();
    let back = parts.iter().rposition(|part| *part == Component::ParentDir).map_or(0, |at| at + 1);
    let known: PathBuf = parts[..back].iter().collect();
    let known = if back == 0 { Path::new(".") } else { &known };
    let named = match (path.is_absolute() && back == 0, known.canonicalize()) {
        (true, _) => path.to_path_buf(),
        (false, Ok(known)) => known.join(parts[back..].iter().collect::<PathBuf>()),
        (false, Err(_)) => return false,
    };
    let above = named.parent().and_then(root_of).map(Path::canonicalize);
    matches!((above, path.canonicalize()), (Some(Ok(root)), Ok(full)) if !full.starts_with(&root))
}

/// The commit in which two histories parted.
pub(crate) fn parted(root: &Path, base: &Named, head: &str) -> anyhow::Result<String> {
    match merge_base(root, &base.commit, head)? {
        Some(commit) => Ok(commit),
        None => bail!(
            "{} and {} have no commit in common in this clone; fetch the whole history (fetch-depth: 0, or git fetch --unshallow)",
            base.name,
            &head[..head.len().min(10)]
        ),
    }
}

/// A branch here, a tag, a commit of 40 digits, `HEAD`, or a branch of a remote (`origin/main`).
pub(crate) fn find_commit(root: &Path, reference: &str) -> anyhow::Result<String> {
    let found = match reference {
        "HEAD" => resolve(root, None),
        // `origin/main` is a branch of a remote, unless a branch here is called so.
        name => resolve(root, Some(name)).or_else(|error| match name.contains('/') {
            true => resolve(root, Some(&format!("refs/remotes/{name}"))).map_err(|_| error),
            false => Err(error),
        }),
    };
    found.map_err(|error| anyhow::anyhow!("{error}"))
}
