//! Standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

use crate::exit::Exit;

/// Prints a line. A reader that has seen enough (`| head`) ends the process quietly, as it ends other tools.
pub(crate) fn say(line: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_fmt(line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        leave(&error);
    }
}

/// How an offline tool ends: an error is said, unless it is only that nobody reads on.
pub(crate) fn ending(result: anyhow::Result<Exit>) -> Exit {
    result.unwrap_or_else(|error| {
        if let Some(error) = error
            .downcast_ref::<std::io::Error>()
            .filter(|error| error.kind() == ErrorKind::BrokenPipe)
        {
            leave(error);
        }
        eprintln!("error: {error:#}");
        Exit::CouldNotTell
    })
}

/// What a write error of standard output means for the process.
pub(crate) fn leave(error: &std::io::Error) -> ! {
    if error.kind() != ErrorKind::BrokenPipe {
        eprintln!("error: writing to standard output: {error}");
    }
    std::process::exit(Exit::CouldNotTell as i32)
}
