//! What was found of the files of the lake.

use serde::{Deserialize, Serialize};

/// The files below `lake/`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesLedger {
    /// Parquet files read.
    pub read: u64,
    /// Their rows.
    pub rows: u64,
    /// Files of topics, or of earlier topics of the same name, that this audit is not about.
    pub elsewhere: u64,
    /// Files of a claim that was never committed, of an earlier topic of the same name: nobody will commit it any more.
    pub orphaned: u64,
    /// Files of slots outside of the audited range.
    pub outside: u64,
    /// Breach: cannot be read as a file of the lake, with the reason.
    pub unreadable: Vec<String>,
    /// Breach: a manifest names it and it is not there.
    pub missing: Vec<String>,
    /// Breach: other bytes or another number of rows than the manifest says.
    pub changed: Vec<String>,
    /// Breach: rows of another partition than the manifest that names the file.
    pub misfiled: Vec<String>,
    /// Breach: manifests, or claims without one, that cannot be read.
    pub manifests_unreadable: Vec<String>,
}

// === impl FilesLedger ===

impl FilesLedger {
    /// No breach.
    pub fn clean(&self) -> bool {
        let breaches = [
            &self.unreadable,
            &self.missing,
            &self.changed,
            &self.misfiled,
            &self.manifests_unreadable,
        ];
        breaches.iter().all(|paths| paths.is_empty())
    }

    pub(super) fn findings(&self) -> impl Iterator<Item = String> {
        let lists = [
            ("cannot be read", &self.unreadable),
            ("is named by a manifest and is not there", &self.missing),
            ("holds other bytes or another number of rows than its manifest says", &self.changed),
            ("holds rows of another partition", &self.misfiled),
            ("is no document of the chain", &self.manifests_unreadable),
        ];
        lists
            .into_iter()
            .flat_map(|(what, paths)| paths.iter().map(move |path| format!("{path}: {what}")))
    }

    /// Adds what was found in other files.
    pub(crate) fn merge(&mut self, part: &FilesLedger) {
        self.read += part.read;
        self.rows += part.rows;
        self.elsewhere += part.elsewhere;
        self.orphaned += part.orphaned;
        self.outside += part.outside;
        self.unreadable.extend_from_slice(&part.unreadable);
        self.missing.extend_from_slice(&part.missing);
        self.changed.extend_from_slice(&part.changed);
        self.misfiled.extend_from_slice(&part.misfiled);
        self.manifests_unreadable.extend_from_slice(&part.manifests_unreadable);
    }
}
