//! One commit, compiled: what everything that is served comes from.

use std::sync::Arc;

use tidegate_contract::{Bundle, Contract, Diagnostic, Level, Snapshot};
use tidegate_diff::History;

use crate::ids::{self, Ids, Recorded};

/// What a source's history says was published up to a commit; empty where it has none.
#[derive(Debug, Default)]
pub struct Published {
    /// Versions that were enforced.
    pub versions: History,
    /// Ids of schemas that were recorded.
    pub ids: Recorded,
    /// How many commits the branch has up to this one; none where nobody counted all of them.
    pub height: Option<u64>,
}

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
    /// What this and every earlier commit recorded: records that were written with such a schema stay.
    pub recorded: Recorded,
    /// As [`Published::height`].
    pub height: Option<u64>,
    files: Bundle,
}

// === impl Catalog ===

impl Catalog {
    /// Compiles a commit as workers will, and holds it to what was published and to the one in force: a version that was enforced never
    /// changes its content, and an id never its schema.
    ///
    /// Answers the warnings beside a good one.
    ///
    /// # Errors
    ///
    /// Everything that is wrong; nothing of the commit may be used.
    pub fn compile(
        bundle: Bundle,
        mut published: Published,
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
                published.versions.take(contract, &before.commit);
            }
            published.ids.merge(&before.recorded);
        }
        let changed = published.versions.violations(snapshot.contracts.iter().map(|contract| &**contract));
        problems.extend(changed.iter().map(tidegate_diff::Violation::diagnostic));
        let mut past = published.ids;
        let recorded = match ids::check_after(&bundle.files, &snapshot, &past) {
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
        if let Some(ids) = &recorded {
            assert!(past.add(ids), "it was held against them");
        }
        notes.retain(|note| note.level == Level::Warning);
        let catalog = Catalog {
            commit: snapshot.commit.clone(),
            digest: sealed.digest,
            document: sealed.bytes.into(),
            snapshot,
            ids: recorded,
            recorded: past,
            height: published.height,
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
