//! TLS, tokens for Git hosts, and ssh: who proves what to whom.

use super::*;

#[test]
fn tls_proves_the_registry_to_who_trusts_its_certificate() {
    let shop = Shop::new();
    let commit = shop.push();
    shop.certificate();
    let args = [
        "registry",
        "serve",
        "--contracts",
        "work",
        "--listen",
        "127.0.0.1:0",
        "--certificate",
        "crt",
        "--key",
        "key",
    ];
    let mut registry = Role::start(shop.path(), "registry", &args, &[]);
    let port = registry.said("address").rsplit(':').next().unwrap().to_owned();
    registry.wait("a snapshot", |role| role.log().contains("a new snapshot is in force"));
    assert_ne!(
        get(&format!("127.0.0.1:{port}"), "/v1/health").0,
        200,
        "nothing is said without TLS"
    );
    let url = format!("https://localhost:{port}");
    let trusted = shop.path().join("crt").display().to_string();
    let start = |name: &str, env: &[(&str, &str)]| {
        Role::start(
            shop.path(),
            name,
            &["validate", "--brokers", "127.0.0.1:1", "--contracts", &url],
            env,
        )
    };
    let mut wary = start("wary", &[]);
    wary.wait("waiting", |role| role.log().contains("waiting for contracts"));
    assert!(
        wary.log().contains("is not trusted") && wary.log().contains("SSL_CERT_FILE"),
        "{}",
        wary.log()
    );
    let mut worker = start("worker", &[("SSL_CERT_FILE", &trusted)]);
    let address = worker.said("address");
    worker.wait("the snapshot", |_| in_force(&address) == commit);

    // The certificate is written anew while it runs; a key that does not fit yet changes nothing.
    shop.certificate();
    registry.wait("the new certificate", |role| {
        role.log().contains("proves itself with another certificate")
    });
    let newer = Role::start(
        shop.path(),
        "newer",
        &["validate", "--brokers", "127.0.0.1:1", "--contracts", &url],
        &[("SSL_CERT_FILE", &trusted)],
    );
    let mut newer = newer;
    let address = newer.said("address");
    newer.wait("the snapshot", |_| in_force(&address) == commit);
}

/// Takes TLS off: certificate, key and the port behind it as arguments, its own port on standard output.
const TERMINATOR: &str = r#"
import asyncio, ssl, sys

async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def serve(reader, writer):
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[3]))
    await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

#[test]
fn a_token_is_given_to_a_git_host_by_tls_alone_and_shown_nowhere() {
    let shop = Shop::new();
    let commit = shop.push();
    shop.certificate();
    // x-access-token:hunter2hunter2
    let host = GitHost::start(&shop.path().join("hosted"), Some("eC1hY2Nlc3MtdG9rZW46aHVudGVyMmh1bnRlcjI="));
    let behind = host.url("").rsplit(':').next().unwrap().trim_matches('/').to_owned();
    let mut proxy = Command::new("python3")
        .args(["-c", TERMINATOR, "crt", "key", &behind])
        .current_dir(shop.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(proxy.stdout.take().unwrap()), &mut port).unwrap();
    let source = format!("https://localhost:{}/c.git#main", port.trim());
    let trusted = shop.path().join("crt");
    let state = shop.path().join("state");
    let bundle = |token: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["bundle", &source, "--out", "a.tidegate", "--log-level", "debug"])
            .current_dir(shop.path())
            .env("SSL_CERT_FILE", &trusted)
            .env("TIDEGATE_CONTRACTS_STATE", &state)
            .env("TIDEGATE_CONTRACTS_TOKEN", token)
            .output()
            .unwrap();
        (
            output.status.code(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ),
        )
    };
    let (code, said) = bundle("wrong-wrong-wrong");
    assert!(code == Some(2) && !said.contains("wrong-wrong"), "{code:?} {said}");
    let (code, said) = bundle("hunter2hunter2");
    assert!(
        code == Some(0) && said.contains(&commit) && !said.contains("hunter2"),
        "{code:?} {said}"
    );
    let kept = Command::new("grep").args(["-r", "-l", "hunter2"]).arg(&state).output().unwrap();
    assert!(kept.stdout.is_empty(), "{}", String::from_utf8_lossy(&kept.stdout));
    assert!(state.is_dir() && host.seen().len() >= 2);
    proxy.kill().unwrap();
    proxy.wait().unwrap();
}

/// Git's protocol over `ssh` as it is started: a program in its place notes its options and runs what it was told to run.
#[test]
fn over_ssh_nobody_is_asked_and_the_host_must_be_known() {
    use std::os::unix::fs::PermissionsExt as _;
    let shop = Shop::new();
    let commit = shop.push();
    let programs = shop.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    let ssh = programs.join("ssh");
    let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" >> \"$NOTED\"\nwhile :; do case $1 in -o|-F|-i) shift 2;; -*) shift;; *) break;; esac; done\nshift\nexec sh -c \"$*\"\n";
    std::fs::write(&ssh, script).unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(
        shop.path().join("c.yaml"),
        "contracts_source: {state: s, ssh_key: /keys/one, ssh_known_hosts: /keys/hosts}\n",
    )
    .unwrap();
    let noted = shop.path().join("noted");
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args([
            "bundle",
            &format!("ssh://git@shop.example{}/hosted/c.git#main", shop.path().display()),
            "--out",
            "a.tidegate",
            "--config",
            "c.yaml",
        ])
        .current_dir(shop.path())
        .env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap()))
        .env("NOTED", &noted)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains(&commit),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let noted = std::fs::read_to_string(noted).unwrap();
    for option in [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "/keys/one",
        "UserKnownHostsFile=/keys/hosts",
        "git@shop.example",
    ] {
        assert!(noted.lines().any(|line| line == option), "{option}: {noted}");
    }
}
