//! Every route, in one table: dispatch, authentication and the OpenAPI document are made from it.

use std::sync::Arc;

use crate::auth::Caller;
use crate::catalog::Catalog;
use crate::http::{Answer, MARK, Request};
use crate::registry::Registry;
use crate::webhook::Glance;
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

/// First steps of paths whose errors are read by Confluent's clients, whether there is such a route or not.
const THEIRS: &[&str] = &["subjects", "schemas", "config", "mode", "compatibility", "contexts"];
/// The largest body: a schema that is looked up, a webhook.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What is known about a request from its head alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The largest body; 0 means that none is read.
    pub body_bytes_max: usize,
    /// Whether it is known who asks, or nobody has to say.
    pub is_known: bool,
}

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
        "Ids of schemas that name it",
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
    theirs(
        "DELETE",
        "/config",
        "Refused: compatibility is decided in Git",
        &[],
        confluent::refused,
    ),
    theirs(
        "POST",
        "/compatibility/subjects/{subject}/versions",
        "Refused: `tidegate diff` compares contracts in Git",
        &[],
        confluent::refused,
    ),
    theirs("GET", "/mode", "READONLY", &[], confluent::mode),
    theirs("PUT", "/mode", "Refused: this registry is read-only", &[], confluent::refused),
    theirs("GET", "/mode/{subject}", "READONLY", &["defaultToGlobal"], confluent::mode),
    theirs(
        "PUT",
        "/mode/{subject}",
        "Refused: this registry is read-only",
        &[],
        confluent::refused,
    ),
    theirs(
        "DELETE",
        "/mode/{subject}",
        "Refused: this registry is read-only",
        &[],
        confluent::refused,
    ),
    theirs("GET", "/contexts", "The one context", &[], confluent::contexts),
    theirs(
        "GET",
        "/schemas",
        "All versions of all subjects",
        &["subjectPrefix", "latestOnly"],
        confluent::schemas,
    ),
    theirs(
        "GET",
        "/schemas/guids/{guid}",
        "Guids are not kept: always 40403",
        &[],
        confluent::no_guid,
    ),
    theirs("GET", "/", "An empty object, as theirs", &[], confluent::root),
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

/// Whether a request is worth reading whole.
pub(crate) fn admit(registry: &Registry, head: &Request) -> Result<Admission, (&'static str, Answer)> {
    let marked = |name: &'static str, mut answer: Answer| {
        answer.headers.push((MARK, "1".to_owned()));
        Err((name, answer))
    };
    let caller = registry.caller(head);
    let Found::Route(route, _) = found(head) else {
        let is_known = caller != Caller::Stranger;
        return match is_known {
            true => Ok(Admission {
                body_bytes_max: 0,
                is_known,
            }),
            false => marked("none", denied(family_of(head))),
        };
    };
    let body_bytes_max = if route.method == "POST" { BODY_BYTES_MAX } else { 0 };
    match route.guard {
        Guard::Nobody => Ok(Admission {
            body_bytes_max,
            is_known: caller != Caller::Stranger,
        }),
        Guard::Token if caller == Caller::Stranger => marked(route.path, denied(route.family)),
        Guard::Token => Ok(Admission {
            body_bytes_max,
            is_known: true,
        }),
        Guard::Signature => match registry.secret() {
            None => marked(route.path, no_secret()),
            Some(secret) => match secret.glance(head) {
                Ok(Glance::Proven) => Ok(Admission {
                    body_bytes_max: 0,
                    is_known: true,
                }),
                // Whoever signs has to send what is signed; until then it is a stranger.
                Ok(Glance::Signed) => Ok(Admission {
                    body_bytes_max,
                    is_known: false,
                }),
                Err(_) => marked(route.path, unsigned()),
            },
        },
    }
}

/// What a path names.
enum Found {
    Route(&'static Route, Vec<String>),
    /// There is the path, for other methods.
    OtherMethod(&'static Route),
    Nothing,
    Unreadable,
}

fn found(request: &Request) -> Found {
    let Some(steps) = request.steps() else { return Found::Unreadable };
    let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
    let mut other = None;
    for route in all() {
        let Some(parts) = captured(route.path, &steps) else { continue };
        if route.method == method {
            return Found::Route(route, parts);
        }
        other.get_or_insert(route);
    }
    other.map_or(Found::Nothing, Found::OtherMethod)
}

/// Whose form an error has for a path that may have no route.
fn family_of(request: &Request) -> Family {
    let first = request.path.trim_start_matches('/').split('/').next().unwrap_or_default();
    if THEIRS.contains(&first) {
        Family::Confluent
    } else {
        Family::Tidegate
    }
}

fn dispatch(registry: &Registry, request: &Request, now: i64) -> (&'static str, Answer) {
    let found = found(request);
    let (route, parts) = match found {
        Found::Unreadable => return ("none", Answer::problem(400, "the path cannot be read")),
        // Nothing is told to strangers, not even which paths there are.
        Found::OtherMethod(_) | Found::Nothing if registry.caller(request) == Caller::Stranger => {
            return ("none", denied(family_of(request)));
        }
        Found::OtherMethod(route) => return ("none", problem(route.family, 405, 405, "this method is not for this path")),
        Found::Nothing => {
            let sentence = "there is nothing at this path; /openapi.json lists what there is";
            return ("none", problem(family_of(request), 404, 404, sentence));
        }
        Found::Route(route, parts) => (route, parts),
    };
    let name = route.path;
    match route.guard {
        Guard::Nobody => {}
        Guard::Token => {
            if registry.caller(request) == Caller::Stranger {
                return (name, denied(route.family));
            }
        }
        Guard::Signature => match registry.secret() {
            None => return (name, no_secret()),
            Some(secret) if secret.check(request).is_err() => return (name, unsigned()),
            Some(_) => {}
        },
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
        parts,
    };
    (name, read(&call))
}

fn no_secret() -> Answer {
    Answer::problem(
        403,
        "no secret of webhooks is set: see `contract_registry.webhook_secret` (--webhook-secret)",
    )
}

fn unsigned() -> Answer {
    Answer::problem(401, "the webhook is not signed with the secret that is set here")
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
    if pattern == "/" {
        return steps.is_empty().then(Vec::new);
    }
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
