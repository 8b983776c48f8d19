//! The short way through JSON that is as the contract expects.
//!
//! A value is *taken* when its quick check says that it is valid; whoever declines leaves it to the whole check. Nobody but a row sink wants an
//! *unseen* value; a *settled* one is captured for rules that its quick check has answered, where the row is taken at once.

use tidegate_codec::json::ahead;
use tidegate_codec::{JsonReader, Scalar, Word};

use super::{ITEMS_MAX, Walk};
use crate::datum::Datum;
use crate::plan::{FieldIndex, Quick, QuickCheck};
use crate::row::RowSink;

/// What has been read of an object.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// One bit for each of the first 64 declared fields.
    pub(super) seen: u64,
    /// How many there were, declared or not.
    pub(super) count: u64,
    /// The last one that is declared.
    pub(super) last: Option<usize>,
}

/// Where the short way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Behind the object or the list.
    End,
    /// At the value of the field with this number, or at an item.
    Value(usize),
    /// In front of something else than what is expected.
    Unseen,
}

/// What is left, the byte that separates what comes from what was taken, and the field whose value was declined, with its name.
pub(super) type Taken<'b, 'i> = (&'b [u8], u8, Option<(usize, &'i Word)>);

impl<R: RowSink> Walk<'_, R> {
    /// Takes fields of an object for as long as they come as expected and their values are seen to be valid at once.
    #[inline(never)]
    pub(super) fn fields_ahead(&mut self, reader: &mut JsonReader<'_>, index: &FieldIndex, read: &mut Fields) -> Next {
        let Some((rest, separator)) = reader.stand() else {
            return Next::Unseen;
        };
        let before = read.seen;
        let (rest, separator, declined) = self.fields(rest, separator, index, read);
        read.count += u64::from((read.seen & !before).count_ones());
        if let Some((field, name)) = declined {
            reader.go_to_field(name, rest);
            return Next::Value(field);
        }
        // What stands at the bracket has not been moved.
        let behind = if separator == b'{' {
            rest.get(1..).unwrap_or_default()
        } else {
            rest
        };
        match ahead::separator(behind, b'}') {
            0 if separator == b',' => reader.go_behind(rest),
            0 => {}
            end => {
                reader.go_out(&behind[end..]);
                return Next::End;
            }
        }
        Next::Unseen
    }

    /// Takes fields from where `rest` of a document stands, behind `separator`. Answers where it stands then, likewise; or at the value of a
    /// field that was declined, with its name.
    #[inline(always)]
    pub(super) fn fields<'b, 'i>(&mut self, rest: &'b [u8], separator: u8, index: &'i FieldIndex, read: &mut Fields) -> Taken<'b, 'i> {
        let (mut rest, mut separator) = (rest, separator);
        let declared = index.declared();
        let mut seen = read.seen;
        let mut last = read.last;
        let mut field = index.likely(last);
        let declined = loop {
            let Some(expected) = declared.get(field) else { break None };
            let taken = ahead::name(rest, separator, &expected.name);
            if taken == 0 {
                break None;
            }
            let value = &rest[taken..];
            // Of fields that come again, or late, the long way takes care.
            let len = match seen & expected.bit {
                0 => self.quick(value, &expected.quick, expected.node),
                _ => 0,
            };
            if len == 0 {
                rest = value;
                break Some((field, &expected.name));
            }
            rest = &value[len..];
            seen |= expected.bit;
            last = Some(field);
            field = expected.follower();
            separator = b',';
        };
        read.seen = seen;
        read.last = last;
        (rest, separator, declined)
    }

    /// Whether nobody wants the value but a row sink.
    #[inline(always)]
    pub(super) fn is_unseen(&self, check: &QuickCheck) -> bool {
        check.silent || self.at_once && check.settled
    }

    /// The same for the items of a list.
    #[inline(never)]
    pub(super) fn items_ahead(&mut self, reader: &mut JsonReader<'_>, item: usize, count: &mut u64) -> Next {
        let Some((mut rest, mut separator)) = reader.stand() else {
            return Next::Unseen;
        };
        let check = &self.plan.quick[item];
        loop {
            let behind = if separator == b'[' {
                rest.get(1..).unwrap_or_default()
            } else {
                rest
            };
            let end = ahead::separator(behind, b']');
            if end > 0 {
                reader.go_out(&behind[end..]);
                return Next::End;
            }
            let taken = ahead::separator(rest, separator);
            if taken == 0 || *count >= ITEMS_MAX {
                if separator == b',' {
                    reader.go_behind(rest);
                }
                return Next::Unseen;
            }
            let value = &rest[taken..];
            let len = self.quick(value, check, item);
            if len == 0 {
                reader.go_to_item(value);
                return Next::Value(item);
            }
            *count += 1;
            rest = &value[len..];
            separator = b',';
        }
    }

    /// Takes a value if it is seen to be valid at once; answers how many bytes it took. Whatever is declined here is read again by the whole
    /// check.
    #[inline(always)]
    pub(super) fn quick(&mut self, rest: &[u8], check: &QuickCheck, node: usize) -> usize {
        match check.quick {
            Quick::None => return 0,
            Quick::Parts if R::READS => return 0,
            Quick::Parts => return self.parts(rest, check, node),
            _ => {}
        }
        let mut number = 0;
        match check.quick.takes(rest, &mut number) {
            0 => self.behind_space(rest, check, node),
            len if !R::READS && self.is_unseen(check) => len,
            len if self.hand_on(&rest[..len], number, check, node) => len,
            _ => 0,
        }
    }

    /// Looks behind white space, and takes a null that is allowed and counted by nobody.
    #[inline(never)]
    fn behind_space(&mut self, rest: &[u8], check: &QuickCheck, node: usize) -> usize {
        let (space, mut number) = (ahead::space(rest), 0);
        let value = &rest[space..];
        let len = match if space > 0 { check.quick.takes(value, &mut number) } else { 0 } {
            0 => match ahead::null(value) {
                len if len > 0 && self.null_seen(check, node) => len,
                _ if !R::READS && self.is_unseen(check) => check.quick.takes_unseen(value),
                _ => 0,
            },
            len if self.hand_on(&value[..len], number, check, node) => len,
            _ => 0,
        };
        if len > 0 { space + len } else { 0 }
    }

    #[inline(never)]
    fn hand_on(&mut self, taken: &[u8], number: i64, check: &QuickCheck, node: usize) -> bool {
        if !R::READS {
            if self.is_unseen(check) {
                return true;
            }
            if let Some(slot) = check.slot {
                if check.quick.is_text() {
                    // In its quotes.
                    self.scratch.tape.put_text(slot, &taken[1..taken.len() - 1]);
                    return true;
                }
                if let Some(cell) = check.quick.cell(number) {
                    self.scratch.tape.put_clean(slot, cell);
                    return true;
                }
            }
        }
        let Some(scalar) = check.quick.value(taken, number) else {
            return false;
        };
        self.seen_as(node, &scalar);
        true
    }

    /// Hands a valid value to whom it concerns.
    #[inline(never)]
    pub(super) fn seen_as(&mut self, node: usize, scalar: &Scalar<'_>) {
        let check = &self.plan.checks[node];
        if check.event_time
            && let Scalar::Timestamp(micros) = scalar
        {
            self.event_time = Some(*micros);
        }
        if R::READS {
            self.row.scalar(node, scalar);
        }
        if check.captured {
            self.capture(node, || Datum::of(scalar));
        }
    }

    /// Hands on a null, where one is allowed and counted by nobody.
    #[inline(never)]
    pub(super) fn null_seen(&mut self, check: &QuickCheck, node: usize) -> bool {
        if !check.nullable {
            return false;
        }
        if R::READS {
            self.row.null(node);
        }
        if !self.is_unseen(check) {
            self.capture(node, || Datum::Null);
        }
        true
    }
}

/// Goes to the next item of a list, or behind the list.
#[inline]
pub(super) fn item_ahead(reader: &mut JsonReader<'_>) -> Next {
    let Some((rest, separator)) = reader.stand() else {
        return Next::Unseen;
    };
    let behind = if separator == b'[' {
        rest.get(1..).unwrap_or_default()
    } else {
        rest
    };
    match (ahead::separator(behind, b']'), ahead::separator(rest, separator)) {
        (0, 0) => Next::Unseen,
        (0, taken) => {
            reader.go_to_item(&rest[taken..]);
            Next::Value(0)
        }
        (end, _) => {
            reader.go_out(&behind[end..]);
            Next::End
        }
    }
}
