//! Dates and times: `jiff` says which days exist, a plain reading of the digits says which text names them.

use std::sync::LazyLock;

use jiff::civil::{Date, Time};
use tidegate_check::{Input, Judge, Plan, RowSink, Verdict};
use tidegate_codec::{Scalar, civil as text_of_codec};
use tidegate_contract::{Civil, DatePattern};

use crate::input::Parts;
use crate::world::{self, NoSchemas};

const CONTRACT: &str = "
apiVersion: v3.2.0
kind: DataContract
id: dates
version: 1.0.0
status: active
schema:
  - name: events
    logicalType: object
    physicalType: topic
    properties:
      - {name: date, logicalType: date}
      - {name: time, logicalType: time}
      - {name: instant, logicalType: timestamp}
      - {name: local, logicalType: timestamp, logicalTypeOptions: {timezone: false}}
";

const DAY_MICROS: i64 = 86_400_000_000;

/// Reads digits; every reading is a few lines that cannot be wrong in the way of the code under test.
#[derive(Clone, Copy)]
struct Digits<'t>(&'t [u8]);

/// A time of day: whole microseconds, and whether anything finer stood behind them.
struct OfDay {
    micros: i64,
    finer: bool,
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (date, time, instant, local) = (date_of(text), time_of(text), instant_of(text), local_of(text));

    assert_eq!(
        judged("date", text),
        date.map(|days| Scalar::Date(i32::try_from(days).unwrap_or_default()))
    );
    assert_eq!(judged("time", text), time.and_then(|time| exact(&time, 0)).map(Scalar::Time));
    assert_eq!(judged("instant", text), instant.map(Scalar::Timestamp));
    assert_eq!(judged("local", text), local.map(Scalar::Timestamp));

    let civil = Civil::from_iso_date(text);
    assert_eq!(civil.map(|civil| i64::from(civil.epoch_days())), date);
    let of_codec = text_of_codec::parse_date(text);
    if let Some(days) = date {
        assert_eq!(of_codec, Some(days));
    }
    // Forms that only some accept: they agree where both do.
    let micros = |civil: Civil| i64::try_from(civil.epoch_nanos(0) / 1000).ok();
    if let Some(instant) = instant {
        if let Some(civil) = Civil::from_iso_timestamp(text) {
            assert_eq!(micros(civil), Some(instant));
        }
        let read = text_of_codec::parse_instant(text).unwrap_or_else(|| panic!("the codec does not read {text}"));
        assert_eq!(read.seconds * 1_000_000 + i64::from(read.nanos / 1000), instant);
    }
    if let Some(nanos) = text_of_codec::parse_time(text) {
        assert!((0..DAY_MICROS * 1000).contains(&nanos));
        if let Some(OfDay { micros, finer: false }) = time_of(text) {
            assert_eq!(nanos, micros * 1000);
        }
    }
    if let Some(civil) = Civil::from_iso_time(text) {
        assert!(civil.checked().is_some());
    }
}

/// A pattern and a text. There is no JDK here to ask, so: what it reads exists, reading is the same each time, and a text that a pattern
/// reads is read no longer when something that it does not name stands behind it.
pub(crate) fn jdk(data: &[u8]) {
    let mut parts = Parts::of(data);
    let pattern = parts.text();
    let Ok(text) = std::str::from_utf8(parts.rest()) else { return };
    let Ok(compiled) = DatePattern::compile(pattern) else { return };
    let Some(civil) = compiled.parse(text) else { return };
    assert_eq!(civil.checked(), Some(civil), "it exists");
    let date = day(i64::from(civil.year), i64::from(civil.month), i64::from(civil.day));
    assert_eq!(Some(i64::from(civil.epoch_days())), date, "the day that jiff names");
    assert_eq!(DatePattern::compile(pattern).ok().and_then(|again| again.parse(text)), Some(civil));
    assert!(
        !compiled.has_offset() || civil.offset_seconds.is_some(),
        "an offset that must be there was read"
    );
    // Unless the pattern itself names what follows, in a part that may be left out.
    for more in ["\u{0}", " ~", "Z Z"]
        .into_iter()
        .filter(|more| !pattern.contains(more.chars().next().unwrap_or_default()))
    {
        assert_eq!(compiled.parse(&format!("{text}{more}")), None, "nothing may follow");
    }
}

/// The scalar that the judge hands out for a property of the contract above.
fn judged(property: &str, text: &str) -> Option<Scalar<'static>> {
    static PLAN: LazyLock<Plan> = LazyLock::new(|| world::plan(CONTRACT));
    let value = serde_json::json!({ property: text }).to_string();
    let input = Input {
        key: Some(b"k"),
        value: Some(value.as_bytes()),
        headers: &[],
        now: 0,
    };
    let mut last = Last(None);
    match Judge::new().judge(&PLAN, &input, "events", &NoSchemas, &mut last) {
        Verdict::Valid { notes, .. } if notes.is_empty() => Some(last.0.unwrap_or_else(|| panic!("valid without a value"))),
        _ => None,
    }
}

struct Last(Option<Scalar<'static>>);

impl RowSink for Last {
    fn scalar(&mut self, _: usize, value: &Scalar<'_>) {
        self.0 = Some(match value {
            Scalar::Date(days) => Scalar::Date(*days),
            Scalar::Time(micros) => Scalar::Time(*micros),
            Scalar::Timestamp(micros) => Scalar::Timestamp(*micros),
            other => panic!("not declared: {other:?}"),
        });
    }
    fn null(&mut self, _: usize) {}
    fn begin(&mut self, _: usize) {}
    fn end(&mut self, _: usize) {}
    fn any(&mut self, _: usize, _: &str) {}
    fn unavailable(&mut self, _: usize) {}
}

/// Days since the epoch of `2026-11-21`.
fn date_of(text: &str) -> Option<i64> {
    let mut at = Digits(text.as_bytes());
    let days = at.date()?;
    at.0.is_empty().then_some(days)
}

fn time_of(text: &str) -> Option<OfDay> {
    let mut at = Digits(text.as_bytes());
    let time = at.time()?;
    at.0.is_empty().then_some(time)
}

fn local_of(text: &str) -> Option<i64> {
    let mut at = Digits(text.as_bytes());
    let days = at.date()?;
    at.one_of(b"Tt ")?;
    let time = at.time()?;
    at.0.is_empty().then(|| exact(&time, days)).flatten()
}

fn instant_of(text: &str) -> Option<i64> {
    let mut at = Digits(text.as_bytes());
    let days = at.date()?;
    at.one_of(b"Tt ")?;
    let time = at.time()?;
    let sign = at.one_of(b"Zz+-")?;
    let mut offset = 0;
    if matches!(sign, b'+' | b'-') {
        let hours = at.number(2)?;
        at.one_of(b":")?;
        let minutes = at.number(2)?;
        if hours > 23 || minutes > 59 {
            return None;
        }
        offset = (hours * 60 + minutes) * 60_000_000 * if sign == b'-' { -1 } else { 1 };
    }
    let local = exact(&time, days)?;
    at.0.is_empty().then_some(local - offset)
}

fn exact(time: &OfDay, days: i64) -> Option<i64> {
    (!time.finer).then_some(days * DAY_MICROS + time.micros)
}

fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(i64::from((date - Date::constant(1970, 1, 1)).get_days()))
}

// === impl Digits ===

impl Digits<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number
            .iter()
            .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    }

    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        allowed.contains(first).then_some(*first)
    }

    fn date(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.number(2)?;
        self.one_of(b"-")?;
        day(year, month, self.number(2)?)
    }

    /// `08:15:30`, with any fraction.
    fn time(&mut self) -> Option<OfDay> {
        let hour = self.number(2)?;
        self.one_of(b":")?;
        let minute = self.number(2)?;
        self.one_of(b":")?;
        let second = self.number(2)?;
        Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()?;
        let mut micros = ((hour * 60 + minute) * 60 + second) * 1_000_000;
        let mut finer = false;
        if self.0.first() == Some(&b'.') {
            let digits = self.0[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (fraction, rest) = self.0[1..].split_at(digits);
            self.0 = rest;
            if digits == 0 {
                return None;
            }
            let padded = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(6);
            micros += padded.fold(0, |value, byte| value * 10 + i64::from(byte - b'0'));
            finer = fraction.iter().skip(6).any(|byte| *byte != b'0');
        }
        Some(OfDay { micros, finer })
    }
}
