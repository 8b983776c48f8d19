//! A remote repository, fetched into a bare mirror of our own.
//!
//! Fetched by `gix` inside of this process: nothing is checked out, so there are no hooks, filters, submodules or LFS downloads, and no
//! configuration of the machine is read. Over https the HTTP client is a library; over ssh the program `ssh` is started, with options that
//! keep it from asking anybody anything. Other ways (`ext::`, `git://`, http to another machine) are refused.

mod fetching;
mod mirror;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gix::protocol::transport::client::blocking_io::http;
use tidegate_contract::sha256_hex;
use tidegate_flow::{Remedy, WorldError};

/// What one request to a Git server may take, with its answer.
const REQUEST_WITHIN: Duration = Duration::from_secs(60);
/// What a whole fetch may take.
const FETCH_WITHIN: Duration = Duration::from_secs(120);

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
    /// What a fetch may take, however slowly a server sends.
    pub fetch_within: Duration,
    /// Ends a fetch that is under way when it is set.
    pub stop: Arc<AtomicBool>,
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
pub struct Secret(Kind);

#[derive(Clone)]
enum Kind {
    Text(String),
    /// Read at each use.
    File(PathBuf),
}

/// Where a remote repository is.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    url: gix::Url,
    /// Without credentials, for people.
    pub(crate) shown: String,
    /// The bare repository that it is fetched into.
    pub(crate) mirror: PathBuf,
    access: Access,
    shared: Arc<Shared>,
}

/// What all copies of a remote have in common.
#[derive(Debug, Default)]
struct Shared {
    under_way: Arc<AtomicUsize>,
    /// When it last brought too much.
    too_large: Mutex<Option<Instant>>,
}

/// What is fetched, and where it is kept: in names of our own, so that a branch and a tag of the server, or one that went away and one that
/// came, never meet in the mirror.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    specs: Vec<String>,
    /// In front of all names that these specs write.
    prefix: String,
    /// Where the commit is looked for, a branch before a tag; empty for a commit, which names itself.
    pub(crate) names: Vec<String>,
}

// === impl Secret ===

impl Secret {
    /// Takes it.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Kind::Text(text.into()))
    }

    /// What stands in a file, read at each use: tokens of machines live an hour or so, and somebody writes the next one there.
    pub fn in_file(path: impl Into<PathBuf>) -> Secret {
        Secret(Kind::File(path.into()))
    }

    fn text(&self) -> std::io::Result<String> {
        match &self.0 {
            Kind::Text(text) => Ok(text.clone()),
            Kind::File(path) => match std::fs::read_to_string(path) {
                Ok(text) if text.trim().is_empty() => Err(std::io::Error::other(format!(
                    "the file of the token, {}, is empty",
                    path.display()
                ))),
                Ok(text) => Ok(text.trim().to_owned()),
                Err(error) => Err(std::io::Error::other(format!(
                    "the file of the token, {}, cannot be read: {error}",
                    path.display()
                ))),
            },
        }
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
            fetch_within: FETCH_WITHIN,
            stop: Arc::default(),
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
            shared: Arc::default(),
        })
    }

    /// What is fetched for a reference, and the names that it has here.
    pub(crate) fn kept(&self, reference: Option<&str>) -> Kept {
        let own = |text: &str| format!("refs/tidegate/{}", &sha256_hex(text.as_bytes())[..16]);
        match reference {
            None => Kept {
                specs: vec!["+HEAD:refs/tidegate/head/HEAD".to_owned()],
                prefix: "refs/tidegate/head/".to_owned(),
                names: vec!["refs/tidegate/head/HEAD".to_owned()],
            },
            Some(commit) if is_commit(commit) => Kept {
                specs: ["heads", "tags"]
                    .map(|kind| format!("+refs/{kind}/*:refs/tidegate/all/{kind}/*"))
                    .to_vec(),
                prefix: "refs/tidegate/all/".to_owned(),
                names: Vec::new(),
            },
            Some(full) if full.starts_with("refs/") => {
                let name = format!("{}/full", own(full));
                Kept {
                    specs: vec![format!("+{full}:{name}")],
                    prefix: format!("{}/", own(full)),
                    names: vec![name],
                }
            }
            Some(short) => {
                let names = ["heads", "tags"].map(|kind| format!("{}/{kind}", own(short)));
                Kept {
                    specs: vec![
                        format!("+refs/heads/{short}:{}", names[0]),
                        format!("+refs/tags/{short}:{}", names[1]),
                    ],
                    prefix: format!("{}/", own(short)),
                    names: names.to_vec(),
                }
            }
        }
    }

    fn open(&self) -> gix::Result<gix::Repository> {
        let mut settings = vec![
            "user.name=tidegate".to_owned(),
            "user.email=tidegate@localhost".to_owned(),
            "core.logAllRefUpdates=false".to_owned(),
            // Objects are held in memory, several at a time with several threads.
            format!("gitoxide.objects.allocLimit={}", fetching::OBJECT_BYTES_MAX),
            "pack.threads=1".to_owned(),
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

    fn failed(&self, error: &gix::Error) -> WorldError {
        let said = chain(error);
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
            "too large to fit in memory",
            "the file of the token",
        ];
        let remedy = match refuses.iter().any(|word| lower.contains(word)) {
            true => Remedy::Operator,
            false => Remedy::Retry,
        };
        let said = match self.access.token.as_ref().and_then(|token| token.text().ok()) {
            Some(token) => said.replace(&token, "***"),
            None => said,
        };
        // What the library says about a server that does not speak its protocol helps nobody.
        let help = if lower.contains("dumb") {
            "; the server answers with something else than Git: the repository was moved (redirects are not followed), or the address is wrong"
                .to_owned()
        } else if lower.contains("too large to fit in memory") {
            format!(
                "; the repository holds a file of more than {} MiB: keep contracts in a repository of their own",
                fetching::OBJECT_BYTES_MAX >> 20
            )
        } else {
            String::new()
        };
        WorldError::new(remedy, format!("cannot fetch {}: {said}{help}", self.shown))
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
