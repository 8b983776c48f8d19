//! One contract and its tests: every event judged, every verdict held against what was expected.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tidegate_check::input::Known;
use tidegate_check::{Input, Judge, SchemaLookup, SchemaNeed, Verdict, Violation};
use tidegate_codec::avro::Schema;
use tidegate_contract::model::RuleKind;
use tidegate_contract::{Contract, ContractFile, Diagnostic, Level, LogicalType, Property, QualityRule, SchemaObject, Severity};
use tidegate_git::directory::read_schemas_near;

use super::avro::Writer;
use super::expected::{Expected, Named, Trips, finding as expectation};
use super::suite::{Case, Kind, Suite};
use crate::commands::judges::Judges;
use crate::review::{codes, finding};

/// The clock where nobody says what time it is: an example must not pass today and fail tomorrow.
pub(super) const CLOCK: i64 = 1_767_225_600_000_000;

/// What became of one event.
pub(super) struct Tried {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) file: String,
    /// None when it did what was expected.
    pub(super) failure: Option<Diagnostic>,
}

/// What became of all events of a contract.
pub(super) struct Trial {
    pub(super) tried: Vec<Tried>,
    /// What is wrong beside single events, and rules without an example.
    pub(super) found: Vec<Diagnostic>,
    /// Rules that no event trips.
    pub(super) untested: Vec<Arc<str>>,
    /// What judged, of each object.
    pub(super) fingerprints: Vec<String>,
}

/// One schema for every id, as long as a test names one.
struct Fixed(Option<Arc<Schema>>);

impl SchemaLookup for Fixed {
    fn lookup(&self, _: &SchemaNeed) -> Known {
        match &self.0 {
            Some(schema) => Known::Avro(schema.clone()),
            None => Known::NotCached,
        }
    }
}

/// Judges every event; `clock` is for tests that name no time of their own.
pub(super) fn run(contract: &Arc<Contract>, path: &Path, suite: &Suite, clock: Option<i64>) -> anyhow::Result<Trial> {
    let expected = &suite.expected;
    let mut trial = Trial {
        tried: Vec::new(),
        found: Vec::new(),
        untested: Vec::new(),
        fingerprints: Vec::new(),
    };
    let judges = match Judges::of(contract.clone(), expected.object.as_deref(), path) {
        Ok(Ok(judges)) => judges,
        Ok(Err(problems)) => {
            trial.found.extend(problems);
            return Ok(trial);
        }
        Err(error) => {
            let help = "write `object: NAME` in expected.yaml";
            trial.found.push(expectation(&expected.file, (1, 1), format!("{error:#}"), help));
            return Ok(trial);
        }
    };
    trial.fingerprints = judges.plans.values().map(|plan| plan.fingerprint.clone()).collect();
    let (schema, writer) = match schema(expected, path, &mut trial.found)? {
        Some((schema, writer)) => (Some(schema), Some(writer)),
        None if expected.avro_schema.is_some() => return Ok(trial),
        None => (None, None),
    };
    let objects: Vec<&SchemaObject> = judges.plans.keys().map(|object| &contract.objects[*object]).collect();
    let rules: Vec<&QualityRule> = objects.iter().flat_map(|object| rules_of(object)).collect();
    let now = expected.now.or(clock);
    if now.is_none()
        && let Some(rule) = rules.iter().find(|rule| reads_now(rule))
    {
        let problem = format!("rule `{}` reads `now`, and the tests say no time", rule.id);
        let help = "write `now: '2026-11-21T12:00:00Z'`, or give --now";
        trial.found.push(expectation(&expected.file, (1, 1), problem, help));
        return Ok(trial);
    }
    let schemas = Fixed(schema);
    let mut judge = Judge::new();
    let mut tripped: BTreeSet<Arc<str>> = BTreeSet::new();
    for case in &suite.cases {
        let written = match (&writer, &case.event.value) {
            (Some(writer), Some(value)) if !case.is_binary => writer.framed(value).map(Some),
            (_, value) => Ok(value.clone()),
        };
        let failure = match written {
            Err(error) => Some(at(
                case,
                codes::TEST_LAYOUT,
                format!("{error:#}"),
                "let it fit the schema, or write the bytes as .bin",
            )),
            Ok(value) => {
                let headers: Vec<(&str, Option<&[u8]>)> = match case.event.headers.as_slice() {
                    [] => expected
                        .headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), Some(value.as_bytes())))
                        .collect(),
                    own => own
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_deref().map(str::as_bytes)))
                        .collect(),
                };
                let input = Input {
                    key: case.event.key.as_deref().or(expected.key.as_deref().map(str::as_bytes)),
                    value: value.as_deref(),
                    headers: &headers,
                    now: now.unwrap_or(CLOCK),
                };
                let verdict = judges.judge(&mut judge, &input, &schemas);
                tripped.extend(violations(&verdict).iter().map(|violation| violation.rule.clone()));
                hold(case, named(expected, case), &verdict, expected)
            }
        };
        trial.tried.push(Tried {
            kind: case.kind,
            name: case.name.clone(),
            file: case.file.clone(),
            failure,
        });
    }
    trial.found.extend(strangers(expected, suite));
    for rule in rules.iter().filter(|rule| !tripped.contains(&rule.id)) {
        trial.untested.push(rule.id.clone());
        let place = (&*rule.location.file, rule.location.line, rule.location.column);
        let problem = format!("no example trips the rule `{}`", rule.id);
        let help = "add an event to tests/invalid that breaks it alone";
        trial
            .found
            .push(finding(codes::TEST_UNTESTED_RULE, Level::Note, place, problem, help));
    }
    Ok(trial)
}

/// Why the verdict is not what was expected.
fn hold(case: &Case, named: Option<&Trips>, verdict: &Verdict, expected: &Expected) -> Option<Diagnostic> {
    let all = violations(verdict);
    match (case.kind, verdict) {
        (_, Verdict::Need(need)) => {
            let help = "write `avroSchema: FILE` (below schemas/) in expected.yaml";
            Some(at(
                case,
                codes::TEST_EXPECTATIONS,
                format!("the event needs a schema that is not here: {need:?}"),
                help,
            ))
        }
        (Kind::Valid, Verdict::Skipped(skip)) | (Kind::Invalid, Verdict::Skipped(skip)) => {
            let problem = format!("the event is skipped by the policy {}, it neither passes nor fails", skip.as_str());
            Some(at(case, other_code(case.kind), problem, "take it out of the tests"))
        }
        (Kind::Valid, Verdict::Invalid { .. }) => {
            let problem = format!("the event does not pass: {}", list(all));
            Some(at(
                case,
                codes::TEST_VALID_FAILS,
                problem,
                "mend the event or the contract; `tidegate try` shows the place",
            ))
        }
        (Kind::Invalid, Verdict::Valid { .. }) => {
            let problem = "the event passes, and must not";
            Some(at(
                case,
                codes::TEST_INVALID_PASSES,
                problem,
                "mend the contract, or move the event to valid/",
            ))
        }
        (kind, _) => {
            let is_cut = matches!(verdict, Verdict::Invalid { cut: true, .. });
            let Some(trips) = named else {
                // Warnings of an event that passes need not be named.
                if kind == Kind::Valid {
                    return None;
                }
                let problem = format!("{} does not name what the event trips: {}", expected.file, list(all));
                let names: Vec<String> = all.iter().map(entry).collect();
                let help = format!("write `{}: [{}]` below `invalid`", case.file_name, names.join(", "));
                return Some(at(case, codes::TEST_EXPECTATIONS, problem, &help));
            };
            let missing: Vec<String> = trips
                .rules
                .iter()
                .filter(|named| !all.iter().any(|violation| named.fits(&violation.rule, &violation.pointer)))
                .map(|named| format!("`{named}`"))
                .collect();
            let strange: Vec<&Violation> = all
                .iter()
                .filter(|violation| violation.severity == Severity::Error)
                .filter(|violation| !trips.rules.iter().any(|named| named.fits(&violation.rule, &violation.pointer)))
                .collect();
            let mut said = Vec::new();
            if !missing.is_empty() {
                said.push(format!("it does not trip {}", missing.join(", ")));
            }
            if !strange.is_empty() {
                let strange: Vec<Violation> = strange.into_iter().cloned().collect();
                said.push(format!("it trips {}, which is not named", list(&strange)));
            }
            if is_cut {
                said.push("it trips more rules than a verdict lists".to_owned());
            }
            (!said.is_empty()).then(|| {
                let help = format!("see {}:{}", expected.file, trips.line);
                at(case, codes::TEST_OTHER_RULES, said.join("; "), &help)
            })
        }
    }
}

fn other_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Valid => codes::TEST_VALID_FAILS,
        Kind::Invalid => codes::TEST_INVALID_PASSES,
    }
}

fn named<'e>(expected: &'e Expected, case: &Case) -> Option<&'e Trips> {
    let all = match case.kind {
        Kind::Valid => &expected.valid,
        Kind::Invalid => &expected.invalid,
    };
    all.get(&case.name).or_else(|| all.get(&case.file_name))
}

/// Expectations of events that are not there: a slip in a name would leave them unheld.
fn strangers(expected: &Expected, suite: &Suite) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (kind, all) in [(Kind::Valid, &expected.valid), (Kind::Invalid, &expected.invalid)] {
        for (name, trips) in all {
            let is_there = suite
                .cases
                .iter()
                .any(|case| case.kind == kind && (case.name == *name || case.file_name == *name));
            if !is_there {
                let problem = format!("there is no event `{name}` in {}/", kind.folder());
                found.push(expectation(
                    &expected.file,
                    (trips.line, trips.column),
                    problem,
                    "add it, or take the line out",
                ));
            }
        }
    }
    found
}

fn violations(verdict: &Verdict) -> &[Violation] {
    match verdict {
        Verdict::Valid { notes, .. } => notes,
        Verdict::Invalid { violations, .. } => violations,
        Verdict::Skipped(_) | Verdict::Need(_) => &[],
    }
}

fn entry(violation: &Violation) -> String {
    let named = Named {
        rule: violation.rule.to_string(),
        pointer: Some(violation.pointer.clone()).filter(|pointer| !pointer.is_empty()),
    };
    let text = named.to_string();
    match text.contains([',', ':', '[', ']', '{', '}', '#', '*', '&', '\'']) {
        true => format!("'{}'", text.replace('\'', "''")),
        false => text,
    }
}

fn list(violations: &[Violation]) -> String {
    let one = |violation: &Violation| {
        let pointer = match violation.pointer.as_str() {
            "" => String::new(),
            pointer => format!(" at {pointer}"),
        };
        format!("`{}`{pointer} ({})", violation.rule, violation.reason.as_str())
    };
    violations.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn at(case: &Case, code: &'static str, problem: impl Into<String>, help: &str) -> Diagnostic {
    finding(code, Level::Error, (&case.file, case.line, 1), problem, help)
}

/// The schema that the tests name, and what writes by it; none when they name none, or it cannot be used, which is added to `found`.
fn schema(expected: &Expected, contract: &Path, found: &mut Vec<Diagnostic>) -> anyhow::Result<Option<(Arc<Schema>, Writer)>> {
    let Some((name, line, column)) = &expected.avro_schema else {
        return Ok(None);
    };
    let files: Vec<ContractFile> = read_schemas_near(contract)?.files;
    let wanted = format!("schemas/{name}");
    let mut refuse = |problem: String| {
        let help = "name a file below the folder `schemas` beside the contracts";
        found.push(expectation(&expected.file, (*line, *column), problem, help));
        Ok(None)
    };
    let Some(file) = files.iter().find(|file| *file.path == *wanted) else {
        return refuse(format!("there is no {wanted}"));
    };
    match (Schema::parse(&file.text, &[]), Writer::new(&file.text)) {
        (Ok(schema), Ok(writer)) => Ok(Some((Arc::new(schema), writer))),
        (Err(problem), _) => refuse(format!("{wanted} is no Avro schema: {problem}")),
        (_, Err(error)) => refuse(format!("{wanted} is no Avro schema: {error:#}")),
    }
}

/// Rules that are asked of single records, of the object and of everything in it.
fn rules_of(object: &SchemaObject) -> Vec<&QualityRule> {
    fn below<'c>(property: &'c Property, rules: &mut Vec<&'c QualityRule>) {
        rules.extend(&property.quality);
        match &property.logical_type {
            LogicalType::Object { properties, .. } => properties.iter().for_each(|inner| below(inner, rules)),
            LogicalType::Array { items: Some(item), .. } => below(item, rules),
            LogicalType::Map { key, value } => [key, value].into_iter().for_each(|inner| below(inner, rules)),
            _ => {}
        }
    }
    let mut rules: Vec<&QualityRule> = object.quality.iter().collect();
    object.properties.iter().for_each(|property| below(property, &mut rules));
    rules.retain(|rule| matches!(rule.kind, RuleKind::Cel { .. }) || rule.is_per_record());
    rules
}

fn reads_now(rule: &QualityRule) -> bool {
    let RuleKind::Cel { expression } = &rule.kind else { return false };
    let mut words = expression.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '.');
    words.any(|word| word == "now" || word.starts_with("now."))
}
