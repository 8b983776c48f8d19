//! Keys of a trusted issuer, fetched again and again on a thread of their own, so that no request waits for them.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tidegate_flow::{Remedy, WorldError};
use tidegate_identity::{Doubt, Keys, Trusted};

/// How often keys are fetched. A key that the issuer takes back is believed for so long.
const EVERY: Duration = Duration::from_secs(300);
/// The shortest time between two fetches, whatever is asked for: anybody can send a token with a key that nobody has.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
/// Keys that could not be fetched again for so long are believed no longer.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// An issuer with the keys that it had last. The thread ends with the last of them.
pub(crate) struct KnownIssuer {
    trusted: Trusted,
    keys: Arc<RwLock<Option<(Keys, Instant)>>>,
    wanted: mpsc::SyncSender<()>,
}

// === impl KnownIssuer ===

impl KnownIssuer {
    /// Begins to fetch. Until keys are there no token is believed.
    pub(crate) fn new(trusted: Trusted) -> Result<KnownIssuer, WorldError> {
        let keys = Arc::<RwLock<Option<(Keys, Instant)>>>::default();
        let (wanted, asked) = mpsc::sync_channel(1);
        let (asks, held) = (trusted.clone(), Arc::downgrade(&keys));
        std::thread::Builder::new()
            .name("issuer".to_owned())
            .spawn(move || {
                loop {
                    let fetched = asks.keys();
                    let Some(held) = held.upgrade() else { return };
                    let wait = if fetched.is_ok() { EVERY } else { AT_MOST_EVERY };
                    match fetched {
                        Ok(keys) => *held.write().unwrap_or_else(PoisonError::into_inner) = Some((keys, Instant::now())),
                        Err(error) => {
                            tracing::error!(%error, "the keys of the issuer of tokens cannot be fetched; those that are known stay")
                        }
                    }
                    drop(held);
                    std::thread::sleep(AT_MOST_EVERY);
                    if asked.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
                        return;
                    }
                }
            })
            .map_err(|error| WorldError::caused(Remedy::Operator, "cannot start a thread for the keys of an issuer", error))?;
        Ok(KnownIssuer { trusted, keys, wanted })
    }

    /// Whom a token stands for.
    pub(crate) fn believes(&self) -> Box<tidegate_registry::Issued> {
        let (trusted, keys, wanted) = (self.trusted.clone(), self.keys.clone(), self.wanted.clone());
        Box::new(move |token| {
            let held = keys.read().unwrap_or_else(PoisonError::into_inner);
            let known = held.as_ref().filter(|(_, since)| since.elapsed() < KEPT_FOR);
            let believed = match known {
                Some((keys, _)) => trusted.verify(keys, token, SystemTime::now()),
                None => Err(Doubt::UnknownKey),
            };
            match believed {
                Ok(name) => Some(name),
                Err(doubt) => {
                    if doubt == Doubt::UnknownKey {
                        // Full means that somebody has asked already.
                        let _ = wanted.try_send(());
                    }
                    tracing::debug!(?doubt, "a token is not believed");
                    None
                }
            }
        })
    }
}
