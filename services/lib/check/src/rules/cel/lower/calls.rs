//! Operators and functions.

use regex::Regex;

use super::{Ast, CallExpr, Comparison, Constant, Expr, Found, Function, IdedExpr, Lowering, Mistyped, Quick, Sequence, Type, Typed};
use super::{LiteralValue, functions, is_constant, with_quick};
use crate::rules::cel::expression::Around;
use crate::rules::cel::value::Arithmetic;

impl Lowering<'_> {
    pub(super) fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Result<Typed, Mistyped> {
        let at = expression.id;
        let name = call.func_name.as_str();
        if let Some(target) = &call.target {
            if matches!(&target.expr, Ast::Ident(space) if space == "math") {
                if self.locals.iter().any(|(local, _)| local == "math") {
                    return Ok(self.leave(Type::Dyn, "a variable is named like the functions of math"));
                }
                return self.function(
                    expression,
                    functions::find_math(name, call.args.len()),
                    &format!("math.{name}"),
                    &call.args,
                    None,
                );
            }
            if name == "matches" && call.args.len() == 1 {
                return self.matches(at, target, &call.args[0]);
            }
            return self.function(
                expression,
                functions::find(name, true, call.args.len()),
                name,
                &call.args,
                Some(target),
            );
        }
        if let Some(comparison) = Comparison::named(name) {
            return self.comparison(at, call, comparison);
        }
        match (name, call.args.len()) {
            ("_==_", 2) => self.equality(at, call, false),
            ("_!=_", 2) => self.equality(at, call, true),
            ("_&&_", 2) => self.logic(at, call, Expr::And),
            ("_||_", 2) => self.logic(at, call, Expr::Or),
            ("!_", 1) => {
                let operand = self.condition(&call.args[0], "`!`")?;
                Ok((Expr::Not(Box::new(operand)), Type::Bool))
            }
            ("_?_:_", 3) => {
                let condition = self.condition(&call.args[0], "the condition")?;
                let (yes, one) = self.visit(&call.args[1])?;
                let (no, other) = self.visit(&call.args[2])?;
                Ok((Expr::If(Box::new(condition), Box::new(yes), Box::new(no)), one.join(other)))
            }
            ("-_", 1) => self.negation(expression, call),
            ("_+_" | "_-_" | "_*_" | "_/_" | "_%_", 2) => {
                let operator = match name {
                    "_+_" => Arithmetic::Add,
                    "_-_" => Arithmetic::Subtract,
                    "_*_" => Arithmetic::Multiply,
                    "_/_" => Arithmetic::Divide,
                    _ => Arithmetic::Remainder,
                };
                let (expr, kind) = self.arithmetic(at, call, operator)?;
                Ok(match &expr {
                    Expr::Arithmetic(_, left, right) if is_constant(left) && is_constant(right) => self.fold(expression, kind),
                    _ => (expr, kind),
                })
            }
            ("@in", 2) => self.membership(at, call),
            ("_[_]", 2) => self.index(at, call),
            ("math.@max" | "math.@min", 1 | 2) => self.extreme(call),
            ("matches", 2) => self.matches(at, &call.args[0], &call.args[1]),
            ("_[?_]" | "_?._", _) => Ok(self.leave(Type::Dyn, "it uses optional values")),
            _ => self.function(expression, functions::find(name, false, call.args.len()), name, &call.args, None),
        }
    }

    fn function(
        &mut self,
        expression: &IdedExpr,
        found: Found,
        name: &str,
        args: &[IdedExpr],
        target: Option<&IdedExpr>,
    ) -> Result<Typed, Mistyped> {
        let at = expression.id;
        // `size` of what `map` and `filter` make needs none of it.
        if let Found::Compiled(Function::Size) = &found
            && let Some(of) = target.or(args.first())
            && matches!(of.expr, Ast::Comprehension(_) | Ast::List(_))
        {
            let (sequence, _) = self.sequence(of)?;
            return Ok((Expr::Count(Box::new(sequence)), Type::Int));
        }
        let (mut values, mut kinds) = (Vec::new(), Vec::new());
        for argument in target.into_iter().chain(args) {
            let (expr, kind) = self.visit(argument)?;
            values.push(expr);
            kinds.push(kind);
        }
        let function = match found {
            Found::Compiled(function) => function,
            Found::Interpreted(kind) => {
                if !values.is_empty() && values.iter().all(is_constant) && kind != Type::Meta {
                    return Ok(self.fold(expression, kind));
                }
                return Ok(self.leave(kind, &format!("it calls {name}")));
            }
            Found::Unknown(usage) => {
                return Err(Mistyped {
                    at,
                    text: format!("`{name}` cannot be called like this: {usage}"),
                });
            }
        };
        let kind = function.answer(&kinds).map_err(|takes| {
            let given: Vec<String> = kinds.iter().map(ToString::to_string).collect();
            Mistyped {
                at,
                text: format!("`{name}` is called with {}; it takes {takes}", given.join(" and ")),
            }
        })?;
        if values.iter().all(is_constant) {
            let (expr, kind) = self.fold(expression, kind);
            if matches!(expr, Expr::Fail) && matches!(function, Function::Timestamp | Function::Duration) && self.interpreted.is_none() {
                let text = format!("this text is no {kind}; write timestamp(\"2026-11-21T08:15:00Z\") or duration(\"36h\")");
                return Err(Mistyped { at, text });
            }
            return Ok((expr, kind));
        }
        if function.is_beyond(&kinds[0]) {
            return Ok(self.leave(kind, &format!("it calls {name} with {}", kinds[0])));
        }
        let mut values = values.into_iter().map(Box::new);
        let first = values.next().expect("every function here takes one");
        Ok((Expr::Call(function, first, values.next()), kind))
    }

    fn matches(&mut self, at: u64, text: &IdedExpr, pattern: &IdedExpr) -> Result<Typed, Mistyped> {
        let (text, kind) = self.visit(text)?;
        if !matches!(kind, Type::Str | Type::Dyn) {
            return Err(Mistyped {
                at,
                text: format!("`matches` is asked of {kind}; it takes string"),
            });
        }
        let Ast::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            return Ok(self.leave(Type::Bool, "its pattern is no literal"));
        };
        match Regex::new(pattern.inner()) {
            Ok(pattern) => Ok((Expr::Matches(Box::new(text), pattern), Type::Bool)),
            // Accepted by the examination and too large by the limits of the engine: an error for every event.
            Err(_) => Ok((Expr::Fail, Type::Bool)),
        }
    }

    fn condition(&mut self, expression: &IdedExpr, of: &str) -> Result<Expr, Mistyped> {
        let (expr, kind) = self.visit(expression)?;
        if matches!(kind, Type::Bool | Type::Dyn) {
            return Ok(expr);
        }
        Err(Mistyped {
            at: expression.id,
            text: format!("{of} is given {kind}; true or false (bool) is expected"),
        })
    }

    fn logic(&mut self, _at: u64, call: &CallExpr, make: fn(Box<Expr>, Box<Expr>) -> Expr) -> Result<Typed, Mistyped> {
        let sign = &call.func_name[1..3];
        let left = self.condition(&call.args[0], &format!("`{sign}`"))?;
        let right = self.condition(&call.args[1], &format!("`{sign}`"))?;
        Ok((make(Box::new(left), Box::new(right)), Type::Bool))
    }

    fn negation(&mut self, expression: &IdedExpr, call: &CallExpr) -> Result<Typed, Mistyped> {
        let (operand, kind) = self.visit(&call.args[0])?;
        if !matches!(kind, Type::Int | Type::Double | Type::Dyn) {
            return Err(Mistyped {
                at: expression.id,
                text: format!("`-` is given {kind}; int or double is expected"),
            });
        }
        if is_constant(&operand) {
            return Ok(self.fold(expression, kind));
        }
        Ok((Expr::Negate(Box::new(operand)), kind))
    }

    fn membership(&mut self, at: u64, call: &CallExpr) -> Result<Typed, Mistyped> {
        let (needle, kind) = self.visit(&call.args[0])?;
        let container = &call.args[1];
        if let Some(around) = self.as_around(container) {
            return match &needle {
                Expr::Constant(Constant::Str(name)) => {
                    self.around(at, around, name)?;
                    Ok((Expr::HasAround(around, name.clone()), Type::Bool))
                }
                _ => Ok(self.leave(Type::Bool, "it looks for a name that is no literal")),
            };
        }
        let mistyped = |item: &Type| Mistyped {
            at,
            text: format!("{kind} is looked for among {item}; none is ever equal"),
        };
        if matches!(container.expr, Ast::List(_) | Ast::Comprehension(_)) {
            let (sequence, item) = self.sequence(container)?;
            if !kind.meets(&item) {
                return Err(mistyped(&item));
            }
            let Sequence::Literal(items) = sequence else {
                return Ok((Expr::InSequence(Box::new(needle), Box::new(sequence)), Type::Bool));
            };
            let constants: Option<Vec<&Constant>> = items
                .iter()
                .map(|item| match item {
                    Expr::Constant(constant) => Some(constant),
                    _ => None,
                })
                .collect();
            let quick = match (&needle, constants) {
                (Expr::Field(at), Some(constants)) => Quick::among(self.nodes, at, &constants),
                _ => None,
            };
            return Ok((with_quick(quick, Expr::InList(Box::new(needle), items)), Type::Bool));
        }
        let (expr, of) = self.visit(container)?;
        match &of {
            Type::List(item) if !kind.meets(item) => return Err(mistyped(item)),
            Type::Map(_) if !matches!(kind, Type::Str | Type::Dyn) => return Err(mistyped(&Type::Str)),
            Type::List(_) | Type::Map(_) | Type::Dyn => {}
            Type::Object(_) => return Ok(self.leave(Type::Bool, "it looks for the name of a property; use has(…)")),
            other => {
                return Err(Mistyped {
                    at,
                    text: format!("`in` looks into {other}; a list or a map is expected"),
                });
            }
        }
        Ok((Expr::In(Box::new(needle), Box::new(expr)), Type::Bool))
    }

    fn index(&mut self, at: u64, call: &CallExpr) -> Result<Typed, Mistyped> {
        let literal = match &call.args[1].expr {
            Ast::Literal(LiteralValue::String(name)) => Some(name.inner()),
            _ => None,
        };
        if let Some(around) = self.as_around(&call.args[0]) {
            let Some(name) = literal else {
                return Ok(self.leave(Type::Dyn, "it looks for a name that is no literal"));
            };
            let kind = if around == Around::Headers {
                Type::Dyn
            } else {
                self.around(at, around, name)?
            };
            return Ok((Expr::Around(around, name.into()), kind));
        }
        let (operand, kind) = self.visit(&call.args[0])?;
        if let (Some(name), Type::Object(_) | Type::Map(_)) = (literal, &kind) {
            return self.member(at, operand, &kind, name, false);
        }
        let (index, given) = self.visit(&call.args[1])?;
        let answer = match &kind {
            Type::List(item) if given.is_number() || given.is_dyn() => (**item).clone(),
            Type::Map(value) if matches!(given, Type::Str | Type::Dyn) => (**value).clone(),
            Type::Dyn => Type::Dyn,
            Type::Object(_) => return Ok(self.leave(Type::Dyn, "it looks for a name that is no literal")),
            other => {
                return Err(Mistyped {
                    at,
                    text: format!("{other} has no index of type {given}"),
                });
            }
        };
        Ok((Expr::Index(Box::new(operand), Box::new(index)), answer))
    }

    /// `math.greatest`, `math.least`.
    fn extreme(&mut self, call: &CallExpr) -> Result<Typed, Mistyped> {
        let greatest = call.func_name == "math.@max";
        let numeric = |kind: &Type| kind.is_number() || kind.is_dyn();
        let (sequence, item) = if call.args.len() == 2 {
            let (left, one) = self.visit(&call.args[0])?;
            let (right, other) = self.visit(&call.args[1])?;
            for (argument, kind) in call.args.iter().zip([&one, &other]) {
                if !numeric(kind) {
                    return Err(Mistyped {
                        at: argument.id,
                        text: format!("a number is expected, and this is {kind}"),
                    });
                }
            }
            (Sequence::Literal(Box::new([left, right])), one.join(other))
        } else {
            let argument = &call.args[0];
            if !matches!(argument.expr, Ast::List(_) | Ast::Comprehension(_)) {
                let (of, kind) = self.visit(argument)?;
                match kind {
                    Type::List(item) => {
                        let of = Box::new(Sequence::Of(of));
                        return self.extreme_of(argument.id, greatest, of, *item);
                    }
                    kind if kind.is_number() => {
                        let of = Box::new(Sequence::Literal(Box::new([of])));
                        return self.extreme_of(argument.id, greatest, of, kind);
                    }
                    Type::Dyn => return Ok(self.leave(Type::Dyn, "it asks for the greatest of a value without a type")),
                    other => {
                        return Err(Mistyped {
                            at: argument.id,
                            text: format!("numbers are expected, and this is {other}"),
                        });
                    }
                }
            }
            self.sequence(argument)?
        };
        self.extreme_of(call.args[0].id, greatest, Box::new(sequence), item)
    }

    fn extreme_of(&mut self, at: u64, greatest: bool, of: Box<Sequence>, item: Type) -> Result<Typed, Mistyped> {
        if !item.is_number() && !item.is_dyn() {
            return Err(Mistyped {
                at,
                text: format!("numbers are expected, and these are {item}"),
            });
        }
        Ok((Expr::Extreme { greatest, of }, item))
    }
}
