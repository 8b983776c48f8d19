//! Our blocking store port as the store that DataFusion reads from. Reading only: everything that writes is refused.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use tidegate_flow::WorldError;
use tidegate_flow::ports::Store;

/// Name that errors carry.
const NAME: &str = "lake";

/// The adapter.
pub(crate) struct Bridge {
    store: Arc<dyn Store>,
}

/// Object facts in DataFusion's words. Files of the lake never change, so all are of the same age.
pub(crate) fn meta(path: &str, size: u64) -> Result<ObjectMeta> {
    Ok(ObjectMeta {
        location: Path::parse(path)?,
        last_modified: Default::default(),
        size,
        e_tag: None,
        version: None,
    })
}

// === impl Bridge ===

impl Bridge {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Bridge { store }
    }

    /// Calls the port from a thread that may block.
    async fn blocking<T: Send + 'static>(&self, call: impl FnOnce(&dyn Store) -> Result<T, WorldError> + Send + 'static) -> Result<T> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || call(&*store)).await?.map_err(generic)
    }

    async fn range(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
        let path = location.to_string();
        let expected = range.end - range.start;
        let bytes = self
            .blocking(move |store| store.get_range(&path, range))
            .await?
            .ok_or_else(|| gone(location))?;
        // A short answer would be read as the columns' bytes.
        match bytes.len() as u64 == expected {
            true => Ok(bytes),
            false => Err(Error::Generic {
                store: NAME,
                source: format!("{location} is shorter than its listing says").into(),
            }),
        }
    }

    async fn size(&self, location: &Path) -> Result<u64> {
        let path = location.to_string();
        let found = self
            .blocking(move |store| store.list(&path).map(|found| found.into_iter().find(|object| object.path == path)))
            .await?;
        match found {
            Some(object) => Ok(object.size),
            // Some stores list only below a prefix, never the object of that very name.
            None => {
                let path = location.to_string();
                let bytes = self.blocking(move |store| store.get(&path)).await?.ok_or_else(|| gone(location))?;
                Ok(bytes.len() as u64)
            }
        }
    }
}

#[async_trait]
impl ObjectStore for Bridge {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (bytes, range, size) = match options.range {
            // The one that readers of columns ask for; the end of the range is known, so the object's size is not needed.
            Some(GetRange::Bounded(range)) if !options.head => {
                let bytes = self.range(location, range.clone()).await?;
                (bytes, range.clone(), range.end)
            }
            asked => {
                let size = self.size(location).await?;
                let range = match asked {
                    Some(asked) => asked.as_range(size).map_err(|error| Error::Generic {
                        store: NAME,
                        source: Box::new(error),
                    })?,
                    None => 0..size,
                };
                let bytes = if options.head {
                    Bytes::new()
                } else {
                    self.range(location, range.clone()).await?
                };
                (bytes, range, size)
            }
        };
        Ok(GetResult {
            payload: GetResultPayload::Stream(futures::stream::once(async { Ok(bytes) }).boxed()),
            meta: ObjectMeta {
                location: location.clone(),
                last_modified: Default::default(),
                size,
                e_tag: None,
                version: None,
            },
            range,
            attributes: Attributes::default(),
        })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // Columns of one row group lie side by side: fetched together where less than this lies between them.
        datafusion::object_store::coalesce_ranges(
            ranges,
            |range| self.range(location, range),
            datafusion::object_store::OBJECT_STORE_COALESCE_DEFAULT,
        )
        .await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let store = self.store.clone();
        let prefix = prefix.map(Path::to_string).unwrap_or_default();
        let listing = async move {
            let found = tokio::task::spawn_blocking(move || store.list(&prefix))
                .await
                .map_err(Error::from)
                .and_then(|found| found.map_err(generic));
            let objects = match found {
                Ok(found) => found.iter().map(|object| meta(&object.path, object.size)).collect(),
                Err(error) => vec![Err(error)],
            };
            futures::stream::iter(objects)
        };
        futures::stream::once(listing).flatten().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(refused("listing by folder"))
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused("writing"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("writing"))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        futures::stream::once(async { Err(refused("deleting")) }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("copying"))
    }
}

impl std::fmt::Display for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NAME)
    }
}

impl std::fmt::Debug for Bridge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bridge")
    }
}

fn generic(error: WorldError) -> Error {
    Error::Generic {
        store: NAME,
        source: Box::new(error),
    }
}

fn gone(location: &Path) -> Error {
    Error::NotFound {
        path: location.to_string(),
        source: "listed a moment ago, gone now".into(),
    }
}

fn refused(what: &str) -> Error {
    Error::NotSupported {
        source: format!("{what}: queries only read").into(),
    }
}
