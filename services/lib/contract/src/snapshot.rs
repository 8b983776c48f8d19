//! All contracts of one commit, immutable, with the bindings from topics to objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::{Contract, ContractRef, SchemaObject};

/// A contract file as it was read from a directory or a Git tree.
#[derive(Debug, Clone)]
pub struct ContractFile {
    /// Path relative to the contract root, with `/`.
    pub path: Arc<str>,
    /// UTF-8 text.
    pub text: String,
}

/// Every contract of one commit. Built whole or not at all.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Git commit id in hex, or `dir-<sha256 of all files, 16 hex digits>` when read from a plain directory.
    pub commit: Arc<str>,
    /// All contracts that load, drafts left out, sorted by (id, version).
    pub contracts: Vec<Arc<Contract>>,
    /// Topic to binding. For each topic the version to judge by is already chosen.
    pub bindings: BTreeMap<Arc<str>, Binding>,
}

/// The object that judges a topic.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The topic default: the highest enforced version (active, deprecated or retired), else the highest proposed one.
    pub default: BoundObject,
    /// A proposed version beside an enforced one: judged for the count only.
    pub shadow: Option<BoundObject>,
    /// Every loaded version that binds this topic, by stamp; a record may name one of them in its headers.
    pub versions: BTreeMap<ContractRef, BoundObject>,
}

/// One object of one contract.
#[derive(Debug, Clone)]
pub struct BoundObject {
    /// The contract.
    pub contract: Arc<Contract>,
    /// Index into `contract.objects`.
    pub object: usize,
}

/// What a topic and a claimed version resolve to.
#[derive(Debug, Clone)]
pub enum Resolution<'a> {
    /// Judge by this object.
    Bound(&'a BoundObject),
    /// No contract binds this topic: `no_contract`.
    Unbound,
    /// The record names a version that this snapshot does not hold: `unplanned_event`.
    UnknownVersion,
}

// === impl BoundObject ===

impl BoundObject {
    /// The schema object.
    pub fn object(&self) -> &SchemaObject {
        &self.contract.objects[self.object]
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// The object that judges a record of `topic`; `claimed` is the version that the record's headers name.
    pub fn resolve(&self, topic: &str, claimed: Option<&ContractRef>) -> Resolution<'_> {
        let Some(binding) = self.bindings.get(topic) else { return Resolution::Unbound };
        match claimed {
            None => Resolution::Bound(&binding.default),
            Some(reference) => match binding.versions.get(reference) {
                Some(bound) => Resolution::Bound(bound),
                None => Resolution::UnknownVersion,
            },
        }
    }

    /// Builds a snapshot of all files, or says everything that is wrong with them. Warnings come back beside a good snapshot.
    pub fn build(commit: &str, files: &[ContractFile]) -> Result<(Snapshot, Vec<Diagnostic>), Vec<Diagnostic>> {
        let _ = (commit, files);
        unimplemented!("written with the parser")
    }
}
