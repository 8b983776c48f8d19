//! Rows that are seen at once: all of their fields as they come, each by its quick check, into which rules were folded.
//!
//! A rule that compares a field with a constant narrows what the quick check of that field takes, down to the texts of an enumeration that
//! are left. Where every quick check takes its value, such rules hold, and nothing of what they read is kept. Where one declines, the row is
//! read again and each rule is asked, so nothing is decided here.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Body, Check, Kind, Node, Quick, QuickCheck};
use crate::rules::cel::Glance;
use crate::tape::INSTANTS;

/// How often rows were not seen at once of late: a guess at whether the next one will be. Threads may overwrite each other's.
#[derive(Debug, Default)]
pub(crate) struct Hope {
    declined: AtomicU32,
}

/// So many rows in a row that are declined make trying a rare thing.
const DECLINED_MAX: u32 = 8;
/// One row of so many is then tried.
const TRIED_OF: u32 = 16;

// === impl Hope ===

impl Hope {
    /// Whether the next row is worth a try; counts it.
    #[inline]
    pub(crate) fn takes_next(&self) -> bool {
        let declined = self.declined.load(Ordering::Relaxed);
        if declined < DECLINED_MAX {
            return true;
        }
        self.declined
            .store(DECLINED_MAX + declined.wrapping_add(1) % TRIED_OF, Ordering::Relaxed);
        declined == DECLINED_MAX
    }

    /// A row was seen at once, or declined.
    #[inline]
    pub(crate) fn learn(&self, seen: bool) {
        let declined = self.declined.load(Ordering::Relaxed);
        match (seen, declined) {
            (true, 0) => {}
            (true, _) => self.declined.store(0, Ordering::Relaxed),
            (false, 0..DECLINED_MAX) => self.declined.store(declined + 1, Ordering::Relaxed),
            (false, _) => {}
        }
    }
}

/// Folds rules over the row into the quick checks of the fields that they read, where the row can be seen at once; answers what is then left
/// to ask.
pub(crate) fn settle(nodes: &[Node], checks: &mut [Check], quick: &mut [QuickCheck], glance: &Glance) -> Glance {
    let mut wanted = vec![false; nodes.len()];
    let mut unsettled = Glance::default();
    if matches!(quick[0].quick, Quick::Parts) {
        unsettled = glance.fold(quick, &mut wanted);
        want_parents(0, nodes, &mut wanted);
        // About null, or what is not in an object that is, rules have no quick answer.
        for (check, wanted) in quick.iter_mut().zip(&wanted) {
            check.nullable &= !wanted;
        }
        // Other rules read what they read.
        if glance.asks_all() {
            // The event time is looked at in any case, and then captured if it is at all.
            let mut kept: Vec<bool> = checks.iter().map(|check| check.event_time && check.captured).collect();
            unsettled.nodes().for_each(|node| kept[node] = true);
            want_parents(0, nodes, &mut kept);
            for (node, check) in quick.iter_mut().enumerate() {
                check.settled = !kept[node] && !checks[node].event_time;
                // Rules fail over a moment that CEL does not have, wherever it is in what they read.
                if let (true, Quick::Instant { min, max }) = (checks[node].captured, &mut check.quick) {
                    (*min, *max) = ((*min).max(INSTANTS.start), (*max).min(INSTANTS.end - 1));
                }
            }
        }
    }
    for (node, of) in nodes.iter().enumerate() {
        let (
            Kind::Object(children),
            Body::Object {
                fields,
                missed,
                wanted: bits,
                ..
            },
        ) = (&of.kind, &mut checks[node].body)
        else {
            continue;
        };
        fields.set_quick(quick);
        let rules = children.iter().take(64).enumerate().filter(|(_, child)| wanted[**child]);
        *bits = rules.fold(missed.first().copied().unwrap_or(0), |bits, (at, _)| bits | 1 << at);
    }
    unsettled
}

/// Who is wanted is so in every object around it.
fn want_parents(node: usize, nodes: &[Node], wanted: &mut [bool]) -> bool {
    if let Kind::Object(children) = &nodes[node].kind {
        for child in children {
            wanted[node] |= want_parents(*child, nodes, wanted);
        }
    }
    wanted[node]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_always_declined_are_seldom_tried() {
        let hope = Hope::default();
        let tries = (0..160).filter(|_| {
            let tried = hope.takes_next();
            if tried {
                hope.learn(false);
            }
            tried
        });
        assert_eq!(tries.count(), 8 + 152_usize.div_ceil(16));
        // One that is seen brings it back.
        while !hope.takes_next() {}
        hope.learn(true);
        assert!((0..100).all(|_| hope.takes_next()));
    }
}
