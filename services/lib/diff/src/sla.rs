//! `slaProperties[]`: promises about time and amount. No event is refused for them.

use tidegate_contract::model::{Literal, SlaProperty};

use crate::change::{Grade, Reach};
use crate::compare::{Said, Walk};
use crate::exact::order;

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn sla(&mut self) {
        let (old, new) = (self.old, self.new);
        let mut removed: Vec<&SlaProperty> = old.sla.iter().collect();
        let mut added: Vec<&SlaProperty> = new.sla.iter().collect();
        let mut pairs = Vec::new();
        let named = |one: &SlaProperty| !one.id.starts_with('/');
        for stage in 0..3 {
            let fits = |a: &SlaProperty, b: &SlaProperty| match stage {
                0 => named(a) && a.id == b.id,
                1 => a.property == b.property && a.elements == b.elements,
                _ => a.property == b.property && !(named(a) && named(b)),
            };
            added.retain(|later| match removed.iter().position(|earlier| fits(earlier, later)) {
                Some(at) => {
                    pairs.push((removed.remove(at), *later));
                    false
                }
                None => true,
            });
        }
        for (earlier, later) in pairs {
            self.objective(earlier, later);
        }
        for gone in removed {
            let sentence = format!("nothing is promised about {} any more; it was {}", subject(gone), amount(gone));
            let said = measured(Said::promise("slaProperties", "", Grade::Loosens, sentence), gone);
            self.say(said.at(gone.location.pointer.to_string(), None));
        }
        for come in added {
            let sentence = format!("{} is promised: {}", subject(come), amount(come));
            let said = measured(Said::promise("slaProperties", "", Grade::Tightens, sentence), come);
            self.say(said.at(None, come.location.pointer.to_string()));
        }
    }

    fn objective(&mut self, old: &SlaProperty, new: &SlaProperty) {
        let pointers = |key: &str| (format!("{}/{key}", old.location.pointer), format!("{}/{key}", new.location.pointer));
        if old.property != new.property {
            let sentence = format!("{} is promised in the place of {}", subject(new), subject(old));
            let said = measured(Said::promise("property", "", Grade::Both, sentence), new);
            let at = pointers("property");
            self.say(said.at(at.0, at.1));
            return;
        }
        if old.elements != new.elements {
            let list = |one: &SlaProperty| match one.elements.as_slice() {
                [] => "everything".to_owned(),
                elements => elements.join(", "),
            };
            let has = |these: &SlaProperty, those: &SlaProperty| these.elements.iter().all(|one| those.elements.contains(one));
            // A promise about more holds more; one about everything holds most.
            let grade = match (old.elements.is_empty(), new.elements.is_empty()) {
                (true, _) => Grade::Loosens,
                (_, true) => Grade::Tightens,
                _ => Grade::of(has(new, old), has(old, new)),
            };
            let sentence = format!("{} is promised for {}; it was for {}", subject(new), list(new), list(old));
            let at = pointers("element");
            self.say(measured(Said::promise("element", "", grade, sentence), new).at(at.0, at.1));
        }
        if (&old.value, &old.unit, &old.value_ext) != (&new.value, &new.unit, &new.value_ext) {
            let grade = values(old, new);
            let sentence = format!("{} is {}; it was {}", subject(new), amount(new), amount(old));
            let said = match grade {
                Grade::None => Said::text("value", "", sentence),
                grade => measured(Said::promise("value", "", grade, sentence), new),
            };
            let at = pointers("value");
            self.say(said.at(at.0, at.1));
        }
    }
}

/// Only latency and freshness are measured; the others are promises all the same.
fn measured(said: Said, sla: &SlaProperty) -> Said {
    let executed = matches!(&*sla.property, "latency" | "freshness");
    said.reach(if executed { Reach::Lake } else { Reach::People })
}

fn values(old: &SlaProperty, new: &SlaProperty) -> Grade {
    let smaller_is_stricter = match &*new.property {
        "latency" | "freshness" | "timeToDetect" | "timeToNotify" | "timeToRepair" | "errorRate" => true,
        "availability" | "throughput" => false,
        // Retention is read both as a minimum and as a maximum; of other promises the direction is not known.
        _ => return Grade::Undetermined,
    };
    let Some(at) = measure(new).zip(measure(old)).and_then(|(new, old)| order(&new, &old)) else {
        return Grade::Undetermined;
    };
    match (at, smaller_is_stricter) {
        (std::cmp::Ordering::Equal, _) => Grade::None,
        (std::cmp::Ordering::Less, true) | (std::cmp::Ordering::Greater, false) => Grade::Tightens,
        _ => Grade::Loosens,
    }
}

/// The value as a number: milliseconds where it has a unit of time or is an ISO 8601 duration, else as written with its unit unchanged.
fn measure(sla: &SlaProperty) -> Option<String> {
    let scale = |number: &str, millis: f64| number.parse::<f64>().ok().map(|number| format!("{:.3}", number * millis));
    let unit = sla.unit.as_ref().map(|unit| unit.to_lowercase());
    match (&sla.value, unit.as_deref()) {
        (Literal::Number(number), None) => Some(number.to_string()),
        (Literal::Number(number), Some(unit)) => match clock(unit) {
            Some(millis) => scale(number, millis),
            None if unit == "percent" || unit == "%" => Some(number.to_string()),
            None => None,
        },
        (Literal::String(text), _) => duration(text).map(|millis| format!("{millis:.3}")),
        _ => None,
    }
}

fn clock(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "second" | "seconds" => 1e3,
        "min" | "minute" | "minutes" => 60e3,
        "h" | "hour" | "hours" => 3_600e3,
        "d" | "day" | "days" => 86_400e3,
        _ => return None,
    })
}

/// Milliseconds of an ISO 8601 duration without years and months, whose length is not fixed.
fn duration(text: &str) -> Option<f64> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = rest.split_once('T').unwrap_or((rest, ""));
    let sum = |text: &str, unit: fn(char) -> Option<f64>| -> Option<f64> {
        let (mut total, mut number) = (0.0, String::new());
        for c in text.chars() {
            if c.is_ascii_digit() || c == '.' {
                number.push(c);
            } else {
                total += number.parse::<f64>().ok()? * unit(c)?;
                number.clear();
            }
        }
        number.is_empty().then_some(total)
    };
    let of_days = |c| match c {
        'W' => Some(7.0 * 86_400e3),
        'D' => Some(86_400e3),
        _ => None,
    };
    let of_time = |c| match c {
        'H' => Some(3_600e3),
        'M' => Some(60e3),
        'S' => Some(1e3),
        _ => None,
    };
    Some(sum(days, of_days)? + sum(time, of_time)?)
}

fn subject(sla: &SlaProperty) -> String {
    match sla.elements.as_slice() {
        [] => format!("`{}`", sla.property),
        elements => format!("`{}` of {}", sla.property, elements.join(", ")),
    }
}

fn amount(sla: &SlaProperty) -> String {
    let value = match &sla.value {
        Literal::String(text) | Literal::Number(text) => text.to_string(),
        Literal::Bool(value) => value.to_string(),
        Literal::Null => "nothing".to_owned(),
    };
    match &sla.unit {
        Some(unit) => format!("{value} {unit}"),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [("PT15M", 900e3), ("P1DT1H", 90_000e3), ("PT0.5S", 500.0), ("P2W", 14.0 * 86_400e3)] {
            assert_eq!(duration(text), Some(millis), "{text}");
        }
        assert_eq!(duration("P1M"), None);
        assert_eq!(duration("15M"), None);
    }
}
