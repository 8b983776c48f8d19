//! The client against a server with prepared answers, and against Apicurio of a stand.

mod server;
mod stand;

use std::time::Duration;

use tidegate_check::input::{Known, SchemaLookup, SchemaNeed};
use tidegate_flow::{Remedy, WorldError};

use crate::{Auth, Fetched, Limits, Registry};
use server::{Answer, Server};

const STRING: &str = r#"{"schema": "\"string\"", "id": 7}"#;
const UNKNOWN: &str = r#"{"error_code": 40403, "message": "Schema 7 not found"}"#;

fn limits() -> Limits {
    Limits {
        timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn registry(server: &Server) -> Registry {
    Registry::connect_with(&server.url(), Auth::Nobody, limits()).unwrap()
}

fn fetch(server: &Server) -> Result<Fetched, WorldError> {
    registry(server).fetch(&SchemaNeed::Id(7))
}

#[test]
fn a_schema_is_asked_for_once() {
    let server = Server::answering(vec![Answer::json(200, STRING)]);
    let registry = registry(&server);
    assert!(
        matches!(registry.lookup(&SchemaNeed::Id(7)), Known::NotCached),
        "a lookup asks nobody"
    );
    assert!(matches!(registry.fetch(&SchemaNeed::Id(7)).unwrap(), Fetched::Avro(_)));
    assert!(matches!(registry.fetch(&SchemaNeed::Id(7)).unwrap(), Fetched::Avro(_)));
    assert!(matches!(registry.lookup(&SchemaNeed::Id(7)), Known::Avro(_)));
    assert_eq!(server.asked(), ["GET /schemas/ids/7?deleted=true"]);
}

#[test]
fn an_unknown_id_is_believed_for_a_while() {
    let server = Server::answering(vec![Answer::json(404, UNKNOWN)]);
    let registry = registry(&server);
    for _ in 0..3 {
        assert!(matches!(registry.fetch(&SchemaNeed::Id(7)).unwrap(), Fetched::Unknown));
    }
    assert!(matches!(registry.lookup(&SchemaNeed::Id(7)), Known::Unknown));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_schema_registered_later_is_found() {
    let server = Server::answering(vec![Answer::json(404, UNKNOWN), Answer::json(200, STRING)]);
    let registry = Registry::connect_with(
        &server.url(),
        Auth::Nobody,
        Limits {
            forget_after: Duration::ZERO,
            ..limits()
        },
    )
    .unwrap();
    assert!(matches!(registry.fetch(&SchemaNeed::Id(7)).unwrap(), Fetched::Unknown));
    assert!(matches!(registry.fetch(&SchemaNeed::Id(7)).unwrap(), Fetched::Avro(_)));
}

#[test]
fn an_outage_is_never_unknown() {
    for (answer, remedy) in [
        (Answer::json(500, r#"{"error_code": 50001, "message": "x"}"#), Remedy::Retry),
        (Answer::json(500, UNKNOWN), Remedy::Retry),
        (Answer::json(503, "<html>busy</html>"), Remedy::Retry),
        (Answer::json(404, "<html>not found</html>"), Remedy::Operator),
        (
            Answer::json(404, r#"{"error_code": 404, "message": "HTTP 404 Not Found"}"#),
            Remedy::Operator,
        ),
        (Answer::json(401, r#"{"error_code": 40101, "message": "x"}"#), Remedy::Operator),
        (Answer::json(403, "no"), Remedy::Operator),
        (Answer::json(200, "<html>log in here</html>"), Remedy::Retry),
        (Answer::json(200, r#"{"id": 7}"#), Remedy::Retry),
        (Answer::json(200, r#"{"schema": 1}"#), Remedy::Retry),
        (Answer::Silence, Remedy::Retry),
        (Answer::Hangup, Remedy::Retry),
    ] {
        let shown = format!("{answer:?}");
        let server = Server::answering(vec![answer.clone(), answer.clone(), answer]);
        let registry = registry(&server);
        let error = registry.fetch(&SchemaNeed::Id(7)).unwrap_err();
        assert_eq!(error.remedy, remedy, "{shown}: {error}");
        assert!(
            matches!(registry.lookup(&SchemaNeed::Id(7)), Known::NotCached),
            "{shown}: an outage leaves nothing behind"
        );
    }
}

#[test]
fn nobody_there_is_an_outage() {
    let server = Server::answering(vec![]);
    let registry = registry(&server);
    server.close();
    assert_eq!(registry.fetch(&SchemaNeed::Id(7)).unwrap_err().remedy, Remedy::Retry);
}

#[test]
fn other_schemas_are_unusable() {
    for body in [
        r#"{"schema": "{}", "schemaType": "JSON"}"#,
        r#"{"schema": "nonsense", "schemaType": "PROTOBUF"}"#,
        r#"{"schema": "{\"type\": \"nonsense\"}"}"#,
    ] {
        let server = Server::answering(vec![Answer::json(200, body)]);
        assert!(matches!(fetch(&server).unwrap(), Fetched::Unusable), "{body}");
    }
}

#[test]
fn references_are_followed_deepest_first_and_once() {
    let order = r#"{"schema": "{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"to\",\"type\":\"shop.Address\"},{\"name\":\"in\",\"type\":\"shop.Country\"}]}",
        "references": [{"name": "shop.Address", "subject": "addr/x y", "version": 3}, {"name": "shop.Country", "subject": "country", "version": 1}]}"#;
    let address = r#"{"id": 5, "schema": "{\"type\":\"record\",\"name\":\"Address\",\"namespace\":\"shop\",\"fields\":[{\"name\":\"in\",\"type\":\"shop.Country\"}]}",
        "references": [{"name": "shop.Country", "subject": "country", "version": 1}]}"#;
    let country = r#"{"id": 4, "schema": "{\"type\":\"enum\",\"name\":\"Country\",\"namespace\":\"shop\",\"symbols\":[\"IS\"]}"}"#;
    let server = Server::answering(vec![
        Answer::json(200, order),
        Answer::json(200, address),
        Answer::json(200, country),
    ]);
    assert!(matches!(fetch(&server).unwrap(), Fetched::Avro(_)));
    assert_eq!(
        server.asked(),
        [
            "GET /schemas/ids/7?deleted=true",
            "GET /subjects/addr%2Fx%20y/versions/3",
            "GET /subjects/country/versions/1"
        ]
    );
}

#[test]
fn a_missing_reference_is_unusable_and_an_outage_behind_one_is_an_outage() {
    let order = r#"{"schema": "\"shop.Address\"", "references": [{"name": "shop.Address", "subject": "a", "version": 1}]}"#;
    let server = Server::answering(vec![
        Answer::json(200, order),
        Answer::json(404, r#"{"error_code": 40401, "message": "x"}"#),
    ]);
    assert!(matches!(fetch(&server).unwrap(), Fetched::Unusable));
    let server = Server::answering(vec![Answer::json(200, order), Answer::json(500, "")]);
    assert_eq!(fetch(&server).unwrap_err().remedy, Remedy::Retry);
}

#[test]
fn a_flood_of_unknown_ids_reaches_the_registry_slowly() {
    let server = Server::answering(vec![Answer::json(404, UNKNOWN); 2000]);
    let politely = Limits {
        unknown_burst: 20,
        unknown_a_second: 1,
        ..limits()
    };
    let registry = Registry::connect_with(&server.url(), Auth::Nobody, politely).unwrap();
    let outcomes: Vec<_> = (0..1000).map(|id| registry.fetch(&SchemaNeed::Id(id))).collect();
    let unknown = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Fetched::Unknown))).count();
    // The clock runs on while the test does: a few more than the burst may pass.
    assert!((20..60).contains(&unknown), "{unknown}");
    assert_eq!(server.asked().len(), unknown);
    assert!(
        outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .all(|error| error.remedy == Remedy::Retry)
    );
}

#[test]
fn credentials_are_sent_and_not_shown() {
    for (auth, header) in [
        (
            Auth::Basic("user".into(), "hunter2".into()),
            "authorization: basic dxnlcjpodw50zxiy",
        ),
        (Auth::Bearer("hunter2".into()), "authorization: bearer hunter2"),
    ] {
        let server = Server::answering(vec![Answer::json(401, "")]);
        let registry = Registry::connect_with(&server.url(), auth.clone(), limits()).unwrap();
        let error = registry.fetch(&SchemaNeed::Id(7)).unwrap_err();
        assert!(server.heads()[0].contains(header), "{:?}", server.heads());
        assert!(!format!("{registry:?} {auth:?} {error:?} {error}").contains("hunter2"));
    }
}

#[test]
fn a_wrong_url_is_for_an_operator_and_not_repeated() {
    for url in [
        "registry:8081",
        "ftp://x",
        "http://",
        "http://user:hunter2@host",
        "http://host/?token=hunter2",
        "http://a b",
    ] {
        let error = Registry::connect(url, Auth::Nobody).unwrap_err();
        assert_eq!(error.remedy, Remedy::Operator, "{url}");
        assert!(!format!("{error:?}").contains("hunter2"), "{url}");
    }
}

#[test]
fn protobuf_schemas_are_compiled_with_what_they_import() {
    let order = r#"{"schema": "syntax = \"proto3\"; package shop; import \"shop/money.proto\"; message Order { Money m = 1; }", "schemaType": "PROTOBUF",
        "references": [{"name": "shop/money.proto", "subject": "money", "version": 1}]}"#;
    let money = r#"{"id": 4, "schema": "syntax = \"proto3\"; package shop; message Money { int64 cents = 1; }", "schemaType": "PROTOBUF"}"#;
    let server = Server::answering(vec![Answer::json(200, order), Answer::json(200, money)]);
    let Fetched::Protobuf(schema) = fetch(&server).unwrap() else {
        panic!("a Protobuf schema")
    };
    assert!(schema.message_named("shop.Order").is_some());
    let server = Server::answering(vec![
        Answer::json(200, order),
        Answer::json(200, r#"{"id": 4, "schema": "\"string\""}"#),
    ]);
    assert!(matches!(fetch(&server).unwrap(), Fetched::Unusable), "a reference of another kind");
}

#[test]
fn apicurio_is_asked_over_its_own_api() {
    let order = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"in","type":"shop.Country"}]}"#;
    let references = r#"[{"groupId":null,"artifactId":"addr/x y","version":"1","name":"shop.Country"}]"#;
    let country = r#"{"type":"enum","name":"Country","namespace":"shop","symbols":["IS"]}"#;
    let answers = [order, references, country, "[]"].map(|body| Answer::json(200, body));
    let server = Server::answering(answers.to_vec());
    let registry = registry(&server);
    assert!(matches!(registry.fetch(&SchemaNeed::GlobalId(5)).unwrap(), Fetched::Avro(_)));
    assert!(matches!(registry.lookup(&SchemaNeed::GlobalId(5)), Known::Avro(_)));
    assert!(
        matches!(registry.lookup(&SchemaNeed::ContentId(5)), Known::NotCached),
        "another kind of id"
    );
    assert_eq!(
        server.asked(),
        [
            "GET /apis/registry/v3/ids/globalIds/5",
            "GET /apis/registry/v3/ids/globalIds/5/references",
            "GET /apis/registry/v3/groups/default/artifacts/addr%2Fx%20y/versions/1/content",
            "GET /apis/registry/v3/groups/default/artifacts/addr%2Fx%20y/versions/1/references",
        ]
    );
    let absent = r#"{"status":404,"name":"ContentNotFoundException","title":"x"}"#;
    let server = Server::answering(vec![Answer::json(404, absent)]);
    assert!(matches!(
        self::registry(&server).fetch(&SchemaNeed::ContentId(5)).unwrap(),
        Fetched::Unknown
    ));
    for (answer, remedy) in [
        (Answer::json(404, "<html>not found</html>"), Remedy::Operator),
        (Answer::json(404, r#"{"error_code": 40403}"#), Remedy::Operator),
        (Answer::json(500, absent), Remedy::Retry),
        (Answer::json(401, absent), Remedy::Operator),
        (Answer::Silence, Remedy::Retry),
        (Answer::Hangup, Remedy::Retry),
    ] {
        let shown = format!("{answer:?}");
        let server = Server::answering(vec![answer.clone(), answer.clone(), answer]);
        let registry = self::registry(&server);
        let error = registry.fetch(&SchemaNeed::ContentId(5)).unwrap_err();
        assert_eq!(error.remedy, remedy, "{shown}: {error}");
        assert!(matches!(registry.lookup(&SchemaNeed::ContentId(5)), Known::NotCached), "{shown}");
    }
}
