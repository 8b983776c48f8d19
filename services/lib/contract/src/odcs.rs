//! The Open Data Contract Standard: from a YAML tree to the model.
//!
//! [`shape`] and [`keys`] check the form of the whole file; the other modules give the clauses that Tidegate executes their meaning.

pub(crate) mod edition;
mod encodings;
pub(crate) mod keys;
mod kill_switches;
mod object;
mod operations;
mod options;
mod property;
mod quality;
mod schedule;
mod settings;
pub(crate) mod shape;
mod sla;

pub(crate) use settings::setting_name;

use std::sync::Arc;

use edition::Edition;

use crate::codes;
use crate::model::{Contract, Status, Version};
use crate::nearest::{did_you_mean, nearest};
use crate::problems::{Problems, listed, quoted};
use crate::yaml::{At, Node, Value};

const STATUSES: [(&str, Status); 5] = [
    ("draft", Status::Draft),
    ("proposed", Status::Proposed),
    ("active", Status::Active),
    ("deprecated", Status::Deprecated),
    ("retired", Status::Retired),
];

/// What the readers of parts share.
struct Reader<'p> {
    problems: &'p mut Problems,
    edition: Edition,
    /// Rule ids of the contract with the line where each was given.
    rule_ids: std::collections::BTreeMap<Arc<str>, u32>,
}

/// Reads the document. The contract is meaningful only if no error was reported; the status is known even then, if it could be read.
pub(crate) fn read(document: Node, sha256: &str, problems: &mut Problems) -> (Option<Contract>, Option<Status>) {
    let document = Arc::new(document);
    let root = At::root(&document);
    if !matches!(root.node.value, Value::Mapping(_)) {
        let problem = format!("a contract is a mapping, this is {}", root.node.kind());
        problems.error(
            codes::EMPTY_FILE,
            root.place(),
            problem,
            "start with `apiVersion: v3.2.0` and `kind: DataContract`",
        );
        return (None, None);
    }
    let kind_is_right = read_kind(&root, problems);
    let api_version = read_api_version(&root, problems);
    let status = read_status(&root, problems);
    // A file of another kind or of version 2 is laid out differently: every further problem would be a consequence.
    let (Some((api_version, edition)), true) = (api_version, kind_is_right) else {
        return (None, status);
    };

    let id = required_text(&root, "id", problems);
    let version = read_version(&root, problems);
    shape::check_keys(&root, &keys::CONTRACT, edition, problems);
    let mut reader = Reader {
        problems,
        edition,
        rule_ids: std::collections::BTreeMap::new(),
    };
    reader.check_servers(&root);
    let mut objects = reader.read_objects(&root);
    let on_failure = reader.read_contract_settings(&root, &mut objects);
    let sla = reader.read_sla(&root, &objects);
    let location = reader.problems.location(&root.place());
    let (Some(id), Some(version), Some(status)) = (id, version, status) else {
        return (None, status);
    };
    let contract = Contract {
        id,
        version,
        api_version,
        name: root.text("name"),
        status,
        team: read_team(&root),
        domain: root.text("domain"),
        objects,
        on_failure,
        sla,
        document: document.clone(),
        location,
        sha256: sha256.into(),
    };
    (Some(contract), Some(status))
}

// === impl Reader ===

impl Reader<'_> {
    /// Only Kafka servers concern us; the keys of the other types are left alone.
    fn check_servers(&mut self, root: &At<'_>) {
        for server in root.list("servers") {
            if server.text("type").is_some_and(|kind| kind.eq_ignore_ascii_case("kafka")) {
                shape::check_keys(&server, &keys::SERVER, self.edition, self.problems);
                continue;
            }
            for key in ["server", "type"] {
                if server.get(key).is_none() {
                    self.problems.error(
                        codes::MISSING_KEY,
                        server.place(),
                        format!("a server has no `{key}`"),
                        format!("add `{key}:`"),
                    );
                }
            }
        }
    }
}

fn read_kind(root: &At<'_>, problems: &mut Problems) -> bool {
    let Some(kind) = root.get("kind") else {
        problems.error(
            codes::MISSING_KEY,
            root.place(),
            "a contract has no `kind`",
            "add `kind: DataContract`",
        );
        return root.get("apiVersion").is_some();
    };
    if kind.as_text().is_some_and(|text| &*text == "DataContract") {
        return true;
    }
    let found = kind.as_text().map_or(kind.node.kind().to_owned(), |text| quoted(&text));
    problems.error(
        codes::KIND,
        kind.place(),
        format!("this is {found}, not a data contract"),
        "write `kind: DataContract`",
    );
    kind.as_text().is_some_and(|text| nearest(&text, ["DataContract"]).is_some())
}

fn read_api_version(root: &At<'_>, problems: &mut Problems) -> Option<(Arc<str>, Edition)> {
    let accepted = || listed(edition::ACCEPTED.iter().map(|(name, _)| *name));
    let Some(at) = root.get("apiVersion") else {
        let help = format!("add `apiVersion: v3.2.0`; accepted are {}", accepted());
        problems.error(codes::MISSING_KEY, root.place(), "a contract has no `apiVersion`", help);
        // Read as the newest, so that the other problems of the file are reported too.
        return root.get("kind").map(|_| ("v3.2.0".into(), Edition::V3_2));
    };
    let text: Arc<str> = match &at.node.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        _ => {
            let problem = format!("expected text, found {}", at.node.kind());
            problems.error(codes::WRONG_TYPE, at.place(), problem, format!("accepted are {}", accepted()));
            return None;
        }
    };
    if let Some(edition) = Edition::of(&text) {
        return Some((text, edition));
    }
    let problem = format!("apiVersion {} is not read", quoted(&text));
    let bare = text.trim_start_matches(['v', 'V']);
    if bare.starts_with("2.") || bare.starts_with("0.") || bare.starts_with("1.") {
        let help = format!("convert the file to v3.2.0; accepted are {}", accepted());
        problems.error(codes::API_VERSION, at.place(), problem, help);
        return None;
    }
    let meant = edition::ACCEPTED.iter().find(|(name, _)| name[1..] == *bare);
    let help = match meant {
        Some((name, _)) => format!("write `{name}`"),
        None => format!("accepted are {}", accepted()),
    };
    problems.error(codes::API_VERSION, at.place(), problem, help);
    Some((text, meant.map_or(Edition::V3_2, |(_, edition)| *edition)))
}

fn read_status(root: &At<'_>, problems: &mut Problems) -> Option<Status> {
    let names = STATUSES.map(|(name, _)| name);
    let text = required_text(root, "status", problems)?;
    let found = STATUSES.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
    if found.is_none() {
        let place = root.get("status").map_or(root.place(), |at| at.place());
        let problem = format!("{} is not a status; known are {}", quoted(&text), listed(names));
        let help = match text.to_ascii_lowercase().as_str() {
            "production" | "prod" | "live" | "enabled" | "published" | "approved" => "write `active`".to_owned(),
            "development" | "dev" | "in development" | "wip" => "write `draft`".to_owned(),
            "testing" | "test" | "shadow" | "review" => "write `proposed`".to_owned(),
            _ => did_you_mean(&text, &names),
        };
        problems.error(codes::STATUS, place, problem, help);
    }
    found.map(|(_, status)| *status)
}

fn read_version(root: &At<'_>, problems: &mut Problems) -> Option<Version> {
    let at = match root.get("version") {
        Some(at) => at,
        None => {
            problems.error(
                codes::MISSING_KEY,
                root.place(),
                "a contract has no `version`",
                "add `version: 1.0.0`",
            );
            return None;
        }
    };
    let text = match &at.node.value {
        Value::String(text) => text.clone(),
        Value::Number(text) => {
            let problem = format!("the version {} is written as a number", quoted(text));
            problems.warning(codes::SUSPICIOUS_TEXT, at.place(), problem, format!("quote it: '{text}'"));
            text.clone()
        }
        _ => {
            let problem = format!("expected a version, found {}", at.node.kind());
            problems.error(codes::WRONG_TYPE, at.place(), problem, "write for example `version: 1.0.0`");
            return None;
        }
    };
    let version = parse_version(&text);
    if version.is_none() {
        let problem = format!("{} is not MAJOR.MINOR.PATCH", quoted(&text));
        problems.error(
            codes::VERSION,
            at.place(),
            problem,
            "write one to three numbers with dots, such as 1.4.0",
        );
    }
    version
}

fn parse_version(text: &Arc<str>) -> Option<Version> {
    let mut numbers = [0u64; 3];
    for (index, part) in text.trim_start_matches('v').split('.').enumerate() {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        *numbers.get_mut(index).filter(|_| is_number)? = part.parse().ok()?;
    }
    Some(Version {
        text: text.clone(),
        major: numbers[0],
        minor: numbers[1],
        patch: numbers[2],
    })
}

/// `team.name`; in the list form of v3.0 the member whose role is owner.
fn read_team(root: &At<'_>) -> Option<Arc<str>> {
    let team = root.get("team")?;
    if let Some(name) = team.text("name") {
        return Some(name);
    }
    let members = team.items().into_iter().flatten().chain(team.list("members"));
    let mut owners = members.filter(|member| member.text("role").is_some_and(|role| role.to_ascii_lowercase().contains("owner")));
    owners.find_map(|member| member.text("username"))
}

/// Text that must be there and not be empty.
fn required_text(at: &At<'_>, key: &str, problems: &mut Problems) -> Option<Arc<str>> {
    let Some(value) = at.get(key) else {
        let help = match key {
            "status" => "add `status: active` (or draft, proposed, deprecated, retired)".to_owned(),
            _ => format!("add `{key}:`"),
        };
        problems.error(codes::MISSING_KEY, at.place(), format!("a contract has no `{key}`"), help);
        return None;
    };
    match &value.node.value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::String(_) => {
            problems.error(codes::MISSING_KEY, value.place(), format!("`{key}` is empty"), "");
            None
        }
        Value::Number(text) => {
            let problem = "expected text, found a number".to_owned();
            problems.error(codes::WRONG_TYPE, value.place(), problem, format!("quote it: '{text}'"));
            None
        }
        _ => {
            problems.error(
                codes::WRONG_TYPE,
                value.place(),
                format!("expected text, found {}", value.node.kind()),
                "",
            );
            None
        }
    }
}
