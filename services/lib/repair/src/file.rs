//! The repair file: YAML, version 1; `schemas/formats/repair.md` describes it.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tidegate_contract::codes::Code;
use tidegate_contract::yaml::{self, Entry, Node, Value};
use tidegate_contract::{Diagnostic, Level, Location};

use crate::codes;
use crate::condition::location;
use crate::edit::{Target, is_number, quoted};
use crate::pointer::Pointer;

/// More steps than this are refused.
const STEPS_MAX: usize = 200;

/// A file as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Repair {
    /// Name of the file, for people.
    pub file: Arc<str>,
    /// SHA-256 of its text in lower-case hex: what a repaired record carries.
    pub sha256: Arc<str>,
    /// What it is for, in the words of its author.
    pub description: Option<Arc<str>>,
    /// Only dead letters of this contract id.
    pub contract: Option<Arc<str>>,
    /// In order; each works on what the ones before it left.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// CEL expression under which it does so, and where that stands; none means always.
    pub when: Option<(Arc<str>, Location)>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Gives the place this value, as JSON text.
    Set(Pointer, Arc<str>),
    /// Takes the place out.
    Remove(Pointer),
    /// Gives the field another name.
    Rename(Pointer, Arc<str>),
    /// Writes the value as another type.
    Cast(Pointer, Target),
}

// === impl Repair ===

impl Repair {
    /// Reads a file; all problems at once, each with its place.
    pub fn parse(file: &str, text: &str) -> Result<Repair, Vec<Diagnostic>> {
        let (node, mut problems) = yaml::parse(file, text);
        let mut reading = Reading {
            file: file.into(),
            problems: Vec::new(),
        };
        let repair = node.and_then(|node| reading.repair(&node, text));
        problems.append(&mut reading.problems);
        match repair {
            Some(repair) if problems.is_empty() => Ok(repair),
            _ => Err(problems),
        }
    }
}

// === impl Action ===

impl Action {
    /// What it names.
    pub fn place(&self) -> &Pointer {
        match self {
            Action::Set(place, _) | Action::Remove(place) | Action::Rename(place, _) | Action::Cast(place, _) => place,
        }
    }

    /// As a sentence has it: `set /currency`.
    pub fn words(&self) -> String {
        match self {
            Action::Set(place, _) => format!("set {place}"),
            Action::Remove(place) => format!("remove {place}"),
            Action::Rename(place, to) => format!("rename {place} to {to}"),
            Action::Cast(place, to) => format!("cast {place} to {}", to.as_str()),
        }
    }
}

// === impl Target ===

impl Target {
    /// As files name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Target::Integer => "integer",
            Target::Number => "number",
            Target::String => "string",
            Target::Boolean => "boolean",
        }
    }
}

struct Reading {
    file: Arc<str>,
    problems: Vec<Diagnostic>,
}

// === impl Reading ===

impl Reading {
    fn repair(&mut self, node: &Node, text: &str) -> Option<Repair> {
        let entries = self.mapping(node, "a repair file is a mapping", "begin with `tidegate: repair/v1`")?;
        self.only(entries, &["tidegate", "description", "contract", "steps"]);
        let format = node.get("tidegate");
        if format.and_then(Node::as_str) != Some("repair/v1") {
            let at = format.unwrap_or(node);
            self.say(
                at.line,
                at.column,
                "this is no repair file of version 1",
                "begin with `tidegate: repair/v1`",
            );
        }
        let description = node.get("description").and_then(|node| self.text(node, "description"));
        let contract = node.get("contract").and_then(|node| self.text(node, "contract"));
        let Some(steps) = node.get("steps") else {
            self.say(node.line, node.column, "there are no `steps`", "list what to do under `steps`");
            return None;
        };
        let Value::Sequence(items) = &steps.value else {
            self.say(
                steps.line,
                steps.column,
                &format!("`steps` is {}, not a list", steps.kind()),
                "begin each step with `-`",
            );
            return None;
        };
        if items.is_empty() || items.len() > STEPS_MAX {
            self.say(
                steps.line,
                steps.column,
                &format!("{} steps: there must be 1 to {STEPS_MAX}", items.len()),
                "without a repair the original bytes go back",
            );
        }
        let steps = items
            .iter()
            .enumerate()
            .filter_map(|(number, item)| self.step(number, item))
            .collect();
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _ = write!(sha256, "{byte:02x}");
        }
        Some(Repair {
            file: self.file.clone(),
            sha256: sha256.into(),
            description,
            contract,
            steps,
        })
    }

    fn step(&mut self, number: usize, node: &Node) -> Option<Step> {
        let help = "a step is for example `- set: /currency` with `value: EUR`";
        let entries = self.mapping(node, "a step is a mapping", help)?;
        let of = |name: &str| entries.iter().find(|entry| &*entry.key == name);
        let kinds: Vec<&Entry> = ["set", "remove", "rename", "cast"].iter().filter_map(|kind| of(kind)).collect();
        let [kind] = kinds.as_slice() else {
            let problem = match kinds.len() {
                0 => "a step does one of set, remove, rename and cast".to_owned(),
                _ => "a step does only one thing".to_owned(),
            };
            self.say(node.line, node.column, &problem, help);
            return None;
        };
        let needs = match &*kind.key {
            "set" => Some("value"),
            "rename" | "cast" => Some("to"),
            _ => None,
        };
        let known: Vec<&str> = [Some(&*kind.key), Some("when"), needs].into_iter().flatten().collect();
        self.only(entries, &known);
        let place = self.place(&kind.node);
        let argument = needs.and_then(|name| {
            let found = of(name).map(|entry| &entry.node);
            if found.is_none() {
                self.say(kind.line, kind.column, &format!("`{}` needs `{name}`", kind.key), help);
            }
            found
        });
        let when = of("when").and_then(|entry| {
            let text = self.text(&entry.node, "when")?;
            let at = location(&self.file, entry.node.line, entry.node.column, format!("/steps/{number}/when"));
            Some((text, at))
        });
        let place = place?;
        let action = match &*kind.key {
            "set" => Action::Set(place, self.json(argument?)?.into()),
            "remove" => Action::Remove(place),
            "rename" => {
                if place.last() == "*" {
                    self.say(
                        kind.node.line,
                        kind.node.column,
                        "items of a list have no name",
                        "name a field, such as /items/*/sku",
                    );
                }
                Action::Rename(place, self.text(argument?, "to")?)
            }
            _ => {
                let node = argument?;
                let target = match node.as_str() {
                    Some("integer") => Target::Integer,
                    Some("number") => Target::Number,
                    Some("string") => Target::String,
                    Some("boolean") => Target::Boolean,
                    _ => {
                        self.say(
                            node.line,
                            node.column,
                            "no type to cast to",
                            "`to` is integer, number, string or boolean",
                        );
                        return None;
                    }
                };
                Action::Cast(place, target)
            }
        };
        Some(Step { action, when })
    }

    fn place(&mut self, node: &Node) -> Option<Pointer> {
        let text = self.text(node, "the place")?;
        match Pointer::parse(&text) {
            Ok(place) => Some(place),
            Err(problem) => {
                self.say(
                    node.line,
                    node.column,
                    &problem,
                    "~1 stands for / in a name, ~0 for ~, and * for every item of a list",
                );
                None
            }
        }
    }

    /// A YAML value as JSON text.
    fn json(&mut self, node: &Node) -> Option<String> {
        Some(match &node.value {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) if is_number(number) => number.to_string(),
            Value::Number(_) => {
                self.say(
                    node.line,
                    node.column,
                    "JSON does not write numbers that way",
                    "write it as 1, 1.5 or 1e3, or quote it to set text",
                );
                return None;
            }
            Value::String(text) => quoted(text),
            Value::Sequence(items) => {
                let items = items.iter().map(|item| self.json(item)).collect::<Option<Vec<_>>>()?;
                format!("[{}]", items.join(","))
            }
            Value::Mapping(entries) => {
                let fields = entries
                    .iter()
                    .map(|entry| Some(format!("{}:{}", quoted(&entry.key), self.json(&entry.node)?)))
                    .collect::<Option<Vec<_>>>()?;
                format!("{{{}}}", fields.join(","))
            }
        })
    }

    fn mapping<'n>(&mut self, node: &'n Node, problem: &str, help: &str) -> Option<&'n [Entry]> {
        match &node.value {
            Value::Mapping(entries) => Some(entries),
            _ => {
                self.say(node.line, node.column, &format!("{problem}, and this is {}", node.kind()), help);
                None
            }
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<Arc<str>> {
        match node.as_str() {
            Some(text) => Some(text.into()),
            None => {
                self.say(node.line, node.column, &format!("{what} is {}, not text", node.kind()), "quote it");
                None
            }
        }
    }

    fn only(&mut self, entries: &[Entry], known: &[&str]) {
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let problem = format!("`{}` means nothing here", entry.key);
            let help = match tidegate_contract::nearest(&entry.key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.say(entry.line, entry.column, &problem, &help);
        }
    }

    fn say(&mut self, line: u32, column: u32, problem: &str, help: &str) {
        self.problems.push(diagnostic(
            &codes::FILE,
            location(&self.file, line, column, String::new()),
            problem,
            help,
        ));
    }
}

pub(crate) fn diagnostic(code: &Code, location: Location, problem: &str, help: &str) -> Diagnostic {
    Diagnostic {
        code: code.id,
        level: Level::Error,
        location,
        problem: problem.to_owned(),
        help: help.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_step_is_read() {
        let text = "tidegate: repair/v1\ndescription: amounts came as text\ncontract: orders\nsteps:\n  - cast: /amount\n    to: number\n    when: value.channel == 'web'\n  - set: /currency\n    value: EUR\n  - set: /l\n    value: [1, {a: null}]\n  - rename: /ordr_id\n    to: order_id\n  - remove: /items/*/debug\n";
        let repair = Repair::parse("r.yaml", text).unwrap();
        let words: Vec<String> = repair.steps.iter().map(|step| step.action.words()).collect();
        assert_eq!(
            words,
            [
                "cast /amount to number",
                "set /currency",
                "set /l",
                "rename /ordr_id to order_id",
                "remove /items/*/debug"
            ]
        );
        let (when, at) = repair.steps[0].when.as_ref().unwrap();
        assert_eq!((&**when, at.line, at.column), ("value.channel == 'web'", 7, 11));
        assert!(matches!(&repair.steps[2].action, Action::Set(_, json) if &**json == r#"[1,{"a":null}]"#));
        assert_eq!(repair.sha256.len(), 64);
    }

    #[test]
    fn each_mistake_is_told_with_its_line_and_column() {
        for (text, place, said) in [
            ("steps: []\n", (1, 1), "version 1"),
            ("tidegate: repair/v2\nsteps: [{remove: /a}]\n", (1, 11), "version 1"),
            ("tidegate: repair/v1\n", (1, 1), "no `steps`"),
            ("tidegate: repair/v1\nsteps: {}\n", (2, 8), "not a list"),
            ("tidegate: repair/v1\nsteps: []\n", (2, 8), "0 steps"),
            ("tidegate: repair/v1\nstep: []\nsteps: [{remove: /a}]\n", (2, 1), "`step`"),
            ("tidegate: repair/v1\nsteps:\n  - remove: a\n", (3, 13), "not a place"),
            ("tidegate: repair/v1\nsteps:\n  - set: /a\n", (3, 5), "needs `value`"),
            (
                "tidegate: repair/v1\nsteps:\n  - set: /a\n    value: 0x1F\n",
                (4, 12),
                "JSON does not",
            ),
            ("tidegate: repair/v1\nsteps:\n  - cast: /a\n    to: decimal\n", (4, 9), "no type"),
            (
                "tidegate: repair/v1\nsteps:\n  - cast: /a\n    to: number\n    wen: x\n",
                (5, 5),
                "`wen`",
            ),
            (
                "tidegate: repair/v1\nsteps:\n  - set: /a\n    value: 1\n    remove: /b\n",
                (3, 5),
                "only one thing",
            ),
            ("tidegate: repair/v1\nsteps:\n  - when: x\n", (3, 5), "one of set"),
        ] {
            let problems = Repair::parse("r.yaml", text).unwrap_err();
            let found = problems
                .iter()
                .any(|problem| (problem.location.line, problem.location.column) == place && problem.problem.contains(said));
            assert!(found, "{text}\n{problems:#?}");
        }
    }
}
