//! One fetch, bounded in time, in bytes and in the size of an object, and ended by a stop request.
//!
//! The library blocks for as long as a server sends a byte now and then, so a fetch runs on a thread of its own that is left behind when it
//! is late; only so many may be left behind.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use gix::progress::{Id, MessageLevel, StepShared, Unit};
use gix::remote::{Direction, fetch, ref_map};
use tidegate_flow::{Remedy, WorldError};

use super::mirror::{self, Busy};
use super::{Kept, Remote, http_options, operator};

/// What a mirror may hold on disk, and what one fetch may bring.
pub(crate) const MIRROR_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The largest object of a repository, unpacked: it is held in memory. Contract files are smaller by far.
pub(crate) const OBJECT_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// How often limits are looked at while a fetch runs.
const WATCH_EVERY: Duration = Duration::from_millis(50);
/// How long a fetch that was told to end is waited for.
const GRACE: Duration = Duration::from_secs(2);
/// Fetches that were left behind and still run.
const LEFT_BEHIND_MAX: usize = 3;
/// How long a repository that is too large is not asked for again.
const TOO_LARGE_FOR: Duration = Duration::from_secs(600);

/// What a fetch and who waits for it both see.
#[derive(Debug, Default)]
struct Watched {
    interrupt: AtomicBool,
    received: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    TooLarge,
    Late,
    Stopped,
}

// === impl Remote ===

impl Remote {
    /// Brings the mirror up to what the server has: the named branch or tag; every branch and tag for a commit that is not there yet, and
    /// the server's own `HEAD` when nothing is named. What the server no longer has is forgotten here. Blocks, within the time of
    /// [`super::Access::fetch_within`].
    ///
    /// # Errors
    ///
    /// [`Remedy::Retry`] when the server cannot be reached, breaks off or is late, and when we are asked to stop; [`Remedy::Operator`] when it
    /// refuses us, has no such reference, or sends too much.
    pub(crate) fn fetch(&self, reference: Option<&str>) -> Result<(), WorldError> {
        if reference.is_some_and(|name| super::is_commit(name) && crate::repository::has_commit(&self.mirror, name)) {
            return Ok(());
        }
        let since = *self.shared.too_large.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if since.is_some_and(|since| since.elapsed() < TOO_LARGE_FOR) {
            return Err(self.ended(Cause::TooLarge));
        }
        let until = Instant::now() + self.access.fetch_within;
        let _turn = self.turn(until)?;
        mirror::tidy(&self.mirror);
        // What was fetched before and is of no use now takes room as well.
        if !mirror::is_sound(&self.mirror) || mirror::size_of(&self.mirror) > MIRROR_BYTES_MAX {
            self.throw_away()?;
        }
        let kept = self.kept(reference);
        match self.bounded(&kept, until) {
            Err(_) if !mirror::is_sound(&self.mirror) && !self.access.stop.load(Ordering::Acquire) => {
                self.throw_away()?;
                self.bounded(&kept, until)
            }
            outcome => outcome,
        }
    }

    /// What was fetched cannot be read: the next fetch begins anew.
    pub(crate) fn renew(&self) -> Result<(), WorldError> {
        let _turn = self.turn(Instant::now() + self.access.fetch_within)?;
        self.throw_away()
    }

    fn turn(&self, until: Instant) -> Result<mirror::Lock, WorldError> {
        super::make_folder(&self.access.state).map_err(|error| self.unwritable(&error))?;
        mirror::lock(&self.mirror, until, &self.access.stop).map_err(|busy| match busy {
            Busy::Late => WorldError::new(
                Remedy::Retry,
                format!(
                    "cannot fetch {}: another process has been fetching into {} all the time",
                    self.shown,
                    self.mirror.display()
                ),
            ),
            Busy::Stopped => self.ended(Cause::Stopped),
            Busy::Unwritable(error) => self.unwritable(&error),
        })
    }

    fn throw_away(&self) -> Result<(), WorldError> {
        mirror::remove(&self.mirror).map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &std::io::Error) -> WorldError {
        operator(format!("cannot write {}: {error}", self.mirror.display()))
    }

    fn bounded(&self, kept: &Kept, until: Instant) -> Result<(), WorldError> {
        let under_way = Under::begin(&self.shared.under_way);
        let Some(under_way) = under_way else {
            let what = format!(
                "cannot fetch {}: {LEFT_BEHIND_MAX} fetches hang, and no other is begun beside them",
                self.shown
            );
            return Err(WorldError::new(Remedy::Retry, what));
        };
        let watched = Arc::new(Watched::default());
        let (done, outcome) = mpsc::sync_channel(1);
        let (remote, specs, seen) = (self.clone(), kept.clone(), watched.clone());
        let spawned = std::thread::Builder::new().name("fetch".to_owned()).spawn(move || {
            let _under_way = under_way;
            let received = remote.receive(&specs, &seen).map_err(|error| remote.failed(&error));
            // Nobody waits any more when it is late.
            let _ = done.send(received);
        });
        spawned.map_err(|error| WorldError::caused(Remedy::Retry, "cannot start a thread for a fetch", error))?;
        let mut ended: Option<(Cause, Instant)> = None;
        loop {
            match outcome.recv_timeout(WATCH_EVERY) {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => return Err(ended.map_or(error, |(cause, _)| self.ended(cause))),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(WorldError::new(
                        Remedy::Retry,
                        format!("cannot fetch {}: a fault of ours", self.shown),
                    ));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            let is_stopped = self.access.stop.load(Ordering::Acquire);
            if ended.is_none() {
                let cause = if is_stopped {
                    Some(Cause::Stopped)
                } else if watched.received.load(Ordering::Relaxed) > MIRROR_BYTES_MAX {
                    Some(Cause::TooLarge)
                } else {
                    (Instant::now() >= until).then_some(Cause::Late)
                };
                if let Some(cause) = cause {
                    watched.interrupt.store(true, Ordering::Relaxed);
                    ended = Some((cause, Instant::now()));
                }
            }
            if let Some((cause, since)) = ended
                && (is_stopped || since.elapsed() >= GRACE)
            {
                return Err(self.ended(cause));
            }
        }
    }

    fn ended(&self, cause: Cause) -> WorldError {
        let shown = &self.shown;
        match cause {
            Cause::TooLarge => {
                *self.shared.too_large.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Instant::now());
                operator(format!(
                    "{shown} brings more than {} MiB: keep contracts in a repository of their own",
                    MIRROR_BYTES_MAX >> 20
                ))
            }
            Cause::Late => WorldError::new(
                Remedy::Retry,
                format!(
                    "cannot fetch {shown}: it was not done within {} s",
                    self.access.fetch_within.as_secs()
                ),
            ),
            Cause::Stopped => WorldError::new(Remedy::Retry, format!("stopped while fetching {shown}")),
        }
    }

    fn receive(&self, kept: &Kept, watched: &Arc<Watched>) -> gix::Result<()> {
        let repository = self.open()?;
        let remote = repository
            .remote_at_without_url_rewrite(self.url.clone())?
            .with_fetch_tags(fetch::Tags::None)
            .with_refspecs(kept.specs.iter().map(|spec| gix::bstr::BStr::new(spec.as_str())), Direction::Fetch)?;
        let mut connection = remote.connect(Direction::Fetch)?;
        if self.url.scheme != gix::url::Scheme::Ssh {
            connection.set_transport_options(Box::new(http_options()));
        }
        let token = self.access.token.as_ref().map(super::Secret::text).transpose();
        let token = token.map_err(gix::Error::from_error)?;
        let identity = token.map(|password| gix::sec::identity::Account {
            username: self.access.user.clone(),
            password,
            oauth_refresh_token: None,
        });
        let connection = connection.with_credentials(move |action| {
            // Nothing is stored and nobody is asked. None says that there is no answer, which ends the request.
            let gix::credentials::helper::Action::Get(context) = action else {
                return Ok(None);
            };
            Ok(identity.clone().map(|identity| gix::credentials::protocol::Outcome {
                identity,
                next: context.into(),
            }))
        });
        let prepared = connection.prepare_fetch(gix::progress::Discard, ref_map::Options::default())?;
        let present: Vec<String> = prepared
            .ref_map()
            .mappings
            .iter()
            .filter_map(|mapping| mapping.local.as_ref().map(ToString::to_string))
            .collect();
        // Before anything is written: a branch `rel` may have become `rel/v2`.
        self.forget(&repository, kept, &present)?;
        prepared.receive(Received(watched.clone(), StepShared::default(), false), &watched.interrupt)?;
        Ok(())
    }

    /// Removes references that the server has no longer.
    fn forget(&self, repository: &gix::Repository, kept: &Kept, present: &[String]) -> gix::Result<()> {
        let references = repository.references()?;
        let below = references.prefixed(kept.prefix.as_str())?;
        let gone: Vec<_> = below
            .filter_map(Result::ok)
            .filter(|reference| !present.iter().any(|name| reference.name().as_bstr() == name.as_str()))
            .collect();
        for reference in gone {
            let mut folder = self.mirror.join(reference.name().as_bstr().to_string());
            reference.delete()?;
            // Folders that it leaves empty would stand in the way of a reference of that name.
            while folder.pop() && folder != self.mirror && std::fs::remove_dir(&folder).is_ok() {}
        }
        Ok(())
    }
}

/// Counts fetches that run, those that were left behind among them.
struct Under(Arc<AtomicUsize>);

// === impl Under ===

impl Under {
    fn begin(count: &Arc<AtomicUsize>) -> Option<Under> {
        let begun = count.fetch_update(Ordering::AcqRel, Ordering::Acquire, |running| {
            (running < LEFT_BEHIND_MAX).then_some(running + 1)
        });
        begun.is_ok().then(|| Under(count.clone()))
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Progress of which only the bytes of the pack count: a large object grows in memory before anything is on the disk.
struct Received(Arc<Watched>, StepShared, bool);

impl gix::Count for Received {
    fn set(&self, _: usize) {}

    fn step(&self) -> usize {
        0
    }

    fn inc_by(&self, step: usize) {
        if self.2 {
            self.0.received.fetch_add(step as u64, Ordering::Relaxed);
        }
    }

    fn counter(&self) -> StepShared {
        self.1.clone()
    }
}

impl gix::Progress for Received {
    fn init(&mut self, _: Option<usize>, _: Option<Unit>) {}

    fn set_name(&mut self, _: String) {}

    fn name(&self) -> Option<String> {
        None
    }

    fn id(&self) -> Id {
        gix::progress::UNKNOWN
    }

    fn message(&self, _: MessageLevel, _: String) {}
}

impl gix::NestedProgress for Received {
    type SubProgress = Received;

    fn add_child(&mut self, _: impl Into<String>) -> Received {
        Received(self.0.clone(), StepShared::default(), false)
    }

    fn add_child_with_id(&mut self, _: impl Into<String>, id: Id) -> Received {
        // `gix_pack::bundle::write::ProgressId::ReadPackBytes`.
        Received(self.0.clone(), StepShared::default(), id == *b"BWRB")
    }
}
