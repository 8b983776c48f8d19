//! SIGTERM and Ctrl-C ask the process to stop; a second one ends it at once.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};

/// A flag that the first signal sets. What is open when a second signal comes is aborted by the brokers; nothing is lost by that.
pub(crate) fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the second signal finds the flag set.
        let registered = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()));
        registered.expect("SIGTERM and SIGINT may always be handled");
    }
    stop
}
