//! AWS Glue Schema Registry: 0x03, compression (0x00 none, 0x05 zlib), the UUID of the schema version, document. With Protobuf the document
//! begins with a varint: the number of the message among all messages of the file by full name.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Encoding, Framed, MessageRef, Opened, SchemaRef};
use crate::failure::Detail;
use crate::protobuf::read_varint;

/// First byte: the version of the frame.
const MAGIC: u8 = 3;
const PLAIN: u8 = 0;
const ZLIB: u8 = 5;
/// Room that is kept between records.
const KEPT: usize = 1 << 20;

pub(super) fn prefix(encoding: Encoding, bytes: &[u8]) -> Option<Opened<'_>> {
    let [MAGIC, compression @ (PLAIN | ZLIB), rest @ ..] = bytes else {
        return None;
    };
    let (uuid, datum) = rest.split_first_chunk::<16>()?;
    let schema = SchemaRef::Glue(*uuid);
    Some(Opened {
        encoding,
        framed: match encoding {
            Encoding::GlueJson => Framed::Json(datum),
            Encoding::GlueProtobuf => Framed::Protobuf {
                schema,
                message: MessageRef::Leading,
                datum,
            },
            _ => Framed::Avro { schema, datum },
        },
        zlib: *compression == ZLIB,
    })
}

/// Replaces what is in `out` by the document that `bytes` hold compressed (RFC 1950). At most `limit` bytes: what has more is `TooLarge`
/// and is never held. `Truncated`, `Syntax`, `TrailingBytes` for what is no such stream. Memory of an unusually large one is given back
/// with the next.
pub fn inflate(bytes: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), Detail> {
    out.clear();
    out.shrink_to(KEPT);
    let mut stream = Decompress::new(true);
    loop {
        if out.len() == out.capacity() {
            // One byte more than the limit may be held, to see that there is more.
            let more = out.len().clamp(1 << 12, 1 << 20).min(limit + 1 - out.len());
            out.reserve_exact(more);
        }
        let (read, held) = (stream.total_in() as usize, out.len());
        let status = stream
            .decompress_vec(&bytes[read..], out, FlushDecompress::None)
            .map_err(|_| Detail::Syntax)?;
        if out.len() > limit {
            return Err(Detail::TooLarge);
        }
        let read_now = stream.total_in() as usize;
        match status {
            Status::StreamEnd if read_now == bytes.len() => return Ok(()),
            Status::StreamEnd => return Err(Detail::TrailingBytes),
            // Nothing moved although there was room: the stream wants bytes that are not there.
            _ if read_now == read && out.len() == held && out.len() < out.capacity() => return Err(Detail::Truncated),
            _ => {}
        }
    }
}

/// The number of the message, and the message.
pub fn split_ordinal(datum: &[u8]) -> Result<(u32, &[u8]), Detail> {
    let (ordinal, end) = read_varint(datum, 0)?;
    let ordinal = u32::try_from(ordinal).map_err(|_| Detail::BadIndex)?;
    Ok((ordinal, &datum[end..]))
}
