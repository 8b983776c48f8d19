//! Where contracts come from, asked again and again; the last good snapshot stays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate_contract::{ContractFile, Diagnostic, Snapshot, directory_commit, sha256_hex};
use tidegate_flow::{Remedy, WorldError};

use crate::directory::read_directory;
use crate::history::{Each, Walked, Way, before, is_on_the_way, versions_of, walk};
use crate::noted;
use crate::reading::Reading;
use crate::remote::{Access, Order, Remote};
use crate::repository::{comes_after, has_commit, is_repository, read_commit, resolve, resolve_kept, root_of};

/// How often in a row a mirror may fail to be read before it is fetched anew.
pub(crate) const UNREAD_MAX: usize = 2;

/// A plain directory or a reference of a Git repository.
#[derive(Debug)]
pub struct ContractSource {
    place: Place,
    order: Order,
    current: Option<Arc<Snapshot>>,
    /// What was current before.
    before: Option<Arc<Snapshot>>,
    /// The last commit whose contracts were refused, with the reasons, so that they are not read again.
    refused: Option<(Arc<str>, Vec<Diagnostic>)>,
    sources: BTreeMap<Arc<str>, String>,
    /// What is in force although it was not loaded here.
    in_force: Option<String>,
    /// How often in a row what was fetched could not be read.
    unread: usize,
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

/// Earlier commits of a source, for any thread and without waiting for what the source is doing.
#[derive(Debug, Clone)]
pub struct Archive {
    place: Place,
    order: Order,
}

#[derive(Debug, Clone)]
enum Place {
    Directory(PathBuf),
    Repository {
        /// Of a remote one: its mirror.
        path: PathBuf,
        reference: Option<String>,
        folder: String,
        remote: Option<Box<Remote>>,
    },
}

// === impl ContractSource ===

impl ContractSource {
    /// Understands `PATH`, `PATH#REF` and `PATH#REF:FOLDER`, and in the place of the path the URL of a repository; nothing is read yet.
    ///
    /// A path that is a Git repository (working tree or bare) is read at the reference: a branch, a tag or a commit of 40 hex digits,
    /// `HEAD` if none is given here or in `reference`. What is not committed does not count. Any other directory is read as it is, a
    /// folder inside of a working tree too. Every error is for the operator.
    pub fn open(spec: &str, reference: Option<&str>) -> Result<ContractSource, WorldError> {
        ContractSource::open_with(spec, reference, &Access::default())
    }

    /// The same, reached as `access` says.
    pub fn open_with(spec: &str, reference: Option<&str>, access: &Access) -> Result<ContractSource, WorldError> {
        let place = Place::parse(spec, reference, access)?;
        Ok(ContractSource {
            place,
            order: access.order,
            current: None,
            before: None,
            refused: None,
            sources: BTreeMap::new(),
            in_force: None,
            unread: 0,
        })
    }

    /// Looks again. A commit with an error never replaces the current snapshot; an error of the world changes nothing.
    pub fn load(&mut self) -> Result<LoadOutcome, WorldError> {
        if let Place::Repository {
            remote: Some(remote),
            reference,
            ..
        } = &self.place
        {
            remote.fetch(reference.as_deref())?;
        }
        let looked = self.look();
        match (&looked, &self.place) {
            // The mirror has lost something that is not seen at a glance: fetched anew, it has everything again.
            (Err(error), Place::Repository { remote: Some(remote), .. }) if error.remedy == Remedy::Retry => {
                self.unread += 1;
                if self.unread >= UNREAD_MAX {
                    self.unread = 0;
                    remote.renew()?;
                }
            }
            _ => self.unread = 0,
        }
        looked.map_err(|error| self.place.named(error))
    }

    /// A commit that somebody put into force for this source, which has loaded none itself: what does not come after it is not followed
    /// either.
    pub fn put_in_force(&mut self, commit: &str) {
        self.in_force = Some(commit.to_owned());
    }

    /// Notes beside the mirror that a commit is in force, so that the next process holds on to it as this one does. Nothing where there is no
    /// mirror. The error is for the operator; nothing depends on it.
    pub fn note(&self, commit: &str) -> Result<(), WorldError> {
        match self.place.note() {
            Some(path) => noted::write(&path, commit),
            None => Ok(()),
        }
    }

    /// The commit that was noted last and is in the mirror still, and when, microseconds since the epoch. None where any order is welcome:
    /// there it is as good as any other.
    pub fn noted(&self) -> Option<(String, i64)> {
        let Place::Repository { path, .. } = &self.place else { return None };
        let (commit, at) = noted::read(&self.place.note()?)?;
        (self.order == Order::Forward && has_commit(path, &commit)).then_some((commit, at))
    }

    fn look(&mut self) -> Result<LoadOutcome, WorldError> {
        let (commit, reading) = match &self.place {
            Place::Directory(path) => {
                let reading = read_directory(path)?;
                (directory_commit(&reading.files), Some(reading))
            }
            Place::Repository {
                path, reference, remote, ..
            } => {
                let reference = reference.as_deref();
                let commit = match remote {
                    Some(remote) => resolve_kept(path, reference, &remote.kept(reference).names)?,
                    None => resolve(path, reference)?,
                };
                (commit, None)
            }
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
                self.before = self.current.replace(snapshot.clone());
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
        let in_force = self.current.as_ref().map(|current| &*current.commit).or(self.in_force.as_deref());
        let (Place::Repository { path, reference, .. }, Some(current)) = (&self.place, in_force) else {
            return Ok(());
        };
        if self.order == Order::Any || comes_after(path, commit, current)? {
            return Ok(());
        }
        let what = format!(
            "{} of {} is at {commit}, which does not come after {}: it was put back or rewritten, and the contracts in force stay; to go back use \
             `git revert`; to take it as it is, `contracts_source.history: any`",
            reference.as_deref().unwrap_or("HEAD"),
            self.place.shown(path),
            current
        );
        Err(WorldError::new(Remedy::Operator, what))
    }

    /// The last good snapshot; none before the first.
    pub fn current(&self) -> Option<&Arc<Snapshot>> {
        self.current.as_ref()
    }

    /// What [`ContractSource::load`] has just loaded must not be used, for reasons that show only when it is compiled: the snapshot before it
    /// is current again, and the commit counts as refused.
    pub fn reject(&mut self, diagnostics: Vec<Diagnostic>) {
        if let Some(rejected) = self.current.take() {
            self.current = self.before.take();
            self.refused = Some((rejected.commit.clone(), diagnostics));
        }
    }

    /// Earlier commits of the same place.
    pub fn archive(&self) -> Archive {
        Archive {
            place: self.place.clone(),
            order: self.order,
        }
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
        let reading = self.archive().read(commit)?;
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

// === impl Archive ===

impl Archive {
    /// The commit in front of this one on the branch whose files are others than those of this one; none where there is no history.
    pub fn before(&self, commit: &str) -> Option<String> {
        match &self.place {
            Place::Repository { path, folder, .. } => before(path, commit, folder).ok().flatten(),
            Place::Directory(_) => None,
        }
    }

    /// Whether a commit is on the way to another, as [`is_on_the_way`]; where any order is welcome every commit is.
    pub fn is_on_the_way(&self, commit: &str, to: &str) -> Result<bool, WorldError> {
        match &self.place {
            Place::Repository { path, .. } if self.order == Order::Forward => {
                is_on_the_way(path, commit, to).map_err(|error| self.place.named(error))
            }
            _ => Ok(true),
        }
    }

    /// Gives `each` what contract files held up to that commit, as [`walk`] does. A plain directory has no past.
    pub fn walk(&self, commit: &str, each: &mut Each<'_>) -> Result<Walked, WorldError> {
        match &self.place {
            Place::Repository { path, folder, .. } => walk(path, commit, folder, each).map_err(|error| self.place.named(error)),
            Place::Directory(_) => Ok(Walked {
                commits: 0,
                is_whole: true,
            }),
        }
    }

    /// Gives `each` the files of a folder below `schemas` as commits held them, as [`versions_of`] does. A plain directory has no past.
    pub fn versions_of(&self, commit: &str, below: &str, each: &mut dyn FnMut(Way, Vec<ContractFile>)) -> Result<(), WorldError> {
        match &self.place {
            Place::Repository { path, folder, .. } => {
                versions_of(path, commit, folder, below, each).map_err(|error| self.place.named(error))
            }
            Place::Directory(_) => Ok(()),
        }
    }

    /// The files of that commit. Remedy operator: it is gone, or was never here.
    pub fn read(&self, commit: &str) -> Result<Reading, WorldError> {
        match &self.place {
            Place::Repository { path, folder, .. } => read_commit(path, commit, folder).map_err(|error| self.place.named(error)),
            Place::Directory(path) => {
                let reading = read_directory(path)?;
                if directory_commit(&reading.files) != commit {
                    let what = format!(
                        "the directory {} no longer holds the contracts {commit}; use a Git repository",
                        path.display()
                    );
                    return Err(WorldError::new(Remedy::Operator, what));
                }
                Ok(reading)
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
    /// For people: the URL of a remote one, not its mirror.
    fn shown(&self, path: &Path) -> String {
        match self {
            Place::Repository { remote: Some(remote), .. } => remote.shown.clone(),
            _ => path.display().to_string(),
        }
    }

    /// Where the commit in force is noted: beside the mirror, for each reference and folder.
    fn note(&self) -> Option<PathBuf> {
        let Place::Repository {
            path,
            reference,
            folder,
            remote: Some(_),
        } = self
        else {
            return None;
        };
        let which = sha256_hex(format!("{}:{folder}", reference.as_deref().unwrap_or("HEAD")).as_bytes());
        Some(path.with_extension(format!("{}.in-force", &which[..16])))
    }

    /// An error as people know the place.
    fn named(&self, mut error: WorldError) -> WorldError {
        if let Place::Repository {
            path,
            remote: Some(remote),
            ..
        } = self
        {
            error.what = error.what.replace(&path.display().to_string(), &remote.shown);
        }
        error
    }

    fn parse(spec: &str, reference: Option<&str>, access: &Access) -> Result<Place, WorldError> {
        let operator = |what: String| Err(WorldError::new(Remedy::Operator, what));
        let spec = spec.strip_prefix("file://").unwrap_or(spec);
        if is_remote(spec) {
            return Place::remote(spec, reference, access);
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
        let (reference, folder) = reference_and_folder(suffix, reference)?;
        if is_repository(path) {
            let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if let Some(tree) = root_of(&full).filter(|root| *root != full) {
                // Contracts of such a one are in no file that anybody reviewed.
                return operator(format!(
                    "{} is a bare repository inside of the working tree {}: name that one, or remove HEAD, objects and refs",
                    path.display(),
                    tree.display()
                ));
            }
            return Ok(Place::Repository {
                path: path.to_owned(),
                reference,
                folder,
                remote: None,
            });
        }
        if reference.is_some() || suffix.is_some() {
            let help = "name the root of the repository, and the folder after the reference: PATH#REF:FOLDER";
            return operator(format!("{} is a plain directory and has no references; {help}", path.display()));
        }
        Ok(Place::Directory(path.to_owned()))
    }

    fn remote(spec: &str, reference: Option<&str>, access: &Access) -> Result<Place, WorldError> {
        let (url, suffix) = match spec.split_once('#') {
            Some((url, suffix)) => (url, Some(suffix)),
            None => (spec, None),
        };
        let remote = Remote::parse(url, access)?;
        let (reference, folder) = reference_and_folder(suffix, reference)?;
        let is_plain = |name: &String| {
            !name.contains(['*', '^', ':', '+', ' ', '~', '?', '[', '\\']) && !name.starts_with('-') && !name.contains("..")
        };
        if let Some(odd) = reference.as_ref().filter(|name| !is_plain(name)) {
            let what = format!("`{odd}` is not the name of a branch or tag, nor a commit of 40 hex digits");
            return Err(WorldError::new(Remedy::Operator, what));
        }
        Ok(Place::Repository {
            path: remote.mirror.clone(),
            reference,
            folder,
            remote: Some(Box::new(remote)),
        })
    }
}

/// What stands behind `#`, together with what a flag says.
fn reference_and_folder(suffix: Option<&str>, reference: Option<&str>) -> Result<(Option<String>, String), WorldError> {
    let operator = |what: String| Err(WorldError::new(Remedy::Operator, what));
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
    if folder.split('/').any(|name| name == "..") {
        return operator(format!("the folder `{folder}` leads out of the repository"));
    }
    Ok((reference.map(str::to_owned), folder.to_owned()))
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
