//! Registry schemas for judges.

use std::collections::HashMap;
use std::sync::Arc;

use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_codec::avro::Schema;
use tidegate_flow::{Remedy, WorldError};
use tidegate_schemas::Registry;

/// Where schemas come from.
#[derive(Clone)]
pub(crate) enum SchemaSource {
    /// A registry with Confluent's API.
    Registry(Registry),
    /// None is configured. A record that needs a schema then holds its partition: that is a bad world, not bad data.
    Nowhere,
    /// These and no others (demo).
    Fixed(Arc<HashMap<u32, Arc<Schema>>>),
}

impl SchemaLookup for SchemaSource {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        match (self, need) {
            (SchemaSource::Registry(registry), _) => registry.lookup(need),
            (SchemaSource::Nowhere, _) => Known::NotCached,
            (SchemaSource::Fixed(schemas), SchemaNeed::Id(id)) => {
                schemas.get(id).map_or(Known::Unknown, |schema| Known::Avro(schema.clone()))
            }
            (SchemaSource::Fixed(_), SchemaNeed::Guid(_)) => Known::Unknown,
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

impl SchemaSource {
    fn ask(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        match self {
            SchemaSource::Registry(registry) => registry.fetch(need).map(drop),
            SchemaSource::Nowhere => Err(WorldError::new(
                Remedy::Operator,
                "a record names a registry schema and no registry is configured: set registry.url, TIDEGATE_REGISTRY or --registry",
            )),
            SchemaSource::Fixed(_) => unreachable!("a fixed source always has an answer"),
        }
    }
}
