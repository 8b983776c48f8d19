//! What is under contract beside the value: key, headers, the type of event, claims of a version, rules that are switched off.

use std::sync::Arc;

use tidegate_contract::surroundings::{KeySettings, KeyShape, KillSwitch, RequiredHeader, SchemaId};
use tidegate_contract::{Property, SchemaObject};

use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::fields::refuses;
use crate::property::Role;
use crate::semver::Bump;
use crate::settings::schema_files;
use crate::text::patterns;

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn surroundings(&mut self, old: &SchemaObject, new: &SchemaObject) {
        self.key(old, new);
        self.headers(old, new);
        self.discriminator(old, new);
        self.claims(old, new);
        self.kill_switches(old, new);
    }

    fn key(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = match (&old.settings.key, &new.settings.key) {
            (None, None) => return,
            (None, Some(_)) => {
                let said = Said::values("key", "", Grade::Tightens, "the key of every record must be as the contract says");
                return self.setting("key", said, old, new);
            }
            (Some(_), None) => {
                let said = Said::values("key", "", Grade::Loosens, "keys may be anything from now on").bump(Bump::Major);
                return self.setting("key", said, old, new);
            }
            (Some(before), Some(now)) => (before, now),
        };
        if before.encoding != now.encoding {
            let sentence = format!("keys are written as {:?}; they were {:?}", now.encoding, before.encoding);
            let said = Said::values("key", "key", Grade::Both, sentence).bump(Bump::Major);
            self.setting("key", said, old, new);
        }
        if before.required != now.required {
            let said = match now.required {
                true => Said::values("key", "key", Grade::Tightens, "a record without a key is refused"),
                false => Said::values("key", "key", Grade::Loosens, "a record may have no key").bump(Bump::Major),
            };
            self.setting("key", said, old, new);
        }
        self.key_shape(before, now, old, new);
        self.key_schema(before, now, old, new);
    }

    fn key_shape(&mut self, before: &KeySettings, now: &KeySettings, old: &SchemaObject, new: &SchemaObject) {
        match (&before.shape, &now.shape) {
            (KeyShape::Fields(fields), KeyShape::Fields(new_fields)) => {
                let holders = (&*before.location.pointer, &*now.location.pointer);
                self.fields(fields, new_fields, "key.", Role::Nested, holders);
            }
            (KeyShape::Single(value), KeyShape::Single(new_value)) => {
                // A single value has no name on the wire.
                let named = |property: &Property| Property {
                    name: "key".into(),
                    wire_name: "key".into(),
                    ..property.clone()
                };
                self.property(&named(value), &named(new_value), "key", Role::Item);
                if value.name != new_value.name {
                    let sentence = format!("keys are those of `{}`; they were those of `{}`", new_value.name, value.name);
                    self.setting("key", Said::text("key", "key", sentence), old, new);
                }
            }
            (KeyShape::Fields(_), KeyShape::Single(_)) | (KeyShape::Single(_), KeyShape::Fields(_)) => {
                let said = Said::values(
                    "key",
                    "key",
                    Grade::Both,
                    "keys of several fields and keys of one value took each other's place",
                );
                self.setting("key", said.bump(Bump::Major), old, new);
            }
        }
    }

    fn key_schema(&mut self, before: &KeySettings, now: &KeySettings, old: &SchemaObject, new: &SchemaObject) {
        let said = match (&before.event_schema, &now.event_schema) {
            (None, None) => return,
            (None, Some(schema)) => {
                let sentence = format!("keys must also be written so that `schemas/{}` reads them", schema.path);
                Said::values("key", "key", Grade::Tightens, sentence)
            }
            (Some(schema), None) => {
                let sentence = format!("keys need not be written so that `schemas/{}` reads them any more", schema.path);
                Said::values("key", "key", Grade::Loosens, sentence).bump(Bump::Major)
            }
            (Some(earlier), Some(schema)) => match (schema_files(self.old, old, true), schema_files(self.new, new, true)) {
                (Some(from), Some(to)) if from == to => {
                    if earlier.path == schema.path {
                        return;
                    }
                    Said::text("key", "key", "the schema of keys has another name and the same text")
                }
                (None, None) if earlier.path == schema.path && earlier.text() == schema.text() => return,
                _ => {
                    let sentence = format!("what `schemas/{}` reads is not what `schemas/{}` read", schema.path, earlier.path);
                    Said::values("key", "key", Grade::Undetermined, sentence)
                }
            },
        };
        self.setting("key", said, old, new);
    }

    fn headers(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = (&old.settings.required_headers, &new.settings.required_headers);
        let find = |list: &[RequiredHeader], name: &Arc<str>| list.iter().find(|header| header.name == *name).cloned();
        for header in now {
            let name = &header.name;
            let said = match find(before, name) {
                None => Said::values(
                    "requiredHeaders",
                    &format!("headers.{name}"),
                    Grade::Tightens,
                    format!("a record without the header `{name}` is refused"),
                )
                .at(None, header.location.pointer.to_string()),
                Some(earlier) => {
                    if earlier.constant == header.constant && earlier.pattern == header.pattern {
                        continue;
                    }
                    let grade = header_texts(&earlier, header);
                    let sentence = format!("the header `{name}` must {}; it had to {}", asked(header), asked(&earlier));
                    let path = format!("headers.{name}");
                    let said = match grade {
                        Grade::None => Said::text("requiredHeaders", &path, sentence),
                        grade => Said::values("requiredHeaders", &path, grade, sentence),
                    };
                    said.at(earlier.location.pointer.to_string(), header.location.pointer.to_string())
                }
            };
            self.say(said);
        }
        for header in before {
            if find(now, &header.name).is_none() {
                let sentence = format!("the header `{}` may be missing from now on", header.name);
                let said = Said::values("requiredHeaders", &format!("headers.{}", header.name), Grade::Loosens, sentence).bump(Bump::Major);
                self.say(said.at(header.location.pointer.to_string(), None));
            }
        }
        let names = |list: &[RequiredHeader]| list.iter().map(|header| header.name.clone()).collect::<Vec<_>>();
        let common = |list: &[RequiredHeader], other: &[RequiredHeader]| {
            let mut names = names(list);
            names.retain(|name| find(other, name).is_some());
            names
        };
        if common(before, now) != common(now, before) {
            let said = Said::text(
                "requiredHeaders",
                "",
                "required headers stand in another order, which decides nothing",
            );
            self.setting("requiredHeaders", said, old, new);
        }
    }

    fn discriminator(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let of = |object: &SchemaObject| {
            object
                .settings
                .discriminator
                .as_ref()
                .map(|one| (one.by.clone(), one.value.clone()))
        };
        let (before, now) = (of(old), of(new));
        if before == now {
            return;
        }
        let phrase = |one: &Option<(tidegate_contract::surroundings::DiscriminatorBy, Arc<str>)>| match one {
            Some((by, value)) => format!("those whose {by} says `{value}`"),
            None => "all that no other object describes".to_owned(),
        };
        let sentence = format!("its events are {}; they were {}", phrase(&now), phrase(&before));
        let said = Said::values("discriminator", "", Grade::Both, sentence).bump(Bump::Major);
        self.setting("discriminator", said, old, new);
    }

    /// What a record may claim to be written for; a claim that nothing fits is refused.
    fn claims(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = (&old.settings, &new.settings);
        let texts = |ids: &[SchemaId]| ids.iter().map(|id| Arc::from(id.to_string())).collect::<Vec<Arc<str>>>();
        for (name, before, now) in [
            ("dataSchemas", before.data_schemas.clone(), now.data_schemas.clone()),
            ("schemaIds", texts(&before.schema_ids), texts(&now.schema_ids)),
        ] {
            if before == now {
                continue;
            }
            let missing = |these: &[Arc<str>], those: &[Arc<str>]| these.iter().filter(|one| !those.contains(one)).count();
            let (come, gone) = (missing(&now, &before), missing(&before, &now));
            let said = match (come, gone) {
                (0, 0) => Said::text(name, "", format!("`{name}` lists the same in another order")),
                // Without any, no claim is read; with some, one that is not listed is refused. Other versions of the topic list theirs.
                (come, _) if name == "dataSchemas" && before.is_empty() => {
                    let sentence = format!(
                        "`dataSchemas` lists {come}, and listed none: a record whose `dataschema` nothing lists is refused from now on"
                    );
                    Said::values(name, "", Grade::Undetermined, sentence)
                }
                // What was listed before is listed still, and every new schema has to be listed some day.
                (come, 0) => {
                    let sentence = format!("`{name}` lists {come} more: records that name them are judged by this version");
                    Said::values(name, "", Grade::Undetermined, sentence).bump(Bump::Minor)
                }
                (come, gone) => {
                    let sentence = format!("`{name}` lists {come} more and {gone} less: which version judges a record may be another");
                    Said::values(name, "", Grade::Undetermined, sentence)
                }
            };
            self.setting(name, said, old, new);
        }
    }

    fn kill_switches(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let (before, now) = (&old.settings.kill_switches, &new.settings.kill_switches);
        if before == now {
            return;
        }
        // A rule is off as long as any of its switches says so.
        let find = |list: &[KillSwitch], rule: &Arc<str>| {
            let own = list.iter().filter(|switch| switch.rule == *rule);
            own.max_by_key(|switch| switch.until).cloned()
        };
        let mut rules: Vec<Arc<str>> = before.iter().chain(now).map(|switch| switch.rule.clone()).collect();
        rules.sort();
        rules.dedup();
        for rule in rules {
            let (earlier, later) = (find(before, &rule), find(now, &rule));
            let until = |switch: &Option<KillSwitch>| switch.as_ref().map_or(i64::MIN, |switch| switch.until);
            // A rule that only one side has is told by the rule.
            let asked = asks(old, &rule) && asks(new, &rule);
            let grade = match until(&later).cmp(&until(&earlier)) {
                _ if !asked => Grade::None,
                std::cmp::Ordering::Greater => Grade::Loosens,
                std::cmp::Ordering::Less => Grade::Tightens,
                std::cmp::Ordering::Equal => Grade::None,
            };
            if earlier == later {
                continue;
            }
            let sentence = match &later {
                Some(switch) => format!("rule `{rule}` is switched off until {}: {}", switch.until_text, switch.reason),
                None => format!("rule `{rule}` is not switched off any more"),
            };
            let said = match grade {
                Grade::None => Said::text("killSwitches", "", sentence),
                // Events that passed while the rule was off are refused sooner than its switch said: major, as any rule that comes.
                grade => Said::values("killSwitches", "", grade, sentence).moot_from(until(&earlier).max(until(&later))),
            };
            let pointer = |switch: &Option<KillSwitch>| switch.as_ref().map(|switch| switch.location.pointer.to_string());
            self.say(said.at(pointer(&earlier), pointer(&later)));
        }
    }
}

/// Whether a rule of that id refuses events of the object.
fn asks(object: &SchemaObject, id: &str) -> bool {
    fn of(property: &Property, id: &str) -> bool {
        let own = property.quality.iter().any(|rule| *rule.id == *id && refuses(rule));
        own || crate::kind::below(property).into_iter().any(|inner| of(inner, id))
    }
    object.quality.iter().any(|rule| *rule.id == *id && refuses(rule)) || object.properties.iter().any(|property| of(property, id))
}

/// Texts that a header may have.
fn header_texts(old: &RequiredHeader, new: &RequiredHeader) -> Grade {
    let matches = |header: &RequiredHeader, text: &str| {
        let pattern = header.pattern.as_deref().map(tidegate_contract::pattern::compile);
        let constant = header.constant.as_deref().is_none_or(|constant| constant == text);
        match pattern {
            None => Some(constant),
            Some(Ok(pattern)) => Some(constant && pattern.is_match(text)),
            Some(Err(_)) => None,
        }
    };
    match (old.constant.as_deref(), new.constant.as_deref()) {
        // One text at most on that side, which can be tried.
        (Some(a), Some(b)) if a == b => Grade::of_known(matches(new, a), matches(old, b)),
        (Some(_), Some(_)) => Grade::Both,
        (Some(text), None) => match matches(new, text) {
            Some(true) => Grade::Loosens,
            Some(false) => Grade::Both,
            None => Grade::Undetermined,
        },
        (None, Some(text)) => match matches(old, text) {
            Some(true) => Grade::Tightens,
            Some(false) => Grade::Both,
            None => Grade::Undetermined,
        },
        (None, None) => match (&old.pattern, &new.pattern) {
            // Without a pattern, bytes that are no text will do as well.
            (None, Some(_)) => Grade::Tightens,
            (Some(_), None) => Grade::Loosens,
            (old, new) => patterns(old.as_deref(), new.as_deref()),
        },
    }
}

fn asked(header: &RequiredHeader) -> String {
    match (&header.constant, &header.pattern) {
        (Some(constant), _) => format!("be `{constant}`"),
        (None, Some(pattern)) => format!("match `{pattern}`"),
        (None, None) => "be there".to_owned(),
    }
}
