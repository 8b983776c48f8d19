//! Where contracts come from, asked again and again; the last good snapshot stays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_contract::{Diagnostic, Snapshot, directory_commit};
use tidegate_flow::{Remedy, WorldError};

use crate::directory::read_directory;
use crate::reading::Reading;
use crate::repository::{comes_after, is_repository, read_commit, resolve};

/// A plain directory or a reference of a local Git repository.
#[derive(Debug)]
pub struct ContractSource {
    place: Place,
    current: Option<Arc<Snapshot>>,
    /// The last commit whose contracts were refused, with the reasons, so that they are not read again.
    refused: Option<(Arc<str>, Vec<Diagnostic>)>,
    sources: BTreeMap<Arc<str>, String>,
}

/// What looking again brought.
#[derive(Debug, Clone)]
pub enum LoadOutcome {
    /// The commit of [`ContractSource::current`].
    Unchanged,
    /// Another commit, which is the current one from now on, with its warnings and notes.
    Loaded(Arc<Snapshot>, Vec<Diagnostic>),
    /// The present commit does not load; [`ContractSource::current`] is what it was. Said again on every load until the commit changes.
    Refused {
        /// The commit.
        commit: Arc<str>,
        /// At least one error.
        diagnostics: Vec<Diagnostic>,
    },
}

#[derive(Debug)]
enum Place {
    Directory(PathBuf),
    Repository {
        path: PathBuf,
        reference: Option<String>,
        folder: String,
    },
}

// === impl ContractSource ===

impl ContractSource {
    /// Understands `PATH`, `PATH#REF` and `PATH#REF:FOLDER`; nothing is read yet.
    ///
    /// A path that is a Git repository (working tree or bare) is read at the reference: a branch, a tag or a commit of 40 hex digits,
    /// `HEAD` if none is given here or in `reference`. What is not committed does not count. Any other directory is read as it is, a
    /// folder inside of a working tree too. Remote repositories are not fetched yet: the error says so. Every error is for the operator.
    pub fn open(spec: &str, reference: Option<&str>) -> Result<ContractSource, WorldError> {
        let place = Place::parse(spec, reference)?;
        Ok(ContractSource {
            place,
            current: None,
            refused: None,
            sources: BTreeMap::new(),
        })
    }

    /// Looks again. A commit with an error never replaces the current snapshot; an error of the world changes nothing.
    pub fn load(&mut self) -> Result<LoadOutcome, WorldError> {
        let (commit, reading) = match &self.place {
            Place::Directory(path) => {
                let reading = read_directory(path)?;
                (directory_commit(&reading.files), Some(reading))
            }
            Place::Repository { path, reference, .. } => (resolve(path, reference.as_deref())?, None),
        };
        // A directory can be wrong in ways that its files do not show, so only a clean reading is known by its id.
        let is_clean = reading.as_ref().is_none_or(|reading| !reading.is_refused());
        if is_clean && self.current.as_ref().is_some_and(|current| *current.commit == *commit) {
            self.refused = None;
            return Ok(LoadOutcome::Unchanged);
        }
        if is_clean
            && let Some((refused, diagnostics)) = &self.refused
            && **refused == *commit
        {
            return Ok(LoadOutcome::Refused {
                commit: refused.clone(),
                diagnostics: diagnostics.clone(),
            });
        }
        self.refuse_going_back(&commit)?;
        let reading = match (reading, &self.place) {
            (Some(reading), _) => reading,
            (None, Place::Repository { path, folder, .. }) => read_commit(path, &commit, folder)?,
            (None, Place::Directory(path)) => read_directory(path)?,
        };
        self.sources = reading.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        match build(&commit, reading) {
            Ok((snapshot, diagnostics)) => {
                let snapshot = Arc::new(snapshot);
                self.current = Some(snapshot.clone());
                self.refused = None;
                Ok(LoadOutcome::Loaded(snapshot, diagnostics))
            }
            Err(diagnostics) => {
                let commit: Arc<str> = commit.into();
                self.refused = is_clean.then(|| (commit.clone(), diagnostics.clone()));
                Ok(LoadOutcome::Refused { commit, diagnostics })
            }
        }
    }

    /// A branch that was rewritten or put back would bring contracts back that were replaced on purpose, and nobody may notice.
    fn refuse_going_back(&self, commit: &str) -> Result<(), WorldError> {
        let (Place::Repository { path, reference, .. }, Some(current)) = (&self.place, &self.current) else {
            return Ok(());
        };
        if comes_after(path, commit, &current.commit)? {
            return Ok(());
        }
        let what = format!(
            "{} of {} is at {commit}, which does not come after {}: it was put back or rewritten, and the contracts in force stay; to go back use \
             `git revert`, or restart to take it as it is",
            reference.as_deref().unwrap_or("HEAD"),
            path.display(),
            current.commit
        );
        Err(WorldError::new(Remedy::Operator, what))
    }

    /// The last good snapshot; none before the first.
    pub fn current(&self) -> Option<&Arc<Snapshot>> {
        self.current.as_ref()
    }

    /// Texts of the files of the last load that read any (good or refused), by the names that locations use; for rendering.
    pub fn sources(&self) -> &BTreeMap<Arc<str>, String> {
        &self.sources
    }

    /// The snapshot of an earlier commit, for ranges that were judged by it; the current one stays what it is.
    ///
    /// A directory has no past: only its present content can be had. Remedy operator: the commit is gone or does not load.
    pub fn snapshot_at(&self, commit: &str) -> Result<Arc<Snapshot>, WorldError> {
        if let Some(current) = self.current.as_ref().filter(|current| *current.commit == *commit) {
            return Ok(current.clone());
        }
        let reading = match &self.place {
            Place::Repository { path, folder, .. } => read_commit(path, commit, folder)?,
            Place::Directory(path) => {
                let reading = read_directory(path)?;
                if directory_commit(&reading.files) != commit {
                    let what = format!(
                        "the directory {} no longer holds the contracts {commit}; use a Git repository",
                        path.display()
                    );
                    return Err(WorldError::new(Remedy::Operator, what));
                }
                reading
            }
        };
        match build(commit, reading) {
            Ok((snapshot, _)) => Ok(Arc::new(snapshot)),
            Err(diagnostics) => {
                let lines = tidegate_contract::render_lines(&diagnostics);
                let first = lines.lines().next().unwrap_or_default();
                Err(WorldError::new(
                    Remedy::Operator,
                    format!("the contracts of {commit} do not load: {first}"),
                ))
            }
        }
    }
}

/// The snapshot with its warnings, or everything that is wrong.
fn build(commit: &str, reading: Reading) -> Result<(Snapshot, Vec<Diagnostic>), Vec<Diagnostic>> {
    let is_refused = reading.is_refused();
    let mut diagnostics = reading.diagnostics;
    match Snapshot::build(commit, &reading.files) {
        Ok((snapshot, said)) => {
            diagnostics.extend(said);
            if is_refused {
                Err(diagnostics)
            } else {
                Ok((snapshot, diagnostics))
            }
        }
        Err(said) => {
            diagnostics.extend(said);
            Err(diagnostics)
        }
    }
}

// === impl Place ===

impl Place {
    fn parse(spec: &str, reference: Option<&str>) -> Result<Place, WorldError> {
        let operator = |what: String| Err(WorldError::new(Remedy::Operator, what));
        if is_remote(spec) {
            let help = "clone it (or let a sidecar do so) and name the directory of the clone";
            return operator(format!("remote repositories are not fetched yet: {help}"));
        }
        let mut path = Path::new(spec);
        let mut suffix = None;
        if !path.exists()
            && let Some((before, after)) = spec.rsplit_once('#')
        {
            (path, suffix) = (Path::new(before), Some(after));
        }
        if !path.is_dir() {
            return operator(format!("there is no directory {}", path.display()));
        }
        let (named, folder) = match suffix.and_then(|suffix| suffix.split_once(':')) {
            Some((named, folder)) => (Some(named), folder),
            None => (suffix, ""),
        };
        let named = named.filter(|named| !named.is_empty());
        let reference = match (named, reference.filter(|reference| !reference.is_empty())) {
            (Some(one), Some(other)) if one != other => {
                return operator(format!("two references are given, `{one}` and `{other}`; keep one"));
            }
            (one, other) => one.or(other),
        };
        if is_repository(path) {
            if folder.split('/').any(|name| name == "..") {
                return operator(format!("the folder `{folder}` leads out of the repository"));
            }
            let reference = reference.map(str::to_owned);
            return Ok(Place::Repository {
                path: path.to_owned(),
                reference,
                folder: folder.to_owned(),
            });
        }
        if reference.is_some() || suffix.is_some() {
            let help = "name the root of the repository, and the folder after the reference: PATH#REF:FOLDER";
            return operator(format!("{} is a plain directory and has no references; {help}", path.display()));
        }
        Ok(Place::Directory(path.to_owned()))
    }
}

/// A URL, or the `host:path` form of SSH.
fn is_remote(spec: &str) -> bool {
    let looks_like_ssh = || {
        let Some((host, _)) = spec.split_once(':') else { return false };
        host.contains('@') && !host.contains(['/', '#'])
    };
    spec.contains("://") || looks_like_ssh()
}

#[cfg(test)]
mod tests;
