//! Which object judges a record, where a topic has several versions or several types of events.
//!
//! In this order: the version that the record declares, CloudEvents' `dataschema`, the id of the registry's schema, the discriminator, the
//! topic's default. What a record claims decides, never which contract it would pass. Nothing that fits is `unplanned_event`; what cannot be
//! read where the type is looked for is the failure that it is.
//!
//! A pure function of bytes, headers and the snapshot; the value is read at most once, token by token, and only where its topic's contracts
//! look for the type in it.

mod place;

use std::borrow::Cow;
use std::sync::Arc;

use tidegate_codec::cloud_events::{self, Data};
use tidegate_codec::framing::{self, Framed, SchemaRef};
use tidegate_codec::protobuf::{MessageId, Schema};
use tidegate_codec::{Detail, JsonReader};
use tidegate_contract::model::{CdcFormat, Encoding};
use tidegate_contract::surroundings::{DiscriminatorBy, SchemaId};
use tidegate_contract::{Binding, BoundObject, EventSchemaKind, EventType};

use crate::event_schema::EventSchema;
use crate::input::{Input, SchemaLookup, SchemaNeed};
use crate::verdict::Reason;
use place::{Place, Table, Told};

/// Header by which a producer names the version that it wrote for: `<contract id>@<version>`, or `<contract id>@<major>` for the newest of
/// a major. The last one counts.
pub const CONTRACT_HEADER: &str = "data-contract";

/// Chooses for the records of one topic. Immutable; made once for a binding.
#[derive(Debug)]
pub struct Chooser {
    binding: Binding,
    /// What any object of the topic accepts.
    accepted: Vec<framing::Encoding>,
    /// Where the type is looked for in bare Protobuf.
    bare: Option<Bare>,
}

/// What bare Protobuf is read with before it is known which object judges it.
#[derive(Debug)]
enum Bare {
    /// This message of the contract's own schema.
    Own(Arc<Schema>, MessageId),
    /// This message of a file that has to be fetched.
    Fetched(SchemaNeed, Arc<str>),
    /// Nothing: the objects name several messages, or one that does not compile. Neither can happen in a snapshot that is in force.
    Unknown,
}

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
    SchemaId(SchemaId),
}

// === impl Chooser ===

impl Chooser {
    /// For the objects of a topic.
    pub fn new(binding: Binding) -> Chooser {
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
        let looks_inside = matches!(binding.selector, Some(DiscriminatorBy::Pointer(_) | DiscriminatorBy::RecordName));
        Chooser {
            bare: if looks_inside { Bare::of(&binding) } else { None },
            binding,
            accepted,
        }
    }

    /// What it chooses from.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Chooses. `schemas` is only asked where contracts tell events apart by an Avro or Protobuf value.
    pub fn choose(&self, input: &Input<'_>, schemas: &dyn SchemaLookup) -> Choice<'_> {
        match self.claim(input) {
            Ok(None) => self.by_type(input, schemas, |_| true),
            Ok(Some(claim)) => self.claimed(input, schemas, &claim),
            Err(clause) => unplanned(clause),
        }
    }

    /// What the record claims; the error names a claim that cannot be read.
    fn claim<'i>(&self, input: &Input<'i>) -> Result<Option<Claim<'i>>, &'static str> {
        if let Some(value) = header(input, CONTRACT_HEADER) {
            let text = value.and_then(|value| std::str::from_utf8(value).ok());
            let Some((id, version)) = text.and_then(|text| text.rsplit_once('@')) else {
                return Err(CONTRACT_HEADER);
            };
            return Ok(Some(Claim::Version { id, version }));
        }
        if self.binding.objects().any(|bound| !bound.object().settings.data_schemas.is_empty()) {
            // In structured mode the envelope speaks, and a header beside it is nothing.
            let told = match header(input, "ce_dataschema").filter(|_| !is_structured(input)) {
                // A claim that cannot be read is one that nothing fits, as with the version.
                Some(value) => match value.map(std::str::from_utf8) {
                    Some(Ok(uri)) => Some(Cow::Borrowed(uri)),
                    Some(Err(_)) | None => return Err("dataschema"),
                },
                None if is_structured(input) => match input.value.map(|value| place::pointer(&mut JsonReader::new(value), "/dataschema")) {
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
        let knows_ids = self.binding.objects().any(|bound| !bound.object().settings.schema_ids.is_empty());
        let id = if knows_ids { self.schema_id(input) } else { None };
        let is_known = |id: &SchemaId| self.binding.objects().any(|bound| bound.object().settings.schema_ids.contains(id));
        Ok(id.filter(is_known).map(Claim::SchemaId))
    }

    /// The schema that the value names in its frame, or in that of a CloudEvent's data.
    fn schema_id(&self, input: &Input<'_>) -> Option<SchemaId> {
        let value = input.value?;
        let opened = framing::open_value(&self.accepted, input.headers, value).ok()?;
        let schema = match opened.framed {
            Framed::CloudEvent(bytes) => {
                let event = cloud_events::structured(bytes).ok()?;
                let Data::Bytes(data) = event.data else { return None };
                let content_type = event.attributes.data_content_type.as_deref();
                framing::cloud_event_data(&self.accepted, &[], content_type, &data)
                    .ok()?
                    .framed
                    .schema()
            }
            _ => framing::named_schema(opened.encoding, input.headers, value),
        };
        Some(match schema? {
            SchemaRef::Id(id) => SchemaId::Id(id),
            SchemaRef::Guid(guid) => SchemaId::Guid(guid),
            SchemaRef::Glue(uuid) => SchemaId::Glue(uuid),
            SchemaRef::GlobalId(id) => SchemaId::GlobalId(id),
            SchemaRef::ContentId(id) => SchemaId::ContentId(id),
            SchemaRef::Configured => return None,
        })
    }

    fn claimed(&self, input: &Input<'_>, schemas: &dyn SchemaLookup, claim: &Claim<'_>) -> Choice<'_> {
        let binding = &self.binding;
        let fits = |bound: &BoundObject| claim.fits(bound);
        let fits_major = |bound: &BoundObject| claim.fits_major(bound);
        let exact = binding.objects().any(fits);
        let fits: &dyn Fn(&BoundObject) -> bool = if exact { &fits } else { &fits_major };
        let mut types = binding.events.iter().filter(|event| event.versions.iter().any(fits));
        let event = match (types.next(), types.next()) {
            (None, _) => return unplanned(claim.clause()),
            (Some(event), None) => event,
            (Some(_), Some(_)) => match self.by_type(input, schemas, fits) {
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

    /// The type that the discriminator names, among those that `fits` lets stand.
    fn by_type<'b>(&'b self, input: &Input<'_>, schemas: &dyn SchemaLookup, fits: impl Fn(&BoundObject) -> bool) -> Choice<'b> {
        let binding = &self.binding;
        let chosen = |event: &'b EventType| Choice::Bound {
            bound: &event.default,
            shadow: event.shadow.as_ref(),
        };
        let mut events = binding.events.iter().filter(|event| event.versions.iter().any(&fits));
        let Some(by) = &binding.selector else {
            return events.next().map_or_else(|| unplanned("topic"), chosen);
        };
        let told = self.told(by, input, schemas);
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

    fn told<'i>(&self, by: &DiscriminatorBy, input: &Input<'i>, schemas: &dyn SchemaLookup) -> Told<'i> {
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
            return place::read(&mut JsonReader::new(value), &DiscriminatorBy::Pointer("/type".into()));
        }
        let place = Place {
            by,
            accepted: &self.accepted,
            bare: self.bare.as_ref(),
            schemas,
        };
        place.value(input.headers, value)
    }
}

// === impl Bare ===

impl Bare {
    /// That of the highest version that accepts bare Protobuf: fields keep their numbers from version to version.
    fn of(binding: &Binding) -> Option<Bare> {
        let bare = || {
            binding
                .objects()
                .filter(|bound| bound.object().settings.encodings.contains(&Encoding::Protobuf))
        };
        let highest = bare().max_by_key(|bound| (bound.contract.status.is_enforced(), &bound.contract.version))?;
        let settings = &highest.object().settings;
        let message = settings.bare_message();
        if bare().any(|bound| bound.object().settings.bare_message() != message) {
            return Some(Bare::Unknown);
        }
        let is_own = settings
            .event_schema
            .as_ref()
            .is_some_and(|schema| schema.kind == EventSchemaKind::Protobuf);
        Some(match (is_own, &settings.protobuf_schema, message) {
            (true, ..) => match EventSchema::compile(settings) {
                Ok(Some(EventSchema::Protobuf(own))) => Bare::Own(own.schema().clone(), own.message()),
                _ => Bare::Unknown,
            },
            (false, Some(file), Some(message)) => {
                let (file, message) = (file.clone(), message.clone());
                Bare::Fetched(
                    SchemaNeed::File {
                        file,
                        message: message.clone(),
                    },
                    message,
                )
            }
            _ => Bare::Unknown,
        })
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

#[cfg(test)]
mod tests;
