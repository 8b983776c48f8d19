//! A story that did not come about may be tried again; one whose proof failed, because something was lost, doubled or misjudged, may not.

use std::path::PathBuf;

/// Runs a proof. Should it fail, no story of this test is begun again in this run.
pub fn prove<T>(proof: impl FnOnce() -> T) -> T {
    let _mark = Mark;
    proof()
}

pub(crate) fn assert_not() {
    let place = place().filter(|place| place.exists());
    assert!(place.is_none(), "a proof of this story failed in this run: it is not tried again");
}

/// Left behind by a panic.
struct Mark;

impl Drop for Mark {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(place) = place()
        {
            let _ = std::fs::write(place, "");
        }
    }
}

/// Of the test that runs, the same in each of its tries; none outside of the runner that would try again.
fn place() -> Option<PathBuf> {
    let (run, test) = (std::env::var("NEXTEST_RUN_ID").ok()?, std::env::var("NEXTEST_TEST_NAME").ok()?);
    Some(std::env::temp_dir().join(format!("tidegate-refuted-{run}-{}", test.replace(['/', ':'], "-"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_that_failed_stops_the_next_try() {
        let Some(place) = place() else { return };
        assert_not();
        assert_eq!(prove(|| 7), 7);
        assert_not();
        assert!(std::panic::catch_unwind(|| prove(|| panic!("lost"))).is_err());
        let next = std::panic::catch_unwind(assert_not);
        std::fs::remove_file(place).unwrap();
        assert!(next.is_err());
    }
}
