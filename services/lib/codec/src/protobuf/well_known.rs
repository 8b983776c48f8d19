//! Messages that stand for one value.

use std::borrow::Cow;

use super::ProtobufReader;
use super::index::NONE;
use super::reader::Place;
use super::schema::{MessageId, Shape};
use crate::civil;
use crate::failure::DecodeFailure;
use crate::json::number::is_number;
use crate::token::{Special, Token};

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z (`timestamp.proto`).
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// `duration.proto`.
const DURATION_SECONDS: u64 = 315_576_000_000;
const NANOS: i64 = 1_000_000_000;

impl<'b> ProtobufReader<'b, '_> {
    /// The value of a message that was indexed.
    pub(super) fn well_known(&mut self, shape: Shape, id: MessageId, heads: u32) -> Result<Token<'b>, DecodeFailure> {
        let mut part = |index: usize| {
            let first = self.scratch.heads[heads as usize + index].first;
            let place = if first == NONE { Place::Absent } else { Place::Chain(first) };
            let kind = self.schema.message(id).fields[index].kind;
            self.scalar(kind, place)
        };
        let int = |token: Token<'_>| if let Token::Int(value) = token { value } else { 0 };
        Ok(match shape {
            Shape::Timestamp => timestamp(int(part(0)?), int(part(1)?)),
            Shape::Duration => duration(int(part(0)?), int(part(1)?)),
            Shape::Date => date(int(part(0)?), int(part(1)?), int(part(2)?)),
            Shape::TimeOfDay => time_of_day(int(part(0)?), int(part(1)?), int(part(2)?), int(part(3)?)),
            Shape::DecimalText => match part(0)? {
                Token::Str(Cow::Borrowed(text)) if is_number(text) => Token::Number(text),
                other => other,
            },
            Shape::DecimalBytes => match (part(0)?, int(part(2)?)) {
                // No digits are the number 0, which a writer of proto3 leaves out.
                (Token::Bytes(unscaled), scale) => Token::Decimal {
                    unscaled: if unscaled.is_empty() { Cow::Borrowed(&[0]) } else { unscaled },
                    scale: scale as i32,
                },
                (other, _) => other,
            },
            _ => part(0)?,
        })
    }
}

fn timestamp<'b>(seconds: i64, nanos: i64) -> Token<'b> {
    if !TIMESTAMP_SECONDS.contains(&seconds) || !(0..NANOS).contains(&nanos) {
        return Token::Special(Special::OutOfRange);
    }
    if nanos % 1000 != 0 {
        return Token::Special(Special::FinerThanMicros);
    }
    Token::TimestampMicros(seconds * 1_000_000 + nanos / 1000)
}

/// As in ProtoJSON: seconds with as many digits as there are, and `s`.
fn duration<'b>(seconds: i64, nanos: i64) -> Token<'b> {
    let opposed = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
    if seconds.unsigned_abs() > DURATION_SECONDS || nanos.abs() >= NANOS || opposed {
        return Token::Special(Special::OutOfRange);
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (seconds.abs(), nanos.abs());
    let fraction = match nanos {
        0 => String::new(),
        nanos if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        nanos if nanos % 1000 == 0 => format!(".{:06}", nanos / 1000),
        nanos => format!(".{nanos:09}"),
    };
    Token::Str(Cow::Owned(format!("{sign}{seconds}{fraction}s")))
}

/// A date without a year, month or day (`date.proto` allows them) is no date of ours.
fn date<'b>(year: i64, month: i64, day: i64) -> Token<'b> {
    let (Ok(month), Ok(day)) = (u32::try_from(month), u32::try_from(day)) else {
        return Token::Special(Special::OutOfRange);
    };
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
        return Token::Special(Special::OutOfRange);
    }
    let first = civil::days(year, month, 1);
    let next = if month == 12 {
        civil::days(year + 1, 1, 1)
    } else {
        civil::days(year, month + 1, 1)
    };
    let days = first + i64::from(day) - 1;
    match i32::try_from(days) {
        Ok(days) if i64::from(days) < next => Token::Date(days),
        _ => Token::Special(Special::OutOfRange),
    }
}

fn time_of_day<'b>(hours: i64, minutes: i64, seconds: i64, nanos: i64) -> Token<'b> {
    // 24:00:00 and leap seconds are handed on as they are; whoever reads a time decides.
    let fits = (0..=24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds) && (0..NANOS).contains(&nanos);
    if !fits {
        return Token::Special(Special::OutOfRange);
    }
    if nanos % 1000 != 0 {
        return Token::Special(Special::FinerThanMicros);
    }
    Token::TimeMicros(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + nanos / 1000)
}
