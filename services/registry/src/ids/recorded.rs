//! What the records of a branch said, commit after commit: what the next one is held to.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tidegate_contract::{ContractFile, Diagnostic, Snapshot};

use super::{Ids, Schema, derived, wrong};

/// Every id that was ever recorded, with its schema, and the longest list of versions of each subject. A revert takes ids out of the record
/// and not out of here: records that were written with them stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    all: Ids,
}

// === impl Recorded ===

impl Recorded {
    /// Takes up the record among these files, oldest commit first. One that is damaged or contradicts what was recorded before it is passed
    /// over: its commit is refused.
    pub fn take(&mut self, files: &[ContractFile]) {
        if let Ok(Some(ids)) = Ids::read(files) {
            self.add(&ids);
        }
    }

    /// Takes up a record, unless it contradicts what is known; answers whether it does not.
    pub fn add(&mut self, ids: &Ids) -> bool {
        let agrees = self.problems(ids).is_empty();
        if agrees {
            self.all
                .schemas
                .extend(ids.schemas.iter().map(|(id, schema)| (*id, schema.clone())));
            for (subject, versions) in &ids.subjects {
                let longest = self.all.subjects.entry(subject.clone()).or_default();
                if versions.len() > longest.len() {
                    longest.clone_from(versions);
                }
            }
        }
        agrees
    }

    /// Takes up the record among the files of a commit that a merge took in from beside the branch: ids that are nobody else's, and of the last
    /// commit there (a tip) versions where they go on behind those that are known. What contradicts is passed over: on another branch it may.
    pub fn take_beside(&mut self, files: &[ContractFile], is_tip: bool) {
        let Ok(Some(mut ids)) = Ids::read(files) else { return };
        let known = [&self.all.schemas, &ids.schemas];
        let is_chosen = |schema: &Schema| (0..schema.salt).any(|salt| !is_taken(salt, schema, &known));
        let chosen: Vec<u32> = ids
            .schemas
            .iter()
            .filter(|(_, schema)| is_chosen(schema))
            .map(|(id, _)| *id)
            .collect();
        ids.schemas.retain(|id, _| !chosen.contains(id));
        if !is_tip || !chosen.is_empty() {
            ids.subjects.clear();
        }
        self.merge(&Recorded { all: ids });
    }

    /// Takes up all of another past of the same repository.
    pub fn merge(&mut self, other: &Recorded) {
        for (id, schema) in &other.all.schemas {
            if let Entry::Vacant(free) = self.all.schemas.entry(*id) {
                free.insert(schema.clone());
            }
        }
        for (subject, versions) in &other.all.subjects {
            let longest = self.all.subjects.entry(subject.clone()).or_default();
            if versions.len() > longest.len() && versions.starts_with(longest) {
                longest.clone_from(versions);
            }
        }
    }

    /// What is wrong where a commit holds no record any more although there was one, and its contracts name event schemas: clients would
    /// find none of them.
    pub fn missed(&self, snapshot: &Snapshot) -> Option<Diagnostic> {
        (!self.all.schemas.is_empty() && !super::wanted(snapshot).is_empty()).then(|| Diagnostic {
            help: "take it from the last commit that had it (`git checkout COMMIT -- schemas/registered`), below the `schemas` that contracts \
                   name files of, then run `tidegate registry ids`"
                .to_owned(),
            ..wrong("the record of schema ids is gone: earlier commits had one".to_owned())
        })
    }

    /// The schema of an id that was ever recorded.
    pub fn schema(&self, id: u32) -> Option<&Schema> {
        self.all.schemas.get(&id)
    }

    /// Ids of a subject's versions, as many as it ever had.
    pub fn versions(&self, subject: &str) -> &[u32] {
        self.all.subjects.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Where a record does not agree with those before it: an id has another schema, versions were given other numbers, an id was chosen.
    pub fn problems(&self, ids: &Ids) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for (id, schema) in &ids.schemas {
            if self.schema(*id).is_some_and(|before| before != schema) {
                problems.push(format!("id {id} belongs to another schema since an earlier commit"));
            }
            if let Some(free) = (0..schema.salt).find(|salt| !is_taken(*salt, schema, &[&self.all.schemas, &ids.schemas])) {
                problems.push(format!(
                    "id {id} has the salt {}, although that of salt {free} was free: ids are never chosen",
                    schema.salt
                ));
            }
        }
        for (subject, versions) in &ids.subjects {
            let before = self.versions(subject);
            if !before.starts_with(versions) && !versions.starts_with(before) {
                problems.push(format!(
                    "versions of `{subject}` have other ids than in an earlier commit: a number that was given never means another schema"
                ));
            }
        }
        problems.into_iter().map(wrong).collect()
    }
}

/// Whether the id that a schema would have had with a smaller salt is another schema's, or none at all.
fn is_taken(salt: u32, schema: &Schema, known: &[&BTreeMap<u32, Schema>]) -> bool {
    let salted = Schema { salt, ..schema.clone() };
    let Some(id) = derived(&salted) else {
        return true;
    };
    known
        .iter()
        .filter_map(|schemas| schemas.get(&id))
        .any(|other| (other.kind, &other.text, &other.references) != (schema.kind, &schema.text, &schema.references))
}
