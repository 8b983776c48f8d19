//! CloudEvents 1.0 on Kafka (CloudEvents "Kafka Protocol Binding" 3.2 and 3.3, "JSON Event Format").
//!
//! In binary mode the attributes are headers `ce_…` and the value is the data; in structured mode (`content-type` begins with
//! `application/cloudevents`, in any case) the value is an envelope with attributes and data. A null value in binary mode is an event
//! without data, which on Kafka is a tombstone; a structured event without data is not one.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::failure::{DecodeFailure, Detail};
use crate::framing::Encoding;
use crate::json::JsonReader;
use crate::token::{Reader, Token};

/// How a record says that it is a CloudEvent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Attributes in headers.
    Binary,
    /// Attributes in the value.
    Structured,
    /// It does not.
    None,
}

/// What a CloudEvent says about itself; text as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes<'b> {
    /// `specversion`.
    pub spec_version: Cow<'b, str>,
    /// `id`.
    pub id: Cow<'b, str>,
    /// `source`.
    pub source: Cow<'b, str>,
    /// `type`, by which a contract may tell events apart.
    pub kind: Cow<'b, str>,
    /// `dataschema`, by which a version may be chosen.
    pub data_schema: Option<Cow<'b, str>>,
    /// `subject`.
    pub subject: Option<Cow<'b, str>>,
    /// `time`.
    pub time: Option<Cow<'b, str>>,
    /// `datacontenttype`; in binary mode the header `content-type`.
    pub data_content_type: Option<Cow<'b, str>>,
}

/// A structured event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structured<'b> {
    /// Its attributes.
    pub attributes: Attributes<'b>,
    /// Its data.
    pub data: Data,
}

/// The data of a structured event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// There is none.
    Absent,
    /// JSON at `start..end` of the value.
    Json {
        /// First byte.
        start: usize,
        /// Behind the last byte.
        end: usize,
    },
    /// Bytes of `data_base64`.
    Bytes(Vec<u8>),
}

/// Attributes that every event has, not empty.
const REQUIRED: [&str; 4] = ["ce_specversion", "ce_id", "ce_source", "ce_type"];
const STRUCTURED: &str = "application/cloudevents";

/// Which mode the headers say.
pub fn mode(headers: &[(&str, Option<&[u8]>)]) -> Mode {
    let is_structured = content_type(headers).is_some_and(|found| {
        found
            .as_bytes()
            .get(..STRUCTURED.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(STRUCTURED.as_bytes()))
    });
    if is_structured {
        Mode::Structured
    } else if headers.iter().any(|(name, _)| REQUIRED.contains(name)) {
        Mode::Binary
    } else {
        Mode::None
    }
}

/// The attributes of an event in binary mode; none when a required one is missing, empty or no UTF-8. A structured event has them in its
/// value: [`structured`].
pub fn attributes<'h>(headers: &[(&str, Option<&'h [u8]>)]) -> Option<Attributes<'h>> {
    let of = |name: &str| {
        let (_, value) = headers.iter().rev().find(|(header, _)| *header == name)?;
        std::str::from_utf8((*value)?).ok().filter(|text| !text.is_empty()).map(Cow::Borrowed)
    };
    Some(Attributes {
        spec_version: of(REQUIRED[0]).filter(|version| is_known_version(version))?,
        id: of(REQUIRED[1])?,
        source: of(REQUIRED[2])?,
        kind: of(REQUIRED[3])?,
        data_schema: of("ce_dataschema"),
        subject: of("ce_subject"),
        time: of("ce_time"),
        data_content_type: content_type(headers).map(Cow::Borrowed),
    })
}

/// The header `content-type`, its name in any case.
pub fn content_type<'h>(headers: &[(&str, Option<&'h [u8]>)]) -> Option<&'h str> {
    let (_, value) = headers.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    std::str::from_utf8((*value)?).ok().map(str::trim).filter(|text| !text.is_empty())
}

/// Whether a structured event is in the JSON format, the only one that is read; there is no batch mode on Kafka.
/// `application/cloudevents` alone means JSON too.
pub(crate) fn is_json_envelope(headers: &[(&str, Option<&[u8]>)]) -> bool {
    let media = content_type(headers).map(media_type).unwrap_or_default();
    media.strip_prefix(STRUCTURED).is_some_and(|rest| rest.is_empty() || rest == "+json")
}

/// Whether a content type is JSON.
pub fn is_json(content_type: &str) -> bool {
    encoding_of(content_type) == Some(Encoding::CloudEventsJson)
}

/// The encoding of data with that content type; none for other types.
pub(crate) fn encoding_of(content_type: &str) -> Option<Encoding> {
    let media = media_type(content_type);
    let (_, subtype) = media.split_once('/')?;
    match subtype {
        "json" => Some(Encoding::CloudEventsJson),
        _ if subtype.ends_with("+json") => Some(Encoding::CloudEventsJson),
        _ if media.contains("avro") => Some(Encoding::CloudEventsAvro),
        _ if media.contains("protobuf") => Some(Encoding::CloudEventsProtobuf),
        _ => None,
    }
}

/// Without parameters, in lower case.
fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Minor versions only add.
fn is_known_version(version: &str) -> bool {
    version == "1" || version.starts_with("1.")
}

/// Opens a structured event in the JSON format. Reads all of it, so that the envelope is a JSON document to its end; the data is read again
/// by whoever judges it, from the same bytes. `MissingAttribute` where a required attribute is missing, null, empty or no text.
pub fn structured(bytes: &[u8]) -> Result<Structured<'_>, DecodeFailure> {
    let mut reader = JsonReader::new(bytes);
    let failed = |detail, offset| Err(DecodeFailure { detail, offset });
    if reader.next()? != Token::BeginObject {
        return failed(Detail::MissingAttribute, 0);
    }
    let [mut version, mut id, mut source, mut kind, mut schema, mut subject, mut time, mut data_type] = [const { None }; 8];
    let (mut json, mut base64) = (None, None);
    loop {
        let key = match reader.next()? {
            Token::Key(key) => key,
            Token::EndObject => break,
            _ => return failed(Detail::Syntax, reader.position()),
        };
        let place = match &*key {
            "specversion" => &mut version,
            "id" => &mut id,
            "source" => &mut source,
            "type" => &mut kind,
            "dataschema" => &mut schema,
            "subject" => &mut subject,
            "time" => &mut time,
            "datacontenttype" => &mut data_type,
            "data_base64" => &mut base64,
            "data" => {
                reader.peek();
                let start = reader.position();
                reader.skip()?;
                json = Some((start, reader.position()));
                continue;
            }
            _ => {
                reader.skip()?;
                continue;
            }
        };
        let at = reader.position();
        match reader.next()? {
            Token::Str(text) => *place = Some(text),
            Token::Null => {}
            _ => return failed(Detail::MissingAttribute, at),
        }
    }
    reader.next()?;
    let required = |attribute: Option<Cow<'_, str>>| attribute.is_some_and(|text| !text.is_empty());
    if ![&version, &id, &source, &kind].into_iter().all(|attribute| required(attribute.clone())) || !version.as_deref().is_some_and(is_known_version)
    {
        return failed(Detail::MissingAttribute, 0);
    }
    let data = match (json, base64) {
        // The format forbids both (JSON Event Format 3.1).
        (Some(_), Some(_)) => return failed(Detail::Syntax, 0),
        (Some((start, end)), None) => Data::Json { start, end },
        (None, Some(text)) => match STANDARD.decode(text.as_bytes()) {
            Ok(bytes) => Data::Bytes(bytes),
            Err(_) => return failed(Detail::BadEncoding, 0),
        },
        (None, None) => Data::Absent,
    };
    let text = Option::unwrap_or_default;
    Ok(Structured {
        attributes: Attributes {
            spec_version: text(version),
            id: text(id),
            source: text(source),
            kind: text(kind),
            data_schema: schema,
            subject,
            time,
            data_content_type: data_type,
        },
        data,
    })
}

#[cfg(test)]
mod tests;
