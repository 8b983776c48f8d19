//! Questions of SLA properties beside freshness and latency. All count by the record's Kafka timestamp, which rows and dead letters share.

use super::{Question, event_micros, micros, quoted};
use crate::objective::{Objective, Probe};
use crate::traffic::{MINUTE, Traffic, WINDOWS, aligned};

const DAY: i64 = 86_400_000_000;

/// The beginning of a window of shares: whole minutes, and not before dead letters are known from.
pub(crate) fn share_from(window: i64, now: i64, traffic: &Traffic) -> i64 {
    let since = traffic.dead_letters.as_ref().map_or(i64::MIN, |letters| letters.since);
    let from = aligned(now.saturating_sub(window));
    match since > from {
        true => aligned(since.saturating_add(MINUTE - 1)),
        false => from,
    }
}

/// The last time that a day's rows were due, and that day in days since the epoch, by the clock of the offset.
pub(crate) fn due(now: i64, time: i64, offset: i64) -> (i64, i64) {
    let today = now.saturating_add(offset).div_euclid(DAY);
    let deadline = |day: i64| day * DAY + time - offset;
    match deadline(today) <= now {
        true => (deadline(today), today - 1),
        false => (deadline(today - 1), today - 2),
    }
}

/// The question, for probes of this file.
pub(super) fn question(objective: &Objective, now: i64, traffic: &Traffic) -> Option<Question> {
    let relation = quoted(&objective.table);
    let at = micros("\"_tidegate_timestamp\"");
    let counted = |from: i64| format!("count(*) FILTER (WHERE {at} >= {from} AND {at} <= {now})");
    let together = |columns: Vec<(&'static str, String)>| Question::Together {
        relation: relation.clone(),
        columns,
    };
    Some(match &objective.probe {
        Probe::Until(_) | Probe::Completeness => Question::Nothing,
        Probe::Throughput { window, .. } => together(vec![
            ("rows", "count(*)".into()),
            ("measured", counted(now.saturating_sub(*window).saturating_add(1))),
        ]),
        Probe::Retention => together(vec![("rows", "count(*)".into()), ("oldest", format!("min({at})"))]),
        Probe::ErrorRate { window } => {
            let mut columns = vec![("whole", counted(share_from(*window, now, traffic)))];
            for (name, length) in WINDOWS {
                columns.push((name, counted(share_from(length.min(*window), now, traffic))));
            }
            together(columns)
        }
        Probe::DayBy { event, time, offset } => {
            let (deadline, day) = due(now, *time, *offset);
            let (from, until) = (day * DAY - offset, (day + 1) * DAY - offset);
            let event = event_micros(event);
            let inside = format!("{event} >= {from} AND {event} < {until}");
            together(vec![
                ("before", format!("count(*) FILTER (WHERE {at} <= {deadline})")),
                ("of_day", format!("count(*) FILTER (WHERE {inside})")),
                ("in_time", format!("count(*) FILTER (WHERE {inside} AND {at} <= {deadline})")),
            ])
        }
        // A gap that is longer than a bucket lies between two of them, so the ends of buckets tell every gap that matters, exactly.
        Probe::Frequency { every, window } => {
            let from = now.saturating_sub(*window);
            Question::Alone(format!(
                "SELECT COALESCE(sum(\"n\"), 0) AS \"rows\", max(\"last\") AS \"newest\", max(\"gap\") AS \"longest\" FROM (\
                 SELECT \"n\", \"last\", CASE WHEN \"before\" < {from} THEN \"first\" - {from} ELSE \"first\" - \"before\" END AS \"gap\" FROM (\
                 SELECT *, lag(\"last\") OVER (ORDER BY \"b\") AS \"before\" FROM (\
                 SELECT \"b\", count(*) AS \"n\", min(\"at\") AS \"first\", max(\"at\") AS \"last\" FROM (\
                 SELECT \"at\", CASE WHEN \"at\" <= {from} THEN -1 ELSE (\"at\" - {from}) / {every} END AS \"b\" \
                 FROM (SELECT {at} AS \"at\" FROM {relation}) WHERE \"at\" <= {now}) GROUP BY \"b\")))"
            ))
        }
        Probe::Availability { window } => {
            let from = share_from(*window, now, traffic);
            Question::Alone(format!(
                "SELECT count(*) AS \"minutes\", array_to_string(array_agg(\"minute\"), ',') AS \"which\" FROM (\
                 SELECT DISTINCT {at} / {MINUTE} AS \"minute\" FROM {relation} WHERE {at} >= {from} AND {at} <= {now})"
            ))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::DeadLetters;

    const HOUR: i64 = 60 * MINUTE;

    #[test]
    fn a_day_is_due_by_the_clock_of_its_offset() {
        // Day 100, 10:00 in UTC.
        let now = 100 * DAY + 10 * HOUR;
        assert_eq!(due(now, 9 * HOUR, 0), (100 * DAY + 9 * HOUR, 99));
        assert_eq!(due(now, 11 * HOUR, 0), (99 * DAY + 11 * HOUR, 98));
        // 09:00 at -08:00 is 17:00 in UTC: not yet today.
        assert_eq!(due(now, 9 * HOUR, -8 * HOUR), (99 * DAY + 17 * HOUR, 98));
        // At +14:00 it is already the next day there.
        assert_eq!(due(now, 0, 14 * HOUR), (101 * DAY - 14 * HOUR, 100));
    }

    #[test]
    fn a_window_begins_where_dead_letters_are_known() {
        let known = |since| Traffic {
            dead_letters: Some(DeadLetters {
                since,
                minutes: Default::default(),
            }),
            ..Traffic::default()
        };
        let now = 100 * HOUR + 5;
        assert_eq!(share_from(HOUR, now, &known(i64::MIN)), 99 * HOUR);
        assert_eq!(share_from(HOUR, now, &Traffic::default()), 99 * HOUR);
        assert_eq!(share_from(HOUR, now, &known(99 * HOUR + 30 * MINUTE + 1)), 99 * HOUR + 31 * MINUTE);
    }
}
