//! Lines as they come, and how it ends.

use std::time::Instant;

use serde_json::json;
use tidegate_platform::Platform;

use crate::cli::Output;
use crate::exit::Exit;
use crate::screen::say;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// Nothing fails yet.
    Warning,
    /// A role would not start, would stand still, or would lose.
    Wrong,
    /// Nobody looked.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Line {
    state: State,
    what: String,
    fix: Option<String>,
}

/// What was said so far. People see each line at once.
pub(super) struct Report {
    output: Output,
    profile: Option<Platform>,
    lines: Vec<(&'static str, Line, u128)>,
}

// === impl Line ===

impl Line {
    pub(super) fn ok(what: impl Into<String>) -> Line {
        Line {
            state: State::Ok,
            what: what.into(),
            fix: None,
        }
    }

    pub(super) fn warning(what: impl Into<String>, fix: impl Into<String>) -> Line {
        Line {
            state: State::Warning,
            what: what.into(),
            fix: Some(fix.into()),
        }
    }

    pub(super) fn wrong(what: impl Into<String>, fix: impl Into<String>) -> Line {
        Line {
            state: State::Wrong,
            ..Line::warning(what, fix)
        }
    }

    pub(super) fn skipped(what: impl Into<String>) -> Line {
        Line {
            state: State::Skipped,
            ..Line::ok(what)
        }
    }

    /// Another way works: nothing fails yet.
    pub(super) fn soften(&mut self) {
        if self.state == State::Wrong {
            self.state = State::Warning;
        }
    }

    fn is_well(&self) -> bool {
        matches!(self.state, State::Ok | State::Warning | State::Skipped)
    }
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Wrong => "wrong",
            State::Skipped => "skipped",
        }
    }
}

// === impl Report ===

impl Report {
    pub(super) fn new(output: Output, profile: Option<Platform>) -> Report {
        Report {
            output,
            profile,
            lines: Vec::new(),
        }
    }

    /// Adds the lines of a check; whether nothing of it is wrong.
    pub(super) fn add(&mut self, check: &'static str, started: Instant, lines: Vec<Line>) -> bool {
        let millis = started.elapsed().as_millis();
        let well = lines.iter().all(Line::is_well);
        for line in lines {
            if self.output == Output::Human {
                // One line each, whatever a server says.
                let one = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                let fix = line.fix.as_deref().map_or_else(String::new, |fix| format!("; fix: {}", one(fix)));
                say(format_args!("{:<8} {check:<13} {}{fix}", line.state.as_str(), one(&line.what)));
            }
            self.lines.push((check, line, millis));
        }
        well
    }

    pub(super) fn skip(&mut self, check: &'static str, why: &str) {
        self.add(check, Instant::now(), vec![Line::skipped(format!("not checked: {why}"))]);
    }

    pub(super) fn end(&self) -> Exit {
        let count = |state| self.lines.iter().filter(|(_, line, _)| line.state == state).count();
        let (wrong, warnings, skipped) = (count(State::Wrong), count(State::Warning), count(State::Skipped));
        match self.output {
            Output::Human => say(format_args!(
                "{}",
                match wrong {
                    0 => format!("nothing is wrong; {warnings} warnings, {skipped} not checked"),
                    _ => format!("{wrong} wrong, {warnings} warnings, {skipped} not checked"),
                }
            )),
            Output::Json => say(format_args!(
                "{:#}",
                json!({
                    "version": 1,
                    "profile": self.profile.map(Platform::as_str),
                    "checks": self.lines.iter().map(|(check, line, millis)| json!({
                        "check": check, "state": line.state.as_str(), "what": line.what, "fix": line.fix, "millis": u64::try_from(*millis).unwrap_or(u64::MAX),
                    })).collect::<Vec<_>>(),
                    "wrong": wrong, "warnings": warnings, "skipped": skipped,
                })
            )),
        }
        if wrong == 0 { Exit::Clean } else { Exit::Findings }
    }
}
