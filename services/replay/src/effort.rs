//! How much a replay has to read, told before it reads anything: what it would send is not known without the dead letters, and what went
//! before not without the topics that earlier replays wrote to.

use std::fmt;

use tidegate_flow::WorldError;
use tidegate_flow::ports::Cluster;

use crate::job::Job;

/// Offsets by topic; control records and what retention has removed in between are counted in, so it is at least as much as is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effort {
    /// Topic, what is looked for there, and offsets.
    pub parts: Vec<(String, &'static str, i64)>,
}

// === impl Effort ===

impl Effort {
    /// Of a dry run. `order_max` offsets of each validated partition are searched for newer events; 0 leaves that out.
    pub fn of(cluster: &mut dyn Cluster, job: &Job, validated: &str, order_max: i64) -> Result<Effort, WorldError> {
        let mut parts = Vec::new();
        let bounds = cluster.offsets(&job.dead_letters)?;
        let letters = job.stretches.iter().map(|stretch| {
            let low = usize::try_from(stretch.partition).ok().and_then(|index| bounds.get(index));
            let from = low.map_or(stretch.from, |(low, _)| stretch.from.max(low.0));
            (stretch.until - from).max(0)
        });
        parts.push((job.dead_letters.clone(), "dead letters", letters.sum()));
        let mut whole = |topic: &str, max: i64| -> Result<i64, WorldError> {
            let bounds = cluster.offsets(topic)?;
            Ok(bounds.iter().map(|(low, end)| (end.0 - low.0).clamp(0, max)).sum())
        };
        parts.push((job.target.clone(), "what was sent before", whole(&job.target, i64::MAX)?));
        if let Some(parked) = &job.parked {
            parts.push((parked.clone(), "what was parked before", whole(parked, i64::MAX)?));
        }
        if order_max > 0 {
            parts.push((validated.to_owned(), "newer events of the same keys", whole(validated, order_max)?));
        }
        Ok(Effort { parts })
    }

    /// All of it.
    pub fn total(&self) -> i64 {
        self.parts.iter().map(|(.., offsets)| offsets).sum()
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (topic, what, offsets)) in self.parts.iter().filter(|(.., offsets)| *offsets > 0).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{offsets} of {topic} ({what})")?;
        }
        Ok(())
    }
}
