//! What bad input gets: a refusal that names the place and the fix, before anything is touched.

use tidegate_tests::stand::Stand;
use tidegate_tests::world::{Shape, World};

#[test]
fn topics_that_do_not_fit_are_refused_with_a_sentence() {
    let Some(stand) = Stand::get() else { return };
    let world = World::new(stand, Shape::whole("s3", "exactly_once"));
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
    let contracts = tidegate_tests::world::root().join("contracts");
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
    let (status, body) = get(&address(&role.tail()), "/readyz");
    assert!(status == 503 && body.contains("starting"), "{status} {body}");
    assert_eq!(get(&address(&role.tail()), "/livez").0, 200, "waiting is not dead");
    assert!(role.stop().success(), "nothing was open");
}

/// Where the role says that it listens; colours of the log are left out.
pub(crate) fn address(log: &str) -> String {
    let plain: String = log
        .split('\u{1b}')
        .map(|part| {
            part.split_once('m')
                .filter(|(code, _)| code.starts_with('['))
                .map_or(part, |(_, rest)| rest)
        })
        .collect();
    let (_, rest) = plain
        .split_once("address=")
        .unwrap_or_else(|| panic!("no address in the log:\n{plain}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

pub(crate) fn get(address: &str, path: &str) -> (u16, String) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    (text.split(' ').nth(1).unwrap().parse().unwrap(), text)
}
