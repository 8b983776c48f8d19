//! Contracts from wherever they are, compiled, polled, last good kept.

mod document;
mod file;
pub(crate) mod source;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use tidegate_contract::Snapshot;
use tidegate_flow::{Remedy, WorldError};
use tidegate_git::LoadOutcome;
use tidegate_telemetry::Metrics;
use tidegate_validator::JudgingSnapshot;

use self::source::{Past, Reach, Source};
use super::clock::now_micros;

/// How often the source is looked at, give or take a quarter.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(10);

/// The source with its last good snapshot. Clones share both. A thread of its own looks at the source, so that one that hangs holds up nobody.
#[derive(Clone)]
pub(crate) struct LiveContracts {
    shared: Arc<Shared>,
}

struct Shared {
    current: RwLock<Arc<JudgingSnapshot>>,
    source: Mutex<Source>,
    past: Past,
    metrics: Mutex<Option<Metrics>>,
    /// What can be judged is shown at 0 before it is.
    is_announced: AtomicBool,
    /// Dropped with the last clone, which ends the thread.
    _alive: mpsc::Sender<()>,
}

// === impl LiveContracts ===

impl LiveContracts {
    /// As [`LiveContracts::open_with`], without credentials.
    pub(crate) fn open(spec: &str) -> Result<LiveContracts, WorldError> {
        LiveContracts::open_with(spec, &Reach::default(), POLL_EVERY)
    }

    /// Loads the contracts; without a good snapshot nothing starts. The text of an error is a finished report. [`Remedy::Retry`]: the source
    /// is away and may come back.
    pub(crate) fn open_with(spec: &str, reach: &Reach, poll_every: Duration) -> Result<LiveContracts, WorldError> {
        let operator = |what: String| Err(WorldError::new(Remedy::Operator, what));
        let (mut source, past) = Source::open(spec, reach)?;
        let current = match source.load()? {
            LoadOutcome::Loaded(snapshot, notes) => {
                for note in notes.iter().filter(|note| note.level == tidegate_contract::Level::Warning) {
                    tracing::warn!(code = note.code, file = %note.location.file, line = note.location.line, "{}", note.problem);
                }
                compile(snapshot).map_err(|problems| WorldError::new(Remedy::Operator, lines(&problems)))?
            }
            LoadOutcome::Refused { commit, diagnostics } => {
                return operator(format!("the contracts of {commit} do not load:\n{}", lines(&diagnostics)));
            }
            LoadOutcome::Unchanged => return operator("the contract source gave nothing to load".to_owned()),
        };
        let (alive, ended) = mpsc::channel();
        let shared = Arc::new(Shared {
            current: RwLock::new(current),
            source: Mutex::new(source),
            past,
            metrics: Mutex::default(),
            is_announced: AtomicBool::new(false),
            _alive: alive,
        });
        let weak = Arc::downgrade(&shared);
        std::thread::Builder::new()
            .name("contracts".to_owned())
            .spawn(move || poll(&weak, &ended, poll_every))
            .map_err(|error| WorldError::caused(Remedy::Operator, "cannot start a thread for contracts", error))?;
        Ok(LiveContracts { shared })
    }

    /// Counts refreshes from now on.
    pub(crate) fn counted_by(self, metrics: &Metrics) -> Self {
        metrics.snapshot(self.current().commit(), now_micros());
        *locked(&self.shared.metrics) = Some(metrics.clone());
        self
    }

    /// For whoever judges: every topic and version has its counters at 0 before the first record. Call it behind [`LiveContracts::counted_by`].
    pub(crate) fn announced(self) -> Self {
        self.shared.is_announced.store(true, Ordering::Release);
        if let Some(metrics) = &*locked(&self.shared.metrics) {
            announce(&self.current().snapshot, metrics);
        }
        self
    }

    /// The newest good snapshot.
    pub(crate) fn current(&self) -> Arc<JudgingSnapshot> {
        self.shared.current()
    }

    fn at(&self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        let current = self.current();
        if **current.commit() == *commit {
            return Some(current);
        }
        let snapshot = match self.shared.past.snapshot(commit) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::warn!(commit, "{error}");
                return None;
            }
        };
        compile(snapshot).ok()
    }
}

/// Looks again and again, until nobody holds the contracts any more. Intervals differ by a quarter, so that many workers do not ask at once.
fn poll(shared: &Weak<Shared>, ended: &mpsc::Receiver<()>, every: Duration) {
    let mut random = fastrand::Rng::new();
    while ended.recv_timeout(every.mul_f64(0.75 + random.f64() / 2.0)) == Err(RecvTimeoutError::Timeout) {
        let Some(shared) = shared.upgrade() else { return };
        shared.refresh();
    }
}

impl Shared {
    fn current(&self) -> Arc<JudgingSnapshot> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A bad commit or an unreachable source never replaces a good snapshot.
    fn refresh(&self) {
        use tidegate_telemetry::metrics::Refresh;
        let mut source = locked(&self.source);
        let kept = self.current();
        let outcome = match source.load() {
            Ok(LoadOutcome::Unchanged) => Refresh::Unchanged,
            Ok(LoadOutcome::Loaded(snapshot, _)) => match compile(snapshot) {
                Ok(compiled) => {
                    tracing::info!(commit = %compiled.commit(), before = %kept.commit(), "new contracts");
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = compiled;
                    Refresh::Loaded
                }
                Err(problems) => {
                    let report = lines(&problems);
                    tracing::error!(kept = %kept.commit(), "new contracts do not compile; the last good ones stay in force:\n{report}");
                    source.reject(problems);
                    Refresh::Refused
                }
            },
            Ok(LoadOutcome::Refused { commit, diagnostics }) => {
                tracing::error!(
                    %commit, kept = %kept.commit(),
                    "new contracts do not load; the last good ones stay in force:\n{}", lines(&diagnostics)
                );
                Refresh::Refused
            }
            Err(error) => {
                if let Some(metrics) = &*locked(&self.metrics) {
                    metrics.world_error(tidegate_telemetry::metrics::Port::Contracts, &error);
                }
                tracing::warn!(%error, kept = %kept.commit(), "the contract source cannot be read; the last good ones stay in force");
                Refresh::Failed
            }
        };
        if let Some(metrics) = &*locked(&self.metrics) {
            metrics.snapshot_refresh(outcome);
            if matches!(outcome, Refresh::Unchanged | Refresh::Loaded) {
                metrics.snapshot(self.current().commit(), now_micros());
            }
            if outcome == Refresh::Loaded && self.is_announced.load(Ordering::Acquire) {
                announce(&self.current().snapshot, metrics);
            }
        }
    }
}

/// Every topic and version that can be judged gets its counters at 0, and so do dead letters that no contract claims: an alert counts
/// increases, and the first one would be missed.
fn announce(snapshot: &Snapshot, metrics: &Metrics) {
    for (topic, binding) in &snapshot.bindings {
        metrics.outcomes(topic, None, 0, 0);
        for version in binding.versions.keys() {
            metrics.outcomes(topic, Some(version), 0, 0);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in force is set in one step, so nothing is half done after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl tidegate_validator::Contracts for LiveContracts {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.current()
    }

    fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        LiveContracts::at(self, commit)
    }
}

fn compile(snapshot: Arc<Snapshot>) -> Result<Arc<JudgingSnapshot>, Vec<tidegate_contract::Diagnostic>> {
    JudgingSnapshot::compile(snapshot).map(Arc::new)
}

/// One line a problem: `file:line:col: error[TG0123]: problem (help)`.
pub(crate) fn lines(diagnostics: &[tidegate_contract::Diagnostic]) -> String {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.level == tidegate_contract::Level::Error)
        .map(|diagnostic| {
            let at = &diagnostic.location;
            let help = if diagnostic.help.is_empty() {
                String::new()
            } else {
                format!(" ({})", diagnostic.help)
            };
            format!(
                "{}:{}:{}: error[{}]: {}{help}",
                at.file, at.line, at.column, diagnostic.code, diagnostic.problem
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nname: A\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    physicalType: topic\n    properties:\n      - {name: x, logicalType: integer, logicalTypeOptions: {format: i64}}\n    quality:\n      - {id: rule, type: custom, engine: cel, implementation: \"value.x > 0\"}\n";

    fn refresh(contracts: &LiveContracts) -> Arc<str> {
        contracts.shared.refresh();
        contracts.current().commit().clone()
    }

    #[test]
    fn contracts_that_do_not_load_or_compile_never_replace_good_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.odcs.yaml");
        let put = |text: &str| std::fs::write(&file, text).unwrap();
        let spec = folder.path().display().to_string();
        put(&CONTRACT.replace("value.x > 0", "value.y > 0"));
        let report = LiveContracts::open(&spec).map(drop).unwrap_err().what;
        assert!(
            report.contains("a.odcs.yaml:13:"),
            "without a good snapshot nothing starts: {report}"
        );

        put(CONTRACT);
        let contracts = LiveContracts::open(&spec).unwrap();
        let good = contracts.current().commit().clone();
        put(&CONTRACT.replace("kind: DataContract", "kind: Nonsense"));
        assert_eq!(refresh(&contracts), good, "does not load");
        put(&CONTRACT.replace("value.x > 0", "value.y > 0"));
        assert_eq!(refresh(&contracts), good, "loads, and its rule does not compile");
        assert_eq!(refresh(&contracts), good, "nor the second time");
        put(&CONTRACT.replace("value.x > 0", "value.x > 1"));
        assert_ne!(refresh(&contracts), good, "a good one replaces it");
    }
}
