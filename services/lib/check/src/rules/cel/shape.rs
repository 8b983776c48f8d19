//! What a program reads and how much it can cost, told from its syntax tree before it ever runs.

use std::sync::Arc;

use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use crate::plan::{Kind, Node};

/// Longest expression in bytes.
const SOURCE_MAX: usize = 4096;
/// Deepest nesting of brackets, most conditionals, and most signs in a row: the parser recurses for each.
const SOURCE_DEPTH_MAX: usize = 24;
/// Most words and signs of an expression: chains such as `a.b.c` and `1 + 1 + 1` recurse for each link.
const SOURCE_TOKENS_MAX: usize = 512;
/// Deepest syntax tree: evaluation recurses for each level, on the worker's own stack. Chains of `&&` and `||` are balanced by the parser.
const TREE_DEPTH_MAX: u32 = 32;
/// Most nodes of a syntax tree.
const SIZE_MAX: u64 = 300;
/// Deepest nesting of `all`, `exists`, `map`, `filter`.
const NESTING_MAX: u32 = 3;

/// Functions of the environment that rules may call, beside operators and `math.*`.
const FUNCTIONS: [&str; 25] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "timestamp",
    "duration",
    "type",
    "dyn",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

/// Names of types that may stand as values.
const TYPES: [&str; 12] = [
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "list",
    "map",
    "null_type",
    "type",
    "timestamp",
    "duration",
];

/// Variables that a program reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) value: Fields,
    pub(crate) before: Fields,
    pub(crate) key: bool,
    pub(crate) headers: bool,
    pub(crate) meta: bool,
    pub(crate) op: bool,
    pub(crate) source: bool,
    pub(crate) now: bool,
}

/// Fields of an object that are read.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    whole: bool,
    names: Vec<Arc<str>>,
}

/// The outcome of the examination.
pub(super) struct Shape {
    pub(super) reads: Reads,
    pub(super) size: u64,
    pub(super) nesting: u32,
}

struct Examiner<'a> {
    nodes: &'a [Node],
    object: usize,
    change: bool,
    reads: Reads,
    size: u64,
    depth: u32,
    nesting: u32,
    deepest: u32,
    /// Variables of comprehensions with the node that they stand for, where it is known.
    locals: Vec<(String, Option<usize>)>,
    /// Inside of the range of a comprehension, where a growing value would be walked.
    in_range: bool,
    /// The innermost part of what is refused.
    at: Option<u64>,
}

// === impl Fields ===

impl Fields {
    /// Whether nothing is read.
    pub(crate) fn is_empty(&self) -> bool {
        !self.whole && self.names.is_empty()
    }

    /// Whether this field is read.
    pub(crate) fn reads(&self, name: &str) -> bool {
        self.whole || self.names.iter().any(|read| **read == *name)
    }

    /// The fields; none where the object is used whole.
    pub(crate) fn names(&self) -> Option<&[Arc<str>]> {
        (!self.whole).then_some(self.names.as_slice())
    }

    fn add(&mut self, name: &Arc<str>) {
        if !self.reads(name) {
            self.names.push(name.clone());
        }
    }
}

/// Refuses a source that could exhaust the parser's stack, before it is parsed. Quoted text counts like the rest: it is simpler to see
/// through, and no honest rule comes near the limits.
pub(super) fn examine_source(source: &str) -> Result<(), String> {
    if source.len() > SOURCE_MAX {
        return Err(format!("the expression is longer than {SOURCE_MAX} bytes"));
    }
    let (mut depth, mut deepest, mut conditionals, mut signs, mut most_signs) = (0_usize, 0, 0, 0, 0);
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'?' => conditionals += 1,
            _ => {}
        }
        signs = match byte {
            b'!' | b'-' => signs + 1,
            b' ' | b'\t' | b'\r' | b'\n' => signs,
            _ => 0,
        };
        deepest = deepest.max(depth);
        most_signs = most_signs.max(signs);
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let bytes = source.as_bytes();
    let continues = |at: usize| at > 0 && is_word(bytes[at]) && is_word(bytes[at - 1]);
    let tokens = (0..bytes.len())
        .filter(|at| !bytes[*at].is_ascii_whitespace() && !continues(*at))
        .count();
    if tokens > SOURCE_TOKENS_MAX {
        return Err(format!("the expression has more than {SOURCE_TOKENS_MAX} words and signs"));
    }
    if deepest.max(conditionals).max(most_signs) > SOURCE_DEPTH_MAX {
        return Err(format!("the expression is nested deeper than {SOURCE_DEPTH_MAX}"));
    }
    Ok(())
}

/// Examines a program over the object at `object`; the error is a part of the tree and a sentence for the author.
pub(super) fn examine(expression: &IdedExpr, nodes: &[Node], object: usize, change: bool) -> Result<Shape, (Option<u64>, String)> {
    let mut examiner = Examiner {
        nodes,
        object,
        change,
        reads: Reads::default(),
        size: 0,
        depth: 0,
        nesting: 0,
        deepest: 0,
        locals: Vec::new(),
        in_range: false,
        at: None,
    };
    if let Err(text) = examiner.visit(expression) {
        return Err((examiner.at, text));
    }
    Ok(Shape {
        reads: examiner.reads,
        size: examiner.size,
        nesting: examiner.deepest,
    })
}

// === impl Examiner ===

impl Examiner<'_> {
    /// Visits an expression; the answer is the node whose values it has, where that is known.
    fn visit(&mut self, expression: &IdedExpr) -> Result<Option<usize>, String> {
        self.size += 1;
        if self.size > SIZE_MAX {
            return Err(format!("the expression has more than {SIZE_MAX} parts"));
        }
        self.depth += 1;
        if self.depth > TREE_DEPTH_MAX {
            return Err(format!("the expression is nested deeper than {TREE_DEPTH_MAX}"));
        }
        let node = self.visit_kind(&expression.expr);
        if node.is_err() {
            self.at = self.at.or(Some(expression.id));
        }
        self.depth -= 1;
        node
    }

    fn visit_kind(&mut self, expression: &Expr) -> Result<Option<usize>, String> {
        match expression {
            Expr::Ident(name) => self.ident(name),
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(root) if !self.is_local(root) && matches!(root.as_str(), "value" | "before") => {
                    self.size += 1;
                    self.root_field(root, &select.field).map(Some)
                }
                _ => {
                    let operand = self.visit(&select.operand)?;
                    self.member(operand, &select.field)
                }
            },
            Expr::Call(call) => self.call(&call.func_name, call.target.as_deref(), &call.args),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::List(list) => self.visit_all(&list.elements),
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.visit(&entry.key)?;
                        self.visit(&entry.value)?;
                    }
                }
                Ok(None)
            }
            Expr::Struct(_) => Err(String::from("structs are not supported")),
            Expr::Literal(_) | Expr::Unspecified => Ok(None),
        }
    }

    fn visit_all(&mut self, expressions: &[IdedExpr]) -> Result<Option<usize>, String> {
        for expression in expressions {
            self.visit(expression)?;
        }
        Ok(None)
    }

    fn ident(&mut self, name: &str) -> Result<Option<usize>, String> {
        if let Some((_, node)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Ok(*node);
        }
        let reads = &mut self.reads;
        match name {
            "value" => {
                reads.value.whole = true;
                return Ok(Some(self.object));
            }
            "before" => {
                self.needs_change(name)?;
                self.reads.before.whole = true;
                return Ok(Some(0));
            }
            "op" | "source" => {
                self.needs_change(name)?;
                self.reads.op |= name == "op";
                self.reads.source |= name == "source";
            }
            "key" => reads.key = true,
            "headers" => reads.headers = true,
            "meta" => reads.meta = true,
            "now" => reads.now = true,
            name if TYPES.contains(&name) => {}
            name => {
                return Err(format!(
                    "`{name}` is not known; a rule may use value, before, op, source, key, headers, meta and now, and properties as `value.{name}`"
                ));
            }
        }
        Ok(None)
    }

    fn needs_change(&self, name: &str) -> Result<(), String> {
        if self.change {
            Ok(())
        } else {
            Err(format!("`{name}` exists only where the contract says how changes travel (`cdc`)"))
        }
    }

    fn root_field(&mut self, root: &str, field: &str) -> Result<usize, String> {
        let object = if root == "value" {
            self.object
        } else {
            self.needs_change(root)?;
            0
        };
        let node = self.child(object, field)?;
        let name = self.nodes[node].name.clone();
        if root == "value" {
            self.reads.value.add(&name)
        } else {
            self.reads.before.add(&name)
        }
        Ok(node)
    }

    fn child(&self, object: usize, field: &str) -> Result<usize, String> {
        let Kind::Object(children) = &self.nodes[object].kind else {
            return Err(format!("`{}` has no field `{field}`", self.nodes[object].name));
        };
        children
            .iter()
            .copied()
            .find(|child| *self.nodes[*child].name == *field)
            .ok_or_else(|| {
                let known: Vec<&str> = children.iter().take(12).map(|child| &*self.nodes[*child].name).collect();
                format!("the contract has no property `{field}` there; it has {}", known.join(", "))
            })
    }

    fn member(&self, operand: Option<usize>, field: &str) -> Result<Option<usize>, String> {
        let Some(node) = operand else { return Ok(None) };
        match &self.nodes[node].kind {
            Kind::Object(_) => self.child(node, field).map(Some),
            Kind::Map(_, value) => Ok(Some(*value)),
            Kind::Any => Ok(None),
            Kind::Array(_) | Kind::Leaf(_) => Err(format!("`{}` has no fields, so no `{field}`", self.nodes[node].name)),
        }
    }

    fn call(&mut self, name: &str, target: Option<&IdedExpr>, args: &[IdedExpr]) -> Result<Option<usize>, String> {
        let is_operator = name.contains('_') || name.starts_with('@') || name == "!_";
        // What `math.greatest` and `math.least` are parsed to.
        let is_extreme = matches!(name, "math.@max" | "math.@min");
        let is_math = matches!(target.map(|target| &target.expr), Some(Expr::Ident(space)) if space == "math");
        if !is_operator && !is_math && !is_extreme && !FUNCTIONS.contains(&name) {
            return Err(format!("there is no function `{name}`"));
        }
        if name == "matches" {
            match args.last().map(|last| &last.expr) {
                Some(Expr::Literal(LiteralValue::String(pattern))) => {
                    tidegate_contract::pattern::compile(pattern.inner())?;
                }
                _ => return Err(String::from("the pattern of `matches` must be a literal")),
            }
        }
        if name == "_[_]" && args.len() == 2 {
            if let (Expr::Ident(root), Expr::Literal(LiteralValue::String(field))) = (&args[0].expr, &args[1].expr)
                && matches!(root.as_str(), "value" | "before")
                && !self.is_local(root)
            {
                self.size += 2;
                return self.root_field(root, field.inner()).map(Some);
            }
            let operand = self.visit(&args[0])?;
            self.visit(&args[1])?;
            return Ok(operand.and_then(|node| match &self.nodes[node].kind {
                Kind::Array(item) => Some(*item),
                Kind::Map(_, value) => Some(*value),
                _ => None,
            }));
        }
        if name == "_+_" && self.in_range && !self.is_accumulation(args) {
            return Err(String::from(
                "`+` inside of what `all`, `exists`, `map` or `filter` goes over is not supported",
            ));
        }
        if let Some(target) = target
            && !is_math
        {
            self.visit(target)?;
        }
        self.visit_all(args)
    }

    /// The `@result + [x]` that `map` and `filter` expand to.
    fn is_accumulation(&self, args: &[IdedExpr]) -> bool {
        matches!(args.first().map(|first| &first.expr), Some(Expr::Ident(name)) if name.starts_with('@'))
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Result<Option<usize>, String> {
        let outer_range = std::mem::replace(&mut self.in_range, true);
        let range = self.visit(&comprehension.iter_range)?;
        self.in_range = outer_range;
        self.nesting += 1;
        self.deepest = self.deepest.max(self.nesting);
        if self.nesting > NESTING_MAX {
            return Err(format!("`all`, `exists`, `map` and `filter` are nested deeper than {NESTING_MAX}"));
        }
        let (first, second) = match range.map(|node| &self.nodes[node].kind) {
            Some(Kind::Array(item)) if comprehension.iter_var2.is_none() => (Some(*item), None),
            Some(Kind::Array(item)) => (None, Some(*item)),
            Some(Kind::Map(key, value)) => (Some(*key), Some(*value)),
            _ => (None, None),
        };
        let outer = self.locals.len();
        self.visit(&comprehension.accu_init)?;
        self.locals.push((comprehension.accu_var.clone(), None));
        self.locals.push((comprehension.iter_var.clone(), first));
        if let Some(name) = &comprehension.iter_var2 {
            self.locals.push((name.clone(), second));
        }
        self.visit(&comprehension.loop_cond)?;
        self.visit(&comprehension.loop_step)?;
        self.visit(&comprehension.result)?;
        self.locals.truncate(outer);
        self.nesting -= 1;
        Ok(None)
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|(local, _)| local == name)
    }
}
