//! Schemas from a folder: those that records name by an AWS Glue UUID, and those that contracts name by file.
//!
//! Glue's own API is not asked; the folder holds what Glue has, as `<uuid>.avsc` (Avro), `<uuid>.proto` or `<uuid>.binpb` (a descriptor
//! set). Imports of `.proto` files are looked for in the folder by their path. A folder cannot say that a schema does not exist anywhere,
//! so a file that is missing is a bad world, never bad data. What was read is kept until the process ends.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tidegate_check::input::{Known, SchemaLookup, SchemaNeed};
use tidegate_codec::{avro, protobuf};
use tidegate_flow::{Remedy, WorldError};

use crate::wire::guid_text;

/// Bytes of one file.
const FILE_MAX: u64 = 4 << 20;
/// `.proto` files that are looked at.
const PROTOS_MAX: usize = 1_000;
const FOLDERS_MAX: usize = 16;
/// Endings of files by UUID, in the order in which they are tried.
const ENDINGS: [&str; 3] = ["avsc", "proto", "binpb"];

/// A folder of schema files. Clones share what was read.
#[derive(Debug, Clone)]
pub struct Directory {
    folder: PathBuf,
    known: Arc<RwLock<HashMap<SchemaNeed, Known>>>,
}

// === impl Directory ===

impl Directory {
    /// Uses a folder; reads nothing of it yet.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] when it is no folder.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Directory, WorldError> {
        let folder = folder.into();
        if !folder.is_dir() {
            let what = format!("the folder of schema files {} is no folder", folder.display());
            return Err(WorldError::new(Remedy::Operator, what));
        }
        Ok(Directory {
            folder,
            known: Arc::default(),
        })
    }

    /// Whether needs of that kind are looked for in folders.
    pub fn serves(need: &SchemaNeed) -> bool {
        matches!(need, SchemaNeed::Glue(_) | SchemaNeed::File { .. })
    }

    /// Makes a schema known.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] when there is no such file, it cannot be read or compiled, or it has not the message that the contract names.
    pub fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        let known = match need {
            SchemaNeed::Glue(uuid) => self.by_uuid(&guid_text(uuid))?,
            SchemaNeed::File { file, message } => {
                let known = self.read(file)?;
                match &known {
                    Known::Protobuf(schema) if schema.message_named(message).is_some() => known,
                    _ => return Err(operator(format!("schema file {file}: it has no message {message}"))),
                }
            }
            other => return Err(WorldError::new(Remedy::Bug, format!("a folder was asked for {other:?}"))),
        };
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(need.clone(), known);
        Ok(())
    }

    fn by_uuid(&self, uuid: &str) -> Result<Known, WorldError> {
        for ending in ENDINGS {
            let name = format!("{uuid}.{ending}");
            if self.has(&name) {
                return self.read(&name);
            }
        }
        Err(operator(format!(
            "a record names the Glue schema version {uuid}: put {uuid}.avsc, .proto or .binpb into the folder of schema files"
        )))
    }

    /// Whether it has a file of that name; a path inside of the folder.
    pub fn has(&self, name: &str) -> bool {
        self.folder.join(name).is_file()
    }

    /// Reads one of its files by the ending: `.avsc` and `.json` are Avro, `.proto` Protobuf, everything else a descriptor set.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] when it cannot be read or compiled.
    pub fn read(&self, name: &str) -> Result<Known, WorldError> {
        let refused = |why: String| operator(format!("schema file {name}: {why}"));
        let bytes = read(&self.folder.join(name)).map_err(refused)?;
        let text = || std::str::from_utf8(&bytes).map_err(|_| refused("it is no text".to_owned()));
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("avsc" | "json") => avro::Schema::parse(text()?, &[]).map(|schema| Known::Avro(Arc::new(schema))),
            Some("proto") => {
                let imports = self.protos().map_err(refused)?;
                let imports: Vec<(&str, &str)> = imports.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                protobuf::Schema::parse(text()?, &imports).map(|schema| Known::Protobuf(Arc::new(schema)))
            }
            _ => protobuf::Schema::from_descriptor_set(&bytes).map(|schema| Known::Protobuf(Arc::new(schema))),
        }
        .map_err(refused)
    }

    /// Every `.proto` file of the folder, by its path inside.
    fn protos(&self) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        let mut pending = vec![(self.folder.clone(), String::new(), 0)];
        while let Some((folder, prefix, depth)) = pending.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| error.kind().to_string())? {
                let entry = entry.map_err(|error| error.kind().to_string())?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let kind = entry.file_type().map_err(|error| error.kind().to_string())?;
                if kind.is_dir() && depth < FOLDERS_MAX {
                    pending.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
                } else if kind.is_file() && name.ends_with(".proto") {
                    if found.len() == PROTOS_MAX {
                        return Err(format!("the folder has more than {PROTOS_MAX} .proto files"));
                    }
                    let text = String::from_utf8(read(&entry.path())?).map_err(|_| format!("{prefix}{name} is no text"))?;
                    found.push((format!("{prefix}{name}"), text));
                }
            }
        }
        Ok(found)
    }
}

impl SchemaLookup for Directory {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(need).cloned().unwrap_or(Known::NotCached)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let said = |error: std::io::Error| format!("it cannot be read: {}", error.kind());
    if fs::metadata(path).map_err(said)?.len() > FILE_MAX {
        return Err(format!("it has more than {FILE_MAX} bytes"));
    }
    fs::read(path).map_err(said)
}

fn operator(what: String) -> WorldError {
    WorldError::new(Remedy::Operator, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Directory) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let directory = Directory::open(folder.path()).unwrap();
        (folder, directory)
    }

    const UUID: &str = "00112233-4455-6677-8899-aabbccddeeff";

    fn glue() -> SchemaNeed {
        SchemaNeed::Glue(std::array::from_fn(|at| (at * 17) as u8))
    }

    fn file(name: &str) -> SchemaNeed {
        SchemaNeed::File {
            file: name.into(),
            message: "shop.Order".into(),
        }
    }

    #[test]
    fn schemas_are_found_by_uuid_and_by_name() {
        let order = "syntax = \"proto3\"; package shop; import \"shop/money.proto\"; message Order { Money m = 1; }";
        let money = "syntax = \"proto3\"; package shop; message Money { int64 cents = 1; }";
        let avsc = format!("{UUID}.avsc");
        let (_kept, directory) = folder(&[(&avsc, "\"string\""), ("shop/order.proto", order), ("shop/money.proto", money)]);
        assert!(matches!(directory.lookup(&glue()), Known::NotCached));
        directory.fetch(&glue()).unwrap();
        assert!(matches!(directory.lookup(&glue()), Known::Avro(_)));
        directory.fetch(&file("shop/order.proto")).unwrap();
        assert!(matches!(directory.lookup(&file("shop/order.proto")), Known::Protobuf(_)));
    }

    #[test]
    fn what_is_missing_or_broken_is_the_operators_and_never_unknown() {
        let (_kept, directory) = folder(&[
            ("other.proto", "syntax = \"proto3\"; message Other {}"),
            ("broken.proto", "nonsense"),
            ("broken.binpb", "nonsense"),
            ("order.avsc", "\"string\""),
        ]);
        for (need, part) in [
            (glue(), UUID),
            (file("missing.proto"), "missing.proto"),
            (file("other.proto"), "no message shop.Order"),
            (file("broken.proto"), "broken.proto"),
            (file("broken.binpb"), "broken.binpb"),
            (file("order.avsc"), "no message shop.Order"),
        ] {
            let error = directory.fetch(&need).unwrap_err();
            assert!(error.remedy == Remedy::Operator && error.what.contains(part), "{error}");
            assert!(matches!(directory.lookup(&need), Known::NotCached));
        }
        assert_eq!(Directory::open("no such folder").unwrap_err().remedy, Remedy::Operator);
    }
}
