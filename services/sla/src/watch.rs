//! What the scheduled check tells whoever watches it: metrics, health and the log of the executable.

use tidegate_flow::WorldError;

use crate::report::Report;
use crate::roster::{Due, Roster};

/// Why runs did not take place at their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missed {
    /// Nobody was there: the process was down.
    Away,
    /// An earlier run was still under way.
    Busy,
}

/// Is told what happens. Called between runs, never during one.
pub trait Watch {
    /// The loop turns.
    fn beat(&mut self);
    /// These are the jobs from now on: what is not among them is promised no more.
    fn follows(&mut self, roster: &Roster);
    /// The next look at a contract (microseconds since the epoch), and seconds between two.
    fn planned(&mut self, contract: &str, next: i64, interval: f64);
    /// Runs of a contract did not take place at their time; one run stands for them.
    fn missed(&mut self, contract: &str, cause: Missed, runs: u64);
    /// A run ended after so many seconds.
    fn ended(&mut self, due: &Due, report: &Report, seconds: f64);
    /// The history could not be read or written now; it is tried again.
    fn history_away(&mut self, error: &WorldError);
    /// It could be written.
    fn history_well(&mut self);
}
