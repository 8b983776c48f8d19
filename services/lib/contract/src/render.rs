//! Diagnostics for people: with the line they are about, or one line each.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level as Look, Origin, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Level};
use crate::disguise::{is_disguise, undisguised, undisguised_in_place};

/// Renders every diagnostic with its line of source and its help, as compilers do. `sources` holds the text of each file by the name that
/// the locations use; a diagnostic of a file that is not there is shown without its line. `color` adds ANSI escapes.
pub fn render(diagnostics: &[Diagnostic], sources: &BTreeMap<Arc<str>, String>, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in diagnostics {
        let look = match diagnostic.level {
            Level::Error => Look::ERROR,
            Level::Warning => Look::WARNING,
            Level::Note => Look::NOTE,
        };
        // Sentences, names of files and lines of contracts are somebody's text, and only some of it is made harmless by the renderer.
        let (problem, help) = (undisguised(&diagnostic.problem), undisguised(&diagnostic.help));
        let location = &diagnostic.location;
        let path = one_line(&location.file);
        let mut group = match sources.get(&location.file) {
            Some(text) => {
                // Handing over three lines instead of the file keeps many problems of a large file cheap.
                let window = window(text, location.line);
                let span = token(&text[window.bytes.clone()], location.line - window.first_line, location.column);
                let snippet = Snippet::source(undisguised_in_place(&text[window.bytes]))
                    .path(path)
                    .line_start(window.first_line as usize)
                    .annotation(AnnotationKind::Primary.span(span));
                look.primary_title(&problem).id(diagnostic.code).element(snippet)
            }
            None => {
                let origin = Origin::path(path)
                    .line(location.line as usize)
                    .char_column(location.column as usize);
                look.primary_title(&problem).id(diagnostic.code).element(origin)
            }
        };
        if !help.is_empty() {
            group = group.element(Look::HELP.message(&help));
        }
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out
}

/// One line each: `file:line:col: error[TG0101]: problem (help)`.
pub fn render_lines(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let location = &diagnostic.location;
        let (code, problem) = (diagnostic.code, one_line(&diagnostic.problem));
        let help = if diagnostic.help.is_empty() {
            String::new()
        } else {
            format!(" ({})", one_line(&diagnostic.help))
        };
        let level = diagnostic.level.as_str();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}:{}:{}: {level}[{code}]: {problem}{help}",
            one_line(&location.file),
            location.line,
            location.column
        );
    }
    out
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_disguise(c) { ' ' } else { c }).collect()
}

/// A few whole lines of a file.
pub(crate) struct Window {
    pub(crate) bytes: Range<usize>,
    pub(crate) first_line: u32,
}

/// The line with its neighbours.
pub(crate) fn window(text: &str, line: u32) -> Window {
    let first_line = line.saturating_sub(1).max(1);
    let start = line_start(text, first_line);
    let end = line_start(text, line.saturating_add(2));
    Window {
        bytes: start..end,
        first_line,
    }
}

/// Byte where a line starts; the end of the text when there are fewer lines.
fn line_start(text: &str, line: u32) -> usize {
    let mut count = 1;
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        if count == line {
            return index;
        }
        let ends_line = *byte == b'\n' || (*byte == b'\r' && bytes.get(index + 1) != Some(&b'\n'));
        if ends_line {
            count += 1;
        }
    }
    text.len()
}

/// The word or quoted text that starts there: what a reader would point at.
pub(crate) fn token(text: &str, line: u32, column: u32) -> Range<usize> {
    let line_start = line_start(text, line + 1);
    let rest = &text[line_start..];
    let rest = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
    let skipped: usize = rest.chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
    let word = &rest[skipped..];
    let length = match word.chars().next() {
        Some(quote @ ('"' | '\'')) => word[1..].find(quote).map_or(word.len(), |end| end + 2),
        _ => word.find(": ").or_else(|| word.find(" #")).unwrap_or(word.len()),
    };
    let length = word[..length].trim_end().trim_end_matches(':').len();
    let start = line_start + skipped;
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    const TEXT: &str = "apiVersion: v3.2.0\nkind: DataContract\nid: orders\nversion: \"1.0.0\"\nstatus: aktive\nowner: me\n";

    #[test]
    fn points_at_the_word_and_says_how_to_mend_it() {
        let (_, diagnostics) = parse("shop/orders.odcs.yaml", TEXT);
        let sources = BTreeMap::from([(Arc::from("shop/orders.odcs.yaml"), TEXT.to_owned())]);
        let shown = render(&diagnostics, &sources, false);
        assert!(shown.contains("error[TG0110]: `aktive` is not a status"), "{shown}");
        assert!(shown.contains("--> shop/orders.odcs.yaml:5:9"), "{shown}");
        assert!(shown.contains("5 | status: aktive\n  |         ^^^^^^"), "{shown}");
        assert!(shown.contains("= help: did you mean `active`?"), "{shown}");
        assert!(!shown.contains('\u{1b}') && render(&diagnostics, &sources, true).contains('\u{1b}'));
        let without_source = render(&diagnostics, &BTreeMap::new(), false);
        assert!(without_source.contains("--> shop/orders.odcs.yaml:5:9"), "{without_source}");
    }

    #[test]
    fn one_line_each() {
        let (_, diagnostics) = parse("orders.odcs.yaml", TEXT);
        let lines = render_lines(&diagnostics);
        let expected = "orders.odcs.yaml:5:9: error[TG0110]: `aktive` is not a status; known are `draft`, `proposed`, `active`, \
                        `deprecated`, `retired` (did you mean `active`?)";
        assert_eq!(lines.lines().next(), Some(expected));
        assert_eq!(lines.lines().count(), diagnostics.len());
    }

    #[test]
    fn nothing_that_somebody_wrote_commands_the_terminal() {
        let nasty = "a\u{1b}]52;c;AAAA\u{7}\u{9b}2J\u{202e}b\r\u{85}c";
        let text = format!("id: x\nowner: {nasty}\n");
        let diagnostic = Diagnostic {
            code: "X",
            level: Level::Error,
            location: crate::Location {
                file: format!("{nasty}\n.odcs.yaml").into(),
                line: 2,
                column: 8,
                pointer: "".into(),
            },
            problem: nasty.into(),
            help: nasty.into(),
        };
        let found = [diagnostic];
        for sources in [BTreeMap::new(), BTreeMap::from([(found[0].location.file.clone(), text)])] {
            let shown = render(&found, &sources, false);
            assert!(!shown.chars().any(|c| is_disguise(c) && c != '\n'), "{shown:?}");
            assert!(sources.is_empty() || shown.contains("2 | owner: a"), "{shown}");
        }
        let lines = render_lines(&found);
        assert!(lines.ends_with('\n') && !lines.trim_end().chars().any(is_disguise), "{lines:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_place_in_any_text(text in "[a:\"' é\r\n]{0,40}", line in 1u32..9, column in 1u32..60) {
            let location = crate::Location { file: "f".into(), line, column, pointer: "".into() };
            let diagnostic = Diagnostic { code: "X", level: Level::Error, location, problem: "p".into(), help: "h".into() };
            let sources = BTreeMap::from([(Arc::from("f"), text)]);
            proptest::prop_assert!(render(&[diagnostic], &sources, false).contains("error[X]: p"));
        }
    }
}
