//! From the model to a plan: every problem at once, each with its place.

use std::sync::Arc;

use tidegate_contract::model::{CdcFormat, Encoding, RuleKind};
use tidegate_contract::{Contract, Diagnostic, Level, Location, Property, QualityRule, SchemaObject};

use super::fingerprint::fingerprint;
use super::{AnyShape, Body, ChangeSettings, Check, FieldIndex, ItemLimits, Kind, LeafType, Node, Plan, PropertyLimits, codes};
use crate::leaf::Wire;
use crate::rules::cel::Rule;
use crate::rules::unknown_fields::Unknown;

pub(super) mod leaf_type;
mod property;

/// Debezium's default `unavailable.value.placeholder`.
const PLACEHOLDER: &str = "__debezium_unavailable_value";

/// Compiles one object of a contract. The error lists everything that keeps it from judging; nothing of it is a warning.
///
/// # Panics
/// When `object` is no index of `contract.objects`.
pub fn compile(contract: &Contract, object: usize) -> Result<Plan, Vec<Diagnostic>> {
    let object = &contract.objects[object];
    let mut compiler = Compiler {
        object,
        nodes: Vec::new(),
        checks: Vec::new(),
        programs: Vec::new(),
        problems: Vec::new(),
        rules: Vec::new(),
    };
    compiler.row();
    compiler.compile_rules();
    let event_time = compiler.event_time();
    compiler.capture();
    let outside = super::outside::compile(contract, object).unwrap_or_else(|problems| {
        compiler.problems.extend(problems);
        None
    });
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let primary_key = compiler.primary_key();
    let Compiler {
        nodes,
        mut checks,
        programs,
        ..
    } = compiler;
    if let Some(leaf) = event_time.as_ref().and_then(|path| path.last()) {
        checks[*leaf].event_time = true;
    }
    let placeholder: Arc<str> = object
        .settings
        .unavailable_placeholder
        .clone()
        .unwrap_or_else(|| Arc::from(PLACEHOLDER));
    let composite_columns = match &nodes[0].kind {
        Kind::Object(children) => children.iter().any(|child| !matches!(nodes[*child].kind, Kind::Leaf(_))),
        _ => false,
    };
    let change = ChangeSettings {
        placeholder,
        reads_before: programs.iter().any(|rule| !rule.reads.before.is_empty()),
        composite_columns,
    };
    Ok(Plan {
        nodes,
        contract: contract.reference(),
        object: object.name.clone(),
        status: contract.status,
        encodings: if object.settings.encodings.is_empty() {
            vec![Encoding::Json]
        } else {
            object.settings.encodings.clone()
        },
        cdc: object.settings.cdc,
        event_time,
        primary_key,
        fingerprint: fingerprint(contract, object),
        location: object.location.clone(),
        checks,
        programs,
        change,
        outside,
        off: object
            .settings
            .kill_switches
            .iter()
            .map(|switch| (switch.rule.clone(), switch.until))
            .collect(),
    })
}

struct Compiler<'c> {
    object: &'c SchemaObject,
    nodes: Vec<Node>,
    checks: Vec<Check>,
    programs: Vec<Rule>,
    problems: Vec<Diagnostic>,
    /// Row rules with the object node whose value they see; compiled when all nodes stand.
    rules: Vec<(usize, &'c QualityRule)>,
}

// === impl Compiler ===

impl<'c> Compiler<'c> {
    fn row(&mut self) {
        let row = self.node(&self.object.name, &self.object.name, &self.object.location);
        self.rules.extend(self.object.quality.iter().map(|rule| (row, rule)));
        self.checks[row].key = true;
        self.fields(row, &self.object.properties, PropertyLimits::default(), 0);
        if let Kind::Object(children) = self.nodes[row].kind.clone() {
            for (child, property) in children.into_iter().zip(&self.object.properties) {
                if property.primary_key.is_some() {
                    self.checks[child].key = true;
                    // A change cannot be applied to a row whose key is not known.
                    self.checks[child].required |= self.object.settings.cdc.is_some();
                }
            }
        }
    }

    /// Adds a node of any value; the caller gives it its shape.
    fn node(&mut self, name: &Arc<str>, wire_name: &Arc<str>, location: &Location) -> usize {
        self.nodes.push(Node {
            name: name.clone(),
            wire_name: wire_name.clone(),
            kind: Kind::Any,
        });
        self.checks.push(Check {
            location: location.clone(),
            required: false,
            key: false,
            body: Body::Any {
                shape: AnyShape::Value,
                properties: PropertyLimits::default(),
                items: ItemLimits::default(),
            },
            wire: Wire::default(),
            allowed: None,
            library: Vec::new(),
            rules: Vec::new(),
            captured: false,
            event_time: false,
        });
        self.nodes.len() - 1
    }

    /// Gives a node declared fields.
    fn fields(&mut self, node: usize, properties: &'c [Property], limits: PropertyLimits, depth: usize) {
        let children: Vec<usize> = properties
            .iter()
            .map(|property| self.property(property, Some(node), depth + 1))
            .collect();
        let names = properties.iter().map(|property| property.wire_name.clone()).collect();
        match FieldIndex::new(names) {
            Ok(fields) => {
                let unknown = Unknown::new(self.object.settings.unknown_fields);
                self.checks[node].body = Body::Object { fields, unknown, limits };
            }
            Err(name) => {
                let location = self.checks[node].location.clone();
                self.problem(
                    codes::DUPLICATE_NAME,
                    &location,
                    format!("two properties are the field `{name}` on the wire"),
                    "give one of them another physicalName",
                );
            }
        }
        self.nodes[node].kind = Kind::Object(children);
    }

    fn compile_rules(&mut self) {
        for (node, rule) in std::mem::take(&mut self.rules) {
            let RuleKind::Cel { expression } = &rule.kind else { continue };
            let change = self.object.settings.cdc.is_some();
            match Rule::compile(&rule.id, rule.severity, &rule.location, expression, &self.nodes, node, change) {
                Ok(compiled) => {
                    self.programs.push(compiled);
                    self.checks[node].rules.push(self.programs.len() - 1);
                }
                Err(problem) => self.problem(codes::RULE, &rule.location, format!("rule `{}`: {problem}", rule.id), ""),
            }
        }
    }

    /// Marks what rules and `uniqueItems` look at, downwards with everything below and upwards to the row.
    fn capture(&mut self) {
        let (mut opened, mut whole) = (Vec::new(), Vec::new());
        for (node, check) in self.checks.iter().enumerate() {
            if matches!(check.body, Body::Items(ItemLimits { unique: true, .. })) {
                whole.push(node);
            }
            for rule in &check.rules {
                let reads = &self.programs[*rule].reads;
                opened.push(node);
                for (object, fields) in [(node, &reads.value), (0, &reads.before)] {
                    let Kind::Object(children) = &self.nodes[object].kind else {
                        continue;
                    };
                    whole.extend(children.iter().copied().filter(|child| fields.reads(&self.nodes[*child].name)));
                }
            }
        }
        for node in opened {
            self.checks[node].captured = true;
        }
        for node in whole {
            self.capture_below(node);
        }
        self.capture_above(0);
    }

    fn capture_below(&mut self, node: usize) {
        self.checks[node].captured = true;
        for child in self.nodes[node].kind.children() {
            self.capture_below(child);
        }
    }

    fn capture_above(&mut self, node: usize) -> bool {
        let mut captured = self.checks[node].captured;
        for child in self.nodes[node].kind.children() {
            captured |= self.capture_above(child);
        }
        self.checks[node].captured = captured;
        captured
    }

    fn primary_key(&self) -> Vec<usize> {
        let Kind::Object(children) = &self.nodes[0].kind else {
            return Vec::new();
        };
        let mut key: Vec<(u32, usize)> = children
            .iter()
            .zip(&self.object.properties)
            .filter_map(|(child, property)| property.primary_key.map(|position| (position, *child)))
            .collect();
        key.sort_unstable();
        key.into_iter().map(|(_, node)| node).collect()
    }

    fn event_time(&mut self) -> Option<Vec<usize>> {
        let path = self.object.settings.event_time.clone()?;
        let mut nodes = Vec::new();
        let mut at = 0;
        for name in path.split('.') {
            let next = match &self.nodes[at].kind {
                Kind::Object(children) => children.iter().copied().find(|child| *self.nodes[*child].name == *name),
                _ => None,
            };
            let Some(next) = next else {
                self.not_a_time(&path);
                return None;
            };
            nodes.push(next);
            at = next;
        }
        if matches!(self.nodes[at].kind, Kind::Leaf(LeafType::Date | LeafType::Timestamp { .. })) {
            Some(nodes)
        } else {
            self.not_a_time(&path);
            None
        }
    }

    fn not_a_time(&mut self, path: &str) {
        let location = self.object.location.clone();
        self.problem(
            codes::EVENT_TIME,
            &location,
            format!("eventTime `{path}` is no date or timestamp of the object"),
            "name a date or timestamp property by its dotted path; paths do not lead through arrays or maps",
        );
    }

    fn problem(&mut self, code: &'static str, location: &Location, problem: String, help: &str) {
        self.problems.push(Diagnostic {
            code,
            level: Level::Error,
            location: location.clone(),
            problem,
            help: help.to_owned(),
        });
    }

    /// Columns of a change event that carries no schema need their meaning from the contract.
    fn is_change(&self) -> bool {
        matches!(self.object.settings.cdc, Some(CdcFormat::Debezium | CdcFormat::DebeziumFlat))
    }
}

// === impl Kind ===

impl Kind {
    /// Nodes right below.
    pub(crate) fn children(&self) -> Vec<usize> {
        match self {
            Kind::Object(children) => children.clone(),
            Kind::Array(item) => vec![*item],
            Kind::Map(key, value) => vec![*key, *value],
            Kind::Leaf(_) | Kind::Any => Vec::new(),
        }
    }
}
