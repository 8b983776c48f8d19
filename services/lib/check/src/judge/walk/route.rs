//! The way through Avro that was prepared ([`crate::plan::route`]). What is not seen to be valid at once is walked, token by token, from
//! where it begins; only that walk reports.

use tidegate_codec::avro::{Schema, ahead};
use tidegate_codec::{AvroReader, DecodeFailure, Detail, Reader, Scalar};

use super::{ITEMS_MAX, Stop, Walk};
use crate::judge::findings::Step;
use crate::plan::route::{Form, Record, Value};
use crate::row::RowSink;
use crate::rules;
use crate::verdict::Reason;

/// A whole datum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written<'b> {
    pub(crate) schema: &'b Schema,
    pub(crate) datum: &'b [u8],
    /// Offset of the datum in the value.
    pub(crate) base: usize,
}

impl<R: RowSink> Walk<'_, R> {
    /// Walks one datum as the row and proves that nothing follows it.
    pub(crate) fn routed(&mut self, route: &Record, written: Written<'_>) -> Result<(), Stop> {
        let rest = self.record(&written, route, written.datum)?;
        if rest.is_empty() {
            return Ok(());
        }
        Err(Stop::Decode(DecodeFailure {
            detail: Detail::TrailingBytes,
            offset: written.base + written.datum.len() - rest.len(),
        }))
    }

    fn record<'b>(&mut self, written: &Written<'b>, record: &Record, rest: &'b [u8]) -> Result<&'b [u8], Stop> {
        self.begin(record.node, true);
        let mut rest = rest;
        for value in &record.fields {
            rest = match self.seen(value, rest) {
                Some(len) => &rest[len..],
                None => self.not_seen(written, value, value.node.map(Step::Field), rest)?,
            };
        }
        for child in &record.missing {
            self.missing(*child);
        }
        self.end(record.node);
        Ok(rest)
    }

    /// How many bytes a value takes that is seen to be valid at once.
    #[inline(always)]
    fn seen(&mut self, value: &Value, rest: &[u8]) -> Option<usize> {
        let node = value.node?;
        let (start, rest) = match value.optional {
            None => (0, rest),
            Some(optional) => match *rest.first()? {
                index if index == optional.value => (1, &rest[1..]),
                index if index == optional.null && self.null_seen(&self.plan.quick[node], node) => return Some(1),
                _ => return None,
            },
        };
        let check = &self.plan.quick[node];
        let len = match &value.form {
            Form::Text => {
                let (text, len) = ahead::bytes(rest)?;
                if !check.quick.takes_text(text) {
                    return None;
                }
                match check.slot {
                    _ if check.silent && !R::READS => {}
                    Some(slot) if !R::READS && check.quick.is_text() => self.scratch.tape.put_text(slot, text),
                    _ => self.seen_as(node, &check.quick.text(text)?),
                }
                len
            }
            Form::Symbol(allowed, symbols) => {
                let (index, len) = ahead::long(rest)?;
                let index = usize::try_from(index).ok()?;
                if !*allowed.get(index)? {
                    return None;
                }
                if R::READS || !check.silent {
                    self.seen_as(node, &check.quick.text(symbols[index].as_bytes())?);
                }
                len
            }
            Form::Truth => {
                let truth = match rest.first()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                };
                if R::READS || !check.silent {
                    self.seen_as(node, &Scalar::Bool(truth));
                }
                1
            }
            Form::Int { min, max } => {
                let (number, len) = ahead::long(rest)?;
                if !(min..=max).contains(&&number) {
                    return None;
                }
                if R::READS || !check.silent {
                    self.seen_as(node, &Scalar::Int(i128::from(number)));
                }
                len
            }
            Form::Double { min, max } => self.float_seen(ahead::double(rest)?, *min, *max, node)?,
            Form::Float { min, max } => self.float_seen(ahead::float(rest)?, *min, *max, node)?,
            Form::Walked | Form::Record(_) | Form::List(..) => return None,
        };
        Some(start + len)
    }

    #[inline(always)]
    fn float_seen(&mut self, (number, len): (f64, usize), min: f64, max: f64, node: usize) -> Option<usize> {
        if !(min <= number && number <= max) {
            return None;
        }
        if R::READS || !self.plan.quick[node].silent {
            self.seen_as(node, &Scalar::Float(number));
        }
        Some(len)
    }

    #[inline(never)]
    fn not_seen<'b>(&mut self, written: &Written<'b>, value: &Value, step: Option<Step>, rest: &'b [u8]) -> Result<&'b [u8], Stop> {
        if let Some(step) = step {
            self.scratch.steps.push(step);
        }
        let inside = match value.optional {
            None => Some(rest),
            Some(optional) => rest.strip_prefix(&[optional.value]),
        };
        let rest = match (&value.form, inside, value.node) {
            (Form::Record(record), Some(inside), _) => self.record(written, record, inside),
            (Form::List(item, least), Some(inside), Some(node)) => self.list_of(written, value, node, (item, *least), inside),
            _ => self.walked(written, value, rest),
        }?;
        if step.is_some() {
            self.scratch.steps.pop();
        }
        Ok(rest)
    }

    /// Walks a value over its tokens.
    fn walked<'b>(&mut self, written: &Written<'b>, value: &Value, rest: &[u8]) -> Result<&'b [u8], Stop> {
        let start = written.datum.len() - rest.len();
        let mut reader = AvroReader::of_part(written.schema, value.part, written.datum, start).with_base(written.base);
        match value.node {
            None => reader.skip()?,
            Some(node) => {
                let token = reader.next()?;
                self.value(&mut reader, node, token)?;
            }
        }
        Ok(reader.rest())
    }

    fn list_of<'b>(
        &mut self,
        written: &Written<'b>,
        list: &Value,
        node: usize,
        (item, least): (&Value, u64),
        rest: &'b [u8],
    ) -> Result<&'b [u8], Stop> {
        let limits = self.item_limits(node);
        self.begin(node, false);
        let mut count = 0;
        let mut rest = rest;
        // Nearly all lists are one block, and the empty one that ends them.
        if let Some((items, len)) = ahead::long(rest)
            && let Ok(items) = u64::try_from(items)
            && (1..=ITEMS_MAX).contains(&items)
            && items.saturating_mul(least) <= (rest.len() - len) as u64
        {
            rest = &rest[len..];
            while count < items {
                rest = match self.seen(item, rest) {
                    Some(len) => &rest[len..],
                    None => self.not_seen(written, item, Some(Step::Index(count)), rest)?,
                };
                count += 1;
            }
        }
        rest = match rest {
            [0, rest @ ..] => rest,
            _ => {
                let start = written.datum.len() - rest.len();
                let mut blocks = AvroReader::of_blocks(written.schema, list.inner, written.datum, start).with_base(written.base);
                let item = item.node.expect("items of declared lists are declared");
                self.items(&mut blocks, node, item, &mut count)?;
                blocks.rest()
            }
        };
        if let Some(clause) = rules::items::broken(limits, count) {
            self.report(Reason::ConstraintViolation, None, clause, node);
        }
        self.end(node);
        Ok(rest)
    }
}
