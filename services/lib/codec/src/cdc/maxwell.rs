//! Maxwell's daemon: `{database, table, type, ts, xid, data, old}` (its reference page "Data format"). `ts` is in seconds, `old` holds the
//! former values of what an update changed and nothing else.

use std::borrow::Cow;

use super::envelope::{bad, fields, integer, keep, number_or_text, text};
use super::rows::{JsonRows, Rows as _};
use super::{ChangeEvent, ControlKind, Image, Op, Position, Texts, Unwrapped};
use crate::failure::{DecodeFailure, Detail};
use crate::token::{Reader as _, Token};

#[derive(Default)]
struct Found<'b> {
    kind: Option<Cow<'b, str>>,
    data: Option<Image<'b>>,
    old: Option<Image<'b>>,
    seconds: Option<i64>,
    database: Option<Cow<'b, str>>,
    table: Option<Cow<'b, str>>,
    transaction: Option<Cow<'b, str>>,
    position: Option<Cow<'b, str>>,
    gtid: Option<Cow<'b, str>>,
}

/// Unwraps a record. Images are not proven.
pub(super) fn unwrap<'b>(value: &'b [u8], texts: &'b mut Texts) -> Result<Unwrapped<'b>, DecodeFailure> {
    let mut rows = JsonRows::plain(value);
    let mut found = Found::default();
    let there = fields(&mut rows, |rows, key| {
        match key {
            "type" => found.kind = text(rows)?,
            "data" => found.data = rows.row(key)?,
            "old" => found.old = rows.row(key)?,
            "ts" => found.seconds = integer(rows)?,
            "database" => found.database = text(rows)?,
            "table" => found.table = text(rows)?,
            "xid" => found.transaction = number_or_text(rows)?,
            "position" => found.position = text(rows)?,
            "gtid" => found.gtid = text(rows)?,
            _ => rows.skip()?,
        }
        Ok(())
    })?;
    if !there {
        return Ok(Unwrapped::Tombstone);
    }
    found.unwrap(texts)
}

// === impl Found ===

impl<'b> Found<'b> {
    fn unwrap(self, texts: &'b mut Texts) -> Result<Unwrapped<'b>, DecodeFailure> {
        let op = match self.kind.as_deref() {
            Some("insert") => Op::Create,
            Some("update") => Op::Update,
            Some("delete") => Op::Delete,
            Some("bootstrap-insert") => Op::Read,
            Some("bootstrap-start" | "bootstrap-complete") => return self.control(ControlKind::Bootstrap),
            Some("table-create" | "table-alter" | "table-drop" | "database-create" | "database-alter" | "database-drop") => {
                return self.control(ControlKind::Definition);
            }
            Some(_) => {
                return Err(DecodeFailure {
                    detail: Detail::UnknownOperation,
                    offset: 0,
                });
            }
            None => return bad(0),
        };
        let (Some(data), true) = (self.data, self.table.is_some()) else {
            return bad(0);
        };
        let (before, after) = match (op, self.old) {
            (Op::Delete, old) => {
                keep(old, false)?;
                (Some(data), None)
            }
            (Op::Update, Some(mut old)) => {
                note_names(&mut old, texts)?;
                let before = data.overlaid(old, texts);
                (Some(before), Some(data))
            }
            (_, old) => {
                keep(old, false)?;
                (None, Some(data))
            }
        };
        let position = self.position.map(binlog).or(self.gtid.map(Position::Text));
        Ok(Unwrapped::Change(ChangeEvent {
            op: Some(op),
            before,
            after,
            source_time_micros: self.seconds.and_then(|seconds| seconds.checked_mul(1_000_000)),
            position,
            snapshot: None,
            database: self.database,
            schema: None,
            table: self.table,
            transaction: self.transaction,
        }))
    }

    fn control(self, kind: ControlKind) -> Result<Unwrapped<'b>, DecodeFailure> {
        keep(self.data, false)?;
        keep(self.old, false)?;
        Ok(Unwrapped::Control(kind))
    }
}

/// Notes what `old` holds, and with that proves it.
fn note_names(old: &mut Image<'_>, texts: &mut Texts) -> Result<(), DecodeFailure> {
    texts.clear();
    let mut reader = old.reader();
    reader.next()?;
    while let Token::Key(key) = reader.next()? {
        texts.push_name(&key);
        reader.skip()?;
    }
    reader.next()?;
    texts.sort_names();
    old.set_proven();
    Ok(())
}

/// `master.000006:800911`.
fn binlog(position: Cow<'_, str>) -> Position<'_> {
    let split = position
        .rsplit_once(':')
        .and_then(|(file, pos)| Some((file.len(), pos.parse::<i64>().ok()?)));
    match (split, position) {
        (Some((len, pos)), Cow::Borrowed(position)) => Position::Binlog {
            file: Cow::Borrowed(&position[..len]),
            pos,
        },
        (_, position) => Position::Text(position),
    }
}
