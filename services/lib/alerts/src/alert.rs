//! An alert as a rule of Prometheus.

use serde_json::{Map, Value, json};

use crate::Options;

/// Who is told, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Somebody is woken.
    Page,
    /// Somebody looks at it on a working day.
    Ticket,
    /// It is shown.
    Info,
}

/// One alerting rule.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Its name, and that of its runbook.
    pub name: &'static str,
    /// PromQL; its value stands in the summary.
    pub expr: String,
    /// Seconds that it must hold.
    pub hold: u64,
    /// Severity.
    pub severity: Severity,
    /// Further labels, which route and group; never those that `expr` brings.
    pub labels: Vec<(&'static str, String)>,
    /// Annotations, `summary` among them.
    pub annotations: Vec<(&'static str, String)>,
    /// `for` as it is written, filled by the options.
    pub(crate) wait: String,
}

/// Rules that are evaluated together.
#[derive(Debug, Clone)]
pub struct Group {
    /// Unique in its file.
    pub name: String,
    /// Between two evaluations, as Prometheus writes it.
    pub interval: String,
    /// In order.
    pub alerts: Vec<Alert>,
}

// === impl Severity ===

impl Severity {
    /// Label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
            Severity::Info => "info",
        }
    }
}

// === impl Alert ===

impl Alert {
    /// An alert with its summary and the link to its runbook.
    pub(crate) fn new(options: &Options, name: &'static str, severity: Severity, expr: String, hold: u64, summary: String) -> Alert {
        let runbook = format!("{}/{name}.md", options.runbooks.trim_end_matches('/'));
        Alert {
            name,
            expr,
            hold,
            severity,
            labels: Vec::new(),
            annotations: vec![("summary", summary), ("runbook_url", runbook)],
            wait: options.times.text(hold),
        }
    }

    pub(crate) fn label(mut self, name: &'static str, value: impl Into<String>) -> Alert {
        self.labels.push((name, value.into()));
        self
    }

    pub(crate) fn note(mut self, name: &'static str, text: impl Into<String>) -> Alert {
        let text = text.into();
        if !text.is_empty() {
            self.annotations.push((name, text));
        }
        self
    }

    fn to_json(&self) -> Value {
        let texts = |pairs: &[(&'static str, String)]| -> Map<String, Value> {
            pairs
                .iter()
                .map(|(name, text)| ((*name).to_owned(), text.as_str().into()))
                .collect()
        };
        let mut labels = texts(&self.labels);
        labels.insert("severity".to_owned(), self.severity.as_str().into());
        let mut rule = json!({
            "alert": self.name,
            "expr": self.expr,
            "labels": labels,
            "annotations": texts(&self.annotations),
        });
        if self.hold > 0 {
            rule["for"] = self.wait.as_str().into();
        }
        rule
    }
}

// === impl Group ===

impl Group {
    pub(crate) fn new(options: &Options, name: String, alerts: Vec<Alert>) -> Group {
        Group {
            name,
            interval: options.times.text(60),
            alerts,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let rules: Vec<Value> = self.alerts.iter().map(Alert::to_json).collect();
        json!({ "name": self.name, "interval": self.interval, "rules": rules })
    }
}
