//! `consumers/*.yaml`: who reads which fields of which contract, and whom a change hits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tidegate_contract::{
    Contract, ContractFile, ContractRef, Diagnostic, Level, LogicalType, Property, SchemaObject, Status, nearest, yaml,
};
use tidegate_diff::render::one_line;
use tidegate_diff::{Change, ContractDiff, Diff};
use tidegate_git::repository::read_folder;

use super::ground::leads_out;
use super::{codes, finding, shown, side_file};
use crate::commands::diff::side::Side;

mod reader;

use reader::Reader;

/// The folder that consumers are declared in, inside of the folder of contracts or beside it.
const FOLDER: &str = "consumers";
/// The most files.
const FILES_MAX: usize = 10_000;

/// Everything that is declared.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    pub(crate) all: Vec<Consumer>,
    /// Files as they were read, for excerpts.
    pub(crate) files: Vec<ContractFile>,
    /// What is wrong with the files themselves.
    pub(crate) found: Vec<Diagnostic>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) name: Arc<str>,
    pub(crate) owner: Arc<str>,
    pub(crate) contact: Option<Arc<str>>,
    pub(crate) reads: Vec<Read>,
}

/// One contract that it reads.
#[derive(Debug)]
pub(crate) struct Read {
    contract: Text,
    major: Option<(u64, u32, u32)>,
    object: Option<Text>,
    /// Empty: everything.
    fields: Vec<Text>,
    file: Arc<str>,
}

#[derive(Debug, Clone)]
struct Text {
    text: Arc<str>,
    line: u32,
    column: u32,
}

/// A consumer and what it feels of a change.
#[derive(Debug)]
pub(crate) struct Hit<'d> {
    pub(crate) consumer: &'d Consumer,
    /// Field that is read; none when everything is.
    pub(crate) field: Option<&'d str>,
    /// Where the consumer says so.
    pub(crate) file: Arc<str>,
    pub(crate) line: u32,
    pub(crate) contract: Arc<str>,
    /// None when the contract itself is gone.
    pub(crate) change: Option<&'d Change>,
    /// Declared before the change and no more behind it: whoever takes a field away edits the files of its readers, too.
    pub(crate) is_former: bool,
}

// === impl Consumers ===

impl Consumers {
    /// Those of `folder/consumers`, else of `folder/../consumers`, else none.
    pub(crate) fn near(folder: &Path) -> anyhow::Result<Consumers> {
        let folder = if folder.is_dir() {
            folder
        } else {
            folder.parent().unwrap_or(folder)
        };
        let inside = folder.join(FOLDER);
        let beside = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.join(FOLDER),
            _ if folder.is_relative() && folder != Path::new(".") => PathBuf::from(FOLDER),
            _ => Path::new("..").join(FOLDER),
        };
        // What lies above the root of a repository is somebody else's.
        let is_root = folder.join(".git").exists();
        let places = [Some(inside), (!is_root).then_some(beside)];
        match places.into_iter().flatten().find(|place| place.is_dir()) {
            Some(place) if leads_out(&place) => {
                let problem = "this folder is a link out of the repository, which is not followed";
                let place = shown(&place);
                let said = finding(
                    codes::CONSUMER_FILE,
                    Level::Error,
                    (&place, 1, 1),
                    problem,
                    "commit the files themselves",
                );
                Ok(Consumers {
                    found: vec![said],
                    ..Consumers::default()
                })
            }
            Some(place) => Consumers::of(&place),
            None => Ok(Consumers::default()),
        }
    }

    /// Those that stood in a commit beside this folder of it (`""` for the root), or inside of it. What is wrong with their files was for the
    /// review of that commit to say.
    pub(crate) fn at(root: &Path, commit: &str, folder: &str) -> anyhow::Result<Consumers> {
        let inside = if folder.is_empty() {
            FOLDER.to_owned()
        } else {
            format!("{folder}/{FOLDER}")
        };
        let beside = match folder.rsplit_once('/') {
            Some((parent, _)) => format!("{parent}/{FOLDER}"),
            None => FOLDER.to_owned(),
        };
        let is_file = |path: &str| !path.contains('/') && (path.ends_with(".yaml") || path.ends_with(".yml"));
        let mut consumers = Consumers::default();
        for place in [inside, beside] {
            let Some(reading) = read_folder(root, commit, &place, is_file)? else {
                continue;
            };
            for file in reading.files {
                consumers.take(format!("{place}/{}", file.path).into(), file.text);
            }
            break;
        }
        Ok(consumers)
    }

    /// Those of one side of a comparison.
    pub(crate) fn of_side(side: &Side) -> anyhow::Result<Consumers> {
        match side {
            Side::Disk(path) => Consumers::near(path),
            Side::Commit { root, commit, path, .. } if side.is_file() => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                Consumers::at(root, commit, folder)
            }
            Side::Commit { root, commit, path, .. } => Consumers::at(root, commit, path),
        }
    }

    fn of(folder: &Path) -> anyhow::Result<Consumers> {
        let mut consumers = Consumers::default();
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
            let path = entry.with_context(|| format!("{}: cannot be read", folder.display()))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml")) {
                paths.push(path);
            }
        }
        anyhow::ensure!(paths.len() <= FILES_MAX, "{}: more than {FILES_MAX} files", folder.display());
        paths.sort();
        for path in paths {
            let name = shown(&path);
            match side_file(&path) {
                Ok(text) => consumers.take(name.into(), text),
                Err(problem) => consumers.found.push(finding(
                    codes::CONSUMER_FILE,
                    Level::Error,
                    (&name, 1, 1),
                    problem,
                    "make it a plain text file",
                )),
            }
        }
        Ok(consumers)
    }

    fn take(&mut self, file: Arc<str>, text: String) {
        let (node, said) = yaml::parse(&file, &text);
        let is_yaml = said.iter().all(|one| one.level != Level::Error);
        self.found.extend(said);
        if let Some(node) = node.filter(|_| is_yaml) {
            let mut reader = Reader {
                file: &file,
                found: &mut self.found,
            };
            if let Some(consumer) = reader.consumer(&node) {
                if self.all.iter().any(|other| other.name == consumer.name) {
                    let problem = format!("`{}` is declared in another file, too", consumer.name);
                    self.found.push(finding(
                        codes::CONSUMER_FILE,
                        Level::Error,
                        (&file, node.line, 1),
                        problem,
                        "keep one of them",
                    ));
                }
                self.all.push(consumer);
            }
        }
        self.files.push(ContractFile { path: file, text });
    }

    /// What they name that is not there.
    pub(crate) fn check(&self, contracts: &[Arc<Contract>]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for read in self.all.iter().flat_map(|consumer| &consumer.reads) {
            read.check(contracts, &mut found);
        }
        found
    }

    /// Whom the changes hit: those who read what is gone, what is looser, and what cannot be told. `current` are all contracts of the new side.
    pub(crate) fn hits<'d>(&'d self, diff: &'d Diff, current: &[Arc<Contract>]) -> Vec<Hit<'d>> {
        let mut hits = Vec::new();
        for contract in &diff.contracts {
            for consumer in &self.all {
                for read in &consumer.reads {
                    match read.is_about(contract) {
                        true => read.hits(consumer, contract, read.stays_beside(contract, current), &mut hits),
                        false => read.loses(consumer, contract, &mut hits),
                    }
                }
            }
        }
        hits
    }
}

/// Whom the changes hit, by what was declared behind the change and before it.
pub(crate) fn hits<'d>(before: &'d Consumers, now: &'d Consumers, diff: &'d Diff, current: &[Arc<Contract>]) -> Vec<Hit<'d>> {
    let mut hits = now.hits(diff, current);
    let mut former = before.hits(diff, current);
    let is_same = |one: &Hit<'_>, other: &Hit<'_>| {
        let change = |hit: &Hit<'_>| hit.change.map(std::ptr::from_ref);
        one.consumer.name == other.consumer.name
            && one.contract == other.contract
            && change(one) == change(other)
            && (other.field.is_none() || one.field == other.field)
    };
    former.retain(|one| !hits.iter().any(|other| is_same(one, other)));
    hits.extend(former.into_iter().map(|hit| Hit { is_former: true, ..hit }));
    hits
}

// === impl Read ===

impl Read {
    fn is_about(&self, diff: &ContractDiff) -> bool {
        if *self.contract.text != **diff.id() {
            return false;
        }
        let Some((major, ..)) = self.major else { return true };
        let old = diff.old.as_ref().or(diff.new.as_ref()).map(|party| party.version.major);
        old == Some(major)
    }

    /// Whether the change is a next major version beside the one that is read, which stays: its columns are nothing to the readers, and that it
    /// takes the events which name no version is.
    fn stays_beside(&self, diff: &ContractDiff, current: &[Arc<Contract>]) -> bool {
        let Some((major, ..)) = self.major else { return false };
        let stays = current
            .iter()
            .any(|one| *one.id == *self.contract.text && one.version.major == major);
        diff.new.as_ref().is_none_or(|party| party.version.major != major) && stays
    }

    /// Hits of what takes events that the contract which is read judged until now: that contract itself is as it was.
    fn loses<'d>(&'d self, consumer: &'d Consumer, diff: &'d ContractDiff, hits: &mut Vec<Hit<'d>>) {
        // Of its own contract other versions speak: that of its major, and the one that was there before.
        if *self.contract.text == **diff.id() {
            return;
        }
        let is_read = |former: &ContractRef| {
            let major = former.version.split('.').next().and_then(|major| major.parse().ok());
            *former.id == *self.contract.text && self.major.is_none_or(|(wanted, ..)| major == Some(wanted))
        };
        let takes = |change: &&Change| change.consumers.may_loosen() && change.former.iter().any(is_read);
        // Which of its objects lost them is not said, so whoever reads any is told.
        for change in diff.changes.iter().filter(takes) {
            hits.push(Hit {
                consumer,
                field: None,
                file: self.file.clone(),
                line: self.contract.line,
                contract: self.contract.text.clone(),
                change: Some(change),
                is_former: false,
            });
        }
    }

    fn hits<'d>(&'d self, consumer: &'d Consumer, diff: &'d ContractDiff, beside: bool, hits: &mut Vec<Hit<'d>>) {
        let mut say = |field: Option<&'d Text>, change: Option<&'d Change>| {
            hits.push(Hit {
                consumer,
                field: field.map(|field| &*field.text),
                file: self.file.clone(),
                line: field.unwrap_or(&self.contract).line,
                contract: diff.id().clone(),
                change,
                is_former: false,
            });
        };
        // Nobody relied on a contract that is new.
        if diff.old.is_none() {
            return;
        }
        if diff.new.is_none() {
            let was_enforced = diff
                .old
                .as_ref()
                .is_some_and(|party| matches!(party.status, Status::Active | Status::Deprecated));
            if was_enforced && !beside {
                say(None, None);
            }
            return;
        }
        let matters = |change: &&Change| change.consumers.may_loosen() && (!beside || change.clause == "default");
        for change in diff.changes.iter().filter(matters) {
            let same_object = match (&self.object, &change.object) {
                (Some(object), Some(changed)) => *object.text == **changed,
                _ => true,
            };
            if !same_object {
                continue;
            }
            if self.fields.is_empty() || change.path.is_empty() {
                say(None, Some(change));
            } else {
                for field in self.fields.iter().filter(|field| touches(&change.path, &field.text)) {
                    say(Some(field), Some(change));
                }
            }
        }
    }

    fn check(&self, contracts: &[Arc<Contract>], found: &mut Vec<Diagnostic>) {
        let mut say = |code, place: &Text, problem: String, near: Option<&str>, help: &str| {
            let help = near.map_or_else(|| help.to_owned(), |near| format!("did you mean `{near}`?"));
            found.push(finding(code, Level::Error, (&self.file, place.line, place.column), problem, help));
        };
        let own: Vec<&Arc<Contract>> = contracts.iter().filter(|contract| *contract.id == *self.contract.text).collect();
        if own.is_empty() {
            let near = nearest(&self.contract.text, contracts.iter().map(|contract| &*contract.id));
            let problem = format!("there is no contract `{}`", self.contract.text);
            say(
                codes::CONSUMER_CONTRACT,
                &self.contract,
                problem,
                near,
                "name the `id` of a contract of this repository",
            );
            return;
        }
        let of_major: Vec<&&Arc<Contract>> = own
            .iter()
            .filter(|contract| self.major.is_none_or(|(major, ..)| contract.version.major == major))
            .collect();
        if let (Some((major, line, column)), true) = (self.major, of_major.is_empty()) {
            let place = Text {
                text: "".into(),
                line,
                column,
            };
            let problem = format!("contract `{}` has no version {major}", self.contract.text);
            say(
                codes::CONSUMER_CONTRACT,
                &place,
                problem,
                None,
                "name a major version that is there",
            );
            return;
        }
        let objects: Vec<&SchemaObject> = of_major.iter().flat_map(|contract| &contract.objects).collect();
        let named: Vec<&SchemaObject> = match &self.object {
            None => objects.clone(),
            Some(name) => objects.iter().copied().filter(|object| *object.name == *name.text).collect(),
        };
        if let (Some(name), true) = (&self.object, named.is_empty()) {
            let near = nearest(&name.text, objects.iter().map(|object| &*object.name));
            let problem = format!("contract `{}` has no object `{}`", self.contract.text, name.text);
            say(codes::CONSUMER_CONTRACT, name, problem, near, "name an object of the contract");
            return;
        }
        for field in &self.fields {
            // Of several versions the field must be in each: it is read in all of them.
            let missing = named.iter().find(|object| !has(&object.properties, &field.text));
            if named.is_empty() || missing.is_some() {
                let names = missing.map(|object| object.properties.iter().map(|property| &*property.name));
                let near = names.and_then(|names| nearest(&field.text, names));
                let problem = format!("contract `{}` has no field `{}`", self.contract.text, field.text);
                let help = "name a field by its dotted path, with `[]` for the items of a list, or take it out";
                say(codes::CONSUMER_FIELD, field, problem, near, help);
            }
        }
    }
}

/// Whether a change at one path is felt at another: the same, what holds it, or what is in it.
fn touches(changed: &str, read: &str) -> bool {
    let within = |whole: &str, part: &str| {
        part.strip_prefix(whole)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
    };
    within(changed, read) || within(read, changed)
}

/// Whether there is a property at the path; below what has no declared shape anything may be.
fn has(properties: &[Property], path: &str) -> bool {
    let found = properties.iter().find(|property| {
        path.strip_prefix(&*property.name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
    });
    found.is_some_and(|property| below(property, &path[property.name.len()..]))
}

fn below(property: &Property, rest: &str) -> bool {
    if rest.is_empty() {
        return true;
    }
    match (&property.logical_type, rest.strip_prefix("[]"), rest.strip_prefix('.')) {
        (LogicalType::Array { items, .. }, Some(rest), _) => match items {
            Some(item) => below(item, rest),
            None => true,
        },
        (LogicalType::Object { properties, .. }, None, Some(rest)) => properties.is_empty() || has(properties, rest),
        // As `diff` names them: the keys themselves are data.
        (LogicalType::Map { key, value }, None, Some(rest)) => match (rest.strip_prefix("key"), rest.strip_prefix("value")) {
            (Some(rest), _) => below(key, rest),
            (_, Some(rest)) => below(value, rest),
            _ => false,
        },
        _ => false,
    }
}

// === impl Hit ===

impl Hit<'_> {
    /// One sentence without a full stop.
    pub(crate) fn sentence(&self) -> String {
        let whom = match &self.consumer.contact {
            Some(contact) => format!("{} ({}, {contact})", self.consumer.name, self.consumer.owner),
            None => format!("{} ({})", self.consumer.name, self.consumer.owner),
        };
        let what = match self.field {
            Some(field) => format!("`{field}` of `{}`", self.contract),
            None => format!("`{}`", self.contract),
        };
        let reads = if self.is_former { "read before this change" } else { "reads" };
        match self.change {
            Some(change) => one_line(&format!("{whom} {reads} {what}: {}", change.sentence)),
            None => one_line(&format!("{whom} {reads} {what}, which is gone")),
        }
    }

    /// For machines.
    pub(crate) fn document(&self) -> serde_json::Value {
        let place = self.change.and_then(|change| change.new.as_ref().or(change.old.as_ref()));
        serde_json::json!({
            "consumer": &*self.consumer.name,
            "owner": &*self.consumer.owner,
            "contact": self.consumer.contact.as_deref(),
            "contract": &*self.contract,
            "field": self.field,
            "declared": {"file": &*self.file, "line": self.line},
            "former": self.is_former,
            "change": self.change.map(|change| change.sentence.as_str()),
            "grade": self.change.map(|change| change.consumers.as_str()),
            "place": place.map(|place| serde_json::json!({"file": &*place.file, "line": place.line})),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.2.0
status: active
schema:
  - name: orders
    physicalType: topic
    properties:
      - {name: id, logicalType: string, required: true}
      - {name: total, logicalType: number, physicalType: 'decimal(12,2)', required: true}
      - name: lines
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: sku, logicalType: string, required: true}
";

    fn contract(text: &str) -> Arc<Contract> {
        let (contract, said) = tidegate_contract::parse("o.odcs.yaml", text);
        Arc::new(contract.unwrap_or_else(|| panic!("{said:?}")))
    }

    fn consumers(text: &str) -> Consumers {
        let mut consumers = Consumers::default();
        consumers.take("consumers/c.yaml".into(), text.to_owned());
        consumers
    }

    fn said(found: &[Diagnostic]) -> Vec<String> {
        found
            .iter()
            .map(|one| format!("{} {} {} {}", one.code, one.location.line, one.problem, one.help))
            .collect()
    }

    const GOOD: &str = "consumer: finance
owner: '@acme/finance'
contact: finance@example.com
reads:
  - contract: orders
    version: 1
    fields: [id, 'lines[].sku']
";

    #[test]
    fn what_is_named_must_be_there() {
        let current = [contract(CONTRACT)];
        let good = consumers(GOOD);
        assert!(
            good.found.is_empty() && good.check(&current).is_empty(),
            "{:?} {:?}",
            good.found,
            good.check(&current)
        );
        for (from, to, expected) in [
            (
                "contract: orders",
                "contract: order",
                "TG0321 5 there is no contract `order` did you mean `orders`?",
            ),
            ("version: 1", "version: 2", "TG0321 6 contract `orders` has no version 2"),
            (
                "version: 1",
                "object: orderz",
                "TG0321 6 contract `orders` has no object `orderz` did you mean `orders`?",
            ),
            ("[id,", "[idd,", "TG0322 7 contract `orders` has no field `idd` did you mean `id`?"),
            ("lines[].sku", "lines.sku", "TG0322 7 contract `orders` has no field `lines.sku`"),
            ("lines[].sku", "lines[].skuu", "TG0322 7"),
        ] {
            let found = said(&consumers(&GOOD.replace(from, to)).check(&current));
            assert!(found.len() == 1 && found[0].starts_with(expected), "{to}: {found:?}");
        }
    }

    #[test]
    fn wrong_files_are_refused_with_their_lines() {
        for (from, to, expected) in [
            ("owner:", "ownr:", "TG0320 2 `ownr` is not known here did you mean `owner`?"),
            ("owner: '@acme/finance'\n", "", "TG0320 1 `owner` is missing"),
            ("consumer: finance", "consumer: [x]", "TG0320 1 `consumer` must be text"),
            ("version: 1", "version: x", "TG0320 6 `version` must be"),
            ("[id, 'lines[].sku']", "id", "TG0320 7 `fields` must be"),
            ("owner:", "consumer:", "TG0102 2"),
            ("contact:", "contact: !!binary ", "TG0104 3"),
        ] {
            let found = said(&consumers(&GOOD.replace(from, to)).found);
            assert!(found.iter().any(|one| one.starts_with(expected)), "{to}: {found:?}");
        }
        let bomb = format!(
            "a: &a [x,x,x,x,x,x,x,x,x]\n{}",
            ('b'..'k')
                .map(|name| {
                    let before = char::from(name as u8 - 1);
                    format!("{name}: &{name} [*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n")
                })
                .collect::<String>()
        );
        assert!(
            said(&consumers(&bomb).found)[0].starts_with("TG0103"),
            "{:?}",
            said(&consumers(&bomb).found)
        );
    }

    #[test]
    fn a_change_hits_those_who_read_it() {
        let old = contract(CONTRACT);
        let consumers = consumers(GOOD);
        let hits = |from: &str, to: &str| {
            let new = contract(&CONTRACT.replace("1.2.0", "1.3.0").replace(from, to));
            let current = [new];
            let diff = tidegate_diff::compare_sets(("old", "new"), std::slice::from_ref(&old), &current);
            consumers
                .hits(&diff, &current)
                .iter()
                .map(|hit| format!("{} {} {}", hit.file, hit.line, hit.sentence()))
                .collect::<Vec<_>>()
        };
        let gone = hits("      - {name: id, logicalType: string, required: true}\n", "");
        assert!(
            gone.len() == 1
                && gone[0].contains("c.yaml 7 finance (@acme/finance, finance@example.com) reads `id` of `orders`: `id` is gone"),
            "{gone:?}"
        );
        assert!(
            hits(
                "{name: sku, logicalType: string, required: true}",
                "{name: sku, logicalType: string}"
            )[0]
            .contains("`lines[].sku`")
        );
        assert_eq!(
            hits(
                "{name: id, logicalType: string, required: true}",
                "{name: id, logicalType: string, required: true, logicalTypeOptions: {maxLength: 9}}"
            ),
            Vec::<String>::new(),
            "stricter is no harm"
        );
        assert_eq!(
            hits("required: true}\n      - name: lines", "required: false}\n      - name: lines"),
            Vec::<String>::new(),
            "`total` is not read"
        );
        // In place, the readers of the old major version are hit; beside it, only by the events that go to the new one.
        let next = contract(&CONTRACT.replace("1.2.0", "2.0.0").replace("name: id,", "name: key,"));
        for (current, expected) in [
            (vec![next.clone()], "`id` is gone"),
            (vec![old.clone(), next], "name no version go to version 2.0.0"),
        ] {
            let diff = tidegate_diff::compare_sets(("old", "new"), std::slice::from_ref(&old), &current);
            let said: Vec<String> = consumers.hits(&diff, &current).iter().map(Hit::sentence).collect();
            assert!(said.len() == 1 && said[0].contains(expected), "{said:?}");
        }
        let diff = tidegate_diff::compare_sets(("old", "new"), std::slice::from_ref(&old), &[]);
        assert!(consumers.hits(&diff, &[])[0].sentence().ends_with("which is gone"));
    }

    #[test]
    fn paths_that_touch() {
        for (changed, read, expected) in [
            ("a", "a", true),
            ("a", "a.b", true),
            ("a.b", "a", true),
            ("a[]", "a[].b", true),
            ("a", "ab", false),
            ("a.b", "a.c", false),
        ] {
            assert_eq!(touches(changed, read), expected, "{changed} {read}");
        }
    }
}
