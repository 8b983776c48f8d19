//! The server on a socket of its own: who is answered, refused, and let go.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use super::*;

fn start() -> Server {
    let connections = Limits {
        connections: CONNECTIONS_MAX,
        stuck: STUCK_MAX,
        pace: PACE,
    };
    bounded(connections, HEAD_WITHIN, None)
}

fn bounded(connections: Limits, head_within: Duration, tls: Option<Tls>) -> Server {
    // Who sends a header `known` is; nobody may ask for /closed, and /bare reads no body.
    let admit = |head: &Request| match head.path.as_str() {
        "/closed" => Admission::Answer(Response {
            status: 401,
            headers: Vec::new(),
            body: Arc::default(),
        }),
        path => Admission::Read {
            body_bytes_max: if path == "/bare" { 0 } else { BODY_BYTES_MAX },
            is_known: head.headers.iter().any(|(name, _)| name == "known"),
        },
    };
    let bounds = Bounds { connections, head_within };
    Server::bounded((Ipv4Addr::LOCALHOST, 0).into(), tls, &bounds, admit, |request| {
        assert_ne!(request.path, "/panic");
        if request.path == "/large" {
            return Response {
                status: 200,
                headers: Vec::new(),
                body: vec![b'x'; LARGE].into(),
            };
        }
        Response {
            status: 203,
            headers: vec![(
                "x-said".to_owned(),
                format!("{} {}?{}", request.method, request.path, request.query),
            )],
            body: request.body.into(),
        }
    })
    .unwrap()
}

fn ask(server: &Server, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(
        stream,
        "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    // The server may answer and close before it has everything.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_request_reaches_the_function_as_it_was_sent() {
    let server = start();
    let answer = ask(&server, "POST /a%2Fb?c=d HTTP/1.1", b"body");
    assert!(answer.starts_with("HTTP/1.1 203"), "{answer}");
    assert!(
        answer.contains("x-said: POST /a%2Fb?c=d\r\n") && answer.ends_with("\r\n\r\nbody"),
        "{answer}"
    );
    assert!(ask(&server, "GET /panic HTTP/1.1", b"").starts_with("HTTP/1.1 500"));
    assert!(
        ask(&server, "GET / HTTP/1.1", b"").starts_with("HTTP/1.1 203"),
        "a panic ends one request"
    );
}

#[test]
fn a_body_that_is_too_large_is_not_read() {
    let server = start();
    let answer = ask(&server, "POST / HTTP/1.1", &vec![0; BODY_BYTES_MAX + 1]);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(ask(&server, "POST / HTTP/1.1", b"x").starts_with("HTTP/1.1 203"));
}

/// Sends a head and a part of the body that it announces.
fn begin(server: &Server, path: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n").unwrap();
    stream
}

fn status(stream: &mut TcpStream) -> String {
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    String::from_utf8(status.to_vec()).unwrap()
}

#[test]
fn who_is_not_let_in_is_answered_without_the_body() {
    let server = start();
    assert_eq!(status(&mut begin(&server, "/closed", 1000)), "HTTP/1.1 401");
    assert_eq!(status(&mut begin(&server, "/bare", 1000)), "HTTP/1.1 203");
    assert_eq!(status(&mut begin(&server, "/", BODY_BYTES_MAX + 1)), "HTTP/1.1 413");
}

/// More than the buffers of two kernels hold.
const LARGE: usize = 32 * 1024 * 1024;

/// Once `done`; a test that waits in vain fails.
fn until(server: &Server, what: &str, done: impl Fn(Connected) -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !done(server.connected()) {
        assert!(std::time::Instant::now() < deadline, "{what}: {:?}", server.connected());
        std::thread::yield_now();
    }
}

fn few(head_within: Duration) -> Server {
    few_with(head_within, None)
}

fn few_with(head_within: Duration, tls: Option<Tls>) -> Server {
    let limits = Limits {
        connections: 4,
        stuck: Duration::from_millis(300),
        pace: 1024 * 1024 * 1024,
    };
    bounded(limits, head_within, tls)
}

#[test]
fn connections_past_the_bound_are_answered_and_closed() {
    let server = few(Duration::from_secs(60));
    let mut open: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    until(&server, "four are open", |connected| connected.open == 4);
    for refused in 1..=3 {
        let mut answer = String::new();
        TcpStream::connect(server.address()).unwrap().read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
        assert_eq!(server.connected(), Connected { open: 4, refused });
    }
    // Those that were let in are served, and give their place back.
    let mut one = open.pop().unwrap();
    write!(one, "GET /bare HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(status(&mut one), "HTTP/1.1 203");
    until(&server, "one has gone", |connected| connected.open == 3);
    assert!(ask(&server, "GET / HTTP/1.1", b"").starts_with("HTTP/1.1 203"));
}

#[test]
fn who_says_nothing_or_a_little_now_and_then_is_not_held_for_ever() {
    let server = few(Duration::from_secs(1));
    let open = || TcpStream::connect(server.address()).unwrap();
    let (silent, mut slow, mut begun, mut between) = (open(), open(), open(), open());
    write!(begun, "GET / HTTP/1.1\r\nHost: x").unwrap();
    write!(between, "GET /bare HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(status(&mut between), "HTTP/1.1 203");
    // One byte after the other is no reason to wait on.
    until(&server, "all places are free", |connected| {
        let _ = slow.try_clone().and_then(|mut slow| slow.write_all(b"G"));
        connected.open == 0
    });
    drop((silent, begun));
    let _ = slow.flush();
    assert!(ask(&server, "GET / HTTP/1.1", b"").starts_with("HTTP/1.1 203"));
}

#[test]
fn tls_gives_no_place_for_ever_either() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = std::process::Command::new("openssl")
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
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .arg("-keyout")
        .arg(file("key"))
        .arg("-out")
        .arg(file("crt"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = few_with(Duration::from_secs(1), Some(Tls::from_files(&file("crt"), &file("key")).unwrap()));
    let config = Arc::new(crate::peer::trusting_anybody().unwrap());
    let shaken = || {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let mut tls = rustls::ClientConnection::new(config.clone(), "localhost".try_into().unwrap()).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).unwrap();
        }
        (stream, tls)
    };
    // Before the handshake, and behind it.
    let silent: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    let shaken: Vec<_> = (0..2).map(|_| shaken()).collect();
    until(&server, "four are open", |connected| connected.open == 4);
    let mut answer = Vec::new();
    TcpStream::connect(server.address()).unwrap().read_to_end(&mut answer).unwrap();
    assert_eq!((answer.len(), server.connected().refused), (0, 1), "nothing is said in plain text");
    until(&server, "all places are free", |connected| connected.open == 0);
    drop((silent, shaken));
}

#[test]
fn who_does_not_read_the_answer_is_not_held_for_ever() {
    let server = few(Duration::from_secs(60));
    let stuck: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut one = TcpStream::connect(server.address()).unwrap();
            write!(one, "GET /large HTTP/1.1\r\nHost: x\r\nknown: yes\r\n\r\n").unwrap();
            one
        })
        .collect();
    until(&server, "four are open", |connected| connected.open == 4);
    until(&server, "all places are free", |connected| connected.open == 0);
    drop(stuck);
    let server = start();
    // Who reads gets all of it, although it does not fit into any buffer.
    let mut one = TcpStream::connect(server.address()).unwrap();
    write!(one, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    one.read_to_end(&mut answer).unwrap();
    assert!(answer.len() > LARGE, "{}", answer.len());
}

#[test]
fn one_answer_after_the_other_may_take_as_long_as_it_likes() {
    let stuck = Duration::from_secs(3);
    let limits = Limits {
        connections: 4,
        stuck,
        pace: u64::MAX,
    };
    let server = bounded(limits, HEAD_WITHIN, None);
    let mut one = TcpStream::connect(server.address()).unwrap();
    let began = std::time::Instant::now();
    let mut answer = vec![0; LARGE];
    // Each of them is stuck for a moment; together it is longer than one may be.
    while began.elapsed() < stuck + Duration::from_millis(500) {
        write!(one, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            one.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        one.read_exact(&mut answer).unwrap();
    }
}

#[test]
fn strangers_that_never_finish_keep_nobody_else_out() {
    let server = start();
    let mut open: Vec<TcpStream> = (0..STRANGERS_MAX).map(|_| begin(&server, "/", 10)).collect();
    // The next one is refused once all of them are there.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        let mut one = begin(&server, "/", 10);
        one.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut said = [0; 12];
        if one.read_exact(&mut said).is_ok() {
            assert_eq!(&said, b"HTTP/1.1 503");
            break;
        }
        open.push(one);
        assert!(std::time::Instant::now() < deadline, "strangers are not counted");
    }
    let answer = ask(&server, "POST / HTTP/1.1\r\nknown: yes", b"x");
    assert!(answer.starts_with("HTTP/1.1 203"), "{answer}");
}

#[test]
fn bodies_of_strangers_share_a_budget() {
    let server = start();
    let mut open = Vec::new();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        // One that may become as large as the whole budget; it finds no room while a small one is there.
        open.push(begin(&server, "/", STRANGERS_KIB_MAX * 1024));
        let answer = ask(&server, "POST / HTTP/1.1", b"x");
        if answer.starts_with("HTTP/1.1 503") {
            assert!(
                answer.contains("retry-after: 1") && answer.contains("\"error_code\": 503"),
                "{answer}"
            );
            break;
        }
        assert!(std::time::Instant::now() < deadline, "bytes are not counted: {answer}");
    }
    assert!(ask(&server, "POST / HTTP/1.1\r\nknown: yes", b"x").starts_with("HTTP/1.1 203"));
}

#[test]
fn stop_frees_the_address_even_with_an_idle_client() {
    let server = start();
    let address = server.address();
    let _idle = TcpStream::connect(address).unwrap();
    server.stop();
    assert!(Server::start(address, None, |_| unreachable!("nobody asks"), |_| unreachable!("nobody asks")).is_ok());
}

#[test]
fn files_that_are_no_certificate_are_for_an_operator() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(Tls::from_files(file.path(), file.path()).unwrap_err().remedy, Remedy::Operator);
}
