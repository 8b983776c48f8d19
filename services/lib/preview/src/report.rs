//! What a preview says.

use crate::limit::{Conclusion, Limit};
use crate::tally::{Change, Tally};

/// Why a preview did not look at everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// `--max-events`.
    Events,
    /// `--max-time`.
    Time,
    /// Somebody stopped it.
    Asked,
}

/// What is known about one input.
#[derive(Debug, Clone)]
pub struct InputReport {
    /// As the user called it.
    pub name: String,
    /// `lines`, `topic`, `dead_letters` or `lake`.
    pub kind: &'static str,
    /// What rules saw as `now`.
    pub now: String,
    /// What cannot be known from such an input, one sentence each.
    pub unknown: Vec<String>,
    /// Counts.
    pub tally: Tally,
    /// Not everything was looked at.
    pub stopped: Option<Stopped>,
}

/// Everything.
#[derive(Debug, Clone)]
pub struct Report {
    /// Old and new side, as the user called them.
    pub sides: (String, String),
    /// In the order in which they were named.
    pub inputs: Vec<InputReport>,
    /// What was said beside the counts, such as topics that a side does not bind.
    pub notes: Vec<String>,
    /// How many may newly fail.
    pub limit: Option<Limit>,
}

// === impl Report ===

impl Report {
    /// The counts of all inputs.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.inputs.iter().for_each(|input| total.merge(input.tally.clone()));
        total
    }

    /// Held to the limit; none without one.
    pub fn conclusion(&self) -> Option<Conclusion> {
        let concluded = self.limit?.conclude(&self.total());
        // What was not looked at may exceed it. A range that was asked for is not cut.
        Some(match concluded {
            Conclusion::Within if self.was_cut() => Conclusion::CouldNotTell,
            concluded => concluded,
        })
    }

    /// Whether there was more than was looked at.
    pub fn was_cut(&self) -> bool {
        self.inputs.iter().any(|input| input.stopped.is_some())
    }

    /// Why nothing can be said about the limit, as a person reads it.
    pub fn why_not_told(&self) -> &'static str {
        let total = self.total();
        if total.events() == 0 {
            "there was no event"
        } else if self.limit.is_some_and(|limit| limit.conclude(&total) == Conclusion::CouldNotTell) {
            "the undecided events matter"
        } else {
            "not every event was looked at: raise --max-events or --max-time, or hand in fewer events, such as the last lines of a file"
        }
    }

    /// Dead letters that were looked at, those that the change frees, and those that pass already under the old contracts; none when no
    /// input is a dead-letter topic.
    pub fn dead_letters(&self) -> Option<(u64, u64, u64)> {
        let letters: Vec<&InputReport> = self.inputs.iter().filter(|input| input.kind == "dead_letters").collect();
        let sum = |count: &dyn Fn(&Tally) -> u64| letters.iter().map(|input| count(&input.tally)).sum();
        (!letters.is_empty()).then(|| {
            (
                sum(&Tally::events),
                sum(&|tally| tally.of(Change::NewlyPassing)),
                sum(&|tally| tally.of(Change::StillPassing)),
            )
        })
    }

    /// Exit code of the command: 0 made and within the limit, 1 past it, 2 could not tell.
    pub fn exit_code(&self) -> u8 {
        match self.conclusion() {
            None | Some(Conclusion::Within) => 0,
            Some(Conclusion::Exceeded) => 1,
            Some(Conclusion::CouldNotTell) => 2,
        }
    }
}

// === impl InputReport ===

impl InputReport {
    /// What was not looked at, as a person reads it.
    pub fn cut(&self) -> Option<String> {
        let stopped = self.stopped?.as_str();
        Some(match self.kind {
            "lines" => format!(
                "{stopped}: only the first {} of the file were seen",
                crate::render::events(self.tally.events())
            ),
            _ => stopped.to_owned(),
        })
    }
}

// === impl Stopped ===

impl Stopped {
    /// What the user reads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Stopped::Events => "stopped by --max-events; there is more",
            Stopped::Time => "stopped by --max-time; there is more",
            Stopped::Asked => "stopped; there is more",
        }
    }
}
