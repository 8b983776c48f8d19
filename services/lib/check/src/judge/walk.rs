//! One walk over the tokens of a document along the plan: checks, captures and hands on in the same pass.

use tidegate_codec::cdc::ImageReader;
use tidegate_codec::{AvroReader, DecodeFailure, Detail, JsonReader, ProtobufReader, Reader, Token};

use super::any;
use super::findings::{Broken, Findings, Rule, Step, pointer};
use crate::datum::Datum;
use crate::leaf::{self, LeafContext, Refusal};
use crate::plan::{AnyShape, Body, ItemLimits, Kind, LeafType, Plan, PropertyLimits};
use crate::row::RowSink;
use crate::rules::{self, cel};
use crate::tape::{Captured, Cell, Slot, Tape};
use crate::verdict::Reason;

mod at_once;
mod clauses;
mod containers;
mod objects;
mod quick;
mod route;

pub(crate) use route::Written;

/// The most items of one list or entries of one map.
const ITEMS_MAX: u64 = 1 << 20;

/// How much of the contract a row is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything.
    Whole,
    /// Only the columns of the primary key: the `before` image of a delete is true in them alone.
    KeyOnly,
    /// Types only: the `before` image of a delete where the contract names no key.
    TypesOnly,
    /// Nothing is reported and nothing handed on; what rules read of `before` is captured.
    CaptureOnly,
}

/// Why a walk ended early.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// The bytes are not an event.
    Decode(DecodeFailure),
    /// A limit of ours; the violation is recorded.
    Limit,
}

/// Buffers that live as long as the judge, so that a valid event allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// From the event to the value in hand.
    pub(crate) steps: Vec<Step>,
    /// One bit a declared field of every object that is open.
    pub(crate) seen: Vec<u64>,
    /// JSON text of a value without a type.
    pub(crate) text: String,
    /// Captured values.
    pub(crate) tape: Tape,
    /// Columns found unavailable before the walk, by node.
    pub(crate) unavailable: Vec<usize>,
}

/// A reader that may know the plain form of a value that it made typed.
pub(crate) trait Source<'b>: Reader<'b> {
    /// The last token as the writer wrote it, where that differs.
    fn plain(&self) -> Option<Token<'b>>;

    /// The reader itself, where it reads plain JSON: what is as expected is then taken the short way.
    fn json(&mut self) -> Option<&mut JsonReader<'b>> {
        None
    }

    /// Another name of the last field, which a contract may use as well.
    fn alias(&self) -> Option<&'b str> {
        None
    }

    /// Fields without a name that were passed over.
    fn unknown_fields(&self) -> u64 {
        0
    }
}

impl<'b> Source<'b> for JsonReader<'b> {
    fn plain(&self) -> Option<Token<'b>> {
        None
    }

    #[inline]
    fn json(&mut self) -> Option<&mut JsonReader<'b>> {
        Some(self)
    }
}

impl<'b> Source<'b> for AvroReader<'b> {
    fn plain(&self) -> Option<Token<'b>> {
        self.raw()
    }
}

impl<'b> Source<'b> for ProtobufReader<'b, '_> {
    fn plain(&self) -> Option<Token<'b>> {
        self.raw()
    }

    fn alias(&self) -> Option<&'b str> {
        ProtobufReader::alias(self)
    }

    fn unknown_fields(&self) -> u64 {
        ProtobufReader::unknown_fields(self)
    }
}

impl<'b> Source<'b> for ImageReader<'b> {
    fn plain(&self) -> Option<Token<'b>> {
        self.raw()
    }
}

/// The walk.
pub(crate) struct Walk<'w, R> {
    pub(crate) plan: &'w Plan,
    /// Prefix of pointers: which image of a change event is walked.
    pub(crate) image: &'static str,
    pub(crate) mode: Mode,
    /// Values that are as they should be may be taken the short way.
    pub(crate) short: bool,
    /// Nothing may be taken the short way, in whatever mode.
    pub(crate) thorough: bool,
    /// The image carries no schema, so columns are read by their `Column`.
    pub(crate) schemaless: bool,
    /// Values that the source did not send are looked for.
    pub(crate) placeholders: bool,
    /// Columns that the image does not hold were not sent.
    pub(crate) partial: bool,
    pub(crate) row: &'w mut R,
    pub(crate) findings: &'w mut Findings,
    pub(crate) scratch: &'w mut Scratch,
    pub(crate) scope: &'w cel::Scope<'w>,
    pub(crate) event_time: Option<i64>,
    /// The row as captured, once the walk is over.
    pub(crate) captured: Option<Cell>,
    /// The row is being taken as a whole, or not at all.
    pub(crate) at_once: bool,
    /// It was, and the rules that are asked together hold.
    pub(crate) seen_at_once: bool,
}

impl From<DecodeFailure> for Stop {
    fn from(failure: DecodeFailure) -> Self {
        Stop::Decode(failure)
    }
}

impl<R: RowSink> Walk<'_, R> {
    /// Walks one document as the row and proves that nothing follows it.
    pub(crate) fn document<'b>(&mut self, reader: &mut impl Source<'b>) -> Result<(), Stop> {
        self.row(reader)?;
        match reader.next()? {
            Token::End => {
                if reader.unknown_fields() > 0 && self.reports_clauses() {
                    self.unknown_numbers();
                }
                Ok(())
            }
            _ => Err(Stop::Decode(DecodeFailure {
                detail: Detail::TrailingBytes,
                offset: reader.position(),
            })),
        }
    }

    /// Walks one value as the row.
    pub(crate) fn row<'b>(&mut self, reader: &mut impl Source<'b>) -> Result<(), Stop> {
        if let Some(json) = reader.json()
            && let Some(rest) = json.value_ahead()
        {
            let len = match self.mode {
                Mode::Whole => self.row_at_once(rest),
                Mode::KeyOnly => self.key_at_once(rest),
                Mode::TypesOnly | Mode::CaptureOnly => 0,
            };
            if len > 0 {
                json.go_behind(&rest[len..]);
                return Ok(());
            }
        }
        if self.begun(reader, 0)? {
            return Ok(());
        }
        let token = reader.next()?;
        self.value(reader, 0, token)
    }

    fn value<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, token: Token<'b>) -> Result<(), Stop> {
        let plan = self.plan;
        match (&plan.nodes[node].kind, token) {
            (Kind::Object(_), Token::Null) if node == 0 => self.mismatch(reader, node, Token::Null),
            (_, Token::Null) => self.null(node),
            (Kind::Leaf(leaf), token) => self.leaf(reader, node, *leaf, token),
            (Kind::Object(children), Token::BeginObject) => self.object(reader, node, children),
            (Kind::Array(item), Token::BeginArray) => self.list(reader, node, *item),
            (Kind::Map(key, value), Token::BeginObject) => self.map(reader, node, *key, *value),
            (Kind::Any, token) => self.any(reader, node, token),
            (_, token) => self.mismatch(reader, node, token),
        }
    }

    fn null(&mut self, node: usize) -> Result<(), Stop> {
        let check = &self.plan.checks[node];
        if self.reports_clauses() && check.required {
            self.report(Reason::RequiredMissing, Some(Detail::Null), "required", node);
            self.capture(node, || Datum::Broken);
            return Ok(());
        }
        if self.reports_clauses() {
            self.library_null(node, false);
        }
        if self.hands_on() {
            self.row.null(node);
        }
        self.capture(node, || Datum::Null);
        Ok(())
    }

    fn leaf<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, leaf: LeafType, token: Token<'b>) -> Result<(), Stop> {
        let plan = self.plan;
        let check = &plan.checks[node];
        let token = match &check.wire.column {
            Some(column) if self.schemaless || column.speaks_of(&token) => match column.read(reader, token)? {
                Ok(token) => token,
                Err(token) => return self.mismatch(reader, node, token),
            },
            _ => token,
        };
        if matches!(token, Token::Null) {
            return self.null(node);
        }
        let begun = matches!(token, Token::BeginObject | Token::BeginArray);
        if begun {
            return self.mismatch(reader, node, token);
        }
        let context = LeafContext { leaf, wire: &check.wire };
        let converted = leaf::convert(token, &context).or_else(|refusal| match (refusal, reader.plain()) {
            // The contract may declare the plain form: text of an instant, days of a date.
            (Refusal::Type, Some(plain)) => leaf::convert(plain, &context),
            (refusal, _) => Err(refusal),
        });
        match converted {
            Ok(scalar) => {
                self.scalar(node, &scalar);
                Ok(())
            }
            Err(refusal) => {
                self.refuse(node, refusal);
                Ok(())
            }
        }
    }

    fn unavailable(&mut self, node: usize) {
        if self.hands_on() {
            self.row.unavailable(node);
        }
        self.capture(node, || Datum::Unavailable);
    }

    fn any<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, token: Token<'b>) -> Result<(), Stop> {
        let plan = self.plan;
        let check = &plan.checks[node];
        let (shape, properties, items) = match &check.body {
            Body::Any { shape, properties, items } => (*shape, *properties, *items),
            _ => (AnyShape::Value, PropertyLimits::default(), ItemLimits::default()),
        };
        let fits = match shape {
            AnyShape::Value => true,
            AnyShape::Object => token == Token::BeginObject,
            AnyShape::Array => token == Token::BeginArray,
        };
        if !fits {
            return self.mismatch(reader, node, token);
        }
        let mut text = std::mem::take(&mut self.scratch.text);
        text.clear();
        let found = any::copy(
            reader,
            token,
            &mut text,
            check.captured.then_some((&mut self.scratch.tape, check.slot)),
        );
        if self.hands_on() && found.is_ok() {
            self.row.any(node, &text);
        }
        self.scratch.text = text;
        let clause = match found? {
            any::Found::Leaf => None,
            any::Found::List(count) => rules::items::broken(items, count),
            any::Found::Object(count) => rules::properties::broken(properties, count),
        };
        if let Some(clause) = clause
            && self.reports_clauses()
        {
            self.report(Reason::ConstraintViolation, None, clause, node);
        }
        Ok(())
    }

    /// Reports another type and passes over the value.
    fn mismatch<'b>(&mut self, reader: &mut impl Source<'b>, node: usize, token: Token<'b>) -> Result<(), Stop> {
        self.report(Reason::TypeMismatch, None, "type", node);
        self.capture(node, || Datum::Broken);
        drain(reader, &token)?;
        Ok(())
    }

    #[inline(always)]
    fn begin(&mut self, node: usize, object: bool) {
        if R::READS || !self.plan.quick[node].silent {
            self.begin_for(node, object);
        }
    }

    fn begin_for(&mut self, node: usize, object: bool) {
        if self.hands_on() {
            self.row.begin(node);
        }
        if self.plan.checks[node].captured {
            match (object, &self.plan.nodes[node].kind) {
                (true, Kind::Object(_)) => self.scratch.tape.begin_object(self.plan.checks[node].captured_fields),
                _ => self.scratch.tape.begin_items(),
            }
        }
    }

    #[inline(always)]
    fn end(&mut self, node: usize) {
        if R::READS || !self.plan.quick[node].silent {
            self.end_for(node);
        }
    }

    fn end_for(&mut self, node: usize) {
        let plan = self.plan;
        if self.hands_on() {
            self.row.end(node);
        }
        let check = &plan.checks[node];
        if !check.captured {
            return;
        }
        let cell = match plan.nodes[node].kind {
            Kind::Object(_) => self.scratch.tape.end_object(node),
            Kind::Map(..) => self.scratch.tape.end_map(),
            _ => self.scratch.tape.end_list(),
        };
        if let Body::Items(ItemLimits { unique: true, .. }) = check.body
            && self.reports_clauses()
        {
            match rules::items::unique(&mut self.scratch.tape, cell) {
                rules::items::Unique::Holds => {}
                rules::items::Unique::Repeats => self.report(Reason::ConstraintViolation, None, "uniqueItems", node),
                rules::items::Unique::TooMuch => self.report(Reason::LimitExceeded, Some(Detail::TooLarge), "uniqueItems", node),
            }
        }
        if node == 0 {
            self.captured = Some(cell);
            return;
        }
        if self.mode == Mode::Whole
            && let Some(captured) = Captured::of(&self.scratch.tape, cell)
        {
            for rule in check.rules.iter().filter(|rule| plan.change.asks(**rule, self.scope.op)) {
                ask(
                    self.findings,
                    plan,
                    self.image,
                    &self.scratch.steps,
                    &plan.programs[*rule],
                    captured,
                    self.scope,
                );
            }
        }
        self.scratch.tape.put_cell(check.slot, cell);
    }

    fn capture<'d>(&mut self, node: usize, datum: impl FnOnce() -> Datum<'d>) {
        let slot = self.plan.checks[node].slot;
        if slot != Slot::NONE {
            self.scratch.tape.put(slot, datum());
        }
    }

    fn hands_on(&self) -> bool {
        self.mode != Mode::CaptureOnly
    }
}

/// Judges one row rule and reports what it says. A rule that could not be judged is as good as broken, with the weight of the rule.
pub(crate) fn ask(
    findings: &mut Findings,
    plan: &Plan,
    image: &'static str,
    steps: &[Step],
    rule: &cel::Rule,
    value: Captured<'_>,
    scope: &cel::Scope<'_>,
) {
    let (reason, detail) = match rule.evaluate(value, scope) {
        cel::Outcome::Holds | cel::Outcome::NotAsked => return,
        cel::Outcome::Broken => (Reason::SemanticViolation, None),
        cel::Outcome::Failed => (Reason::SemanticViolation, Some(Detail::RuleFailed)),
        cel::Outcome::OverBudget => (Reason::LimitExceeded, Some(Detail::RuleBudget)),
    };
    let broken = Broken {
        reason,
        detail,
        rule: Rule::Id(&rule.id),
        severity: rule.severity,
        location: &rule.location,
    };
    findings.add(broken, || pointer(plan, image, steps, None));
}

/// Passes over the rest of a value whose first token was read.
pub(crate) fn drain<'b>(reader: &mut impl Reader<'b>, first: &Token<'b>) -> Result<(), DecodeFailure> {
    let mut depth = match first {
        Token::BeginObject | Token::BeginArray => 1_usize,
        _ => return Ok(()),
    };
    while depth > 0 {
        match reader.next()? {
            Token::BeginObject | Token::BeginArray => depth += 1,
            Token::EndObject | Token::EndArray => depth -= 1,
            Token::Key(_) => reader.skip()?,
            _ => {}
        }
    }
    Ok(())
}
