//! Envelopes as they usually come.
//!
//! A connector writes the same fields in the same order again and again. An envelope whose names stand where they stood before, and whose
//! values are plain, is read by looking at what should come; names are distinct, because they were when they were learned. Any other
//! envelope is read as if there had been none before, by [`super::envelope::walk`]: what is remembered changes speed, never answers.

use std::borrow::Cow;

use super::block::Payload;
use super::envelope::{Field, Found, SourcePart, SourceParts, transaction_of};
use super::look::{Look, See};
use crate::json::{JsonReader, ahead};
use crate::known::Word;
use crate::token::{Reader as _, Token};

/// Envelopes and blocks with more fields are not remembered.
const FIELDS_MAX: usize = 64;
/// Nor are those with a longer name: nobody keeps what a strange event brings.
const NAME_BYTES_MAX: usize = 128;
/// So many envelopes in a row must be different before another order is learned; learning costs more than reading.
const PATIENCE: u8 = 8;

/// What envelopes usually look like.
#[derive(Debug, Default)]
pub(super) struct Habit {
    envelope: Vec<(Word, Field)>,
    source: Vec<(Word, SourcePart)>,
    /// Of `transaction`; true for its id.
    transaction: Vec<(Word, bool)>,
    strange: u8,
}

// === impl Habit ===

impl Habit {
    /// Reads the envelope, if it is as usual.
    pub(super) fn read<'b>(&self, payload: &Payload<'b>, see: See<'_, 'b>, found: &mut Found<'b>) -> Option<()> {
        let mut look = Look::at(payload)?;
        let base = payload.reader.position();
        look.object(&self.envelope, |look, field| {
            match field {
                Field::Before => found.before = look.row(payload, base, "before", &mut |_| 0)?,
                Field::After => found.after = look.row(payload, base, "after", see)?,
                Field::Op => found.op = Some(look.text()??),
                Field::Source => {
                    let mut parts = SourceParts::default();
                    self.source(look, &mut parts)?;
                    found.source = Some(parts.source());
                }
                Field::Transaction if look.null() => {}
                Field::Transaction => found.transaction = self.transaction(look)?,
                Field::Message if look.null() => {}
                Field::Message => return None,
                Field::Time | Field::ExactTime | Field::Status | Field::Id | Field::Schema | Field::Other => look.leaf()?,
            }
            Some(())
        })?;
        (ahead::space(look.rest) == look.rest.len()).then_some(())
    }

    fn source<'b>(&self, look: &mut Look<'b>, parts: &mut SourceParts<'b>) -> Option<()> {
        look.object(&self.source, |look, field| {
            match field {
                SourcePart::Millis => parts.millis = look.integer()?,
                SourcePart::Micros => parts.micros = look.integer()?,
                SourcePart::Nanos => parts.nanos = look.integer()?,
                SourcePart::Lsn => parts.lsn = look.integer()?,
                SourcePart::Pos => parts.pos = look.integer()?,
                SourcePart::Ordinal => parts.ordinal = look.integer()?,
                SourcePart::Snapshot => parts.snapshot = look.text()?,
                SourcePart::Database => parts.database = look.text()?,
                SourcePart::Schema => parts.schema = look.text()?,
                SourcePart::Table => parts.table = look.text()?,
                SourcePart::File => parts.file = look.text()?,
                SourcePart::Position => parts.other = look.text()?,
                SourcePart::Other => look.leaf()?,
            }
            Some(())
        })
    }

    fn transaction<'b>(&self, look: &mut Look<'b>) -> Option<Option<Cow<'b, str>>> {
        let mut id = None;
        look.object(&self.transaction, |look, is_id| {
            match is_id {
                true => id = look.text()?,
                false => look.leaf()?,
            }
            Some(())
        })?;
        Some(id.map(transaction_of))
    }

    /// Notes that an envelope was as usual.
    pub(super) fn keep(&mut self) {
        self.strange = 0;
    }

    /// Notes that a change was not as usual, and after some of them what it looks like.
    pub(super) fn learn(&mut self, text: &str) {
        self.strange = self.strange.saturating_add(1);
        if self.strange < PATIENCE && !self.envelope.is_empty() {
            return;
        }
        self.strange = 0;
        let mut learned = Habit::default();
        if learned.read_names(text).is_some() {
            if learned.transaction.is_empty() {
                learned.transaction = std::mem::take(&mut self.transaction);
            }
            *self = learned;
        }
    }

    fn read_names(&mut self, text: &str) -> Option<()> {
        let mut reader = JsonReader::of_text(text, 0);
        if reader.next().ok()? != Token::BeginObject {
            return None;
        }
        while let Some(name) = next_name(&mut reader, self.envelope.len())? {
            let field = Field::of(name.text());
            self.envelope.push((name, field));
            if !matches!((field, reader.peek()), (Field::Source | Field::Transaction, Some(b'{'))) {
                reader.skip().ok()?;
                continue;
            }
            reader.next().ok()?;
            let mut count = 0;
            while let Some(name) = next_name(&mut reader, count)? {
                count += 1;
                match field {
                    Field::Source => {
                        let part = SourcePart::of(name.text());
                        self.source.push((name, part));
                    }
                    _ => {
                        let is_id = name.text() == "id";
                        self.transaction.push((name, is_id));
                    }
                }
                reader.skip().ok()?;
            }
        }
        Some(())
    }
}

/// The next name of an object of which `known` are known, or its end. None where it is nothing to remember.
fn next_name(reader: &mut JsonReader<'_>, known: usize) -> Option<Option<Word>> {
    match reader.next().ok()? {
        Token::Key(name) if known < FIELDS_MAX && name.len() <= NAME_BYTES_MAX => Some(Some(Word::name(&name))),
        Token::EndObject => Some(None),
        _ => None,
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
            1 => Just(Some("\"message\":\"x\"")),
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
            "\"message\":null",
        ];
        (object(fields), source).prop_map(|(envelope, source)| envelope.replace('@', &source))
    }

    /// A form feed is white space to many, and not to JSON.
    #[test]
    fn what_follows_a_known_block_is_looked_at() {
        let mut cache = SchemaBlockCache::new();
        let value = "{\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":{\"before\":null,\"after\":{\"id\":1},\"source\":{\"ts_ms\":1},\"op\":\"c\"}}";
        for behind in ["", " \r\n\t", "\u{c}", "", "\u{b}", "}"] {
            let value = format!("{value}{behind}");
            for _ in 0..2 {
                // Known or not, the block is the same; only whether the rest was proven may differ.
                let is_read = |cache: &mut SchemaBlockCache| read(cache, &value).starts_with("Ok");
                assert_eq!(
                    is_read(&mut cache),
                    behind.trim_matches(['\r', '\n', '\t', ' ']).is_empty(),
                    "{behind:?}"
                );
                assert_eq!(is_read(&mut cache), is_read(&mut SchemaBlockCache::new()), "{behind:?}");
            }
        }
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
