//! The standard's own shape of a difference: OMDS, `kind: MetadataDifference`, as drafted in Bitol's RFC-0039.
//!
//! One document for each contract that has both sides; they are JSON, which is YAML, too. Of what the draft leaves open: paths are JSON
//! Pointers (RFC 6901), values are left out (a contract may quote what is classified), and the level of impact is ours: the draft's table
//! knows no sides. What we found out beside it is in `customProperties` of `vendor: tidegate`.

use serde_json::{Value, json};

use crate::change::{Action, Change, Grade};
use crate::semver::Bump;
use crate::set::{Diff, Party};

/// The documents, in the order of the comparison.
pub fn odcs(diff: &Diff) -> Vec<Value> {
    diff.contracts
        .iter()
        .filter_map(|contract| {
            let (old, new) = (contract.old.as_ref()?, contract.new.as_ref()?);
            let count = |level: &str| contract.changes.iter().filter(|change| self::level(change) == level).count();
            Some(json!({
                "apiVersion": "v1.0.0",
                "kind": "MetadataDifference",
                "sourceKind": "DataContract",
                "source1": source(old),
                "source2": source(new),
                "scope": "all",
                "impact": {"major": count("MAJOR") + count("UNKNOWN"), "minor": count("MINOR"), "patch": count("PATCH")},
                "suggestedVersion": contract.demanded.applied(&old.version),
                "diffs": contract.changes.iter().map(entry).collect::<Vec<_>>(),
                "customProperties": [{"property": "generatedBy", "value": concat!("tidegate/", env!("CARGO_PKG_VERSION"))}],
            }))
        })
        .collect()
}

fn source(party: &Party) -> Value {
    json!({"id": &*party.id, "version": &*party.version.text})
}

fn entry(change: &Change) -> Value {
    let path = change.new.as_ref().or(change.old.as_ref()).map_or("", |place| &*place.pointer);
    let section = path.trim_start_matches('/').split('/').next().filter(|section| !section.is_empty());
    json!({
        "type": match change.action {
            Action::Add => "ADD",
            Action::Remove => "REMOVE",
            Action::Change => "CHANGE",
        },
        "section": section.unwrap_or("schema"),
        "field": change.clause,
        "path": path,
        "message": change.sentence,
        "impactLevel": level(change),
        "customProperties": [
            {"vendor": "tidegate", "property": "producers", "value": change.producers.as_str()},
            {"vendor": "tidegate", "property": "consumers", "value": change.consumers.as_str()},
        ],
    })
}

/// What the draft calls unknown is ours undetermined. A change that demands nothing, a new status, is none of its levels; the nearest is
/// the least.
fn level(change: &Change) -> &'static str {
    match change.bump {
        _ if change.producers == Grade::Undetermined => "UNKNOWN",
        Bump::Major => "MAJOR",
        Bump::Minor => "MINOR",
        Bump::Patch | Bump::None => "PATCH",
    }
}
