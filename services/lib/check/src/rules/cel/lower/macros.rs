//! The shapes that the parser gives to macros, recognised.

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, Expr as Ast, LiteralValue};

use crate::rules::cel::expression::Fold;

/// `all`, `exists` and `exists_one` with their condition.
pub(super) fn fold(comprehension: &ComprehensionExpr) -> Option<(Fold, &IdedExpr)> {
    if comprehension.iter_var2.is_some() {
        return None;
    }
    let Ast::Call(step) = &comprehension.loop_step.expr else {
        return None;
    };
    let Ast::Literal(start) = &comprehension.accu_init.expr else {
        return None;
    };
    match (start, step.func_name.as_str(), step.args.as_slice()) {
        (LiteralValue::Boolean(start), "_&&_", [accumulator, body]) if *start.inner() && is_result(accumulator, comprehension) => {
            Some((Fold::All, body))
        }
        (LiteralValue::Boolean(start), "_||_", [accumulator, body]) if !*start.inner() && is_result(accumulator, comprehension) => {
            Some((Fold::Exists, body))
        }
        (LiteralValue::Int(_), "_?_:_", [body, _, accumulator]) if is_result(accumulator, comprehension) => Some((Fold::ExistsOne, body)),
        _ => None,
    }
}

/// `map` and `filter`: the condition, and what each item becomes.
pub(super) fn made(comprehension: &ComprehensionExpr) -> Option<(Option<&IdedExpr>, &IdedExpr)> {
    if comprehension.iter_var2.is_some() || !is_result(&comprehension.result, comprehension) {
        return None;
    }
    let Ast::List(start) = &comprehension.accu_init.expr else {
        return None;
    };
    if !start.elements.is_empty() {
        return None;
    }
    let Ast::Call(step) = &comprehension.loop_step.expr else {
        return None;
    };
    match (step.func_name.as_str(), step.args.as_slice()) {
        ("_?_:_", [guard, appended, accumulator]) if is_result(accumulator, comprehension) => {
            Some((Some(guard), item(appended, comprehension)?))
        }
        ("_+_", _) => Some((None, item(&comprehension.loop_step, comprehension)?)),
        _ => None,
    }
}

/// The `x` of `@result + [x]`.
fn item<'e>(appended: &'e IdedExpr, comprehension: &ComprehensionExpr) -> Option<&'e IdedExpr> {
    let Ast::Call(call) = &appended.expr else { return None };
    match call.args.as_slice() {
        [accumulator, list] if call.func_name == "_+_" && is_result(accumulator, comprehension) => match &list.expr {
            Ast::List(list) if list.elements.len() == 1 => list.elements.first(),
            _ => None,
        },
        _ => None,
    }
}

fn is_result(expression: &IdedExpr, comprehension: &ComprehensionExpr) -> bool {
    matches!(&expression.expr, Ast::Ident(name) if *name == comprehension.accu_var && name.starts_with('@'))
}
