//! What was seen at one place of the events. Bounded: a place keeps counts and limits, at most a few distinct texts, and at most so many fields.

use std::collections::BTreeMap;

use tidegate_codec::{DecodeFailure, JsonReader, Reader as _, Token};

use crate::probe::Probes;

/// Fields of an object that are told apart; one with more of them is a map.
pub(crate) const FIELDS_MAX: usize = 200;
/// Of those, names that no column has.
const ODD_MAX: usize = 50;
/// Places in all.
const PLACES_MAX: usize = 5_000;
/// Distinct texts that are kept, and how long they may be.
pub(crate) const DISTINCT_MAX: usize = 20;
const DISTINCT_BYTES_MAX: usize = 40;

/// What was seen at one place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sketch {
    pub(crate) nulls: u64,
    pub(crate) bools: u64,
    pub(crate) numbers: Numbers,
    pub(crate) texts: Texts,
    pub(crate) objects: u64,
    pub(crate) fields: BTreeMap<Box<str>, Field>,
    /// Fields of the row with names that no column has, such as `a b`.
    pub(crate) odd: BTreeMap<Box<str>, Field>,
    /// Too many names, or names that are no names: keys of a map.
    pub(crate) map: Option<Box<Sketch>>,
    /// Times that a field of the row was left out: too many of them, or with a name that may be content.
    pub(crate) beyond: u64,
    pub(crate) lists: u64,
    pub(crate) item: Option<Box<Sketch>>,
    /// Fewest and most items of a list.
    pub(crate) items: Option<(u64, u64)>,
}

/// A field of an object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    /// In how many objects.
    pub(crate) seen: u64,
    pub(crate) value: Sketch,
}

/// Numbers at a place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    pub(crate) count: u64,
    pub(crate) integers: u64,
    pub(crate) floats: u64,
    /// Those with digits behind the point that are not all zero.
    pub(crate) fractions: u64,
    /// Digits before the point, and behind it.
    pub(crate) whole: u64,
    pub(crate) scale: u64,
    /// Limits of those that are 64-bit integers and written as such.
    pub(crate) range: Option<(i64, i64)>,
    /// Integers that are written otherwise, such as `1e3`.
    pub(crate) odd: u64,
}

/// Texts at a place.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) count: u64,
    /// Shortest and longest, in characters.
    pub(crate) length: Option<(u64, u64)>,
    /// What all of them may stand for ([`crate::probe::TEXTS`]).
    pub(crate) meanings: u8,
    pub(crate) decimals: u64,
    /// None when there are too many.
    pub(crate) distinct: Option<BTreeMap<Box<str>, u64>>,
}

/// Room that all places share, and the judge that is asked.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) probes: Probes,
    pub(crate) places: usize,
}

impl Default for Texts {
    fn default() -> Self {
        Texts {
            count: 0,
            length: None,
            meanings: u8::MAX,
            decimals: 0,
            distinct: Some(BTreeMap::new()),
        }
    }
}

// === impl Sketch ===

impl Sketch {
    /// Takes in the value that begins with `token`. `top` is the row, which is never a map.
    pub(crate) fn take(&mut self, token: Token<'_>, reader: &mut JsonReader<'_>, room: &mut Room, top: bool) -> Result<(), DecodeFailure> {
        match token {
            Token::Null => self.nulls += 1,
            Token::Bool(_) => self.bools += 1,
            Token::Number(text) => self.numbers.take(text, &mut room.probes),
            Token::Str(text) => self.texts.take(&text, &mut room.probes),
            Token::BeginObject => {
                self.objects += 1;
                self.object(reader, room, top)?;
            }
            Token::BeginArray => {
                self.lists += 1;
                let mut count = 0;
                let item = self.item.get_or_insert_with(|| {
                    room.places += 1;
                    Box::default()
                });
                loop {
                    match reader.next()? {
                        Token::EndArray => break,
                        token => {
                            count += 1;
                            item.take(token, reader, room, false)?;
                        }
                    }
                }
                let (fewest, most) = self.items.unwrap_or((count, count));
                self.items = Some((fewest.min(count), most.max(count)));
            }
            // JSON has no others.
            _ => {}
        }
        Ok(())
    }

    fn object(&mut self, reader: &mut JsonReader<'_>, room: &mut Room, top: bool) -> Result<(), DecodeFailure> {
        loop {
            let Token::Key(name) = reader.next()? else { return Ok(()) };
            if top && !is_name(&name) && self.odd(&name, room) {
                let token = reader.next()?;
                if let Some(field) = self.odd.get_mut(&*name) {
                    field.seen += 1;
                    field.value.take(token, reader, room, false)?;
                }
                continue;
            }
            if self.map.is_none() && !self.fields.contains_key(&*name) {
                let is_full = self.fields.len() >= FIELDS_MAX || room.places >= PLACES_MAX;
                if is_full || !is_name(&name) {
                    if top {
                        self.beyond += 1;
                        reader.skip()?;
                        continue;
                    }
                    self.become_map();
                } else {
                    room.places += 1;
                    self.fields.insert(Box::from(&*name), Field::default());
                }
            }
            let token = reader.next()?;
            if let Some(map) = &mut self.map {
                map.take(token, reader, room, false)?;
            } else if let Some(field) = self.fields.get_mut(&*name) {
                field.seen += 1;
                field.value.take(token, reader, room, false)?;
            }
        }
    }

    /// Whether a field of the row with an odd name has a place.
    fn odd(&mut self, name: &str, room: &mut Room) -> bool {
        if self.odd.contains_key(name) {
            return true;
        }
        let is_there = is_odd_name(name) && self.odd.len() < ODD_MAX && room.places < PLACES_MAX;
        if is_there {
            room.places += 1;
            self.odd.insert(name.into(), Field::default());
        }
        is_there
    }

    fn become_map(&mut self) {
        let mut value = Sketch::default();
        for (_, field) in std::mem::take(&mut self.fields) {
            value.merge(field.value);
        }
        self.map = Some(Box::new(value));
    }

    fn merge(&mut self, other: Sketch) {
        self.nulls += other.nulls;
        self.bools += other.bools;
        self.numbers.merge(&other.numbers);
        self.texts.merge(other.texts);
        self.objects += other.objects;
        self.beyond += other.beyond;
        self.lists += other.lists;
        self.items = widest(self.items, other.items);
        match (&mut self.item, other.item) {
            (Some(item), Some(more)) => item.merge(*more),
            (None, more) => self.item = more,
            (Some(_), None) => {}
        }
        let names = self
            .fields
            .keys()
            .chain(other.fields.keys())
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        if (self.map.is_some() || other.map.is_some() || names > FIELDS_MAX) && self.map.is_none() {
            self.become_map();
        }
        match &mut self.map {
            Some(map) => {
                other.fields.into_values().for_each(|field| map.merge(field.value));
                if let Some(more) = other.map {
                    map.merge(*more);
                }
            }
            None => {
                for (name, more) in other.fields {
                    let field = self.fields.entry(name).or_default();
                    field.seen += more.seen;
                    field.value.merge(more.value);
                }
            }
        }
    }

    /// How many values there were, nulls included.
    pub(crate) fn count(&self) -> u64 {
        self.nulls + self.bools + self.numbers.count + self.texts.count + self.objects + self.lists
    }
}

/// What may stand in a contract and in an error: names that look like names. Others are content: keys of a map.
pub(crate) fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_' || first == '@' || first == '$');
    starts
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-$@".contains(&byte))
        && name.matches('@').count() <= usize::from(name.starts_with('@'))
}

/// What may be the name of a field of the row although no column is called so: words, and a number of up to three digits; nothing like an address,
/// a telephone number or an id.
fn is_odd_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || " _.-/:#%()".contains(c);
    let digits = name.chars().filter(char::is_ascii_digit).count();
    !name.trim().is_empty() && name.len() <= 64 && digits <= 3 && name.chars().all(is_plain) && !name.starts_with("_tidegate_")
}

fn widest<T: Ord + Copy>(a: Option<(T, T)>, b: Option<(T, T)>) -> Option<(T, T)> {
    match (a, b) {
        (Some((low, high)), Some((lower, higher))) => Some((low.min(lower), high.max(higher))),
        (a, b) => a.or(b),
    }
}

// === impl Numbers ===

impl Numbers {
    fn take(&mut self, text: &str, probes: &mut Probes) {
        self.count += 1;
        if probes.is_integer(text) {
            self.integers += 1;
            match text.parse::<i64>() {
                Ok(value) => self.range = widest(self.range, Some((value, value))),
                Err(_) => self.odd += 1,
            }
        }
        if self.count > self.integers || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            self.floats += u64::from(probes.is_float(text));
        } else {
            // Every 64-bit integer is within its reach.
            self.floats += 1;
        }
        self.fractions += u64::from(is_fraction(text));
        let (whole, scale) = digits(text);
        self.whole = self.whole.max(whole);
        self.scale = self.scale.max(scale);
    }

    fn merge(&mut self, other: &Numbers) {
        self.count += other.count;
        self.integers += other.integers;
        self.floats += other.floats;
        self.fractions += other.fractions;
        self.whole = self.whole.max(other.whole);
        self.scale = self.scale.max(other.scale);
        self.range = widest(self.range, other.range);
        self.odd += other.odd;
    }
}

/// Whether a JSON number is between two whole ones.
fn is_fraction(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent
        .trim_start_matches('+')
        .parse::<i64>()
        .unwrap_or(match exponent.starts_with('-') {
            true => i64::MIN / 2,
            false => i64::MAX / 2,
        });
    let (whole, fraction) = mantissa
        .trim_start_matches('-')
        .split_once('.')
        .unwrap_or((mantissa.trim_start_matches('-'), ""));
    let digits = format!("{whole}{fraction}");
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let is_zero = zeros == digits.len();
    // Place of the last digit that is not zero, behind the point.
    let behind = i64::try_from(fraction.len()).unwrap_or(i64::MAX / 4) - i64::try_from(zeros).unwrap_or(i64::MAX / 4) - exponent;
    !is_zero && behind > 0
}

/// Digits before the point and behind it that a decimal needs to hold a JSON number as it is written.
fn digits(text: &str) -> (u64, u64) {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // An exponent past every decimal is as good as any other such one.
    let exponent: i64 = exponent
        .trim_start_matches('+')
        .parse::<i64>()
        .unwrap_or(1 << 20)
        .clamp(-(1 << 20), 1 << 20);
    let whole = i64::try_from(whole.len()).unwrap_or(i64::MAX / 4) + exponent;
    let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX / 4) - exponent;
    (whole.max(1).unsigned_abs(), scale.max(0).unsigned_abs())
}

// === impl Texts ===

impl Texts {
    fn take(&mut self, text: &str, probes: &mut Probes) {
        self.count += 1;
        let length = text.chars().count() as u64;
        self.length = widest(self.length, Some((length, length)));
        self.meanings = probes.texts(text, self.meanings);
        self.decimals += u64::from(is_decimal(text));
        if let Some(distinct) = &mut self.distinct {
            if let Some(count) = distinct.get_mut(text) {
                *count += 1;
            } else if distinct.len() >= DISTINCT_MAX || text.len() > DISTINCT_BYTES_MAX {
                self.distinct = None;
            } else {
                distinct.insert(text.into(), 1);
            }
        }
    }

    fn merge(&mut self, other: Texts) {
        self.count += other.count;
        self.length = widest(self.length, other.length);
        self.meanings &= other.meanings;
        self.decimals += other.decimals;
        self.distinct = match (self.distinct.take(), other.distinct) {
            (Some(mut mine), Some(others)) => {
                for (text, count) in others {
                    *mine.entry(text).or_default() += count;
                }
                (mine.len() <= DISTINCT_MAX).then_some(mine)
            }
            _ => None,
        };
    }
}

fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 38 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_numbers_as_they_are_written() {
        for (text, expected) in [
            ("0", (1, 0)),
            ("-12.340", (2, 3)),
            ("1e3", (4, 0)),
            ("1.25E1", (2, 1)),
            ("5e-4", (1, 4)),
            ("1e999999999999999999999", (1 + (1 << 20), 0)),
        ] {
            assert_eq!(digits(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_content() {
        assert!(is_name("order_id") && is_name("@type") && is_name("a-b") && is_name("$ref"));
        assert!(
            !is_name("ann@example.com")
                && !is_name("@ann@example.com")
                && !is_name("4711")
                && !is_name("")
                && !is_name("a b")
                && !is_name("ä")
        );
    }
}
