//! Where in a record a violation is: bytes, for tools that show an event to its author. Never used on the way of a record.
//!
//! The record is read again, so this costs as much as judging it once more, and nothing is kept by the judge for it but the positions of
//! starred map entries ([`crate::Judge::starred`]).

use std::ops::Range;
use std::sync::Arc;

use tidegate_codec::avro::Schema;
use tidegate_codec::cdc::{self, SchemaBlockCache, Texts, Unwrapped};
use tidegate_codec::cloud_events::{self, Data};
use tidegate_codec::framing::{self, Framed};
use tidegate_codec::protobuf::{self, Scratch};
use tidegate_codec::span::{Segment, Visited, visit, visit_protobuf};
use tidegate_codec::{AvroReader, DecodeFailure, JsonReader, ProtobufReader, Reader, Token};
use tidegate_contract::model::CdcFormat;

use crate::input::{Input, Known, SchemaLookup};
use crate::judge::{look_up, written_message};
use crate::plan::{Kind, Plan};
use crate::verdict::{Reason, Violation};

/// A place in the bytes of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The value that is wrong.
    Value(Range<usize>),
    /// The name of a field or of a map's entry that is wrong. In Avro, where fields have no names in the bytes, their value.
    Name(Range<usize>),
    /// The object in which a field is missing.
    Missing(Range<usize>),
    /// Where reading stopped.
    Stopped(usize),
    /// Somewhere in these bytes, which are no document themselves: compressed, or base64.
    Within(Range<usize>),
    /// The event as a whole, or nothing narrower can be said.
    Whole,
}

/// One value of a record, for tools that walk all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Names and positions from the row (for change events without `payload`, `before` and `after`) down.
    pub path: Vec<String>,
    /// Where.
    pub bytes: Range<usize>,
}

/// How the value's bytes are read.
enum Document<'b> {
    /// Text at `start..end` of the value.
    Json {
        value: &'b [u8],
        start: usize,
        end: usize,
    },
    Avro {
        schema: Arc<Schema>,
        datum: &'b [u8],
        base: usize,
    },
    Protobuf {
        schema: Arc<protobuf::Schema>,
        message: protobuf::MessageId,
        datum: &'b [u8],
        base: usize,
    },
}

/// What lies under the frame.
enum Opened<'b> {
    Document(Document<'b>),
    /// Nothing that has places; this is said instead.
    Place(Place),
}

/// A step of the way to the place, in terms of what a visitor meets.
#[derive(Debug, PartialEq)]
enum Step {
    Name(String),
    Position(u64),
}

/// Finds the place of a violation. `starred` is what the judge says of this violation, empty when its pointer has no stars.
/// `earlier` counts the violations before it in the list with the same rule, pointer and entries: undeclared fields whose names are starred
/// can only be told apart by their order.
pub fn locate(plan: &Plan, input: &Input<'_>, schemas: &dyn SchemaLookup, violation: &Violation, starred: &[u64], earlier: usize) -> Place {
    // Key and headers lie beside the value.
    if matches!(violation.reason, Reason::KeyInvalid | Reason::HeaderMissing) {
        return Place::Whole;
    }
    let document = match open(plan, input, schemas) {
        Opened::Document(document) => document,
        Opened::Place(place) => return place,
    };
    if matches!(violation.reason, Reason::Undecodable | Reason::CdcMalformed) {
        return document
            .failure(plan, input)
            .map_or(Place::Whole, |failure| Place::Stopped(failure.offset));
    }
    if violation.pointer.is_empty() && plan.cdc.is_none() {
        return document.whole();
    }
    let (steps, star) = steps(plan, violation, starred);
    let mut way = if plan.cdc.is_some() { document.payload() } else { Vec::new() };
    way.extend(steps);
    let steps = way;
    let (mut found, mut holder, mut skipped) = (None, None::<(usize, Range<usize>)>, 0);
    let key_is_wrong = names_key(plan, violation);
    document.each(|path, visited| {
        let bytes = visited.value.start..visited.value.end;
        let depth = path.iter().zip(&steps).take_while(|(segment, step)| step.is(segment)).count();
        if depth < path.len() {
            // An undeclared field whose name is starred: the n-th of those that are.
            let is_starred = star && path.len() == steps.len() + 1 && depth == steps.len() && found.is_none();
            if is_starred && undeclared(plan, violation, path) {
                if skipped == earlier {
                    found = Some(named(visited));
                }
                skipped += 1;
            }
            return;
        }
        if depth == steps.len() && !star {
            found = Some(if violation.reason == Reason::AdditionalProperties || key_is_wrong {
                named(visited)
            } else {
                Place::Value(bytes)
            });
        } else if holder.as_ref().is_none_or(|(deepest, _)| *deepest < depth) {
            holder = Some((depth, bytes));
        }
    });
    match (found, holder) {
        (Some(place), _) => place,
        (None, Some((_, bytes))) if violation.reason == Reason::RequiredMissing => Place::Missing(bytes),
        (None, Some((_, bytes))) => Place::Value(bytes),
        (None, None) => Place::Whole,
    }
}

/// Every value of a record that can be read, inner ones first; the error is where reading stopped. Protobuf stops at once: a value may stand
/// there several times, and only the one that counts would be told of.
pub fn values(plan: &Plan, input: &Input<'_>, schemas: &dyn SchemaLookup) -> Result<Vec<Seen>, usize> {
    let Opened::Document(document @ (Document::Json { .. } | Document::Avro { .. })) = open(plan, input, schemas) else {
        return Err(0);
    };
    let prefix = if plan.cdc.is_some() { document.payload().len() } else { 0 };
    let mut seen = Vec::new();
    let failure = document.each(|path, visited| {
        let names = path.iter().skip(prefix).map(|segment| match &segment.name {
            Some(name) => name.to_string(),
            None => segment.ordinal.to_string(),
        });
        let mut path: Vec<String> = names.collect();
        if plan.cdc == Some(CdcFormat::Debezium) {
            if !path.first().is_some_and(|image| image == "before" || image == "after") {
                return;
            }
            path.remove(0);
        }
        seen.push(Seen {
            path,
            bytes: visited.value.start..visited.value.end,
        });
    });
    match failure {
        None => Ok(seen),
        Some(failure) => Err(failure.offset),
    }
}

fn open<'b>(plan: &Plan, input: &Input<'b>, schemas: &dyn SchemaLookup) -> Opened<'b> {
    let opened = input
        .value
        .map(|value| (value, framing::open_value(&plan.framings, input.headers, value)));
    let Some((value, Ok(opened))) = opened else {
        return Opened::Place(Place::Whole);
    };
    let base = |document: &[u8]| value.len() - document.len();
    if opened.zlib {
        return Opened::Place(Place::Within(base(opened.framed.bytes())..value.len()));
    }
    Opened::Document(match opened.framed {
        Framed::Json(bytes) => Document::Json {
            value,
            start: base(bytes),
            end: value.len(),
        },
        Framed::CloudEvent(bytes) => return cloud_event(bytes),
        Framed::Avro { schema, datum } => match look_up(plan, schemas, schema) {
            Ok(Known::Avro(schema)) => Document::Avro {
                schema,
                datum,
                base: base(datum),
            },
            _ => return Opened::Place(Place::Whole),
        },
        Framed::Protobuf { schema, message, datum } => match look_up(plan, schemas, schema) {
            Ok(Known::Protobuf(schema)) => match written_message(plan, &schema, message, datum) {
                Ok((message, datum)) => Document::Protobuf {
                    schema,
                    message,
                    datum,
                    base: base(datum),
                },
                Err(_) => return Opened::Place(Place::Whole),
            },
            _ => return Opened::Place(Place::Whole),
        },
    })
}

/// The data of a structured CloudEvent.
fn cloud_event(value: &[u8]) -> Opened<'_> {
    match cloud_events::structured(value) {
        Ok(event) => match event.data {
            Data::Json { start, end } => Opened::Document(Document::Json { value, start, end }),
            Data::Absent => Opened::Place(Place::Whole),
            Data::Bytes(_) => {
                let mut text = Place::Whole;
                let read = visit(&mut JsonReader::new(value), |path, visited| {
                    if matches!(path, [only] if only.name.as_deref() == Some("data_base64")) {
                        text = Place::Within(visited.value.start..visited.value.end);
                    }
                });
                Opened::Place(if read.is_ok() { text } else { Place::Whole })
            }
        },
        Err(failure) => Opened::Place(Place::Stopped(failure.offset)),
    }
}

/// What the pointer of a violation stands for; and whether its last step is a starred name of an undeclared field.
fn steps(plan: &Plan, violation: &Violation, starred: &[u64]) -> (Vec<Step>, bool) {
    let mut starred = starred.iter();
    let mut segments = violation.pointer.split('/').skip(1).peekable();
    let mut steps = Vec::new();
    if plan.cdc == Some(CdcFormat::Debezium)
        && let Some(image) = segments.next()
    {
        steps.push(Step::Name(image.to_owned()));
    }
    let mut node = Some(0);
    while let Some(segment) = segments.next() {
        let name = segment.replace("~1", "/").replace("~0", "~");
        match node.map(|node| &plan.nodes[node].kind) {
            Some(Kind::Object(children)) => {
                let child = children.iter().copied().find(|child| *plan.nodes[*child].wire_name == *name);
                let unnamed = child.is_none() && name == "*" && segments.peek().is_none();
                if unnamed && violation.reason == Reason::AdditionalProperties {
                    return (steps, true);
                }
                steps.push(Step::Name(name));
                node = child;
            }
            Some(Kind::Array(item)) => {
                steps.push(Step::Position(name.parse().unwrap_or(u64::MAX)));
                node = Some(*item);
            }
            Some(Kind::Map(_, value)) => {
                steps.push(Step::Position(starred.next().copied().unwrap_or(u64::MAX)));
                node = Some(*value);
            }
            Some(Kind::Leaf(_) | Kind::Any) | None => steps.push(Step::Name(name)),
        }
    }
    (steps, false)
}

/// Whether the clause is one of a map's keys.
fn names_key(plan: &Plan, violation: &Violation) -> bool {
    plan.nodes
        .iter()
        .any(|node| matches!(node.kind, Kind::Map(key, _) if plan.checks[key].location == violation.location))
}

/// Whether the last name of `path` would be starred: an object of the plan does not declare it, and it does not look like a name.
fn undeclared(plan: &Plan, violation: &Violation, path: &[Segment<'_>]) -> bool {
    let Some(name) = path.last().and_then(|segment| segment.name.as_deref()) else {
        return false;
    };
    let holder = plan
        .nodes
        .iter()
        .zip(&plan.checks)
        .find(|(node, check)| check.location == violation.location && matches!(node.kind, Kind::Object(_)));
    let declared = match holder.map(|(node, _)| &node.kind) {
        Some(Kind::Object(children)) => children.iter().any(|child| *plan.nodes[*child].wire_name == *name),
        _ => false,
    };
    !declared && crate::judge::presentable(name) == "*"
}

fn named(visited: Visited) -> Place {
    let span = visited.key.unwrap_or(visited.value);
    Place::Name(span.start..span.end)
}

// === impl Step ===

impl Step {
    fn is(&self, segment: &Segment<'_>) -> bool {
        match (self, &segment.name) {
            (Step::Name(name), Some(found)) => *name == **found || segment.alias == Some(name),
            (Step::Position(position), _) => *position == segment.ordinal,
            // An item of a list whose contract says nothing of what is inside.
            (Step::Name(name), None) => name.parse() == Ok(segment.ordinal),
        }
    }
}

// === impl Document ===

impl Document<'_> {
    fn each(&self, each: impl FnMut(&[Segment<'_>], Visited)) -> Option<DecodeFailure> {
        match self {
            Document::Json { value, start, end } => visit(&mut JsonReader::fragment(value, *start, *end), each),
            Document::Avro { schema, datum, base } => visit(&mut AvroReader::new(schema, datum).with_base(*base), each),
            Document::Protobuf {
                schema,
                message,
                datum,
                base,
            } => {
                let mut scratch = Scratch::default();
                let mut reader = ProtobufReader::new(schema, *message, datum, &mut scratch).with_base(*base);
                visit_protobuf(&mut reader, each)
            }
        }
        .err()
    }

    /// The steps to the row's document: `payload` where a schema block stands beside it.
    fn payload(&self) -> Vec<Step> {
        let (mut schema, mut payload, mut others) = (false, false, false);
        if matches!(self, Document::Json { .. }) {
            self.each(|path, _| {
                if let [only] = path {
                    match only.name.as_deref() {
                        Some("schema") => schema = true,
                        Some("payload") => payload = true,
                        _ => others = true,
                    }
                }
            });
        }
        if schema && payload && !others {
            vec![Step::Name(String::from("payload"))]
        } else {
            Vec::new()
        }
    }

    fn whole(&self) -> Place {
        let mut bytes = None;
        self.each(|path, visited| {
            if path.is_empty() {
                bytes = Some(visited.value.start..visited.value.end);
            }
        });
        bytes.map_or(Place::Whole, Place::Value)
    }

    /// Why and where the record cannot be read, as the judge reads it.
    fn failure(&self, plan: &Plan, input: &Input<'_>) -> Option<DecodeFailure> {
        if let Some(failure) = self.each(|_, _| ()) {
            return Some(failure);
        }
        let (mut cache, mut texts) = (SchemaBlockCache::new(), Texts::new());
        let format = plan.change.format(plan.cdc?);
        // Offsets of JSON count in the document.
        let (unwrapped, frame) = match self {
            Document::Json { value, start, end } => (
                cdc::read_json(format, &value[*start..*end], input.headers, &mut cache, &mut texts),
                *start,
            ),
            Document::Avro { schema, datum, base } => (cdc::read_avro(format, schema, datum, *base, input.headers, &mut texts), 0),
            // The contract reader takes no change events of Protobuf.
            Document::Protobuf { .. } => return None,
        };
        let failure = match unwrapped {
            Err(failure) => Some(failure),
            Ok(Unwrapped::Change(envelope)) => [envelope.before, envelope.after].into_iter().flatten().find_map(|image| {
                let mut reader = image.reader();
                loop {
                    match reader.next() {
                        Ok(Token::End) => return None,
                        Ok(_) => {}
                        Err(failure) => return Some(failure),
                    }
                }
            }),
            Ok(_) => None,
        };
        failure.map(|failure| DecodeFailure {
            offset: failure.offset + frame,
            ..failure
        })
    }
}
