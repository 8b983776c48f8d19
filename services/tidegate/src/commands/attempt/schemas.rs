//! Schemas that stand for a registry's: one for everything, or files of a folder by the names that frames give them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_codec::avro::Schema;
use tidegate_schemas::Directory;

use crate::cli::TryArgs;

/// Endings of files by id, in the order in which they are tried; `json` is Avro as well.
const ENDINGS: [&str; 4] = ["avsc", "json", "proto", "binpb"];

/// What is at hand. A schema that is not says nothing about the event.
pub(super) struct Schemas {
    every: Option<Arc<Schema>>,
    folder: Option<Folder>,
}

struct Folder {
    files: Directory,
    known: HashMap<SchemaNeed, Known>,
}

// === impl Schemas ===

impl Schemas {
    pub(super) fn of(args: &TryArgs) -> anyhow::Result<Schemas> {
        let every = args.avro_schema.as_deref().map(avro).transpose()?;
        let folder = match &args.schema_dir {
            Some(folder) => Some(Folder {
                files: Directory::open(folder).with_context(|| format!("--schema-dir: {}: cannot be read", folder.display()))?,
                known: HashMap::new(),
            }),
            None => None,
        };
        Ok(Schemas { every, folder })
    }

    /// Looks for a schema among the files; whether it is there. The error is a file that cannot be used.
    pub(super) fn fetch(&mut self, need: &SchemaNeed) -> anyhow::Result<bool> {
        let Some(folder) = &mut self.folder else { return Ok(false) };
        let known = match need {
            SchemaNeed::File { file, .. } if !folder.files.has(file) => return Ok(false),
            SchemaNeed::File { file, .. } => folder.files.read(file)?,
            _ => {
                let names = ENDINGS.map(|ending| format!("{}.{ending}", stem(need)));
                let Some(name) = names.iter().find(|name| folder.files.has(name)) else {
                    return Ok(false);
                };
                folder.files.read(name)?
            }
        };
        folder.known.insert(need.clone(), known);
        Ok(true)
    }
}

impl SchemaLookup for Schemas {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        if let Some(schema) = &self.every {
            return Known::Avro(schema.clone());
        }
        let known = self.folder.as_ref().and_then(|folder| folder.known.get(need));
        known.cloned().unwrap_or(Known::NotCached)
    }
}

/// What a file with that schema is called, without its ending.
pub(super) fn stem(need: &SchemaNeed) -> String {
    match need {
        SchemaNeed::Id(id) => id.to_string(),
        SchemaNeed::Guid(bytes) | SchemaNeed::Glue(bytes) => uuid(bytes),
        SchemaNeed::GlobalId(id) => format!("global-{id}"),
        SchemaNeed::ContentId(id) => format!("content-{id}"),
        SchemaNeed::File { file, .. } => file.to_string(),
    }
}

/// As text, in groups.
pub(super) fn uuid(bytes: &[u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn avro(path: &Path) -> anyhow::Result<Arc<Schema>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    match Schema::parse(&text, &[]) {
        Ok(schema) => Ok(Arc::new(schema)),
        Err(problem) => bail!("{}: no Avro schema: {problem}", path.display()),
    }
}
