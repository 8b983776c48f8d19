//! Addresses of the real servers, as `tests/stand/stand.py` wrote them.

use anyhow::Context as _;
use serde_json::Value;

/// A running stand.
#[derive(Debug, Clone)]
pub struct Stand(Value);

impl Stand {
    /// The stand that TIDEGATE_STAND names. Without one, a user's test is skipped with a line that says so; under CI that is a failure.
    pub fn get() -> Option<Stand> {
        let Ok(path) = std::env::var("TIDEGATE_STAND") else {
            assert!(
                std::env::var("CI").is_err(),
                "under CI the real servers must be there: run through tests/run"
            );
            eprintln!("SKIPPED: no real servers (TIDEGATE_STAND is not set); run through tests/run");
            return None;
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| path.clone())
            .expect("TIDEGATE_STAND names a readable file");
        Some(Stand(serde_json::from_str(&text).expect("the stand writes JSON")))
    }

    /// Whether it has a part that machines without the tool for it leave out. Under CI every part must be there.
    pub fn has(&self, part: &str) -> bool {
        let is_there = self.0[part].is_object();
        assert!(
            is_there || std::env::var("CI").is_err(),
            "under CI the stand must have the part {part}"
        );
        if !is_there {
            eprintln!("SKIPPED: the stand has no part {part}");
        }
        is_there
    }

    /// An address or name, such as `text("kafka", "bootstrap")`.
    pub fn text(&self, part: &str, name: &str) -> &str {
        self.0[part][name]
            .as_str()
            .unwrap_or_else(|| panic!("the stand has no {part}.{name}"))
    }
}
