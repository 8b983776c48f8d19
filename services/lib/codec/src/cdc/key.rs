//! Keys of change events, and what headers say about them.

use super::SchemaBlockCache;
use super::block::with_payload;
use super::event::KeyChange;
use super::image::ImageReader;
use super::typed::TypedJson;
use crate::avro::{AvroReader, Schema};
use crate::failure::DecodeFailure;
use crate::token::Reader as _;

/// Reads a JSON key, with or without its schema block.
pub fn key_json<'b>(key: &'b [u8], cache: &mut SchemaBlockCache) -> Result<ImageReader<'b>, DecodeFailure> {
    // Read to the end once: a fault must not depend on whether the block was known.
    with_payload(key, cache, |payload| {
        let mut probe = payload.reader.clone();
        probe.skip()?;
        probe.next()?;
        Ok(match payload.shapes {
            Some(shapes) => {
                let root = shapes.root();
                ImageReader::typed(TypedJson::new(payload.reader, shapes, root))
            }
            None => ImageReader::json(payload.reader),
        })
    })
}

/// Reads an Avro key; `base` is the offset of `datum` in the key.
pub fn key_avro<'b>(schema: &'b Schema, datum: &'b [u8], base: usize) -> ImageReader<'b> {
    ImageReader::avro(AvroReader::new(schema, datum).with_base(base))
}

/// Whether the record is half of a changed primary key. The headers hold the other key as JSON, whatever the encoding of the record.
pub fn key_change(headers: &[(&str, Option<&[u8]>)]) -> Option<KeyChange> {
    headers.iter().find_map(|(name, _)| match *name {
        "__debezium.newkey" => Some(KeyChange::Left),
        "__debezium.oldkey" => Some(KeyChange::Arrived),
        _ => None,
    })
}
