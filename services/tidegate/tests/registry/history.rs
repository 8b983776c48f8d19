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

/// What `lint` says of the working copy.
fn linted(shop: &Shop) -> (i32, String) {
    let (code, out, err) = tidegate(&shop.work(), &["lint", "."]);
    (code, out + &err)
}

/// The registry that runs and one that starts refuse the commit for the same reason, and have the same one in force, if any.
fn both_refuse(shop: &Shop, (running, api): (&mut Role, &str), refused: &str, code: &str, in_force: Option<&str>) {
    let mut started = Role::start(shop.path(), "started", &serve(&[]), &[]);
    let other = started.said("address");
    let is_refused = |api: &str| {
        let health = get(api, "/v1/health").1;
        health.contains(refused) && health.contains(code)
    };
    running.wait("the refusal", |_| is_refused(api));
    started.wait("the refusal", |_| is_refused(&other));
    match in_force {
        Some(commit) => {
            started.wait("an earlier commit", |_| in_force_at(&other) == commit);
            assert_eq!(in_force_at(api), commit);
        }
        // Which side was in force is not told by the commits: nothing is put into force, look after look.
        None => {
            let metrics = started.said("metrics");
            let refused = |text: &str| {
                let line = text
                    .lines()
                    .find(|line| line.starts_with("tidegate_snapshot_refreshes_total") && line.contains("refused"));
                line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                    .unwrap_or_default()
            };
            started.wait("more looks", |_| refused(&get(&metrics, "/metrics").1) >= 3.0);
            assert_eq!(in_force_at(&other), "");
        }
    }
    let (status, said) = linted(shop);
    assert!(status == 1 && said.contains(code), "{said}");
}

/// A contract whose schema file comes one commit later is published by that one.
#[test]
fn a_version_is_published_by_the_commit_in_which_it_first_loads() {
    let shop = Shop::new();
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    std::fs::remove_dir_all(shop.work().join("schemas")).unwrap();
    shop.push();
    shop.write("schemas/order.avsc", AVRO);
    let complete = shop.push();
    let mut running = Role::start(shop.path(), "running", &serve(&[]), &[]);
    let api = running.said("address");
    running.wait("the schema", |_| in_force_at(&api) == complete);
    shop.write("schemas/order.avsc", &AVRO.replace("Order", "Ordered"));
    let changed = shop.push();
    both_refuse(&shop, (&mut running, &api), &changed, "TG0140", Some(&complete));
}

/// What never compiled was never in force, and is mended under the same version.
#[test]
fn a_version_that_never_compiled_was_never_published() {
    let shop = Shop::new();
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    shop.push();
    let mut running = Role::start(shop.path(), "running", &serve(&[]), &[]);
    let api = running.said("address");
    let ruled = |field: &str| {
        let rule = format!("      - {{id: r, type: custom, engine: cel, implementation: 'value.{field} > 0'}}\n");
        contract("1.1.0", "integer") + "    quality:\n" + &rule
    };
    shop.write("shop/orders.odcs.yaml", &ruled("nope"));
    let bad = shop.push();
    running.wait("the refusal", |_| {
        let health = get(&api, "/v1/health").1;
        health.contains(&bad) && health.contains("TG0201")
    });
    shop.write("shop/orders.odcs.yaml", &ruled("id"));
    let mended = shop.push();
    let mut started = Role::start(shop.path(), "started", &serve(&[]), &[]);
    let other = started.said("address");
    running.wait("what was mended", |_| in_force_at(&api) == mended);
    started.wait("what was mended", |_| in_force_at(&other) == mended);
    let (code, said) = linted(&shop);
    assert_eq!(code, 0, "{said}");
}

/// `git pull` in a clone with commits of its own, and a push: what was the branch is the second parent from then on.
#[test]
fn a_pull_and_a_push_take_no_published_version_away() {
    let shop = Shop::new();
    let work = shop.work();
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    shop.push();
    git(&work, &["switch", "-q", "-c", "own"]);
    shop.write(
        "shop/orders.odcs.yaml",
        &contract("1.1.0", "integer").replace("name: Orders", "name: Mine"),
    );
    git(&work, &["commit", "-q", "-a", "-m", "c"]);
    git(&work, &["switch", "-q", "-"]);
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    let published = shop.push();
    let mut running = Role::start(shop.path(), "running", &serve(&[]), &[]);
    let api = running.said("address");
    running.wait("1.1.0", |_| in_force_at(&api) == published);
    git(&work, &["switch", "-q", "own"]);
    git(&work, &["merge", "-q", "-s", "ours", "-m", "pull", &published]);
    let merged = shop.push();
    both_refuse(&shop, (&mut running, &api), &merged, "TG0158", None);
    assert_eq!(in_force_at(&api), published);
    assert!(get(&api, "/v1/health").1.contains("meet in the merge"));
    // Under a number of its own it is welcome.
    shop.write(
        "shop/orders.odcs.yaml",
        &contract("1.2.0", "integer").replace("name: Orders", "name: Mine"),
    );
    let mended = shop.push();
    running.wait("1.2.0", |_| in_force_at(&api) == mended);
}

/// Ids that were recorded and taken back on what was the branch, before a pull made it the second parent.
#[test]
fn a_pull_and_a_push_take_no_id_away() {
    let shop = Shop::new();
    let work = shop.work();
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    shop.push();
    git(&work, &["switch", "-q", "-c", "own"]);
    shop.write("README", "mine");
    git(&work, &["add", "--all"]);
    git(&work, &["commit", "-q", "-m", "c"]);
    git(&work, &["switch", "-q", "-"]);
    shop.write(
        "schemas/order.avsc",
        &AVRO.replace(r#""type":"long"}"#, r#""type":"long","doc":"n"}"#),
    );
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    assert_eq!(tidegate(&work, &["registry", "ids", "."]).0, 0);
    shop.push();
    let record = std::fs::read_to_string(work.join("schemas/registered/ids.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let id = record["subjects"]["orders-value"][1].as_u64().unwrap();
    git(&work, &["revert", "--no-edit", "HEAD"]);
    let former = shop.push();
    git(&work, &["switch", "-q", "own"]);
    git(&work, &["merge", "-q", "-m", "pull", &former]);
    let merged = shop.push();
    let mut started = Role::start(shop.path(), "started", &serve(&[]), &[]);
    let api = started.said("address");
    started.wait("the merge", |_| in_force_at(&api) == merged);
    let (status, body) = get(&api, &format!("/schemas/ids/{id}"));
    assert_eq!(status, 200, "{body}");
}
