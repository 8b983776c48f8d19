//! Where contracts lie: the repository around them, and the commits that a review asks about.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_contract::Diagnostic;
use tidegate_git::history::{default_branch, merge_base};
use tidegate_git::repository::{is_repository, resolve};

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
        let Some(root) = folder.ancestors().find(|folder| is_repository(folder)) else {
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
