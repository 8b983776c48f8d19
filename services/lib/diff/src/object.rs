//! One object against its other version.

use tidegate_contract::{Contract, SchemaObject, Status};

use crate::change::Grade;
use crate::compare::{Facts, Said, Walk};
use crate::property::Role;
use crate::semver::Bump;

// === impl Walk ===

impl<'c> Walk<'c> {
    pub(crate) fn objects(&mut self, old: &'c SchemaObject, new: &'c SchemaObject) {
        let before = self.changes.len();
        self.facts = Facts::of(old, new);
        self.changes_of = (old.settings.cdc.is_some(), new.settings.cdc.is_some());
        self.replaced = (Vec::new(), Vec::new());
        self.null_may_come.clear();
        let switched = |object: &SchemaObject| object.settings.kill_switches.iter().map(|switch| switch.rule.clone()).collect();
        self.switched = (switched(old), switched(new));
        self.seen = self.seen_by_rules(old, new);
        self.binding(old, new);
        self.settings(old, new);
        self.surroundings(old, new);
        self.fields(
            &old.properties,
            &new.properties,
            "",
            Role::Row,
            (&old.location.pointer, &new.location.pointer),
        );
        self.rules(old, new);
        self.nothing_forgotten(old, new, before);
    }

    /// Paths of objects that rules which refuse events use as maps (`size(value)`, `'a' in value`, `value.all(k, …)`, `==`).
    fn seen_by_rules(&self, old: &SchemaObject, new: &SchemaObject) -> Vec<String> {
        if !self.facts.has_row_rules {
            return Vec::new();
        }
        let mut seen = Vec::new();
        for (contract, object) in [(self.old, old), (self.new, new)] {
            match plan(contract, object) {
                Some(plan) => {
                    let views = plan.rule_views().into_iter().filter(|view| view.refuses);
                    seen.extend(views.flat_map(|view| view.objects));
                }
                // What it sees is not known.
                None => seen.push(String::new()),
            }
        }
        seen
    }

    /// Whether a rule may see what is declared in the object at that path.
    pub(crate) fn is_seen(&self, holder: &str) -> bool {
        self.seen.iter().any(|path| {
            let rest = holder.strip_prefix(path.as_str());
            path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Name and topic.
    fn binding(&mut self, old: &SchemaObject, new: &SchemaObject) {
        let pointer = |object: &SchemaObject, key: &str| format!("{}/{key}", object.location.pointer);
        if old.name != new.name {
            let sentence = format!(
                "object `{}` is called `{}` from now on: its rows land in another folder of the lake",
                old.name, new.name
            );
            let said = Said::values("name", "", Grade::None, sentence)
                .consumers(Grade::Both)
                .bump(Bump::Major);
            self.say(said.at(pointer(old, "name"), pointer(new, "name")));
        }
        if old.topic == new.topic {
            return;
        }
        let said = match (&old.topic, &new.topic) {
            (None, Some(topic)) => Said::values(
                "physicalName",
                "",
                Grade::Loosens,
                format!("topic `{topic}` is under contract from now on"),
            )
            .consumers(Grade::Tightens),
            (Some(topic), None) => {
                let sentence = format!("topic `{topic}` is not under contract any more: its events become dead letters");
                Said::values("physicalName", "", Grade::Tightens, sentence).consumers(Grade::Both)
            }
            (Some(before), Some(now)) => {
                let sentence = format!("the events are those of topic `{now}`; they were those of `{before}`, which loses its contract");
                Said::values("physicalName", "", Grade::Both, sentence).bump(Bump::Major)
            }
            (None, None) => return,
        };
        self.say(said.at(pointer(old, "physicalName"), pointer(new, "physicalName")));
    }

    /// Whatever judges is part of a plan's fingerprint. Where that differs and nothing was found, something new is compared too little: it
    /// is said, rather than passed over.
    fn nothing_forgotten(&mut self, old: &SchemaObject, new: &SchemaObject, before: usize) {
        // A change of text alone is no part of a fingerprint, so one that was found explains nothing.
        if self.changes[before..].iter().any(|change| change.explains_a_fingerprint()) {
            return;
        }
        let fingerprint = |contract: &Contract, object: &SchemaObject| {
            let at = contract.objects.iter().position(|other| std::ptr::eq(other, object))?;
            // A status is told apart, and so is that a rule reads which version judges.
            let contract = Contract {
                status: Status::Active,
                id: self.new.id.clone(),
                version: self.new.version.clone(),
                ..contract.clone()
            };
            tidegate_check::compile(&contract, at).ok().map(|plan| plan.fingerprint)
        };
        let (from, to) = (fingerprint(self.old, old), fingerprint(self.new, new));
        if from.is_some() && from == to {
            return;
        }
        let pointers = (old.location.pointer.to_string(), new.location.pointer.to_string());
        if from.is_none() && to.is_none() && same_text(self.old, old, self.new, new) {
            return;
        }
        let sentence = match (from, to) {
            (Some(_), Some(_)) => "something that judges events is not as it was, and it is not known what",
            _ => "one of the two does not compile, so what it would refuse is not known",
        };
        let said = Said::values("schema", "", Grade::Undetermined, sentence);
        self.say(said.at(pointers.0, pointers.1));
    }
}

fn plan(contract: &Contract, object: &SchemaObject) -> Option<tidegate_check::Plan> {
    let at = contract.objects.iter().position(|other| std::ptr::eq(other, object))?;
    tidegate_check::compile(contract, at).ok()
}

fn same_text(old: &Contract, before: &SchemaObject, new: &Contract, after: &SchemaObject) -> bool {
    let text =
        |contract: &Contract, object: &SchemaObject| contract.document.at_pointer(&object.location.pointer).map(crate::canonical::text);
    text(old, before) == text(new, after)
}
