//! A value without a declared type, as JSON text and, where a rule asks, captured.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidegate_codec::token::Special;
use tidegate_codec::{DecodeFailure, Detail, Reader, Token};

use crate::datum::Datum;
use crate::exact::Exact;
use crate::tape::{Slot, Tape};
use crate::temporal;

/// Levels of nesting below which a value of any type is followed.
const DEPTH_MAX: usize = 64;

/// What a value turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Neither list nor object.
    Leaf,
    /// A list of so many items.
    List(u64),
    /// An object of so many fields.
    Object(u64),
}

/// Copies the value that starts with `token` to `out`; numbers keep every digit. With a tape the value is captured too.
pub(crate) fn copy<'b>(
    reader: &mut impl Reader<'b>,
    token: Token<'b>,
    out: &mut String,
    mut capture: Option<(&mut Tape, Slot)>,
) -> Result<Found, DecodeFailure> {
    // One bit a level: whether it is an object. One flag a level: whether a comma is due.
    let mut levels: Vec<(bool, bool)> = Vec::new();
    let (mut token, mut outer) = (token, 0_u64);
    let mut kind = Found::Leaf;
    loop {
        let is_end = matches!(token, Token::EndObject | Token::EndArray);
        let is_key = matches!(token, Token::Key(_));
        if !is_end
            && let Some((object, comma)) = levels.last_mut()
            && *object == is_key
        {
            if *comma {
                out.push(',');
            }
            *comma = true;
        }
        if levels.len() == 1 && !is_end && levels[0].0 == is_key {
            outer += 1;
        }
        match token {
            Token::BeginObject | Token::BeginArray => {
                if levels.len() >= DEPTH_MAX {
                    return Err(DecodeFailure {
                        detail: Detail::TooDeep,
                        offset: reader.position(),
                    });
                }
                let object = token == Token::BeginObject;
                if levels.is_empty() {
                    kind = if object { Found::Object(0) } else { Found::List(0) };
                }
                levels.push((object, false));
                out.push(if object { '{' } else { '[' });
                if let Some((tape, _)) = &mut capture {
                    tape.begin_items();
                }
            }
            Token::EndObject | Token::EndArray => {
                levels.pop();
                out.push(if token == Token::EndObject { '}' } else { ']' });
                if let Some((tape, slot)) = &mut capture {
                    let ended = if token == Token::EndObject {
                        tape.end_map()
                    } else {
                        tape.end_list()
                    };
                    tape.put_cell(if levels.is_empty() { *slot } else { Slot::ITEM }, ended);
                }
            }
            Token::Key(key) => {
                quote(out, &key);
                out.push(':');
                if let Some((tape, _)) = &mut capture {
                    tape.name(&key);
                }
            }
            leaf => {
                let datum = write_leaf(out, &leaf);
                if let Some((tape, slot)) = &mut capture {
                    tape.put(if levels.is_empty() { *slot } else { Slot::ITEM }, datum);
                }
            }
        }
        if levels.is_empty() {
            return Ok(match kind {
                Found::Leaf => Found::Leaf,
                Found::List(_) => Found::List(outer),
                Found::Object(_) => Found::Object(outer),
            });
        }
        token = reader.next()?;
    }
}

fn write_leaf<'t>(out: &mut String, token: &'t Token<'_>) -> Datum<'t> {
    match token {
        Token::Bool(value) => {
            out.push_str(if *value { "true" } else { "false" });
            Datum::Bool(*value)
        }
        Token::Number(text) => {
            out.push_str(text);
            match Exact::parse(text) {
                Some(Exact { unscaled, scale: 0 }) => Datum::Int(unscaled),
                Some(Exact { unscaled, scale }) => Datum::decimal(unscaled, scale),
                None => text.parse::<f64>().map_or(Datum::Unknowable, Datum::Float),
            }
        }
        Token::Int(value) => {
            let _ = write!(out, "{value}");
            Datum::Int((*value).into())
        }
        Token::Float(value) if value.is_finite() => {
            let _ = write!(out, "{value:?}");
            Datum::Float(*value)
        }
        // JSON has no such number; the text forms are those of Debezium and of most JSON writers.
        Token::Float(value) => {
            quote(
                out,
                if value.is_nan() {
                    "NaN"
                } else if *value > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                },
            );
            Datum::Float(*value)
        }
        Token::Str(text) => {
            quote(out, text);
            Datum::Str(text)
        }
        Token::Bytes(bytes) => {
            quote(out, &BASE64.encode(bytes));
            Datum::Bytes(bytes)
        }
        Token::Decimal { unscaled, scale } => {
            let wire = crate::leaf::Wire::default();
            let leaf = crate::plan::LeafType::Decimal {
                precision: 38,
                scale: u8::try_from((*scale).clamp(0, 38)).unwrap_or(0),
            };
            let token = Token::Decimal {
                unscaled: std::borrow::Cow::Borrowed(&**unscaled),
                scale: *scale,
            };
            match crate::leaf::convert(token, &crate::leaf::LeafContext { leaf, wire: &wire }) {
                Ok(tidegate_codec::Scalar::Decimal { unscaled, scale }) => {
                    write_decimal(out, unscaled, scale);
                    Datum::decimal(unscaled, scale)
                }
                _ => {
                    out.push_str("null");
                    Datum::Unknowable
                }
            }
        }
        Token::Date(days) => {
            out.push('"');
            temporal::write_date(out, *days);
            out.push('"');
            Datum::Date(*days)
        }
        Token::TimeMicros(micros) => {
            out.push('"');
            temporal::write_time(out, *micros);
            out.push('"');
            Datum::Time(*micros)
        }
        Token::TimestampMicros(micros) => {
            out.push('"');
            temporal::write_timestamp(out, *micros);
            out.push('"');
            Datum::Timestamp(*micros)
        }
        Token::Special(special) => {
            let text = match special {
                Special::PositiveInfinity => "Infinity",
                Special::NegativeInfinity => "-Infinity",
                Special::NotANumber => "NaN",
                Special::OutOfRange | Special::FinerThanMicros => "out of range",
            };
            quote(out, text);
            Datum::Unknowable
        }
        // The structure is followed by the caller; what is left is null.
        Token::Null | Token::BeginObject | Token::Key(_) | Token::EndObject | Token::BeginArray | Token::EndArray | Token::End => {
            out.push_str("null");
            Datum::Null
        }
    }
}

fn write_decimal(out: &mut String, unscaled: i128, scale: u8) {
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    if unscaled < 0 {
        out.push('-');
    }
    out.push_str(whole);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
}

/// A JSON string, RFC 8259 section 7.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
