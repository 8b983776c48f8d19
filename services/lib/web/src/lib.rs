//! An HTTP server around one function from request to response.
//!
//! Who answers knows no HTTP library and may block: each request has a thread of its own for as long as it takes, and only so many at once.
//! What comes from outside is bounded here: connections, head and body in bytes and time, handshakes and answers in time. Start at [`server`].

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests"))]

mod connections;
pub mod peer;
pub mod server;
pub mod tls;
mod validity;

pub use peer::certificate_end;
pub use server::{Admission, Connected, Request, Response, Server};
pub use tls::Tls;
