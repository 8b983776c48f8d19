//! A local folder as the lake's store; ranges are read as the engine asks for them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_flow::{Remedy, WorldError};

/// Everything below this folder.
#[derive(Debug)]
pub(crate) struct LocalFolder(pub(crate) PathBuf);

fn failed(error: std::io::Error) -> WorldError {
    WorldError::caused(Remedy::Operator, "reading the folder", error)
}

fn refused() -> WorldError {
    WorldError::new(Remedy::Bug, "the benchmark only reads")
}

impl Store for LocalFolder {
    fn create(&self, _: &str, _: Bytes) -> Result<Created, WorldError> {
        Err(refused())
    }

    fn put(&self, _: &str, _: Bytes) -> Result<(), WorldError> {
        Err(refused())
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        Ok(Some(std::fs::read(self.0.join(path)).map_err(failed)?.into()))
    }

    fn get_range(&self, path: &str, range: Range<u64>) -> Result<Option<Bytes>, WorldError> {
        let mut file = File::open(self.0.join(path)).map_err(failed)?;
        file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(range.end - range.start).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes.into()))
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        Ok(self.0.join(path).exists())
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.0.join(prefix)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            found.push(ObjectFacts {
                path: format!("{prefix}/{}", entry.file_name().to_string_lossy()),
                size: entry.metadata().map_err(failed)?.len(),
            });
        }
        found.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(found)
    }
}
