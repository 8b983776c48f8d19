//! Published versions never change content.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tidegate_contract::{Contract, ContractRef, Diagnostic, Level, Location};

use crate::canonical;

/// The code of `a version with two contents`.
pub const PUBLISHED: &str = "TG0140";

/// The code of a version that had two contents on the two sides of a merge.
pub const CONTESTED: &str = "TG0158";

/// Every version that was ever published, with the content that it had then.
#[derive(Debug, Clone, Default)]
pub struct History {
    versions: BTreeMap<ContractRef, Published>,
    /// Every content that a version had, by its hash, that of [`History::versions`] among them.
    contents: BTreeSet<(ContractRef, String)>,
    /// Versions that had different contents on both sides of a merge, with the first such merge and the commit that it took in.
    contested: BTreeMap<ContractRef, (Arc<str>, Arc<str>)>,
}

/// One version of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// See [`content_hash`].
    pub hash: String,
    /// The commit (or whatever the reader of the past calls it) that published it.
    pub commit: Arc<str>,
}

/// A version whose content is not what was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which version.
    pub contract: ContractRef,
    /// Where it stands now.
    pub location: Location,
    /// Where it was published first.
    pub published: Arc<str>,
    /// The merge in which two contents met: which of them was published is not known.
    pub merge: Option<Arc<str>>,
}

// === impl History ===

impl History {
    /// Takes up a version, oldest commit first: what was published first counts. A version is published once it is enforced (active,
    /// deprecated or retired); drafts and proposals may still change.
    pub fn take(&mut self, contract: &Contract, commit: &str) {
        if contract.status.is_enforced() {
            self.publish(contract.reference(), content_hash(contract), commit);
        }
    }

    /// Takes up a version of a commit that a merge took in from beside the branch, before the merge itself. Which of two sides was the branch
    /// is not told by a merge (after `git pull` and a push it is the side that was taken in), so two contents of one version are nobody's.
    pub fn take_in(&mut self, contract: &Contract, commit: &str, merge: &str) {
        if !contract.status.is_enforced() {
            return;
        }
        let version = contract.reference();
        let hash = content_hash(contract);
        let is_known = self.contents.contains(&(version.clone(), hash.clone()));
        if !is_known && self.versions.contains_key(&version) {
            self.contested.entry(version).or_insert_with(|| (merge.into(), commit.into()));
        } else {
            self.publish(version, hash, commit);
        }
    }

    /// The same with a hash that was kept.
    pub fn publish(&mut self, version: ContractRef, hash: String, commit: &str) {
        self.contents.insert((version.clone(), hash.clone()));
        self.versions.entry(version).or_insert_with(|| Published {
            hash,
            commit: commit.into(),
        });
    }

    /// What was published under that name.
    pub fn get(&self, version: &ContractRef) -> Option<&Published> {
        self.versions.get(version)
    }

    /// Versions among these whose content is not the published one.
    pub fn violations<'c>(&self, current: impl IntoIterator<Item = &'c Contract>) -> Vec<Violation> {
        let broken = |contract: &'c Contract| {
            let version = contract.reference();
            let published = self.versions.get(&version)?;
            if let Some((merge, other)) = self.contested.get(&version) {
                return Some(Violation {
                    contract: version,
                    location: contract.location.clone(),
                    published: format!("{} and {other}", published.commit).into(),
                    merge: Some(merge.clone()),
                });
            }
            (published.hash != content_hash(contract)).then(|| Violation {
                contract: version,
                location: contract.location.clone(),
                published: published.commit.clone(),
                merge: None,
            })
        };
        current.into_iter().filter_map(broken).collect()
    }
}

// === impl Violation ===

impl Violation {
    /// As `lint` says it.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            code: self.code(),
            level: Level::Error,
            location: self.location.clone(),
            problem: self.problem(),
            help: "give the changed contract a new version; `tidegate diff` says which. Where producers name versions, put it into a file of its \
                   own and keep this one as it was, deprecated"
                .to_owned(),
        }
    }

    /// [`PUBLISHED`] or [`CONTESTED`].
    pub fn code(&self) -> &'static str {
        if self.merge.is_some() { CONTESTED } else { PUBLISHED }
    }

    /// What is wrong, in one sentence.
    pub fn problem(&self) -> String {
        match &self.merge {
            None => format!("{} was published with another content ({})", self.contract, self.published),
            Some(merge) => format!(
                "two contents of {} meet in the merge {merge} (commits {}): which of them was published cannot be told",
                self.contract, self.published
            ),
        }
    }
}

/// SHA-256 in hex over everything that a contract says, in no particular spelling: comments, layout and the order of keys do not count, and
/// neither does `status`, which is the life of a version rather than its content. Event schemas that the contract names count with their
/// texts, where they are attached.
pub fn content_hash(contract: &Contract) -> String {
    let mut hash = Sha256::new();
    hash.update(canonical::text_of(&contract.document, &|key| key != "status"));
    for (index, object) in contract.objects.iter().enumerate() {
        if object.settings.event_schemas().next().is_none() {
            continue;
        }
        // Every file that takes part in judging; where it does not compile, the named ones.
        match tidegate_check::compile(contract, index) {
            Ok(plan) => {
                for (path, sha256) in plan.schema_files() {
                    hash.update(format!("\n{path:?} {sha256}"));
                }
            }
            Err(_) => {
                for schema in object.settings.event_schemas() {
                    hash.update(format!("\n{:?} {:?}", schema.path, schema.text()));
                }
            }
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(status: &str, rest: &str) -> Contract {
        let text = format!("# a comment\napiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: {status}\n{rest}");
        tidegate_contract::parse("a.odcs.yaml", &text).0.unwrap()
    }

    const ONE: &str = "name: x\nschema:\n  - name: t\n    properties:\n      - {name: a, logicalType: boolean}\n";

    #[test]
    fn content_is_what_it_says() {
        let hash = |status: &str, rest: &str| content_hash(&contract(status, rest));
        let one = hash("active", ONE);
        let same = "schema:\n    - properties:\n      - logicalType: boolean\n        name: 'a'\n      name: t # t\nname: x\n";
        assert_eq!(one, hash("retired", same));
        for other in [
            ONE.replace("boolean", "string"),
            ONE.replace("name: x", "name: y"),
            ONE.replace("{name: a", "{required: true, name: a"),
        ] {
            assert_ne!(one, hash("active", &other), "{other}");
        }
    }

    #[test]
    fn a_published_version_stays_as_it_is() {
        let mut history = History::default();
        let changed = contract("active", &ONE.replace("boolean", "string"));
        history.take(&contract("draft", ONE), "c1");
        assert!(history.violations([&changed]).is_empty(), "a draft is not published");
        history.take(&contract("active", ONE), "c2");
        // What came later does not make it right.
        history.take(&changed, "c3");
        let found = history.violations([&changed]);
        assert_eq!((found.len(), &*found[0].published), (1, "c2"));
        assert_eq!(found[0].diagnostic().code, PUBLISHED);
        assert!(
            tidegate_contract::codes::explain(PUBLISHED)
                .unwrap()
                .explanation
                .contains("never changes")
        );
        assert!(history.violations([&contract("deprecated", ONE)]).is_empty());
    }

    #[test]
    fn two_contents_that_meet_in_a_merge_are_both_refused() {
        let one = contract("active", ONE);
        let other = contract("active", &ONE.replace("boolean", "string"));
        let mut history = History::default();
        // What a merge brings first is published by it, and may be brought again.
        history.take_in(&one, "c1", "m1");
        history.take_in(&one, "c1", "m2");
        history.take_in(&contract("proposed", &ONE.replace("boolean", "string")), "c1", "m2");
        assert!(history.violations([&one]).is_empty() && history.violations([&other]).len() == 1);
        // A content that the branch had itself, though it was refused, is no other side's.
        history.take(&other, "c2");
        history.take_in(&other, "c3", "m3");
        assert!(history.violations([&one]).is_empty());
        history.take_in(&contract("active", &ONE.replace("boolean", "integer")), "c4", "m4");
        for contract in [&one, &other] {
            let found = history.violations([contract]);
            let text = found[0].diagnostic().problem;
            assert!(text.contains("merge m4") && text.contains("c1 and c4"), "{text}");
        }
    }
}
