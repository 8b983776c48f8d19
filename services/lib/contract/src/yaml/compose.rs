//! From parser events to the tree, iteratively and within limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::cursor::extended;
use super::scalar::resolve;
use super::{BYTES_MAX, DEPTH_MAX, Entry, NODES_MAX, Node, Value};
use crate::codes::{self, Code};
use crate::diagnostic::Diagnostic;
use crate::problems::{Place, Problems, quoted};

/// Reads one document. The tree is there whenever the text is YAML within the limits, even if it has other problems (duplicate keys).
pub fn parse(file: &str, text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut problems = Problems::new(file);
    let node = parse_into(text, &mut problems);
    (node, problems.into_sorted())
}

pub(crate) fn parse_into(text: &str, problems: &mut Problems) -> Option<Node> {
    let start = Place {
        line: 1,
        column: 1,
        pointer: String::new(),
    };
    if text.len() > BYTES_MAX {
        let problem = format!("the file has {} bytes, more than the limit of {BYTES_MAX}", text.len());
        problems.error(codes::YAML_LIMIT, start, problem, "split the contract by object");
        return None;
    }
    if text.starts_with("version https://git-lfs") {
        let help = "commit the contract itself; large-file storage is not asked";
        problems.error(codes::FILE_READ, start, "this is a Git LFS pointer, not a contract", help);
        return None;
    }
    let mut composer = Composer {
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        lines: line_count(text),
        root: None,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(next) => next,
            Err(error) => {
                let spot = composer.spot(error.marker());
                // The parser has a nesting limit of its own, which some forms of nesting meet first.
                if error.info().contains("recursion limit") {
                    composer.error(
                        codes::YAML_LIMIT,
                        spot,
                        format!("nested deeper than {DEPTH_MAX} levels"),
                        "flatten the structure",
                    );
                    return None;
                }
                let problem = format!("this is not YAML: {}", error.info());
                composer.error(codes::YAML_SYNTAX, spot, problem, syntax_help(error.info(), text));
                return None;
            }
        };
        if !composer.accept(event, span) {
            return None;
        }
    }
    let root = composer.root;
    if root.as_ref().is_none_or(|node| node.value == Value::Null) {
        problems.error(
            codes::EMPTY_FILE,
            start,
            "the file holds no contract",
            "start with `apiVersion: v3.2.0` and `kind: DataContract`",
        );
        return None;
    }
    root
}

/// The longest key; the pointers in diagnostics are made of keys.
const KEY_BYTES_MAX: usize = 256;

/// Line and column, both from 1.
type Spot = (u32, u32);

/// A collection that is not closed yet.
enum Open {
    Sequence {
        anchor: usize,
        spot: Spot,
        items: Vec<Node>,
    },
    Mapping {
        anchor: usize,
        spot: Spot,
        entries: Vec<Entry>,
        seen: BTreeMap<Arc<str>, Spot>,
        key: Key,
    },
}

/// What a mapping waits for.
enum Key {
    /// The next key.
    Awaited,
    /// The value of this key.
    Read(Arc<str>, Spot),
    /// The value of a key that was refused; it is read and dropped.
    Refused,
}

/// What an anchor names.
enum Anchor {
    /// A collection that is not closed yet.
    Unfinished,
    /// A node and how many nodes it holds.
    Finished(Node, usize),
}

struct Composer<'p> {
    problems: &'p mut Problems,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchor>,
    nodes: usize,
    lines: u32,
    root: Option<Node>,
}

// === impl Composer ===

impl Composer<'_> {
    /// Takes one event; false ends the reading, the reason is among the problems.
    fn accept(&mut self, event: Event<'_>, span: Span) -> bool {
        let spot = self.spot(&span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            Event::DocumentStart(_) if self.root.is_some() => {
                self.error(
                    codes::YAML_CONSTRUCT,
                    spot,
                    "a second document starts here".to_owned(),
                    "write one contract per file",
                );
                false
            }
            Event::DocumentStart(_) => true,
            Event::Scalar(text, style, anchor, tag) => {
                let value = self.scalar(&text, style, tag.as_deref(), spot);
                self.count(1, spot)
                    && self.complete(
                        Node {
                            value,
                            line: spot.0,
                            column: spot.1,
                        },
                        anchor,
                        1,
                    )
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "seq", spot);
                self.begin(
                    anchor,
                    Open::Sequence {
                        anchor,
                        spot,
                        items: Vec::new(),
                    },
                    spot,
                )
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), "map", spot);
                let open = Open::Mapping {
                    anchor,
                    spot,
                    entries: Vec::new(),
                    seen: BTreeMap::new(),
                    key: Key::Awaited,
                };
                self.begin(anchor, open, spot)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, spot),
        }
    }

    fn begin(&mut self, anchor: usize, open: Open, spot: Spot) -> bool {
        if self.open.len() >= DEPTH_MAX {
            self.error(
                codes::YAML_LIMIT,
                spot,
                format!("nested deeper than {DEPTH_MAX} levels"),
                "flatten the structure",
            );
            return false;
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Anchor::Unfinished);
        }
        self.open.push(open);
        self.count(1, spot)
    }

    fn end(&mut self) -> bool {
        let (value, (line, column), anchor) = match self.open.pop() {
            Some(Open::Sequence { anchor, spot, items }) => (Value::Sequence(items), spot, anchor),
            Some(Open::Mapping { anchor, spot, entries, .. }) => (Value::Mapping(entries), spot, anchor),
            None => return true,
        };
        let node = Node { value, line, column };
        // Only an anchored collection can be repeated, so only it has to be counted.
        let size = if anchor > 0 { size(&node) } else { 0 };
        self.complete(node, anchor, size)
    }

    fn alias(&mut self, anchor: usize, spot: Spot) -> bool {
        let (node, nodes) = match self.anchors.get(&anchor) {
            Some(Anchor::Finished(node, nodes)) => (node, *nodes),
            Some(Anchor::Unfinished) | None => {
                self.error(
                    codes::YAML_CONSTRUCT,
                    spot,
                    "an alias to the node that holds it".to_owned(),
                    "write the value out",
                );
                return false;
            }
        };
        if self.open.len() + depth(node) > DEPTH_MAX {
            let problem = format!("this alias nests deeper than {DEPTH_MAX} levels");
            self.error(codes::YAML_LIMIT, spot, problem, "write the value out");
            return false;
        }
        let node = node.clone();
        self.count(nodes, spot) && self.complete(node, 0, nodes)
    }

    /// Puts a finished node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, nodes: usize) -> bool {
        if anchor > 0 {
            if !self.count(nodes, (node.line, node.column)) {
                return false;
            }
            self.anchors.insert(anchor, Anchor::Finished(node.clone(), nodes));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => match std::mem::replace(key, Key::Awaited) {
                Key::Awaited => self.take_key(node),
                Key::Refused => {}
                Key::Read(name, (line, column)) => {
                    let mut node = node;
                    // Nothing was written, so the parser points at what comes next; the key is what a reader looks for.
                    if node.value == Value::Null {
                        (node.line, node.column) = (line, column);
                    }
                    entries.push(Entry {
                        key: name,
                        line,
                        column,
                        node,
                    });
                }
            },
        }
        true
    }

    /// Decides about the node that stands where a key belongs.
    fn take_key(&mut self, node: Node) {
        let spot = (node.line, node.column);
        let name: Option<Arc<str>> = match &node.value {
            Value::String(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string().into()),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
        };
        let Some(name) = name else {
            self.error(
                codes::YAML_CONSTRUCT,
                spot,
                format!("a key must be text, this is {}", node.kind()),
                "quote the key",
            );
            return self.set_key(Key::Refused);
        };
        if name.len() > KEY_BYTES_MAX {
            self.error(
                codes::YAML_LIMIT,
                spot,
                format!("a key of more than {KEY_BYTES_MAX} bytes"),
                "shorten the key",
            );
            return self.set_key(Key::Refused);
        }
        if &*name == "<<" {
            let help = "YAML 1.2 has no merge keys: repeat the keys, or alias the whole value";
            self.error(codes::YAML_CONSTRUCT, spot, "merge keys are not read".to_owned(), help);
            return self.set_key(Key::Refused);
        }
        let Some(Open::Mapping { seen, key, .. }) = self.open.last_mut() else {
            return;
        };
        let first = seen.get(&name).copied();
        *key = Key::Read(name.clone(), spot);
        let Some((line, column)) = first else {
            seen.insert(name, spot);
            return;
        };
        let problem = format!("{} is written twice; the first is at line {line}, column {column}", quoted(&name));
        self.error(codes::DUPLICATE_KEY, spot, problem, "keep one of the two");
        self.set_key(Key::Refused);
    }

    fn set_key(&mut self, next: Key) {
        if let Some(Open::Mapping { key, .. }) = self.open.last_mut() {
            *key = next;
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, spot: Spot) -> Value {
        let Some(tag) = tag else {
            return if style == ScalarStyle::Plain {
                resolve(text)
            } else {
                Value::String(text.into())
            };
        };
        if tag.is_yaml_core_schema() {
            let value = resolve(text);
            match (tag.suffix.as_str(), &value) {
                ("str", _) => return Value::String(text.into()),
                ("null", Value::Null) | ("bool", Value::Bool(_)) | ("int" | "float", Value::Number(_)) => return value,
                _ => {}
            }
        }
        self.error(
            codes::YAML_CONSTRUCT,
            spot,
            format!("the tag of {} is not read", quoted(text)),
            "remove the tag",
        );
        Value::String(text.into())
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, accepted: &str, spot: Spot) {
        if tag.is_some_and(|tag| !(tag.is_yaml_core_schema() && tag.suffix == accepted)) {
            self.error(codes::YAML_CONSTRUCT, spot, "tags are not read".to_owned(), "remove the tag");
        }
    }

    /// Counts nodes against the budget.
    fn count(&mut self, nodes: usize, spot: Spot) -> bool {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= NODES_MAX {
            return true;
        }
        let problem = format!("more than {NODES_MAX} nodes, counted after aliases are expanded");
        self.error(
            codes::YAML_LIMIT,
            spot,
            problem,
            "use fewer aliases, or split the contract by object",
        );
        false
    }

    fn error(&mut self, code: Code, spot: Spot, problem: String, help: &str) {
        let place = Place {
            line: spot.0,
            column: spot.1,
            pointer: pointer_of(&self.open),
        };
        self.problems.error(code, place, problem, help);
    }

    fn spot(&self, marker: &Marker) -> Spot {
        let line = u32::try_from(marker.line()).unwrap_or(u32::MAX).clamp(1, self.lines);
        (line, u32::try_from(marker.col()).unwrap_or(u32::MAX - 1).saturating_add(1))
    }
}

fn pointer_of(open: &[Open]) -> String {
    let mut pointer = String::new();
    for collection in open {
        match collection {
            Open::Sequence { items, .. } => pointer = format!("{pointer}/{}", items.len()),
            Open::Mapping {
                key: Key::Read(name, _), ..
            } => pointer = extended(&pointer, name),
            Open::Mapping { .. } => {}
        }
    }
    pointer
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Sequence(items) => items.iter().map(size).sum(),
        Value::Mapping(entries) => entries.iter().map(|entry| 1 + size(&entry.node)).sum(),
        _ => 0,
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Mapping(entries) => 1 + entries.iter().map(|entry| depth(&entry.node)).max().unwrap_or(0),
        _ => 0,
    }
}

/// Lines as YAML counts them: ended by LF, CR or CR LF.
pub(crate) fn line_count(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let breaks = bytes.iter().enumerate().filter(|(index, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(index + 1) != Some(&b'\n'),
        _ => false,
    });
    let ended = bytes.last().is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
    u32::try_from(breaks.count() + usize::from(!ended)).unwrap_or(u32::MAX).max(1)
}

fn syntax_help(info: &str, text: &str) -> &'static str {
    if info.contains("mapping values") {
        "quote text that contains a colon and a space"
    } else if text.contains("\n\t") || text.starts_with('\t') {
        "indent with spaces, not with tabs"
    } else if info.contains("quote") {
        "close the quote"
    } else {
        ""
    }
}
