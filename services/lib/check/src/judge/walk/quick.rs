//! The short way through JSON that is as the contract expects.

use tidegate_codec::json::ahead;
use tidegate_codec::{JsonReader, Scalar, Word};

use super::{ITEMS_MAX, Walk};
use crate::datum::Datum;
use crate::plan::{Body, FieldIndex, ItemLimits, Kind, Quick, QuickCheck};
use crate::row::RowSink;
use crate::rules;
use crate::tape::Captured;

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
type Taken<'b, 'i> = (&'b [u8], u8, Option<(usize, &'i Word)>);

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
    fn fields<'b, 'i>(&mut self, rest: &'b [u8], separator: u8, index: &'i FieldIndex, read: &mut Fields) -> Taken<'b, 'i> {
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
    fn is_unseen(&self, check: &QuickCheck) -> bool {
        check.silent || self.at_once && check.settled
    }

    /// Takes the row that `rest` of a document begins with, if all of it is seen to be valid and rules that are asked together to hold;
    /// answers how many bytes it took. What it noted of the event time before it declined is noted again.
    pub(crate) fn row_at_once(&mut self, rest: &[u8]) -> usize {
        let plan = self.plan;
        let can_be = !R::READS && self.short && !self.placeholders && !self.partial && matches!(plan.quick[0].quick, Quick::Parts);
        if !can_be || !plan.hope.is_there() {
            return 0;
        }
        let Body::Object { fields, wanted, .. } = &plan.checks[0].body else {
            return 0;
        };
        let captured = !plan.quick[0].silent && !plan.quick[0].settled;
        self.at_once = true;
        let before = captured.then(|| self.scratch.tape.begin_trial(plan.checks[0].captured_fields));
        let mut len = self.object_parts(rest, fields, *wanted);
        self.at_once = false;
        if let Some(before) = before {
            if len > 0 {
                let row = self.scratch.tape.end_object(0);
                self.captured = Some(row);
                let holds = Captured::of(&self.scratch.tape, row).is_some_and(|row| plan.unsettled.holds_of(row));
                len = if holds { len } else { 0 };
            }
            if len == 0 {
                self.captured = None;
                self.scratch.tape.end_trial(before);
            }
        }
        self.seen_at_once = len > 0;
        plan.hope.learn(self.seen_at_once);
        len
    }

    /// The same for the old row of a delete, which is held to the columns of the key.
    pub(super) fn key_at_once(&mut self, rest: &[u8]) -> usize {
        let plan = self.plan;
        let Body::Object { fields: index, .. } = &plan.checks[0].body else {
            return 0;
        };
        if R::READS || self.thorough || index.declared().len() > 64 {
            return 0;
        }
        let (mut left, mut separator, mut field) = (rest, b'{', index.likely(None));
        let (mut seen, mut keys) = (0, 0);
        while let Some(expected) = index.declared().get(field).filter(|expected| seen & expected.bit == 0) {
            let taken = ahead::name(left, separator, &expected.name);
            if taken == 0 {
                break;
            }
            let value = &left[taken..];
            let len = match plan.checks[expected.node].key {
                true => self.quick(value, &expected.quick, expected.node),
                false => ahead::leaf_or_empty(value),
            };
            if len == 0 {
                return 0;
            }
            keys += usize::from(plan.checks[expected.node].key);
            left = &value[len..];
            seen |= expected.bit;
            field = expected.follower();
            separator = b',';
        }
        match ahead::separator(left, b'}') {
            end if end > 0 && keys == plan.primary_key.len() => rest.len() - left.len() + end,
            _ => 0,
        }
    }

    /// Takes an object or a list of which only its parts ask something, if all of them are seen to be valid at once; answers how many bytes it
    /// took.
    #[inline(never)]
    fn parts(&mut self, rest: &[u8], check: &QuickCheck, node: usize) -> usize {
        let plan = self.plan;
        let space = ahead::space(rest);
        if let null @ 1.. = ahead::null(&rest[space..]) {
            return if self.null_seen(check, node) { space + null } else { 0 };
        }
        match (&plan.checks[node].body, &plan.nodes[node].kind) {
            (Body::Object { fields, wanted, .. }, _) if self.is_unseen(check) => self.object_parts(rest, fields, *wanted),
            (Body::Object { fields, wanted, .. }, _) => {
                let before = self.scratch.tape.begin_trial(plan.checks[node].captured_fields);
                let len = self.object_parts(rest, fields, *wanted);
                if len == 0 {
                    self.scratch.tape.end_trial(before);
                    return 0;
                }
                let cell = self.scratch.tape.end_object(node);
                self.scratch.tape.put_cell(plan.checks[node].slot, cell);
                len
            }
            (_, Kind::Array(item)) => self.list_parts(rest, self.item_limits(node), *item),
            _ => 0,
        }
    }

    #[inline(always)]
    fn object_parts(&mut self, rest: &[u8], index: &FieldIndex, wanted: u64) -> usize {
        let mut read = Fields::default();
        let (left, separator, declined) = self.fields(rest, b'{', index, &mut read);
        // Nothing may have begun at all.
        if declined.is_some() || separator == b'{' || wanted & !read.seen != 0 {
            return 0;
        }
        match ahead::separator(left, b'}') {
            0 => 0,
            end => rest.len() - left.len() + end,
        }
    }

    fn list_parts(&mut self, rest: &[u8], limits: ItemLimits, item: usize) -> usize {
        let check = &self.plan.quick[item];
        let (mut left, mut separator, mut count) = (rest, b'[', 0_u64);
        loop {
            let taken = ahead::separator(left, separator);
            if taken == 0 {
                break;
            }
            let value = &left[taken..];
            let len = self.quick(value, check, item);
            if len == 0 || count == ITEMS_MAX {
                return 0;
            }
            count += 1;
            left = &value[len..];
            separator = b',';
        }
        // An empty list is left to the long way.
        match ahead::separator(left, b']') {
            end if end > 0 && count > 0 && rules::items::broken(limits, count).is_none() => rest.len() - left.len() + end,
            _ => 0,
        }
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
    fn quick(&mut self, rest: &[u8], check: &QuickCheck, node: usize) -> usize {
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
