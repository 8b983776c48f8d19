//! From the syntax tree to the compiled form, with the types checked on the way.
//!
//! Two things can be wrong: an expression that no event could ever answer (a text compared with a number, a field that is not there) is
//! refused, with its place; one that is right and outside of what the compiled form knows is left to the interpreter, with the reason.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr as Ast, LiteralValue, SelectExpr};
use cel::{Context, IdedExpr, Value};

use super::expression::{Around, Comparison, Constant, Expr, Place, Sequence};
use super::functions::{self, Found, Function};
use super::kind::Type;
use super::quick::{Question, Quick};
use super::run::LOCALS_MAX;
use super::value::{Arithmetic, Instant};
use crate::plan::{Kind, Node};
use crate::tape::Slot;

mod calls;
mod macros;

/// Fields of `source`.
const SOURCE: [(&str, Type); 7] = [
    ("table", Type::Str),
    ("schema", Type::Str),
    ("database", Type::Str),
    ("transaction", Type::Str),
    ("position", Type::Str),
    ("snapshot", Type::Str),
    ("ts", Type::Timestamp),
];
const META: [(&str, Type); 3] = [("topic", Type::Str), ("contract", Type::Str), ("version", Type::Str)];

/// What came of an expression.
pub(super) struct Lowered {
    pub(super) expr: Expr,
    /// Why the interpreter has to run it, if it has.
    pub(super) interpreted: Option<String>,
}

/// An expression that no event could answer.
#[derive(Debug)]
pub(super) struct Mistyped {
    /// Node of the syntax tree.
    pub(super) at: u64,
    pub(super) text: String,
}

pub(super) struct Lowering<'l> {
    nodes: &'l [Node],
    slots: &'l [Slot],
    object: usize,
    /// Variables of macros with their types.
    locals: Vec<(String, Type)>,
    interpreted: Option<String>,
}

type Typed = (Expr, Type);

/// Lowers an expression over the object at `object`, which has to answer true or false.
pub(super) fn lower(expression: &IdedExpr, nodes: &[Node], slots: &[Slot], object: usize) -> Result<Lowered, Mistyped> {
    let mut lowering = Lowering {
        nodes,
        slots,
        object,
        locals: Vec::new(),
        interpreted: None,
    };
    let (expr, kind) = lowering.visit(expression)?;
    if !matches!(kind, Type::Bool | Type::Dyn) {
        let text = format!("the expression answers with {kind}; a rule answers with true or false (bool)");
        return Err(Mistyped { at: expression.id, text });
    }
    Ok(Lowered {
        expr,
        interpreted: lowering.interpreted,
    })
}

// === impl Lowering ===

impl Lowering<'_> {
    fn visit(&mut self, expression: &IdedExpr) -> Result<Typed, Mistyped> {
        match &expression.expr {
            Ast::Literal(literal) => Ok(self.literal(literal)),
            Ast::Ident(name) => Ok(self.ident(name)),
            Ast::Select(select) => self.select(expression.id, select),
            Ast::Call(call) => self.call(expression, call),
            Ast::Comprehension(comprehension) => self.comprehension(expression.id, comprehension),
            Ast::List(list) => {
                let mut item: Option<Type> = None;
                for element in &list.elements {
                    let (_, kind) = self.visit(element)?;
                    item = Some(item.map_or(kind.clone(), |item| item.join(kind)));
                }
                let kind = Type::List(Box::new(item.unwrap_or(Type::Dyn)));
                Ok(self.leave(kind, "it makes a list"))
            }
            Ast::Map(map) => {
                for entry in &map.entries {
                    if let cel::common::ast::EntryExpr::MapEntry(entry) = &entry.expr {
                        self.visit(&entry.key)?;
                        self.visit(&entry.value)?;
                    }
                }
                Ok(self.leave(Type::Dyn, "it makes a map"))
            }
            Ast::Struct(_) | Ast::Unspecified => Ok(self.leave(Type::Dyn, "it makes a structure")),
        }
    }

    /// Leaves the whole expression to the interpreter.
    fn leave(&mut self, kind: Type, reason: &str) -> Typed {
        if self.interpreted.is_none() {
            self.interpreted = Some(reason.to_owned());
        }
        (Expr::Fail, kind)
    }

    fn literal(&mut self, literal: &LiteralValue) -> Typed {
        let (constant, kind) = match literal {
            LiteralValue::Boolean(value) => (Constant::Bool(*value.inner()), Type::Bool),
            LiteralValue::Bytes(bytes) => (Constant::Bytes(bytes.inner().into()), Type::Bytes),
            LiteralValue::Double(value) => (Constant::Double(*value.inner()), Type::Double),
            LiteralValue::Int(value) => (Constant::Int(*value.inner()), Type::Int),
            LiteralValue::Null => (Constant::Null, Type::Null),
            LiteralValue::String(text) => (Constant::Str(text.inner().into()), Type::Str),
            LiteralValue::UInt(value) => (Constant::Uint(*value.inner()), Type::Uint),
        };
        (Expr::Constant(constant), kind)
    }

    fn ident(&mut self, name: &str) -> Typed {
        if let Some((at, (_, kind))) = self.locals.iter().enumerate().rev().find(|(_, (local, _))| local == name) {
            return (Expr::Local(at), kind.clone());
        }
        match name {
            "value" => (Expr::Row { before: false }, Type::Object(self.object)),
            "before" => (Expr::Row { before: true }, Type::Object(0)),
            "op" => (Expr::Operation, Type::Str),
            "now" => (Expr::Now, Type::Timestamp),
            "key" => (Expr::Key, Type::Dyn),
            "headers" | "meta" | "source" => self.leave(Type::Map(Box::new(Type::Dyn)), "it uses all of a map beside the row"),
            _ => self.leave(Type::Meta, "it uses the name of a type"),
        }
    }

    /// Whether an expression is one of the maps beside the row.
    fn as_around(&self, expression: &IdedExpr) -> Option<Around> {
        let Ast::Ident(name) = &expression.expr else { return None };
        if self.locals.iter().any(|(local, _)| local == name) {
            return None;
        }
        match name.as_str() {
            "headers" => Some(Around::Headers),
            "meta" => Some(Around::Meta),
            "source" => Some(Around::Source),
            _ => None,
        }
    }

    fn around(&self, at: u64, around: Around, name: &str) -> Result<Type, Mistyped> {
        let fields: &[(&str, Type)] = match around {
            Around::Headers => return Ok(Type::Dyn),
            Around::Meta => &META,
            Around::Source => &SOURCE,
        };
        match fields.iter().find(|(field, _)| *field == name) {
            Some((_, kind)) => Ok(kind.clone()),
            None => {
                let known: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
                let text = format!("there is no field `{name}`; there are {}", known.join(", "));
                Err(Mistyped { at, text })
            }
        }
    }

    fn select(&mut self, at: u64, select: &SelectExpr) -> Result<Typed, Mistyped> {
        if let Some(around) = self.as_around(&select.operand) {
            let name = select.field.as_str().into();
            if select.test {
                // A test for what can never be there is as wrong as its use.
                self.around(at, around, &select.field)?;
                return Ok((Expr::HasAround(around, name), Type::Bool));
            }
            let kind = self.around(at, around, &select.field)?;
            return Ok((Expr::Around(around, name), kind));
        }
        let (operand, kind) = self.visit(&select.operand)?;
        self.member(at, operand, &kind, &select.field, select.test)
    }

    /// `operand.name`, or whether there is one.
    fn member(&mut self, at: u64, operand: Expr, kind: &Type, name: &str, test: bool) -> Result<Typed, Mistyped> {
        match kind {
            Type::Object(node) => {
                let (ordinal, child) = self.child(at, *node, name)?;
                let kind = Type::of(self.nodes, child);
                if let Some(place) = place(&operand, ordinal, child) {
                    if test {
                        let whole = Box::new(Expr::HasField(place.clone()));
                        return Ok((Expr::Quick(Quick::Has { at: place }, whole), Type::Bool));
                    }
                    return Ok((Expr::Field(place), kind));
                }
                let operand = Box::new(operand);
                Ok(if test {
                    (Expr::HasPart(operand, ordinal), Type::Bool)
                } else {
                    (Expr::Part(operand, ordinal), kind)
                })
            }
            Type::Map(value) => {
                let operand = Box::new(operand);
                Ok(if test {
                    (Expr::HasMember(operand, name.into()), Type::Bool)
                } else {
                    (Expr::Member(operand, name.into()), (**value).clone())
                })
            }
            Type::Dyn => {
                let operand = Box::new(operand);
                Ok(if test {
                    (Expr::HasMember(operand, name.into()), Type::Bool)
                } else {
                    (Expr::Member(operand, name.into()), Type::Dyn)
                })
            }
            other => Err(Mistyped {
                at,
                text: format!("`.{name}` is asked of {other}, which has no fields"),
            }),
        }
    }

    /// A declared field: its number in the block, and its node.
    fn child(&self, at: u64, object: usize, name: &str) -> Result<(u32, usize), Mistyped> {
        let Kind::Object(children) = &self.nodes[object].kind else {
            unreachable!("only objects have the type of one");
        };
        match children.iter().find(|child| *self.nodes[**child].name == *name) {
            Some(child) => Ok((self.slots[*child].ordinal(), *child)),
            None => Err(Mistyped {
                at,
                text: format!("the contract has no property `{name}` there"),
            }),
        }
    }

    fn equality(&mut self, at: u64, call: &CallExpr, negated: bool) -> Result<Typed, Mistyped> {
        let (left, one) = self.visit(&call.args[0])?;
        let (right, other) = self.visit(&call.args[1])?;
        if !one.meets(&other) {
            return Err(Mistyped {
                at,
                text: format!("{one} is compared with {other}; they are never equal"),
            });
        }
        let question = if negated { Question::NotEqual } else { Question::Equal };
        let quick = self.quick(&left, question, &right);
        let whole = Expr::Equal {
            left: Box::new(left),
            right: Box::new(right),
            negated,
        };
        Ok((with_quick(quick, whole), Type::Bool))
    }

    fn comparison(&mut self, at: u64, call: &CallExpr, comparison: Comparison) -> Result<Typed, Mistyped> {
        let (left, one) = self.visit(&call.args[0])?;
        let (right, other) = self.visit(&call.args[1])?;
        if !one.orders(&other) {
            return Err(Mistyped {
                at,
                text: format!("{one} is compared with {other}; there is no order between them"),
            });
        }
        let quick = self.quick(&left, Question::Order(comparison), &right);
        let whole = Expr::Compare(comparison, Box::new(left), Box::new(right));
        Ok((with_quick(quick, whole), Type::Bool))
    }

    fn quick(&self, left: &Expr, question: Question, right: &Expr) -> Option<Quick> {
        match (left, right) {
            (Expr::Field(at), Expr::Constant(constant)) => Quick::beside(self.nodes, at, question, constant, false),
            (Expr::Constant(constant), Expr::Field(at)) => Quick::beside(self.nodes, at, question, constant, true),
            (Expr::Field(left), Expr::Field(right)) => Quick::between(self.nodes, left, question, right),
            _ => None,
        }
    }

    fn arithmetic(&mut self, at: u64, call: &CallExpr, operator: Arithmetic) -> Result<Typed, Mistyped> {
        let (left, one) = self.visit(&call.args[0])?;
        let (right, other) = self.visit(&call.args[1])?;
        let kind = result(operator, &one, &other).ok_or_else(|| {
            let hint = if one.is_number() && other.is_number() {
                "; write 2.0 for 2, or convert with double(…) or int(…)"
            } else {
                ""
            };
            let sign = &call.func_name[1..2];
            Mistyped {
                at,
                text: format!("`{sign}` is not defined between {one} and {other}{hint}"),
            }
        })?;
        if matches!(kind, Type::Str | Type::Bytes | Type::List(_)) {
            return Ok(self.leave(kind, "it joins texts, bytes or lists"));
        }
        Ok((Expr::Arithmetic(operator, Box::new(left), Box::new(right)), kind))
    }

    /// A sequence that a macro, `in` or `size` goes over; none where it is no list that the compiled form can follow.
    fn sequence(&mut self, expression: &IdedExpr) -> Result<(Sequence, Type), Mistyped> {
        if let Ast::List(list) = &expression.expr {
            let (mut items, mut item): (Vec<Expr>, Option<Type>) = (Vec::new(), None);
            for element in &list.elements {
                let (expr, kind) = self.visit(element)?;
                items.push(expr);
                item = Some(item.map_or(kind.clone(), |item| item.join(kind)));
            }
            return Ok((Sequence::Literal(items.into()), item.unwrap_or(Type::Dyn)));
        }
        if let Ast::Comprehension(comprehension) = &expression.expr
            && let Some(made) = self.made(comprehension)?
        {
            return Ok(made);
        }
        let (of, kind) = self.visit(expression)?;
        let item = match kind {
            Type::List(item) => *item,
            Type::Map(_) => Type::Str,
            Type::Dyn => Type::Dyn,
            Type::Object(_) => {
                let (of, _) = self.leave(Type::Dyn, "it goes over the names of properties");
                return Ok((Sequence::Of(of), Type::Str));
            }
            other => {
                return Err(Mistyped {
                    at: expression.id,
                    text: format!("a list is expected, and this is {other}"),
                });
            }
        };
        Ok((Sequence::Of(of), item))
    }

    fn comprehension(&mut self, at: u64, comprehension: &ComprehensionExpr) -> Result<Typed, Mistyped> {
        if let Some((fold, body)) = macros::fold(comprehension) {
            let (sequence, item) = self.sequence(&comprehension.iter_range)?;
            let local = self.open(&comprehension.iter_var, item);
            let body_at = body.id;
            let (body, kind) = self.visit(body)?;
            self.locals.pop();
            if !matches!(kind, Type::Bool | Type::Dyn) {
                return Err(Mistyped {
                    at: body_at,
                    text: format!("the condition is {kind}; true or false (bool) is expected"),
                });
            }
            return Ok((Expr::Fold(fold, Box::new(sequence), local, Box::new(body)), Type::Bool));
        }
        if let Some((_, item)) = self.made(comprehension)? {
            return Ok(self.leave(Type::List(Box::new(item)), "it makes a list with map or filter and keeps it"));
        }
        let _ = at;
        Ok(self.leave(Type::Dyn, "it uses a macro that the compiled form does not know"))
    }

    /// `map` and `filter`.
    fn made(&mut self, comprehension: &ComprehensionExpr) -> Result<Option<(Sequence, Type)>, Mistyped> {
        let Some((guard, item)) = macros::made(comprehension) else {
            return Ok(None);
        };
        let (from, of) = self.sequence(&comprehension.iter_range)?;
        let local = self.open(&comprehension.iter_var, of);
        let guard = match guard {
            Some(guard) => {
                let at = guard.id;
                let (guard, kind) = self.visit(guard)?;
                if !matches!(kind, Type::Bool | Type::Dyn) {
                    return Err(Mistyped {
                        at,
                        text: format!("the condition is {kind}; true or false (bool) is expected"),
                    });
                }
                Some(guard)
            }
            None => None,
        };
        let (item, kind) = self.visit(item)?;
        self.locals.pop();
        let from = Box::new(from);
        Ok(Some((Sequence::Mapped { from, local, guard, item }, kind)))
    }

    fn open(&mut self, name: &str, kind: Type) -> usize {
        self.locals.push((name.to_owned(), kind));
        if self.locals.len() > LOCALS_MAX {
            self.leave(Type::Dyn, "its macros are nested deeper than the compiled form goes");
        }
        self.locals.len() - 1
    }

    /// Asks the interpreter for the value of an expression that is made of constants only.
    fn fold(&mut self, expression: &IdedExpr, kind: Type) -> Typed {
        let context = Context::with_env(super::ENVIRONMENT.clone());
        let constant = match Value::resolve(expression, &context) {
            Ok(Value::Null) => Constant::Null,
            Ok(Value::Bool(value)) => Constant::Bool(value),
            Ok(Value::Int(value)) => Constant::Int(value),
            Ok(Value::UInt(value)) => Constant::Uint(value),
            Ok(Value::Float(value)) => Constant::Double(value),
            Ok(Value::String(text)) => Constant::Str(text.as_str().into()),
            Ok(Value::Bytes(bytes)) => Constant::Bytes(bytes.as_slice().into()),
            // Its offset shows in what is asked of it, and instants of the compiled form have none.
            Ok(Value::Timestamp(at)) if at.offset().local_minus_utc() != 0 => {
                return self.leave(kind, "it has a timestamp with an offset; write it in UTC, with Z");
            }
            Ok(Value::Timestamp(at)) => Constant::Timestamp(Instant {
                seconds: at.timestamp(),
                nanos: at.timestamp_subsec_nanos(),
            }),
            Ok(Value::Duration(span)) => match span.num_nanoseconds() {
                Some(nanos) => Constant::Duration(nanos),
                None => return self.leave(kind, "it has a duration past 292 years"),
            },
            Ok(_) => return self.leave(kind, "it makes a list or a map"),
            Err(_) => return (Expr::Fail, kind),
        };
        (Expr::Constant(constant), kind)
    }
}

/// A field of a fixed place is at a fixed place.
fn place(operand: &Expr, ordinal: u32, node: usize) -> Option<Place> {
    match operand {
        Expr::Row { before } => Some(Place {
            before: *before,
            first: ordinal,
            rest: Box::default(),
            node,
        }),
        Expr::Field(object) => Some(Place {
            before: object.before,
            first: object.first,
            rest: object.rest.iter().copied().chain([ordinal]).collect(),
            node,
        }),
        _ => None,
    }
}

fn with_quick(quick: Option<Quick>, whole: Expr) -> Expr {
    match quick {
        Some(quick) => Expr::Quick(quick, Box::new(whole)),
        None => whole,
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Constant(_))
}

fn result(operator: Arithmetic, one: &Type, other: &Type) -> Option<Type> {
    use Arithmetic::{Add, Remainder, Subtract};
    if one.is_dyn() || other.is_dyn() {
        // What the other side allows at all.
        let known = if one.is_dyn() { other } else { one };
        return match known {
            Type::Null | Type::Bool | Type::Object(_) | Type::Meta => None,
            Type::Map(_) if !one.is_dyn() => None,
            _ => Some(Type::Dyn),
        };
    }
    match (one, other) {
        (Type::Double, Type::Double) if operator == Remainder => None,
        (Type::Int, Type::Int) | (Type::Uint, Type::Uint) | (Type::Double, Type::Double) => Some(one.clone()),
        (Type::Timestamp, Type::Timestamp) if operator == Subtract => Some(Type::Duration),
        (Type::Timestamp, Type::Duration) if matches!(operator, Add | Subtract) => Some(Type::Timestamp),
        (Type::Duration, Type::Timestamp) if operator == Add => Some(Type::Timestamp),
        (Type::Duration, Type::Duration) if matches!(operator, Add | Subtract) => Some(Type::Duration),
        (Type::Str, Type::Str) | (Type::Bytes, Type::Bytes) if operator == Add => Some(one.clone()),
        (Type::List(one), Type::List(other)) if operator == Add => Some(Type::List(Box::new((**one).clone().join((**other).clone())))),
        _ => None,
    }
}
