//! The text of one file of consumers, read with what is wrong about it.

use std::sync::Arc;

use tidegate_contract::yaml::{Node, Value};
use tidegate_contract::{Diagnostic, Level, nearest};

use super::{Consumer, Read, Text};
use crate::review::{codes, finding};

/// Reads one file, saying what is wrong with it.
pub(super) struct Reader<'f> {
    pub(super) file: &'f Arc<str>,
    pub(super) found: &'f mut Vec<Diagnostic>,
}

// === impl Reader ===

impl Reader<'_> {
    fn say(&mut self, node: (u32, u32), problem: impl Into<String>, help: &str) {
        self.found.push(finding(
            codes::CONSUMER_FILE,
            Level::Error,
            (self.file, node.0, node.1),
            problem,
            help,
        ));
    }

    pub(super) fn consumer(&mut self, node: &Node) -> Option<Consumer> {
        self.keys(node, &["consumer", "owner", "contact", "reads"])?;
        let name = self.text(node, "consumer", true);
        let owner = self.text(node, "owner", true);
        let contact = self.text(node, "contact", false);
        let mut reads = Vec::new();
        match node.get("reads").map(|reads| (&reads.value, reads)) {
            Some((Value::Sequence(entries), _)) if !entries.is_empty() => {
                reads.extend(entries.iter().filter_map(|entry| self.read(entry)));
            }
            Some((_, other)) => self.say(
                (other.line, other.column),
                "`reads` must be a list of contracts",
                "write `- contract: …`",
            ),
            None => self.say((node.line, node.column), "`reads` is missing", "list the contracts that are read"),
        }
        Some(Consumer {
            name: name?.text,
            owner: owner?.text,
            contact: contact.map(|contact| contact.text),
            reads,
        })
    }

    fn read(&mut self, node: &Node) -> Option<Read> {
        self.keys(node, &["contract", "version", "object", "fields"])?;
        let contract = self.text(node, "contract", true);
        let object = self.text(node, "object", false);
        let mut major = None;
        if let Some(version) = node.get("version") {
            let number = match &version.value {
                Value::Number(text) | Value::String(text) => text.parse().ok(),
                _ => None,
            };
            match number {
                Some(number) => major = Some((number, version.line, version.column)),
                None => self.say(
                    (version.line, version.column),
                    "`version` must be a major version such as 1",
                    "write the number before the first dot",
                ),
            }
        }
        let mut fields = Vec::new();
        match node.get("fields").map(|fields| (&fields.value, fields)) {
            None => {}
            Some((Value::Sequence(entries), _)) if !entries.is_empty() => {
                for entry in entries {
                    match entry.as_str() {
                        Some(text) => fields.push(Text {
                            text: text.into(),
                            line: entry.line,
                            column: entry.column,
                        }),
                        None => self.say((entry.line, entry.column), "a field is text", "quote it"),
                    }
                }
            }
            Some((_, other)) => self.say(
                (other.line, other.column),
                "`fields` must be a list of paths",
                "leave it out to mean every field",
            ),
        }
        Some(Read {
            contract: contract?,
            major,
            object,
            fields,
            file: self.file.clone(),
        })
    }

    fn keys(&mut self, node: &Node, known: &[&str]) -> Option<()> {
        let Value::Mapping(entries) = &node.value else {
            self.say(
                (node.line, node.column),
                format!("this is {}, not a mapping", node.kind()),
                "see `tidegate explain TG0320`",
            );
            return None;
        };
        for entry in entries {
            if !known.contains(&&*entry.key) {
                let help = match nearest(&entry.key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.join(", ")),
                };
                self.say((entry.line, entry.column), format!("`{}` is not known here", entry.key), &help);
            }
        }
        Some(())
    }

    fn text(&mut self, node: &Node, key: &str, is_required: bool) -> Option<Text> {
        match node.get(key) {
            None => {
                if is_required {
                    self.say(
                        (node.line, node.column),
                        format!("`{key}` is missing"),
                        "see `tidegate explain TG0320`",
                    );
                }
                None
            }
            Some(value) => match value.as_str().filter(|text| !text.is_empty()) {
                Some(text) => Some(Text {
                    text: text.into(),
                    line: value.line,
                    column: value.column,
                }),
                None => {
                    self.say((value.line, value.column), format!("`{key}` must be text"), "quote it");
                    None
                }
            },
        }
    }
}
