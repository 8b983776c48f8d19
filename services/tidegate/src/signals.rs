//! SIGTERM and Ctrl-C ask the process to stop; a second one ends it at once, and so does time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

/// A role that is asked to stop has ended after so long; documented as 60 s.
const ENDS_WITHIN: Duration = Duration::from_secs(55);
/// How soon it is seen that it was asked.
const LOOKS_EVERY: Duration = Duration::from_millis(250);

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

/// Ends the process in time where a stop does not: a store that hangs, or a call into the client while its brokers go away, may last longer than
/// anybody waits for us. As with a second signal, what is open goes to the next owner.
pub(crate) fn end_in_time(stop: &Arc<AtomicBool>) {
    let stop = stop.clone();
    let watch = move || {
        while !stop.load(Ordering::Acquire) {
            std::thread::sleep(LOOKS_EVERY);
        }
        std::thread::sleep(ENDS_WITHIN);
        tracing::error!("stopping takes longer than {ENDS_WITHIN:?}; ending at once, nothing is lost by that");
        signal_hook::low_level::exit(128 + SIGTERM);
    };
    let watching = std::thread::Builder::new().name("stop".to_owned()).spawn(watch);
    if let Err(error) = watching {
        tracing::warn!(%error, "no thread watches that a stop ends in time");
    }
}
