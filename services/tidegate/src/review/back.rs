//! `git revert` is the way back: what a branch published before may come again under its own number.

use std::path::Path;
use std::sync::Arc;

use tidegate_contract::Contract;
use tidegate_diff::Diff;
use tidegate_git::history::walk;
use tidegate_git::repository::read_commit;

use super::published::Enforced;

/// Takes back the findings about contracts that return to what was published below the folder of a repository on the way to a commit. The
/// history is read only where there is such a finding.
pub(crate) fn let_go_back(
    diff: Diff,
    (root, commit, folder): (&Path, &str, &str),
    old: &[Arc<Contract>],
    new: &[Arc<Contract>],
) -> anyhow::Result<Diff> {
    if !diff.might_go_back() {
        return Ok(diff);
    }
    let past = Enforced::gather(|each| walk(root, commit, folder, each), &|commit| read_commit(root, commit, folder))?;
    Ok(diff.let_go_back(old, new, &past.history))
}
