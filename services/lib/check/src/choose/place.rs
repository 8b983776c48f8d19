//! What stands at the place of a discriminator: in the value, under its frame, compression and CloudEvent.
//!
//! What cannot be read gets the reason that the judge would give it, and a schema that is missing is a returned need: an event whose type
//! cannot be told is never taken for one of the types.

use std::borrow::Cow;

use tidegate_codec::cloud_events::{self, Data};
use tidegate_codec::framing::{self, Encoding, Framed, MessageRef, Opened, SchemaRef};
use tidegate_codec::protobuf::{self, Scratch};
use tidegate_codec::{AvroReader, DecodeFailure, Detail, JsonReader, ProtobufReader, Token};
use tidegate_contract::surroundings::DiscriminatorBy;

use super::Bare;
use crate::input::{Known, SchemaLookup, SchemaNeed};
use crate::judge::{Source, VALUE_BYTES_MAX};
use crate::verdict::Reason;

/// The place that the contracts of a topic name, with what it takes to get there.
pub(super) struct Place<'c> {
    pub(super) by: &'c DiscriminatorBy,
    pub(super) accepted: &'c [Encoding],
    pub(super) bare: Option<&'c Bare>,
    pub(super) schemas: &'c dyn SchemaLookup,
}

/// What the place of the discriminator says.
pub(super) enum Told<'i> {
    Text(Cow<'i, str>),
    Table(Table<'i>),
    Nothing,
    Refused(Reason, Option<Detail>, &'static str),
    Need(SchemaNeed),
}

/// `source` of a change event as far as it names a table.
#[derive(Debug, Default)]
pub(super) struct Table<'i> {
    pub(super) database: Option<Cow<'i, str>>,
    pub(super) schema: Option<Cow<'i, str>>,
    pub(super) table: Option<Cow<'i, str>>,
}

// === impl Place ===

impl Place<'_> {
    pub(super) fn value<'b>(&self, headers: &[(&str, Option<&[u8]>)], value: &'b [u8]) -> Told<'b> {
        if value.len() > VALUE_BYTES_MAX {
            return Told::Refused(Reason::SizeViolation, Some(Detail::TooLarge), "size");
        }
        self.opened(framing::open_value(self.accepted, headers, value))
    }

    fn opened<'b>(&self, opened: Result<Opened<'b>, Detail>) -> Told<'b> {
        match opened {
            Ok(Opened { framed, zlib: true, .. }) => {
                let mut document = Vec::new();
                match framing::inflate(framed.bytes(), VALUE_BYTES_MAX, &mut document) {
                    Ok(()) => self.framed(framed.holding(&document)).into_owned(),
                    Err(Detail::TooLarge) => Told::Refused(Reason::SizeViolation, Some(Detail::TooLarge), "size"),
                    Err(detail) => undecodable(detail),
                }
            }
            Ok(Opened { framed, .. }) => self.framed(framed),
            Err(detail) => unframed(detail),
        }
    }

    fn framed<'b>(&self, framed: Framed<'b>) -> Told<'b> {
        match framed {
            Framed::Json(bytes) => self.json(&mut JsonReader::new(bytes)),
            Framed::Avro { schema, datum } => match self.known(schema) {
                Ok(Known::Avro(schema)) if *self.by == DiscriminatorBy::RecordName => match schema.name() {
                    Some(name) => Told::Text(Cow::Owned(name.to_owned())),
                    None => Told::Nothing,
                },
                Ok(Known::Avro(schema)) => read(&mut AvroReader::new(&schema, datum), self.by).into_owned(),
                Ok(_) => bad_schema(),
                Err(told) => told,
            },
            Framed::Protobuf { schema, message, datum } => match (schema, self.bare) {
                (SchemaRef::Configured, Some(Bare::Own(schema, message))) => self.protobuf(schema, *message, datum),
                _ => match self.known(schema) {
                    Ok(Known::Protobuf(schema)) => self.message(&schema, message, datum),
                    Ok(_) => bad_schema(),
                    Err(told) => told,
                },
            },
            Framed::CloudEvent(bytes) => self.cloud_event(bytes),
        }
    }

    fn json<'b>(&self, reader: &mut JsonReader<'b>) -> Told<'b> {
        match self.by {
            DiscriminatorBy::RecordName => Told::Nothing,
            by => read(reader, by),
        }
    }

    /// A schema, or what there is to say without it.
    fn known<'b>(&self, schema: SchemaRef) -> Result<Known, Told<'b>> {
        let need = match (SchemaNeed::named_by(schema), self.bare) {
            (Some(need), _) => need,
            (None, Some(Bare::Fetched(need, _))) => need.clone(),
            // The event is of a message that is not known before its type is.
            (None, _) => return Err(Told::Refused(Reason::UnplannedEvent, None, "discriminator")),
        };
        match self.schemas.lookup(&need) {
            Known::NotCached => Err(Told::Need(need)),
            Known::Unknown => Err(Told::Refused(Reason::RegistrySchemaUnknown, Some(Detail::UnknownSchema), "schema")),
            Known::Unusable => Err(bad_schema()),
            known => Ok(known),
        }
    }

    fn message(&self, schema: &protobuf::Schema, message: MessageRef, datum: &[u8]) -> Told<'static> {
        let (found, datum) = match message {
            MessageRef::Path(path) => (schema.message_at(path.as_slice()), datum),
            MessageRef::Leading => match framing::split_ordinal(datum) {
                Ok((ordinal, datum)) => (schema.message_by_ordinal(ordinal), datum),
                Err(detail) => return undecodable(detail),
            },
            MessageRef::Configured => match self.bare {
                Some(Bare::Fetched(_, name)) => match schema.message_named(name) {
                    Some(message) => (Some(message), datum),
                    None => return bad_schema(),
                },
                _ => return bad_schema(),
            },
        };
        match found {
            Some(message) => self.protobuf(schema, message, datum),
            None => Told::Refused(Reason::Undecodable, Some(Detail::BadIndex), "schema"),
        }
    }

    fn protobuf(&self, schema: &protobuf::Schema, message: protobuf::MessageId, datum: &[u8]) -> Told<'static> {
        if *self.by == DiscriminatorBy::RecordName {
            return Told::Text(Cow::Owned(schema.full_name(message).to_owned()));
        }
        let mut scratch = Scratch::default();
        read(&mut ProtobufReader::new(schema, message, datum, &mut scratch), self.by).into_owned()
    }

    /// The data of a structured CloudEvent, which is what an object describes.
    fn cloud_event<'b>(&self, bytes: &'b [u8]) -> Told<'b> {
        let event = match cloud_events::structured(bytes) {
            Ok(event) => event,
            Err(failure) => return undecodable(failure.detail),
        };
        let content_type = event.attributes.data_content_type.as_deref();
        match event.data {
            Data::Absent => Told::Nothing,
            Data::Json { start, end } => {
                if !content_type.is_none_or(cloud_events::is_json) || !self.accepted.contains(&Encoding::CloudEventsJson) {
                    return unframed(Detail::UnknownFraming);
                }
                self.json(&mut JsonReader::fragment(bytes, start, end))
            }
            Data::Bytes(data) => self
                .opened(framing::cloud_event_data(self.accepted, &[], content_type, &data))
                .into_owned(),
        }
    }
}

/// A value in none of the accepted encodings.
fn unframed<'b>(detail: Detail) -> Told<'b> {
    match detail {
        Detail::UnknownFraming => Told::Refused(Reason::UnknownFraming, Some(detail), "framing"),
        Detail::MissingAttribute => Told::Refused(Reason::HeaderMissing, Some(detail), "cloudevents"),
        _ => undecodable(detail),
    }
}

fn undecodable<'b>(detail: Detail) -> Told<'b> {
    Told::Refused(Reason::Undecodable, Some(detail), "decode")
}

fn bad_schema<'b>() -> Told<'b> {
    Told::Refused(Reason::Undecodable, Some(Detail::BadSchema), "schema")
}

/// What a reader finds at the place.
pub(super) fn read<'b>(reader: &mut impl Source<'b>, by: &DiscriminatorBy) -> Told<'b> {
    let told = match by {
        DiscriminatorBy::Pointer(path) => pointer(reader, path).map(|text| text.map_or(Told::Nothing, Told::Text)),
        _ => source_table(reader).map(|table| table.map_or(Told::Nothing, Told::Table)),
    };
    told.unwrap_or_else(|failure| Told::Refused(Reason::Undecodable, Some(failure.detail), "decode"))
}

/// The value at a pointer as text; none when there is none, or a null, list or object. What follows it is not read.
pub(super) fn pointer<'b>(reader: &mut impl Source<'b>, path: &str) -> Result<Option<Cow<'b, str>>, DecodeFailure> {
    let mut token = reader.next()?;
    for segment in path.split('/').skip(1) {
        let name = match segment.contains('~') {
            true => Cow::Owned(segment.replace("~1", "/").replace("~0", "~")),
            false => Cow::Borrowed(segment),
        };
        match token {
            Token::BeginObject => loop {
                match reader.next()? {
                    Token::Key(key) if key == name || reader.alias() == Some(&*name) => break,
                    Token::Key(_) => reader.skip()?,
                    _ => return Ok(None),
                }
            },
            Token::BeginArray => {
                let Ok(index) = name.parse::<usize>() else { return Ok(None) };
                for _ in 0..index {
                    // Past the end of the list a skip fails, as it should: there is nothing to skip.
                    if reader.skip().is_err() {
                        return Ok(None);
                    }
                }
            }
            _ => return Ok(None),
        }
        token = reader.next()?;
    }
    Ok(text(token))
}

fn text(token: Token<'_>) -> Option<Cow<'_, str>> {
    match token {
        Token::Str(text) => Some(text),
        Token::Number(text) => Some(Cow::Borrowed(text)),
        Token::Int(number) => Some(Cow::Owned(number.to_string())),
        Token::Bool(flag) => Some(Cow::Borrowed(if flag { "true" } else { "false" })),
        _ => None,
    }
}

/// `source` of an envelope, bare or under `payload`; or the columns `__table`, `__schema`, `__db` of a flattened row.
fn source_table<'b>(reader: &mut impl Source<'b>) -> Result<Option<Table<'b>>, DecodeFailure> {
    if reader.next()? != Token::BeginObject {
        return Ok(None);
    }
    let mut found = Table::default();
    let mut levels = 0_u32;
    loop {
        match reader.next()? {
            Token::Key(key) if key == "payload" && levels == 0 => match reader.next()? {
                Token::BeginObject => levels = 1,
                _ => return Ok(None),
            },
            Token::Key(key) if key == "source" => {
                if reader.next()? != Token::BeginObject {
                    return Ok(None);
                }
                while let Token::Key(key) = reader.next()? {
                    match &*key {
                        "db" => found.database = text(reader.next()?),
                        "schema" => found.schema = text(reader.next()?),
                        "table" | "collection" => found.table = text(reader.next()?),
                        _ => reader.skip()?,
                    }
                }
                break;
            }
            Token::Key(key) => match &*key {
                "__db" => found.database = text(reader.next()?),
                "__schema" => found.schema = text(reader.next()?),
                "__table" => found.table = text(reader.next()?),
                _ => reader.skip()?,
            },
            _ => break,
        }
    }
    Ok(found.table.is_some().then_some(found))
}

// === impl Table ===

impl Table<'_> {
    /// Whether a contract means it by `table`, `schema.table`, `database.table` or `database.schema.table`.
    pub(super) fn is(&self, value: &str) -> bool {
        let Some(table) = &self.table else { return false };
        let Some(rest) = value.strip_suffix(&**table) else { return false };
        if rest.is_empty() {
            return true;
        }
        let Some(around) = rest.strip_suffix('.') else { return false };
        let (database, schema) = (self.database.as_deref(), self.schema.as_deref());
        let both = database.zip(schema).is_some_and(|(database, schema)| {
            around
                .strip_prefix(database)
                .and_then(|rest| rest.strip_prefix('.'))
                .is_some_and(|rest| rest == schema)
        });
        both || schema == Some(around) || database == Some(around)
    }

    fn into_owned(self) -> Table<'static> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Table {
            database: own(self.database),
            schema: own(self.schema),
            table: own(self.table),
        }
    }
}

// === impl Told ===

impl Told<'_> {
    fn into_owned(self) -> Told<'static> {
        match self {
            Told::Text(text) => Told::Text(Cow::Owned(text.into_owned())),
            Told::Table(table) => Told::Table(table.into_owned()),
            Told::Nothing => Told::Nothing,
            Told::Refused(reason, detail, clause) => Told::Refused(reason, detail, clause),
            Told::Need(need) => Told::Need(need),
        }
    }
}
