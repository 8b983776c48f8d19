//! Ids of event schemas: recorded in the repository, so that every replica and every commit gives one schema the same number.
//!
//! The record is `schemas/registered/ids.json` with a copy of every text beside it (`schemas/formats/schema-ids.md` describes it). An id is
//! made from the schema itself: another schema can never get it, whatever was reverted, rebased or merged in between, and nobody has to
//! agree on a next number. A text that was registered stays, since records that were written with it stay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tidegate_codec::protobuf;
use tidegate_contract::{BoundObject, ContractFile, Diagnostic, EventSchemaKind, Level, Location, Snapshot, sha256_hex};

mod recorded;

pub use recorded::Recorded;

/// The record.
pub const FILE: &str = "schemas/registered/ids.json";
/// What a diagnostic about ids is called.
pub const CODE: &str = "TG0157";
/// `format` of the record.
const FORMAT: &str = "tidegate.schema-ids/1";
/// Folder of the record and the texts.
const FOLDER: &str = "schemas/registered/";

/// All ids of one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// By id.
    pub schemas: BTreeMap<u32, Schema>,
    /// Subject to the ids of its versions; version 1 first.
    pub subjects: BTreeMap<String, Vec<u32>>,
}

/// A registered schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// What it is written in.
    pub kind: EventSchemaKind,
    /// How often an id was taken already when this one was made; almost always 0.
    pub salt: u32,
    /// As it stands in the file.
    pub text: Arc<str>,
}

/// An event schema that a contract in force names.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its subject.
    pub subject: String,
    /// What it is written in.
    pub kind: EventSchemaKind,
    /// The file's text.
    pub text: Arc<str>,
    /// Where the contract names it.
    pub location: Location,
}

/// Every event schema that judges a topic of the snapshot, by subject, older versions of contracts first.
///
/// A topic with one type of events has the subject `TOPIC-value` (TopicNameStrategy); where several share it, each has `TOPIC-NAME` with the
/// full name of the record or message (TopicRecordNameStrategy), and a JSON Schema the name of the contract's object.
///
/// Schemas that refer to other files are left out: see [`left_out`].
pub fn wanted(snapshot: &Snapshot) -> Vec<Wanted> {
    let mut found = named(snapshot);
    found.retain(|one| is_alone(one.kind, &one.text));
    found
}

/// Event schemas that get no id, because they refer to other files and a client would find only half of them.
pub fn left_out(snapshot: &Snapshot) -> Vec<Wanted> {
    let mut found = named(snapshot);
    found.retain(|one| !is_alone(one.kind, &one.text));
    found
}

fn named(snapshot: &Snapshot) -> Vec<Wanted> {
    let mut found = Vec::new();
    for (topic, binding) in &snapshot.bindings {
        for bound in binding.events.iter().flat_map(|event| &event.versions) {
            let Some(schema) = &bound.object().settings.event_schema else {
                continue;
            };
            let Some(text) = schema.text() else { continue };
            let subject = match binding.events.len() {
                1 => format!("{topic}-value"),
                _ => format!("{topic}-{}", record_name(bound, schema.kind, text)),
            };
            found.push(Wanted {
                subject,
                kind: schema.kind,
                text: text.clone(),
                location: schema.location.clone(),
            });
        }
    }
    found
}

/// Whether a schema says everything itself, but for what comes with every Protobuf compiler.
fn is_alone(kind: EventSchemaKind, text: &str) -> bool {
    match kind {
        // Names that a schema does not define itself are refused when the contract compiles.
        EventSchemaKind::Avro => true,
        EventSchemaKind::JsonSchema => serde_json::from_str::<Value>(text).is_ok_and(|schema| !refers(&schema)),
        EventSchemaKind::Protobuf => {
            protobuf::imports(text).is_ok_and(|imports| imports.iter().all(|import| protobuf::is_known_import(&import.path)))
        }
    }
}

/// Whether a JSON Schema has a `$ref` that leads out of it.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(entries) => entries.iter().any(|(key, value)| {
            let is_outward =
                matches!(key.as_str(), "$ref" | "$dynamicRef") && value.as_str().is_some_and(|target| !target.starts_with('#'));
            is_outward || refers(value)
        }),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// The name that Confluent's API has for it.
pub fn type_name(kind: EventSchemaKind) -> &'static str {
    match kind {
        EventSchemaKind::Avro => "AVRO",
        EventSchemaKind::JsonSchema => "JSON",
        EventSchemaKind::Protobuf => "PROTOBUF",
    }
}

/// Everything that is wrong with the ids among these files, for a snapshot of the same files: a record that is damaged, a text or id that was
/// changed by hand, and event schemas without an id. None when the repository records no ids.
pub fn check(files: &[ContractFile], snapshot: &Snapshot) -> Result<Option<Ids>, Vec<Diagnostic>> {
    check_after(files, snapshot, &Recorded::default())
}

/// The same, and whatever does not agree with the records before this one.
pub fn check_after(files: &[ContractFile], snapshot: &Snapshot, past: &Recorded) -> Result<Option<Ids>, Vec<Diagnostic>> {
    let Some(ids) = Ids::read(files)? else { return Ok(None) };
    let mut problems = past.problems(&ids);
    for wanted in wanted(snapshot) {
        let id = ids.find(wanted.kind, &wanted.text);
        let is_listed = id.is_some_and(|id| ids.subjects.get(&wanted.subject).is_some_and(|versions| versions.contains(&id)));
        if !is_listed {
            problems.push(Diagnostic {
                code: CODE,
                level: Level::Error,
                location: wanted.location,
                problem: format!("the event schema has no recorded id for the subject `{}`", wanted.subject),
                help: "run `tidegate registry ids` in the repository and commit what it writes".to_owned(),
            });
        }
    }
    if problems.is_empty() { Ok(Some(ids)) } else { Err(problems) }
}

// === impl Ids ===

impl Ids {
    /// The record among these files with the texts that it names; none when there is no record.
    ///
    /// # Errors
    ///
    /// Whatever would let one id mean two schemas.
    pub fn read(files: &[ContractFile]) -> Result<Option<Ids>, Vec<Diagnostic>> {
        let text = |path: &str| files.iter().find(|file| *file.path == *path).map(|file| file.text.as_str());
        let Some(record) = text(FILE) else { return Ok(None) };
        let mut problems = Vec::new();
        let mut say = |problem: String| problems.push(problem);
        let document: Value = serde_json::from_str(record).unwrap_or_default();
        if document["format"] != FORMAT {
            return Err(vec![wrong(format!(
                "the record of schema ids is damaged, or of another format than `{FORMAT}`"
            ))]);
        }
        let mut ids = Ids::default();
        for entry in document["schemas"].as_array().map_or(&[][..], Vec::as_slice) {
            let Some((id, schema, file)) = entry_of(entry, &text) else {
                say(format!(
                    "an entry of `schemas` is incomplete, or its file is missing: {}",
                    brief(entry)
                ));
                continue;
            };
            if entry["sha256"] != *sha256_hex(schema.text.as_bytes()) {
                say(format!(
                    "{FOLDER}{file} was changed: a text that was registered never changes; put it back"
                ));
            }
            if derived(schema.kind, &schema.text, schema.salt) != Some(id) {
                say(format!("id {id} was not made from {FOLDER}{file}: ids are never given out by hand"));
            }
            if ids.schemas.insert(id, schema).is_some() {
                say(format!("id {id} stands twice"));
            }
        }
        for (subject, versions) in document["subjects"].as_object().unwrap_or(&Map::new()) {
            let listed: Option<Vec<u32>> = versions.as_array().and_then(|list| list.iter().map(as_id).collect());
            let Some(listed) = listed else {
                say(format!("the versions of `{subject}` are not a list of ids"));
                continue;
            };
            if let Some(unknown) = listed.iter().find(|id| !ids.schemas.contains_key(id)) {
                say(format!("`{subject}` names id {unknown}, which has no schema"));
            }
            if listed.is_empty() || listed.iter().collect::<BTreeSet<_>>().len() != listed.len() {
                say(format!("`{subject}` has no version, or one id twice"));
            }
            ids.subjects.insert(subject.clone(), listed);
        }
        match problems.is_empty() {
            true => Ok(Some(ids)),
            false => Err(problems.into_iter().map(wrong).collect()),
        }
    }

    /// Gives everything that is wanted an id and a version, those that it had in `past` where it had any: versions that a revert took out of
    /// a subject come back in front of a new one, so that a number never means another schema. Answers how many schemas and versions are new.
    pub fn record(&mut self, wanted: &[Wanted], past: &Recorded) -> (usize, usize) {
        let (mut schemas, mut versions) = (0, 0);
        for one in wanted {
            let id = self.find(one.kind, &one.text).unwrap_or_else(|| {
                schemas += 1;
                self.add(one.kind, &one.text, past)
            });
            let listed = self.subjects.entry(one.subject.clone()).or_default();
            if listed.contains(&id) {
                continue;
            }
            let before = past.versions(&one.subject);
            if before.starts_with(listed) {
                *listed = before.to_vec();
            }
            if !listed.contains(&id) {
                versions += 1;
                listed.push(id);
            }
            let missing = listed.iter().filter(|id| !self.schemas.contains_key(id));
            let restored: Vec<(u32, Schema)> = missing.filter_map(|id| Some((*id, past.schema(*id)?.clone()))).collect();
            self.schemas.extend(restored);
        }
        (schemas, versions)
    }

    /// The id of that very text.
    pub fn find(&self, kind: EventSchemaKind, text: &str) -> Option<u32> {
        let same = |(_, schema): &(&u32, &Schema)| schema.kind == kind && *schema.text == *text;
        self.schemas.iter().find(same).map(|(id, _)| *id)
    }

    /// What belongs into the repository: path and text of the record and of every schema.
    pub fn files(&self) -> Vec<(String, String)> {
        let mut files = vec![(FILE.to_owned(), self.document())];
        files.extend(
            self.schemas
                .iter()
                .map(|(id, schema)| (format!("{FOLDER}{}", file_name(*id, schema.kind)), schema.text.to_string())),
        );
        files
    }

    fn add(&mut self, kind: EventSchemaKind, text: &Arc<str>, past: &Recorded) -> u32 {
        let mut salt = 0;
        loop {
            let schema = Schema {
                kind,
                salt,
                text: text.clone(),
            };
            let is_free = |id: &u32| !self.schemas.contains_key(id) && past.schema(*id).is_none_or(|there| *there == schema);
            if let Some(id) = derived(kind, text, salt).filter(is_free) {
                self.schemas.insert(id, schema);
                return id;
            }
            salt += 1;
        }
    }

    fn document(&self) -> String {
        let entry = |(id, schema): (&u32, &Schema)| {
            let mut entry = json!({
                "id": id,
                "type": type_name(schema.kind),
                "file": file_name(*id, schema.kind),
                "sha256": sha256_hex(schema.text.as_bytes()),
            });
            if schema.salt > 0 {
                entry["salt"] = schema.salt.into();
            }
            entry
        };
        let schemas: Vec<Value> = self.schemas.iter().map(entry).collect();
        let document = json!({"format": FORMAT, "schemas": schemas, "subjects": self.subjects});
        format!("{document:#}\n")
    }
}

/// The id of a schema: the first 31 bits of a hash over kind and text. None for 0, which serializers take for no id.
fn derived(kind: EventSchemaKind, text: &str, salt: u32) -> Option<u32> {
    let hash = sha256_hex(format!("tidegate schema id {salt}\n{}\n{text}", type_name(kind)).as_bytes());
    let bits = u32::from_str_radix(&hash[..8], 16).expect("these are eight hex digits") >> 1;
    (bits != 0).then_some(bits)
}

fn file_name(id: u32, kind: EventSchemaKind) -> String {
    let extension = match kind {
        EventSchemaKind::Avro => "avsc",
        EventSchemaKind::JsonSchema => "json",
        EventSchemaKind::Protobuf => "proto",
    };
    format!("{id}.{extension}")
}

fn entry_of<'f>(entry: &Value, text: &impl Fn(&str) -> Option<&'f str>) -> Option<(u32, Schema, String)> {
    let id = as_id(&entry["id"])?;
    let kind = match entry["type"].as_str()? {
        "AVRO" => EventSchemaKind::Avro,
        "JSON" => EventSchemaKind::JsonSchema,
        "PROTOBUF" => EventSchemaKind::Protobuf,
        _ => return None,
    };
    let salt = match &entry["salt"] {
        Value::Null => 0,
        salt => u32::try_from(salt.as_u64()?).ok()?,
    };
    let file = entry["file"].as_str().filter(|name| **name == file_name(id, kind))?;
    let text = text(&format!("{FOLDER}{file}"))?;
    let schema = Schema {
        kind,
        salt,
        text: text.into(),
    };
    Some((id, schema, file.to_owned()))
}

fn as_id(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok().filter(|id| *id > 0 && *id <= i32::MAX as u32)
}

/// Full name of an Avro record or a Protobuf message.
fn record_name(bound: &BoundObject, kind: EventSchemaKind, text: &str) -> String {
    let object = bound.object();
    let named = match kind {
        EventSchemaKind::Protobuf => object
            .settings
            .event_schema
            .as_ref()
            .and_then(|schema| schema.message.as_ref())
            .map(ToString::to_string),
        EventSchemaKind::Avro => serde_json::from_str::<Value>(text).ok().and_then(|schema| {
            let name = schema["name"].as_str()?;
            Some(
                match schema["namespace"]
                    .as_str()
                    .filter(|space| !space.is_empty() && !name.contains('.'))
                {
                    Some(space) => format!("{space}.{name}"),
                    None => name.to_owned(),
                },
            )
        }),
        EventSchemaKind::JsonSchema => None,
    };
    named.unwrap_or_else(|| object.name.to_string())
}

fn brief(entry: &Value) -> String {
    entry.to_string().chars().take(120).collect()
}

fn wrong(problem: String) -> Diagnostic {
    Diagnostic {
        code: CODE,
        level: Level::Error,
        location: Location {
            file: FILE.into(),
            line: 1,
            column: 1,
            pointer: "".into(),
        },
        problem,
        help: "put the file back as it was committed, then run `tidegate registry ids`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_count_wherever_they_stand_in_a_line() {
        let alone = |text: &str| is_alone(EventSchemaKind::Protobuf, text);
        assert!(alone(
            "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message A { int64 id = 1; }"
        ));
        assert!(alone(
            "syntax = \"proto3\"; // import \"other.proto\";\nmessage A { int64 id = 1; }"
        ));
        assert!(!alone(
            "syntax = \"proto3\"; package shop; import \"other.proto\"; message A { Other id = 1; }"
        ));
        assert!(!alone(
            "syntax = \"proto3\"; import /* x */\n public\n \"other.proto\"; message A { int64 id = 1; }"
        ));
    }
}
