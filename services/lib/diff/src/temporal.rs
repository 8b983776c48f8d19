//! Options of dates, times and timestamps.

use std::sync::Arc;

use tidegate_contract::civil::fixed_offset;
use tidegate_contract::model::Bounds;
use tidegate_contract::{Civil, DatePattern, LogicalType, Property};

use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::options::{end, end_grade, pointer};
use crate::semver::Bump;

/// A moment's options, whichever of the three types it has.
struct Moment<'p> {
    kind: &'static str,
    format: Option<&'p str>,
    zoned: bool,
    assumed: Option<&'p str>,
    bounds: &'p Bounds,
}

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn moments(&mut self, old: &Property, new: &Property, path: &str) {
        let (Some(before), Some(now)) = (Moment::of(old), Moment::of(new)) else {
            return;
        };
        if before.format != now.format {
            let grade = formats(&before, &now);
            let phrase = |moment: &Moment<'_>| moment.format.map_or_else(|| "ISO 8601".to_owned(), |format| format!("`{format}`"));
            let sentence = format!("`{path}` is written as {}; it was {}", phrase(&now), phrase(&before));
            self.option("format", grade, sentence, old, new, path);
        }
        if before.zoned != now.zoned {
            let sentence = match now.zoned {
                true => format!("`{path}` is an instant with a zone from now on; it had none"),
                false => format!("`{path}` is a local time without a zone from now on; it was an instant"),
            };
            self.say(
                Said::values("timezone", path, Grade::Both, sentence)
                    .bump(Bump::Major)
                    .at(pointer(old, "timezone"), pointer(new, "timezone")),
            );
        }
        self.assumed(&before, &now, old, new, path);
        // Either side's limits may be written in its own pattern.
        let at = |text: &str| now.place(text).or_else(|| before.place(text));
        let order = |a: &str, b: &str| Some(at(a)?.cmp(&at(b)?));
        for high in [false, true] {
            let ends = (end(before.bounds, high, order), end(now.bounds, high, order));
            let grade = match &ends {
                (Some(old), Some(new)) => end_grade(old, new, high, order),
                _ => Grade::Undetermined,
            };
            self.range(before.bounds, now.bounds, ends, high, grade, old, new, path);
        }
    }

    fn assumed(&mut self, before: &Moment<'_>, now: &Moment<'_>, old: &Property, new: &Property, path: &str) {
        if before.assumed == now.assumed {
            return;
        }
        let phrase = |moment: &Moment<'_>| moment.assumed.unwrap_or("no zone").to_owned();
        let sentence = format!("`{path}` without a zone is taken for {}; it was {}", phrase(now), phrase(before));
        let grade = match (before.offset(), now.offset()) {
            _ if !now.zoned => Grade::None,
            (a, b) if a == b => Grade::None,
            (None, None) => Grade::None,
            (None, Some(_)) => Grade::Loosens,
            (Some(_), None) => Grade::Tightens,
            (Some(_), Some(_)) => {
                // The same texts mean other moments: those pass that the limits and lists let pass.
                let asked = |moment: &Moment<'_>, property: &Property| {
                    let bounds = moment.bounds;
                    let limits = [
                        &bounds.minimum,
                        &bounds.maximum,
                        &bounds.exclusive_minimum,
                        &bounds.exclusive_maximum,
                    ];
                    limits.iter().any(|limit| limit.is_some()) || !property.enumeration.is_empty() || !property.quality.is_empty()
                };
                let grade = match self.facts.has_row_rules || asked(before, old) || asked(now, new) {
                    true => Grade::Undetermined,
                    false => Grade::None,
                };
                let said = Said::values("defaultTimezone", path, grade, sentence)
                    .consumers(Grade::Both)
                    .bump(Bump::Major);
                self.say(said.at(pointer(old, "defaultTimezone"), pointer(new, "defaultTimezone")));
                return;
            }
        };
        self.option("defaultTimezone", grade, sentence, old, new, path);
    }
}

// === impl Moment ===

impl<'p> Moment<'p> {
    fn of(property: &'p Property) -> Option<Moment<'p>> {
        let text = |text: &'p Option<Arc<str>>| text.as_deref();
        Some(match &property.logical_type {
            LogicalType::Date { format, bounds } => Moment {
                kind: "date",
                format: text(format),
                zoned: false,
                assumed: None,
                bounds,
            },
            LogicalType::Time { format, bounds } => Moment {
                kind: "time",
                format: text(format),
                zoned: false,
                assumed: None,
                bounds,
            },
            LogicalType::Timestamp {
                format,
                timezone,
                default_timezone,
                bounds,
            } => Moment {
                kind: "timestamp",
                format: text(format),
                zoned: *timezone,
                assumed: text(default_timezone),
                bounds,
            },
            _ => return None,
        })
    }

    fn offset(&self) -> Option<i32> {
        self.assumed.and_then(fixed_offset)
    }

    /// Where a limit lies among other limits of the property.
    fn place(&self, text: &str) -> Option<i128> {
        let by_pattern = self
            .format
            .and_then(|format| DatePattern::compile(format).ok())
            .and_then(|pattern| pattern.parse(text));
        let iso = || match self.kind {
            "date" => Civil::from_iso_date(text),
            "time" => Civil::from_iso_time(text),
            _ => Civil::from_iso_timestamp(text).or_else(|| Civil::from_iso_date(text)),
        };
        Some(by_pattern.or_else(iso)?.epoch_nanos(self.offset().unwrap_or(0)))
    }
}

/// Another form of the same values. Two patterns that both refuse a text of the other are known to differ both ways.
fn formats(old: &Moment<'_>, new: &Moment<'_>) -> Grade {
    let reads = |moment: &Moment<'_>, text: &str| match moment.format {
        Some(format) => DatePattern::compile(format).ok().map(|pattern| pattern.parse(text).is_some()),
        None => Some(match moment.kind {
            "date" => Civil::from_iso_date(text).is_some(),
            "time" => Civil::from_iso_time(text).is_some(),
            _ => Civil::from_iso_timestamp(text).is_some(),
        }),
    };
    let (mut refused, mut accepted) = (false, false);
    for text in SAMPLES {
        match (reads(old, text), reads(new, text)) {
            (Some(true), Some(false)) => refused = true,
            (Some(false), Some(true)) => accepted = true,
            _ => {}
        }
    }
    if refused && accepted { Grade::Both } else { Grade::Undetermined }
}

/// One moment in the forms that people write.
const SAMPLES: &[&str] = &[
    "2026-11-21",
    "20261121",
    "21.11.2026",
    "21/11/2026",
    "11/21/2026",
    "2026/11/21",
    "21-11-2026",
    "21 Nov 2026",
    "21 November 2026",
    "Nov 21, 2026",
    "08:15",
    "08:15:30",
    "08:15:30.123",
    "081530",
    "8:15",
    "08:15 AM",
    "2026-11-21T08:15:30Z",
    "2026-11-21T08:15:30",
    "2026-11-21T08:15:30.123Z",
    "2026-11-21T08:15:30.123456Z",
    "2026-11-21T08:15:30+01:00",
    "2026-11-21T08:15:30+0100",
    "2026-11-21 08:15:30",
    "2026-11-21 08:15",
    "2026-11-21 08:15:30.123",
    "21.11.2026 08:15:30",
    "21.11.2026 08:15",
    "11/21/2026 08:15",
    "20261121081530",
    "20261121T081530Z",
];
