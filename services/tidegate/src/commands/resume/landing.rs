//! Validated topics: the end of the lake.

use anyhow::{Context as _, bail};
use tidegate_flow::{Loss, Lost, NextOffset, TopicPartition};
use tidegate_sink::ChainName;
use tidegate_sink::loss::{Standing, accept, last_accepted, standing};

use super::range::Range;
use super::{Still, Word, World, how_many, must_be, partition_of};
use crate::wiring::clock::now_micros;

/// A gap that becomes a slot.
pub(super) struct Deed {
    name: ChainName,
    loss: Loss,
    low: NextOffset,
    /// Somebody has begun this before; what counts is what they said.
    begun: bool,
    lake: String,
}

pub(super) fn survey(world: &mut World) -> anyhow::Result<Vec<Still>> {
    let mut still = Vec::new();
    for topic in world.validated.clone() {
        let (id, bounds) = world.facts(&topic)?;
        for (partition, ends) in (0..).zip(bounds) {
            let at = TopicPartition::new(topic.clone(), partition);
            let name = chain(&at, id.clone())?;
            let found = standing(world.store()?, &name, ends)?;
            let (says, range) = match &found {
                Standing::Empty | Standing::Sound { .. } => continue,
                Standing::Gap { from, to, .. } => (words(&found, &at, ends), Some((from.0, to.0))),
                Standing::Begun(loss) => (words(&found, &at, ends), Some((loss.from, loss.to))),
                Standing::ClaimGone { .. } | Standing::Behind { .. } => (words(&found, &at, ends), None),
            };
            still.push(Still {
                at,
                who: "sink",
                says,
                range,
            });
        }
    }
    Ok(still)
}

pub(super) fn plan(world: &mut World, range: &Range, word: &Word) -> anyhow::Result<super::Deed> {
    let (id, bounds) = world.facts(&range.at.topic)?;
    let ends = partition_of(&bounds, &range.at)?;
    let name = chain(&range.at, id)?;
    let store = world.store()?;
    let found = standing(store, &name, ends)?;
    let why = words(&found, &range.at, ends);
    let (loss, begun) = match found {
        Standing::Gap { seq, from, to } => {
            must_be(range, (from.0, to.0), &why)?;
            (loss(&name, seq, range, word), false)
        }
        Standing::Begun(loss) => {
            must_be(range, (loss.from, loss.to), &why)?;
            (*loss, true)
        }
        Standing::Sound { end } => {
            let last = last_accepted(store, &name)?;
            match last.filter(|last| (last.from, last.to) == (range.from, range.to)) {
                Some(last) => return Ok(super::Deed::Done(last)),
                None => bail!(
                    "{range} is not lost: the lake holds {} up to {}, and the topic has {} to {}",
                    range.at,
                    end.0,
                    ends.0.0,
                    ends.1.0
                ),
            }
        }
        Standing::Empty => bail!(
            "{range} is not lost: nothing of {} is in the lake yet, and the sink begins at {}",
            range.at,
            ends.0.0
        ),
        Standing::ClaimGone { .. } | Standing::Behind { .. } => bail!("{range} cannot be given up: {why}"),
    };
    if loss.to > ends.0.0 {
        bail!(
            "{range} cannot be given up: the topic begins at {} by now; was it made anew?",
            ends.0.0
        );
    }
    Ok(super::Deed::Land(Deed {
        name,
        loss,
        low: ends.0,
        begun,
        lake: world.lake().to_owned(),
    }))
}

fn chain(at: &TopicPartition, id: Option<std::sync::Arc<str>>) -> anyhow::Result<ChainName> {
    Ok(ChainName {
        topic: at.topic.clone(),
        topic_id: id.with_context(|| {
            format!(
                "the broker has no topic id for {}: set `sink.topic_epoch`, as the sink has it",
                at.topic
            )
        })?,
        partition: at.partition,
    })
}

fn loss(name: &ChainName, seq: u64, range: &Range, word: &Word) -> Loss {
    Loss {
        version: tidegate_flow::loss::VERSION,
        lost: Lost::Landing,
        topic: name.topic.to_string(),
        topic_id: name.topic_id.to_string(),
        partition: name.partition,
        from: range.from,
        to: range.to,
        seq: Some(seq),
        group: None,
        reason: word.reason.clone(),
        accepted_by: word.by.clone(),
        accepted_at_micros: word.at_micros,
        engine: tidegate_check::ENGINE_VERSION.to_owned(),
    }
}

/// What is the matter.
fn words(found: &Standing, at: &TopicPartition, (low, end): (NextOffset, NextOffset)) -> String {
    match found {
        Standing::Empty => "nothing of it is in the lake yet".to_owned(),
        Standing::Sound { end } => format!("the lake goes on at {}", end.0),
        Standing::Gap { from, to, .. } => {
            let marker = match to.0 - from.0 {
                1 => {
                    ". One offset is most likely the end of the last transaction, which holds no record: so it is when `tidegate audit` \
                     is clean (in exactly_once; it counts the source's records against their outcomes)"
                }
                _ => "; how many of them were records nobody can tell",
            };
            format!(
                "the lake ends at {} and the topic begins at {}: {} before they were in the lake{marker}",
                from.0,
                to.0,
                how_many(from.0, to.0)
            )
        }
        Standing::Begun(loss) => format!(
            "the loss of {} to {} was accepted by {} ({}) and is not in the chain yet; finish that first",
            loss.from, loss.to, loss.accepted_by, loss.reason
        ),
        Standing::ClaimGone { claim, written } => {
            let files = claim.files.len();
            let left = if low.0 <= claim.last_offset {
                format!("its records from {} on are still there", low.0)
            } else {
                "none of its records is there any more".to_owned()
            };
            format!(
                "slot {} was claimed from {} to {} ({} records, {} rows), and the topic begins at {}: {left}. {written} of its {files} files are in \
                 the lake. A claim is finished from its records or not at all: there is no way to give it up. Put the records back \
                 (a restored broker), or have {} land anew in a topic of its own; see docs/operate.md#a-claim-without-its-records",
                claim.seq, claim.start, claim.end, claim.records, claim.rows, low.0, at.topic
            )
        }
        Standing::Behind { end: reached } => format!(
            "the topic ends at {} and the lake reaches to {}: it was made anew under the same id, its log lost records, or the store is of \
             another cluster; there is nothing to give up",
            end.0, reached.0
        ),
    }
}

// === impl Deed ===

impl Deed {
    pub(super) fn lines(&self) -> Vec<String> {
        let loss = &self.loss;
        let found = match self.begun {
            true => format!(
                "was begun by {} ({}) and is not in the chain yet: that reason stays",
                loss.accepted_by, loss.reason
            ),
            false => words(
                &Standing::Gap {
                    seq: loss.seq.unwrap_or_default(),
                    from: NextOffset(loss.from),
                    to: NextOffset(loss.to),
                },
                &TopicPartition::new(loss.topic.as_str(), loss.partition),
                (self.low, self.low),
            ),
        };
        let seq = loss.seq.unwrap_or_default();
        vec![
            found,
            format!(
                "slot {seq} of the chain will stand for {} offsets without rows, with the reason in {} of {}",
                loss.offsets(),
                self.name.loss_path(seq),
                self.lake
            ),
            "then restart the sink that halted: it goes on behind the gap. A sink whose log does not call this partition halted may have the \
             records in memory still, and would drop them"
                .to_owned(),
        ]
    }

    pub(super) fn execute(&self, world: &World) -> anyhow::Result<String> {
        let done = accept(world.store()?, &self.name, &self.loss, self.low, now_micros())?;
        Ok(match done.was_there {
            true => format!("was in the chain by then ({})", done.path),
            false => format!("is in the chain, with its reason in {}; restart the sink that halted", done.path),
        })
    }
}
