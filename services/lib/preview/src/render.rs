//! A report as a person, a program and a pull request read it.

mod human;
mod json;
mod markdown;

pub use human::human;
pub use json::json;
pub use markdown::{MARKDOWN_LINES_MAX, markdown};

use crate::tally::{Change, RuleKey};

/// `1,234,567`.
fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.12%`; what is not nothing is never shown as nothing.
fn share(part: u64, of: u64) -> String {
    if of == 0 || part == 0 {
        return String::from("0%");
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(of);
    match hundredths {
        0 => String::from("<0.01%"),
        _ => {
            let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
        }
    }
}

pub(crate) fn events(count: u64) -> String {
    match count {
        1 => String::from("1 event"),
        _ => format!("{} events", number(count)),
    }
}

fn place(key: &RuleKey) -> &str {
    if key.path.is_empty() { "(event)" } else { &key.path }
}

/// What the counts are called, in the order in which they are shown.
const COUNTS: [(Change, &str); 8] = [
    (Change::NewlyFailing, "newly failing"),
    (Change::NewlyPassing, "newly passing"),
    (Change::StillPassing, "still passing"),
    (Change::StillFailing, "still failing"),
    (Change::StillSkipped, "still skipped"),
    (Change::NewlySkipped, "newly skipped"),
    (Change::NoLongerSkipped, "no longer skipped"),
    (Change::Undecided, "undecided"),
];

/// Counts that are left out where they are zero.
const RARE: [Change; 4] = [
    Change::StillSkipped,
    Change::NewlySkipped,
    Change::NoLongerSkipped,
    Change::Undecided,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable_and_never_rounded_to_nothing() {
        assert_eq!(
            (number(0), number(999), number(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!(
            (share(0, 5), share(1, 1_000_000), share(1, 8)),
            ("0%".into(), "<0.01%".into(), "12.5%".into())
        );
        assert_eq!((share(10, 10), share(1, 0)), ("100%".into(), "0%".into()));
    }
}
