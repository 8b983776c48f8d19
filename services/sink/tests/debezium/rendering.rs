//! Values of Arrow columns as the databases print them.

use std::fmt::Write as _;

use jiff::civil::DateTime;
use tidegate_columnar::arrow::array::{Array, AsArray, StructArray};
use tidegate_columnar::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};

use crate::recording::Database;

/// Text of a value of a column that the database declares as `declared`; none for null.
pub(crate) fn text(database: Database, declared: &str, array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let text = match array.data_type() {
        DataType::Boolean => boolean(database, array.as_boolean().value(row)),
        DataType::Int64 => integer(declared, array.as_primitive::<Int64Type>().value(row)),
        DataType::Decimal128(_, scale) => decimal(declared, array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            float(database, f64::from(value), &format!("{value:e}"), 6)
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            float(database, value, &format!("{value:e}"), 15)
        }
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => binary(database, declared, array.as_binary::<i32>().value(row)),
        DataType::Date32 => civil(i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400_000_000)
            .date()
            .to_string(),
        DataType::Time64(_) => clock(database, declared, array.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Timestamp(_, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            let local = civil(micros);
            let zone = if zone.is_some() && database == Database::Postgres {
                "+00"
            } else {
                ""
            };
            format!(
                "{} {}{zone}",
                local.date(),
                clock(database, declared, micros.rem_euclid(86_400_000_000))
            )
        }
        DataType::List(_) => list(database, declared, &*array.as_list::<i32>().value(row)),
        DataType::Struct(_) => structure(database, declared, array.as_struct(), row),
        other => unreachable!("no contract of the corpus makes a column of {other}"),
    };
    Some(text)
}

fn boolean(database: Database, value: bool) -> String {
    match database {
        Database::Postgres => if value { "t" } else { "f" }.to_owned(),
        // MariaDB has no truth values; bit(1) comes as one.
        Database::Maria => format!("0b{}", u8::from(value)),
    }
}

fn integer(declared: &str, value: i64) -> String {
    match declared {
        // MariaDB's TIME, as microseconds.
        "time" => format!(
            "{}{}",
            if value < 0 { "-" } else { "" },
            clock(Database::Maria, declared, value.abs())
        ),
        _ => value.to_string(),
    }
}

fn decimal(declared: &str, unscaled: i128, scale: i8) -> String {
    let scale = usize::try_from(scale).unwrap();
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    match declared {
        "money" => {
            let mut grouped = String::new();
            for (at, digit) in whole.chars().enumerate() {
                if at > 0 && (whole.len() - at) % 3 == 0 {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            let (cents, finer) = fraction.split_at(2);
            assert!(
                finer.bytes().all(|digit| digit == b'0'),
                "{unscaled} has more digits than {declared}"
            );
            format!("{sign}${grouped}.{cents}")
        }
        // Without a declared scale each value of the table has its own, which no column type carries: the value counts, not the zeros.
        "numeric" => plain_number(&format!("{sign}{whole}.{fraction}")),
        _ if fraction.is_empty() => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// Without zeros at the end of the fraction.
pub(crate) fn plain_number(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

/// `shortest` has the fewest digits that tell the value, as Rust writes it with an exponent; past `exponent_from` digits before the point
/// databases write one too.
fn float(database: Database, value: f64, shortest: &str, exponent_from: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    match (database, (-4..exponent_from).contains(&exponent)) {
        (_, true) => value.to_string(),
        (Database::Postgres, false) => {
            format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
        }
        (Database::Maria, false) => format!("{mantissa}e{exponent}"),
    }
}

fn binary(database: Database, declared: &str, bytes: &[u8]) -> String {
    if let Some(length) = declared.strip_prefix("bit") {
        // Debezium writes bit strings as little-endian numbers.
        let number = bytes.iter().rev().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        return match (database, length.strip_prefix('(').and_then(|length| length.strip_suffix(')'))) {
            (Database::Postgres, Some(length)) => format!("{number:0>width$b}", width = length.parse().unwrap()),
            // How long a varying bit string was is not in the event: the value counts.
            (Database::Postgres, None) => format!("{number:b}"),
            (Database::Maria, _) => format!("0b{number:b}"),
        };
    }
    match database {
        Database::Postgres => format!("\\x{}", hex(bytes)),
        Database::Maria => format!("0x{}", hex(bytes).to_uppercase()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Hours, minutes and seconds. PostgreSQL leaves zeros at the end of the fraction out, MariaDB writes as many digits as it declares.
fn clock(database: Database, declared: &str, micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let digits = match database {
        Database::Postgres => 6,
        Database::Maria => declared
            .split_once('(')
            .map_or(0, |(_, digits)| digits.trim_end_matches(')').parse().unwrap()),
    };
    let exact = format!("{fraction:06}");
    assert!(
        exact[digits..].bytes().all(|digit| digit == b'0'),
        "{micros} has more digits than {declared}"
    );
    match database {
        Database::Postgres => plain_number(&format!("{whole}.{exact}")),
        Database::Maria if digits == 0 => whole,
        Database::Maria => format!("{whole}.{}", &exact[..digits]),
    }
}

fn civil(micros: i64) -> DateTime {
    let span = jiff::SignedDuration::from_micros(micros);
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(span).unwrap()
}

fn list(database: Database, declared: &str, items: &dyn Array) -> String {
    let declared = declared.strip_suffix("[]").unwrap_or(declared);
    let item = |row| match text(database, declared, items, row) {
        None => "NULL".to_owned(),
        Some(text) => {
            let needs_quotes = text.is_empty()
                || text.eq_ignore_ascii_case("null")
                || text.contains(|character: char| "{},\"\\".contains(character) || character.is_ascii_whitespace());
            match needs_quotes {
                true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
                false => text,
            }
        }
    };
    format!("{{{}}}", (0..items.len()).map(item).collect::<Vec<_>>().join(","))
}

/// MariaDB keeps geometries as the reference system's number and the well-known binary; what else has parts is shown as JSON.
fn structure(database: Database, declared: &str, parts: &StructArray, row: usize) -> String {
    let part = |name: &str| parts.column_by_name(name).filter(|column| !column.is_null(row));
    if let (Database::Maria, Some(wkb)) = (database, part("wkb")) {
        let srid = part("srid").map_or(0, |column| column.as_primitive::<Int64Type>().value(row));
        let srid = u32::try_from(srid).unwrap().to_le_bytes();
        return format!(
            "0x{}{}",
            hex(&srid).to_uppercase(),
            hex(wkb.as_binary::<i32>().value(row)).to_uppercase()
        );
    }
    let member = |(name, column): (&str, &dyn Array)| {
        let value = text(database, declared, column, row).map_or("null".to_owned(), |text| match column.data_type() {
            DataType::Utf8 | DataType::Binary => format!("\"{text}\""),
            _ => text,
        });
        format!("\"{name}\":{value}")
    };
    let members = parts.column_names().into_iter().zip(parts.columns().iter().map(|column| &**column));
    format!("{{{}}}", members.map(member).collect::<Vec<_>>().join(","))
}
