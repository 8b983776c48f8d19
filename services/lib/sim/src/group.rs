//! Consumer groups: members, generations, cooperative assignment, committed positions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tidegate_flow::{NextOffset, TopicPartition};

/// One consumer group.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) members: BTreeMap<u64, Member>,
    pub(crate) committed: HashMap<TopicPartition, (NextOffset, String)>,
    /// Partitions whose committed position a pending transaction may still change.
    pub(crate) pending: HashMap<TopicPartition, usize>,
}

/// What the coordinator knows of a member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) topics: Vec<Arc<str>>,
    /// Owned now, as the member has been told.
    pub(crate) owned: BTreeSet<TopicPartition>,
    /// Owned after the running rebalance.
    target: BTreeSet<TopicPartition>,
}

// === impl Group ===

impl Group {
    pub(crate) fn join(&mut self, id: u64, topics: Vec<Arc<str>>, all: &[TopicPartition]) {
        self.members.insert(
            id,
            Member {
                topics,
                owned: BTreeSet::new(),
                target: BTreeSet::new(),
            },
        );
        self.rebalance(all);
    }

    pub(crate) fn leave(&mut self, id: u64, all: &[TopicPartition]) {
        if self.members.remove(&id).is_some() {
            self.rebalance(all);
        }
    }

    /// Sticky and balanced: a member keeps what it has up to its fair share; the rest is dealt to those with the least.
    fn rebalance(&mut self, all: &[TopicPartition]) {
        if self.members.is_empty() {
            return;
        }
        let share = all.len().div_ceil(self.members.len());
        let mut taken: BTreeSet<TopicPartition> = BTreeSet::new();
        for member in self.members.values_mut() {
            let keep: BTreeSet<TopicPartition> = member
                .owned
                .iter()
                .filter(|at| all.contains(at) && member.topics.contains(&at.topic))
                .take(share)
                .cloned()
                .collect();
            taken.extend(keep.iter().cloned());
            member.target = keep;
        }
        for at in all.iter().filter(|at| !taken.contains(at)) {
            let least = self
                .members
                .values_mut()
                .filter(|member| member.topics.contains(&at.topic))
                .min_by_key(|member| member.target.len());
            if let Some(member) = least {
                member.target.insert(at.clone());
            }
        }
    }

    /// What a member must give up first; called while it polls, when nothing of it is open.
    pub(crate) fn take_revoked(&mut self, id: u64) -> Vec<TopicPartition> {
        let Some(member) = self.members.get_mut(&id) else {
            return Vec::new();
        };
        let gone: Vec<TopicPartition> = member.owned.difference(&member.target).cloned().collect();
        member.owned.retain(|at| member.target.contains(at));
        gone
    }

    /// What a member newly gets: only partitions that nobody owns any more.
    pub(crate) fn take_assigned(&mut self, id: u64) -> Vec<TopicPartition> {
        let Some(member) = self.members.get(&id) else { return Vec::new() };
        let free: Vec<TopicPartition> = member
            .target
            .difference(&member.owned)
            .filter(|at| {
                self.members
                    .iter()
                    .all(|(other, member)| *other == id || !member.owned.contains(*at))
            })
            .cloned()
            .collect();
        let member = self.members.get_mut(&id).expect("looked up above");
        member.owned.extend(free.iter().cloned());
        free
    }

    /// The generation check of offset commits (KIP-447). A member that was removed has none that is valid; whether a living one owns
    /// what it commits is not the coordinator's question, as it is not Kafka's.
    pub(crate) fn knows(&self, id: u64) -> bool {
        self.members.contains_key(&id)
    }
}
