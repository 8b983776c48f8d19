//! What people say about a group, and what that means as time goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fold::{Fold, Group};

/// Earlier statements that are remembered: with notes of 2,000 characters they stay far below what a record may hold.
const EARLIER_MAX: usize = 20;

/// One statement about a group, version 1; the newest counts. `schemas/formats/dead-letters.md` describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// Format version.
    pub v: u32,
    /// The group.
    pub fingerprint: String,
    /// What is said.
    pub state: Said,
    /// With `ignored`: until then, microseconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// In the words of who said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who said it.
    pub by: String,
    /// When, microseconds since the epoch.
    pub at: i64,
    /// The end of each dead-letter partition then, by `<topic>:<partition>`: what lies behind it came afterwards, whatever clocks say.
    pub ends: BTreeMap<String, i64>,
    /// Kafka's ids of those topics then, where there are any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ids: BTreeMap<String, String>,
    /// What was said before, the newest last: the topic is compacted and keeps only one record of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Statement>,
}

/// What was said of a group before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// See [`Mark::state`].
    pub state: Said,
    /// See [`Mark::until`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// See [`Mark::note`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// See [`Mark::by`].
    pub by: String,
    /// See [`Mark::at`].
    pub at: i64,
}

/// What can be said of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Nothing any more: it is as new.
    New,
    /// Somebody has looked.
    Known,
    /// Somebody is at it.
    Fixing,
    /// Nobody wants to hear of it for a while.
    Ignored,
    /// It does not come again.
    Fixed,
}

/// How a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nobody has said anything, or what was said is over.
    New,
    /// See [`Said::Known`].
    Known,
    /// See [`Said::Fixing`].
    Fixing,
    /// Until then, microseconds since the epoch.
    Ignored(i64),
    /// And nothing came since.
    Fixed,
    /// It was called fixed, and came again.
    Reopened,
}

// === impl Mark ===

impl Mark {
    /// How the group stands at `now` (microseconds since the epoch).
    pub fn standing(&self, group: &Group, now: i64) -> Standing {
        match self.state {
            Said::New => Standing::New,
            Said::Known => Standing::Known,
            Said::Fixing => Standing::Fixing,
            Said::Ignored => match self.until {
                Some(until) if now < until => Standing::Ignored(until),
                _ => Standing::New,
            },
            Said::Fixed if self.came_since(group) => Standing::Reopened,
            Said::Fixed => Standing::Fixed,
        }
    }

    /// What the one that follows it remembers.
    pub fn history(&self) -> Vec<Statement> {
        let last = Statement {
            state: self.state,
            until: self.until,
            note: self.note.clone(),
            by: self.by.clone(),
            at: self.at,
        };
        let from = (self.earlier.len() + 1).saturating_sub(EARLIER_MAX);
        self.earlier.iter().chain([&last]).skip(from).cloned().collect()
    }

    /// Forgets ends in topics that are not the same any more: whatever lies there came afterwards. Where brokers have no ids, an end that
    /// lies before the one that was noted tells.
    pub fn forget_remade(&mut self, folds: &[Fold]) {
        for fold in folds {
            let at = format!("{}:{}", fold.topic, fold.partition);
            let then = self.ids.get(&fold.topic);
            let is_other = then.is_some() && fold.topic_id.is_some() && then != fold.topic_id.as_ref();
            if is_other || self.ends.get(&at).is_some_and(|end| *end > fold.next) {
                self.ends.remove(&at);
            }
        }
    }

    /// Whether a dead letter of the group lies behind what was there.
    fn came_since(&self, group: &Group) -> bool {
        // A partition that was not there then is all new.
        group.last.iter().any(|(at, last)| self.ends.get(at).is_none_or(|end| last >= end))
    }
}

/// How a group stands by what was said, if anything was.
pub fn standing(mark: Option<&Mark>, group: &Group, now: i64) -> Standing {
    mark.map_or(Standing::New, |mark| mark.standing(group, now))
}

// === impl Said ===

impl Said {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Said::New => "new",
            Said::Known => "known",
            Said::Fixing => "fixing",
            Said::Ignored => "ignored",
            Said::Fixed => "fixed",
        }
    }
}

// === impl Standing ===

impl Standing {
    /// One word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::New => "new",
            Standing::Known => "known",
            Standing::Fixing => "fixing",
            Standing::Ignored(_) => "ignored",
            Standing::Fixed => "fixed",
            Standing::Reopened => "reopened",
        }
    }

    /// Whether somebody should look: not while it is ignored, and not when it is fixed.
    pub const fn is_open(self) -> bool {
        !matches!(self, Standing::Ignored(_) | Standing::Fixed)
    }
}
