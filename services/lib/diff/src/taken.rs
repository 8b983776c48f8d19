//! Who judges an event from now on, topic by topic: a contract may be as it was and judge other events, or none, since the set around it
//! changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_contract::snapshot::bind;
use tidegate_contract::{Binding, BoundObject, Contract, ContractRef, Location, Status};

use crate::change::{Action, Change, Grade, Reach};
use crate::semver::Bump;
use crate::set::{ContractDiff, Party};

/// Says which events have another judge, at the contract that takes them or gives them away, and what becomes of the others of a topic.
pub(crate) fn say_taken(contracts: &mut [ContractDiff], old: &[Arc<Contract>], new: &[Arc<Contract>]) {
    if contracts.is_empty() {
        return;
    }
    for one in contracts.iter_mut() {
        one.lose_claims(old, new);
    }
    let (before, now) = (loaded(old), loaded(new));
    for (topic, earlier) in &before {
        let later = now.get(topic);
        let types = earlier.events.iter().chain(later.iter().flat_map(|later| &later.events));
        let types: BTreeSet<Option<&Arc<str>>> = types.map(|event| event.value.as_ref()).collect();
        for value in types {
            let Some(judged) = judge_of(earlier, value) else { continue };
            let events = Events {
                topic,
                value,
                is_all: [Some(earlier), later].into_iter().flatten().all(|one| one.events.len() == 1),
                judged,
            };
            match later.and_then(|later| judge_of(later, value)) {
                Some(taker) => events.go_to(taker, earlier, contracts, new),
                None => events.lose_their_judge(contracts),
            }
        }
        if let Some(later) = later {
            for one in contracts.iter_mut() {
                one.say_claims(topic, earlier, later);
                one.say_halts(topic, earlier, later);
            }
        }
    }
}

/// Events of one type that name no version, and what judged them until now.
struct Events<'s> {
    topic: &'s str,
    /// What their discriminator says; none for those that no object describes.
    value: Option<&'s Arc<str>>,
    /// The topic has no others.
    is_all: bool,
    judged: &'s BoundObject,
}

// === impl Events ===

impl Events<'_> {
    fn go_to(&self, taker: &BoundObject, earlier: &Binding, contracts: &mut [ContractDiff], new: &[Arc<Contract>]) {
        let judged = self.judged;
        let at_taker = contracts
            .iter()
            .position(|one| one.new.as_ref().is_some_and(|party| is_of(taker, party)));
        let at_judged = contracts
            .iter()
            .position(|one| [&one.old, &one.new].into_iter().flatten().any(|party| is_of(judged, party)));
        let is_same_contract = judged.contract.id == taker.contract.id;
        // Compared with the version that judged them, a contract has said everything but whose readers lose them.
        let is_told = is_same_contract
            && match at_taker {
                Some(at) => contracts[at].old.as_ref().is_some_and(|party| is_of(judged, party)),
                None => taker.contract.reference() == judged.contract.reference(),
            };
        if is_told {
            if let Some(at) = at_taker
                && judged.contract.version.major != taker.contract.version.major
                && stays(judged, new)
            {
                contracts[at].is_default_from_now_on(self, taker);
            }
            return;
        }
        let Some((producers, consumers)) = grades(judged.contract.status, taker.contract.status) else {
            return;
        };
        // Where the taker stood here as it stands now, whoever made way for it is what changed.
        let stood = earlier.objects().any(|bound| {
            let is_it = bound.contract.id == taker.contract.id
                && (!is_same_contract || bound.contract.version.text == taker.contract.version.text)
                && bound.contract.status.is_enforced() == taker.contract.status.is_enforced();
            is_it && discriminator(bound) == discriminator(taker)
        });
        let at = if stood { at_judged.or(at_taker) } else { at_taker.or(at_judged) };
        let Some(at) = at else { return };
        let one = &mut contracts[at];
        match (Some(at) == at_taker, is_same_contract) {
            (true, false) => one.takes_from(self, taker, (producers, consumers)),
            _ => one.hands_over(self, taker, (producers, consumers)),
        }
    }

    /// An enforced contract that is gone is a finding, and one that binds another topic says so itself.
    fn lose_their_judge(&self, contracts: &mut [ContractDiff]) {
        let is_it = |one: &&mut ContractDiff| one.new.is_none() && one.old.as_ref().is_some_and(|party| is_of(self.judged, party));
        if self.judged.contract.status != Status::Proposed {
            return;
        }
        let Some(one) = contracts.iter_mut().find(is_it) else { return };
        if one.changes.iter().any(|change| change.clause == "status") {
            return;
        }
        let sentence = "the contract is gone; it was proposed, so every event of its topics passed: they are dead letters from now on (no_contract, \
                        or unplanned_event beside other contracts of the topic)";
        let old = Some(self.judged.contract.location.clone());
        one.say(Change {
            action: Action::Remove,
            object: None,
            ..of_set("status", (Grade::Tightens, Grade::None), sentence.to_owned(), (old, None))
        });
    }

    fn phrase(&self) -> String {
        match self.value {
            Some(value) => format!("the events of topic `{}` that say `{value}`", self.topic),
            None if self.is_all => format!("the events of topic `{}`", self.topic),
            None => format!("the events of topic `{}` that no other object describes", self.topic),
        }
    }
}

// === impl ContractDiff ===

impl ContractDiff {
    fn takes_from(&mut self, events: &Events<'_>, taker: &BoundObject, grades: (Grade, Grade)) {
        let object = taker.object();
        // Within the contract the topic looked free.
        self.changes.retain(|change| {
            let is_addition = change.clause == "schema" && change.action == Action::Add && change.object.as_ref() == Some(&object.name);
            !is_addition || change.is_of_set
        });
        let sentence = format!(
            "object `{}` takes {}; until now `{}` of {} judged them{}",
            object.name,
            events.phrase(),
            events.judged.object().name,
            events.judged.contract.reference(),
            consequence(events.judged.contract.status, taker.contract.status)
        );
        let places = (Some(events.judged.object().location.clone()), Some(object.location.clone()));
        self.say(Change {
            action: Action::Add,
            object: Some(object.name.clone()),
            former: vec![events.judged.contract.reference()],
            ..of_set("schema", grades, sentence, places)
        });
    }

    /// The version that judged them stands back, and another that stood there all the time takes its place.
    fn hands_over(&mut self, events: &Events<'_>, taker: &BoundObject, grades: (Grade, Grade)) {
        let judged = events.judged;
        let sentence = format!(
            "{} go to {} from now on, unless they name another version; {} judged them until now{}",
            events.phrase(),
            taker.contract.reference(),
            judged.contract.reference(),
            consequence(judged.contract.status, taker.contract.status)
        );
        let is_taker = self.new.as_ref().is_some_and(|party| is_of(taker, party));
        let here = self.new.as_ref().map(|party| Location {
            file: party.file.clone(),
            pointer: "/status".into(),
            line: self.status_line(),
            column: 1,
        });
        let place = if is_taker { Some(taker.object().location.clone()) } else { here };
        self.say(Change {
            object: Some(if is_taker { taker } else { judged }.object().name.clone()),
            former: vec![judged.contract.reference()],
            ..of_set("default", grades, sentence, (Some(judged.object().location.clone()), place))
        });
    }

    /// Where the status that changed stands, so that a reader of the change sees it there.
    fn status_line(&self) -> u32 {
        let status = self.changes.iter().find(|change| change.clause == "status");
        status.and_then(|change| change.new.as_ref()).map_or(1, |place| place.line)
    }

    /// Whoever names no version goes to the highest; readers of the one before get none of them any more.
    fn is_default_from_now_on(&mut self, events: &Events<'_>, taker: &BoundObject) {
        let sentence = format!(
            "events of topic `{}` that name no version go to version {} from now on; they went to {}, whose readers get those only that \
             name it",
            events.topic, taker.contract.version, events.judged.contract.version
        );
        let places = (Some(events.judged.object().location.clone()), Some(taker.object().location.clone()));
        self.say(Change {
            object: Some(taker.object().name.clone()),
            former: vec![events.judged.contract.reference()],
            ..of_set("default", (Grade::None, Grade::Both), sentence, places)
        });
    }
}

/// A change that only the set tells: major, unless somebody says otherwise.
pub(crate) fn of_set(
    clause: &'static str,
    (producers, consumers): (Grade, Grade),
    sentence: String,
    (old, new): (Option<Location>, Option<Location>),
) -> Change {
    Change {
        clause,
        action: Action::Change,
        object: None,
        path: String::new(),
        producers,
        consumers,
        bump: Bump::Major,
        reach: Reach::Judge,
        sentence,
        old,
        new,
        former: Vec::<ContractRef>::new(),
        is_remark: false,
        is_of_set: true,
        moot_from: None,
    }
}

/// What it means for producers and consumers that another contract judges; none where no verdict turns.
fn grades(judged: Status, taker: Status) -> Option<(Grade, Grade)> {
    Some(match (judged, taker) {
        (Status::Retired, Status::Retired) | (Status::Proposed, Status::Proposed) => return None,
        (_, Status::Retired) => (Grade::Tightens, Grade::Both),
        (Status::Retired, Status::Proposed) => (Grade::Loosens, Grade::None),
        (Status::Retired, _) => (Grade::Loosens, Grade::Both),
        (Status::Proposed, _) => (Grade::Tightens, Grade::Tightens),
        (_, Status::Proposed) => (Grade::Loosens, Grade::Loosens),
        _ => (Grade::Undetermined, Grade::Both),
    })
}

/// The same in words, where the two statuses say it all.
fn consequence(judged: Status, taker: Status) -> &'static str {
    match (judged, taker) {
        (_, Status::Retired) => "; all of them are refused",
        (Status::Retired, Status::Proposed) => " and refused all of them; none is refused any more, and none lands",
        (Status::Retired, _) => " and refused all of them",
        (Status::Proposed, _) => " and refused none of them",
        (_, Status::Proposed) => "; none of them is refused any more, and none lands",
        _ => "",
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

/// What judges the events of that type that name no version; none where nothing does.
fn judge_of<'b>(binding: &'b Binding, value: Option<&Arc<str>>) -> Option<&'b BoundObject> {
    let of = |value: Option<&Arc<str>>| binding.events.iter().find(|other| other.value.as_ref() == value);
    // A topic without a rest refuses it, or one type stands for all.
    of(value).or_else(|| of(None)).map(|event| &event.default)
}

pub(crate) fn discriminator(bound: &BoundObject) -> Option<&Arc<str>> {
    bound.object().settings.discriminator.as_ref().map(|one| &one.value)
}

fn stays(bound: &BoundObject, new: &[Arc<Contract>]) -> bool {
    let reference = bound.contract.reference();
    new.iter().any(|one| one.reference() == reference && one.status.is_enforced())
}

pub(crate) fn is_of(bound: &BoundObject, party: &Party) -> bool {
    bound.contract.id == party.id && bound.contract.version.text == party.version.text
}
