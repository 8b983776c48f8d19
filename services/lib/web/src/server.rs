//! Listening, limits, and the way from a request to a function and back.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use tidegate_flow::{Remedy, WorldError};
use tokio::sync::Semaphore;

use crate::connections::{Connections, Gate, Limits};
use crate::tls::Tls;

/// The largest body of a request, whatever is admitted.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Requests that are answered at once; others wait.
const AT_ONCE: usize = 8;
/// Requests of known clients that are read or wait; more are told to come back.
const KNOWN_MAX: usize = 256;
/// The same for clients that have not shown who they are, so that they cannot keep the others out.
const STRANGERS_MAX: usize = 16;
/// Bodies of known clients that are held at once, in KiB.
const KNOWN_KIB_MAX: usize = 16 * 1024;
/// The same for strangers.
const STRANGERS_KIB_MAX: usize = 4 * 1024;
/// Connections that are open at once: more than requests that may wait (a worker's stays open between two looks, up to [`HEAD_WITHIN`]), at
/// most some 60 MB with full heads and TLS, and half of the file descriptors that a process usually has.
const CONNECTIONS_MAX: usize = 512;
/// For the head of a request, from the connection or the answer before it on; silent connections end with it.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of a head, with every header of it; tokens are some KiB.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long the bytes of an answer may be stuck: who reads none of it in this time is gone.
const STUCK_MAX: Duration = Duration::from_secs(30);
/// Bytes a second that an answer must flow with beside that. The largest one (80 MiB) takes 21 minutes at most.
const PACE: u64 = 64 * 1024;
/// For the body of a request.
const BODY_WITHIN: Duration = Duration::from_secs(15);
/// For a TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);
/// How long a stop waits for requests that are under way.
const GRACE: Duration = Duration::from_secs(5);

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// As it was sent, with its escapes.
    pub path: String,
    /// Behind `?`, as it was sent.
    pub query: String,
    /// Names in lower case. Values that are not visible ASCII are left out.
    pub headers: Vec<(String, String)>,
    /// At most [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
}

/// What is decided by the head of a request, before its body is read.
#[derive(Debug, Clone)]
pub enum Admission {
    /// The body is read, up to so many bytes; 0 leaves it unread.
    Read {
        /// The largest body.
        body_bytes_max: usize,
        /// Whether it is known who asks.
        is_known: bool,
    },
    /// This is the answer.
    Answer(Response),
}

/// What is answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// Bytes.
    pub body: Arc<[u8]>,
}

/// A running server with threads of its own. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    thread: Option<JoinHandle<()>>,
    tls: Option<RustlsConfig>,
    connections: Arc<Connections>,
}

/// How many are or were connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connected {
    /// Open now.
    pub open: usize,
    /// Turned away since the start, because too many were open.
    pub refused: u64,
}

/// What a server lets clients do.
struct Bounds {
    connections: Limits,
    head_within: Duration,
}

type Admit = dyn Fn(&Request) -> Admission + Send + Sync;
type Answer = dyn Fn(Request) -> Response + Send + Sync;

// === impl Server ===

impl Server {
    /// Listens on `address` (port 0 takes a free one) and gives every request that `admit` lets in to `answer`, on a thread where it may
    /// block. A panic in it is answered with 500. `admit` sees the request without its body and must not block.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] when the address cannot be had.
    pub fn start(
        address: SocketAddr,
        tls: Option<Tls>,
        admit: impl Fn(&Request) -> Admission + Send + Sync + 'static,
        answer: impl Fn(Request) -> Response + Send + Sync + 'static,
    ) -> Result<Server, WorldError> {
        let connections = Limits {
            connections: CONNECTIONS_MAX,
            stuck: STUCK_MAX,
            pace: PACE,
        };
        let bounds = Bounds {
            connections,
            head_within: HEAD_WITHIN,
        };
        Server::bounded(address, tls, &bounds, admit, answer)
    }

    fn bounded(
        address: SocketAddr,
        tls: Option<Tls>,
        bounds: &Bounds,
        admit: impl Fn(&Request) -> Admission + Send + Sync + 'static,
        answer: impl Fn(Request) -> Response + Send + Sync + 'static,
    ) -> Result<Server, WorldError> {
        let refused = |error| WorldError::caused(Remedy::Operator, format!("cannot listen on {address}"), error);
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .max_blocking_threads(AT_ONCE)
            .thread_name("web")
            .enable_all()
            .build()
            .map_err(refused)?;
        let handle = Handle::new();
        let tls = tls.map(|tls| RustlsConfig::from_config(tls.config));
        let connections = Connections::new(bounds.connections);
        let gate = Gate::new(connections.clone(), tls.is_none());
        let (serving, routes, proof) = (handle.clone(), routes(Arc::new(admit), Arc::new(answer)), tls.clone());
        let head_within = bounds.head_within;
        let thread = std::thread::Builder::new()
            .name("web".into())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, proof, gate, head_within, routes, serving)) {
                    tracing::error!(%error, "the server ended");
                }
                runtime.shutdown_background();
            })
            .map_err(refused)?;
        Ok(Server {
            address: bound,
            handle,
            thread: Some(thread),
            tls,
            connections,
        })
    }

    /// Who is connected.
    pub fn connected(&self) -> Connected {
        Connected {
            open: self.connections.open(),
            refused: self.connections.refused(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Proves itself with another certificate from the next connection on. Nothing happens without TLS.
    pub fn renew(&self, tls: Tls) {
        if let Some(config) = &self.tls {
            config.reload_from_config(tls.config);
        }
    }

    /// Stops listening, lets running requests end within a short grace, and joins the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.handle.graceful_shutdown(Some(GRACE));
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    gate: Gate,
    head_within: Duration,
    routes: Router,
    handle: Handle<SocketAddr>,
) -> std::io::Result<()> {
    let server = axum_server::from_tcp(listener)?.handle(handle);
    let service = routes.into_make_service();
    match tls {
        None => strict(server.acceptor(gate), head_within).serve(service).await,
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(tls).handshake_timeout(HANDSHAKE_WITHIN).acceptor(gate);
            strict(server.acceptor(acceptor), head_within).serve(service).await
        }
    }
}

/// HTTP/1 alone, with limits. Said of a server that has its acceptor: with a new one it forgets that, and then waits without a limit for the first
/// bytes, which say what version is spoken.
fn strict<A>(server: axum_server::Server<SocketAddr, A>, head_within: Duration) -> axum_server::Server<SocketAddr, A> {
    let mut server = server.http1_only();
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .max_buf_size(HEAD_BYTES_MAX)
        .header_read_timeout(head_within);
    server
}

/// Room for requests of one kind of clients.
#[derive(Clone)]
struct Room {
    slots: Arc<Semaphore>,
    /// In KiB.
    bytes: Arc<Semaphore>,
}

// === impl Room ===

impl Room {
    fn new(slots: usize, kib: usize) -> Room {
        Room {
            slots: Arc::new(Semaphore::new(slots)),
            bytes: Arc::new(Semaphore::new(kib)),
        }
    }
}

fn routes(admit: Arc<Admit>, answer: Arc<Answer>) -> Router {
    let known = Room::new(KNOWN_MAX, KNOWN_KIB_MAX);
    let strangers = Room::new(STRANGERS_MAX, STRANGERS_KIB_MAX);
    Router::new().fallback(move |request: axum::extract::Request| {
        let (admit, answer, known, strangers) = (admit.clone(), answer.clone(), known.clone(), strangers.clone());
        async move {
            let (head, body) = request.into_parts();
            let text = |(name, value): (&HeaderName, &HeaderValue)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
            let mut request = Request {
                method: head.method.as_str().to_owned(),
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers.iter().filter_map(text).collect(),
                body: Vec::new(),
            };
            let (body_bytes_max, is_known) = match admit(&request) {
                Admission::Answer(response) => return written(response),
                Admission::Read { body_bytes_max, is_known } => (body_bytes_max.min(BODY_BYTES_MAX), is_known),
            };
            let busy = || refused(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait; come back in a moment");
            let room = if is_known { known } else { strangers };
            let Ok(_slot) = room.slots.try_acquire_owned() else { return busy() };
            let _held;
            if body_bytes_max > 0 {
                let announced = request.headers.iter().find(|(name, _)| name == "content-length");
                let announced = announced.and_then(|(_, length)| length.parse::<usize>().ok());
                let too_large = || refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broke off");
                if announced.is_some_and(|length| length > body_bytes_max) {
                    return too_large();
                }
                // Without a length it may become as large as is allowed.
                let kib = announced.unwrap_or(body_bytes_max).div_ceil(1024);
                let Ok(held) = room.bytes.try_acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX)) else {
                    return busy();
                };
                _held = held;
                request.body = match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, body_bytes_max)).await {
                    Ok(Ok(body)) => body.to_vec(),
                    Ok(Err(_)) => return too_large(),
                    Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
                };
            }
            match tokio::task::spawn_blocking(move || answer(request)).await {
                Ok(response) => written(response),
                Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "this is a fault of the server"),
            }
        }
    })
}

fn written(response: Response) -> axum::response::Response {
    let mut built = axum::response::Response::new(Body::from(axum::body::Bytes::from_owner(response.body)));
    *built.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            built.headers_mut().append(name, value);
        }
    }
    built
}

/// In a form that clients of ours and of a schema registry both read.
fn refused(status: StatusCode, sentence: &'static str) -> axum::response::Response {
    let body = format!(
        "{{\"error\": \"{sentence}\", \"error_code\": {}, \"message\": \"{sentence}\"}}\n",
        status.as_u16()
    );
    let mut response = axum::response::Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static("application/json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
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
}
