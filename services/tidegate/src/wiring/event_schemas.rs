//! Event schemas for one contract file that is read by itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tidegate_contract::{Contract, Diagnostic, Level, SchemaFolder};
use tidegate_git::directory::read_schemas_near;

/// Gives the contract of the file at `path` its event schemas, out of the nearest folder `schemas` at or above that file, and adds their texts to
/// `sources`. What is wrong comes back as diagnostics; the error is that of a disk.
pub(crate) fn attach(contract: &mut Contract, path: &Path, sources: &mut BTreeMap<Arc<str>, String>) -> anyhow::Result<Vec<Diagnostic>> {
    if contract
        .objects
        .iter()
        .all(|object| object.settings.event_schemas().next().is_none())
    {
        return Ok(Vec::new());
    }
    let reading = read_schemas_near(path)?;
    let mut diagnostics = reading.diagnostics.clone();
    diagnostics.retain(|diagnostic| diagnostic.level != Level::Note);
    diagnostics.extend(contract.attach_schemas(&Arc::new(SchemaFolder::new(&reading.files))));
    sources.extend(reading.files.into_iter().map(|file| (file.path, file.text)));
    Ok(diagnostics)
}
