//! The contract author's own SQL: one read-only query, and its placeholders.
//!
//! The engine refuses anything but a query once more, on the parsed statement; this first look gives the author the better sentence.

/// A piece of SQL text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    /// Outside of quotes and comments.
    Plain(&'a str),
    /// Between two `"`, without them.
    Identifier(&'a str),
    /// Between two `'`, without them.
    Text(&'a str),
    /// A comment with its marks.
    Comment(&'a str),
}

/// Fills `{object}`, `{table}` and `{property}`, `{column}`, each also with `$` before it, with SQL for the object's table and the
/// property's column. Placeholders already inside of quotes get the bare name. Everything else, `${OTHER}` too, stays as it is.
///
/// Refuses a property placeholder where there is no property, and quotes or comments without an end.
pub fn fill(query: &str, object: &str, property: Option<(&str, &str)>) -> Result<String, String> {
    let mut filled = String::with_capacity(query.len() + 32);
    for piece in pieces(query)? {
        let (text, quote) = match piece {
            Piece::Plain(text) => (text, None),
            Piece::Identifier(text) => (text, Some('"')),
            Piece::Text(text) => (text, Some('\'')),
            Piece::Comment(text) => {
                filled.push_str(text);
                continue;
            }
        };
        let bare = |name: &str, sql: &str| match quote {
            None => sql.to_owned(),
            Some(mark) => name.replace(mark, &format!("{mark}{mark}")),
        };
        filled.extend(quote);
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at(at);
            let name = after[1..].split_once('}').map(|(name, _)| name);
            let value = match name {
                Some("object" | "table") => bare(object, &crate::sql::quoted(object)),
                Some("property" | "column") => match property {
                    Some((dotted, sql)) => bare(dotted, sql),
                    None => return Err("the query names {property}, and the rule belongs to the object: move it to the property".into()),
                },
                _ => {
                    filled.push_str(&rest[..=at]);
                    rest = &after[1..];
                    continue;
                }
            };
            filled.push_str(before.strip_suffix('$').unwrap_or(before));
            filled.push_str(&value);
            rest = &after[name.map_or(0, str::len) + 2..];
        }
        filled.push_str(rest);
        filled.extend(quote);
    }
    Ok(filled)
}

/// Whether the text is one `SELECT` or `WITH … SELECT` that writes nothing; the error says what it is instead.
pub fn read_only(query: &str) -> Result<(), String> {
    let mut depth = 0usize;
    let mut first: Option<String> = None;
    let mut queried = false;
    let mut ended = false;
    for piece in pieces(query)? {
        let Piece::Plain(text) = piece else {
            if ended && !matches!(piece, Piece::Comment(_)) {
                return Err("the query holds more than one statement".into());
            }
            continue;
        };
        for token in tokens(text) {
            if ended {
                return Err("the query holds more than one statement".into());
            }
            match token {
                "(" => depth += 1,
                ")" => depth = depth.checked_sub(1).ok_or("the query closes a parenthesis that it did not open")?,
                ";" => ended = true,
                word => {
                    let word = word.to_ascii_uppercase();
                    if first.is_none() {
                        if word != "SELECT" && word != "WITH" {
                            return Err(format!("only a SELECT or WITH query may run here, not {word}"));
                        }
                        first = Some(word.clone());
                    }
                    if depth == 0 && !queried {
                        match word.as_str() {
                            "SELECT" => queried = true,
                            "INSERT" | "UPDATE" | "DELETE" | "MERGE" => return Err(format!("only a query may run here, not {word}")),
                            _ => {}
                        }
                    } else if depth == 0 && word == "INTO" {
                        return Err("only a query may run here, not SELECT … INTO".into());
                    }
                }
            }
        }
    }
    match first {
        Some(_) => Ok(()),
        None => Err("the query is empty".into()),
    }
}

/// Words, parentheses and semicolons; all else parts words.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|character: char| !(character.is_alphanumeric() || character == '_'))
        .flat_map(|part| {
            let mark = part
                .char_indices()
                .next_back()
                .filter(|(_, last)| matches!(last, '(' | ')' | ';'))
                .map(|(at, _)| &part[at..]);
            let word = part.trim_end_matches(|character: char| !(character.is_alphanumeric() || character == '_'));
            [(!word.is_empty()).then_some(word), mark].into_iter().flatten()
        })
}

/// Cuts SQL at its quotes and comments. Doubled quotes inside of a quoted piece belong to it.
fn pieces(query: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = query;
    while !rest.is_empty() {
        let next = ["'", "\"", "--", "/*"]
            .iter()
            .filter_map(|mark| rest.find(mark).map(|at| (at, *mark)))
            .min_by_key(|(at, _)| *at);
        let Some((at, mark)) = next else {
            found.push(Piece::Plain(rest));
            break;
        };
        if at > 0 {
            found.push(Piece::Plain(&rest[..at]));
        }
        let inside = &rest[at + mark.len()..];
        let (length, piece): (usize, Piece<'_>) = match mark {
            "--" => {
                let end = inside.find('\n').map_or(inside.len(), |end| end + 1);
                (end, Piece::Comment(&rest[at..at + 2 + end]))
            }
            "/*" => {
                let end = inside.find("*/").ok_or("the query opens a comment that it does not close")? + 2;
                (end, Piece::Comment(&rest[at..at + 2 + end]))
            }
            quote => {
                let end = closing(inside, quote).ok_or("the query opens a quote that it does not close")?;
                let text = &inside[..end];
                (end + 1, if quote == "'" { Piece::Text(text) } else { Piece::Identifier(text) })
            }
        };
        found.push(piece);
        rest = &inside[length..];
    }
    Ok(found)
}

/// Where a quoted piece ends: at the first quote that is not doubled.
fn closing(inside: &str, quote: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + inside[from..].find(quote)?;
        if !inside[at + 1..].starts_with(quote) {
            return Some(at);
        }
        from = at + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn queries_pass() {
        for query in [
            "SELECT count(*) FROM orders",
            " -- a comment; with a semicolon\n select 1;",
            "WITH bad AS (SELECT * FROM orders WHERE note = 'drop table; delete') SELECT count(*) FROM bad",
            "SELECT \"delete\", replace(a, 'x', 'y') FROM orders /* ; */",
            "(SELECT 1)",
        ] {
            assert_eq!(read_only(query), Ok(()), "{query}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for query in [
            "",
            "-- only a comment",
            "DROP TABLE orders",
            "INSERT INTO orders VALUES (1)",
            "COPY orders TO 'x'",
            "SELECT 1; DROP TABLE orders",
            "SELECT 1; 'x'",
            "WITH x AS (SELECT 1) DELETE FROM orders",
            "WITH x AS (SELECT 1) INSERT INTO orders SELECT * FROM x",
            "SELECT * INTO copy FROM orders",
            "EXPLAIN SELECT 1",
            "SET a = 1",
            "SELECT 'open",
            "SELECT /* open",
            "SELECT 1)",
        ] {
            assert!(read_only(query).is_err(), "{query}");
        }
    }

    #[test]
    fn placeholders_by_all_their_names() {
        let property = Some(("ship.city", "get_field(\"ship\", 'city')"));
        for (query, filled) in [
            (
                "SELECT count(*) FROM {object} WHERE {property} IS NULL",
                "SELECT count(*) FROM \"orders\" WHERE get_field(\"ship\", 'city') IS NULL",
            ),
            (
                "SELECT ${column} FROM ${table}",
                "SELECT get_field(\"ship\", 'city') FROM \"orders\"",
            ),
            (
                "SELECT ${property} FROM ${object}",
                "SELECT get_field(\"ship\", 'city') FROM \"orders\"",
            ),
            ("SELECT 1 FROM \"{table}\"", "SELECT 1 FROM \"orders\""),
            ("SELECT '{property}' FROM {table}", "SELECT 'ship.city' FROM \"orders\""),
            ("SELECT '${HOME}', '{', '{}' -- {object}", "SELECT '${HOME}', '{', '{}' -- {object}"),
        ] {
            assert_eq!(fill(query, "orders", property).unwrap(), filled);
        }
        assert!(
            fill("SELECT {column} FROM {table}", "orders", None)
                .unwrap_err()
                .contains("{property}")
        );
    }

    #[test]
    fn a_name_cannot_break_out() {
        assert_eq!(
            fill("SELECT 1 FROM {table}", "a\"; DROP", None).unwrap(),
            "SELECT 1 FROM \"a\"\"; DROP\""
        );
        assert_eq!(fill("SELECT '{table}'", "a'b", None).unwrap(), "SELECT 'a''b'");
    }

    proptest! {
        #[test]
        fn text_without_placeholders_is_kept(query in "[a-z '\"{}$;/*-]{0,40}") {
            if let Ok(filled) = fill(&query, "orders", None) {
                prop_assert_eq!(filled, query);
            }
        }

        #[test]
        fn nothing_that_starts_otherwise_is_read_only(query in "(INSERT|DROP|COPY|SET|CREATE) .{0,30}") {
            prop_assert!(read_only(&query).is_err());
        }
    }
}
