//! How far a preview is: a line that is written over on a terminal, a log line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use tidegate_preview::run::Far;

/// Between two lines, on a terminal and elsewhere.
const REDRAWN: Duration = Duration::from_millis(200);
const LOGGED: Duration = Duration::from_secs(10);

/// Shows how far a preview is.
pub(super) struct Progress {
    on_terminal: bool,
    begun: Instant,
    shown: Instant,
    drawn: bool,
}

// === impl Progress ===

impl Progress {
    pub(super) fn new() -> Progress {
        let now = Instant::now();
        Progress {
            on_terminal: std::io::stderr().is_terminal(),
            begun: now,
            shown: now,
            drawn: false,
        }
    }

    pub(super) fn show(&mut self, input: &str, far: Far) {
        let every = if self.on_terminal { REDRAWN } else { LOGGED };
        if self.shown.elapsed() < every {
            return;
        }
        self.shown = Instant::now();
        let seconds = self.begun.elapsed().as_secs();
        let line = format!(
            "preview: {input}: {} events, {} newly failing, {seconds} s",
            far.events, far.newly_failing
        );
        if self.on_terminal {
            self.drawn = true;
            // A terminal that is gone is no reason to fail.
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        } else {
            tracing::info!("{line}");
        }
    }

    /// Clears the line.
    pub(super) fn end(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
