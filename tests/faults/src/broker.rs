//! An Apache Kafka of one's own, to be broken: one node, run from the stand's class path, with a proxy in front of the listener that
//! roles use. The settings are those of `tests/stand/parts/kafka.py`.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_flow::ports::Cluster as _;
use tidegate_kafka::{ClusterClient, Settings};
use tidegate_tests::stand::Stand;
use tidegate_tests::world::{Brokers, root};

use crate::proxy::{Proxy, Speech};

/// The broker with its proxy. Ends with its owner.
#[derive(Debug)]
pub struct Broker {
    /// In front of the listener of roles.
    pub proxy: Arc<Proxy>,
    libs: String,
    folder: tempfile::TempDir,
    direct: u16,
    child: Option<Child>,
}

const STARTS_WITHIN: Duration = Duration::from_secs(90);

// === impl Broker ===

impl Broker {
    /// Makes its storage and starts it; answers when it serves.
    pub fn start(stand: &Stand) -> Broker {
        let folder = tempfile::tempdir().unwrap();
        let [direct, proxied, controller] = free_ports();
        let proxy = Arc::new(Proxy::start(([127, 0, 0, 1], proxied).into(), Speech::Kafka));
        let mut broker = Broker {
            libs: stand.text("kafka", "libs").to_owned(),
            proxy,
            folder,
            direct,
            child: None,
        };
        let data = broker.data();
        let settings = [
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", "1".to_owned()),
            ("controller.quorum.bootstrap.servers", format!("127.0.0.1:{controller}")),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            (
                "listeners",
                format!("DIRECT://127.0.0.1:{direct},ROLES://127.0.0.1:{proxied},CONTROLLER://127.0.0.1:{controller}"),
            ),
            (
                "advertised.listeners",
                format!("DIRECT://127.0.0.1:{direct},ROLES://{}", broker.proxy.address()),
            ),
            (
                "listener.security.protocol.map",
                "DIRECT:PLAINTEXT,ROLES:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
            ),
            ("inter.broker.listener.name", "DIRECT".to_owned()),
            ("log.dirs", data.to_str().unwrap().to_owned()),
            // Careless, as brokers are by default: nobody may ask for a topic that is not there.
            ("auto.create.topics.enable", "true".to_owned()),
            ("group.initial.rebalance.delay.ms", "0".to_owned()),
            // Permissions can be taken away; until then everybody may do everything.
            (
                "authorizer.class.name",
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
            ),
            ("allow.everyone.if.no.acl.found", "true".to_owned()),
        ];
        let one = [
            "offsets.topic.replication.factor",
            "transaction.state.log.replication.factor",
            "transaction.state.log.min.isr",
            "share.coordinator.state.topic.replication.factor",
            "share.coordinator.state.topic.min.isr",
        ];
        let four = [
            "offsets.topic.num.partitions",
            "transaction.state.log.num.partitions",
            "share.coordinator.state.topic.num.partitions",
        ];
        let text: String = settings
            .into_iter()
            .chain(one.map(|name| (name, "1".to_owned())))
            .chain(four.map(|name| (name, "4".to_owned())))
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        std::fs::write(broker.settings(), text).unwrap();
        let settings = broker.settings();
        let id = "TidegateFaultsOfBroker";
        let format = ["format", "--standalone", "-t", id, "-c", settings.to_str().unwrap()];
        let answer = broker.tool("kafka.tools.StorageTool", &format);
        assert!(answer.status.success(), "formatting: {}", said(&answer));
        broker.up();
        broker
    }

    /// How to reach it.
    pub fn addresses(&self) -> Brokers {
        Brokers {
            direct: format!("127.0.0.1:{}", self.direct),
            of_roles: self.proxy.address().to_string(),
        }
    }

    /// Starts it again on its storage; answers when it serves.
    pub fn up(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let child = self
            .java("-Xmx512m", "kafka.Kafka", &[self.settings().to_str().unwrap()])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("java starts");
        self.child = Some(child);
        let deadline = Instant::now() + STARTS_WITHIN;
        while !self.serves() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the broker does not start: {ended:?}\n{}",
                std::fs::read_to_string(self.log()).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
    }

    /// Stops it in good order: its logs are closed, and not examined when it starts again.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let id = child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        child.wait().expect("it is ours");
    }

    /// Runs one of Kafka's own tools against the broker, past any fault.
    pub fn admin(&self, main_class: &str, args: &[&str]) {
        let direct = self.addresses().direct;
        let args: Vec<&str> = ["--bootstrap-server", &direct].into_iter().chain(args.iter().copied()).collect();
        let answer = self.tool(main_class, &args);
        assert!(answer.status.success(), "{main_class} {args:?}: {}", said(&answer));
    }

    /// Folder of a partition's segments.
    pub fn partition(&self, topic: &str, partition: i32) -> PathBuf {
        self.data().join(format!("{topic}-{partition}"))
    }

    fn serves(&self) -> bool {
        // A client that finds nobody waits long, so this looks first.
        std::net::TcpStream::connect(("127.0.0.1", self.direct)).is_ok()
            && ClusterClient::connect(&Settings::plain(self.addresses().direct))
                .unwrap()
                .topics(&["nothing".into()])
                .is_ok()
    }

    fn tool(&self, main_class: &str, args: &[&str]) -> Output {
        self.java("-Xmx256m", main_class, args).output().expect("java starts")
    }

    fn java(&self, memory: &str, main_class: &str, args: &[&str]) -> Command {
        let mut command = Command::new("java");
        let log4j = root().join("tests/stand/resources/kafka-log4j2.xml");
        command
            .args([memory, "-XX:TieredStopAtLevel=1"])
            .arg(format!("-Djava.io.tmpdir={}", self.folder.path().display()))
            .arg(format!("-Dlog4j2.configurationFile={}", log4j.display()))
            .args(["-cp", &format!("{}/*", self.libs), main_class])
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("server.properties")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("broker.log")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Ports outside of the range from which the system gives to anybody: they must be free again when the broker comes back.
fn free_ports() -> [u16; 3] {
    [(); 3].map(|()| {
        loop {
            let port = fastrand::u16(10_240..20_000);
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

fn said(answer: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr)
    )
}

/// The first segment of a partition.
pub fn segment(partition: &Path) -> PathBuf {
    partition.join("00000000000000000000.log")
}
