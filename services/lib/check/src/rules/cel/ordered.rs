//! Keys of maps in one order. CEL leaves open in which order a map is walked, and the crate keeps maps in a hash table whose order differs from
//! run to run: a rule that makes a list of keys (`map`, `filter`) would judge the same event one way today and another way tomorrow. Here such a
//! list is always sorted. `all`, `exists` and `exists_one` say the same in any order.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::extractors::Arguments;
use cel::{Context, Value};

/// No expression can name it.
const FUNCTION: &str = "@ordered";

/// The expression with every list that is made of a walk made of a sorted one; none where nothing is made.
pub(super) fn ordered(expression: &IdedExpr) -> Option<IdedExpr> {
    let mut copy = expression.clone();
    let mut found = false;
    walk(&mut copy, &mut found);
    found.then_some(copy)
}

/// Makes the function known that [`ordered`] calls.
pub(super) fn bind(context: &mut Context<'_, '_>) {
    let known = context.add_function(FUNCTION, |Arguments(arguments): Arguments| match arguments.first() {
        Some(Value::Map(map)) => {
            let mut keys: Vec<_> = map.map.keys().cloned().collect();
            keys.sort();
            Value::from(keys.into_iter().map(Value::from).collect::<Vec<Value>>())
        }
        Some(other) => other.clone(),
        None => Value::Null,
    });
    known.expect("nothing that is declared begins with @");
}

fn walk(expression: &mut IdedExpr, found: &mut bool) {
    match &mut expression.expr {
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| walk(target, found));
            call.args.iter_mut().for_each(|argument| walk(argument, found));
        }
        Expr::Comprehension(comprehension) => {
            let makes_list = matches!(&comprehension.accu_init.expr, Expr::List(list) if list.elements.is_empty());
            for part in [
                &mut comprehension.iter_range,
                &mut comprehension.accu_init,
                &mut comprehension.loop_cond,
                &mut comprehension.loop_step,
                &mut comprehension.result,
            ] {
                walk(part, found);
            }
            if makes_list {
                *found = true;
                let range = std::mem::take(&mut comprehension.iter_range);
                comprehension.iter_range = IdedExpr {
                    id: range.id,
                    expr: Expr::Call(CallExpr {
                        func_name: FUNCTION.to_owned(),
                        target: None,
                        args: vec![range],
                    }),
                };
            }
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|element| walk(element, found)),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| entry_of(entry, found)),
        Expr::Struct(of) => of.entries.iter_mut().for_each(|entry| entry_of(entry, found)),
        Expr::Select(select) => walk(&mut select.operand, found),
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
    }
}

fn entry_of(entry: &mut IdedEntryExpr, found: &mut bool) {
    match &mut entry.expr {
        EntryExpr::StructField(field) => walk(&mut field.value, found),
        EntryExpr::MapEntry(entry) => {
            walk(&mut entry.key, found);
            walk(&mut entry.value, found);
        }
    }
}
