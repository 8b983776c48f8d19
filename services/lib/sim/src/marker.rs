//! What makes the end of a transaction visible: a marker in each partition that it wrote to and one in each group. Kafka's coordinator answers
//! when it has decided, and has them written after that, each by itself: outcomes and positions of one transaction appear one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_flow::{Position, TopicPartition};

use crate::broker::{Broker, State};
use crate::log::Fate;

/// One of a transaction that has ended.
#[derive(Debug)]
pub(crate) struct Marker {
    /// Transactional id.
    id: String,
    commit: bool,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Partition(TopicPartition, Vec<i64>),
    Group(String, Vec<Position>),
}

/// Those that are not written yet.
#[derive(Debug, Default)]
pub(crate) struct Markers {
    unwritten: BTreeMap<u64, Marker>,
    /// Of an end that whoever delays them has not been told of.
    fresh: Vec<u64>,
    delay: Option<Delay>,
}

type Told = dyn Fn(&[u64]) + Send + Sync;

#[derive(Clone)]
struct Delay(Arc<Told>);

// === impl Broker ===

impl Broker {
    /// From now on `delay` is told of the markers of each end, and calls [`Broker::write_marker`] for each when it likes. Without it all are
    /// written at once.
    pub fn delay_markers(&self, delay: impl Fn(&[u64]) + Send + Sync + 'static) {
        self.lock().markers.delay = Some(Delay(Arc::new(delay)));
    }

    /// Writes a marker that was delayed.
    pub fn write_marker(&self, number: u64) {
        let mut state = self.lock();
        if let Some(marker) = state.markers.unwritten.remove(&number) {
            state.write_marker(marker);
        }
        drop(state);
        self.notify();
    }

    /// Whether the last transaction of an id lacks a marker: until it has all of them the coordinator takes nothing more for that id, and
    /// the client asks again.
    pub fn is_ending(&self, id: &str) -> bool {
        self.lock().markers.unwritten.values().any(|marker| marker.id == id)
    }

    /// After whatever may have ended a transaction, with nothing locked.
    pub(crate) fn tell_of_markers(&self) {
        let mut state = self.lock();
        let fresh = std::mem::take(&mut state.markers.fresh);
        let delay = state.markers.delay.clone();
        drop(state);
        if let (Some(delay), false) = (delay, fresh.is_empty()) {
            (delay.0)(&fresh);
        }
    }
}

// === impl State ===

impl State {
    /// The end of a transaction is decided.
    pub(crate) fn mark(&mut self, id: &str, commit: bool, written: BTreeMap<TopicPartition, Vec<i64>>, offsets: Vec<(String, Position)>) {
        let mut groups: BTreeMap<String, Vec<Position>> = BTreeMap::new();
        for (group, position) in offsets {
            groups.entry(group).or_default().push(position);
        }
        let partitions = written.into_iter().map(|(at, offsets)| Place::Partition(at, offsets));
        let places = partitions.chain(groups.into_iter().map(|(group, positions)| Place::Group(group, positions)));
        for place in places.collect::<Vec<_>>() {
            let marker = Marker {
                id: id.to_owned(),
                commit,
                place,
            };
            if self.markers.delay.is_none() {
                self.write_marker(marker);
                continue;
            }
            let number = self.fresh_id();
            self.markers.unwritten.insert(number, marker);
            self.markers.fresh.push(number);
        }
    }

    fn write_marker(&mut self, marker: Marker) {
        match marker.place {
            Place::Partition(at, offsets) => {
                let fate = if marker.commit { Fate::Committed } else { Fate::Aborted };
                self.log_mut(&at).expect("it was written to").finish(&offsets, fate);
            }
            Place::Group(group, positions) => {
                let Some(group) = self.groups.get_mut(&group) else { return };
                for position in positions {
                    if let Some(count) = group.pending.get_mut(&position.at) {
                        *count -= 1;
                        if *count == 0 {
                            group.pending.remove(&position.at);
                        }
                    }
                    if marker.commit {
                        group.committed.insert(position.at, (position.next, position.metadata));
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Delay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Delay")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Mutex;

    use tidegate_flow::NextOffset;
    use tidegate_flow::ports::{Cluster as _, Exchange as _, NewTopic, Scan as _};
    use tidegate_flow::record::Outgoing;

    use super::*;
    use crate::member::BrokerExchange;

    #[test]
    fn a_commit_is_seen_partition_by_partition() {
        let broker = Broker::new();
        let topic = NewTopic {
            topic: "t".to_owned(),
            partitions: 2,
            config: Vec::new(),
        };
        broker.cluster().create(&[topic]).unwrap();
        let told: Arc<Mutex<Vec<u64>>> = Arc::default();
        let telling = told.clone();
        broker.delay_markers(move |markers| telling.lock().unwrap().extend(markers));
        let mut worker = BrokerExchange::join(&broker, "g", &["t".into()], Some("id"));
        let outgoing = |partition| Outgoing {
            to: TopicPartition::new("t", partition),
            timestamp: None,
            key: None,
            value: None,
            headers: Vec::new(),
        };
        worker.begin().unwrap();
        assert_eq!(worker.send(vec![outgoing(0), outgoing(1)]).unwrap().delivered, 2);
        let at = TopicPartition::new("t", 0);
        let position = Position {
            at: at.clone(),
            next: NextOffset(7),
            metadata: String::new(),
        };
        worker.send_offsets(&[position]).unwrap();
        assert!(!broker.is_ending("id"));
        assert!(worker.commit_transaction().unwrap(), "answered before anything is seen");

        let seen = |partition| {
            let at = TopicPartition::new("t", partition);
            broker.scan().scan(&at, NextOffset(0), NextOffset(9), 9).unwrap().len()
        };
        let state = |worker: &mut BrokerExchange| {
            let stable = worker.consumer().stable(std::slice::from_ref(&at));
            (seen(0), seen(1), broker.committed("g", &at), stable.is_some())
        };
        let markers = told.lock().unwrap().clone();
        assert_eq!(markers.len(), 3);
        assert_eq!(state(&mut worker), (0, 0, None, false));
        broker.write_marker(markers[2]);
        assert_eq!(state(&mut worker), (0, 0, Some(NextOffset(7)), true), "the position first");
        broker.write_marker(markers[1]);
        assert_eq!(state(&mut worker), (0, 1, Some(NextOffset(7)), true));
        assert!(broker.is_ending("id"));
        broker.write_marker(markers[0]);
        assert_eq!(state(&mut worker), (1, 1, Some(NextOffset(7)), true));
        assert!(!broker.is_ending("id"));
        broker.write_marker(markers[0]);
        assert_eq!(seen(0), 1, "written once");
    }
}
