//! One side of a comparison: a file or a folder, on disk or in a commit of a Git repository.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_contract::snapshot::is_contract_path;
use tidegate_contract::{Contract, ContractFile, Diagnostic, Level, SchemaFolder};
use tidegate_git::Reading;
use tidegate_git::directory::{read_directory, read_schemas_near};
use tidegate_git::repository::{is_repository, read_commit, resolve};

use crate::commands::contract_file::report;

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

    /// What stands at a path here, and what stood there at the base.
    pub(crate) fn since(base: &str, here: &str) -> anyhow::Result<(Side, Side)> {
        let path = Path::new(here);
        let full = path.canonicalize().with_context(|| format!("{here}: cannot be read"))?;
        let root = repository(&full)?;
        let below = full
            .strip_prefix(&root)
            .with_context(|| format!("{here}: is not in the repository {}", root.display()))?;
        let parts: Vec<&str> = below
            .components()
            .map(|part| match part {
                Component::Normal(name) => name.to_str().with_context(|| format!("{here}: is not UTF-8")),
                _ => bail!("{here}: is no plain path"),
            })
            .collect::<anyhow::Result<_>>()?;
        Ok((Side::at(root, base, &parts.join("/"))?, Side::Disk(path.to_path_buf())))
    }

    fn at(root: PathBuf, reference: &str, path: &str) -> anyhow::Result<Side> {
        let found = match reference {
            "HEAD" => resolve(&root, None),
            // `origin/main` is a branch of a remote, unless a branch here is called so.
            name => resolve(&root, Some(name)).or_else(|error| match name.contains('/') {
                true => resolve(&root, Some(&format!("refs/remotes/{name}"))).map_err(|_| error),
                false => Err(error),
            }),
        };
        let commit = found.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Side::Commit {
            root,
            reference: reference.to_owned(),
            commit,
            path: path.to_owned(),
        })
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
        let files = self.read()?;
        let mut shown: Vec<Diagnostic> = files.diagnostics.clone();
        let schemas = Arc::new(SchemaFolder::new(&files.files));
        let sources: BTreeMap<Arc<str>, String> = files.files.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        let mut contracts = Vec::new();
        for file in files
            .files
            .iter()
            .filter(|file| !tidegate_contract::event_schema::is_schema_path(&file.path))
        {
            let (contract, diagnostics) = tidegate_contract::parse(&file.path, &file.text);
            shown.extend(diagnostics);
            if let Some(mut contract) = contract {
                shown.extend(contract.attach_schemas(&schemas));
                contracts.push(Arc::new(contract));
            }
        }
        // `lint` says the rest; here only what keeps a contract from being read counts.
        shown.retain(|one| one.level == Level::Error);
        report(&sources, &shown);
        if !shown.is_empty() {
            eprintln!("error: {} cannot be compared while contracts of it do not load", self.name());
            return Ok(None);
        }
        Ok(Some(contracts))
    }

    /// Files with paths as a reader of the comparison knows them; event schemas with theirs below `schemas/`.
    fn read(&self) -> anyhow::Result<Reading> {
        let mut reading = match self {
            Side::Disk(path) if path.is_file() => {
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
    let root = full.ancestors().find(|folder| is_repository(folder));
    match root {
        Some(root) => Ok(root.to_path_buf()),
        None => bail!("{}: is not in a Git repository", place.display()),
    }
}
