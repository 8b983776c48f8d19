//! Apicurio's own ways (Registry 3): the headers `apicurio.value.globalId` / `apicurio.value.contentId` (`apicurio.key.…`) with 8 bytes
//! big-endian, which leave the bytes bare, or the prefix 0x00 and 8 bytes of a global id. Its Confluent-compatible mode is Confluent's prefix.

use super::{Encoding, Framed, Part, SchemaRef, last_header};
use crate::failure::Detail;

/// First byte of the prefix.
const MAGIC: u8 = 0;

/// By header; none when there is neither. A global id goes before a content id: it names one version, which may have references of its own.
pub(super) fn header<'b>(
    encoding: Encoding,
    part: Part,
    headers: &[(&str, Option<&[u8]>)],
    bytes: &'b [u8],
) -> Option<Result<Framed<'b>, Detail>> {
    let (global, content) = match part {
        Part::Key => ("apicurio.key.globalId", "apicurio.key.contentId"),
        Part::Value => ("apicurio.value.globalId", "apicurio.value.contentId"),
    };
    let id = |header: Option<&[u8]>| header.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    let schema = match (last_header(headers, global), last_header(headers, content)) {
        (Some(header), _) => id(header).map(SchemaRef::GlobalId),
        (None, Some(header)) => id(header).map(SchemaRef::ContentId),
        (None, None) => return None,
    };
    Some(schema.map(|schema| framed(encoding, schema, bytes)).ok_or(Detail::UnknownFraming))
}

pub(super) fn prefix(encoding: Encoding, bytes: &[u8]) -> Option<Framed<'_>> {
    let [MAGIC, rest @ ..] = bytes else { return None };
    let (id, datum) = rest.split_first_chunk::<8>()?;
    Some(framed(encoding, SchemaRef::GlobalId(u64::from_be_bytes(*id)), datum))
}

fn framed(encoding: Encoding, schema: SchemaRef, datum: &[u8]) -> Framed<'_> {
    match encoding {
        Encoding::ApicurioJson => Framed::Json(datum),
        _ => Framed::Avro { schema, datum },
    }
}
