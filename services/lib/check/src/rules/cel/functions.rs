//! Functions of the compiled form: what they take, what they give, how they answer.

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};

use super::kind::Type;
use super::value::{Instant, Stop, Val};

/// A function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    Size,
    Int,
    Uint,
    Double,
    Bool,
    Timestamp,
    Duration,
    Dyn,
    Part(Part),
    Math(Math),
}

/// A part of a timestamp, or of a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// `math.…`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Math {
    Abs,
    Sign,
    Ceil,
    Floor,
    Round,
    Trunc,
    Sqrt,
    IsNan,
    IsInf,
    IsFinite,
}

/// What the environment says of a name.
pub(super) enum Found {
    /// It is compiled.
    Compiled(Function),
    /// The interpreter has it; its type.
    Interpreted(Type),
    /// There is none of that name called like that; how to call it.
    Unknown(&'static str),
}

/// Finds a function; `member` when it is called on something.
pub(super) fn find(name: &str, member: bool, arguments: usize) -> Found {
    use Function as F;
    let compiled = match (name, member, arguments) {
        ("contains", true, 1) => F::Contains,
        ("startsWith", true, 1) => F::StartsWith,
        ("endsWith", true, 1) => F::EndsWith,
        ("size", false, 1) | ("size", true, 0) => F::Size,
        ("int", false, 1) => F::Int,
        ("uint", false, 1) => F::Uint,
        ("double", false, 1) => F::Double,
        ("bool", false, 1) => F::Bool,
        ("timestamp", false, 1) => F::Timestamp,
        ("duration", false, 1) => F::Duration,
        ("dyn", false, 1) => F::Dyn,
        ("string", false, 1) => return Found::Interpreted(Type::Str),
        ("bytes", false, 1) => return Found::Interpreted(Type::Bytes),
        ("type", false, 1) => return Found::Interpreted(Type::Meta),
        (name, true, 0 | 1) => match part(name) {
            Some(part) if arguments == 0 => F::Part(part),
            Some(_) => return Found::Interpreted(Type::Int),
            None => return Found::Unknown(usage(name)),
        },
        _ => return Found::Unknown(usage(name)),
    };
    Found::Compiled(compiled)
}

/// Finds `math.name`.
pub(super) fn find_math(name: &str, arguments: usize) -> Found {
    let math = match (name, arguments) {
        ("abs", 1) => Math::Abs,
        ("sign", 1) => Math::Sign,
        ("ceil", 1) => Math::Ceil,
        ("floor", 1) => Math::Floor,
        ("round", 1) => Math::Round,
        ("trunc", 1) => Math::Trunc,
        ("sqrt", 1) => Math::Sqrt,
        ("isNaN", 1) => Math::IsNan,
        ("isInf", 1) => Math::IsInf,
        ("isFinite", 1) => Math::IsFinite,
        ("bitNot", 1) | ("bitAnd" | "bitOr" | "bitXor" | "bitShiftLeft" | "bitShiftRight", 2) => return Found::Interpreted(Type::Dyn),
        _ => {
            return Found::Unknown("math has abs, sign, ceil, floor, round, trunc, sqrt, isNaN, isInf, isFinite, greatest, least and bit…");
        }
    };
    Found::Compiled(Function::Math(math))
}

fn part(name: &str) -> Option<Part> {
    Some(match name {
        "getFullYear" => Part::FullYear,
        "getMonth" => Part::Month,
        "getDate" => Part::Date,
        "getDayOfMonth" => Part::DayOfMonth,
        "getDayOfWeek" => Part::DayOfWeek,
        "getDayOfYear" => Part::DayOfYear,
        "getHours" => Part::Hours,
        "getMinutes" => Part::Minutes,
        "getSeconds" => Part::Seconds,
        "getMilliseconds" => Part::Milliseconds,
        _ => return None,
    })
}

fn usage(name: &str) -> &'static str {
    match name {
        "contains" | "startsWith" | "endsWith" => "call it on a text, with one text: value.name.startsWith('x')",
        "size" => "call it on one text, list, map or bytes: size(value.lines)",
        "int" | "uint" | "double" | "bool" | "string" | "bytes" | "timestamp" | "duration" | "type" | "dyn" => "it takes one value",
        name if part(name).is_some() => "call it on a timestamp: value.at.getHours()",
        _ => "there is no such function",
    }
}

// === impl Function ===

impl Function {
    /// The type of the answer; the error says what it takes. The target, if any, is the first argument.
    pub(super) fn answer(self, arguments: &[Type]) -> Result<Type, &'static str> {
        let first = &arguments[0];
        let one_of = |allowed: &[Type], answer: Type, takes: &'static str| {
            if first.is_dyn() || allowed.contains(first) {
                Ok(answer)
            } else {
                Err(takes)
            }
        };
        match self {
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                if arguments.iter().all(|argument| matches!(argument, Type::Str | Type::Dyn)) {
                    Ok(Type::Bool)
                } else {
                    Err("string")
                }
            }
            Function::Size => match first {
                Type::Dyn | Type::Str | Type::Bytes | Type::List(_) | Type::Map(_) | Type::Object(_) => Ok(Type::Int),
                _ => Err("string, bytes, list or map"),
            },
            Function::Int => one_of(
                &[Type::Int, Type::Uint, Type::Double, Type::Str, Type::Timestamp],
                Type::Int,
                "a number, string or timestamp",
            ),
            Function::Uint => one_of(&[Type::Int, Type::Uint, Type::Double, Type::Str], Type::Uint, "a number or string"),
            Function::Double => one_of(
                &[Type::Int, Type::Uint, Type::Double, Type::Str],
                Type::Double,
                "a number or string",
            ),
            Function::Bool => one_of(&[Type::Bool, Type::Str], Type::Bool, "bool or string"),
            Function::Timestamp => one_of(
                &[Type::Timestamp, Type::Str, Type::Int],
                Type::Timestamp,
                "string, int or timestamp",
            ),
            Function::Duration => one_of(&[Type::Duration, Type::Str], Type::Duration, "string or duration"),
            Function::Dyn => Ok(Type::Dyn),
            Function::Part(Part::Hours | Part::Minutes | Part::Seconds | Part::Milliseconds) => {
                one_of(&[Type::Timestamp, Type::Duration], Type::Int, "timestamp or duration")
            }
            Function::Part(_) => one_of(&[Type::Timestamp], Type::Int, "timestamp"),
            Function::Math(math) => match math {
                Math::Abs | Math::Sign => one_of(&[Type::Int, Type::Uint, Type::Double], first.clone(), "a number"),
                Math::Sqrt => one_of(&[Type::Int, Type::Uint, Type::Double], Type::Double, "a number"),
                Math::Ceil | Math::Floor | Math::Round | Math::Trunc => one_of(&[Type::Double], Type::Double, "double"),
                Math::IsNan | Math::IsInf | Math::IsFinite => one_of(&[Type::Double], Type::Bool, "double"),
            },
        }
    }

    /// Whether it needs more than the compiled form has for an argument of this type.
    pub(super) fn is_beyond(self, argument: &Type) -> bool {
        match self {
            Function::Size => matches!(argument, Type::Object(_)),
            // Reading text at run time is the interpreter's business; of literals nothing is left by then.
            Function::Duration | Function::Timestamp => matches!(argument, Type::Str),
            _ => false,
        }
    }

    pub(super) fn call<'v>(self, first: Val<'v>, second: Option<Val<'v>>) -> Result<Val<'v>, Stop> {
        Ok(match (self, first) {
            (Function::Contains | Function::StartsWith | Function::EndsWith, Val::Str(text)) => {
                let Some(Val::Str(part)) = second else { return Err(Stop::Error) };
                Val::Bool(match self {
                    Function::Contains => text.contains(part),
                    Function::StartsWith => text.starts_with(part),
                    _ => text.ends_with(part),
                })
            }
            (Function::Size, value) => return value.size(),
            (Function::Dyn, value)
            | (Function::Int, value @ Val::Int(_))
            | (Function::Uint, value @ Val::Uint(_))
            | (Function::Double, value @ Val::Double(_))
            | (Function::Bool, value @ Val::Bool(_))
            | (Function::Timestamp, value @ Val::Timestamp(_))
            | (Function::Duration, value @ Val::Duration(_)) => value,
            (Function::Int, value) => Val::Int(to_int(value)?),
            (Function::Uint, value) => Val::Uint(to_uint(value)?),
            (Function::Double, value) => Val::Double(to_double(value)?),
            (Function::Bool, Val::Str(text)) => Val::Bool(match text {
                "1" | "t" | "true" | "TRUE" | "True" => true,
                "0" | "f" | "false" | "FALSE" | "False" => false,
                _ => return Err(Stop::Error),
            }),
            (Function::Timestamp, Val::Int(seconds)) => Val::Timestamp(Instant::from_seconds(seconds)?),
            (Function::Timestamp | Function::Duration, Val::Str(_)) => return Err(Stop::Hand),
            (Function::Part(part), Val::Timestamp(at)) => Val::Int(part.of_instant(at)?),
            (Function::Part(part), Val::Duration(span)) => Val::Int(part.of_span(span)?),
            (Function::Math(math), value) => math.call(value)?,
            _ => return Err(Stop::Error),
        })
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as CEL converts")]
fn to_int(value: Val<'_>) -> Result<i64, Stop> {
    match value {
        Val::Uint(value) => i64::try_from(value).map_err(|_| Stop::Error),
        Val::Double(value) if value > i64::MIN as f64 && value < i64::MAX as f64 => Ok(value as i64),
        Val::Str(text) => text.parse().map_err(|_| Stop::Error),
        Val::Timestamp(at) => Ok(at.seconds),
        _ => Err(Stop::Error),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as CEL converts"
)]
fn to_uint(value: Val<'_>) -> Result<u64, Stop> {
    match value {
        Val::Int(value) => u64::try_from(value).map_err(|_| Stop::Error),
        Val::Double(value) if value >= 0.0 && value < u64::MAX as f64 => Ok(value as u64),
        Val::Str(text) => text.parse().map_err(|_| Stop::Error),
        _ => Err(Stop::Error),
    }
}

#[expect(clippy::cast_precision_loss, reason = "as CEL converts")]
fn to_double(value: Val<'_>) -> Result<f64, Stop> {
    match value {
        Val::Int(value) => Ok(value as f64),
        Val::Uint(value) => Ok(value as f64),
        Val::Str(text) => text.parse().map_err(|_| Stop::Error),
        _ => Err(Stop::Error),
    }
}

// === impl Part ===

impl Part {
    fn of_instant(self, at: Instant) -> Result<i64, Stop> {
        let at: DateTime<Utc> = DateTime::from_timestamp(at.seconds, at.nanos).ok_or(Stop::Hand)?;
        Ok(match self {
            Part::FullYear => i64::from(at.year()),
            Part::Month => i64::from(at.month0()),
            Part::Date => i64::from(at.day()),
            Part::DayOfMonth => i64::from(at.day0()),
            Part::DayOfWeek => i64::from(at.weekday().num_days_from_sunday()),
            Part::DayOfYear => i64::from(at.ordinal0()),
            Part::Hours => i64::from(at.hour()),
            Part::Minutes => i64::from(at.minute()),
            Part::Seconds => i64::from(at.second()),
            Part::Milliseconds => i64::from(at.timestamp_subsec_millis()),
        })
    }

    fn of_span(self, nanos: i64) -> Result<i64, Stop> {
        let unit = match self {
            Part::Hours => 3_600_000_000_000,
            Part::Minutes => 60_000_000_000,
            Part::Seconds => 1_000_000_000,
            Part::Milliseconds => 1_000_000,
            _ => return Err(Stop::Error),
        };
        Ok(nanos / unit)
    }
}

// === impl Math ===

impl Math {
    #[expect(clippy::cast_precision_loss, reason = "as CEL converts")]
    fn call(self, value: Val<'_>) -> Result<Val<'static>, Stop> {
        Ok(match (self, value) {
            (Math::Abs, Val::Int(value)) => Val::Int(value.checked_abs().ok_or(Stop::Error)?),
            (Math::Abs, Val::Uint(value)) => Val::Uint(value),
            (Math::Abs, Val::Double(value)) => Val::Double(value.abs()),
            (Math::Sign, Val::Int(value)) => Val::Int(value.signum()),
            (Math::Sign, Val::Uint(value)) => Val::Uint(u64::from(value != 0)),
            (Math::Sign, Val::Double(value)) => Val::Double(if value > 0.0 {
                1.0
            } else if value < 0.0 {
                -1.0
            } else if value == 0.0 {
                0.0
            } else {
                value
            }),
            (Math::Sqrt, Val::Int(value)) => Val::Double((value as f64).sqrt()),
            (Math::Sqrt, Val::Uint(value)) => Val::Double((value as f64).sqrt()),
            (Math::Sqrt, Val::Double(value)) => Val::Double(value.sqrt()),
            (Math::Ceil, Val::Double(value)) => Val::Double(value.ceil()),
            (Math::Floor, Val::Double(value)) => Val::Double(value.floor()),
            (Math::Round, Val::Double(value)) => Val::Double(value.round()),
            (Math::Trunc, Val::Double(value)) => Val::Double(value.trunc()),
            (Math::IsNan, Val::Double(value)) => Val::Bool(value.is_nan()),
            (Math::IsInf, Val::Double(value)) => Val::Bool(value.is_infinite()),
            (Math::IsFinite, Val::Double(value)) => Val::Bool(value.is_finite()),
            _ => return Err(Stop::Error),
        })
    }
}
