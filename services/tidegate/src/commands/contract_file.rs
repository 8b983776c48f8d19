//! One object of one contract, for the offline tools.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_check::{Plan, compile};
use tidegate_contract::snapshot::bind;
use tidegate_contract::{Binding, Contract, Diagnostic, Level, render};

use crate::wiring::event_schemas;

/// A contract that loads and an object of it that compiles.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) contract: Contract,
    /// Index of the object.
    pub(crate) object: usize,
    pub(crate) plan: Plan,
    /// The contract as it is written, for excerpts.
    pub(crate) text: String,
}

/// A contract that loads, before it is known which object of it judges.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) contract: Contract,
    path: PathBuf,
    text: String,
    sources: BTreeMap<Arc<str>, String>,
}

/// Loads the file, or from a directory the one contract that has the object; `None` when it does not load, which has been said then.
pub(crate) fn load(path: &Path, wanted: Option<&str>) -> anyhow::Result<Option<Chosen>> {
    let Some(loaded) = open(path, wanted)? else { return Ok(None) };
    let object = loaded.pick(wanted)?;
    Ok(loaded.compile(object))
}

/// As [`load`], and leaves open which object it will be.
pub(crate) fn open(path: &Path, wanted: Option<&str>) -> anyhow::Result<Option<Loaded>> {
    let path = if path.is_dir() { &find(path, wanted)? } else { path };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("{name}: cannot be read"))?;
    let (mut contract, diagnostics) = tidegate_contract::parse(&name, &text);
    let mut shown: Vec<Diagnostic> = diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.level != Level::Note)
        .collect();
    let mut sources = BTreeMap::from([(Arc::from(name.as_str()), text.clone())]);
    if let Some(contract) = &mut contract {
        shown.extend(event_schemas::attach(contract, path, &mut sources)?);
    }
    report(&sources, &shown);
    let Some(contract) = contract.filter(|_| shown.iter().all(|diagnostic| diagnostic.level != Level::Error)) else {
        return Ok(None);
    };
    Ok(Some(Loaded {
        contract,
        path: path.to_owned(),
        text,
        sources,
    }))
}

/// The binding of a contract whose objects describe several types of events of one topic.
pub(crate) fn shared_topic(contract: &Arc<Contract>) -> Option<Binding> {
    let mut bindings = bind(std::slice::from_ref(contract), &mut Vec::new());
    let only = (bindings.len() == 1).then(|| bindings.pop_first()).flatten();
    only.map(|(_, binding)| binding).filter(|binding| binding.events.len() > 1)
}

// === impl Loaded ===

impl Loaded {
    /// The object of that name, or the only one.
    pub(crate) fn pick(&self, wanted: Option<&str>) -> anyhow::Result<usize> {
        pick(&self.contract, wanted, &self.path)
    }

    /// `None` when the object does not compile, which has been said then.
    pub(crate) fn compile(self, object: usize) -> Option<Chosen> {
        match compile(&self.contract, object) {
            Ok(plan) => Some(Chosen {
                contract: self.contract,
                object,
                plan,
                text: self.text,
            }),
            Err(problems) => {
                report(&self.sources, &problems);
                None
            }
        }
    }
}

/// Whether standard error (or output) takes colours.
pub(crate) fn color(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none()
}

/// Shows diagnostics on standard error.
pub(crate) fn report(sources: &BTreeMap<Arc<str>, String>, diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        let text = render(diagnostics, sources, color(std::io::stderr().is_terminal()));
        eprintln!("{}", super::lint::formats::harmless(text));
    }
}

/// The contract file below a directory that has the object.
fn find(folder: &Path, wanted: Option<&str>) -> anyhow::Result<PathBuf> {
    let Some(wanted) = wanted else {
        bail!("{}: is a directory; name the object with --object", folder.display());
    };
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    let mut having = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).with_context(|| format!("{}: cannot be read", file.display()))?;
        let (contract, _) = tidegate_contract::parse(&file.display().to_string(), &text);
        if contract.is_some_and(|contract| contract.objects.iter().any(|object| *object.name == *wanted)) {
            having.push(file);
        }
    }
    match having.as_slice() {
        [one] => Ok((*one).clone()),
        [] => bail!(
            "{}: none of its {} contracts loads and has an object `{wanted}`",
            folder.display(),
            files.len()
        ),
        several => {
            let names: Vec<String> = several.iter().map(|file| file.display().to_string()).collect();
            bail!(
                "several contracts have an object `{wanted}`: {}; name the file instead",
                names.join(", ")
            )
        }
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("{}: cannot be read", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            list(&path, files)?;
        } else if name.ends_with(".odcs.yaml") || name.ends_with(".odcs.yml") {
            files.push(path);
        }
    }
    Ok(())
}

/// The object of that name, or the only one.
pub(crate) fn pick(contract: &Contract, wanted: Option<&str>, path: &Path) -> anyhow::Result<usize> {
    let names = || contract.objects.iter().map(|object| &*object.name).collect::<Vec<_>>().join(", ");
    match (wanted, contract.objects.len()) {
        (_, 0) => bail!("{}: the contract has no schema object", path.display()),
        (None, 1) => Ok(0),
        (None, _) => bail!(
            "{}: the contract has several objects ({}); name one with --object",
            path.display(),
            names()
        ),
        (Some(name), _) => match contract.objects.iter().position(|object| &*object.name == name) {
            Some(index) => Ok(index),
            None => bail!("{}: no object `{name}`; there are {}", path.display(), names()),
        },
    }
}
