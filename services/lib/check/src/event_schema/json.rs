//! JSON Schema, drafts 4, 6, 7, 2019-09 and 2020-12, formats asserted.
//!
//! References lead to the document itself, to other files under `schemas/` (by path, or by the `$id` of the file) and to the published
//! meta-schemas, all in memory. Nothing is ever fetched; a reference to anything else keeps the contract from loading. Patterns run on the
//! linear-time engine; one that needs look-around or back-references is refused.

mod broken;
mod chain;
mod files;
mod place;
mod references;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use tidegate_codec::JsonReader;
use tidegate_contract::{Diagnostic, Level, Location, SchemaFolder};

pub(crate) use broken::Unsent;

use super::document;
use crate::plan::codes;
use files::Files;
pub(super) use references::references;

/// Bytes of one compiled pattern, and of the cache that it may fill while matching.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Schemas in a row times levels of an event that are judged: a third of what a stack of 2 MiB holds in a build that is not optimised.
const STEPS_MAX: usize = 1024;
/// Different references of one file.
const REFERENCES_MAX: usize = 5_000;
/// Room for following all of them, one inside of the other. Only what is used of it is ever taken.
const COMPILER_STACK_BYTES: usize = 256 << 20;
/// Values of one schema file.
const SCHEMA_VALUES_MAX: usize = 1 << 20;
/// `$schema` of the drafts that are known, without the empty fragment.
const DRAFTS: [(&str, Draft); 5] = [
    ("json-schema.org/draft-04/schema", Draft::Draft4),
    ("json-schema.org/draft-06/schema", Draft::Draft6),
    ("json-schema.org/draft-07/schema", Draft::Draft7),
    ("json-schema.org/draft/2019-09/schema", Draft::Draft201909),
    ("json-schema.org/draft/2020-12/schema", Draft::Draft202012),
];

const KNOWN_DRAFTS: &str = "drafts 4, 6, 7, 2019-09 and 2020-12 are, such as `https://json-schema.org/draft/2020-12/schema`";

/// A compiled JSON Schema with every document that it refers to.
pub struct JsonSchema {
    validator: Validator,
    /// Property names that its documents spell out; any other name in an event is content.
    names: HashSet<Box<str>>,
    files: Vec<(String, String)>,
    /// How many schemas in a row look at one value.
    chain: usize,
}

/// What keeps a schema from being used: in a file under `schemas/`, or nowhere in particular.
#[derive(Debug)]
pub struct Fault {
    place: Option<Location>,
    problem: String,
    help: &'static str,
}

// === impl JsonSchema ===

impl JsonSchema {
    /// Compiles the file at `path` below `schemas/`. A document without `$schema` is refused unless `assumed` says which it would be: under
    /// another draft than was meant, keywords would silently mean nothing.
    pub fn compile(folder: &Arc<SchemaFolder>, path: &str, assumed: Option<&str>) -> Result<JsonSchema, Vec<Fault>> {
        JsonSchema::compile_below(folder, path, assumed, files::BASE)
    }

    /// As [`JsonSchema::compile`] with the address that the folder is known under: paths are relative to it.
    pub fn compile_below(folder: &Arc<SchemaFolder>, path: &str, assumed: Option<&str>, base: &str) -> Result<JsonSchema, Vec<Fault>> {
        // References are followed by recursion: as deep as there are targets, which is deeper than the stack of some worker.
        std::thread::scope(|scope| {
            let compile = || JsonSchema::compile_here(folder, path, assumed, base);
            let compiler = std::thread::Builder::new()
                .stack_size(COMPILER_STACK_BYTES)
                .spawn_scoped(scope, compile);
            match compiler.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(compiled)) => compiled,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                Err(error) => Err(vec![Fault::nowhere(
                    format!("no thread to compile the schema with: {error}"),
                    "try again",
                )]),
            }
        })
    }

    fn compile_here(folder: &Arc<SchemaFolder>, path: &str, assumed: Option<&str>, base: &str) -> Result<JsonSchema, Vec<Fault>> {
        let document = match folder.get(path) {
            None => Err(Fault::nowhere(format!("there is no file `schemas/{path}`"), "")),
            Some(text) => parse(path, text),
        };
        let document = document.map_err(|fault| vec![fault])?;
        let draft = draft_of(path, folder, &document, assumed).map_err(|fault| vec![fault])?;
        bounded_references(path, folder, &document).map_err(|fault| vec![fault])?;
        known_dialects(path, folder, &document).map_err(|fault| vec![fault])?;
        let files = Files::new(folder, path, base);
        let validator = jsonschema::options()
            .with_draft(draft)
            .with_base_uri(format!("{base}{path}"))
            .with_retriever(files.clone())
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(PATTERN_BYTES_MAX)
                    .dfa_size_limit(PATTERN_BYTES_MAX),
            )
            .build(&document)
            .map_err(|error| {
                // What is wrong in a file that was referred to is better said there.
                let other = files
                    .used()
                    .iter()
                    .find_map(|(path, document)| check_other(path, folder, document, draft).err());
                vec![other.unwrap_or_else(|| broken::fault(path, folder, &error))]
            })?;
        let mut names = HashSet::new();
        collect_names(&document, &mut names);
        let used = files.used();
        for (path, document) in &used {
            check_other(path, folder, document, draft).map_err(|fault| vec![fault])?;
            collect_names(document, &mut names);
        }
        let mut documents = vec![(path, &document)];
        documents.extend(
            used.iter()
                .filter(|(other, _)| **other != *path)
                .map(|(path, document)| (&**path, document)),
        );
        let Some(chain) = chain::longest(&documents) else {
            return Err(vec![Fault {
                place: folder.get(path).map(|text| place::at(path, text, 0)),
                problem: format!(
                    "references lead in a circle, or through more than {} schemas, without going deeper into the event",
                    chain::CHAIN_MAX
                ),
                help: "a schema that refers to itself does so below `properties`, `items` or their kin",
            }]);
        };
        Ok(JsonSchema {
            validator,
            names,
            files: files.hashes(),
            chain,
        })
    }

    /// Names that may be shown beside those of the schema.
    pub(crate) fn add_names<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.names.extend(names.map(Box::from));
    }

    /// Whether the schema accepts a JSON text; none for bytes that are not one, and for more values than are judged.
    pub fn accepts(&self, text: &[u8]) -> Option<bool> {
        let value = document::read(&mut JsonReader::new(text), |_| None, super::VALUES_MAX).ok()?;
        self.is_within_reach(&value).then(|| self.validator.is_valid(&value))
    }

    /// Whether the library can be asked about a value on any stack: what it recurses through is bounded.
    pub(crate) fn is_within_reach(&self, value: &Value) -> bool {
        self.chain * depth(value) <= STEPS_MAX
    }

    pub(super) fn files(&self) -> &[(String, String)] {
        &self.files
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSchema").field("files", &self.files).finish_non_exhaustive()
    }
}

// === impl Fault ===

impl Fault {
    fn nowhere(problem: String, help: &'static str) -> Fault {
        Fault {
            place: None,
            problem,
            help,
        }
    }

    /// The diagnostic; `named` is where the contract names the schema.
    pub(super) fn or_at(self, named: &Location) -> Diagnostic {
        Diagnostic {
            code: codes::EVENT_SCHEMA,
            level: Level::Error,
            location: self.place.unwrap_or_else(|| named.clone()),
            problem: self.problem,
            help: self.help.to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.problem)
    }
}

/// Strict JSON: a schema with a key twice would mean one thing here and another elsewhere.
fn parse(path: &str, text: &str) -> Result<Value, Fault> {
    let mut reader = JsonReader::new(text.as_bytes());
    let read = document::read(&mut reader, |_| None, SCHEMA_VALUES_MAX).and_then(|value| {
        tidegate_codec::Reader::next(&mut reader)?;
        Ok(value)
    });
    read.map_err(|fault| {
        let (offset, what) = match fault {
            document::NoTree::Broken(failure) => (failure.offset, failure.detail.as_str()),
            document::NoTree::TooMany => (0, "too_large"),
        };
        Fault {
            place: Some(place::at(path, text, offset)),
            problem: format!("the schema is not strict JSON of at most 64 levels ({what})"),
            help: "correct the file",
        }
    })
}

/// The draft that the document names.
fn draft_of(path: &str, folder: &SchemaFolder, document: &Value, assumed: Option<&str>) -> Result<Draft, Fault> {
    let place = || folder.get(path).map(|text| place::of_pointer(path, text, "/$schema"));
    let written = document.get("$schema").and_then(Value::as_str);
    match written.or(assumed).map(known_draft) {
        Some(Some(draft)) => Ok(draft),
        Some(None) => Err(Fault {
            place: place(),
            problem: "`$schema` names no draft that is known".to_owned(),
            help: KNOWN_DRAFTS,
        }),
        None => Err(Fault {
            place: folder.get(path).map(|text| place::at(path, text, 0)),
            problem: "the schema does not say which draft it is written in".to_owned(),
            help: "add `\"$schema\": \"https://json-schema.org/draft/2020-12/schema\"` (or draft 4, 6, 7, 2019-09)",
        }),
    }
}

fn known_draft(uri: &str) -> Option<Draft> {
    let bare = uri.strip_suffix('#').unwrap_or(uri);
    let bare = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"))?;
    DRAFTS.iter().find(|(name, _)| *name == bare).map(|(_, draft)| *draft)
}

/// A file that was referred to must be a schema of its own, of a known draft; without `$schema` of that of the document that refers to it.
fn check_other(path: &str, folder: &SchemaFolder, document: &Value, draft: Draft) -> Result<(), Fault> {
    let uri = DRAFTS
        .iter()
        .find(|(_, known)| *known == draft)
        .map(|(name, _)| format!("http://{name}"));
    draft_of(path, folder, document, uri.as_deref())?;
    known_dialects(path, folder, document)?;
    let mut document = document.clone();
    if let (Some(fields), Some(uri)) = (document.as_object_mut(), uri) {
        fields.entry("$schema").or_insert_with(|| {
            let fragment = if uri.contains("draft/20") { "" } else { "#" };
            Value::String(format!(
                "{}{fragment}",
                uri.replacen("http:", if fragment.is_empty() { "https:" } else { "http:" }, 1)
            ))
        });
    }
    jsonschema::meta::validate(&document).map_err(|error| broken::fault(path, folder, &error))
}

/// Levels of a value, 1 for one that holds none. Readers bound it.
fn depth(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => None,
    };
    1 + below.unwrap_or(0)
}

fn bounded_references(path: &str, folder: &SchemaFolder, document: &Value) -> Result<(), Fault> {
    let mut references = HashSet::new();
    collect_references(document, &mut references);
    if references.len() <= REFERENCES_MAX {
        return Ok(());
    }
    Err(Fault {
        place: folder.get(path).map(|text| place::at(path, text, 0)),
        problem: format!("more than {REFERENCES_MAX} different references in one file"),
        help: "split the schema, and name the part that these events need",
    })
}

/// Resources inside of a document may name drafts too.
fn known_dialects(path: &str, folder: &SchemaFolder, document: &Value) -> Result<(), Fault> {
    match document {
        Value::Object(fields) => {
            let named = fields.get("$schema").and_then(Value::as_str);
            let is_resource = fields.contains_key("$id") || fields.contains_key("id");
            if let Some(uri) = named.filter(|uri| is_resource && known_draft(uri).is_none()) {
                return Err(Fault {
                    place: folder.get(path).and_then(|text| place::of_string(path, text, uri)),
                    problem: "`$schema` names no draft that is known".to_owned(),
                    help: KNOWN_DRAFTS,
                });
            }
            fields.values().try_for_each(|value| known_dialects(path, folder, value))
        }
        Value::Array(items) => items.iter().try_for_each(|item| known_dialects(path, folder, item)),
        _ => Ok(()),
    }
}

fn collect_references<'d>(document: &'d Value, references: &mut HashSet<&'d str>) {
    match document {
        Value::Object(fields) => {
            for (keyword, value) in fields {
                match value {
                    Value::String(reference) if matches!(keyword.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") => {
                        references.insert(reference);
                    }
                    value => collect_references(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, references)),
        _ => {}
    }
}

/// Names that a schema spells out: keys of `properties` and its kin, and what is required.
fn collect_names(document: &Value, names: &mut HashSet<Box<str>>) {
    match document {
        Value::Object(fields) => {
            for (keyword, value) in fields {
                match (keyword.as_str(), value) {
                    ("properties" | "dependentSchemas" | "dependentRequired" | "dependencies", Value::Object(named)) => {
                        names.extend(named.keys().map(|name| Box::from(name.as_str())));
                        let listed = named.values().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
                        names.extend(listed.map(Box::from));
                    }
                    ("required", Value::Array(listed)) => names.extend(listed.iter().filter_map(Value::as_str).map(Box::from)),
                    _ => {}
                }
                collect_names(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        _ => {}
    }
}

/// Shared state of the retriever, which the library owns while it compiles.
type Shared<T> = Arc<Mutex<T>>;

#[cfg(test)]
mod tests;
