//! Contracts from a directory or Git repository, compiled, polled, last good kept.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_contract::Snapshot;
use tidegate_git::{ContractSource, LoadOutcome};
use tidegate_telemetry::Metrics;
use tidegate_validator::JudgingSnapshot;

use super::clock::now_micros;

/// How often the source is looked at.
const POLL_EVERY: Duration = Duration::from_secs(10);

/// The source with its last good snapshot. Clones share both.
#[derive(Clone)]
pub(crate) struct LiveContracts {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    source: ContractSource,
    current: Arc<JudgingSnapshot>,
    looked: Instant,
    metrics: Option<Metrics>,
}

// === impl LiveContracts ===

impl LiveContracts {
    /// Loads the contracts; without a good snapshot nothing starts. The error text is a finished report.
    pub(crate) fn open(spec: &str) -> Result<LiveContracts, String> {
        let mut source = ContractSource::open(spec, None).map_err(|error| error.to_string())?;
        let current = match source.load().map_err(|error| error.to_string())? {
            LoadOutcome::Loaded(snapshot, notes) => {
                for note in notes.iter().filter(|note| note.level == tidegate_contract::Level::Warning) {
                    tracing::warn!(code = note.code, file = %note.location.file, line = note.location.line, "{}", note.problem);
                }
                compile(snapshot)?
            }
            LoadOutcome::Refused { commit, diagnostics } => {
                return Err(format!("the contracts of {commit} do not load:\n{}", lines(&diagnostics)));
            }
            LoadOutcome::Unchanged => return Err("the contract source gave nothing to load".to_owned()),
        };
        let inner = Inner {
            source,
            current,
            looked: Instant::now(),
            metrics: None,
        };
        Ok(LiveContracts {
            inner: Arc::new(Mutex::new(inner)),
        })
    }

    /// Counts refreshes from now on.
    pub(crate) fn counted_by(self, metrics: &Metrics) -> Self {
        let mut inner = self.inner.lock().expect("no panic happens while it is held");
        metrics.snapshot(inner.current.commit(), now_micros());
        inner.metrics = Some(metrics.clone());
        drop(inner);
        self
    }

    /// The newest good snapshot; looks at the source when it is time.
    pub(crate) fn current(&self) -> Arc<JudgingSnapshot> {
        let mut inner = self.inner.lock().expect("no panic happens while it is held");
        if inner.looked.elapsed() >= POLL_EVERY {
            inner.looked = Instant::now();
            inner.refresh();
        }
        inner.current.clone()
    }

    fn at(&self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        let inner = self.inner.lock().expect("no panic happens while it is held");
        if **inner.current.commit() == *commit {
            return Some(inner.current.clone());
        }
        let snapshot = inner.source.snapshot_at(commit).ok()?;
        compile(snapshot).ok()
    }
}

impl Inner {
    /// A bad commit or an unreachable source never replaces a good snapshot.
    fn refresh(&mut self) {
        use tidegate_telemetry::metrics::Refresh;
        let outcome = match self.source.load() {
            // Read, but it did not compile: still not in force.
            Ok(LoadOutcome::Unchanged) if self.source.current().is_some_and(|read| read.commit != *self.current.commit()) => {
                Refresh::Refused
            }
            Ok(LoadOutcome::Unchanged) => Refresh::Unchanged,
            Ok(LoadOutcome::Loaded(snapshot, _)) => match compile(snapshot) {
                Ok(compiled) => {
                    self.current = compiled;
                    Refresh::Loaded
                }
                Err(report) => {
                    tracing::error!(kept = %self.current.commit(), "new contracts do not compile; the last good ones stay in force:\n{report}");
                    Refresh::Refused
                }
            },
            Ok(LoadOutcome::Refused { commit, diagnostics }) => {
                tracing::error!(
                    %commit, kept = %self.current.commit(),
                    "new contracts do not load; the last good ones stay in force:\n{}", lines(&diagnostics)
                );
                Refresh::Refused
            }
            Err(error) => {
                tracing::warn!(%error, kept = %self.current.commit(), "the contract source cannot be read; the last good ones stay in force");
                Refresh::Failed
            }
        };
        if let Some(metrics) = &self.metrics {
            metrics.snapshot_refresh(outcome);
            if matches!(outcome, Refresh::Unchanged | Refresh::Loaded) {
                metrics.snapshot(self.current.commit(), now_micros());
            }
        }
    }
}

impl tidegate_validator::Contracts for LiveContracts {
    fn latest(&mut self) -> Arc<JudgingSnapshot> {
        self.current()
    }

    fn at(&mut self, commit: &str) -> Option<Arc<JudgingSnapshot>> {
        LiveContracts::at(self, commit)
    }
}

fn compile(snapshot: Arc<Snapshot>) -> Result<Arc<JudgingSnapshot>, String> {
    JudgingSnapshot::compile(snapshot)
        .map(Arc::new)
        .map_err(|problems| lines(&problems))
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
        contracts.inner.lock().unwrap().refresh();
        contracts.current().commit().clone()
    }

    #[test]
    fn contracts_that_do_not_load_or_compile_never_replace_good_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.odcs.yaml");
        let put = |text: &str| std::fs::write(&file, text).unwrap();
        let spec = folder.path().display().to_string();
        put(&CONTRACT.replace("value.x > 0", "value.y > 0"));
        let report = LiveContracts::open(&spec).map(drop).unwrap_err();
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
