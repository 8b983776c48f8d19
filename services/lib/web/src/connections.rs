//! How many connections are open at once, and how long one may be slow.
//!
//! A connection costs memory and a file descriptor before anybody has asked anything, so they are bounded before TLS begins. Past the bound a
//! connection is answered at once and closed: one that waits would cost what it is to spare. Whoever holds one gives it back: a handshake, the
//! head of a request, its body and silence between two requests end by their time limits (`server.rs`), and who does not read what is answered is
//! held to a pace here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

/// What a plain connection past the bound is told; one for TLS is closed, since nothing can be said before the handshake.
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\ncontent-length: 98\r\nconnection: \
                    close\r\n\r\n{\"error\": \"too many connections\", \"error_code\": 503, \"message\": \"too many connections are open\"}\r\n";

/// Bounds of connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Open at once.
    pub(crate) connections: usize,
    /// How long an answer may be stuck, whatever its size.
    pub(crate) stuck: Duration,
    /// Bytes a second that an answer must flow with, once it is stuck.
    pub(crate) pace: u64,
}

/// Who is connected.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    slots: Arc<Semaphore>,
    refused: AtomicU64,
}

/// Takes a slot for a connection, or answers it.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    connections: Arc<Connections>,
    is_plain: bool,
}

/// A connection with its slot.
#[derive(Debug)]
pub(crate) struct Held {
    stream: TcpStream,
    limits: Limits,
    /// Since a write had to wait, until all that was to be written is with the kernel.
    stuck: Option<Stuck>,
    _slot: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Stuck {
    since: Instant,
    bytes: u64,
    timer: Pin<Box<Sleep>>,
}

// === impl Limits ===

impl Limits {
    fn deadline(&self, stuck: &Stuck) -> Instant {
        stuck.since + self.stuck + Duration::from_secs(stuck.bytes / self.pace)
    }
}

// === impl Connections ===

impl Connections {
    pub(crate) fn new(limits: Limits) -> Arc<Connections> {
        Arc::new(Connections {
            limits,
            slots: Arc::new(Semaphore::new(limits.connections)),
            refused: AtomicU64::new(0),
        })
    }

    pub(crate) fn open(&self) -> usize {
        self.limits.connections - self.slots.available_permits()
    }

    /// Since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new(connections: Arc<Connections>, is_plain: bool) -> Gate {
        Gate { connections, is_plain }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Gate {
    type Stream = Held;
    type Service = S;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Held, S)>> + Send>>;

    fn accept(&self, mut stream: TcpStream, service: S) -> Self::Future {
        let limits = self.connections.limits;
        if let Ok(slot) = self.connections.slots.clone().try_acquire_owned() {
            let held = Held {
                stream,
                limits,
                stuck: None,
                _slot: slot,
            };
            return Box::pin(std::future::ready(Ok((held, service))));
        }
        self.connections.refused.fetch_add(1, Ordering::Relaxed);
        let is_plain = self.is_plain;
        Box::pin(async move {
            if is_plain {
                // It fits into the empty buffer of a new connection, so it waits for nobody.
                stream.write_all(BUSY.as_bytes()).await?;
                stream.shutdown().await?;
            }
            Err(io::Error::other("too many connections"))
        })
    }
}

// === impl Held ===

impl Held {
    /// What a write gives: progress, or the end of the connection when there was too little of it.
    fn paced(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if let Some(stuck) = &mut self.stuck {
                    stuck.bytes += count as u64;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let stuck = self.stuck.get_or_insert_with(|| {
                    let since = Instant::now();
                    Stuck {
                        since,
                        bytes: 0,
                        timer: Box::pin(sleep_until(since)),
                    }
                });
                let deadline = self.limits.deadline(stuck);
                stuck.timer.as_mut().reset(deadline);
                ready!(stuck.timer.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read the answer")))
            }
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.paced(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.paced(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for when everything before it was written. Not reads but this ends a stretch: a client can send at any time.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stuck = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_whole() {
        let (head, body) = BUSY.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
