//! The short way through what is expected, see [`Reader`].

use super::{AvroReader, Pending};
use crate::avro::schema::{Node, NodeId};
use crate::known::{Word, Words};
use crate::token::{Ahead, SmallNumber};

/// Numbers of more digits take the long way.
const SMALL: u64 = 1_000_000_000_000_000_000;

// === impl AvroReader ===

impl<'b> AvroReader<'b> {
    /// The value that comes next, looked at through a union: its node and where it begins.
    #[inline]
    fn value_ahead(&self) -> Option<(&'b Node, usize)> {
        let (node, at, _) = self.node_ahead()?;
        Some((node, at))
    }

    #[inline]
    fn node_ahead(&self) -> Option<(&'b Node, usize, NodeId)> {
        let Pending::Value(id) = self.pending else { return None };
        let schema = self.schema;
        match schema.node(id) {
            Node::Union(branches) => {
                let (index, at) = self.long_at(self.at)?;
                let id = *branches.get(usize::try_from(index).ok()?)?;
                match schema.node(id) {
                    Node::Union(_) => None,
                    node => Some((node, at, id)),
                }
            }
            node => Some((node, self.at, id)),
        }
    }

    /// A number of up to eight groups of bits, and where it ends.
    #[inline]
    fn long_at(&self, at: usize) -> Option<(i64, usize)> {
        let first = u64::from(*self.datum.get(at)?);
        if first < 0x80 {
            return Some((unzigzag(first), at + 1));
        }
        let mut value = first & 0x7f;
        for group in 1..8 {
            let byte = u64::from(*self.datum.get(at + group)?);
            value |= (byte & 0x7f) << (7 * group);
            if byte < 0x80 {
                return Some((unzigzag(value), at + group + 1));
            }
        }
        None
    }

    #[inline]
    fn bytes_at(&self, at: usize) -> Option<Ahead<&'b [u8]>> {
        let (len, start) = self.long_at(at)?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        Some(Ahead {
            value: self.datum.get(start..end)?,
            end,
        })
    }

    /// A token less that may come; false where none may, and the long way says so.
    #[inline]
    fn count(&mut self) -> bool {
        let left = self.budget > 0;
        self.budget -= u64::from(left);
        left
    }

    #[inline]
    pub(super) fn take_field(&mut self, name: &Word) -> bool {
        if self.pending != Pending::Part || self.depth == 0 {
            return false;
        }
        let frame = self.frames.last(self.depth);
        let Node::Record(fields) = self.schema.node(frame.node) else {
            return false;
        };
        let Some(field) = fields.get(frame.count as usize) else {
            return false;
        };
        if *field.name != *name.text() || !self.count() {
            return false;
        }
        self.frames.last_mut(self.depth).count += 1;
        self.pending = Pending::Value(field.node);
        true
    }

    #[inline]
    pub(super) fn begin(&mut self, list: bool) -> bool {
        let Some((node, at, id)) = self.node_ahead() else { return false };
        let fits = match node {
            Node::Record(_) => !list,
            Node::Array { .. } => list,
            _ => false,
        };
        if !fits || !self.frames.has_room(self.depth) || !self.count() {
            return false;
        }
        self.at = at;
        self.open(id).is_ok()
    }

    #[inline]
    pub(super) fn take_item(&mut self) -> bool {
        if self.pending != Pending::Part || self.depth == 0 {
            return false;
        }
        let frame = *self.frames.last(self.depth);
        let Node::Array { item, least } = self.schema.node(frame.node) else {
            return false;
        };
        if !self.count() {
            return false;
        }
        match self.next_item(frame, *least) {
            Ok(true) => {
                // The item itself is the token.
                self.budget += 1;
                self.pending = Pending::Value(*item);
                true
            }
            Ok(false) => {
                self.pending = Pending::Close;
                false
            }
            // The failure is kept, and `next` gives it.
            Err(_) => false,
        }
    }

    #[inline]
    pub(super) fn end_record(&mut self) -> bool {
        if self.pending != Pending::Part || self.depth == 0 {
            return false;
        }
        let frame = self.frames.last(self.depth);
        let ended = matches!(self.schema.node(frame.node), Node::Record(fields) if fields.len() as u64 == frame.count);
        ended && self.count() && {
            self.depth -= 1;
            self.after_value();
            true
        }
    }

    #[inline]
    pub(super) fn end_list(&mut self) -> bool {
        self.pending == Pending::Close && {
            self.depth -= 1;
            self.after_value();
            true
        }
    }

    #[inline]
    pub(super) fn text(&self) -> Option<Ahead<&'b str>> {
        match self.value_ahead()? {
            (Node::String, at) => {
                let bytes = self.bytes_at(at)?;
                let value = simdutf8::basic::from_utf8(bytes.value).ok()?;
                Some(Ahead { value, end: bytes.end })
            }
            (Node::Enum(symbols), at) => {
                let (index, end) = self.long_at(at)?;
                let value = symbols.get(usize::try_from(index).ok()?)?;
                Some(Ahead { value, end })
            }
            _ => None,
        }
    }

    #[inline]
    pub(super) fn ascii(&self, len: usize) -> Option<Ahead<&'b [u8]>> {
        match self.value_ahead()? {
            (Node::String, at) => self.bytes_at(at).filter(|bytes| bytes.value.len() == len),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn word<'w>(&self, words: &'w Words) -> Option<Ahead<&'w str>> {
        let text = self.text()?;
        let value = words.find(text.value)?;
        Some(Ahead { value, end: text.end })
    }

    #[inline]
    pub(super) fn number(&self) -> Option<Ahead<SmallNumber>> {
        let (mantissa, end) = match self.value_ahead()? {
            (Node::Int, at) => self.long_at(at).filter(|(value, _)| i32::try_from(*value).is_ok())?,
            (Node::Long, at) => self.long_at(at).filter(|(value, _)| value.unsigned_abs() < SMALL)?,
            _ => return None,
        };
        Some(Ahead {
            value: SmallNumber { mantissa, scale: 0 },
            end,
        })
    }

    #[inline]
    pub(super) fn float(&self) -> Option<Ahead<f64>> {
        match self.value_ahead()? {
            (Node::Double, at) => {
                let bytes = self.datum.get(at..)?.first_chunk::<8>()?;
                Some(Ahead {
                    value: f64::from_le_bytes(*bytes),
                    end: at + 8,
                })
            }
            (Node::Float, at) => {
                let bytes = self.datum.get(at..)?.first_chunk::<4>()?;
                Some(Ahead {
                    value: f64::from(f32::from_le_bytes(*bytes)),
                    end: at + 4,
                })
            }
            _ => None,
        }
    }

    #[inline]
    pub(super) fn truth(&self) -> Option<Ahead<bool>> {
        match self.value_ahead()? {
            (Node::Boolean, at) => match self.datum.get(at)? {
                0 => Some(Ahead { value: false, end: at + 1 }),
                1 => Some(Ahead { value: true, end: at + 1 }),
                _ => None,
            },
            _ => None,
        }
    }

    #[inline]
    pub(super) fn null(&self) -> Option<Ahead<()>> {
        match self.value_ahead()? {
            // A null without a union has no bytes, and only the budget bounds how many there are.
            (Node::Null, end) if end > self.at => Some(Ahead { value: (), end }),
            _ => None,
        }
    }
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
