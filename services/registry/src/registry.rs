//! What is in force, what was refused, and who may ask.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tidegate_contract::{Bundle, Diagnostic, Level};

use crate::auth::{Caller, Tokens, token};
use crate::catalog::{Catalog, Published};
use crate::http::{Answer, Request};
use crate::ids::Schema;
use crate::routes::{self, Admission};
use crate::webhook::Secret;

/// Commits whose documents stay at hand, the one in force included: workers ask for those that judged an open range.
const RECENT_MAX: usize = 4;
/// Earlier commits that stay compiled, for comparisons.
const COMPILED_MAX: usize = 2;
/// Reasons of a refused commit that are shown.
const REASONS_MAX: usize = 50;

/// The registry. Any thread may ask it; one thread gives it what the source has.
pub struct Registry {
    held: RwLock<Held>,
    tokens: RwLock<Option<Arc<Tokens>>>,
    issued: Option<Box<Issued>>,
    secret: Option<Secret>,
    ports: Ports,
    /// Earlier commits that somebody asked for. Whoever compiles one holds it.
    compiled: Mutex<VecDeque<Arc<Catalog>>>,
}

/// An earlier commit.
pub(crate) enum Earlier {
    Known(Arc<Catalog>),
    /// It is gone, was never here, or does not compile.
    Absent,
    /// Somebody else's is being compiled; one at a time, so that who asks for many takes nothing from others.
    Busy,
}

/// What workers ask for of an earlier commit.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) commit: Arc<str>,
    pub(crate) digest: String,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) height: Option<u64>,
}

/// Whom a token of a trusted issuer stands for; none for any other token. Must not block.
pub type Issued = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Looks for the files of a commit (the first), and what was published before it, for a source whose commit in force is the second.
pub type Archive = dyn Fn(&str, &str) -> Option<(Bundle, Published)> + Send + Sync;

/// What the registry asks of the outside.
pub struct Ports {
    /// The files of an earlier commit, if the source still has it and it lies on the way to the one in force. May block.
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
    /// Why the file of tokens cannot be used, if it cannot: those that were read before are in force still.
    pub token_trouble: Option<String>,
}

#[derive(Default)]
struct Held {
    state: State,
    recent: VecDeque<Document>,
}

// === impl Registry ===

impl Registry {
    /// An empty registry. Without tokens everybody may ask; without a secret webhooks are refused.
    pub fn new(tokens: Option<Tokens>, secret: Option<Secret>, ports: Ports) -> Registry {
        Registry {
            held: RwLock::default(),
            tokens: RwLock::new(tokens.map(Arc::new)),
            issued: None,
            secret,
            ports,
            compiled: Mutex::default(),
        }
    }

    /// Tokens of an issuer let in, too; from now on nobody is let in without one or the other.
    #[must_use]
    pub fn trusting(mut self, issued: Box<Issued>) -> Registry {
        self.issued = Some(issued);
        self
    }

    /// Takes up what the source has: whole, or not at all. `published` is what the source's history says was published up to that commit;
    /// empty where it has none. `now` in microseconds since the epoch.
    pub fn take_up(&self, bundle: Bundle, published: Published, now: i64) -> Outcome {
        let before = self.state().catalog;
        // By content: two bundles of one commit may hold different folders of it.
        let is_known =
            |before: &Arc<Catalog>| *before.commit == *bundle.commit && bundle.seal().is_ok_and(|sealed| sealed.digest == before.digest);
        if before.as_ref().is_some_and(is_known) {
            self.confirm(now);
            return Outcome::Unchanged;
        }
        let commit: Arc<str> = bundle.commit.as_str().into();
        match Catalog::compile(bundle, published, before.as_deref()) {
            Ok((catalog, notes)) => {
                let catalog = Arc::new(catalog);
                let mut held = self.write();
                held.recent.retain(|other| other.commit != catalog.commit);
                held.recent.push_front(Document::of(&catalog));
                held.recent.truncate(RECENT_MAX);
                held.state = State {
                    token_trouble: held.state.token_trouble.take(),
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
        self.write().state.token_trouble = None;
    }

    /// The tokens cannot be read again; those that were read before stay in force, a revoked one among them.
    pub fn token_trouble(&self, text: impl Into<String>) {
        self.write().state.token_trouble = Some(text.into());
    }

    /// Decides by the head of a request, before anything of its body is read.
    ///
    /// # Errors
    ///
    /// The answer for who is not let in, with the pattern of the route.
    pub fn admit(&self, head: &Request) -> Result<Admission, (&'static str, Answer)> {
        routes::admit(self, head)
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
    pub fn caller(&self, request: &Request) -> Caller {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone();
        if tokens.is_none() && self.issued.is_none() {
            return Caller::Anybody;
        }
        let named = tokens.map_or(Caller::Stranger, |tokens| tokens.caller(request));
        match (&self.issued, named) {
            (Some(issued), Caller::Stranger) => match token(request).and_then(|token| issued(&token)) {
                Some(name) => Caller::Named(name),
                None => Caller::Stranger,
            },
            (_, named) => named,
        }
    }

    pub(crate) fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    pub(crate) fn nudge(&self) {
        (self.ports.nudge)();
    }

    /// A schema that is or was recorded on the way to what is in force.
    pub(crate) fn schema(&self, id: u32) -> Option<Schema> {
        self.read().state.catalog.as_ref()?.recorded.schema(id).cloned()
    }

    /// The document of a commit that was in force a short while ago.
    pub(crate) fn recent(&self, commit: &str) -> Option<Document> {
        self.read().recent.iter().find(|document| *document.commit == *commit).cloned()
    }

    /// An earlier commit, compiled: one at hand, else from the source.
    pub(crate) fn at(&self, commit: &str) -> Earlier {
        let Some(in_force) = self.state().catalog else {
            return Earlier::Absent;
        };
        if *in_force.commit == *commit {
            return Earlier::Known(in_force);
        }
        let mut compiled = match self.compiled.try_lock() {
            Ok(compiled) => compiled,
            Err(std::sync::TryLockError::WouldBlock) => return Earlier::Busy,
            Err(std::sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        if let Some(known) = compiled.iter().find(|catalog| *catalog.commit == *commit) {
            return Earlier::Known(known.clone());
        }
        let Some((bundle, published)) = (self.ports.archive)(commit, &in_force.commit) else {
            return Earlier::Absent;
        };
        // It may be one that was refused when it was new.
        let Ok((catalog, _)) = Catalog::compile(bundle, published, None) else {
            return Earlier::Absent;
        };
        let catalog = Arc::new(catalog);
        compiled.push_front(catalog.clone());
        compiled.truncate(COMPILED_MAX);
        Earlier::Known(catalog)
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        // Nothing inside can be half done when a thread panics with the lock.
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Document ===

impl Document {
    pub(crate) fn of(catalog: &Catalog) -> Document {
        Document {
            commit: catalog.commit.clone(),
            digest: catalog.digest.clone(),
            bytes: catalog.document.clone(),
            height: catalog.height,
        }
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
