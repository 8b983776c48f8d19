//! The OpenAPI description, made from the table of routes.

use serde_json::{Map, Value, json};

use crate::routes::{Family, Guard, Route, all};

/// The document (OpenAPI 3.1).
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in all() {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tidegate contract registry",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Contracts of a Git repository as one snapshot, and the read API of Confluent's Schema Registry for their event schemas. Nothing can be written here: changes are commits.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "signature": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"},
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let part = |step: &str| step.strip_prefix('{').and_then(|step| step.strip_suffix('}')).map(str::to_owned);
    let text = json!({"type": "string"});
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(part)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": text}))
        .collect();
    parameters.extend(route.query.iter().map(|name| json!({"name": name, "in": "query", "schema": text})));
    let security = match route.guard {
        Guard::Token => json!([{"token": []}]),
        Guard::Signature => json!([{"signature": []}]),
        Guard::Nobody => json!([]),
    };
    let content = json!({route.kind: {}});
    json!({
        "summary": route.summary,
        "operationId": format!("{} {}", route.method, route.path),
        "tags": [match route.family { Family::Tidegate => "tidegate", Family::Confluent => "confluent" }],
        "parameters": parameters,
        "security": security,
        "responses": {"200": {"description": route.summary, "content": content}, "default": {"description": "An error in one sentence"}},
    })
}
