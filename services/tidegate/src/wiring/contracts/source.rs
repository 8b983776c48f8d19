//! Every kind of place that contracts come from, behind one type.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_contract::bundle::BUNDLE_BYTES_MAX;
use tidegate_contract::{Bundle, Diagnostic, Snapshot};
use tidegate_flow::{Remedy, WorldError};
use tidegate_git::{Access, Archive, ContractSource, LoadOutcome};
use tidegate_lake::LakeOptions;
use tidegate_registry::Published;
use tidegate_schemas::{Plaintext, Served, Snapshots, Token};

use super::document::{Documents, Followed};
use crate::review::published::{Enforced, take_record};

/// The folder of recorded ids, below `schemas`.
pub(crate) const REGISTERED: &str = "registered";

/// How places are reached, from configuration and environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    /// Git.
    pub(crate) git: Access,
    /// The registry.
    pub(crate) registry: Token,
    /// Whether a registry on another machine may be asked unencrypted.
    pub(crate) plaintext: Plaintext,
    /// Bundles in an object store.
    pub(crate) store: LakeOptions,
}

/// A place that is looked at again and again.
pub(crate) enum Source {
    Git(Box<ContractSource>),
    Documents(Box<Followed>),
}

/// Earlier commits of the same place, without waiting for what it is doing.
#[derive(Clone)]
pub(crate) enum Past {
    Git(Archive),
    Registry(Arc<Snapshots>),
    /// A bundle knows one commit.
    None,
}

/// What a spec names.
#[derive(Debug, PartialEq, Eq)]
enum Kind<'s> {
    /// A directory or a repository, local or remote.
    Git,
    Registry,
    /// Folder (or prefix) and name of the file.
    Bundle(&'s str, &'s str),
}

// === impl Source ===

impl Source {
    /// Understands a directory, a Git repository (path or URL, `#REF`, `#REF:FOLDER`), the URL of a registry, and a bundle (`*.tidegate`, on
    /// disk, `s3://` or `az://`). Nothing is read yet.
    pub(crate) fn open(spec: &str, reach: &Reach) -> Result<(Source, Past), WorldError> {
        match kind(spec) {
            Kind::Git => {
                let source = ContractSource::open_with(spec, None, &reach.git)?;
                let past = Past::Git(source.archive());
                Ok((Source::Git(Box::new(source)), past))
            }
            Kind::Registry => {
                let client = Arc::new(Snapshots::connect(spec, reach.registry.clone(), reach.plaintext, BUNDLE_BYTES_MAX)?);
                Ok((
                    Source::Documents(Box::new(Followed::new(Documents::Registry(client.clone())))),
                    Past::Registry(client),
                ))
            }
            Kind::Bundle(folder, name) => {
                let documents = match folder.contains("://") {
                    true => Documents::Stored {
                        location: folder.to_owned(),
                        options: Box::new(reach.store.clone()),
                        name: name.to_owned(),
                        store: None,
                    },
                    false => Documents::File(spec.into()),
                };
                Ok((Source::Documents(Box::new(Followed::new(documents))), Past::None))
            }
        }
    }

    /// Looks again, as [`ContractSource::load`].
    pub(crate) fn load(&mut self) -> Result<LoadOutcome, WorldError> {
        match self {
            Source::Git(source) => source.load(),
            Source::Documents(followed) => followed.load(),
        }
    }

    /// What was just loaded must not be used, as [`ContractSource::reject`].
    pub(crate) fn reject(&mut self, diagnostics: Vec<Diagnostic>) {
        match self {
            Source::Git(source) => source.reject(diagnostics),
            Source::Documents(followed) => followed.reject(diagnostics),
        }
    }

    /// Somebody put an earlier commit into force than this source has, as [`ContractSource::put_in_force`].
    pub(crate) fn put_in_force(&mut self, commit: &str) {
        match self {
            Source::Git(source) => source.put_in_force(commit),
            // A document stands for itself; it has no history that could be left.
            Source::Documents(_) => {}
        }
    }

    /// That this commit is in force, for the next start, as [`ContractSource::note`].
    pub(crate) fn note(&self, commit: &str) {
        if let Source::Git(source) = self
            && let Err(error) = source.note(commit)
        {
            tracing::warn!(%error, "what is in force cannot be noted for the next start");
        }
    }

    /// What was noted before this start, as [`ContractSource::noted`].
    pub(crate) fn noted(&self) -> Option<(String, i64)> {
        match self {
            Source::Git(source) => source.noted(),
            Source::Documents(_) => None,
        }
    }

    /// Texts of the files of the last load that read any.
    pub(crate) fn sources(&self) -> &BTreeMap<Arc<str>, String> {
        match self {
            Source::Git(source) => source.sources(),
            Source::Documents(followed) => followed.sources(),
        }
    }
}

// === impl Past ===

impl Past {
    /// The commit that this one was made from, where that can be told.
    pub(crate) fn before(&self, commit: &str) -> Option<String> {
        match self {
            Past::Git(archive) => archive.before(commit),
            Past::Registry(_) | Past::None => None,
        }
    }

    /// What was published up to that commit, where the source has a history: the same on every replica, whenever it was started.
    pub(crate) fn published(&self, commit: &str) -> Result<Published, WorldError> {
        match self {
            Past::Git(archive) => {
                let past = Enforced::gather(|each| archive.walk(commit, each), &|commit| archive.read(commit))?;
                if !past.walked.is_whole {
                    tracing::warn!(
                        commit,
                        commits = past.walked.commits,
                        "only so many commits are here: what was published before them is not known"
                    );
                }
                let mut published = Published {
                    versions: past.history,
                    height: past.walked.is_whole.then_some(past.walked.commits as u64),
                    ..Published::default()
                };
                archive.versions_of(commit, REGISTERED, &mut |way, files| {
                    take_record(&mut published.ids, way, &files);
                })?;
                Ok(published)
            }
            Past::Registry(_) | Past::None => Ok(Published::default()),
        }
    }

    /// The files of that commit; what is wrong with them comes out when they are built.
    pub(crate) fn bundle(&self, commit: &str) -> Result<Bundle, WorldError> {
        let operator = |what: String| Err(WorldError::new(Remedy::Operator, what));
        match self {
            Past::Git(archive) => {
                let reading = archive.read(commit)?;
                match reading.is_refused() {
                    true => operator(format!(
                        "the files of {commit} cannot be read:\n{}",
                        super::lines(&reading.diagnostics)
                    )),
                    false => Ok(Bundle::new(commit, reading.files)),
                }
            }
            Past::Registry(client) => match client.at(commit)? {
                Served::Document { bytes, .. } => match Bundle::open(&bytes) {
                    Ok((bundle, _)) if bundle.commit == commit => Ok(bundle),
                    Ok(_) => operator(format!("the registry gave another commit than {commit}")),
                    Err(problem) => Err(WorldError::new(
                        Remedy::Retry,
                        format!("the registry's answer cannot be used: {problem}"),
                    )),
                },
                Served::Unchanged(_) | Served::Absent => operator(format!("the registry does not know the contracts {commit}")),
            },
            Past::None => operator(format!(
                "a bundle holds one commit, and this one does not hold {commit}; use a registry or Git"
            )),
        }
    }

    /// The files of a commit on the way to another, and what was published before it.
    pub(crate) fn on_the_way(&self, commit: &str, to: &str) -> Result<(Bundle, Published), WorldError> {
        if let Past::Git(archive) = self
            && !archive.is_on_the_way(commit, to)?
        {
            let what = format!("{commit} is not on the way to the commit in force, {to}: it was never in force");
            return Err(WorldError::new(Remedy::Operator, what));
        }
        Ok((self.bundle(commit)?, self.published(commit)?))
    }

    /// The snapshot of that commit.
    pub(crate) fn snapshot(&self, commit: &str) -> Result<Arc<Snapshot>, WorldError> {
        let bundle = self.bundle(commit)?;
        let built: Result<(Snapshot, Vec<Diagnostic>), Vec<Diagnostic>> = Snapshot::build(&bundle.commit, &bundle.files);
        match built {
            Ok((snapshot, _)) => Ok(Arc::new(snapshot)),
            Err(problems) => {
                let what = format!("the contracts of {commit} do not load:\n{}", super::lines(&problems));
                Err(WorldError::new(Remedy::Operator, what))
            }
        }
    }
}

/// Whether a spec names a bundle.
pub(crate) fn is_bundle(spec: &str) -> bool {
    spec.ends_with(".tidegate") && !spec.starts_with("http")
}

fn kind(spec: &str) -> Kind<'_> {
    if is_bundle(spec)
        && let Some((folder, name)) = spec.rsplit_once('/').or(Some(("", spec)))
    {
        return Kind::Bundle(folder, name);
    }
    let is_http = spec.starts_with("https://") || spec.starts_with("http://");
    let path = spec.split('#').next().unwrap_or_default().trim_end_matches('/');
    if is_http && !spec.contains('#') && !path.ends_with(".git") && !path.contains("/_git/") {
        return Kind::Registry;
    }
    Kind::Git
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spec_names() {
        for (spec, expected) in [
            ("contracts", Kind::Git),
            ("./contracts#main:shop", Kind::Git),
            ("https://git.example.com/a/b.git", Kind::Git),
            ("https://git.example.com/a/b#main", Kind::Git),
            ("https://git.example.com/a/_git/b", Kind::Git),
            ("git+https://git.example.com/a/b", Kind::Git),
            ("git@git.example.com:a/b.git", Kind::Git),
            ("ssh://git@git.example.com/a/b.git#v1", Kind::Git),
            ("file:///srv/contracts.git", Kind::Git),
            ("http://tidegate-registry:8080", Kind::Registry),
            ("https://contracts.example.com/prod/", Kind::Registry),
            ("a.tidegate", Kind::Bundle("", "a.tidegate")),
            ("out/a.tidegate", Kind::Bundle("out", "a.tidegate")),
            ("s3://bucket/prod/a.tidegate", Kind::Bundle("s3://bucket/prod", "a.tidegate")),
        ] {
            assert_eq!(kind(spec), expected, "{spec}");
        }
    }
}
