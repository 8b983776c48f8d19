//! ECMA-262 patterns on a linear-time engine.
//!
//! The two dialects agree on most of what people write. Where they differ, the pattern is rewritten: `\d \w \b \B` mean ASCII, `\s` and `.`
//! follow ECMA's lists, and `[`, `&&`, `--`, `~~` are plain characters inside a class. What only a backtracking engine can do is refused.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

const PATTERN_BYTES_MAX: usize = 10_000;
/// The most memory of one compiled pattern; `{1000}{1000}` needs more.
const COMPILED_BYTES_MAX: usize = 1 << 20;
const NESTING_MAX: u32 = 50;
const SPACES: &str = r"\t\n\x0B\x0C\r \u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}";

/// ECMA's `\B`: both sides are ASCII letters, digits or `_`, or both are not. By bytes that also holds inside of a character that has several,
/// where no position of the text is; there neither of Unicode's two does.
const NOT_BOUNDARY: &str = r"(?:(?-u:\B)(?:\b|\B))";

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    engine: Regex,
    is_portable: bool,
}

/// Compiles a pattern; it is searched anywhere in the text. The error is a sentence for the contract's author.
pub fn compile(pattern: &str) -> Result<Pattern, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("the pattern has more than {PATTERN_BYTES_MAX} bytes"));
    }
    let rewritten = rewrite(pattern)?;
    let mut builder = RegexBuilder::new(&rewritten);
    builder
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .nest_limit(NESTING_MAX);
    let engine = builder.build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large once its repetitions are written out".to_owned(),
        other => {
            // The last line of the engine's report is the reason; the lines before draw the rewritten pattern.
            let text = other.to_string();
            let reason = text.lines().last().unwrap_or("it is not a pattern").trim();
            reason.strip_prefix("error: ").unwrap_or(reason).to_owned()
        }
    })?;
    Ok(Pattern {
        engine,
        is_portable: !rewritten.contains(NOT_BOUNDARY),
    })
}

fn rewrite(pattern: &str) -> Result<String, String> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        match c {
            '\\' => at = rewrite_escape(&chars, at, false, &mut out)?,
            '[' => at = rewrite_class(&chars, at, &mut out)?,
            '(' => at = rewrite_group(&chars, at, &mut out)?,
            '.' => {
                out.push_str(r"[^\n\r\u{2028}\u{2029}]");
                at += 1;
            }
            _ => {
                out.push(c);
                at += 1;
            }
        }
    }
    Ok(out)
}

/// Copies the opening of a group, or refuses it.
fn rewrite_group(chars: &[char], at: usize, out: &mut String) -> Result<usize, String> {
    out.push('(');
    if chars.get(at + 1) != Some(&'?') {
        return Ok(at + 1);
    }
    match (chars.get(at + 2), chars.get(at + 3)) {
        (Some('='), _) | (Some('!'), _) => Err("look-ahead is not accepted; use two patterns or a CEL rule".to_owned()),
        (Some('<'), Some('=' | '!')) => Err("look-behind is not accepted; use two patterns or a CEL rule".to_owned()),
        (Some(':' | '<'), _) => {
            out.push('?');
            Ok(at + 2)
        }
        (Some('i' | 'm' | 's' | '-'), _) if has_plain_modifiers(&chars[at + 2..]) => {
            out.push('?');
            Ok(at + 2)
        }
        _ => Err("`(?` opens a group that ECMA-262 does not have".to_owned()),
    }
}

/// Whether a group has no other modifiers than ECMA-262's. Some of the engine's own would leave text for bytes.
fn has_plain_modifiers(chars: &[char]) -> bool {
    let end = chars.iter().position(|c| matches!(c, ':' | ')'));
    end.is_some_and(|end| chars[..end].iter().all(|c| matches!(c, 'i' | 'm' | 's' | '-')))
}

/// Rewrites the escape at `at`; answers where it ends.
fn rewrite_escape(chars: &[char], at: usize, in_class: bool, out: &mut String) -> Result<usize, String> {
    let Some(&c) = chars.get(at + 1) else {
        return Err("the pattern ends with a backslash".to_owned());
    };
    let after = at + 2;
    match c {
        'd' => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
        'w' => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
        's' if in_class => out.push_str(SPACES),
        's' => out.push_str(&format!("[{SPACES}]")),
        'D' => out.push_str("[^0-9]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'S' => out.push_str(&format!("[^{SPACES}]")),
        'b' if in_class => out.push_str(r"\x08"),
        'b' => out.push_str(r"(?-u:\b)"),
        'B' if !in_class => out.push_str(NOT_BOUNDARY),
        '0' if !chars.get(after).is_some_and(char::is_ascii_digit) => out.push_str(r"\x00"),
        '0'..='9' => return Err("back-references are not accepted; write the repeated part out or use a CEL rule".to_owned()),
        'k' => return Err("back-references are not accepted; write the repeated part out or use a CEL rule".to_owned()),
        'c' => match chars.get(after) {
            Some(letter) if letter.is_ascii_alphabetic() => {
                out.push_str(&format!(r"\x{:02X}", u32::from(*letter) % 32));
                return Ok(after + 1);
            }
            _ => return Err("`\\c` needs a letter".to_owned()),
        },
        't' | 'n' | 'r' | 'f' | 'v' | 'x' | 'u' | 'p' | 'P' => {
            out.push('\\');
            out.push(c);
            // Braces of \p{…} and \u{…} are copied here, so that nothing inside is taken for a class.
            if chars.get(after) == Some(&'{') {
                let end = chars[after..].iter().position(|next| *next == '}').ok_or("a brace is not closed")?;
                out.extend(&chars[after..=after + end]);
                return Ok(after + end + 1);
            }
        }
        _ if c.is_ascii_alphanumeric() => return Err(format!("`\\{c}` is not an escape of ECMA-262")),
        _ if c.is_ascii() => {
            out.push('\\');
            out.push(c);
        }
        _ => out.push(c),
    }
    Ok(after)
}

/// Rewrites the class at `at`; answers where it ends.
fn rewrite_class(chars: &[char], at: usize, out: &mut String) -> Result<usize, String> {
    out.push('[');
    let mut at = at + 1;
    if chars.get(at) == Some(&'^') {
        out.push('^');
        at += 1;
    }
    if chars.get(at) == Some(&']') {
        return Err("an empty class matches nothing; escape the bracket as `\\]`".to_owned());
    }
    // Whether what stands before can begin a range.
    let mut begins = false;
    while let Some(&c) = chars.get(at) {
        match c {
            ']' => {
                out.push(']');
                return Ok(at + 1);
            }
            '\\' => {
                begins = !is_class_escape(chars, at);
                at = rewrite_escape(chars, at, true, out)?;
            }
            '-' => {
                let range = begins && !matches!(chars.get(at + 1), None | Some(']')) && !is_class_escape(chars, at + 1);
                if !range {
                    out.push('\\');
                }
                out.push('-');
                at += 1;
                begins = !range;
                // The end of a range begins none; a hyphen or a bracket can be one.
                if range && let Some(&end) = chars.get(at) {
                    if end == '\\' {
                        at = rewrite_escape(chars, at, true, out)?;
                    } else {
                        push_plain(end, out);
                        at += 1;
                    }
                }
            }
            _ => {
                push_plain(c, out);
                at += 1;
                begins = true;
            }
        }
    }
    Err("a class `[` is not closed".to_owned())
}

/// A character of a class that means itself.
fn push_plain(c: char, out: &mut String) {
    if matches!(c, '[' | '&' | '~' | '^' | '-') {
        out.push('\\');
    }
    out.push(c);
}

/// Whether an escape that stands for many characters begins at `at`.
fn is_class_escape(chars: &[char], at: usize) -> bool {
    chars.get(at) == Some(&'\\') && matches!(chars.get(at + 1), Some('d' | 'D' | 'w' | 'W' | 's' | 'S' | 'p' | 'P'))
}

// === impl Pattern ===

impl Pattern {
    /// Whether the text has the pattern somewhere.
    pub fn is_match(&self, text: &str) -> bool {
        self.engine.is_match(text.as_bytes())
    }

    /// Where the text has it first, in bytes.
    pub fn find(&self, text: &str) -> Option<Range<usize>> {
        self.engine.find(text.as_bytes()).map(|found| found.range())
    }

    /// The rewritten pattern for another linear-time engine of the same syntax that searches text; none where only bytes can be searched,
    /// which is so with `\B`.
    pub fn portable(&self) -> Option<&str> {
        self.is_portable.then(|| self.engine.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(pattern: &str, text: &str) -> bool {
        compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
    }

    #[test]
    fn ecma_meaning() {
        assert!(finds(r"^\d+$", "123") && !finds(r"^\d+$", "١٢٣"));
        assert!(finds(r"^\w+$", "a_1") && !finds(r"^\w+$", "é"));
        assert!(finds(r"^[\w.+-]+@[\w-]+\.[\w.]+$", "a.b+c@d-e.fr"));
        assert!(finds("b", "abc"), "unanchored patterns search");
        assert!(!finds("^a$", "a\n"), "$ is the end of the text");
        assert!(finds(r"^[a&&b]+$", "a&b") && finds(r"^[[:a]+$", "[:a") && finds(r"^[-a-]+$", "a-"));
        assert!(
            finds("^[!--]$", "#") && finds("^[+--z]$", ",") && !finds("^[+--z]$", "a"),
            "a hyphen ends and begins ranges"
        );
        assert!(
            finds(r"^[\w-]$", "-") && finds(r"^[!-\d]$", "-") && !finds(r"^[!-\d]$", "#"),
            "no range with many characters at one end"
        );
        assert!(finds(r"^[^\s]+$", "ab") && !finds(r"^[^\s]+$", "a\u{FEFF}b"));
        assert!(!finds("^.$", "\u{2028}") && finds("^.$", "é"));
        assert!(finds(r"^\/\-\@\u0041\x42\cJ\0$", "/-@AB\n\0"));
        assert!(finds(r"^(?:a|(?<year>\d{4}))$", "2026") && finds(r"\bcat\b", "a cat."));
        assert!(finds(r"^\p{Lu}$", "É") && finds(r"^[\D]$", "x") && finds(r"^[\b]$", "\u{8}"));
    }

    /// ECMA-262, 22.2.2.4: `\b` and `\B` ask `IsWordChar` of both sides, which knows `a-z A-Z 0-9 _` only.
    #[test]
    fn boundaries_are_those_of_ascii_words() {
        let texts = [
            "", "a", "é", "aa", "aé", "éa", "éé", "aéa", "éaé", "a ", " a", "é é", "aaéaa", "漢a漢", "a\u{301}", "_é9",
        ];
        for text in texts {
            let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
            let chars: Vec<char> = text.chars().collect();
            let boundary = |at: usize| is_word(at.checked_sub(1).map(|before| chars[before])) != is_word(chars.get(at).copied());
            let any = |wanted: bool| (0..=chars.len()).any(|at| boundary(at) == wanted);
            assert_eq!(finds(r"\b", text), any(true), "a boundary in {text:?}");
            assert_eq!(finds(r"\B", text), any(false), "no boundary in {text:?}");
            for (pattern, wanted) in [(r"^.\b", true), (r"^.\B", false), (r"^.\b.", true), (r"^.\B.", false)] {
                let expected = chars.len() > pattern.len() - 4 && boundary(1) == wanted;
                assert_eq!(finds(pattern, text), expected, "{pattern} in {text:?}");
            }
        }
        assert!(finds(r"\Béa", "xéa") != finds(r"\béa", "xéa"));
        assert!(finds(r"a\B\Ba", "aa") && !finds(r"a\B\ba", "aa") && finds(r"(?:\B|x)é", "éé"));
        assert!(compile(r"\bcat\b").unwrap().portable().is_some() && compile(r"\Bcat").unwrap().portable().is_none());
    }

    #[test]
    fn refuses_with_a_sentence() {
        for (pattern, sentence) in [
            (r"(?=a)b", "look-ahead"),
            (r"(?!a)b", "look-ahead"),
            (r"(?<=a)b", "look-behind"),
            (r"(?<!a)b", "look-behind"),
            (r"^(a|a)*\1?$", "back-references"),
            (r"(?<x>a)\k<x>", "back-references"),
            (r"a{1000}{1000}", "too large"),
            (r"(", "unclosed group"),
            (r"a**|[", "not closed"),
            (r"\A", "not an escape"),
            (r"(?i-u:\xFF)", "a group that ECMA-262 does not have"),
            (r"(?-u)\xFF", "a group that ECMA-262 does not have"),
            ("[z-a]", "range"),
            ("[a--]", "range"),
            ("a\\", "backslash"),
        ] {
            let error = compile(pattern).unwrap_err();
            assert!(error.contains(sentence), "{pattern}: {error}");
        }
        assert!(compile(&"a".repeat(10_001)).is_err());
        assert!(compile(&"(".repeat(5_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(pattern in r"[\\\[\]\(\)\{\}\?\*\+\.\^\$a-c0-9dwsbDWSBpukxcé<>=!:|&-]{0,20}") {
            if let Ok(regex) = compile(&pattern) {
                let _ = regex.is_match("abc 123 é");
            }
        }
    }
}
