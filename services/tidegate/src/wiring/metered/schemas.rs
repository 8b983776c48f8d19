//! Schemas, counted by what their source says.

use tidegate_check::input::Known;
use tidegate_check::{SchemaLookup, SchemaNeed};
use tidegate_flow::WorldError;
use tidegate_telemetry::Metrics;
use tidegate_telemetry::metrics::{Port, SchemaAnswer};

use crate::wiring::busy::Busy;

/// Counts what is asked, not what the cache knows.
pub(crate) struct MeteredSchemas<S> {
    pub(crate) inner: S,
    pub(crate) metrics: Metrics,
    pub(crate) busy: Busy,
}

// === impl MeteredSchemas ===

impl<S: SchemaLookup> MeteredSchemas<S> {
    fn counted(&self, need: &SchemaNeed, ask: impl FnOnce() -> Result<(), WorldError>) -> Result<(), WorldError> {
        let asked = self.busy.waiting(ask);
        let answer = match &asked {
            Err(error) => {
                self.metrics.world_error(Port::Schemas, error);
                SchemaAnswer::Failed
            }
            Ok(()) => match self.inner.lookup(need) {
                Known::Unknown => SchemaAnswer::Unknown,
                Known::Unusable => SchemaAnswer::Unusable,
                _ => SchemaAnswer::Found,
            },
        };
        self.metrics.schema_request(answer);
        asked
    }
}

impl<S: SchemaLookup> SchemaLookup for MeteredSchemas<S> {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        self.inner.lookup(need)
    }
}

impl<S: tidegate_validator::Schemas> tidegate_validator::Schemas for MeteredSchemas<S> {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.counted(need, || self.inner.fetch(need))
    }
}

impl<S: tidegate_sink::Schemas> tidegate_sink::Schemas for MeteredSchemas<S> {
    fn fetch(&self, need: &SchemaNeed) -> Result<(), WorldError> {
        self.counted(need, || self.inner.fetch(need))
    }
}
