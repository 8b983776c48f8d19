//! The way back: a commit that undoes another one returns to a version that was published, and must not have to invent a new one at night.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_contract::{Contract, Status};

use crate::history::{History, content_hash};
use crate::semver::Bump;
use crate::set::{ContractDiff, Diff, Verdict};

// === impl Diff ===

impl Diff {
    /// Takes the findings about versions from contracts that return to what `past` has published with this very content: a version that
    /// takes the place of a higher one, and a version that is gone although enforced where a lower one stays in force for all of its topics.
    /// What that does to events is told all the same.
    #[must_use]
    pub fn let_go_back(mut self, old: &[Arc<Contract>], new: &[Arc<Contract>], past: &History) -> Diff {
        let is_published = |contract: &Contract| {
            let published = past.get(&contract.reference());
            contract.status.is_enforced() && published.is_some_and(|published| published.hash == content_hash(contract))
        };
        for one in self.contracts.iter_mut().filter(|one| one.might_go_back()) {
            let (Some(before), now) = (&one.old, &one.new) else { continue };
            let is_back = match now {
                Some(now) => new
                    .iter()
                    .any(|contract| contract.id == now.id && contract.version.text == now.version.text && is_published(contract)),
                None => {
                    let was = old
                        .iter()
                        .find(|contract| contract.id == before.id && contract.version.text == before.version.text);
                    new.iter().any(|contract| {
                        contract.id == before.id
                            && contract.version < before.version
                            && contract.status != Status::Retired
                            && is_published(contract)
                            && was.is_some_and(|was| topics(was).is_subset(&topics(contract)))
                    })
                }
            };
            if is_back {
                one.verdict = Verdict::Enough;
                one.demanded = Bump::None;
                one.goes_back = true;
            }
        }
        self.sort();
        self
    }

    /// Whether there is a finding that [`Diff::let_go_back`] may take away, so that it is worth reading the past.
    pub fn might_go_back(&self) -> bool {
        self.contracts.iter().any(ContractDiff::might_go_back)
    }
}

// === impl ContractDiff ===

impl ContractDiff {
    fn might_go_back(&self) -> bool {
        match self.verdict {
            Verdict::Backwards { .. } => true,
            // A draft of it in its place is another matter.
            Verdict::Gone => self.new.is_none(),
            Verdict::Enough | Verdict::Unpublished | Verdict::TooSmall { .. } => false,
        }
    }
}

fn topics(contract: &Contract) -> BTreeSet<&Arc<str>> {
    contract.objects.iter().filter_map(|object| object.topic.as_ref()).collect()
}
