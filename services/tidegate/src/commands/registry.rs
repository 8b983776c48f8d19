//! `tidegate registry serve`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_contract::{Bundle, ContractFile, Diagnostic, Level, Snapshot};
use tidegate_flow::{Remedy, WorldError};
use tidegate_git::LoadOutcome;
use tidegate_registry::{Answer, Caller, Outcome, Ports, Registry, Request, Secret, Tokens};
use tidegate_telemetry::metrics::Refresh;
use tidegate_telemetry::{Health, Metrics, Server};
use tidegate_web::{Admission, Response, Tls};

use crate::cli::ServeArgs;
use crate::config::{Config, Serving};
use crate::exit::Exit;
use crate::signals::stop_flag;
use crate::wiring::clock::now_micros;
use crate::wiring::contracts::source::{Past, Source};
use crate::wiring::issuer::KnownIssuer;

/// How many earlier states of the files behind a bad commit are tried at a start.
const FALL_BACK_MAX: usize = 50;
/// How often a stop request is looked for.
const STEP: Duration = Duration::from_millis(100);
/// The shortest time between two looks that webhooks ask for.
const NUDGED_AFTER: Duration = Duration::from_secs(1);
/// A look may take this long before the process counts as stuck: a request to a Git server and what compiles behind it.
const TURN_WITHIN: Duration = Duration::from_secs(180);

pub(crate) fn run(args: &ServeArgs) -> Exit {
    let proven = Config::load(&args.role).and_then(|config| config.serving(args).map(|serving| (config, serving)));
    let (config, serving) = match proven {
        Ok(proven) => proven,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Exit::Config;
        }
    };
    match serve(&config, &serving, &stop_flag()) {
        Ok(()) => Exit::Clean,
        Err(error) => {
            eprintln!("error: {error}");
            Exit::of_role(&error)
        }
    }
}

fn serve(config: &Config, serving: &Serving, stop: &Arc<AtomicBool>) -> Result<(), WorldError> {
    let mut reach = config.following.reach.clone();
    reach.git.stop = stop.clone();
    let (mut source, past) = Source::open(&config.contracts, &reach)?;
    let proof = serving
        .tls
        .as_ref()
        .map(|(certificate, key)| Proof::read(certificate, key))
        .transpose()?;
    let tls = proof.as_ref().map(|proof| proof.tls.clone());
    let secret = match &serving.webhook_secret {
        Some(path) => Some(
            Secret::new(&read(path)?).ok_or_else(|| operator(format!("{}: a secret of webhooks has at least 16 bytes", path.display())))?,
        ),
        None => None,
    };
    let tokens = serving.tokens.as_deref().map(tokens).transpose()?;

    let metrics = Metrics::new(crate::build::VERSION, crate::build::COMMIT);
    let health = Health::starting();
    metrics.readiness("registry", &health);
    let (nudge, nudged) = mpsc::sync_channel(1);
    let issuer = serving.trusted.clone().map(KnownIssuer::new).transpose()?;
    let mut registry = Registry::new(tokens, secret, ports(past.clone(), nudge));
    if let Some(issuer) = &issuer {
        registry = registry.trusting(issuer.believes());
    }
    let registry = Arc::new(registry);
    let telemetry = Server::start(super::address(&config.http)?, metrics.clone(), health.clone())?;
    let (answering, counting) = (registry.clone(), metrics.clone());
    let (admitting, refusing) = (registry.clone(), metrics.clone());
    let api = tidegate_web::Server::start(
        serving.listen,
        tls,
        move |head| admitted(&admitting, &refusing, head),
        move |request| answered(&answering, &counting, request),
    )?;
    tracing::info!(address = %api.address(), metrics = %telemetry.address(), contracts = shown(&config.contracts), "serving contracts");

    let noted = source.noted();
    if let Some((commit, _)) = &noted {
        source.put_in_force(commit);
    }
    let mut follower = Follower {
        noted,
        registry: &registry,
        source,
        past,
        pending: None,
        metrics: &metrics,
        health: &health,
        tokens: serving.tokens.as_deref(),
        proof,
        api: &api,
        tried: None,
        stop,
    };
    let pulse = health.pulse("registry", config.following.poll_every + TURN_WITHIN);
    let outcome = follower.run(config.following.poll_every, &nudged, stop, || pulse.beat());
    drop(follower);
    pulse.finish();
    health.hinder("stopping", "asked to stop");
    api.stop();
    tracing::info!("stopped");
    outcome
}

/// Looks at the source again and again.
struct Follower<'a> {
    registry: &'a Registry,
    source: Source,
    past: Past,
    /// Loaded, and not held against its history yet.
    pending: Option<Arc<Snapshot>>,
    metrics: &'a Metrics,
    health: &'a Health,
    tokens: Option<&'a Path>,
    proof: Option<Proof>,
    api: &'a tidegate_web::Server,
    /// The refused commit for which no earlier good one was found.
    tried: Option<String>,
    stop: &'a AtomicBool,
    /// What was in force before the start, and when that was noted, until it is used.
    noted: Option<(String, i64)>,
}

/// What the API proves itself with, and the files that it comes from.
struct Proof {
    files: (PathBuf, PathBuf),
    bytes: (Vec<u8>, Vec<u8>),
    tls: Tls,
}

// === impl Proof ===

impl Proof {
    fn read(certificate: &Path, key: &Path) -> Result<Proof, WorldError> {
        let bytes = |path: &Path| std::fs::read(path).map_err(|error| operator(format!("{}: cannot be read: {error}", path.display())));
        Ok(Proof {
            bytes: (bytes(certificate)?, bytes(key)?),
            tls: Tls::from_files(certificate, key)?,
            files: (certificate.to_owned(), key.to_owned()),
        })
    }
}

// === impl Follower ===

impl Follower<'_> {
    fn run(&mut self, every: Duration, nudged: &mpsc::Receiver<()>, stop: &AtomicBool, turned: impl Fn()) -> Result<(), WorldError> {
        let mut random = fastrand::Rng::new();
        while !stop.load(Ordering::Acquire) {
            let looked = Instant::now();
            self.look()?;
            turned();
            let due = looked + every.mul_f64(0.75 + random.f64() / 2.0);
            while !stop.load(Ordering::Acquire) && Instant::now() < due {
                let connected = self.api.connected();
                self.metrics.registry_connections(connected.open, connected.refused);
                match nudged.recv_timeout(STEP) {
                    Ok(()) if looked.elapsed() >= NUDGED_AFTER => break,
                    // Too soon after the last look: as soon as it may be.
                    Ok(()) => {
                        std::thread::sleep(NUDGED_AFTER.saturating_sub(looked.elapsed()));
                        break;
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => std::thread::sleep(STEP),
                }
            }
        }
        Ok(())
    }

    /// Once. What is in force stays whatever happens; before the first snapshot a source that an operator must mend ends the process.
    fn look(&mut self) -> Result<(), WorldError> {
        self.reread_tokens();
        self.reread_certificate();
        let now = now_micros();
        let before = self.registry.state();
        let looked = self.source.load();
        if let Ok(LoadOutcome::Loaded(snapshot, notes)) = &looked {
            for note in notes.iter().filter(|note| note.level == Level::Warning) {
                tracing::warn!(code = note.code, file = %note.location.file, line = note.location.line, "{}", note.problem);
            }
            self.pending = Some(snapshot.clone());
        }
        let refresh = match (looked, self.pending.take()) {
            (Ok(LoadOutcome::Loaded(..) | LoadOutcome::Unchanged), Some(snapshot)) => self.take_up(snapshot, now),
            (Ok(LoadOutcome::Loaded(..) | LoadOutcome::Unchanged), None) => {
                self.registry.confirm(now);
                Refresh::Unchanged
            }
            (Ok(LoadOutcome::Refused { commit, diagnostics }), _) => {
                if before.refused.as_ref().is_none_or(|refused| refused.commit != commit) {
                    say_refused(&commit, &crate::wiring::contracts::lines(&diagnostics));
                }
                self.fall_back(&commit, &diagnostics, now);
                self.registry.refuse(&commit, &diagnostics, now);
                Refresh::Refused
            }
            (Err(error), pending) => {
                self.pending = pending;
                if !self.hold_noted() && before.catalog.is_none() && error.remedy == Remedy::Operator {
                    return Err(error);
                }
                if self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
                tracing::warn!(%error, "the contract source cannot be read; what is in force stays");
                self.registry.trouble(error.what);
                Refresh::Failed
            }
        };
        self.tell(refresh);
        Ok(())
    }

    /// Puts what was loaded into force, or refuses it. Its history cannot be read: it is tried again at the next look.
    fn take_up(&mut self, snapshot: Arc<Snapshot>, now: i64) -> Refresh {
        let published = match self.past.published(&snapshot.commit) {
            Ok(published) => published,
            Err(error) => {
                tracing::warn!(commit = %snapshot.commit, %error, "what was published before cannot be read; what is in force stays");
                self.registry.trouble(error.what);
                self.pending = Some(snapshot);
                return Refresh::Failed;
            }
        };
        let files = self.source.sources().iter().map(|(path, text)| ContractFile {
            path: path.clone(),
            text: text.clone(),
        });
        match self.registry.take_up(Bundle::new(&*snapshot.commit, files), published, now) {
            Outcome::Unchanged => Refresh::Unchanged,
            Outcome::Loaded(_) => {
                tracing::info!(commit = %snapshot.commit, contracts = snapshot.contracts.len(), "a new snapshot is in force");
                self.source.note(&snapshot.commit);
                Refresh::Loaded
            }
            Outcome::Refused(problems) => {
                say_refused(&snapshot.commit, &crate::wiring::contracts::lines(&problems));
                self.fall_back(&snapshot.commit, &problems, now);
                self.registry.refuse(&snapshot.commit, &problems, now);
                self.source.reject(problems);
                Refresh::Refused
            }
        }
    }

    /// After a start: what was in force before it, as it was noted beside the mirror. Answers whether anything is in force.
    fn hold_noted(&mut self) -> bool {
        if self.registry.state().catalog.is_some() {
            return true;
        }
        let Some((commit, noted)) = self.noted.take() else {
            return false;
        };
        let (Ok(bundle), Ok(published)) = (self.past.bundle(&commit), self.past.published(&commit)) else {
            tracing::warn!(commit, "what was in force before the start is noted, and cannot be read any more");
            return false;
        };
        // As seen then: who looks at the source now knows better.
        let is_held = matches!(self.registry.take_up(bundle, published, noted), Outcome::Loaded(_));
        if is_held {
            tracing::warn!(commit, "what was in force before the start is in force again");
        }
        is_held
    }

    /// After a start at a bad commit: what was noted, or the nearest good one of those that it was made from, so that a restart does not take
    /// away what was in force. The same one on every replica. Nothing behind a merge of two contents: which of its sides was in force is not
    /// told by the commits, and the wrong one must not come into force.
    fn fall_back(&mut self, refused: &str, problems: &[Diagnostic], now: i64) {
        if self.hold_noted() || self.tried.as_deref() == Some(refused) || is_contested(problems) {
            return;
        }
        let mut commit = refused.to_owned();
        let mut all_were_read = true;
        for _ in 0..FALL_BACK_MAX {
            let Some(earlier) = self.past.before(&commit) else { break };
            commit = earlier;
            let (bundle, published) = match (self.past.bundle(&commit), self.past.published(&commit)) {
                (Ok(bundle), Ok(published)) => (bundle, published),
                (read, walked) => {
                    let errors = [read.err(), walked.err()];
                    // What is wrong with the commit itself stays so.
                    all_were_read &= errors.iter().flatten().all(|error| error.remedy == Remedy::Operator);
                    continue;
                }
            };
            match self.registry.take_up(bundle, published, now) {
                Outcome::Loaded(_) => {
                    tracing::warn!(%commit, refused, "an earlier commit is in force, since the present one is refused");
                    self.source.put_in_force(&commit);
                    self.source.note(&commit);
                    return;
                }
                Outcome::Refused(problems) if is_contested(&problems) => break,
                Outcome::Refused(_) | Outcome::Unchanged => {}
            }
        }
        // All of them are read and compiled once, not at every look.
        if all_were_read {
            self.tried = Some(refused.to_owned());
        }
    }

    fn tell(&self, refresh: Refresh) {
        self.metrics.snapshot_refresh(refresh);
        let state = self.registry.state();
        match &state.catalog {
            Some(catalog) => {
                self.metrics.snapshot(&catalog.commit, state.confirmed);
                self.health.clear("contracts");
                self.health.clear("starting");
            }
            None => {
                let why = state.trouble.or_else(|| {
                    state
                        .refused
                        .map(|refused| format!("commit {} is refused: {}", refused.commit, refused.reasons.join("; ")))
                });
                self.health.hinder("contracts", why.unwrap_or_else(|| "no snapshot yet".to_owned()));
            }
        }
    }

    /// Tokens may be changed while we run; a file that cannot be used changes nothing.
    fn reread_tokens(&self) {
        let Some(path) = self.tokens else { return };
        match tokens(path) {
            Ok(tokens) => self.registry.accept(tokens),
            Err(error) => {
                tracing::error!(%error, "the tokens that were read before stay in force");
                self.registry.token_trouble(error.what);
            }
        }
    }

    /// Certificates live a few weeks and are written anew while we run.
    fn reread_certificate(&mut self) {
        let Some(proof) = &self.proof else { return };
        match Proof::read(&proof.files.0, &proof.files.1) {
            Ok(read) if read.bytes == proof.bytes => {}
            Ok(read) => {
                tracing::info!("the API proves itself with another certificate from now on");
                self.api.renew(read.tls.clone());
                self.proof = Some(read);
            }
            // Both files are not written in one step.
            Err(error) => tracing::error!(%error, "the certificate that was read before is still used"),
        }
    }
}

fn is_contested(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.code == tidegate_diff::history::CONTESTED)
}

fn say_refused(commit: &str, report: &str) {
    tracing::error!(commit, "this commit is refused; what is in force stays:\n{report}");
}

fn ports(past: Past, nudge: mpsc::SyncSender<()>) -> Ports {
    // One at a time: reading an earlier commit costs memory, and anybody who is let in may ask.
    let past = Mutex::new(past);
    Ports {
        archive: Box::new(move |commit, in_force| {
            let past = past.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match past.on_the_way(commit, in_force) {
                Ok(found) => Some(found),
                Err(error) => {
                    tracing::info!(%error, "an earlier commit that was asked for cannot be had");
                    None
                }
            }
        }),
        // Full means that somebody has asked already.
        nudge: Box::new(move || {
            let _ = nudge.try_send(());
        }),
    }
}

/// Before the body: nobody who is not let in may fill our memory.
fn admitted(registry: &Registry, metrics: &Metrics, head: &tidegate_web::Request) -> Admission {
    let head = Request {
        method: head.method.clone(),
        path: head.path.clone(),
        query: head.query.clone(),
        headers: head.headers.clone(),
        body: Vec::new(),
    };
    match registry.admit(&head) {
        Ok(admission) => Admission::Read {
            body_bytes_max: admission.body_bytes_max,
            is_known: admission.is_known,
        },
        Err((route, answer)) => {
            tracing::debug!(route, status = answer.status, "refused");
            metrics.registry_request(route, answer.status);
            Admission::Answer(written(answer))
        }
    }
}

fn answered(registry: &Registry, metrics: &Metrics, request: tidegate_web::Request) -> Response {
    let request = Request {
        method: request.method,
        path: request.path,
        query: request.query,
        headers: request.headers,
        body: request.body,
    };
    let (route, answer) = registry.answer(&request, now_micros());
    if let Caller::Named(client) = registry.caller(&request) {
        tracing::debug!(client, route, status = answer.status, "answered");
    }
    metrics.registry_request(route, answer.status);
    written(answer)
}

fn written(answer: Answer) -> Response {
    let mut headers = vec![("content-type".to_owned(), answer.kind.to_owned())];
    headers.extend(answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Response {
        status: answer.status,
        headers,
        body: answer.body,
    }
}

fn tokens(path: &Path) -> Result<Tokens, WorldError> {
    Tokens::parse(&read(path)?).map_err(|problem| operator(format!("{}: {problem}", path.display())))
}

fn read(path: &Path) -> Result<String, WorldError> {
    std::fs::read_to_string(path).map_err(|error| operator(format!("{}: cannot be read: {error}", path.display())))
}

/// A spec that held a secret was refused; this keeps one out of the log that was refused for something else.
fn shown(spec: &str) -> &str {
    if spec.split('#').next().is_some_and(|url| url.contains("://") && url.contains('@')) {
        "(a URL)"
    } else {
        spec
    }
}

fn operator(what: String) -> WorldError {
    WorldError::new(Remedy::Operator, what)
}
