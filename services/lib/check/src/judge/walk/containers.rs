//! Lists and maps: their items, and how many of them.

use std::borrow::Cow;

use tidegate_codec::{Detail, Token};

use super::quick::{Next, item_ahead};
use super::{ITEMS_MAX, Source, Stop, Walk};
use crate::judge::findings::Step;
use crate::leaf::{self, LeafContext, Refusal};
use crate::plan::Kind;
use crate::row::RowSink;
use crate::rules;
use crate::verdict::Reason;

impl<R: RowSink> Walk<'_, R> {
    /// Walks an object or a list whose begin the reader takes the short way; false when nothing was read.
    #[inline]
    pub(super) fn begun<'b>(&mut self, reader: &mut impl Source<'b>, node: usize) -> Result<bool, Stop> {
        let plan = self.plan;
        let Some(json) = reader.json() else { return Ok(false) };
        match &plan.nodes[node].kind {
            _ if !self.short => return Ok(false),
            Kind::Object(children) if json.go_in(true) => self.object(reader, node, children)?,
            Kind::Array(item) if json.go_in(false) => self.list(reader, node, *item)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn list<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, item: usize) -> Result<(), Stop> {
        let limits = self.item_limits(node);
        self.begin(node, false);
        let mut count = 0_u64;
        self.items(reader, node, item, &mut count)?;
        if self.reports_clauses()
            && let Some(clause) = rules::items::broken(limits, count)
        {
            self.report(Reason::ConstraintViolation, None, clause, node);
        }
        self.end(node);
        Ok(())
    }

    /// Walks the items that are left, `count` of them being read, and the end of the list.
    pub(super) fn items<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, item: usize, count: &mut u64) -> Result<(), Stop> {
        // Items that are gone into have nothing to be seen at once.
        let inside = !matches!(self.plan.nodes[item].kind, Kind::Leaf(_) | Kind::Any);
        loop {
            let ahead = match reader.json() {
                Some(json) if self.short && inside && *count < ITEMS_MAX => item_ahead(json),
                Some(json) if self.short => self.items_ahead(json, item, count),
                _ => Next::Unseen,
            };
            match ahead {
                Next::End => return Ok(()),
                Next::Value(_) => {
                    self.scratch.steps.push(Step::Index(*count));
                    if !self.begun(reader, item)? {
                        let token = reader.next()?;
                        self.value(reader, item, token)?;
                    }
                }
                Next::Unseen => {
                    let token = reader.next()?;
                    if matches!(token, Token::EndArray) {
                        return Ok(());
                    }
                    if *count >= ITEMS_MAX {
                        return Err(self.limit(node));
                    }
                    self.scratch.steps.push(Step::Index(*count));
                    self.value(reader, item, token)?;
                }
            }
            self.scratch.steps.pop();
            *count += 1;
        }
    }

    pub(super) fn map<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, key: usize, value: usize) -> Result<(), Stop> {
        let plan = self.plan;
        let limits = self.item_limits(node);
        let Kind::Leaf(key_leaf) = plan.nodes[key].kind else {
            unreachable!("the compiler refuses map keys that are no leaf");
        };
        let context = LeafContext {
            leaf: key_leaf,
            wire: &plan.checks[key].wire,
        };
        self.begin(node, true);
        let mut count = 0_u64;
        while let Token::Key(text) = reader.next()? {
            if count >= ITEMS_MAX {
                return Err(self.limit(node));
            }
            self.scratch.steps.push(Step::Entry(count));
            count += 1;
            if plan.checks[node].captured {
                self.scratch.tape.name(&text);
            }
            match leaf::convert_key(Cow::Borrowed(&*text), &context) {
                Ok(scalar) => {
                    if self.reports_clauses() {
                        self.clauses(key, &scalar);
                    }
                    if self.hands_on() {
                        self.row.scalar(key, &scalar);
                    }
                }
                Err(refusal) => {
                    let (reason, detail) = match refusal {
                        Refusal::Range => (Reason::ConstraintViolation, Some(Detail::NumberOutOfRange)),
                        Refusal::Type | Refusal::Form => (Reason::TypeMismatch, None),
                    };
                    self.report(reason, detail, "key", key);
                }
            }
            let token = reader.next()?;
            self.value(reader, value, token)?;
            self.scratch.steps.pop();
        }
        if self.reports_clauses()
            && let Some(clause) = rules::items::broken(limits, count)
        {
            self.report(Reason::ConstraintViolation, None, clause, node);
        }
        self.end(node);
        Ok(())
    }
}
