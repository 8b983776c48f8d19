//! Contracts of one object, written as they are needed.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::Arc;

use tidegate_contract::Contract;
use tidegate_diff::{Bump, Change, Diff, Grade, compare_sets};

/// A contract of one object; `top` are lines of the contract, `object` those of the object beside its topic and properties.
pub(crate) struct Made<'a> {
    pub(crate) id: &'a str,
    pub(crate) version: &'a str,
    pub(crate) status: &'a str,
    pub(crate) topic: &'a str,
    pub(crate) top: &'a str,
    pub(crate) object: &'a str,
    pub(crate) properties: &'a [&'a str],
}

pub(crate) const ONE: Made<'static> = Made {
    id: "t",
    version: "1.0.0",
    status: "active",
    topic: "t",
    top: "",
    object: "",
    properties: &["name: a, logicalType: integer"],
};

impl Made<'_> {
    pub(crate) fn build(&self) -> Arc<Contract> {
        let properties: String = self.properties.iter().map(|one| format!("      - {{{one}}}\n")).collect();
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: {}\nversion: \"{}\"\nstatus: {}\n{}schema:\n  - name: o\n    physicalName: {}\n    \
             physicalType: topic\n{}    properties:\n{properties}",
            self.id, self.version, self.status, self.top, self.topic, self.object
        );
        let (contract, problems) = tidegate_contract::parse(&format!("{}/{}.odcs.yaml", self.id, self.version), &text);
        Arc::new(contract.unwrap_or_else(|| panic!("{problems:#?}\n{text}")))
    }
}

pub(crate) fn version(version: &str) -> Arc<Contract> {
    Made { version, ..ONE }.build()
}

pub(crate) fn with_status(version: &str, status: &str) -> Arc<Contract> {
    Made { version, status, ..ONE }.build()
}

pub(crate) fn diff(old: &[Arc<Contract>], new: &[Arc<Contract>]) -> Diff {
    compare_sets(("main", "here"), old, new)
}

pub(crate) fn rows<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Vec<(&'static str, Grade, Grade, Bump)> {
    let row = |change: &Change| (change.clause, change.producers, change.consumers, change.bump);
    changes.into_iter().map(row).collect()
}
