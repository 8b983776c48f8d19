//! Findings about an event, each with the piece of the event and the piece of the contract that it is about.
//!
//! Events are often one line of several kilobytes, or no text at all, so what is shown is a window: lines are cut around the marked bytes,
//! bytes that are no text are shown as hexadecimal.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Look, Renderer, Snippet};

use crate::diagnostic::{Level, Location};
use crate::render::{token, window};

/// Characters of a line that are shown before what is marked.
const BEFORE: usize = 36;
/// Characters of a line that are shown after it.
const AFTER: usize = 28;
/// Longer pieces are shown by their two ends.
const PIECE: usize = 84;
/// Lines between the ends of a marked piece past which only its first line is shown.
const LINES: usize = 400;
/// Bytes in one line of a hexadecimal dump.
const DUMP: usize = 16;

/// One finding.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Weight.
    pub level: Level,
    /// What stands in the brackets, such as a reason.
    pub code: String,
    /// One sentence without a full stop.
    pub title: String,
    /// Pieces in the order in which they are shown.
    pub excerpts: Vec<Excerpt>,
    /// Lines behind them, `name: text` or free.
    pub notes: Vec<String>,
}

/// A piece of a file with a mark under it.
#[derive(Debug, Clone)]
pub struct Excerpt {
    /// `file:line:column`, or the file and a range of bytes.
    origin: Where,
    /// What is shown, cut to size.
    text: String,
    /// Number of the first line shown; none for dumps.
    first_line: Option<usize>,
    marks: Vec<Range<usize>>,
    label: String,
}

/// The first line of an excerpt.
#[derive(Debug, Clone)]
enum Where {
    Line { file: String, line: usize, column: usize },
    Bytes { file: String },
}

/// What of a text is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// All of it.
    Piece,
    /// Its first and its last character: the braces of an object.
    Ends,
}

/// Renders findings as compilers render theirs; `color` adds ANSI escapes.
pub fn render_findings(findings: &[Finding], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for finding in findings {
        let look = match finding.level {
            Level::Error => Look::ERROR,
            Level::Warning => Look::WARNING,
            Level::Note => Look::NOTE,
        };
        let mut group = Group::with_title(look.primary_title(&finding.title).id(&finding.code));
        for excerpt in &finding.excerpts {
            group = excerpt.show(group);
        }
        for note in &finding.notes {
            group = match note.strip_prefix("help: ") {
                Some(help) => group.element(Look::HELP.message(help)),
                None => group.element(Look::NOTE.no_name().message(note)),
            };
        }
        let mut shown = renderer.render(&[group]);
        for (counted, meant) in finding.excerpts.iter().filter_map(Excerpt::headings) {
            shown = shown.replacen(&counted, &meant, 1);
        }
        out.push_str(&shown);
        out.push_str("\n\n");
    }
    out
}

/// Line and column (in characters) of a byte, both from 1.
pub fn line_and_column(text: &[u8], at: usize) -> (usize, usize) {
    let before = &text[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

// === impl Excerpt ===

impl Excerpt {
    /// The place of a contract, with the line above and below.
    pub fn of_contract(text: &str, location: &Location, label: &str) -> Excerpt {
        let window = window(text, location.line);
        let span = token(&text[window.bytes.clone()], location.line - window.first_line, location.column);
        Excerpt {
            origin: Where::Line {
                file: location.file.to_string(),
                line: location.line as usize,
                column: location.column as usize,
            },
            text: text[window.bytes].trim_end_matches(['\n', '\r']).to_owned(),
            first_line: Some(window.first_line as usize),
            marks: vec![span],
            label: label.to_owned(),
        }
    }

    /// A piece of an event that is text. `piece` must lie on boundaries of characters; it is moved to them otherwise.
    pub fn of_text(file: &str, text: &str, piece: Range<usize>, mark: Mark, label: &str) -> Excerpt {
        let piece = on_boundaries(text, piece);
        let (line, column) = line_and_column(text.as_bytes(), piece.start);
        let mut shown = Shown::default();
        let first = text[..piece.start].rfind('\n').map_or(0, |at| at + 1);
        let inside = text[piece.clone()].matches('\n').count();
        if inside == 0 {
            shown.line(text, first, piece.clone(), mark);
        } else {
            shown.lines(text, first, piece.clone(), inside, mark);
        }
        Excerpt {
            origin: Where::Line {
                file: file.to_owned(),
                line,
                column,
            },
            text: shown.text,
            first_line: Some(line),
            marks: shown.marks,
            label: label.to_owned(),
        }
    }

    /// A piece of an event that is no text, as hexadecimal with one line before and after. Bytes of `hidden` are not shown.
    pub fn of_bytes(file: &str, bytes: &[u8], piece: Range<usize>, hidden: &[Range<usize>], label: &str) -> Excerpt {
        let piece = piece.start.min(bytes.len())..piece.end.min(bytes.len());
        let first = (piece.start / DUMP).saturating_sub(1);
        let last = (piece.end.max(piece.start + 1) - 1) / DUMP;
        let mut text = String::new();
        let mut marks = Vec::new();
        for row in first..=(last + 1).min(bytes.len().saturating_sub(1) / DUMP) {
            // The ends of a long piece are enough.
            if last - first > 8 && row > first + 3 && row + 3 < last {
                if row == first + 4 {
                    text.push_str("       ...\n");
                }
                continue;
            }
            let start = row * DUMP;
            let _ = write!(text, "{start:06x} ");
            let mut plain = String::new();
            let mut mark: Option<Range<usize>> = None;
            for at in start..start + DUMP {
                text.push(' ');
                let begins = text.len();
                match bytes.get(at) {
                    Some(_) if hidden.iter().any(|hidden| hidden.contains(&at)) => {
                        text.push_str("**");
                        plain.push('*');
                    }
                    Some(byte) => {
                        let _ = write!(text, "{byte:02x}");
                        plain.push(if byte.is_ascii_graphic() || *byte == b' ' {
                            char::from(*byte)
                        } else {
                            '.'
                        });
                    }
                    None => text.push_str("  "),
                }
                let is_place = piece.contains(&at) || (piece.is_empty() && at == piece.start);
                if is_place {
                    mark = Some(mark.map_or(begins, |mark| mark.start)..text.len());
                }
            }
            marks.extend(mark);
            let _ = writeln!(text, "  {plain}");
        }
        let text = text.trim_end_matches('\n').to_owned();
        let label = format!(
            "{label}{}bytes {}..{}",
            if label.is_empty() { "" } else { ", " },
            piece.start,
            piece.end
        );
        Excerpt {
            origin: Where::Bytes { file: file.to_owned() },
            text,
            first_line: None,
            marks,
            label,
        }
    }

    fn show<'a>(&'a self, group: Group<'a>) -> Group<'a> {
        let (Where::Line { file, .. } | Where::Bytes { file }) = &self.origin;
        let mut snippet = Snippet::source(self.text.as_str()).path(file.as_str());
        snippet = match self.first_line {
            Some(first) => snippet.line_start(first),
            None => snippet.line_numbering(false),
        };
        for (at, mark) in self.marks.iter().enumerate() {
            let is_last = at + 1 == self.marks.len();
            let annotation = if at == 0 || self.first_line.is_none() {
                AnnotationKind::Primary.span(mark.clone())
            } else {
                AnnotationKind::Context.span(mark.clone())
            };
            let labelled = if self.first_line.is_some() { at == 0 } else { is_last };
            snippet = snippet.annotation(if labelled && !self.label.is_empty() {
                annotation.label(self.label.as_str())
            } else {
                annotation
            });
        }
        group.element(snippet)
    }

    /// The heading as the renderer writes it, which counts columns in what is shown, and as it is true.
    fn headings(&self) -> Option<(String, String)> {
        let mark = self.marks.first()?;
        let (row, column) = line_and_column(self.text.as_bytes(), mark.start);
        let (Where::Line { file, .. } | Where::Bytes { file }) = &self.origin;
        let counted = format!("{file}:{}:{column}", self.first_line.unwrap_or(1) + row - 1);
        let meant = match &self.origin {
            Where::Line { line, column, .. } => format!("{file}:{line}:{column}"),
            Where::Bytes { .. } => file.clone(),
        };
        Some((counted, meant))
    }
}

/// Text that is shown, and the marks in it.
#[derive(Default)]
struct Shown {
    text: String,
    marks: Vec<Range<usize>>,
}

// === impl Shown ===

impl Shown {
    /// The piece lies in one line, which begins at `first`.
    fn line(&mut self, text: &str, first: usize, piece: Range<usize>, mark: Mark) {
        let end = text[piece.end..].find(['\n', '\r']).map_or(text.len(), |at| piece.end + at);
        let before = &text[first..piece.start];
        let after = &text[piece.end..end];
        let cut = tail(before, BEFORE);
        if cut.len() < before.len() {
            self.text.push_str("... ");
        }
        self.text.push_str(cut);
        let start = self.text.len();
        let inner = &text[piece];
        if inner.chars().count() > PIECE {
            let (ahead, behind) = (head(inner, PIECE * 2 / 3), tail(inner, PIECE / 3));
            let _ = write!(self.text, "{ahead} ... {behind}");
        } else {
            self.text.push_str(inner);
        }
        let stop = self.text.len();
        let cut = head(after, AFTER);
        self.text.push_str(cut);
        if cut.len() < after.len() {
            self.text.push_str(" ...");
        }
        self.mark(start..stop, mark);
        // Nothing to stand under where a file ends: one place behind it.
        if start == stop && cut.is_empty() {
            self.text.push(' ');
        }
    }

    /// The piece begins in the line at `first` and ends `inside` lines further down.
    fn lines(&mut self, text: &str, first: usize, piece: Range<usize>, inside: usize, mark: Mark) {
        let mut at = first;
        let mut start = 0;
        for line in text[first..].split('\n').take(inside + 1) {
            let begins = self.text.len();
            self.text.push_str(head(line.trim_end_matches('\r'), PIECE + BEFORE + AFTER));
            if at == first {
                start = begins + (piece.start - first).min(self.text.len() - begins);
                if inside > LINES {
                    let stop = self.text.len();
                    self.mark(start..stop, Mark::Piece);
                    return;
                }
            }
            at += line.len() + 1;
            if at > piece.end {
                let within = piece.end - (at - line.len() - 1);
                let stop = self.text.len().min(begins + within.max(1));
                let stop = self.text.ceil_char_boundary(stop);
                self.text.truncate(stop);
            }
            self.text.push('\n');
        }
        let stop = self.text.trim_end().len();
        self.text.truncate(stop);
        match mark {
            Mark::Ends => self.mark(start..stop, mark),
            // A box around many lines says less than their first line.
            Mark::Piece => {
                let first_ends = self.text[start..].find('\n').map_or(stop, |at| start + at);
                self.mark(start..first_ends, mark);
                self.text.truncate(first_ends);
            }
        }
    }

    fn mark(&mut self, shown: Range<usize>, mark: Mark) {
        let text = &self.text[shown.clone()];
        let (first, last) = (text.chars().next(), text.chars().next_back());
        match (mark, first, last) {
            (Mark::Ends, Some(first), Some(last)) if text.len() > first.len_utf8() + last.len_utf8() => {
                self.marks.push(shown.start..shown.start + first.len_utf8());
                self.marks.push(shown.end - last.len_utf8()..shown.end);
            }
            _ => self.marks.push(shown),
        }
    }
}

fn head(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(at, _)| &text[..at])
}

fn tail(text: &str, chars: usize) -> &str {
    match text.char_indices().rev().nth(chars.saturating_sub(1)) {
        Some((at, _)) => &text[at..],
        None => text,
    }
}

fn on_boundaries(text: &str, piece: Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(piece.start.min(text.len()));
    let end = text.ceil_char_boundary(piece.end.clamp(start, text.len()));
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(excerpt: Excerpt) -> String {
        let finding = Finding {
            level: Level::Error,
            code: "type_mismatch".to_owned(),
            title: "wrong".to_owned(),
            excerpts: vec![excerpt],
            notes: vec!["at: /x".to_owned()],
        };
        render_findings(&[finding], false)
    }

    #[test]
    fn a_long_line_is_cut_around_the_value_and_keeps_its_column() {
        let text = format!(
            "{{\"a\":\"{}\",\"total\":\"é12\",\"b\":\"{}\"}}",
            "x".repeat(3000),
            "y".repeat(3000)
        );
        let at = text.find("\"é12\"").unwrap();
        let shown = shown(Excerpt::of_text("e.json", &text, at..at + 6, Mark::Piece, "not a number"));
        assert!(shown.contains(&format!("--> e.json:1:{}", at + 1)), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let value = lines.iter().position(|line| line.contains("\"é12\"")).unwrap();
        let column = lines[value].find("\"é12\"").unwrap();
        assert!(lines[value + 1][column..].starts_with("^^^^^ not a number"), "{shown}");
        assert!(lines.iter().all(|line| line.chars().count() < 120), "{shown}");
    }

    #[test]
    fn braces_of_objects_are_marked() {
        let short = shown(Excerpt::of_text("e.json", "{\"a\":{\"b\":1}}", 5..12, Mark::Ends, "no c"));
        assert!(short.contains("{\"a\":{\"b\":1}}") && short.contains("^     -"), "{short}");
        let lines = "{\n  \"a\": {\n    \"b\": 1,\n    \"d\": 2\n  },\n  \"z\": 0\n}\n";
        let long = shown(Excerpt::of_text(
            "e.json",
            lines,
            9..lines.find("},").unwrap() + 1,
            Mark::Ends,
            "no c",
        ));
        assert!(
            long.contains("2 |   \"a\": {\n") && long.contains("^ no c") && long.contains("5 |   }\n"),
            "{long}"
        );
    }

    #[test]
    fn bytes_are_dumped_with_their_range() {
        let bytes: Vec<u8> = (0..=255).collect();
        let shown = shown(Excerpt::of_bytes(
            "e.bin",
            &bytes,
            0x45..0x48,
            std::slice::from_ref(&(0x41..0x43)),
            "a long",
        ));
        assert!(shown.contains("000040  40 ** ** 43 44 45 46 47 48"), "{shown}");
        assert!(shown.contains("^^^^^^^^ a long, bytes 69..72"), "{shown}");
        assert!(shown.contains("@**CDEFGHIJKLMNO"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn any_piece_of_any_text(text in "[a{}\"é\r\n]{0,60}", start in 0usize..80, length in 0usize..80, ends: bool) {
            let mark = if ends { Mark::Ends } else { Mark::Piece };
            let shown = shown(Excerpt::of_text("f", &text, start..start + length, mark, "l"));
            proptest::prop_assert!(shown.contains("error[type_mismatch]: wrong"));
            self::shown(Excerpt::of_bytes("f", text.as_bytes(), start..start + length, &[], "l"));
        }
    }
}
