//! The words of a comparison: a change, its grades, who acts on what changed.

use std::sync::Arc;

use tidegate_contract::{ContractRef, Location};

use crate::semver::Bump;

/// What a change does to a set: of the events that pass (for producers), of what may be relied on (for consumers).
///
/// For producers: *tightens* means that no event passes that did not pass before, and some may be refused from now on; *loosens* means that
/// every event that passed still passes. For consumers: *tightens* means that they may rely on everything that they relied on before, and
/// *loosens* that they may rely on nothing more than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// No effect.
    None,
    /// Wider.
    Loosens,
    /// Narrower.
    Tightens,
    /// Wider in one respect and narrower in another.
    Both,
    /// Cannot be told from the contracts alone.
    Undetermined,
}

/// Who acts on the clause that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reach {
    /// The judge: verdicts, and the columns that valid events become.
    Judge,
    /// `tidegate sla run`, over the rows of the lake.
    Lake,
    /// Nobody; people and catalogues read it.
    People,
}

/// One difference between two contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key of the standard, or the setting of ours, that changed, such as `required`, `maximum`, `encodings`; `properties` for one that
    /// was added or removed.
    pub clause: &'static str,
    /// What was done.
    pub action: Action,
    /// ODCS name of the object; none for what concerns the whole contract.
    pub object: Option<Arc<str>>,
    /// Dotted path of ODCS names inside of the object, `[]` for items; empty for the object or contract itself.
    pub path: String,
    /// Which events pass.
    pub producers: Grade,
    /// What may be relied on.
    pub consumers: Grade,
    /// What of the version must rise.
    pub bump: Bump,
    /// Who acts on it.
    pub reach: Reach,
    /// One sentence without a full stop.
    pub sentence: String,
    /// Where it stood; none when it was added.
    pub old: Option<Location>,
    /// Where it stands; none when it was removed.
    pub new: Option<Location>,
    /// Versions of other contracts that judged, until now, the events that this takes: their readers feel it.
    pub former: Vec<ContractRef>,
    /// Found in the texts for people, of which no plan knows.
    pub(crate) is_remark: bool,
    /// Only the set tells it. Where the version stays as it is (a status, a file that is gone), no other number could announce it.
    pub(crate) is_of_set: bool,
    /// From this moment on (microseconds since the epoch) it changes nothing: the switch would have ended by itself.
    pub(crate) moot_from: Option<i64>,
}

/// What was done to a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// It is new.
    Add,
    /// It is gone.
    Remove,
    /// It says something else.
    Change,
}

// === impl Grade ===

impl Grade {
    /// Of two sets whose inclusion in each other is known.
    pub const fn of(old_in_new: bool, new_in_old: bool) -> Grade {
        match (old_in_new, new_in_old) {
            (true, true) => Grade::None,
            (true, false) => Grade::Loosens,
            (false, true) => Grade::Tightens,
            (false, false) => Grade::Both,
        }
    }

    /// As [`Grade::of`], where an inclusion may not be known.
    pub const fn of_known(old_in_new: Option<bool>, new_in_old: Option<bool>) -> Grade {
        match (old_in_new, new_in_old) {
            (Some(old_in_new), Some(new_in_old)) => Grade::of(old_in_new, new_in_old),
            _ => Grade::Undetermined,
        }
    }

    /// Of both together: clauses that must all hold.
    pub fn and(self, other: Grade) -> Grade {
        match (self, other) {
            (Grade::None, grade) | (grade, Grade::None) => grade,
            (Grade::Undetermined, _) | (_, Grade::Undetermined) => Grade::Undetermined,
            (one, another) if one == another => one,
            _ => Grade::Both,
        }
    }

    /// Whether something that passed may be refused, or a promise is stronger.
    pub const fn may_tighten(self) -> bool {
        matches!(self, Grade::Tightens | Grade::Both | Grade::Undetermined)
    }

    /// Whether something passes that did not, or a promise is weaker.
    pub const fn may_loosen(self) -> bool {
        matches!(self, Grade::Loosens | Grade::Both | Grade::Undetermined)
    }

    /// Lower-case word; `none` for no effect.
    pub const fn as_str(self) -> &'static str {
        match self {
            Grade::None => "none",
            Grade::Loosens => "loosens",
            Grade::Tightens => "tightens",
            Grade::Both => "both",
            Grade::Undetermined => "undetermined",
        }
    }
}

// === impl Reach ===

impl Reach {
    /// Lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reach::Judge => "judge",
            Reach::Lake => "lake",
            Reach::People => "people",
        }
    }
}

// === impl Action ===

impl Action {
    /// Lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Action::Add => "add",
            Action::Remove => "remove",
            Action::Change => "change",
        }
    }
}

// === impl Change ===

impl Change {
    /// Events of a producer that was in order may be refused from now on: known to tighten, or not known and grave enough for a major version.
    pub fn breaks_producers(&self) -> bool {
        match self.producers {
            Grade::Tightens | Grade::Both => true,
            Grade::Undetermined => self.bump == Bump::Major,
            Grade::None | Grade::Loosens => false,
        }
    }

    /// A consumer that was in order may have to change something. A status demands no version and may take everything away.
    pub fn breaks_consumers(&self) -> bool {
        (self.bump == Bump::Major || self.clause == "status") && self.consumers.may_loosen()
    }

    /// `object.path`, or the clause of the whole contract.
    pub fn subject(&self) -> String {
        match (&self.object, self.path.as_str()) {
            (None, _) => "contract".to_owned(),
            (Some(object), "") => object.to_string(),
            (Some(object), path) => format!("{object}.{path}"),
        }
    }

    /// Whether plans differ for it: everything of the model does, whoever acts on it.
    pub(crate) fn explains_a_fingerprint(&self) -> bool {
        self.object.is_some() && !self.is_remark
    }

    /// Worst first: what breaks somebody, then by grade, then in file order; that a version is gone comes behind what came instead.
    pub(crate) fn weight(&self) -> impl Ord + use<> {
        let grades = (self.producers.may_tighten(), self.consumers.may_loosen());
        let place = self.new.as_ref().or(self.old.as_ref()).map(|place| (place.line, place.column));
        (std::cmp::Reverse((self.bump, grades)), self.clause == "version", place)
    }
}
