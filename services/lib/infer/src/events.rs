//! A draft from events.

use std::collections::BTreeMap;

use tidegate_codec::{DecodeFailure, JsonReader, Reader as _, Token};

use crate::draft::{Draft, number};
use crate::guess::{Written, fields, left_out};
use crate::probe::Probes;
use crate::sketch::{Room, Sketch, is_name};

/// Events longer than this are counted and not looked into.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// Events below which a draft warns: a field that one event in a hundred has not may not have shown itself.
const FEW: u64 = 100;
/// Sets of names of keys that are told apart, and names in a key.
const KEY_SHAPES_MAX: usize = 4;
const KEY_FIELDS_MAX: usize = 18;

/// Takes events in, one after another, in bounded memory.
#[derive(Debug)]
pub struct Events {
    room: Room,
    plain: Sketch,
    rows: Sketch,
    /// Change events of Debezium.
    changes: u64,
    objects: u64,
    tombstones: u64,
    unreadable: u64,
    no_objects: u64,
    too_long: u64,
    keys: Keys,
}

#[derive(Debug, Default)]
struct Keys {
    none: u64,
    json: u64,
    text: u64,
    bytes: u64,
    /// Names of the fields of JSON keys, a few sets of them.
    names: BTreeMap<Vec<String>, u64>,
}

impl Default for Events {
    fn default() -> Self {
        Events::new()
    }
}

// === impl Events ===

impl Events {
    /// Nothing seen yet.
    pub fn new() -> Events {
        Events {
            room: Room {
                probes: Probes::new(),
                places: 0,
            },
            plain: Sketch::default(),
            rows: Sketch::default(),
            changes: 0,
            objects: 0,
            tombstones: 0,
            unreadable: 0,
            no_objects: 0,
            too_long: 0,
            keys: Keys::default(),
        }
    }

    /// Events taken in.
    pub fn count(&self) -> u64 {
        self.objects + self.changes + self.tombstones + self.unreadable + self.no_objects + self.too_long
    }

    /// Events that the draft is made of.
    pub fn used(&self) -> u64 {
        self.objects + self.changes
    }

    /// Takes in the key of a record.
    pub fn key(&mut self, key: Option<&[u8]>) {
        let keys = &mut self.keys;
        match key {
            None => keys.none += 1,
            Some(key) if key.first() == Some(&b'{') && std::str::from_utf8(key).is_ok() => {
                keys.json += 1;
                if let Some(names) = key_names(key)
                    && (keys.names.len() < KEY_SHAPES_MAX || keys.names.contains_key(&names))
                {
                    *keys.names.entry(names).or_default() += 1;
                }
            }
            Some(key) if std::str::from_utf8(key).is_ok_and(|text| !text.chars().any(char::is_control)) => keys.text += 1,
            Some(_) => keys.bytes += 1,
        }
    }

    /// Takes in one event, a JSON document; null is a tombstone.
    pub fn take(&mut self, value: Option<&[u8]>) {
        let Some(value) = value else {
            self.tombstones += 1;
            return;
        };
        if value.len() > EVENT_BYTES_MAX {
            self.too_long += 1;
            return;
        }
        // Whole first: half an event is no evidence.
        match shape(value) {
            Err(_) => self.unreadable += 1,
            Ok(Shape::NoObject) => self.no_objects += 1,
            Ok(Shape::Plain) => {
                self.objects += 1;
                // It was read before, so it can be read again.
                let _ = walk(value, &mut self.plain, &mut self.room, &[]);
            }
            Ok(Shape::Change { payload }) => {
                self.changes += 1;
                let way: &[&str] = if payload { &["payload"] } else { &[] };
                for image in ["before", "after"] {
                    let way = [way, &[image]].concat();
                    let _ = walk(value, &mut self.rows, &mut self.room, &way);
                }
            }
        }
    }

    /// What a reader should know who believes every line of a draft from few events.
    pub fn warning(&self) -> Option<String> {
        let is_small = (1..FEW).contains(&self.used());
        is_small.then(|| {
            String::from(
                "That is a small sample: what all of them have is `required` here, and what their texts look like is a clause. Look at more events, or take \
                 out what you do not know.",
            )
        })
    }

    /// The draft; the error says why there is none.
    pub fn draft(&self) -> Result<Draft, String> {
        if self.used() == 0 {
            return Err(match self.count() {
                0 => String::from("there was no event"),
                count => format!(
                    "none of {} events is a JSON object ({} cannot be read as JSON); Avro and Protobuf are inferred from their schemas",
                    number(count),
                    number(self.unreadable)
                ),
            });
        }
        if self.changes > 0 && self.objects > 0 {
            return Err(format!(
                "{} events are change events of Debezium and {} are not: they need contracts of their own",
                number(self.changes),
                number(self.objects)
            ));
        }
        let mut evidence = vec![match self.used() {
            1 => String::from("Made from 1 event."),
            used => format!("Made from {} events.", number(used)),
        }];
        evidence.extend(self.warning());
        for (count, what) in [
            (self.unreadable, "events could not be read as JSON and were left out"),
            (self.no_objects, "events were no JSON objects and were left out"),
            (self.too_long, "events were longer than 16 MiB and were left out"),
            (self.tombstones, "values were null (tombstones)"),
        ] {
            if count > 0 {
                evidence.push(format!("{} {what}.", number(count)));
            }
        }
        self.keys.describe(&mut evidence);
        let mut settings = vec![("encodings", String::from("[json]"))];
        let properties = if self.changes > 0 {
            settings.push(("cdc", String::from("debezium")));
            evidence.push(String::from(
                "They are change events of Debezium: the rows are described. Times and decimals are as the connector writes them; a contract made from its \
                 schema block (`tidegate infer block.json`) names them.",
            ));
            let mut rows = fields(&self.rows, self.rows.objects, Written::Change, false);
            match self.keys.of_rows() {
                Some(names) if names.iter().all(|name| rows.iter().any(|row| row.name == *name)) => {
                    for (position, name) in names.iter().enumerate() {
                        let key = rows.iter_mut().filter(|row| row.name == *name);
                        key.for_each(|row| row.key = Some(position + 1));
                    }
                    evidence.push(format!(
                        "All JSON keys have these fields, so they are the primary key: {}.",
                        names.join(", ")
                    ));
                }
                _ => evidence.push(String::from(
                    "No primary key could be told from the keys: say `primaryKey: true` at its properties.",
                )),
            }
            rows
        } else {
            fields(&self.plain, self.plain.objects, Written::Plain, false)
        };
        let beyond = left_out(&self.plain, self.plain.objects) + left_out(&self.rows, self.rows.objects);
        if beyond > 0 {
            evidence.push(format!(
                "{} times a field was left out: there are too many of them, or its name is no name but content.",
                number(beyond)
            ));
        }
        Ok(Draft {
            evidence,
            settings,
            properties,
        })
    }
}

/// Fields of a JSON key, inside of `payload` where a schema stands beside it; none when it has too many, or is no JSON.
fn key_names(key: &[u8]) -> Option<Vec<String>> {
    let mut reader = JsonReader::new(key);
    let (mut depth, mut in_payload) = (0_usize, false);
    let (mut top, mut inner) = (Vec::new(), Vec::new());
    loop {
        match reader.next().ok()? {
            Token::BeginObject | Token::BeginArray => depth += 1,
            Token::EndObject | Token::EndArray => depth -= 1,
            Token::Key(name) if depth == 1 => {
                in_payload = &*name == "payload";
                top.push(name.into_owned());
            }
            Token::Key(name) if depth == 2 && in_payload => inner.push(name.into_owned()),
            Token::End => break,
            _ => {}
        }
        if top.len() + inner.len() > KEY_FIELDS_MAX {
            return None;
        }
    }
    let is_wrapper = top.len() == 2 && ["schema", "payload"].iter().all(|part| top.iter().any(|name| name == part));
    let names = if is_wrapper { inner } else { top };
    (!names.is_empty() && names.iter().all(|name| is_name(name))).then_some(names)
}

impl Keys {
    /// The fields that every key has; none when keys differ.
    fn of_rows(&self) -> Option<&[String]> {
        let (names, count) = self.names.first_key_value()?;
        (self.names.len() == 1 && *count == self.json && self.text + self.bytes + self.none == 0).then_some(names)
    }

    fn describe(&self, evidence: &mut Vec<String>) {
        let all = self.none + self.json + self.text + self.bytes;
        if all == 0 {
            return;
        }
        let seen: Vec<String> = [
            (self.none, "null"),
            (self.json, "JSON objects"),
            (self.text, "text"),
            (self.bytes, "bytes"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{what} in {} of {}", number(*count), number(all)))
        .collect();
        evidence.push(format!("Keys are {}.", seen.join(", ")));
    }
}

enum Shape {
    Plain,
    NoObject,
    Change { payload: bool },
}

/// Reads the whole document, and tells a change event by its parts.
fn shape(value: &[u8]) -> Result<Shape, DecodeFailure> {
    let mut reader = JsonReader::new(value);
    let (mut top, mut inner) = (Parts::default(), Parts::default());
    let (mut depth, mut in_payload) = (0_usize, false);
    loop {
        match reader.next()? {
            Token::BeginObject | Token::BeginArray => depth += 1,
            Token::EndObject | Token::EndArray => depth -= 1,
            Token::Key(name) if depth == 1 => {
                in_payload = &*name == "payload";
                top.see(&name);
            }
            Token::Key(name) if depth == 2 && in_payload => inner.see(&name),
            Token::End => break,
            _ => {}
        }
    }
    Ok(match () {
        () if !starts_object(value) => Shape::NoObject,
        () if top.is_change() => Shape::Change { payload: false },
        () if inner.is_change() && top.is_wrapper() => Shape::Change { payload: true },
        () => Shape::Plain,
    })
}

fn starts_object(value: &[u8]) -> bool {
    value.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

#[derive(Debug, Default)]
struct Parts {
    op: bool,
    source: bool,
    image: bool,
    schema: bool,
    payload: bool,
    names: usize,
}

impl Parts {
    fn see(&mut self, name: &str) {
        self.names += 1;
        self.schema |= name == "schema";
        self.payload |= name == "payload";
        self.op |= name == "op";
        self.source |= name == "source";
        self.image |= name == "before" || name == "after";
    }

    fn is_change(&self) -> bool {
        self.op && self.source && self.image
    }

    /// Whether it is a document beside the schema that describes it.
    fn is_wrapper(&self) -> bool {
        self.schema && self.payload && self.names == 2
    }
}

/// Takes in the object at the end of a way of names.
fn walk(value: &[u8], into: &mut Sketch, room: &mut Room, way: &[&str]) -> Result<(), DecodeFailure> {
    let mut reader = JsonReader::new(value);
    let mut way = way.iter();
    let mut step = way.next();
    loop {
        match (reader.next()?, step) {
            (Token::BeginObject, None) => return into.take(Token::BeginObject, &mut reader, room, true),
            (Token::BeginObject, Some(_)) => {}
            (Token::Key(name), Some(wanted)) if *name == **wanted => step = way.next(),
            (Token::Key(_), Some(_)) => reader.skip()?,
            // No image, or no object on the way.
            _ => return Ok(()),
        }
    }
}
