//! One token to the scalar of a declared type: strict, exact, no silent cast. `"7"` is not 7, `7.0` is an integer, `7.5` is not one,
//! and a value that the type cannot hold to the last digit is refused, never rounded.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tidegate_codec::decimal::{self, DecimalRead};
use tidegate_codec::json::number;
use tidegate_codec::{Scalar, Token};
use tidegate_contract::model::Literal;

use crate::change::Column;
use crate::jdk::JdkPattern;
use crate::plan::LeafType;
use crate::temporal::{self, Unread};

/// 4714-11-24 before Christ, where the calendars of databases begin. Debezium's snapshots write PostgreSQL's infinite dates as days 1.7
/// million years before it.
const JULIAN_DAY_ZERO: i32 = -2_440_588;

/// The first whole number with more than 38 digits. An `i128` could hold a few of them, and no exact column of Parquet readers could.
const WHOLE_LIMIT: u128 = 10_u128.pow(38);

/// How a leaf is written where its type alone does not say it.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Meaning of the column in a change event that carries no schema.
    pub(crate) column: Option<Column>,
    /// JDK pattern of a date, time or timestamp.
    pub(crate) pattern: Option<JdkPattern>,
    /// Seconds east of UTC of a timestamp that names no offset (`defaultTimezone`); none refuses such a timestamp.
    pub(crate) assumed_offset: Option<i32>,
}

/// Everything that turns a token into a scalar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeafContext<'p> {
    /// Type.
    pub(crate) leaf: LeafType,
    /// Form.
    pub(crate) wire: &'p Wire,
}

/// Why a token is no value of the leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another type.
    Type,
    /// The right JSON type, not the form that the contract asks for.
    Form,
    /// The type, and no room for it.
    Range,
}

/// Converts; the scalar fits the leaf exactly.
pub(crate) fn convert<'b>(token: Token<'b>, context: &LeafContext<'_>) -> Result<Scalar<'b>, Refusal> {
    if matches!(token, Token::Special(_)) {
        return special(&token, context.leaf);
    }
    match context.leaf {
        LeafType::Bool => match token {
            Token::Bool(value) => Ok(Scalar::Bool(value)),
            _ => Err(Refusal::Type),
        },
        LeafType::Int { bits, signed } => int(&token, bits, signed).map(Scalar::Int),
        LeafType::Decimal { precision, scale } => {
            let unscaled = match decimal(&token, scale)? {
                DecimalRead::Exact(unscaled) => unscaled,
                DecimalRead::Inexact | DecimalRead::TooLarge => return Err(Refusal::Range),
            };
            let fits = 10_i128
                .checked_pow(u32::from(precision))
                .is_none_or(|limit| unscaled.unsigned_abs() < limit.unsigned_abs());
            if fits {
                Ok(Scalar::Decimal { unscaled, scale })
            } else {
                Err(Refusal::Range)
            }
        }
        LeafType::F32 => float32(&token).map(Scalar::Float),
        LeafType::F64 => float64(&token).map(Scalar::Float),
        LeafType::Str => match token {
            Token::Str(text) => Ok(Scalar::Str(text)),
            _ => Err(Refusal::Type),
        },
        LeafType::Bytes => match token {
            Token::Bytes(bytes) => Ok(Scalar::Bytes(bytes)),
            Token::Str(text) => BASE64
                .decode(text.as_bytes())
                .map(|bytes| Scalar::Bytes(Cow::Owned(bytes)))
                .map_err(|_| Refusal::Form),
            _ => Err(Refusal::Type),
        },
        LeafType::Date => match token {
            Token::Date(days) if days >= JULIAN_DAY_ZERO => Ok(Scalar::Date(days)),
            Token::Date(_) => Err(Refusal::Range),
            Token::Str(text) => date_text(&text, context.wire).map(Scalar::Date).map_err(Refusal::from),
            _ => Err(Refusal::Type),
        },
        LeafType::Time => match token {
            // 24:00:00 and MariaDB's durations are no times of a day.
            Token::TimeMicros(micros) if (0..temporal::DAY_MICROS).contains(&micros) => Ok(Scalar::Time(micros)),
            Token::TimeMicros(_) => Err(Refusal::Range),
            Token::Str(text) => time_text(&text, context.wire).map(Scalar::Time).map_err(Refusal::from),
            _ => Err(Refusal::Type),
        },
        LeafType::Timestamp { utc } => match token {
            Token::TimestampMicros(micros) => Ok(Scalar::Timestamp(micros)),
            Token::Str(text) => timestamp_text(&text, utc, context.wire)
                .map(Scalar::Timestamp)
                .map_err(Refusal::from),
            _ => Err(Refusal::Type),
        },
    }
}

/// A key of a JSON map as the leaf of its key type. JSON keys are always text, so a number or a boolean is read from its JSON form.
pub(crate) fn convert_key<'b>(key: Cow<'b, str>, context: &LeafContext<'_>) -> Result<Scalar<'b>, Refusal> {
    match context.leaf {
        LeafType::Bool => match &*key {
            "true" => Ok(Scalar::Bool(true)),
            "false" => Ok(Scalar::Bool(false)),
            _ => Err(Refusal::Type),
        },
        LeafType::Int { .. } | LeafType::Decimal { .. } | LeafType::F32 | LeafType::F64 => {
            if !number::is_number(&key) {
                return Err(Refusal::Type);
            }
            match convert(Token::Number(&key), context)? {
                Scalar::Int(value) => Ok(Scalar::Int(value)),
                Scalar::Decimal { unscaled, scale } => Ok(Scalar::Decimal { unscaled, scale }),
                Scalar::Float(value) => Ok(Scalar::Float(value)),
                _ => Err(Refusal::Type),
            }
        }
        _ => convert(Token::Str(key), context),
    }
}

/// A constant of a contract as a value of the leaf; none when it cannot be one.
pub(crate) fn constant(literal: &Literal, context: &LeafContext<'_>) -> Option<Scalar<'static>> {
    let scalar = match literal {
        Literal::Null => return None,
        Literal::Bool(value) => convert(Token::Bool(*value), context),
        Literal::String(text) => convert(Token::Str(Cow::Borrowed(text)), context),
        Literal::Number(text) => convert(Token::Number(text), context),
    };
    Some(match scalar.ok()? {
        Scalar::Bool(value) => Scalar::Bool(value),
        Scalar::Int(value) => Scalar::Int(value),
        Scalar::Decimal { unscaled, scale } => Scalar::Decimal { unscaled, scale },
        Scalar::Float(value) => Scalar::Float(value),
        Scalar::Str(text) => Scalar::Str(Cow::Owned(text.into_owned())),
        Scalar::Bytes(bytes) => Scalar::Bytes(Cow::Owned(bytes.into_owned())),
        Scalar::Date(days) => Scalar::Date(days),
        Scalar::Time(micros) => Scalar::Time(micros),
        Scalar::Timestamp(micros) => Scalar::Timestamp(micros),
    })
}

/// ISO 8601 or the JDK pattern.
pub(crate) fn date_text(text: &str, wire: &Wire) -> Result<i32, Unread> {
    match &wire.pattern {
        None => temporal::date(text),
        Some(pattern) => crate::jdk::date(pattern, text),
    }
}

/// ISO 8601 or the JDK pattern; microseconds since midnight.
pub(crate) fn time_text(text: &str, wire: &Wire) -> Result<i64, Unread> {
    match &wire.pattern {
        None => temporal::time(text),
        Some(pattern) => crate::jdk::time(pattern, text),
    }
}

/// RFC 3339, a local date-time, or the JDK pattern; microseconds since the epoch.
pub(crate) fn timestamp_text(text: &str, utc: bool, wire: &Wire) -> Result<i64, Unread> {
    match &wire.pattern {
        None if utc => temporal::instant(text, wire.assumed_offset),
        None => temporal::local(text),
        Some(pattern) => crate::jdk::timestamp(pattern, text, utc, wire.assumed_offset),
    }
}

/// What the source can say and an exact type cannot. A double can.
fn special<'b>(token: &Token<'b>, leaf: LeafType) -> Result<Scalar<'b>, Refusal> {
    use tidegate_codec::token::Special;
    match (leaf, token) {
        (LeafType::F32 | LeafType::F64, Token::Special(Special::PositiveInfinity)) => Ok(Scalar::Float(f64::INFINITY)),
        (LeafType::F32 | LeafType::F64, Token::Special(Special::NegativeInfinity)) => Ok(Scalar::Float(f64::NEG_INFINITY)),
        (LeafType::F32 | LeafType::F64, Token::Special(Special::NotANumber)) => Ok(Scalar::Float(f64::NAN)),
        (LeafType::Bool | LeafType::Str | LeafType::Bytes, _) => Err(Refusal::Type),
        _ => Err(Refusal::Range),
    }
}

fn int(token: &Token<'_>, bits: u8, signed: bool) -> Result<i128, Refusal> {
    let value = match token {
        Token::Int(value) => i128::from(*value),
        token => match decimal(token, 0)? {
            DecimalRead::Exact(value) => value,
            DecimalRead::Inexact => return Err(Refusal::Type),
            DecimalRead::TooLarge => return Err(Refusal::Range),
        },
    };
    let fits = match (bits, signed) {
        // The lake's widest whole number is a decimal of 38 digits.
        (128, true) => value.unsigned_abs() < WHOLE_LIMIT,
        (128, false) => value >= 0 && value.unsigned_abs() < WHOLE_LIMIT,
        (bits, true) => {
            let limit = 1_i128 << (bits - 1);
            value >= -limit && value < limit
        }
        (bits, false) => value >= 0 && value < 1_i128 << bits,
    };
    if fits { Ok(value) } else { Err(Refusal::Range) }
}

/// An exact number at a scale; floats are not exact.
fn decimal(token: &Token<'_>, scale: u8) -> Result<DecimalRead, Refusal> {
    match token {
        Token::Int(value) => {
            let factor = 10_i128.checked_pow(u32::from(scale));
            let scaled = factor.and_then(|factor| i128::from(*value).checked_mul(factor));
            Ok(scaled.map_or(DecimalRead::TooLarge, DecimalRead::Exact))
        }
        Token::Number(text) => Ok(number::to_decimal(text, scale)),
        Token::Decimal { unscaled, scale: from } => Ok(decimal::rescale(unscaled, *from, scale)),
        _ => Err(Refusal::Type),
    }
}

/// Text becomes the nearest f32, which is what a writer of f32 means by its shortest form; a binary number must be one already.
fn float32(token: &Token<'_>) -> Result<f64, Refusal> {
    let value = match token {
        Token::Number(text) => f64::from(text.parse::<f32>().map_err(|_| Refusal::Range)?),
        other => {
            let value = float64(other)?;
            #[expect(clippy::cast_possible_truncation, reason = "the cast is undone and compared")]
            let narrow = f64::from(value as f32);
            if narrow != value && !value.is_nan() {
                return Err(Refusal::Range);
            }
            return Ok(value);
        }
    };
    if value.is_finite() { Ok(value) } else { Err(Refusal::Range) }
}

fn float64(token: &Token<'_>) -> Result<f64, Refusal> {
    match token {
        Token::Float(value) => Ok(*value),
        Token::Number(text) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(Refusal::Range),
        },
        Token::Int(value) => {
            #[expect(clippy::cast_precision_loss, reason = "the cast is undone and compared")]
            let float = *value as f64;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "saturates, and i64::MAX is not reached by any double below it"
            )]
            let back = float as i64;
            if back == *value && back != i64::MAX {
                Ok(float)
            } else {
                Err(Refusal::Range)
            }
        }
        _ => Err(Refusal::Type),
    }
}

// === impl Refusal ===

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Form => Refusal::Form,
            Unread::Range => Refusal::Range,
        }
    }
}

#[cfg(test)]
mod tests;
