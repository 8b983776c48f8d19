//! From the model to a plan: every problem at once, each with its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_contract::model::{CdcFormat, Encoding, RuleKind};
use tidegate_contract::{Contract, Diagnostic, Level, Location, Property, QualityRule, SchemaObject};

use super::at_once::{Hope, settle};
use super::fingerprint::fingerprint;
use super::quick::quick_checks;
use super::{AnyShape, Body, ChangeSettings, Check, FieldIndex, ItemLimits, Kind, LeafType, Node, Plan, PropertyLimits, codes};
use crate::change::Column;
use crate::event_schema::EventSchema;
use crate::leaf::Wire;
use crate::rules::cel::Glance;
use crate::rules::cel::{Refusal, Rule};
use crate::rules::unknown_fields::Unknown;
use crate::tape::Slot;

pub(super) mod leaf_type;
mod property;

/// Numbers of plans; never used twice in a process.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

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
        change: ChangeSettings::new(&object.settings),
    };
    compiler.row();
    compiler.compile_rules();
    let event_time = compiler.event_time();
    compiler.capture();
    compiler.lower_rules();
    let event_schema = compiler.event_schema();
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
        mut change,
        ..
    } = compiler;
    if let Some(leaf) = event_time.as_ref().and_then(|path| path.last()) {
        checks[*leaf].event_time = true;
    }
    for (node, of) in nodes.iter().enumerate() {
        let Kind::Object(children) = &of.kind else { continue };
        let mut bits = vec![0; children.len().div_ceil(64)];
        for (at, child) in children.iter().enumerate() {
            if checks[*child].required || !checks[*child].library.is_empty() {
                bits[at / 64] |= 1 << (at % 64);
            }
        }
        if let Body::Object { missed, .. } = &mut checks[node].body {
            *missed = bits;
        }
    }
    let placeholders: &[&str] = if object.settings.cdc.is_some() {
        &change.placeholder.texts()
    } else {
        &[]
    };
    let mut quick = quick_checks(&nodes, &checks, placeholders);
    change.composite_columns = match &nodes[0].kind {
        Kind::Object(children) => children.iter().any(|child| !matches!(nodes[*child].kind, Kind::Leaf(_))),
        _ => false,
    };
    change.reads_before = programs.iter().any(|rule| !rule.reads.before.is_empty());
    change.reads_source = programs.iter().any(|rule| rule.reads.source);
    // A rule that is only asked on some operations is asked for itself.
    let always = |rule: &usize| change.asks_always(*rule);
    let together = checks[0].rules.iter().map(|rule| (*rule, &programs[*rule], always(rule)));
    let glance = Glance::of(together);
    let unsettled = settle(&nodes, &mut checks, &mut quick, &glance);
    let encodings = if object.settings.encodings.is_empty() {
        vec![Encoding::Json]
    } else {
        object.settings.encodings.clone()
    };
    let reads_version = programs.iter().any(|rule| rule.view(&nodes).version);
    Ok(Plan {
        nodes,
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        glance,
        unsettled,
        hope: Hope::default(),
        quick,
        contract: contract.reference(),
        object: object.name.clone(),
        status: contract.status,
        on_failure: contract.on_failure,
        framings: encodings.iter().map(|encoding| framing(*encoding)).collect(),
        protobuf: object
            .settings
            .protobuf_schema
            .clone()
            .zip(object.settings.protobuf_message.clone()),
        encodings,
        cdc: object.settings.cdc,
        event_time,
        primary_key,
        fingerprint: fingerprint(
            contract,
            object,
            &super::schema_files(event_schema.as_ref(), outside.as_deref()),
            reads_version,
        ),
        location: object.location.clone(),
        event_schema,
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

/// The decoder's name of an encoding.
pub(crate) fn framing(encoding: Encoding) -> tidegate_codec::Encoding {
    use tidegate_codec::Encoding as Framing;
    match encoding {
        Encoding::Json => Framing::Json,
        Encoding::Avro => Framing::Avro,
        Encoding::ConfluentProtobuf => Framing::ConfluentProtobuf,
        Encoding::ConfluentJson => Framing::ConfluentJson,
        Encoding::GlueAvro => Framing::GlueAvro,
        Encoding::GlueProtobuf => Framing::GlueProtobuf,
        Encoding::GlueJson => Framing::GlueJson,
        Encoding::ApicurioAvro => Framing::ApicurioAvro,
        Encoding::ApicurioJson => Framing::ApicurioJson,
        Encoding::Protobuf => Framing::Protobuf,
        Encoding::CloudEvents => Framing::CloudEventsJson,
        Encoding::CloudEventsAvro => Framing::CloudEventsAvro,
        Encoding::CloudEventsProtobuf => Framing::CloudEventsProtobuf,
    }
}

struct Compiler<'c> {
    object: &'c SchemaObject,
    nodes: Vec<Node>,
    checks: Vec<Check>,
    programs: Vec<Rule>,
    problems: Vec<Diagnostic>,
    /// Row rules with the object node whose value they see; compiled when all nodes stand.
    rules: Vec<(usize, &'c QualityRule)>,
    change: ChangeSettings,
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
            slot: Slot::NONE,
            captured_fields: 0,
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
        let named = properties
            .iter()
            .zip(&children)
            .map(|(property, child)| (property.wire_name.clone(), *child));
        match FieldIndex::new(named.collect()) {
            Ok(fields) => {
                let unknown = Unknown::new(self.object.settings.unknown_fields);
                self.checks[node].body = Body::Object {
                    fields,
                    unknown,
                    limits,
                    missed: Vec::new(),
                    wanted: 0,
                };
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
            if !change && !rule.operations.is_empty() {
                let problem = format!(
                    "rule `{}`: plain events have no operations, so the rule would never be asked",
                    rule.id
                );
                self.problem(
                    codes::RULE,
                    &rule.location,
                    problem,
                    "remove the setting `operations`, or add `cdc` to the object",
                );
            }
            match Rule::compile(&rule.id, rule.severity, &rule.location, expression, &self.nodes, node, change) {
                Ok(compiled) => {
                    self.programs.push(compiled);
                    self.change.add_rule(rule);
                    self.checks[node].rules.push(self.programs.len() - 1);
                }
                Err(refusal) => self.refuse_rule(&rule.id, &rule.location, &refusal),
            }
        }
    }

    /// Second half of the rules: to slots, which are known when everything that is captured is.
    fn lower_rules(&mut self) {
        let slots: Vec<Slot> = self.checks.iter().map(|check| check.slot).collect();
        let mut programs = std::mem::take(&mut self.programs);
        for program in &mut programs {
            if let Err(refusal) = program.lower(&self.nodes, &slots) {
                self.refuse_rule(&program.id, &program.location, &refusal);
            }
        }
        self.programs = programs;
    }

    fn refuse_rule(&mut self, id: &str, location: &Location, refusal: &Refusal) {
        let place = refusal
            .place
            .map_or_else(String::new, |place| format!(", {place} of the expression"));
        self.problem(codes::RULE, location, format!("rule `{id}`{place}: {}", refusal.text), "");
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
        self.place_captures();
    }

    /// Gives everything that is captured its place in the object that holds it.
    fn place_captures(&mut self) {
        for node in 0..self.nodes.len() {
            let is_object = matches!(self.nodes[node].kind, Kind::Object(_));
            let mut fields = 0;
            for child in self.nodes[node].kind.children() {
                if !self.checks[child].captured {
                    continue;
                }
                self.checks[child].slot = if is_object { Slot::field(fields) } else { Slot::ITEM };
                fields += 1;
            }
            self.checks[node].captured_fields = fields;
        }
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

    fn event_schema(&mut self) -> Option<(EventSchema, Location)> {
        let location = self.object.settings.event_schema.as_ref()?.location.clone();
        match EventSchema::compile(&self.object.settings) {
            #[cfg_attr(not(feature = "json-schema"), expect(unused_mut, reason = "only a JSON Schema learns names"))]
            Ok(mut schema) => {
                #[cfg(feature = "json-schema")]
                if let Some(EventSchema::Json(schema)) = &mut schema {
                    schema.add_names(self.nodes.iter().map(|node| &*node.wire_name));
                }
                schema.map(|schema| (schema, location))
            }
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
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

    /// How a column is written where its type alone does not say it.
    fn column(&self, property: &Property, leaf: LeafType, has_pattern: bool) -> Option<Column> {
        match self.object.settings.cdc? {
            CdcFormat::Debezium | CdcFormat::DebeziumFlat => crate::change::column(property, leaf, &self.object.settings),
            CdcFormat::Dms | CdcFormat::Maxwell => crate::change::text_column(leaf).filter(|_| !has_pattern),
            CdcFormat::DebeziumMongodb => None,
        }
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
