//! Objects with declared fields: which are there, which twice, which are missing.

use tidegate_codec::{Detail, Token};

use super::quick::{Fields, Next};
use super::{Mode, Source, Stop, Walk};
use crate::datum::Datum;
use crate::judge::findings::Step;
use crate::plan::Body;
use crate::row::RowSink;
use crate::rules;
use crate::verdict::Reason;

impl<R: RowSink> Walk<'_, R> {
    pub(super) fn object<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, children: &[usize]) -> Result<(), Stop> {
        let plan = self.plan;
        let check = &plan.checks[node];
        let Body::Object {
            fields,
            unknown,
            limits,
            missed,
            ..
        } = &check.body
        else {
            unreachable!("the compiler gives every object node an object body");
        };
        // Most objects have fewer fields than a word has bits; more need more words.
        let first_word = self.scratch.seen.len();
        if children.len() > 64 {
            self.scratch.seen.resize(first_word + (children.len() - 1) / 64, 0);
        }
        self.begin(node, true);
        let mut read = Fields::default();
        loop {
            let ahead = match reader.json() {
                Some(json) if self.short => self.fields_ahead(json, fields, &mut read),
                _ => Next::Unseen,
            };
            let at = match ahead {
                Next::End => break,
                Next::Value(at) => at,
                Next::Unseen => match reader.next()? {
                    Token::Key(key) => match fields.find(&key, read.last).or_else(|| fields.find(reader.alias()?, read.last)) {
                        Some(at) => at,
                        None => {
                            read.count += 1;
                            if let Some(severity) = unknown.severity()
                                && self.reports_clauses()
                            {
                                self.unknown(severity, &key, node);
                            }
                            reader.skip()?;
                            continue;
                        }
                    },
                    _ => break,
                },
            };
            let word = match at / 64 {
                0 => &mut read.seen,
                more => &mut self.scratch.seen[first_word + more - 1],
            };
            let bit = 1 << (at % 64);
            if *word & bit != 0 {
                return Err(Stop::Decode(reader.repeated()));
            }
            *word |= bit;
            read.count += 1;
            read.last = Some(at);
            self.field(reader, node, children[at])?;
        }
        let Fields { seen, count, .. } = read;
        if self.reports_clauses()
            && let Some(clause) = rules::properties::broken(*limits, count)
        {
            self.report(Reason::ConstraintViolation, None, clause, node);
        }
        let all = self.partial && self.scratch.steps.is_empty();
        for (word, missed) in missed.iter().enumerate() {
            let seen = match word {
                0 => seen,
                more => self.scratch.seen[first_word + more - 1],
            };
            let noticed = if all { words_of(children.len(), word) } else { *missed };
            let mut bits = noticed & !seen;
            while bits != 0 {
                self.missing(children[word * 64 + bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
        }
        self.scratch.seen.truncate(first_word);
        self.end(node);
        Ok(())
    }

    fn field<'b>(&mut self, reader: &mut impl Source<'b>, parent: usize, node: usize) -> Result<(), Stop> {
        if self.short && !self.placeholders {
            self.scratch.steps.push(Step::Field(node));
            if !self.begun(reader, node)? {
                let token = reader.next()?;
                self.value(reader, node, token)?;
            }
            self.scratch.steps.pop();
            return Ok(());
        }
        let plan = self.plan;
        let skipped = match self.mode {
            Mode::KeyOnly => parent == 0 && !plan.checks[node].key,
            Mode::CaptureOnly => !plan.checks[node].captured,
            Mode::Whole | Mode::TypesOnly => false,
        };
        if skipped {
            reader.skip()?;
            return Ok(());
        }
        self.scratch.steps.push(Step::Field(node));
        if self.placeholders && parent == 0 && self.scratch.unavailable.contains(&node) {
            reader.skip()?;
            self.unavailable(node);
        } else {
            if !(self.placeholders && parent == 0) && self.begun(reader, node)? {
                self.scratch.steps.pop();
                return Ok(());
            }
            let token = reader.next()?;
            if self.placeholders && parent == 0 && crate::change::is_placeholder(plan, &token) {
                self.unavailable(node);
            } else {
                self.value(reader, node, token)?;
            }
        }
        self.scratch.steps.pop();
        Ok(())
    }

    pub(super) fn missing(&mut self, node: usize) {
        if self.partial && self.scratch.steps.is_empty() {
            self.unavailable(node);
            return;
        }
        let plan = self.plan;
        let check = &plan.checks[node];
        let asked = match self.mode {
            Mode::Whole => true,
            Mode::KeyOnly => check.key,
            Mode::TypesOnly | Mode::CaptureOnly => false,
        };
        if !asked {
            return;
        }
        self.scratch.steps.push(Step::Field(node));
        if check.required {
            self.report(Reason::RequiredMissing, Some(Detail::Missing), "required", node);
            self.capture(node, || Datum::Broken);
        } else {
            self.library_null(node, true);
        }
        self.scratch.steps.pop();
    }
}

/// One bit for each of `count` fields, of which this is the word with that number.
fn words_of(count: usize, word: usize) -> u64 {
    match count - word * 64 {
        left @ 0..64 => (1 << left) - 1,
        _ => u64::MAX,
    }
}
