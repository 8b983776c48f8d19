//! Whom a contract names: team, support channels, why it matters.

use tidegate_contract::Contract;
use tidegate_contract::yaml::{Node, Value};

/// What a contract says of the people behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owner {
    /// Name of the team; a contract without one is the platform's.
    pub(crate) team: Option<String>,
    /// In the order of the file.
    pub(crate) channels: Vec<Channel>,
    /// `description.purpose`.
    pub(crate) purpose: String,
}

/// One entry of ODCS `support`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Channel {
    /// `tool`, lower case: `slack`, `email`, `teams`, ….
    pub(crate) tool: String,
    /// `channel`: a name in that tool, or an address.
    pub(crate) name: String,
    /// `url`, if any.
    pub(crate) url: String,
    /// `scope`, lower case.
    pub(crate) scope: String,
}

// === impl Owner ===

impl Owner {
    pub(crate) fn of(contract: &Contract) -> Owner {
        let document = &contract.document;
        let channels = match document.get("support").map(|node| &node.value) {
            Some(Value::Sequence(entries)) => entries.iter().map(Channel::of).collect(),
            _ => Vec::new(),
        };
        Owner {
            team: contract.team.as_ref().map(|team| team.to_string()),
            channels,
            purpose: document
                .get("description")
                .and_then(|node| node.get("purpose"))
                .and_then(Node::as_str)
                .unwrap_or_default()
                .to_owned(),
        }
    }

    /// Where to ask, for people.
    pub(crate) fn support(&self) -> String {
        let each = self.channels.iter().map(|channel| {
            let place = if channel.url.is_empty() {
                String::new()
            } else {
                format!(" {}", channel.url)
            };
            match channel.tool.as_str() {
                "" => format!("{}{place}", channel.name),
                tool => format!("{} ({tool}){place}", channel.name),
            }
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

// === impl Channel ===

impl Channel {
    fn of(node: &Node) -> Channel {
        let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        Channel {
            tool: text("tool").to_lowercase(),
            name: text("channel"),
            url: text("url"),
            scope: text("scope").to_lowercase(),
        }
    }
}
