//! What records claim, and what a topic does with those that fit nothing: settings of one contract that speak of all events of its topics.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_contract::surroundings::SchemaId;
use tidegate_contract::{Binding, BoundObject, Contract, ContractRef, Location, Status};

use crate::change::{Change, Grade};
use crate::semver::Bump;
use crate::set::ContractDiff;
use crate::settings::{custom_property, setting_pointer};
use crate::taken::{discriminator, is_of, of_set};

// === impl ContractDiff ===

impl ContractDiff {
    /// `dataSchemas` and `schemaIds` come before the type of an event, so whoever lists some draws events away from others of the topic.
    pub(crate) fn say_claims(&mut self, topic: &str, earlier: &Binding, later: &Binding) {
        let Some(party) = self.new.clone() else { return };
        for bound in later.objects().filter(|bound| is_of(bound, &party)) {
            let settings = &bound.object().settings;
            let listed_before = earlier.objects().any(|other| !other.object().settings.data_schemas.is_empty());
            if !settings.data_schemas.is_empty() && !listed_before {
                // The pair says it, where the object was there before.
                if !self.says("dataSchemas", bound) {
                    let sentence = format!(
                        "`dataSchemas` of object `{}` lists {}, and nothing on topic `{topic}` listed any: a record whose `dataschema` nothing \
                         lists is refused from now on, whichever object it was for, and one that names these goes to this object",
                        bound.object().name,
                        settings.data_schemas.len()
                    );
                    self.say_claim("dataSchemas", bound, sentence, others(earlier, bound, |_| true));
                }
            } else {
                let of = |object: &BoundObject| object.object().settings.data_schemas.clone();
                self.say_drawn("dataSchemas", topic, earlier, bound, &of);
            }
            let of = |object: &BoundObject| {
                let ids = &object.object().settings.schema_ids;
                ids.iter().map(|id: &SchemaId| Arc::from(id.to_string())).collect()
            };
            self.say_drawn("schemaIds", topic, earlier, bound, &of);
        }
    }

    /// Says which claims draw events from another object: those that another one listed, and ids that nobody listed, since records that
    /// carry those were told apart by their type. A `dataschema` that nobody listed was refused, so nobody loses it.
    fn say_drawn(
        &mut self,
        clause: &'static str,
        topic: &str,
        earlier: &Binding,
        bound: &BoundObject,
        of: &dyn Fn(&BoundObject) -> Vec<Arc<str>>,
    ) {
        let is_own = |other: &BoundObject| other.contract.id == bound.contract.id && discriminator(other) == discriminator(bound);
        let own: BTreeSet<Arc<str>> = earlier.objects().filter(|other| is_own(other)).flat_map(of).collect();
        let new: Vec<Arc<str>> = of(bound).into_iter().filter(|one| !own.contains(one)).collect();
        let others_listed: BTreeSet<Arc<str>> = earlier.objects().filter(|other| !is_own(other)).flat_map(of).collect();
        let drawn: Vec<&Arc<str>> = new.iter().filter(|one| others_listed.contains(*one)).collect();
        let free = match clause {
            "schemaIds" if earlier.objects().any(|other| !is_own(other)) => new.len() - drawn.len(),
            _ => 0,
        };
        // That the list of an object grew is told with the object; what it takes from others is not.
        if drawn.is_empty() && (free == 0 || self.says(clause, bound)) {
            return;
        }
        let name = &bound.object().name;
        let sentence = match drawn.first() {
            Some(first) => format!(
                "`{clause}` of object `{name}` lists `{first}`, which another object of topic `{topic}` lists or listed: records that name it may \
                 be judged by this one"
            ),
            None => format!(
                "`{clause}` of object `{name}` lists {free} that nothing on topic `{topic}` listed: records that carry them were told apart by \
                 their type, and are judged by this object from now on"
            ),
        };
        let former = others(earlier, bound, |other| {
            drawn.is_empty() || of(other).iter().any(|one| drawn.contains(&one))
        });
        self.say_claim(clause, bound, sentence, former);
    }

    fn says(&self, clause: &str, bound: &BoundObject) -> bool {
        let is_it = |change: &Change| change.clause == clause && change.object.as_ref() == Some(&bound.object().name);
        self.changes.iter().any(is_it)
    }

    fn say_claim(&mut self, clause: &'static str, bound: &BoundObject, sentence: String, former: Vec<ContractRef>) {
        let pointer = setting_pointer(&bound.contract, bound.object(), clause);
        self.say(Change {
            object: Some(bound.object().name.clone()),
            former,
            ..of_set(
                clause,
                (Grade::Undetermined, Grade::Undetermined),
                sentence,
                (None, Some(place(&bound.contract, &pointer))),
            )
        });
    }

    /// A record that fits no object of the topic halts its partition as soon as one of its contracts says so.
    pub(crate) fn say_halts(&mut self, topic: &str, earlier: &Binding, later: &Binding) {
        let halts = |bound: &&BoundObject| {
            matches!(bound.contract.status, Status::Active | Status::Deprecated) && bound.contract.on_failure.halts()
        };
        let Some(party) = &self.new else { return };
        let Some(bound) = later.objects().find(|bound| halts(bound) && is_of(bound, party)) else {
            return;
        };
        if earlier.objects().any(|bound| halts(&bound)) || self.changes.iter().any(|change| change.clause == "onFailure") {
            return;
        }
        let sentence = format!(
            "`onFailure` is `{}`, and nothing on topic `{topic}` said so: a record that fits no object of it, or whose type cannot be read, holds up \
             everything behind it in its partition; it became a dead letter until now",
            bound.contract.on_failure.as_str()
        );
        let pointer = custom_property(&bound.contract, "/customProperties", "onFailure").unwrap_or_default();
        let at = place(&bound.contract, &pointer);
        let former = others(earlier, bound, |_| true);
        self.say(Change {
            former,
            ..of_set("onFailure", (Grade::Tightens, Grade::Both), sentence, (None, Some(at)))
        });
    }

    /// The version whose place it takes is not there any more: records that name it in their header are refused.
    pub(crate) fn lose_claims(&mut self, old: &[Arc<Contract>], new: &[Arc<Contract>]) {
        let Some(before) = &self.old else { return };
        let is_lost = match &self.new {
            Some(now) => matches!(before.status, Status::Active | Status::Deprecated) && before.id == now.id && now.status != Status::Draft,
            // That an enforced one is gone is a finding.
            None => before.status == Status::Proposed,
        };
        let is_it = |other: &&Arc<Contract>| other.id == before.id && other.version.text == before.version.text;
        let was = old.iter().find(is_it);
        let is_lost = is_lost && !new.iter().any(|other| is_it(&other));
        let Some(was) = was.filter(|was| is_lost && was.objects.iter().any(|object| object.topic.is_some())) else {
            return;
        };
        let (id, version) = (&before.id, &before.version);
        let is_last = !new
            .iter()
            .any(|other| other.id == *id && other.version.major == version.major && other.status != Status::Draft);
        // What a version below asks for is told otherwise.
        let (bump, claims) = match &self.new {
            Some(now) if is_last && now.version > *version => (Bump::Major, format!("`{id}@{version}` or `{id}@{}`", version.major)),
            None if is_last => (Bump::Patch, format!("`{id}@{version}` or `{id}@{}`", version.major)),
            // Every version that is raised in place does that, so it cannot demand more than that it is raised.
            _ => (Bump::Patch, format!("`{id}@{version}`")),
        };
        let way_out = match &self.new {
            Some(now) => format!(
                "; where producers name versions, keep its file with `status: deprecated` and add version {} beside it",
                now.version
            ),
            None => String::new(),
        };
        let sentence = format!("version {version} is gone: records that name {claims} in the header `data-contract` are refused{way_out}");
        let heir = self.new.as_ref().and_then(|now| {
            new.iter()
                .find(|other| other.id == now.id && other.version.text == now.version.text)
        });
        let places = (Some(place(was, "/version")), heir.map(|heir| place(heir, "/version")));
        self.say(Change {
            bump,
            is_of_set: false,
            ..of_set("version", (Grade::Undetermined, Grade::None), sentence, places)
        });
    }
}

/// Other contracts of the topic whose events are meant.
fn others(earlier: &Binding, own: &BoundObject, loses: impl Fn(&BoundObject) -> bool) -> Vec<ContractRef> {
    let others = earlier
        .objects()
        .filter(|other| other.contract.id != own.contract.id && loses(other));
    let all: BTreeSet<ContractRef> = others.map(|other| other.contract.reference()).collect();
    all.into_iter().collect()
}

fn place(contract: &Contract, pointer: &str) -> Location {
    let node = contract.document.at_pointer(pointer);
    Location {
        pointer: pointer.into(),
        line: node.map_or(1, |node| node.line),
        column: node.map_or(1, |node| node.column),
        ..contract.location.clone()
    }
}
