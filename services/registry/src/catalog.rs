//! One commit, compiled: what everything that is served comes from.

use std::sync::Arc;

use tidegate_contract::{Bundle, Contract, Diagnostic, Level, Snapshot};
use tidegate_diff::History;

use crate::ids::{self, Ids};

/// Every contract of one commit, proven to load and to compile, and the document that workers load the same from. Never changes.
#[derive(Debug)]
pub struct Catalog {
    /// Commit id.
    pub commit: Arc<str>,
    /// `sha256:` and 64 hex digits of the document.
    pub digest: String,
    /// The bundle.
    pub document: Arc<[u8]>,
    /// Contracts and bindings.
    pub snapshot: Snapshot,
    /// Recorded ids of event schemas; none when the repository records none.
    pub ids: Option<Ids>,
    files: Bundle,
}

// === impl Catalog ===

impl Catalog {
    /// Compiles a commit as workers will, and holds it to what was published and to the one in force: a version that was enforced never
    /// changes its content.
    ///
    /// Answers the warnings beside a good one.
    ///
    /// # Errors
    ///
    /// Everything that is wrong; nothing of the commit may be used.
    pub fn compile(
        bundle: Bundle,
        mut published: History,
        before: Option<&Catalog>,
    ) -> Result<(Catalog, Vec<Diagnostic>), Vec<Diagnostic>> {
        let sealed = bundle.seal().map_err(|problem| {
            vec![Diagnostic::unreadable(
                Level::Error,
                "",
                problem,
                "name the folder of the contracts",
            )]
        })?;
        let (snapshot, mut notes) = Snapshot::build(&bundle.commit, &bundle.files)?;
        let mut problems = Vec::new();
        for bound in snapshot.bindings.values().flat_map(tidegate_contract::Binding::objects) {
            if let Err(found) = tidegate_check::compile(&bound.contract, bound.object) {
                problems.extend(found);
            }
        }
        if let Some(before) = before {
            for contract in &before.snapshot.contracts {
                published.take(contract, &before.commit);
            }
        }
        let changed = published.violations(snapshot.contracts.iter().map(|contract| &**contract));
        problems.extend(changed.iter().map(tidegate_diff::Violation::diagnostic));
        let recorded = match ids::check(&bundle.files, &snapshot) {
            Ok(recorded) => recorded,
            Err(found) => {
                problems.extend(found);
                None
            }
        };
        problems.sort_by(|a, b| (&a.location.file, a.location.line, &a.problem).cmp(&(&b.location.file, b.location.line, &b.problem)));
        problems.dedup();
        if !problems.is_empty() {
            return Err(problems);
        }
        notes.retain(|note| note.level == Level::Warning);
        let catalog = Catalog {
            commit: snapshot.commit.clone(),
            digest: sealed.digest,
            document: sealed.bytes.into(),
            snapshot,
            ids: recorded,
            files: bundle,
        };
        Ok((catalog, notes))
    }

    /// Versions of a contract, ascending.
    pub fn versions(&self, id: &str) -> Vec<&Arc<Contract>> {
        self.snapshot.contracts.iter().filter(|contract| *contract.id == *id).collect()
    }

    /// One version of a contract.
    pub fn version(&self, id: &str, version: &str) -> Option<&Arc<Contract>> {
        self.versions(id).into_iter().find(|contract| *contract.version.text == *version)
    }

    /// The text of a contract's file.
    pub fn text(&self, contract: &Contract) -> Option<&str> {
        let file = self.files.files.iter().find(|file| file.path == contract.location.file)?;
        Some(&file.text)
    }
}
