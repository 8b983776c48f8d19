//! The read API of Confluent's Schema Registry, so that ordinary serializers work against the contracts' event schemas.
//!
//! Paths, fields and error codes are those of its documented REST API. Subjects, versions and ids are those that the repository records
//! ([`crate::ids`]); without a record there are none. Nothing is written here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tidegate_codec::{avro, protobuf};
use tidegate_contract::EventSchemaKind;

use crate::avro_form::{form, inlined};
use crate::http::Answer;
use crate::ids::{Reference, Schema, type_name};
use crate::routes::Call;

/// Media type of its answers.
pub const KIND: &str = "application/vnd.schemaregistry.v1+json";

const SUBJECT_NOT_FOUND: u32 = 40401;
const VERSION_NOT_FOUND: u32 = 40402;
const SCHEMA_NOT_FOUND: u32 = 40403;
const NO_LEVEL: u32 = 40408;
const INVALID_SCHEMA: u32 = 42201;
const INVALID_VERSION: u32 = 42202;
/// What it answers in its mode READONLY.
const READ_ONLY: u32 = 42205;
const STORE: u32 = 50001;

/// An error in its form.
pub(crate) fn problem(status: u16, code: u32, sentence: &str) -> Answer {
    said(status, &json!({"error_code": code, "message": sentence}))
}

pub(crate) fn refused(_: &Call<'_>) -> Answer {
    let sentence = "this registry is read-only: schemas change in Git. Put the schema under schemas/, name it in a contract (eventSchema), run \
                    `tidegate registry ids`, and open a pull request";
    problem(422, READ_ONLY, sentence)
}

pub(crate) fn subjects(call: &Call<'_>) -> Answer {
    let prefix = call.request.parameter("subjectPrefix").unwrap_or_default();
    // `:*:` means all contexts; there is one.
    let prefix = prefix.strip_prefix(":*:").unwrap_or(&prefix);
    let names: Vec<&String> = listed(call).map(|(name, _)| name).filter(|name| name.starts_with(prefix)).collect();
    said(200, &json!(names))
}

pub(crate) fn versions(call: &Call<'_>) -> Answer {
    match ids_of(call) {
        Some(ids) => said(200, &json!((1..=ids.len()).collect::<Vec<_>>())),
        None => no_subject(call),
    }
}

pub(crate) fn version(call: &Call<'_>) -> Answer {
    match found(call) {
        Ok((version, id, schema)) => described(entry(call, subject(call), version, id, &schema)),
        Err(answer) => answer,
    }
}

pub(crate) fn version_text(call: &Call<'_>) -> Answer {
    match found(call) {
        Ok((_, _, schema)) => Answer::text(200, KIND, &*schema.text),
        Err(answer) => answer,
    }
}

/// Ids of recorded schemas that name the version.
pub(crate) fn referenced_by(call: &Call<'_>) -> Answer {
    let (_, id, _) = match found(call) {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let names_it = |schema: &Schema| schema.references.iter().any(|one| one.id == id && one.subject == subject(call));
    let schemas = call.catalog.ids.iter().flat_map(|ids| &ids.schemas);
    let ids: Vec<u32> = schemas.filter(|(_, schema)| names_it(schema)).map(|(id, _)| *id).collect();
    said(200, &json!(ids))
}

/// The registered version of the schema in the body.
pub(crate) fn lookup(call: &Call<'_>) -> Answer {
    match registered(call) {
        Ok((version, id, schema)) => described(entry(call, subject(call), version, id, &schema)),
        Err(answer) => answer,
    }
}

/// What is registered already is answered as a registry answers whoever registers it again; so producers that always register work as long
/// as their schema is in Git.
pub(crate) fn register(call: &Call<'_>) -> Answer {
    match registered(call) {
        Ok((_, id, _)) => said(200, &json!({"id": id})),
        Err(answer) if answer.status == 404 => match unreadable(call) {
            Some(why) => problem(422, INVALID_SCHEMA, &format!("the schema cannot be read: {why}")),
            None => refused(call),
        },
        Err(answer) => answer,
    }
}

/// Why the schema in the body is none. One that refers to others may be good, which only those could tell.
fn unreadable(call: &Call<'_>) -> Option<String> {
    let body: Value = serde_json::from_slice(&call.request.body).ok()?;
    let text = body["schema"].as_str()?;
    if body["references"].as_array().is_some_and(|references| !references.is_empty()) {
        return None;
    }
    match body["schemaType"].as_str().unwrap_or("AVRO") {
        "AVRO" => avro::Schema::parse(text, &[]).err(),
        "JSON" => serde_json::from_str::<Value>(text).err().map(|error| error.to_string()),
        "PROTOBUF" => protobuf::imports(text).err(),
        other => Some(format!("`{other}` is no kind of schema")),
    }
}

/// All versions of all subjects.
pub(crate) fn schemas(call: &Call<'_>) -> Answer {
    let prefix = call.request.parameter("subjectPrefix").unwrap_or_default();
    let prefix = prefix.strip_prefix(":*:").unwrap_or(&prefix).to_owned();
    let latest_only = call.request.parameter("latestOnly").as_deref() == Some("true");
    let mut entries = Vec::new();
    for (subject, ids) in listed(call).filter(|(subject, _)| subject.starts_with(&prefix)) {
        let first = if latest_only { ids.len().saturating_sub(1) } else { 0 };
        for (at, id) in ids.iter().enumerate().skip(first) {
            if let Some(schema) = call.registry.schema(*id) {
                match entry(call, subject, at + 1, *id, &schema) {
                    Ok(entry) => entries.push(entry),
                    Err(answer) => return answer,
                }
            }
        }
    }
    said(200, &Value::Array(entries))
}

/// There is one context, the nameless one.
pub(crate) fn contexts(_: &Call<'_>) -> Answer {
    said(200, &json!(["."]))
}

pub(crate) fn root(_: &Call<'_>) -> Answer {
    said(200, &json!({}))
}

/// Guids are not kept.
pub(crate) fn no_guid(_: &Call<'_>) -> Answer {
    no_schema()
}

pub(crate) fn types(_: &Call<'_>) -> Answer {
    said(200, &json!(["JSON", "PROTOBUF", "AVRO"]))
}

pub(crate) fn by_id(call: &Call<'_>) -> Answer {
    let Some((_, schema)) = of_id(call) else { return no_schema() };
    described(describe(call, json!({"schema": schema.text}), &schema))
}

pub(crate) fn text_by_id(call: &Call<'_>) -> Answer {
    match of_id(call) {
        Some((_, schema)) => Answer::text(200, KIND, &*schema.text),
        None => no_schema(),
    }
}

pub(crate) fn subjects_of_id(call: &Call<'_>) -> Answer {
    let Some((id, _)) = of_id(call) else { return no_schema() };
    let names: Vec<&String> = listed(call).filter(|(_, ids)| ids.contains(&id)).map(|(name, _)| name).collect();
    said(200, &json!(names))
}

pub(crate) fn versions_of_id(call: &Call<'_>) -> Answer {
    let Some((id, _)) = of_id(call) else { return no_schema() };
    let pairs: Vec<Value> = listed(call)
        .flat_map(|(name, ids)| {
            ids.iter()
                .enumerate()
                .filter(|(_, other)| **other == id)
                .map(move |(at, _)| (name, at + 1))
        })
        .map(|(name, version)| json!({"subject": name, "version": version}))
        .collect();
    said(200, &Value::Array(pairs))
}

/// Compatibility is decided before a merge, by `tidegate diff`; here nothing is compared.
pub(crate) fn config(_: &Call<'_>) -> Answer {
    said(200, &json!({"compatibilityLevel": "NONE"}))
}

pub(crate) fn subject_config(call: &Call<'_>) -> Answer {
    if call.request.parameter("defaultToGlobal").as_deref() == Some("true") {
        return config(call);
    }
    let sentence = format!("Subject '{}' does not have subject-level compatibility configured", subject(call));
    problem(404, NO_LEVEL, &sentence)
}

pub(crate) fn mode(_: &Call<'_>) -> Answer {
    said(200, &json!({"mode": "READONLY"}))
}

fn said(status: u16, body: &Value) -> Answer {
    Answer::text(status, KIND, body.to_string())
}

fn listed<'c>(call: &'c Call<'_>) -> impl Iterator<Item = (&'c String, &'c Vec<u32>)> {
    call.catalog.ids.iter().flat_map(|ids| &ids.subjects)
}

fn ids_of<'c>(call: &'c Call<'_>) -> Option<&'c Vec<u32>> {
    call.catalog.ids.as_ref()?.subjects.get(subject(call))
}

/// The subject of the path; `:.:` in front of it names the one context that there is.
fn subject<'c>(call: &'c Call<'_>) -> &'c str {
    let named = &*call.parts[0];
    named.strip_prefix(":.:").unwrap_or(named)
}

fn of_id(call: &Call<'_>) -> Option<(u32, Schema)> {
    let id = call.parts[0].parse().ok()?;
    Some((id, call.registry.schema(id)?))
}

/// The version that the path names.
fn found(call: &Call<'_>) -> Result<(usize, u32, Schema), Answer> {
    // A version that a revert took out of the list is still what a schema may name, and what records were written with.
    let ids = call.catalog.recorded.versions(subject(call));
    let version = match call.parts[1].as_str() {
        "latest" | "-1" => ids_of(call).ok_or_else(|| no_subject(call))?.len(),
        _ if ids.is_empty() => return Err(no_subject(call)),
        number => match number.parse::<usize>() {
            Ok(number) if number > 0 && number <= i32::MAX as usize => number,
            _ => {
                let sentence = format!(
                    "The specified version '{number}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
                );
                return Err(problem(422, INVALID_VERSION, &sentence));
            }
        },
    };
    let missing = || problem(404, VERSION_NOT_FOUND, &format!("Version {version} not found."));
    let id = *ids.get(version - 1).ok_or_else(missing)?;
    let schema = call.registry.schema(id).ok_or_else(missing)?;
    Ok((version, id, schema))
}

/// The version whose schema is the one in the body. Avro is compared in one form ([`crate::avro_form`]), since clients send what they have
/// parsed; JSON as JSON, and Protobuf by its words.
fn registered(call: &Call<'_>) -> Result<(usize, u32, Schema), Answer> {
    let unread = || problem(422, INVALID_SCHEMA, "the body is not a JSON object with `schema`");
    let body: Value = serde_json::from_slice(&call.request.body).map_err(|_| unread())?;
    let text = body["schema"].as_str().ok_or_else(unread)?;
    let kind = body["schemaType"].as_str().unwrap_or("AVRO");
    let ids = ids_of(call).ok_or_else(|| no_subject(call))?;
    let asked = Compared::of(kind, text);
    let named = named_in(call, &body).ok_or_else(|| {
        let sentence = "`references` is a list of {name, subject, version}";
        problem(422, INVALID_SCHEMA, sentence)
    })?;
    // The newest of equal ones, as a registry answers.
    let known = ids.iter().enumerate().rev().find_map(|(at, id)| {
        let schema = call.registry.schema(*id)?;
        let is_same = type_name(schema.kind) == kind
            && match (named.is_empty(), schema.references.is_empty()) {
                // A client that has put everything into one schema, as Avro's libraries do when they write one.
                (true, false) => schema.kind == EventSchemaKind::Avro && whole(call, &schema).as_ref() == Some(&asked),
                _ => {
                    let references = schema.references.iter();
                    let names: Option<BTreeSet<Name<'_>>> = references
                        .map(|one| Some((one.name.as_str(), one.subject.as_str(), version_of(call, one)?)))
                        .collect();
                    names.as_ref() == Some(&named) && (*schema.text == *text || Compared::of(kind, &schema.text) == asked)
                }
            };
        is_same.then_some((at + 1, *id, schema))
    });
    known.ok_or_else(no_schema)
}

/// What a reference is called, its subject and version.
type Name<'b> = (&'b str, &'b str, usize);

/// References that a client names, in no particular order; none when they cannot be read. `-1` is the newest version.
fn named_in<'b>(call: &Call<'_>, body: &'b Value) -> Option<BTreeSet<Name<'b>>> {
    let one = |entry: &'b Value| {
        let subject = entry["subject"].as_str()?;
        let version = match entry["version"].as_i64()? {
            -1 => call.catalog.ids.as_ref()?.subjects.get(subject).map_or(0, Vec::len),
            version => usize::try_from(version).ok()?,
        };
        Some((entry["name"].as_str()?, subject, version))
    };
    match &body["references"] {
        Value::Null => Some(BTreeSet::new()),
        list => list.as_array()?.iter().map(one).collect(),
    }
}

/// A recorded Avro schema with what it names written into it.
fn whole(call: &Call<'_>, schema: &Schema) -> Option<Compared> {
    let mut definitions = BTreeMap::new();
    let mut open: Vec<u32> = schema.references.iter().map(|one| one.id).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            let named = call.registry.schema(id)?;
            open.extend(named.references.iter().map(|one| one.id));
            let form = form(&serde_json::from_str(&named.text).ok()?);
            definitions.insert(form["name"].as_str()?.to_owned(), form);
        }
    }
    let root = form(&serde_json::from_str(&schema.text).ok()?);
    Some(Compared::Tree(inlined(&root, &mut definitions)))
}

/// What two schemas are compared by.
#[derive(PartialEq)]
enum Compared {
    Tree(Value),
    Words(Vec<String>),
}

// === impl Compared ===

impl Compared {
    fn of(kind: &str, text: &str) -> Compared {
        match serde_json::from_str::<Value>(text) {
            Ok(schema) if kind == "AVRO" => Compared::Tree(form(&schema)),
            Ok(schema) => Compared::Tree(schema),
            Err(_) => Compared::Words(text.split_whitespace().map(str::to_owned).collect()),
        }
    }
}

fn entry(call: &Call<'_>, subject: &str, version: usize, id: u32, schema: &Schema) -> Result<Value, Answer> {
    let entry = json!({"subject": subject, "version": version, "id": id, "schema": schema.text});
    describe(call, entry, schema)
}

/// Adds what is said of a schema only where it is not the usual. A schema is not told without what it names: half of one is another one.
fn describe(call: &Call<'_>, mut body: Value, schema: &Schema) -> Result<Value, Answer> {
    if schema.kind != EventSchemaKind::Avro {
        body["schemaType"] = type_name(schema.kind).into();
    }
    if !schema.references.is_empty() {
        let written = |one: &Reference| {
            let version = version_of(call, one).ok_or_else(|| lost(one))?;
            Ok(json!({"name": one.name, "subject": one.subject, "version": version}))
        };
        body["references"] = schema.references.iter().map(written).collect::<Result<_, Answer>>()?;
    }
    Ok(body)
}

fn described(body: Result<Value, Answer>) -> Answer {
    match body {
        Ok(body) => said(200, &body),
        Err(answer) => answer,
    }
}

/// The number by which a client finds what a schema names. None only where an earlier record of a rewritten branch contradicts this one.
fn version_of(call: &Call<'_>, reference: &Reference) -> Option<usize> {
    let versions = call.catalog.recorded.versions(&reference.subject);
    versions.iter().position(|id| *id == reference.id).map(|at| at + 1)
}

fn lost(reference: &Reference) -> Answer {
    let sentence = format!(
        "the schema names id {} of the subject '{}', and the history of the contracts lists no such version any more",
        reference.id, reference.subject
    );
    problem(500, STORE, &sentence)
}

fn no_subject(call: &Call<'_>) -> Answer {
    problem(404, SUBJECT_NOT_FOUND, &format!("Subject '{}' not found.", subject(call)))
}

fn no_schema() -> Answer {
    problem(404, SCHEMA_NOT_FOUND, "Schema not found")
}
