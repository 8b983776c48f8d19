//! What a plain value stands for: a number of days that is a date, base64 text that is a decimal.
//!
//! Kafka Connect and Debezium name it in the schema beside the value (`name` in JSON schema blocks, `connect.name` in Avro); where no
//! schema travels with the row, the contract's types and the connector's settings say it.
//!
//! Values that no type of ours holds become [`Token::Special`], never a near value:
//! - PostgreSQL's `infinity` as timestamp is `i64::MAX`/`MIN` in microseconds, 9223372036825200000 / -9223372036832400000 in
//!   milliseconds, the same instants in ISO text, and the texts `infinity` / `-infinity` with a time zone; as date it is
//!   2146033979 / -2147472691 days, and the same days in ISO text. These are `PositiveInfinity` and `NegativeInfinity`.
//! - `NAN`, `POSITIVE_INFINITY`, `NEGATIVE_INFINITY` are decimals in string mode.
//! - An instant past the microseconds of 64 bits and a date past 32 bits of days are `OutOfRange`.
//! - Nanoseconds that are not whole microseconds are `FinerThanMicros`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::civil;
use crate::failure::{DecodeFailure, Detail};
use crate::json::number;
use crate::token::{Reader, Special, Token};

/// What a plain value stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantic {
    /// Two's complement (base64 in JSON) with this many digits after the point.
    Decimal {
        /// Digits after the point.
        scale: i32,
    },
    /// Decimal as text (`decimal.handling.mode=string`).
    DecimalText,
    /// A float, where JSON writes what is no number as text: `NaN`, `Infinity`, `-Infinity`.
    Float,
    /// Days since 1970-01-01.
    Date,
    /// Milliseconds since midnight; not limited to one day, MariaDB's TIME is not either.
    TimeMillis,
    /// Microseconds since midnight, likewise.
    TimeMicros,
    /// Nanoseconds since midnight, likewise.
    TimeNanos,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    TimestampMillis,
    /// Microseconds since 1970-01-01T00:00:00Z.
    TimestampMicros,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    TimestampNanos,
    /// Text of an instant with a zone; also `IsoTimestamp`, which writes UTC's `Z` behind local times.
    Timestamp,
    /// Text of a time of day, with a zone or not; read in UTC.
    Time,
    /// Text of a date; the `Z` behind it means nothing.
    DateText,
    /// Bytes, base64 in JSON.
    Base64,
    /// Bytes, hexadecimal text.
    Hex,
}

/// The value is not of the form that its meaning asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongForm;

// === impl Semantic ===

impl Semantic {
    /// The meaning of a Kafka Connect schema: its `type`, `name`, and the parameter `scale` of a decimal. None where the value already
    /// says what it is (text, whole numbers, enumerations, years, intervals, JSON, XML, UUIDs).
    pub fn of_connect(kind: &str, name: Option<&str>, scale: Option<i32>) -> Option<Semantic> {
        let named = match name.unwrap_or_default() {
            "org.apache.kafka.connect.data.Decimal" => Some(Semantic::Decimal { scale: scale? }),
            "io.debezium.time.Date" | "org.apache.kafka.connect.data.Date" => Some(Semantic::Date),
            "io.debezium.time.Time" | "org.apache.kafka.connect.data.Time" => Some(Semantic::TimeMillis),
            "io.debezium.time.MicroTime" => Some(Semantic::TimeMicros),
            "io.debezium.time.NanoTime" => Some(Semantic::TimeNanos),
            "io.debezium.time.Timestamp" | "org.apache.kafka.connect.data.Timestamp" => Some(Semantic::TimestampMillis),
            "io.debezium.time.MicroTimestamp" => Some(Semantic::TimestampMicros),
            "io.debezium.time.NanoTimestamp" => Some(Semantic::TimestampNanos),
            "io.debezium.time.ZonedTimestamp" | "io.debezium.time.IsoTimestamp" => Some(Semantic::Timestamp),
            "io.debezium.time.ZonedTime" | "io.debezium.time.IsoTime" => Some(Semantic::Time),
            "io.debezium.time.IsoDate" => Some(Semantic::DateText),
            _ => None,
        };
        named.or(match kind {
            "bytes" => Some(Semantic::Base64),
            "float" | "double" | "float32" | "float64" => Some(Semantic::Float),
            _ => None,
        })
    }

    /// Turns a plain value into the typed one. Null stays null. Values that already have a type (from Avro) pass.
    pub fn apply<'b>(self, token: Token<'b>) -> Result<Token<'b>, WrongForm> {
        match (self, token) {
            (_, Token::Null) => Ok(Token::Null),
            (Semantic::Decimal { scale }, Token::Str(text)) => decimal_of(from_base64(&text)?.into(), scale),
            (Semantic::Decimal { scale }, Token::Bytes(bytes)) => decimal_of(bytes, scale),
            (Semantic::Decimal { .. }, token @ Token::Decimal { .. }) => Ok(token),
            (Semantic::DecimalText, Token::Str(text)) => decimal_text(text),
            (Semantic::DecimalText, token @ Token::Number(_)) => Ok(token),
            (Semantic::Float, token @ (Token::Number(_) | Token::Float(_) | Token::Int(_))) => Ok(token),
            (Semantic::Float, Token::Str(text)) => match &*text {
                "NaN" => Ok(Token::Float(f64::NAN)),
                "Infinity" => Ok(Token::Float(f64::INFINITY)),
                "-Infinity" => Ok(Token::Float(f64::NEG_INFINITY)),
                _ => Err(WrongForm),
            },
            (Semantic::Base64, Token::Str(text)) => Ok(Token::Bytes(from_base64(&text)?.into())),
            (Semantic::Hex, Token::Str(text)) => Ok(Token::Bytes(from_hex(&text)?.into())),
            (Semantic::Base64 | Semantic::Hex, token @ Token::Bytes(_)) => Ok(token),
            (Semantic::Timestamp, Token::Str(text)) => instant_text(&text),
            (Semantic::DateText, Token::Str(text)) => civil::parse_date(&text).map(|days| date(i128::from(days))).ok_or(WrongForm),
            (Semantic::Time, Token::Str(text)) => civil::parse_time(&text).map(|nanos| time_nanos(i128::from(nanos))).ok_or(WrongForm),
            (_, token @ (Token::Date(_) | Token::TimeMicros(_) | Token::TimestampMicros(_) | Token::Special(_))) => Ok(token),
            (_, Token::Int(value)) => self.number(i128::from(value)),
            (_, Token::Number(text)) => self.number(number::to_i128(text).ok_or(WrongForm)?),
            _ => Err(WrongForm),
        }
    }

    fn number<'b>(self, value: i128) -> Result<Token<'b>, WrongForm> {
        // The writer's types have 64 bits; more is no value of theirs.
        let small = i64::try_from(value).map_err(|_| WrongForm)?;
        Ok(match self {
            Semantic::Date => date(value),
            Semantic::TimeMillis => small
                .checked_mul(1000)
                .map_or(Token::Special(Special::OutOfRange), Token::TimeMicros),
            Semantic::TimeMicros => Token::TimeMicros(small),
            Semantic::TimeNanos => time_nanos(value),
            Semantic::TimestampMillis => timestamp(small.div_euclid(1000), small.rem_euclid(1000) as u32 * 1_000_000),
            Semantic::TimestampMicros => match small {
                i64::MAX => Token::Special(Special::PositiveInfinity),
                i64::MIN => Token::Special(Special::NegativeInfinity),
                micros => Token::TimestampMicros(micros),
            },
            Semantic::TimestampNanos => timestamp(small.div_euclid(1_000_000_000), small.rem_euclid(1_000_000_000) as u32),
            _ => return Err(WrongForm),
        })
    }
}

/// Reads a `VariableScaleDecimal` (`{"scale": 2, "value": "base64"}`) whose `BeginObject` was just read, up to its end.
pub fn variable_scale_decimal<'b>(reader: &mut impl Reader<'b>) -> Result<Token<'b>, DecodeFailure> {
    let start = reader.position();
    let wrong = DecodeFailure {
        detail: Detail::BadEnvelope,
        offset: start,
    };
    let (mut scale, mut value) = (None, None);
    loop {
        match reader.next()? {
            Token::Key(key) if key == "scale" => {
                scale = Some(as_i64(&reader.next()?).and_then(|scale| i32::try_from(scale).ok()).ok_or(wrong)?)
            }
            Token::Key(key) if key == "value" => value = Some(reader.next()?),
            Token::EndObject => break,
            _ => return Err(wrong),
        }
    }
    let (Some(scale), Some(value @ (Token::Str(_) | Token::Bytes(_)))) = (scale, value) else {
        return Err(wrong);
    };
    Semantic::Decimal { scale }.apply(value).map_err(|WrongForm| wrong)
}

/// The integer of a token, whichever encoding it came from.
pub(crate) fn as_i64(token: &Token<'_>) -> Option<i64> {
    match token {
        Token::Number(text) => number::to_i64(text),
        Token::Int(value) => Some(*value),
        Token::TimestampMicros(value) => Some(*value),
        _ => None,
    }
}

fn decimal_of(unscaled: Cow<'_, [u8]>, scale: i32) -> Result<Token<'_>, WrongForm> {
    if unscaled.is_empty() {
        Err(WrongForm)
    } else {
        Ok(Token::Decimal { unscaled, scale })
    }
}

/// Text that already is a JSON number stays one; others that Java's BigDecimal would not write are refused.
fn decimal_text(text: Cow<'_, str>) -> Result<Token<'_>, WrongForm> {
    match &*text {
        "NAN" => return Ok(Token::Special(Special::NotANumber)),
        "POSITIVE_INFINITY" => return Ok(Token::Special(Special::PositiveInfinity)),
        "NEGATIVE_INFINITY" => return Ok(Token::Special(Special::NegativeInfinity)),
        _ => {}
    }
    match text {
        Cow::Borrowed(text) if number::is_number(text) => Ok(Token::Number(text)),
        // Only an escape inside of the digits leads here; no writer does that.
        _ => Err(WrongForm),
    }
}

fn date<'b>(days: i128) -> Token<'b> {
    match days {
        2_146_033_979 => Token::Special(Special::PositiveInfinity),
        -2_147_472_691 => Token::Special(Special::NegativeInfinity),
        _ => i32::try_from(days).map_or(Token::Special(Special::OutOfRange), Token::Date),
    }
}

fn time_nanos<'b>(nanos: i128) -> Token<'b> {
    if nanos % 1000 != 0 {
        return Token::Special(Special::FinerThanMicros);
    }
    i64::try_from(nanos / 1000).map_or(Token::Special(Special::OutOfRange), Token::TimeMicros)
}

fn timestamp<'b>(seconds: i64, nanos: u32) -> Token<'b> {
    match seconds {
        9_223_372_036_825_200 => return Token::Special(Special::PositiveInfinity),
        -9_223_372_036_832_400 => return Token::Special(Special::NegativeInfinity),
        _ => {}
    }
    if !nanos.is_multiple_of(1000) {
        return Token::Special(Special::FinerThanMicros);
    }
    let micros = i128::from(seconds) * 1_000_000 + i128::from(nanos / 1000);
    i64::try_from(micros).map_or(Token::Special(Special::OutOfRange), Token::TimestampMicros)
}

fn instant_text<'b>(text: &str) -> Result<Token<'b>, WrongForm> {
    match text {
        "infinity" => return Ok(Token::Special(Special::PositiveInfinity)),
        "-infinity" => return Ok(Token::Special(Special::NegativeInfinity)),
        _ => {}
    }
    let instant = civil::parse_instant(text).ok_or(WrongForm)?;
    Ok(timestamp(instant.seconds, instant.nanos))
}

fn from_base64(text: &str) -> Result<Vec<u8>, WrongForm> {
    STANDARD.decode(text).map_err(|_| WrongForm)
}

fn from_hex(text: &str) -> Result<Vec<u8>, WrongForm> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(WrongForm);
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect::<Option<_>>()
        .ok_or(WrongForm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::{self, DecimalRead};

    #[test]
    fn numbers_become_dates_and_times() {
        for (semantic, text, token) in [
            (Semantic::Date, "19782", Token::Date(19_782)),
            (Semantic::Date, "2146033979", Token::Special(Special::PositiveInfinity)),
            (Semantic::Date, "-2147472691", Token::Special(Special::NegativeInfinity)),
            (Semantic::Date, "3000000000", Token::Special(Special::OutOfRange)),
            (Semantic::TimeMillis, "86399999", Token::TimeMicros(86_399_999_000)),
            (Semantic::TimeMicros, "86400000000", Token::TimeMicros(86_400_000_000)),
            (Semantic::TimeNanos, "1001", Token::Special(Special::FinerThanMicros)),
            (Semantic::TimestampMillis, "-1", Token::TimestampMicros(-1000)),
            (
                Semantic::TimestampMillis,
                "9223372036825200000",
                Token::Special(Special::PositiveInfinity),
            ),
            (
                Semantic::TimestampMillis,
                "-9223372036832400000",
                Token::Special(Special::NegativeInfinity),
            ),
            (
                Semantic::TimestampMillis,
                "9223372036825100000",
                Token::Special(Special::OutOfRange),
            ),
            (
                Semantic::TimestampMicros,
                "9223372036854775807",
                Token::Special(Special::PositiveInfinity),
            ),
            (
                Semantic::TimestampMicros,
                "-9223372036854775808",
                Token::Special(Special::NegativeInfinity),
            ),
            (Semantic::TimestampNanos, "-1000", Token::TimestampMicros(-1)),
        ] {
            assert_eq!(semantic.apply(Token::Number(text)), Ok(token), "{semantic:?} {text}");
        }
        assert_eq!(Semantic::Date.apply(Token::Number("1.5")), Err(WrongForm));
        assert_eq!(Semantic::Date.apply(Token::Str("19782".into())), Err(WrongForm));
        assert_eq!(
            Semantic::TimestampMicros.apply(Token::Number("9223372036854775808")),
            Err(WrongForm)
        );
    }

    #[test]
    fn text_becomes_what_it_stands_for() {
        let special = Token::Special;
        for (semantic, text, token) in [
            (
                Semantic::Timestamp,
                "2024-02-29T11:14:15.123456Z",
                Token::TimestampMicros(1_709_205_255_123_456),
            ),
            (Semantic::Timestamp, "infinity", special(Special::PositiveInfinity)),
            (
                Semantic::Timestamp,
                "-292275055-05-16T23:00:00Z",
                special(Special::NegativeInfinity),
            ),
            (
                Semantic::Timestamp,
                "2024-02-29T11:14:15.123456789Z",
                special(Special::FinerThanMicros),
            ),
            (Semantic::DateText, "2024-02-29Z", Token::Date(19_782)),
            (Semantic::DateText, "+5877611-06-21Z", special(Special::PositiveInfinity)),
            (Semantic::DateText, "-5877611-06-22Z", special(Special::NegativeInfinity)),
            (Semantic::Time, "13:14:15.123456Z", Token::TimeMicros(47_655_123_456)),
            (Semantic::Base64, "AP8=", Token::Bytes(vec![0, 0xff].into())),
            (Semantic::Hex, "00fF", Token::Bytes(vec![0, 0xff].into())),
            (Semantic::DecimalText, "-12.34", Token::Number("-12.34")),
            (Semantic::DecimalText, "NAN", special(Special::NotANumber)),
            (
                Semantic::Decimal { scale: 2 },
                "+y4=",
                Token::Decimal {
                    unscaled: vec![0xfb, 0x2e].into(),
                    scale: 2,
                },
            ),
        ] {
            assert_eq!(semantic.apply(Token::Str(text.into())), Ok(token), "{semantic:?} {text}");
        }
        for (semantic, text) in [
            (Semantic::Decimal { scale: 2 }, "12.34"),
            (Semantic::Decimal { scale: 2 }, ""),
            (Semantic::DecimalText, "1,5"),
            (Semantic::Hex, "0"),
            (Semantic::Float, "nan"),
            (Semantic::Timestamp, "yesterday"),
        ] {
            assert_eq!(semantic.apply(Token::Str(text.into())), Err(WrongForm), "{semantic:?} {text}");
        }
        assert!(matches!(Semantic::Float.apply(Token::Str("NaN".into())), Ok(Token::Float(value)) if value.is_nan()));
    }

    #[test]
    fn scale_travels_with_the_value() {
        let mut reader = crate::json::JsonReader::new(br#"{"value":"EQfV61tbpNfG","scale":20}"#);
        assert_eq!(reader.next(), Ok(Token::BeginObject));
        let Ok(Token::Decimal { unscaled, scale }) = variable_scale_decimal(&mut reader) else {
            panic!("a decimal")
        };
        assert_eq!(
            (decimal::rescale(&unscaled, scale, 20), scale),
            (DecimalRead::Exact(314_159_265_358_979_323_846), 20)
        );
        assert_eq!(reader.next(), Ok(Token::End));
        for bad in [
            "{}",
            r#"{"scale":1}"#,
            r#"{"scale":1.5,"value":"AA=="}"#,
            r#"{"scale":1,"value":7}"#,
            r#"{"scale":1,"value":"AA==","x":1}"#,
        ] {
            let mut reader = crate::json::JsonReader::new(bad.as_bytes());
            assert_eq!(reader.next(), Ok(Token::BeginObject));
            assert_eq!(
                variable_scale_decimal(&mut reader).map_err(|failure| failure.detail),
                Err(Detail::BadEnvelope),
                "{bad}"
            );
        }
    }
}
