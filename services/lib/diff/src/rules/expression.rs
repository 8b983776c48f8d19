//! Whether two CEL expressions are one: token by token, so that neither spaces nor line breaks nor comments count.

/// Whether both read the same.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a == b || tokens(a) == tokens(b)
}

/// Whether the expression sees more of `meta` than the topic: id or version of the contract that judges.
pub(crate) fn reads_version(text: &str) -> bool {
    let tokens = tokens(text);
    let uses = tokens.iter().enumerate().filter(|(_, token)| **token == "meta");
    uses.into_iter().any(|(at, _)| tokens.get(at + 1..at + 3) != Some(&[".", "topic"]))
}

/// Words, marks and whole literals of text, in order.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
            continue;
        } else if rest.starts_with("//") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        } else if let Some(length) = quoted(rest) {
            length
        } else if is_word(first) {
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            // The letters before a quote say how it is read: r'…', b'…'.
            match quoted(&rest[word..]) {
                Some(literal) if word <= 2 => word + literal,
                _ => word,
            }
        } else {
            first.len_utf8()
        };
        found.push(&rest[..length]);
        rest = &rest[length..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the literal of text that begins here. An escape is passed over; in a raw literal that passes over one character too many at
/// most, which both sides do alike.
fn quoted(text: &str) -> Option<usize> {
    let mark = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|mark| text.starts_with(mark))?;
    let mut at = mark.len();
    while at < text.len() {
        if text[at..].starts_with(mark) {
            return Some(at + mark.len());
        }
        let mut chars = text[at..].chars();
        let first = chars.next()?;
        at += first.len_utf8();
        if first == '\\' {
            at += chars.next().map_or(0, char::len_utf8);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_read() {
        for (text, reads) in [
            ("meta.topic == 'a'", false),
            ("value.s == 'meta'", false),
            ("meta.version == '1'", true),
            ("meta['version'] == '1' && meta.topic == 'a'", true),
        ] {
            assert_eq!(reads_version(text), reads, "{text}");
        }
    }

    #[test]
    fn only_what_is_read_counts() {
        for (a, b) in [
            ("value.a>0", " value.a  >\n0 // why"),
            ("value.s == 'a b'", "value.s=='a b'"),
            (r#"matches(value.s, r'\d')"#, r#"matches( value.s,r'\d' )"#),
        ] {
            assert!(is_same(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("value.s == 'a b'", "value.s == 'a  b'"),
            ("value.s == '// x'", "value.s == '// y'"),
            ("a in b", "ain b"),
            ("value.a > 1", "value.a > 10"),
            (r"'\'' == x", r"'\'  ' == x"),
            ("'''a b''' == x", "'''a  b''' == x"),
        ] {
            assert!(!is_same(a, b), "{a} {b}");
        }
    }
}
