//! Several stories at once: nearly all of each is waiting for somebody's session to end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// A story with its name.
pub type Story<'a> = (String, Box<dyn FnOnce() + Send + 'a>);

/// Plays all, each on its own thread, and panics in the end with the names of those that failed. `TIDEGATE_FAULTS=<words>` plays those
/// whose names hold the words.
pub fn together(stories: Vec<Story<'_>>) {
    let wanted = std::env::var("TIDEGATE_FAULTS").unwrap_or_default();
    let begun = Instant::now();
    let failed: Vec<String> = std::thread::scope(|scope| {
        let playing: Vec<_> = stories
            .into_iter()
            .filter(|(name, _)| name.contains(&wanted))
            .map(|(name, story)| {
                std::thread::Builder::new()
                    .name(name.clone())
                    .spawn_scoped(scope, move || {
                        let ended = catch_unwind(AssertUnwindSafe(story));
                        eprintln!(
                            "{} {name} after {:.0} s",
                            if ended.is_ok() { "ok    " } else { "FAILED" },
                            begun.elapsed().as_secs_f32()
                        );
                        ended.is_err().then_some(name)
                    })
                    .expect("a thread can be made")
            })
            .collect();
        playing
            .into_iter()
            .filter_map(|story| story.join().expect("panics are caught"))
            .collect()
    });
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}
