//! An object store in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use bytes::Bytes;
use tidegate_flow::WorldError;
use tidegate_flow::ports::{Created, ObjectFacts, Store};

/// Objects by path.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<String, Bytes>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// The objects as they are now, in a store of their own.
    pub fn copied(&self) -> MemoryStore {
        MemoryStore {
            objects: Mutex::new(self.objects().clone()),
        }
    }

    fn objects(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().expect("no panic happens while the store is locked")
    }
}

impl Store for MemoryStore {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        let mut objects = self.objects();
        if objects.contains_key(path) {
            return Ok(Created::Exists);
        }
        objects.insert(path.to_owned(), bytes);
        Ok(Created::New)
    }

    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        self.objects().insert(path.to_owned(), bytes);
        Ok(())
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        Ok(self.objects().get(path).cloned())
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        Ok(self.objects().contains_key(path))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        Ok(self
            .objects()
            .iter()
            .filter(|(path, _)| path.starts_with(prefix))
            .map(|(path, bytes)| ObjectFacts {
                path: path.clone(),
                size: bytes.len() as u64,
            })
            .collect())
    }
}
