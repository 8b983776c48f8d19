//! Event schemas: files under `schemas/` that an object names beside its own clauses.
//!
//! A file is named by its path below `schemas/`; its extension says what it is. Only the name is proven here, and that the file is there:
//! whoever compiles the object reads it. All files of the folder come along, since schemas refer to each other.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::codes;
use crate::diagnostic::{Diagnostic, Level, Location};
use crate::model::{Contract, ObjectSettings};
use crate::nearest::nearest;
use crate::snapshot::ContractFile;

/// The folder that holds event schemas, with the slash behind it.
pub const FOLDER: &str = "schemas/";
/// Below it, copies of what was registered once (`schemas/formats/schema-ids.md`): references never lead there.
pub const REGISTERED: &str = "registered/";

/// The setting `eventSchema` of an object.
#[derive(Debug, Clone)]
pub struct EventSchema {
    /// Path below `schemas/`, with `/`.
    pub path: Arc<str>,
    /// By the extension.
    pub kind: EventSchemaKind,
    /// Full name of the Protobuf message, behind `#`; none for the others.
    pub message: Option<Arc<str>>,
    /// Every schema file of the same commit or directory. Empty until [`Contract::attach_schemas`].
    pub folder: Arc<SchemaFolder>,
    /// Where the contract names it.
    pub location: Location,
}

/// What an event schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventSchemaKind {
    /// `.json`: JSON Schema.
    JsonSchema,
    /// `.avsc`: Avro.
    Avro,
    /// `.proto`: Protocol Buffers.
    Protobuf,
}

/// Texts of the files under `schemas/`, by their path below it. Prints nothing of them: who needs a hash takes one of what was used.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SchemaFolder {
    texts: BTreeMap<Arc<str>, Arc<str>>,
}

// === impl EventSchema ===

impl EventSchema {
    /// The text of the named file; none when it is not there or was not attached.
    pub fn text(&self) -> Option<&Arc<str>> {
        self.folder.get(&self.path)
    }
}

// === impl EventSchemaKind ===

impl EventSchemaKind {
    /// By the extension of the file; none for any other.
    pub fn of(path: &str) -> Option<EventSchemaKind> {
        match path.rsplit_once('.')?.1 {
            "json" => Some(EventSchemaKind::JsonSchema),
            "avsc" => Some(EventSchemaKind::Avro),
            "proto" => Some(EventSchemaKind::Protobuf),
            _ => None,
        }
    }
}

// === impl SchemaFolder ===

impl SchemaFolder {
    /// The schema files among these.
    pub fn new(files: &[ContractFile]) -> SchemaFolder {
        let schemas = files.iter().filter(|file| is_schema_path(&file.path));
        SchemaFolder::from_texts(schemas.map(|file| (&file.path[FOLDER.len()..], file.text.as_str())))
    }

    /// Of (path below `schemas/`, text).
    pub fn from_texts<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> SchemaFolder {
        SchemaFolder {
            texts: texts.into_iter().map(|(path, text)| (Arc::from(path), Arc::from(text))).collect(),
        }
    }

    /// The text of the file with that path below `schemas/`.
    pub fn get(&self, path: &str) -> Option<&Arc<str>> {
        self.texts.get(path)
    }

    /// All files, (path below `schemas/`, text), in path order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.texts.iter()
    }
}

impl fmt::Debug for SchemaFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SchemaFolder")
    }
}

// === impl ObjectSettings ===

impl ObjectSettings {
    /// Schema files that the object names: that of values, that of keys.
    pub fn event_schemas(&self) -> impl Iterator<Item = &EventSchema> {
        let of_key = self.key.as_ref().and_then(|key| key.event_schema.as_ref());
        self.event_schema.iter().chain(of_key)
    }

    /// Full name of the message that bare Protobuf is, however the contract names it.
    pub fn bare_message(&self) -> Option<&Arc<str>> {
        let of_schema = self.event_schema.as_ref().and_then(|schema| schema.message.as_ref());
        of_schema.or(self.protobuf_message.as_ref())
    }
}

// === impl Contract ===

impl Contract {
    /// Gives event schemas their files. Each file that is named and not there is an error: the contract must not be used then.
    pub fn attach_schemas(&mut self, folder: &Arc<SchemaFolder>) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        let named = self.objects.iter_mut().flat_map(|object| {
            let of_key = object.settings.key.as_mut().and_then(|key| key.event_schema.as_mut());
            object.settings.event_schema.iter_mut().chain(of_key)
        });
        for schema in named {
            schema.folder = folder.clone();
            if schema.text().is_none() {
                problems.push(missing(schema));
            }
        }
        problems
    }
}

/// Whether a file at that path, relative to the root of the reading, is read as an event schema.
pub fn is_schema_path(path: &str) -> bool {
    path.strip_prefix(FOLDER).is_some_and(|below| EventSchemaKind::of(below).is_some())
}

/// What keeps a text from being the path of a schema file, if anything.
pub(crate) fn path_problem(path: &str) -> Option<&'static str> {
    let mut steps = path.split('/');
    if path.starts_with(FOLDER) {
        return Some("the path begins below `schemas/`");
    }
    if steps.any(|step| {
        matches!(step, "" | "." | "..") || step.starts_with('.') || step.contains(['\\', ':', '%', '?']) || step.contains(char::is_control)
    }) {
        return Some("this is no plain path of a file below `schemas/`");
    }
    EventSchemaKind::of(path)
        .is_none()
        .then_some("an event schema is a file `.json` (JSON Schema), `.avsc` (Avro) or `.proto` (Protobuf)")
}

fn missing(schema: &EventSchema) -> Diagnostic {
    let near = nearest(&schema.path, schema.folder.texts.keys().map(|path| &**path));
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "files are looked for in the folder `schemas/` of the same commit or directory".to_owned(),
    };
    Diagnostic {
        code: codes::EVENT_SCHEMA.id,
        level: Level::Error,
        location: schema.location.clone(),
        problem: format!("there is no file `{FOLDER}{}`", schema.path),
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(setting: &str) -> (Option<Contract>, Vec<Diagnostic>) {
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: \"1.0.0\"\nstatus: active\nschema:\n  - name: t\n    \
             physicalType: topic\n    customProperties:\n      - {{property: eventSchema, vendor: tidegate, value: {setting}}}\n    \
             properties:\n      - {{name: x, logicalType: boolean}}\n"
        );
        crate::parse("a.odcs.yaml", &text)
    }

    #[test]
    fn the_name_says_what_it_is() {
        for (setting, path, kind, message) in [
            (
                "shop/order.schema.json",
                "shop/order.schema.json",
                EventSchemaKind::JsonSchema,
                None,
            ),
            ("order.json", "order.json", EventSchemaKind::JsonSchema, None),
            ("payments/payment.avsc", "payments/payment.avsc", EventSchemaKind::Avro, None),
            ("p.proto#com.example.P", "p.proto", EventSchemaKind::Protobuf, Some("com.example.P")),
        ] {
            let schema = contract(setting).0.unwrap().objects[0].settings.event_schema.clone().unwrap();
            assert_eq!((&*schema.path, schema.kind, schema.message.as_deref()), (path, kind, message));
            assert_eq!((schema.location.line, &*schema.location.file), (10, "a.odcs.yaml"));
        }
    }

    #[test]
    fn a_key_names_an_avro_schema_for_avro_alone() {
        let key = |key: &str, more: &str| {
            let text = format!(
                "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: \"1.0.0\"\nstatus: active\nschema:\n  - name: t\n    \
                 physicalType: topic\n    customProperties:\n      - {{property: key, vendor: tidegate, value: {{{key}}}}}\n{more}    \
                 properties:\n      - {{name: x, logicalType: integer, primaryKey: true}}\n"
            );
            crate::parse("a.odcs.yaml", &text)
        };
        let mut contract = key("encoding: avro, eventSchema: shop/key.avsc", "").0.unwrap();
        let named: Vec<_> = contract.objects[0]
            .settings
            .event_schemas()
            .map(|schema| schema.path.to_string())
            .collect();
        assert_eq!(named, ["shop/key.avsc"]);
        let problems = contract.attach_schemas(&Arc::default());
        assert_eq!((problems[0].code, problems[0].location.line), ("TG0155", 10));
        assert!(
            contract
                .attach_schemas(&Arc::new(SchemaFolder::from_texts([("shop/key.avsc", "\"long\"")])))
                .is_empty()
        );

        let cdc = "      - {property: cdc, vendor: tidegate, value: debezium}\n";
        for (setting, more, said) in [
            ("encoding: string, eventSchema: key.avsc", "", "written otherwise"),
            ("eventSchema: key.avsc", "", "written otherwise"),
            ("encoding: avro, eventSchema: key.json", "", "is an Avro schema"),
            ("encoding: avro, eventSchema: 'key.proto#K'", "", "is an Avro schema"),
            ("encoding: avro, eventSchema: ../key.avsc", "", "plain path"),
            ("encoding: avro, eventSchema: key.avsc", cdc, "change events"),
        ] {
            let (contract, problems) = key(setting, more);
            let is_said = |one: &Diagnostic| one.problem.contains(said) && one.location.line == 10;
            assert!(contract.is_none() && problems.iter().any(is_said), "{setting}: {problems:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for setting in [
            "../secret.json",
            "/etc/order.json",
            "a//b.json",
            "./a.json",
            "schemas/a.json",
            "a.yaml",
            "a",
            "'c:\\a.json'",
            "a.json#x",
            "a.avsc#X",
            "a.proto",
            "a.proto#",
            "'a.proto#x y'",
            "http://example.com/a.json",
            ".git/a.json",
            "7",
        ] {
            let (contract, problems) = contract(setting);
            assert!(
                contract.is_none() && problems.iter().any(|one| one.location.line == 10),
                "{setting}: {problems:?}"
            );
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_said_with_its_place() {
        let mut contract = contract("shop/order.schema.json").0.unwrap();
        let folder = |path: &str| Arc::new(SchemaFolder::from_texts([(path, "{}")]));
        let problems = contract.attach_schemas(&folder("shop/orders.schema.json"));
        assert_eq!((problems[0].code, problems[0].location.line), ("TG0155", 10));
        assert_eq!(problems[0].help, "did you mean `shop/orders.schema.json`?");
        assert!(contract.attach_schemas(&folder("shop/order.schema.json")).is_empty());
        assert_eq!(&**contract.objects[0].settings.event_schema.as_ref().unwrap().text().unwrap(), "{}");
    }
}
