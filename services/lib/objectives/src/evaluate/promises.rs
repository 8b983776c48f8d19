//! Verdicts about SLA properties beside freshness and latency.
//!
//! **Frequency** is broken by any gap in the window that is longer than promised, the one up to now among them: who promises a rhythm
//! promises that something comes. **Throughput** is an average over its window. **Error rate** is dead letters among all events,
//! undecodable ones among them. **Availability** is minutes in which an event passed among those in which any came; a minute without traffic
//! says nothing. Both are shares with a budget. **Retention** of at least some time holds while the first files are there. A day **available
//! by** a time wants a row of that day, and no more than one of a hundred that came later.

use std::collections::BTreeSet;

use tidegate_contract::model::Threshold;

use super::{Cell, Measured, SlaVerdict, human, judge, seconds, shape, unknown, verdict};
use crate::objective::Limit;
use crate::reading;
use crate::sql::promises::{due, share_from};
use crate::traffic::{Budget, DeadLetters, Traffic, WINDOWS, minute};

/// No columns: the clock decides.
pub(super) fn until(end: i64, now: i64) -> SlaVerdict {
    let left = end.saturating_sub(now);
    let says = match left > 0 {
        true => format!("ends in {}, at {}", human(left), reading::instant(end)),
        false => format!(
            "ended {} ago, at {}, and the contract is still in force",
            human(-left),
            reading::instant(end)
        ),
    };
    timed(left > 0, left, ">= 0".to_owned(), 0.0, says)
}

/// Columns: rows, newest, longest.
pub(super) fn frequency(row: &[Cell], every: i64, window: i64, traffic: &Traffic, now: i64) -> SlaVerdict {
    let [rows, newest, longest] = row else { return shape() };
    let Some(rows) = rows.whole() else { return shape() };
    let Some(newest) = newest.whole().filter(|_| rows > 0) else {
        return unknown("the table has no rows with a record timestamp up to now");
    };
    let open = now.saturating_sub(newest).max(0);
    let longest = longest.whole().unwrap_or(0).max(open);
    let mut says = format!(
        "the longest time without a record in {} is {}, the promise is {}",
        human(window),
        human(longest),
        human(every)
    );
    if open > every {
        says.push_str(&format!("; the last record came {} ago", human(open)));
        says.push_str(match traffic.waiting {
            Some(false) => ": nobody sends",
            Some(true) => ", and records are waiting in the source",
            None => "",
        });
    }
    timed(
        longest <= every,
        longest,
        format!("<= {}", seconds(every)),
        every as f64 / 1e6,
        says,
    )
}

/// Columns: rows, measured.
pub(super) fn throughput(row: &[Cell], per: i64, window: i64, threshold: &Threshold) -> SlaVerdict {
    let [rows, measured] = row else { return shape() };
    let (Some(rows), Some(count)) = (rows.whole(), measured.whole()) else {
        return shape();
    };
    if rows == 0 {
        return unknown("the table has no rows");
    }
    let rate = count as f64 * per as f64 / window as f64;
    let says = format!("{count} records in {}, {rate:.3} in {}", human(window), human(per));
    judge(&Cell::Number(rate.to_string()), threshold, "rows", Some(says))
}

/// Columns: whole, then one for each of [`WINDOWS`].
pub(super) fn error_rate(row: &[Cell], window: i64, threshold: &Threshold, traffic: &Traffic, now: i64) -> SlaVerdict {
    let letters = match letters(traffic) {
        Ok(letters) => letters,
        Err(unknown) => return unknown,
    };
    let Some((whole, windows)) = row.split_first().filter(|(_, windows)| windows.len() == WINDOWS.len()) else {
        return shape();
    };
    let from = |window: i64| share_from(window, now, traffic);
    let count = |cell: &Cell| cell.whole().and_then(|count| u64::try_from(count).ok());
    let Some(good) = count(whole) else { return shape() };
    let bad = letters.count(from(window), now);
    let mut spent = Vec::with_capacity(WINDOWS.len());
    for ((name, length), cell) in WINDOWS.into_iter().zip(windows) {
        let Some(good) = count(cell) else { return shape() };
        spent.push((name, good, letters.count(from(length.min(window)), now)));
    }
    if good + bad == 0 {
        return unknown(format!("no event came in {}", human(now.saturating_sub(from(window)))));
    }
    let says = format!(
        "{bad} of {} events of {} became dead letters{}",
        good + bad,
        human(now.saturating_sub(from(window))),
        shortened(from(window), now.saturating_sub(window))
    );
    let share = bad as f64 * 100.0 / (good + bad) as f64;
    let allowed = most(threshold) / 100.0;
    budgeted(
        judge(&Cell::Number(share.to_string()), threshold, "percent", Some(says)),
        Budget {
            allowed,
            whole: (good, bad),
            windows: spent,
        },
    )
}

/// Columns: minutes, which (comma separated).
pub(super) fn availability(row: &[Cell], window: i64, threshold: &Threshold, traffic: &Traffic, now: i64) -> SlaVerdict {
    let letters = match letters(traffic) {
        Ok(letters) => letters,
        Err(unknown) => return unknown,
    };
    let [minutes, which] = row else { return shape() };
    let up: Option<BTreeSet<i64>> = match which {
        Cell::Null => Some(BTreeSet::new()),
        Cell::Number(text) | Cell::Text(text) if text.is_empty() => Some(BTreeSet::new()),
        Cell::Number(text) | Cell::Text(text) => text.split(',').map(|minute| minute.trim().parse().ok()).collect(),
        Cell::Bool(_) => None,
    };
    let Some(up) = up.filter(|up| minutes.whole() == i64::try_from(up.len()).ok()) else {
        return shape();
    };
    let from = share_from(window, now, traffic);
    let down: BTreeSet<i64> = letters
        .minutes
        .range(minute(from)..=minute(now))
        .map(|(minute, _)| *minute)
        .filter(|minute| !up.contains(minute))
        .collect();
    let of = |from: i64| {
        let range = minute(from)..=minute(now);
        (up.range(range.clone()).count() as u64, down.range(range).count() as u64)
    };
    let (good, bad) = of(from);
    if good + bad == 0 {
        return unknown(format!("no event came in {}", human(now.saturating_sub(from))));
    }
    let says = format!(
        "in {bad} of the {} minutes with events no event passed{}",
        good + bad,
        shortened(from, now.saturating_sub(window))
    );
    let share = good as f64 * 100.0 / (good + bad) as f64;
    let windows = WINDOWS
        .into_iter()
        .map(|(name, length)| {
            let (good, bad) = of(share_from(length.min(window), now, traffic));
            (name, good, bad)
        })
        .collect();
    budgeted(
        judge(&Cell::Number(share.to_string()), threshold, "percent", Some(says)),
        Budget {
            allowed: 1.0 - most(threshold) / 100.0,
            whole: (good, bad),
            windows,
        },
    )
}

/// Columns: rows, oldest.
pub(super) fn retention(row: &[Cell], limit: &Limit, traffic: &Traffic, now: i64) -> SlaVerdict {
    let [rows, oldest] = row else { return shape() };
    let Some(rows) = rows.whole() else { return shape() };
    let Some(oldest) = oldest.whole() else {
        return unknown(match rows {
            0 => "the table has no rows".to_owned(),
            rows => format!("none of {rows} rows has a record timestamp"),
        });
    };
    let age = now.saturating_sub(oldest).max(0);
    let says = format!("the oldest row is {} old", human(age));
    match limit {
        Limit::Within(most) => timed(
            age <= *most,
            age,
            format!("<= {}", seconds(*most)),
            *most as f64 / 1e6,
            format!("{says}, rows are to be removed after {}", human(*most)),
        ),
        Limit::AtLeast(least) => {
            let limit = format!(">= {}", seconds(*least));
            let says = format!("{says}, rows are to be kept for {}", human(*least));
            let number = *least as f64 / 1e6;
            match (age >= *least, traffic.first_files_kept) {
                (true, _) => timed(true, age, limit, number, says),
                (false, Some(true)) => timed(
                    true,
                    age,
                    limit,
                    number,
                    format!("{says}; nothing was removed: the first files are there"),
                ),
                (false, Some(false)) => timed(false, age, limit, number, format!("{says}; the first files are gone")),
                (false, None) => unknown(format!(
                    "{says}; whether older ones were removed or never came is not known{}",
                    because(traffic)
                )),
            }
        }
        Limit::Operator { .. } => unreachable!("`plan` gives retention a length of time"),
    }
}

/// Columns: before, of_day, in_time.
pub(super) fn day_by(row: &[Cell], time: i64, offset: i64, now: i64) -> SlaVerdict {
    let [before, of_day, in_time] = row else { return shape() };
    let (Some(before), Some(of_day), Some(in_time)) = (before.whole(), of_day.whole(), in_time.whole()) else {
        return shape();
    };
    let (deadline, day) = due(now, time, offset);
    let (day, deadline) = (reading::day(day), reading::instant(deadline));
    if before == 0 {
        return unknown(format!("nothing had come before {deadline}: the lake is younger than that"));
    }
    let says = match (of_day, in_time) {
        (0, _) => format!("no row of {day} has come; it was due at {deadline}"),
        (all, 0) => format!("none of {all} rows of {day} had come by {deadline}"),
        (all, in_time) => format!("{in_time} of {all} rows of {day} had come by {deadline}"),
    };
    let late = of_day - in_time;
    let share = if of_day == 0 { 0.0 } else { in_time as f64 * 100.0 / of_day as f64 };
    verdict(
        in_time > 0 && late <= of_day / 100,
        Measured {
            value: share.to_string(),
            numeric: true,
            limit: ">= 99".to_owned(),
            unit: "percent",
            says,
            limit_number: Some(99.0),
            budget: None,
        },
    )
}

fn timed(met: bool, micros: i64, limit: String, limit_number: f64, says: String) -> SlaVerdict {
    verdict(
        met,
        Measured {
            value: seconds(micros),
            numeric: true,
            limit,
            unit: "seconds",
            says,
            limit_number: Some(limit_number),
            budget: None,
        },
    )
}

#[allow(clippy::result_large_err, reason = "the error is the verdict")]
fn letters(traffic: &Traffic) -> Result<&DeadLetters, SlaVerdict> {
    traffic
        .dead_letters
        .as_ref()
        .ok_or_else(|| unknown(format!("dead letters are not known{}", because(traffic))))
}

fn because(traffic: &Traffic) -> String {
    traffic.why.as_ref().map_or_else(String::new, |why| format!(": {why}"))
}

/// What a reader should know of a window that begins later than it should.
fn shortened(from: i64, wanted: i64) -> String {
    match from > wanted {
        true => format!("; dead letters are known from {} on only", reading::instant(from)),
        false => String::new(),
    }
}

fn most(threshold: &Threshold) -> f64 {
    match threshold {
        Threshold::LessOrEqual(value) | Threshold::GreaterOrEqual(value) => *value,
        _ => unreachable!("`plan` gives shares one of these operators"),
    }
}

fn budgeted(verdict: SlaVerdict, budget: Budget) -> SlaVerdict {
    // A promise of no bad event at all has no budget to burn.
    let budget = Some(budget).filter(|budget| budget.allowed > 0.0);
    match verdict {
        SlaVerdict::Met(measured) => SlaVerdict::Met(Measured { budget, ..measured }),
        SlaVerdict::Breached(measured) => SlaVerdict::Breached(Measured { budget, ..measured }),
        unknown => unknown,
    }
}

#[cfg(test)]
mod tests;
