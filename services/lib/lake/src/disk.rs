//! Makes what was put on a local disk survive a power cut.
//!
//! `object_store` writes, then links or renames, and never flushes. A sink commits positions in Kafka after a put, so a put that a
//! power cut can undo would lose records.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Flushes files below a root, and the folders that lead to them.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    /// Folders whose own entry is known to be on the disk.
    settled: Mutex<HashSet<PathBuf>>,
}

// === impl Disk ===

impl Disk {
    /// `root` exists.
    pub(crate) fn new(root: PathBuf) -> Self {
        Disk {
            root,
            settled: Mutex::default(),
        }
    }

    /// Returns when the object and its name are on the disk.
    pub(crate) fn settle(&self, path: &str) -> io::Result<()> {
        let file = self.root.join(path);
        File::open(&file)?.sync_all()?;
        let Some(folder) = file.parent() else { return Ok(()) };
        // The entry of the file changes each time, those of the folders above only when they are made.
        sync_folder(folder)?;
        if self.settled.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
            return Ok(());
        }
        for above in folder.ancestors().skip(1).take_while(|above| above.starts_with(&self.root)) {
            sync_folder(above)?;
        }
        self.settled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(folder.to_owned());
        Ok(())
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems cannot open a folder as a file, and flush its entries with the file.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
