//! How the row rules of a plan run, for whoever reports on a contract.

use tidegate_contract::Location;

use super::Plan;

/// One row rule.
#[derive(Debug, Clone, Copy)]
pub struct RuleForm<'p> {
    /// Rule id.
    pub id: &'p str,
    /// Where the contract says it.
    pub location: &'p Location,
    /// Why the interpreter runs it, as the end of "it is interpreted, because …"; none when it is compiled. An interpreted rule decides the
    /// same and costs microseconds for each event, where a compiled one costs nanoseconds.
    pub interpreted: Option<&'p str>,
}

// === impl Plan ===

impl Plan {
    /// Row rules in the order of the contract.
    pub fn rule_forms(&self) -> impl Iterator<Item = RuleForm<'_>> {
        self.programs.iter().map(|rule| RuleForm {
            id: &rule.id,
            location: &rule.location,
            interpreted: rule.interpreted(),
        })
    }
}
