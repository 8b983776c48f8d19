//! Columns of change events: what plain values mean where no schema travels with the row, and values that the source did not send.

use tidegate_codec::cdc::Image;
use tidegate_codec::semantic::{Semantic, WrongForm, variable_scale_decimal};
use tidegate_codec::{DecodeFailure, Reader, Token};
use tidegate_contract::Property;
use tidegate_contract::model::{BinaryMode, DecimalMode, ObjectSettings, TimeMode};

use crate::plan::{Kind, LeafType, Plan, digits, fraction};

/// How a column is written by a connector whose events carry no schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// One meaning, whatever the token.
    Plain(Semantic),
    /// Whole numbers that may come as decimal bytes (`bigint unsigned`, `numeric(18,0)`).
    Whole {
        /// Digits after the point.
        scale: i32,
    },
    /// A decimal of unknown scale, which then travels with each value; nothing says that the column is one, so numbers stay numbers.
    VariableScale,
    /// A decimal that the connector writes as bytes: a plain number is none.
    Precise {
        /// Digits after the point; none where they travel with each value.
        scale: Option<i32>,
    },
    /// A number where it is one, and this where it is text: MySQL's `timestamp` is text, its `datetime` a number.
    NumberOrText {
        /// Meaning of a number.
        number: Semantic,
        /// Meaning of a text.
        text: Semantic,
    },
}

/// The meaning of a property's column, from its `physicalType` and the connector's settings; none where the JSON value says it all.
pub(crate) fn column(property: &Property, leaf: LeafType, settings: &ObjectSettings) -> Option<Column> {
    let physical = property.physical_type.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
    let zoned = physical.contains("tz") || physical.contains("with time zone");
    Some(match leaf {
        LeafType::Bool | LeafType::Str => return None,
        LeafType::F32 | LeafType::F64 => Column::Plain(Semantic::Float),
        LeafType::Int { .. } => Column::Whole {
            scale: digits(&physical).map_or(0, |(_, scale)| small(scale)),
        },
        LeafType::Decimal { .. } => match settings.decimals {
            DecimalMode::String => Column::Plain(Semantic::DecimalText),
            DecimalMode::Double => Column::Plain(Semantic::Float),
            DecimalMode::Precise => precise(&physical),
        },
        LeafType::Bytes => match settings.binary {
            BinaryMode::Hex if !physical.starts_with("bit") => Column::Plain(Semantic::Hex),
            BinaryMode::Bytes | BinaryMode::Base64 | BinaryMode::Hex => Column::Plain(Semantic::Base64),
        },
        LeafType::Date => Column::NumberOrText {
            number: Semantic::Date,
            text: Semantic::DateText,
        },
        LeafType::Time if zoned => Column::Plain(Semantic::Time),
        LeafType::Time => Column::NumberOrText {
            number: time(&physical, settings.times),
            text: Semantic::Time,
        },
        LeafType::Timestamp { .. } if zoned => Column::Plain(Semantic::Timestamp),
        LeafType::Timestamp { .. } => Column::NumberOrText {
            number: timestamp(&physical, settings.times),
            text: Semantic::Timestamp,
        },
    })
}

/// A decimal under `decimals: precise`. PostgreSQL's `money` has two digits unless `lc_monetary` says otherwise, SQL Server's has four;
/// where a schema travels with the row it says so, else the contract can: `money(19,4)`.
fn precise(physical: &str) -> Column {
    let arguments = || physical.replacen("money", "decimal", 1).replacen("smalldecimal", "decimal", 1);
    if physical.starts_with("money") || physical.starts_with("smallmoney") {
        let scale = digits(&arguments()).map_or(2, |(_, scale)| small(scale));
        return Column::Precise { scale: Some(scale) };
    }
    // Debezium reads the eleven bits of PostgreSQL's negative scales as a number without sign, and pads the values to it.
    let declared = digits(physical).map(|(_, scale)| {
        if scale < 0 && !physical.starts_with("number") {
            small(2048 + scale)
        } else {
            small(scale)
        }
    });
    match ["numeric", "decimal", "dec", "number"]
        .iter()
        .any(|name| physical.starts_with(name))
    {
        true => Column::Precise { scale: declared },
        false => Column::VariableScale,
    }
}

/// The meaning of a column whose capturing system writes everything but numbers as text: `2026-11-21 08:15:30` without a zone is UTC.
pub(crate) fn text_column(leaf: LeafType) -> Option<Column> {
    Some(Column::Plain(match leaf {
        LeafType::Timestamp { .. } => Semantic::Timestamp,
        LeafType::Date => Semantic::DateText,
        LeafType::Time => Semantic::Time,
        LeafType::Bytes => Semantic::Base64,
        LeafType::Bool | LeafType::Str | LeafType::Int { .. } | LeafType::Decimal { .. } | LeafType::F32 | LeafType::F64 => return None,
    }))
}

fn time(physical: &str, times: TimeMode) -> Semantic {
    match times {
        TimeMode::Adaptive => match fraction(physical).unwrap_or(6) {
            0..=3 => Semantic::TimeMillis,
            4..=6 => Semantic::TimeMicros,
            _ => Semantic::TimeNanos,
        },
        TimeMode::Connect => Semantic::TimeMillis,
        TimeMode::Nanoseconds => Semantic::TimeNanos,
        TimeMode::AdaptiveTimeMicroseconds | TimeMode::Microseconds | TimeMode::Isostring => Semantic::TimeMicros,
    }
}

fn timestamp(physical: &str, times: TimeMode) -> Semantic {
    // MySQL's datetime has no fraction unless it says so, PostgreSQL's timestamp has six digits.
    let unsaid = if physical.starts_with("datetime") { 0 } else { 6 };
    match times {
        TimeMode::Adaptive | TimeMode::AdaptiveTimeMicroseconds => match fraction(physical).unwrap_or(unsaid) {
            0..=3 => Semantic::TimestampMillis,
            4..=6 => Semantic::TimestampMicros,
            _ => Semantic::TimestampNanos,
        },
        TimeMode::Connect => Semantic::TimestampMillis,
        TimeMode::Nanoseconds => Semantic::TimestampNanos,
        TimeMode::Microseconds | TimeMode::Isostring => Semantic::TimestampMicros,
    }
}

fn small(scale: i64) -> i32 {
    i32::try_from(scale).unwrap_or(0)
}

// === impl Column ===

impl Column {
    /// Whether the connector's settings say what a value of a typed row is: text that the row's own schema calls nothing but text.
    pub(crate) fn speaks_of(&self, token: &Token<'_>) -> bool {
        matches!((self, token), (Column::Plain(_) | Column::NumberOrText { .. }, Token::Str(_)))
    }

    /// The typed form of a value that begins with `token`; the inner error gives the token back when it is of another type.
    pub(crate) fn read<'b>(&self, reader: &mut impl Reader<'b>, token: Token<'b>) -> Result<Result<Token<'b>, Token<'b>>, DecodeFailure> {
        let semantic = match (self, &token) {
            (Column::VariableScale | Column::Whole { .. } | Column::Precise { .. }, Token::BeginObject) => {
                return variable_scale_decimal(reader).map(Ok);
            }
            (Column::Precise { scale: None }, _) => return Ok(Err(token)),
            (Column::Precise { .. }, Token::Number(_) | Token::Int(_)) => return Ok(Err(token)),
            (Column::Precise { scale: Some(scale) }, _) => Semantic::Decimal { scale: *scale },
            (Column::VariableScale, _) => return Ok(Ok(token)),
            (Column::Whole { .. }, Token::Number(_) | Token::Int(_)) => return Ok(Ok(token)),
            (Column::Whole { scale }, _) => Semantic::Decimal { scale: *scale },
            (Column::Plain(semantic), _) => *semantic,
            (Column::NumberOrText { text, .. }, Token::Str(_)) => *text,
            (Column::NumberOrText { number, .. }, _) => *number,
        };
        if matches!(token, Token::BeginObject | Token::BeginArray) {
            return Ok(Err(token));
        }
        match semantic.apply(token) {
            Ok(token) => Ok(Ok(token)),
            Err(WrongForm) => Ok(Err(Token::Null)),
        }
    }
}

/// Finds list and object columns that stand for the placeholder; it shows only behind their begin, so they are looked at before the walk.
pub(crate) fn unavailable_composites(plan: &Plan, row: &Image<'_>, found: &mut Vec<usize>) -> Result<(), DecodeFailure> {
    found.clear();
    let Kind::Object(columns) = &plan.nodes[0].kind else {
        return Ok(());
    };
    let mut reader = row.reader();
    reader.next()?;
    while let Token::Key(key) = reader.next()? {
        let column = columns.iter().copied().find(|column| *plan.nodes[*column].wire_name == *key);
        let Some(column) = column.filter(|column| !matches!(plan.nodes[*column].kind, Kind::Leaf(_))) else {
            reader.skip()?;
            continue;
        };
        let mut ahead = reader.clone();
        let opened = ahead.next()?;
        if matches!(opened, Token::BeginArray | Token::BeginObject) && plan.change.placeholder.is_composite(&opened, &mut ahead) {
            found.push(column);
        }
        reader.skip()?;
    }
    Ok(())
}

/// Whether the first token of a column says that the source did not send it.
pub(crate) fn is_placeholder(plan: &Plan, token: &Token<'_>) -> bool {
    plan.change.placeholder.is(token)
}
