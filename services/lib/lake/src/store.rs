//! The port over `object_store`.
//!
//! - A create-only put that meets a conflict looks for the object. S3 answers 409 also while another request is under way; only an
//!   object that is there makes it `Exists`, otherwise it is tried again (`reliability` P13).
//! - A put without an answer may have happened: it comes back as [`Remedy::Retry`], and trying again is safe, because a `create` then
//!   finds the object and a `put` writes the same bytes.
//! - A listing is read to its end and sorted here. Offsets of listings are not used: Azurite ignores them.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use tidegate_flow::ports::{Created, ObjectFacts, Store};
use tidegate_flow::{Remedy, WorldError};

use crate::disk::Disk;
use crate::fault;
use crate::location::Location;
use crate::names;
use crate::runtime::Blocking;
use crate::watched::{Look, Tag};

/// How often a conflict without an object is tried again before the caller hears of it.
const CONFLICTS_MAX: u32 = 6;
/// Wait after the first such conflict; doubled each time.
const CONFLICT_WAIT: Duration = Duration::from_millis(50);

/// An open lake.
pub(crate) struct Lake {
    location: Location,
    client: Arc<dyn ObjectStore>,
    disk: Option<Disk>,
    runtime: Blocking,
}

// === impl Lake ===

impl Lake {
    pub(crate) fn new(location: Location, client: Arc<dyn ObjectStore>, disk: Option<Disk>, runtime: Blocking) -> Self {
        Lake {
            location,
            client,
            disk,
            runtime,
        }
    }

    /// Runs one call. `doing` and `path` are for the text of an error.
    fn call<T: Send + 'static>(
        &self,
        doing: &str,
        path: &str,
        future: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, WorldError> {
        self.runtime
            .wait(future)?
            .map_err(|error| fault::world(&self.what(doing, path), &error))
    }

    fn what(&self, doing: &str, path: &str) -> String {
        format!("cannot {doing} {path} in {}", self.location)
    }

    fn object(&self, doing: &str, path: &str) -> Result<Path, WorldError> {
        names::object(path).map_err(|why| WorldError::new(Remedy::Bug, format!("{}: {why}", self.what(doing, path))))
    }

    /// When the store says that an object was last written, in milliseconds since 1970.
    pub(crate) fn modified(&self, path: &str) -> Result<i64, WorldError> {
        let at = self.object("look at", path)?;
        let client = self.client.clone();
        let facts = self.call("look at", path, async move { client.head(&at).await })?;
        Ok(facts.last_modified.timestamp_millis())
    }

    /// Removes an object; one that is not there is removed.
    pub(crate) fn remove(&self, path: &str) -> Result<(), WorldError> {
        let at = self.object("remove", path)?;
        let client = self.client.clone();
        self.call("remove", path, async move {
            match client.delete(&at).await {
                Err(Error::NotFound { .. }) => Ok(()),
                answer => answer,
            }
        })
    }

    /// The object, unless it is still the one of `seen`; at most so many bytes of it.
    pub(crate) fn look(&self, path: &str, seen: Option<&Tag>, bytes_max: u64) -> Result<Look, WorldError> {
        let at = self.object("look at", path)?;
        let (client, is_local) = (self.client.clone(), self.disk.is_some());
        let if_none_match = seen.map(|tag| tag.0.clone());
        self.call("look at", path, async move {
            let conditional = GetOptions {
                if_none_match,
                ..GetOptions::default()
            };
            let answer = match client.get_opts(&at, conditional).await {
                // Not what RFC 9110 has for a GET: the store cannot say it, so it is read.
                Err(Error::Precondition { .. }) => client.get(&at).await,
                answer => answer,
            };
            let found = match answer {
                Ok(found) => found,
                Err(Error::NotModified { .. }) => return Ok(Look::Unchanged),
                Err(Error::NotFound { .. }) => return Ok(Look::Absent),
                Err(error) => return Err(error),
            };
            if found.meta.size > bytes_max {
                return Ok(Look::TooLarge(found.meta.size));
            }
            // What a file is called here is made of its time and size, and two writes may share both.
            let tag = found.meta.e_tag.clone().filter(|_| !is_local).map(Tag);
            Ok(Look::New(found.bytes().await?, tag))
        })
    }

    fn settle(&self, doing: &str, path: &str) -> Result<(), WorldError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let unsettled = |error| {
            WorldError::caused(
                Remedy::Retry,
                format!("{}: it may not survive a power cut", self.what(doing, path)),
                error,
            )
        };
        disk.settle(path).map_err(unsettled)
    }
}

impl Store for Lake {
    fn create(&self, path: &str, bytes: Bytes) -> Result<Created, WorldError> {
        let at = self.object("create", path)?;
        let client = self.client.clone();
        let created = self.call("create", path, async move {
            for attempt in 0..CONFLICTS_MAX {
                let options = PutOptions {
                    mode: PutMode::Create,
                    ..PutOptions::default()
                };
                match client.put_opts(&at, bytes.clone().into(), options).await {
                    Ok(_) => return Ok(Some(Created::New)),
                    Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
                    Err(error) => return Err(error),
                }
                match client.head(&at).await {
                    Ok(_) => return Ok(Some(Created::Exists)),
                    Err(Error::NotFound { .. }) => tokio::time::sleep(CONFLICT_WAIT * 2u32.pow(attempt)).await,
                    Err(error) => return Err(error),
                }
            }
            Ok(None)
        })?;
        match created {
            Some(created) => self.settle("create", path).map(|()| created),
            None => Err(WorldError::new(
                Remedy::Retry,
                format!("{}: conflict after conflict, and nothing is there", self.what("create", path)),
            )),
        }
    }

    fn put(&self, path: &str, bytes: Bytes) -> Result<(), WorldError> {
        let at = self.object("put", path)?;
        let client = self.client.clone();
        self.call("put", path, async move { client.put(&at, bytes.into()).await.map(drop) })?;
        self.settle("put", path)
    }

    fn get(&self, path: &str) -> Result<Option<Bytes>, WorldError> {
        let at = self.object("get", path)?;
        let client = self.client.clone();
        self.call("get", path, async move {
            match client.get(&at).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn get_range(&self, path: &str, range: Range<u64>) -> Result<Option<Bytes>, WorldError> {
        if range.is_empty() {
            return Ok(self.exists(path)?.then(Bytes::new));
        }
        let at = self.object("get", path)?;
        let client = self.client.clone();
        self.call("get", path, async move {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range.clone())),
                ..GetOptions::default()
            };
            match client.get_opts(&at, options).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(Error::NotFound { .. }) => Ok(None),
                // Stores refuse a range past the end, each in its own words.
                Err(error) => match client.head(&at).await {
                    Ok(meta) if meta.size <= range.start => Ok(Some(Bytes::new())),
                    _ => Err(error),
                },
            }
        })
    }

    fn exists(&self, path: &str) -> Result<bool, WorldError> {
        let at = self.object("look for", path)?;
        let client = self.client.clone();
        self.call("look for", path, async move {
            match client.head(&at).await {
                Ok(_) => Ok(true),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectFacts>, WorldError> {
        let at = names::folder(prefix).map_err(|why| WorldError::new(Remedy::Bug, format!("{}: {why}", self.what("list", prefix))))?;
        let client = self.client.clone();
        let mut found: Vec<ObjectFacts> = self.call("list", prefix, async move {
            let below = if at.is_root() { None } else { Some(&at) };
            let facts = |meta: object_store::ObjectMeta| ObjectFacts {
                path: meta.location.into(),
                size: meta.size,
            };
            client.list(below).map_ok(facts).try_collect().await
        })?;
        found.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        Ok(found)
    }
}

impl fmt::Debug for Lake {
    /// Not the client: some print their credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lake").field("location", &self.location).finish_non_exhaustive()
    }
}
