//! Lists of constants as sets: `enum`, `validValues`, `missingValues`.

use std::cmp::Ordering;

use tidegate_contract::model::Literal;

use crate::change::Grade;
use crate::exact::order;

/// What a list of allowed values becomes; an empty list allows everything.
pub(crate) fn allowed(old: &[Literal], new: &[Literal]) -> Grade {
    match (old.is_empty(), new.is_empty()) {
        (true, true) => Grade::None,
        (true, false) => Grade::Tightens,
        (false, true) => Grade::Loosens,
        (false, false) => Grade::of(all_in(old, new), all_in(new, old)),
    }
}

/// Whether each of these is one of those. Nulls do not count: `required` speaks of them.
pub(crate) fn all_in(these: &[Literal], those: &[Literal]) -> bool {
    these
        .iter()
        .filter(|literal| **literal != Literal::Null)
        .all(|literal| holds(those, literal))
}

/// By value, not by text: `10.50` is `10.5`.
pub(crate) fn holds(literals: &[Literal], wanted: &Literal) -> bool {
    literals.iter().any(|literal| match (literal, wanted) {
        (Literal::Number(a), Literal::Number(b)) => a == b || order(a, b) == Some(Ordering::Equal),
        (a, b) => a == b,
    })
}

/// Values that only the second list has, for a sentence: at most four.
pub(crate) fn listed_news(old: &[Literal], new: &[Literal]) -> Option<String> {
    let news: Vec<&Literal> = new
        .iter()
        .filter(|literal| **literal != Literal::Null && !holds(old, literal))
        .collect();
    if news.is_empty() {
        return None;
    }
    let mut texts: Vec<String> = news.iter().take(4).map(|literal| shown(literal)).collect();
    if news.len() > 4 {
        texts.push(format!("{} more", news.len() - 4));
    }
    Some(texts.join(", "))
}

/// As a contract writes it.
pub(crate) fn shown(literal: &Literal) -> String {
    match literal {
        Literal::String(text) => format!("`{text}`"),
        Literal::Number(text) => format!("`{text}`"),
        Literal::Bool(value) => format!("`{value}`"),
        Literal::Null => "null".to_owned(),
    }
}
