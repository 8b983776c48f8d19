//! What is in force, what was refused, and who may ask.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tidegate_contract::{Bundle, Diagnostic, Level};
use tidegate_diff::History;

use crate::auth::{Caller, Tokens};
use crate::catalog::Catalog;
use crate::http::{Answer, Request};
use crate::ids::Schema;
use crate::routes;
use crate::webhook::Secret;

/// Commits that stay at hand, the one in force included.
const RECENT_MAX: usize = 4;
/// Reasons of a refused commit that are shown.
const REASONS_MAX: usize = 50;

/// The registry. Any thread may ask it; one thread gives it what the source has.
pub struct Registry {
    held: RwLock<Held>,
    tokens: RwLock<Option<Arc<Tokens>>>,
    secret: Option<Secret>,
    ports: Ports,
}

/// Looks for the files of a commit.
pub type Archive = dyn Fn(&str) -> Option<Bundle> + Send + Sync;

/// What the registry asks of the outside.
pub struct Ports {
    /// The files of an earlier commit, if the source still has it. May block.
    pub archive: Box<Archive>,
    /// Somebody says that the source has something new. Must not block.
    pub nudge: Box<dyn Fn() + Send + Sync>,
}

/// What came of a commit.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is in force already.
    Unchanged,
    /// It is in force now; its warnings.
    Loaded(Vec<Diagnostic>),
    /// It is not; the reasons. What was in force stays.
    Refused(Vec<Diagnostic>),
}

/// A commit that must not be used.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The commit.
    pub commit: Arc<str>,
    /// `file:line:column: error[TG0123]: problem (help)`, at most 50.
    pub reasons: Vec<String>,
    /// When it was first seen, microseconds since the epoch.
    pub since: i64,
}

/// What is shown of the registry's state.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// What is in force; none before the first good commit.
    pub catalog: Option<Arc<Catalog>>,
    /// Since when, microseconds since the epoch.
    pub since: i64,
    /// When the source was last found to have nothing newer that is good.
    pub confirmed: i64,
    /// The source's present commit, if it is refused.
    pub refused: Option<Refused>,
    /// Why the source cannot be read, if it cannot.
    pub trouble: Option<String>,
}

#[derive(Default)]
struct Held {
    state: State,
    recent: VecDeque<Arc<Catalog>>,
    /// Every schema that was ever in force here: records that were written with one stay after a rollback.
    schemas: BTreeMap<u32, Schema>,
}

// === impl Registry ===

impl Registry {
    /// An empty registry. Without tokens everybody may ask; without a secret webhooks are refused.
    pub fn new(tokens: Option<Tokens>, secret: Option<Secret>, ports: Ports) -> Registry {
        Registry {
            held: RwLock::default(),
            tokens: RwLock::new(tokens.map(Arc::new)),
            secret,
            ports,
        }
    }

    /// Takes up what the source has: whole, or not at all. `published` is what the source's history says was published up to that commit;
    /// empty where it has none. `now` in microseconds since the epoch.
    pub fn take_up(&self, bundle: Bundle, published: History, now: i64) -> Outcome {
        let before = self.state().catalog;
        if before.as_ref().is_some_and(|before| *before.commit == *bundle.commit) {
            self.confirm(now);
            return Outcome::Unchanged;
        }
        let commit: Arc<str> = bundle.commit.as_str().into();
        match Catalog::compile(bundle, published, before.as_deref()) {
            Ok((catalog, notes)) => {
                let catalog = Arc::new(catalog);
                let mut held = self.write();
                if let Some(ids) = &catalog.ids {
                    held.schemas.extend(ids.schemas.iter().map(|(id, schema)| (*id, schema.clone())));
                }
                held.recent.retain(|other| other.commit != catalog.commit);
                held.recent.push_front(catalog.clone());
                held.recent.truncate(RECENT_MAX);
                held.state = State {
                    catalog: Some(catalog),
                    since: now,
                    confirmed: now,
                    refused: None,
                    trouble: None,
                };
                Outcome::Loaded(notes)
            }
            Err(problems) => {
                self.refuse(&commit, &problems, now);
                Outcome::Refused(problems)
            }
        }
    }

    /// The source's commit must not be used, as whoever read it says.
    pub fn refuse(&self, commit: &Arc<str>, problems: &[Diagnostic], now: i64) {
        let mut held = self.write();
        held.state.trouble = None;
        if held.state.refused.as_ref().is_some_and(|refused| refused.commit == *commit) {
            return;
        }
        let errors = problems.iter().filter(|problem| problem.level == Level::Error);
        held.state.refused = Some(Refused {
            commit: commit.clone(),
            reasons: errors.take(REASONS_MAX).map(line).collect(),
            since: now,
        });
    }

    /// The source has what is in force.
    pub fn confirm(&self, now: i64) {
        let mut held = self.write();
        held.state.confirmed = now;
        held.state.refused = None;
        held.state.trouble = None;
    }

    /// The source cannot be read; what is in force stays.
    pub fn trouble(&self, text: impl Into<String>) {
        self.write().state.trouble = Some(text.into());
    }

    /// Takes other tokens from now on.
    pub fn accept(&self, tokens: Tokens) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(tokens));
    }

    /// A copy of the state.
    pub fn state(&self) -> State {
        self.read().state.clone()
    }

    /// Answers a request; also the pattern of the route that did, for metrics. `now` in microseconds since the epoch.
    pub fn answer(&self, request: &Request, now: i64) -> (&'static str, Answer) {
        routes::answer(self, request, now)
    }

    /// Who asks.
    pub(crate) fn caller(&self, request: &Request) -> Caller {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone();
        tokens.map_or(Caller::Anybody, |tokens| tokens.caller(request))
    }

    pub(crate) fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    pub(crate) fn nudge(&self) {
        (self.ports.nudge)();
    }

    /// A schema that is or was in force.
    pub(crate) fn schema(&self, id: u32) -> Option<Schema> {
        self.read().schemas.get(&id).cloned()
    }

    /// An earlier commit, compiled: one at hand, else from the source. None when it is gone or does not compile.
    pub(crate) fn at(&self, commit: &str) -> Option<Arc<Catalog>> {
        let at_hand = self.read().recent.iter().find(|catalog| *catalog.commit == *commit).cloned();
        at_hand.or_else(|| {
            let bundle = (self.ports.archive)(commit)?;
            Catalog::compile(bundle, History::default(), None)
                .ok()
                .map(|(catalog, _)| Arc::new(catalog))
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        // Nothing inside can be half done when a thread panics with the lock.
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ports")
    }
}

fn line(problem: &Diagnostic) -> String {
    let help = if problem.help.is_empty() {
        String::new()
    } else {
        format!(" ({})", problem.help)
    };
    format!("{}: error[{}]: {}{help}", problem.location, problem.code, problem.problem)
}
