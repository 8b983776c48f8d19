//! What a reading of the commit refuses and the files on disk do not show: workers and the registry read commits.

use std::path::{Path, PathBuf};

use tidegate_contract::{Diagnostic, Level};
use tidegate_git::repository::{read_commit, resolve};

use crate::review::ground::Ground;
use crate::review::shown;

/// A file that cannot be read.
const FILE_READ: &str = "TG0143";

/// Adds the errors of `HEAD` below the folders that were named, as far as the working tree still has what they are about.
pub(super) fn committed(paths: &[PathBuf], found: &mut Vec<Diagnostic>) -> anyhow::Result<()> {
    for path in paths.iter().filter(|path| path.is_dir()) {
        let Some(ground) = Ground::of(path)? else { continue };
        // Before the first commit, or before the first one that has the folder, there is nothing to be refused.
        let read = resolve(&ground.root, None).and_then(|head| read_commit(&ground.root, &head, &ground.folder));
        let Ok(reading) = read else { continue };
        for mut refused in reading.diagnostics.into_iter().filter(|one| one.level == Level::Error) {
            let Some(place) = still_there(&refused, path, &ground.root) else {
                continue;
            };
            let file = shown(&place);
            if found.iter().any(|one| one.level == Level::Error && *one.location.file == *file) {
                continue;
            }
            // The same place, said as a warning.
            found.retain(|one| one.code != FILE_READ || *one.location.file != *file);
            refused.location.file = file.into();
            refused.problem.push_str("; workers and the registry refuse the commit");
            found.push(refused);
        }
    }
    Ok(())
}

/// Where it lies, below the folder or (schemas) below the root; none when the working tree has something else there by now.
fn still_there(refused: &Diagnostic, folder: &Path, root: &Path) -> Option<PathBuf> {
    let places = [folder.join(&*refused.location.file), root.join(&*refused.location.file)];
    let place = places.into_iter().find(|place| place.symlink_metadata().is_ok());
    // A name that cannot be shown as it is cannot be found either.
    let Some(place) = place else {
        return refused.location.file.contains('\\').then(|| folder.join(&*refused.location.file));
    };
    let is_plain = place.symlink_metadata().is_ok_and(|meta| meta.is_file());
    let is_link = refused.problem.contains("symbolic link") || refused.problem.contains("submodule");
    (!is_plain || !is_link).then_some(place)
}
