//! A position outside of what the broker still holds: what is the matter, and where the group goes on once somebody has accepted the loss.
//! Pure decisions; who moves the position does so while the group has no members.

use tidegate_flow::ports::Committed;
use tidegate_flow::{NextOffset, Position};

use crate::ledger::Note;

/// How a group's position lies in its partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The group has none: it begins where it is told to.
    Nowhere,
    /// The next record is there, or will be.
    Sound {
        /// The position.
        position: NextOffset,
    },
    /// What lies between the position and the first offset is gone.
    Gap {
        /// The position.
        from: NextOffset,
        /// First offset that there is.
        to: NextOffset,
    },
    /// The position lies behind the end: records that were judged are gone, or the topic was made anew. Nothing to step over.
    Ahead {
        /// The position.
        position: NextOffset,
        /// Where the partition ends.
        end: NextOffset,
    },
    /// The position is one of another topic of the same name.
    OtherTopic {
        /// The position.
        position: NextOffset,
    },
}

/// How a position lies. `topic_id` is Kafka's id of the topic now, where it tells.
pub fn standing(committed: &Committed, topic_id: Option<&str>, (low, end): (NextOffset, NextOffset)) -> Standing {
    let Some(position) = committed.next else {
        return Standing::Nowhere;
    };
    let noted = Note::read(&committed.metadata).and_then(|note| note.t);
    match (noted, topic_id) {
        (Some(noted), Some(present)) if *noted != *present => Standing::OtherTopic { position },
        _ if position < low => Standing::Gap { from: position, to: low },
        _ if position > end => Standing::Ahead { position, end },
        _ => Standing::Sound { position },
    }
}

/// The position behind a gap, with the note that was there: the snapshot that is recorded goes on to count. Starts in vain do not: they were
/// about records that are gone. What is no note of ours stays as it is.
pub fn step_over(committed: &Committed, to: NextOffset) -> Position {
    let metadata = match Note::read(&committed.metadata) {
        Some(note) => Note { c: None, ..note }.write(),
        None => committed.metadata.clone(),
    };
    Position {
        at: committed.at.clone(),
        next: to,
        metadata,
    }
}

#[cfg(test)]
mod tests {
    use tidegate_flow::TopicPartition;

    use super::*;

    fn committed(next: Option<i64>, metadata: &str) -> Committed {
        Committed {
            at: TopicPartition::new("orders", 3),
            next: next.map(NextOffset),
            metadata: metadata.to_owned(),
        }
    }

    const NOTE: &str = r#"{"v":1,"s":"c0ffee","t":"id-1","c":{"n":5,"o":1234,"a":2,"e":"3"}}"#;

    #[test]
    fn only_a_gap_in_the_same_topic_is_one() {
        let ends = (NextOffset(200), NextOffset(300));
        let of = |next, id| standing(&committed(next, NOTE), id, ends);
        let gap = Standing::Gap {
            from: NextOffset(100),
            to: NextOffset(200),
        };
        assert_eq!(of(Some(100), Some("id-1")), gap);
        assert_eq!(of(Some(100), None), gap, "brokers without ids");
        assert_eq!(standing(&committed(Some(100), ""), Some("id-1"), ends), gap, "no note");
        assert_eq!(of(Some(100), Some("id-2")), Standing::OtherTopic { position: NextOffset(100) });
        for position in [200, 250, 300] {
            let position = NextOffset(position);
            assert_eq!(of(Some(position.0), Some("id-1")), Standing::Sound { position });
        }
        assert_eq!(
            of(Some(301), Some("id-1")),
            Standing::Ahead {
                position: NextOffset(301),
                end: NextOffset(300)
            }
        );
        assert_eq!(of(None, Some("id-1")), Standing::Nowhere);
    }

    #[test]
    fn the_note_goes_on_without_the_starts_in_vain() {
        let position = step_over(&committed(Some(100), NOTE), NextOffset(200));
        assert_eq!(
            (position.next, &*position.metadata),
            (NextOffset(200), r#"{"v":1,"s":"c0ffee","t":"id-1"}"#)
        );
        assert!(Note::read(NOTE).unwrap().c.is_some(), "or the test would show nothing");
        for foreign in ["", "set by hand", r#"{"v":2,"s":"x"}"#] {
            assert_eq!(step_over(&committed(Some(100), foreign), NextOffset(200)).metadata, foreign);
        }
    }
}
