//! Everything that can be said about contracts as they lie on disk: for `lint`, and as the first step of `ci`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tidegate_contract::snapshot::bind;
use tidegate_contract::{Contract, ContractFile, Diagnostic, Level, Location, SchemaFolder, Snapshot, Status, parse};
use tidegate_export::standard::deviations;
use tidegate_git::directory::read_schemas_near;
use tidegate_git::repository::{read_commit, root_of};
use tidegate_registry::ids::{self, Ids};

use super::committed::committed;
use super::reading::read;
use crate::review::changed::Changed;
use crate::review::codes;
use crate::review::consumers::Consumers;
use crate::review::ground::Ground;
use crate::review::loaded::names_schemas;
use crate::review::owners::Owners;
use crate::review::published::Walks;

/// Which commits tell what was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Since {
    /// None are asked.
    Nothing,
    /// Those of what the clone takes for published.
    Published,
    /// Those of a branch, tag or commit.
    Reference(String),
}

/// What was read and what was found.
pub(crate) struct Examined {
    /// Contract files.
    pub(crate) files: Vec<ContractFile>,
    /// Schemas, consumers and owners beside them.
    beside: Vec<ContractFile>,
    /// By file and line.
    pub(crate) found: Vec<Diagnostic>,
    /// Contracts that load, with the files of schemas that they name.
    pub(crate) contracts: Vec<Arc<Contract>>,
    pub(crate) consumers: Consumers,
    pub(crate) paths: Vec<PathBuf>,
}

/// Reads and examines the paths; none mean the current folder. The error is a path that cannot be read or holds no contract, or a history that
/// cannot be read.
pub(crate) fn examine(paths: &[PathBuf], now: i64, since: &Since) -> anyhow::Result<Examined> {
    let paths = if paths.is_empty() {
        vec![PathBuf::from(".")]
    } else {
        paths.to_vec()
    };
    let mut found = Vec::new();
    // A change may take the last contract away.
    let files = read(&paths, matches!(since, Since::Reference(_)), &mut found)?;
    committed(&paths, &mut found)?;
    let mut beside = event_schemas(&files)?;
    let contracts = diagnose(&files, &beside, now, &mut found);
    if *since != Since::Nothing {
        let reference = match since {
            Since::Reference(reference) => Some(reference.as_str()),
            Since::Published | Since::Nothing => None,
        };
        history(&paths, reference, (&contracts, &beside), &mut found)
            .context("published versions cannot be told (--no-history leaves them out)")?;
    }
    // What consumers name can be missing from a part of the contracts without being missing.
    let mut consumers = Consumers::default();
    if let [path] = paths.as_slice()
        && path.is_dir()
    {
        consumers = Consumers::near(path)?;
        found.append(&mut consumers.found);
        let is_all_there = found.iter().all(|one| one.level != tidegate_contract::Level::Error) || contracts.len() == files.len();
        // A contract that does not load has no fields to be found; its own errors come first.
        if is_all_there {
            found.extend(consumers.check(&contracts));
        }
        beside.extend(consumers.files.iter().cloned());
    }
    beside.extend(owners(&paths, &contracts, &mut found)?);
    let place = |one: &Diagnostic| (one.location.file.clone(), one.location.line, one.location.column, one.code);
    found.sort_by_key(place);
    found.dedup();
    Ok(Examined {
        files,
        beside,
        found,
        contracts,
        consumers,
        paths,
    })
}

// === impl Examined ===

impl Examined {
    /// Texts by file, for excerpts.
    pub(crate) fn sources(&self) -> BTreeMap<Arc<str>, String> {
        let all = self.files.iter().chain(&self.beside);
        all.map(|file| (file.path.clone(), file.text.clone())).collect()
    }

    /// Which lines are new since the branch parted from a base. The error is a reference that is not there.
    pub(crate) fn changed(&self, base: &str) -> anyhow::Result<Changed> {
        let mut changed = Changed::default();
        let mut before: BTreeMap<PathBuf, BTreeMap<String, String>> = BTreeMap::new();
        for path in &self.paths {
            let Some(ground) = Ground::of(path)? else {
                anyhow::bail!("{}: is not in a Git repository, so it has no base", path.display());
            };
            let commit = ground.parted(&ground.find(base)?)?;
            // The folder may be new; the whole commit then says that its files are.
            let reading = read_commit(&ground.root, &commit, &ground.folder);
            let old = before.entry(ground.root.clone()).or_default();
            for file in reading.map(|reading| reading.files).unwrap_or_default() {
                let below = if ground.folder.is_empty() {
                    file.path.to_string()
                } else {
                    format!("{}/{}", ground.folder, file.path)
                };
                old.insert(below, file.text);
            }
        }
        for file in &self.files {
            let found = before.iter().find_map(|(root, files)| Some((below(root, &file.path)?, files)));
            let old = found.and_then(|(below, files)| files.get(&below));
            changed.add(&file.path, old.map(String::as_str), &file.text);
        }
        Ok(changed)
    }
}

/// The files of the folders `schemas` that the contracts may name something of.
fn event_schemas(files: &[ContractFile]) -> anyhow::Result<Vec<ContractFile>> {
    let mut schemas = BTreeMap::new();
    for file in files {
        for schema in read_schemas_near(Path::new(&*file.path))?.files {
            schemas.entry(schema.path.clone()).or_insert(schema);
        }
    }
    Ok(schemas.into_values().collect())
}

/// What the whole snapshot says, then what each contract that loads says for itself. Answers the contracts that load.
fn diagnose(files: &[ContractFile], schemas: &[ContractFile], now: i64, found: &mut Vec<Diagnostic>) -> Vec<Arc<Contract>> {
    let all: Vec<ContractFile> = files.iter().chain(schemas).cloned().collect();
    found.extend(match Snapshot::build("lint", &all) {
        Ok((snapshot, mut diagnostics)) => {
            match tidegate_registry::ids::check(&all, &snapshot) {
                Ok(Some(_)) => diagnostics.extend(tidegate_registry::ids::notes(&snapshot)),
                Ok(None) => {}
                Err(problems) => diagnostics.extend(problems),
            }
            diagnostics
        }
        Err(diagnostics) => diagnostics,
    });
    let folder = Arc::new(SchemaFolder::new(schemas));
    let mut contracts = Vec::new();
    for file in files {
        if let (Some(mut contract), _) = parse(&file.path, &file.text)
            && contract.attach_schemas(&folder).is_empty()
        {
            let mut own = tidegate_check::lint(&contract, now);
            // A draft is not loaded, so what does not compile in it refuses nothing, as in the snapshot.
            if contract.status == Status::Draft {
                own.iter_mut().for_each(|one| one.level = one.level.max(Level::Warning));
            }
            found.extend(own);
            found.extend(standard(&contract, found));
            contracts.push(Arc::new(contract));
        }
    }
    contracts
}

/// What other tools of the standard would refuse, where our own reader has said nothing about the place.
fn standard(contract: &Contract, said: &[Diagnostic]) -> Vec<Diagnostic> {
    let level = match &*contract.api_version {
        "v3.2.0" => Level::Error,
        _ => Level::Note,
    };
    let is_said = |pointer: &str| {
        said.iter().any(|one| {
            one.location.file == contract.location.file
                && one.level != Level::Note
                && (one.location.pointer.starts_with(pointer) || pointer.starts_with(&*one.location.pointer))
        })
    };
    deviations(&contract.document)
        .into_iter()
        .filter(|deviation| !is_said(&deviation.pointer))
        .map(|deviation| {
            let node = contract.document.at_pointer(&deviation.pointer);
            let (line, column) = node.map_or((1, 1), |node| (node.line, node.column));
            Diagnostic {
                code: codes::STANDARD,
                level,
                location: Location {
                    file: contract.location.file.clone(),
                    line,
                    column,
                    pointer: deviation.pointer.into(),
                },
                problem: deviation.problem,
                help: "other tools of the standard may refuse the file; names of your own belong under `customProperties`".to_owned(),
            }
        })
        .collect()
}

/// Published versions that say something else now, and recorded ids that mean something else.
fn history(
    paths: &[PathBuf],
    reference: Option<&str>,
    (contracts, schemas): (&[Arc<Contract>], &[ContractFile]),
    found: &mut Vec<Diagnostic>,
) -> anyhow::Result<()> {
    let mut walks = Walks::default();
    // A record that cannot be read is told where the contracts are.
    let ids = Ids::read(schemas).ok().flatten();
    let is_recorded = schemas.iter().any(|file| *file.path == *ids::FILE);
    for path in paths {
        let Some(published) = walks.at(path, reference)? else { continue };
        let is_here = |contract: &&Arc<Contract>| path.is_file() || below_path(path, &contract.location.file);
        let here: Vec<Arc<Contract>> = contracts.iter().filter(is_here).cloned().collect();
        found.extend(published.findings(&here)?);
        match &ids {
            Some(ids) => found.extend(published.recorded()?.problems(ids)),
            None if !is_recorded && here.iter().any(|contract| names_schemas(contract)) => {
                found.extend(published.recorded()?.missed(&in_force(&here)));
            }
            None => {}
        }
        if let Some(first) = here.first() {
            found.extend(published.gap(&first.location.file));
        }
    }
    Ok(())
}

/// What these contracts are bound to.
fn in_force(contracts: &[Arc<Contract>]) -> Snapshot {
    let loaded = contracts.iter().filter(|contract| contract.status != Status::Draft);
    let contracts: Vec<Arc<Contract>> = loaded.cloned().collect();
    Snapshot {
        commit: "lint".into(),
        bindings: bind(&contracts, &mut Vec::new()),
        contracts,
    }
}

fn below_path(path: &Path, file: &str) -> bool {
    path == Path::new(".") || Path::new(file).starts_with(path.strip_prefix(".").unwrap_or(path))
}

/// What CODEOWNERS says about the contracts, and the files of it. Outside of a repository, a folder that has one counts as its root.
fn owners(paths: &[PathBuf], contracts: &[Arc<Contract>], found: &mut Vec<Diagnostic>) -> anyhow::Result<Vec<ContractFile>> {
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in paths {
        let full = path.canonicalize().with_context(|| format!("{}: cannot be read", path.display()))?;
        let root = root_of(&full).unwrap_or(&full);
        if !roots.iter().any(|other| other == root) {
            roots.push(root.to_path_buf());
        }
    }
    let mut files = Vec::new();
    for root in roots {
        let Some(owners) = Owners::read(&root) else { continue };
        for contract in contracts {
            if let Some(path) = below(&root, &contract.location.file) {
                found.extend(owners.check(contract, &path));
            }
        }
        found.extend(owners.found);
        files.push(owners.file);
    }
    Ok(files)
}

/// The path of a file below a root, with `/`.
fn below(root: &Path, file: &str) -> Option<String> {
    let full = Path::new(file).canonicalize().ok()?;
    let parts: Option<Vec<&str>> = full.strip_prefix(root).ok()?.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}
