//! `tidegate registry serve` as an operator runs it: a Git host, a registry that follows it, and two validators that follow the registry.
//! The validators' brokers are away: what is in force in them is seen on their own metrics.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../../../tests/support/git_host.rs"]
#[allow(dead_code, unreachable_pub, reason = "a library of other tests, too")]
mod git_host;
#[path = "registry/history.rs"]
mod history;
#[path = "registry/kept.rs"]
mod kept;
#[path = "registry/oidc.rs"]
mod oidc;
#[path = "registry/proof.rs"]
mod proof;
#[path = "registry/references.rs"]
mod references;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use git_host::GitHost;

const AVRO: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}"#;
const TOKEN: &str = "a token of the validators";

fn contract(version: &str, kind: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nname: Orders\nversion: {version}\nstatus: active\nschema:\n  - name: orders\n    physicalType: \
         topic\n    customProperties:\n      - {{property: encodings, value: [avro], vendor: tidegate}}\n      - {{property: eventSchema, value: order.avsc, \
         vendor: tidegate}}\n    properties:\n      - {{name: id, logicalType: {kind}, logicalTypeOptions: {{format: i64}}}}\n"
    )
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn tidegate(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// A working copy that pushes to a bare repository beside it, and the folder of everything.
struct Shop {
    folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Shop {
        let shop = Shop {
            folder: tempfile::tempdir().unwrap(),
        };
        let path = shop.folder.path();
        git(path, &["init", "-q", "--bare", "-b", "main", "hosted/c.git"]);
        git(path, &["clone", "-q", "hosted/c.git", "work"]);
        shop.write("schemas/order.avsc", AVRO);
        shop.write("shop/orders.odcs.yaml", &contract("1.0.0", "integer"));
        let (code, out, err) = tidegate(&shop.work(), &["registry", "ids", "."]);
        assert!(code == 0 && out.contains("1 new schemas, 1 new versions"), "{out}{err}");
        assert_eq!(tidegate(&shop.work(), &["registry", "ids", ".", "--check"]).0, 0);
        shop
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn work(&self) -> std::path::PathBuf {
        self.folder.path().join("work")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// `crt` and `key` for localhost.
    fn certificate(&self) {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args([
                "-addext",
                "subjectAltName=DNS:localhost",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-keyout",
                "key",
                "-out",
                "crt",
            ])
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn push(&self) -> String {
        let work = self.work();
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "-q", "--allow-empty", "-m", "c"]);
        git(&work, &["push", "-q", "--force", "origin", "HEAD:main"]);
        git(&work, &["rev-parse", "HEAD"])
    }
}

/// A process of ours with its log; ended when dropped.
struct Role {
    child: Child,
    log: std::path::PathBuf,
}

impl Role {
    fn start(folder: &Path, name: &str, args: &[&str], env: &[(&str, &str)]) -> Role {
        let log = folder.join(format!("{name}.log"));
        let out = std::fs::File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(args)
            .args(["--log-format", "json", "--http", "127.0.0.1:0"])
            .current_dir(folder)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Role { child, log }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// `key` of the first line of the log that has it.
    fn said(&mut self, key: &str) -> String {
        let pattern = format!("\"{key}\":\"");
        let mut found = None;
        self.wait(key, |role| {
            found = role
                .log()
                .split_once(&pattern)
                .map(|(_, rest)| rest.split('"').next().unwrap().to_owned());
            found.is_some()
        });
        found.unwrap()
    }

    fn wait(&mut self, what: &str, mut done: impl FnMut(&Role) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !done(self) {
            assert!(self.child.try_wait().unwrap().is_none(), "{what}: it has ended\n{}", self.log());
            assert!(Instant::now() < deadline, "{what} did not come in time\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ended(mut self) -> (i32, String) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code().unwrap_or(-1), self.log());
            }
            assert!(Instant::now() < deadline, "it does not end\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let attempt = || -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(address).ok()?;
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
    };
    attempt().unwrap_or_default()
}

fn get(address: &str, path: &str) -> (u16, String) {
    ask(address, "GET", path, &[("Authorization", &format!("Bearer {TOKEN}"))], "")
}

/// What a validator has in force, by its own metrics.
fn in_force(address: &str) -> String {
    let (_, metrics) = get(address, "/metrics");
    let line = metrics
        .lines()
        .find(|line| line.starts_with("tidegate_snapshot_info{") && line.ends_with(" 1"));
    line.and_then(|line| line.split('"').nth(1)).unwrap_or_default().to_owned()
}

#[test]
fn two_validators_follow_what_git_says_and_roll_back() {
    let shop = Shop::new();
    let host = GitHost::start(&shop.path().join("hosted"), None);
    let first = shop.push();
    let hash: String = {
        let output = Command::new("sh")
            .args(["-c", &format!("printf %s '{TOKEN}' | sha256sum")])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
    };
    std::fs::write(shop.path().join("tokens"), format!("validators sha256:{hash}\n")).unwrap();
    std::fs::write(shop.path().join("webhook"), "0123456789abcdef\n").unwrap();
    let config = |poll: u32| format!("contracts_source:\n  poll_ms: {poll}\n  state: state\n");
    // Only the webhook makes the registry look soon.
    std::fs::write(shop.path().join("registry.yaml"), config(12_000)).unwrap();
    std::fs::write(shop.path().join("worker.yaml"), config(200)).unwrap();
    let source = format!("{}#main", host.url("c.git"));
    let args = [
        "registry",
        "serve",
        "--config",
        "registry.yaml",
        "--contracts",
        &source,
        "--listen",
        "127.0.0.1:0",
        "--tokens",
        "tokens",
        "--webhook-secret",
        "webhook",
    ];
    let mut registry = Role::start(shop.path(), "registry", &args, &[]);
    let api = registry.said("address");
    registry.wait("a snapshot", |_| get(&api, "/v1/snapshot").0 == 200);
    let url = format!("http://{api}");
    let worker = |name: &str, env: &[(&str, &str)]| {
        let args = [
            "validate",
            "--config",
            "worker.yaml",
            "--brokers",
            "127.0.0.1:1",
            "--contracts",
            &url,
        ];
        Role::start(shop.path(), name, &args, env)
    };
    // Without the token nothing starts, and what is missing is said.
    let (code, log) = worker("stranger", &[]).ended();
    assert!(code == 78 && log.contains("TIDEGATE_CONTRACTS_TOKEN"), "{code} {log}");

    let mut workers = [
        worker("one", &[("TIDEGATE_CONTRACTS_TOKEN", TOKEN)]),
        worker("two", &[("TIDEGATE_CONTRACTS_TOKEN", TOKEN)]),
    ];
    let addresses: Vec<String> = workers.iter_mut().map(|role| role.said("address")).collect();
    let mut follow = |commit: &str, registry: &mut Role| {
        let hook = |token: &str| ask(&api, "POST", "/hooks/git", &[("X-Gitlab-Token", token)], "{}").0;
        assert_eq!(hook("0123456789abcdeF"), 401);
        assert_eq!(hook("0123456789abcdef"), 202);
        registry.wait("the registry", |_| get(&api, "/v1/health").1.contains(commit));
        for (role, address) in workers.iter_mut().zip(&addresses) {
            role.wait(commit, |_| in_force(address) == commit);
        }
    };
    follow(&first, &mut registry);

    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer").replace("i64", "i32"));
    let second = shop.push();
    follow(&second, &mut registry);

    // What does not load, what changes a published version, and what lacks an id: refused with reasons, and nobody takes it up.
    for (text, schema, reason) in [
        (contract("1.2.0", "integr"), AVRO.to_owned(), "TG0115"),
        (contract("1.1.0", "integer"), AVRO.to_owned(), "TG0140"),
        (contract("1.2.0", "integer"), AVRO.replace("Order", "Bestellung"), "TG0157"),
    ] {
        shop.write("shop/orders.odcs.yaml", &text);
        shop.write("schemas/order.avsc", &schema);
        let bad = shop.push();
        assert_eq!(
            ask(&api, "POST", "/hooks/git", &[("X-Gitlab-Token", "0123456789abcdef")], "").0,
            202
        );
        registry.wait(reason, |_| {
            let (_, health) = get(&api, "/v1/health");
            health.contains(&bad) && health.contains(reason) && health.contains(&second)
        });
        assert!(addresses.iter().all(|address| in_force(address) == second), "{reason}");
    }
    shop.write("schemas/order.avsc", AVRO);

    // A force-push is noticed and changes nothing; a revert is the way back.
    git(&shop.work(), &["reset", "-q", "--hard", &first]);
    git(&shop.work(), &["push", "-q", "--force", "origin", "HEAD:main"]);
    assert_eq!(
        ask(&api, "POST", "/hooks/git", &[("X-Gitlab-Token", "0123456789abcdef")], "").0,
        202
    );
    registry.wait("the forced push", |_| get(&api, "/v1/health").1.contains("does not come after"));
    assert!(addresses.iter().all(|address| in_force(address) == second));
    git(&shop.work(), &["reset", "-q", "--hard", &second]);
    git(&shop.work(), &["revert", "--no-edit", &second]);
    let reverted = shop.push();
    let began = Instant::now();
    follow(&reverted, &mut registry);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());

    // Every commit that was in force can be had still, and serializers find the schema.
    assert_eq!(get(&api, &format!("/v1/snapshots/{second}")).0, 200);
    assert_eq!(get(&api, "/subjects/orders-value/versions").1, "[1]");
    assert_eq!(ask(&api, "GET", "/subjects", &[], "").0, 401);
    // The registry away: workers go on with what they have.
    drop(registry);
    let failed = |address: &String| {
        get(address, "/metrics")
            .1
            .contains("tidegate_snapshot_refreshes_total{outcome=\"failed\"}")
    };
    for (role, address) in workers.iter_mut().zip(&addresses) {
        role.wait("failed looks", |_| failed(address));
        assert_eq!(in_force(address), reverted);
    }
    let everything: String = [".log"].iter().flat_map(|_| workers.iter().map(Role::log)).collect();
    assert!(!everything.contains(TOKEN));
}

#[test]
fn lint_says_which_event_schema_lacks_its_id() {
    let shop = Shop::new();
    assert_eq!(tidegate(&shop.work(), &["lint", "."]).0, 0);
    shop.write("schemas/order.avsc", &AVRO.replace("Order", "Bestellung"));
    let (code, out, _) = tidegate(&shop.work(), &["lint", "."]);
    assert!(
        code == 1 && out.contains("TG0157") && out.contains("orders.odcs.yaml:12"),
        "{code} {out}"
    );
    let (code, _, err) = tidegate(&shop.work(), &["registry", "ids", ".", "--check"]);
    assert!(code == 1 && err.contains("orders.odcs.yaml:12"), "{code} {err}");
    assert_eq!(tidegate(&shop.work(), &["registry", "ids", "."]).0, 0);
    assert_eq!(tidegate(&shop.work(), &["lint", "."]).0, 0);
}

#[test]
fn lint_says_where_an_id_means_something_else() {
    let shop = Shop::new();
    let second = AVRO.replace(
        "\"long\"}",
        "\"long\"},{\"name\":\"note\",\"type\":[\"null\",\"string\"],\"default\":null}",
    );
    shop.write("schemas/order.avsc", &second);
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    assert_eq!(tidegate(&shop.work(), &["registry", "ids", "."]).0, 0);
    shop.push();
    assert_eq!(tidegate(&shop.work(), &["lint", "."]).0, 0);
    let place = shop.work().join("schemas/registered/ids.json");
    let mut record: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&place).unwrap()).unwrap();
    record["subjects"]["orders-value"].as_array_mut().unwrap().reverse();
    std::fs::write(&place, record.to_string()).unwrap();
    let (code, out, err) = tidegate(&shop.work(), &["lint", "."]);
    assert!(
        code == 1 && format!("{out}{err}").contains("other ids than in an earlier commit"),
        "{code} {out}{err}"
    );
}

#[test]
fn a_start_at_a_bad_commit_serves_the_last_good_one() {
    let shop = Shop::new();
    let good = shop.push();
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integr"));
    shop.push();
    shop.write("schemas/order.avsc", &AVRO.replace("Order", "Bestellung"));
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    let bad = shop.push();
    let mut registry = Role::start(
        shop.path(),
        "registry",
        &["registry", "serve", "--contracts", "work", "--listen", "127.0.0.1:0"],
        &[],
    );
    let api = registry.said("address");
    registry.wait("the good commit", |_| get(&api, "/v1/snapshot").0 == 200);
    registry.wait("both commits", |_| {
        let (_, health) = get(&api, "/v1/health");
        health.contains(&good) && health.contains(&bad) && health.contains("TG0157")
    });
    // Nothing good at all: it lives, is not ready, and takes up the first good commit.
    let shop = Shop::new();
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integr"));
    shop.push();
    std::fs::write(shop.path().join("c.yaml"), "contracts_source: {poll_ms: 200}\n").unwrap();
    let args = [
        "registry",
        "serve",
        "--config",
        "c.yaml",
        "--contracts",
        "work",
        "--listen",
        "127.0.0.1:0",
    ];
    let mut registry = Role::start(shop.path(), "registry", &args, &[]);
    let api = registry.said("address");
    registry.wait("the reasons", |_| get(&api, "/v1/health").1.contains("TG0115"));
    assert_eq!(get(&api, "/v1/snapshot").0, 503);
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    let mended = shop.push();
    registry.wait("the mended commit", |_| {
        get(&api, "/v1/health").1.contains(&mended) && get(&api, "/v1/snapshot").0 == 200
    });
}

/// Whoever starts later knows what was published before: replicas agree, whenever they were started.
#[test]
fn a_start_at_a_changed_version_serves_what_was_published() {
    let shop = Shop::new();
    let good = shop.push();
    let orders = contract("1.0.0", "integer");
    shop.write("shop/orders.odcs.yaml", &orders.replace("i64", "i32"));
    shop.push();
    // What comes behind does not make it right, and takes nothing of it along.
    shop.write(
        "shop/more.odcs.yaml",
        "apiVersion: v3.2.0\nkind: DataContract\nid: more\nname: More\nversion: 1.0.0\nstatus: active\nschema:\n  - name: more\n    physicalType: topic\n    \
         properties:\n      - {name: id, logicalType: string}\n",
    );
    let behind = shop.push();
    let args = ["registry", "serve", "--contracts", "work", "--listen", "127.0.0.1:0"];
    let mut registry = Role::start(shop.path(), "registry", &args, &[]);
    let api = registry.said("address");
    registry.wait("the published content", |_| {
        let (_, health) = get(&api, "/v1/health");
        health.contains(&good) && health.contains(&behind) && health.contains("TG0140")
    });
    let (code, out, err) = tidegate(&shop.work(), &["bundle", ".", "--out", "../c.tidegate"]);
    assert!(code == 1 && format!("{out}{err}").contains("TG0140"), "{code} {out}{err}");
    // A new version is the way on.
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer").replace("i64", "i32"));
    let mended = shop.push();
    let mut next = Role::start(shop.path(), "next", &args, &[]);
    let api = next.said("address");
    next.wait("the mended commit", |_| {
        get(&api, "/v1/health").1.contains(&mended) && get(&api, "/v1/snapshot").0 == 200
    });
}

/// What a pull request of a stranger may hold: links in the place of what `registry ids` writes.
#[cfg(unix)]
#[test]
fn ids_are_written_through_no_link() {
    let refused = |prepare: &dyn Fn(&Path, &Path)| {
        let shop = Shop::new();
        let outside = shop.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("authorized_keys"), "mine").unwrap();
        std::fs::remove_dir_all(shop.work().join("schemas/registered")).unwrap();
        prepare(&shop.work(), &outside);
        let (code, out, err) = tidegate(&shop.work(), &["registry", "ids", "."]);
        assert!(code != 0 && err.contains("link"), "{code} {out}{err}");
        let left: Vec<_> = std::fs::read_dir(&outside)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["authorized_keys"], "nothing was written outside");
        assert_eq!(std::fs::read_to_string(outside.join("authorized_keys")).unwrap(), "mine");
    };
    let link = |target: &Path, at: &Path| std::os::unix::fs::symlink(target, at).unwrap();
    refused(&|work, outside| link(outside, &work.join("schemas/registered")));
    refused(&|work, outside| {
        std::fs::create_dir(work.join("schemas/registered")).unwrap();
        link(&outside.join("authorized_keys"), &work.join("schemas/registered/ids.json"));
    });
    refused(&|work, outside| {
        std::fs::create_dir(work.join("schemas/registered")).unwrap();
        link(&outside.join("new"), &work.join("schemas/registered/ids.json"));
    });
    // Inside of the repository it is no better.
    refused(&|work, _| {
        std::fs::create_dir(work.join("elsewhere")).unwrap();
        link(Path::new("../elsewhere"), &work.join("schemas/registered"));
    });
}

/// A host that accepts and says nothing.
#[test]
fn a_silent_host_keeps_nobody_from_saying_that_it_lives_and_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!("http://{}/c.git#main", silent.local_addr().unwrap());
    std::fs::write(folder.path().join("c.yaml"), "contracts_source: {state: state}\n").unwrap();
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = probe.local_addr().unwrap().to_string();
    drop(probe);
    let log = folder.path().join("log");
    let child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args([
            "validate",
            "--brokers",
            "127.0.0.1:1",
            "--contracts",
            &source,
            "--config",
            "c.yaml",
            "--http",
            &address,
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut worker = Role { child, log };
    worker.wait("livez", |_| get(&address, "/livez").0 == 200);
    let (status, why) = get(&address, "/readyz");
    assert!(status == 503 && why.contains("contract source"), "{status} {why}");
    let stopped = Instant::now();
    assert!(Command::new("kill").arg(worker.child.id().to_string()).status().unwrap().success());
    let (code, log) = worker.ended();
    assert!(
        code == 0 && stopped.elapsed() < Duration::from_secs(20),
        "{code} {:?} {log}",
        stopped.elapsed()
    );
}

#[test]
fn contracts_are_not_taken_unencrypted_from_another_machine() {
    let folder = tempfile::tempdir().unwrap();
    let start = |extra: &[&str]| {
        let mut args = vec!["validate", "--brokers", "127.0.0.1:1", "--contracts", "http://192.0.2.1:8080"];
        args.extend(extra);
        Role::start(folder.path(), "worker", &args, &[])
    };
    let (code, log) = start(&[]).ended();
    assert!(code == 78 && log.contains("contracts_source.plaintext"), "{code} {log}");
    std::fs::write(folder.path().join("c.yaml"), "contracts_source: {plaintext: true}\n").unwrap();
    start(&["--config", "c.yaml"]).wait("waiting", |role| role.log().contains("unencrypted"));
}

#[test]
fn a_worker_whose_source_is_away_lives_is_not_ready_and_begins_when_it_comes() {
    let shop = Shop::new();
    let commit = shop.push();
    let work = shop.work();
    let args = ["validate", "--brokers", "127.0.0.1:1", "--contracts", "late.tidegate"];
    let mut worker = Role::start(shop.path(), "worker", &args, &[]);
    worker.wait("waiting", |role| role.log().contains("waiting for contracts"));
    let (code, out, err) = tidegate(shop.path(), &["bundle", work.to_str().unwrap(), "--out", "late.tidegate"]);
    assert!(code == 0 && out.starts_with("sha256:") && out.contains(&commit), "{out}{err}");
    let address = worker.said("address");
    worker.wait("the bundle", |_| in_force(&address) == commit);
}

#[test]
fn a_bundle_has_the_same_bytes_wherever_it_is_built() {
    let shop = Shop::new();
    let commit = shop.push();
    let host = GitHost::start(&shop.path().join("hosted"), None);
    let other = tempfile::tempdir().unwrap();
    let work = shop.work().display().to_string();
    std::fs::write(other.path().join("c.yaml"), "contracts_source: {state: s}\n").unwrap();
    let digest = |source: &str, out: &str| {
        let (code, said, err) = tidegate(other.path(), &["bundle", source, "--out", out, "--config", "c.yaml"]);
        assert_eq!(code, 0, "{said}{err}");
        (
            said.split(' ').next().unwrap().to_owned(),
            std::fs::read(other.path().join(out)).unwrap(),
        )
    };
    let one = digest(&work, "a.tidegate");
    assert_eq!(one, digest(&format!("{}#main", host.url("c.git")), "b.tidegate"));
    assert_eq!(one, digest(&format!("{}#{commit}", host.url("c.git")), "c.tidegate"));
    assert_eq!(one, digest(&format!("file://{}/hosted/c.git", shop.path().display()), "d.tidegate"));
    // What workers would refuse is not written.
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integr"));
    shop.push();
    let (code, _, err) = tidegate(other.path(), &["bundle", &work, "--out", "bad.tidegate"]);
    assert!(
        code == 1 && err.contains("TG0115") && !other.path().join("bad.tidegate").exists(),
        "{code} {err}"
    );
    assert_eq!(tidegate(other.path(), &["bundle", &work, "--out", "contracts.bin"]).0, 2);
}

#[test]
fn what_is_misconfigured_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |args: &[&str]| {
        let all: Vec<&str> = ["registry", "serve", "--contracts", "."].iter().chain(args).copied().collect();
        let (code, log) = Role::start(folder.path(), "refused", &all, &[]).ended();
        assert_eq!(code, 78, "{args:?}: {log}");
        log
    };
    assert!(serve(&["--listen", "0.0.0.0:0"]).contains("--tokens"));
    std::fs::write(folder.path().join("empty"), "").unwrap();
    assert!(serve(&["--listen", "127.0.0.1:0", "--tokens", "empty"]).contains("holds no token"));
    assert!(serve(&["--listen", "127.0.0.1:0", "--webhook-secret", "empty"]).contains("16 bytes"));
    assert!(serve(&["--listen", "127.0.0.1:0", "--certificate", "empty", "--key", "empty"]).contains("no certificate"));
    assert!(serve(&["--listen", "127.0.0.1:0", "--certificate", "empty"]).contains("belong together"));
    let (code, _, err) = tidegate(
        folder.path(),
        &["validate", "--brokers", "x:1", "--contracts", "https://u:hunter2@example.com/c.git"],
    );
    assert!(code == 78 && !err.contains("hunter2"), "{err}");
}
