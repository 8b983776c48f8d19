//! `logicalTypeOptions`, each for its type.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Reader;
use super::edition::Edition;
use super::keys;
use super::shape::{Keys, check_keys};
use crate::civil::{Civil, fixed_offset};
use crate::codes;
use crate::decimal::compare;
use crate::jdk_date::DatePattern;
use crate::model::{Bounds, LogicalType, Property};
use crate::nearest::{did_you_mean, nearest};
use crate::pattern;
use crate::problems::quoted;
use crate::yaml::{At, Value, json_number};

const STRING_FORMATS: [&str; 9] = ["password", "byte", "binary", "email", "uuid", "uri", "hostname", "ipv4", "ipv6"];
const INTEGER_FORMATS: [&str; 10] = ["i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128"];
const NUMBER_FORMATS: [&str; 2] = ["f32", "f64"];

/// Which part of a date and time a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Temporal {
    Date,
    Time,
    Timestamp,
}

// === impl Reader ===

impl Reader<'_> {
    /// Checks the keys; the options that passed can be read without looking at their kind again.
    fn options<'a>(&mut self, options: Option<&At<'a>>, keys: &Keys) -> Option<At<'a>> {
        let options = options?;
        check_keys(options, keys, self.edition, self.problems);
        Some(options.clone())
    }

    pub(super) fn refuse_options(&mut self, options: Option<&At<'_>>) {
        self.options(options, &keys::NO_OPTIONS);
    }

    pub(super) fn read_string(&mut self, options: Option<&At<'_>>) -> LogicalType {
        let options = self.options(options, &keys::STRING_OPTIONS);
        let (min_length, max_length) = self.range(options.as_ref(), "minLength", "maxLength");
        let pattern = options.as_ref().and_then(|options| options.get("pattern"));
        if let Some(at) = &pattern
            && let Some(text) = at.as_text()
            && let Err(reason) = pattern::compile(&text)
        {
            let (reason, help) = reason.split_once("; ").unwrap_or((&reason, ""));
            self.problems
                .error(codes::PATTERN, at.place(), format!("this pattern cannot be used: {reason}"), help);
        }
        let format = options.as_ref().and_then(|options| options.get("format"));
        if let Some(at) = &format
            && let Some(text) = at.as_text()
            && !STRING_FORMATS.contains(&&*text)
        {
            let problem = format!("the format {} is not executed", quoted(&text));
            match nearest(&text, STRING_FORMATS) {
                Some(near) => self
                    .problems
                    .warning(codes::NOT_EXECUTED, at.place(), problem, format!("did you mean `{near}`?")),
                None => self
                    .problems
                    .note(codes::NOT_EXECUTED, at.place(), problem, did_you_mean(&text, &STRING_FORMATS)),
            }
        }
        LogicalType::String {
            min_length,
            max_length,
            pattern: pattern.and_then(|at| at.as_text()),
            format: format.and_then(|at| at.as_text()),
        }
    }

    pub(super) fn read_integer(&mut self, property: &At<'_>, options: Option<&At<'_>>) -> LogicalType {
        let options = self.options(options, &keys::INTEGER_OPTIONS);
        let format = self.word(options.as_ref(), "format", &INTEGER_FORMATS);
        if options.as_ref().and_then(|options| options.get("format")).is_none() {
            let help = "write `logicalTypeOptions: {format: i64}` or another width to say what you mean";
            let problem = "an integer without a format accepts any 64-bit integer";
            self.problems.note(codes::INTEGER_WIDTH, property.place(), problem, help);
        }
        let multiple_of = self.multiple_of(options.as_ref());
        LogicalType::Integer {
            format,
            multiple_of,
            bounds: self.number_bounds(options.as_ref()),
        }
    }

    pub(super) fn read_number(&mut self, options: Option<&At<'_>>) -> LogicalType {
        let options = self.options(options, &keys::NUMBER_OPTIONS);
        let format = self.word(options.as_ref(), "format", &NUMBER_FORMATS);
        let multiple_of = self.multiple_of(options.as_ref());
        LogicalType::Number {
            format,
            multiple_of,
            bounds: self.number_bounds(options.as_ref()),
        }
    }

    pub(super) fn read_date(&mut self, options: Option<&At<'_>>) -> LogicalType {
        let options = self.options(options, &keys::DATE_OPTIONS);
        let (format, bounds) = self.temporal(options.as_ref(), Temporal::Date);
        LogicalType::Date { format, bounds }
    }

    pub(super) fn read_time(&mut self, options: Option<&At<'_>>) -> LogicalType {
        let options = self.options(options, &keys::TIME_OPTIONS);
        let (format, bounds) = self.temporal(options.as_ref(), Temporal::Time);
        self.default_timezone(options.as_ref());
        LogicalType::Time { format, bounds }
    }

    pub(super) fn read_timestamp(&mut self, options: Option<&At<'_>>) -> LogicalType {
        let options = self.options(options, &keys::TIME_OPTIONS);
        let (format, bounds) = self.temporal(options.as_ref(), Temporal::Timestamp);
        let timezone = options.as_ref().and_then(|options| options.flag("timezone")).unwrap_or(true);
        LogicalType::Timestamp {
            format,
            timezone,
            default_timezone: self.default_timezone(options.as_ref()),
            bounds,
        }
    }

    pub(super) fn read_object_type(&mut self, options: Option<&At<'_>>, mut properties: Vec<Property>) -> LogicalType {
        let options = self.options(options, &keys::OBJECT_OPTIONS);
        let (min_properties, max_properties) = self.range(options.as_ref(), "minProperties", "maxProperties");
        for at in options.as_ref().map(|options| options.list("required")).unwrap_or_default() {
            let Some(name) = at.as_text() else { continue };
            let declares_nothing = properties.is_empty();
            match properties.iter_mut().find(|property| property.name == name) {
                Some(property) => property.required = true,
                None if declares_nothing => {
                    let problem = format!(
                        "{} is required, but the object declares no properties, so nothing checks it",
                        quoted(&name)
                    );
                    self.problems
                        .warning(codes::NOT_EXECUTED, at.place(), problem, "declare it under `properties`");
                }
                None => {
                    let known: Vec<&str> = properties.iter().map(|property| &*property.name).collect();
                    let problem = format!("{} is required and is not a property of the object", quoted(&name));
                    self.problems
                        .error(codes::RELATED, at.place(), problem, did_you_mean(&name, &known));
                }
            }
        }
        LogicalType::Object {
            properties,
            min_properties,
            max_properties,
        }
    }

    pub(super) fn read_array(&mut self, options: Option<&At<'_>>, items: Option<Box<Property>>) -> LogicalType {
        let options = self.options(options, &keys::ARRAY_OPTIONS);
        let (min_items, max_items) = self.range(options.as_ref(), "minItems", "maxItems");
        let unique_items = options.as_ref().and_then(|options| options.flag("uniqueItems")).unwrap_or(false);
        LogicalType::Array {
            items,
            min_items,
            max_items,
            unique_items,
        }
    }

    pub(super) fn read_vector(&mut self, property: &At<'_>, options: Option<&At<'_>>) -> LogicalType {
        let Some(options) = self.options(options, &keys::VECTOR_OPTIONS) else {
            let help = "add `logicalTypeOptions: {dimensions: 384}`";
            self.problems
                .error(codes::MISSING_KEY, property.place(), "a vector has no `dimensions`", help);
            return LogicalType::Any;
        };
        let dimensions = self.count(&options, "dimensions");
        if let (Some(0), Some(at)) = (dimensions, options.get("dimensions")) {
            self.problems
                .error(codes::BOUND, at.place(), "a vector needs at least one dimension", "");
        }
        LogicalType::Vector {
            dimensions: dimensions.unwrap_or(1),
            element_type: options.text("elementType"),
        }
    }

    fn word(&mut self, options: Option<&At<'_>>, key: &str, words: &[&str]) -> Option<Arc<str>> {
        let at = options?.get(key)?;
        let text = at.as_text()?;
        if words.contains(&&*text) {
            return Some(text);
        }
        let help = match &*text {
            "int64" | "long" | "bigint" => "write `i64`".to_owned(),
            "int32" | "int" => "write `i32`".to_owned(),
            "float" => "write `f32`".to_owned(),
            "double" => "write `f64`".to_owned(),
            _ => did_you_mean(&text, words),
        };
        self.problems.error(
            codes::OPTION,
            at.place(),
            format!("{} is not a format of this type", quoted(&text)),
            help,
        );
        None
    }

    /// A count that is not negative.
    fn count(&mut self, options: &At<'_>, key: &str) -> Option<u64> {
        let at = options.get(key)?;
        let Value::Number(text) = &at.node.value else { return None };
        let count = text.parse::<u64>().ok();
        // A value that is no whole number was reported with the form.
        if count.is_none() && text.parse::<i64>().is_ok() {
            self.problems
                .error(codes::BOUND, at.place(), format!("`{key}` cannot be negative"), "");
        }
        count
    }

    fn range(&mut self, options: Option<&At<'_>>, low: &str, high: &str) -> (Option<u64>, Option<u64>) {
        let Some(options) = options else { return (None, None) };
        let (least, most) = (self.count(options, low), self.count(options, high));
        if let (Some(least), Some(most), Some(at)) = (least, most, options.get(high))
            && least > most
        {
            let problem = format!("`{low}` {least} is above `{high}` {most}: nothing would pass");
            self.problems.error(codes::BOUND, at.place(), problem, "swap them");
        }
        (least, most)
    }

    fn multiple_of(&mut self, options: Option<&At<'_>>) -> Option<Arc<str>> {
        let at = options?.get("multipleOf")?;
        let number = number(&at)?;
        if compare(&number, "0") != Some(Ordering::Greater) {
            self.problems.error(codes::BOUND, at.place(), "`multipleOf` must be above 0", "");
        }
        Some(number)
    }

    fn number_bounds(&mut self, options: Option<&At<'_>>) -> Bounds {
        let Some(options) = options else { return Bounds::default() };
        let read = |key: &str| options.get(key).and_then(|at| number(&at));
        let mut bounds = Bounds {
            minimum: read("minimum"),
            maximum: read("maximum"),
            ..Bounds::default()
        };
        bounds.exclusive_minimum = self.exclusive(options, "exclusiveMinimum", "minimum", &mut bounds.minimum, number);
        bounds.exclusive_maximum = self.exclusive(options, "exclusiveMaximum", "maximum", &mut bounds.maximum, number);
        for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] {
            if let Some(at) = options.get(key)
                && let Value::Number(text) = &at.node.value
                && json_number(text).and_then(|text| compare(&text, "0")).is_none()
            {
                self.problems.error(
                    codes::BOUND,
                    at.place(),
                    format!("`{key}` must be a finite number of reasonable size"),
                    "",
                );
            }
        }
        self.refuse_empty(options, &bounds, compare);
        bounds
    }

    /// A number or text of its own since v3.1.0; before that a truth value that makes the inclusive limit exclusive.
    fn exclusive(
        &mut self,
        options: &At<'_>,
        key: &str,
        inclusive_key: &str,
        inclusive: &mut Option<Arc<str>>,
        read: impl Fn(&At<'_>) -> Option<Arc<str>>,
    ) -> Option<Arc<str>> {
        let at = options.get(key)?;
        if let Some(limit) = read(&at) {
            return Some(limit);
        }
        match at.node.value {
            Value::Bool(exclusive) if self.edition == Edition::V3_0 => {
                if exclusive && options.get(inclusive_key).is_none() {
                    let help = format!("add `{inclusive_key}`");
                    self.problems
                        .error(codes::BOUND, at.place(), format!("`{key}: true` without `{inclusive_key}`"), help);
                }
                if exclusive { inclusive.take() } else { None }
            }
            Value::Bool(_) => {
                let problem = format!("`{key}` is a limit of its own since v3.1.0, not a truth value");
                let help = format!("move the value of `{inclusive_key}` here");
                self.problems.error(codes::WRONG_TYPE, at.place(), problem, help);
                None
            }
            Value::Number(_) => None,
            _ => {
                let problem = format!("`{key}` cannot be {}", at.node.kind());
                self.problems.error(
                    codes::WRONG_TYPE,
                    at.place(),
                    problem,
                    format!("write a value like that of `{inclusive_key}`"),
                );
                None
            }
        }
    }

    fn temporal(&mut self, options: Option<&At<'_>>, kind: Temporal) -> (Option<Arc<str>>, Bounds) {
        let Some(options) = options else { return (None, Bounds::default()) };
        let format = options.get("format");
        let mut pattern = None;
        if let Some(at) = &format
            && let Some(text) = at.as_text()
        {
            pattern = self.date_pattern(at, &text, kind);
        }
        let format_is_good = format.is_none() || pattern.is_some();
        let text = |at: &At<'_>| at.as_text();
        let read = |key: &str| options.get(key).and_then(|at| at.as_text());
        let mut bounds = Bounds {
            minimum: read("minimum"),
            maximum: read("maximum"),
            ..Bounds::default()
        };
        bounds.exclusive_minimum = self.exclusive(options, "exclusiveMinimum", "minimum", &mut bounds.minimum, text);
        bounds.exclusive_maximum = self.exclusive(options, "exclusiveMaximum", "maximum", &mut bounds.maximum, text);
        let mut readable = format_is_good;
        for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
            .into_iter()
            .filter(|_| format_is_good)
        {
            let Some(at) = options.get(key) else { continue };
            let Some(limit) = at.as_text() else { continue };
            if instant(&limit, pattern.as_ref(), kind).is_none() {
                readable = false;
                let problem = format!("`{key}` {} is not a {} that can be read", quoted(&limit), kind.name());
                let help = format!(
                    "write it as {}{}",
                    kind.example(),
                    if pattern.is_some() { " or in the `format`" } else { "" }
                );
                self.problems.error(codes::BOUND, at.place(), problem, help);
            }
        }
        if readable {
            self.refuse_empty(options, &bounds, |a, b| {
                instant(a, pattern.as_ref(), kind)?.partial_cmp(&instant(b, pattern.as_ref(), kind)?)
            });
        }
        (format.and_then(|at| at.as_text()), bounds)
    }

    fn date_pattern(&mut self, at: &At<'_>, text: &str, kind: Temporal) -> Option<DatePattern> {
        let pattern = match DatePattern::compile(text) {
            Ok(pattern) => pattern,
            Err(reason) => {
                let (reason, help) = reason.split_once("; ").unwrap_or((&reason, ""));
                self.problems.error(
                    codes::DATE_PATTERN,
                    at.place(),
                    format!("this date pattern is not accepted: {reason}"),
                    help,
                );
                return None;
            }
        };
        let missing = match kind {
            Temporal::Date | Temporal::Timestamp if !pattern.has_date() => Some("year, month and day"),
            Temporal::Time | Temporal::Timestamp if !pattern.has_time() => Some("the hour"),
            _ => None,
        };
        if let Some(missing) = missing {
            let problem = format!("this date pattern does not say {missing}, which a {} needs", kind.name());
            self.problems.error(
                codes::DATE_PATTERN,
                at.place(),
                problem,
                format!("for example {}", kind.example_pattern()),
            );
            return None;
        }
        Some(pattern)
    }

    fn default_timezone(&mut self, options: Option<&At<'_>>) -> Option<Arc<str>> {
        let at = options?.get("defaultTimezone")?;
        let zone = at.as_text()?;
        if fixed_offset(&zone).is_none() {
            let problem = format!("the time zone {} is not a fixed offset", quoted(&zone));
            let help = "write `Etc/UTC` or an offset such as '+02:00', or let events carry their own offset";
            self.problems.error(codes::ZONE, at.place(), problem, help);
        }
        Some(zone)
    }

    /// Limits that leave nothing are a mistake of the contract, not of every event.
    fn refuse_empty(&mut self, options: &At<'_>, bounds: &Bounds, order: impl Fn(&str, &str) -> Option<Ordering>) {
        let lows = [
            ("minimum", &bounds.minimum, true),
            ("exclusiveMinimum", &bounds.exclusive_minimum, false),
        ];
        let highs = [
            ("maximum", &bounds.maximum, true),
            ("exclusiveMaximum", &bounds.exclusive_maximum, false),
        ];
        for (low_key, low, low_included) in lows {
            for (high_key, high, high_included) in highs {
                let (Some(low), Some(high)) = (low, high) else { continue };
                let empty = match order(low, high) {
                    Some(Ordering::Greater) => true,
                    Some(Ordering::Equal) => !(low_included && high_included),
                    _ => false,
                };
                if empty {
                    let place = options
                        .get(high_key)
                        .or_else(|| options.get(low_key))
                        .map_or(options.place(), |at| at.place());
                    let problem = format!("`{low_key}` {} and `{high_key}` {}: nothing would pass", quoted(low), quoted(high));
                    self.problems.error(codes::BOUND, place, problem, "swap them or widen one");
                }
            }
        }
    }
}

// === impl Temporal ===

impl Temporal {
    fn name(self) -> &'static str {
        match self {
            Temporal::Date => "date",
            Temporal::Time => "time",
            Temporal::Timestamp => "timestamp",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Temporal::Date => "2026-11-21",
            Temporal::Time => "08:15:30",
            Temporal::Timestamp => "2026-11-21T08:15:30Z",
        }
    }

    fn example_pattern(self) -> &'static str {
        match self {
            Temporal::Date => "yyyy-MM-dd",
            Temporal::Time => "HH:mm:ss",
            Temporal::Timestamp => "yyyy-MM-dd'T'HH:mm:ssXXX",
        }
    }
}

/// Where a limit lies, for comparison with other limits of the same property.
fn instant(text: &str, pattern: Option<&DatePattern>, kind: Temporal) -> Option<i128> {
    let iso = || match kind {
        Temporal::Date => Civil::from_iso_date(text),
        Temporal::Time => Civil::from_iso_time(text),
        Temporal::Timestamp => Civil::from_iso_timestamp(text),
    };
    let civil = pattern.and_then(|pattern| pattern.parse(text)).or_else(iso)?;
    Some(civil.epoch_nanos(0))
}

fn number(at: &At<'_>) -> Option<Arc<str>> {
    match &at.node.value {
        Value::Number(text) => json_number(text).map(Into::into),
        _ => None,
    }
}
