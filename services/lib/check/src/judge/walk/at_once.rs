//! Rows, objects and lists that are taken as a whole or not at all.
//!
//! Nothing is reported here, and what was captured of a whole that declines is forgotten: it is read again the long way.

use tidegate_codec::json::ahead;

use super::quick::Fields;
use super::{ITEMS_MAX, Walk};
use crate::plan::{Body, FieldIndex, ItemLimits, Kind, Quick, QuickCheck};
use crate::row::RowSink;
use crate::rules;
use crate::tape::Captured;

impl<R: RowSink> Walk<'_, R> {
    /// Takes the row that `rest` of a document begins with, if all of it is seen to be valid and rules that are asked together to hold;
    /// answers how many bytes it took. What it noted of the event time before it declined is noted again.
    pub(crate) fn row_at_once(&mut self, rest: &[u8]) -> usize {
        let plan = self.plan;
        let can_be = !R::READS && self.short && !self.placeholders && !self.partial && matches!(plan.quick[0].quick, Quick::Parts);
        if !can_be || !plan.hope.takes_next() {
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
    pub(super) fn parts(&mut self, rest: &[u8], check: &QuickCheck, node: usize) -> usize {
        let plan = self.plan;
        let space = ahead::space(rest);
        let null = ahead::null(&rest[space..]);
        if null > 0 {
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
}
