//! What a rule sees beyond the values of single fields: which properties an object declares, and by which version it is judged.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr};

use crate::plan::{Kind, Node};

/// What answers may turn on although no value differs.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Nodes of objects that are used as maps: their size, keys, order or equality. What is declared in them is seen, also further down.
    pub(crate) objects: Vec<usize>,
    /// `meta` is read for more than the topic.
    pub(crate) version: bool,
}

struct Viewer<'a> {
    nodes: &'a [Node],
    object: usize,
    locals: Vec<(&'a str, Option<usize>)>,
    /// What the innermost comprehension gathers into its list.
    gathered: Vec<usize>,
    view: View,
}

/// Looks through an expression over the object at `object` that has been examined, so it is not deep.
pub(super) fn view(expression: &IdedExpr, nodes: &[Node], object: usize) -> View {
    let mut viewer = Viewer {
        nodes,
        object,
        locals: Vec::new(),
        gathered: Vec::new(),
        view: View::default(),
    };
    viewer.value(expression);
    viewer.view
}

// === impl Viewer ===

impl<'a> Viewer<'a> {
    /// An expression whose value is used whole.
    fn value(&mut self, expression: &'a IdedExpr) {
        if let Some(node) = self.visit(expression) {
            self.whole(node);
        }
    }

    fn whole(&mut self, node: usize) {
        match &self.nodes[node].kind {
            Kind::Object(_) => {
                if !self.view.objects.contains(&node) {
                    self.view.objects.push(node);
                }
            }
            Kind::Array(item) => self.whole(*item),
            Kind::Map(key, value) => {
                self.whole(*key);
                self.whole(*value);
            }
            Kind::Leaf(_) | Kind::Any => {}
        }
    }

    /// An expression that something is taken from; answers the node whose values it has, where that is known.
    fn visit(&mut self, expression: &'a IdedExpr) -> Option<usize> {
        match &expression.expr {
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => {
                list.elements.iter().for_each(|element| self.value(element));
                None
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.value(&entry.key);
                        self.value(&entry.value);
                    }
                }
                None
            }
            Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => None,
        }
    }

    fn ident(&mut self, name: &str) -> Option<usize> {
        if let Some((_, node)) = self.locals.iter().rev().find(|(local, _)| *local == name) {
            return *node;
        }
        match name {
            "value" => Some(self.object),
            "before" => Some(0),
            "meta" => {
                self.view.version = true;
                None
            }
            _ => None,
        }
    }

    fn is_meta(&self, expression: &IdedExpr) -> bool {
        matches!(&expression.expr, Expr::Ident(name) if name == "meta" && !self.locals.iter().any(|(local, _)| local == name))
    }

    fn select(&mut self, select: &'a SelectExpr) -> Option<usize> {
        if self.is_meta(&select.operand) {
            self.view.version |= select.field != "topic";
            return None;
        }
        let operand = self.visit(&select.operand)?;
        let member = self.member(operand, &select.field);
        // Whether it is there is a truth value.
        member.filter(|_| !select.test)
    }

    fn member(&self, operand: usize, field: &str) -> Option<usize> {
        match &self.nodes[operand].kind {
            Kind::Object(children) => children.iter().copied().find(|child| *self.nodes[*child].name == *field),
            Kind::Map(_, value) => Some(*value),
            Kind::Array(_) | Kind::Leaf(_) | Kind::Any => None,
        }
    }

    fn call(&mut self, call: &'a CallExpr) -> Option<usize> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            ("_[_]", [operand, index]) => return self.index(operand, index),
            // Of lists and maps the size and the keys are data.
            ("size", [only]) if call.target.is_none() => self.count(only),
            ("size", []) => {
                if let Some(target) = &call.target {
                    self.count(target);
                }
            }
            ("@in", [needle, hay]) => {
                self.value(needle);
                match self.visit(hay) {
                    Some(node) if matches!(self.nodes[node].kind, Kind::Map(..)) => {}
                    Some(node) => self.whole(node),
                    None => {}
                }
            }
            // The `@result + [x]` that `map` and `filter` expand to.
            ("_+_", [so_far, more]) if is_result(so_far) => match &more.expr {
                Expr::List(list) => {
                    for element in &list.elements {
                        let node = self.visit(element);
                        self.gathered.extend(node);
                    }
                }
                _ => self.value(more),
            },
            // Whether it is null does not depend on what is declared in it.
            ("_==_" | "_!=_", [one, other]) if is_null(one) || is_null(other) => {
                self.visit(one);
                self.visit(other);
            }
            (_, args) => {
                if let Some(target) = &call.target {
                    self.value(target);
                }
                args.iter().for_each(|arg| self.value(arg));
            }
        }
        None
    }

    fn count(&mut self, counted: &'a IdedExpr) {
        if let Some(node) = self.visit(counted)
            && matches!(self.nodes[node].kind, Kind::Object(_))
        {
            self.whole(node);
        }
    }

    fn index(&mut self, operand: &'a IdedExpr, index: &'a IdedExpr) -> Option<usize> {
        let literal = match &index.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
            _ => None,
        };
        if self.is_meta(operand) && literal == Some("topic") {
            return None;
        }
        let node = self.visit(operand);
        self.value(index);
        let node = node?;
        match (&self.nodes[node].kind, literal) {
            (Kind::Object(_), Some(field)) => self.member(node, field),
            (Kind::Object(_), None) => {
                self.whole(node);
                None
            }
            (Kind::Array(item), _) => Some(*item),
            (Kind::Map(_, value), _) => Some(*value),
            (Kind::Leaf(_) | Kind::Any, _) => None,
        }
    }

    /// Answers the list that was gone over, where the outcome is a part of it.
    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr) -> Option<usize> {
        let range = self.visit(&comprehension.iter_range);
        let (first, second) = match range.map(|node| (node, &self.nodes[node].kind)) {
            Some((_, Kind::Array(item))) if comprehension.iter_var2.is_none() => (Some(*item), None),
            Some((_, Kind::Array(item))) => (None, Some(*item)),
            Some((_, Kind::Map(key, value))) => (Some(*key), Some(*value)),
            // Over its names.
            Some((node, Kind::Object(_))) => {
                self.whole(node);
                (None, None)
            }
            _ => (None, None),
        };
        let outer = self.locals.len();
        let outer_gathered = std::mem::take(&mut self.gathered);
        self.value(&comprehension.accu_init);
        self.locals.push((&comprehension.accu_var, None));
        self.locals.push((&comprehension.iter_var, first));
        if let Some(name) = &comprehension.iter_var2 {
            self.locals.push((name, second));
        }
        self.value(&comprehension.loop_cond);
        self.value(&comprehension.loop_step);
        self.value(&comprehension.result);
        self.locals.truncate(outer);
        let gathered = std::mem::replace(&mut self.gathered, outer_gathered);
        let is_list = range.is_some_and(|node| matches!(self.nodes[node].kind, Kind::Array(_)));
        let is_part = is_list && !gathered.is_empty() && gathered.iter().all(|node| Some(*node) == first);
        if is_part {
            return range;
        }
        gathered.into_iter().for_each(|node| self.whole(node));
        None
    }
}

fn is_result(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name.starts_with('@'))
}

fn is_null(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Literal(LiteralValue::Null))
}
