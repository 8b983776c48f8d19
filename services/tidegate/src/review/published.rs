//! Published versions never change: every version that a branch ever enforced, held against the files of today.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tidegate_contract::{Contract, ContractFile, ContractRef, Diagnostic, Level, Location, SchemaFolder, Version, parse};
use tidegate_diff::set::compare_pair;
use tidegate_diff::{Bump, History, Violation};
use tidegate_flow::WorldError;
use tidegate_git::Reading;
use tidegate_git::history::{Each, Taken, Walked, Way, versions_of, walk};
use tidegate_git::repository::read_commit;
use tidegate_registry::Recorded;

use super::ground::{Ground, Named};
use super::loaded::{loaded, names_schemas};
use super::{codes, finding};
use crate::wiring::contracts::source::REGISTERED;

/// What was published below a folder.
pub(crate) struct Published {
    ground: Ground,
    past: Enforced,
    from: Named,
}

/// Every version that was enforced on the way to a commit.
pub(crate) struct Enforced {
    /// With the content that it had first.
    pub(crate) history: History,
    versions: Vec<(Arc<str>, Version)>,
    pub(crate) walked: Walked,
}

// === impl Enforced ===

impl Enforced {
    /// Takes up what a walk gives; `read` has all files of one of its commits.
    pub(crate) fn gather(
        walk: impl FnOnce(&mut Each<'_>) -> Result<Walked, WorldError>,
        read: &dyn Fn(&str) -> Result<Reading, WorldError>,
    ) -> Result<Enforced, WorldError> {
        let mut history = History::default();
        let mut versions = Vec::new();
        let mut trouble = None;
        let none = Arc::new(SchemaFolder::default());
        // Of the last commit that was asked for.
        let mut schemas: (Arc<str>, Arc<SchemaFolder>) = ("".into(), none.clone());
        let walked = walk(&mut |place, file| {
            let (Some(contract), said) = parse(&file.path, &file.text) else {
                return Taken::Whole;
            };
            if !contract.status.is_enforced() {
                return Taken::Whole;
            }
            let names_schemas = names_schemas(&contract);
            if names_schemas && schemas.0 != *place.commit {
                match read(place.commit) {
                    Ok(reading) => schemas = (place.commit.clone(), Arc::new(SchemaFolder::new(&reading.files))),
                    Err(error) => {
                        trouble.get_or_insert(error);
                        return Taken::Waiting;
                    }
                }
            }
            let Some(contract) = loaded(contract, said, if names_schemas { &schemas.1 } else { &none }) else {
                return if names_schemas { Taken::Waiting } else { Taken::Whole };
            };
            let short = |commit: &str| commit[..10].to_owned();
            match place.merge {
                None => history.take(&contract, &short(place.commit)),
                Some(merge) => history.take_in(&contract, &short(place.commit), &short(merge)),
            }
            versions.push((contract.id.clone(), contract.version.clone()));
            if names_schemas { Taken::WithSchemas } else { Taken::Whole }
        })?;
        match trouble {
            Some(error) => Err(error),
            None => Ok(Enforced { history, versions, walked }),
        }
    }
}

/// Takes up the record that a commit held.
pub(crate) fn take_record(recorded: &mut Recorded, way: Way, files: &[ContractFile]) {
    match way {
        Way::Branch => recorded.take(files),
        Way::Tip => recorded.take_beside(files, true),
        Way::Beside => recorded.take_beside(files, false),
    }
}

// === impl Published ===

impl Published {
    /// Walks the branch back to its beginning.
    pub(crate) fn read(ground: &Ground, from: Named) -> anyhow::Result<Published> {
        let past = Enforced::gather(|each| walk(&ground.root, &from.commit, &ground.folder, each), &|commit| {
            read_commit(&ground.root, commit, &ground.folder)
        })?;
        Ok(Published {
            ground: ground.clone(),
            past,
            from,
        })
    }

    /// What is wrong about these contracts; `names` are the files as findings call them, by the path below the folder.
    pub(crate) fn findings(&self, current: &[Arc<Contract>]) -> anyhow::Result<Vec<Diagnostic>> {
        let mut found = Vec::new();
        for violation in self.past.history.violations(current.iter().map(|contract| &**contract)) {
            let now = current
                .iter()
                .find(|one| one.reference() == violation.contract && one.location == violation.location);
            let Some(now) = now else { continue };
            found.push(self.finding(&violation, now, current)?);
        }
        Ok(found)
    }

    /// The ids that were recorded on the way, which stay for ever.
    pub(crate) fn recorded(&self) -> anyhow::Result<Recorded> {
        let mut recorded = Recorded::default();
        let ground = &self.ground;
        versions_of(&ground.root, &self.from.commit, &ground.folder, REGISTERED, &mut |way, files| {
            take_record(&mut recorded, way, &files);
        })?;
        Ok(recorded)
    }

    /// Said once, where not all of the past is here.
    pub(crate) fn gap(&self, file: &str) -> Option<Diagnostic> {
        (!self.past.walked.is_whole).then(|| {
            let problem = format!(
                "only the last {} commits of {} are here: versions that were published before are not known, and may have changed",
                self.past.walked.commits, self.from.name
            );
            finding(
                codes::HISTORY,
                Level::Warning,
                (file, 1, 1),
                problem,
                "fetch the whole history (fetch-depth: 0)",
            )
        })
    }

    fn finding(&self, violation: &Violation, now: &Contract, current: &[Arc<Contract>]) -> anyhow::Result<Diagnostic> {
        let before = self.content(&violation.contract)?;
        let demanded = before
            .as_ref()
            .map_or(Bump::Patch, |before| compare_pair(before, now).demanded)
            .max(Bump::Patch);
        // The next version must be free, and stays within its major version unless it has to leave it.
        let known = self
            .past
            .versions
            .iter()
            .filter(|(id, _)| *id == now.id)
            .map(|(_, version)| version);
        let known = known.chain(current.iter().filter(|one| one.id == now.id).map(|one| &one.version));
        let highest = known
            .filter(|version| demanded == Bump::Major || version.major == now.version.major)
            .max();
        let next = demanded.applied(highest.unwrap_or(&now.version));
        let place = now
            .document
            .get("version")
            .map_or((now.location.line, now.location.column), |node| (node.line, node.column));
        Ok(Diagnostic {
            code: violation.code(),
            level: Level::Error,
            location: Location {
                file: now.location.file.clone(),
                line: place.0,
                column: place.1,
                pointer: "/version".into(),
            },
            problem: match &violation.merge {
                None => format!(
                    "{} was published with another content by commit {} of {}",
                    violation.contract, violation.published, self.from.name
                ),
                Some(_) => violation.problem(),
            },
            help: format!(
                "write `version: {next}`: a {} version is needed, see `tidegate diff`; where producers name versions, in a file of its own, and \
                 this one as it was with `status: deprecated`",
                demanded.as_str()
            ),
        })
    }

    /// The contract as it was published; none when it cannot be found again.
    fn content(&self, version: &ContractRef) -> anyhow::Result<Option<Contract>> {
        let mut found = None;
        let root: &Path = &self.ground.root;
        walk(root, &self.from.commit, &self.ground.folder, &mut |_, file| {
            if found.is_none()
                && let (Some(contract), _) = parse(&file.path, &file.text)
                && contract.status.is_enforced()
                && contract.reference() == *version
            {
                found = Some(contract);
            }
            Taken::Whole
        })?;
        Ok(found)
    }
}

/// One walk a folder, however many files were named in it.
#[derive(Default)]
pub(crate) struct Walks {
    done: BTreeMap<(std::path::PathBuf, String), Published>,
}

// === impl Walks ===

impl Walks {
    /// What was published below the folder of a path, by the reference or by what the clone takes for published. None outside of a repository, and in one without a commit.
    pub(crate) fn at(&mut self, path: &Path, reference: Option<&str>) -> anyhow::Result<Option<&Published>> {
        let Some(ground) = Ground::of(path)? else { return Ok(None) };
        let key = (ground.root.clone(), ground.folder.clone());
        if !self.done.contains_key(&key) {
            let from = match reference {
                Some(reference) => Some(ground.find(reference)?),
                None => ground.published()?,
            };
            let Some(from) = from else { return Ok(None) };
            self.done.insert(key.clone(), Published::read(&ground, from)?);
        }
        Ok(self.done.get(&key))
    }
}
