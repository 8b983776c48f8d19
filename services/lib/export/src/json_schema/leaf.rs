//! Leaves: type, range, options.

use serde_json::{Map, Number, Value, json};
use tidegate_check::plan::LeafType;
use tidegate_contract::model::{Bounds, Literal};
use tidegate_contract::{LogicalType, decimal};

use super::{Writer, also, forms};
use crate::{Gap, Typed};

/// Past this every text is infinite as a double: the middle between the largest double and the next power of two.
const F64_END: &str = "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792";
/// Likewise for floats.
const F32_END: &str = "340282356779733661637539395458142568448";

/// Writes type and options of a leaf.
pub(super) fn write(writer: &mut Writer<'_, '_>, schema: &mut Map<String, Value>, typed: Typed<'_>, leaf: LeafType, path: &str) {
    let property = typed.property;
    let mut gap = |problem: &str| writer.gaps.push(Gap::new(path, &property.location, problem));
    match (&property.logical_type, leaf) {
        (_, LeafType::Bool) => drop(schema.insert("type".into(), json!("boolean"))),
        (LogicalType::Integer { bounds, multiple_of, .. } | LogicalType::Number { bounds, multiple_of, .. }, leaf) => {
            number_type(schema, leaf);
            if leaf != LeafType::F32 {
                options(schema, bounds, multiple_of.as_deref());
            } else if multiple_of.is_some() || is_bounded(bounds) {
                gap("limits of 32-bit floats compare the nearest float, not the digits");
            }
        }
        (_, LeafType::Bytes) => {
            schema.insert("type".into(), json!("string"));
            schema.insert("contentEncoding".into(), json!("base64"));
            schema.insert("pattern".into(), json!(forms::BASE64));
        }
        (
            LogicalType::String {
                min_length,
                max_length,
                pattern,
                format,
            },
            _,
        ) => {
            schema.insert("type".into(), json!("string"));
            super::limit(schema, "minLength", *min_length);
            super::limit(schema, "maxLength", *max_length);
            if let Some(pattern) = pattern {
                schema.insert("pattern".into(), json!(&**pattern));
            }
            text_format(schema, format.as_deref());
        }
        (LogicalType::Date { format, bounds }, _) => {
            schema.insert("type".into(), json!("string"));
            match format {
                Some(_) => gap("the JDK pattern of the date is not said"),
                None => form(schema, Some("date"), forms::date()),
            }
            bounded(bounds, &mut gap);
        }
        (LogicalType::Time { format, bounds }, _) => {
            schema.insert("type".into(), json!("string"));
            match format {
                Some(_) => gap("the JDK pattern of the time is not said"),
                // RFC 3339's `time` has an offset, which a time of day has not.
                None => form(schema, None, forms::time()),
            }
            bounded(bounds, &mut gap);
        }
        (
            LogicalType::Timestamp {
                format,
                timezone,
                default_timezone,
                bounds,
            },
            _,
        ) => {
            schema.insert("type".into(), json!("string"));
            match format {
                Some(_) => gap("the JDK pattern of the timestamp is not said"),
                None => form(schema, None, forms::timestamp(*timezone, default_timezone.is_some())),
            }
            bounded(bounds, &mut gap);
        }
        (_, leaf) => number_type(schema, leaf),
    }
    allowed(writer, schema, typed, path);
}

/// The type of a number with the range and the step that it has in itself.
pub(super) fn number_type(schema: &mut Map<String, Value>, leaf: LeafType) {
    match leaf {
        LeafType::Int { bits, signed } => {
            let (least, most) = integer_range(bits, signed);
            schema.insert("type".into(), json!("integer"));
            schema.insert("minimum".into(), exact(&least));
            schema.insert("maximum".into(), exact(&most));
        }
        LeafType::Decimal { precision, scale } => {
            let end = format!("1{}", "0".repeat(usize::from(precision - scale)));
            schema.insert("type".into(), json!("number"));
            schema.insert("exclusiveMinimum".into(), exact(&format!("-{end}")));
            schema.insert("exclusiveMaximum".into(), exact(&end));
            schema.insert("multipleOf".into(), exact(&step(scale)));
        }
        LeafType::F32 | LeafType::F64 => {
            let end = if leaf == LeafType::F32 { F32_END } else { F64_END };
            schema.insert("type".into(), json!("number"));
            schema.insert("exclusiveMinimum".into(), exact(&format!("-{end}")));
            schema.insert("exclusiveMaximum".into(), exact(end));
        }
        _ => {}
    }
}

/// Literals as JSON values; none where one value has several texts, so that `enum` would accept too little.
pub(super) fn constants(writer: &Writer<'_, '_>, typed: Typed<'_>, literals: &[Literal]) -> Option<Vec<Value>> {
    let single = match (writer.subject.leaf(typed)?, &typed.property.logical_type) {
        (LeafType::Date, LogicalType::Date { format: None, .. }) => true,
        (LeafType::Date | LeafType::Time | LeafType::Timestamp { .. }, _) => false,
        // Two texts near a literal are one float.
        (LeafType::F32 | LeafType::F64, _) => false,
        _ => true,
    };
    let values = literals
        .iter()
        .filter(|literal| **literal != Literal::Null)
        .map(|literal| match literal {
            Literal::String(text) => json!(&**text),
            Literal::Number(text) => exact(text),
            Literal::Bool(value) => json!(value),
            Literal::Null => Value::Null,
        });
    (single || literals.is_empty()).then(|| values.collect())
}

fn allowed(writer: &mut Writer<'_, '_>, schema: &mut Map<String, Value>, typed: Typed<'_>, path: &str) {
    let literals = &typed.property.enumeration;
    if literals.is_empty() {
        return;
    }
    match constants(writer, typed, literals) {
        Some(values) => drop(schema.insert("enum".into(), Value::Array(values))),
        None => {
            let problem = "`enum` compares values, and one value has several texts here";
            writer.gaps.push(Gap::new(path, &typed.property.location, problem));
        }
    }
}

/// Limits of the contract beside those of the type.
fn options(schema: &mut Map<String, Value>, bounds: &Bounds, multiple_of: Option<&str>) {
    let given = [
        ("minimum", bounds.minimum.as_deref()),
        ("maximum", bounds.maximum.as_deref()),
        ("exclusiveMinimum", bounds.exclusive_minimum.as_deref()),
        ("exclusiveMaximum", bounds.exclusive_maximum.as_deref()),
        ("multipleOf", multiple_of),
    ];
    for (name, text) in given {
        let Some(text) = text else { continue };
        let own = schema.get(name).map(ToString::to_string);
        match own.as_deref().map(|own| (own, decimal::compare(text, own))) {
            // The narrower limit implies the other.
            Some((_, Some(order))) if name.ends_with("inimum") => {
                if order.is_gt() {
                    schema.insert(name.into(), exact(text));
                }
            }
            Some((_, Some(order))) if name.ends_with("aximum") => {
                if order.is_lt() {
                    schema.insert(name.into(), exact(text));
                }
            }
            Some(_) => also(schema, json!({name: exact(text)})),
            None => drop(schema.insert(name.into(), exact(text))),
        }
    }
}

fn text_format(schema: &mut Map<String, Value>, format: Option<&str>) {
    let (name, pattern) = match format {
        Some("email") => ("email", forms::email()),
        Some("uuid") => ("uuid", forms::UUID.to_owned()),
        Some("uri") => ("uri", forms::URI.to_owned()),
        Some("hostname") => ("hostname", forms::hostname()),
        Some("ipv4") => ("ipv4", forms::ipv4()),
        Some("ipv6") => ("ipv6", forms::ipv6()),
        _ => return,
    };
    form(schema, Some(name), pattern);
}

fn form(schema: &mut Map<String, Value>, format: Option<&str>, pattern: String) {
    if let Some(format) = format {
        schema.insert("format".into(), json!(format));
    }
    if schema.contains_key("pattern") {
        also(schema, json!({"pattern": pattern}));
    } else {
        schema.insert("pattern".into(), json!(pattern));
    }
}

fn bounded(bounds: &Bounds, gap: &mut impl FnMut(&str)) {
    if is_bounded(bounds) {
        gap("limits of dates and times are not said");
    }
}

fn is_bounded(bounds: &Bounds) -> bool {
    let all = [
        &bounds.minimum,
        &bounds.maximum,
        &bounds.exclusive_minimum,
        &bounds.exclusive_maximum,
    ];
    all.iter().any(|bound| bound.is_some())
}

fn integer_range(bits: u8, signed: bool) -> (String, String) {
    match (bits, signed) {
        // As many digits as an exact column of the lake has.
        (128, true) => (format!("-{}", "9".repeat(38)), "9".repeat(38)),
        (128, false) => (String::from("0"), "9".repeat(38)),
        (bits, true) => {
            let end = 1_i128 << (bits - 1);
            ((-end).to_string(), (end - 1).to_string())
        }
        (bits, false) => (String::from("0"), ((1_i128 << bits) - 1).to_string()),
    }
}

fn step(scale: u8) -> String {
    match scale {
        0 => String::from("1"),
        scale => format!("0.{}1", "0".repeat(usize::from(scale) - 1)),
    }
}

/// A number with every digit that it is written with.
fn exact(text: &str) -> Value {
    let plain = text.strip_prefix('+').unwrap_or(text);
    match serde_json::from_str::<Number>(plain) {
        Ok(number) => Value::Number(number),
        // YAML writes numbers that JSON does not, such as `.5` and `0x1F`.
        Err(_) => {
            let filled = match plain.strip_prefix('-') {
                Some(rest) if rest.starts_with('.') => format!("-0{rest}"),
                None if plain.starts_with('.') => format!("0{plain}"),
                _ => plain.trim_end_matches('.').to_owned(),
            };
            serde_json::from_str::<Number>(&filled).map_or(Value::Null, Value::Number)
        }
    }
}
