//! From times to offsets.

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tidegate_flow::{NextOffset, TopicPartition, WorldError};

use crate::callbacks::QuestionCallbacks;
use crate::cluster::{ask, offsets_of, settled};
use crate::consumer::list_of;
use crate::fault::world_error;
use crate::held::Held;
use crate::settings::Settings;

/// The first offset of each partition whose record has this timestamp (milliseconds since the epoch) or a later one; none where there is
/// none.
pub fn offsets_at(
    settings: &Settings,
    partitions: &[TopicPartition],
    millis: i64,
) -> Result<Vec<(TopicPartition, Option<NextOffset>)>, WorldError> {
    let asking = |error| world_error("asking for the offsets of a time", error);
    let reader: BaseConsumer<QuestionCallbacks> = settings
        .reader("times")
        .create_with_context(QuestionCallbacks::default())
        .map_err(asking)?;
    let reader = Held::new(settings, reader)?;
    // Kafka asks with the time in the offset's place.
    let wanted: Vec<(TopicPartition, NextOffset)> = partitions.iter().map(|at| (at.clone(), NextOffset(millis))).collect();
    let list = list_of(&wanted)?;
    let answer = ask(&reader, "asking for the offsets of a time", |reader, patience| {
        settled(|| reader.offsets_for_times(list.clone(), patience))
    })?;
    offsets_of(&answer).map_err(asking)
}
