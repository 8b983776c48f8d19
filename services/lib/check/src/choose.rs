//! Which object judges a record, where a topic has several versions or several types of events.
//!
//! In this order: the version that the record declares, CloudEvents' `dataschema`, the id of the registry's schema, the discriminator, the
//! topic's default. What a record claims decides, never which contract it would pass. Nothing that fits is `unplanned_event`.
//!
//! A pure function of bytes, headers and the snapshot; the value is read at most once, token by token, and only where its topic's contracts
//! look for the type in it.

use std::borrow::Cow;

use tidegate_codec::cloud_events;
use tidegate_codec::framing::{self, Framed, SchemaRef};
use tidegate_codec::{AvroReader, DecodeFailure, Detail, JsonReader, Reader, Token};
use tidegate_contract::model::CdcFormat;
use tidegate_contract::surroundings::DiscriminatorBy;
use tidegate_contract::{Binding, BoundObject, EventType};

use crate::input::{Input, Known, SchemaLookup, SchemaNeed};
use crate::verdict::Reason;

/// Header by which a producer names the version that it wrote for: `<contract id>@<version>`, or `<contract id>@<major>` for the newest of
/// a major. The last one counts.
pub const CONTRACT_HEADER: &str = "data-contract";

/// What judges a record.
#[derive(Debug, Clone)]
pub enum Choice<'b> {
    /// This object; `shadow` is a proposed version beside it, judged for the count only.
    Bound {
        /// Judges.
        bound: &'b BoundObject,
        /// Only counts.
        shadow: Option<&'b BoundObject>,
    },
    /// Nothing: the record is a dead letter for this reason.
    Refused {
        /// `unplanned_event`, or why the type could not be read.
        reason: Reason,
        /// Finer code.
        detail: Option<Detail>,
        /// What was looked at: `data-contract`, `dataschema`, `discriminator`, `framing`, `schema` or `decode`.
        clause: &'static str,
    },
    /// This schema must be fetched first.
    Need(SchemaNeed),
}

/// A version that the record names.
enum Claim<'i> {
    Version { id: &'i str, version: &'i str },
    DataSchema(Cow<'i, str>),
    SchemaId(u32),
}

/// What the place of the discriminator says.
enum Told<'i> {
    Text(Cow<'i, str>),
    Table(Table<'i>),
    Nothing,
    Refused(Reason, Option<Detail>, &'static str),
    Need(SchemaNeed),
}

/// `source` of a change event as far as it names a table.
#[derive(Debug, Default)]
struct Table<'i> {
    database: Option<Cow<'i, str>>,
    schema: Option<Cow<'i, str>>,
    table: Option<Cow<'i, str>>,
}

/// Chooses. `schemas` is only asked where contracts tell events apart by an Avro value.
pub fn choose<'b>(binding: &'b Binding, input: &Input<'_>, schemas: &dyn SchemaLookup) -> Choice<'b> {
    match claim(binding, input) {
        Ok(None) => by_type(binding, input, schemas, |_| true),
        Ok(Some(claim)) => claimed(binding, input, schemas, &claim),
        Err(clause) => unplanned(clause),
    }
}

/// What the record claims; the error names a claim that cannot be read.
fn claim<'i>(binding: &Binding, input: &Input<'i>) -> Result<Option<Claim<'i>>, &'static str> {
    if let Some(value) = header(input, CONTRACT_HEADER) {
        let text = value.and_then(|value| std::str::from_utf8(value).ok());
        let Some((id, version)) = text.and_then(|text| text.rsplit_once('@')) else {
            return Err(CONTRACT_HEADER);
        };
        return Ok(Some(Claim::Version { id, version }));
    }
    if binding.objects().any(|bound| !bound.object().settings.data_schemas.is_empty()) {
        // In structured mode the envelope speaks, and a header beside it is nothing.
        let told = match header(input, "ce_dataschema").filter(|_| !is_structured(input)) {
            // A claim that cannot be read is one that nothing fits, as with the version.
            Some(value) => match value.map(std::str::from_utf8) {
                Some(Ok(uri)) => Some(Cow::Borrowed(uri)),
                Some(Err(_)) | None => return Err("dataschema"),
            },
            None if is_structured(input) => match input.value.map(|value| pointer(&mut JsonReader::new(value), "/dataschema")) {
                Some(Ok(text)) => text,
                // The judge says what is wrong with the bytes.
                Some(Err(_)) | None => None,
            },
            None => None,
        };
        if let Some(uri) = told {
            return Ok(Some(Claim::DataSchema(uri)));
        }
    }
    if binding.objects().any(|bound| !bound.object().settings.schema_ids.is_empty())
        && let Some(value) = input.value
        && let Ok(opened) = framing::open_value(&accepted(binding), input.headers, value)
        && let Framed::Avro {
            schema: SchemaRef::Id(id), ..
        }
        | Framed::Protobuf {
            schema: SchemaRef::Id(id), ..
        } = opened.framed
        && binding.objects().any(|bound| bound.object().settings.schema_ids.contains(&id))
    {
        return Ok(Some(Claim::SchemaId(id)));
    }
    Ok(None)
}

fn claimed<'b>(binding: &'b Binding, input: &Input<'_>, schemas: &dyn SchemaLookup, claim: &Claim<'_>) -> Choice<'b> {
    let fits = |bound: &BoundObject| claim.fits(bound);
    let fits_major = |bound: &BoundObject| claim.fits_major(bound);
    let exact = binding.objects().any(fits);
    let fits: &dyn Fn(&BoundObject) -> bool = if exact { &fits } else { &fits_major };
    let mut types = binding.events.iter().filter(|event| event.versions.iter().any(fits));
    let event = match (types.next(), types.next()) {
        (None, _) => return unplanned(claim.clause()),
        (Some(event), None) => event,
        (Some(_), Some(_)) => match by_type(binding, input, schemas, fits) {
            Choice::Bound { bound, .. } => match binding.events.iter().find(|event| std::ptr::eq(&event.default, bound)) {
                Some(event) => event,
                None => return unplanned(claim.clause()),
            },
            refused => return refused,
        },
    };
    let newest = |enforced: bool| {
        let mut fitting = event.versions.iter().rev().filter(|bound| fits(bound));
        fitting.find(|bound| bound.contract.status.is_enforced() == enforced)
    };
    match (newest(true), newest(false)) {
        (Some(bound), _) => Choice::Bound {
            bound,
            shadow: event.shadow.as_ref(),
        },
        (None, Some(proposed)) => beside(event, proposed),
        (None, None) => unplanned(claim.clause()),
    }
}

/// A proposed version decides only where no enforced one stands beside it: naming it is no way around the others.
fn beside<'b>(event: &'b EventType, proposed: &'b BoundObject) -> Choice<'b> {
    let enforced = |same_major: bool| {
        event.versions.iter().rev().find(|bound| {
            bound.contract.status.is_enforced() && (!same_major || bound.contract.version.major == proposed.contract.version.major)
        })
    };
    match enforced(true).or_else(|| enforced(false)) {
        Some(bound) => Choice::Bound {
            bound,
            shadow: Some(proposed),
        },
        None => Choice::Bound {
            bound: proposed,
            shadow: None,
        },
    }
}

/// The type that the discriminator names, among those that `fits` lets stand.
fn by_type<'b>(binding: &'b Binding, input: &Input<'_>, schemas: &dyn SchemaLookup, fits: impl Fn(&BoundObject) -> bool) -> Choice<'b> {
    let chosen = |event: &'b EventType| Choice::Bound {
        bound: &event.default,
        shadow: event.shadow.as_ref(),
    };
    let mut events = binding.events.iter().filter(|event| event.versions.iter().any(&fits));
    let Some(by) = &binding.selector else {
        return events.next().map_or_else(|| unplanned("topic"), chosen);
    };
    let told = told(by, binding, input, schemas);
    let named = |value: &str| match &told {
        Told::Text(text) => *text == *value,
        Told::Table(table) => table.is(value),
        Told::Nothing | Told::Refused(..) | Told::Need(_) => false,
    };
    match &told {
        Told::Refused(reason, detail, clause) => Choice::Refused {
            reason: *reason,
            detail: *detail,
            clause,
        },
        Told::Need(need) => Choice::Need(need.clone()),
        Told::Text(_) | Told::Table(_) | Told::Nothing => {
            let found = events.clone().find(|event| event.value.as_deref().is_some_and(named));
            let found = found.or_else(|| events.clone().find(|event| event.value.is_none()));
            // A tombstone behind an envelope only repeats its delete and makes no row, so it does not matter whose it is.
            let repeats = |event: &&EventType| event.default.object().settings.cdc == Some(CdcFormat::Debezium);
            let tombstone = || {
                events
                    .clone()
                    .next()
                    .filter(|_| input.value.is_none() && events.clone().all(|event| repeats(&event)))
            };
            found.or_else(tombstone).map_or_else(|| unplanned("discriminator"), chosen)
        }
    }
}

fn told<'i>(by: &DiscriminatorBy, binding: &Binding, input: &Input<'i>, schemas: &dyn SchemaLookup) -> Told<'i> {
    let text = |name: &str| match header(input, name).map(|value| value.map(std::str::from_utf8)) {
        Some(Some(Ok(text))) => Some(Told::Text(Cow::Borrowed(text))),
        Some(Some(Err(_)) | None) => Some(Told::Nothing),
        None => None,
    };
    let in_headers = match by {
        DiscriminatorBy::Header(name) => Some(text(name).unwrap_or(Told::Nothing)),
        DiscriminatorBy::CloudEventsType if is_structured(input) => None,
        DiscriminatorBy::CloudEventsType => Some(text("ce_type").unwrap_or(Told::Nothing)),
        DiscriminatorBy::SourceTable => table_in_headers(input),
        DiscriminatorBy::Pointer(_) | DiscriminatorBy::RecordName => None,
    };
    if let Some(told) = in_headers {
        return told;
    }
    let Some(value) = input.value else { return Told::Nothing };
    if *by == DiscriminatorBy::CloudEventsType {
        return read(&mut JsonReader::new(value), &DiscriminatorBy::Pointer("/type".into()));
    }
    let opened = framing::open_value(&accepted(binding), input.headers, value);
    match opened.map(|opened| (opened.framed, opened.zlib)) {
        // Nobody looks into Protobuf, compressed documents and the data of structured CloudEvents yet: only an object without a
        // discriminator takes them.
        Ok((Framed::Protobuf { .. } | Framed::CloudEvent(_), _) | (_, true)) => Told::Nothing,
        Ok((Framed::Avro { schema, datum }, _)) => {
            let Some(need) = SchemaNeed::named_by(schema) else {
                return Told::Nothing;
            };
            match schemas.lookup(&need) {
                Known::NotCached => Told::Need(need),
                Known::Unknown => Told::Refused(Reason::RegistrySchemaUnknown, Some(Detail::UnknownSchema), "schema"),
                Known::Unusable | Known::Protobuf(_) => Told::Refused(Reason::Undecodable, Some(Detail::BadSchema), "schema"),
                Known::Avro(schema) if *by == DiscriminatorBy::RecordName => match schema.name() {
                    Some(name) => Told::Text(Cow::Owned(name.to_owned())),
                    None => Told::Nothing,
                },
                Known::Avro(schema) => read(&mut AvroReader::new(&schema, datum), by).into_owned(),
            }
        }
        Ok(_) if *by == DiscriminatorBy::RecordName => Told::Nothing,
        Ok((Framed::Json(bytes), _)) => read(&mut JsonReader::new(bytes), by),
        Err(Detail::UnknownFraming) => Told::Refused(Reason::UnknownFraming, Some(Detail::UnknownFraming), "framing"),
        Err(detail) => Told::Refused(Reason::Undecodable, Some(detail), "decode"),
    }
}

fn read<'b>(reader: &mut impl Reader<'b>, by: &DiscriminatorBy) -> Told<'b> {
    let told = match by {
        DiscriminatorBy::Pointer(path) => pointer(reader, path).map(|text| text.map_or(Told::Nothing, Told::Text)),
        _ => source_table(reader).map(|table| table.map_or(Told::Nothing, Told::Table)),
    };
    told.unwrap_or_else(|failure| Told::Refused(Reason::Undecodable, Some(failure.detail), "decode"))
}

/// The value at a pointer as text; none when there is none, or a null, list or object. What follows it is not read.
fn pointer<'b>(reader: &mut impl Reader<'b>, path: &str) -> Result<Option<Cow<'b, str>>, DecodeFailure> {
    let mut token = reader.next()?;
    for segment in path.split('/').skip(1) {
        let name = match segment.contains('~') {
            true => Cow::Owned(segment.replace("~1", "/").replace("~0", "~")),
            false => Cow::Borrowed(segment),
        };
        match token {
            Token::BeginObject => loop {
                match reader.next()? {
                    Token::Key(key) if key == name => break,
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
fn source_table<'b>(reader: &mut impl Reader<'b>) -> Result<Option<Table<'b>>, DecodeFailure> {
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

/// `add.headers` of Debezium's flattening.
fn table_in_headers<'i>(input: &Input<'i>) -> Option<Told<'i>> {
    let text = |name: &str| {
        let value = header(input, name)??;
        std::str::from_utf8(value).ok().map(Cow::Borrowed)
    };
    let table = Table {
        database: text("__db"),
        schema: text("__schema"),
        table: text("__table"),
    };
    table.table.is_some().then_some(Told::Table(table))
}

/// The last header of that name.
fn header<'i>(input: &Input<'i>, name: &str) -> Option<Option<&'i [u8]>> {
    input
        .headers
        .iter()
        .rev()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
}

/// CloudEvents in structured mode.
fn is_structured(input: &Input<'_>) -> bool {
    cloud_events::mode(input.headers) == cloud_events::Mode::Structured
}

/// What any object of the topic accepts.
fn accepted(binding: &Binding) -> Vec<framing::Encoding> {
    let mut accepted = Vec::new();
    for encoding in binding.objects().flat_map(|bound| &bound.object().settings.encodings) {
        let encoding = crate::plan::compile::framing(*encoding);
        if !accepted.contains(&encoding) {
            accepted.push(encoding);
        }
    }
    if accepted.is_empty() {
        accepted.push(framing::Encoding::Json);
    }
    accepted
}

fn unplanned<'b>(clause: &'static str) -> Choice<'b> {
    Choice::Refused {
        reason: Reason::UnplannedEvent,
        detail: None,
        clause,
    }
}

// === impl Claim ===

impl Claim<'_> {
    fn fits(&self, bound: &BoundObject) -> bool {
        match self {
            Claim::Version { id, version } => *bound.contract.id == **id && *bound.contract.version.text == **version,
            Claim::DataSchema(uri) => bound.object().settings.data_schemas.iter().any(|known| **known == **uri),
            Claim::SchemaId(id) => bound.object().settings.schema_ids.contains(id),
        }
    }

    fn fits_major(&self, bound: &BoundObject) -> bool {
        match self {
            Claim::Version { id, version } => *bound.contract.id == **id && version.parse() == Ok(bound.contract.version.major),
            Claim::DataSchema(_) | Claim::SchemaId(_) => false,
        }
    }

    fn clause(&self) -> &'static str {
        match self {
            Claim::Version { .. } => CONTRACT_HEADER,
            Claim::DataSchema(_) => "dataschema",
            Claim::SchemaId(_) => "schemaIds",
        }
    }
}

// === impl Table ===

impl Table<'_> {
    /// Whether a contract means it by `table`, `schema.table`, `database.table` or `database.schema.table`.
    fn is(&self, value: &str) -> bool {
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

#[cfg(test)]
mod tests;
