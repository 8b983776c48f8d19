//! The verdict: an answer of the lake against a limit. No I/O, no clock.
//!
//! **Freshness** is `now` minus the newest event time. An event time later than its record's timestamp counts as that timestamp, and
//! what still lies after `now` is left out, so a date in the future cannot hold the promise up. **Latency** is the record's Kafka timestamp minus
//! the event time; the promise is about the 99th percentile by nearest rank, decided by counting: it is broken when more than
//! one row of a hundred is late (for fewer than 100 rows: when any is). The percentile shown is a t-digest's estimate inside the bounds
//! that the counts prove. The time from the topic to the lake is not part of it. **Counts and percentages** are exact; `mustBeBetween` includes both ends.

use std::cmp::Ordering;

use tidegate_contract::model::{Literal, Threshold};

use crate::completeness;
use crate::number::Number;
use crate::objective::{Limit, Objective, Probe};
use crate::observation::{Cell, Observation};
use crate::traffic::{Budget, Traffic};

mod promises;

/// What became of an objective.
#[derive(Debug, Clone, PartialEq)]
pub enum SlaVerdict {
    /// The promise holds.
    Met(Measured),
    /// It does not.
    Breached(Measured),
    /// Nobody knows. Never taken for met.
    Unknown {
        /// Why, without a full stop.
        why: String,
    },
}

/// What was measured and what it was held against.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// A number as decimal text, a truth value, `null`; for text only its length is told.
    pub value: String,
    /// Whether `value` is a number.
    pub numeric: bool,
    /// What is good, such as `<= 3600` or `between 1 and 5`.
    pub limit: String,
    /// `seconds`, `rows`, `records`, `percent`; empty for the result of a contract's own query.
    pub unit: &'static str,
    /// One sentence for a person, without event content.
    pub says: String,
    /// What the value is held against, where that is one number in the value's unit.
    pub limit_number: Option<f64>,
    /// How the budget is spent, for promises about a share.
    pub budget: Option<Budget>,
}

/// Judges one objective. `now` is in microseconds since the epoch and the same that its question was asked with, and so is `traffic`.
pub fn evaluate(objective: &Objective, observation: &Observation, traffic: &Traffic, now: i64) -> SlaVerdict {
    if let Probe::Until(end) = &objective.probe {
        return promises::until(*end, now);
    }
    if let Probe::Completeness = &objective.probe {
        return completeness::judge(traffic.completeness.as_ref(), traffic.why.as_deref());
    }
    let row = match observation {
        Observation::Missing(why) => return unknown(why.as_str()),
        Observation::NoData(tables) => return unknown(format!("the lake has no file for {}", tables.join(", "))),
        Observation::NoRow => return unknown("the query gave no row"),
        Observation::Row(row) => row,
    };
    match (&objective.probe, &objective.limit) {
        (Probe::Freshness(_), Limit::Within(within)) => freshness(row, *within, traffic, now),
        (Probe::Latency(_), Limit::Within(within)) => latency(row, *within),
        (Probe::Sql(_), Limit::Operator { threshold, percent }) => match row.first() {
            Some(cell) => judge(cell, threshold, if *percent { "percent" } else { "" }, None),
            None => unknown("the query gave no column"),
        },
        (Probe::Frequency { every, window }, _) => promises::frequency(row, *every, *window, traffic, now),
        (Probe::Throughput { per, window }, Limit::Operator { threshold, .. }) => promises::throughput(row, *per, *window, threshold),
        (Probe::ErrorRate { window }, Limit::Operator { threshold, .. }) => promises::error_rate(row, *window, threshold, traffic, now),
        (Probe::Availability { window }, Limit::Operator { threshold, .. }) => {
            promises::availability(row, *window, threshold, traffic, now)
        }
        (Probe::Retention, limit) => promises::retention(row, limit, traffic, now),
        (Probe::DayBy { time, offset, .. }, _) => promises::day_by(row, *time, *offset, now),
        (_, Limit::Operator { threshold, percent }) => counted(row, threshold, *percent),
        (_, Limit::Within(_) | Limit::AtLeast(_)) => unreachable!("`plan` gives a length of time to promises about time only"),
    }
}

/// Columns: rows, timed, newest, future.
fn freshness(row: &[Cell], within: i64, traffic: &Traffic, now: i64) -> SlaVerdict {
    let [rows, timed, newest, future] = row else { return shape() };
    let (Some(rows), Some(timed), Some(future)) = (rows.whole(), timed.whole(), future.whole()) else {
        return shape();
    };
    let Some(newest) = newest.whole() else {
        return unknown(match (rows, timed) {
            (0, _) => "the table has no rows".to_owned(),
            (_, 0) => format!("none of {rows} rows has an event time"),
            _ => format!("all {timed} event times lie in the future"),
        });
    };
    let age = now.saturating_sub(newest).max(0);
    let mut says = format!("the newest event is {} old, the limit is {}", human(age), human(within));
    if future > 0 {
        says.push_str(&format!("; {future} rows dated in the future are left out"));
    }
    // Idle is not stale: where everything that was ever sent is in the lake, nothing fresher exists.
    let idle = age > within && traffic.waiting == Some(false);
    if age > within {
        says.push_str(match traffic.waiting {
            Some(false) => "; idle: nothing is waiting in the source, so nothing fresher exists",
            Some(true) => "; records are waiting in the source",
            None => "; whether the source is idle is not known",
        });
    }
    verdict(
        age <= within || idle,
        Measured {
            value: seconds(age),
            numeric: true,
            limit: format!("<= {}", seconds(within)),
            unit: "seconds",
            says,
            limit_number: Some(within as f64 / 1e6),
            budget: None,
        },
    )
}

/// Columns: rows, timed, late, p99, longest_in_time, shortest_late, longest.
fn latency(row: &[Cell], within: i64) -> SlaVerdict {
    let [rows, timed, late, p99, longest_in_time, shortest_late, longest] = row else {
        return shape();
    };
    let (Some(rows), Some(timed), Some(late)) = (rows.whole(), timed.whole(), late.whole()) else {
        return shape();
    };
    if timed == 0 {
        return unknown(if rows == 0 {
            "the table has no rows".to_owned()
        } else {
            format!("none of {rows} rows has an event time and a record timestamp")
        });
    }
    // Nearest rank: row ceil(0.99 n) from below is late exactly when more than floor(n / 100) rows are.
    let met = late <= timed / 100;
    let estimate = if timed < 100 { longest.whole() } else { estimated(p99) };
    let (Some(estimate), Some(longest)) = (estimate, longest.whole()) else {
        return shape();
    };
    let shown = match met {
        true => longest_in_time.whole().map_or(estimate, |bound| estimate.min(bound)),
        false => shortest_late.whole().map_or(estimate, |bound| estimate.max(bound)),
    };
    let mut says = format!(
        "{late} of {timed} events took longer than {}, the longest {}",
        human(within),
        human(longest)
    );
    if timed < rows {
        says.push_str(&format!("; {} rows without a time are left out", rows - timed));
    }
    verdict(
        met,
        Measured {
            value: seconds(shown),
            numeric: true,
            limit: format!("<= {}", seconds(within)),
            unit: "seconds",
            says,
            limit_number: Some(within as f64 / 1e6),
            budget: None,
        },
    )
}

/// Columns: measured, rows.
fn counted(row: &[Cell], threshold: &Threshold, percent: bool) -> SlaVerdict {
    let [measured, rows] = row else { return shape() };
    let (Some(count), Some(total)) = (measured.whole(), rows.whole()) else {
        return shape();
    };
    let of = format!("{count} of {total} rows");
    if !percent {
        return judge(measured, threshold, "rows", Some(of));
    }
    if total == 0 {
        return unknown("the table has no rows to take a percentage of");
    }
    // One correctly rounded division: equal to the threshold's own double exactly when the fractions are equal.
    let share = (count as f64) * 100.0 / (total as f64);
    judge(&Cell::Number(share.to_string()), threshold, "percent", Some(of))
}

/// A value against one operator.
fn judge(cell: &Cell, threshold: &Threshold, unit: &'static str, says: Option<String>) -> SlaVerdict {
    let good = match (threshold, cell) {
        (Threshold::Be(wanted), cell) => equal(cell, wanted),
        (Threshold::NotBe(wanted), cell) => equal(cell, wanted).map(|equal| !equal),
        (threshold, Cell::Number(text)) => match Number::parse(text) {
            Some(number) => compared(&number, threshold),
            None => Err("the query gave a number that cannot be read".to_owned()),
        },
        (_, Cell::Null) => Err("the query gave null".to_owned()),
        (_, Cell::Bool(_) | Cell::Text(_)) => Err("the query gave no number, and the operator compares numbers".to_owned()),
    };
    let good = match good {
        Ok(good) => good,
        Err(why) => return unknown(why),
    };
    let (value, numeric) = match cell {
        Cell::Number(text) => (text.clone(), true),
        Cell::Bool(value) => (value.to_string(), false),
        Cell::Null => ("null".to_owned(), false),
        Cell::Text(text) => (format!("text of {} characters", text.chars().count()), false),
    };
    let limit = shown(threshold);
    let says = match (says, good) {
        (Some(says), true) => format!("{says}, as promised ({limit})"),
        (Some(says), false) => format!("{says}, the promise is {limit}"),
        (None, true) => format!("the query gave {value}, as promised ({limit})"),
        (None, false) => format!("the query gave {value}, the promise is {limit}"),
    };
    verdict(
        good,
        Measured {
            value,
            numeric,
            limit,
            unit,
            says,
            limit_number: one_number(threshold),
            budget: None,
        },
    )
}

fn equal(cell: &Cell, wanted: &Literal) -> Result<bool, String> {
    match (cell, wanted) {
        (Cell::Null, Literal::Null) => Ok(true),
        (Cell::Null, _) => Err("the query gave null".to_owned()),
        (_, Literal::Null) => Ok(false),
        (Cell::Bool(value), Literal::Bool(wanted)) => Ok(value == wanted),
        (Cell::Text(value), Literal::String(wanted)) => Ok(**value == **wanted),
        (Cell::Number(value), Literal::Number(wanted) | Literal::String(wanted)) => match (Number::parse(value), Number::parse(wanted)) {
            (Some(value), Some(wanted)) => Ok(value == wanted),
            _ => Err("the query gave a number, and the operator compares with text".to_owned()),
        },
        _ => Err("the query gave a value of another type than the operator compares with".to_owned()),
    }
}

fn compared(value: &Number, threshold: &Threshold) -> Result<bool, String> {
    let order = |limit: f64| {
        Number::from_f64(limit)
            .map(|limit| value.cmp(&limit))
            .ok_or_else(|| "the operator's value is not a finite number".to_owned())
    };
    let between = |from: f64, to: f64| Ok::<_, String>(order(from)? != Ordering::Less && order(to)? != Ordering::Greater);
    Ok(match *threshold {
        Threshold::GreaterThan(limit) => order(limit)? == Ordering::Greater,
        Threshold::GreaterOrEqual(limit) => order(limit)? != Ordering::Less,
        Threshold::LessThan(limit) => order(limit)? == Ordering::Less,
        Threshold::LessOrEqual(limit) => order(limit)? != Ordering::Greater,
        Threshold::Between(from, to) => between(from, to)?,
        Threshold::NotBetween(from, to) => !between(from, to)?,
        Threshold::Be(_) | Threshold::NotBe(_) => unreachable!("compared by `equal`"),
    })
}

/// The limit, where it is one number.
fn one_number(threshold: &Threshold) -> Option<f64> {
    match threshold {
        Threshold::GreaterThan(value) | Threshold::GreaterOrEqual(value) | Threshold::LessThan(value) | Threshold::LessOrEqual(value) => {
            Some(*value)
        }
        Threshold::Be(Literal::Number(text)) => text.parse().ok(),
        _ => None,
    }
}

/// What is good, in signs.
fn shown(threshold: &Threshold) -> String {
    let literal = |value: &Literal| match value {
        Literal::String(text) | Literal::Number(text) => text.to_string(),
        Literal::Bool(value) => value.to_string(),
        Literal::Null => "null".to_owned(),
    };
    match threshold {
        Threshold::Be(value) => format!("= {}", literal(value)),
        Threshold::NotBe(value) => format!("!= {}", literal(value)),
        Threshold::GreaterThan(value) => format!("> {value}"),
        Threshold::GreaterOrEqual(value) => format!(">= {value}"),
        Threshold::LessThan(value) => format!("< {value}"),
        Threshold::LessOrEqual(value) => format!("<= {value}"),
        Threshold::Between(from, to) => format!("between {from} and {to}"),
        Threshold::NotBetween(from, to) => format!("not between {from} and {to}"),
    }
}

fn verdict(met: bool, measured: Measured) -> SlaVerdict {
    if met {
        SlaVerdict::Met(measured)
    } else {
        SlaVerdict::Breached(measured)
    }
}

fn unknown(why: impl Into<String>) -> SlaVerdict {
    SlaVerdict::Unknown { why: why.into() }
}

fn shape() -> SlaVerdict {
    unknown("the engine's answer does not have the columns that were asked for")
}

/// A t-digest may answer with a fraction.
fn estimated(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Number(text) => text.split('.').next()?.parse().ok(),
        _ => None,
    }
}

/// Microseconds as seconds, exactly, without trailing zeros.
fn seconds(micros: i64) -> String {
    let text = format!(
        "{}{}.{:06}",
        if micros < 0 { "-" } else { "" },
        micros.unsigned_abs() / 1_000_000,
        micros.unsigned_abs() % 1_000_000
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Two leading units: `3 d 4 h`, `12 min 5 s`, `250 ms`.
fn human(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let millis = micros.unsigned_abs() / 1000;
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];
    let first = units.iter().position(|(_, size)| millis >= *size).unwrap_or(units.len() - 1);
    let mut rest = millis;
    let mut parts = Vec::new();
    for (name, size) in units.iter().skip(first).take(2) {
        if rest / size > 0 || parts.is_empty() {
            parts.push(format!("{} {name}", rest / size));
        }
        rest %= size;
    }
    format!("{sign}{}", parts.join(" "))
}

#[cfg(test)]
mod tests;
