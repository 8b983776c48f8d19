//! The contract itself: its id, its status, and which of its objects are the same.

use tidegate_contract::{Contract, SchemaObject, Status};

use crate::canonical;
use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::semver::Bump;

// === impl Walk ===

impl<'c> Walk<'c> {
    pub(crate) fn contract(&mut self) {
        let (old, new) = (self.old, self.new);
        if old.id != new.id {
            let sentence = format!(
                "the contract is called `{}`; it was `{}`: its rows land in another folder of the lake, under another name",
                new.id, old.id
            );
            let said = Said::values("id", "", Grade::Both, sentence).bump(Bump::Major);
            self.say(said.at("/id".to_owned(), "/id".to_owned()));
        }
        if old.status != new.status {
            self.status(old.status, new.status);
        }
        for (before, after) in self.pairs() {
            self.object = Some(after.name.clone());
            self.objects(before, after);
        }
        for object in self.only(old, new) {
            self.object = Some(object.name.clone());
            self.object_removed(object);
        }
        for object in self.only(new, old) {
            self.object = Some(object.name.clone());
            self.object_added(object);
        }
        self.object = None;
        self.sla();
        self.people();
        let text = |contract: &Contract| canonical::text_of(&contract.document, &|key| !matches!(key, "version" | "status"));
        if self.changes.is_empty() && text(old) != text(new) {
            let said = Said::text("contract", "", "the contract is written otherwise and says the same");
            self.say(said.at(String::new(), String::new()));
        }
    }

    /// Objects of both sides: by name, else by the events that they describe.
    fn pairs(&self) -> Vec<(&'c SchemaObject, &'c SchemaObject)> {
        let (old, new) = (self.old, self.new);
        new.objects
            .iter()
            .filter_map(|object| Some((counterpart(object, new, old)?, object)))
            .collect()
    }

    fn only(&self, of: &'c Contract, other: &Contract) -> Vec<&'c SchemaObject> {
        of.objects
            .iter()
            .filter(|object| counterpart(object, of, other).is_none())
            .collect()
    }

    /// A status is no content of a version: it may change without a new one, so nothing is demanded.
    fn status(&mut self, old: Status, new: Status) {
        let (producers, consumers, sentence) = match (old, new) {
            (_, Status::Retired) => (
                Grade::Tightens,
                Grade::Both,
                "the contract is retired: every event of its topics becomes a dead letter",
            ),
            (Status::Retired, status) if status.is_enforced() => (
                Grade::Loosens,
                Grade::Both,
                "the contract is not retired any more: events that keep it pass again",
            ),
            (Status::Retired, _) => (
                Grade::Loosens,
                Grade::Both,
                "the contract is not retired any more, and not enforced",
            ),
            (before, status) if !before.is_enforced() && status.is_enforced() => (
                Grade::Tightens,
                Grade::Tightens,
                "the contract is enforced from now on: events that break it become dead letters",
            ),
            (before, status) if before.is_enforced() && !status.is_enforced() => (
                Grade::Loosens,
                Grade::Loosens,
                "the contract is not enforced any more: every event passes, and none lands in the lake by it",
            ),
            (_, Status::Deprecated) => (
                Grade::None,
                Grade::None,
                "the contract is deprecated: its events pass with a warning header",
            ),
            (Status::Deprecated, _) => (Grade::None, Grade::None, "the contract is not deprecated any more"),
            (_, Status::Proposed) => (
                Grade::None,
                Grade::None,
                "the contract is proposed: events are judged and counted, and all of them pass",
            ),
            _ => (Grade::None, Grade::None, "the contract is a draft: it is not loaded"),
        };
        let said = Said::values("status", "", producers, sentence)
            .consumers(consumers)
            .bump(Bump::None);
        self.say(said.at("/status".to_owned(), "/status".to_owned()));
    }

    fn object_added(&mut self, object: &SchemaObject) {
        let pointer = object.location.pointer.to_string();
        let said = match &object.topic {
            None => Said::text("schema", "", format!("object `{}` is new; it is bound to no topic", object.name)),
            Some(topic) => {
                let shared = self.old.objects.iter().any(|other| other.topic.as_ref() == Some(topic));
                let (grade, sentence) = match shared {
                    false => (
                        Grade::Loosens,
                        format!(
                            "object `{}` is new: topic `{topic}` had no contract here, so its events were dead letters",
                            object.name
                        ),
                    ),
                    true => (
                        Grade::Undetermined,
                        format!("object `{}` is new and takes some of the events of topic `{topic}`", object.name),
                    ),
                };
                Said::values("schema", "", grade, sentence)
                    .consumers(Grade::Tightens)
                    .bump(Bump::Minor)
            }
        };
        self.say(said.at(None, pointer));
    }

    fn object_removed(&mut self, object: &SchemaObject) {
        let pointer = object.location.pointer.to_string();
        let said = match &object.topic {
            None => Said::text("schema", "", format!("object `{}` is gone; it was bound to no topic", object.name)),
            Some(topic) => {
                let sentence = format!(
                    "object `{}` is gone: nothing of it lands any more, and events of topic `{topic}` lose it",
                    object.name
                );
                let shared = self.new.objects.iter().any(|other| other.topic.as_ref() == Some(topic));
                let grade = if shared { Grade::Undetermined } else { Grade::Tightens };
                Said::values("schema", "", grade, sentence).consumers(Grade::Both).bump(Bump::Major)
            }
        };
        self.say(said.at(pointer, None));
    }
}

/// The object of `other` that describes what `object` of `own` does.
fn counterpart<'c>(object: &SchemaObject, own: &Contract, other: &'c Contract) -> Option<&'c SchemaObject> {
    if let Some(same) = other.objects.iter().find(|candidate| candidate.name == object.name) {
        return Some(same);
    }
    let events = |object: &SchemaObject| {
        let value = object
            .settings
            .discriminator
            .as_ref()
            .map(|discriminator| discriminator.value.clone());
        object.topic.clone().map(|topic| (topic, value))
    };
    let named_in = |name: &str, contract: &Contract| contract.objects.iter().any(|object| *object.name == *name);
    let wanted = events(object)?;
    other
        .objects
        .iter()
        .find(|candidate| events(candidate).as_ref() == Some(&wanted) && !named_in(&candidate.name, own))
}
