//! Registry schemas for judges.

use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_flow::{Remedy, WorldError};
use tidegate_schemas::Registry;

/// The registry, if one is configured. Without one, a record that needs a schema holds its partition until somebody configures one:
/// that is a bad world, not bad data.
#[derive(Clone)]
pub(crate) struct RegistrySchemas(pub(crate) Option<Registry>);

impl SchemaLookup for RegistrySchemas {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        self.0.as_ref().map_or(Known::NotCached, |registry| registry.lookup(need))
    }
}

impl tidegate_validator::Schemas for RegistrySchemas {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        match &self.0 {
            Some(registry) => registry.fetch(need).map(drop),
            None => Err(WorldError::new(
                Remedy::Operator,
                "a record names a registry schema and no registry is configured: set registry.url, TIDEGATE_REGISTRY or --registry",
            )),
        }
    }
}
