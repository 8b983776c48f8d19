//! Where an audit of what came since an earlier one begins: at whatever that one has not settled.

use serde::{Deserialize, Serialize};
use tidegate_flow::TopicPartition;

use crate::state::{LakeState, SourceState, State};

/// Where the next audit begins; a partition that is not named is audited in full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Continuation {
    sources: Vec<SourceStart>,
    landed: Vec<LakeStart>,
}

/// Of a source partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceStart {
    topic: String,
    partition: i32,
    /// The first source offset that is not settled.
    pub(crate) from: i64,
    /// Up to here the validated and the dead-letter partition were read.
    pub(crate) outlet_ends: [i64; 2],
}

/// Of a partition of a validated topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LakeStart {
    topic: String,
    partition: i32,
    /// The first offset that had not landed.
    pub(crate) from: i64,
    /// Where the chain ended.
    pub(crate) landed_until: Option<i64>,
}

// === impl Continuation ===

impl Continuation {
    /// Behind what this audit has settled.
    pub(crate) fn of(state: &State) -> Continuation {
        let before = state.since.as_ref();
        let mut sources: Vec<SourceStart> = state.sources.iter().map(SourceStart::of).collect();
        let mut landed: Vec<LakeStart> = state.lake.iter().map(LakeStart::of).collect();
        // What could not be looked at is where it was.
        for start in before.iter().flat_map(|before| &before.sources) {
            if !sources
                .iter()
                .any(|own| (&own.topic, own.partition) == (&start.topic, start.partition))
            {
                sources.push(start.clone());
            }
        }
        for start in before.iter().flat_map(|before| &before.landed) {
            if !landed
                .iter()
                .any(|own| (&own.topic, own.partition) == (&start.topic, start.partition))
            {
                landed.push(start.clone());
            }
        }
        Continuation { sources, landed }
    }

    pub(crate) fn source(&self, at: &TopicPartition) -> Option<&SourceStart> {
        let mut sources = self.sources.iter();
        sources.find(|start| *start.topic == *at.topic && start.partition == at.partition)
    }

    pub(crate) fn landed(&self, at: &TopicPartition) -> Option<&LakeStart> {
        let mut landed = self.landed.iter();
        landed.find(|start| *start.topic == *at.topic && start.partition == at.partition)
    }
}

// === impl SourceStart ===

impl SourceStart {
    fn of(source: &SourceState) -> SourceStart {
        let (from, outlet_ends) = match &source.ledger {
            // Nothing of it is proved.
            None => (source.from, source.settled.unwrap_or_default()),
            Some(ledger) => {
                let position = source.position.unwrap_or(source.until).clamp(source.from, source.until);
                (ledger.unproved_from.map_or(position, |from| from.min(position)), source.outlet_ends)
            }
        };
        SourceStart {
            topic: source.topic.clone(),
            partition: source.partition,
            from,
            outlet_ends,
        }
    }
}

// === impl LakeStart ===

impl LakeStart {
    fn of(lake: &LakeState) -> LakeStart {
        let ledger = &lake.ledger;
        LakeStart {
            topic: ledger.topic.clone(),
            partition: ledger.partition,
            from: ledger.landed_until.map_or(ledger.from, |landed| landed.min(ledger.until)),
            landed_until: ledger.landed_until,
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_flow::NextOffset;

    use super::*;
    use crate::report::SourceLedger;
    use crate::source::SourceWork;
    use crate::state::Subject;

    fn state(source: SourceState) -> State {
        let mut state = State::new(Subject {
            mode: "exactly_once".to_owned(),
            range: "all".to_owned(),
            lake: None,
            topics: Vec::new(),
        });
        state.sources.push(source);
        state
    }

    fn source(settled: Option<[i64; 2]>) -> SourceState {
        SourceState {
            topic: "raw".to_owned(),
            partition: 2,
            from: 5,
            until: 90,
            position: Some(80),
            removed_before_judging: 0,
            partial: settled.is_some(),
            settled,
            outlet_ends: [70, 10],
            work: SourceWork::default(),
            ledger: None,
        }
    }

    fn start(source: SourceState) -> (i64, [i64; 2]) {
        let next = Continuation::of(&state(source));
        let start = next.source(&TopicPartition::new("raw", 2)).unwrap();
        (start.from, start.outlet_ends)
    }

    #[test]
    fn what_is_settled_ends_at_the_position_and_before_what_is_not_proved() {
        assert_eq!(start(source(None)), (5, [0, 0]), "nothing was looked at");
        assert_eq!(start(source(Some([60, 9]))), (5, [60, 9]), "nor since the last one");
        let mut ledger = SourceLedger::new(&TopicPartition::new("raw", 2), NextOffset(5), NextOffset(90));
        let mut done = source(None);
        done.ledger = Some(ledger.clone());
        assert_eq!(start(done.clone()), (80, [70, 10]));
        ledger.unproved_from = Some(33);
        done.ledger = Some(ledger);
        assert_eq!(start(done), (33, [70, 10]));
    }

    #[test]
    fn what_is_not_in_the_state_is_where_it_was() {
        let first = Continuation::of(&state(source(Some([60, 9]))));
        let mut next = state(source(None));
        next.sources.clear();
        next.since = Some(first.clone());
        assert_eq!(Continuation::of(&next), first);
    }
}
