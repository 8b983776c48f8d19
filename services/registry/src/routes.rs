//! Every route, in one table: dispatch, authentication and the OpenAPI document are made from it.

use std::sync::Arc;

use crate::auth::Caller;
use crate::catalog::Catalog;
use crate::http::{Answer, MARK, Request};
use crate::registry::Registry;
use crate::{confluent, native, openapi};

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Method.
    pub method: &'static str,
    /// Path with `{parts}`.
    pub path: &'static str,
    /// What it answers, a few words.
    pub summary: &'static str,
    /// Parameters behind `?`.
    pub query: &'static [&'static str],
    /// Media type of a success.
    pub kind: &'static str,
    /// Who may ask.
    pub guard: Guard,
    /// Whose errors it speaks.
    pub family: Family,
    /// The answer.
    pub(crate) call: Does,
}

/// What makes an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Something about the snapshot in force; without one the answer is 503.
    Read(fn(&Call<'_>) -> Answer),
    /// Something that needs none. `now` is in microseconds since the epoch.
    Tell(fn(&Registry, i64) -> Answer),
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Whoever has a token, where tokens are asked for.
    Token,
    /// Everybody.
    Nobody,
    /// Whoever signs with the secret of webhooks.
    Signature,
}

/// In whose form errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Ours.
    Tidegate,
    /// That of Confluent's Schema Registry.
    Confluent,
}

/// A request with everything that an answer is made of.
pub(crate) struct Call<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) request: &'a Request,
    /// What stands in the place of the `{parts}`.
    pub(crate) parts: Vec<String>,
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Our own routes.
pub const NATIVE: &[Route] = &[
    route(
        "GET",
        "/v1/snapshot",
        "The snapshot in force, with its digest as ETag",
        &[],
        native::BUNDLE,
        native::snapshot,
    ),
    route(
        "GET",
        "/v1/snapshots/{commit}",
        "The snapshot of an earlier commit",
        &[],
        native::BUNDLE,
        native::earlier,
    ),
    Route {
        call: Does::Tell(native::health),
        ..route(
            "GET",
            "/v1/health",
            "Commit and age of the snapshot, and why a newer commit is refused",
            &[],
            JSON,
            native::snapshot,
        )
    },
    route("GET", "/v1/contracts", "All contracts in force", &[], JSON, native::contracts),
    route(
        "GET",
        "/v1/contracts/{id}",
        "One contract with its versions and topics",
        &[],
        JSON,
        native::contract,
    ),
    route(
        "GET",
        "/v1/contracts/{id}/versions",
        "The versions of a contract in force",
        &[],
        JSON,
        native::versions,
    ),
    route(
        "GET",
        "/v1/contracts/{id}/versions/{version}",
        "One version as it stands in Git",
        &[],
        YAML,
        native::version,
    ),
    route(
        "GET",
        "/v1/contracts/{id}/versions/{version}/exports/{format}",
        "One version in another tool's words: json-schema, avro, arrow, parquet, markdown, sql",
        &["object", "dialect"],
        TEXT,
        native::export,
    ),
    route(
        "GET",
        "/v1/contracts/{id}/diff",
        "What a version changes against another, and the version that it needs",
        &["from", "to", "format"],
        JSON,
        native::diff,
    ),
    route(
        "GET",
        "/v1/diff",
        "What a commit changes against another; without `to` the one in force",
        &["from", "to", "format"],
        JSON,
        native::diff_commits,
    ),
    Route {
        guard: Guard::Signature,
        call: Does::Tell(native::hook),
        ..route(
            "POST",
            "/hooks/git",
            "A webhook of a Git host: look for a new commit now",
            &[],
            JSON,
            native::snapshot,
        )
    },
    Route {
        guard: Guard::Nobody,
        call: Does::Tell(|_, _| Answer::json(200, &openapi::document())),
        ..route("GET", "/openapi.json", "This description", &[], JSON, native::snapshot)
    },
];

/// The read API of Confluent's Schema Registry, and its writes, which are refused.
pub const CONFLUENT: &[Route] = &[
    theirs("GET", "/subjects", "Subjects", &["subjectPrefix"], confluent::subjects),
    theirs(
        "POST",
        "/subjects/{subject}",
        "The version that a schema is registered as",
        &[],
        confluent::lookup,
    ),
    theirs(
        "DELETE",
        "/subjects/{subject}",
        "Refused: schemas change in Git",
        &[],
        confluent::refused,
    ),
    theirs(
        "GET",
        "/subjects/{subject}/versions",
        "Versions of a subject",
        &[],
        confluent::versions,
    ),
    theirs(
        "POST",
        "/subjects/{subject}/versions",
        "The id of a schema that is registered; any other is refused: schemas change in Git",
        &[],
        confluent::register,
    ),
    theirs(
        "GET",
        "/subjects/{subject}/versions/{version}",
        "One version; `latest` is the newest",
        &[],
        confluent::version,
    ),
    theirs(
        "DELETE",
        "/subjects/{subject}/versions/{version}",
        "Refused: schemas change in Git",
        &[],
        confluent::refused,
    ),
    theirs(
        "GET",
        "/subjects/{subject}/versions/{version}/schema",
        "The schema of one version alone",
        &[],
        confluent::version_text,
    ),
    theirs(
        "GET",
        "/subjects/{subject}/versions/{version}/referencedby",
        "Ids of schemas that refer to it; always none",
        &[],
        confluent::referenced_by,
    ),
    theirs("GET", "/schemas/types", "Kinds of schemas", &[], confluent::types),
    theirs(
        "GET",
        "/schemas/ids/{id}",
        "A schema by its id",
        &["subject", "format"],
        confluent::by_id,
    ),
    theirs(
        "GET",
        "/schemas/ids/{id}/schema",
        "A schema alone by its id",
        &["subject"],
        confluent::text_by_id,
    ),
    theirs(
        "GET",
        "/schemas/ids/{id}/subjects",
        "Subjects that a schema is registered under",
        &[],
        confluent::subjects_of_id,
    ),
    theirs(
        "GET",
        "/schemas/ids/{id}/versions",
        "Subjects and versions that a schema is registered as",
        &[],
        confluent::versions_of_id,
    ),
    theirs("GET", "/config", "Compatibility level", &[], confluent::config),
    theirs(
        "PUT",
        "/config",
        "Refused: compatibility is decided in Git",
        &[],
        confluent::refused,
    ),
    theirs(
        "GET",
        "/config/{subject}",
        "Compatibility level of a subject",
        &["defaultToGlobal"],
        confluent::subject_config,
    ),
    theirs(
        "PUT",
        "/config/{subject}",
        "Refused: compatibility is decided in Git",
        &[],
        confluent::refused,
    ),
    theirs(
        "DELETE",
        "/config/{subject}",
        "Refused: compatibility is decided in Git",
        &[],
        confluent::refused,
    ),
    theirs(
        "POST",
        "/compatibility/subjects/{subject}/versions/{version}",
        "Refused: `tidegate diff` compares contracts in Git",
        &[],
        confluent::refused,
    ),
    theirs("GET", "/mode", "READONLY", &[], confluent::mode),
    theirs("PUT", "/mode", "Refused: this registry is read-only", &[], confluent::refused),
];

/// All routes.
pub fn all() -> impl Iterator<Item = &'static Route> {
    NATIVE.iter().chain(CONFLUENT)
}

const fn route(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    kind: &'static str,
    call: fn(&Call<'_>) -> Answer,
) -> Route {
    Route {
        method,
        path,
        summary,
        query,
        kind,
        guard: Guard::Token,
        family: Family::Tidegate,
        call: Does::Read(call),
    }
}

const fn theirs(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    call: fn(&Call<'_>) -> Answer,
) -> Route {
    Route {
        family: Family::Confluent,
        ..route(method, path, summary, query, confluent::KIND, call)
    }
}

pub(crate) fn answer(registry: &Registry, request: &Request, now: i64) -> (&'static str, Answer) {
    let (name, mut answer) = dispatch(registry, request, now);
    answer.headers.push((MARK, "1".to_owned()));
    (name, answer)
}

fn dispatch(registry: &Registry, request: &Request, now: i64) -> (&'static str, Answer) {
    let Some(steps) = request.steps() else {
        return ("none", Answer::problem(400, "the path cannot be read"));
    };
    let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
    let matching: Vec<(&Route, Vec<String>)> = all().filter_map(|route| Some((route, captured(route.path, &steps)?))).collect();
    let Some((route, parts)) = matching.iter().find(|(route, _)| route.method == method) else {
        // Nothing is told to strangers, not even which paths there are.
        if registry.caller(request) == Caller::Stranger {
            return ("none", denied(Family::Tidegate));
        }
        return (
            "none",
            match matching.first() {
                None => Answer::problem(404, "there is nothing at this path; /openapi.json lists what there is"),
                Some((route, _)) => problem(route.family, 405, 405, "this method is not for this path"),
            },
        );
    };
    let name = route.path;
    match route.guard {
        Guard::Nobody => {}
        Guard::Token => {
            if registry.caller(request) == Caller::Stranger {
                return (name, denied(route.family));
            }
        }
        Guard::Signature => {
            let Some(secret) = registry.secret() else {
                return (
                    name,
                    Answer::problem(
                        403,
                        "no secret of webhooks is set: see `contract_registry.webhook_secret` (--webhook-secret)",
                    ),
                );
            };
            if secret.check(request).is_err() {
                return (
                    name,
                    Answer::problem(401, "the webhook is not signed with the secret that is set here"),
                );
            }
        }
    }
    let read = match route.call {
        Does::Tell(tell) => return (name, tell(registry, now)),
        Does::Read(read) => read,
    };
    let Some(catalog) = registry.state().catalog else {
        let text = "no snapshot is in force yet; /v1/health says why";
        return (name, problem(route.family, 503, 50301, text));
    };
    let call = Call {
        registry,
        catalog,
        request,
        parts: parts.clone(),
    };
    (name, read(&call))
}

fn denied(family: Family) -> Answer {
    let mut answer = problem(family, 401, 401, "a token is needed: `Authorization: Bearer TOKEN`");
    answer.headers.push(("www-authenticate", "Bearer".to_owned()));
    answer
}

fn problem(family: Family, status: u16, code: u32, sentence: &str) -> Answer {
    match family {
        Family::Tidegate => Answer::problem(status, sentence),
        Family::Confluent => confluent::problem(status, code, sentence),
    }
}

/// What stands in the place of the `{parts}`; none when the path is another.
fn captured(pattern: &str, steps: &[String]) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut steps = steps.iter();
    for expected in pattern.trim_matches('/').split('/') {
        let step = steps.next()?;
        if expected.starts_with('{') {
            parts.push(step.clone());
        } else if step != expected {
            return None;
        }
    }
    steps.next().is_none().then_some(parts)
}
