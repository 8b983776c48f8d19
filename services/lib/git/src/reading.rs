//! What was found in a tree of files, and the limits that both readers keep.

use std::sync::Arc;

use tidegate_contract::event_schema::is_schema_path;
use tidegate_contract::snapshot::is_contract_path;
use tidegate_contract::{ContractFile, Diagnostic, Level};

/// The largest contract file in bytes.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The most contract files.
pub const FILES_MAX: usize = 10_000;
/// The most bytes of all contract files together.
pub const TOTAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The longest path of a file, from the root of the reading.
pub const PATH_BYTES_MAX: usize = 1024;
/// The deepest folder.
pub const FOLDERS_DEEP_MAX: usize = 32;
/// The most entries of any kind that are looked at.
pub const ENTRIES_MAX: usize = 200_000;

/// The contract files of a tree, and the event schemas beside them under `schemas/`. A schema file that is too large or not UTF-8 is left out
/// with a warning: only a contract that names it does not load. Diagnostics of level error mean that the tree must not be used.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Files in path order, paths relative to the root of the reading with `/`.
    pub files: Vec<ContractFile>,
    /// What could not or would not be read.
    pub diagnostics: Vec<Diagnostic>,
    bytes: u64,
    entries: usize,
    is_full: bool,
}

/// Whether a file at that path, relative to the root of the reading, is read.
pub(crate) fn is_wanted(path: &str) -> bool {
    is_contract_path(path) || is_schema_path(path)
}

// === impl Reading ===

impl Reading {
    /// Whether the tree must be refused.
    pub fn is_refused(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.level == Level::Error)
    }

    /// Counts an entry of any kind; false once a limit of the whole reading is exceeded, which is reported once.
    pub(crate) fn admit_entry(&mut self, path: &str) -> bool {
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            self.fill(path, format!("more than {ENTRIES_MAX} files and folders"));
        }
        !self.is_full
    }

    /// Whether a contract file of that size may be read; if not, it is reported.
    pub(crate) fn admit_size(&mut self, path: &str, bytes: u64) -> bool {
        // The names are written into logs, reports and bundles.
        if path.len() > PATH_BYTES_MAX || path.chars().any(|letter| letter.is_control() || letter == '\\') {
            let problem = format!("the path holds a control character or a backslash, or more than {PATH_BYTES_MAX} bytes");
            self.refuse(path, &problem, "rename it");
            return false;
        }
        if bytes > FILE_BYTES_MAX {
            let problem = format!("the file has {bytes} bytes, more than the limit of {FILE_BYTES_MAX}");
            if is_schema_path(path) {
                self.leave_out(path, &problem, "split the schema, or move data to another folder");
                return false;
            }
            self.refuse(path, &problem, "split the contract by object");
            return false;
        }
        if self.files.len() == FILES_MAX {
            self.fill(path, format!("more than {FILES_MAX} contract files"));
        }
        if self.bytes + bytes > TOTAL_BYTES_MAX {
            self.fill(path, format!("contract files of more than {TOTAL_BYTES_MAX} bytes in all"));
        }
        !self.is_full
    }

    /// Takes the bytes of a contract file.
    pub(crate) fn take(&mut self, path: &str, bytes: Vec<u8>) {
        self.bytes += bytes.len() as u64;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                if is_schema_path(path) {
                    self.leave_out(path, "the file is not UTF-8", "save it as UTF-8");
                    return;
                }
                let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
                self.refuse(path, "the file is not UTF-8", "save it as UTF-8");
                if let Some(diagnostic) = self.diagnostics.last_mut() {
                    diagnostic.location.line = u32::try_from(line).unwrap_or(u32::MAX);
                }
                return;
            }
        };
        self.files.push(ContractFile {
            path: Arc::from(path),
            text,
        });
    }

    /// The tree must not be used.
    pub(crate) fn refuse(&mut self, path: &str, problem: &str, help: &str) {
        self.diagnostics
            .push(Diagnostic::unreadable(Level::Error, visible(path), problem, help));
    }

    /// Something that looks like a contract was left out on purpose.
    pub(crate) fn leave_out(&mut self, path: &str, problem: &str, help: &str) {
        self.diagnostics
            .push(Diagnostic::unreadable(Level::Warning, visible(path), problem, help));
    }

    pub(crate) fn sort(&mut self) {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
    }

    fn fill(&mut self, path: &str, problem: String) {
        if !self.is_full {
            self.refuse(path, &problem, "name the folder of the contracts");
        }
        self.is_full = true;
    }
}

/// A path as it can be shown in one line.
fn visible(path: &str) -> String {
    let shown = path.chars().take(PATH_BYTES_MAX).flat_map(|letter| {
        let escaped: Box<dyn Iterator<Item = char>> = match letter.is_control() {
            true => Box::new(letter.escape_default()),
            false => Box::new(std::iter::once(letter)),
        };
        escaped
    });
    shown.collect()
}
