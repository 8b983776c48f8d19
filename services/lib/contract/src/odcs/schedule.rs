//! `schedule` with `scheduler: cron`: looked at here, run by `tidegate sla serve`.

use std::sync::Arc;

use super::Reader;
use crate::codes;
use crate::problems::quoted;
use crate::yaml::At;

const FIELDS: [(&str, u32, u32); 5] = [
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
];
const NAMES: [&str; 19] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "sun", "mon", "tue", "wed", "thu", "fri", "sat",
];

// === impl Reader ===

impl Reader<'_> {
    pub(super) fn check_schedule(&mut self, at: &At<'_>) {
        if !at.text("scheduler").is_some_and(|scheduler| scheduler.eq_ignore_ascii_case("cron")) {
            return;
        }
        let Some(schedule) = at.get("schedule") else { return };
        let Some(text) = schedule.as_text() else { return };
        if let Err((problem, help)) = check(&text) {
            self.problems
                .warning(codes::SCHEDULE, schedule.place(), format!("{}: {problem}", quoted(&text)), help);
        }
    }
}

/// The expression, when it is one of cron.
pub(super) fn cron(at: &At<'_>) -> Option<Arc<str>> {
    at.text("scheduler")
        .is_some_and(|scheduler| scheduler.eq_ignore_ascii_case("cron"))
        .then(|| at.text("schedule"))
        .flatten()
}

/// Problem and help.
fn check(text: &str) -> Result<(), (String, String)> {
    // The zone of its clock, as crontab files and Kubernetes' libraries write it; whether it exists is for the scheduler to say.
    let text = match text.split_once(char::is_whitespace) {
        Some((zone, rest)) if zone.starts_with("CRON_TZ=") || zone.starts_with("TZ=") => rest.trim(),
        _ => text,
    };
    if text.starts_with('@') {
        return Ok(());
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let problem = format!("cron takes 5 fields, this has {}", fields.len());
        return Err((problem, "write minute, hour, day of month, month, day of week".to_owned()));
    }
    for (index, (field, (name, low, high))) in fields.iter().zip(FIELDS).enumerate() {
        let Some(wrong) = field.split(',').find(|part| !part_is_good(part, low, high)) else {
            continue;
        };
        let problem = format!("{name} {} does not exist ({low} to {high})", quoted(wrong));
        let mut swapped = fields.clone();
        swapped.swap(0, 1);
        // The commonest slip, made by the text of the standard itself: the hour written first.
        let meant = index < 2
            && swapped
                .iter()
                .zip(FIELDS)
                .take(2)
                .all(|(field, (_, low, high))| part_is_good(field, low, high));
        let help = if meant {
            format!("did you mean `{}`? The minute comes first", swapped.join(" "))
        } else {
            String::new()
        };
        return Err((problem, help));
    }
    Ok(())
}

/// `*`, `5`, `1-5`, `*/10`, `1-31/2`, and names of months and days.
fn part_is_good(part: &str, low: u32, high: u32) -> bool {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let step_is_good = step.is_none_or(|step| step.parse::<u32>().is_ok_and(|step| step > 0 && step <= high));
    let value = |text: &str| match text.parse::<u32>() {
        Ok(number) => Some(number).filter(|number| (low..=high).contains(number)),
        Err(_) if high == 12 || high == 7 => NAMES.contains(&text.to_ascii_lowercase().as_str()).then_some(low),
        Err(_) => None,
    };
    let range_is_good = range == "*" || range == "?" || range.split('-').all(|end| value(end).is_some()) && range.split('-').count() <= 2;
    step_is_good && range_is_good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_lines() {
        for good in [
            "0 20 * * *",
            "CRON_TZ=Europe/Berlin 0 2 * * *",
            "*/5 * * * 1-5",
            "0,30 8-18/2 1 jan MON",
            "@daily",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        let (problem, help) = check("0 30 * * *").unwrap_err();
        assert!(problem.contains("hour") && help.contains("30 0 * * *"), "{problem} {help}");
        assert!(
            check("0 20 * *").is_err() && check("60 1 * * *").is_err() && check("* * * 13 *").is_err() && check("1-2-3 * * * *").is_err()
        );
    }
}
