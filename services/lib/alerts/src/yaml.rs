//! JSON values written as YAML that people read: blocks, one entry a line, several lines as they are.

use serde_json::Value;

/// Block style, two spaces a level, keys in the order of the value. What a reader of YAML 1.1 or 1.2 could take for something else than the
/// text it is, is quoted.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                indent(depth, out);
                entry(key, value, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, out);
                out.push('-');
                match item {
                    Value::Object(entries) if !entries.is_empty() => {
                        // The first entry stands on the dash's line.
                        for (index, (key, value)) in entries.iter().enumerate() {
                            match index {
                                0 => out.push(' '),
                                _ => indent(depth + 1, out),
                            }
                            entry(key, value, depth + 1, out);
                        }
                    }
                    other => scalar(other, depth + 1, out),
                }
            }
        }
        other => scalar(other, depth, out),
    }
}

fn entry(key: &str, value: &Value, depth: usize, out: &mut String) {
    out.push_str(&plain_or_quoted(key));
    out.push(':');
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            block(value, depth + 1, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, depth + 1, out);
        }
        other => scalar(other, depth + 1, out),
    }
}

/// With the space before it and the end of the line behind it.
fn scalar(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::String(text) if is_block(text) => {
            out.push_str(" |-\n");
            for line in text.lines() {
                if !line.is_empty() {
                    indent(depth, out);
                }
                out.push_str(line);
                out.push('\n');
            }
        }
        Value::String(text) => {
            out.push(' ');
            out.push_str(&plain_or_quoted(text));
            out.push('\n');
        }
        other => {
            out.push(' ');
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

/// Several lines of printable text whose first does not begin and whose last does not end in white space.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && text.chars().all(|c| c == '\n' || !c.is_control())
}

fn plain_or_quoted(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/');
    let is_word = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./ ".contains(c)) && !text.ends_with(' ');
    let means_else = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    match begins && is_word && !means_else {
        true => text.to_owned(),
        // A JSON string is a double-quoted scalar of YAML.
        false => Value::from(text).to_string(),
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_be_taken_for_something_else_is_quoted() {
        let value = json!({
            "a": ["no", "5m", "1.10", "plain words", "#shop", "", "é: x"],
            "b": {"expr": "a\n  and\nb", "n": 3, "t": true, "empty": {}, "none": []},
            "list": [{"k": "v", "l": ["x"]}],
        });
        assert_eq!(
            text(&value),
            "a:\n  - \"no\"\n  - \"5m\"\n  - \"1.10\"\n  - plain words\n  - \"#shop\"\n  - \"\"\n  - \"é: x\"\n\
             b:\n  expr: |-\n    a\n      and\n    b\n  \"n\": 3\n  t: true\n  empty: {}\n  none: []\n\
             list:\n  - k: v\n    l:\n      - x\n"
        );
    }
}
