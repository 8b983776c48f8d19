//! What a set of contracts takes away although no contract says so by itself: events of a topic that another object judged, and versions that
//! records name.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::snapshot::bind;
use tidegate_contract::{Binding, BoundObject, Contract, EventType, Location, Status};

use crate::change::{Action, Change, Grade, Reach};
use crate::semver::Bump;
use crate::set::{ContractDiff, Party};

/// Says what the new set takes, at the contract that takes it.
pub(crate) fn say_taken(contracts: &mut [ContractDiff], old: &[Arc<Contract>], new: &[Arc<Contract>]) {
    if contracts.is_empty() {
        return;
    }
    for one in contracts.iter_mut() {
        one.lose_claims(old, new);
    }
    let before = loaded(old);
    for (topic, binding) in &loaded(new) {
        let Some(earlier) = before.get(topic) else { continue };
        for event in &binding.events {
            let (taker, judged) = (&event.default, judge_of(earlier, event));
            let is_taker = |one: &&mut ContractDiff| one.new.as_ref().is_some_and(|party| is_of(taker, party));
            let (Some(judged), Some(one)) = (judged, contracts.iter_mut().find(is_taker)) else {
                continue;
            };
            if judged.contract.id != taker.contract.id {
                one.takes_from(topic, event, judged);
            } else if judged.contract.version.major != taker.contract.version.major && stays(judged, new) {
                one.is_default_from_now_on(topic, event, judged);
            }
        }
    }
}

// === impl ContractDiff ===

impl ContractDiff {
    fn takes_from(&mut self, topic: &str, event: &EventType, judged: &BoundObject) {
        let object = event.default.object();
        // Within the contract the topic looked free.
        self.changes.retain(|change| {
            let is_addition = change.clause == "schema" && change.action == Action::Add && change.object.as_ref() == Some(&object.name);
            !is_addition
        });
        let which = match &event.value {
            Some(value) => format!("the events of topic `{topic}` that say `{value}`"),
            None => format!("the events of topic `{topic}` that no other object describes"),
        };
        let sentence = format!(
            "object `{}` takes {which}; until now `{}` of {} judged them",
            object.name,
            judged.object().name,
            judged.contract.reference()
        );
        self.say(Change {
            clause: "schema",
            action: Action::Add,
            object: Some(object.name.clone()),
            path: String::new(),
            producers: Grade::Undetermined,
            consumers: Grade::Both,
            bump: Bump::Major,
            reach: Reach::Judge,
            sentence,
            old: Some(judged.object().location.clone()),
            new: Some(object.location.clone()),
            is_remark: false,
        });
    }

    /// Whoever names no version goes to the highest; readers of the one before get none of them any more.
    fn is_default_from_now_on(&mut self, topic: &str, event: &EventType, judged: &BoundObject) {
        let object = event.default.object();
        let sentence = format!(
            "events of topic `{topic}` that name no version go to version {} from now on; they went to {}, whose readers get those only that \
             name it",
            event.default.contract.version, judged.contract.version
        );
        self.say(Change {
            clause: "default",
            action: Action::Change,
            object: Some(object.name.clone()),
            path: String::new(),
            producers: Grade::None,
            consumers: Grade::Both,
            bump: Bump::Major,
            reach: Reach::Judge,
            sentence,
            old: Some(judged.object().location.clone()),
            new: Some(object.location.clone()),
            is_remark: false,
        });
    }

    /// The version whose place it takes is not there any more: records that name it in their header are refused.
    fn lose_claims(&mut self, old: &[Arc<Contract>], new: &[Arc<Contract>]) {
        let (Some(before), Some(now)) = (&self.old, &self.new) else {
            return;
        };
        let is_lost = matches!(before.status, Status::Active | Status::Deprecated)
            && before.id == now.id
            && now.status != Status::Draft
            && !new
                .iter()
                .any(|other| other.id == before.id && other.version.text == before.version.text);
        let was = old
            .iter()
            .find(|other| other.id == before.id && other.version.text == before.version.text);
        let Some(was) = was.filter(|was| is_lost && was.objects.iter().any(|object| object.topic.is_some())) else {
            return;
        };
        let (id, version) = (&before.id, &before.version);
        let is_last = !new
            .iter()
            .any(|other| other.id == *id && other.version.major == version.major && other.status != Status::Draft);
        // What a version below asks for is told otherwise.
        let (bump, claims) = match is_last && now.version > *version {
            true => (Bump::Major, format!("`{id}@{version}` or `{id}@{}`", version.major)),
            // Every version that is raised in place does that, so it cannot demand more than that it is raised.
            false => (Bump::Patch, format!("`{id}@{version}`")),
        };
        let sentence = format!(
            "version {version} is gone: records that name {claims} in the header `data-contract` are refused; where producers name versions, \
             keep its file with `status: deprecated` and add version {} beside it",
            now.version
        );
        let at = |contract: &Contract| Location {
            pointer: "/version".into(),
            line: contract.document.at_pointer("/version").map_or(1, |node| node.line),
            column: contract.document.at_pointer("/version").map_or(1, |node| node.column),
            ..contract.location.clone()
        };
        let heir = new
            .iter()
            .find(|other| other.id == now.id && other.version.text == now.version.text);
        let (old_place, new_place) = (at(was), heir.map(|heir| at(heir)));
        self.say(Change {
            clause: "version",
            action: Action::Change,
            object: None,
            path: String::new(),
            producers: Grade::Undetermined,
            consumers: Grade::None,
            bump,
            reach: Reach::Judge,
            sentence,
            old: Some(old_place),
            new: new_place,
            is_remark: false,
        });
    }
}

/// What a validator that has loaded the set would choose from, by topic.
fn loaded(contracts: &[Arc<Contract>]) -> BTreeMap<Arc<str>, Binding> {
    let loaded: Vec<Arc<Contract>> = contracts
        .iter()
        .filter(|contract| contract.status != Status::Draft)
        .cloned()
        .collect();
    // Rivals are told by `lint`.
    bind(&loaded, &mut Vec::new())
}

/// What judged the events of that type that name no version; none where nothing did.
fn judge_of<'b>(earlier: &'b Binding, event: &EventType) -> Option<&'b BoundObject> {
    let of = |value: Option<&Arc<str>>| earlier.events.iter().find(|other| other.value.as_ref() == value);
    let found = of(event.value.as_ref()).or_else(|| of(None));
    // A topic without a rest has refused it, or one type stands for all.
    found.map(|event| &event.default)
}

fn stays(bound: &BoundObject, new: &[Arc<Contract>]) -> bool {
    let reference = bound.contract.reference();
    new.iter().any(|one| one.reference() == reference && one.status.is_enforced())
}

fn is_of(bound: &BoundObject, party: &Party) -> bool {
    bound.contract.id == party.id && bound.contract.version.text == party.version.text
}
