//! Row rules in CEL (`type: custom`, `engine: cel`).
//!
//! Variables: `value` (the object that holds the rule, by property names), `before` (the same of the old row, change events only),
//! `op` (text, empty for plain events), `source` (map of `table`, `schema`, `database`, `snapshot`, `ts`), `key` (text, or bytes when it
//! is not UTF-8, or null), `headers` (map of name to text; the last of a repeated name; null values kept), `meta` (map of `topic`,
//! `contract`, `version`), `now` (timestamp).
//!
//! Types: integers are `int` (past 64 bits signed `uint`), decimals and floats are `double` (so a comparison of decimals is exact up to 15
//! significant digits; bounds and enums of the contract are exact always), dates and timestamps are `timestamp` (a date is its midnight
//! UTC), times are `duration`, lists, maps and objects are themselves. A property that is missing is absent from `value`
//! (`has(value.x)` is false); one that is null is there and null. A rule that cannot be evaluated, because a property is absent or
//! null where a number is needed or because of an overflow, is a violation with `rule_failed`: never valid.
//!
//! A rule is not asked when a value it reads breaks its type (a violation says so already) or was not sent by the source (unchanged
//! TOAST). The engine has no step budget, so programs are bounded when they compile and inputs before they run.

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program, Value, extensions};
use tidegate_contract::{Location, Severity};

use crate::datum::Datum;
use crate::input::Input;
use crate::plan::{Node, Plan};

mod bind;
mod shape;

pub(crate) use shape::Reads;

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
    /// Rule id.
    pub(crate) id: Arc<str>,
    /// What its failure does.
    pub(crate) severity: Severity,
    /// Where.
    pub(crate) location: Location,
    /// What it needs; nothing else is bound.
    pub(crate) reads: Reads,
    program: Program,
    size: u64,
    nesting: u32,
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
    pub(crate) source: &'a [(&'static str, SourceField)],
    /// The captured old row.
    pub(crate) before: Option<&'a Datum>,
}

/// A field of `source`.
#[derive(Debug, Clone)]
pub(crate) enum SourceField {
    /// Text.
    Text(String),
    /// Microseconds since the epoch.
    Time(i64),
}

/// Runs what recurses as deep as a source nests: the parser takes some ten KiB of stack for each level, and the caller's may be small.
fn with_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(DEEP_STACK_BYTES).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| format!("no stack to compile rules on: {error}"))?;
        thread
            .join()
            .unwrap_or_else(|_| Err(String::from("the expression cannot be parsed")))
    })
}

// === impl Rule ===

impl Rule {
    /// Compiles an expression over the object at `node`; the error is a sentence for the author.
    pub(crate) fn compile(
        id: &Arc<str>,
        severity: Severity,
        location: &Location,
        expression: &str,
        nodes: &[Node],
        node: usize,
        change: bool,
    ) -> Result<Rule, String> {
        shape::examine_source(expression)?;
        let (program, shape) = with_deep_stack(|| {
            let program = ENVIRONMENT.compile(expression).map_err(|errors| {
                let first = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
                format!("the expression does not parse: {first}")
            })?;
            let shape = shape::examine(program.expression(), nodes, node, change)?;
            Ok((program, shape))
        })?;
        let rule = Rule {
            id: id.clone(),
            severity,
            location: location.clone(),
            reads: shape.reads,
            program,
            size: shape.size,
            nesting: shape.nesting,
        };
        rule.rehearse(nodes, node)?;
        Ok(rule)
    }

    /// Judges one value.
    pub(crate) fn evaluate(&self, value: &Datum, scope: &Scope<'_>) -> Outcome {
        let mut longest = 1_u64;
        let mut context = Context::with_env(ENVIRONMENT.clone());
        if let Err(outcome) = bind::all(&mut context, &self.reads, value, scope, &mut longest) {
            return outcome;
        }
        let steps = longest.checked_pow(self.nesting).and_then(|runs| runs.checked_mul(self.size));
        if steps.is_none_or(|steps| steps > STEPS_MAX) {
            return Outcome::OverBudget;
        }
        match self.program.execute(&context) {
            Ok(Value::Bool(true)) => Outcome::Holds,
            Ok(Value::Bool(false)) => Outcome::Broken,
            Ok(_) | Err(_) => Outcome::Failed,
        }
    }

    /// Runs the program once over a made-up value of the declared types, since the engine does not check types by itself.
    fn rehearse(&self, nodes: &[Node], node: usize) -> Result<(), String> {
        let mut certain = true;
        let sample = bind::sample_row(nodes, node, &self.reads, &mut certain);
        let mut context = Context::with_env(ENVIRONMENT.clone());
        bind::stage(&mut context, &self.reads, &sample);
        match self.program.execute(&context) {
            Ok(Value::Bool(_)) => Ok(()),
            Ok(_) if certain => Err(String::from("the expression does not answer true or false")),
            Err(cel::ExecutionError::NoSuchOverload(error)) if certain => Err(error.to_string()),
            Err(cel::ExecutionError::UndeclaredReference(name)) => Err(format!("`{name}` is not known")),
            // Other failures depend on the value.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("id", &self.id)
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
