//! `tidegate demo`: every role in one process, with planted faults that must be found again.

mod backend;
mod display;
mod drill;
mod objectives;
mod setup;
mod stage;

pub(crate) use drill::Drill;

use crate::cli::DemoArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &DemoArgs) -> Exit {
    match stage::play(args) {
        Ok(true) => Exit::Clean,
        Ok(false) if args.check => Exit::Findings,
        Ok(false) if args.drill.is_some() => {
            eprintln!("warning: the fault did not show yet; let it run longer");
            Exit::Clean
        }
        Ok(false) => {
            eprintln!("warning: planted and found differ, or the audit is not clean; this is a bug of ours (--check makes it exit 1)");
            Exit::Clean
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Exit::CouldNotTell
        }
    }
}
