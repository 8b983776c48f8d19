//! The cache and what fills it.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use schema_registry_converter::async_impl::schema_registry::SrSettings;
use tidegate_check::input::{Known, SchemaLookup, SchemaNeed};
use tidegate_codec::avro::Schema;
use tidegate_codec::protobuf;
use tidegate_flow::{Remedy, WorldError};

use crate::apicurio::Api;
use crate::auth::Auth;
use crate::cache::Cache;
use crate::fault::Fault;
use crate::pace::Pace;
use crate::runtime::Blocking;
use crate::wire::{self, Answer, need_text};

/// A registry and what it has said. Clones share both; any thread may use them.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

/// How patient and how polite the client is.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For one request, with connecting.
    pub timeout: Duration,
    /// How long *unknown* and *unusable* are believed. Short: a producer registers a schema just before it uses it.
    pub forget_after: Duration,
    /// Questions for unknown ids at once.
    pub unknown_burst: u32,
    /// Questions for unknown ids a second after that.
    pub unknown_a_second: u32,
    /// Schemas kept; the oldest goes first.
    pub schemas_max: usize,
    /// Unknown and unusable ids kept.
    pub refusals_max: usize,
}

/// What the registry has.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// An Avro schema, parsed.
    Avro(Arc<Schema>),
    /// A Protobuf schema, compiled.
    Protobuf(Arc<protobuf::Schema>),
    /// It knows no such id.
    Unknown,
    /// It has something else than a working Avro or Protobuf schema.
    Unusable,
}

struct Inner {
    shown_url: String,
    settings: SrSettings,
    apicurio: Api,
    limits: Limits,
    runtime: Blocking,
    cache: RwLock<Cache>,
    pace: Mutex<Pace>,
}

// === impl Registry ===

impl Registry {
    /// Prepares a client; asks nothing yet. `url` is the base of the API, such as `http://host:8081` or
    /// `http://host:8080/apis/ccompat/v7`.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] for a URL that is none or holds credentials.
    pub fn connect(url: &str, auth: Auth) -> Result<Registry, WorldError> {
        Registry::connect_with(url, auth, Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    ///
    /// As [`Registry::connect`].
    pub fn connect_with(url: &str, auth: Auth, limits: Limits) -> Result<Registry, WorldError> {
        let url = checked_url(url)?;
        let mut builder = SrSettings::new_builder(url.to_owned());
        builder.set_timeout(limits.timeout);
        if url.starts_with("http://") && !matches!(auth, Auth::Nobody) {
            tracing::warn!(registry = url, "credentials for the schema registry travel unencrypted");
        }
        match &auth {
            Auth::Nobody => &mut builder,
            Auth::Basic(user, password) => builder.set_basic_authorization(user, Some(password)),
            Auth::Bearer(token) => builder.set_token_authorization(token),
        };
        // The client's error is not passed on: it may repeat what it was given.
        let settings = builder
            .build()
            .map_err(|_| WorldError::new(Remedy::Operator, format!("cannot make a client for the schema registry {url}")))?;
        let client = reqwest::Client::builder()
            .timeout(limits.timeout)
            .build()
            .map_err(|_| WorldError::new(Remedy::Operator, format!("cannot make a client for the schema registry {url}")))?;
        let now = Instant::now();
        let inner = Inner {
            shown_url: url.to_owned(),
            settings,
            apicurio: Api::new(url, auth, client),
            limits,
            runtime: Blocking::new()?,
            cache: RwLock::new(Cache::new(limits.forget_after, limits.schemas_max, limits.refusals_max)),
            pace: Mutex::new(Pace::new(limits.unknown_burst, limits.unknown_a_second.max(1), now)),
        };
        Ok(Registry { inner: Arc::new(inner) })
    }

    /// Makes a schema known: from the cache, else by asking. Blocks; afterwards [`SchemaLookup::lookup`] answers the same for a while.
    ///
    /// # Errors
    ///
    /// The registry did not answer, or not as a registry does: the schema may exist, so records that need it must wait. Also
    /// [`Remedy::Retry`] when so many unknown ids were asked for that the registry needs a rest.
    pub fn fetch(&self, need: &SchemaNeed) -> Result<Fetched, WorldError> {
        if let Some(fetched) = Fetched::from_known(self.lookup(need)) {
            return Ok(fetched);
        }
        // Taken before asking, so that many threads cannot overdraw it together.
        self.pace(|pace| pace.take(Instant::now())).map_err(|wait| self.resting(wait))?;
        let (settings, asked) = (self.settings(), need.clone());
        let apicurio = self.inner.apicurio.clone();
        let answer = self.wait(async move {
            match asked {
                SchemaNeed::GlobalId(_) | SchemaNeed::ContentId(_) => apicurio.ask(&asked).await,
                _ => wire::ask(&settings, &asked).await,
            }
        });
        if !matches!(answer, Ok(Ok(Answer::Absent))) {
            self.pace(Pace::give_back);
        }
        let known = match answer? {
            Ok(Answer::Avro(schema)) => Known::Avro(Arc::new(schema)),
            Ok(Answer::Protobuf(schema)) => Known::Protobuf(Arc::new(schema)),
            Ok(Answer::Unusable(why)) => {
                tracing::warn!(schema = need_text(need), why, "a schema cannot be used");
                Known::Unusable
            }
            Ok(Answer::Absent) => Known::Unknown,
            Err(Fault::World(error)) => return Err(error),
            Err(Fault::Absent) => return Err(WorldError::new(Remedy::Bug, "a missing schema was taken for an outage")),
        };
        let fetched = Fetched::from_known(known.clone()).expect("none of the answers is NotCached");
        self.inner
            .cache
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .keep(need.clone(), known, Instant::now());
        Ok(fetched)
    }

    pub(crate) fn settings(&self) -> SrSettings {
        self.inner.settings.clone()
    }

    pub(crate) fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T, WorldError> {
        self.inner.runtime.wait(future)
    }

    fn pace<T>(&self, change: impl FnOnce(&mut Pace) -> T) -> T {
        change(&mut self.inner.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn resting(&self, wait: Duration) -> WorldError {
        let (rate, wait) = (self.inner.limits.unknown_a_second, wait.as_millis());
        WorldError::new(
            Remedy::Retry,
            format!("more than {rate} unknown schema ids a second, next question in {wait} ms"),
        )
    }
}

impl SchemaLookup for Registry {
    fn lookup(&self, need: &SchemaNeed) -> Known {
        self.inner
            .cache
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .known(need, Instant::now())
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("url", &self.inner.shown_url)
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Limits {
            timeout: Duration::from_secs(10),
            forget_after: Duration::from_secs(5),
            unknown_burst: 200,
            unknown_a_second: 50,
            schemas_max: 10_000,
            refusals_max: 10_000,
        }
    }
}

// === impl Fetched ===

impl Fetched {
    fn from_known(known: Known) -> Option<Fetched> {
        match known {
            Known::Avro(schema) => Some(Fetched::Avro(schema)),
            Known::Protobuf(schema) => Some(Fetched::Protobuf(schema)),
            Known::Unknown => Some(Fetched::Unknown),
            Known::Unusable => Some(Fetched::Unusable),
            Known::NotCached => None,
        }
    }
}

/// The URL without a slash at its end.
pub(crate) fn checked_url(url: &str) -> Result<&str, WorldError> {
    let wrong = |why: &str| Err(WorldError::new(Remedy::Operator, format!("the URL of the schema registry {why}")));
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return wrong("must start with http:// or https://");
    };
    let host = rest.split('/').next().unwrap_or_default();
    match () {
        () if host.contains('@') => wrong("must not hold credentials: they have settings of their own"),
        () if rest.contains(['?', '#']) => wrong("must not have a query"),
        () if host.is_empty() || rest.contains(char::is_whitespace) => wrong("has no host"),
        () => Ok(url.trim_end_matches('/')),
    }
}
