//! `/livez`, `/readyz` and `/metrics` over HTTP/1.1.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tidegate_flow::{Remedy, WorldError};
use tokio::sync::oneshot;

use crate::health::Health;
use crate::metrics::{CONTENT_TYPE, Metrics};

/// How long a stop waits for requests that are under way.
const GRACE: Duration = Duration::from_secs(2);

/// A running server with a thread of its own, so that a busy or blocked role is still seen. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Server ===

impl Server {
    /// Listens on `address`; port 0 takes a free one, see [`Server::address`].
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`] when the address cannot be had.
    pub fn start(address: SocketAddr, metrics: Metrics, health: Health) -> Result<Self, WorldError> {
        let refused = |error| {
            WorldError::caused(
                Remedy::Operator,
                format!("cannot listen on {address} for metrics and health"),
                error,
            )
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let bound = listener.local_addr().map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(refused)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(refused)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("telemetry".into())
            .spawn(move || {
                runtime.block_on(serve(listener, routes(metrics, health), stopped));
                runtime.shutdown_background();
            })
            .map_err(refused)?;
        Ok(Server {
            address: bound,
            stop: Some(stop),
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
        if let Some(stop) = self.stop.take() {
            // The other side is gone only when the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the server for metrics and health panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

async fn serve(listener: tokio::net::TcpListener, routes: Router, stopped: oneshot::Receiver<()>) {
    let (draining, drained) = oneshot::channel();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        // Either a stop, or the owner is gone: both end it.
        let _ = stopped.await;
        let _ = draining.send(());
    });
    let deadline = async {
        let _ = drained.await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = server.into_future() => if let Err(error) = ended {
            tracing::error!(%error, "the server for metrics and health ended");
        },
        () = deadline => {}
    }
}

fn routes(metrics: Metrics, health: Health) -> Router {
    let live = health.clone();
    Router::new()
        .route("/livez", get(move || async move { verdict(&live.stalled()) }))
        .route("/readyz", get(move || async move { verdict(&health.hindrances()) }))
        .route(
            "/metrics",
            get(move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render(now_micros())) }),
        )
}

/// 200 `ok`, or 503 with one complaint a line.
fn verdict(complaints: &[String]) -> impl IntoResponse + use<> {
    match complaints {
        [] => (StatusCode::OK, "ok\n".to_owned()),
        some => (StatusCode::SERVICE_UNAVAILABLE, some.join("\n") + "\n"),
    }
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    fn start() -> (Server, Health, Metrics) {
        let (metrics, health) = (Metrics::new("0.1.0", "abc"), Health::starting());
        let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), metrics.clone(), health.clone()).unwrap();
        (server, health, metrics)
    }

    fn request(address: SocketAddr, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), format!("{head}\n{body}"))
    }

    #[test]
    fn readiness_lists_what_is_in_the_way() {
        let (server, health, _) = start();
        let (status, text) = request(server.address(), "/readyz");
        assert_eq!(status, 503);
        assert!(text.ends_with("starting: not all parts are up yet\n"), "{text}");
        health.clear("starting");
        assert_eq!(request(server.address(), "/readyz").0, 200);
        assert_eq!(request(server.address(), "/elsewhere").0, 404);
    }

    #[test]
    fn liveness_fails_with_a_loop_that_stands() {
        let (server, health, _) = start();
        assert_eq!(request(server.address(), "/livez").0, 200, "not ready is no reason for a restart");
        let _pulse = health.pulse("loop", Duration::ZERO);
        let (status, text) = request(server.address(), "/livez");
        assert_eq!(status, 503);
        assert!(text.contains("loop: has not turned"), "{text}");
    }

    #[test]
    fn metrics_are_text() {
        let (server, _, metrics) = start();
        metrics.consumed("raw.orders", 3);
        let (status, text) = request(server.address(), "/metrics");
        assert_eq!(status, 200);
        assert!(text.contains("text/plain; version=0.0.4"), "{text}");
        assert!(text.contains(r#"tidegate_records_consumed_total{topic="raw.orders"} 3"#), "{text}");
    }

    #[test]
    fn stop_frees_the_address_even_with_an_idle_client() {
        let (server, health, metrics) = start();
        let address = server.address();
        let _idle = TcpStream::connect(address).unwrap();
        server.stop();
        assert!(Server::start(address, metrics, health).is_ok());
    }

    #[test]
    fn a_taken_address_is_for_an_operator() {
        let (server, health, metrics) = start();
        let error = Server::start(server.address(), metrics, health).unwrap_err();
        assert_eq!(error.remedy, Remedy::Operator);
        assert!(error.what.contains("cannot listen on 127.0.0.1:"), "{error}");
    }
}
