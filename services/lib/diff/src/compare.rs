//! One contract against another: the walk that every part of the comparison reports to.

use std::sync::Arc;

use tidegate_contract::model::{CdcFormat, Encoding, RuleKind};
use tidegate_contract::{Contract, Location, Property, SchemaObject, Severity};

use crate::change::{Action, Change, Grade, Reach};
use crate::semver::Bump;

/// Every change from `old` to `new`, worst first. The two need not have the same id.
pub fn compare(old: &Contract, new: &Contract) -> Vec<Change> {
    let mut walk = Walk {
        old,
        new,
        changes: Vec::new(),
        object: None,
        facts: Facts::default(),
        changes_of: (false, false),
        replaced: (Vec::new(), Vec::new()),
        switched: (Vec::new(), Vec::new()),
        seen: Vec::new(),
        null_may_come: Vec::new(),
    };
    walk.contract();
    let mut changes = walk.changes;
    changes.sort_by_key(Change::weight);
    changes
}

/// The comparison on its way through both contracts.
pub(crate) struct Walk<'c> {
    pub(crate) old: &'c Contract,
    pub(crate) new: &'c Contract,
    pub(crate) changes: Vec<Change>,
    /// The object that is being compared.
    pub(crate) object: Option<Arc<str>>,
    pub(crate) facts: Facts,
    /// Whether the object is one of changes, on either side.
    pub(crate) changes_of: (bool, bool),
    /// Paths of properties that only one side has.
    pub(crate) replaced: (Vec<String>, Vec<String>),
    /// Rules that are switched off for a while, on either side.
    pub(crate) switched: (Vec<Arc<str>>, Vec<Arc<str>>),
    /// Paths of objects that an enforced rule of either side uses as maps: what is declared in them, or below, may turn its answer.
    pub(crate) seen: Vec<String>,
    /// Pointers, in the old contract, of properties from which a rule kept null out and nothing does any more.
    pub(crate) null_may_come: Vec<Arc<str>>,
}

/// What of an object decides how its clauses work together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    /// Row rules look at values, so a value that is read as another type may turn their answer.
    pub(crate) has_row_rules: bool,
    /// Both sides accept JSON text only, and no change events: a value is what its JSON says.
    pub(crate) is_plain_json: bool,
    /// Either side reads change events.
    pub(crate) is_change: bool,
    /// Either side reads columns by their `physicalType`.
    pub(crate) reads_physical_types: bool,
    /// An event schema judges the rows of changes, in which declared columns that were not sent are told from others.
    pub(crate) schema_sees_columns: bool,
    /// An undeclared field is refused, by the old and by the new contract.
    pub(crate) refuses_unknown: (bool, bool),
}

/// A change in the making.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) clause: &'static str,
    pub(crate) path: String,
    pub(crate) producers: Grade,
    pub(crate) consumers: Grade,
    pub(crate) bump: Bump,
    pub(crate) reach: Reach,
    pub(crate) sentence: String,
    /// Node in the old contract, by pointer.
    pub(crate) old: Option<String>,
    /// Node in the new contract, by pointer.
    pub(crate) new: Option<String>,
    pub(crate) is_remark: bool,
    pub(crate) moot_from: Option<i64>,
}

// === impl Said ===

impl Said {
    /// A clause that the judge asks of values: what producers lose, consumers gain.
    pub(crate) fn values(clause: &'static str, path: &str, grade: Grade, sentence: impl Into<String>) -> Said {
        Said {
            clause,
            path: path.to_owned(),
            producers: grade,
            consumers: grade,
            bump: Bump::of_values(grade, grade),
            reach: Reach::Judge,
            sentence: sentence.into(),
            old: None,
            new: None,
            is_remark: false,
            moot_from: None,
        }
    }

    /// A promise that is measured on the lake, and for which no event is refused.
    pub(crate) fn promise(clause: &'static str, path: &str, consumers: Grade, sentence: impl Into<String>) -> Said {
        Said {
            producers: Grade::None,
            bump: Bump::of_promise(consumers),
            reach: Reach::Lake,
            ..Said::values(clause, path, consumers, sentence)
        }
    }

    /// What only people read.
    pub(crate) fn text(clause: &'static str, path: &str, sentence: impl Into<String>) -> Said {
        Said {
            bump: Bump::Patch,
            reach: Reach::People,
            ..Said::values(clause, path, Grade::None, sentence)
        }
    }

    pub(crate) fn at(mut self, old: impl Into<Option<String>>, new: impl Into<Option<String>>) -> Said {
        self.old = old.into();
        self.new = new.into();
        self
    }

    pub(crate) fn consumers(mut self, grade: Grade) -> Said {
        self.consumers = grade;
        self
    }

    pub(crate) fn bump(mut self, bump: Bump) -> Said {
        self.bump = bump;
        self
    }

    pub(crate) fn moot_from(mut self, moment: i64) -> Said {
        self.moot_from = Some(moment);
        self
    }

    pub(crate) fn reach(mut self, reach: Reach) -> Said {
        self.reach = reach;
        self
    }
}

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn say(&mut self, said: Said) {
        let place = |contract: &Contract, pointer: &Option<String>| pointer.as_ref().and_then(|pointer| locate(contract, pointer));
        let (old, new) = (place(self.old, &said.old), place(self.new, &said.new));
        // A clause that one side does not write is placed at what holds it there, and is an addition or a removal all the same.
        let written = |contract: &Contract, pointer: &Option<String>| {
            pointer
                .as_ref()
                .is_some_and(|pointer| contract.document.at_pointer(pointer).is_some())
        };
        let action = match (written(self.old, &said.old), written(self.new, &said.new)) {
            (false, true) => Action::Add,
            (true, false) => Action::Remove,
            _ => Action::Change,
        };
        self.changes.push(Change {
            clause: said.clause,
            action,
            object: self.object.clone(),
            path: said.path,
            producers: said.producers,
            consumers: said.consumers,
            bump: said.bump,
            reach: said.reach,
            sentence: said.sentence,
            old,
            new,
            former: Vec::new(),
            is_remark: said.is_remark,
            is_of_set: false,
            moot_from: said.moot_from,
        });
    }
}

/// The node at a pointer, or the nearest that holds it.
fn locate(contract: &Contract, pointer: &str) -> Option<Location> {
    let mut pointer = pointer;
    loop {
        if let Some(node) = contract.document.at_pointer(pointer) {
            return Some(Location {
                file: contract.location.file.clone(),
                line: node.line,
                column: node.column,
                pointer: pointer.into(),
            });
        }
        pointer = &pointer[..pointer.rfind('/')?];
    }
}

// === impl Facts ===

impl Facts {
    pub(crate) fn of(old: &SchemaObject, new: &SchemaObject) -> Facts {
        let both = [old, new];
        let any = |test: fn(&SchemaObject) -> bool| both.into_iter().any(test);
        let fails = |object: &SchemaObject| object.settings.unknown_fields == tidegate_contract::model::UnknownFields::Fail;
        Facts {
            has_row_rules: any(|object| has_row_rules(&object.quality, &object.properties)),
            is_plain_json: both
                .into_iter()
                .all(|object| object.settings.cdc.is_none() && matches!(object.settings.encodings.as_slice(), [] | [Encoding::Json])),
            is_change: any(|object| object.settings.cdc.is_some()),
            reads_physical_types: any(|object| matches!(object.settings.cdc, Some(CdcFormat::Debezium | CdcFormat::DebeziumFlat))),
            schema_sees_columns: any(|object| object.settings.cdc.is_some()) && any(|object| object.settings.event_schema.is_some()),
            refuses_unknown: (fails(old), fails(new)),
        }
    }
}

fn has_row_rules(rules: &[tidegate_contract::QualityRule], properties: &[Property]) -> bool {
    let refuses = |rule: &tidegate_contract::QualityRule| matches!(rule.kind, RuleKind::Cel { .. }) && rule.severity == Severity::Error;
    fn below(property: &Property, refuses: &dyn Fn(&tidegate_contract::QualityRule) -> bool) -> bool {
        property.quality.iter().any(refuses) || crate::kind::below(property).into_iter().any(|inner| below(inner, refuses))
    }
    rules.iter().any(refuses) || properties.iter().any(|property| below(property, &refuses))
}
