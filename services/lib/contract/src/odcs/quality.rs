//! `quality[]` of objects and properties.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::Reader;
use super::edition::Edition;
use super::property::literal;
use crate::codes;
use crate::model::{Literal, Metric, Property, QualityRule, RuleKind, Severity, Threshold};
use crate::nearest::{did_you_mean, nearest};
use crate::pattern;
use crate::problems::{listed, quoted};
use crate::yaml::{At, Value};

const OPERATORS: [&str; 8] = [
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
];
const METRICS: [&str; 5] = ["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"];
/// Names of v3.0 texts and of other tools for the same thing.
const METRIC_SLIPS: [(&str, &str); 7] = [
    ("nullCheck", "nullValues"),
    ("nullCount", "nullValues"),
    ("duplicateCount", "duplicateValues"),
    ("unique", "duplicateValues"),
    ("validValues", "invalidValues"),
    ("countCheck", "rowCount"),
    ("count", "rowCount"),
];

/// What a rule is attached to.
struct Scope<'a> {
    /// None: the object itself.
    property: Option<&'a Arc<str>>,
    /// Properties that the rule may name.
    properties: &'a [Property],
}

// === impl Reader ===

impl Reader<'_> {
    /// Rules of an object (`property` is none) or of one of its properties.
    pub(super) fn read_quality(&mut self, at: &At<'_>, property: Option<&Arc<str>>, properties: &[Property]) -> Vec<QualityRule> {
        let scope = Scope { property, properties };
        at.list("quality").iter().filter_map(|rule| self.read_rule(rule, &scope)).collect()
    }

    fn read_rule(&mut self, at: &At<'_>, scope: &Scope<'_>) -> Option<QualityRule> {
        let operations = self.read_operations(at);
        let kind = self.rule_type(at)?;
        let kind = match kind {
            "text" => {
                self.not_executed(at, "a rule of type text is for people; nothing checks it");
                RuleKind::NotExecuted
            }
            "custom" => self.read_custom(at)?,
            "sql" => match at.text("query") {
                Some(query) => RuleKind::Sql { query },
                None => {
                    self.problems.error(
                        codes::MISSING_KEY,
                        at.place(),
                        "an SQL rule has no `query`",
                        "add `query: SELECT …`",
                    );
                    return None;
                }
            },
            _ => self.read_library(at, scope)?,
        };
        let takes_threshold = matches!(kind, RuleKind::Sql { .. } | RuleKind::Library(_));
        let threshold = if takes_threshold { self.read_threshold(at, &kind) } else { None };
        let kind = if takes_threshold && threshold.is_none() {
            RuleKind::NotExecuted
        } else {
            kind
        };
        self.check_schedule(at);
        Some(QualityRule {
            id: self.rule_id(at),
            percent: self.read_percent(at, &kind),
            kind,
            severity: self.read_severity(at),
            threshold,
            operations,
            schedule: super::schedule::cron(at),
            location: self.problems.location(&at.place()),
        })
    }

    fn rule_type(&mut self, at: &At<'_>) -> Option<&'static str> {
        const TYPES: [&str; 4] = ["library", "sql", "custom", "text"];
        let Some(kind) = at.get("type") else {
            let measured = ["metric", "rule"].iter().any(|key| at.get(key).is_some());
            for (key, instead) in [("query", "sql"), ("engine", "custom"), ("implementation", "custom")] {
                if !measured && at.get(key).is_some() {
                    let problem = format!("a rule with `{key}` needs its type");
                    self.problems
                        .error(codes::QUALITY_KIND, at.place(), problem, format!("add `type: {instead}`"));
                    return None;
                }
            }
            return Some("library");
        };
        let text = kind.as_text()?;
        let found = TYPES.into_iter().find(|name| name.eq_ignore_ascii_case(&text));
        if found.is_none() {
            let help = match text.to_ascii_lowercase().as_str() {
                "cel" => "write `type: custom` and `engine: cel`".to_owned(),
                _ => did_you_mean(&text, &TYPES),
            };
            self.problems.error(
                codes::QUALITY_KIND,
                kind.place(),
                format!("{} is not a type of rule", quoted(&text)),
                help,
            );
        }
        found
    }

    fn read_custom(&mut self, at: &At<'_>) -> Option<RuleKind> {
        for key in ["engine", "implementation"].into_iter().filter(|key| at.get(key).is_none()) {
            let help = if key == "engine" {
                "add `engine: cel`"
            } else {
                "add `implementation:` with the expression"
            };
            self.problems
                .error(codes::MISSING_KEY, at.place(), format!("a custom rule has no `{key}`"), help);
        }
        let engine = at.get("engine")?;
        let implementation = at.get("implementation")?;
        let name = engine.as_text()?;
        if !name.eq_ignore_ascii_case("cel") {
            self.not_executed(&engine, &format!("rules of the engine {} are not executed", quoted(&name)));
            return Some(RuleKind::NotExecuted);
        }
        if let Some(operator) = OPERATORS.iter().find_map(|operator| at.get(operator)) {
            let help = "write the comparison into the expression";
            self.problems
                .error(codes::OPERATOR, operator.key_place(), "a custom rule takes no operator", help);
        }
        match implementation.as_text() {
            Some(expression) if !expression.trim().is_empty() => Some(RuleKind::Cel { expression }),
            _ => {
                let problem = "the implementation of a CEL rule is its expression, as text";
                self.problems.error(
                    codes::WRONG_TYPE,
                    implementation.place(),
                    problem,
                    "write for example `value.quantity > 0`",
                );
                None
            }
        }
    }

    fn read_library(&mut self, at: &At<'_>, scope: &Scope<'_>) -> Option<RuleKind> {
        let (metric, rule) = (at.get("metric"), at.get("rule"));
        if let Some(rule) = &rule
            && self.edition >= Edition::V3_1
        {
            self.problems.warning(
                codes::DEPRECATED,
                rule.key_place(),
                "`rule` is the former name of `metric`",
                "write `metric`",
            );
        }
        let Some(named_by) = metric.or(rule) else {
            let help = format!("add `metric:`, one of {}", listed(METRICS));
            self.problems
                .error(codes::MISSING_KEY, at.place(), "a library rule has no `metric`", help);
            return None;
        };
        let name = named_by.as_text()?;
        let Some(metric) = METRICS.into_iter().find(|metric| metric.eq_ignore_ascii_case(&name)) else {
            let problem = format!("the metric {} is not executed", quoted(&name));
            let slip = METRIC_SLIPS
                .iter()
                .find(|(slip, _)| slip.eq_ignore_ascii_case(&name))
                .map(|(_, metric)| *metric);
            match slip.or_else(|| nearest(&name, METRICS)) {
                Some(near) => self
                    .problems
                    .warning(codes::NOT_EXECUTED, named_by.place(), problem, format!("write `metric: {near}`")),
                None => self
                    .problems
                    .note(codes::NOT_EXECUTED, named_by.place(), problem, did_you_mean(&name, &METRICS)),
            }
            return Some(RuleKind::NotExecuted);
        };
        let belongs_to_property = matches!(metric, "nullValues" | "missingValues" | "invalidValues");
        if belongs_to_property && scope.property.is_none() {
            self.argument_error(
                &named_by,
                format!("`{metric}` measures a property"),
                "move the rule to the property",
            );
            return None;
        }
        if metric == "rowCount" && scope.property.is_some() {
            self.argument_error(&named_by, "`rowCount` measures an object".to_owned(), "move the rule to the object");
            return None;
        }
        self.read_arguments(at, metric, scope).map(RuleKind::Library)
    }

    fn read_arguments(&mut self, at: &At<'_>, metric: &str, scope: &Scope<'_>) -> Option<Metric> {
        let arguments = at.get("arguments");
        let known: &[&str] = match metric {
            "missingValues" => &["missingValues"],
            "invalidValues" => &["validValues", "pattern"],
            "duplicateValues" => &["properties"],
            _ => &[],
        };
        for (name, argument) in arguments.iter().flat_map(|arguments| arguments.entries().into_iter().flatten()) {
            if !known.contains(&&**name) {
                let help = if known.is_empty() {
                    "remove it".to_owned()
                } else {
                    did_you_mean(name, known)
                };
                self.argument_error(&argument, format!("{} is not an argument of `{metric}`", quoted(name)), &help);
            }
        }
        let values = |key: &str| {
            let list = arguments.as_ref().map(|arguments| arguments.list(key)).unwrap_or_default();
            list.iter().filter_map(literal).collect::<Vec<Literal>>()
        };
        match metric {
            "nullValues" => Some(Metric::NullValues),
            "rowCount" => Some(Metric::RowCount),
            "missingValues" => {
                let missing = values("missingValues");
                if missing.is_empty() {
                    self.argument_error(
                        at,
                        "`missingValues` needs the values".to_owned(),
                        "add `arguments: {missingValues: [null, '']}`",
                    );
                    return None;
                }
                Some(Metric::MissingValues(missing))
            }
            "invalidValues" => {
                let valid = values("validValues");
                let pattern = arguments.as_ref().and_then(|arguments| arguments.get("pattern"));
                if let Some(at) = &pattern
                    && let Some(Err(reason)) = at.as_text().map(|text| pattern::compile(&text))
                {
                    let (reason, help) = reason.split_once("; ").unwrap_or((&reason, ""));
                    self.problems
                        .error(codes::PATTERN, at.place(), format!("this pattern cannot be used: {reason}"), help);
                }
                let pattern = pattern.and_then(|at| at.as_text());
                if valid.is_empty() && pattern.is_none() {
                    let help = "add `arguments: {validValues: […]}` or `arguments: {pattern: …}`";
                    self.argument_error(at, "`invalidValues` needs to know what is valid".to_owned(), help);
                    return None;
                }
                Some(Metric::InvalidValues { valid, pattern })
            }
            _ => self
                .read_duplicate_scope(at, arguments.as_ref(), scope)
                .map(Metric::DuplicateValues),
        }
    }

    fn read_duplicate_scope(&mut self, at: &At<'_>, arguments: Option<&At<'_>>, scope: &Scope<'_>) -> Option<Vec<Arc<str>>> {
        let list = arguments.map(|arguments| arguments.list("properties")).unwrap_or_default();
        if list.is_empty() && scope.property.is_none() {
            let help = "add `arguments: {properties: [order_id]}`, or move the rule to the property";
            self.argument_error(at, "`duplicateValues` of an object needs the properties".to_owned(), help);
            return None;
        }
        let known: Vec<&str> = scope.properties.iter().map(|property| &*property.name).collect();
        let mut names = Vec::new();
        for item in list {
            let Some(name) = item.as_text() else { continue };
            if scope.property.is_none() && !known.contains(&&*name) {
                let problem = format!("{} is not a property of the object", quoted(&name));
                self.problems
                    .error(codes::RELATED, item.place(), problem, did_you_mean(&name, &known));
            }
            names.push(name);
        }
        Some(names)
    }

    fn read_threshold(&mut self, at: &At<'_>, kind: &RuleKind) -> Option<Threshold> {
        let found: Vec<(&str, At<'_>)> = OPERATORS.into_iter().filter_map(|name| at.get(name).map(|at| (name, at))).collect();
        let [(name, operand)] = found.as_slice() else {
            if let Some((_, second)) = found.get(1) {
                let names = listed(found.iter().map(|(name, _)| *name));
                let help = "keep one; for a range write `mustBeBetween: [low, high]`, both ends included";
                self.problems.error(
                    codes::OPERATOR,
                    second.key_place(),
                    format!("a rule takes one operator, this has {names}"),
                    help,
                );
            } else if self.edition == Edition::V3_0 {
                self.not_executed(at, "a rule without an operator measures and judges nothing");
            } else {
                let help = format!("add one of {}", listed(OPERATORS));
                self.problems.error(codes::OPERATOR, at.place(), "this rule has no operator", help);
            }
            return None;
        };
        let number = |at: &At<'_>| match &at.node.value {
            Value::Number(text) => text.parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        };
        match *name {
            "mustBe" | "mustNotBe" => {
                let value = literal(operand);
                let fits = match kind {
                    RuleKind::Library(_) => matches!(value, Some(Literal::Number(_))),
                    _ => value.is_some(),
                };
                if !fits {
                    let problem = format!("`{name}` cannot be {}", operand.node.kind());
                    self.problems.error(codes::OPERATOR, operand.place(), problem, "write a number");
                    return None;
                }
                let value = value?;
                Some(if *name == "mustBe" {
                    Threshold::Be(value)
                } else {
                    Threshold::NotBe(value)
                })
            }
            "mustBeBetween" | "mustNotBeBetween" => {
                let ends: Vec<f64> = operand.items().into_iter().flatten().filter_map(|item| number(&item)).collect();
                let count = operand.items().map_or(0, Iterator::count);
                let &[low, high] = ends.as_slice() else {
                    if count == ends.len() {
                        let problem = format!("`{name}` takes two numbers, this has {count}");
                        self.problems
                            .error(codes::OPERATOR, operand.place(), problem, "write `[low, high]`, both ends included");
                    }
                    return None;
                };
                if low > high || count != 2 {
                    let problem = format!("`{name}`: {low} is above {high}");
                    self.problems
                        .error(codes::OPERATOR, operand.place(), problem, "write the lower number first");
                    return None;
                }
                Some(if *name == "mustBeBetween" {
                    Threshold::Between(low, high)
                } else {
                    Threshold::NotBetween(low, high)
                })
            }
            _ => {
                let Some(limit) = number(operand) else {
                    if matches!(operand.node.value, Value::Number(_)) {
                        self.problems
                            .error(codes::OPERATOR, operand.place(), format!("`{name}` must be a finite number"), "");
                    }
                    return None;
                };
                Some(match *name {
                    "mustBeGreaterThan" => Threshold::GreaterThan(limit),
                    "mustBeGreaterOrEqualTo" => Threshold::GreaterOrEqual(limit),
                    "mustBeLessThan" => Threshold::LessThan(limit),
                    _ => Threshold::LessOrEqual(limit),
                })
            }
        }
    }

    fn read_percent(&mut self, at: &At<'_>, kind: &RuleKind) -> bool {
        let Some(unit) = at.get("unit") else { return false };
        let Some(text) = unit.as_text() else { return false };
        match text.to_ascii_lowercase().as_str() {
            "rows" | "row" => false,
            "percent" | "%" => true,
            _ => {
                if matches!(kind, RuleKind::Library(_)) {
                    let problem = format!("{} is not a unit of a metric", quoted(&text));
                    self.problems
                        .error(codes::OPERATOR, unit.place(), problem, did_you_mean(&text, &["rows", "percent"]));
                }
                false
            }
        }
    }

    fn read_severity(&mut self, at: &At<'_>) -> Severity {
        let Some(severity) = at.get("severity") else {
            return Severity::Error;
        };
        let Some(text) = severity.as_text() else { return Severity::Error };
        match text.to_ascii_lowercase().as_str() {
            "error" => Severity::Error,
            "warning" => Severity::Warning,
            "info" => Severity::Info,
            _ => {
                let problem = format!("the severity {} is unknown and counts as error", quoted(&text));
                let help = did_you_mean(&text, &["error", "warning", "info"]);
                self.problems.warning(codes::SEVERITY, severity.place(), problem, help);
                Severity::Error
            }
        }
    }

    /// `id`, else `name`, else the pointer. Two equal ids are an error; a second rule of one name goes by its pointer.
    fn rule_id(&mut self, at: &At<'_>) -> Arc<str> {
        let pointer: Arc<str> = at.pointer.as_str().into();
        let (named_by, is_id) = match (at.get("id"), at.get("name")) {
            (Some(id), _) => (id, true),
            (None, Some(name)) => (name, false),
            (None, None) => return pointer,
        };
        let Some(id) = named_by.as_text().filter(|id| !id.is_empty()) else {
            return pointer;
        };
        let first = match self.rule_ids.entry(id.clone()) {
            Entry::Vacant(free) => {
                free.insert(named_by.node.line);
                return id;
            }
            Entry::Occupied(taken) => *taken.get(),
        };
        let problem = format!("a second rule is called {}; the first is at line {first}", quoted(&id));
        if is_id {
            self.problems.error(
                codes::DUPLICATE_NAME,
                named_by.place(),
                problem,
                "ids of rules are unique in a contract",
            );
            return id;
        }
        self.problems.warning(
            codes::DUPLICATE_NAME,
            named_by.place(),
            problem,
            "give each an `id`; this one goes by its JSON pointer",
        );
        pointer
    }

    fn argument_error(&mut self, at: &At<'_>, problem: String, help: &str) {
        self.problems.error(codes::METRIC_ARGUMENT, at.key_place(), problem, help);
    }

    pub(super) fn not_executed(&mut self, at: &At<'_>, problem: &str) {
        self.problems.note(codes::NOT_EXECUTED, at.place(), problem, "");
    }
}
