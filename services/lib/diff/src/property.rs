//! One property against its other version.

use std::sync::Arc;

use tidegate_contract::{LogicalType, Property};

use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::fields::{BY_RULE, demands};
use crate::finite;
use crate::kind::{self, Kind};
use crate::semver::Bump;

/// Where a property stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A field of the row.
    Row,
    /// A field of an object in the row, or of the key.
    Nested,
    /// An item, or the value of a map: it has no name of its own.
    Item,
    /// The key of a map: it is never null.
    MapKey,
}

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn property(&mut self, old: &Property, new: &Property, path: &str, role: Role) {
        if matches!(role, Role::Row | Role::Nested) {
            self.names(old, new, path);
        } else if old.name != new.name || old.wire_name != new.wire_name {
            let sentence = format!("`{path}` has another name, which decides nothing");
            self.say(Said::text("name", path, sentence).at(below(old, "name"), below(new, "name")));
        }
        self.required(old, new, path, role);
        let family = match (Kind::of(old), Kind::of(new)) {
            (Some(from), Some(to)) => from.is_family(to),
            _ => false,
        };
        if family {
            self.options(old, new, path);
            self.enumeration(old, new, path);
            self.below(old, new, path);
        } else {
            self.type_changed(old, new, path);
        }
        self.physical_type(old, new, path);
        self.lake_clauses(old, new, path, role);
        self.classification(old, new, path);
    }

    fn names(&mut self, old: &Property, new: &Property, path: &str) {
        if old.name != new.name {
            let mut sentence = format!(
                "the column `{}` is called `{}` from now on; the field on the wire stays",
                old.name, new.name
            );
            let holder = path.strip_suffix(&*new.name).unwrap_or_default().trim_end_matches('.');
            let grade = match self.is_seen(holder) {
                true => {
                    sentence.push_str(&format!("; and {BY_RULE}"));
                    Grade::Undetermined
                }
                false => Grade::None,
            };
            let said = Said::values("name", path, grade, sentence).consumers(Grade::Both).bump(Bump::Major);
            self.say(said.at(below(old, "name"), below(new, "name")));
        }
        if old.wire_name != new.wire_name {
            let sentence = format!(
                "`{path}` is read from the field `{}`; it was read from `{}`",
                new.wire_name, old.wire_name
            );
            let said = Said::values("physicalName", path, Grade::Both, sentence).bump(Bump::Major);
            self.say(said.at(below(old, "physicalName"), below(new, "physicalName")));
        }
    }

    fn required(&mut self, old: &Property, new: &Property, path: &str, role: Role) {
        // A column of the key of a change topic is required, whatever is written.
        let of = |property: &Property, change: bool| property.required || (role == Role::Row && change && property.primary_key.is_some());
        let (before, now) = (of(old, self.changes_of.0), of(new, self.changes_of.1));
        let demanded = |property: &Property, switched: &[Arc<str>]| demands(property, switched) == Some(true);
        if !now && demanded(old, &self.switched.0) && !demanded(new, &self.switched.1) {
            self.null_may_come.push(old.location.pointer.clone());
        }
        let pointers = (below(old, "required"), below(new, "required"));
        if before == now || role == Role::MapKey {
            if old.required != new.required {
                self.say(Said::text("required", path, format!("`required` of `{path}` decides nothing here")).at(pointers.0, pointers.1));
            }
            return;
        }
        let said = if now {
            let sentence = format!("`{path}` is required: events without it, or with null, are refused");
            Said::values("required", path, Grade::Tightens, sentence)
        } else {
            let sentence = format!("`{path}` may be missing or null from now on");
            // Whoever reads the column has never seen a null in it.
            Said::values("required", path, Grade::Loosens, sentence).bump(Bump::Major)
        };
        self.say(said.at(pointers.0, pointers.1));
    }

    fn type_changed(&mut self, old: &Property, new: &Property, path: &str) {
        let grade = kind::replaced(old, new, self.facts);
        let sentence = format!(
            "`{path}` is {} from now on; it was {}",
            article(&kind::word(new)),
            article(&kind::word(old))
        );
        let said = Said::values("logicalType", path, grade, sentence)
            .consumers(Grade::Both)
            .bump(Bump::Major);
        self.say(said.at(below(old, "logicalType"), below(new, "logicalType")));
    }

    fn enumeration(&mut self, old: &Property, new: &Property, path: &str) {
        if old.enumeration == new.enumeration {
            return;
        }
        let grade = finite::allowed(&old.enumeration, &new.enumeration);
        let mut parts = Vec::new();
        if old.enumeration.is_empty() {
            let all = finite::listed_news(&[], &new.enumeration).unwrap_or_default();
            parts.push(format!("`{path}` must be one of {all} from now on"));
        } else if new.enumeration.is_empty() {
            parts.push(format!("`{path}` may be any value from now on; it was one of a list"));
        } else {
            parts.extend(finite::listed_news(&old.enumeration, &new.enumeration).map(|values| format!("`{path}` may be {values}, too")));
            parts.extend(
                finite::listed_news(&new.enumeration, &old.enumeration).map(|values| format!("`{path}` must not be {values} any more")),
            );
        }
        let said = match grade {
            Grade::None => Said::text("enum", path, format!("`enum` of `{path}` lists the same values in another way")),
            grade => Said::values("enum", path, grade, parts.join("; ")),
        };
        self.say(said.at(below(old, "enum"), below(new, "enum")));
    }

    fn below(&mut self, old: &Property, new: &Property, path: &str) {
        let dotted = format!("{path}.");
        match (&old.logical_type, &new.logical_type) {
            (LogicalType::Object { properties: before, .. }, LogicalType::Object { properties: now, .. }) => {
                self.fields(before, now, &dotted, Role::Nested, (&old.location.pointer, &new.location.pointer));
            }
            (LogicalType::Array { items: Some(before), .. }, LogicalType::Array { items: Some(now), .. }) => {
                self.property(before, now, &format!("{path}[]"), Role::Item);
            }
            (
                LogicalType::Map { key, value },
                LogicalType::Map {
                    key: new_key,
                    value: new_value,
                },
            ) => {
                self.property(key, new_key, &format!("{path}.key"), Role::MapKey);
                self.property(value, new_value, &format!("{path}.value"), Role::Item);
            }
            _ => {}
        }
    }

    /// Where connectors write columns by their type in the database, the text decides what a value means; elsewhere only that of a decimal
    /// does, which is compared as a type.
    fn physical_type(&mut self, old: &Property, new: &Property, path: &str) {
        if old.physical_type == new.physical_type {
            return;
        }
        let pointers = (below(old, "physicalType"), below(new, "physicalType"));
        let written = |property: &Property| property.physical_type.as_deref().unwrap_or("nothing").to_owned();
        if self.facts.reads_physical_types {
            let sentence = format!(
                "values of `{path}` without a schema are read as `{}`; they were read as `{}`",
                written(new),
                written(old)
            );
            self.say(Said::values("physicalType", path, Grade::Undetermined, sentence).at(pointers.0, pointers.1));
        } else if Kind::of(old) == Kind::of(new) {
            let sentence = format!("`physicalType` of `{path}` reads `{}`; it read `{}`", written(new), written(old));
            self.say(Said::text("physicalType", path, sentence).at(pointers.0, pointers.1));
        }
    }

    fn lake_clauses(&mut self, old: &Property, new: &Property, path: &str, role: Role) {
        if old.unique != new.unique {
            let (grade, sentence) = match new.unique {
                true => (Grade::Tightens, format!("no two rows may have the same `{path}`")),
                false => (Grade::Loosens, format!("rows may repeat `{path}` from now on")),
            };
            self.say(Said::promise("unique", path, grade, sentence).at(below(old, "unique"), below(new, "unique")));
        }
        if old.primary_key == new.primary_key {
            return;
        }
        let pointers = (below(old, "primaryKey"), below(new, "primaryKey"));
        let said = match (old.primary_key, new.primary_key) {
            (Some(_), Some(position)) => {
                let sentence = format!("`{path}` is part {position} of the primary key; the key itself is the same");
                Said::promise("primaryKeyPosition", path, Grade::Both, sentence)
            }
            (None, _) => {
                let sentence = format!("`{path}` is part of the primary key from now on");
                Said::promise("primaryKey", path, Grade::Both, sentence).bump(Bump::Major)
            }
            (_, None) => {
                let sentence = format!("`{path}` is not part of the primary key any more");
                Said::promise("primaryKey", path, Grade::Both, sentence).bump(Bump::Major)
            }
        };
        let on_changes = role == Role::Row && (self.changes_of.0 || self.changes_of.1);
        if !on_changes || said.clause == "primaryKeyPosition" {
            self.say(said.at(pointers.0, pointers.1));
            return;
        }
        // Of a delete only the columns of the key are asked.
        let producers = match new.primary_key {
            Some(_) => Grade::Tightens,
            None => Grade::Loosens,
        };
        let said = Said { producers, ..said }.reach(crate::change::Reach::Judge);
        self.say(said.at(pointers.0, pointers.1));
    }

    /// Where values are shown, those of properties that are `public` or not classified are, and all others are masked.
    fn classification(&mut self, old: &Property, new: &Property, path: &str) {
        if old.classification == new.classification {
            return;
        }
        let masked = |property: &Property| property.classification.as_deref().is_some_and(|class| class != "public");
        let written = |property: &Property| property.classification.as_deref().unwrap_or("none").to_owned();
        let (from, to) = (written(old), written(new));
        let (grade, sentence) = match (masked(old), masked(new)) {
            (true, false) => (
                Grade::Loosens,
                format!("`{path}` is classified `{to}`; it was `{from}`: its values may be shown from now on"),
            ),
            (false, true) => (
                Grade::Tightens,
                format!("`{path}` is classified `{to}`; it was `{from}`: its values are masked from now on"),
            ),
            _ => (Grade::None, format!("`{path}` is classified `{to}`; it was `{from}`")),
        };
        let said = Said::promise("classification", path, grade, sentence).reach(crate::change::Reach::People);
        self.say(said.at(below(old, "classification"), below(new, "classification")));
    }
}

/// Pointer of a key of a property.
pub(crate) fn below(property: &Property, key: &str) -> String {
    format!("{}/{key}", property.location.pointer)
}

fn article(word: &str) -> String {
    if word.starts_with("any ") {
        return word.to_owned();
    }
    let article = if word.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {word}")
}
