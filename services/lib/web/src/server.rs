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

use crate::tls::Tls;

/// The largest body of a request.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Requests that are answered at once; others wait.
const AT_ONCE: usize = 8;
/// Requests that wait; more are told to come back.
const WAITING_MAX: usize = 256;
/// For the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
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
}

type Answer = dyn Fn(Request) -> Response + Send + Sync;

// === impl Server ===

impl Server {
    /// Listens on `address` (port 0 takes a free one) and gives every request to `answer`, on a thread where it may block. A panic in it is
    /// answered with 500.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] when the address cannot be had.
    pub fn start(
        address: SocketAddr,
        tls: Option<Tls>,
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
        let (serving, routes) = (handle.clone(), routes(Arc::new(answer)));
        let thread = std::thread::Builder::new()
            .name("web".into())
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, tls, routes, serving)) {
                    tracing::error!(%error, "the server ended");
                }
                runtime.shutdown_background();
            })
            .map_err(refused)?;
        Ok(Server {
            address: bound,
            handle,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
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

async fn serve(listener: TcpListener, tls: Option<Tls>, routes: Router, handle: Handle<SocketAddr>) -> std::io::Result<()> {
    let mut server = axum_server::from_tcp(listener)?.handle(handle).http1_only();
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN);
    let service = routes.into_make_service();
    match tls {
        None => server.serve(service).await,
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls.config)).handshake_timeout(HANDSHAKE_WITHIN);
            server.acceptor(acceptor).serve(service).await
        }
    }
}

fn routes(answer: Arc<Answer>) -> Router {
    let slots = Arc::new(Semaphore::new(WAITING_MAX));
    Router::new().fallback(move |request: axum::extract::Request| {
        let (answer, slots) = (answer.clone(), slots.clone());
        async move {
            let Ok(_slot) = slots.try_acquire_owned() else {
                return plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait; come back in a moment\n");
            };
            let (head, body) = request.into_parts();
            let body = match tokio::time::timeout(BODY_WITHIN, axum::body::to_bytes(body, BODY_BYTES_MAX)).await {
                Ok(Ok(body)) => body.to_vec(),
                Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broke off\n"),
                Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n"),
            };
            let text = |(name, value): (&HeaderName, &HeaderValue)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()));
            let request = Request {
                method: head.method.as_str().to_owned(),
                path: head.uri.path().to_owned(),
                query: head.uri.query().unwrap_or_default().to_owned(),
                headers: head.headers.iter().filter_map(text).collect(),
                body,
            };
            match tokio::task::spawn_blocking(move || answer(request)).await {
                Ok(response) => written(response),
                Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "this is a fault of the server\n"),
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

fn plain(status: StatusCode, text: &'static str) -> axum::response::Response {
    let mut response = axum::response::Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    fn start() -> Server {
        Server::start((Ipv4Addr::LOCALHOST, 0).into(), None, |request| {
            assert_ne!(request.path, "/panic");
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

    #[test]
    fn stop_frees_the_address_even_with_an_idle_client() {
        let server = start();
        let address = server.address();
        let _idle = TcpStream::connect(address).unwrap();
        server.stop();
        assert!(Server::start(address, None, |_| unreachable!("nobody asks")).is_ok());
    }

    #[test]
    fn files_that_are_no_certificate_are_for_an_operator() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(Tls::from_files(file.path(), file.path()).unwrap_err().remedy, Remedy::Operator);
    }
}
