//! Envelopes as they usually come.
//!
//! A connector writes the same fields in the same order again and again. An envelope whose names stand where they stood before, and whose
//! values are plain, is read by looking at what should come; names are distinct, because they were when they were learned. Any other
//! envelope is read as if there had been none before, by [`super::envelope::walk`]: what is remembered changes speed, never answers.

use std::borrow::Cow;

use super::Image;
use super::block::Payload;
use super::envelope::{Found, SourceParts, transaction_of};
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
    source: Vec<(Word, SourceField)>,
    /// Of `transaction`; true for its id.
    transaction: Vec<(Word, bool)>,
    strange: u8,
}

/// What a field of the envelope is.
#[derive(Debug, Clone, Copy)]
enum Field {
    Before,
    After,
    Op,
    Source,
    Transaction,
    Other,
}

/// What a field of `source` is.
#[derive(Debug, Clone, Copy)]
enum SourceField {
    Millis,
    Micros,
    Nanos,
    Lsn,
    Pos,
    Ordinal,
    Snapshot,
    Database,
    Schema,
    Table,
    File,
    Position,
    Other,
}

/// Whoever looks at the row behind `after` where it stands: how many bytes it took, or zero when its end is to be looked for.
pub(super) type See<'s, 'b> = &'s mut dyn FnMut(&'b [u8]) -> usize;

// === impl Habit ===

impl Habit {
    /// Reads the envelope, if it is as usual.
    pub(super) fn read<'b>(&self, payload: &Payload<'b>, see: See<'_, 'b>, found: &mut Found<'b>) -> Option<()> {
        let mut look = Look {
            text: payload.reader.rest(),
            rest: payload.reader.value_ahead()?,
        };
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
                Field::Other => look.leaf()?,
            }
            Some(())
        })?;
        (ahead::space(look.rest) == look.rest.len()).then_some(())
    }

    fn source<'b>(&self, look: &mut Look<'b>, parts: &mut SourceParts<'b>) -> Option<()> {
        look.object(&self.source, |look, field| {
            match field {
                SourceField::Millis => parts.millis = look.integer()?,
                SourceField::Micros => parts.micros = look.integer()?,
                SourceField::Nanos => parts.nanos = look.integer()?,
                SourceField::Lsn => parts.lsn = look.integer()?,
                SourceField::Pos => parts.pos = look.integer()?,
                SourceField::Ordinal => parts.ordinal = look.integer()?,
                SourceField::Snapshot => parts.snapshot = look.text()?,
                SourceField::Database => parts.database = look.text()?,
                SourceField::Schema => parts.schema = look.text()?,
                SourceField::Table => parts.table = look.text()?,
                SourceField::File => parts.file = look.text()?,
                SourceField::Position => parts.other = look.text()?,
                SourceField::Other => look.leaf()?,
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

    /// Notes that a change was not as usual, and after some of them what it looks like.
    pub(super) fn learn(&mut self, text: &str) {
        self.strange = self.strange.saturating_add(1);
        if self.strange < PATIENCE && !self.envelope.is_empty() {
            return;
        }
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
                        let part = SourceField::of(name.text());
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

// === impl Field ===

impl Field {
    fn of(name: &str) -> Field {
        match name {
            "before" => Field::Before,
            "after" => Field::After,
            "op" => Field::Op,
            "source" => Field::Source,
            "transaction" => Field::Transaction,
            _ => Field::Other,
        }
    }
}

// === impl SourceField ===

impl SourceField {
    fn of(name: &str) -> SourceField {
        match name {
            "ts_ms" => SourceField::Millis,
            "ts_us" => SourceField::Micros,
            "ts_ns" => SourceField::Nanos,
            "lsn" => SourceField::Lsn,
            "pos" => SourceField::Pos,
            "ord" => SourceField::Ordinal,
            "snapshot" => SourceField::Snapshot,
            "db" => SourceField::Database,
            "schema" => SourceField::Schema,
            "table" | "collection" => SourceField::Table,
            "file" => SourceField::File,
            "scn" | "change_lsn" => SourceField::Position,
            _ => SourceField::Other,
        }
    }
}

/// A document and what is left of it. Nothing is taken unless it is exactly what a reader would have read.
struct Look<'b> {
    text: &'b str,
    rest: &'b [u8],
}

// === impl Look ===

impl<'b> Look<'b> {
    /// Takes an object of these fields.
    #[inline(always)]
    fn object<K>(&mut self, fields: &[(Word, K)], mut value: impl FnMut(&mut Look<'b>, &K) -> Option<()>) -> Option<()> {
        let mut separator = b'{';
        for (name, field) in fields {
            self.take(ahead::name(self.rest, separator, name))?;
            self.space();
            value(self, field)?;
            separator = b',';
        }
        if separator == b'{' {
            return None;
        }
        self.take(ahead::separator(self.rest, b'}')).map(|_| ())
    }

    /// Takes so many bytes, which are none where it was not what was looked for.
    #[inline(always)]
    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        if len == 0 {
            return None;
        }
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline(always)]
    fn space(&mut self) {
        self.rest = &self.rest[ahead::space(self.rest)..];
    }

    #[inline(always)]
    fn null(&mut self) -> bool {
        self.take(ahead::null(self.rest)).is_some()
    }

    #[inline]
    fn leaf(&mut self) -> Option<()> {
        let len = match self.rest.first()? {
            b'0'..=b'9' => ahead::whole(self.rest),
            _ => 0,
        };
        let len = if len > 0 { len } else { ahead::leaf(self.rest) };
        self.take(len).map(|_| ())
    }

    fn text(&mut self) -> Option<Option<Cow<'b, str>>> {
        if self.null() {
            return Some(None);
        }
        let start = self.text.len() - self.rest.len() + 1;
        let len = self.take(ahead::text(self.rest))?.len();
        self.text.get(start..start + len - 2).map(|text| Some(Cow::Borrowed(text)))
    }

    fn integer(&mut self) -> Option<Option<i64>> {
        if self.null() {
            return Some(None);
        }
        let (value, len) = ahead::integer(self.rest)?;
        self.take(len)?;
        Some(Some(value))
    }

    /// Takes a row, or the null that stands for none.
    fn row(&mut self, payload: &Payload<'b>, base: usize, field: &str, see: See<'_, 'b>) -> Option<Option<Image<'b>>> {
        if self.null() {
            return Some(None);
        }
        if self.rest.first() != Some(&b'{') {
            return None;
        }
        let start = self.text.len() - self.rest.len();
        let taken = match &payload.shapes {
            Some(_) => 0,
            None => see(self.rest),
        };
        let len = match taken {
            0 => ahead::container(self.rest),
            taken => taken,
        };
        let text = self.text.get(start..start + self.take(len)?.len())?;
        let image = payload.image(text, base + start, field);
        Some(Some(if taken > 0 { image.taken() } else { image }))
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
