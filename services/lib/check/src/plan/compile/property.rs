//! One property with everything below it.

use std::sync::Arc;

use tidegate_contract::model::{LogicalType, RuleKind};
use tidegate_contract::{Location, Property};

use super::leaf_type;
use super::{AnyShape, Body, Compiler, ItemLimits, Kind, LeafType, PropertyLimits, codes};
use crate::leaf::{self, LeafContext};
use crate::rules::bounds::{Limits, TemporalLimits};
use crate::rules::enumeration::Allowed;
use crate::rules::format::TextFormat;
use crate::rules::length::Length;
use crate::rules::library::{LibraryRule, Refused};
use crate::rules::multiple_of::MultipleOf;
use crate::rules::pattern::Pattern;
use crate::rules::text::TextLimits;
use crate::temporal::DAY_MICROS;

/// Levels of nesting that a contract may declare.
const DEPTH_MAX: usize = 32;

// === impl Compiler ===

impl<'c> Compiler<'c> {
    /// Adds a property; `object` is the object node that holds it, where one does.
    pub(super) fn property(&mut self, property: &'c Property, object: Option<usize>, depth: usize) -> usize {
        let node = self.node(&property.name, &property.wire_name, &property.location);
        self.checks[node].required = property.required;
        if depth > DEPTH_MAX {
            self.problem(
                codes::SHAPE,
                &property.location,
                format!("properties are nested deeper than {DEPTH_MAX}"),
                "",
            );
            return node;
        }
        self.shape(node, property, depth);
        self.allowed(node, property);
        self.quality(node, property, object);
        node
    }

    fn shape(&mut self, node: usize, property: &'c Property, depth: usize) {
        match &property.logical_type {
            LogicalType::String {
                min_length,
                max_length,
                pattern,
                format,
            } => {
                if leaf_type::is_bytes(format.as_deref()) {
                    self.leaf(node, property, LeafType::Bytes, Body::Bare);
                    return;
                }
                let pattern = pattern.as_deref().and_then(|pattern| self.pattern(pattern, &property.location));
                let limits = TextLimits {
                    length: Length {
                        min: *min_length,
                        max: *max_length,
                    },
                    pattern,
                    format: format.as_deref().and_then(TextFormat::named),
                };
                self.leaf(node, property, LeafType::Str, Body::Text(limits));
            }
            LogicalType::Boolean => self.leaf(node, property, LeafType::Bool, Body::Bare),
            LogicalType::Integer {
                format,
                multiple_of,
                bounds,
            } => {
                let Some(leaf) = leaf_type::integer(format.as_deref()) else {
                    let problem = format!("`{}` is no integer format", format.as_deref().unwrap_or_default());
                    self.problem(
                        codes::BOUND,
                        &property.location,
                        problem,
                        "use i8, i16, i32, i64, i128, u8, u16, u32, u64 or u128",
                    );
                    return;
                };
                self.number(node, property, leaf, multiple_of.as_ref(), bounds);
            }
            LogicalType::Number {
                format,
                multiple_of,
                bounds,
            } => match leaf_type::number(format.as_deref(), property.physical_type.as_deref()) {
                Ok(leaf) => self.number(node, property, leaf, multiple_of.as_ref(), bounds),
                Err(problem) => self.problem(
                    codes::DECIMAL_WIDTH,
                    &property.location,
                    problem,
                    "use at most 38 digits, or logicalType string where the connector writes decimals as text",
                ),
            },
            LogicalType::Date { format, bounds } => {
                self.jdk_pattern(node, format.as_deref(), &property.location);
                self.leaf(node, property, LeafType::Date, Body::Bare);
                self.temporal(node, property, bounds);
            }
            LogicalType::Time { format, bounds } => {
                self.jdk_pattern(node, format.as_deref(), &property.location);
                self.leaf(node, property, LeafType::Time, Body::Bare);
                self.temporal(node, property, bounds);
            }
            LogicalType::Timestamp {
                format,
                timezone,
                default_timezone,
                bounds,
            } => {
                self.jdk_pattern(node, format.as_deref(), &property.location);
                if let Some(zone) = default_timezone {
                    match tidegate_contract::civil::fixed_offset(zone) {
                        Some(seconds) => self.checks[node].wire.assumed_offset = Some(seconds),
                        None => self.problem(
                            codes::ZONE,
                            &property.location,
                            format!("`{zone}` is not a fixed offset"),
                            "use Etc/UTC or an offset such as +02:00",
                        ),
                    }
                }
                self.leaf(node, property, LeafType::Timestamp { utc: *timezone }, Body::Bare);
                self.temporal(node, property, bounds);
            }
            LogicalType::Object {
                properties,
                min_properties,
                max_properties,
            } => {
                let limits = PropertyLimits {
                    min: *min_properties,
                    max: *max_properties,
                };
                if properties.is_empty() {
                    self.any(node, AnyShape::Object, limits, ItemLimits::default());
                } else {
                    self.fields(node, properties, limits, depth);
                }
            }
            LogicalType::Array {
                items,
                min_items,
                max_items,
                unique_items,
            } => {
                let limits = ItemLimits {
                    min: *min_items,
                    max: *max_items,
                    unique: *unique_items,
                    dimensions: None,
                };
                match items {
                    None => self.any(node, AnyShape::Array, PropertyLimits::default(), limits),
                    Some(items) => {
                        let item = self.property(items, None, depth + 1);
                        self.nodes[item].name = Arc::from("item");
                        self.nodes[node].kind = Kind::Array(item);
                        self.checks[node].body = Body::Items(limits);
                    }
                }
            }
            LogicalType::Map { key, value } => {
                let key_node = self.property(key, None, depth + 1);
                let value_node = self.property(value, None, depth + 1);
                if !matches!(self.nodes[key_node].kind, Kind::Leaf(_)) {
                    let problem = String::from("the key of a map must be a text, number, boolean or moment");
                    self.problem(codes::SHAPE, &key.location, problem, "");
                }
                self.nodes[key_node].name = Arc::from("key");
                self.nodes[value_node].name = Arc::from("value");
                self.nodes[node].kind = Kind::Map(key_node, value_node);
                self.checks[node].body = Body::Items(ItemLimits::default());
            }
            LogicalType::Vector { dimensions, element_type } => {
                let Some((leaf, body)) = leaf_type::element(element_type.as_deref()) else {
                    let problem = format!("`{}` is no element type", element_type.as_deref().unwrap_or_default());
                    let help = "use bfloat16, binary, float16, float32, float64, int8 or uint8";
                    self.problem(codes::SHAPE, &property.location, problem, help);
                    return;
                };
                let name = Arc::from("item");
                let item = self.node(&name, &name, &property.location);
                self.nodes[item].kind = Kind::Leaf(leaf);
                self.checks[item].body = body;
                self.checks[item].required = true;
                self.nodes[node].kind = Kind::Array(item);
                self.checks[node].body = Body::Items(ItemLimits {
                    dimensions: Some(*dimensions),
                    ..ItemLimits::default()
                });
            }
            LogicalType::Any => self.any(node, AnyShape::Value, PropertyLimits::default(), ItemLimits::default()),
        }
    }

    fn leaf(&mut self, node: usize, property: &Property, leaf: LeafType, body: Body) {
        self.nodes[node].kind = Kind::Leaf(leaf);
        self.checks[node].body = body;
        let has_pattern = self.checks[node].wire.pattern.is_some();
        self.checks[node].wire.column = self.column(property, leaf, has_pattern);
    }

    fn any(&mut self, node: usize, shape: AnyShape, properties: PropertyLimits, items: ItemLimits) {
        if items.unique {
            let location = self.checks[node].location.clone();
            self.problem(
                codes::SHAPE,
                &location,
                String::from("uniqueItems needs to know what the items are"),
                "declare `items` with a logicalType",
            );
        }
        self.checks[node].body = Body::Any { shape, properties, items };
    }

    fn number(
        &mut self,
        node: usize,
        property: &Property,
        leaf: LeafType,
        multiple_of: Option<&Arc<str>>,
        bounds: &tidegate_contract::model::Bounds,
    ) {
        let limits = Limits::parse(bounds).unwrap_or_else(|clause| {
            self.problem(
                codes::BOUND,
                &property.location,
                format!("`{clause}` is no number"),
                "write a plain number",
            );
            Limits::default()
        });
        let factor = multiple_of.and_then(|text| {
            let factor = MultipleOf::parse(text);
            if factor.is_none() {
                let problem = String::from("`multipleOf` is no number above zero");
                self.problem(codes::BOUND, &property.location, problem, "write a plain number such as 0.01");
            }
            factor
        });
        let bare = multiple_of.is_none()
            && bounds.minimum.is_none()
            && bounds.maximum.is_none()
            && bounds.exclusive_minimum.is_none()
            && bounds.exclusive_maximum.is_none();
        self.leaf(
            node,
            property,
            leaf,
            if bare {
                Body::Bare
            } else {
                Body::Number {
                    limits,
                    multiple_of: factor,
                }
            },
        );
    }

    /// Bounds may be written in the property's own pattern or in the ISO form.
    fn temporal(&mut self, node: usize, property: &Property, bounds: &tidegate_contract::model::Bounds) {
        let Kind::Leaf(leaf) = self.nodes[node].kind else { return };
        let wire = &self.checks[node].wire;
        let iso = crate::leaf::Wire {
            assumed_offset: Some(wire.assumed_offset.unwrap_or(0)),
            ..crate::leaf::Wire::default()
        };
        let read = |text: &str| {
            let by = |wire: &crate::leaf::Wire| match leaf {
                LeafType::Date => leaf::date_text(text, wire).ok().map(i64::from),
                LeafType::Time => leaf::time_text(text, wire).ok(),
                LeafType::Timestamp { utc } => leaf::timestamp_text(text, utc, wire)
                    .or_else(|unread| {
                        leaf::date_text(text, &iso)
                            .map(|days| i64::from(days) * DAY_MICROS)
                            .map_err(|_| unread)
                    })
                    .ok(),
                _ => None,
            };
            by(wire).or_else(|| by(&iso))
        };
        match TemporalLimits::parse(bounds, read) {
            Ok(limits) => self.checks[node].body = Body::Temporal(limits),
            Err(clause) => {
                let problem = format!("`{clause}` is no value of the property");
                self.problem(
                    codes::BOUND,
                    &property.location,
                    problem,
                    "write it as the property's values are written, or in ISO 8601",
                );
            }
        }
    }

    fn allowed(&mut self, node: usize, property: &Property) {
        if property.enumeration.is_empty() {
            return;
        }
        let Kind::Leaf(leaf) = self.nodes[node].kind else {
            self.problem(
                codes::ENUM,
                &property.location,
                String::from("`enum` needs a property that is a single value"),
                "",
            );
            return;
        };
        match Allowed::compile(
            &property.enumeration,
            &LeafContext {
                leaf,
                wire: &self.checks[node].wire,
            },
        ) {
            Ok(allowed) => self.checks[node].allowed = Some(allowed),
            Err(at) => {
                let problem = format!("value {} of `enum` can never be a value of the property", at + 1);
                self.problem(
                    codes::ENUM,
                    &property.location,
                    problem,
                    "quote text, and leave numbers without quotes",
                );
            }
        }
    }

    fn quality(&mut self, node: usize, property: &'c Property, object: Option<usize>) {
        for rule in &property.quality {
            if matches!(rule.kind, RuleKind::Cel { .. }) {
                match object {
                    Some(object) => self.rules.push((object, rule)),
                    None if matches!(self.nodes[node].kind, Kind::Object(_)) => self.rules.push((node, rule)),
                    None => self.problem(
                        codes::RULE,
                        &rule.location,
                        format!("rule `{}` stands at an item that has no properties", rule.id),
                        "put the rule at the object and use `value.list.all(item, …)`",
                    ),
                }
                continue;
            }
            let check = &self.checks[node];
            let context = match self.nodes[node].kind {
                Kind::Leaf(leaf) => Some(LeafContext { leaf, wire: &check.wire }),
                _ => None,
            };
            match LibraryRule::compile(rule, context.as_ref()) {
                Ok(compiled) => self.checks[node].library.extend(compiled),
                Err(Refused::Literal(at)) => {
                    let problem = format!("value {} of rule `{}` can never be a value of the property", at + 1, rule.id);
                    self.problem(codes::ENUM, &rule.location, problem, "quote text, and leave numbers without quotes");
                }
                Err(Refused::Pattern(problem)) => self.problem(codes::PATTERN, &rule.location, problem, ""),
                Err(Refused::Shape) => {
                    let problem = format!("rule `{}` needs a property that is a single value", rule.id);
                    self.problem(codes::SHAPE, &rule.location, problem, "");
                }
            }
        }
    }

    fn pattern(&mut self, text: &str, location: &Location) -> Option<Pattern> {
        match Pattern::compile(text) {
            Ok(pattern) => Some(pattern),
            Err(problem) => {
                self.problem(
                    codes::PATTERN,
                    location,
                    problem,
                    "look-around and back-references are not supported",
                );
                None
            }
        }
    }

    fn jdk_pattern(&mut self, node: usize, format: Option<&str>, location: &Location) {
        let Some(format) = format else { return };
        match crate::jdk::pattern(format) {
            Ok(pattern) => self.checks[node].wire.pattern = Some(pattern),
            Err(problem) => self.problem(
                codes::DATE_PATTERN,
                location,
                problem,
                "use letters such as yyyy, MM, dd, HH, mm, ss, SSS and XXX",
            ),
        }
    }
}
