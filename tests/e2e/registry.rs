//! The registry as a schema registry, asked by Confluent's own client and by that of `lib/schemas`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tidegate_check::input::SchemaNeed;
use tidegate_schemas::{Auth, Fetched, Registry};
use tidegate_tests::process::{Role, executable};
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;

use crate::refusals::address;

const TOKEN: &str = "s3cret";
/// `printf %s s3cret | sha256sum`
const HASH: &str = "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
const SCHEMA: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"}]}"#;
const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: orders
name: Orders
version: 1.0.0
status: active
schema:
  - name: orders
    physicalType: topic
    customProperties:
      - {property: encodings, value: [avro], vendor: tidegate}
      - {property: eventSchema, value: order.avsc, vendor: tidegate}
    properties:
      - {name: id, logicalType: integer, logicalTypeOptions: {format: i64}}
";

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A registry over the contracts in `c`, with ids for all that need one, and its address.
fn served(folder: &Path) -> (Role, String) {
    let contracts = folder.join("c");
    write(folder, "tokens", &format!("clients sha256:{HASH}\n"));
    let recorded = Command::new(executable())
        .args(["registry", "ids"])
        .arg(&contracts)
        .output()
        .unwrap();
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));

    let (contracts, tokens) = (contracts.display().to_string(), folder.join("tokens").display().to_string());
    let args = [
        "registry",
        "serve",
        "--contracts",
        &contracts,
        "--listen",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--tokens",
        &tokens,
    ];
    let mut role = Role::start(folder, "registry", &args, &[]);
    let log = role.log_path();
    wait("the registry", &mut [&mut role], || {
        Ok(std::fs::read_to_string(&log)?.contains("a new snapshot is in force"))
    });
    let url = format!("http://{}", address(&role.tail()));
    (role, url)
}

#[test]
fn serializers_of_others_work_against_recorded_ids() {
    let Some(stand) = Stand::get() else { return };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "c/orders.odcs.yaml", CONTRACT);
    write(folder.path(), "c/schemas/order.avsc", SCHEMA);
    let (role, url) = served(folder.path());

    let script = tidegate_tests::world::root().join("tests/e2e/serdes.py");
    let output = Command::new("python3")
        .arg(script)
        .args([&url, TOKEN, "orders"])
        .env("PYTHONPATH", stand.text("serdes", "pythonpath"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        role.tail()
    );
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let id = said["registered"].as_u64().unwrap();
    assert_eq!(said["ids"], json!([id, id, id]));
    assert_eq!(
        (&said["read"], &said["subjects"], &said["versions"]),
        (&json!({"id": 7}), &json!(["orders-value"]), &json!([1]))
    );
    let refusals = json!({
        "register": [422, 42205, true],
        "lookup": [404, 40403, false],
        "unknown": [404, 40401, false],
        "delete": [422, 42205, true],
        "stranger": [401],
    });
    assert_eq!(said["refusals"], refusals);

    // The client that workers ask registries with.
    let ours = Registry::connect(&url, Auth::Bearer(TOKEN.to_owned())).unwrap();
    let need = SchemaNeed::Id(u32::try_from(id).unwrap());
    assert!(matches!(ours.fetch(&need).unwrap(), Fetched::Avro(schema) if schema.name() == Some("shop.Order")));
    assert!(matches!(ours.fetch(&SchemaNeed::Id(1)).unwrap(), Fetched::Unknown));
    assert!(role.stop().success());
}

#[test]
fn serializers_of_others_follow_what_a_schema_names() {
    let Some(stand) = Stand::get() else { return };
    let folder = tempfile::tempdir().unwrap();
    let key = "      - {property: key, vendor: tidegate, value: {encoding: avro, properties: [{name: in, logicalType: string}], eventSchema: key.avsc}}\n";
    write(
        folder.path(),
        "c/orders.odcs.yaml",
        &CONTRACT.replace("    properties:\n", &format!("{key}    properties:\n")),
    );
    let order = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"to","type":["null","Address"]},{"name":"from","type":"Address"}]}"#;
    let address = r#"{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"city","type":"string"},{"name":"in","type":"geo.Country"}]}"#;
    let country = r#"{"type":"enum","name":"Country","namespace":"geo","symbols":["IS","NO"]}"#;
    write(folder.path(), "c/schemas/order.avsc", order);
    write(folder.path(), "c/schemas/types/address.avsc", address);
    write(folder.path(), "c/schemas/types/country.avsc", country);
    let key = r#"{"type":"record","name":"Key","namespace":"shop","fields":[{"name":"in","type":"geo.Country"}]}"#;
    write(folder.path(), "c/schemas/key.avsc", key);
    // A file beside the first one, one of another folder, and one that only that one names.
    let draft = r#""$schema":"https://json-schema.org/draft/2020-12/schema""#;
    for (name, schema) in [
        (
            "shop/ticket.json",
            r#""title":"Ticket","properties":{"id":{"$ref":"side.json"},"to":{"$ref":"../types/place.json#/$defs/a"}}"#,
        ),
        ("shop/side.json", r#""type":"integer""#),
        ("types/place.json", r#""$defs":{"a":{"properties":{"in":{"$ref":"land.json"}}}}"#),
        ("types/land.json", r#""enum":["IS"]"#),
    ] {
        write(folder.path(), &format!("c/schemas/{name}"), &format!("{{{draft},{schema}}}"));
    }
    let tickets = CONTRACT
        .replace("id: orders", "id: tickets")
        .replace("- name: orders", "- name: tickets")
        .replace("[avro]", "[confluent-json]")
        .replace("order.avsc", "shop/ticket.json");
    write(folder.path(), "c/tickets.odcs.yaml", &tickets);
    let (role, url) = served(folder.path());

    let output = Command::new("python3")
        .arg(tidegate_tests::world::root().join("tests/e2e/serdes_references.py"))
        .args([&url, TOKEN, "orders", "tickets"])
        .env("PYTHONPATH", stand.text("serdes", "pythonpath"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        role.tail()
    );
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (id, key_id) = (&said["value"]["registered"], &said["key"]["registered"]);
    assert_eq!(said["value"]["ids"], json!([id, id, id]));
    assert_eq!(said["key"]["ids"], json!([key_id, key_id, key_id]));
    assert_eq!(said["value"]["references"], json!([["shop.Address", "shop.Address", 1]]));
    assert_eq!(said["key"]["references"], json!([["geo.Country", "geo.Country", 1]]));
    // A consumer that has nothing but the bytes.
    let address = json!({"city": "Oslo", "in": "NO"});
    assert_eq!(said["value"]["read"], json!({"id": 7, "to": address, "from": address}));
    assert_eq!(said["key"]["read"], json!({"in": "IS"}));
    assert_eq!(
        said["json"],
        json!([
            [{"id": 7, "to": {"in": "IS"}}, true],
            "'7' is not of type 'integer'",
            "'XX' is not one of ['IS']",
        ])
    );
    assert_eq!(
        said["subjects"],
        json!([
            "geo.Country",
            "orders-key",
            "orders-value",
            "shop.Address",
            "shop/side.json",
            "tickets-value",
            "types/land.json",
            "types/place.json"
        ])
    );

    // The client that workers ask registries with.
    let ours = Registry::connect(&url, Auth::Bearer(TOKEN.to_owned())).unwrap();
    let need = SchemaNeed::Id(u32::try_from(id.as_u64().unwrap()).unwrap());
    assert!(matches!(ours.fetch(&need).unwrap(), Fetched::Avro(schema) if schema.name() == Some("shop.Order")));
    assert!(role.stop().success());
}
