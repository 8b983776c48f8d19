//! Events that are written as JSON and travel as Avro: the binary form by a schema, as the Avro specification 1.12 lays it down.
//!
//! Values stand as the schema's own types say: bytes and fixed as text with one character a byte (Avro's JSON encoding) unless they are
//! decimals, which are written as text such as "94.80"; times and dates as their numbers. A union takes the first branch that fits.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The deepest nesting of an event.
const DEPTH_MAX: usize = 64;

/// Id of the schema in the frame; every id is answered with the same schema.
const SCHEMA_ID: u32 = 1;

/// A schema as JSON with its named types.
pub(super) struct Writer {
    schema: Value,
    named: BTreeMap<String, Value>,
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(text: &str) -> anyhow::Result<Writer> {
        let schema: Value = serde_json::from_str(text).context("no JSON")?;
        let mut named = BTreeMap::new();
        collect(&schema, "", &mut named, 0)?;
        Ok(Writer { schema, named })
    }

    /// The record in Confluent's framing.
    pub(super) fn framed(&self, event: &[u8]) -> anyhow::Result<Vec<u8>> {
        let event: Value = serde_json::from_slice(event).context("the event is no JSON, so it cannot be written as Avro")?;
        let mut out = vec![0];
        out.extend(SCHEMA_ID.to_be_bytes());
        self.write(&self.schema, "", &event, "", 0, &mut out)?;
        Ok(out)
    }

    fn write(&self, schema: &Value, space: &str, value: &Value, at: &str, depth: usize, out: &mut Vec<u8>) -> anyhow::Result<()> {
        if depth > DEPTH_MAX {
            bail!("{at}: nested deeper than {DEPTH_MAX}");
        }
        let misfit = |what: &str| anyhow::anyhow!("{}: not {what}", if at.is_empty() { "the event" } else { at });
        let kind = match schema {
            Value::String(name) => name.as_str(),
            Value::Array(branches) => {
                for (number, branch) in branches.iter().enumerate() {
                    let mut tried = Vec::new();
                    if self.write(branch, space, value, at, depth + 1, &mut tried).is_ok() {
                        long(i64::try_from(number)?, out);
                        out.extend(tried);
                        return Ok(());
                    }
                }
                return Err(misfit("any branch of the union"));
            }
            Value::Object(object) => match &object["type"] {
                Value::String(name) => name.as_str(),
                nested => return self.write(nested, space, value, at, depth + 1, out),
            },
            _ => bail!("the schema is none"),
        };
        let attribute = |name: &str| schema.get(name);
        match kind {
            "null" if value.is_null() => {}
            "boolean" => out.push(u8::from(value.as_bool().ok_or_else(|| misfit("a boolean"))?)),
            "int" => long(
                i64::from(i32::try_from(value.as_i64().ok_or_else(|| misfit("an int"))?).map_err(|_| misfit("an int"))?),
                out,
            ),
            "long" => long(value.as_i64().ok_or_else(|| misfit("a long"))?, out),
            // Narrowing is what the type means.
            #[allow(clippy::cast_possible_truncation, reason = "a float of the schema has this width")]
            "float" => out.extend((value.as_f64().ok_or_else(|| misfit("a float"))? as f32).to_le_bytes()),
            "double" => out.extend(value.as_f64().ok_or_else(|| misfit("a double"))?.to_le_bytes()),
            "string" => bytes(value.as_str().ok_or_else(|| misfit("a string"))?.as_bytes(), out)?,
            "bytes" | "fixed" => {
                let text = value.as_str().ok_or_else(|| misfit("text"))?;
                let is_decimal = attribute("logicalType").and_then(Value::as_str) == Some("decimal");
                let size = attribute("size").and_then(Value::as_u64).map(usize::try_from).transpose()?;
                let raw = match is_decimal {
                    true => {
                        let scale = attribute("scale").and_then(Value::as_u64).unwrap_or(0);
                        let unscaled = unscaled(text, usize::try_from(scale)?).ok_or_else(|| misfit("a decimal of that scale"))?;
                        two(unscaled, size).ok_or_else(|| misfit("a decimal of that size"))?
                    }
                    false => text
                        .chars()
                        .map(|c| u8::try_from(u32::from(c)).map_err(|_| misfit("bytes, one character each")))
                        .collect::<anyhow::Result<_>>()?,
                };
                match (kind, size) {
                    ("fixed", Some(size)) if raw.len() == size => out.extend(raw),
                    ("fixed", _) => return Err(misfit("as long as the fixed type")),
                    _ => bytes(&raw, out)?,
                }
            }
            "enum" => {
                let symbols = attribute("symbols").and_then(Value::as_array).context("an enum has symbols")?;
                let number = symbols
                    .iter()
                    .position(|symbol| symbol == value)
                    .ok_or_else(|| misfit("a symbol of the enum"))?;
                long(i64::try_from(number)?, out);
            }
            "array" => {
                let items = value.as_array().ok_or_else(|| misfit("a list"))?;
                let item = attribute("items").context("an array has items")?;
                if !items.is_empty() {
                    long(i64::try_from(items.len())?, out);
                }
                for (number, value) in items.iter().enumerate() {
                    self.write(item, space, value, &format!("{at}/{number}"), depth + 1, out)?;
                }
                long(0, out);
            }
            "map" => {
                let entries = value.as_object().ok_or_else(|| misfit("a map"))?;
                let inner = attribute("values").context("a map has values")?;
                if !entries.is_empty() {
                    long(i64::try_from(entries.len())?, out);
                }
                for (key, value) in entries {
                    bytes(key.as_bytes(), out)?;
                    self.write(inner, space, value, &format!("{at}/*"), depth + 1, out)?;
                }
                long(0, out);
            }
            "record" => {
                let object = value.as_object().ok_or_else(|| misfit("an object"))?;
                let fields = attribute("fields").and_then(Value::as_array).context("a record has fields")?;
                let space = space_of(schema, space);
                let known = |name: &String| fields.iter().any(|field| field["name"].as_str() == Some(name.as_str()));
                if let Some(stranger) = object.keys().find(|name| !known(name)) {
                    bail!("{at}/{stranger}: the schema has no such field");
                }
                for field in fields {
                    let name = field["name"].as_str().context("a field has a name")?;
                    let value = object.get(name).or_else(|| field.get("default"));
                    let value = value.ok_or_else(|| anyhow::anyhow!("{at}/{name}: is missing and has no default"))?;
                    self.write(&field["type"], &space, value, &format!("{at}/{name}"), depth + 1, out)?;
                }
            }
            "null" => return Err(misfit("null")),
            name => {
                let full = if name.contains('.') || space.is_empty() {
                    name.to_owned()
                } else {
                    format!("{space}.{name}")
                };
                let named = self.named.get(&full).or_else(|| self.named.get(name));
                let named = named.with_context(|| format!("the schema names `{name}`, which it does not define"))?;
                let (space, _) = full.rsplit_once('.').unwrap_or_default();
                return self.write(named, space, value, at, depth + 1, out);
            }
        }
        Ok(())
    }
}

/// Named types by their full names.
fn collect(schema: &Value, space: &str, named: &mut BTreeMap<String, Value>, depth: usize) -> anyhow::Result<()> {
    if depth > DEPTH_MAX {
        bail!("the schema is nested deeper than {DEPTH_MAX}");
    }
    match schema {
        Value::Array(branches) => branches.iter().try_for_each(|branch| collect(branch, space, named, depth + 1)),
        Value::Object(object) => {
            let space = space_of(schema, space);
            if let Some(name) = schema["name"].as_str().filter(|_| !matches!(schema["type"], Value::Null)) {
                let short = name.rsplit('.').next().unwrap_or(name);
                let full = if space.is_empty() {
                    short.to_owned()
                } else {
                    format!("{space}.{short}")
                };
                named.entry(full).or_insert_with(|| schema.clone());
            }
            for key in ["type", "items", "values"] {
                if let Some(inner) = object.get(key) {
                    collect(inner, &space, named, depth + 1)?;
                }
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                collect(&field["type"], &space, named, depth + 1)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn space_of(schema: &Value, around: &str) -> String {
    match (
        schema["name"].as_str().and_then(|name| name.rsplit_once('.')),
        schema["namespace"].as_str(),
    ) {
        (Some((space, _)), _) | (None, Some(space)) => space.to_owned(),
        (None, None) => around.to_owned(),
    }
}

/// `94.80` of scale 2 is 9480. Fewer digits behind the point are filled up, more are refused.
fn unscaled(text: &str, scale: usize) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if whole.is_empty() || fraction.len() > scale || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i128 = format!("{all}{}", "0".repeat(scale - fraction.len())).parse().ok()?;
    Some(sign * number)
}

/// Two's complement, big end first: of that many bytes, or as few as hold it.
fn two(number: i128, size: Option<usize>) -> Option<Vec<u8>> {
    let all = number.to_be_bytes();
    let filler = if number < 0 { 0xff } else { 0 };
    let spare = all
        .windows(2)
        .take_while(|pair| pair[0] == filler && (pair[1] & 0x80) == (filler & 0x80))
        .count();
    let least = &all[spare..];
    match size {
        None => Some(least.to_vec()),
        Some(size) if size < least.len() => None,
        Some(size) => Some([vec![filler; size - least.len()], least.to_vec()].concat()),
    }
}

fn bytes(value: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
    long(i64::try_from(value.len())?, out);
    out.extend(value);
    Ok(())
}

/// Zigzag and base 128.
#[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "the bits are what is meant")]
fn long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(schema: &str, event: &str) -> Result<Vec<u8>, String> {
        let framed = Writer::new(schema).and_then(|writer| writer.framed(event.as_bytes()));
        framed.map(|bytes| bytes[5..].to_vec()).map_err(|error| error.to_string())
    }

    /// The examples of the specification, and the forms that it has none for.
    #[test]
    fn forms_of_the_specification() {
        for (schema, event, expected) in [
            (r#""long""#, "-64", vec![0x7f]),
            (r#""long""#, "64", vec![0x80, 0x01]),
            (r#""string""#, r#""foo""#, vec![0x06, 0x66, 0x6f, 0x6f]),
            (
                r#"{"type":"record","name":"test","fields":[{"name":"a","type":"long"},{"name":"b","type":"string"}]}"#,
                r#"{"a":27,"b":"foo"}"#,
                vec![0x36, 0x06, 0x66, 0x6f, 0x6f],
            ),
            (r#"{"type":"array","items":"long"}"#, "[3,27]", vec![0x04, 0x06, 0x36, 0x00]),
            (r#"["null","string"]"#, r#""a""#, vec![0x02, 0x02, 0x61]),
            (r#"["null","string"]"#, "null", vec![0x00]),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}"#,
                r#""94.8""#,
                vec![0x04, 0x25, 0x08],
            ),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}"#,
                r#""-0.01""#,
                vec![0x02, 0xff],
            ),
            (
                r#"{"type":"bytes","logicalType":"decimal","precision":12,"scale":0}"#,
                r#""128""#,
                vec![0x04, 0x00, 0x80],
            ),
            (
                r#"{"type":"fixed","name":"f","size":3,"logicalType":"decimal","precision":5,"scale":0}"#,
                r#""-1""#,
                vec![0xff, 0xff, 0xff],
            ),
            (r#"{"type":"enum","name":"e","symbols":["A","B"]}"#, r#""B""#, vec![0x02]),
            (
                r#"{"type":"map","values":"boolean"}"#,
                r#"{"k":true}"#,
                vec![0x02, 0x02, 0x6b, 0x01, 0x00],
            ),
            (r#""float""#, "1.5", 1.5_f32.to_le_bytes().to_vec()),
            (
                r#"{"type":"record","name":"a.N","fields":[{"name":"next","type":["null","N"],"default":null}]}"#,
                r#"{"next":{}}"#,
                vec![0x02, 0x00],
            ),
        ] {
            assert_eq!(body(schema, event), Ok(expected), "{schema} {event}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_place() {
        let record = r#"{"type":"record","name":"t","fields":[{"name":"a","type":"int"}]}"#;
        for (event, expected) in [
            (r#"{"a":"x"}"#, "/a: not an int"),
            (r#"{"a":4294967296}"#, "/a: not an int"),
            (r#"{"b":1}"#, "/b: the schema has no such field"),
            ("{}", "/a: is missing and has no default"),
            ("[", "the event is no JSON"),
        ] {
            let error = body(record, event).unwrap_err();
            assert!(error.contains(expected), "{event}: {error}");
        }
        assert!(body(r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#, r#""1.234""#).is_err());
        let endless = r#"{"type":"record","name":"N","fields":[{"name":"n","type":"N"}]}"#;
        assert!(body(endless, "{}").is_err());
    }
}
