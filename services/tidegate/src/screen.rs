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

/// Text of others, fit for a terminal and for one line: what would steer the terminal, break the line or turn its direction is written as an
/// escape.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

/// The same for text of several lines.
pub(crate) fn harmless(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}

/// Control characters, marks of direction, and separators of lines.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Says something on standard error. Names of files and texts of contracts are part of what is said, and a service that runs this reads it, too.
pub(crate) fn complain(text: &str) {
    eprintln!("{}", crate::commands::lint::formats::harmless(harmless(text)));
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
        complain(&format!("error: {error:#}"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_does_not_steer_the_terminal() {
        assert_eq!(escaped("Grün /lines/*/sku “x”"), "Grün /lines/*/sku “x”");
        for bad in ["\u{1b}]52;c;AAAA\u{7}", "a\nb", "a\u{9b}2J", "\u{202e}abc", "a\rb", "\u{2028}"] {
            let shown = escaped(bad);
            assert!(shown.contains("\\u{") && !shown.chars().any(steers), "{shown}");
        }
        assert_eq!(harmless("a\nb\u{1b}c"), "a\nb\\u{1b}c");
    }
}
