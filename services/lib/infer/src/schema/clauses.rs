//! Asks the reader of contracts which clauses a property may have, so that no draft is refused for what was copied into it.

use tidegate_check::compile;
use tidegate_contract::Level;

use crate::draft::{Kind, Property};

/// Clauses of one property, as far as they were taken.
pub(crate) struct Clauses {
    logical_type: &'static str,
    /// Type of the items of a list, as far as it is one word.
    items: String,
    taken: Vec<String>,
}

// === impl Clauses ===

impl Clauses {
    pub(crate) fn of(property: &Property) -> Clauses {
        Clauses {
            logical_type: match &property.kind {
                Kind::Leaf(name) => name,
                Kind::Array(_) => "array",
                _ => "object",
            },
            items: match &property.kind {
                Kind::Array(Some(item)) => match item.kind {
                    Kind::Leaf(name) => format!("        items: {{logicalType: {name}}}\n"),
                    _ => String::new(),
                },
                _ => String::new(),
            },
            taken: property.options.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
        }
    }

    /// Whether one more makes a contract without an error or a warning, beside those that were taken before.
    pub(crate) fn takes(&mut self, name: &str, value: &str) -> bool {
        self.taken.push(format!("{name}: {value}"));
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: probe\nversion: 1.0.0\nstatus: active\nschema:\n  - name: probe\n    physicalType: topic\n    \
             properties:\n      - name: v\n        logicalType: {}\n        logicalTypeOptions: {{{}}}\n{}",
            self.logical_type,
            self.taken.join(", "),
            self.items
        );
        let (contract, diagnostics) = tidegate_contract::parse("probe", &text);
        let is_clean =
            diagnostics.iter().all(|one| one.level == Level::Note) && contract.is_some_and(|contract| compile(&contract, 0).is_ok());
        if !is_clean {
            self.taken.pop();
        }
        is_clean
    }
}
