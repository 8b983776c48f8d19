//! Whether every record of a topic is accounted for: since the last look, or of the last while at the first one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_audit::{Account, Look, Plan, Unwatched, account};
use tidegate_contract::Snapshot;
use tidegate_flow::ports::Cluster as _;
use tidegate_flow::{NextOffset, Remedy, TopicPartition, WorldError};
use tidegate_kafka::{ClusterClient, PartitionScan, group_positions, offsets_at};
use tidegate_objectives::completeness::{Accounted, Completeness, Counts};
use tidegate_validator::StartAt;

use super::partitions;
use crate::cli::CompletenessArgs;
use crate::commands::audit::{ControlRecords, plan};
use crate::config::Config;

/// Where the next look of one object begins.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    next: BTreeMap<TopicPartition, NextOffset>,
}

/// What a look reads with.
pub(super) struct Readers<'a> {
    pub(super) config: &'a Config,
    pub(super) asked: &'a CompletenessArgs,
    pub(super) snapshot: &'a Snapshot,
    pub(super) cluster: &'a mut ClusterClient,
    pub(super) scan: &'a mut PartitionScan,
}

// === impl Cursor ===

impl Cursor {
    /// Looks at what the group has judged since the last time. An error moves nothing: the next look begins where this one did.
    pub(super) fn look(&mut self, topic: &Arc<str>, now: i64, readers: Readers<'_>) -> Result<Completeness, WorldError> {
        let Readers {
            config,
            asked,
            snapshot,
            cluster,
            scan,
        } = readers;
        let settings = config
            .validator
            .clone()
            .with_retries_of(&snapshot.bindings.keys().cloned().collect::<Vec<_>>());
        // What was sent back is consumed from a topic of its own, and has outcomes of its own.
        let retry: Vec<Arc<str>> = settings.retry(topic).into_iter().collect();
        let mut topics = vec![topic.clone()];
        topics.extend(cluster.topics(&retry)?.into_iter().map(|facts| facts.topic));
        let mut plan = plan(&settings, &topics);
        let most = i64::try_from(asked.completeness_records).unwrap_or(i64::MAX);
        let mut from = BTreeMap::new();
        for topic in &mut plan.topics {
            topic.retry = settings.is_retry(&topic.source);
            topic.starts_late = config.validator.start_at == StartAt::Latest && !topic.retry;
            // Other sources may have their outcomes in the same topics.
            topic.others = true;
            let all = partitions(&topic.source, cluster.offsets(&topic.source)?.len());
            if all.is_empty() {
                let what = format!(
                    "the topic {} is not there; `tidegate topics check` says what else is missing",
                    topic.source
                );
                return Err(WorldError::new(Remedy::Operator, what));
            }
            // Before any end is asked for: what comes meanwhile is pending, not missing.
            let positions = group_positions(&config.kafka, &config.validator_group, &all)?;
            topic.positions = positions.into_iter().filter_map(|(at, next)| Some((at.partition, next?))).collect();
            let fresh: Vec<TopicPartition> = all.iter().filter(|at| !self.next.contains_key(at)).cloned().collect();
            let begins = match fresh.is_empty() {
                true => Vec::new(),
                false => {
                    let window = i64::try_from(asked.completeness_window.as_millis()).unwrap_or(i64::MAX);
                    offsets_at(&config.kafka, &fresh, (now / 1000).saturating_sub(window).max(0))?
                }
            };
            for (at, begin) in begins {
                // Nothing of that time or later: there is nothing to look at before the position.
                let position = topic.positions.get(&at.partition).copied();
                let newest = position.map(|position| NextOffset((position.0 - most).max(0)));
                if let Some(begin) = begin.or(position) {
                    from.insert(at, newest.map_or(begin, |newest| begin.max(newest)));
                }
            }
            from.extend(all.iter().filter_map(|at| Some((at.clone(), *self.next.get(at)?))));
        }
        // Retention may have moved on since the ends were asked for; a first look begins at what there is.
        self.begin_at_lows(&plan, &mut from, cluster)?;
        let explain = ControlRecords::new(snapshot, crate::commands::schemas(config)?);
        let mut uncommitted = PartitionScan::connect_uncommitted(&config.kafka)?;
        let look = Look { from, most };
        let accounts = account(&plan, &look, cluster, scan, Some(&mut uncommitted), &explain, &mut Unwatched)?;
        self.next.extend(accounts.iter().map(|account| (account.at.clone(), account.next)));
        Ok(Completeness {
            partitions: accounts.into_iter().map(accounted).collect(),
        })
    }

    /// A first look promises nothing about what retention has removed before it.
    fn begin_at_lows(
        &self,
        plan: &Plan,
        from: &mut BTreeMap<TopicPartition, NextOffset>,
        cluster: &mut ClusterClient,
    ) -> Result<(), WorldError> {
        for topic in &plan.topics {
            for (partition, (low, _)) in (0..).zip(cluster.offsets(&topic.source)?) {
                let at = TopicPartition::new(topic.source.clone(), partition);
                if !self.next.contains_key(&at) {
                    from.entry(at).and_modify(|from| *from = (*from).max(low));
                }
            }
        }
        Ok(())
    }
}

fn accounted(account: Account) -> Accounted {
    Accounted {
        topic: account.at.topic.to_string(),
        partition: account.at.partition,
        from: account.from,
        until: account.until,
        counts: Counts {
            raw: account.raw,
            validated: account.validated,
            dead_lettered: account.dead_lettered,
            skipped: account.skipped,
            pending: account.pending,
            missing: account.missing.count,
        },
        missing_first: account.missing.first,
        amiss: account.amiss,
        unknown: account.unknown,
    }
}
