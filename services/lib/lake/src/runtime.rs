//! The runtime that waits for a store, hidden behind calls that block.

use std::future::Future;
use std::sync::mpsc;

use tidegate_flow::{Remedy, WorldError};
use tokio::runtime::{Builder, Runtime};

/// Two threads: enough to drive the sockets of many blocked callers.
const THREADS: usize = 2;

/// Runs futures to their end while the caller's thread blocks, also when that thread belongs to somebody else's runtime.
#[derive(Debug)]
pub(crate) struct Blocking {
    /// Always there until the drop.
    runtime: Option<Runtime>,
}

// === impl Blocking ===

impl Blocking {
    pub(crate) fn new() -> Result<Self, WorldError> {
        let built = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("lake")
            .enable_all()
            .build();
        built
            .map(|runtime| Blocking { runtime: Some(runtime) })
            .map_err(|error| WorldError::caused(Remedy::Operator, "cannot start threads for the lake", error))
    }

    pub(crate) fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T, WorldError> {
        let (answer, answered) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().expect("it goes only when self is dropped");
        runtime.spawn(async move {
            // The caller waits below, so somebody always listens.
            let _ = answer.send(future.await);
        });
        // Nothing arrives only when the task panicked and dropped its end.
        answered
            .recv()
            .map_err(|_| WorldError::new(Remedy::Bug, "a call to the lake panicked"))
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // An ordinary drop would panic on a thread of another runtime.
            runtime.shutdown_background();
        }
    }
}
