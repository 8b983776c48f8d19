//! Ids of event schemas: recorded in the repository, so that every replica and every commit gives one schema the same number.
//!
//! The record is `schemas/registered/ids.json` with a copy of every text beside it (`schemas/formats/schema-ids.md` describes it). An id is
//! made from the schema itself: another schema can never get it, whatever was reverted, rebased or merged in between, and nobody has to
//! agree on a next number. A text that was registered stays, since records that were written with it stay. What a schema names in other files
//! is registered under subjects of its own, and its id is part of what the id of the schema is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tidegate_contract::{ContractFile, Diagnostic, EventSchemaKind, Level, Location, Snapshot, sha256_hex};

mod recorded;
mod wanted;

pub use recorded::Recorded;
pub use wanted::{LeftOut, Named, Wanted, left_out, wanted};

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
    /// Schemas that it names. They are part of it: one that names another version of a type is another schema.
    pub references: Vec<Reference>,
}

/// A schema that another one names. By its id, so that it means the same whatever numbers versions have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it is called there.
    pub name: String,
    /// Where clients find it.
    pub subject: String,
    /// Its id, one of the versions of the subject.
    pub id: u32,
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
    let Some(ids) = Ids::read(files)? else {
        return match past.missed(snapshot) {
            Some(problem) => Err(vec![problem]),
            None => Ok(None),
        };
    };
    let mut problems = past.problems(&ids);
    let mut known = BTreeMap::new();
    for wanted in wanted(snapshot) {
        let references = referred(&wanted, &known);
        let id = references.and_then(|references| ids.find(wanted.kind, &wanted.text, &references));
        if let Some(id) = id {
            known.insert(wanted.path.clone(), id);
        }
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

/// A note for each event schema that can have no id, where the repository records ids: clients of a registry cannot find it.
pub fn notes(snapshot: &Snapshot) -> Vec<Diagnostic> {
    let note = |one: LeftOut| Diagnostic {
        code: CODE,
        level: Level::Note,
        location: one.location,
        problem: format!("the event schema gets no id for the subject `{}`: {}", one.subject, one.why),
        help: "contracts are enforced with it all the same; clients of the registry cannot find it".to_owned(),
    };
    left_out(snapshot).into_iter().map(note).collect()
}

/// The references of a schema, given the ids of the files that it names; none when one of them has no id.
fn referred(wanted: &Wanted, known: &BTreeMap<Arc<str>, u32>) -> Option<Vec<Reference>> {
    let one = |named: &Named| {
        Some(Reference {
            name: named.name.clone(),
            subject: named.subject.clone(),
            id: *known.get(&named.path)?,
        })
    };
    wanted.references.iter().map(one).collect()
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
            if derived(&schema) != Some(id) {
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
        for (id, schema) in &ids.schemas {
            for reference in &schema.references {
                let is_listed = |versions: &Vec<u32>| versions.contains(&reference.id);
                if !ids.schemas.contains_key(&reference.id) || !ids.subjects.get(&reference.subject).is_some_and(is_listed) {
                    problems.push(format!(
                        "id {id} names id {}, which is no version of `{}`",
                        reference.id, reference.subject
                    ));
                }
            }
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
        let mut known = BTreeMap::new();
        for one in wanted {
            let references = referred(one, &known).expect("what is named comes before what names it");
            let id = self.find(one.kind, &one.text, &references).unwrap_or_else(|| {
                schemas += 1;
                self.add(one, references, past)
            });
            known.insert(one.path.clone(), id);
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
            let listed = listed.clone();
            self.restore(listed, past);
        }
        (schemas, versions)
    }

    /// Brings back schemas that a revert took away, with what they name and the versions by which that is found.
    fn restore(&mut self, mut open: Vec<u32>, past: &Recorded) {
        while let Some(id) = open.pop() {
            if self.schemas.contains_key(&id) {
                continue;
            }
            let Some(schema) = past.schema(id) else { continue };
            self.schemas.insert(id, schema.clone());
            for reference in &schema.references {
                let listed = self.subjects.entry(reference.subject.clone()).or_default();
                let before = past.versions(&reference.subject);
                if !listed.contains(&reference.id) && before.starts_with(listed) {
                    *listed = before.to_vec();
                }
                open.extend(listed.iter());
            }
        }
    }

    /// The id of that very text with those very references.
    pub fn find(&self, kind: EventSchemaKind, text: &str, references: &[Reference]) -> Option<u32> {
        let same = |(_, schema): &(&u32, &Schema)| schema.kind == kind && *schema.text == *text && schema.references == references;
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

    fn add(&mut self, wanted: &Wanted, references: Vec<Reference>, past: &Recorded) -> u32 {
        let mut schema = Schema {
            kind: wanted.kind,
            salt: 0,
            text: wanted.text.clone(),
            references,
        };
        loop {
            let is_free = |id: &u32| !self.schemas.contains_key(id) && past.schema(*id).is_none_or(|there| *there == schema);
            if let Some(id) = derived(&schema).filter(is_free) {
                self.schemas.insert(id, schema);
                return id;
            }
            schema.salt += 1;
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
            if !schema.references.is_empty() {
                let written = |one: &Reference| json!({"name": one.name, "subject": one.subject, "id": one.id});
                entry["references"] = schema.references.iter().map(written).collect();
            }
            entry
        };
        let schemas: Vec<Value> = self.schemas.iter().map(entry).collect();
        let document = json!({"format": FORMAT, "schemas": schemas, "subjects": self.subjects});
        format!("{document:#}\n")
    }
}

/// The id of a schema: the first 31 bits of a hash over kind, references and text. None for 0, which serializers take for no id.
fn derived(schema: &Schema) -> Option<u32> {
    let (salt, kind) = (schema.salt, type_name(schema.kind));
    // Without references nothing stands in their place, so that ids from before there were any stay. The first line tells the two apart.
    let head = match schema.references.as_slice() {
        [] => format!("tidegate schema id {salt}"),
        some => {
            let pairs: Vec<Value> = some.iter().map(|one| json!([one.name, one.id])).collect();
            format!("tidegate schema id {salt} {}", Value::Array(pairs))
        }
    };
    let hash = sha256_hex(format!("{head}\n{kind}\n{}", schema.text).as_bytes());
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
    let references = match &entry["references"] {
        Value::Null => Vec::new(),
        list => list.as_array()?.iter().map(reference_of).collect::<Option<_>>()?,
    };
    let schema = Schema {
        kind,
        salt,
        text: text.into(),
        references,
    };
    Some((id, schema, file.to_owned()))
}

fn reference_of(entry: &Value) -> Option<Reference> {
    Some(Reference {
        name: entry["name"].as_str()?.to_owned(),
        subject: entry["subject"].as_str()?.to_owned(),
        id: as_id(&entry["id"])?,
    })
}

fn as_id(value: &Value) -> Option<u32> {
    u32::try_from(value.as_u64()?).ok().filter(|id| *id > 0 && *id <= i32::MAX as u32)
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
