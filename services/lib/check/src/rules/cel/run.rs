//! Runs the compiled form. Nothing is allocated; recursion goes as deep as the expression nests, which is bounded when it compiles.

use super::Scope;
use super::SourceField;
use super::expression::{Around, Expr, Fold, Place, Sequence};
use super::quick::Ground;
use super::value::{Instant, Stop, Val};
use crate::tape::{Captured, Cell};

/// Macros in macros, at most.
pub(super) const LOCALS_MAX: usize = 4;

/// What an expression is asked about.
pub(super) struct Env<'v> {
    ground: Ground<'v>,
    scope: &'v Scope<'v>,
    locals: [Val<'v>; LOCALS_MAX],
}

/// Whether a sequence needs to go on. One that was made by `map` or `filter` goes on all the same: CEL makes the whole of it first, and an
/// error in it is an error, whatever the items before it said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Wanted,
    Enough,
}

// === impl Env ===

impl<'v> Env<'v> {
    #[inline]
    pub(super) fn new(row: Captured<'v>, scope: &'v Scope<'v>) -> Env<'v> {
        Env {
            ground: Ground { row, before: scope.before },
            scope,
            locals: [Val::Null; LOCALS_MAX],
        }
    }

    fn field(&self, place: &Place) -> Result<Val<'v>, Stop> {
        let row = self.ground.row_of(place).ok_or(Stop::Error)?;
        Val::of(row.tape, self.ground.cell(place).ok_or(Stop::Error)?)
    }

    fn around(&self, around: Around, name: &str) -> Option<Val<'v>> {
        let scope = self.scope;
        match around {
            Around::Headers => {
                let header = scope.input.headers.iter().rev().find(|(header, _)| *header == name)?;
                Some(header.1.map_or(Val::Null, Val::text_or_bytes))
            }
            Around::Meta => match name {
                "topic" => Some(Val::Str(scope.topic)),
                "contract" => Some(Val::Str(&scope.plan.contract.id)),
                "version" => Some(Val::Str(&scope.plan.contract.version)),
                _ => None,
            },
            Around::Source => scope.source.iter().find(|(field, _)| *field == name).map(|(_, field)| match field {
                SourceField::Text(text) => Val::Str(text),
                SourceField::Time(micros) => Val::Timestamp(Instant::from_micros(*micros)),
            }),
        }
    }

    fn part(value: Val<'v>, ordinal: u32) -> Result<(Captured<'v>, Cell), Stop> {
        match value {
            Val::Object(object) => Ok((object, object.field(ordinal))),
            _ => Err(Stop::Error),
        }
    }

    /// The value of an expression.
    pub(super) fn value(&mut self, expr: &'v Expr) -> Result<Val<'v>, Stop> {
        match expr {
            Expr::Constant(constant) => Ok(constant.value()),
            Expr::Fail => Err(Stop::Error),
            Expr::Field(place) => self.field(place),
            Expr::Row { before: false } => Ok(Val::Object(self.ground.row)),
            Expr::Row { before: true } => Ok(self.scope.before.map_or(Val::Null, Val::Object)),
            Expr::Operation => Ok(Val::Str(self.scope.op)),
            Expr::Now => Ok(Val::Timestamp(Instant::from_micros(self.scope.input.now))),
            Expr::Key => Ok(self.scope.input.key.map_or(Val::Null, Val::text_or_bytes)),
            Expr::Around(around, name) => self.around(*around, name).ok_or(Stop::Error),
            Expr::Local(at) => Ok(self.locals[*at]),
            Expr::Part(object, ordinal) => {
                let (object, cell) = Self::part(self.value(object)?, *ordinal)?;
                Val::of(object.tape, cell)
            }
            Expr::Member(map, name) => self.value(map)?.member(name),
            Expr::Index(list, index) => {
                let list = self.value(list)?;
                let index = self.value(index)?;
                list.index(index)
            }
            Expr::If(condition, yes, no) => {
                if self.truth(condition)? {
                    self.value(yes)
                } else {
                    self.value(no)
                }
            }
            Expr::Arithmetic(operator, left, right) => {
                let left = self.value(left)?;
                left.arithmetic(*operator, self.value(right)?)
            }
            Expr::Negate(operand) => self.value(operand)?.negate(),
            Expr::Call(function, first, second) => {
                let first = self.value(first)?;
                let second = second.as_ref().map(|second| self.value(second)).transpose()?;
                function.call(first, second)
            }
            Expr::Count(sequence) => {
                let mut count = 0;
                self.each(sequence, &mut |_, _| {
                    count += 1;
                    Ok(Next::Wanted)
                })?;
                Ok(Val::Int(count))
            }
            Expr::Extreme { greatest, of } => self.extreme(*greatest, of),
            Expr::HasField(_)
            | Expr::HasAround(..)
            | Expr::HasPart(..)
            | Expr::HasMember(..)
            | Expr::Not(_)
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Equal { .. }
            | Expr::Compare(..)
            | Expr::InList(..)
            | Expr::In(..)
            | Expr::InSequence(..)
            | Expr::Matches(..)
            | Expr::Fold(..)
            | Expr::Quick(..) => self.truth(expr).map(Val::Bool),
        }
    }

    /// The answer of an expression where a truth value is needed; any other value is an error.
    pub(super) fn truth(&mut self, expr: &'v Expr) -> Result<bool, Stop> {
        match expr {
            Expr::Quick(quick, whole) => match quick.ask(self.ground) {
                Some(answer) => Ok(answer),
                None => self.truth(whole),
            },
            // An error on one side is no error where the other side decides.
            Expr::And(left, right) => match self.truth(left) {
                Ok(false) => Ok(false),
                Err(Stop::Hand) => Err(Stop::Hand),
                left => match (left, self.truth(right)?) {
                    (_, false) => Ok(false),
                    (left, true) => left,
                },
            },
            Expr::Or(left, right) => match self.truth(left) {
                Ok(true) => Ok(true),
                Err(Stop::Hand) => Err(Stop::Hand),
                left => match (left, self.truth(right)?) {
                    (_, true) => Ok(true),
                    (left, false) => left,
                },
            },
            Expr::Not(operand) => self.truth(operand).map(|answer| !answer),
            Expr::If(condition, yes, no) => {
                if self.truth(condition)? {
                    self.truth(yes)
                } else {
                    self.truth(no)
                }
            }
            Expr::Equal { left, right, negated } => {
                let left = self.value(left)?;
                Ok(left.equals(self.value(right)?)? != *negated)
            }
            Expr::Compare(comparison, left, right) => {
                let left = self.value(left)?;
                left.compare(self.value(right)?).map(|order| comparison.holds(order))
            }
            Expr::HasField(place) => match self.ground.cell(place) {
                Some(cell) => Ok(!matches!(cell, Cell::Absent)),
                None => Err(Stop::Error),
            },
            Expr::HasAround(around, name) => Ok(self.around(*around, name).is_some()),
            Expr::HasPart(object, ordinal) => {
                let (_, cell) = Self::part(self.value(object)?, *ordinal)?;
                Ok(!matches!(cell, Cell::Absent))
            }
            Expr::HasMember(map, name) => self.value(map)?.has_member(name),
            Expr::InList(needle, list) => {
                let needle = self.value(needle)?;
                let mut found = false;
                for item in list {
                    // All of them, since CEL makes the list first.
                    found |= self.value(item)?.equals(needle)?;
                }
                Ok(found)
            }
            Expr::In(needle, container) => {
                let needle = self.value(needle)?;
                needle.is_in(self.value(container)?)
            }
            Expr::InSequence(needle, sequence) => {
                let needle = self.value(needle)?;
                let mut found = false;
                self.each(sequence, &mut |_, item| {
                    found |= item.equals(needle)?;
                    Ok(if found { Next::Enough } else { Next::Wanted })
                })?;
                Ok(found)
            }
            Expr::Matches(text, pattern) => match self.value(text)? {
                Val::Str(text) => Ok(pattern.is_match(text)),
                _ => Err(Stop::Error),
            },
            Expr::Fold(fold, sequence, local, body) => self.fold(*fold, sequence, *local, body),
            _ => match self.value(expr)? {
                Val::Bool(answer) => Ok(answer),
                _ => Err(Stop::Error),
            },
        }
    }

    fn fold(&mut self, fold: Fold, sequence: &'v Sequence, local: usize, body: &'v Expr) -> Result<bool, Stop> {
        let (mut held, mut failed) = (0_usize, false);
        // An answer that decides absorbs the errors of other items; `exists_one` has none.
        let decisive = match fold {
            Fold::All => Some(false),
            Fold::Exists => Some(true),
            Fold::ExistsOne => None,
        };
        let mut decided = false;
        self.each(sequence, &mut |env, item| {
            env.locals[local] = item;
            match env.truth(body) {
                Ok(answer) if Some(answer) == decisive => {
                    decided = true;
                    return Ok(Next::Enough);
                }
                Ok(answer) => held += usize::from(answer),
                Err(Stop::Error) if decisive.is_some() => failed = true,
                Err(stop) => return Err(stop),
            }
            Ok(Next::Wanted)
        })?;
        match decisive {
            Some(answer) if decided => Ok(answer),
            Some(_) if failed => Err(Stop::Error),
            Some(answer) => Ok(!answer),
            None => Ok(held == 1),
        }
    }

    fn extreme(&mut self, greatest: bool, sequence: &'v Sequence) -> Result<Val<'v>, Stop> {
        let mut extreme: Option<Val<'v>> = None;
        self.each(sequence, &mut |_, item| {
            if !matches!(item, Val::Int(_) | Val::Uint(_) | Val::Double(_)) {
                return Err(Stop::Error);
            }
            let better = match extreme {
                None => true,
                Some(extreme) => {
                    let order = extreme.compare(item)?;
                    if greatest { order.is_lt() } else { order.is_gt() }
                }
            };
            if better {
                extreme = Some(item);
            }
            Ok(Next::Wanted)
        })?;
        extreme.ok_or(Stop::Error)
    }

    /// Hands each item to `take`.
    fn each(&mut self, sequence: &'v Sequence, take: &mut dyn FnMut(&mut Env<'v>, Val<'v>) -> Result<Next, Stop>) -> Result<(), Stop> {
        match sequence {
            Sequence::Of(list) => {
                let (tape, start, len, step) = match self.value(list)? {
                    Val::List(tape, start, len) => (tape, start, len, 1),
                    Val::Map(tape, start, len) => (tape, start, len, 2),
                    Val::Object(_) => return Err(Stop::Hand),
                    _ => return Err(Stop::Error),
                };
                for at in 0..len {
                    let item = Val::of(tape, tape.at(start + at * step))?;
                    if take(self, item)? == Next::Enough {
                        break;
                    }
                }
                Ok(())
            }
            Sequence::Literal(items) => {
                let mut next = Next::Wanted;
                for item in items {
                    let item = self.value(item)?;
                    if next == Next::Wanted {
                        next = take(self, item)?;
                    }
                }
                Ok(())
            }
            Sequence::Mapped { from, local, guard, item } => {
                let mut next = Next::Wanted;
                self.each(from, &mut |env, value| {
                    env.locals[*local] = value;
                    if let Some(guard) = guard
                        && !env.truth(guard)?
                    {
                        return Ok(Next::Wanted);
                    }
                    let value = env.value(item)?;
                    if next == Next::Wanted {
                        next = take(env, value)?;
                    }
                    Ok(Next::Wanted)
                })
            }
        }
    }
}
