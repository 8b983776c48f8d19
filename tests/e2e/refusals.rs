//! What bad input gets: a refusal that names the place and the fix, before anything is touched.

use tidegate_tests::stand::Stand;

use crate::world::World;

#[test]
fn topics_that_do_not_fit_are_refused_with_a_sentence() {
    let Some(stand) = Stand::get() else { return };
    let world = World::new(stand, "s3", "exactly_once");
    let text = std::fs::read_to_string(world.config()).unwrap();
    std::fs::write(
        world.config(),
        text.replace("validator:\n", "validator:\n  validated_topic: \"{topic}.elsewhere\"\n"),
    )
    .unwrap();
    let (code, _, err) = world.run(&["validate"]);
    assert_eq!(code, 78, "{err}");
    assert!(
        err.contains("orders.elsewhere does not exist") && err.contains("6 partitions"),
        "{err}"
    );
}

#[test]
fn a_broker_that_is_down_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let contracts = crate::world::root().join("contracts");
    let contracts = contracts.to_str().unwrap();
    let env = [];
    let args = [
        "validate",
        "--brokers",
        "127.0.0.1:1",
        "--contracts",
        contracts,
        "--http",
        "127.0.0.1:0",
    ];
    let mut role = tidegate_tests::process::Role::start(folder.path(), "validator", &args, &env);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !role.tail().contains("waiting; it goes on by itself") {
        role.assert_running();
        assert!(std::time::Instant::now() < deadline, "{}", role.tail());
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    role.stop();
}
