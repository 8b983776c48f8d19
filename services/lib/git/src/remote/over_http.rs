//! Remote repositories over the smart HTTP protocol of a real Git.

#[path = "../../../../../tests/support/git_host.rs"]
#[allow(unreachable_pub, reason = "a library of other tests, too")]
mod git_host;

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
