//! The bare repository that a remote one is fetched into: whose turn it is, what a fetch that was killed left behind, whether it is whole.
//!
//! Everything in a mirror can be fetched again, so one that is hurt is thrown away rather than mended.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::repository::{is_repository, open};

/// How often a lock that somebody else holds is tried.
const TRY_EVERY: Duration = Duration::from_millis(50);

/// The right to write into a mirror, among all processes that share its folder. Given back when dropped, and by the system when we die.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Why the lock was not to be had.
#[derive(Debug)]
pub(super) enum Busy {
    /// Somebody else held it all the time.
    Late,
    /// We are asked to stop.
    Stopped,
    /// The file cannot be made.
    Unwritable(io::Error),
}

/// Waits for the lock.
pub(super) fn lock(mirror: &Path, until: Instant, stop: &AtomicBool) -> Result<Lock, Busy> {
    let file = File::create(mirror.with_extension("lock")).map_err(Busy::Unwritable)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::Error(error)) => return Err(Busy::Unwritable(error)),
            Err(TryLockError::WouldBlock) if stop.load(Ordering::Acquire) => return Err(Busy::Stopped),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return Err(Busy::Late),
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_EVERY),
        }
    }
}

/// Removes what a fetch that was killed left: locks of references, packs that were begun. Nobody else may be in the mirror.
pub(super) fn tidy(mirror: &Path) {
    let is_lock = |path: &Path| path.extension().is_some_and(|extension| extension == "lock");
    let mut left: Vec<PathBuf> = files(mirror).into_iter().filter(|path| is_lock(path)).collect();
    left.extend(files_below(&mirror.join("refs"), 0).into_iter().filter(|path| is_lock(path)));
    let packs = files(&mirror.join("objects/pack"));
    left.extend(packs.iter().filter(|path| is_begun(path)).cloned());
    // A pack without its index was not finished either.
    let is_alone = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "pack") && !path.with_extension("idx").exists();
    left.extend(packs.iter().filter(is_alone).cloned());
    for path in left {
        // What cannot be removed shows itself in the fetch.
        let _ = fs::remove_file(path);
    }
}

/// Whether everything that can be seen at a glance is in place: the repository opens, each pack is as long as its index says and ends with the
/// checksum that it names, each reference leads to an object. A mirror that is not there yet is whole.
pub(super) fn is_sound(mirror: &Path) -> bool {
    let is_new = fs::read_dir(mirror).map_or(true, |mut entries| entries.next().is_none());
    if is_new {
        return true;
    }
    let packs = files(&mirror.join("objects/pack"));
    let indices = packs
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"));
    is_repository(mirror) && indices.into_iter().all(|index| belong_together(index).unwrap_or(false)) && references_lead_somewhere(mirror)
}

/// Takes the mirror away in one step, so that whoever reads meets either all or nothing.
pub(super) fn remove(mirror: &Path) -> io::Result<()> {
    let aside = mirror.with_extension("hurt");
    let gone = |outcome: io::Result<()>| match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    gone(fs::remove_dir_all(&aside))?;
    gone(fs::rename(mirror, &aside))?;
    gone(fs::remove_dir_all(&aside))
}

/// Bytes below a folder; what cannot be read counts nothing.
pub(super) fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn is_begun(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with(".tmp") || name.starts_with("tmp_") || name.ends_with(".keep")
}

/// A pack ends with 20 bytes that its index repeats 40 bytes before its own end (gitformat-pack).
fn belong_together(index: &Path) -> io::Result<bool> {
    let named = bytes_before_end(index, 40)?;
    let ends = bytes_before_end(&index.with_extension("pack"), 20)?;
    Ok(named == ends)
}

fn bytes_before_end(path: &Path, back: u64) -> io::Result<[u8; 20]> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.checked_sub(back).ok_or(io::ErrorKind::UnexpectedEof)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = [0; 20];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn references_lead_somewhere(mirror: &Path) -> bool {
    let Ok(repository) = open(mirror) else { return false };
    let Ok(platform) = repository.references() else { return false };
    let Ok(all) = platform.all() else { return false };
    all.into_iter().all(|reference| match reference {
        // HEAD of a bare mirror names a branch that we do not keep.
        Ok(mut reference) => reference.peel_to_id().is_ok_and(|id| repository.has_object(id)),
        Err(_) => false,
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}

fn files_below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    if depth > 32 {
        return Vec::new();
    }
    let found = entries.flatten().map(|entry| entry.path()).flat_map(|path| match path.is_dir() {
        true => files_below(&path, depth + 1),
        false => vec![path],
    });
    found.collect()
}
