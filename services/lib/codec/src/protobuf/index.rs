//! The first pass over a message: where each field lies.

use super::schema::{Kind, Message, MessageId, Presence};
use super::wire;
use crate::failure::Detail;

/// Fields on the wire that are noted at a time. Only a value of many MiB in which lists are not packed has more.
const ENTRIES_MAX: usize = 1 << 22;
/// Room that is kept between records.
const KEPT: usize = 1 << 14;

/// Buffers of [`super::ProtobufReader`], kept between records so that an ordinary one allocates nothing.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) entries: Vec<Entry>,
    pub(super) heads: Vec<Head>,
    /// Keys of a map, to find one that comes twice.
    pub(super) texts: Vec<(u32, u32)>,
    pub(super) numbers: Vec<u64>,
    /// Messages that another member of their `oneof` replaced. Nobody reads them, and every other reader refuses broken ones.
    pub(super) replaced: Vec<(MessageId, u32, u32)>,
}

/// One occurrence of a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The next one of the same field; [`NONE`] for the last.
    pub(super) next: u32,
    /// It holds values one after another.
    pub(super) packed: bool,
}

/// First and last occurrence of a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// Where the buffers stood.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    entries: u32,
    heads: u32,
}

// === impl Scratch ===

impl Scratch {
    /// Empties the buffers for another record, and gives back what an unusually large one took.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.heads.clear();
        self.replaced.clear();
        self.entries.shrink_to(KEPT);
        self.heads.shrink_to(KEPT);
        self.texts.shrink_to(KEPT);
        self.numbers.shrink_to(KEPT);
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            entries: self.entries.len() as u32,
            heads: self.heads.len() as u32,
        }
    }

    pub(super) fn reset(&mut self, mark: Mark) {
        self.entries.truncate(mark.entries as usize);
        self.heads.truncate(mark.heads as usize);
    }

    /// Makes room for the fields of a message; index of the first.
    pub(super) fn open(&mut self, message: &Message) -> u32 {
        let base = self.heads.len();
        let none = Head { first: NONE, last: NONE };
        self.heads.resize(base + message.fields.len(), none);
        base as u32
    }

    /// Notes the fields of a part of a message. Parts of one message may be noted one after another. Returns how many fields are not
    /// known; a failure with its offset.
    pub(super) fn note(&mut self, message: &Message, heads: u32, bytes: &[u8], start: usize, end: usize) -> Result<u64, (Detail, usize)> {
        // Everything up to `end`, so that offsets are those of the whole datum.
        let bytes = &bytes[..end];
        let (mut at, mut unknown, mut expected) = (start, 0, 0);
        while at < end {
            let tag_at = at;
            let (number, wire_type, after) = wire::tag(bytes, at).map_err(|detail| (detail, tag_at))?;
            let Some(index) = message.find(number, expected) else {
                unknown += 1;
                at = wire::skip(bytes, after, number, wire_type).map_err(|detail| (detail, tag_at))?;
                continue;
            };
            expected = index;
            let field = &message.fields[index];
            let wanted = field.kind.wire_type();
            let packed = wire_type == 2 && wanted != 2 && field.presence == Presence::List;
            if wire_type != wanted && !packed {
                return Err((Detail::Syntax, tag_at));
            }
            let (from, to) = wire::extent(bytes, after, wire_type).map_err(|detail| (detail, tag_at))?;
            at = to;
            if self.entries.len() >= ENTRIES_MAX {
                return Err((Detail::TooLarge, tag_at));
            }
            let added = self.entries.len() as u32;
            self.entries.push(Entry {
                start: from as u32,
                end: to as u32,
                next: NONE,
                packed,
            });
            if let Some(oneof) = field.oneof {
                for member in &message.oneofs[oneof as usize] {
                    if *member as usize != index {
                        self.replace(message, heads, *member as usize, bytes)?;
                    }
                }
            }
            let head = &mut self.heads[heads as usize + index];
            let chains = matches!(field.presence, Presence::List | Presence::Map) || matches!(field.kind, Kind::Message(_));
            if head.first == NONE || !chains {
                // The last scalar wins.
                self.replace(message, heads, index, bytes)?;
                self.heads[heads as usize + index] = Head { first: added, last: added };
            } else {
                self.entries[head.last as usize].next = added;
                head.last = added;
            }
            expected += usize::from(!chains || matches!(field.presence, Presence::Explicit | Presence::Required));
        }
        Ok(unknown)
    }

    /// Forgets a value for which another one came. It must be a value all the same.
    fn replace(&mut self, message: &Message, heads: u32, index: usize, bytes: &[u8]) -> Result<(), (Detail, usize)> {
        let head = &mut self.heads[heads as usize + index];
        let mut next = std::mem::replace(head, Head { first: NONE, last: NONE }).first;
        while next != NONE {
            let old = self.entries[next as usize];
            next = old.next;
            match message.fields[index].kind {
                Kind::Message(id) => self.replaced.push((id, old.start, old.end)),
                Kind::String => {
                    let text = &bytes[old.start as usize..old.end as usize];
                    std::str::from_utf8(text).map_err(|error| (Detail::BadEncoding, old.start as usize + error.valid_up_to()))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
