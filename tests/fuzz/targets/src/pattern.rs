//! Patterns: the translated one finds what ECMA-262's finds, by an engine of that language.

use regress::Regex;

use crate::input::Parts;

/// The referee goes back and forth, so its time can double with each character.
const TEXT_BYTES_MAX: usize = 24;
const PATTERN_BYTES_MAX: usize = 40;

pub(crate) fn run(data: &[u8]) {
    let mut parts = Parts::of(data);
    let pattern = parts.text();
    let Ok(text) = std::str::from_utf8(parts.rest()) else { return };
    let Ok(ours) = tidegate_contract::pattern::compile(pattern) else {
        return;
    };
    let found = ours.find(text);
    assert_eq!(found.is_some(), ours.is_match(text));
    if text.len() > TEXT_BYTES_MAX || pattern.len() > PATTERN_BYTES_MAX || costly(pattern) {
        return;
    }
    // What ECMA-262 refuses and we accept is a kindness, not a fault: nothing else gives it another meaning.
    let Ok(referee) = Regex::with_flags(pattern, "u") else { return };
    let theirs = referee.find(text).map(|found| found.range());
    assert_eq!(
        found.is_some(),
        theirs.is_some(),
        "{pattern:?} in {text:?}: we {found:?}, ECMA-262 {theirs:?}"
    );
}

/// Repetitions of repetitions are what takes the referee long.
fn costly(pattern: &str) -> bool {
    pattern.bytes().filter(|byte| matches!(byte, b'*' | b'+' | b'{')).count() > 3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Word boundaries look at ASCII only, and characters of several bytes have none inside.
    #[test]
    fn boundaries_are_the_referees() {
        let letters = ["a", "_", " ", "é", "漢", "\u{301}"];
        let mut texts = vec![String::new()];
        for _ in 0..3 {
            let longer: Vec<String> = texts
                .iter()
                .flat_map(|text| letters.map(|letter| format!("{text}{letter}")))
                .collect();
            texts.extend(longer);
        }
        texts.sort();
        texts.dedup();
        let mut compared = 0;
        for pattern in [
            r"\B",
            r"\b",
            r"^\B",
            r"\B$",
            r"\Ba",
            r"a\B",
            r"\Bé",
            r"é\B",
            r".\B.",
            r".\b.",
            r"^.\B.\B.$",
            r"^(?:\B.)+$",
            r"\B\b",
            r"(?:\B|é)\Ba",
            r"[^\s]\B\S",
            r"\B.\B",
            r"(?:a\B)*é",
        ] {
            let (ours, theirs) = (
                tidegate_contract::pattern::compile(pattern).expect("a pattern of this list"),
                Regex::with_flags(pattern, "u").expect("a pattern of this list"),
            );
            for text in &texts {
                assert_eq!(ours.find(text).is_some(), theirs.find(text).is_some(), "{pattern} in {text:?}");
                compared += 1;
            }
        }
        assert!(compared > 3_000, "{compared}");
    }
}
