//! `tidegate explain`: what a diagnostic code means and how to mend it.

use std::io::Write as _;

use tidegate_contract::codes::{self, Code};

use crate::cli::ExplainArgs;
use crate::exit::Exit;

pub(crate) fn run(args: &ExplainArgs) -> Exit {
    let mut out = std::io::stdout().lock();
    let written = match &args.code {
        None => codes::ALL
            .iter()
            .chain(tidegate_check::codes::ALL)
            .chain(tidegate_repair::codes::ALL)
            .chain(crate::review::codes::ALL)
            .try_for_each(|code| writeln!(out, "{}  {}", code.id, code.title)),
        Some(id) => match find(id) {
            Some(code) => writeln!(out, "{}: {}\n\n{}", code.id, code.title, wrapped(code.explanation, 100)),
            None => {
                eprintln!("error: `{id}` is not a code of Tidegate; `tidegate explain` lists all of them");
                return Exit::CouldNotTell;
            }
        },
    };
    if let Err(error) = written {
        crate::screen::leave(&error);
    }
    Exit::Clean
}

/// The code of that id, in any case, with or without brackets.
fn find(id: &str) -> Option<&'static Code> {
    let id = id.trim_matches(|c| matches!(c, '[' | ']'));
    codes::explain(id)
        .or_else(|| tidegate_check::codes::explain(id))
        .or_else(|| tidegate_repair::codes::explain(id))
        .or_else(|| crate::review::codes::explain(id))
}

fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        if used > 0 && used + 1 + word.chars().count() > width {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += word.chars().count();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_crates_are_found() {
        assert_eq!(find("[tg0117]").unwrap().id, "TG0117");
        assert_eq!(find("TG0201").unwrap().id, "TG0201");
        assert_eq!(find("TG0402").unwrap().id, "TG0402");
        assert!(find("TG9999").is_none());
        assert_eq!(wrapped("a bb ccc", 4), "a bb\nccc");
    }
}
