//! What is kept whatever becomes of a branch: the commit in force over a restart, the record of ids; and what is given to nobody.

use super::*;

fn fast(shop: &Shop) {
    std::fs::write(shop.path().join("fast.yaml"), "contracts_source: {poll_ms: 200, state: state}\n").unwrap();
}

fn serve(shop: &Shop, name: &str, contracts: &str, extra: &[&str]) -> (Role, String) {
    let mut args = vec!["registry", "serve", "--contracts", contracts, "--listen", "127.0.0.1:0"];
    args.extend(["--config", "fast.yaml"]);
    args.extend(extra);
    let mut role = Role::start(shop.path(), name, &args, &[]);
    let api = role.said("address");
    (role, api)
}

fn health(api: &str) -> serde_json::Value {
    serde_json::from_str(&get(api, "/v1/health").1).unwrap_or_default()
}

fn in_force_at(api: &str) -> String {
    health(api)["snapshot"]["commit"].as_str().unwrap_or_default().to_owned()
}

/// A forced push is followed neither by the registry that runs nor by one that starts anew beside the same mirror, until somebody says so.
#[test]
fn a_restart_does_not_follow_a_forced_push() {
    let shop = Shop::new();
    fast(&shop);
    let host = GitHost::start(&shop.path().join("hosted"), None);
    shop.push();
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    let good = shop.push();
    let source = format!("{}#main", host.url("c.git"));
    let (mut running, api) = serve(&shop, "running", &source, &[]);
    running.wait("1.1.0", |_| in_force_at(&api) == good);
    shop.write("shop/orders.odcs.yaml", &contract("1.2.0", "integer"));
    git(&shop.work(), &["commit", "-q", "-a", "--amend", "-m", "amended"]);
    git(&shop.work(), &["push", "-q", "--force", "origin", "HEAD:main"]);
    let forced = git(&shop.work(), &["rev-parse", "HEAD"]);
    let holds = |api: &str| in_force_at(api) == good && health(api)["trouble"].to_string().contains(&forced);
    running.wait("the forced push", |_| holds(&api));
    let confirmed = |api: &str| health(api)["snapshot"]["age_seconds"].clone();
    drop(running);

    let (mut started, api) = serve(&shop, "started", &source, &[]);
    started.wait("what was in force", |_| holds(&api));
    assert!(confirmed(&api).is_u64() && health(&api)["status"] == "stale");
    // What comes after it is followed.
    shop.write("shop/orders.odcs.yaml", &contract("1.3.0", "integer"));
    git(&shop.work(), &["reset", "-q", "--soft", &good]);
    let next = shop.push();
    started.wait("what comes after it", |_| in_force_at(&api) == next);
    drop(started);
    // Somebody says so.
    git(&shop.work(), &["push", "-q", "--force", "origin", &format!("{forced}:main")]);
    std::fs::write(
        shop.path().join("fast.yaml"),
        "contracts_source: {poll_ms: 200, state: state, history: any}\n",
    )
    .unwrap();
    let (mut told, api) = serve(&shop, "told", &source, &[]);
    told.wait("the forced push", |_| in_force_at(&api) == forced);
}

/// Commits that were refused, and those of other branches, are given to nobody as contracts.
#[test]
fn only_what_was_in_force_is_served() {
    let shop = Shop::new();
    fast(&shop);
    let first = shop.push();
    let (mut registry, api) = serve(&shop, "registry", "work#main", &[]);
    registry.wait("the first", |_| in_force_at(&api) == first);
    shop.write(
        "shop/orders.odcs.yaml",
        &contract("1.0.0", "integer").replace("name: Orders", "name: X"),
    );
    let refused = shop.push();
    registry.wait("the refusal", |_| health(&api)["refused"]["commit"] == *refused);
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    let mended = shop.push();
    registry.wait("1.1.0", |_| in_force_at(&api) == mended);
    git(&shop.work(), &["switch", "-q", "-c", "feature"]);
    shop.write("shop/orders.odcs.yaml", &contract("1.2.0", "integer"));
    git(&shop.work(), &["commit", "-q", "-a", "-m", "c"]);
    let feature = git(&shop.work(), &["rev-parse", "HEAD"]);
    drop(registry);
    git(&shop.work(), &["switch", "-q", "main"]);
    let (mut registry, api) = serve(&shop, "again", "work#main", &[]);
    registry.wait("1.1.0", |_| in_force_at(&api) == mended);
    for (commit, status) in [(&first, 200), (&mended, 200), (&refused, 404), (&feature, 404)] {
        assert_eq!(get(&api, &format!("/v1/snapshots/{commit}")).0, status, "{commit}");
        assert_eq!(get(&api, &format!("/v1/diff?from={commit}")).0, status, "{commit}");
    }
}

/// The record of ids is there as long as contracts name event schemas.
#[test]
fn a_record_of_ids_that_is_deleted_is_missed() {
    let shop = Shop::new();
    fast(&shop);
    let first = shop.push();
    let (mut registry, api) = serve(&shop, "registry", "work", &[]);
    registry.wait("the first", |_| in_force_at(&api) == first);
    std::fs::remove_dir_all(shop.work().join("schemas/registered")).unwrap();
    let (code, out, err) = tidegate(&shop.work(), &["lint", "."]);
    assert!(code == 1 && out.contains("the record of schema ids is gone"), "{out}{err}");
    let gone = shop.push();
    registry.wait("the refusal", |_| health(&api)["refused"]["commit"] == *gone);
    assert!(health(&api).to_string().contains("TG0157"));
    assert_eq!(get(&api, "/subjects").1, r#"["orders-value"]"#);
    // Without contracts that name any, nobody misses it.
    let plain: String = contract("1.1.0", "integer")
        .lines()
        .filter(|line| !line.contains("tidegate}"))
        .map(|line| format!("{line}\n"))
        .collect();
    shop.write("shop/orders.odcs.yaml", &plain.replace("    customProperties:\n", ""));
    let (code, out, err) = tidegate(&shop.work(), &["lint", "."]);
    assert_eq!(code, 0, "{out}{err}");
    let without = shop.push();
    registry.wait("what names none", |_| in_force_at(&api) == without);
}

/// In a repository with other code many commits come after a bad one before somebody looks.
#[test]
fn a_start_far_behind_a_bad_commit_finds_the_last_good_one() {
    let shop = Shop::new();
    fast(&shop);
    let good = shop.push();
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integr"));
    shop.push();
    for _ in 0..60 {
        git(&shop.work(), &["commit", "-q", "--allow-empty", "-m", "other code"]);
    }
    let (mut registry, api) = serve(&shop, "registry", "work", &[]);
    registry.wait("the good one", |_| in_force_at(&api) == good);
}

/// What a reading of the commit refuses is said before the merge.
#[cfg(unix)]
#[test]
fn lint_refuses_what_the_registry_refuses() {
    for (name, target, is_refused) in [
        ("shop/pw", "/etc/passwd", true),
        ("shop/linked", "../other", true),
        ("shop/a\\b.odcs.yaml", "", true),
        ("shop/c.txt", "orders.odcs.yaml", false),
    ] {
        let shop = Shop::new();
        fast(&shop);
        shop.write("other/README", "code");
        match target {
            "" => shop.write(name, &contract("1.0.0", "integer").replace("id: orders", "id: x")),
            target => std::os::unix::fs::symlink(target, shop.work().join(name)).unwrap(),
        }
        let pushed = shop.push();
        let (code, out, err) = tidegate(&shop.work(), &["lint", "."]);
        assert_eq!(code, i32::from(is_refused), "{name}: {out}{err}");
        assert_eq!(out.contains("the registry refuse the commit"), is_refused, "{name}: {out}{err}");
        let (mut registry, api) = serve(&shop, "registry", "work", &[]);
        registry.wait(name, |_| match is_refused {
            true => health(&api)["refused"]["commit"] == *pushed,
            false => in_force_at(&api) == pushed,
        });
        // A mend counts before it is committed.
        std::fs::remove_file(shop.work().join(name)).unwrap();
        if !name.contains('\\') {
            let (code, out, err) = tidegate(&shop.work(), &["lint", "."]);
            assert_eq!(code, 0, "{name}: {out}{err}");
        }
    }
}
