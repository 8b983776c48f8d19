//! Random expressions that have a type.

use super::Dice;
use crate::plan::{Kind, Plan};
use crate::rules::cel::kind::Type;

pub(super) struct Grammar<'g> {
    dice: &'g mut Dice,
    plan: &'g Plan,
    /// Variables of macros.
    locals: Vec<(String, Type)>,
    /// In what a macro goes over, where nothing may grow.
    in_range: bool,
}

impl<'g> Grammar<'g> {
    pub(super) fn new(dice: &'g mut Dice, plan: &'g Plan) -> Grammar<'g> {
        Grammar {
            dice,
            plan,
            locals: Vec::new(),
            in_range: false,
        }
    }

    pub(super) fn rule(&mut self) -> String {
        let depth = self.dice.below(4);
        self.expression(&Type::Bool, depth)
    }

    /// Expressions that stand for a field, with their types.
    fn fields(&self) -> Vec<(String, Type)> {
        let mut found = self.locals.clone();
        for (root, object) in [("value", 0), ("before", 0)] {
            found.extend(self.fields_of(root, object));
        }
        let mut below = Vec::new();
        for (path, kind) in &found {
            if let Type::Object(node) = kind {
                below.extend(self.fields_of(path, *node));
            }
        }
        found.extend(below);
        found
    }

    fn fields_of(&self, path: &str, object: usize) -> Vec<(String, Type)> {
        let Kind::Object(children) = &self.plan.nodes[object].kind else {
            return Vec::new();
        };
        children
            .iter()
            .map(|child| {
                (
                    format!("{path}.{}", self.plan.nodes[*child].name),
                    Type::of(&self.plan.nodes, *child),
                )
            })
            .collect()
    }

    fn field(&mut self, wanted: impl Fn(&Type) -> bool) -> Option<(String, Type)> {
        let fields: Vec<(String, Type)> = self.fields().into_iter().filter(|(_, kind)| wanted(kind)).collect();
        (!fields.is_empty()).then(|| self.dice.pick(&fields))
    }

    fn literal(&mut self, kind: &Type) -> String {
        match kind {
            Type::Int => self.dice.pick(&[
                "0",
                "1",
                "-1",
                "2",
                "3",
                "9007199254740992",
                "9007199254740993",
                "9223372036854775807",
            ]),
            Type::Uint => self.dice.pick(&["0u", "1u", "18446744073709551615u"]),
            Type::Double => self.dice.pick(&["0.0", "1.0", "0.1", "2.5", "-2.5", "9007199254740992.0", "1e300"]),
            Type::Str => self
                .dice
                .pick(&["''", "'a'", "'b'", "'ab'", "'é'", "'12'", "'2.5'", "'true'", "'c'"]),
            Type::Bytes => self.dice.pick(&["b''", "b'a'", "b'ab'"]),
            Type::Timestamp => self.dice.pick(&[
                "timestamp('1970-01-01T00:00:00Z')",
                "timestamp('2026-11-21T08:15:30.000000001Z')",
                "timestamp('2026-11-21T08:15:30+02:00')",
                "timestamp(0)",
            ]),
            Type::Duration => self
                .dice
                .pick(&["duration('1h')", "duration('1ns')", "duration('-36h')", "duration('0')"]),
            Type::Bool => self.dice.pick(&["true", "false"]),
            Type::Dyn => self.dice.pick(&["true", "1", "2.5", "'a'", "null"]),
            _ => "null",
        }
        .to_owned()
    }

    /// An expression of a type.
    fn expression(&mut self, kind: &Type, depth: usize) -> String {
        if depth == 0 || self.dice.one_in(8) {
            return self.simple(kind);
        }
        let next = depth - 1;
        if self.dice.one_in(10) {
            let condition = self.expression(&Type::Bool, next);
            return format!("({condition} ? {} : {})", self.expression(kind, next), self.expression(kind, next));
        }
        match kind {
            Type::Bool => self.condition(next),
            Type::Int => match self.dice.below(7) {
                0 => format!("size({})", self.sized(next)),
                1 => {
                    let of = self.dice.pick(&[Type::Double, Type::Str, Type::Timestamp, Type::Uint]);
                    format!("int({})", self.expression(&of, next))
                }
                2 => {
                    let part = self.dice.pick(&[
                        "getFullYear",
                        "getMonth",
                        "getDate",
                        "getDayOfWeek",
                        "getDayOfYear",
                        "getHours",
                        "getMilliseconds",
                    ]);
                    format!("{}.{part}()", self.expression(&Type::Timestamp, next))
                }
                3 => format!("{}.getMinutes()", self.expression(&Type::Duration, next)),
                4 => self.made(next).map_or_else(|| String::from("0"), |list| format!("size({list})")),
                _ => self.number(&Type::Int, next),
            },
            Type::Uint if self.dice.one_in(3) => format!("uint({})", self.expression(&Type::Int, next)),
            Type::Uint => self.number(&Type::Uint, next),
            Type::Double if self.dice.one_in(3) => {
                let of = self.dice.pick(&[Type::Int, Type::Uint, Type::Str]);
                format!("double({})", self.expression(&of, next))
            }
            Type::Double => self.number(&Type::Double, next),
            Type::Timestamp => {
                let sign = self.dice.pick(&["+", "-"]);
                if self.in_range {
                    return self.simple(kind);
                }
                format!(
                    "({} {sign} {})",
                    self.expression(&Type::Timestamp, next),
                    self.expression(&Type::Duration, next)
                )
            }
            Type::Duration if self.dice.one_in(2) => {
                format!(
                    "({} - {})",
                    self.expression(&Type::Timestamp, next),
                    self.expression(&Type::Timestamp, next)
                )
            }
            Type::Str if !self.in_range && self.dice.one_in(6) => {
                format!("({} + {})", self.expression(&Type::Str, next), self.expression(&Type::Str, next))
            }
            _ => self.simple(kind),
        }
    }

    fn number(&mut self, kind: &Type, depth: usize) -> String {
        let (left, right) = (self.expression(kind, depth), self.expression(kind, depth));
        match self.dice.below(8) {
            0 if *kind != Type::Uint => format!("(-{left})"),
            1 => format!("math.abs({left})"),
            2 => format!("math.greatest({left}, {right}, {})", self.literal(kind)),
            3 => format!("math.least({left}, {right})"),
            4 if *kind == Type::Double => {
                let function = self.dice.pick(&["ceil", "floor", "round", "trunc", "sqrt", "sign"]);
                format!("math.{function}({left})")
            }
            4 => format!("({left} % {right})"),
            _ => {
                let mut signs = vec!["-", "*", "/"];
                if !self.in_range {
                    signs.push("+");
                }
                format!("({left} {} {right})", self.dice.pick(&signs))
            }
        }
    }

    fn simple(&mut self, kind: &Type) -> String {
        if self.dice.one_in(12) {
            // Nothing tells its type before it runs.
            if let Some((field, _)) = self.field(Type::is_dyn) {
                return match self.dice.below(4) {
                    0 => format!("{field}.a"),
                    1 => format!("{field}[0]"),
                    2 => format!("{field}['ab']"),
                    _ => field,
                };
            }
        }
        if !self.dice.one_in(4)
            && let Some((field, _)) = self.field(|found| found == kind)
        {
            return field;
        }
        if self.dice.one_in(3)
            && let Some((field, found)) = self.field(|found| match found {
                Type::List(item) => **item == *kind,
                Type::Map(value) => **value == *kind,
                _ => false,
            })
        {
            return match found {
                Type::List(_) => format!("{field}[{}]", self.dice.pick(&["0", "1", "-1", "1u", "0.0", "0.5"])),
                _ => self.dice.pick(&[format!("{field}.a"), format!("{field}['ab']")]),
            };
        }
        match (kind, self.dice.below(8)) {
            (Type::Str, 0) => String::from("op"),
            (Type::Str, 1) => String::from("headers.a"),
            (Type::Str, 2) => String::from("headers['c']"),
            (Type::Str, 3) => String::from("source.table"),
            (Type::Str, 4) => String::from("meta.topic"),
            (Type::Str, 5) => String::from("key"),
            (Type::Timestamp, 0) => String::from("now"),
            (Type::Timestamp, 1) => String::from("source.ts"),
            _ => self.literal(kind),
        }
    }

    fn sized(&mut self, depth: usize) -> String {
        let sized = |kind: &Type| matches!(kind, Type::List(_) | Type::Map(_) | Type::Str | Type::Bytes | Type::Object(_));
        match self.field(sized) {
            Some((field, _)) => field,
            None => self.expression(&Type::Str, depth),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        match self.dice.below(16) {
            0 | 1 => format!(
                "({} && {})",
                self.expression(&Type::Bool, depth),
                self.expression(&Type::Bool, depth)
            ),
            2 | 3 => format!(
                "({} || {})",
                self.expression(&Type::Bool, depth),
                self.expression(&Type::Bool, depth)
            ),
            4 => format!("!({})", self.expression(&Type::Bool, depth)),
            5 => match self.field(|_| true) {
                Some((field, _)) if field.contains('.') => format!("has({field})"),
                _ => String::from("has(headers.a)"),
            },
            6 => match self.field(|_| true) {
                Some((field, _)) => format!("({field} {} null)", self.dice.pick(&["==", "!="])),
                None => String::from("before == null"),
            },
            7 => {
                let function = self.dice.pick(&["startsWith", "endsWith", "contains"]);
                format!(
                    "{}.{function}({})",
                    self.expression(&Type::Str, depth),
                    self.expression(&Type::Str, depth)
                )
            }
            8 => format!(
                "{}.matches({})",
                self.expression(&Type::Str, depth),
                self.dice.pick(&["'^a'", "'b$'", "'[0-9]+'"])
            ),
            9 => {
                let kind = self.leaf();
                let list: Vec<String> = (0..self.dice.below(4)).map(|_| self.literal(&kind)).collect();
                format!("({} in [{}])", self.expression(&kind, depth), list.join(", "))
            }
            10 => match self.field(|kind| matches!(kind, Type::List(_) | Type::Map(_))) {
                Some((field, Type::List(item))) => format!("({} in {field})", self.simple(&item)),
                Some((field, _)) => format!("('a' in {field})"),
                None => String::from("('a' in headers)"),
            },
            11 | 12 => self.fold(depth),
            13 => {
                let fields = (self.field(|_| true), self.field(|_| true));
                match fields {
                    (Some((left, one)), Some((right, other))) if one.meets(&other) => format!("({left} == {right})"),
                    _ => format!("math.isNaN({})", self.expression(&Type::Double, depth)),
                }
            }
            _ => {
                let kind = self.leaf();
                let other = if kind.is_number() {
                    self.dice.pick(&[Type::Int, Type::Uint, Type::Double])
                } else {
                    kind.clone()
                };
                let sign = self.dice.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {sign} {})", self.expression(&kind, depth), self.expression(&other, depth))
            }
        }
    }

    fn leaf(&mut self) -> Type {
        self.dice.pick(&[
            Type::Int,
            Type::Int,
            Type::Double,
            Type::Double,
            Type::Uint,
            Type::Str,
            Type::Str,
            Type::Bytes,
            Type::Timestamp,
            Type::Duration,
            Type::Bool,
        ])
    }

    /// A list and the type of its items, where a macro fits.
    fn list(&mut self, depth: usize) -> Option<(String, Type)> {
        if self.locals.len() >= 2 {
            return None;
        }
        if self.dice.one_in(4) {
            let kind = self.leaf();
            let was = std::mem::replace(&mut self.in_range, true);
            let items: Vec<String> = (0..self.dice.below(3)).map(|_| self.expression(&kind, depth.min(1))).collect();
            self.in_range = was;
            let kind = if items.is_empty() { Type::Dyn } else { kind };
            return Some((format!("[{}]", items.join(", ")), kind));
        }
        let (field, kind) = self.field(|kind| matches!(kind, Type::List(_) | Type::Map(_) | Type::Dyn))?;
        let item = match kind {
            Type::List(item) => *item,
            Type::Map(_) => Type::Str,
            _ => Type::Dyn,
        };
        let mut list = (field, item);
        if self.dice.one_in(4)
            && let Some(made) = self.filtered(&list, depth)
        {
            list = made;
        }
        Some(list)
    }

    fn filtered(&mut self, (list, item): &(String, Type), depth: usize) -> Option<(String, Type)> {
        let name = format!("x{}", self.locals.len());
        self.locals.push((name.clone(), item.clone()));
        let was = std::mem::replace(&mut self.in_range, true);
        let made = if self.dice.one_in(2) {
            let condition = self.expression(&Type::Bool, depth);
            (format!("{list}.filter({name}, {condition})"), item.clone())
        } else {
            let kind = self.leaf();
            let of = self.expression(&kind, depth);
            (format!("{list}.map({name}, {of})"), kind)
        };
        self.in_range = was;
        self.locals.pop();
        Some(made)
    }

    fn made(&mut self, depth: usize) -> Option<String> {
        let list = self.list(depth.min(1))?;
        self.filtered(&list, depth).map(|(list, _)| list)
    }

    fn fold(&mut self, depth: usize) -> String {
        let Some((list, item)) = self.list(depth) else {
            return String::from("true");
        };
        let name = format!("x{}", self.locals.len());
        self.locals.push((name.clone(), item));
        let body = self.expression(&Type::Bool, depth);
        self.locals.pop();
        let fold = self.dice.pick(&["all", "exists", "exists_one"]);
        format!("{list}.{fold}({name}, {body})")
    }
}
