//! Whether a store does what a lake needs, tried with one small object that is removed again.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tidegate_flow::WorldError;
use tidegate_flow::ports::{Created, Store as _};

use crate::open::open_lake;
use crate::options::LakeOptions;

/// The object. Below `lake/`, where a sink may write, and no Parquet, so that nobody reads it. One name for all times: where nothing may be
/// removed, no more than this one stays.
pub const OBJECT: &str = "lake/_doctor/probe";
const CONTENT: &[u8] = b"written by `tidegate doctor`; may be deleted\n";

/// What was found, in the order in which it was tried; after an error nothing further was.
#[derive(Debug)]
pub struct Examined {
    /// Each step with what went wrong.
    pub steps: Vec<(Step, Result<(), WorldError>)>,
    /// How far the store's clock is ahead of ours, in milliseconds, at least: zero within what the request took and the store's whole seconds.
    pub ahead_millis: Option<i64>,
    /// The object is still there, because we may not remove it.
    pub stays: bool,
}

/// One thing that a lake needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The place is there, and may be listed.
    List,
    /// An object can be put.
    Create,
    /// It cannot be put a second time.
    CreateOnly,
    /// It can be read, and holds what was put.
    Read,
}

// === impl Step ===

impl Step {
    /// What was tried, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::List => "list",
            Step::Create => "write",
            Step::CreateOnly => "create only once",
            Step::Read => "read",
        }
    }
}

// === impl Examined ===

impl Examined {
    fn step(&mut self, step: Step, outcome: Result<(), WorldError>) -> bool {
        let fine = outcome.is_ok();
        self.steps.push((step, outcome));
        fine
    }

    /// What did not work.
    pub fn failure(&self) -> Option<(Step, &WorldError)> {
        self.steps.iter().find_map(|(step, outcome)| Some((*step, outcome.as_ref().err()?)))
    }
}

/// Tries everything that a sink does. Overwrites nothing.
pub fn examine(location: &str, options: &LakeOptions) -> Examined {
    let mut found = Examined {
        steps: Vec::new(),
        ahead_millis: None,
        stays: false,
    };
    // Opening lists a remote store.
    let lake = match open_lake(location, options) {
        Ok(lake) => lake,
        Err(error) => {
            found.step(Step::List, Err(error));
            return found;
        }
    };
    if !found.step(Step::List, lake.list("lake/_doctor").map(drop)) {
        return found;
    }
    let before = now_millis();
    let first = lake.create(OBJECT, Bytes::from_static(CONTENT));
    let after = now_millis();
    let is_new = matches!(first, Ok(Created::New));
    if !found.step(Step::Create, first.map(drop)) {
        return found;
    }
    if is_new && let Ok(modified) = lake.modified(OBJECT) {
        found.ahead_millis = Some(ahead(modified, before, after));
    }
    // Another doctor may have removed the object meanwhile, so it is refused twice before it counts as not held.
    let again = lake.create(OBJECT, Bytes::from_static(CONTENT));
    let again = match again {
        Ok(Created::New) => lake.create(OBJECT, Bytes::from_static(CONTENT)),
        other => other,
    };
    let held = again.and_then(|created| match created {
        Created::Exists => Ok(()),
        Created::New => Err(WorldError::new(
            tidegate_flow::Remedy::Operator,
            "an object that is there could be put a second time: two sinks would overwrite each other",
        )),
    });
    if found.step(Step::CreateOnly, held) {
        let read = lake.get(OBJECT).and_then(|bytes| match bytes {
            Some(bytes) if bytes == CONTENT => Ok(()),
            _ => Err(WorldError::new(
                tidegate_flow::Remedy::Operator,
                format!("{OBJECT} does not hold what was put there"),
            )),
        });
        found.step(Step::Read, read);
    }
    found.stays = lake.remove(OBJECT).is_err();
    found
}

/// Zero when the store's time lies within the request; stores count whole seconds.
fn ahead(modified: i64, before: i64, after: i64) -> i64 {
    if modified > after {
        modified - after
    } else if modified + 1_000 < before {
        modified + 1_000 - before
    } else {
        0
    }
}

fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_examined_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let location = folder.path().display().to_string();
        for _ in 0..2 {
            let found = examine(&location, &LakeOptions::default());
            assert!(found.failure().is_none() && found.steps.len() == 4, "{found:?}");
            assert!(!found.stays && found.ahead_millis == Some(0), "{found:?}");
            assert!(!folder.path().join(OBJECT).exists());
        }
        // What was left behind is no failure, and goes this time.
        std::fs::create_dir_all(folder.path().join("lake/_doctor")).unwrap();
        std::fs::write(folder.path().join(OBJECT), CONTENT).unwrap();
        let found = examine(&location, &LakeOptions::default());
        assert!(found.failure().is_none() && !found.stays, "{found:?}");
        assert!(!folder.path().join(OBJECT).exists());
        std::fs::write(folder.path().join(OBJECT), "something else").unwrap();
        let found = examine(&location, &LakeOptions::default());
        assert_eq!(found.failure().map(|(step, _)| step), Some(Step::Read));
    }

    #[test]
    fn the_clock_is_told_from_outside_of_the_request_only() {
        assert_eq!(ahead(5_000, 5_200, 5_400), 0, "whole seconds");
        assert_eq!(ahead(5_300, 5_200, 5_400), 0);
        assert_eq!(ahead(65_400, 5_200, 5_400), 60_000);
        assert_eq!(ahead(5_000, 66_000, 66_100), -60_000);
    }
}
