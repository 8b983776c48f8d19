//! The ledger of one source partition, window by window.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, Record, TopicPartition};

use crate::begun::Begun;
use crate::explain::{Explain, Explained};
use crate::gaps::{self, Sight};
use crate::likeness::Likeness;
use crate::open::find_open;
use crate::outlet::{Outlet, Piece, Track};
use crate::plan::Mode;
use crate::report::SourceLedger;
use crate::stream::{Halt, Reading};
use crate::window::{Class, Standing, Window};

/// What to audit of one source partition.
pub(crate) struct SourcePlan {
    pub(crate) at: TopicPartition,
    pub(crate) from: NextOffset,
    pub(crate) until: NextOffset,
    /// First offset that there is now; retention may have moved it past `from`.
    pub(crate) low: NextOffset,
    pub(crate) position: Option<NextOffset>,
    pub(crate) outlets: [Outlet; 2],
    pub(crate) mode: Mode,
    /// Only a part of the partition is asked for: outcomes are looked for where they must lie.
    pub(crate) partial: bool,
    /// The part is what came since an audit before, and outlets are read to their ends.
    pub(crate) is_rest: bool,
    pub(crate) compacted: bool,
    /// It is a retry topic.
    pub(crate) retry: bool,
    /// Offsets before the first outcome have none.
    pub(crate) starts_late: bool,
    /// Offsets of a window.
    pub(crate) window: i64,
}

/// How far it is: nothing in here has to be read again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SourceWork {
    pub(crate) tracks: [Track; 2],
    /// The ledgers of the windows that are done, from the first.
    windows: Vec<SourceLedger>,
    /// Windows that are done and have an outcome further on in an outlet.
    late: BTreeSet<usize>,
}

/// With what one goes about it.
pub(crate) struct Tools<'a, 'r> {
    pub(crate) reading: &'a mut Reading<'r>,
    /// Sees uncommitted records.
    pub(crate) uncommitted: Option<&'a mut dyn Scan>,
    pub(crate) explain: &'a dyn Explain,
}

// === impl SourceWork ===

impl SourceWork {
    /// Does the next part. False when there is none left.
    pub(crate) fn step(&mut self, plan: &SourcePlan, tools: &mut Tools<'_, '_>) -> Result<bool, Halt> {
        // Nothing is asked for, and finding out where that would be is not free.
        let is_idle = !plan.is_rest || plan.outlets.iter().all(|outlet| outlet.settled >= outlet.until.0);
        if plan.partial && plan.windows() == 0 && is_idle {
            return Ok(false);
        }
        let from = plan.partial.then_some(plan.from.0);
        for (track, outlet) in self.tracks.iter_mut().zip(&plan.outlets) {
            track.begin(outlet, &plan.at, from, plan.mode, tools.reading)?;
        }
        let number = self.windows.len();
        if number < plan.windows() {
            let ledger = self.audit(plan, number, tools)?;
            self.windows.push(ledger);
            return Ok(true);
        }
        if (!plan.partial || plan.is_rest) && !self.tracks.iter().zip(&plan.outlets).all(|(track, outlet)| track.is_at_end(outlet)) {
            // Outcomes of sources past the range, and whatever else lies there.
            let mut nowhere = Window::new(plan.until.0, plan.until.0);
            for which in 0..plan.outlets.len() {
                while let Some(piece) = self.read_on(plan, which, &mut nowhere, tools)? {
                    self.note_late(plan, piece, number);
                }
            }
            return Ok(true);
        }
        let Some(&late) = self.late.first() else { return Ok(false) };
        self.windows[late] = self.audit(plan, late, tools)?;
        self.late.remove(&late);
        Ok(true)
    }

    /// The ledger of all windows; to be asked when there is no step left.
    pub(crate) fn ledger(&self, plan: &SourcePlan) -> SourceLedger {
        let mut ledger = SourceLedger::new(&plan.at, plan.from, plan.until);
        self.windows.iter().for_each(|window| ledger.merge(window));
        for track in &self.tracks {
            ledger.unstamped.merge(&track.odd.unstamped);
            ledger.misplaced.merge(&track.odd.misplaced);
            if plan.mode == Mode::ExactlyOnce {
                ledger.out_of_order.merge(&track.odd.out_of_order);
            }
        }
        ledger
    }

    /// The highest source offset with an outcome.
    pub(crate) fn highest(&self) -> Option<i64> {
        self.tracks.iter().filter_map(Track::highest).max()
    }

    /// The lowest source offset before the range that got an outcome since the audit before: somebody went back.
    pub(crate) fn rewound(&self) -> Option<i64> {
        self.tracks.iter().filter_map(Track::rewound).min()
    }

    /// Forgets what only those need who go on.
    pub(crate) fn close(&mut self) {
        self.tracks.iter_mut().for_each(Track::close);
        (self.windows, self.late) = (Vec::new(), BTreeSet::new());
    }

    fn read_on(&mut self, plan: &SourcePlan, which: usize, window: &mut Window, tools: &mut Tools<'_, '_>) -> Result<Option<Piece>, Halt> {
        let range = (plan.from.0, plan.until.0);
        self.tracks[which].read_on(&plan.outlets[which], &plan.at, range, window, tools.reading)
    }

    fn audit(&mut self, plan: &SourcePlan, number: usize, tools: &mut Tools<'_, '_>) -> Result<SourceLedger, Halt> {
        let (start, end) = plan.window(number);
        let mut window = Window::new(start, end);
        for (which, outlet) in plan.outlets.iter().enumerate() {
            self.tracks[which].mark_known(outlet, &plan.at, &mut window, tools.reading)?;
            // A window that is audited again knows every piece. For others the reader goes on until it is past the window.
            while number == self.windows.len() {
                let Some(piece) = self.read_on(plan, which, &mut window, tools)? else {
                    break;
                };
                self.note_late(plan, piece, number);
                if piece.span().is_some_and(|(lowest, _)| lowest >= end) {
                    break;
                }
            }
        }
        let mut ledger = self.settle(plan, &mut window, tools)?;
        if ledger.missing.count > 0
            && let Some(scan) = &mut tools.uncommitted
            && find_open(&plan.outlets, &plan.at, &mut window, &mut **scan, tools.reading)?
        {
            ledger = self.settle(plan, &mut window, tools)?;
        }
        if let Some(scan) = &mut tools.uncommitted {
            let mut reading = Reading {
                scan: &mut **scan,
                watch: &mut *tools.reading.watch,
            };
            gaps::find_aborted(&plan.at, plan.low.0, &mut window, &mut reading)?;
        }
        let sight = Sight {
            compacted: plan.compacted,
            uncommitted: tools.uncommitted.is_some(),
            low: plan.low.0,
            position: plan.position.map_or(i64::MAX, |position| position.0),
        };
        gaps::book(sight, &window, &mut ledger);
        Ok(ledger)
    }

    /// Books every source record of a window whose outcomes are marked.
    fn settle(&self, plan: &SourcePlan, window: &mut Window, tools: &mut Tools<'_, '_>) -> Result<SourceLedger, Halt> {
        let (start, end) = (window.start(), window.end());
        let mut ledger = SourceLedger::new(&plan.at, NextOffset(start), NextOffset(end));
        let settling = Settling {
            plan,
            explain: tools.explain,
            gone_below: [0, 1].map(|which| self.tracks[which].gone_below(&plan.outlets[which])),
            begun: Begun::of(plan, &self.tracks),
        };
        let from = NextOffset(start.max(plan.low.0));
        tools.reading.stream(&plan.at, from, NextOffset(end), |record| {
            settling.settle(record, window, &mut ledger)
        })?;
        Ok(ledger)
    }

    /// Windows before `number` with outcomes in a piece that was read only now.
    fn note_late(&mut self, plan: &SourcePlan, piece: Piece, number: usize) {
        let is_met = |&before: &usize| {
            let (start, end) = plan.window(before);
            piece.meets(start, end)
        };
        self.late.extend((0..number.min(self.windows.len())).filter(is_met));
    }
}

// === impl SourcePlan ===

impl SourcePlan {
    /// Where everything begins that is read.
    pub(crate) fn lows(&self) -> [NextOffset; 3] {
        [self.low, self.outlets[0].low, self.outlets[1].low]
    }

    /// How many windows there are.
    pub(crate) fn windows(&self) -> usize {
        let offsets = (self.until.0 - self.from.0).max(0);
        usize::try_from((offsets + self.window - 1) / self.window).expect("a count of windows fits")
    }

    fn window(&self, number: usize) -> (i64, i64) {
        let start = self.from.0 + i64::try_from(number).expect("a count of windows fits") * self.window;
        (start, self.until.0.min(start + self.window))
    }
}

/// Books visible source records.
struct Settling<'a> {
    plan: &'a SourcePlan,
    explain: &'a dyn Explain,
    gone_below: [i64; 2],
    begun: Begun,
}

// === impl Settling ===

impl Settling<'_> {
    fn settle(&self, record: &Record, window: &mut Window, ledger: &mut SourceLedger) {
        let offset = record.origin.offset.0;
        window.seen(offset);
        ledger.visible += 1;
        let repeat = |ledger: &mut SourceLedger| match self.plan.mode {
            Mode::ExactlyOnce => ledger.doubled.add(offset),
            Mode::AtLeastOnce => ledger.repeated += 1,
        };
        let class = match window.standing(offset) {
            Standing::Nothing => return self.without_outcome(record, window, ledger),
            Standing::Both => {
                ledger.two_classes.add(offset);
                return;
            }
            Standing::Again(class) => {
                repeat(ledger);
                class
            }
            Standing::Once(class) => class,
        };
        match class {
            Class::Valid => ledger.validated += 1,
            Class::Dead => ledger.dead_lettered += 1,
        }
        let outlet = self.plan.outlets.iter().find(|outlet| outlet.class == class);
        let likeness = outlet.map_or(Likeness::Nothing, |outlet| outlet.likeness);
        if !window.alike(offset, likeness.of_source(record, self.plan.retry)) {
            ledger.changed.add(offset);
        }
    }

    fn without_outcome(&self, record: &Record, window: &Window, ledger: &mut SourceLedger) {
        let offset = record.origin.offset.0;
        if self.plan.position.is_some_and(|position| offset >= position.0) {
            ledger.pending += 1;
            return;
        }
        match self.explain.explain(record) {
            Explained::Skipped(skip) => *ledger.skipped.entry(skip.as_str().to_owned()).or_default() += 1,
            Explained::Nothing => self.unexplained(offset, window, ledger),
            Explained::Untold(why) => {
                *ledger.untold.entry(why).or_default() += 1;
                ledger.unproved(offset);
            }
        }
    }

    /// The record does not say why: its outcome is missing unless it cannot be seen.
    fn unexplained(&self, offset: i64, window: &Window, ledger: &mut SourceLedger) {
        let why = match self.begun {
            Begun::At(first) if offset < first => {
                *ledger.skipped.entry("start_at_latest".to_owned()).or_default() += 1;
                return;
            }
            _ if self.gone_below.iter().any(|&below| offset < below) => "retention",
            Begun::Until(first) if offset < first => "start_at_latest",
            _ if window.is_open(offset) => "open_transaction",
            _ if self.plan.outlets.iter().any(|outlet| outlet.compacted) => "compaction",
            _ => return ledger.missing.add(offset),
        };
        *ledger.unseen.entry(why.to_owned()).or_default() += 1;
        ledger.unproved(offset);
    }
}
