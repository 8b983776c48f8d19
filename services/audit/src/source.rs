//! The ledger of one source partition.

use std::collections::BTreeMap;

use tidegate_check::Skip;
use tidegate_flow::ports::Scan;
use tidegate_flow::{NextOffset, Record, TopicPartition, WorldError};

use crate::likeness::Likeness;
use crate::outcomes::{Outlet, mark};
use crate::plan::Mode;
use crate::report::SourceLedger;
use crate::stream::stream;
use crate::window::{Class, Standing, WINDOW, Window};

/// What to audit of one source partition.
pub(crate) struct SourcePlan {
    pub(crate) at: TopicPartition,
    pub(crate) from: NextOffset,
    pub(crate) until: NextOffset,
    pub(crate) position: Option<NextOffset>,
    pub(crate) outlets: [Outlet; 2],
    pub(crate) mode: Mode,
}

/// Merges source offsets with their outcomes, window by window.
pub(crate) fn audit_source(
    plan: &SourcePlan,
    scan: &mut dyn Scan,
    explain: &dyn Fn(&Record) -> Option<Skip>,
) -> Result<SourceLedger, WorldError> {
    let mut ledger = SourceLedger::new(&plan.at, plan.from, plan.until);
    let mut start = plan.from.0;
    loop {
        let end = plan.until.0.min(start.saturating_add(WINDOW));
        let mut window = Window::new(start, end.max(start));
        for outlet in &plan.outlets {
            let odd = mark(scan, outlet, &plan.at, &mut window)?;
            // Every window reads the whole outlet; what does not belong to a window counts once.
            if start == plan.from.0 {
                ledger.unstamped.merge(odd.unstamped);
                if plan.mode == Mode::ExactlyOnce {
                    ledger.out_of_order.merge(odd.out_of_order);
                }
            }
        }
        stream(scan, &plan.at, NextOffset(start), NextOffset(end), |record| {
            settle(plan, record, &mut window, &mut ledger, explain)
        })?;
        window.invented().for_each(|offset| ledger.invented.add(offset));
        start = end;
        if start >= plan.until.0 {
            return Ok(ledger);
        }
    }
}

fn settle(plan: &SourcePlan, record: &Record, window: &mut Window, ledger: &mut SourceLedger, explain: &dyn Fn(&Record) -> Option<Skip>) {
    let offset = record.origin.offset.0;
    window.seen(offset);
    ledger.visible += 1;
    let repeat = |ledger: &mut SourceLedger| match plan.mode {
        Mode::ExactlyOnce => ledger.doubled.add(offset),
        Mode::AtLeastOnce => ledger.repeated += 1,
    };
    let class = match window.standing(offset) {
        Standing::Nothing => return without_outcome(plan, record, ledger, explain),
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
    let likeness = plan
        .outlets
        .iter()
        .find(|outlet| outlet.class == class)
        .map_or(Likeness::Nothing, |outlet| outlet.likeness);
    if !window.alike(offset, likeness.of_source(record)) {
        ledger.changed.add(offset);
    }
}

fn without_outcome(plan: &SourcePlan, record: &Record, ledger: &mut SourceLedger, explain: &dyn Fn(&Record) -> Option<Skip>) {
    let offset = record.origin.offset.0;
    if plan.position.is_some_and(|position| offset >= position.0) {
        ledger.pending += 1;
    } else if let Some(skip) = explain(record) {
        count(&mut ledger.skipped, skip.as_str());
    } else {
        ledger.missing.add(offset);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    *counts.entry(name.to_owned()).or_default() += 1;
}
