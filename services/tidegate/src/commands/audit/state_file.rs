//! The file that an audit goes on from. Written beside and renamed, so that there is always a whole one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use tidegate_audit::State;
use tidegate_flow::{Remedy, WorldError};

/// Where progress is kept.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

// === impl StateFile ===

impl StateFile {
    pub(crate) fn new(path: &Path) -> StateFile {
        StateFile { path: path.to_owned() }
    }

    /// What an earlier run has kept; none where there is no file.
    pub(crate) fn read(&self) -> anyhow::Result<Option<State>> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", self.path.display())),
        };
        State::parse(&bytes).map(Some).map_err(|why| self.refused(&why))
    }

    /// The error for a file that is of no use.
    pub(crate) fn refused(&self, why: &str) -> anyhow::Error {
        anyhow!("{}: {why}; remove it to begin anew, or name another --state", self.path.display())
    }

    /// Replaces the file.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), WorldError> {
        let beside = self.path.with_added_extension("new");
        let written = std::fs::File::create(&beside)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&beside, &self.path));
        written.map_err(|error| {
            WorldError::caused(
                Remedy::Operator,
                format!("{}: cannot be written: {error}", self.path.display()),
                error,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(&folder.path().join("audit.state"));
        assert!(file.read().unwrap().is_none());
        file.write(b"{}").unwrap();
        let refused = file.read().unwrap_err().to_string();
        assert!(
            refused.contains("audit.state") && refused.contains("no state of an audit"),
            "{refused}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        let nowhere = StateFile::new(&folder.path().join("no/such/folder"));
        assert_eq!(nowhere.write(b"{}").unwrap_err().remedy, Remedy::Operator);
    }
}
