//! Values of CEL without an allocation, and what its operators make of them. The referee is the `cel` crate: each function here answers as
//! its counterpart there does.

use std::cmp::Ordering;

use crate::exact::Exact;
use crate::tape::{Captured, Cell, Tape};
use crate::temporal::DAY_MICROS;

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// CEL has none: no such field, no such operator, an overflow. `&&`, `||` and the macros can absorb it.
    Error,
    /// Not for the compiled form to say; the interpreter has to.
    Hand,
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Val<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Str(&'v str),
    Bytes(&'v [u8]),
    Timestamp(Instant),
    /// Nanoseconds.
    Duration(i64),
    /// So many cells of a tape.
    List(&'v Tape, u32, u32),
    /// So many entries of a tape.
    Map(&'v Tape, u32, u32),
    Object(Captured<'v>),
}

/// An instant in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant {
    /// Since the epoch, rounded down.
    pub(super) seconds: i64,
    pub(super) nanos: u32,
}

/// Operators of two numbers, moments or spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

const SECOND_NANOS: i128 = 1_000_000_000;
/// Years 1 to 9999.
const SECONDS: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

// === impl Instant ===

impl Instant {
    pub(super) fn from_micros(micros: i64) -> Instant {
        Instant {
            seconds: micros.div_euclid(1_000_000),
            nanos: u32::try_from(micros.rem_euclid(1_000_000)).expect("less than a million") * 1000,
        }
    }

    fn nanos(self) -> i128 {
        i128::from(self.seconds) * SECOND_NANOS + i128::from(self.nanos)
    }

    fn from_nanos(nanos: i128) -> Result<Instant, Stop> {
        let seconds = i64::try_from(nanos.div_euclid(SECOND_NANOS)).map_err(|_| Stop::Error)?;
        if !SECONDS.contains(&seconds) {
            return Err(Stop::Error);
        }
        Ok(Instant {
            seconds,
            nanos: u32::try_from(nanos.rem_euclid(SECOND_NANOS)).expect("less than a second"),
        })
    }

    /// From whole seconds, as `timestamp(int)` reads them.
    pub(super) fn from_seconds(seconds: i64) -> Result<Instant, Stop> {
        Instant::from_nanos(i128::from(seconds) * SECOND_NANOS)
    }
}

// === impl Val ===

impl<'v> Val<'v> {
    /// Of a cell. What has no value of CEL keeps a rule from being asked, so it does not come here.
    #[inline]
    pub(super) fn of(tape: &'v Tape, cell: Cell) -> Result<Val<'v>, Stop> {
        Ok(match cell {
            Cell::Absent => return Err(Stop::Error),
            Cell::Broken | Cell::Unavailable | Cell::Unknowable => return Err(Stop::Hand),
            Cell::Null => Val::Null,
            Cell::Bool(value) => Val::Bool(value),
            Cell::Int(value) => Val::Int(value),
            Cell::Wide { at, .. } => Val::Uint(u64::try_from(tape.wide(at)).map_err(|_| Stop::Hand)?),
            Cell::Decimal { scale, unscaled } => Val::Double(
                Exact {
                    unscaled: i128::from(unscaled),
                    scale,
                }
                .to_f64(),
            ),
            Cell::WideDecimal { scale, at } => Val::Double(
                Exact {
                    unscaled: tape.wide(at),
                    scale,
                }
                .to_f64(),
            ),
            Cell::Float(value) => Val::Double(value),
            Cell::Text { start, len } => Val::Str(tape.text(start, len)),
            Cell::Bytes { start, len } => Val::Bytes(tape.bytes(start, len)),
            Cell::Date(days) => Val::Timestamp(Instant::from_micros(i64::from(days).saturating_mul(DAY_MICROS))),
            Cell::Time(micros) => Val::Duration(micros.checked_mul(1000).ok_or(Stop::Hand)?),
            Cell::Timestamp(micros) => Val::Timestamp(Instant::from_micros(micros)),
            Cell::List { start, len, .. } => Val::List(tape, start, len),
            Cell::Map { start, len, .. } => Val::Map(tape, start, len),
            Cell::Object { state, start, node, .. } => Val::Object(Captured { tape, start, node, state }),
        })
    }

    /// Of bytes that came with the record: text where they are.
    pub(super) fn text_or_bytes(bytes: &'v [u8]) -> Val<'v> {
        std::str::from_utf8(bytes).map_or(Val::Bytes(bytes), Val::Str)
    }

    /// `x.name` and `x["name"]`.
    pub(super) fn member(self, name: &str) -> Result<Val<'v>, Stop> {
        match self {
            Val::Map(tape, start, len) => Val::of(tape, tape.entry(start, len, name).ok_or(Stop::Error)?),
            Val::Object(_) => Err(Stop::Hand),
            _ => Err(Stop::Error),
        }
    }

    /// `has(x.name)`.
    pub(super) fn has_member(self, name: &str) -> Result<bool, Stop> {
        match self {
            Val::Map(tape, start, len) => Ok(tape.entry(start, len, name).is_some()),
            // A list has an index, and a name is none.
            Val::Object(_) => Err(Stop::Hand),
            _ => Err(Stop::Error),
        }
    }

    /// `x[index]`.
    pub(super) fn index(self, index: Val<'_>) -> Result<Val<'v>, Stop> {
        let Val::List(tape, start, len) = self else {
            return match (self, index) {
                (_, Val::Str(name)) => self.member(name),
                (Val::Object(_), _) => Err(Stop::Hand),
                _ => Err(Stop::Error),
            };
        };
        let at = match index {
            Val::Int(at) => u32::try_from(at).ok(),
            Val::Uint(at) => u32::try_from(at).ok(),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within the list")]
            Val::Double(at) => (at >= 0.0 && at < f64::from(len) && at.fract() == 0.0).then_some(at as u32),
            _ => None,
        };
        let at = at.filter(|at| *at < len).ok_or(Stop::Error)?;
        Val::of(tape, tape.at(start + at))
    }

    /// `size(x)`.
    pub(super) fn size(self) -> Result<Val<'v>, Stop> {
        let size = match self {
            Val::Str(text) => text.chars().count() as u64,
            Val::Bytes(bytes) => bytes.len() as u64,
            Val::List(_, _, len) | Val::Map(_, _, len) => u64::from(len),
            Val::Object(_) => return Err(Stop::Hand),
            _ => return Err(Stop::Error),
        };
        Ok(Val::Int(size.cast_signed()))
    }

    /// `self in container`.
    pub(super) fn is_in(self, container: Val<'_>) -> Result<bool, Stop> {
        match container {
            Val::List(tape, start, len) => {
                for at in start..start + len {
                    if Val::of(tape, tape.at(at))?.equals(self)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Val::Map(tape, start, len) => match self {
                Val::Str(key) => Ok(tape.entry(start, len, key).is_some()),
                // Keys are texts; a number is no key of them, and nothing else is a key at all.
                Val::Int(_) | Val::Uint(_) | Val::Double(_) | Val::Bool(_) => Ok(false),
                _ => Err(Stop::Error),
            },
            Val::Object(_) => Err(Stop::Hand),
            _ => Err(Stop::Error),
        }
    }

    /// `==`. Values of different types are not equal, except numbers.
    pub(super) fn equals(self, other: Val<'_>) -> Result<bool, Stop> {
        Ok(match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::List(tape, start, len), Val::List(others, from, size)) => {
                if len != size {
                    return Ok(false);
                }
                for at in 0..len {
                    if !Val::of(tape, tape.at(start + at))?.equals(Val::of(others, others.at(from + at))?)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Val::Map(tape, start, len), Val::Map(others, from, size)) => {
                if len != size {
                    return Ok(false);
                }
                for at in 0..len {
                    if tape.key(start, at) != others.key(from, at) {
                        return Ok(false);
                    }
                    let (left, right) = (tape.at(start + 2 * at + 1), others.at(from + 2 * at + 1));
                    if !Val::of(tape, left)?.equals(Val::of(others, right)?)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Val::Object(_), Val::Object(_) | Val::Map(..)) | (Val::Map(..), Val::Object(_)) => return Err(Stop::Hand),
            _ => self.compare(other).is_ok_and(Ordering::is_eq),
        })
    }

    /// `<` and its like.
    #[expect(clippy::cast_precision_loss, reason = "an int beside a double is compared as one, rounded")]
    pub(super) fn compare(self, other: Val<'_>) -> Result<Ordering, Stop> {
        let doubles = |left: f64, right: f64| left.partial_cmp(&right).ok_or(Stop::Error);
        match (self, other) {
            (Val::Int(left), Val::Int(right)) => Ok(left.cmp(&right)),
            (Val::Double(left), Val::Double(right)) => doubles(left, right),
            (Val::Int(left), Val::Double(right)) => doubles(left as f64, right),
            (Val::Double(left), Val::Int(right)) => doubles(left, right as f64),
            (Val::Uint(left), Val::Double(right)) => doubles(left as f64, right),
            (Val::Double(left), Val::Uint(right)) => doubles(left, right as f64),
            (Val::Uint(left), Val::Uint(right)) => Ok(left.cmp(&right)),
            (Val::Int(left), Val::Uint(right)) => Ok(u64::try_from(left).map_or(Ordering::Less, |left| left.cmp(&right))),
            (Val::Uint(left), Val::Int(right)) => Ok(i64::try_from(left).map_or(Ordering::Greater, |left| left.cmp(&right))),
            (Val::Bool(left), Val::Bool(right)) => Ok(left.cmp(&right)),
            (Val::Str(left), Val::Str(right)) => Ok(left.cmp(right)),
            (Val::Bytes(left), Val::Bytes(right)) => Ok(left.cmp(right)),
            (Val::Timestamp(left), Val::Timestamp(right)) => Ok(left.cmp(&right)),
            (Val::Duration(left), Val::Duration(right)) => Ok(left.cmp(&right)),
            _ => Err(Stop::Error),
        }
    }

    /// `+ - * / %`. Both sides of a number are of one type; whatever leaves it is an error, except that doubles follow IEEE 754.
    pub(super) fn arithmetic(self, operator: Arithmetic, other: Val<'_>) -> Result<Val<'v>, Stop> {
        use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
        match (self, other) {
            (Val::Int(left), Val::Int(right)) => match operator {
                Add => left.checked_add(right),
                Subtract => left.checked_sub(right),
                Multiply => left.checked_mul(right),
                Divide => left.checked_div(right),
                Remainder => left.checked_rem(right),
            }
            .map(Val::Int)
            .ok_or(Stop::Error),
            (Val::Uint(left), Val::Uint(right)) => match operator {
                Add => left.checked_add(right),
                Subtract => left.checked_sub(right),
                Multiply => left.checked_mul(right),
                Divide => left.checked_div(right),
                Remainder => left.checked_rem(right),
            }
            .map(Val::Uint)
            .ok_or(Stop::Error),
            (Val::Double(left), Val::Double(right)) => match operator {
                Add => Ok(Val::Double(left + right)),
                Subtract => Ok(Val::Double(left - right)),
                Multiply => Ok(Val::Double(left * right)),
                Divide => Ok(Val::Double(left / right)),
                Remainder => Err(Stop::Error),
            },
            (Val::Timestamp(left), Val::Timestamp(right)) if operator == Subtract => i64::try_from(left.nanos() - right.nanos())
                .map(Val::Duration)
                .map_err(|_| Stop::Error),
            (Val::Timestamp(at), Val::Duration(span)) if matches!(operator, Add | Subtract) => {
                let span = i128::from(span);
                Instant::from_nanos(at.nanos() + if operator == Add { span } else { -span }).map(Val::Timestamp)
            }
            (Val::Duration(span), Val::Timestamp(at)) if operator == Add => {
                Instant::from_nanos(at.nanos() + i128::from(span)).map(Val::Timestamp)
            }
            (Val::Duration(left), Val::Duration(right)) if matches!(operator, Add | Subtract) => match operator {
                Add => left.checked_add(right),
                _ => left.checked_sub(right),
            }
            .map(Val::Duration)
            .ok_or(Stop::Error),
            // Both are joined into something new, which needs room.
            (Val::Str(_), Val::Str(_))
            | (Val::Bytes(_), Val::Bytes(_))
            | (Val::List(..), Val::List(..) | Val::Map(..) | Val::Object(_))
                if operator == Add =>
            {
                Err(Stop::Hand)
            }
            _ => Err(Stop::Error),
        }
    }

    /// `-x`.
    pub(super) fn negate(self) -> Result<Val<'v>, Stop> {
        match self {
            Val::Int(value) => value.checked_neg().map(Val::Int).ok_or(Stop::Error),
            Val::Double(value) => Ok(Val::Double(-value)),
            _ => Err(Stop::Error),
        }
    }
}
