//! The questions to a registry.

use schema_registry_converter::async_impl::schema_registry as client;
use schema_registry_converter::schema_registry_common::{RegisteredReference, RegisteredSchema, SchemaType};
use tidegate_check::input::SchemaNeed;
use tidegate_codec::avro::Schema;
use tidegate_codec::protobuf;
use tidegate_flow::{Remedy, WorldError};

use crate::fault::Fault;

/// More than this many referenced schemas behind one are not followed.
const REFERENCES_MAX: usize = 100;

/// What a registry has under an id.
#[derive(Debug)]
pub(crate) enum Answer {
    /// An Avro schema that works.
    Avro(Schema),
    /// A Protobuf schema that works.
    Protobuf(protobuf::Schema),
    /// There is something, and it cannot be used; why, without its text.
    Unusable(String),
    /// There is nothing.
    Absent,
}

/// Asks for a schema and everything that it refers to.
pub(crate) async fn ask(settings: &client::SrSettings, need: &SchemaNeed) -> Result<Answer, Fault> {
    let found = match need {
        SchemaNeed::Id(id) => client::get_schema_by_id(*id, settings).await,
        SchemaNeed::Guid(guid) => client::get_schema_by_guid(&guid_text(guid), settings).await,
        other => {
            let what = format!("{} was asked for over Confluent's API", need_text(other));
            return Err(Fault::World(WorldError::new(Remedy::Bug, what)));
        }
    };
    let schema = match found {
        Ok(schema) => schema,
        Err(error) => {
            return match Fault::of(&format!("get schema {}", need_text(need)), &error) {
                Fault::Absent => Ok(Answer::Absent),
                world => Err(world),
            };
        }
    };
    if !matches!(schema.schema_type, SchemaType::Avro | SchemaType::Protobuf) {
        return Ok(Answer::Unusable("it is neither Avro nor Protobuf".to_owned()));
    }
    let referenced = match resolve(settings, &schema).await {
        Ok(referenced) => referenced,
        Err(Unresolved::Never(why)) => return Ok(Answer::Unusable(why)),
        Err(Unresolved::Now(fault)) => return Err(fault),
    };
    let pairs: Vec<(&str, &str)> = referenced.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let compiled = match schema.schema_type {
        SchemaType::Protobuf => protobuf::Schema::parse(&schema.schema, &pairs).map(Answer::Protobuf),
        _ => Schema::parse(&schema.schema, &pairs).map(Answer::Avro),
    };
    Ok(compiled.unwrap_or_else(Answer::Unusable))
}

/// For logs and errors: `id 7` or `guid 0123…`.
pub(crate) fn need_text(need: &SchemaNeed) -> String {
    match need {
        SchemaNeed::Id(id) => format!("id {id}"),
        SchemaNeed::Guid(guid) => format!("guid {}", guid_text(guid)),
        SchemaNeed::Glue(uuid) => format!("glue {}", guid_text(uuid)),
        SchemaNeed::GlobalId(id) => format!("global id {id}"),
        SchemaNeed::ContentId(id) => format!("content id {id}"),
        SchemaNeed::File { file, .. } => format!("file {file}"),
    }
}

/// A name as part of a URL. The client escapes slashes itself and nothing else.
pub(crate) fn escaped(subject: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    subject
        .bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

enum Unresolved {
    /// The schema is at fault.
    Never(String),
    /// The registry is.
    Now(Fault),
}

/// A step of the walk over references: first what a schema refers to, then the schema.
enum Step {
    Visit(RegisteredReference),
    Leave(String, String),
}

/// Names and texts of all referenced schemas, each after those that it refers to itself.
async fn resolve(settings: &client::SrSettings, schema: &RegisteredSchema) -> Result<Vec<(String, String)>, Unresolved> {
    let mut done: Vec<(String, String)> = Vec::new();
    let mut seen: Vec<(String, u32)> = Vec::new();
    let mut steps: Vec<Step> = schema.references.iter().rev().cloned().map(Step::Visit).collect();
    while let Some(step) = steps.pop() {
        let reference = match step {
            Step::Leave(name, text) => {
                done.push((name, text));
                continue;
            }
            Step::Visit(reference) => reference,
        };
        let key = (reference.subject.clone(), reference.version);
        if seen.contains(&key) {
            continue;
        }
        if seen.len() == REFERENCES_MAX {
            return Err(Unresolved::Never(format!("it refers to more than {REFERENCES_MAX} schemas")));
        }
        seen.push(key);
        let mut asked = reference.clone();
        asked.subject = escaped(&reference.subject);
        let found = match client::get_referenced_schema(settings, &asked).await {
            Ok(found) => found,
            Err(error) => {
                return Err(match Fault::of("get a referenced schema", &error) {
                    Fault::Absent => Unresolved::Never("it refers to a schema that is not there".to_owned()),
                    world => Unresolved::Now(world),
                });
            }
        };
        if found.schema_type != schema.schema_type {
            return Err(Unresolved::Never("it refers to a schema of another kind".to_owned()));
        }
        steps.push(Step::Leave(reference.name, found.schema));
        steps.extend(found.references.into_iter().rev().map(Step::Visit));
    }
    Ok(done)
}

/// The usual text of a UUID.
pub(crate) fn guid_text(guid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in guid.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_guids_written() {
        assert_eq!(escaped("raw orders?x#1%/value"), "raw%20orders%3Fx%231%25/value");
        let guid = std::array::from_fn(|at| (at * 17) as u8);
        assert_eq!(guid_text(&guid), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
