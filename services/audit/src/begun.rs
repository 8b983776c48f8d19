//! Where a group with `start_at: latest` began, as far as its outcomes tell: what lay there before owes none.

use crate::outlet::Track;
use crate::source::SourcePlan;

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Before everything that is audited: each offset owes its outcome.
    Before,
    /// At this offset: the outcome topics are whole, and hold no earlier one.
    At(i64),
    /// At this offset or before it; what could tell is gone, or was not read.
    Until(i64),
}

// === impl Begun ===

impl Begun {
    /// What the outcomes that were read tell.
    pub(crate) fn of(plan: &SourcePlan, tracks: &[Track; 2]) -> Begun {
        if !plan.starts_late || tracks.iter().any(Track::has_earlier) {
            return Begun::Before;
        }
        let is_whole = !plan.partial && plan.outlets.iter().all(|outlet| outlet.low.0 == 0) && tracks.iter().all(Track::is_from_zero);
        match tracks.iter().filter_map(Track::lowest).min() {
            Some(first) if is_whole => Begun::At(first),
            // Nobody has judged anything yet. A group that has a position began somewhere below it: it commits where it begins.
            None if is_whole && plan.position.is_none() => Begun::At(i64::MAX),
            first => Begun::Until(first.unwrap_or(i64::MAX)),
        }
    }
}
