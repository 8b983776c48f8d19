//! Source topics and retry topics: the position of the validator's group.

use anyhow::{Context as _, bail};
use tidegate_flow::ports::{Committed, Created, Store};
use tidegate_flow::{Loss, Lost, NextOffset, Position, TopicPartition};
use tidegate_sink::path::part;
use tidegate_validator::step_over::{Standing, standing, step_over};

use super::range::Range;
use super::{Still, Word, World, how_many, must_be, partition_of};

/// A position that moves.
pub(super) struct Deed {
    position: Position,
    loss: Loss,
    path: String,
    /// Somebody has begun this before; what counts is what they said.
    begun: bool,
    members: usize,
    lake: String,
}

pub(super) fn survey(world: &mut World) -> anyhow::Result<Vec<Still>> {
    let mut still = Vec::new();
    for topic in world.sources.clone() {
        let (id, bounds) = world.facts(&topic)?;
        let partitions: Vec<TopicPartition> = (0..i32::try_from(bounds.len())?)
            .map(|partition| TopicPartition::new(topic.clone(), partition))
            .collect();
        for (committed, ends) in world.group.committed(&partitions)?.into_iter().zip(bounds) {
            let found = standing(&committed, id.as_deref(), ends);
            let range = match &found {
                Standing::Nowhere | Standing::Sound { .. } => continue,
                Standing::Gap { from, to } => {
                    let begun = match &world.store {
                        Some(store) => begun(&**store, &path(&committed.at, &topic_id(id.as_deref()), from.0))?,
                        None => None,
                    };
                    Some((from.0, begun.map_or(to.0, |loss| loss.to)))
                }
                Standing::Ahead { .. } | Standing::OtherTopic { .. } => None,
            };
            still.push(Still {
                says: words(&found, ends),
                at: committed.at,
                who: "validator",
                range,
            });
        }
    }
    Ok(still)
}

pub(super) fn plan(world: &mut World, range: &Range, word: &Word) -> anyhow::Result<super::Deed> {
    let (id, bounds) = world.facts(&range.at.topic)?;
    let ends = partition_of(&bounds, &range.at)?;
    let committed = committed(world, &range.at)?;
    let topic_id = topic_id(id.as_deref());
    let path = path(&range.at, &topic_id, range.from);
    let begun = begun(world.store()?, &path)?;
    if let Some(other) = begun
        .as_ref()
        .and_then(|loss| loss.group.as_deref())
        .filter(|group| *group != world.config.validator_group)
    {
        bail!(
            "{path} is about group {other}, and this is {}: see that --group is right",
            world.config.validator_group
        );
    }
    let found = standing(&committed, id.as_deref(), ends);
    let why = words(&found, ends);
    match (&found, &begun) {
        (Standing::Gap { from, .. }, Some(loss)) => {
            let begun = format!(
                "{why}. The loss of {} to {} was accepted by {} ({}) and the position has not moved yet; finish that first",
                loss.from, loss.to, loss.accepted_by, loss.reason
            );
            must_be(range, (from.0, loss.to), &begun)?;
        }
        (Standing::Gap { from, to }, None) => must_be(range, (from.0, to.0), &why)?,
        (Standing::Sound { position }, Some(loss)) if position.0 >= loss.to && (loss.from, loss.to) == (range.from, range.to) => {
            return Ok(super::Deed::Done(loss.clone()));
        }
        (Standing::Sound { .. } | Standing::Nowhere, _) => bail!("{range} is not lost: {why}"),
        (Standing::Ahead { .. } | Standing::OtherTopic { .. }, _) => bail!("{range} cannot be given up: {why}"),
    }
    let is_begun = begun.is_some();
    let loss = begun.unwrap_or_else(|| Loss {
        version: tidegate_flow::loss::VERSION,
        lost: Lost::Judging,
        topic: range.at.topic.to_string(),
        topic_id,
        partition: range.at.partition,
        from: range.from,
        to: range.to,
        seq: None,
        group: Some(world.config.validator_group.clone()),
        reason: word.reason.clone(),
        accepted_by: word.by.clone(),
        accepted_at_micros: word.at_micros,
        engine: tidegate_check::ENGINE_VERSION.to_owned(),
    });
    Ok(super::Deed::Judge(Deed {
        position: step_over(&committed, NextOffset(loss.to)),
        loss,
        path,
        begun: is_begun,
        members: world.group.members()?,
        lake: world.lake().to_owned(),
    }))
}

fn committed(world: &World, at: &TopicPartition) -> anyhow::Result<Committed> {
    let committed = world.group.committed(std::slice::from_ref(at))?;
    committed.into_iter().next().with_context(|| format!("{at}: no answer"))
}

/// A loss of the same start that was accepted before.
fn begun(store: &dyn Store, path: &str) -> anyhow::Result<Option<Loss>> {
    Ok(store.get(path)?.map(|bytes| Loss::parse(path, &bytes)).transpose()?)
}

fn topic_id(id: Option<&str>) -> String {
    id.unwrap_or("unknown").to_owned()
}

fn path(at: &TopicPartition, topic_id: &str, from: i64) -> String {
    format!(
        "chain/_losses/{}-{}/{:05}/{from:020}.loss.json",
        part(&at.topic),
        part(topic_id),
        at.partition
    )
}

/// What is the matter.
fn words(found: &Standing, (low, end): (NextOffset, NextOffset)) -> String {
    match found {
        Standing::Nowhere => "the group has no position there; docs/operate.md says how to set one".to_owned(),
        Standing::Sound { position } => format!("the group's position is {}, and the topic has {} to {}", position.0, low.0, end.0),
        Standing::Gap { from, to } => format!(
            "the group's position is {} and the topic begins at {}: {} before they were judged; how many of them were records nobody can tell",
            from.0,
            to.0,
            how_many(from.0, to.0)
        ),
        Standing::Ahead { position, end } => format!(
            "the group's position is {} and the topic ends at {}: its log lost records that were judged, or it was made anew; there is nothing \
             to give up. See docs/operate.md (`a topic was deleted and created again`)",
            position.0, end.0
        ),
        Standing::OtherTopic { position } => format!(
            "the group's position {} is one of another topic of that name: it was deleted and created again, and offsets began anew; there is \
             nothing to give up. See docs/operate.md (`a topic was deleted and created again`)",
            position.0
        ),
    }
}

// === impl Deed ===

impl Deed {
    pub(super) fn lines(&self) -> Vec<String> {
        let loss = &self.loss;
        let group = loss.group.as_deref().unwrap_or_default();
        let found = match self.begun {
            true => format!(
                "was begun by {} ({}), and the position has not moved yet: that reason stays",
                loss.accepted_by, loss.reason
            ),
            false => words(
                &Standing::Gap {
                    from: NextOffset(loss.from),
                    to: NextOffset(loss.to),
                },
                (NextOffset(loss.to), NextOffset(loss.to)),
            ),
        };
        let mut lines = vec![
            found,
            format!("first the reason goes to {} of {}", self.path, self.lake),
            format!("then the position of group {group} moves from {} to {}", loss.from, loss.to),
        ];
        if self.members > 0 {
            lines.push(format!(
                "the group has members ({}): stop all validators first, positions move only while it is empty",
                self.members
            ));
        }
        lines
    }

    /// The reason first: a position that has moved is never without it.
    pub(super) fn execute(&self, world: &World) -> anyhow::Result<String> {
        let members = world.group.members()?;
        if members > 0 {
            bail!(
                "{}: group {} has members ({members}): stop all of them, and run this again; nothing was changed for this partition",
                self.position.at,
                world.config.validator_group
            );
        }
        if committed(world, &self.position.at)?.next != Some(NextOffset(self.loss.from)) {
            bail!(
                "{}: the position has moved meanwhile; look again with `tidegate resume`",
                self.position.at
            );
        }
        let store = world.store()?;
        if store.create(&self.path, self.loss.to_bytes())? == Created::Exists {
            let there = begun(store, &self.path)?.with_context(|| format!("{} was said to exist and is not there", self.path))?;
            if !there.is_same_gap(&self.loss) {
                bail!(
                    "{}: another loss was accepted meanwhile; look again with `tidegate resume`",
                    self.path
                );
            }
        }
        world.group.commit(std::slice::from_ref(&self.position)).with_context(|| {
            format!(
                "the reason is recorded in {}, the position has not moved: run this again",
                self.path
            )
        })?;
        Ok(format!(
            "the group goes on at {}, the loss is recorded in {}; start the validators",
            self.position.next.0, self.path
        ))
    }
}
