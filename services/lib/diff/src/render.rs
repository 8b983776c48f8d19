//! A comparison for readers: a pull request, a terminal, a machine, other tools of the standard.

mod human;
mod json;
mod markdown;
mod odcs;

use crate::semver::Bump;
use crate::set::{ContractDiff, Verdict};

pub use human::{human, one_line};
pub use json::json;
pub use markdown::{LINES_MAX, MARKER, markdown, markdown_within, text as markdown_text, text_within as markdown_within_text};
pub use odcs::odcs;

/// What a contract's version is said to be, in one sentence without a full stop.
fn sentence(diff: &ContractDiff) -> String {
    let (old, new) = match (&diff.old, &diff.new) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(new)) => return format!("new, version {}", new.version),
        (Some(old), None) => {
            return match diff.verdict {
                Verdict::Gone => format!(
                    "version {} is gone although it is enforced: events of its topics become dead letters; set `status: retired` first",
                    old.version
                ),
                _ => format!("version {} is gone", old.version),
            };
        }
        (None, None) => return String::new(),
    };
    let versions = match old.version.text == new.version.text {
        true => format!("version {}", new.version),
        false => format!("version {} → {}", old.version, new.version),
    };
    let demanded = match diff.demanded {
        Bump::None => "nothing of the version has to rise".to_owned(),
        bump => format!("a {} version is needed", bump.as_str()),
    };
    match &diff.verdict {
        Verdict::Enough => format!("{versions}: {demanded}"),
        Verdict::Unpublished => format!("{versions}: nothing is demanded, {} was never enforced", old.version),
        Verdict::TooSmall { least } => format!("{versions} is too small a step: {demanded}, write {least}"),
        Verdict::Backwards { least } => format!("{versions} is a step back: write {least} or more"),
        Verdict::Gone => format!(
            "{versions}: {} is in force no more, since a draft is not loaded: events of its topics become dead letters; set `status: retired` first",
            old.version
        ),
    }
}
