//! The exact type of a leaf.

use std::sync::Arc;

use tidegate_contract::Property;
use tidegate_contract::model::{Bounds, LogicalType};

use crate::plan::{Body, LeafType};
use crate::rules::bounds::Limits;

/// Digits of a decimal without a stated precision, and those after the point.
const DEFAULT_DECIMAL: LeafType = LeafType::Decimal { precision: 38, scale: 18 };

/// The exact type of a property that is a single value; none for lists, maps and objects, for no declared type, and for a format or
/// precision that does not compile.
pub fn leaf_type(property: &Property) -> Option<LeafType> {
    Some(match &property.logical_type {
        LogicalType::String { format, .. } if is_bytes(format.as_deref()) => LeafType::Bytes,
        LogicalType::String { .. } => LeafType::Str,
        LogicalType::Boolean => LeafType::Bool,
        LogicalType::Integer { format, .. } => integer(format.as_deref())?,
        LogicalType::Number { format, .. } => number(format.as_deref(), property.physical_type.as_deref()).ok()?,
        LogicalType::Date { .. } => LeafType::Date,
        LogicalType::Time { .. } => LeafType::Time,
        LogicalType::Timestamp { timezone, .. } => LeafType::Timestamp { utc: *timezone },
        LogicalType::Object { .. }
        | LogicalType::Array { .. }
        | LogicalType::Map { .. }
        | LogicalType::Vector { .. }
        | LogicalType::Any => {
            return None;
        }
    })
}

/// Whether a text of that format is bytes in base64.
pub(crate) fn is_bytes(format: Option<&str>) -> bool {
    matches!(format, Some("binary" | "byte"))
}

/// ODCS integer formats; without one any 64-bit integer, since the standard's i32 would refuse most real ids.
pub(crate) fn integer(format: Option<&str>) -> Option<LeafType> {
    let Some(format) = format else {
        return Some(LeafType::Int { bits: 64, signed: true });
    };
    let signed = match format.as_bytes().first() {
        Some(b'i') => true,
        Some(b'u') => false,
        _ => return None,
    };
    let bits = match &format[1..] {
        "8" => 8,
        "16" => 16,
        "32" => 32,
        "64" => 64,
        "128" => 128,
        _ => return None,
    };
    Some(LeafType::Int { bits, signed })
}

/// The elements of a vector: the standard's names in any case, and the formats of numbers. The 16-bit floats are held to the range of f32.
pub(crate) fn element(name: Option<&str>) -> Option<(LeafType, Body)> {
    let leaf = match name.map(str::to_ascii_lowercase).as_deref() {
        None | Some("f32" | "float32" | "float16" | "bfloat16") => LeafType::F32,
        Some("f64" | "float64") => LeafType::F64,
        Some("int8") => integer(Some("i8"))?,
        Some("uint8") => integer(Some("u8"))?,
        Some("binary") => {
            let bits = Bounds {
                minimum: Some(Arc::from("0")),
                maximum: Some(Arc::from("1")),
                ..Bounds::default()
            };
            let body = Body::Number {
                limits: Limits::parse(&bits).ok()?,
                multiple_of: None,
            };
            return Some((integer(Some("u8"))?, body));
        }
        Some(other) => integer(Some(other))?,
    };
    Some((leaf, Body::Bare))
}

/// A float where `format` says so, else an exact decimal; the error is a sentence.
pub(crate) fn number(format: Option<&str>, physical_type: Option<&str>) -> Result<LeafType, String> {
    match format {
        Some("f32") => return Ok(LeafType::F32),
        Some("f64") => return Ok(LeafType::F64),
        _ => {}
    }
    let Some((precision, scale)) = physical_type.and_then(digits) else {
        return Ok(DEFAULT_DECIMAL);
    };
    // A negative scale rounds to tens; the numbers are whole and that much longer.
    let (precision, scale) = if scale < 0 {
        (precision - scale, 0)
    } else {
        (precision.max(scale), scale)
    };
    match (u8::try_from(precision), u8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale)) => Ok(LeafType::Decimal { precision, scale }),
        _ => Err(format!("a decimal of {precision} digits is wider than 38")),
    }
}

/// Precision and scale of `decimal(p,s)`, `numeric(p,s)` or `numeric(p)`, any case.
pub(crate) fn digits(physical_type: &str) -> Option<(i64, i64)> {
    let lower = physical_type.trim().to_ascii_lowercase();
    let rest = lower
        .strip_prefix("decimal")
        .or_else(|| lower.strip_prefix("numeric"))
        .or_else(|| lower.strip_prefix("number"))?;
    let (arguments, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
    let mut numbers = arguments.split(',').map(|number| number.trim().parse::<i64>());
    let precision = numbers.next()?.ok()?;
    let scale = numbers.next().unwrap_or(Ok(0)).ok()?;
    Some((precision, scale))
}

/// Fractional digits of `timestamp(3)`, `time(6)`, `datetime(3)`; none when the type states none.
pub(crate) fn fraction(physical_type: &str) -> Option<u32> {
    let (_, rest) = physical_type.split_once('(')?;
    rest.split_once(')')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types() {
        assert_eq!(integer(None), Some(LeafType::Int { bits: 64, signed: true }));
        assert_eq!(integer(Some("u16")), Some(LeafType::Int { bits: 16, signed: false }));
        assert_eq!(integer(Some("i7")), None);
        assert_eq!(
            number(None, Some("DECIMAL(10, 2)")),
            Ok(LeafType::Decimal { precision: 10, scale: 2 })
        );
        assert_eq!(number(None, Some("numeric(18)")), Ok(LeafType::Decimal { precision: 18, scale: 0 }));
        assert_eq!(
            number(None, Some("numeric(5,-2)")),
            Ok(LeafType::Decimal { precision: 7, scale: 0 })
        );
        assert_eq!(number(None, Some("numeric")), Ok(DEFAULT_DECIMAL));
        assert_eq!(number(Some("f32"), Some("numeric(5,2)")), Ok(LeafType::F32));
        assert!(number(None, Some("decimal(65,30)")).is_err());
        assert_eq!(fraction("timestamp(3)"), Some(3));
        assert_eq!(fraction("timestamp"), None);
    }
}
