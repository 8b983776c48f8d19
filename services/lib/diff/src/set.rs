//! All contracts of one commit against all contracts of another.

use std::sync::Arc;

use tidegate_contract::{Contract, Status, Version};

use crate::change::{Change, Grade};
use crate::compare::compare;
use crate::history::{History, Violation};
use crate::semver::{Bump, Step, step};
use crate::taken::say_taken;

/// What a change of a set of contracts means.
#[derive(Debug, Clone)]
pub struct Diff {
    /// What the old side is called: a file, a folder, a commit.
    pub old: Arc<str>,
    /// What the new side is called.
    pub new: Arc<str>,
    /// Contracts in which anything differs, by id and version.
    pub contracts: Vec<ContractDiff>,
    /// Published versions whose content is not what it was.
    pub violations: Vec<Violation>,
}

/// One contract against the one whose place it takes.
#[derive(Debug, Clone)]
pub struct ContractDiff {
    /// The version before; none for a contract that is new.
    pub old: Option<Party>,
    /// The version now; none for a contract that is gone.
    pub new: Option<Party>,
    /// Worst first.
    pub changes: Vec<Change>,
    /// What the changes together demand of the version.
    pub demanded: Bump,
    /// Whether the author's version is enough.
    pub verdict: Verdict,
    /// It returns to what was published before, see [`Diff::let_go_back`].
    pub goes_back: bool,
    /// The version before stays in force beside this one, which is not.
    pub(crate) is_beside: bool,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// ODCS `id`.
    pub id: Arc<str>,
    /// ODCS `version`.
    pub version: Version,
    /// ODCS `status`.
    pub status: Status,
    /// File.
    pub file: Arc<str>,
}

/// What is to be said about the author's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It rises as much as the changes demand, or more.
    Enough,
    /// The version before was never enforced, so nobody relies on it.
    Unpublished,
    /// It must rise more.
    TooSmall {
        /// The least version that is enough.
        least: String,
    },
    /// It is below the version before.
    Backwards {
        /// The least version that is enough.
        least: String,
    },
    /// A contract that is enforced is gone: its topics are without one. Retire it first.
    Gone,
}

// === impl Diff ===

impl Diff {
    /// Whether somebody has to do something before this can be merged: a version that is too small, a contract that is gone although it is
    /// enforced, a published version that changed.
    pub fn has_findings(&self) -> bool {
        !self.violations.is_empty() || self.contracts.iter().any(|contract| contract.verdict.is_finding())
    }

    /// The same for a reader who has looked at what cannot be told: such a change demands a minor version, no major one.
    #[must_use]
    pub fn trusting(mut self) -> Diff {
        for contract in &mut self.contracts {
            for change in &mut contract.changes {
                let only_unknown =
                    change.producers == Grade::Undetermined && matches!(change.consumers, Grade::Undetermined | Grade::Tightens);
                if only_unknown {
                    change.bump = change.bump.min(Bump::Minor);
                }
            }
            contract.conclude();
        }
        self.sort();
        self
    }

    /// The same at a moment (microseconds since the epoch): a kill switch that has ended by then decides nothing, so shortening it or taking it
    /// out of the file does not, either.
    #[must_use]
    pub fn at(mut self, now: i64) -> Diff {
        for contract in &mut self.contracts {
            for change in contract.changes.iter_mut() {
                if change.moot_from.is_some_and(|moment| moment <= now) {
                    (change.producers, change.consumers, change.bump) = (Grade::None, Grade::None, Bump::Patch);
                    change.sentence.push_str("; the switch had ended already");
                }
            }
            contract.conclude();
        }
        self.sort();
        self
    }

    pub(crate) fn sort(&mut self) {
        self.contracts
            .sort_by_key(|diff| (std::cmp::Reverse((diff.verdict.is_finding(), diff.demanded)), diff.id().clone()));
    }

    /// All changes, the contract with the worst first.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.contracts.iter().flat_map(|contract| &contract.changes)
    }
}

// === impl Verdict ===

impl Verdict {
    /// Whether it stops a merge.
    pub fn is_finding(&self) -> bool {
        matches!(self, Verdict::TooSmall { .. } | Verdict::Backwards { .. } | Verdict::Gone)
    }
}

// === impl ContractDiff ===

impl ContractDiff {
    /// Contract id, of the new side where there is one.
    pub fn id(&self) -> &Arc<str> {
        let party = self.new.as_ref().or(self.old.as_ref());
        &party.expect("one side is there").id
    }
}

// === impl Party ===

impl Party {
    fn of(contract: &Contract) -> Party {
        Party {
            id: contract.id.clone(),
            version: contract.version.clone(),
            status: contract.status,
            file: contract.location.file.clone(),
        }
    }
}

/// Compares one contract with another, whatever their ids.
pub fn compare_pair(old: &Contract, new: &Contract) -> ContractDiff {
    let changes = compare(old, new);
    let demanded = demanded(&changes);
    let (old, new) = (Party::of(old), Party::of(new));
    let verdict = verdict(&old, &new, demanded);
    ContractDiff {
        old: Some(old),
        new: Some(new),
        changes,
        demanded,
        verdict,
        goes_back: false,
        is_beside: false,
    }
}

/// Compares two contracts as if each were all there is, whatever their ids.
pub fn compare_files(names: (&str, &str), old: &Arc<Contract>, new: &Arc<Contract>) -> Diff {
    let mut history = History::default();
    history.take(old, names.0);
    let pair = compare_pair(old, new);
    let differ = !pair.changes.is_empty() || old.version.text != new.version.text;
    let mut contracts: Vec<ContractDiff> = differ.then_some(pair).into_iter().collect();
    say_taken(&mut contracts, std::slice::from_ref(old), std::slice::from_ref(new));
    Diff {
        old: names.0.into(),
        new: names.1.into(),
        contracts,
        violations: history.violations([&**new]),
    }
}

/// Compares sets of contracts. A version of the new set is compared with the version whose place it takes: itself, if it was enforced; else
/// the highest enforced version of its id below it, so that promoting a proposal shows what that does to events; else itself, or the highest
/// version below it. What is equal is left out.
pub fn compare_sets(names: (&str, &str), old: &[Arc<Contract>], new: &[Arc<Contract>]) -> Diff {
    let mut contracts = Vec::new();
    let mut taken: Vec<&Arc<Contract>> = Vec::new();
    for contract in new {
        match predecessor(contract, old) {
            None => contracts.push(ContractDiff {
                old: None,
                new: Some(Party::of(contract)),
                changes: Vec::new(),
                demanded: Bump::None,
                verdict: Verdict::Enough,
                goes_back: false,
                is_beside: false,
            }),
            Some(before) => {
                let mut diff = compare_pair(before, contract);
                // What is not in force beside a version that stays takes nothing from it.
                let stays = before.reference() != contract.reference()
                    && new
                        .iter()
                        .any(|other| other.reference() == before.reference() && other.status.is_enforced());
                if stays && !contract.status.is_enforced() {
                    diff.stands_beside(before, contract);
                }
                let unchanged = diff.changes.is_empty() && before.version.text == contract.version.text;
                // A version that merely stands beside the one before it says nothing new.
                let standing = old
                    .iter()
                    .any(|other| other.reference() == contract.reference() && is_same(other, contract));
                if !unchanged && !standing {
                    taken.push(before);
                    contracts.push(diff);
                }
            }
        }
    }
    for contract in old {
        let stays = new.iter().any(|other| other.reference() == contract.reference());
        // A version that stood beside it before is no heir.
        let heir = taken.iter().any(|other| Arc::ptr_eq(other, contract));
        if stays || heir {
            continue;
        }
        let enforced = matches!(contract.status, Status::Active | Status::Deprecated);
        contracts.push(ContractDiff {
            old: Some(Party::of(contract)),
            new: None,
            changes: Vec::new(),
            demanded: Bump::None,
            verdict: if enforced { Verdict::Gone } else { Verdict::Enough },
            goes_back: false,
            is_beside: false,
        });
    }
    say_taken(&mut contracts, old, new);
    let mut history = History::default();
    old.iter().for_each(|contract| history.take(contract, names.0));
    let mut diff = Diff {
        old: names.0.into(),
        new: names.1.into(),
        contracts,
        violations: history.violations(new.iter().map(|contract| &**contract)),
    };
    diff.sort();
    diff
}

// === impl ContractDiff ===

impl ContractDiff {
    /// A proposal or draft beside the version that it is compared with, which stays.
    fn stands_beside(&mut self, before: &Contract, contract: &Contract) {
        for change in self.changes.iter_mut().filter(|change| change.clause == "status") {
            change.producers = Grade::None;
            change.consumers = Grade::None;
            change.sentence = match contract.status {
                Status::Draft => format!(
                    "version {} is a draft beside {}: it is not loaded",
                    contract.version, before.version
                ),
                _ => format!(
                    "version {} is proposed beside {}: it judges for the count only",
                    contract.version, before.version
                ),
            };
        }
        self.is_beside = true;
        self.conclude();
    }

    /// What the changes demand, and whether the version is enough.
    fn conclude(&mut self) {
        self.changes.sort_by_key(Change::weight);
        self.demanded = demanded(&self.changes);
        let (Some(old), Some(new)) = (&self.old, &self.new) else { return };
        // No other number could announce what comes of a status.
        if old.version.text == new.version.text {
            self.demanded = self
                .changes
                .iter()
                .filter(|change| !change.is_of_set)
                .map(|change| change.bump)
                .max()
                .unwrap_or(Bump::None);
        }
        // Beside what stays, a draft takes nothing away.
        let status = if self.is_beside { Status::Proposed } else { new.status };
        let new = Party { status, ..new.clone() };
        self.verdict = verdict(old, &new, self.demanded);
    }

    /// Says what only the set tells.
    pub(crate) fn say(&mut self, change: Change) {
        self.changes.push(change);
        self.conclude();
    }

    /// What breaks somebody, and no version says so: the contract is new, is gone, or another status made it.
    pub fn unannounced(&self) -> impl Iterator<Item = &Change> {
        let is_announced = match (&self.old, &self.new) {
            (Some(old), Some(new)) => old.version.text != new.version.text,
            _ => false,
        };
        let breaks = |change: &&Change| change.breaks_producers() || change.breaks_consumers();
        self.changes.iter().filter(move |_| !is_announced).filter(breaks)
    }
}

fn demanded(changes: &[Change]) -> Bump {
    changes.iter().map(|change| change.bump).max().unwrap_or(Bump::None)
}

/// Whether two files of one version differ in nothing, status included.
fn is_same(old: &Contract, new: &Contract) -> bool {
    old.status == new.status && crate::history::content_hash(old) == crate::history::content_hash(new)
}

fn predecessor<'o>(contract: &Contract, old: &'o [Arc<Contract>]) -> Option<&'o Arc<Contract>> {
    let own: Vec<&Arc<Contract>> = old.iter().filter(|other| other.id == contract.id).collect();
    let same = own.iter().find(|other| other.version.text == contract.version.text).copied();
    if let Some(same) = same.filter(|same| same.status.is_enforced()) {
        return Some(same);
    }
    let below = |enforced: bool| {
        let fits = |other: &&&Arc<Contract>| other.version < contract.version && (!enforced || other.status.is_enforced());
        own.iter().filter(fits).max_by_key(|other| &other.version).copied()
    };
    let highest = || own.iter().max_by_key(|other| &other.version).copied();
    below(true).or(same).or_else(|| below(false)).or_else(highest)
}

fn verdict(old: &Party, new: &Party, demanded: Bump) -> Verdict {
    if !old.status.is_enforced() {
        return Verdict::Unpublished;
    }
    // A draft is not loaded.
    if matches!(old.status, Status::Active | Status::Deprecated) && new.status == Status::Draft {
        return Verdict::Gone;
    }
    // Another contract may have any version.
    if old.id != new.id {
        return Verdict::Enough;
    }
    let least = || demanded.max(Bump::Patch).applied(&old.version);
    match step(&old.version, &new.version) {
        Step::Down => Verdict::Backwards { least: least() },
        Step::Up(written) if written < demanded => Verdict::TooSmall { least: least() },
        Step::Up(_) => Verdict::Enough,
    }
}
