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
mod tests;
