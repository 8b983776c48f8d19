//! What bad input gets: a refusal that names the place and the fix, before anything is touched.

use std::process::Command;

use tidegate_tests::process::executable;
use tidegate_tests::stand::Stand;

use crate::world::World;

fn run(args: &[&str], folder: &std::path::Path) -> (i32, String) {
    let output = Command::new(executable()).args(args).current_dir(folder).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_malformed_contract_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let contract = "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: a\n    properties:\n      - name: x\n        logicalTyp: string\n";
    std::fs::write(folder.path().join("a.odcs.yaml"), contract).unwrap();
    std::fs::write(folder.path().join("e.jsonl"), "{}\n").unwrap();
    let (code, err) = run(&["check", "a.odcs.yaml", "e.jsonl"], folder.path());
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("a.odcs.yaml:10:9") && err.contains("logicalType"), "{err}");
}

#[test]
fn an_unknown_key_of_the_config_is_refused_before_any_connection() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.yaml"), "kafka:\n  brokers: 127.0.0.1:1\ncontracts: .\nvalidator:\n  modus: x\n").unwrap();
    for command in ["validate", "sink"] {
        let (code, err) = run(&[command, "--config", "t.yaml"], folder.path());
        assert_eq!(code, 78, "{err}");
        assert!(err.contains("t.yaml:5:3") && err.contains("modus"), "{err}");
    }
}

#[test]
fn topics_that_do_not_fit_are_refused_with_a_sentence() {
    let Some(stand) = Stand::get() else { return };
    let world = World::new(stand, "s3", "exactly_once");
    let text = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(world.config(), text.replace("validator:\n", "validator:\n  validated_topic: \"{topic}.elsewhere\"\n")).unwrap();
    let (code, _, err) = world.run(&["validate"]);
    assert_eq!(code, 78, "{err}");
    assert!(err.contains("orders.elsewhere does not exist") && err.contains("6 partitions"), "{err}");
}

#[test]
fn a_broker_that_is_down_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let contracts = crate::world::root().join("contracts");
    let contracts = contracts.to_str().unwrap();
    let env = [];
    let args = ["validate", "--brokers", "127.0.0.1:1", "--contracts", contracts, "--http", "127.0.0.1:0"];
    let mut role = tidegate_tests::process::Role::start(folder.path(), "validator", &args, &env);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !role.tail().contains("waiting; it goes on by itself") {
        role.assert_running();
        assert!(std::time::Instant::now() < deadline, "{}", role.tail());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    role.stop();
}
