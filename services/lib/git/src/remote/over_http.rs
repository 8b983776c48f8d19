//! Remote repositories over the smart HTTP protocol of a real Git.

#[path = "../../../../../tests/support/git_host.rs"]
#[allow(unreachable_pub, reason = "a library of other tests, too")]
mod git_host;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use git_host::GitHost;
use tidegate_flow::{Remedy, WorldError};

use super::{Access, Order, Secret};
use crate::testing::Repo;
use crate::{ContractSource, LoadOutcome};

fn contract(version: &str) -> String {
    format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: \"{version}\"\nstatus: active\nschema:\n  - name: t\n    physicalType: topic\n    \
         properties:\n      - {{name: x, logicalType: string}}\n"
    )
}

/// A working repository, and the bare one beside it that is served.
struct Hosted {
    repo: Repo,
    root: tempfile::TempDir,
    state: tempfile::TempDir,
}

impl Hosted {
    fn new() -> Hosted {
        let hosted = Hosted {
            repo: Repo::new(),
            root: tempfile::tempdir().unwrap(),
            state: tempfile::tempdir().unwrap(),
        };
        let bare = hosted.root.path().join("c.git");
        hosted.repo.git(&["init", "-q", "--bare", "-b", "main", bare.to_str().unwrap()]);
        hosted.repo.git(&["remote", "add", "origin", bare.to_str().unwrap()]);
        hosted
    }

    fn publish(&self, version: &str) -> String {
        self.repo.write("shop/a.odcs.yaml", &contract(version));
        let commit = self.repo.commit();
        self.push();
        commit
    }

    fn push(&self) {
        self.repo.git(&["push", "-q", "--force", "origin", "HEAD:main"]);
    }

    fn access(&self) -> Access {
        Access {
            state: self.state.path().to_owned(),
            ..Access::default()
        }
    }
}

fn load(source: &mut ContractSource) -> Result<String, WorldError> {
    match source.load()? {
        LoadOutcome::Loaded(snapshot, _) => Ok(snapshot.commit.to_string()),
        LoadOutcome::Unchanged => Ok("unchanged".to_owned()),
        LoadOutcome::Refused { commit, diagnostics } => panic!("{commit} {diagnostics:?}"),
    }
}

#[test]
fn a_branch_is_followed_and_earlier_commits_stay() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    let first = hosted.publish("1.0.0");
    for (spec, what) in [
        ("#main:shop", "branch and folder"),
        ("", "the server's HEAD"),
        ("#refs/heads/main", "a full name"),
    ] {
        let mut source = ContractSource::open_with(&format!("{}{spec}", host.url("c.git")), None, &hosted.access()).unwrap();
        assert_eq!(load(&mut source).unwrap(), first, "{what}");
    }
    let mut source = ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    load(&mut source).unwrap();
    assert_eq!(load(&mut source).unwrap(), "unchanged");
    let second = hosted.publish("1.1.0");
    assert_eq!(load(&mut source).unwrap(), second);
    assert_eq!(&*source.snapshot_at(&first).unwrap().contracts[0].version.text, "1.0.0");
    assert_eq!(source.archive().read(&first).unwrap().files.len(), 1);

    // Pinned: another commit of the branch changes nothing, and what is there is not asked for again.
    let mut pinned = ContractSource::open_with(&host.url(&format!("c.git#{first}")), None, &hosted.access()).unwrap();
    assert_eq!(load(&mut pinned).unwrap(), first);
    let before = host.requests();
    hosted.publish("1.2.0");
    assert_eq!(load(&mut pinned).unwrap(), "unchanged");
    assert_eq!(host.requests(), before);
    // A fresh mirror finds it among the branches.
    let elsewhere = tempfile::tempdir().unwrap();
    let access = Access {
        state: elsewhere.path().to_owned(),
        ..Access::default()
    };
    let mut pinned = ContractSource::open_with(&host.url(&format!("c.git#{first}")), None, &access).unwrap();
    assert_eq!(load(&mut pinned).unwrap(), first);
}

#[test]
fn a_forced_push_is_refused_or_taken_as_is_said() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    let first = hosted.publish("1.0.0");
    let second = hosted.publish("1.1.0");
    let open = |order| {
        let access = Access { order, ..hosted.access() };
        ContractSource::open_with(&host.url("c.git#main"), None, &access).unwrap()
    };
    let (mut forward, mut any) = (open(Order::Forward), open(Order::Any));
    assert_eq!(
        (load(&mut forward).unwrap(), load(&mut any).unwrap()),
        (second.clone(), second.clone())
    );
    hosted.repo.git(&["reset", "-q", "--hard", &first]);
    hosted.push();
    let error = load(&mut forward).unwrap_err();
    assert!(
        error.what.contains(&host.url("c.git")) && error.what.contains("does not come after"),
        "{error}"
    );
    assert_eq!(*forward.current().unwrap().commit, *second);
    assert_eq!(load(&mut any).unwrap(), first);
}

#[test]
fn tags_are_environments() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    let first = hosted.publish("1.0.0");
    hosted.repo.git(&["tag", "-a", "-m", "t", "prod"]);
    hosted.repo.git(&["push", "-q", "origin", "prod"]);
    let second = hosted.publish("1.1.0");
    let mut source = ContractSource::open_with(&host.url("c.git#prod"), None, &hosted.access()).unwrap();
    assert_eq!(load(&mut source).unwrap(), first);
    hosted.repo.git(&["tag", "-f", "-a", "-m", "t", "prod"]);
    hosted.repo.git(&["push", "-q", "--force", "origin", "prod"]);
    assert_eq!(load(&mut source).unwrap(), second);
}

#[test]
fn who_asks_for_a_token_without_tls_gets_none() {
    let hosted = Hosted::new();
    // x-access-token:hunter2hunter2
    let host = GitHost::start(hosted.root.path(), Some("eC1hY2Nlc3MtdG9rZW46aHVudGVyMmh1bnRlcjI="));
    hosted.publish("1.0.0");
    for token in [None, Some("hunter2hunter2")] {
        let access = Access {
            token: token.map(Secret::new),
            ..hosted.access()
        };
        let mut source = ContractSource::open_with(&host.url("c.git#main"), None, &access).unwrap();
        let error = load(&mut source).unwrap_err();
        assert_eq!(error.remedy, Remedy::Operator, "{error}");
        assert!(!format!("{error} {error:?} {source:?}").contains("hunter2"), "{error}");
    }
    assert!(host.seen().is_empty() && host.requests() > 0, "{:?}", host.seen());
}

#[test]
fn a_host_that_is_away_is_tried_again_and_a_wrong_name_is_told() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    let first = hosted.publish("1.0.0");
    let mut source = ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    host.set_away(true);
    let error = load(&mut source).unwrap_err();
    assert_eq!(error.remedy, Remedy::Retry, "{error}");
    host.set_away(false);
    assert_eq!(load(&mut source).unwrap(), first);
    host.set_away(true);
    assert_eq!(load(&mut source).unwrap_err().remedy, Remedy::Retry);
    assert_eq!(*source.current().unwrap().commit, *first);
    host.set_away(false);
    for spec in ["c.git#nobody", "nobody.git#main"] {
        let error = load(&mut ContractSource::open_with(&host.url(spec), None, &hosted.access()).unwrap()).unwrap_err();
        assert_eq!(error.remedy, Remedy::Operator, "{spec}: {error}");
    }
}

/// I26: what a repository holds beside contract files neither runs nor is followed.
#[test]
fn i26_a_hostile_repository_is_only_read() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    hosted.repo.write(
        "lfs.odcs.yaml",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    );
    hosted.repo.write(".gitattributes", "*.odcs.yaml filter=evil\n");
    hosted
        .repo
        .write(".gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/x\n");
    std::os::unix::fs::symlink("/etc/passwd", hosted.repo.path().join("link.odcs.yaml")).unwrap();
    let commit = hosted.repo.commit();
    hosted
        .repo
        .git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},x")]);
    hosted.repo.git(&["commit", "-q", "-m", "submodule"]);
    hosted.push();
    let mut source = ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    match source.load().unwrap() {
        LoadOutcome::Refused { diagnostics, .. } => {
            let said: String = diagnostics
                .iter()
                .map(|one| format!("{} {}\n", one.location.file, one.problem))
                .collect();
            assert!(said.contains("lfs.odcs.yaml") && said.contains("link.odcs.yaml"), "{said}");
        }
        other => panic!("{other:?}"),
    }
    assert!(source.sources().values().all(|text| !text.contains("root:")));
}

impl Hosted {
    /// The only mirror.
    fn mirror(&self) -> PathBuf {
        let mirrors: Vec<PathBuf> = std::fs::read_dir(self.state.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "git"))
            .collect();
        let [mirror] = &mirrors[..] else { panic!("{mirrors:?}") };
        mirror.clone()
    }

    fn packs(&self, extension: &str) -> Vec<PathBuf> {
        let packs = std::fs::read_dir(self.mirror().join("objects/pack")).unwrap();
        let packs = packs.map(|entry| entry.unwrap().path());
        packs
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect()
    }
}

/// What a kill, a power cut or a full disk does to a mirror: each heals by itself.
#[test]
fn a_mirror_that_was_hurt_is_fetched_anew() {
    type Hurt = (&'static str, fn(&Hosted));
    let hurts: [Hurt; 6] = [
        ("a lock that a killed fetch left", |hosted| {
            for found in walk(&hosted.mirror().join("refs")) {
                std::fs::write(found.with_extension("lock"), "").unwrap();
            }
            std::fs::write(hosted.mirror().join("packed-refs.lock"), "").unwrap();
        }),
        ("no HEAD", |hosted| std::fs::remove_file(hosted.mirror().join("HEAD")).unwrap()),
        ("an empty reference", |hosted| {
            for found in walk(&hosted.mirror().join("refs")) {
                std::fs::write(found, "").unwrap();
            }
        }),
        ("a pack that is too short", |hosted| {
            for pack in hosted.packs("pack") {
                let bytes = std::fs::read(&pack).unwrap();
                std::fs::remove_file(&pack).unwrap();
                std::fs::write(&pack, &bytes[..bytes.len() / 2]).unwrap();
            }
        }),
        ("no packs", |hosted| {
            for pack in [hosted.packs("pack"), hosted.packs("idx")].concat() {
                std::fs::remove_file(pack).unwrap();
            }
        }),
        ("a config that is none", |hosted| {
            std::fs::write(hosted.mirror().join("config"), "[[[").unwrap()
        }),
    ];
    for (what, hurt) in hurts {
        let hosted = Hosted::new();
        let host = GitHost::start(hosted.root.path(), None);
        let open = || ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
        let first = hosted.publish("1.0.0");
        let mut source = open();
        assert_eq!(load(&mut source).unwrap(), first);
        hurt(&hosted);
        // A process that runs, and one that starts.
        let second = hosted.publish("1.1.0");
        assert_eq!(load(&mut source).unwrap_or_else(|error| panic!("{what}: {error}")), second);
        hurt(&hosted);
        assert_eq!(load(&mut open()).unwrap_or_else(|error| panic!("{what}: {error}")), second);
    }
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] })
        .collect()
}

#[test]
fn an_object_that_is_missing_is_fetched_again() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    hosted.publish("1.0.0");
    let mut source = ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    load(&mut source).unwrap();
    let second = hosted.publish("1.1.0");
    // A pack in which bits have rotted: length, index and trailer are what they were.
    let rot = || {
        for pack in hosted.packs("pack") {
            let mut bytes = std::fs::read(&pack).unwrap();
            let end = bytes.len() - 20;
            bytes[12..end].fill(0x5a);
            std::fs::remove_file(&pack).unwrap();
            std::fs::write(&pack, bytes).unwrap();
        }
    };
    // Fetched, and hurt before it is read.
    let mut other = ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    load(&mut other).unwrap();
    rot();
    let mut tries = 0;
    let found = loop {
        tries += 1;
        match load(&mut source) {
            Ok(commit) => break commit,
            Err(error) => assert!(tries < 5, "it does not heal: {error}"),
        }
    };
    assert_eq!(found, second);
}

/// Nothing of this is seen at a glance: the tip is there, and a file of it is not.
#[test]
fn a_file_that_is_missing_behind_a_whole_commit_is_fetched_again() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    hosted.publish("1.0.0");
    let open = || ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    let mut source = open();
    load(&mut source).unwrap();
    let second = hosted.publish("1.1.0");
    load(&mut open()).unwrap();
    // Objects one by one in the place of packs, and one of them taken away.
    let aside = tempfile::tempdir().unwrap();
    for pack in hosted.packs("pack") {
        std::fs::remove_file(pack.with_extension("idx")).unwrap();
        let moved = aside.path().join(pack.file_name().unwrap());
        std::fs::rename(&pack, &moved).unwrap();
        let status = std::process::Command::new("git")
            .args(["unpack-objects", "-q"])
            .current_dir(hosted.mirror())
            .env("GIT_DIR", hosted.mirror())
            .stdin(std::fs::File::open(&moved).unwrap())
            .status();
        assert!(status.unwrap().success());
    }
    let blob = hosted.repo.git(&["rev-parse", "HEAD:shop/a.odcs.yaml"]);
    std::fs::remove_file(hosted.mirror().join("objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    for _ in 0..crate::source::UNREAD_MAX {
        assert_eq!(load(&mut source).unwrap_err().remedy, Remedy::Retry);
    }
    assert_eq!(load(&mut source).unwrap(), second);
}

#[test]
fn what_killed_fetches_left_is_removed() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    hosted.publish("1.0.0");
    let mut source = ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    load(&mut source).unwrap();
    let left = hosted.mirror().join("objects/pack/.tmpAbCdEf");
    std::fs::write(&left, vec![0; 1000]).unwrap();
    load(&mut source).unwrap();
    assert!(!left.exists());
}

/// Names of the server come and go in every order.
#[test]
fn references_that_went_away_stand_in_nobodys_way() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    let first = hosted.publish("1.0.0");
    let push = |refspec: &str| hosted.repo.git(&["push", "-q", "--force", "origin", refspec]);
    push("HEAD:refs/heads/prod");
    let mut prod = ContractSource::open_with(&host.url("c.git#prod"), None, &hosted.access()).unwrap();
    assert_eq!(load(&mut prod).unwrap(), first);
    let second = hosted.publish("1.1.0");
    push(":refs/heads/prod");
    push("HEAD:refs/tags/prod");
    assert_eq!(load(&mut prod).unwrap(), second, "a branch became a tag");
    push(":refs/tags/prod");
    push("HEAD:refs/heads/prod/v2");
    assert_eq!(load(&mut prod).unwrap_err().remedy, Remedy::Operator, "it is gone");
    let mut below = ContractSource::open_with(&host.url("c.git#prod/v2"), None, &hosted.access()).unwrap();
    assert_eq!(load(&mut below).unwrap(), second);

    // A commit is looked for among all branches and tags.
    let mut pinned = ContractSource::open_with(&host.url(&format!("c.git#{second}")), None, &hosted.access()).unwrap();
    assert_eq!(load(&mut pinned).unwrap(), second);
    let third = hosted.publish("1.2.0");
    push(":refs/heads/prod/v2");
    push("HEAD:refs/heads/prod");
    let mut pinned = ContractSource::open_with(&host.url(&format!("c.git#{third}")), None, &hosted.access()).unwrap();
    assert_eq!(load(&mut pinned).unwrap(), third, "a folder of names became a name");
}

/// Accepts and sends a byte now and then, so that no single read is ever late.
fn trickle() -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/c.git#main", listener.local_addr().unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let ended = over.clone();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let Ok((mut stream, _)) = listener.accept() else { return };
        // Whoever answers before it is asked is not understood.
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 100000\r\n\r\nfff0",
        );
        while !ended.load(Ordering::Acquire) && stream.write_all(b"x").is_ok() {
            std::thread::park_timeout(Duration::from_millis(50));
        }
    });
    (url, over)
}

#[test]
fn a_server_that_trickles_is_left_in_time() {
    let (url, over) = trickle();
    let state = tempfile::tempdir().unwrap();
    let access = Access {
        state: state.path().to_owned(),
        fetch_within: Duration::from_secs(1),
        ..Access::default()
    };
    let mut source = ContractSource::open_with(&url, None, &access).unwrap();
    let begun = Instant::now();
    let error = load(&mut source).unwrap_err();
    assert!(
        error.remedy == Remedy::Retry && error.what.contains("not done within 1 s"),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    over.store(true, Ordering::Release);
}

#[test]
fn a_stop_request_ends_a_fetch() {
    let (url, over) = trickle();
    let state = tempfile::tempdir().unwrap();
    let access = Access {
        state: state.path().to_owned(),
        ..Access::default()
    };
    let stop = access.stop.clone();
    let mut source = ContractSource::open_with(&url, None, &access).unwrap();
    let begun = Instant::now();
    let stopping = std::thread::spawn(move || {
        std::thread::park_timeout(Duration::from_millis(300));
        stop.store(true, Ordering::Release);
    });
    let error = load(&mut source).unwrap_err();
    assert!(error.remedy == Remedy::Retry && error.what.contains("stopped"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    stopping.join().unwrap();
    over.store(true, Ordering::Release);
}

/// A small pack may hold a large object.
#[test]
fn a_huge_file_is_refused_before_it_is_unpacked() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    let first = hosted.publish("1.0.0");
    let mut source = ContractSource::open_with(&host.url("c.git#main"), None, &hosted.access()).unwrap();
    assert_eq!(load(&mut source).unwrap(), first);
    hosted.repo.write_bytes("zeros", &vec![0; 40 * 1024 * 1024]);
    hosted.publish("1.1.0");
    let error = load(&mut source).unwrap_err();
    assert!(
        error.remedy == Remedy::Operator && error.what.contains("more than 32 MiB"),
        "{error}"
    );
    assert_eq!(*source.current().unwrap().commit, *first, "the good one stays");
}

#[test]
fn errors_name_the_repository_and_not_its_mirror() {
    let hosted = Hosted::new();
    let host = GitHost::start(hosted.root.path(), None);
    hosted.publish("1.0.0");
    let url = host.url("c.git");
    for spec in ["#main:nowhere", "#0123456789012345678901234567890123456789"] {
        let error = load(&mut ContractSource::open_with(&format!("{url}{spec}"), None, &hosted.access()).unwrap()).unwrap_err();
        let state = hosted.state.path().display().to_string();
        assert!(
            error.what.contains(&url) && !error.what.contains(&state) && error.remedy == Remedy::Operator,
            "{spec}: {error}"
        );
    }
}

#[test]
fn a_token_in_a_file_is_read_at_each_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let secret = Secret::in_file(&path);
    assert!(secret.text().is_err());
    for token in ["one", "two"] {
        std::fs::write(&path, format!("{token}\n")).unwrap();
        assert_eq!(secret.text().unwrap(), token);
    }
    std::fs::write(&path, "\n").unwrap();
    assert!(secret.text().is_err() && !format!("{secret:?}").contains("two"));
}
