//! The contract itself: its id, its status, and which of its objects are the same.

use tidegate_contract::{Contract, OnFailure, SchemaObject, Status};

use crate::canonical;
use crate::change::Grade;
use crate::compare::{Said, Walk};
use crate::semver::Bump;
use crate::settings::custom_property;

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
        self.on_failure();
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
            (Status::Retired, Status::Proposed) => (
                Grade::Loosens,
                Grade::Both,
                "the contract is not retired any more, and not enforced",
            ),
            // A draft is not loaded, so its topics are without a contract.
            (Status::Active | Status::Deprecated, Status::Draft) => (
                Grade::Tightens,
                Grade::Both,
                "the contract is a draft, which is not loaded: every event of its topics becomes a dead letter (no_contract) unless another \
                 version stands beside it",
            ),
            (Status::Draft, status) if status.is_enforced() => (
                Grade::Loosens,
                Grade::Tightens,
                "the contract is enforced from now on; it was a draft, which is not loaded, so events of its topics were dead letters \
                 (no_contract) unless another version stood beside it",
            ),
            (before, status) if !before.is_enforced() && status.is_enforced() => (
                Grade::Tightens,
                Grade::Tightens,
                "the contract is enforced from now on: events that break it become dead letters",
            ),
            (before, status) if before.is_enforced() && !status.is_enforced() => (
                Grade::Loosens,
                Grade::Loosens,
                "the contract is not enforced any more: every event passes, and none lands in the lake by it, unless another version stands \
                 beside it and judges them instead",
            ),
            (_, Status::Deprecated) => (
                Grade::None,
                Grade::None,
                "the contract is deprecated: its events pass with a warning header",
            ),
            (Status::Deprecated, _) => (Grade::None, Grade::None, "the contract is not deprecated any more"),
            (_, Status::Proposed) => (
                Grade::Loosens,
                Grade::None,
                "the contract is proposed and loaded: events are judged and counted, and all of them pass",
            ),
            (Status::Retired, Status::Draft) => (
                Grade::None,
                Grade::None,
                "the contract is a draft, which is not loaded; it was retired: its events stay dead letters, for another reason",
            ),
            _ => (
                Grade::Tightens,
                Grade::None,
                "the contract is a draft, which is not loaded: events of its topics become dead letters (no_contract) unless another version \
                 stands beside it",
            ),
        };
        let said = Said::values("status", "", producers, sentence)
            .consumers(consumers)
            .bump(Bump::None);
        self.say(said.at("/status".to_owned(), "/status".to_owned()));
    }

    /// What happens behind an event that is refused. No verdict depends on it, and so no plan knows; whether other events wait does.
    fn on_failure(&mut self) {
        let (old, new) = (self.old.on_failure, self.new.on_failure);
        if old == new {
            return;
        }
        let waits = |what: OnFailure| match what {
            OnFailure::Continue => "the next event is judged",
            OnFailure::HoldKey => "later events of its key wait",
            OnFailure::Stop => "everything behind it in its partition waits",
        };
        let rank = |what: OnFailure| match what {
            OnFailure::Continue => 0,
            OnFailure::HoldKey => 1,
            OnFailure::Stop => 2,
        };
        let sentence = format!(
            "`onFailure` is `{}`: where an event is refused, {}; it was `{}`: {}",
            new.as_str(),
            waits(new),
            old.as_str(),
            waits(old)
        );
        let said = match rank(new) > rank(old) {
            // One bad event withholds good ones, from producers and readers alike.
            true => Said::values("onFailure", "", Grade::Tightens, sentence).consumers(Grade::Both),
            false => Said::values("onFailure", "", Grade::Loosens, sentence),
        };
        let pointer = |contract| custom_property(contract, "/customProperties", "onFailure").unwrap_or("/customProperties/-".to_owned());
        self.say(said.at(pointer(self.old), pointer(self.new)));
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
                let said = Said::values("schema", "", grade, sentence).consumers(Grade::Tightens);
                match grade {
                    // Which of them pass under it is not known, and some may have passed.
                    Grade::Undetermined => said,
                    _ => said.bump(Bump::Minor),
                }
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
