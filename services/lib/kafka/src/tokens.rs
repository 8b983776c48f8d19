//! Tokens for OAUTHBEARER: asked for ahead of time on a thread of its own, and handed to every client that lives.
//!
//! librdkafka asks for a token through its poll queue, so a client that nobody polls (an admin client, one that only answers questions)
//! would never get one, and one that is polled would stand still while an identity service answers. Here a thread asks, at half of a
//! token's life, and sets it on each client directly; librdkafka takes up the new one when the brokers ask it to sign in again
//! (KIP-368). Nobody has to poll.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tidegate_flow::{Remedy, WorldError};

use crate::held::Slot;

/// How long a new client waits for the first token. Cold credentials may need several exchanges.
const FIRST_WITHIN: Duration = Duration::from_secs(30);
/// After a failure it is asked again so much later, twice as much each time up to the second.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// How often the clocks are looked at between two questions.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A token is never trusted for longer, so that revoked rights are noticed.
const TRUSTED_FOR: Duration = Duration::from_secs(3600);

/// A token with what the brokers are told about it. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// As it travels.
    pub value: String,
    /// Whom it stands for; only a name for logs of the brokers.
    pub principal: String,
    /// When it ends.
    pub expires_at: SystemTime,
    /// SASL extensions (RFC 7628, section 3.1), such as Confluent Cloud's `logicalCluster`.
    pub extensions: BTreeMap<String, String>,
}

/// Where tokens come from. Called from one thread; may block, with a bound of its own below 30 s.
pub trait TokenSource: Send {
    /// A token that is valid now. An error says what to do; it is asked again whatever it says.
    ///
    /// # Errors
    ///
    /// [`Remedy::Retry`] for a service that does not answer, [`Remedy::Operator`] for one that refuses.
    fn token(&mut self) -> Result<Token, WorldError>;
}

/// A source of tokens with its thread; clones share both. The thread ends with the last clone.
#[derive(Clone)]
pub struct Tokens {
    shared: Arc<Shared>,
    _ends: Arc<EndsWithTheLast>,
}

struct EndsWithTheLast(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The last answer was this.
    failure: Option<(Remedy, String)>,
    clients: Vec<Weak<Slot>>,
    /// A client has asked: nobody is bothered before.
    wanted: bool,
    /// A client has found a token that has ended while the next one was not due yet.
    is_short: bool,
    ended: bool,
}

// === impl Tokens ===

impl Tokens {
    /// Makes the thread. It asks once the first client wants a token.
    ///
    /// # Errors
    ///
    /// When there can be no thread.
    pub fn from_source(source: impl TokenSource + 'static) -> Result<Tokens, WorldError> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let asking = shared.clone();
        std::thread::Builder::new()
            .name("kafka-tokens".to_owned())
            .spawn(move || keep(source, &asking))
            .map_err(|error| WorldError::caused(Remedy::Operator, "cannot start a thread for Kafka's tokens", error))?;
        Ok(Tokens {
            _ends: Arc::new(EndsWithTheLast(shared.clone())),
            shared,
        })
    }

    /// Gives a client the present token and every later one. Waits for the first.
    pub(crate) fn supply(&self, slot: &Arc<Slot>) -> Result<(), WorldError> {
        let deadline = Instant::now() + FIRST_WITHIN;
        let mut state = self.shared.state();
        state.wanted = true;
        self.shared.changed.notify_all();
        loop {
            if let Some(token) = state.token.as_ref().filter(|token| token.expires_at > SystemTime::now()) {
                slot.set(token)?;
                state.clients.retain(|client| client.strong_count() > 0);
                state.clients.push(Arc::downgrade(slot));
                return Ok(());
            }
            if let Some((remedy, what)) = &state.failure {
                return Err(WorldError::new(*remedy, format!("no token for Kafka: {what}")));
            }
            if state.token.is_some() && !state.is_short {
                state.is_short = true;
                self.shared.changed.notify_all();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WorldError::new(
                    Remedy::Retry,
                    format!("no token for Kafka within {FIRST_WITHIN:?}"),
                ));
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Why there is no newer token, if the last question failed.
    pub(crate) fn failure(&self) -> Option<String> {
        self.shared.state().failure.as_ref().map(|(_, what)| what.clone())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Drop for EndsWithTheLast {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_all();
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an answer on; how long until the next question.
    fn take(&self, answer: Result<Token, WorldError>, failures: u32, now: SystemTime) -> Duration {
        let mut state = self.state();
        state.is_short = false;
        let wait = match answer {
            Ok(token) => {
                let life = token.expires_at.duration_since(now).unwrap_or_default();
                state.clients.retain(|client| match client.upgrade() {
                    Some(client) => {
                        if let Err(error) = client.set(&token) {
                            tracing::error!(%error, "a client did not take a token");
                        }
                        true
                    }
                    None => false,
                });
                tracing::debug!(seconds = life.as_secs(), clients = state.clients.len(), "a new token for Kafka");
                state.token = Some(token);
                state.failure = None;
                next_question(life)
            }
            Err(error) => {
                let valid = state.token.as_ref().and_then(|token| token.expires_at.duration_since(now).ok());
                let seconds = valid.unwrap_or_default().as_secs();
                tracing::warn!(%error, seconds, "no new token for Kafka; the present one is valid for so long, and it is asked again");
                state.failure = Some((error.remedy, error.what));
                pause_after(failures)
            }
        };
        self.changed.notify_all();
        wait
    }
}

fn keep(mut source: impl TokenSource, shared: &Shared) {
    let mut failures = 0;
    {
        let mut state = shared.state();
        while !state.wanted {
            if state.ended {
                return;
            }
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
    loop {
        let answer = source.token();
        failures = if answer.is_ok() { 0 } else { failures + 1 };
        let wait = shared.take(answer, failures, SystemTime::now());
        let pause = Pause::new(wait, Instant::now(), SystemTime::now());
        let mut state = shared.state();
        loop {
            if state.ended {
                return;
            }
            let left = pause.left(state.is_short, Instant::now(), SystemTime::now());
            if left.is_zero() {
                break;
            }
            state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The time until the next question, by the clock that ends tokens and by the one that cannot be set. The first may be put forward, or may
/// have gone on while the machine was suspended, which the second does not see; it may also be put back.
struct Pause {
    begun: Instant,
    until: (Instant, SystemTime),
}

// === impl Pause ===

impl Pause {
    fn new(wait: Duration, now: Instant, wall: SystemTime) -> Pause {
        Pause {
            begun: now,
            until: (now + wait, wall + wait),
        }
    }

    /// How long to sleep before looking at the clocks again; nothing once it is time to ask. A client without a valid token does not wait
    /// for the end of the pause; and a source whose tokens have ended when they come is not asked in a loop.
    fn left(&self, is_short: bool, now: Instant, wall: SystemTime) -> Duration {
        let (until, until_wall) = self.until;
        let is_over = until_wall.duration_since(wall).is_err();
        let until = match is_short || is_over {
            true => until.min(self.begun + AGAIN_AFTER.0),
            false => until,
        };
        until.saturating_duration_since(now).min(LOOK_EVERY)
    }
}

/// At half of its life: librdkafka would ask at four fifths, and an outage of the identity service may last as long as what remains.
fn next_question(life: Duration) -> Duration {
    (life / 2).clamp(Duration::from_millis(200), TRUSTED_FOR / 2)
}

fn pause_after(failures: u32) -> Duration {
    AGAIN_AFTER
        .0
        .saturating_mul(1 << failures.saturating_sub(1).min(10))
        .min(AGAIN_AFTER.1)
}

// === impl Token ===

impl Token {
    /// Milliseconds since 1970, as librdkafka wants the end.
    pub(crate) fn expires_at_ms(&self) -> i64 {
        let since = self.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_question_comes_well_before_the_end() {
        assert_eq!(next_question(Duration::from_secs(900)), Duration::from_secs(450));
        assert_eq!(next_question(Duration::from_secs(86_400)), Duration::from_secs(1800));
        assert_eq!(next_question(Duration::ZERO), Duration::from_millis(200), "never in a loop");
    }

    #[test]
    fn failures_slow_down_and_never_stop() {
        assert_eq!(pause_after(1), Duration::from_millis(500));
        assert_eq!(pause_after(3), Duration::from_secs(2));
        assert_eq!(pause_after(4_000_000_000), Duration::from_secs(30));
    }

    #[test]
    fn a_clock_that_is_put_forward_or_back_does_not_delay_the_next_question() {
        let (now, wall, wait) = (Instant::now(), SystemTime::now(), Duration::from_secs(1800));
        let (second, pause) = (Duration::from_secs(1), Pause::new(wait, now, wall));
        assert_eq!(pause.left(false, now, wall), LOOK_EVERY);
        assert_eq!(pause.left(false, now + wait - second, wall + wait - second), second);
        assert_eq!(pause.left(false, now + wait, wall + wait), Duration::ZERO);
        let over = wall + wait + second;
        assert_eq!(
            pause.left(false, now + second, over),
            Duration::ZERO,
            "put forward, or suspended meanwhile"
        );
        assert_eq!(pause.left(false, now + wait, wall - wait), Duration::ZERO, "put back");
        assert_eq!(pause.left(true, now + second, wall + second), Duration::ZERO, "a client has none");
        assert_eq!(pause.left(true, now, wall), AGAIN_AFTER.0, "and not in a loop");
        assert_eq!(pause.left(false, now, over), AGAIN_AFTER.0);
    }

    /// A source of tokens that end at once or in an hour, as told.
    struct Source(std::sync::mpsc::Receiver<SystemTime>);

    impl TokenSource for Source {
        fn token(&mut self) -> Result<Token, WorldError> {
            let expires_at = self.0.recv().map_err(|_| WorldError::new(Remedy::Retry, "no more"))?;
            Ok(Token {
                value: "t".into(),
                principal: "p".into(),
                expires_at,
                extensions: BTreeMap::new(),
            })
        }
    }

    #[test]
    fn a_client_that_finds_a_token_ended_gets_a_new_one_at_once() {
        let (give, take) = std::sync::mpsc::channel();
        let later = SystemTime::now() + Duration::from_secs(3600);
        give.send(later).unwrap();
        let tokens = Tokens::from_source(Source(take)).unwrap();
        tokens.supply(&Arc::new(Slot::empty())).unwrap();
        // What a clock that was put forward makes of it.
        tokens.shared.state().token.as_mut().unwrap().expires_at = UNIX_EPOCH;
        give.send(later + Duration::from_secs(1)).unwrap();
        let begun = Instant::now();
        tokens.supply(&Arc::new(Slot::empty())).unwrap();
        assert!(begun.elapsed() < LOOK_EVERY, "it did not wait for anything else to end the sleep");
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token {
            value: "hunter2".into(),
            principal: "hunter3".into(),
            expires_at: UNIX_EPOCH,
            extensions: BTreeMap::from([("a".to_owned(), "hunter4".to_owned())]),
        };
        assert!(!format!("{token:?}").contains("hunter"));
    }
}
