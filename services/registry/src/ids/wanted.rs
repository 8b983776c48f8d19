//! Which schemas need an id: those that contracts in force name, and what these name in other files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_check::event_schema::references::{Reference, references};
use tidegate_codec::avro;
use tidegate_contract::surroundings::KeySettings;
use tidegate_contract::{BoundObject, EventSchema, EventSchemaKind, Location, SchemaFolder, Snapshot};

/// Files that name each other one behind the other: as far as they are followed, since each level is one of the stack.
const DEPTH_MAX: usize = 200;

/// A schema that needs an id.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its subject.
    pub subject: String,
    /// The file, as a path below `schemas/`.
    pub path: Arc<str>,
    /// What it is written in.
    pub kind: EventSchemaKind,
    /// The file's text.
    pub text: Arc<str>,
    /// What it names in other files; each of them is wanted before it.
    pub references: Vec<Named>,
    /// Where the contract names it, or what names it.
    pub location: Location,
}

/// A schema that another one names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is called there.
    pub name: String,
    /// Its subject.
    pub subject: String,
    /// The file, as a path below `schemas/`.
    pub path: Arc<str>,
}

/// A schema that can have no id.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// The subject that it would have.
    pub subject: String,
    /// Where the contract names it.
    pub location: Location,
    /// One sentence.
    pub why: String,
}

/// Every event schema that judges a topic of the snapshot, by subject, older versions of contracts first, and before each what it names.
///
/// A topic with one type of events has the subject `TOPIC-value` (TopicNameStrategy); where several share it, each has `TOPIC-NAME` with the
/// full name of the record or message (TopicRecordNameStrategy), and a JSON Schema the name of the contract's object. Schemas of keys have
/// `TOPIC-key`. What is named in other files has the full name of the Avro type, else the path of the file below `schemas/`, as Confluent's
/// serializers name a Protobuf import.
pub fn wanted(snapshot: &Snapshot) -> Vec<Wanted> {
    gathered(snapshot).wanted
}

/// Event schemas that get no id.
pub fn left_out(snapshot: &Snapshot) -> Vec<LeftOut> {
    gathered(snapshot).left_out
}

#[derive(Default)]
struct Gathered {
    wanted: Vec<Wanted>,
    left_out: Vec<LeftOut>,
    seen: BTreeSet<(String, Arc<str>)>,
}

fn gathered(snapshot: &Snapshot) -> Gathered {
    let mut gathered = Gathered::default();
    for (topic, binding) in &snapshot.bindings {
        for bound in binding.events.iter().flat_map(|event| &event.versions) {
            let settings = &bound.object().settings;
            if let Some(schema) = &settings.event_schema {
                let subject = match binding.events.len() {
                    1 => format!("{topic}-value"),
                    _ => format!("{topic}-{}", record_name(bound, schema)),
                };
                gathered.name(subject, schema);
            }
            if let Some(KeySettings {
                event_schema: Some(schema),
                ..
            }) = &settings.key
            {
                gathered.name(format!("{topic}-key"), schema);
            }
        }
    }
    gathered
}

// === impl Gathered ===

impl Gathered {
    fn name(&mut self, subject: String, schema: &EventSchema) {
        if schema.text().is_none() {
            return;
        }
        let before = self.wanted.len();
        let mut open = Vec::new();
        let taken = self.take(
            &schema.folder,
            &schema.path,
            schema.kind,
            subject.clone(),
            &schema.location,
            &mut open,
        );
        if let Err(why) = taken.and_then(|()| self.clash(&schema.path)) {
            // What it names has no use without it.
            for left in self.wanted.drain(before..) {
                self.seen.remove(&(left.subject, left.path));
            }
            self.left_out.push(LeftOut {
                subject,
                location: schema.location.clone(),
                why,
            });
        }
    }

    /// Clients keep what they have fetched by its name alone, whichever schema named it: one name must be one file in all that takes part.
    fn clash(&self, path: &Arc<str>) -> Result<(), String> {
        let mut meant: BTreeMap<&str, &Arc<str>> = BTreeMap::new();
        let (mut open, mut seen) = (vec![path], BTreeSet::from([path]));
        while let Some(path) = open.pop() {
            let references = self.wanted.iter().find(|one| one.path == *path).map(|one| &one.references);
            for named in references.into_iter().flatten() {
                let known = *meant.entry(&named.name).or_insert(&named.path);
                if *known != named.path {
                    return Err(format!(
                        "`{}` means `schemas/{known}` for one of its files and `schemas/{}` for another, and a client would take one for both: \
                         give them other names",
                        named.name, named.path
                    ));
                }
                if seen.insert(&named.path) {
                    open.push(&named.path);
                }
            }
        }
        Ok(())
    }

    /// Wants the file under a subject, and before it what it names. `open` are the files on the way to it.
    fn take(
        &mut self,
        folder: &SchemaFolder,
        path: &Arc<str>,
        kind: EventSchemaKind,
        subject: String,
        location: &Location,
        open: &mut Vec<Arc<str>>,
    ) -> Result<(), String> {
        if self.seen.contains(&(subject.clone(), path.clone())) {
            return Ok(());
        }
        if open.contains(path) {
            return Err(format!(
                "`schemas/{path}` leads back to itself by references, and registries cannot hold such schemas"
            ));
        }
        if open.len() == DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} files name each other one behind the other"));
        }
        let text = folder.get(path).ok_or_else(|| format!("`schemas/{path}` is not there"))?;
        let found =
            references(folder, kind, path).map_err(|unresolved| format!("`schemas/{}`: {}", unresolved.path, unresolved.problem))?;
        open.push(path.clone());
        let mut named = Vec::with_capacity(found.len());
        for Reference { name, path: other } in found {
            let subject = subject_of(kind, &name, &other);
            self.take(folder, &other, kind, subject.clone(), location, open)?;
            named.push(Named {
                name,
                subject,
                path: other,
            });
        }
        open.pop();
        self.seen.insert((subject.clone(), path.clone()));
        self.wanted.push(Wanted {
            subject,
            path: path.clone(),
            kind,
            text: text.clone(),
            references: named,
            location: location.clone(),
        });
        Ok(())
    }
}

/// The subject of what is named in another file.
fn subject_of(kind: EventSchemaKind, name: &str, path: &str) -> String {
    match kind {
        EventSchemaKind::Avro => name.to_owned(),
        EventSchemaKind::JsonSchema | EventSchemaKind::Protobuf => path.to_owned(),
    }
}

/// Full name of an Avro record or a Protobuf message.
fn record_name(bound: &BoundObject, schema: &EventSchema) -> String {
    let named = match schema.kind {
        EventSchemaKind::Protobuf => schema.message.as_ref().map(ToString::to_string),
        EventSchemaKind::Avro => schema.text().and_then(|text| avro::defined_name(text)).map(String::from),
        EventSchemaKind::JsonSchema => None,
    };
    named.unwrap_or_else(|| bound.object().name.to_string())
}
