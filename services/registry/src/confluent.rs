//! The read API of Confluent's Schema Registry, so that ordinary serializers work against the contracts' event schemas.
//!
//! Paths, fields and error codes are those of its documented REST API. Subjects, versions and ids are those that the repository records
//! ([`crate::ids`]); without a record there are none. Nothing is written here.

use serde_json::{Value, json};
use tidegate_contract::EventSchemaKind;

use crate::http::Answer;
use crate::ids::{Schema, type_name};
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
        Ok((version, id, schema)) => said(200, &entry(&call.parts[0], version, id, &schema)),
        Err(answer) => answer,
    }
}

pub(crate) fn version_text(call: &Call<'_>) -> Answer {
    match found(call) {
        Ok((_, _, schema)) => Answer::text(200, KIND, &*schema.text),
        Err(answer) => answer,
    }
}

pub(crate) fn referenced_by(call: &Call<'_>) -> Answer {
    match found(call) {
        Ok(_) => said(200, &json!([])),
        Err(answer) => answer,
    }
}

/// The registered version of the schema in the body.
pub(crate) fn lookup(call: &Call<'_>) -> Answer {
    match registered(call) {
        Ok((version, id, schema)) => said(200, &entry(&call.parts[0], version, id, &schema)),
        Err(answer) => answer,
    }
}

/// What is registered already is answered as a registry answers whoever registers it again; so producers that always register work as long
/// as their schema is in Git.
pub(crate) fn register(call: &Call<'_>) -> Answer {
    match registered(call) {
        Ok((_, id, _)) => said(200, &json!({"id": id})),
        Err(answer) if answer.status == 404 => refused(call),
        Err(answer) => answer,
    }
}

pub(crate) fn types(_: &Call<'_>) -> Answer {
    said(200, &json!(["JSON", "PROTOBUF", "AVRO"]))
}

pub(crate) fn by_id(call: &Call<'_>) -> Answer {
    let Some((_, schema)) = of_id(call) else { return no_schema() };
    let mut body = json!({"schema": schema.text});
    if schema.kind != EventSchemaKind::Avro {
        body["schemaType"] = type_name(schema.kind).into();
    }
    said(200, &body)
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
    let sentence = format!("Subject '{}' does not have subject-level compatibility configured", call.parts[0]);
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
    call.catalog.ids.as_ref()?.subjects.get(&call.parts[0])
}

fn of_id(call: &Call<'_>) -> Option<(u32, Schema)> {
    let id = call.parts[0].parse().ok()?;
    Some((id, call.registry.schema(id)?))
}

/// The version that the path names.
fn found(call: &Call<'_>) -> Result<(usize, u32, Schema), Answer> {
    let ids = ids_of(call).ok_or_else(|| no_subject(call))?;
    let version = match call.parts[1].as_str() {
        "latest" | "-1" => ids.len(),
        number => match number.parse::<usize>() {
            Ok(number) if number > 0 => number,
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

/// The version whose schema is the one in the body. Schemas that are JSON are compared as JSON, others by their text.
fn registered(call: &Call<'_>) -> Result<(usize, u32, Schema), Answer> {
    let unread = || problem(422, INVALID_SCHEMA, "the body is not a JSON object with `schema`");
    let body: Value = serde_json::from_slice(&call.request.body).map_err(|_| unread())?;
    let text = body["schema"].as_str().ok_or_else(unread)?;
    let kind = body["schemaType"].as_str().unwrap_or("AVRO");
    let ids = ids_of(call).ok_or_else(|| no_subject(call))?;
    // The newest of equal ones, as a registry answers.
    let known = ids.iter().enumerate().rev().find_map(|(at, id)| {
        let schema = call.registry.schema(*id)?;
        (type_name(schema.kind) == kind && is_same(&schema.text, text)).then_some((at + 1, *id, schema))
    });
    known.ok_or_else(no_schema)
}

fn is_same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (serde_json::from_str::<Value>(one), serde_json::from_str::<Value>(other)) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), Err(_)) => one.split_whitespace().eq(other.split_whitespace()),
        _ => false,
    }
}

fn entry(subject: &str, version: usize, id: u32, schema: &Schema) -> Value {
    let mut entry = json!({"subject": subject, "version": version, "id": id, "schema": schema.text});
    if schema.kind != EventSchemaKind::Avro {
        entry["schemaType"] = type_name(schema.kind).into();
    }
    entry
}

fn no_subject(call: &Call<'_>) -> Answer {
    problem(404, SUBJECT_NOT_FOUND, &format!("Subject '{}' not found.", call.parts[0]))
}

fn no_schema() -> Answer {
    problem(404, SCHEMA_NOT_FOUND, "Schema not found")
}
