//! A contract is broken in a running system, and the right team is told, once: Kafka, the roles, Prometheus, Alertmanager, a webhook.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tidegate_sim::traffic::{Expected, Planted};
use tidegate_telemetry::Metrics;
use tidegate_tests::planted::Producing;
use tidegate_tests::process::{Role, executable};
use tidegate_tests::stand::Stand;
use tidegate_tests::world::{Shape, World};

/// Every window, wait and interval is that much shorter: an hour is a minute.
const SPEED: &str = "60";
/// From the first bad event to the notification. What is waited for is a scrape, an evaluation and the group's second.
const TOLD_WITHIN: Duration = Duration::from_secs(90);
/// What only trouble feeds; each has a test of its own where it is fed.
const TROUBLE: [&str; 10] = [
    "tidegate_world_errors_total",
    // No schema registry takes part in this story.
    "tidegate_schema_requests_total",
    "tidegate_partition_paused",
    "tidegate_partition_halted",
    "tidegate_partition_quarantined",
    "tidegate_sends_refused_total",
    "tidegate_records_skipped_total",
    "tidegate_rule_switched_off_records_total",
    "tidegate_shadow_verdicts_total",
    "tidegate_lake_skips_total",
];

/// What only a running `sla serve` feeds begins so; its own tests see to that.
const SCHEDULED: [&str; 4] = [
    "tidegate_sla_",
    "tidegate_error_budget_",
    "tidegate_objective_limit",
    "tidegate_completeness_",
];

#[test]
fn a_broken_contract_reaches_its_team_in_time_and_once() {
    let Some(stand) = Stand::get() else { return };
    if !stand.has("monitoring") {
        return;
    }
    let shape = Shape {
        topics: &["orders"],
        partitions: 2,
        ..Shape::whole("s3", "exactly_once")
    };
    let world = World::new(stand.clone(), shape);
    let addresses = [free(), free(), free()];
    let role = |name: &str, command: &str, at: SocketAddr| {
        let http = at.to_string();
        world.start_in(world.folder.path(), name, command, &[("TIDEGATE_HTTP", &http)])
    };
    let mut validator = role("validator", "validate", addresses[0]);
    let mut sink = role("sink", "sink", addresses[1]);
    let contracts = world.folder.path().join("contracts");
    let registry = registry(&world, &contracts, addresses[2]);

    let hub = Hub::start();
    let folder = world.folder.path().join("alerts");
    let webhook = format!("http://{}/", hub.address);
    let rendered = Command::new(executable())
        .args(["alerts", "render", contracts.to_str().unwrap(), "--out", folder.to_str().unwrap()])
        .args(["--webhook", &webhook, "--speed", SPEED, "--sla", "job"])
        .output()
        .unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let alertmanager = free();
    let _alertmanager = server(
        stand.text("monitoring", "alertmanager"),
        &folder,
        &[
            format!("--config.file={}", folder.join("alertmanager.yaml").display()),
            format!("--storage.path={}", folder.join("alertmanager").display()),
            format!("--web.listen-address={alertmanager}"),
            "--cluster.listen-address=".to_owned(),
        ],
    );
    let prometheus = free();
    std::fs::write(folder.join("prometheus.yaml"), config(&addresses[..2], alertmanager)).unwrap();
    let _prometheus = server(
        stand.text("monitoring", "prometheus"),
        &folder,
        &[
            "--config.file=prometheus.yaml".to_owned(),
            "--storage.tsdb.path=prometheus".to_owned(),
            format!("--web.listen-address={prometheus}"),
        ],
    );

    // All is well for longer than the short window.
    let mut producing = Producing::new(&world, 21);
    let well = |event: &Planted| event.expected == Expected::Valid;
    let bad = |event: &Planted| matches!(event.expected, Expected::DeadLetter(_));
    let begun = Instant::now();
    let seen = || number(prometheus, "sum(increase(tidegate_outcomes_total{outcome=\"valid\"}[1m]))").is_some_and(|n| n > 300.0);
    while !seen() || begun.elapsed() < Duration::from_secs(8) {
        assert!(
            begun.elapsed() < Duration::from_secs(180),
            "Prometheus sees no outcome\n{}",
            validator.tail()
        );
        validator.assert_running();
        sink.assert_running();
        write(&mut producing, 100, &well);
        warned(&mut producing, &well);
        std::thread::sleep(Duration::from_millis(200));
    }
    let early: Vec<Notice> = hub.of_team();
    assert!(early.is_empty(), "nothing is wrong yet: {early:?}");

    // The producer breaks the contract; it goes on like that until well after somebody was told.
    let broken = Instant::now();
    // At once so much that no slower burn is told of before the fastest.
    write(&mut producing, 150, &bad);
    let mut told = None;
    while told.is_none_or(|at: Duration| broken.elapsed() < at + Duration::from_secs(15)) {
        write(&mut producing, 60, &well);
        write(&mut producing, 3, &bad);
        if told.is_none() && !hub.of_team().is_empty() {
            told = Some(broken.elapsed());
        }
        assert!(
            told.is_some() || broken.elapsed() < TOLD_WITHIN,
            "nobody was told: {:?}\n{}",
            hub.all(),
            state(prometheus, alertmanager, &folder)
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let notices = hub.of_team();
    eprintln!("told after {told:?}: {notices:?}");
    let [only] = notices.as_slice() else {
        panic!("told more than once: {notices:?}")
    };
    assert_eq!(only.alert, "ContractErrorBudgetFastBurn");
    assert_eq!(
        (
            only.receiver.as_str(),
            only.team.as_str(),
            only.contract.as_str(),
            only.severity.as_str()
        ),
        ("team-shop-checkout", "shop-checkout", "orders", "page")
    );
    assert!(
        only.summary.starts_with("orders v1: ") && only.summary.ends_with("limit 0.1 %"),
        "{}",
        only.summary
    );
    assert_eq!(only.runbook, "infra/runbooks/ContractErrorBudgetFastBurn.md");

    every_metric_is_fed(&world, &addresses);
    assert!(validator.stop().success());
    assert!(sink.stop().success());
    drop(registry);
}

/// What Prometheus and Alertmanager know, for whoever reads a failure.
fn state(prometheus: SocketAddr, alertmanager: SocketAddr, folder: &Path) -> String {
    let log = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
    format!(
        "alerts: {:?}\noutcomes: {:?}\nalertmanager: {:?}\n{}\n{}",
        ask(prometheus, "/api/v1/alerts"),
        ask(prometheus, "/api/v1/query?query=tidegate_outcomes_total"),
        ask(alertmanager, "/api/v2/alerts"),
        log("prometheus"),
        log("alertmanager")
    )
}

fn registry(world: &World, contracts: &Path, telemetry: SocketAddr) -> Role {
    let listen = free().to_string();
    let (contracts, http) = (contracts.to_str().unwrap(), telemetry.to_string());
    let args = [
        "registry",
        "serve",
        "--contracts",
        contracts,
        "--listen",
        &listen,
        "--open",
        "--http",
        &http,
    ];
    let role = Role::start(world.folder.path(), "registry", &args, &[]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while ask(listen.parse().unwrap(), "/v1/health").is_none() {
        assert!(Instant::now() < deadline, "{}", role.tail());
        std::thread::sleep(Duration::from_millis(100));
    }
    role
}

/// Whatever is declared has a number in a running system, those of trouble aside; objectives are the demo's and those of `sla serve`.
fn every_metric_is_fed(world: &World, addresses: &[SocketAddr]) {
    let http = free();
    let lake = world.folder.path().join("demo");
    let address = http.to_string();
    let args = ["demo", "--drill", "late-data", "--http", &address, "--lake", lake.to_str().unwrap()];
    let demo = Role::start(world.folder.path(), "demo", &args, &[]);
    let mut shown = BTreeSet::new();
    let mut missing: Vec<String> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(90);
    while Instant::now() < deadline {
        for at in addresses.iter().chain([&http]) {
            let text = ask(*at, "/metrics").unwrap_or_default();
            let names = text.lines().filter(|line| line.starts_with("tidegate_"));
            shown.extend(names.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()));
        }
        let metrics = Metrics::new("", "");
        let names = metrics.definitions().iter().map(|one| one.name.clone());
        missing = names
            .filter(|name| !shown.contains(name) && !shown.contains(&format!("{name}_count")) && !TROUBLE.contains(&name.as_str()))
            .filter(|name| !SCHEDULED.iter().any(|begins| name.starts_with(begins)))
            .collect();
        if missing.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(missing.is_empty(), "nothing feeds {missing:?}\n{}", demo.tail());
    drop(demo);
}

/// An order with a field that its contract does not know passes with a warning.
fn warned(producing: &mut Producing, well: &dyn Fn(&Planted) -> bool) {
    let order = producing.draw(50).into_iter().find(well);
    let Some(mut order) = order else { return };
    let text = String::from_utf8(order.record.value.clone().unwrap().to_vec()).unwrap();
    let longer = text.trim_end().strip_suffix('}').map(|body| format!("{body},\"giftWrap\":true}}"));
    order.record.value = Some(longer.expect("an order is an object").into());
    producing.write_these(vec![order]);
}

fn write(producing: &mut Producing, events: usize, wanted: &dyn Fn(&Planted) -> bool) {
    let mut batch = Vec::new();
    while batch.len() < events {
        batch.extend(producing.draw(100).into_iter().filter(wanted));
    }
    batch.truncate(events);
    producing.write_these(batch);
}

fn config(roles: &[SocketAddr], alertmanager: SocketAddr) -> String {
    let targets: Vec<String> = roles.iter().map(|address| format!("\"{address}\"")).collect();
    format!(
        "global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}\nrule_files: [rules.yaml]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"{alertmanager}\"]}}]}}]}}\n\
         scrape_configs: [{{job_name: tidegate, static_configs: [{{targets: [{}]}}]}}]\n",
        targets.join(", ")
    )
}

// === what is asked ===

pub(crate) fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// The body of an answer with status 200.
pub(crate) fn ask(address: SocketAddr, target: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {target} HTTP/1.0\r\nHost: x\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split_whitespace().nth(1).filter(|status| *status == "200")?;
    Some(body.to_owned())
}

fn number(prometheus: SocketAddr, query: &str) -> Option<f64> {
    let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let answer: Value = serde_json::from_str(&ask(prometheus, &format!("/api/v1/query?query={encoded}"))?).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

/// A server that ends with the test.
struct Server(Child);

fn server(program: &str, folder: &Path, args: &[String]) -> Server {
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    let child = Command::new(program)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    Server(child.unwrap())
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// === the webhook ===

/// One alert of one notification.
#[derive(Debug, Clone)]
struct Notice {
    receiver: String,
    alert: String,
    team: String,
    contract: String,
    severity: String,
    summary: String,
    runbook: String,
}

/// Takes what Alertmanager sends.
struct Hub {
    address: SocketAddr,
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl Hub {
    fn start() -> Hub {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let hub = Hub {
            address: listener.local_addr().unwrap(),
            notices: Arc::default(),
        };
        let notices = hub.notices.clone();
        // Ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(body) = posted(stream) {
                    notices.lock().unwrap().extend(firing(&body));
                }
            }
        });
        hub
    }

    fn all(&self) -> Vec<Notice> {
        self.notices.lock().unwrap().clone()
    }

    /// What others than the platform team were told.
    fn of_team(&self) -> Vec<Notice> {
        self.all().into_iter().filter(|notice| notice.receiver != "platform").collect()
    }
}

fn posted(stream: TcpStream) -> Option<Value> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).ok()?;
    serde_json::from_slice(&body).ok()
}

fn firing(body: &Value) -> Vec<Notice> {
    let receiver = body["receiver"].as_str().unwrap_or_default();
    let alerts = body["alerts"].as_array().cloned().unwrap_or_default();
    let notice = |alert: &Value| {
        let text = |part: &str, name: &str| alert[part][name].as_str().unwrap_or_default().to_owned();
        Notice {
            receiver: receiver.to_owned(),
            alert: text("labels", "alertname"),
            team: text("labels", "team"),
            contract: text("labels", "contract"),
            severity: text("labels", "severity"),
            summary: text("annotations", "summary"),
            runbook: text("annotations", "runbook_url"),
        }
    };
    alerts.iter().filter(|alert| alert["status"] == "firing").map(notice).collect()
}
