//! Waiting for conditions, never for time.

use std::time::{Duration, Instant};

use crate::process::Role;

/// How long a condition may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits until `done`; a question that fails counts as "not yet". Roles that must be running are watched meanwhile. Panics with their logs
/// when it takes too long.
pub fn wait(what: &str, roles: &mut [&mut Role], mut done: impl FnMut() -> anyhow::Result<bool>) {
    let deadline = Instant::now() + PATIENCE;
    let mut last = Ok(false);
    while !matches!(last, Ok(true)) {
        for role in roles.iter_mut() {
            role.assert_running();
        }
        if Instant::now() >= deadline {
            let logs: Vec<String> = roles.iter().map(|role| role.tail()).collect();
            panic!("{what} did not come in time ({last:?})\n{}", logs.join("\n---\n"));
        }
        std::thread::sleep(Duration::from_millis(100));
        last = done();
    }
}
