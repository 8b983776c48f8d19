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
    let mut problems = topic_problems(&facts, &outcomes);
    let retries: Vec<Arc<str>> = settings.retries.keys().cloned().collect();
    let retry_facts = cluster.topics(&retries)?;
    problems.extend(retry_problems(&facts, &retry_facts, settings));
    let facts: Vec<TopicFacts> = facts.into_iter().chain(retry_facts).collect();
    if problems.is_empty() {
        Ok(facts)
    } else {
        Err(WorldError::new(Remedy::Operator, problems.join("; ")))
    }
}

/// A replayed record goes back to the partition that it came from, and its outcome to the same one.
fn retry_problems(facts: &[TopicFacts], retries: &[TopicFacts], settings: &Settings) -> Vec<String> {
    let partitions = |facts: &[TopicFacts], name: &str| facts.iter().find(|fact| *fact.topic == *name).map(|fact| fact.partitions);
    let mut problems = Vec::new();
    for (retry, source) in &settings.retries {
        if settings.retries.contains_key(source) || partitions(facts, retry).is_some() {
            problems.push(format!("topic {retry} is a retry topic and a source or outcome at the same time"));
            continue;
        }
        let Some(wanted) = partitions(facts, source) else { continue };
        match partitions(retries, retry) {
            None => problems.push(format!(
                "topic {retry} does not exist: create it with {wanted} partitions, as {source} has, and let only Tidegate write to it; or take \
                 `validator.retry_topic` out of the config"
            )),
            Some(found) if found != wanted => problems.push(format!("topic {retry} has {found} partitions and {source} has {wanted}: give it {wanted}")),
            Some(_) => {}
        }
    }
    problems
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
    fn a_retry_topic_is_like_its_source_and_nothing_else() {
        let settings = |template: &str| {
            let settings = Settings {
                retry_topic: Some(template.to_owned()),
                ..Settings::default()
            };
            settings.with_retries_of(&["a".into()])
        };
        let sources = facts(&[("a", 6), ("a.validated", 6), ("a.dlq", 6)]);
        let of = |template: &str, retries: &[(&str, i32)]| retry_problems(&sources, &facts(retries), &settings(template));
        assert!(of("{topic}.retry", &[("a.retry", 6)]).is_empty());
        assert!(of("{topic}.retry", &[])[0].contains("does not exist"));
        assert!(of("{topic}.retry", &[("a.retry", 3)])[0].contains("give it 6"));
        assert!(of("{topic}.dlq", &[("a.dlq", 6)])[0].contains("at the same time"));
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
