//! Answers of our own routes.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_contract::{Contract, Snapshot, Status};
use tidegate_diff::set::compare_pair;
use tidegate_diff::{Diff, History, compare_sets, render};
use tidegate_export::{Dialect, Format, Subject, export as written};

use crate::http::{Answer, Request};
use crate::registry::{Document, Earlier, Registry};
use crate::routes::Call;

/// Media type of a bundle.
pub const BUNDLE: &str = "application/vnd.tidegate.bundle";

pub(crate) fn snapshot(call: &Call<'_>) -> Answer {
    let state = call.registry.state();
    let mut answer = document(&Document::of(&call.catalog), call.request);
    // What tells a worker behind several replicas which of two snapshots is the older one.
    answer.headers.push(("tidegate-confirmed", state.confirmed.to_string()));
    answer
}

pub(crate) fn earlier(call: &Call<'_>) -> Answer {
    if let Some(recent) = call.registry.recent(&call.parts[0]) {
        return document(&recent, call.request);
    }
    match call.registry.at(&call.parts[0]) {
        Earlier::Known(catalog) => document(&Document::of(&catalog), call.request),
        Earlier::Absent => Answer::problem(404, "this commit is not known here, or its contracts do not load"),
        Earlier::Busy => busy(),
    }
}

fn document(document: &Document, request: &Request) -> Answer {
    let tag = format!("\"{}\"", document.digest);
    let mut headers = vec![
        ("etag", tag.clone()),
        ("tidegate-commit", document.commit.to_string()),
        ("cache-control", "no-cache".to_owned()),
    ];
    if let Some(height) = document.height {
        headers.push(("tidegate-height", height.to_string()));
    }
    let is_known = request
        .headers
        .iter()
        .filter(|(name, _)| name == "if-none-match")
        .any(|(_, known)| {
            known
                .split(',')
                .map(str::trim)
                .any(|one| one == tag || one == "*" || one.strip_prefix("W/") == Some(&tag))
        });
    Answer {
        status: if is_known { 304 } else { 200 },
        kind: BUNDLE,
        headers,
        body: if is_known { Arc::default() } else { document.bytes.clone() },
    }
}

fn busy() -> Answer {
    let mut answer = Answer::problem(503, "another commit is being compiled for somebody; ask again in a moment");
    answer.headers.push(("retry-after", "2".to_owned()));
    answer
}

pub(crate) fn health(registry: &Registry, now: i64) -> Answer {
    let state = registry.state();
    let seconds = |since: i64| (now - since).max(0) / 1_000_000;
    let in_force = state.catalog.as_ref().map(|catalog| {
        json!({
            "commit": catalog.commit,
            "digest": catalog.digest,
            "contracts": catalog.snapshot.contracts.len(),
            "topics": catalog.snapshot.bindings.len(),
            "in_force_seconds": seconds(state.since),
            "age_seconds": seconds(state.confirmed),
        })
    });
    let refused = state
        .refused
        .as_ref()
        .map(|refused| json!({"commit": refused.commit, "seconds": seconds(refused.since), "reasons": refused.reasons}));
    let trouble = state.trouble.or_else(|| {
        state
            .token_trouble
            .map(|text| format!("tokens that were revoked may still be let in: {text}"))
    });
    let status = match (&in_force, &refused, &trouble) {
        (None, ..) => "starting",
        (Some(_), None, None) => "ok",
        (Some(_), ..) => "stale",
    };
    let body = json!({"status": status, "snapshot": in_force, "refused": refused, "trouble": trouble});
    Answer::json(if state.catalog.is_some() { 200 } else { 503 }, &body)
}

pub(crate) fn hook(registry: &Registry, _now: i64) -> Answer {
    registry.nudge();
    Answer::json(202, &json!({"status": "looking"}))
}

pub(crate) fn contracts(call: &Call<'_>) -> Answer {
    let snapshot = &call.catalog.snapshot;
    let mut ids: Vec<&str> = snapshot.contracts.iter().map(|contract| &*contract.id).collect();
    ids.dedup();
    let list: Vec<Value> = ids.iter().map(|id| described(snapshot, &call.catalog.versions(id))).collect();
    Answer::json(200, &json!({"commit": snapshot.commit, "contracts": list}))
}

pub(crate) fn contract(call: &Call<'_>) -> Answer {
    match call.catalog.versions(&call.parts[0]).as_slice() {
        [] => no_contract(),
        found => Answer::json(200, &described(&call.catalog.snapshot, found)),
    }
}

pub(crate) fn versions(call: &Call<'_>) -> Answer {
    match call.catalog.versions(&call.parts[0]).as_slice() {
        [] => no_contract(),
        found => Answer::json(200, &Value::Array(found.iter().map(|contract| version_of(contract)).collect())),
    }
}

pub(crate) fn version(call: &Call<'_>) -> Answer {
    let found = call.catalog.version(&call.parts[0], &call.parts[1]);
    match found.and_then(|contract| call.catalog.text(contract)) {
        Some(text) => Answer::text(200, "application/yaml", text),
        None => no_contract(),
    }
}

pub(crate) fn export(call: &Call<'_>) -> Answer {
    let Some(contract) = call.catalog.version(&call.parts[0], &call.parts[1]) else {
        return no_contract();
    };
    let (format, kind) = match (call.parts[2].as_str(), call.request.parameter("dialect").as_deref()) {
        ("json-schema", _) => (Format::JsonSchema, "application/schema+json"),
        ("avro", _) => (Format::Avro, "application/json"),
        ("arrow", _) => (Format::Arrow, "application/json"),
        ("parquet", _) => (Format::Parquet, "text/plain; charset=utf-8"),
        ("markdown", _) => (Format::Markdown, "text/markdown; charset=utf-8"),
        ("sql", None | Some("duckdb")) => (Format::Sql(Dialect::DuckDb), "application/sql"),
        ("sql", Some("snowflake")) => (Format::Sql(Dialect::Snowflake), "application/sql"),
        ("sql", Some("spark")) => (Format::Sql(Dialect::Spark), "application/sql"),
        ("sql", Some(_)) => return Answer::problem(400, "dialects are duckdb, snowflake and spark"),
        _ => return Answer::problem(404, "formats are json-schema, avro, arrow, parquet, markdown and sql"),
    };
    let wanted = call.request.parameter("object");
    let names: Vec<&str> = contract.objects.iter().map(|object| &*object.name).collect();
    let at = match (&wanted, names.len()) {
        (Some(wanted), _) => names.iter().position(|name| name == wanted),
        (None, 1) => Some(0),
        (None, _) => None,
    };
    let Some(at) = at else {
        return Answer::problem(400, format!("say which object: `?object=` with one of {}", names.join(", ")));
    };
    // Objects that are bound to a topic were compiled with the snapshot; others may not compile.
    let Ok(plan) = tidegate_check::compile(contract, at) else {
        return Answer::problem(422, "this object does not compile; `tidegate lint` says why");
    };
    let subject = Subject {
        contract,
        object: &contract.objects[at],
        plan: &plan,
    };
    match written(&subject, format) {
        Ok(export) => {
            let mut answer = Answer::text(200, kind, export.text);
            answer.headers.push(("tidegate-gaps", export.gaps.len().to_string()));
            answer
        }
        Err(error) => Answer::problem(422, error.to_string()),
    }
}

pub(crate) fn diff(call: &Call<'_>) -> Answer {
    let found = call.catalog.versions(&call.parts[0]);
    let Some(newest) = found.last() else { return no_contract() };
    let named = |name: &str, otherwise: Option<&Arc<Contract>>| match call.request.parameter(name) {
        Some(version) => call.catalog.version(&call.parts[0], &version).cloned(),
        None => otherwise.cloned(),
    };
    let before = found.len().checked_sub(2).map(|at| found[at]);
    let (Some(old), Some(new)) = (named("from", before), named("to", Some(newest))) else {
        return Answer::problem(404, "say two versions that are in force: `?from=1.0.0&to=1.1.0`");
    };
    let pair = compare_pair(&old, &new);
    let mut history = History::default();
    history.take(&old, &old.version.text);
    let differ = !pair.changes.is_empty() || old.version.text != new.version.text;
    let diff = Diff {
        old: old.version.text.clone(),
        new: new.version.text.clone(),
        contracts: differ.then_some(pair).into_iter().collect(),
        violations: history.violations([&*new]),
    };
    rendered(call, &diff)
}

pub(crate) fn diff_commits(call: &Call<'_>) -> Answer {
    let Some(from) = call.request.parameter("from") else {
        return Answer::problem(400, "say the commit to compare with: `?from=` and its 40 hex digits");
    };
    let earlier = |commit: &str| match call.registry.at(commit) {
        Earlier::Known(catalog) => Ok(catalog),
        Earlier::Absent => Err(Answer::problem(
            404,
            "one of the commits is not known here, or its contracts do not load",
        )),
        Earlier::Busy => Err(busy()),
    };
    let new = match call.request.parameter("to") {
        Some(to) => earlier(&to),
        None => Ok(call.catalog.clone()),
    };
    let (old, new) = match (earlier(&from), new) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(answer), _) | (_, Err(answer)) => return answer,
    };
    rendered(
        call,
        &compare_sets((&old.commit, &new.commit), &old.snapshot.contracts, &new.snapshot.contracts),
    )
}

fn rendered(call: &Call<'_>, diff: &Diff) -> Answer {
    match call.request.parameter("format").as_deref() {
        None | Some("json") => Answer::json(200, &render::json(diff)),
        Some("markdown") => Answer::text(200, "text/markdown; charset=utf-8", render::markdown(diff)),
        Some("text") => Answer::text(200, "text/plain; charset=utf-8", render::human(diff)),
        Some("odcs") => Answer::json(200, &Value::Array(render::odcs(diff))),
        Some(_) => Answer::problem(400, "formats are json, markdown, text and odcs"),
    }
}

fn described(snapshot: &Snapshot, versions: &[&Arc<Contract>]) -> Value {
    let newest = versions.last().expect("a contract has a version");
    let topics: Vec<&str> = snapshot
        .bindings
        .iter()
        .filter(|(_, binding)| binding.versions.keys().any(|reference| reference.id == newest.id))
        .map(|(topic, _)| &**topic)
        .collect();
    json!({
        "id": newest.id,
        "name": newest.name,
        "domain": newest.domain,
        "team": newest.team,
        "topics": topics,
        "versions": versions.iter().map(|contract| version_of(contract)).collect::<Vec<_>>(),
    })
}

fn version_of(contract: &Contract) -> Value {
    json!({
        "version": contract.version.text,
        "status": status(contract.status),
        "file": contract.location.file,
        "sha256": contract.sha256,
        "objects": contract.objects.iter().map(|object| &object.name).collect::<Vec<_>>(),
    })
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Proposed => "proposed",
        Status::Active => "active",
        Status::Deprecated => "deprecated",
        Status::Retired => "retired",
    }
}

fn no_contract() -> Answer {
    Answer::problem(404, "no such contract or version is in force; /v1/contracts lists them")
}
