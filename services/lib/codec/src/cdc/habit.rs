//! The fields that an object of envelopes usually has.
//!
//! A connector writes the same fields in the same order again and again. Names that are where they were last time are compared and not read;
//! they are distinct, because they were when they were learned. An object that is different is read as any other.

use super::envelope::bad;
use super::rows::Rows;
use crate::failure::DecodeFailure;
use crate::json::{JsonReader, ahead};
use crate::known::Word;
use crate::token::Token;

/// What comes behind so many fields is read as it comes.
const FIELDS_MAX: usize = 64;
/// And what comes behind a longer name: nobody keeps what a strange event brings.
const NAME_BYTES_MAX: usize = 128;
/// So many objects in a row must be different before another order is learned; learning costs more than reading.
const PATIENCE: u8 = 8;

/// What one object usually looks like. It changes speed, never answers.
#[derive(Debug, Default)]
pub(super) struct Habit {
    names: Vec<Word>,
    /// Where the names of the object that is being read were taken.
    quotes: Vec<usize>,
    strange: u8,
}

/// Habits of one kind of envelopes.
#[derive(Debug, Default)]
pub(super) struct Habits {
    pub(super) envelope: Habit,
    pub(super) source: Habit,
    pub(super) transaction: Habit,
}

/// The objects that have a habit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Usual {
    Envelope,
    Source,
    Transaction,
}

// === impl Habits ===

impl Habits {
    pub(super) fn of(&mut self, usual: Usual) -> &mut Habit {
        match usual {
            Usual::Envelope => &mut self.envelope,
            Usual::Source => &mut self.source,
            Usual::Transaction => &mut self.transaction,
        }
    }
}

// === impl Habit ===

impl Habit {
    /// Reads the fields of an object that was begun, each by `field`, and its end.
    pub(super) fn fields<'b, R: Rows<'b>>(
        &mut self,
        rows: &mut R,
        mut field: impl FnMut(&mut R, &str) -> Result<(), DecodeFailure>,
    ) -> Result<(), DecodeFailure> {
        self.quotes.clear();
        for name in &self.names {
            let Some(quote) = rows.json().and_then(|reader| take(reader, name)) else {
                break;
            };
            self.quotes.push(quote);
            field(rows, name.text())?;
        }
        if let Some(reader) = rows.json()
            && let Some((rest, b',')) = reader.stand()
            && let end @ 1.. = ahead::separator(rest, b'}')
        {
            reader.go_out(&rest[end..]);
            self.strange = 0;
            return Ok(());
        }
        // What was taken counts when it comes again.
        if let Some(reader) = rows.json() {
            for (name, quote) in self.names.iter().zip(&self.quotes) {
                reader.note(name, *quote)?;
            }
            self.strange += 1;
        }
        let mut learns = rows.habits().is_some() && (self.names.is_empty() || self.strange >= PATIENCE);
        if learns {
            self.names.truncate(self.quotes.len());
            self.strange = 0;
        }
        loop {
            match rows.next()? {
                Token::Key(key) => {
                    learns &= self.names.len() < FIELDS_MAX && key.len() <= NAME_BYTES_MAX;
                    if learns {
                        self.names.push(Word::name(&key));
                    }
                    field(rows, &key)?;
                }
                Token::EndObject => return Ok(()),
                _ => return bad(rows.position()),
            }
        }
    }
}

/// Takes a field name, if it comes next; where its quote stands.
fn take(reader: &mut JsonReader<'_>, name: &Word) -> Option<usize> {
    let (rest, separator) = reader.stand()?;
    match ahead::name(rest, separator, name) {
        0 => None,
        len => Some(reader.go_to_field(name, &rest[len..])),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::cdc::{Format, SchemaBlockCache, Texts, read_json};

    /// Fields of an envelope and of its source, some of them strange.
    fn object(fields: &'static [&'static str]) -> impl Strategy<Value = String> {
        let some = proptest::sample::subsequence(fields, fields.len().saturating_sub(2)..=fields.len());
        let strange = prop_oneof![
            8 => Just(None),
            1 => Just(Some("\"x\":[1,{\"y\":\"}\"}]")),
            1 => Just(Some("\"o\\u0070\":\"u\"")),
            1 => Just(Some("\"op\":\"c\"")),
            1 => Just(Some("\"ts_ms\" : 7")),
            1 => Just(Some("\"bad\":tru")),
        ];
        (some, strange, any::<prop::sample::Index>(), any::<bool>(), any::<bool>()).prop_map(|(some, strange, place, turned, spaced)| {
            let mut fields: Vec<&str> = some;
            if let Some(strange) = strange {
                fields.insert(place.index(fields.len() + 1), strange);
            }
            if turned {
                fields.reverse();
            }
            let text = fields.join(if spaced { ", " } else { "," });
            format!("{{{text}}}")
        })
    }

    fn envelope() -> impl Strategy<Value = String> {
        let source = object(&[
            "\"ts_ms\":1",
            "\"ts_us\":12345678901234",
            "\"db\":\"d\"",
            "\"table\":\"t\\n\"",
            "\"lsn\":9",
            "\"x\":null",
        ]);
        let fields = &[
            "\"before\":null",
            "\"after\":{\"id\":1}",
            "\"source\":@",
            "\"op\":\"c\"",
            "\"ts_ms\":5",
            "\"transaction\":{\"id\":\"1:2\"}",
        ];
        (object(fields), source).prop_map(|(envelope, source)| envelope.replace('@', &source))
    }

    fn read(cache: &mut SchemaBlockCache, value: &str) -> String {
        format!(
            "{:?}",
            read_json(Format::Debezium, value.as_bytes(), &[], cache, &mut Texts::default())
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
        #[test]
        fn what_came_before_changes_nothing(usual in envelope(), others in proptest::collection::vec(envelope(), 1..30), often in 1_usize..4) {
            let mut cache = SchemaBlockCache::new();
            for other in &others {
                for _ in 0..often {
                    prop_assert_eq!(read(&mut cache, &usual), read(&mut SchemaBlockCache::new(), &usual));
                }
                prop_assert_eq!(read(&mut cache, other), read(&mut SchemaBlockCache::new(), other));
            }
        }
    }
}
