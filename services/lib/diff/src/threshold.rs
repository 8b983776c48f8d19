//! Limits of measured numbers as sets of numbers.

use tidegate_contract::model::{Literal, Threshold};

use crate::change::Grade;

/// An interval of numbers with its ends, each with whether it belongs.
type Piece = ((f64, bool), (f64, bool));

/// What becomes of the numbers that a limit allows. `counts` are never below zero.
pub(crate) fn grade(old: &Threshold, new: &Threshold, counts: bool) -> Grade {
    if old == new {
        return Grade::None;
    }
    match (pieces(old, counts), pieces(new, counts)) {
        (Some(a), Some(b)) => Grade::of(all_in(&a, &b), all_in(&b, &a)),
        _ => Grade::Undetermined,
    }
}

/// As a sentence says it.
pub(crate) fn phrase(threshold: &Threshold) -> String {
    match threshold {
        Threshold::Be(literal) => crate::finite::shown(literal),
        Threshold::NotBe(literal) => format!("anything but {}", crate::finite::shown(literal)),
        Threshold::GreaterThan(limit) => format!("more than {limit}"),
        Threshold::GreaterOrEqual(limit) => format!("at least {limit}"),
        Threshold::LessThan(limit) => format!("less than {limit}"),
        Threshold::LessOrEqual(limit) => format!("at most {limit}"),
        Threshold::Between(low, high) => format!("{low} to {high}"),
        Threshold::NotBetween(low, high) => format!("outside of {low} to {high}"),
    }
}

fn pieces(threshold: &Threshold, counts: bool) -> Option<Vec<Piece>> {
    let number = |literal: &Literal| match literal {
        Literal::Number(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    let (least, most) = (if counts { (0.0, true) } else { (f64::NEG_INFINITY, true) }, (f64::INFINITY, true));
    let found: Vec<Piece> = match threshold {
        Threshold::Be(literal) => {
            let at = number(literal)?;
            vec![((at, true), (at, true))]
        }
        Threshold::NotBe(literal) => {
            let at = number(literal)?;
            vec![(least, (at, false)), ((at, false), most)]
        }
        Threshold::GreaterThan(limit) => vec![((*limit, false), most)],
        Threshold::GreaterOrEqual(limit) => vec![((*limit, true), most)],
        Threshold::LessThan(limit) => vec![(least, (*limit, false))],
        Threshold::LessOrEqual(limit) => vec![(least, (*limit, true))],
        Threshold::Between(low, high) => vec![((*low, true), (*high, true))],
        // As the rules of the lake ask it: both ends are inside of what must not be.
        Threshold::NotBetween(low, high) => vec![(least, (*low, false)), ((*high, false), most)],
    };
    let lifted = found
        .into_iter()
        .map(|(low, high)| (if low.0 < least.0 { least } else { low }, high));
    Some(
        lifted
            .filter(|(low, high)| low.0 < high.0 || (low.0 == high.0 && low.1 && high.1))
            .collect(),
    )
}

/// Whether each interval lies in one of those. Two of those never touch, so one cannot need both.
fn all_in(these: &[Piece], those: &[Piece]) -> bool {
    let low_in = |inner: (f64, bool), outer: (f64, bool)| outer.0 < inner.0 || (outer.0 == inner.0 && (outer.1 || !inner.1));
    let high_in = |inner: (f64, bool), outer: (f64, bool)| outer.0 > inner.0 || (outer.0 == inner.0 && (outer.1 || !inner.1));
    these
        .iter()
        .all(|inner| those.iter().any(|outer| low_in(inner.0, outer.0) && high_in(inner.1, outer.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_sets() {
        use Threshold::{Be, Between, GreaterThan, LessOrEqual, LessThan, NotBe, NotBetween};
        let number = |text: &str| Literal::Number(text.into());
        for (old, new, counts, expected) in [
            (Be(number("0")), LessOrEqual(0.0), true, Grade::None),
            (Be(number("0")), LessOrEqual(0.0), false, Grade::Loosens),
            (LessOrEqual(5.0), LessThan(5.0), true, Grade::Tightens),
            (Between(1.0, 9.0), Between(1.0, 9.5), true, Grade::Loosens),
            (Between(1.0, 9.0), Between(2.0, 10.0), true, Grade::Both),
            (NotBe(number("3")), GreaterThan(3.0), true, Grade::Tightens),
            (NotBetween(1.0, 2.0), NotBe(number("2")), true, Grade::Loosens),
            (NotBetween(0.0, 2.0), GreaterThan(2.0), true, Grade::None),
            (Be(Literal::Bool(true)), Be(Literal::Bool(false)), false, Grade::Undetermined),
        ] {
            assert_eq!(grade(&old, &new, counts), expected, "{old:?} {new:?}");
        }
    }
}
