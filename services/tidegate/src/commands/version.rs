//! `tidegate version`: which build this is, and whose verdicts it gives.

use std::io::Write as _;

use serde_json::json;

use crate::build;
use crate::cli::{Output, VersionArgs};
use crate::exit::Exit;

pub(crate) fn run(args: &VersionArgs) -> Exit {
    let commit = if build::COMMIT.is_empty() { "not recorded" } else { build::COMMIT };
    let engine = tidegate_check::ENGINE_VERSION;
    let text = match args.output {
        Output::Human => format!(
            "tidegate {}\ncommit   {commit}\njudge    {engine}, as in the header tidegate.judge",
            build::VERSION
        ),
        Output::Json => json!({"version": build::VERSION, "commit": build::COMMIT, "engine": engine}).to_string(),
    };
    if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
        crate::screen::leave(&error);
    }
    Exit::Clean
}
