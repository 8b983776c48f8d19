//! Two validators on a real broker follow a registry that follows Git: good commits, commits that must not be, and a rollback, while events flow.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tidegate_flow::record::Outgoing;
use tidegate_flow::{TopicPartition, stamp};
use tidegate_kafka::RecordWriter;
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World};

use crate::refusals::{address, get};

/// A rollback is in force everywhere within this time.
const ROLLBACK_MAX: Duration = Duration::from_secs(60);
/// Events of a round.
const ROUND: i64 = 400;

/// `n` up to `most` passes.
fn contract(topic: &str, version: &str, most: i64) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: counted\nname: Counted\nversion: {version}\nstatus: active\nschema:\n  - name: counted\n    \
         physicalName: {topic}\n    physicalType: topic\n    properties:\n      - {{name: n, logicalType: integer, required: true, \
         logicalTypeOptions: {{format: i64, minimum: 0, maximum: {most}}}}}\n"
    )
}

struct Shop<'w> {
    world: &'w World,
    topic: String,
    writer: RecordWriter,
    next: i64,
    registry: Role,
    api: String,
    validators: Vec<(Role, String)>,
    /// The largest `n` that passes, by version; for records that were judged by a commit.
    most: BTreeMap<String, (String, i64)>,
}

fn git(folder: &Path, args: &[&str]) -> String {
    let identity = [
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@example.com",
        "-c",
        "commit.gpgsign=false",
    ];
    let output = Command::new("git").args(identity).args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Shop<'_> {
    fn commit(&self, text: &str) -> String {
        let folder = self.world.folder.path().join("contracts");
        std::fs::write(folder.join("orders.odcs.yaml"), text).unwrap();
        git(&folder, &["add", "."]);
        git(&folder, &["commit", "--quiet", "-m", "a change"]);
        git(&folder, &["rev-parse", "HEAD"])
    }

    /// A commit that is in force everywhere in the end.
    fn publish(&mut self, version: &str, most: i64) -> String {
        let commit = self.commit(&contract(&self.topic, version, most));
        self.follow(&commit);
        self.most.insert(commit.clone(), (version.to_owned(), most));
        commit
    }

    fn follow(&mut self, commit: &str) {
        let in_force = format!("tidegate_snapshot_info{{commit=\"{commit}\"}} 1");
        for (role, address) in &mut self.validators {
            let address = address.clone();
            wait("the commit to be in force", &mut [role], || {
                Ok(get(&address, "/metrics").1.contains(&in_force))
            });
        }
    }

    /// A commit that nobody takes up, for this reason.
    fn refused(&mut self, text: &str, reason: &str) {
        let before: Vec<String> = self.validators.iter().map(|(_, address)| commit_of(address)).collect();
        let commit = self.commit(text);
        let api = self.api.clone();
        wait("the refusal", &mut [&mut self.registry], || {
            let (_, health) = get(&api, "/v1/health");
            Ok(health.contains(&commit) && health.contains(reason))
        });
        self.round();
        let now: Vec<String> = self.validators.iter().map(|(_, address)| commit_of(address)).collect();
        assert_eq!(now, before, "{reason}");
    }

    /// Writes events and waits for their outcomes.
    fn round(&mut self) {
        let to = |n: i64| TopicPartition::new(self.topic.as_str(), i32::try_from(n % i64::from(self.world.partitions())).unwrap());
        let records: Vec<Outgoing> = (self.next..self.next + ROUND)
            .map(|n| Outgoing {
                to: to(n),
                key: None,
                value: Some(format!(r#"{{"n":{}}}"#, n % ROUND).into()),
                headers: Vec::new(),
                timestamp: None,
            })
            .collect();
        assert_eq!(self.writer.write(&records).unwrap().delivered, records.len());
        self.next += ROUND;
        let world = self.world;
        let mut roles: Vec<&mut Role> = self.validators.iter_mut().map(|(role, _)| role).collect();
        wait("every outcome", &mut roles, || world.is_settled("validator", &world.sources()));
    }
}

fn commit_of(address: &str) -> String {
    let metrics = get(address, "/metrics").1;
    let line = metrics.lines().find(|line| line.starts_with("tidegate_snapshot_info"));
    line.and_then(|line| line.split('"').nth(1)).unwrap_or_default().to_owned()
}

#[test]
fn two_validators_judge_by_what_the_registry_has_from_git() {
    let Some(stand) = Stand::get() else { return };
    let shape = Shape {
        topics: &["orders"],
        partitions: 4,
        ..Shape::whole("s3", "exactly_once")
    };
    let world = World::new(stand, shape);
    let config = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), format!("{config}contracts_source:\n  poll_ms: 500\n")).unwrap();
    let topic = world.sources()[0].to_string();
    let folder = world.folder.path().join("contracts");
    std::fs::write(folder.join("orders.odcs.yaml"), contract(&topic, "1.0.0", 1_000)).unwrap();
    git(&folder, &["commit", "--quiet", "-a", "-m", "the first"]);
    let first = git(&folder, &["rev-parse", "HEAD"]);

    let args = [
        "registry",
        "serve",
        "--config",
        world.config().to_str().unwrap(),
        "--contracts",
        folder.to_str().unwrap(),
    ]
    .map(str::to_owned);
    let args: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .chain(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .collect();
    let mut registry = Role::start(world.folder.path(), "registry", &args, &[]);
    let log = registry.log_path();
    wait("the registry", &mut [&mut registry], || {
        Ok(std::fs::read_to_string(&log)?.contains("a new snapshot is in force"))
    });
    let api = address(&registry.tail());
    let url = format!("http://{api}");
    let mut validators = Vec::new();
    for name in ["validator-1", "validator-2"] {
        let mut role = world.start_in(world.folder.path(), name, "validate", &[("TIDEGATE_CONTRACTS", &url)]);
        let log = role.log_path();
        wait("its address", &mut [&mut role], || {
            Ok(std::fs::read_to_string(&log)?.contains("address="))
        });
        let address = address(&role.log());
        validators.push((role, address));
    }
    let mut shop = Shop {
        writer: RecordWriter::connect(&world.kafka).unwrap(),
        world: &world,
        topic: topic.clone(),
        next: 0,
        registry,
        api,
        validators,
        most: BTreeMap::from([(first.clone(), ("1.0.0".to_owned(), 1_000))]),
    };
    shop.follow(&first);
    shop.round();
    let stricter = shop.publish("1.1.0", 99);
    shop.round();
    shop.refused("apiVersion: v3.2.0\nkind: [", "TG01");
    shop.refused(&contract(&topic, "1.1.0", 50), "TG0140");
    shop.publish("1.2.0", 199);
    shop.round();

    // Back to the first content, under its own version.
    let began = Instant::now();
    let back = shop.publish("1.0.0", 1_000);
    let took = began.elapsed();
    assert!(took < ROLLBACK_MAX, "{took:?}");
    shop.round();
    assert!(![&first, &stricter].contains(&&back));

    // Each record was judged by one commit that was in force, as that commit says; and commits followed each other in each partition.
    let mut judged: BTreeMap<(i32, i64), (String, bool)> = BTreeMap::new();
    for (outcomes, passed) in [(format!("{topic}.validated"), true), (format!("{topic}.dlq"), false)] {
        for record in world.read(&outcomes) {
            let stamp = stamp::read(&record.headers).expect("every outcome is stamped");
            let n: serde_json::Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            let (version, most) = shop
                .most
                .get(&*stamp.commit)
                .unwrap_or_else(|| panic!("{} was never in force", stamp.commit));
            assert_eq!(&*stamp.contract.as_ref().unwrap().version, version);
            assert_eq!(n["n"].as_i64().unwrap() <= *most, passed, "{n} by {version}");
            let place = (stamp.origin.at.partition, stamp.origin.offset.0);
            assert!(
                judged.insert(place, (stamp.commit.to_string(), passed)).is_none(),
                "{place:?} twice"
            );
        }
    }
    assert_eq!(judged.len() as i64, shop.next);
    for partition in 0..world.partitions() {
        let commits: Vec<&str> = judged
            .range((partition, 0)..(partition + 1, 0))
            .map(|(_, (commit, _))| commit.as_str())
            .collect();
        let mut runs = commits.clone();
        runs.dedup();
        let mut once = runs.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), runs.len(), "partition {partition} went back to a commit: {runs:?}");
        assert_eq!(once.len(), 4, "{runs:?}");
    }
    for (role, _) in shop.validators {
        assert!(role.stop().success());
    }
    let (code, out, err) = world.run(&["audit"]);
    assert_eq!(code, 0, "{out}{err}");
}

/// A bundle that was built in CI lies in the object store, and is replaced there.
#[test]
fn a_validator_follows_a_bundle_in_an_object_store() {
    let Some(stand) = Stand::get() else { return };
    for store in ["s3", "azure"] {
        let shape = Shape {
            topics: &["orders"],
            partitions: 2,
            ..Shape::whole(store, "exactly_once")
        };
        let world = World::new(stand.clone(), shape);
        let config = std::fs::read_to_string(world.config()).unwrap();
        std::fs::write(world.config(), format!("{config}contracts_source:\n  poll_ms: 500\n")).unwrap();
        let folder = world.folder.path().join("contracts");
        let place = format!("{}/contracts/prod.tidegate", world.location());
        let bundle = || {
            let (code, out, err) = world.run(&["bundle", folder.to_str().unwrap(), "--out", &place]);
            assert_eq!(code, 0, "{store}: {out}{err}");
            git(&folder, &["rev-parse", "HEAD"])
        };
        // Nothing there yet: it lives, and begins when there is.
        let mut role = world.start_in(world.folder.path(), "validator", "validate", &[("TIDEGATE_CONTRACTS", &place)]);
        let log = role.log_path();
        wait("waiting for contracts", &mut [&mut role], || {
            Ok(std::fs::read_to_string(&log)?.contains("waiting for contracts"))
        });
        let first = bundle();
        wait("its address", &mut [&mut role], || {
            Ok(std::fs::read_to_string(&log)?.contains("address="))
        });
        let address = address(&role.log());
        wait("the first bundle", &mut [&mut role], || Ok(commit_of(&address) == first));
        std::fs::write(
            folder.join("more.odcs.yaml"),
            contract("more", "1.0.0", 5).replace("id: counted", "id: more"),
        )
        .unwrap();
        git(&folder, &["add", "."]);
        git(&folder, &["commit", "--quiet", "-m", "more"]);
        let second = bundle();
        assert_ne!(first, second);
        wait("the second bundle", &mut [&mut role], || Ok(commit_of(&address) == second));
        assert!(role.stop().success());
    }
}
