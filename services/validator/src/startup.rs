//! What must hold before the first record is read.

use std::sync::Arc;

use tidegate_flow::ports::{Cluster, TopicFacts};
use tidegate_flow::{Remedy, WorldError};

use crate::settings::Settings;

/// Checks that every source has its outcome topics with enough partitions. All problems come in one error, each a sentence.
/// Equal counts are asked for unless several sources share an outcome topic, which then needs the largest source's count.
pub fn check_topics(cluster: &mut dyn Cluster, settings: &Settings, sources: &[Arc<str>]) -> Result<Vec<TopicFacts>, WorldError> {
    let outcomes: Vec<(Arc<str>, [Arc<str>; 2])> = sources
        .iter()
        .map(|source| (source.clone(), [settings.validated(source), settings.dead_letters(source)]))
        .collect();
    let mut names: Vec<Arc<str>> = outcomes
        .iter()
        .flat_map(|(source, outs)| [source.clone(), outs[0].clone(), outs[1].clone()])
        .collect();
    names.sort();
    names.dedup();
    let facts = cluster.topics(&names)?;
    let problems = topic_problems(&facts, &outcomes);
    if problems.is_empty() {
        Ok(facts)
    } else {
        Err(WorldError::new(Remedy::Operator, problems.join("; ")))
    }
}

fn topic_problems(facts: &[TopicFacts], outcomes: &[(Arc<str>, [Arc<str>; 2])]) -> Vec<String> {
    let partitions = |name: &str| facts.iter().find(|fact| &*fact.topic == name).map(|fact| fact.partitions);
    let mut problems = Vec::new();
    for (source, outs) in outcomes {
        let Some(wanted) = partitions(source) else {
            problems.push(format!(
                "topic {source} does not exist: create it, or take its contract out of the snapshot"
            ));
            continue;
        };
        for out in outs {
            let shared = outcomes.iter().filter(|(_, others)| others.contains(out)).count() > 1;
            match partitions(out) {
                None => problems.push(format!("topic {out} does not exist: create it with {wanted} partitions, as {source} has")),
                Some(found) if found < wanted || (found != wanted && !shared) => problems.push(format!(
                    "topic {out} has {found} partitions and {source} has {wanted}: a record leaves to the partition it came from, so give {out} {wanted}"
                )),
                Some(_) => {}
            }
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(topics: &[(&str, i32)]) -> Vec<TopicFacts> {
        topics
            .iter()
            .map(|(topic, partitions)| TopicFacts {
                topic: (*topic).into(),
                id: None,
                partitions: *partitions,
                cleanup_policy: None,
            })
            .collect()
    }

    fn outcomes(of: &[(&str, &str, &str)]) -> Vec<(Arc<str>, [Arc<str>; 2])> {
        of.iter().map(|(s, v, d)| ((*s).into(), [(*v).into(), (*d).into()])).collect()
    }

    #[test]
    fn equal_counts_pass_and_missing_or_unequal_ones_are_all_named() {
        let good = facts(&[("a", 6), ("a.v", 6), ("a.d", 6)]);
        assert!(topic_problems(&good, &outcomes(&[("a", "a.v", "a.d")])).is_empty());
        let bad = facts(&[("a", 6), ("a.v", 3)]);
        let problems = topic_problems(&bad, &outcomes(&[("a", "a.v", "a.d"), ("b", "b.v", "b.d")]));
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn a_shared_outcome_topic_needs_the_largest_count() {
        let outs = outcomes(&[("a", "a.v", "dlq"), ("b", "b.v", "dlq")]);
        let enough = facts(&[("a", 6), ("a.v", 6), ("b", 2), ("b.v", 2), ("dlq", 6)]);
        assert!(topic_problems(&enough, &outs).is_empty());
        let few = facts(&[("a", 6), ("a.v", 6), ("b", 2), ("b.v", 2), ("dlq", 2)]);
        assert_eq!(topic_problems(&few, &outs).len(), 1);
    }
}
