//! Registering schemas: for the demo, the load generator and tests. Workers never do.

use schema_registry_converter::async_impl::schema_registry::perform_sr_call;
use schema_registry_converter::schema_registry_common::SrCall;
use serde_json::json;
use tidegate_flow::{Remedy, WorldError};

use crate::fault::Fault;
use crate::registry::Registry;
use crate::wire::escaped;

/// A reference from one schema to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name that the referring schema uses: for Avro the full name.
    pub name: String,
    /// Subject.
    pub subject: String,
    /// Version in the subject.
    pub version: u32,
}

/// A schema in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// Id, as records carry it.
    pub id: u32,
    /// Version in its subject.
    pub version: u32,
}

// === impl Registry ===

impl Registry {
    /// Registers an Avro schema under a subject; one that is there already keeps its id and version.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] for a schema that the registry does not take.
    pub fn register(&self, subject: &str, schema: &str, references: &[Reference]) -> Result<Registered, WorldError> {
        self.register_as("AVRO", subject, schema, references)
    }

    /// The same with the registry's name of the kind of schema: `AVRO`, `JSON`, `PROTOBUF`.
    ///
    /// # Errors
    ///
    /// As [`Registry::register`].
    pub fn register_as(&self, kind: &str, subject: &str, schema: &str, references: &[Reference]) -> Result<Registered, WorldError> {
        let refer = |each: &Reference| json!({"name": each.name, "subject": each.subject, "version": each.version});
        let body =
            json!({"schema": schema, "schemaType": kind, "references": references.iter().map(refer).collect::<Vec<_>>()}).to_string();
        let (doing, subject) = (format!("register a schema under {subject}"), escaped(subject));
        let settings = self.settings();
        let (posted, found) = self.wait(async move {
            let posted = perform_sr_call(&settings, SrCall::PostNew(&subject, &body)).await;
            // Confluent's answer to the first holds no version.
            let found = perform_sr_call(&settings, SrCall::PostForVersion(&subject, &body)).await;
            (posted, found)
        })?;
        let told = |error| match Fault::of(&doing, &error) {
            Fault::World(error) => error,
            Fault::Absent => WorldError::new(Remedy::Retry, format!("cannot {doing}: it is not there afterwards")),
        };
        let (posted, found) = (posted.map_err(told)?, found.map_err(told)?);
        match (posted.id, found.version) {
            (Some(id), Some(version)) => Ok(Registered { id, version }),
            _ => Err(WorldError::new(
                Remedy::Retry,
                format!("cannot {doing}: the answer has no id or version"),
            )),
        }
    }
}
