//! Our own document, `schemas/formats/diff.schema.json`.

use serde_json::{Value, json};
use tidegate_contract::{Location, Status};

use crate::change::Change;
use crate::set::{ContractDiff, Diff, Party, Verdict};

/// The document.
pub fn json(diff: &Diff) -> Value {
    json!({
        "format": "tidegate.diff/1",
        "old": &*diff.old,
        "new": &*diff.new,
        "findings": diff.has_findings(),
        "violations": diff.violations.iter().map(|violation| json!({
            "code": crate::history::PUBLISHED,
            "contract": &*violation.contract.id,
            "version": &*violation.contract.version,
            "published": &*violation.published,
            "place": place(&violation.location),
        })).collect::<Vec<_>>(),
        "contracts": diff.contracts.iter().map(contract).collect::<Vec<_>>(),
    })
}

fn contract(diff: &ContractDiff) -> Value {
    let (verdict, least) = match &diff.verdict {
        Verdict::Enough => ("enough", None),
        Verdict::Unpublished => ("unpublished", None),
        Verdict::TooSmall { least } => ("too_small", Some(least)),
        Verdict::Backwards { least } => ("backwards", Some(least)),
        Verdict::Gone => ("gone", None),
    };
    json!({
        "id": &**diff.id(),
        "old": diff.old.as_ref().map(party),
        "new": diff.new.as_ref().map(party),
        "demanded": diff.demanded.as_str(),
        "verdict": verdict,
        "least": least,
        "changes": diff.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

fn party(party: &Party) -> Value {
    json!({
        "version": &*party.version.text,
        "status": status(party.status),
        "file": &*party.file,
    })
}

fn change(change: &Change) -> Value {
    json!({
        "action": change.action.as_str(),
        "clause": change.clause,
        "object": change.object.as_deref(),
        "path": change.path,
        "producers": change.producers.as_str(),
        "consumers": change.consumers.as_str(),
        "breaks_producers": change.breaks_producers(),
        "breaks_consumers": change.breaks_consumers(),
        "bump": change.bump.as_str(),
        "reach": change.reach.as_str(),
        "sentence": change.sentence,
        "old": change.old.as_ref().map(place),
        "new": change.new.as_ref().map(place),
    })
}

fn place(location: &Location) -> Value {
    json!({
        "file": &*location.file,
        "line": location.line,
        "column": location.column,
        "pointer": &*location.pointer,
    })
}

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Proposed => "proposed",
        Status::Active => "active",
        Status::Deprecated => "deprecated",
        Status::Retired => "retired",
    }
}
