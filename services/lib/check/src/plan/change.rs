//! What a change event needs beside the nodes.

use std::sync::Arc;

use tidegate_codec::cdc::{FlatNames, Format, Placeholder};
use tidegate_contract::model::{CdcFormat, ObjectSettings, QualityRule};

/// Debezium's default `unavailable.value.placeholder`.
const PLACEHOLDER: &str = "__debezium_unavailable_value";
/// Debezium's default `add.fields.prefix` and `add.headers.prefix`.
const PREFIX: &str = "__";

/// Settings of an object for its changes.
#[derive(Debug)]
pub(crate) struct ChangeSettings {
    /// Debezium `unavailable.value.placeholder`.
    pub(crate) placeholder: Placeholder,
    /// Any rule reads `before`.
    pub(crate) reads_before: bool,
    /// Any rule reads `source`.
    pub(crate) reads_source: bool,
    /// A top-level column is a list, map or object, whose placeholder only shows after its begin.
    pub(crate) composite_columns: bool,
    /// For each row rule the letters of the operations that it is asked on; empty means all.
    operations: Vec<Box<str>>,
    fields_prefix: Arc<str>,
    headers_prefix: Arc<str>,
    before_image: Option<Arc<str>>,
}

// === impl ChangeSettings ===

impl ChangeSettings {
    /// Settings whose rules are added as they compile.
    pub(crate) fn new(settings: &ObjectSettings) -> ChangeSettings {
        let text = |set: &Option<Arc<str>>, default: &str| set.clone().unwrap_or_else(|| Arc::from(default));
        ChangeSettings {
            placeholder: Placeholder::new(&text(&settings.unavailable_placeholder, PLACEHOLDER)),
            reads_before: false,
            reads_source: false,
            composite_columns: false,
            operations: Vec::new(),
            fields_prefix: text(&settings.add_fields_prefix, PREFIX),
            headers_prefix: text(&settings.add_headers_prefix, PREFIX),
            before_image: settings.before_image.clone(),
        }
    }

    /// Adds a row rule; rules are numbered in the order in which they come.
    pub(crate) fn add_rule(&mut self, rule: &QualityRule) {
        self.operations
            .push(rule.operations.iter().map(|operation| operation.letter()).collect());
    }

    /// Whether a row rule is asked on an operation. One that the event does not name (empty) could be any.
    #[inline]
    pub(crate) fn asks(&self, rule: usize, op: &str) -> bool {
        self.operations
            .get(rule)
            .is_none_or(|operations| operations.is_empty() || op.is_empty() || operations.contains(op))
    }

    /// Whether a row rule is asked on every operation.
    pub(crate) fn asks_always(&self, rule: usize) -> bool {
        self.operations.get(rule).is_none_or(|operations| operations.is_empty())
    }

    /// Prefixes of flattened rows.
    pub(crate) fn names(&self) -> FlatNames<'_> {
        FlatNames {
            fields: &self.fields_prefix,
            headers: &self.headers_prefix,
        }
    }

    /// The format with its settings.
    pub(crate) fn format(&self, format: CdcFormat) -> Format<'_> {
        match format {
            CdcFormat::Debezium => Format::Debezium,
            CdcFormat::DebeziumFlat => Format::Flat(self.names()),
            CdcFormat::DebeziumMongodb => Format::Mongo,
            CdcFormat::Dms => Format::Dms {
                before: self.before_image.as_deref(),
            },
            CdcFormat::Maxwell => Format::Maxwell,
        }
    }
}
