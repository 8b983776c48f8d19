//! A topic that was deleted and made again under its name is told by its id. The consumer does not notice it where the new topic is already
//! longer than the position: it reads on, and records of the new topic would land in the chain of the old one, without those before them.
//!
//! Ids never come back, so an id that is still the chain's after the records came says that all of them are of that topic. It is asked
//! before a claim is placed, and before a partition is read on. A claim that is there already needs no question: its hash tells.

use std::sync::Arc;

use tidegate_flow::{Remedy, WorldError};

use super::{Step, Worker, describe};
use crate::lane::Lane;

/// The answer of the brokers: the id, nothing where they do not tell it, or why there is no answer.
pub(super) type Told = Result<Option<Arc<str>>, (Remedy, String)>;

impl Worker<'_, '_> {
    /// An error with [`Remedy::Reread`] when the topic is another one than that of the lane's chain, with another one when that cannot be
    /// known. Each topic is asked for once between two polls, and after one silence no other is.
    pub(super) fn check_incarnation(&mut self, lane: &Lane) -> Step {
        let Some(tip) = lane.tip.as_ref().filter(|tip| tip.name.has_kafka_id()) else {
            return Ok(());
        };
        let topic = &lane.at.topic;
        let silence = || self.ids.values().find(|told| matches!(told, Err((Remedy::Retry, _)))).cloned();
        let told = match self.ids.get(topic).cloned().or_else(silence) {
            Some(told) => told,
            None => {
                let told = self.ask_id(topic);
                self.ids.insert(topic.clone(), told.clone());
                told
            }
        };
        let (remedy, what) = match told {
            Ok(Some(id)) if id == tip.name.topic_id => return Ok(()),
            Ok(Some(id)) => {
                let what = format!(
                    "topic {topic} was deleted and created again: its id was {} and is {id}; what was read and not yet claimed is dropped, \
                     and the new topic is read from its beginning into a chain of its own",
                    tip.name.topic_id
                );
                (Remedy::Reread, what)
            }
            Ok(None) => (
                Remedy::Retry,
                format!("the brokers do not tell the id of topic {topic}; nothing is claimed before they do"),
            ),
            Err(error) => error,
        };
        Err(WorldError::new(remedy, what).into())
    }

    fn ask_id(&mut self, topic: &Arc<str>) -> Told {
        match self.parts.cluster.topics(std::slice::from_ref(topic)) {
            Ok(facts) => match facts.into_iter().find(|facts| facts.topic == *topic) {
                Some(facts) => Ok(facts.id),
                None => Err((Remedy::Operator, format!("topic {topic} does not exist"))),
            },
            Err(error) => Err((error.remedy, describe(&error))),
        }
    }
}
