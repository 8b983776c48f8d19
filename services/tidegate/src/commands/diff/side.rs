//! One side of a comparison: a file or a folder, on disk or in a commit of a Git repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_contract::snapshot::is_contract_path;
use tidegate_contract::yaml::BYTES_MAX;
use tidegate_contract::{Contract, ContractFile, Diagnostic, Level, SchemaFolder, is_draft};
use tidegate_git::Reading;
use tidegate_git::directory::{read_directory, read_schemas_near};
use tidegate_git::repository::{read_commit, root_of};

use crate::commands::contract_file::report;
use crate::review::ground::{Ground, Named, find_commit, leads_out, parted};
use crate::screen::complain;

/// Where contracts are read from.
#[derive(Debug)]
pub(crate) enum Side {
    /// On disk.
    Disk(PathBuf),
    /// In a commit; the path counts from the root of the repository, with `/`.
    Commit {
        root: PathBuf,
        reference: String,
        commit: String,
        path: String,
    },
}

/// The contracts of a side.
pub(crate) struct Loaded {
    pub(crate) contracts: Vec<Arc<Contract>>,
    /// Files of drafts that cannot be read: nothing loads a draft, so they keep nobody from comparing the others.
    pub(crate) left_out: Vec<Arc<str>>,
}

/// Why a side cannot be compared.
pub(crate) struct Refused {
    pub(crate) errors: Vec<Diagnostic>,
    sources: BTreeMap<Arc<str>, String>,
}

// === impl Side ===

impl Side {
    /// A path that exists, else `REF:PATH`.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Side> {
        if Path::new(text).exists() {
            return Ok(Side::Disk(PathBuf::from(text)));
        }
        match text.split_once(':') {
            Some((reference, path)) if !reference.is_empty() => {
                let root = repository(Path::new("."))?;
                Side::at(root, reference, path.trim_matches('/'))
            }
            _ => bail!("{text}: there is no such file or folder, and it is not REF:PATH"),
        }
    }

    /// What stands at a path here, and what stood there where the branch parted from the base.
    pub(crate) fn since(base: &str, here: &str) -> anyhow::Result<(Side, Side)> {
        let path = Path::new(here);
        let Some(ground) = Ground::of(path)? else {
            bail!("{here}: is not in a Git repository");
        };
        let below = match path.is_file() {
            true => {
                let full = path.canonicalize().with_context(|| format!("{here}: cannot be read"))?;
                let name = full
                    .file_name()
                    .and_then(|name| name.to_str())
                    .with_context(|| format!("{here}: is not UTF-8"))?;
                match ground.folder.as_str() {
                    "" => name.to_owned(),
                    folder => format!("{folder}/{name}"),
                }
            }
            false => ground.folder.clone(),
        };
        let named = ground.find(base)?;
        let commit = ground.parted(&named)?;
        Ok((Side::at_commit(ground.root, base, commit, &below), Side::Disk(path.to_path_buf())))
    }

    /// The two sides of `OLD...NEW`: where the histories parted, and the new commit; the path counts from the root of the repository.
    pub(super) fn between(range: &str, path: &str) -> anyhow::Result<Option<(Side, Side)>> {
        let Some((old, new)) = range.split_once("...").filter(|_| !Path::new(range).exists()) else {
            return Ok(None);
        };
        let or_head = |name: &str| if name.is_empty() { "HEAD".to_owned() } else { name.to_owned() };
        let (old, new) = (or_head(old), or_head(new));
        let root = repository(Path::new("."))?;
        let base = Named {
            commit: find_commit(&root, &old)?,
            name: old,
        };
        let head = find_commit(&root, &new)?;
        let commit = parted(&root, &base, &head)?;
        let path = path.trim_matches('/');
        Ok(Some((
            Side::at_commit(root.clone(), &base.name, commit, path),
            Side::at_commit(root, &new, head, path),
        )))
    }

    fn at(root: PathBuf, reference: &str, path: &str) -> anyhow::Result<Side> {
        let commit = find_commit(&root, reference)?;
        Ok(Side::at_commit(root, reference, commit, path))
    }

    /// A path of a commit, under the name that the user knows the commit by.
    pub(crate) fn at_commit(root: PathBuf, reference: &str, commit: String, path: &str) -> Side {
        Side::Commit {
            root,
            reference: reference.to_owned(),
            commit,
            path: path.to_owned(),
        }
    }

    /// As the user called it.
    pub(crate) fn name(&self) -> String {
        match self {
            Side::Disk(path) => path.display().to_string(),
            Side::Commit { reference, path, .. } => format!("{reference}:{path}"),
        }
    }

    /// Whether one file was named, rather than a folder.
    pub(crate) fn is_file(&self) -> bool {
        match self {
            Side::Disk(path) => path.is_file(),
            Side::Commit { path, .. } => is_contract_path(path),
        }
    }

    /// Every contract of the side, drafts included; none when one does not load, which has been said then.
    pub(crate) fn load(&self) -> anyhow::Result<Option<Vec<Arc<Contract>>>> {
        Ok(match self.contracts()? {
            Ok(loaded) => {
                for file in &loaded.left_out {
                    complain(&format!(
                        "note: {}: {file} is a draft that does not load, so it is left out (`lint` says why)",
                        self.name()
                    ));
                }
                Some(loaded.contracts)
            }
            Err(refused) => {
                report(&refused.sources, &refused.errors);
                complain(&format!(
                    "error: {} cannot be compared while contracts of it do not load",
                    self.name()
                ));
                None
            }
        })
    }

    /// The same, and what is wrong is for the caller to say.
    pub(crate) fn contracts(&self) -> anyhow::Result<Result<Loaded, Refused>> {
        let files = self.read()?;
        let mut errors: Vec<Diagnostic> = files.diagnostics.clone();
        let schemas = Arc::new(SchemaFolder::new(&files.files));
        let (mut contracts, mut left_out) = (Vec::new(), Vec::new());
        for file in files
            .files
            .iter()
            .filter(|file| !tidegate_contract::event_schema::is_schema_path(&file.path))
        {
            let (contract, mut own) = tidegate_contract::parse(&file.path, &file.text);
            let contract = contract.map(|mut contract| {
                own.extend(contract.attach_schemas(&schemas));
                Arc::new(contract)
            });
            // `lint` says the rest; here only what keeps a contract from being read counts.
            own.retain(|one| one.level == Level::Error);
            // One that was named itself is meant.
            match own.is_empty() || self.is_file() || !is_draft(&file.text) {
                true => contracts.extend(contract),
                false => {
                    left_out.push(file.path.clone());
                    own.clear();
                }
            }
            errors.extend(own);
        }
        errors.retain(|one| one.level == Level::Error);
        if errors.is_empty() {
            return Ok(Ok(Loaded { contracts, left_out }));
        }
        let sources = files.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        Ok(Err(Refused { errors, sources }))
    }

    /// Files with paths as a reader of the comparison knows them; event schemas with theirs below `schemas/`.
    fn read(&self) -> anyhow::Result<Reading> {
        let mut reading = match self {
            Side::Disk(path) if leads_out(path) => {
                bail!(
                    "{}: is a link out of the repository, which is not followed; name what it leads to",
                    path.display()
                )
            }
            Side::Disk(path) if path.is_file() => {
                let length = path.metadata().map_or(0, |meta| meta.len());
                if length > BYTES_MAX as u64 {
                    bail!("{}: has {length} bytes; a contract has at most 4 MiB", path.display());
                }
                let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
                let mut reading = read_schemas_near(path)?;
                reading.files.push(ContractFile {
                    path: path.display().to_string().into(),
                    text,
                });
                return Ok(reading);
            }
            Side::Disk(path) => read_directory(path)?,
            Side::Commit { root, commit, path, .. } => {
                let (folder, file) = match path.rsplit_once('/') {
                    _ if !is_contract_path(path) => (path.as_str(), None),
                    Some((folder, file)) => (folder, Some(file)),
                    None => ("", Some(path.as_str())),
                };
                let mut reading = read_commit(root, commit, folder)?;
                if let Some(file) = file {
                    reading.files.retain(|one| *one.path == *file || !is_contract_path(&one.path));
                    if !reading.files.iter().any(|one| *one.path == *file) {
                        bail!("{}: there is no such file in that commit", self.name());
                    }
                }
                reading
            }
        };
        let before = match self {
            Side::Disk(path) => path.strip_prefix(".").unwrap_or(path).display().to_string(),
            Side::Commit { path, .. } if is_contract_path(path) => path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
            Side::Commit { path, .. } => path.clone(),
        };
        let before = before.trim_end_matches('/');
        for file in reading.files.iter_mut().filter(|file| is_contract_path(&file.path)) {
            if !before.is_empty() {
                file.path = format!("{before}/{}", file.path).into();
            }
        }
        Ok(reading)
    }
}

/// The repository that a place lies in.
fn repository(place: &Path) -> anyhow::Result<PathBuf> {
    let full = place
        .canonicalize()
        .with_context(|| format!("{}: cannot be read", place.display()))?;
    match root_of(&full) {
        Some(root) => Ok(root.to_path_buf()),
        None => bail!("{}: is not in a Git repository", place.display()),
    }
}
