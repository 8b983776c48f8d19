//! How far an audit is: a line that is written over on a terminal, a log line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidegate_audit::{State, Watch};
use tidegate_flow::{NextOffset, TopicPartition, WorldError};

use super::state_file::StateFile;

/// Between two lines, on a terminal and elsewhere.
const REDRAWN: Duration = Duration::from_millis(200);
const LOGGED: Duration = Duration::from_secs(10);
/// Between two writes of the state.
const KEPT: Duration = Duration::from_secs(1);

/// Watches an audit.
pub(crate) struct Progress {
    stop: Arc<AtomicBool>,
    on_terminal: bool,
    begun: Instant,
    shown: Instant,
    records: u64,
    file: Option<StateFile>,
    /// When it was last written.
    kept: Option<Instant>,
}

// === impl Progress ===

impl Progress {
    pub(crate) fn new(stop: Arc<AtomicBool>, file: Option<StateFile>) -> Progress {
        let now = Instant::now();
        Progress {
            stop,
            on_terminal: std::io::stderr().is_terminal(),
            begun: now,
            shown: now,
            records: 0,
            file,
            kept: None,
        }
    }

    /// Clears the line.
    pub(crate) fn end(&self) {
        if self.on_terminal {
            // A terminal that is gone is no reason to fail.
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn show(&mut self, line: impl FnOnce(u64) -> String) -> bool {
        let every = if self.on_terminal { REDRAWN } else { LOGGED };
        if self.shown.elapsed() >= every {
            self.shown = Instant::now();
            let seconds = self.begun.elapsed().as_secs_f64();
            let line = line((self.records as f64 / seconds.max(0.001)) as u64);
            if self.on_terminal {
                let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
            } else {
                tracing::info!("{line}");
            }
        }
        !self.stop.load(Ordering::Acquire)
    }
}

impl Watch for Progress {
    fn records(&mut self, at: &TopicPartition, next: NextOffset, until: NextOffset, count: usize) -> bool {
        self.records += count as u64;
        let records = self.records;
        self.show(|rate| records_line(at, next, until, records, rate))
    }

    fn files(&mut self, at: &TopicPartition, done: usize, of: usize) -> bool {
        self.show(|_| format!("audit: {at} in the lake, file {done} of {of}"))
    }

    fn keep(&mut self, state: &State) -> Result<(), WorldError> {
        let Some(file) = &self.file else { return Ok(()) };
        let is_last = state.finished || self.stop.load(Ordering::Acquire);
        if !is_last && self.kept.is_some_and(|kept| kept.elapsed() < KEPT) {
            return Ok(());
        }
        self.kept = Some(Instant::now());
        file.write(&state.to_bytes())
    }
}

fn records_line(at: &TopicPartition, next: NextOffset, until: NextOffset, records: u64, rate: u64) -> String {
    format!(
        "audit: {at} offset {} of {}; {records} records read, {rate} a second",
        next.0, until.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_the_audit_and_a_line_names_the_place() {
        let stop = Arc::new(AtomicBool::new(false));
        let mut progress = Progress::new(stop.clone(), None);
        let at = TopicPartition::new("orders", 3);
        assert!(progress.records(&at, NextOffset(7), NextOffset(9), 2) && progress.files(&at, 1, 2));
        stop.store(true, Ordering::Release);
        assert!(!progress.records(&at, NextOffset(8), NextOffset(9), 1) && !progress.files(&at, 2, 2));
        assert_eq!(
            records_line(&at, NextOffset(8), NextOffset(9), 3, 1000),
            "audit: orders-3 offset 8 of 9; 3 records read, 1000 a second"
        );
    }
}
