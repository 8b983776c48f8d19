//! `logicalTypeOptions` of two properties of one kind.

use std::cmp::Ordering;
use std::sync::Arc;

use tidegate_check::plan::{LeafType, leaf_type};
use tidegate_contract::model::Bounds;
use tidegate_contract::{LogicalType, Property};

use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::exact::{Decimal, gcd, order};
use crate::grid::Grid;
use crate::kind::{self, Kind};
use crate::semver::Bump;

/// One end of a range as written, and whether it is left out itself.
type End = Option<(Arc<str>, bool)>;

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn options(&mut self, old: &Property, new: &Property, path: &str) {
        use LogicalType::{Array, Date, Integer, Number, Object, String, Time, Timestamp, Vector};
        match (&old.logical_type, &new.logical_type) {
            (String { .. }, String { .. }) => self.text(old, new, path),
            (Integer { .. } | Number { .. }, Integer { .. } | Number { .. }) => self.numbers(old, new, path),
            (Date { .. } | Time { .. } | Timestamp { .. }, _) => self.moments(old, new, path),
            (
                Object {
                    min_properties,
                    max_properties,
                    ..
                },
                Object {
                    min_properties: min,
                    max_properties: max,
                    ..
                },
            ) => {
                self.least("minProperties", (*min_properties, *min), "fields", old, new, path);
                self.most("maxProperties", (*max_properties, *max), "fields", old, new, path);
            }
            (
                Array {
                    min_items,
                    max_items,
                    unique_items,
                    ..
                },
                Array {
                    min_items: min,
                    max_items: max,
                    unique_items: unique,
                    ..
                },
            ) => {
                self.least("minItems", (*min_items, *min), "items", old, new, path);
                self.most("maxItems", (*max_items, *max), "items", old, new, path);
                if unique_items != unique {
                    let (grade, sentence) = match unique {
                        true => (Grade::Tightens, format!("no two items of `{path}` may be equal")),
                        false => (Grade::Loosens, format!("items of `{path}` may repeat from now on")),
                    };
                    self.option("uniqueItems", grade, sentence, old, new, path);
                }
            }
            (
                Vector { dimensions, element_type },
                Vector {
                    dimensions: length,
                    element_type: element,
                },
            ) => {
                if dimensions != length {
                    let sentence = format!("`{path}` has {length} numbers; it had {dimensions}");
                    self.option("dimensions", Grade::Both, sentence, old, new, path);
                }
                if element_type != element {
                    self.element(element_type.as_deref(), element.as_deref(), old, new, path);
                }
            }
            _ => {}
        }
    }

    /// Says what became of an option, or that nothing did although it is written otherwise.
    pub(crate) fn option(&mut self, key: &'static str, grade: Grade, sentence: String, old: &Property, new: &Property, path: &str) {
        let said = match grade {
            Grade::None => Said::text(key, path, format!("`{key}` of `{path}` is written otherwise and allows the same")),
            grade => Said::values(key, path, grade, sentence),
        };
        self.say(said.at(pointer(old, key), pointer(new, key)));
    }

    pub(crate) fn least(
        &mut self,
        key: &'static str,
        (before, now): (Option<u64>, Option<u64>),
        what: &str,
        old: &Property,
        new: &Property,
        path: &str,
    ) {
        if before == now {
            return;
        }
        let grade = Grade::of(now.unwrap_or(0) <= before.unwrap_or(0), now.unwrap_or(0) >= before.unwrap_or(0));
        let phrase = |count: Option<u64>| count.map_or_else(|| "any number of".to_owned(), |count| format!("at least {count}"));
        let sentence = format!("`{path}` must have {} {what}; it was {}", phrase(now), phrase(before));
        self.option(key, grade, sentence, old, new, path);
    }

    pub(crate) fn most(
        &mut self,
        key: &'static str,
        (before, now): (Option<u64>, Option<u64>),
        what: &str,
        old: &Property,
        new: &Property,
        path: &str,
    ) {
        if before == now {
            return;
        }
        let most = |count: Option<u64>| count.unwrap_or(u64::MAX);
        let grade = Grade::of(most(now) >= most(before), most(now) <= most(before));
        let phrase = |count: Option<u64>| count.map_or_else(|| "any number of".to_owned(), |count| format!("at most {count}"));
        let sentence = format!("`{path}` may have {} {what}; it was {}", phrase(now), phrase(before));
        self.option(key, grade, sentence, old, new, path);
    }

    fn numbers(&mut self, old: &Property, new: &Property, path: &str) {
        let (Some((before_factor, before)), Some((now_factor, now))) = (limits(old), limits(new)) else {
            return;
        };
        // Where the numbers are exact, what all clauses leave together is known, and no clause is said to do more than that.
        let whole = Grid::of(old).zip(Grid::of(new)).and_then(|(old, new)| Grid::grade(old, new));
        let clipped = |grade: Grade| whole.map_or(grade, |whole| clip(grade, whole));
        let types = (leaf_type(old), leaf_type(new));
        if types.0 != types.1 {
            self.width(old, new, path, &clipped);
        } else if format(old) != format(new) {
            self.option("format", Grade::None, String::new(), old, new, path);
        }
        for high in [false, true] {
            let ends = (end(before, high, order), end(now, high, order));
            let grade = match &ends {
                (Some(old), Some(new)) => clipped(end_grade(old, new, high, order)),
                _ => clipped(Grade::Undetermined),
            };
            self.range(before, now, ends, high, grade, old, new, path);
        }
        if before_factor != now_factor {
            let grade = clipped(factors(before_factor.as_deref(), now_factor.as_deref()));
            let phrase = |factor: &Option<Arc<str>>| {
                factor
                    .as_ref()
                    .map_or_else(|| "any number".to_owned(), |factor| format!("a multiple of {factor}"))
            };
            let sentence = format!("`{path}` must be {}; it was {}", phrase(now_factor), phrase(before_factor));
            self.option("multipleOf", grade, sentence, old, new, path);
        }
    }

    /// Another width of one kind of number.
    fn width(&mut self, old: &Property, new: &Property, path: &str, clipped: &dyn Fn(Grade) -> Grade) {
        let (Some(from), Some(to)) = (leaf_type(old), leaf_type(new)) else {
            return;
        };
        let alone = match (from, to) {
            (LeafType::F32 | LeafType::F64, _) | (_, LeafType::F32 | LeafType::F64) => kind::replaced(old, new, self.facts),
            _ => match (Grid::of_type(from), Grid::of_type(to)) {
                (Some(old), Some(new)) => Grid::grade(old, new).unwrap_or(Grade::Undetermined),
                _ => Grade::Undetermined,
            },
        };
        let grade = clipped(alone);
        let same_column = Kind::Leaf(from).column() == Kind::Leaf(to).column();
        let key = match &new.logical_type {
            LogicalType::Number { format: None, .. } => "physicalType",
            _ => "format",
        };
        let sentence = format!("`{path}` is {} from now on; it was {}", kind::word(new), kind::word(old));
        let mut said = Said::values(key, path, grade, sentence);
        if !same_column {
            said = said.consumers(Grade::Both).bump(Bump::Major);
        }
        let pointers = match key {
            "physicalType" => (format!("{}/{key}", old.location.pointer), format!("{}/{key}", new.location.pointer)),
            _ => (pointer(old, key), pointer(new, key)),
        };
        self.say(said.at(pointers.0, pointers.1));
    }

    #[expect(clippy::too_many_arguments, reason = "both sides of a range, and what was found out about them")]
    pub(crate) fn range(
        &mut self,
        before: &Bounds,
        now: &Bounds,
        ends: (Option<End>, Option<End>),
        high: bool,
        grade: Grade,
        old: &Property,
        new: &Property,
        path: &str,
    ) {
        let written = |bounds: &Bounds| match high {
            false => (bounds.minimum.clone(), bounds.exclusive_minimum.clone()),
            true => (bounds.maximum.clone(), bounds.exclusive_maximum.clone()),
        };
        if written(before) == written(now) {
            return;
        }
        let phrase = |end: &Option<End>| match (end, high) {
            (Some(Some((text, false))), false) => format!("at least {text}"),
            (Some(Some((text, true))), false) => format!("more than {text}"),
            (Some(Some((text, false))), true) => format!("at most {text}"),
            (Some(Some((text, true))), true) => format!("less than {text}"),
            (_, false) => "of any size downwards".to_owned(),
            (_, true) => "of any size upwards".to_owned(),
        };
        let key = match (high, written(now), written(before)) {
            (false, (Some(_), _), _) | (false, (None, None), (Some(_), _)) => "minimum",
            (false, ..) => "exclusiveMinimum",
            (true, (Some(_), _), _) | (true, (None, None), (Some(_), _)) => "maximum",
            (true, ..) => "exclusiveMaximum",
        };
        let sentence = format!("`{path}` must be {}; it was {}", phrase(&ends.1), phrase(&ends.0));
        self.option(key, grade, sentence, old, new, path);
    }

    fn element(&mut self, before: Option<&str>, now: Option<&str>, old: &Property, new: &Property, path: &str) {
        let named = |name: Option<&str>| match name.map(str::to_ascii_lowercase).as_deref() {
            None | Some("f32" | "float32" | "float16" | "bfloat16") => "f32".to_owned(),
            Some("f64" | "float64") => "f64".to_owned(),
            Some(other) => other.to_owned(),
        };
        let (from, to) = (named(before), named(now));
        let grade = match (from.as_str(), to.as_str()) {
            (a, b) if a == b => Grade::None,
            ("f32", "f64") => Grade::Loosens,
            ("f64", "f32") => Grade::Tightens,
            _ => Grade::Both,
        };
        if grade == Grade::None {
            self.option("elementType", grade, String::new(), old, new, path);
            return;
        }
        let sentence = format!("numbers of `{path}` are {to} from now on; they were {from}");
        let said = Said::values("elementType", path, grade, sentence)
            .consumers(Grade::Both)
            .bump(Bump::Major);
        self.say(said.at(pointer(old, "elementType"), pointer(new, "elementType")));
    }
}

/// Pointer of an option.
pub(crate) fn pointer(property: &Property, key: &str) -> String {
    format!("{}/logicalTypeOptions/{key}", property.location.pointer)
}

fn format(property: &Property) -> Option<&str> {
    match &property.logical_type {
        LogicalType::Integer { format, .. } | LogicalType::Number { format, .. } => format.as_deref(),
        _ => None,
    }
}

fn limits(property: &Property) -> Option<(&Option<Arc<str>>, &Bounds)> {
    match &property.logical_type {
        LogicalType::Integer { multiple_of, bounds, .. } | LogicalType::Number { multiple_of, bounds, .. } => Some((multiple_of, bounds)),
        _ => None,
    }
}

/// The stricter of `minimum` and `exclusiveMinimum` (or of the two maxima); the outer none means that they cannot be compared.
pub(crate) fn end(bounds: &Bounds, high: bool, order: impl Fn(&str, &str) -> Option<Ordering>) -> Option<End> {
    let (included, excluded) = match high {
        false => (&bounds.minimum, &bounds.exclusive_minimum),
        true => (&bounds.maximum, &bounds.exclusive_maximum),
    };
    Some(match (included, excluded) {
        (None, None) => None,
        (Some(text), None) => Some((text.clone(), false)),
        (None, Some(text)) => Some((text.clone(), true)),
        (Some(included), Some(excluded)) => {
            let at = order(excluded, included)?;
            let excluded_is_stricter = at == Ordering::Equal || (at == Ordering::Greater) != high;
            Some(if excluded_is_stricter {
                (excluded.clone(), true)
            } else {
                (included.clone(), false)
            })
        }
    })
}

/// What moving one end does.
pub(crate) fn end_grade(old: &End, new: &End, high: bool, order: impl Fn(&str, &str) -> Option<Ordering>) -> Grade {
    let (old, new) = match (old, new) {
        (None, None) => return Grade::None,
        (None, Some(_)) => return Grade::Tightens,
        (Some(_), None) => return Grade::Loosens,
        (Some(old), Some(new)) => (old, new),
    };
    match order(&new.0, &old.0) {
        None => Grade::Undetermined,
        Some(Ordering::Equal) => match (old.1, new.1) {
            (false, true) => Grade::Tightens,
            (true, false) => Grade::Loosens,
            _ => Grade::None,
        },
        Some(at) if (at == Ordering::Greater) == high => Grade::Loosens,
        Some(_) => Grade::Tightens,
    }
}

/// Multiples of one factor against those of another.
fn factors(old: Option<&str>, new: Option<&str>) -> Grade {
    let (old, new) = match (old, new) {
        (None, None) => return Grade::None,
        (None, Some(_)) => return Grade::Tightens,
        (Some(_), None) => return Grade::Loosens,
        (Some(old), Some(new)) => (old, new),
    };
    let whole = || {
        let (old, new) = (Decimal::parse(old)?, Decimal::parse(new)?);
        let scale = old.scale.max(new.scale);
        let (old, new) = (old.floor_at(scale)?.0, new.floor_at(scale)?.0);
        (gcd(old, new) > 0).then(|| Grade::of(old % new == 0, new % old == 0))
    };
    whole().unwrap_or(Grade::Undetermined)
}

/// What a clause may be said to do where all clauses together do `whole`.
fn clip(grade: Grade, whole: Grade) -> Grade {
    match (whole, grade) {
        (Grade::Undetermined, grade) | (_, grade @ Grade::None) => grade,
        (Grade::None, _) => Grade::None,
        (Grade::Both, Grade::Undetermined) => Grade::Both,
        (Grade::Both, grade) => grade,
        (Grade::Loosens, Grade::Tightens) | (Grade::Tightens, Grade::Loosens) => Grade::None,
        (whole, _) => whole,
    }
}
