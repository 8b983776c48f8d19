//! Secrets that a client carries over HTTP, to a store that is no folder and to a registry that is asked, appear in no log and no report.

use tidegate_tests::planted::Producing;
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World};

/// Begins the registry's user and password.
const CANARY: &str = "AKIAQ7CANARY4SECRET";
/// The first 18 bytes of it as the header of basic authentication has them.
const IN_A_HEADER: &str = "QUtJQVE3Q0FOQVJZNFNFQ1JF";

#[test]
fn secrets_that_are_carried_appear_nowhere() {
    let Some(stand) = Stand::get() else { return };
    for (store, variable, secret) in [
        ("s3", "AWS_SECRET_ACCESS_KEY", stand.text("s3", "secret_key")),
        ("azure", "AZURE_STORAGE_ACCOUNT_KEY", stand.text("azure", "key")),
    ] {
        let shape = Shape {
            partitions: 1,
            sink: "  slot_age_ms: 500\n",
            ..Shape::whole(store, "at_least_once")
        };
        let world = World::new(stand.clone(), shape);
        Producing::new(&world, 21).write(200);
        let said = of_roles(&world) + &of_commands(&world, variable);
        assert!(said.len() > 20_000, "too little was said to prove anything");
        for hidden in [secret, CANARY, IN_A_HEADER] {
            let around = said.find(hidden).map(|at| said.get(at.saturating_sub(200)..at));
            assert_eq!(around, None, "{store}: {hidden} is told behind this");
        }
    }
}

/// What validator and sink say while they ask the registry and write to the store.
fn of_roles(world: &World) -> String {
    let (user, password) = (format!("{CANARY}User"), format!("{CANARY}Password"));
    let further = [
        ("TIDEGATE_REGISTRY_USER", user.as_str()),
        ("TIDEGATE_REGISTRY_PASSWORD", password.as_str()),
        ("TIDEGATE_LOG_LEVEL", "trace"),
    ];
    let start = |command| world.start_in(world.folder.path(), command, command, &further);
    let (mut validator, mut sink) = (start("validate"), start("sink"));
    wait("every outcome", &mut [&mut validator, &mut sink], || {
        world.is_settled("validator", &world.sources())
    });
    wait("every row", &mut [&mut validator, &mut sink], || {
        world.is_settled("sink", &world.validated())
    });
    let payments = format!("{}payments.validated", world.prefix);
    assert!(!world.read(&payments).is_empty(), "Avro is valid only where the registry was asked");
    assert!(!world.lake().list("lake/").unwrap().is_empty(), "the store was written to");
    let logs = [&validator, &sink].map(Role::log_path);
    assert!(validator.stop().success() && sink.stop().success());
    logs.map(|path| std::fs::read_to_string(path).unwrap()).concat()
}

/// What the commands say that read the store, and what the sink says of a store that does not take its secret.
fn of_commands(world: &World, variable: &str) -> String {
    let (code, out, err) = world.run(&["audit", "--log-level", "trace"]);
    assert_eq!(code, 0, "{out}\n{err}");
    let mut said = out + &err;
    let (_, out, err) = world.run(&["sla", "run", "--once", "--log-level", "trace"]);
    said += &(out + &err);
    // Of the length of a key, in the alphabet of base64.
    let wrong = format!("{CANARY}0{}", "A".repeat(68));
    let further = [(variable, wrong.as_str()), ("TIDEGATE_LOG_LEVEL", "trace")];
    let mut refused = world.start_in(world.folder.path(), "refused", "audit", &further);
    let log = refused.log_path();
    wait("the audit to be refused", &mut [], || Ok(refused.has_ended()));
    let told = std::fs::read_to_string(log).unwrap();
    assert!(told.contains("incomplete") || told.contains("credentials"), "{told}");
    said + &told
}
