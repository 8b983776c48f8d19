//! Which bytes of a record are the document, and which schema they were written with.
//!
//! Confluent's two ways: the older prefix (0x00, schema id as 4 bytes big-endian, datum) and the newer GUID (0x01, 16 bytes), which
//! stands in the header `__value_schema_id` / `__key_schema_id` and leaves the bytes bare, or stands in front of the datum.
//! Only what the contract accepts is looked for. A header decides first, then the first byte; no JSON document can begin with 0x00 or
//! 0x01, so the order of the accepted encodings never changes the answer.

use crate::failure::Detail;

/// How a document may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON text, bare.
    Json,
    /// Avro binary in Confluent framing.
    Avro,
}

/// Which half of the record is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Names the writer's schema at the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaRef {
    /// Id of the v0 prefix.
    Id(u32),
    /// GUID of the v1 header or prefix.
    Guid([u8; 16]),
}

/// A document without its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed<'b> {
    /// To be read as JSON.
    Json(&'b [u8]),
    /// To be read with this schema.
    Avro {
        /// The writer's schema.
        schema: SchemaRef,
        /// Bytes of the datum; it is always the end of the value.
        datum: &'b [u8],
    },
}

/// First byte of the older prefix.
const MAGIC_ID: u8 = 0;
/// First byte of a GUID.
const MAGIC_GUID: u8 = 1;

/// Takes the frame off. `Empty` for no bytes, `UnknownFraming` where nothing accepted fits. Bytes that can only be meant as JSON are
/// handed out as JSON even when they are broken, so that the JSON reader says where.
pub fn open<'b>(accepted: &[Encoding], part: Part, headers: &[(&str, Option<&[u8]>)], bytes: &'b [u8]) -> Result<Framed<'b>, Detail> {
    let Some(first) = bytes.first() else { return Err(Detail::Empty) };
    if accepted.contains(&Encoding::Avro) {
        if let Some(header) = schema_header(part, headers) {
            let guid = header.and_then(guid).ok_or(Detail::UnknownFraming)?;
            return Ok(Framed::Avro {
                schema: SchemaRef::Guid(guid),
                datum: bytes,
            });
        }
        if let Some(framed) = prefixed(bytes) {
            return Ok(framed);
        }
    }
    // Every frame in use begins with a control character that JSON never begins with (Confluent 0 and 1, Glue 3).
    if accepted.contains(&Encoding::Json) && (*first >= b' ' || first.is_ascii_whitespace()) {
        return Ok(Framed::Json(bytes));
    }
    Err(Detail::UnknownFraming)
}

/// The last header of that name, as Kafka's clients read it.
fn schema_header<'h>(part: Part, headers: &[(&str, Option<&'h [u8]>)]) -> Option<Option<&'h [u8]>> {
    let wanted = match part {
        Part::Key => "__key_schema_id",
        Part::Value => "__value_schema_id",
    };
    headers.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
}

fn guid(header: &[u8]) -> Option<[u8; 16]> {
    match header {
        [MAGIC_GUID, guid @ ..] => guid.try_into().ok(),
        _ => None,
    }
}

fn prefixed(bytes: &[u8]) -> Option<Framed<'_>> {
    match bytes {
        [MAGIC_ID, rest @ ..] => {
            let (id, datum) = rest.split_first_chunk::<4>()?;
            Some(Framed::Avro {
                schema: SchemaRef::Id(u32::from_be_bytes(*id)),
                datum,
            })
        }
        [MAGIC_GUID, rest @ ..] => {
            let (guid, datum) = rest.split_first_chunk::<16>()?;
            Some(Framed::Avro {
                schema: SchemaRef::Guid(*guid),
                datum,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[Encoding] = &[Encoding::Json, Encoding::Avro];
    const JSON: &[Encoding] = &[Encoding::Json];
    const AVRO: &[Encoding] = &[Encoding::Avro];

    #[test]
    fn prefix_is_taken_off_where_avro_is_accepted() {
        let bytes = [0, 0, 0, 1, 2, 9, 9];
        let framed = Framed::Avro {
            schema: SchemaRef::Id(258),
            datum: &[9, 9],
        };
        assert_eq!(open(AVRO, Part::Value, &[], &bytes), Ok(framed));
        assert_eq!(open(BOTH, Part::Key, &[], &bytes), Ok(framed));
        assert_eq!(open(JSON, Part::Value, &[], &bytes), Err(Detail::UnknownFraming));
        assert_eq!(open(AVRO, Part::Value, &[], &bytes[..4]), Err(Detail::UnknownFraming));
    }

    #[test]
    fn header_goes_before_prefix() {
        let mut header = vec![1];
        header.extend([7; 16]);
        let headers = [("__value_schema_id", Some(&header[..])), ("__key_schema_id", Some(&[1, 2][..]))];
        let bytes = [0, 0, 0, 0, 5];
        let framed = Framed::Avro {
            schema: SchemaRef::Guid([7; 16]),
            datum: &bytes,
        };
        assert_eq!(open(BOTH, Part::Value, &headers, &bytes), Ok(framed));
        assert_eq!(open(BOTH, Part::Key, &headers, &bytes), Err(Detail::UnknownFraming));
        assert_eq!(open(JSON, Part::Value, &headers, b"{}"), Ok(Framed::Json(b"{}")));
        assert_eq!(
            open(AVRO, Part::Value, &[("__value_schema_id", None)], &bytes),
            Err(Detail::UnknownFraming)
        );
        header.push(3);
        assert_eq!(
            open(AVRO, Part::Value, &[], &header),
            Ok(Framed::Avro {
                schema: SchemaRef::Guid([7; 16]),
                datum: &[3]
            })
        );
    }

    #[test]
    fn nothing_is_guessed() {
        assert_eq!(open(BOTH, Part::Value, &[], b""), Err(Detail::Empty));
        assert_eq!(open(AVRO, Part::Value, &[], b"{}"), Err(Detail::UnknownFraming));
        assert_eq!(open(BOTH, Part::Value, &[], b"\x03\x00rest"), Err(Detail::UnknownFraming));
        assert_eq!(open(&[], Part::Value, &[], b"{}"), Err(Detail::UnknownFraming));
        assert_eq!(open(BOTH, Part::Value, &[], b"nonsense"), Ok(Framed::Json(b"nonsense")));
        assert_eq!(open(JSON, Part::Value, &[], b"\n {}"), Ok(Framed::Json(b"\n {}")));
    }
}
