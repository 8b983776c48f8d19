//! A folder with Parquet files as a lake.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use tidegate_flow::WorldError;
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_query::{Lake, Limits};

pub(crate) struct Stand {
    folder: tempfile::TempDir,
    pub(crate) lake: Lake,
}

struct Folder(PathBuf);

// === impl Stand ===

impl Stand {
    pub(crate) fn new() -> Stand {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::new(
            Arc::new(Folder(folder.path().to_owned())),
            Limits {
                threads: 2,
                ..Limits::default()
            },
        )
        .unwrap();
        Stand { folder, lake }
    }

    pub(crate) fn write(&self, path: &str, columns: Vec<(&str, ArrayRef)>) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap();
        let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }
}

/// A column of instants in UTC, given in microseconds.
pub(crate) fn instants(micros: &[Option<i64>]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone("UTC"))
}

impl Store for Folder {
    fn create(&self, _: &str, _: Bytes) -> Result<Created, WorldError> {
        unreachable!("queries only read")
    }
    fn put(&self, _: &str, _: Bytes) -> Result<(), WorldError> {
        unreachable!("queries only read")
    }
    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        Ok(std::fs::read(self.0.join(path)).ok().map(Bytes::from))
    }
    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        Ok(self.0.join(path).exists())
    }
    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.join(prefix)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    let path = entry.path().strip_prefix(&self.0).unwrap().to_str().unwrap().to_owned();
                    found.push(ObjectFacts {
                        path,
                        size: entry.metadata().unwrap().len(),
                    });
                }
            }
        }
        found.sort_by(|left, right| left.path.cmp(&right.path));
        Ok(found)
    }
}
