//! Row rules in CEL (`type: custom`, `engine: cel`).
//!
//! Variables: `value` (the object that holds the rule, by property names), `before` (the same of the old row, change events only),
//! `op` (text, empty for plain events), `source` (map of `table`, `schema`, `database`, `transaction`, `position`, `ts`), `key` (text, or
//! bytes when it is not UTF-8, or null), `headers` (map of name to text; the last of a repeated name; null values kept), `meta` (map of
//! `topic`, `contract`, `version`), `now` (timestamp).
//!
//! Types: integers are `int` (past 64 bits signed `uint`), decimals and floats are `double` (so a comparison of decimals is exact up to 15
//! significant digits; bounds and enums of the contract are exact always), dates and timestamps are `timestamp` (a date is its midnight
//! UTC), times are `duration`, lists, maps and objects are themselves. A property that is missing is absent from `value`
//! (`has(value.x)` is false); one that is null is there and null. A rule that cannot be evaluated, because a property is absent or
//! null where a number is needed or because of an overflow, is a violation with `rule_failed`: never valid.
//!
//! A rule is not asked when a value it reads breaks its type (a violation says so already) or was not sent by the source (unchanged
//! TOAST).
//!
//! An expression is compiled to places of captured values (`lower`), as far as that goes, and then run without an allocation (`run`,
//! `quick`). The rest runs in the `cel` crate, which is also the referee: whatever the compiled form answers, the crate answers the same
//! (`referee`). Neither has a step budget of its own, so programs are bounded when they compile and inputs before they run.

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::{Context, Env, Program, Value, extensions};
use tidegate_contract::{Location, Severity};

use crate::input::Input;
use crate::plan::{Kind, Node, Plan};
use crate::tape::{Captured, INSTANTS, Slot, State};

mod bind;
mod expression;
mod functions;
mod glance;
mod kind;
mod lower;
mod ordered;
mod place;
mod quick;
mod run;
mod shape;
mod value;
mod view;

pub(crate) use glance::Glance;
pub(crate) use place::{Place, Refusal};
pub(crate) use shape::Reads;

use value::Stop;

/// Steps that one evaluation may take, estimated from above.
const STEPS_MAX: u64 = 1 << 20;

/// Stack that parses the deepest source which [`shape::examine_source`] lets through, several times over.
const DEEP_STACK_BYTES: usize = 128 << 20;

/// One environment per process: the standard library and `math.*`.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    env.add_extension(extensions::math)
        .expect("the math extension declares nothing that the standard library does");
    Arc::new(env)
});

/// A compiled rule.
pub(crate) struct Rule {
    form: Form,
    /// It reads nothing but `value`.
    plain: bool,
    /// Rule id.
    pub(crate) id: Arc<str>,
    /// What its failure does.
    pub(crate) severity: Severity,
    /// Where.
    pub(crate) location: Location,
    /// What it needs; nothing else is bound.
    pub(crate) reads: Reads,
    /// Node of `value`.
    object: usize,
    /// Captured fields of `value` and of `before` that it reads, by name.
    fields: [Vec<Slot>; 2],
    size: u64,
    nesting: u32,
    program: Program,
    /// What runs in its place where it makes lists of what it walks.
    ordered: Option<IdedExpr>,
}

/// How a rule runs.
#[derive(Debug)]
enum Form {
    Compiled(expression::Expr),
    /// By the interpreter, and why.
    Interpreted(String),
}

/// What a rule says of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// True.
    Holds,
    /// False.
    Broken,
    /// No answer.
    Failed,
    /// More steps than its budget.
    OverBudget,
    /// A value that it reads is broken or was not sent.
    NotAsked,
}

/// What surrounds the value of a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) input: &'a Input<'a>,
    pub(crate) topic: &'a str,
    /// Operation as Debezium writes it; empty for plain events.
    pub(crate) op: &'a str,
    pub(crate) source: &'a [(&'static str, SourceField<'a>)],
    /// The captured old row.
    pub(crate) before: Option<Captured<'a>>,
}

/// A field of `source`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SourceField<'a> {
    /// Text.
    Text(&'a str),
    /// Microseconds since the epoch.
    Time(i64),
}

/// Runs what recurses as deep as a source nests: the parser takes some ten KiB of stack for each level, and the caller's may be small.
fn with_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, Refusal> + Send) -> Result<T, Refusal> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(DEEP_STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| format!("no stack to compile rules on: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(Refusal::from(String::from("the expression cannot be parsed"))))
    })
}

// === impl Rule ===

impl Rule {
    /// Reads an expression over the object at `node`; [`Rule::lower`] is the second half.
    pub(crate) fn compile(
        id: &Arc<str>,
        severity: Severity,
        location: &Location,
        expression: &str,
        nodes: &[Node],
        node: usize,
        change: bool,
    ) -> Result<Rule, Refusal> {
        shape::examine_source(expression)?;
        let (program, ordered, shape) = with_deep_stack(|| {
            let program = ENVIRONMENT.compile(expression).map_err(|errors| {
                let first = errors.errors.first();
                let place = first.and_then(|error| {
                    let (line, column) = error.pos;
                    Some(Place {
                        line: usize::try_from(line).ok()?,
                        column: usize::try_from(column).ok()?,
                    })
                });
                let text = first.map(|error| error.msg.clone()).unwrap_or_default();
                Refusal {
                    place,
                    text: format!("the expression does not parse: {text}"),
                }
            })?;
            let shape = shape::examine(program.expression(), nodes, node, change).map_err(|(part, text)| Refusal {
                place: part.and_then(|part| Place::of(program.source_info(), part)),
                text,
            })?;
            let ordered = ordered::ordered(program.expression());
            Ok((program, ordered, shape))
        })?;
        Ok(Rule {
            form: Form::Interpreted(String::new()),
            plain: false,
            id: id.clone(),
            severity,
            location: location.clone(),
            reads: shape.reads,
            object: node,
            fields: [Vec::new(), Vec::new()],
            size: shape.size,
            nesting: shape.nesting,
            ordered,
            program,
        })
    }

    /// What it sees beyond the values of single fields.
    pub(crate) fn view(&self, nodes: &[Node]) -> view::View {
        view::view(self.program.expression(), nodes, self.object)
    }

    /// Node of the object that it is asked of.
    pub(crate) fn object(&self) -> usize {
        self.object
    }

    /// Checks the types and turns names into places, once it is known where every node is captured.
    pub(crate) fn lower(&mut self, nodes: &[Node], slots: &[Slot]) -> Result<(), Refusal> {
        let lowered = lower::lower(self.program.expression(), nodes, slots, self.object).map_err(|mistyped| Refusal {
            place: Place::of(self.program.source_info(), mistyped.at),
            text: mistyped.text,
        })?;
        self.form = match lowered.interpreted {
            None => Form::Compiled(lowered.expr),
            Some(reason) => Form::Interpreted(reason),
        };
        let reads = &self.reads;
        self.plain = reads.before.is_empty() && !reads.source && !reads.now && self.nesting == 0;
        self.fields = [(&reads.value, self.object), (&reads.before, 0)].map(|(read, object)| {
            let Kind::Object(children) = &nodes[object].kind else {
                return Vec::new();
            };
            let mut fields: Vec<usize> = children.iter().copied().filter(|child| read.reads(&nodes[*child].name)).collect();
            fields.sort_by_key(|child| &nodes[*child].name);
            fields.into_iter().map(|child| slots[child]).collect()
        });
        Ok(())
    }

    /// Why the interpreter runs it; none when it is compiled.
    pub(crate) fn interpreted(&self) -> Option<&str> {
        match &self.form {
            Form::Compiled(_) => None,
            Form::Interpreted(reason) => Some(reason),
        }
    }

    /// The expression, if it is compiled and reads nothing but `value`.
    fn plain_expression(&self) -> Option<&expression::Expr> {
        match &self.form {
            Form::Compiled(expr) if self.plain => Some(expr),
            _ => None,
        }
    }

    /// Judges one value.
    pub(crate) fn evaluate(&self, value: Captured<'_>, scope: &Scope<'_>) -> Outcome {
        let Form::Compiled(expr) = &self.form else {
            return self.interpret(value, scope);
        };
        if !(self.plain && value.state.is_clean())
            && let Err(outcome) = self.admit(value, scope)
        {
            return outcome;
        }
        let ground = quick::Ground {
            row: value,
            before: scope.before,
        };
        match ground.glance(expr) {
            Some(true) => return Outcome::Holds,
            Some(false) => return Outcome::Broken,
            None => {}
        }
        match run::Env::new(value, scope).truth(expr) {
            Ok(true) => Outcome::Holds,
            Ok(false) => Outcome::Broken,
            Err(Stop::Error) => Outcome::Failed,
            Err(Stop::Hand) => self.interpret(value, scope),
        }
    }

    /// Judges one value by the `cel` crate.
    #[cold]
    #[inline(never)]
    pub(crate) fn interpret(&self, value: Captured<'_>, scope: &Scope<'_>) -> Outcome {
        if let Err(outcome) = self.admit(value, scope) {
            return outcome;
        }
        let mut context = Context::with_env(ENVIRONMENT.clone());
        if let Err(outcome) = bind::all(&mut context, &self.reads, value, scope) {
            return outcome;
        }
        let answer = match &self.ordered {
            None => self.program.execute(&context),
            Some(expression) => {
                ordered::bind(&mut context);
                Value::resolve(expression, &context)
            }
        };
        match answer {
            Ok(Value::Bool(true)) => Outcome::Holds,
            Ok(Value::Bool(false)) => Outcome::Broken,
            Ok(_) | Err(_) => Outcome::Failed,
        }
    }

    /// Whether the rule can be asked at all, and within its budget.
    fn admit(&self, value: Captured<'_>, scope: &Scope<'_>) -> Result<(), Outcome> {
        let before = scope.before.filter(|_| !self.reads.before.is_empty());
        if value.state.has(State::FULL) || before.is_some_and(|before| before.state.has(State::FULL)) {
            return Err(Outcome::OverBudget);
        }
        let mut longest = 1_u64;
        let [of_value, of_before] = &self.fields;
        let fields = of_value.iter().map(|slot| (value.field(slot.ordinal()), Outcome::NotAsked));
        // Nobody reports what is broken in the old row, so the rule has to.
        let old = before
            .iter()
            .flat_map(|before| of_before.iter().map(|slot| (before.field(slot.ordinal()), Outcome::Failed)));
        for (cell, broken) in fields.chain(old) {
            let state = cell.state();
            if state.has(State::BROKEN) {
                return Err(broken);
            }
            if state.has(State::UNAVAILABLE) {
                return Err(Outcome::NotAsked);
            }
            if state.has(State::UNKNOWABLE) {
                return Err(Outcome::Failed);
            }
            longest = longest.max(u64::from(cell.longest()));
        }
        let is_far = |field: &(&str, SourceField<'_>)| matches!(field.1, SourceField::Time(micros) if !INSTANTS.contains(&micros));
        if self.reads.source && scope.source.iter().any(is_far) || self.reads.now && !INSTANTS.contains(&scope.input.now) {
            return Err(Outcome::Failed);
        }
        let steps = longest.checked_pow(self.nesting).and_then(|runs| runs.checked_mul(self.size));
        if steps.is_none_or(|steps| steps > STEPS_MAX) {
            return Err(Outcome::OverBudget);
        }
        Ok(())
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("id", &self.id)
            .field("form", &self.form)
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod referee;
#[cfg(test)]
mod tests;
