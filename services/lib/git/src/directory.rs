//! Contract files of a plain directory, and the event schemas in its folder `schemas`, else in that beside it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tidegate_contract::event_schema::is_schema_path;
use tidegate_contract::snapshot::is_contract_path;
use tidegate_flow::{Remedy, WorldError};

use crate::reading::{FILE_BYTES_MAX, FOLDERS_DEEP_MAX, Reading, is_wanted};

/// The folder of event schemas.
const SCHEMAS: &str = "schemas";

/// Reads every contract file below `root`, hidden folders left out, and event schemas: those of `root/schemas`, and where there is no such
/// folder those of `root/../schemas`, which come out under the same paths.
///
/// Symbolic links are followed only to places below the root (a mounted Kubernetes volume is made of such links); one that leads out of
/// it, when it may hide contracts, and a repository inside of this one refuse the reading. An error means that the directory could not be read; wrong files are diagnostics of the reading.
pub fn read_directory(root: &Path) -> Result<Reading, WorldError> {
    let true_root = root.canonicalize().map_err(|error| world(root, &error))?;
    let mut walk = Walk {
        true_root: &true_root,
        reading: Reading::default(),
        seen: BTreeSet::new(),
        wanted: is_wanted,
    };
    walk.folder(&true_root, "", 0)?;
    let mut reading = walk.reading;
    // What lies above the root of a repository is somebody else's.
    let around = true_root.parent().filter(|_| !true_root.join(".git").exists());
    let beside = around.map(|parent| parent.join(SCHEMAS));
    if let Some(beside) = beside.filter(|beside| !true_root.join(SCHEMAS).is_dir() && beside.is_dir()) {
        reading = add_schemas(&beside, reading)?;
    }
    reading.sort();
    Ok(reading)
}

/// Reads the event schemas of the nearest folder `schemas` at or above the folder of a contract file: what [`read_directory`] finds for it
/// where contracts and schemas lie beside each other. Empty when there is none.
pub fn read_schemas_near(contract: &Path) -> Result<Reading, WorldError> {
    let found = contract.canonicalize().map_err(|error| world(contract, &error))?;
    let mut schemas = None;
    for folder in found.ancestors().skip(1) {
        let beside = folder.join(SCHEMAS);
        if beside.is_dir() {
            schemas = Some(beside);
            break;
        }
        // What lies above the root of a repository is somebody else's.
        if folder.join(".git").exists() {
            break;
        }
    }
    let mut reading = Reading::default();
    if let Some(schemas) = schemas {
        reading = add_schemas(&schemas, reading)?;
        reading.sort();
    }
    Ok(reading)
}

fn add_schemas(folder: &Path, mut reading: Reading) -> Result<Reading, WorldError> {
    let true_root = folder.canonicalize().map_err(|error| world(folder, &error))?;
    let around = folder
        .parent()
        .map(Path::canonicalize)
        .transpose()
        .map_err(|error| world(folder, &error))?;
    if around.is_some_and(|around| !true_root.starts_with(around)) {
        reading.leave_out(SCHEMAS, "a link out of its folder is not followed", "commit the files themselves");
        return Ok(reading);
    }
    let mut walk = Walk {
        true_root: &true_root,
        reading,
        seen: BTreeSet::new(),
        wanted: is_schema_path,
    };
    walk.folder(&true_root, SCHEMAS, 0)?;
    Ok(walk.reading)
}

struct Walk<'a> {
    true_root: &'a Path,
    reading: Reading,
    /// Folders by their true path: links cannot lead in circles, nor to the same files twice.
    seen: BTreeSet<PathBuf>,
    /// Which files are read, by their path.
    wanted: fn(&str) -> bool,
}

// === impl Walk ===

impl Walk<'_> {
    /// Reads a folder; `path` is its name below the root, with `/`.
    fn folder(&mut self, folder: &Path, path: &str, depth: usize) -> Result<(), WorldError> {
        if !self.seen.insert(folder.to_owned()) {
            return Ok(());
        }
        if depth > FOLDERS_DEEP_MAX {
            self.reading.refuse(
                path,
                &format!("folders are nested deeper than {FOLDERS_DEEP_MAX}"),
                "flatten the folders",
            );
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| world(folder, &error))? {
            let entry = entry.map_err(|error| world(folder, &error))?;
            let name = entry.file_name();
            let path = if path.is_empty() {
                name.to_string_lossy().into_owned()
            } else {
                format!("{path}/{}", name.to_string_lossy())
            };
            if !self.reading.admit_entry(&path) {
                return Ok(());
            }
            if name.to_str().is_none() && (self.wanted)(&path) {
                self.reading.refuse(&path, "the name of the file is not UTF-8", "rename it");
            } else if !name.to_string_lossy().starts_with('.') {
                entries.push((path, entry.path()));
            }
        }
        // In name order, so that of two links to one folder always the same one is read.
        entries.sort();
        for (path, place) in entries {
            self.entry(&place, &path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, place: &Path, path: &str, depth: usize) -> Result<(), WorldError> {
        let found = match place.canonicalize() {
            Ok(found) => found,
            // Removed while we read, or a link to nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if is_contract_path(path) && place.is_symlink() {
                    self.reading.refuse(path, "the link leads nowhere", "remove it");
                } else if (self.wanted)(path) {
                    self.reading.leave_out(path, "the link leads nowhere", "remove it");
                }
                return Ok(());
            }
            Err(error) => return Err(world(place, &error)),
        };
        if !found.starts_with(self.true_root) {
            let problem = "a link out of the contract folder is not followed";
            if is_contract_path(path) || found.is_dir() {
                self.reading.refuse(path, problem, "copy what it leads to");
            } else if (self.wanted)(path) {
                self.reading.leave_out(path, problem, "copy what it leads to");
            }
            return Ok(());
        }
        let kind = fs::metadata(&found).map_err(|error| world(place, &error))?;
        if kind.is_dir() {
            if found.join(".git").exists() {
                let help = "commit the files themselves, or name the folder of the contracts";
                self.reading.refuse(
                    path,
                    "a submodule or another repository is no part of these contracts: nothing in it is read",
                    help,
                );
                return Ok(());
            }
            return self.folder(&found, path, depth + 1);
        }
        if !(self.wanted)(path) {
            return Ok(());
        }
        if !kind.is_file() {
            self.reading.refuse(path, "this is not a regular file", "remove it");
            return Ok(());
        }
        if self.reading.admit_size(path, kind.len()) {
            let mut bytes = Vec::new();
            let file = File::open(&found).map_err(|error| world(place, &error))?;
            // The file may have grown since it was looked at.
            file.take(FILE_BYTES_MAX + 1)
                .read_to_end(&mut bytes)
                .map_err(|error| world(place, &error))?;
            if self.reading.admit_size(path, bytes.len() as u64) {
                self.reading.take(path, bytes);
            }
        }
        Ok(())
    }
}

fn world(place: &Path, error: &io::Error) -> WorldError {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => Remedy::Operator,
        _ => Remedy::Retry,
    };
    WorldError::new(remedy, format!("cannot read {}: {error}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(reading: &Reading) -> Vec<&str> {
        reading.files.iter().map(|file| &*file.path).collect()
    }

    fn problems(reading: &Reading) -> Vec<String> {
        reading
            .diagnostics
            .iter()
            .map(|one| format!("{} {}", one.location, one.problem))
            .collect()
    }

    #[test]
    fn contract_files_only_in_path_order() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "b/y.odcs.yml",
            "a.odcs.yaml",
            "b/a/x.odcs.yaml",
            "b/notes.yaml",
            ".hidden/z.odcs.yaml",
        ] {
            fs::create_dir_all(root.path().join(name).parent().unwrap()).unwrap();
            fs::write(root.path().join(name), name).unwrap();
        }
        let reading = read_directory(root.path()).unwrap();
        assert_eq!(paths(&reading), ["a.odcs.yaml", "b/a/x.odcs.yaml", "b/y.odcs.yml"]);
        assert!(reading.files[1].text == "b/a/x.odcs.yaml" && reading.diagnostics.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_inside_of_the_root() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.odcs.yaml"), "secret").unwrap();
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("..2026_11_21");
        fs::create_dir_all(data.join("shop")).unwrap();
        fs::write(data.join("shop/o.odcs.yaml"), "mounted").unwrap();
        symlink("..2026_11_21", root.path().join("..data")).unwrap();
        symlink("..data/shop", root.path().join("shop")).unwrap();
        symlink("shop", root.path().join("twice")).unwrap();
        symlink(".", data.join("shop/circle")).unwrap();
        symlink(outside.path(), root.path().join("out")).unwrap();
        symlink(outside.path().join("secret.odcs.yaml"), root.path().join("s.odcs.yaml")).unwrap();
        symlink("nowhere", root.path().join("n.odcs.yaml")).unwrap();
        let reading = read_directory(root.path()).unwrap();
        assert_eq!(paths(&reading), ["shop/o.odcs.yaml"]);
        let said = problems(&reading);
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            reading.is_refused() && said.iter().filter(|one| one.contains("out of the contract folder")).count() == 2,
            "{said:?}"
        );
        assert!(
            reading.diagnostics.iter().all(|one| one.level == tidegate_contract::Level::Error),
            "{said:?}"
        );
        // A link inside of the root hides nothing.
        for name in ["out", "s.odcs.yaml", "n.odcs.yaml"] {
            fs::remove_file(root.path().join(name)).unwrap();
        }
        symlink("shop/o.odcs.yaml", root.path().join("again.odcs.yaml")).unwrap();
        let reading = read_directory(root.path()).unwrap();
        assert!(
            reading.diagnostics.is_empty() && reading.files.len() == 2,
            "{:?}",
            reading.diagnostics
        );
        // Another repository inside of this one is none of ours.
        fs::create_dir_all(root.path().join("module/.git")).unwrap();
        assert!(read_directory(root.path()).unwrap().is_refused());
    }

    #[cfg(unix)]
    #[test]
    fn schemas_of_somebody_else_are_not_read() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("repo");
        let put = |place: &Path| {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, "{}").unwrap();
        };
        let contract = root.join("contracts/a.odcs.yaml");
        put(&contract);
        put(&outer.path().join("schemas/secret.json"));
        // Above the root of a repository.
        assert_eq!(
            paths(&read_schemas_near(&contract).unwrap()),
            ["schemas/secret.json"],
            "no repository"
        );
        fs::create_dir(root.join(".git")).unwrap();
        assert!(paths(&read_schemas_near(&contract).unwrap()).is_empty());
        // By a link.
        std::os::unix::fs::symlink(outer.path().join("schemas"), root.join("schemas")).unwrap();
        for reading in [
            read_schemas_near(&contract).unwrap(),
            read_directory(&root.join("contracts")).unwrap(),
        ] {
            assert!(!paths(&reading).contains(&"schemas/secret.json"), "{:?}", paths(&reading));
            assert!(problems(&reading)[0].contains("not followed"), "{:?}", problems(&reading));
        }
        // A link to a place beside it is one.
        fs::remove_file(root.join("schemas")).unwrap();
        put(&root.join("all/b.json"));
        std::os::unix::fs::symlink("all", root.join("schemas")).unwrap();
        assert_eq!(paths(&read_schemas_near(&contract).unwrap()), ["schemas/b.json"]);
    }

    #[test]
    fn schemas_are_those_inside_or_beside() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str| {
            let place = root.path().join(path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, path).unwrap();
        };
        put("contracts/shop/a.odcs.yaml");
        put("schemas/shop/order.json");
        put("schemas/b.odcs.yaml");
        put("schemas/.hidden.json");
        let contracts = root.path().join("contracts");
        assert_eq!(
            paths(&read_directory(&contracts).unwrap()),
            ["schemas/shop/order.json", "shop/a.odcs.yaml"]
        );
        assert_eq!(
            paths(&read_schemas_near(&contracts.join("shop/a.odcs.yaml")).unwrap()),
            ["schemas/shop/order.json"]
        );
        assert_eq!(
            paths(&read_directory(root.path()).unwrap()),
            ["contracts/shop/a.odcs.yaml", "schemas/b.odcs.yaml", "schemas/shop/order.json"]
        );
        put("contracts/schemas/own.avsc");
        assert_eq!(
            paths(&read_directory(&contracts).unwrap()),
            ["schemas/own.avsc", "shop/a.odcs.yaml"]
        );
        assert_eq!(
            paths(&read_schemas_near(&contracts.join("shop/a.odcs.yaml")).unwrap()),
            ["schemas/own.avsc"]
        );
        // Too much is left out with a warning, and whoever names it does not load.
        File::create(contracts.join("schemas/huge.json"))
            .unwrap()
            .set_len(FILE_BYTES_MAX + 1)
            .unwrap();
        let reading = read_directory(&contracts).unwrap();
        assert!(
            !reading.is_refused() && problems(&reading)[0].contains("4194305 bytes"),
            "{:?}",
            problems(&reading)
        );
        assert!(read_schemas_near(&root.path().join("nobody")).is_err());
    }

    #[test]
    fn wrong_files_refuse_the_reading() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.odcs.yaml"), b"one\ntwo \xff\n").unwrap();
        File::create(root.path().join("b.odcs.yaml"))
            .unwrap()
            .set_len(FILE_BYTES_MAX + 1)
            .unwrap();
        let reading = read_directory(root.path()).unwrap();
        assert!(reading.is_refused());
        let said = problems(&reading);
        assert!(said[0].starts_with("a.odcs.yaml:2:1 the file is not UTF-8"), "{said:?}");
        assert!(said[1].contains("4194305 bytes"), "{said:?}");
        let mut deep = root.path().to_owned();
        for _ in 0..40 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        assert!(
            problems(&read_directory(root.path()).unwrap())
                .iter()
                .any(|one| one.contains("nested deeper"))
        );
        let missing = read_directory(&root.path().join("nobody")).unwrap_err();
        assert_eq!(missing.remedy, Remedy::Operator);
    }
}
