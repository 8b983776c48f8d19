//! All contracts of one commit, immutable, with the bindings from topics to objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codes;
use crate::diagnostic::{Diagnostic, Level, Location};
use crate::event_schema::SchemaFolder;
use crate::model::{Contract, ContractRef, Encoding, SchemaObject, Status};
use crate::parse::{parse_file, sha256_hex};
use crate::surroundings::{Discriminator, DiscriminatorBy};

/// A contract file, or a file under `schemas/`, as it was read from a directory or a Git tree.
#[derive(Debug, Clone)]
pub struct ContractFile {
    /// Path relative to the contract root, with `/`.
    pub path: Arc<str>,
    /// UTF-8 text.
    pub text: String,
}

/// Every contract of one commit. Built whole or not at all.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Git commit id in hex, or `dir-<sha256 of all files, 16 hex digits>` when read from a plain directory.
    pub commit: Arc<str>,
    /// All contracts that load, drafts left out, sorted by (id, version).
    pub contracts: Vec<Arc<Contract>>,
    /// Topic to binding. For each topic the version to judge by is already chosen.
    pub bindings: BTreeMap<Arc<str>, Binding>,
}

/// The objects that judge a topic. A binding is (topic, discriminator value, major).
#[derive(Debug, Clone)]
pub struct Binding {
    /// The topic default: the highest enforced version (active, deprecated or retired), else the highest proposed one.
    pub default: BoundObject,
    /// A proposed version beside an enforced one: judged for the count only.
    pub shadow: Option<BoundObject>,
    /// Every loaded version that binds this topic, by stamp; a record may name one of them in its headers. Where several objects of one
    /// version share the topic, the first in the order of `events`.
    pub versions: BTreeMap<ContractRef, BoundObject>,
    /// Where events say their type; none where the topic has one type only.
    pub selector: Option<DiscriminatorBy>,
    /// The types of events of the topic, never empty: that of the events which no other type describes first, then by value. `default` and
    /// `shadow` are those of the first.
    pub events: Vec<EventType>,
}

/// One type of the events of a topic.
#[derive(Debug, Clone)]
pub struct EventType {
    /// What the discriminator says; none takes the events that no other type describes.
    pub value: Option<Arc<str>>,
    /// The highest enforced version, else the highest proposed one.
    pub default: BoundObject,
    /// A proposed version beside an enforced one.
    pub shadow: Option<BoundObject>,
    /// Every loaded version, ascending.
    pub versions: Vec<BoundObject>,
}

/// One object of one contract.
#[derive(Debug, Clone)]
pub struct BoundObject {
    /// The contract.
    pub contract: Arc<Contract>,
    /// Index into `contract.objects`.
    pub object: usize,
}

/// What a topic and a claimed version resolve to.
#[derive(Debug, Clone)]
pub enum Resolution<'a> {
    /// Judge by this object.
    Bound(&'a BoundObject),
    /// No contract binds this topic: `no_contract`.
    Unbound,
    /// The record names a version that this snapshot does not hold: `unplanned_event`.
    UnknownVersion,
}

// === impl BoundObject ===

impl BoundObject {
    /// The schema object.
    pub fn object(&self) -> &SchemaObject {
        &self.contract.objects[self.object]
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// The object that judges a record of `topic`; `claimed` is the version that the record's headers name.
    pub fn resolve(&self, topic: &str, claimed: Option<&ContractRef>) -> Resolution<'_> {
        let Some(binding) = self.bindings.get(topic) else {
            return Resolution::Unbound;
        };
        match claimed {
            None => Resolution::Bound(&binding.default),
            Some(reference) => match binding.versions.get(reference) {
                Some(bound) => Resolution::Bound(bound),
                None => Resolution::UnknownVersion,
            },
        }
    }

    /// Builds a snapshot of all files, or says everything that is wrong with them. Warnings and notes come back beside a good snapshot.
    ///
    /// Files whose name does not end in `.odcs.yaml` or `.odcs.yml` are no contracts; those under `schemas/` are what `eventSchema` may name. Drafts are not loaded; their errors come back as
    /// warnings. The result does not depend on the order of the files.
    pub fn build(commit: &str, files: &[ContractFile]) -> Result<(Snapshot, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut sorted: Vec<&ContractFile> = files.iter().filter(|file| is_contract_path(&file.path)).collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let schemas = Arc::new(SchemaFolder::new(files));
        let mut diagnostics = Vec::new();
        let mut contracts: Vec<Arc<Contract>> = Vec::new();
        for file in sorted {
            let mut parsed = parse_file(&file.path, &file.text);
            if let Some(contract) = &mut parsed.contract {
                parsed.diagnostics.extend(contract.attach_schemas(&schemas));
            }
            if parsed.status == Some(Status::Draft) {
                diagnostics.extend(as_draft(&file.path, parsed.diagnostics));
                continue;
            }
            diagnostics.extend(parsed.diagnostics);
            contracts.extend(parsed.contract.map(Arc::new));
        }
        contracts.sort_by(|a, b| (&a.id, &a.version).cmp(&(&b.id, &b.version)));
        drop_copies(&mut contracts, &mut diagnostics);
        let bindings = bind(&contracts, &mut diagnostics);
        diagnostics.sort_by(|a, b| (&a.location.file, a.location.line).cmp(&(&b.location.file, b.location.line)));
        if diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error) {
            return Err(diagnostics);
        }
        Ok((
            Snapshot {
                commit: commit.into(),
                contracts,
                bindings,
            },
            diagnostics,
        ))
    }
}

/// Whether a file of that name is read as a contract.
pub fn is_contract_path(path: &str) -> bool {
    path.ends_with(".odcs.yaml") || path.ends_with(".odcs.yml")
}

/// Stands for a commit where there is no Git: `dir-` and the first 16 hex digits of the SHA-256 over all paths and texts, in path order.
pub fn directory_commit(files: &[ContractFile]) -> String {
    let mut sorted: Vec<&ContractFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut bytes = Vec::new();
    for file in sorted {
        // Lengths first, so that no two different trees give the same bytes.
        bytes.extend_from_slice(format!("{} {} ", file.path.len(), file.text.len()).as_bytes());
        bytes.extend_from_slice(file.path.as_bytes());
        bytes.extend_from_slice(file.text.as_bytes());
    }
    format!("dir-{}", &sha256_hex(&bytes)[..16])
}

/// What is wrong with a draft is worth saying and refuses nothing.
fn as_draft(path: &Arc<str>, diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut softened: Vec<Diagnostic> = diagnostics
        .into_iter()
        .map(|diagnostic| Diagnostic {
            level: diagnostic.level.max(Level::Warning),
            ..diagnostic
        })
        .collect();
    softened.insert(
        0,
        Diagnostic {
            code: codes::DRAFT.id,
            level: Level::Note,
            location: Location {
                file: path.clone(),
                line: 1,
                column: 1,
                pointer: "".into(),
            },
            problem: "a draft is not loaded".to_owned(),
            help: "set `status: proposed` to judge and count, `active` to enforce".to_owned(),
        },
    );
    softened
}

/// A published version never changes content; an identical copy is only untidy.
fn drop_copies(contracts: &mut Vec<Arc<Contract>>, diagnostics: &mut Vec<Diagnostic>) {
    contracts.dedup_by(|later, first| {
        let same_version = later.id == first.id && later.version.text == first.version.text;
        if !same_version {
            return false;
        }
        let is_copy = later.sha256 == first.sha256;
        let (level, what) = if is_copy {
            (Level::Warning, "copied")
        } else {
            (Level::Error, "given another content")
        };
        diagnostics.push(Diagnostic {
            code: codes::DUPLICATE_VERSION.id,
            level,
            location: later.location.clone(),
            problem: format!("{} is {what} here; the first is {}", later.reference(), spot(&first.location)),
            help: if is_copy {
                "delete one of the files"
            } else {
                "give this file a new version"
            }
            .to_owned(),
        });
        // Two contents stay, so that problems of the second are reported too.
        is_copy
    });
}

/// Objects by the value of their discriminator.
type Types = BTreeMap<Option<Arc<str>>, Vec<BoundObject>>;

/// The bindings of contracts, whatever their status; `diagnostics` gets what two of them both claim.
pub fn bind(contracts: &[Arc<Contract>], diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<Arc<str>, Binding> {
    let mut by_topic: BTreeMap<Arc<str>, Types> = BTreeMap::new();
    for contract in contracts {
        for (index, object) in contract.objects.iter().enumerate() {
            let Some(topic) = &object.topic else { continue };
            let bound = BoundObject {
                contract: contract.clone(),
                object: index,
            };
            let value = object
                .settings
                .discriminator
                .as_ref()
                .map(|discriminator| discriminator.value.clone());
            by_topic.entry(topic.clone()).or_default().entry(value).or_default().push(bound);
        }
    }
    let mut bindings = BTreeMap::new();
    for (topic, types) in by_topic {
        let selector = one_selector(&topic, types.values().flatten(), diagnostics);
        if let Some(by @ (DiscriminatorBy::Pointer(_) | DiscriminatorBy::RecordName)) = &selector {
            one_bare_message(&topic, by, types.values().flatten(), diagnostics);
        }
        let mut events = Vec::with_capacity(types.len());
        for (value, candidates) in types {
            refuse_rivals(&topic, &candidates, diagnostics);
            events.extend(EventType::choose(value, candidates));
        }
        let Some(first) = events.first() else { continue };
        let mut versions = BTreeMap::new();
        for bound in events.iter().flat_map(|event| &event.versions) {
            versions.entry(bound.contract.reference()).or_insert_with(|| bound.clone());
        }
        let binding = Binding {
            default: first.default.clone(),
            shadow: first.shadow.clone(),
            versions,
            selector,
            events,
        };
        bindings.insert(topic, binding);
    }
    bindings
}

// === impl EventType ===

impl EventType {
    fn choose(value: Option<Arc<str>>, mut versions: Vec<BoundObject>) -> Option<EventType> {
        versions.sort_by(|a, b| a.contract.version.cmp(&b.contract.version));
        let highest = |enforced: bool| {
            versions
                .iter()
                .rev()
                .find(|bound| bound.contract.status.is_enforced() == enforced)
                .cloned()
        };
        let (default, shadow) = match (highest(true), highest(false)) {
            (Some(enforced), proposed) => (enforced, proposed),
            (None, Some(proposed)) => (proposed, None),
            (None, None) => return None,
        };
        Some(EventType {
            value,
            default,
            shadow,
            versions,
        })
    }
}

// === impl Binding ===

impl Binding {
    /// The object of that version, by name where several objects of the version share the topic.
    pub fn object(&self, version: &ContractRef, name: Option<&str>) -> Option<&BoundObject> {
        let Some(name) = name else { return self.versions.get(version) };
        self.objects()
            .find(|bound| *bound.object().name == *name && bound.contract.reference() == *version)
    }

    /// Every object of every loaded version.
    pub fn objects(&self) -> impl Iterator<Item = &BoundObject> {
        self.events.iter().flat_map(|event| &event.versions)
    }

    /// Whether the version alone does not say which object is meant.
    pub fn shares_version(&self, contract: &Contract) -> bool {
        let same = |bound: &&BoundObject| bound.contract.id == contract.id && bound.contract.version.text == contract.version.text;
        self.events.len() > 1 && self.objects().filter(same).nth(1).is_some()
    }
}

/// All objects of a topic look for the type at one place.
fn one_selector<'a>(
    topic: &str,
    objects: impl Iterator<Item = &'a BoundObject>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<DiscriminatorBy> {
    let mut first: Option<&Discriminator> = None;
    for bound in objects {
        let Some(discriminator) = &bound.object().settings.discriminator else {
            continue;
        };
        match first {
            None => first = Some(discriminator),
            Some(first) if first.by == discriminator.by => {}
            Some(first) => diagnostics.push(Diagnostic {
                code: codes::DISCRIMINATOR.id,
                level: Level::Error,
                location: discriminator.location.clone(),
                problem: format!(
                    "events of topic `{topic}` are told apart by {} here and by {} {}",
                    discriminator.by,
                    first.by,
                    spot(&first.location)
                ),
                help: "use one place for all objects of the topic".to_owned(),
            }),
        }
    }
    first.map(|discriminator| discriminator.by.clone())
}

/// Bare Protobuf does not say which message it is, so nobody could look for the type in it where objects of a topic name several.
fn one_bare_message<'a>(
    topic: &str,
    by: &DiscriminatorBy,
    objects: impl Iterator<Item = &'a BoundObject>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let bare = objects.filter(|bound| bound.object().settings.encodings.contains(&Encoding::Protobuf));
    let mut named = bare.filter_map(|bound| Some((bound.object(), bound.object().settings.bare_message()?)));
    let Some((first, message)) = named.next() else { return };
    for (object, other) in named.filter(|(_, other)| *other != message) {
        diagnostics.push(Diagnostic {
            code: codes::DISCRIMINATOR.id,
            level: Level::Error,
            location: object.location.clone(),
            problem: format!(
                "bare Protobuf on topic `{topic}` is `{other}` here and `{message}` {}, and the {by} cannot be read before it is known which",
                spot(&first.location)
            ),
            help: "tell the events apart by a header, let them be one message, or use `confluent-protobuf`".to_owned(),
        });
    }
}

/// Two objects may share topic and major only as versions of one contract that make different claims: one active, one proposed, and any
/// number that are deprecated or retired.
fn refuse_rivals(topic: &str, candidates: &[BoundObject], diagnostics: &mut Vec<Diagnostic>) {
    for (index, later) in candidates.iter().enumerate() {
        let rival = candidates[..index].iter().find(|first| {
            let (a, b) = (&first.contract, &later.contract);
            let same_claim = a.status == b.status && matches!(a.status, Status::Active | Status::Proposed);
            a.version.major == b.version.major && (a.id != b.id || same_claim) && a.reference() != b.reference()
        });
        let Some(first) = rival else { continue };
        let major = later.contract.version.major;
        diagnostics.push(Diagnostic {
            code: codes::DUPLICATE_BINDING.id,
            level: Level::Error,
            location: later.object().location.clone(),
            problem: format!(
                "topic `{topic}` has two contracts for major {major}: {} here and {} {}",
                later.contract.reference(),
                first.contract.reference(),
                spot(&first.object().location)
            ),
            help: "deprecate or retire one, give it a new major version, or bind another topic".to_owned(),
        });
    }
}

fn spot(location: &Location) -> String {
    format!("at {location}")
}

#[cfg(test)]
mod tests;
