//! Schemas for judges: of a registry, of a folder of files, or of this program.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_codec::avro::Schema;
use tidegate_flow::{Remedy, WorldError};
use tidegate_schemas::{Directory, Registry};

/// Where schemas come from.
#[derive(Clone)]
pub(crate) enum SchemaSource {
    /// What is configured. A record that needs a schema of a source that is not holds its partition: that is a bad world, not bad data.
    Configured {
        /// A registry with Confluent's API, or Apicurio.
        registry: Option<Registry>,
        /// A folder with schemas of AWS Glue and those that contracts name by file.
        files: Option<Directory>,
    },
    /// These and no others (demo).
    Fixed(Arc<HashMap<u32, Arc<Schema>>>),
}

impl SchemaLookup for SchemaSource {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match self {
            SchemaSource::Configured { files, .. } if Directory::serves(need) => {
                files.as_ref().map_or(Known::NotCached, |files| files.lookup(need))
            }
            SchemaSource::Configured { registry, .. } => registry.as_ref().map_or(Known::NotCached, |registry| registry.lookup(need)),
            SchemaSource::Fixed(schemas) => match need {
                SchemaNeed::Id(id) => schemas.get(id).map_or(Known::Unknown, |schema| Known::Avro(schema.clone())),
                _ => Known::Unknown,
            },
        }
    }
}

impl tidegate_validator::Schemas for SchemaSource {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.ask(need)
    }
}

impl tidegate_sink::Schemas for SchemaSource {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.ask(need)
    }
}

impl tidegate_preview::Schemas for SchemaSource {
    fn fetch(&self, need: &SchemaNeed) -> Result<tidegate_preview::Fetched, WorldError> {
        let has_source = match self {
            SchemaSource::Configured { files, .. } if Directory::serves(need) => files.is_some(),
            SchemaSource::Configured { registry, .. } => registry.is_some(),
            SchemaSource::Fixed(_) => true,
        };
        if !has_source {
            return Ok(tidegate_preview::Fetched::NoSource);
        }
        self.ask(need).map(|()| tidegate_preview::Fetched::Known)
    }
}

impl SchemaSource {
    fn ask(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        let missing = |what: &str| Err(WorldError::new(Remedy::Operator, what));
        match self {
            SchemaSource::Configured { files, .. } if Directory::serves(need) => match files {
                Some(files) => files.fetch(need),
                None => missing(
                    "a schema of AWS Glue, or one that a contract names by file, is needed and no folder of schema files is configured: \
                     set registry.files, TIDEGATE_SCHEMA_FILES or --schema-files",
                ),
            },
            SchemaSource::Configured { registry, .. } => match registry {
                Some(registry) => registry.fetch(need).map(drop),
                None => missing(
                    "a record names a registry schema and no registry is configured: set registry.url, TIDEGATE_REGISTRY or --registry",
                ),
            },
            SchemaSource::Fixed(_) => unreachable!("a fixed source always has an answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> SchemaNeed {
        SchemaNeed::File {
            file: "order.proto".into(),
            message: "shop.Order".into(),
        }
    }

    #[test]
    fn what_nobody_can_fulfil_is_a_bad_world() {
        let nowhere = SchemaSource::Configured {
            registry: None,
            files: None,
        };
        for (need, setting) in [
            (SchemaNeed::Glue([1; 16]), "registry.files"),
            (file(), "registry.files"),
            (SchemaNeed::Id(7), "registry.url"),
            (SchemaNeed::GlobalId(7), "registry.url"),
        ] {
            assert!(matches!(nowhere.lookup(&need), Known::NotCached), "never unknown");
            let error = nowhere.ask(&need).unwrap_err();
            assert!(error.remedy == Remedy::Operator && error.what.contains(setting), "{error}");
        }
    }

    #[test]
    fn files_are_read_from_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let text = "syntax = \"proto3\"; package shop; message Order { string id = 1; }";
        std::fs::write(folder.path().join("order.proto"), text).unwrap();
        let source = SchemaSource::Configured {
            registry: None,
            files: Some(Directory::open(folder.path()).unwrap()),
        };
        source.ask(&file()).unwrap();
        assert!(matches!(source.lookup(&file()), Known::Protobuf(_)));
    }
}
