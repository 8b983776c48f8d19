//! The registry as its clients see it: commits in, answers out.

mod recorded;
mod references;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tidegate_contract::{Bundle, ContractFile, Snapshot};

use crate::http::{Answer, Request};
use crate::ids::{FILE, Ids, check, wanted};
use crate::registry::{Outcome, Ports, Registry};
use crate::routes::{Guard, all};
use crate::{Caller, Published, Recorded, Secret, Tokens, openapi};

const AVRO: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"}]}"#;
const AVRO_2: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null}]}"#;
const SECOND: i64 = 1_000_000;

fn contract(version: &str, schema: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: urn:shop:orders\nname: Orders\nversion: {version}\nstatus: active\nschema:\n  - name: orders\n    \
         physicalType: topic\n    customProperties:\n      - {{property: encodings, value: [avro], vendor: tidegate}}\n      - {{property: eventSchema, \
         value: {schema}, vendor: tidegate}}\n    properties:\n      - {{name: id, logicalType: integer, logicalTypeOptions: {{format: i64}}}}\n"
    )
}

fn file(path: &str, text: impl Into<String>) -> ContractFile {
    ContractFile {
        path: path.into(),
        text: text.into(),
    }
}

/// Adds ids for whatever needs them.
fn with_ids(mut files: Vec<ContractFile>) -> Vec<ContractFile> {
    let (snapshot, _) = Snapshot::build("x", &files).unwrap();
    let mut ids = Ids::read(&files).unwrap().unwrap_or_default();
    ids.record(&wanted(&snapshot), &Recorded::default());
    files.retain(|file| !file.path.starts_with("schemas/registered/"));
    files.extend(ids.files().into_iter().map(|(path, text)| file(&path, text)));
    files
}

fn first() -> Vec<ContractFile> {
    with_ids(vec![
        file("shop/orders.odcs.yaml", contract("1.0.0", "order.avsc")),
        file("schemas/order.avsc", AVRO),
    ])
}

fn registry() -> Registry {
    registry_with(None, None)
}

fn registry_with(tokens: Option<Tokens>, secret: Option<Secret>) -> Registry {
    let ports = Ports {
        archive: Box::new(|commit, _| (commit == "old").then(|| (Bundle::new("old", first()), Published::default()))),
        nudge: Box::new(|| {}),
    };
    Registry::new(tokens, secret, ports)
}

fn loaded(files: Vec<ContractFile>) -> Registry {
    let registry = registry();
    take(&registry, "c1", files);
    registry
}

fn take(registry: &Registry, commit: &str, files: Vec<ContractFile>) {
    let outcome = registry.take_up(Bundle::new(commit, files), Published::default(), SECOND);
    assert!(matches!(outcome, Outcome::Loaded(_)), "{outcome:?}");
}

fn refused(registry: &Registry, commit: &str, files: Vec<ContractFile>) -> String {
    match registry.take_up(Bundle::new(commit, files), Published::default(), SECOND) {
        Outcome::Refused(problems) => problems.iter().map(|one| format!("{} {}\n", one.code, one.problem)).collect(),
        other => panic!("{other:?}"),
    }
}

fn ask(registry: &Registry, method: &str, target: &str, body: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    };
    registry.answer(&request, 3 * SECOND).1
}

fn get(registry: &Registry, target: &str) -> Value {
    let answer = ask(registry, "GET", target, "");
    assert_eq!(answer.status, 200, "{target}: {}", text(&answer));
    serde_json::from_slice(&answer.body).unwrap()
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, value)| value.as_str())
}

#[test]
fn the_snapshot_is_the_bundle_and_its_tag_the_digest() {
    let registry = loaded(first());
    let answer = ask(&registry, "GET", "/v1/snapshot", "");
    let (bundle, digest) = Bundle::open(&answer.body).unwrap();
    assert_eq!(
        (bundle.commit.as_str(), header(&answer, "etag")),
        ("c1", Some(format!("\"{digest}\"").as_str()))
    );
    let again = Request {
        method: "GET".to_owned(),
        path: "/v1/snapshot".to_owned(),
        headers: vec![("if-none-match".to_owned(), format!("\"{digest}\""))],
        ..Request::default()
    };
    let (_, unchanged) = registry.answer(&again, SECOND);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    // The same commit of another replica is the same document.
    assert_eq!(ask(&loaded(first().into_iter().rev().collect()), "GET", "/v1/snapshot", ""), answer);
    assert_eq!(ask(&registry, "GET", "/v1/snapshots/c1", "").body, answer.body);
    assert_eq!(
        Bundle::open(&ask(&registry, "GET", "/v1/snapshots/old", "").body).unwrap().0.commit,
        "old"
    );
    assert_eq!(ask(&registry, "GET", "/v1/snapshots/c0", "").status, 404);
}

#[test]
fn a_bad_commit_is_refused_with_reasons_and_the_last_good_one_stays() {
    let registry = registry();
    assert_eq!(ask(&registry, "GET", "/v1/snapshot", "").status, 503);
    let before = ask(&registry, "GET", "/v1/health", "");
    assert!(before.status == 503 && text(&before).contains("starting"), "{}", text(&before));
    take(&registry, "c1", first());
    assert_eq!(get(&registry, "/v1/health")["status"], "ok");

    let broken = contract("1.1.0", "order.avsc").replace("logicalType: integer", "logicalType: integr");
    let said = refused(
        &registry,
        "c2",
        vec![file("shop/orders.odcs.yaml", broken), file("schemas/order.avsc", AVRO)],
    );
    assert!(said.contains("TG0115"), "{said}");
    let health = get(&registry, "/v1/health");
    assert_eq!(
        (&health["status"], &health["refused"]["commit"], &health["snapshot"]["commit"]),
        (&json!("stale"), &json!("c2"), &json!("c1"))
    );
    assert!(
        health["refused"]["reasons"][0]
            .as_str()
            .unwrap()
            .starts_with("shop/orders.odcs.yaml:14:"),
        "{health}"
    );
    assert_eq!(health["snapshot"]["age_seconds"], 2);

    // A published version with another content: TG0140, found only by looking at what is in force.
    let changed = contract("1.0.0", "order.avsc").replace("i64", "i32");
    let mut files = first();
    files[0].text = changed;
    assert!(refused(&registry, "c3", files).contains("TG0140"));
    // A rule of an event schema that does not compile, found only by compiling.
    let mut files = first();
    files.retain(|file| *file.path != *FILE);
    files.iter_mut().find(|file| *file.path == *"schemas/order.avsc").unwrap().text = "{}".to_owned();
    files[0].text = contract("1.1.0", "order.avsc");
    assert!(refused(&registry, "c4", files).contains("TG0205"));

    registry.trouble("the server is away");
    assert_eq!(get(&registry, "/v1/health")["trouble"], "the server is away");
    registry.confirm(2 * SECOND);
    assert_eq!(get(&registry, "/v1/health")["status"], "ok");
}

#[test]
fn contracts_versions_texts_exports_and_differences() {
    let mut files = first();
    files.push(file(
        "shop/orders2.odcs.yaml",
        contract("2.0.0", "order2.avsc").replace("name: orders\n", "name: orders\n    physicalName: orders.v2\n"),
    ));
    files.push(file("schemas/order2.avsc", AVRO_2));
    let registry = loaded(with_ids(files));
    let all = get(&registry, "/v1/contracts");
    assert_eq!(all["contracts"][0]["id"], "urn:shop:orders");
    let one = get(&registry, "/v1/contracts/urn%3Ashop%3Aorders");
    assert_eq!(
        (one["versions"].as_array().unwrap().len(), &one["topics"]),
        (2, &json!(["orders", "orders.v2"]))
    );
    assert_eq!(get(&registry, "/v1/contracts/urn:shop:orders/versions")[1]["version"], "2.0.0");
    let version = ask(&registry, "GET", "/v1/contracts/urn:shop:orders/versions/1.0.0", "");
    assert_eq!(
        (version.kind, text(&version)),
        ("application/yaml", contract("1.0.0", "order.avsc"))
    );
    for format in ["json-schema", "avro", "arrow", "parquet", "markdown", "sql"] {
        let answer = ask(
            &registry,
            "GET",
            &format!("/v1/contracts/urn:shop:orders/versions/1.0.0/exports/{format}"),
            "",
        );
        assert!(answer.status == 200 && text(&answer).contains("id"), "{format}: {}", text(&answer));
    }
    let path = "/v1/contracts/urn:shop:orders/versions/1.0.0/exports/sql";
    assert_eq!(ask(&registry, "GET", &format!("{path}?dialect=oracle"), "").status, 400);
    assert_eq!(ask(&registry, "GET", &format!("{path}?object=nobody"), "").status, 400);
    let diff = get(&registry, "/v1/contracts/urn:shop:orders/diff?from=1.0.0&to=2.0.0");
    assert!(diff.to_string().contains("2.0.0"), "{diff}");
    let page = ask(&registry, "GET", "/v1/contracts/urn:shop:orders/diff?format=markdown", "");
    assert!(text(&page).contains("2.0.0"), "{}", text(&page));
    assert!(get(&registry, "/v1/diff?from=old").to_string().contains("urn:shop:orders"));
    assert_eq!(ask(&registry, "GET", "/v1/diff?from=nobody", "").status, 404);
    assert_eq!(ask(&registry, "GET", "/v1/contracts/nobody", "").status, 404);
    assert_eq!(ask(&registry, "GET", "/v1/contracts/%FF", "").status, 400);
}

#[test]
fn serializers_find_subjects_versions_and_ids() {
    let mut files = first();
    files[0].text = contract("1.0.0", "order.avsc");
    let registry = loaded(files);
    assert_eq!(get(&registry, "/subjects"), json!(["orders-value"]));
    assert_eq!(get(&registry, "/subjects?subjectPrefix=x"), json!([]));
    let entry = get(&registry, "/subjects/orders-value/versions/latest");
    let id = entry["id"].as_u64().unwrap();
    assert_eq!(
        (&entry["version"], entry["schema"].as_str(), entry.get("schemaType")),
        (&json!(1), Some(AVRO), None)
    );
    assert_eq!(get(&registry, &format!("/schemas/ids/{id}")), json!({"schema": AVRO}));
    assert_eq!(
        get(&registry, &format!("/schemas/ids/{id}/versions")),
        json!([{"subject": "orders-value", "version": 1}])
    );
    assert_eq!(get(&registry, &format!("/schemas/ids/{id}/subjects")), json!(["orders-value"]));
    assert_eq!(get(&registry, "/schemas/types"), json!(["JSON", "PROTOBUF", "AVRO"]));
    assert_eq!(get(&registry, "/config")["compatibilityLevel"], "NONE");
    assert_eq!(get(&registry, "/mode")["mode"], "READONLY");
    assert_eq!(text(&ask(&registry, "GET", "/subjects/orders-value/versions/1/schema", "")), AVRO);

    // Spaces and order of keys do not make another schema.
    let spaced =
        json!({"schema": r#"{ "name":"Order", "type":"record", "namespace":"shop", "fields":[{"type":"long","name":"id"}]}"#}).to_string();
    let found = ask(&registry, "POST", "/subjects/orders-value", &spaced);
    assert_eq!(
        (found.status, serde_json::from_slice::<Value>(&found.body).unwrap()["id"].as_u64()),
        (200, Some(id))
    );
    assert_eq!(
        text(&ask(&registry, "POST", "/subjects/orders-value/versions", &spaced)),
        json!({"id": id}).to_string()
    );

    for (method, target, body, status, code) in [
        ("GET", "/subjects/nobody/versions", "", 404, 40401),
        ("GET", "/subjects/orders-value/versions/2", "", 404, 40402),
        ("GET", "/subjects/orders-value/versions/x", "", 422, 42202),
        ("GET", "/subjects/orders-value/versions/0", "", 422, 42202),
        ("GET", "/schemas/ids/1", "", 404, 40403),
        ("GET", "/schemas/ids/x", "", 404, 40403),
        ("POST", "/subjects/orders-value", r#"{"schema":"\"string\""}"#, 404, 40403),
        ("POST", "/subjects/orders-value", "no", 422, 42201),
        ("POST", "/subjects/orders-value/versions", r#"{"schema":"\"string\""}"#, 422, 42205),
        ("POST", "/subjects/new-value/versions", r#"{"schema":"\"string\""}"#, 422, 42205),
        ("DELETE", "/subjects/orders-value", "", 422, 42205),
        ("PUT", "/config", r#"{"compatibility":"FULL"}"#, 422, 42205),
        ("GET", "/config/orders-value", "", 404, 40408),
        ("PATCH", "/subjects", "", 405, 405),
    ] {
        let answer = ask(&registry, method, target, body);
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, said["error_code"].as_u64()),
            (status, Some(code)),
            "{method} {target}: {said}"
        );
        assert!(
            answer.kind.contains("schemaregistry") && said["message"].as_str().is_some_and(|text| text.len() > 5),
            "{said}"
        );
    }
    assert!(text(&ask(&registry, "DELETE", "/subjects/orders-value", "")).contains("Git"));
}

#[test]
fn an_id_belongs_to_one_schema_for_ever() {
    let one = Ids::read(&first()).unwrap().unwrap();
    let id = one.find(tidegate_contract::EventSchemaKind::Avro, AVRO, &[]).unwrap();
    // Another schema, and another order of events, gives other ids to others and the same to the same.
    let second = |base: Vec<ContractFile>| {
        let mut files = base;
        files[0].text = contract("1.1.0", "order.avsc");
        files.iter_mut().find(|file| *file.path == *"schemas/order.avsc").unwrap().text = AVRO_2.to_owned();
        with_ids(files)
    };
    let both = Ids::read(&second(first())).unwrap().unwrap();
    let newer = both.find(tidegate_contract::EventSchemaKind::Avro, AVRO_2, &[]).unwrap();
    assert_eq!(both.subjects["orders-value"], [id, newer]);
    let alone = second(
        first()
            .into_iter()
            .filter(|file| !file.path.starts_with("schemas/registered/"))
            .collect(),
    );
    assert_eq!(Ids::read(&alone).unwrap().unwrap().subjects["orders-value"], [newer]);

    // Rolled back: the newer contract is gone, records that were written with its schema can still be read.
    let registry = loaded(second(first()));
    assert_eq!(get(&registry, "/subjects/orders-value/versions"), json!([1, 2]));
    take(&registry, "c0", first());
    assert_eq!(get(&registry, "/subjects/orders-value/versions"), json!([1]));
    assert_eq!(get(&registry, &format!("/schemas/ids/{newer}"))["schema"], AVRO_2);
}

#[test]
fn missing_changed_and_invented_ids_are_refused() {
    let registry = registry();
    let mut missing = first();
    missing.iter_mut().find(|file| *file.path == *"schemas/order.avsc").unwrap().text = AVRO_2.to_owned();
    let said = refused(&registry, "a", missing);
    assert!(
        said.contains("TG0157") && said.contains("no recorded id for the subject `orders-value`"),
        "{said}"
    );

    let edited = |from: &str, to: &str| {
        let mut files = first();
        let record = files.iter_mut().find(|file| *file.path == *FILE).unwrap();
        assert!(record.text.contains(from), "{}", record.text);
        record.text = record.text.replace(from, to);
        files
    };
    let id = Ids::read(&first()).unwrap().unwrap().subjects["orders-value"][0].to_string();
    for (from, to) in [
        (id.as_str(), "7"),
        ("AVRO", "JSON"),
        ("tidegate.schema-ids/1", "x"),
        ("orders-value", "other-value"),
        ("\"sha256\": \"", "\"sha256\": \"0"),
    ] {
        assert!(refused(&registry, "b", edited(from, to)).contains("TG0157"), "{from} → {to}");
    }
    // The text of a registered schema is not changed behind its id.
    let mut files = first();
    let copy = files
        .iter_mut()
        .find(|file| file.path.ends_with(&format!("registered/{id}.avsc")))
        .unwrap();
    copy.text = AVRO_2.to_owned();
    assert!(refused(&registry, "c", files).contains("never changes"));
    // Another schema under its number, with a record that fits.
    let mut files = edited(
        &tidegate_contract::sha256_hex(AVRO.as_bytes()),
        &tidegate_contract::sha256_hex(AVRO_2.as_bytes()),
    );
    files
        .iter_mut()
        .find(|file| file.path.ends_with(&format!("registered/{id}.avsc")))
        .unwrap()
        .text = AVRO_2.to_owned();
    assert!(refused(&registry, "d", files).contains("was not made from"));
    // Without a record there are no ids and nothing to refuse.
    let none: Vec<ContractFile> = first()
        .into_iter()
        .filter(|file| !file.path.starts_with("schemas/registered/"))
        .collect();
    let (snapshot, _) = Snapshot::build("x", &none).unwrap();
    assert!(check(&none, &snapshot).unwrap().is_none());
    take(&registry, "e", none);
    assert_eq!(get(&registry, "/subjects"), json!([]));
}

#[test]
fn nothing_is_told_to_strangers() {
    // printf %s s3cret | sha256sum
    let tokens = Tokens::parse("validator sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0").unwrap();
    let registry = registry_with(Some(tokens), Some(Secret::new("0123456789abcdef").unwrap()));
    take(&registry, "c1", first());
    let with = |method: &str, path: &str, name: &str, value: &str| {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: vec![(name.to_owned(), value.to_owned())],
            ..Request::default()
        };
        registry.answer(&request, SECOND).1.status
    };
    for route in all() {
        let path = route.path.replace("{id}", "urn:shop:orders").replace(['{', '}'], "");
        let expected = if route.guard == Guard::Nobody { 200 } else { 401 };
        assert_eq!(ask(&registry, route.method, &path, "").status, expected, "{} {path}", route.method);
        assert_eq!(with(route.method, &path, "authorization", "Bearer wrong"), expected, "{path}");
    }
    assert_eq!(ask(&registry, "GET", "/nowhere", "").status, 401);
    assert_eq!(with("GET", "/v1/snapshot", "authorization", "Bearer s3cret"), 200);
    assert_eq!(
        with("POST", "/hooks/git", "authorization", "Bearer s3cret"),
        401,
        "a reader's token signs no webhook"
    );
    assert_eq!(with("POST", "/hooks/git", "x-gitlab-token", "0123456789abcdef"), 202);
    assert_eq!(
        with("GET", "/v1/snapshot", "x-gitlab-token", "0123456789abcdef"),
        401,
        "the webhook's secret reads nothing"
    );
    registry.accept(Tokens::parse("other sha256:2ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0").unwrap());
    assert_eq!(
        with("GET", "/v1/snapshot", "authorization", "Bearer s3cret"),
        401,
        "tokens that are gone let nobody in"
    );
}

#[test]
fn a_webhook_is_a_reason_to_look_and_needs_a_secret() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let ports = || Ports {
        archive: Box::new(|_, _| None),
        nudge: {
            let counted = counted.clone();
            Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
            })
        },
    };
    let hook = |registry: &Registry, token: &str| {
        let request = Request {
            method: "POST".to_owned(),
            path: "/hooks/git".to_owned(),
            headers: vec![("x-gitlab-token".to_owned(), token.to_owned())],
            ..Request::default()
        };
        registry.answer(&request, SECOND).1.status
    };
    assert_eq!(hook(&Registry::new(None, None, ports()), "0123456789abcdef"), 403);
    let registry = Registry::new(None, Secret::new("0123456789abcdef"), ports());
    assert_eq!(hook(&registry, "0123456789abcdeF"), 401);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(hook(&registry, "0123456789abcdef"), 202);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

/// Every path that is described is answered, and every one that is answered is described: both are asked for, not compared in source.
#[test]
fn the_description_holds_every_route_and_no_other() {
    let registry = loaded(first());
    let document = get(&registry, "/openapi.json");
    assert_eq!(document, openapi::document());
    let paths = document["paths"].as_object().unwrap();
    let mut described = 0;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            described += 1;
            let asked = path
                .replace("{id}", "urn:shop:orders")
                .replace("{version}", "1.0.0")
                .replace("{format}", "avro")
                .replace("{commit}", "c1")
                .replace("{subject}", "orders-value");
            let answer = ask(&registry, &method.to_uppercase(), &asked, "");
            assert_ne!(text(&answer), text(&ask(&registry, "GET", "/nowhere", "")), "{method} {path}");
            assert_ne!(answer.status, 405, "{method} {path}");
            let parts = path.matches('{').count();
            let declared = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|one| one["in"] == "path")
                .count();
            assert_eq!(parts, declared, "{path}");
        }
    }
    assert_eq!(described, all().count());
}

#[test]
fn one_commit_in_two_bundles_is_told_apart_by_its_content() {
    let registry = loaded(first());
    let before = header(&ask(&registry, "GET", "/v1/snapshot", ""), "etag").unwrap().to_owned();
    let mut wider = first();
    wider.push(file(
        "shop/more.odcs.yaml",
        contract("1.0.0", "order.avsc")
            .replace("urn:shop:orders", "urn:shop:more")
            .replace("name: orders", "name: more"),
    ));
    take(&registry, "c1", with_ids(wider));
    assert_ne!(header(&ask(&registry, "GET", "/v1/snapshot", ""), "etag"), Some(before.as_str()));
}

#[test]
fn what_a_client_has_parsed_is_found() {
    let registry = loaded(first());
    let body = json!({"schema": r#"{"type":"record","name":"shop.Order","fields":[{"name":"id","type":{"type":"long"}}]}"#}).to_string();
    assert_eq!(ask(&registry, "POST", "/subjects/orders-value", &body).status, 200);
    assert_eq!(ask(&registry, "POST", "/subjects/:.:orders-value/versions", &body).status, 200);
    let other = body.replace("long", "int");
    assert_eq!(ask(&registry, "POST", "/subjects/orders-value", &other).status, 404);
}

#[test]
fn clients_of_confluent_understand_every_error() {
    let registry = loaded(first());
    for (method, target, body, status, code) in [
        ("GET", "/subjects/orders-value/metadata", "", 404, 404),
        ("GET", "/schemas/guids/x", "", 404, 40403),
        ("POST", "/compatibility/subjects/orders-value/versions", "{}", 422, 42205),
        ("PUT", "/mode/orders-value", "{}", 422, 42205),
        ("DELETE", "/config", "", 422, 42205),
        ("PATCH", "/contexts", "", 405, 405),
        (
            "POST",
            "/subjects/orders-value/versions",
            r#"{"schema":"{\"type\":\"nothing\"}"}"#,
            422,
            42201,
        ),
        (
            "POST",
            "/subjects/orders-value/versions",
            r#"{"schema":"syntax","schemaType":"PROTOBUF"}"#,
            422,
            42201,
        ),
        ("GET", "/subjects/orders-value/versions/2147483648", "", 422, 42202),
    ] {
        let answer = ask(&registry, method, target, body);
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, said["error_code"].as_u64()),
            (status, Some(code)),
            "{method} {target}: {said}"
        );
    }
    assert_eq!(get(&registry, "/contexts"), json!(["."]));
    assert_eq!(get(&registry, "/"), json!({}));
    assert_eq!(get(&registry, "/mode/orders-value")["mode"], "READONLY");
    assert_eq!(get(&registry, "/schemas?latestOnly=true")[0]["version"], 1);
}

#[test]
fn who_is_let_in_is_decided_by_the_head() {
    // printf %s s3cret | sha256sum
    let tokens = Tokens::parse("validator sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0").unwrap();
    let registry = registry_with(Some(tokens), Secret::new("0123456789abcdef"));
    let head = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Request::default()
        };
        registry
            .admit(&request)
            .map(|admission| (admission.body_bytes_max > 0, admission.is_known))
            .map_err(|(_, answer)| answer.status)
    };
    let token = [("authorization", "Bearer s3cret")];
    assert_eq!(head("POST", "/subjects/a-value", &[]), Err(401));
    assert_eq!(head("POST", "/nowhere", &[]), Err(401));
    assert_eq!(
        head("GET", "/v1/snapshot", &[("authorization", "Basic YW55Og==")]),
        Err(401),
        "an empty password is nobody's"
    );
    assert_eq!(
        head("GET", "/v1/snapshot", &token),
        Ok((false, true)),
        "nothing has a body that needs none"
    );
    assert_eq!(head("POST", "/subjects/a-value", &token), Ok((true, true)));
    assert_eq!(head("POST", "/hooks/git", &[]), Err(401));
    assert_eq!(head("POST", "/hooks/git", &[("x-hub-signature-256", "sha256=12")]), Err(401));
    let signature = format!("sha256={}", "0".repeat(64));
    assert_eq!(
        head("POST", "/hooks/git", &[("x-hub-signature-256", &signature)]),
        Ok((true, false))
    );
    assert_eq!(
        head("POST", "/hooks/git", &[("x-gitlab-token", "0123456789abcdef")]),
        Ok((false, true))
    );
    assert_eq!(head("GET", "/openapi.json", &[]), Ok((false, false)));
}

#[test]
fn tokens_that_cannot_be_read_again_are_told() {
    let registry = loaded(first());
    registry.token_trouble("the file holds no token");
    let health = get(&registry, "/v1/health");
    assert!(
        health["status"] == "stale" && health["trouble"].as_str().unwrap().contains("the file holds no token"),
        "{health}"
    );
}

#[test]
fn one_commit_is_compiled_at_a_time_and_kept() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = asked.clone();
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let (begun, may_go) = (std::sync::Mutex::new(begun), std::sync::Mutex::new(may_go));
    let ports = Ports {
        archive: Box::new(move |commit, _| {
            counting.fetch_add(1, Ordering::SeqCst);
            begun.lock().unwrap().send(()).unwrap();
            may_go.lock().unwrap().recv().unwrap();
            (commit == "old").then(|| (Bundle::new("old", first()), Published::default()))
        }),
        nudge: Box::new(|| {}),
    };
    let registry = Arc::new(Registry::new(None, None, ports));
    take(&registry, "c1", first());
    let first_asker = registry.clone();
    let waiting = std::thread::spawn(move || ask(&first_asker, "GET", "/v1/diff?from=old", "").status);
    has_begun.recv().unwrap();
    let busy = ask(&registry, "GET", "/v1/diff?from=other", "");
    assert_eq!((busy.status, header(&busy, "retry-after")), (503, Some("2")));
    assert_eq!(
        ask(&registry, "GET", "/v1/snapshot", "").status,
        200,
        "what is in force waits for nobody"
    );
    go.send(()).unwrap();
    assert_eq!(waiting.join().unwrap(), 200);
    assert_eq!(ask(&registry, "GET", "/v1/diff?from=old", "").status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "it was at hand");
}

#[test]
fn tokens_of_an_issuer_let_in_beside_those_of_the_file() {
    // printf %s s3cret | sha256sum
    let line = "validator sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
    let issued = || Box::new(|token: &str| (token == "a.good.one").then(|| "somebody".to_owned()));
    for (tokens, of_file) in [(Some(Tokens::parse(line).unwrap()), true), (None, false)] {
        let registry = registry_with(tokens, None).trusting(issued());
        let caller = |value: &str| {
            let headers = vec![("authorization".to_owned(), value.to_owned())];
            registry.caller(&Request {
                headers,
                ..Request::default()
            })
        };
        assert_eq!(caller("Bearer a.good.one"), Caller::Named("somebody".to_owned()));
        assert_eq!(caller("Bearer a.bad.one"), Caller::Stranger);
        assert_eq!(
            registry.caller(&Request::default()),
            Caller::Stranger,
            "without the file nobody is let in unseen either"
        );
        let named = if of_file {
            Caller::Named("validator".to_owned())
        } else {
            Caller::Stranger
        };
        assert_eq!(caller("Bearer s3cret"), named);
    }
}
