//! What the past of a branch decides, the same on every replica.

use super::*;

/// The commit that a registry has in force.
fn in_force_at(api: &str) -> String {
    let health: serde_json::Value = serde_json::from_str(&get(api, "/v1/health").1).unwrap_or_default();
    health["snapshot"]["commit"].as_str().unwrap_or_default().to_owned()
}

fn serve<'a>(extra: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec![
        "registry",
        "serve",
        "--contracts",
        "work",
        "--listen",
        "127.0.0.1:0",
        "--config",
        "fast.yaml",
    ];
    args.extend(extra);
    args
}

/// A version is taken away by a revert and comes back with another content: refused by the registry that runs, and by one that starts.
#[test]
fn a_version_that_was_taken_back_never_returns_with_another_content() {
    let shop = Shop::new();
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    shop.push();
    let mut running = Role::start(shop.path(), "running", &serve(&[]), &[]);
    let api = running.said("address");
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    let added = shop.push();
    running.wait("1.1.0", |_| in_force_at(&api) == added);
    git(&shop.work(), &["revert", "--no-edit", "HEAD"]);
    let reverted = git(&shop.work(), &["rev-parse", "HEAD"]);
    running.wait("the revert", |_| in_force_at(&api) == reverted);
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer").replace("i64", "i32"));
    let changed = shop.push();
    let mut started = Role::start(shop.path(), "started", &serve(&[]), &[]);
    let other = started.said("address");
    for (role, api) in [(&mut running, &api), (&mut started, &other)] {
        role.wait("the refusal", |_| {
            let health = get(api, "/v1/health").1;
            health.contains(&changed) && health.contains("TG0140") && in_force_at(api) == reverted
        });
    }
    assert_eq!(
        get(&api, "/v1/snapshot").1,
        get(&other, "/v1/snapshot").1,
        "the same on every replica"
    );
}

/// A revert takes ids out of the record, and records that were written with them stay.
#[test]
fn after_a_revert_every_replica_still_knows_every_schema() {
    let shop = Shop::new();
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    shop.push();
    let newer = AVRO.replace(
        r#""type":"long"}"#,
        r#""type":"long"},{"name":"note","type":"string","default":""}"#,
    );
    shop.write("schemas/order.avsc", &newer);
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    assert_eq!(tidegate(&shop.work(), &["registry", "ids", "."]).0, 0);
    shop.push();
    let record = std::fs::read_to_string(shop.work().join("schemas/registered/ids.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let id = record["subjects"]["orders-value"][1].as_u64().unwrap();
    git(&shop.work(), &["revert", "--no-edit", "HEAD"]);
    let mut started = Role::start(shop.path(), "started", &serve(&[]), &[]);
    let api = started.said("address");
    started.wait("the snapshot", |_| get(&api, "/v1/snapshot").0 == 200);
    let (status, body) = get(&api, &format!("/schemas/ids/{id}"));
    assert!(status == 200 && body.contains("note"), "{status} {body}");
    assert_eq!(get(&api, "/subjects/orders-value/versions").1, "[1]");

    // The next schema is version 3, as `registry ids` knows from the history.
    shop.write("schemas/order.avsc", &AVRO.replace("long", "string"));
    shop.write("shop/orders.odcs.yaml", &contract("1.2.0", "integer"));
    assert_eq!(tidegate(&shop.work(), &["registry", "ids", "."]).0, 0);
    assert_eq!(tidegate(&shop.work(), &["registry", "ids", ".", "--check"]).0, 0);
    let next = shop.push();
    started.wait("the third", |_| get(&api, "/v1/health").1.contains(&next));
    assert_eq!(get(&api, "/subjects/orders-value/versions").1, "[1,2,3]");
    assert!(get(&api, "/subjects/orders-value/versions/2").1.contains("note"));
}

/// A start at a bad commit puts an earlier one into force; what is pushed over it by force is no more welcome than otherwise.
#[test]
fn after_a_start_at_a_bad_commit_a_forced_push_is_noticed_too() {
    let shop = Shop::new();
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    let good = shop.push();
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integr"));
    shop.push();
    let mut registry = Role::start(shop.path(), "registry", &serve(&[]), &[]);
    let api = registry.said("address");
    registry.wait("the good commit", |_| get(&api, "/v1/snapshot").0 == 200);
    git(&shop.work(), &["switch", "-q", "--orphan", "other"]);
    shop.write(
        "shop/other.odcs.yaml",
        "apiVersion: v3.2.0\nkind: DataContract\nid: other\nname: Other\nversion: 1.0.0\nstatus: active\nschema:\n  - name: other\n    physicalType: \
         topic\n    properties:\n      - {name: id, logicalType: string}\n",
    );
    let foreign = shop.push();
    registry.wait("the forced push", |_| {
        let (_, health) = get(&api, "/v1/health");
        health.contains("does not come after") && health.contains(&foreign) && health.contains(&good)
    });
}
