//! Confluent's two ways: the older prefix (0x00, schema id as 4 bytes big-endian, datum) and the newer GUID (0x01, 16 bytes), which
//! stands in the header `__value_schema_id` / `__key_schema_id` and leaves the bytes bare, or stands in front of the datum. With Protobuf
//! the indexes of the message follow id or GUID: a count and that many numbers, all zig-zag varints; a single 0x00 stands for `[0]`.

use super::{Encoding, Framed, MessageRef, Part, SchemaRef, last_header};
use crate::failure::Detail;
use crate::protobuf::read_varint;

/// First byte of the older prefix.
const MAGIC_ID: u8 = 0;
/// First byte of a GUID.
const MAGIC_GUID: u8 = 1;
/// Messages inside of each other that an index can reach.
const PATH_MAX: usize = 16;

/// Where a message stands in its file: the position, then among the messages nested in that one, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagePath {
    len: u8,
    at: [u32; PATH_MAX],
}

// === impl MessagePath ===

impl MessagePath {
    /// The first message of the file.
    pub const FIRST: MessagePath = MessagePath { len: 1, at: [0; PATH_MAX] };

    /// The positions, outermost first.
    pub fn as_slice(&self) -> &[u32] {
        &self.at[..usize::from(self.len)]
    }

    /// Reads the indexes in front of `bytes`; they, and what follows.
    fn read(bytes: &[u8]) -> Option<(MessagePath, &[u8])> {
        let number = |at: usize| {
            let (raw, end) = read_varint(bytes, at).ok()?;
            // Zig-zag: an odd number is negative.
            (raw & 1 == 0).then_some((u32::try_from(raw >> 1).ok()?, end))
        };
        let (count, mut at) = number(0)?;
        if count == 0 {
            return Some((MessagePath::FIRST, &bytes[at..]));
        }
        let mut path = MessagePath {
            len: u8::try_from(count).ok().filter(|count| usize::from(*count) <= PATH_MAX)?,
            at: [0; PATH_MAX],
        };
        for index in 0..usize::from(path.len) {
            (path.at[index], at) = number(at)?;
        }
        Some((path, &bytes[at..]))
    }
}

/// By header; none when there is none of that name.
pub(super) fn header<'b>(
    encoding: Encoding,
    part: Part,
    headers: &[(&str, Option<&[u8]>)],
    bytes: &'b [u8],
) -> Option<Result<Framed<'b>, Detail>> {
    let wanted = match part {
        Part::Key => "__key_schema_id",
        Part::Value => "__value_schema_id",
    };
    let header = last_header(headers, wanted)?;
    let read = || {
        let [MAGIC_GUID, rest @ ..] = header? else { return None };
        let (guid, indexes) = rest.split_first_chunk::<16>()?;
        let schema = SchemaRef::Guid(*guid);
        match encoding {
            Encoding::Avro if indexes.is_empty() => Some(Framed::Avro { schema, datum: bytes }),
            Encoding::ConfluentJson if indexes.is_empty() => Some(Framed::Json(bytes)),
            Encoding::ConfluentProtobuf => {
                let path = match MessagePath::read(indexes) {
                    _ if indexes.is_empty() => MessagePath::FIRST,
                    Some((path, [])) => path,
                    _ => return None,
                };
                Some(Framed::Protobuf {
                    schema,
                    message: MessageRef::Path(path),
                    datum: bytes,
                })
            }
            _ => None,
        }
    };
    Some(read().ok_or(Detail::UnknownFraming))
}

pub(super) fn prefix(encoding: Encoding, bytes: &[u8]) -> Option<Framed<'_>> {
    let (schema, datum) = match bytes {
        [MAGIC_ID, rest @ ..] => {
            let (id, datum) = rest.split_first_chunk::<4>()?;
            (SchemaRef::Id(u32::from_be_bytes(*id)), datum)
        }
        [MAGIC_GUID, rest @ ..] => {
            let (guid, datum) = rest.split_first_chunk::<16>()?;
            (SchemaRef::Guid(*guid), datum)
        }
        _ => return None,
    };
    match encoding {
        Encoding::Avro => Some(Framed::Avro { schema, datum }),
        Encoding::ConfluentJson => Some(Framed::Json(datum)),
        Encoding::ConfluentProtobuf => {
            let (path, datum) = MessagePath::read(datum)?;
            Some(Framed::Protobuf {
                schema,
                message: MessageRef::Path(path),
                datum,
            })
        }
        _ => None,
    }
}
