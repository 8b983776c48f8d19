//! The grades are true of the judge's verdicts: random contracts, random edits, random events.
//!
//! Where the comparison says that a change only loosens, no event that passed may be refused; where it only tightens, none may pass that was
//! refused; where it has no effect, both contracts judge alike.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests; what was seen is printed")]

mod support;

use std::collections::BTreeMap;

use fastrand::Rng;
use support::{Case, Record, compiled};
use tidegate_diff::{Change, Grade, compare};

/// Pairs of contracts; `TIDEGATE_DIFF_PAIRS` asks for more.
const PAIRS: u64 = 1000;

/// What events showed of the pairs of one grade.
#[derive(Debug, Default)]
struct Shown {
    pairs: u32,
    /// Pairs with an event that only the old contract let pass.
    refused: u32,
    /// Pairs with an event that only the new contract lets pass.
    accepted: u32,
}

fn producers(changes: &[Change]) -> Grade {
    changes.iter().fold(Grade::None, |grade, change| grade.and(change.producers))
}

/// Lines of either side that the other has not.
fn lines(old: &str, new: &str) -> String {
    let only = |mark: &str, these: &str, those: &str| {
        let missing = these.lines().filter(|line| !those.lines().any(|other| other == *line));
        missing.map(|line| format!("{mark}{line}\n")).collect::<String>()
    };
    format!("{}{}in:\n{new}", only("-", old, new), only("+", new, old))
}

#[test]
fn what_is_said_of_a_change_holds_for_events() {
    let pairs = std::env::var("TIDEGATE_DIFF_PAIRS").map_or(PAIRS, |text| text.parse().unwrap());
    let mut shown: BTreeMap<Grade, Shown> = BTreeMap::new();
    let mut compiling = 0;
    for seed in 0..pairs {
        let mut rng = Rng::with_seed(seed);
        let old = Case::random(&mut rng);
        let mut new = old.edited(&mut rng);
        for _ in 0..rng.u8(..3).saturating_sub(1) {
            new = new.edited(&mut rng);
        }
        let (text, new_text) = (old.yaml(), new.yaml());
        let (Some((before, old_plan)), Some((after, new_plan))) = (compiled(&text), compiled(&new_text)) else {
            continue;
        };
        compiling += 1;
        let changes = compare(&before, &after);
        let grade = producers(&changes);
        assert!(
            !changes.iter().any(|change| change.sentence.contains("it is not known what")),
            "seed {seed}: a clause is compared too little\n{}",
            lines(&text, &new_text)
        );
        assert_eq!(
            changes.is_empty(),
            text == new_text,
            "seed {seed}: {changes:#?}\n{}",
            lines(&text, &new_text)
        );
        let (mut refused, mut accepted) = (false, false);
        for _ in 0..20 {
            let shape = if rng.bool() { &old.shape } else { &new.shape };
            let event = if rng.bool() {
                shape.event(&mut rng)
            } else {
                shape.near_event(&mut rng)
            };
            let record = Record::around(event.text(&mut rng), &mut rng);
            let (passed, passes) = (record.passes(&old_plan), record.passes(&new_plan));
            let said = || {
                let list: Vec<String> = changes
                    .iter()
                    .map(|change| format!("{} {:?} {}", change.clause, change.producers, change.sentence))
                    .collect();
                format!(
                    "seed {seed}: {grade:?}\n{}\n{record:?}\n{}",
                    list.join("\n"),
                    lines(&text, &new_text)
                )
            };
            assert!(passes || !passed || grade.may_tighten(), "refused although it {}", said());
            assert!(passed || !passes || grade.may_loosen(), "accepted although it {}", said());
            refused |= passed && !passes;
            accepted |= passes && !passed;
        }
        let seen = shown.entry(grade).or_default();
        seen.pairs += 1;
        seen.refused += u32::from(refused);
        seen.accepted += u32::from(accepted);
    }
    println!("{compiling} of {pairs} pairs compile: {shown:#?}");
    if pairs == PAIRS {
        // The events are telling: what is graded so is seen to be so often enough, or the assertions above say nothing.
        let share = |grade: Grade, of: fn(&Shown) -> u32| f64::from(of(&shown[&grade])) / f64::from(shown[&grade].pairs);
        assert!(compiling * 10 > pairs * 7, "{compiling} of {pairs}");
        assert!(share(Grade::Tightens, |shown| shown.refused) > 0.3);
        assert!(share(Grade::Loosens, |shown| shown.accepted) > 0.3);
        assert!(shown[&Grade::None].pairs > 100);
        // Saying nothing is always true, so it must be rare.
        assert!(
            shown[&Grade::Undetermined].pairs * 5 < u32::try_from(compiling).unwrap(),
            "{shown:#?}"
        );
    }
}
