//! What is checked beside the value: the key and the headers of a record.

use std::sync::Arc;

use tidegate_contract::model::{Encoding, ObjectSettings, UnknownFields};
use tidegate_contract::pattern::Pattern;
use tidegate_contract::surroundings::{KeyEncoding, KeySettings, KeyShape, RequiredHeader};
use tidegate_contract::{Contract, Diagnostic, Level, Location, SchemaObject};

use super::{Plan, codes};

/// Key and headers of one object; absent from the plan when the contract says nothing about them.
#[derive(Debug)]
pub(crate) struct Outside {
    /// The key.
    pub(crate) key: Option<KeyPlan>,
    /// Required headers, in contract order.
    pub(crate) headers: Vec<HeaderCheck>,
}

/// A compiled key.
#[derive(Debug)]
pub(crate) struct KeyPlan {
    /// How it is written.
    pub(crate) encoding: KeyEncoding,
    /// Null is a violation.
    pub(crate) required: bool,
    /// The key is the one field of the plan, not an object around it.
    pub(crate) single: bool,
    /// Its fields as a row.
    pub(crate) plan: Plan,
    /// Where.
    pub(crate) location: Location,
}

/// A compiled header.
#[derive(Debug)]
pub(crate) struct HeaderCheck {
    /// Name.
    pub(crate) name: Arc<str>,
    /// Pattern of its text.
    pub(crate) pattern: Option<Pattern>,
    /// Its text.
    pub(crate) constant: Option<Arc<str>>,
    /// Where.
    pub(crate) location: Location,
}

/// Compiles what an object says about key and headers; none when that is nothing.
pub(crate) fn compile(contract: &Contract, object: &SchemaObject) -> Result<Option<Box<Outside>>, Vec<Diagnostic>> {
    let settings = &object.settings;
    if settings.key.is_none() && settings.required_headers.is_empty() {
        return Ok(None);
    }
    let mut problems = Vec::new();
    let key = settings.key.as_ref().and_then(|key| match key_plan(contract, object, key) {
        Ok(plan) => Some(plan),
        Err(found) => {
            problems.extend(found);
            None
        }
    });
    let mut headers = Vec::new();
    for header in &settings.required_headers {
        match header_check(header) {
            Ok(check) => headers.push(check),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(Some(Box::new(Outside { key, headers })))
    } else {
        Err(problems)
    }
}

/// The key as an object of its own, read with the settings of the row: its columns are written as there.
fn key_plan(contract: &Contract, object: &SchemaObject, key: &KeySettings) -> Result<KeyPlan, Vec<Diagnostic>> {
    let (properties, single) = match &key.shape {
        KeyShape::Fields(fields) => (fields.clone(), false),
        KeyShape::Single(property) => {
            let mut property = (**property).clone();
            property.name = Arc::from(crate::judge::KEY_FIELD);
            property.wire_name = property.name.clone();
            (vec![property], true)
        }
    };
    let settings = ObjectSettings {
        encodings: vec![if key.encoding == KeyEncoding::Avro {
            Encoding::Avro
        } else {
            Encoding::Json
        }],
        cdc: object.settings.cdc,
        decimals: object.settings.decimals,
        times: object.settings.times,
        binary: object.settings.binary,
        unavailable_placeholder: object.settings.unavailable_placeholder.clone(),
        unknown_fields: if single {
            UnknownFields::Ignore
        } else {
            object.settings.unknown_fields
        },
        event_schema: key.event_schema.clone(),
        ..ObjectSettings::default()
    };
    let row = SchemaObject {
        name: object.name.clone(),
        topic: object.topic.clone(),
        properties,
        quality: Vec::new(),
        settings,
        location: key.location.clone(),
    };
    let alone = Contract {
        objects: vec![row],
        sla: Vec::new(),
        ..contract.clone()
    };
    Ok(KeyPlan {
        encoding: key.encoding,
        required: key.required,
        single,
        plan: super::compile(&alone, 0)?,
        location: key.location.clone(),
    })
}

fn header_check(header: &RequiredHeader) -> Result<HeaderCheck, Diagnostic> {
    let pattern = header.pattern.as_deref().map(tidegate_contract::pattern::compile).transpose();
    let pattern = pattern.map_err(|problem| Diagnostic {
        code: codes::PATTERN,
        level: Level::Error,
        location: header.location.clone(),
        problem,
        help: "look-around and back-references are not supported".to_owned(),
    })?;
    Ok(HeaderCheck {
        name: header.name.clone(),
        pattern,
        constant: header.constant.clone(),
        location: header.location.clone(),
    })
}
