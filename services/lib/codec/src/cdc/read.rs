//! From the bytes of a record to its change, by who wrote them.

use super::block::with_payload;
use super::envelope::{self, Found};
use super::rows::{AvroRows, JsonRows};
use super::{FlatNames, SchemaBlockCache, Texts, Unwrapped, dms, flat, maxwell, mongo};
use crate::avro::Schema;
use crate::failure::{DecodeFailure, Detail};
use crate::json::JsonReader;
use crate::token::Reader as _;

/// Who wrote the changes of a topic, as its contract says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format<'p> {
    /// Debezium's envelope.
    Debezium,
    /// Rows flattened by Debezium's ExtractNewRecordState.
    Flat(FlatNames<'p>),
    /// Debezium's envelope of the MongoDB connector.
    Mongo,
    /// AWS Database Migration Service.
    Dms {
        /// `BeforeImageSettings.FieldName`, where the task writes old rows.
        before: Option<&'p str>,
    },
    /// Maxwell.
    Maxwell,
}

/// Reads a JSON value. Images are found and not proven (see the [module](super)): a failure that their readers meet, and one that this
/// meets, is only the first that was seen; [`strict_failure`] says which failure the bytes have, whichever way they are read.
pub fn read_json<'b>(
    format: Format<'b>,
    value: &'b [u8],
    headers: &[(&str, Option<&'b [u8]>)],
    cache: &mut SchemaBlockCache,
    texts: &'b mut Texts,
) -> Result<Unwrapped<'b>, DecodeFailure> {
    read_json_seeing(format, value, headers, cache, texts, &mut |_| 0)
}

/// As [`read_json`]; the new row of an envelope of Debezium is given to `see` where it stands, with all that follows it. It answers how many
/// bytes the row took, if it read it strictly to its end, else zero. It may be asked in vain: only an image that
/// [is taken](super::Image::is_taken) is the row that it was asked about last.
pub fn read_json_seeing<'b>(
    format: Format<'b>,
    value: &'b [u8],
    headers: &[(&str, Option<&'b [u8]>)],
    cache: &mut SchemaBlockCache,
    texts: &'b mut Texts,
    see: &mut dyn FnMut(&'b [u8]) -> usize,
) -> Result<Unwrapped<'b>, DecodeFailure> {
    match format {
        Format::Debezium => {
            // Out of the cache, which finds the payload.
            let (mut names, mut habit) = (cache.names.take(), cache.habit.take().unwrap_or_default());
            let found = with_payload(value, cache, |payload| {
                let mut usual = Found::default();
                if habit.read(&payload, see, &mut usual).is_some()
                    && let Ok(change) = usual.judge(payload.reader.position())
                {
                    habit.keep();
                    return Ok(change);
                }
                let text = payload.reader.rest();
                let mut rows = JsonRows::new(payload);
                rows.lend(names.take());
                let found = envelope::walk(&mut rows);
                names = rows.leave();
                if let Ok(Unwrapped::Change(_)) = found {
                    habit.learn(text);
                }
                found
            });
            (cache.names, cache.habit) = (names, Some(habit));
            found
        }
        Format::Flat(names) => with_payload(value, cache, |payload| flat::unwrap_rows(payload, headers, names)),
        Format::Mongo => {
            let found = with_payload(value, cache, |payload| mongo::walk(&mut JsonRows::new(payload), texts))?;
            Ok(found.unwrap(texts))
        }
        Format::Dms { before } => dms::unwrap(value, before),
        Format::Maxwell => maxwell::unwrap(value, texts),
    }
}

/// Reads an Avro datum; `base` is its offset in the value. All images are proven. DMS and Maxwell write no Avro: `BadEnvelope`.
pub fn read_avro<'b>(
    format: Format<'b>,
    schema: &'b Schema,
    datum: &'b [u8],
    base: usize,
    headers: &[(&str, Option<&'b [u8]>)],
    texts: &'b mut Texts,
) -> Result<Unwrapped<'b>, DecodeFailure> {
    match format {
        Format::Debezium => envelope::unwrap_avro(schema, datum, base),
        Format::Flat(names) => flat::unwrap_avro(schema, datum, base, headers, names),
        Format::Mongo => Ok(mongo::walk(&mut AvroRows::new(schema, datum, base), texts)?.unwrap(texts)),
        Format::Dms { .. } | Format::Maxwell => Err(DecodeFailure {
            detail: Detail::BadEnvelope,
            offset: base,
        }),
    }
}

/// The failure of a value that could not be read: where its bytes are not strict JSON from front to back, that; else the one that was
/// met. So the answer does not depend on the order in which parts were looked at.
#[cold]
pub fn strict_failure(value: &[u8], met: DecodeFailure) -> DecodeFailure {
    let mut reader = JsonReader::new(value);
    match reader.skip().and_then(|()| reader.next().map(|_| ())) {
        Err(failure) => failure,
        Ok(()) => met,
    }
}

/// Unwraps a Debezium envelope in JSON, with or without its schema block. The whole value is proven to be strict JSON, so the images
/// cannot fail on grammar; they can on values that contradict the schema block.
pub fn unwrap_json<'b>(value: &'b [u8], cache: &mut SchemaBlockCache) -> Result<Unwrapped<'b>, DecodeFailure> {
    proven(
        value,
        with_payload(value, cache, |payload| envelope::walk(&mut JsonRows::new(payload))),
    )
}

/// Unwraps a flattened JSON row with the default names, with or without its schema block; proven as [`unwrap_json`]. Headers count where
/// the value does not say the same thing.
pub fn unwrap_flat_json<'b>(
    value: &'b [u8],
    headers: &[(&str, Option<&'b [u8]>)],
    cache: &mut SchemaBlockCache,
) -> Result<Unwrapped<'b>, DecodeFailure> {
    let names = FlatNames::default();
    proven(
        value,
        with_payload(value, cache, |payload| flat::unwrap_rows(payload, headers, names)),
    )
}

fn proven<'b>(value: &[u8], read: Result<Unwrapped<'b>, DecodeFailure>) -> Result<Unwrapped<'b>, DecodeFailure> {
    let proven = read.and_then(|mut unwrapped| {
        if let Unwrapped::Change(event) = &mut unwrapped {
            for image in event.before.iter_mut().chain(&mut event.after) {
                image.prove()?;
            }
        }
        Ok(unwrapped)
    });
    proven.map_err(|met| strict_failure(value, met))
}
