//! The reference page of metrics, made from the metrics themselves.

use std::fmt::Write;

use super::Metrics;

/// A Markdown table of every metric: name, kind, labels, meaning.
pub fn reference() -> String {
    let metrics = Metrics::new("", "");
    let mut table = String::from("| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n");
    for definition in metrics.definitions() {
        let labels: Vec<String> = definition.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, help) = (&definition.name, definition.kind.as_str(), definition.help);
        writeln!(table, "| `{name}` | {kind} | {} | {help} |", labels.join(", ")).expect("writing to a string cannot fail");
    }
    table
}
