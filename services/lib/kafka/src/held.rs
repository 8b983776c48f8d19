//! A client with the lease under which tokens reach it.
#![expect(
    unsafe_code,
    reason = "rdkafka 0.39 sets tokens only from a client's own poll; the C call may come from any thread while the client lives"
)]

use std::ffi::{CStr, CString, c_char};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::admin::AdminClient;
use rdkafka::bindings as sys;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::producer::{Producer as _, ProducerContext, ThreadedProducer};
use tidegate_flow::{Remedy, WorldError};

use crate::settings::Settings;
use crate::tokens::Token;

/// A client as long as it lives, signed in by token where the settings say so.
pub(crate) struct Held<T> {
    // Dropped first: no token reaches a client that is being destroyed.
    _lease: Option<Lease>,
    client: T,
}

struct Lease(Arc<Slot>);

/// The place of one client; empty once the client is gone.
pub(crate) struct Slot(Mutex<Option<Native>>);

struct Native(*mut sys::rd_kafka_t);

// SAFETY: librdkafka's handle may be used from any thread; the pointer is only used under the lock of its slot.
unsafe impl Send for Native {}

/// What has a librdkafka handle.
pub(crate) trait HasHandle {
    fn handle(&self) -> *mut sys::rd_kafka_t;
}

// === impl Held ===

impl<T: HasHandle> Held<T> {
    /// Takes a client that was just made. With tokens it waits for the first one, so whatever is asked next is asked signed in.
    pub(crate) fn new(settings: &Settings, client: T) -> Result<Held<T>, WorldError> {
        let lease = match &settings.tokens {
            None => None,
            Some(tokens) => {
                let slot = Arc::new(Slot(Mutex::new(Some(Native(client.handle())))));
                // Made before the token is asked for: should that fail, it empties the slot before the client goes.
                let lease = Lease(slot.clone());
                tokens.supply(&slot)?;
                Some(lease)
            }
        };
        Ok(Held { _lease: lease, client })
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.client
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Waits while a token is being set, which takes no I/O.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

// === impl Slot ===

impl Slot {
    /// The place of a client that is gone.
    #[cfg(test)]
    pub(crate) fn empty() -> Slot {
        Slot(Mutex::new(None))
    }

    /// Sets a token; nothing happens when the client is gone.
    pub(crate) fn set(&self, token: &Token) -> Result<(), WorldError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Native(handle)) = held.as_ref() else {
            return Ok(());
        };
        let text = |text: &str| CString::new(text).map_err(|_| WorldError::new(Remedy::Operator, "a token for Kafka holds a null byte"));
        let (value, principal) = (text(&token.value)?, text(&token.principal)?);
        let pairs = token.extensions.iter().flat_map(|(name, value)| [text(name), text(value)]);
        let kept: Vec<CString> = pairs.collect::<Result<_, _>>()?;
        let mut extensions: Vec<*const c_char> = kept.iter().map(|part| part.as_ptr()).collect();
        let mut said = [0; 512];
        // SAFETY: the slot holds the handle only while its client lives, since the lease is dropped before the client and waits for
        // this lock; strings and buffer outlive the call, which copies them.
        let code = unsafe {
            sys::rd_kafka_oauthbearer_set_token(
                *handle,
                value.as_ptr(),
                token.expires_at_ms(),
                principal.as_ptr(),
                extensions.as_mut_ptr(),
                extensions.len(),
                said.as_mut_ptr(),
                said.len(),
            )
        };
        if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        // SAFETY: the call ends its text with a null byte within the buffer, which began as nulls.
        let said = unsafe { CStr::from_ptr(said.as_ptr()) }.to_string_lossy();
        // The text of a malformed token names a byte of it.
        let why = if said.contains("unexpired") {
            "it has ended already"
        } else {
            "it is malformed"
        };
        Err(WorldError::new(
            Remedy::Operator,
            format!("the Kafka client refuses a token: {why}"),
        ))
    }
}

impl<C: ConsumerContext> HasHandle for BaseConsumer<C> {
    fn handle(&self) -> *mut sys::rd_kafka_t {
        self.client().native_ptr()
    }
}

impl<C: ProducerContext + 'static> HasHandle for ThreadedProducer<C> {
    fn handle(&self) -> *mut sys::rd_kafka_t {
        self.client().native_ptr()
    }
}

impl<C: ClientContext> HasHandle for AdminClient<C> {
    fn handle(&self) -> *mut sys::rd_kafka_t {
        self.inner().native_ptr()
    }
}
