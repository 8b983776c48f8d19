//! A remote repository, fetched into a bare mirror of our own.
//!
//! Fetched by `gix` inside of this process: nothing is checked out, so there are no hooks, filters, submodules or LFS downloads, and no
//! configuration of the machine is read. Over https the HTTP client is a library; over ssh the program `ssh` is started, with options that
//! keep it from asking anybody anything. Other ways (`ext::`, `git://`, http to another machine) are refused.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gix::progress::Discard;
use gix::protocol::transport::client::blocking_io::http;
use gix::remote::{Direction, fetch, ref_map};
use tidegate_contract::sha256_hex;
use tidegate_flow::{Remedy, WorldError};

/// What one request to a Git server may take, with its answer.
const REQUEST_WITHIN: Duration = Duration::from_secs(60);
/// What a mirror may hold on disk.
const MIRROR_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// How often the size is looked at while a fetch runs.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// Where the server's own `HEAD` is kept.
pub(crate) const REMOTE_HEAD: &str = "refs/tidegate/HEAD";

/// How contract sources are reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// Folder for mirrors; made when it is missing. What is in it can be fetched again. Default: the user's cache.
    pub state: PathBuf,
    /// User for https; hosts that look at the token only take any.
    pub user: String,
    /// Token or password for https, sent only when the server asks for one.
    pub token: Option<Secret>,
    /// Private key for ssh; none leaves it to the agent.
    pub ssh_key: Option<PathBuf>,
    /// Host keys for ssh; none takes those of the user. A host that is not in it is refused.
    pub ssh_known_hosts: Option<PathBuf>,
    /// Whether what is in force may be replaced by what does not come after it.
    pub order: Order,
}

/// Which commits may follow the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Descendants only: to go back somebody commits a revert.
    #[default]
    Forward,
    /// Any: a branch or tag that is moved back takes effect.
    Any,
}

/// Text that is never shown.
#[derive(Clone)]
pub struct Secret(String);

/// Where a remote repository is.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    url: gix::Url,
    /// Without credentials, for people.
    pub(crate) shown: String,
    /// The bare repository that it is fetched into.
    pub(crate) mirror: PathBuf,
    access: Access,
}

// === impl Secret ===

impl Secret {
    /// Takes it.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

// === impl Access ===

impl Default for Access {
    fn default() -> Self {
        Access {
            state: cache_folder(),
            user: "x-access-token".to_owned(),
            token: None,
            ssh_key: None,
            ssh_known_hosts: None,
            order: Order::Forward,
        }
    }
}

/// The user's own cache, so that nobody else on the machine can prepare a mirror.
fn cache_folder() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
    cache.unwrap_or_else(std::env::temp_dir).join("tidegate")
}

// === impl Remote ===

impl Remote {
    /// Understands `https://…`, `ssh://…`, `user@host:path` and, on this machine only, `http://…`.
    ///
    /// # Errors
    ///
    /// [`Remedy::Operator`], without the URL where it holds a secret.
    pub(crate) fn parse(spec: &str, access: &Access) -> Result<Remote, WorldError> {
        let text = spec.strip_prefix("git+").unwrap_or(spec);
        let url = gix::url::parse(text).map_err(|_| operator("the URL of the contract repository cannot be read"))?;
        if url.password().is_some() || (url.user().is_some() && url.scheme != gix::url::Scheme::Ssh) {
            let help = "leave user and token out of it; the token comes from TIDEGATE_CONTRACTS_TOKEN or the file that \
                        TIDEGATE_CONTRACTS_TOKEN_FILE names";
            return Err(operator(format!("the URL of the contract repository holds credentials: {help}")));
        }
        let shown = url.to_bstring().to_string();
        let host = url.host().unwrap_or_default();
        let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1");
        match url.scheme {
            gix::url::Scheme::Https | gix::url::Scheme::Ssh => {}
            gix::url::Scheme::Http if is_local => {}
            gix::url::Scheme::Http => {
                return Err(operator(format!(
                    "{shown}: contracts are not fetched unencrypted from another machine; write https://"
                )));
            }
            _ => return Err(operator(format!("{shown}: repositories are fetched by https and ssh only"))),
        }
        let user = url.user().unwrap_or_default();
        // `ssh` would take such a name for an option.
        if host.is_empty() || host.starts_with('-') || user.starts_with('-') || url.path.starts_with(b"-") {
            return Err(operator(format!(
                "{shown}: host, user and path of a repository must not be empty or begin with `-`"
            )));
        }
        let mirror = access.state.join(format!("contracts-{}.git", &sha256_hex(shown.as_bytes())[..16]));
        Ok(Remote {
            url,
            shown,
            mirror,
            access: access.clone(),
        })
    }

    /// Brings the mirror up to what the server has: the named branch or tag; every branch and tag for a commit that is not there yet, and
    /// the server's own `HEAD` when nothing is named. Blocks.
    ///
    /// # Errors
    ///
    /// [`Remedy::Retry`] when the server cannot be reached or breaks off; [`Remedy::Operator`] when it refuses us or has no such reference.
    pub(crate) fn fetch(&self, reference: Option<&str>) -> Result<(), WorldError> {
        let specs = match reference {
            None => vec![format!("+HEAD:{REMOTE_HEAD}")],
            Some(commit) if is_commit(commit) => {
                if crate::repository::has_commit(&self.mirror, commit) {
                    return Ok(());
                }
                vec!["+refs/heads/*:refs/heads/*".to_owned(), "+refs/tags/*:refs/tags/*".to_owned()]
            }
            Some(full) if full.starts_with("refs/") => vec![format!("+{full}:{full}")],
            Some(name) => ["heads", "tags"]
                .map(|kind| format!("+refs/{kind}/{name}:refs/{kind}/{name}"))
                .to_vec(),
        };
        let interrupt = AtomicBool::new(false);
        let (done, watched) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let (stop, mirror) = (&interrupt, &self.mirror);
            scope.spawn(move || {
                // Ends when the sender is dropped.
                while watched.recv_timeout(WATCH_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                    if size_of(mirror) > MIRROR_BYTES_MAX {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            });
            let outcome = self.receive(&specs, &interrupt);
            drop(done);
            match outcome {
                Ok(()) => Ok(()),
                Err(_) if interrupt.load(Ordering::Relaxed) => Err(operator(format!(
                    "{} brings more than {} MiB: keep contracts in a repository of their own, and empty {}",
                    self.shown,
                    MIRROR_BYTES_MAX >> 20,
                    self.mirror.display()
                ))),
                Err(error) => Err(self.failed(error)),
            }
        })
    }

    fn receive(&self, specs: &[String], interrupt: &AtomicBool) -> gix::Result<()> {
        let repository = self.open()?;
        let remote = repository
            .remote_at_without_url_rewrite(self.url.clone())?
            .with_fetch_tags(fetch::Tags::None)
            .with_refspecs(specs.iter().map(|spec| gix::bstr::BStr::new(spec.as_str())), Direction::Fetch)?;
        let mut connection = remote.connect(Direction::Fetch)?;
        if self.url.scheme != gix::url::Scheme::Ssh {
            connection.set_transport_options(Box::new(http_options()));
        }
        let identity = self.access.token.as_ref().map(|token| gix::sec::identity::Account {
            username: self.access.user.clone(),
            password: token.0.clone(),
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
        connection
            .prepare_fetch(Discard, ref_map::Options::default())?
            .receive(Discard, interrupt)?;
        Ok(())
    }

    fn open(&self) -> gix::Result<gix::Repository> {
        let mut settings = vec![
            "user.name=tidegate".to_owned(),
            "user.email=tidegate@localhost".to_owned(),
            "core.logAllRefUpdates=false".to_owned(),
        ];
        if self.url.scheme == gix::url::Scheme::Ssh {
            settings.push(format!("core.sshCommand={}", self.ssh()));
            settings.push("ssh.variant=ssh".to_owned());
        }
        let options = gix::open::Options::isolated().config_overrides(settings);
        if !crate::repository::is_repository(&self.mirror) {
            make_folder(&self.mirror).map_err(gix::Error::from_error)?;
            gix::init_bare(&self.mirror)?;
        }
        Ok(options.open(&self.mirror)?.to_thread_local())
    }

    /// The command for ssh. Paths are quoted, since a shell reads it.
    fn ssh(&self) -> String {
        let mut command = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 \
                           -o ServerAliveCountMax=3 -o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no"
            .to_owned();
        if let Some(key) = &self.access.ssh_key {
            command.push_str(&format!(" -o IdentitiesOnly=yes -i {}", quoted(key)));
        }
        if let Some(hosts) = &self.access.ssh_known_hosts {
            command.push_str(&format!(
                " -o {}",
                quoted(Path::new(&format!("UserKnownHostsFile={}", hosts.display())))
            ));
        }
        command
    }

    fn failed(&self, error: gix::Error) -> WorldError {
        let said = chain(&error);
        // A name of a repository may look like a status.
        let lower = said.replace(&self.shown, "").to_lowercase();
        let refuses = [
            "401",
            "403",
            "404",
            "credential",
            "permission denied",
            "authentication",
            "host key",
            "not found",
            "none of the refspec",
        ];
        let remedy = match refuses.iter().any(|word| lower.contains(word)) {
            true => Remedy::Operator,
            false => Remedy::Retry,
        };
        let said = match &self.access.token {
            Some(token) => said.replace(&token.0, "***"),
            None => said,
        };
        WorldError::new(remedy, format!("cannot fetch {}: {said}", self.shown))
    }
}

/// For its owner alone where the system knows owners.
fn make_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

fn http_options() -> http::Options {
    let client = http::reqwest::Options {
        configure_client: Some(Box::new(|builder| Ok(builder.timeout(REQUEST_WITHIN)))),
        configure_request: None,
    };
    http::Options {
        // The token must not go to where a server points to.
        follow_redirects: http::options::FollowRedirects::None,
        backend: Some(Arc::new(Mutex::new(client))),
        user_agent: Some(concat!("tidegate/", env!("CARGO_PKG_VERSION")).to_owned()),
        ..http::Options::default()
    }
}

/// Whether a reference is a commit id rather than a name.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn chain(error: &gix::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = at {
        let text = one.to_string().replace(['\n', '\r'], " ");
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        at = one.source();
    }
    parts.join(": ")
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// Bytes below a folder; what cannot be read counts nothing.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn operator(what: impl Into<String>) -> WorldError {
    WorldError::new(Remedy::Operator, what)
}

#[cfg(test)]
mod over_http;

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            state: "/state".into(),
            ..Access::default()
        }
    }

    #[test]
    fn secrets_and_other_ways_are_refused_without_being_shown() {
        for spec in [
            "https://user:hunter2@example.com/x.git",
            "https://hunter2@example.com/x.git",
            "ssh://git:hunter2@example.com/x.git",
        ] {
            let error = Remote::parse(spec, &access()).unwrap_err();
            assert!(error.what.contains("credentials") && !error.what.contains("hunter2"), "{error}");
        }
        for spec in [
            "http://example.com/x.git",
            "git://example.com/x.git",
            "ext::sh -c id",
            "ssh://-oProxyCommand=id/x.git",
            "ssh://-x@example.com/x.git",
            "ftp://example.com/x.git",
        ] {
            assert!(Remote::parse(spec, &access()).is_err(), "{spec}");
        }
        for spec in [
            "https://example.com/x.git",
            "git@example.com:a/b.git",
            "ssh://git@example.com/x.git",
            "http://127.0.0.1:80/x.git",
        ] {
            Remote::parse(spec, &access()).unwrap();
        }
    }

    #[test]
    fn a_mirror_belongs_to_one_url() {
        let mirror = |spec| Remote::parse(spec, &access()).unwrap().mirror;
        assert_eq!(mirror("https://example.com/x.git"), mirror("https://example.com/x.git"));
        assert_ne!(mirror("https://example.com/x.git"), mirror("https://example.com/y.git"));
        assert!(mirror("https://example.com/x.git").starts_with("/state"));
    }

    #[test]
    fn ssh_asks_nobody_and_names_are_quoted() {
        let access = Access {
            ssh_key: Some("/k's".into()),
            ssh_known_hosts: Some("/hosts".into()),
            ..access()
        };
        let command = Remote::parse("git@example.com:x.git", &access).unwrap().ssh();
        assert!(command.contains("BatchMode=yes") && command.contains("StrictHostKeyChecking=yes"));
        assert!(
            command.contains(r"-i '/k'\''s'") && command.ends_with("'UserKnownHostsFile=/hosts'"),
            "{command}"
        );
    }

    #[test]
    fn a_secret_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret");
    }
}
