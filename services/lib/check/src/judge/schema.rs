//! The event schema of a contract, asked beside its clauses.

use std::sync::Arc;

use tidegate_codec::{Detail, avro, cdc, protobuf};
use tidegate_contract::{Location, Severity};

use super::Judge;
use super::findings::{Broken, Findings, Rule};
use crate::event_schema::EventSchema;
use crate::plan::Plan;
use crate::verdict::{Facts, Reason, Verdict};

#[cfg(feature = "json-schema")]
mod json;

/// What a JSON Schema is asked about.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "json-schema"), expect(dead_code, reason = "nobody asks"))]
pub(super) enum Document<'a> {
    /// A plain event.
    Json(&'a [u8]),
    /// A row of a change event: as it was written, without what flattening added.
    Row(&'a cdc::Image<'a>),
}

// === impl Judge ===

impl Judge {
    /// The verdict on an event whose writer's schema does not resolve to the one that the contract names.
    pub(super) fn writer_mismatch(&mut self, plan: &Plan, writer: &Arc<avro::Schema>) -> Option<Verdict> {
        let Some((EventSchema::Avro(schema), location)) = &plan.event_schema else {
            return None;
        };
        let mismatch = self.resolutions.ask(schema, writer).err()?;
        Some(mismatched(mismatch, "schema:avro", location))
    }

    /// The verdict on an event that was written as a message which does not fit the one that the contract names.
    pub(super) fn message_mismatch(
        &mut self,
        plan: &Plan,
        writer: &Arc<protobuf::Schema>,
        written: protobuf::MessageId,
    ) -> Option<Verdict> {
        let Some((EventSchema::Protobuf(schema), location)) = &plan.event_schema else {
            return None;
        };
        let mismatch = self.fits.ask(schema, writer, written).err()?;
        Some(mismatched(mismatch, "schema:protobuf", location))
    }
}

fn mismatched(mismatch: avro::Mismatch, clause: &'static str, location: &Location) -> Verdict {
    let mut findings = Findings::default();
    let broken = Broken {
        reason: if mismatch.missing {
            Reason::RequiredMissing
        } else {
            Reason::TypeMismatch
        },
        detail: Some(Detail::SchemaMismatch),
        rule: Rule::Clause(clause),
        severity: Severity::Error,
        location,
    };
    findings.add(broken, || mismatch.pointer.into());
    findings.conclude(Facts::default())
}
