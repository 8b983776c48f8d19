//! A page about a contract for people who do not read YAML.

use std::fmt::Write as _;

use tidegate_check::plan::{Kind, LeafType};
use tidegate_contract::model::{Bounds, CdcFormat, Encoding, Literal, Metric, RuleKind, Status, Threshold};
use tidegate_contract::yaml::Node;
use tidegate_contract::{LogicalType, QualityRule, Severity};

use crate::{Export, Subject, Typed, below, described, parts};

/// Writes the page. It leaves nothing out that decides about an event.
pub fn export(subject: &Subject<'_>) -> Export {
    let mut page = Page {
        subject,
        text: String::new(),
    };
    page.head();
    page.properties();
    page.rules();
    page.promises();
    page.people();
    Export {
        text: page.text,
        gaps: Vec::new(),
    }
}

struct Page<'s> {
    subject: &'s Subject<'s>,
    text: String,
}

// === impl Page ===

impl<'s> Page<'s> {
    fn head(&mut self) {
        let Subject { contract, object, plan } = self.subject;
        let name = contract.name.as_ref().unwrap_or(&contract.id);
        self.line(&format!("# {}: {}", escaped(name), escaped(&object.name)));
        self.line("");
        let about = described::description(contract, &object.location);
        if let Some(about) = about {
            self.line(&escaped(&about));
            self.line("");
        }
        self.line("| | |");
        self.line("|---|---|");
        self.row("Contract", &code(&contract.reference().to_string()));
        self.row("Status", &format!("{}: {}", status(contract.status), consequence(contract.status)));
        if let Some(domain) = &contract.domain {
            self.row("Domain", &escaped(domain));
        }
        if let Some(team) = &contract.team {
            self.row("Team", &escaped(team));
        }
        if let Some(topic) = &object.topic {
            self.row("Topic", &code(topic));
        }
        let encodings: Vec<&str> = plan.encodings.iter().map(|encoding| encoding_name(*encoding)).collect();
        let carried = match plan.cdc {
            Some(CdcFormat::Debezium) => format!("{}, Debezium change events", encodings.join(" or ")),
            Some(CdcFormat::DebeziumFlat) => format!("{}, flattened Debezium rows", encodings.join(" or ")),
            Some(CdcFormat::DebeziumMongodb) => format!("{}, Debezium change events of MongoDB", encodings.join(" or ")),
            Some(CdcFormat::Dms) => format!("{}, changes of AWS DMS", encodings.join(" or ")),
            Some(CdcFormat::Maxwell) => format!("{}, changes of Maxwell", encodings.join(" or ")),
            None => encodings.join(" or "),
        };
        self.row("Written as", &carried);
        if let Some(path) = &object.settings.event_time {
            self.row("Event time", &code(path));
        }
        let unknown = match object.settings.unknown_fields {
            tidegate_contract::model::UnknownFields::Ignore => "pass and are not looked at",
            tidegate_contract::model::UnknownFields::Warn => "pass with a warning",
            tidegate_contract::model::UnknownFields::Fail => "make the event invalid",
        };
        self.row("Undeclared fields", unknown);
        let key: Vec<String> = object.primary_key().iter().map(|property| code(&property.name)).collect();
        if !key.is_empty() {
            self.row("Primary key", &key.join(", "));
        }
        if let Some(description) = contract.document.get("description") {
            for (label, key) in [("Purpose", "purpose"), ("Usage", "usage"), ("Limitations", "limitations")] {
                if let Some(text) = description.get(key).and_then(Node::as_str) {
                    self.row(label, &escaped(&text.split_whitespace().collect::<Vec<_>>().join(" ")));
                }
            }
        }
    }

    fn properties(&mut self) {
        self.line("");
        self.line("## Properties");
        self.line("");
        self.line("| Field | Type | Required | Must be | About |");
        self.line("|---|---|---|---|---|");
        for field in self.subject.fields() {
            self.property(field, "");
        }
    }

    fn property(&mut self, typed: Typed<'s>, above: &str) {
        let property = typed.property;
        let path = below(above, &property.wire_name);
        self.described(typed, &path);
        if let LogicalType::Object { properties, .. } = &property.logical_type {
            for inner in self.subject.nested(typed.node, properties) {
                self.property(inner, &path);
            }
        }
        self.parts(typed, &path);
    }

    /// Items of a list, keys and values of a map.
    fn parts(&mut self, typed: Typed<'s>, path: &str) {
        let is_map = matches!(self.subject.kind(typed), Kind::Map(..));
        for (at, part) in parts(self.subject, typed).into_iter().enumerate() {
            let path = match (is_map, at) {
                (false, _) => format!("{path}[]"),
                (true, 0) => format!("{path}{{key}}"),
                (true, _) => format!("{path}{{value}}"),
            };
            self.described(part, &path);
            if let LogicalType::Object { properties, .. } = &part.property.logical_type {
                for inner in self.subject.nested(part.node, properties) {
                    self.property(inner, &path);
                }
            }
            self.parts(part, &path);
        }
    }

    fn described(&mut self, typed: Typed<'_>, path: &str) {
        let property = typed.property;
        let required = if self.subject.is_required(typed) { "yes" } else { "" };
        let mut about: Vec<String> = described::description(self.subject.contract, &property.location)
            .map(|text| escaped(&text))
            .into_iter()
            .collect();
        if property.name != property.wire_name {
            about.push(format!("Column {} in the lake.", code(&property.name)));
        }
        if let Some(class) = &property.classification {
            about.push(format!("Classification: {}.", escaped(class)));
        }
        if property.unique {
            about.push(String::from("Unique."));
        }
        let row = [
            code(path),
            self.type_name(typed),
            required.to_owned(),
            clauses(&property.logical_type, &property.enumeration).join("; "),
            about.join(" "),
        ];
        self.line(&format!("| {} |", row.join(" | ")));
    }

    fn type_name(&self, typed: Typed<'_>) -> String {
        match self.subject.kind(typed) {
            Kind::Object(_) => String::from("object"),
            Kind::Array(_) => match &typed.property.logical_type {
                LogicalType::Vector { dimensions, .. } => format!("vector of {dimensions}"),
                _ => String::from("list"),
            },
            Kind::Map(..) => String::from("map"),
            Kind::Any => match &typed.property.logical_type {
                LogicalType::Object { .. } => String::from("any object"),
                LogicalType::Array { .. } => String::from("any list"),
                _ => String::from("any value"),
            },
            Kind::Leaf(leaf) => match *leaf {
                LeafType::Bool => String::from("boolean"),
                LeafType::Int { bits, signed } => format!("integer, {bits} bits{}", if signed { "" } else { " unsigned" }),
                LeafType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
                LeafType::F32 => String::from("float"),
                LeafType::F64 => String::from("double"),
                LeafType::Str => String::from("text"),
                LeafType::Bytes => String::from("bytes"),
                LeafType::Date => String::from("date"),
                LeafType::Time => String::from("time"),
                LeafType::Timestamp { utc: true } => String::from("timestamp"),
                LeafType::Timestamp { utc: false } => String::from("local timestamp"),
            },
        }
    }

    fn rules(&mut self) {
        let mut rules: Vec<(String, &QualityRule)> = Vec::new();
        for field in self.subject.fields() {
            collect(self.subject, field, "", &mut rules);
        }
        rules.extend(self.subject.object.quality.iter().map(|rule| (String::new(), rule)));
        if rules.is_empty() {
            return;
        }
        self.line("");
        self.line("## Rules");
        self.line("");
        self.line("| Rule | About | Says | A failure |");
        self.line("|---|---|---|---|");
        for (path, rule) in rules {
            let text = described::description(self.subject.contract, &rule.location).map(|text| escaped(&text));
            let says = [text, Some(asks(rule))].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let about = if path.is_empty() { String::from("the event") } else { code(&path) };
            let row = format!("| {} | {about} | {says} | {} |", code(&rule.id), failure(rule));
            self.line(&row);
        }
    }

    fn promises(&mut self) {
        let name = &*self.subject.object.name;
        let concerns = |element: &str| element == name || element.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let sla = self.subject.contract.sla.iter();
        let mine: Vec<_> = sla
            .filter(|sla| sla.elements.is_empty() || sla.elements.iter().any(|element| concerns(element)))
            .collect();
        if mine.is_empty() {
            return;
        }
        self.line("");
        self.line("## Promises");
        self.line("");
        self.line("| Promise | Value | About |");
        self.line("|---|---|---|");
        for sla in mine {
            let unit = sla.unit.as_deref().map(|unit| format!(" {unit}")).unwrap_or_default();
            let about: Vec<String> = sla.elements.iter().map(|element| code(element)).collect();
            let row = format!(
                "| {} | {}{} | {} |",
                escaped(&sla.property),
                literal(&sla.value),
                escaped(&unit),
                about.join(", ")
            );
            self.line(&row);
        }
    }

    fn people(&mut self) {
        let document = &self.subject.contract.document;
        let members = described::list(document.get("team").and_then(|team| team.get("members")));
        // Before v3.1 the team was the list itself.
        let members = if members.is_empty() {
            described::list(document.get("team"))
        } else {
            members
        };
        let support = described::list(document.get("support"));
        if members.is_empty() && support.is_empty() {
            return;
        }
        self.line("");
        self.line("## People");
        self.line("");
        let text = |node: &Node, key: &str| node.get(key).and_then(described::scalar);
        for member in members {
            let who = text(member, "name").or_else(|| text(member, "username")).unwrap_or_default();
            let role = text(member, "role").map(|role| format!(", {role}")).unwrap_or_default();
            self.line(&format!("- {}{}", escaped(&who), escaped(&role)));
        }
        for channel in support {
            let name = text(channel, "channel").unwrap_or_default();
            let details: Vec<String> = ["tool", "scope", "url"].iter().filter_map(|key| text(channel, key)).collect();
            let details = if details.is_empty() {
                String::new()
            } else {
                format!(" ({})", details.join(", "))
            };
            self.line(&format!("- Support: {}{}", escaped(&name), escaped(&details)));
        }
    }

    fn row(&mut self, label: &str, value: &str) {
        self.line(&format!("| {label} | {value} |"));
    }

    fn line(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{text}");
    }
}

fn collect<'a>(subject: &Subject<'a>, typed: Typed<'a>, above: &str, rules: &mut Vec<(String, &'a QualityRule)>) {
    let path = below(above, &typed.property.wire_name);
    rules.extend(typed.property.quality.iter().map(|rule| (path.clone(), rule)));
    if let LogicalType::Object { properties, .. } = &typed.property.logical_type {
        for inner in subject.nested(typed.node, properties) {
            collect(subject, inner, &path, rules);
        }
    }
    for part in parts(subject, typed) {
        collect(subject, part, &path, rules);
    }
}

/// What the options of a type say, in words.
fn clauses(logical_type: &LogicalType, enumeration: &[Literal]) -> Vec<String> {
    let mut out = Vec::new();
    let between = |out: &mut Vec<String>, what: &str, min: Option<u64>, max: Option<u64>| match (min, max) {
        (Some(min), Some(max)) => out.push(format!("{min} to {max} {what}")),
        (Some(min), None) => out.push(format!("at least {min} {what}")),
        (None, Some(max)) => out.push(format!("at most {max} {what}")),
        (None, None) => {}
    };
    let limits = |out: &mut Vec<String>, bounds: &Bounds| {
        let all = [
            ("≥", &bounds.minimum),
            ("≤", &bounds.maximum),
            (">", &bounds.exclusive_minimum),
            ("<", &bounds.exclusive_maximum),
        ];
        out.extend(
            all.iter()
                .filter_map(|(sign, bound)| Some(format!("{sign} {}", escaped(bound.as_ref()?)))),
        );
    };
    match logical_type {
        LogicalType::String {
            min_length,
            max_length,
            pattern,
            format,
        } => {
            between(&mut out, "characters", *min_length, *max_length);
            out.extend(pattern.as_ref().map(|pattern| format!("like {}", code(pattern))));
            out.extend(format.as_ref().map(|format| format!("a valid {}", escaped(format))));
        }
        LogicalType::Date { format, bounds } | LogicalType::Time { format, bounds } | LogicalType::Timestamp { format, bounds, .. } => {
            out.extend(format.as_ref().map(|format| format!("written {}", code(format))));
            limits(&mut out, bounds);
        }
        LogicalType::Number { multiple_of, bounds, .. } | LogicalType::Integer { multiple_of, bounds, .. } => {
            limits(&mut out, bounds);
            out.extend(multiple_of.as_ref().map(|factor| format!("a multiple of {}", escaped(factor))));
        }
        LogicalType::Object {
            min_properties,
            max_properties,
            ..
        } => between(&mut out, "fields", *min_properties, *max_properties),
        LogicalType::Array {
            min_items,
            max_items,
            unique_items,
            ..
        } => {
            between(&mut out, "items", *min_items, *max_items);
            if *unique_items {
                out.push(String::from("no two equal items"));
            }
        }
        LogicalType::Boolean | LogicalType::Map { .. } | LogicalType::Vector { .. } | LogicalType::Any => {}
    }
    if !enumeration.is_empty() {
        let values: Vec<String> = enumeration.iter().map(literal).collect();
        out.push(format!("one of {}", values.join(", ")));
    }
    out
}

/// What a rule asks, as it is written.
fn asks(rule: &QualityRule) -> String {
    let limit = rule.threshold.as_ref().map(threshold).unwrap_or_default();
    let unit = if rule.percent { " percent of the rows" } else { " rows" };
    match &rule.kind {
        RuleKind::Cel { expression } => code(expression),
        RuleKind::Sql { query } => format!("{} {limit}", code(query)),
        RuleKind::Library(metric) => {
            let what = match metric {
                Metric::NullValues => String::from("Null values:"),
                Metric::MissingValues(values) => format!("Missing values ({}):", values.iter().map(literal).collect::<Vec<_>>().join(", ")),
                Metric::InvalidValues { valid, pattern } => {
                    let mut of: Vec<String> = valid.iter().map(literal).collect();
                    of.extend(pattern.as_ref().map(|pattern| code(pattern)));
                    format!("Values other than {}:", of.join(", "))
                }
                Metric::DuplicateValues(properties) if properties.is_empty() => String::from("Duplicates:"),
                Metric::DuplicateValues(properties) => {
                    format!(
                        "Duplicates of {}:",
                        properties.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
                    )
                }
                Metric::RowCount => return format!("Rows: {limit}"),
            };
            format!("{what} {limit}{unit}")
        }
        RuleKind::NotExecuted => String::from("Not executed by Tidegate."),
    }
}

fn threshold(threshold: &Threshold) -> String {
    match threshold {
        Threshold::Be(value) => format!("must be {}", literal(value)),
        Threshold::NotBe(value) => format!("must not be {}", literal(value)),
        Threshold::GreaterThan(limit) => format!("more than {limit}"),
        Threshold::GreaterOrEqual(limit) => format!("at least {limit}"),
        Threshold::LessThan(limit) => format!("less than {limit}"),
        Threshold::LessOrEqual(limit) => format!("at most {limit}"),
        Threshold::Between(low, high) => format!("from {low} to {high}"),
        Threshold::NotBetween(low, high) => format!("not from {low} to {high}"),
    }
}

fn failure(rule: &QualityRule) -> &'static str {
    match (rule.severity, &rule.kind) {
        (Severity::Error, RuleKind::Cel { .. }) => "makes the event invalid",
        (Severity::Error, _) => "is an error",
        (Severity::Warning, _) => "is a warning",
        (Severity::Info, _) => "is counted",
    }
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "JSON",
        Encoding::Avro => "Avro",
        Encoding::ConfluentProtobuf => "Protobuf",
        Encoding::ConfluentJson => "JSON with Confluent's prefix",
        Encoding::GlueAvro => "Avro in AWS Glue's frame",
        Encoding::GlueProtobuf => "Protobuf in AWS Glue's frame",
        Encoding::GlueJson => "JSON in AWS Glue's frame",
        Encoding::ApicurioAvro => "Avro in Apicurio's frame",
        Encoding::ApicurioJson => "JSON in Apicurio's frame",
        Encoding::Protobuf => "Protobuf without a frame",
        Encoding::CloudEvents => "CloudEvents with JSON",
        Encoding::CloudEventsAvro => "CloudEvents with Avro",
        Encoding::CloudEventsProtobuf => "CloudEvents with Protobuf",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Proposed => "proposed",
        Status::Active => "active",
        Status::Deprecated => "deprecated",
        Status::Retired => "retired",
    }
}

fn consequence(status: Status) -> &'static str {
    match status {
        Status::Draft => "not loaded",
        Status::Proposed => "judged and counted, everything passes",
        Status::Active | Status::Deprecated => "enforced",
        Status::Retired => "every event is a dead letter",
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::String(text) | Literal::Number(text) => code(text),
        Literal::Bool(value) => code(&value.to_string()),
        Literal::Null => String::from("null"),
    }
}

/// Text that Markdown must take as it is, in one line of a table.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '<' | '[' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Code in a table: bars are escaped there too, and a backtick inside needs two around.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}
