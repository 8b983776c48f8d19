//! Whether two SQL queries are one: token by token, so that spaces, line breaks and comments to the end of a line do not count. What stands in
//! quotes counts letter by letter, and so do comments between `/*` and `*/`, whose nesting dialects see otherwise.

/// Whether both read the same.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a == b || tokens(a) == tokens(b)
}

/// Words, signs and whole literals, in order. Signs that touch are one token, since `< =` is not `<=`.
fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            rest = &rest[first.len_utf8()..];
            continue;
        } else if rest.starts_with("--") {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
            continue;
        } else if rest.starts_with("/*") {
            // To the end: what follows is compared as it is written.
            rest.len()
        } else if matches!(first, '\'' | '"' | '`') {
            quoted(rest, first)
        } else if is_word(first) {
            rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())
        } else {
            signs(rest)
        };
        found.push(&rest[..length]);
        rest = &rest[length..];
    }
    found
}

/// Length of the literal that begins here; a doubled quote stands for one.
fn quoted(text: &str, mark: char) -> usize {
    let mut at = 1;
    while let Some(end) = text[at..].find(mark) {
        at += end + 1;
        if !text[at..].starts_with(mark) {
            return at;
        }
        at += 1;
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '.')
}

/// Length of a run of operator signs that no comment begins in; any other sign stands alone.
fn signs(text: &str) -> usize {
    let is_operator = |c: char| "<>=!|&+-*/%^~#@?:".contains(c);
    let mut length = 0;
    for (at, c) in text.char_indices() {
        let comment = text[at..].starts_with("--") || text[at..].starts_with("/*");
        if at > 0 && (!is_operator(c) || comment) {
            break;
        }
        length = at + c.len_utf8();
        if !is_operator(c) {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_counts() {
        for (a, b) in [
            ("SELECT 1  FROM t", "SELECT 1\nFROM t -- why"),
            ("SELECT count(*) FROM t WHERE a>=1", "-- a\nSELECT count( * )\n FROM t WHERE a >= 1"),
            ("a<=b", "a <= b"),
            ("a-1", "a - 1"),
            ("'it''s' = a", "'it''s'=a"),
        ] {
            assert!(is_same(a, b), "{a} | {b}");
        }
        for (a, b) in [
            ("a = 'x  y'", "a = 'x y'"),
            ("SELECT 1 FROM t -- c\n WHERE a", "SELECT 1 FROM t -- c WHERE a"),
            ("a = '-- x'", "a = '-- y'"),
            ("\"a  b\" = 1", "\"a b\" = 1"),
            ("a /* x */ b", "a /* y */ b"),
            ("a /* x */ b", "a b"),
            ("a < = b", "a <= b"),
            ("1.5", "1 .5"),
            ("a - - b", "a --b"),
            ("a = 'it''s'", "a = 'it' 's'"),
            ("a = 'it''s  so'", "a = 'it''s so'"),
        ] {
            assert!(!is_same(a, b), "{a} | {b}");
        }
    }
}
