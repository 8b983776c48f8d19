//! Which build this is.

use std::sync::LazyLock;

/// Version of the executable.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Commit that it was built from: `TIDEGATE_BUILD_COMMIT` when it was compiled, as the image's build sets it; empty otherwise.
pub(crate) const COMMIT: &str = match option_env!("TIDEGATE_BUILD_COMMIT") {
    Some(commit) => commit,
    None => "",
};

/// Version and commit on one line.
pub(crate) fn described() -> &'static str {
    static DESCRIBED: LazyLock<String> = LazyLock::new(|| match COMMIT {
        "" => VERSION.to_owned(),
        commit => format!("{VERSION} ({commit})"),
    });
    &DESCRIBED
}
