//! The lake's store, timed.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tidegate_flow::WorldError;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_telemetry::Metrics;
use tidegate_telemetry::metrics::Port;

use crate::wiring::busy::Busy;

/// Every call takes its time, and what fails is counted.
pub(crate) struct MeteredStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) metrics: Metrics,
    pub(crate) busy: Busy,
}

// === impl MeteredStore ===

impl MeteredStore {
    fn timed<T>(&self, operation: &'static str, call: impl FnOnce(&dyn Store) -> Result<T, WorldError>) -> Result<T, WorldError> {
        let begun = Instant::now();
        let answer = self.busy.waiting(|| call(&*self.inner));
        self.metrics.store_call(operation, begun.elapsed());
        if let Err(error) = &answer {
            self.metrics.world_error(Port::Lake, error);
        }
        answer
    }
}

impl Store for MeteredStore {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        self.timed("create", |store| store.create(path, bytes))
    }

    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.timed("put", |store| store.put(path, bytes))
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        self.timed("get", |store| store.get(path))
    }

    fn get_range(&self, path: &str, range: std::ops::Range<u64>) -> Result<Option<Bytes>, WorldError> {
        self.timed("get_range", |store| store.get_range(path, range))
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        self.timed("exists", |store| store.exists(path))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        self.timed("list", |store| store.list(prefix))
    }
}
