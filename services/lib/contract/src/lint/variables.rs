//! `${VAR}` (ODCS RFC-0050) and secrets: nothing in a contract is expanded, since the same commit must judge alike on every machine.

use crate::codes;
use crate::problems::{Problems, quoted};
use crate::yaml::{At, Value};

/// Words in the name of a key whose text is a secret.
const SECRET_KEYS: [&str; 6] = ["password", "passwd", "secret", "token", "apikey", "privatekey"];
/// What secrets written into other texts look like.
const SECRET_TEXTS: [&str; 4] = ["-----begin ", "password=", "sharedaccesskey=", "aws_secret_access_key"];

/// Looks through the whole document. Texts of rules are left alone: `${object}` and its kin are their placeholders, and patterns hold
/// braces of their own.
pub(super) fn check(problems: &mut Problems, root: &At<'_>) {
    for (key, at) in root.entries().into_iter().flatten() {
        match &**key {
            "servers" => walk(problems, &at, true),
            "description" | "support" | "team" | "price" | "authoritativeDefinitions" | "roles" => {}
            _ => walk(problems, &at, false),
        }
    }
}

fn walk(problems: &mut Problems, at: &At<'_>, server: bool) {
    for (key, at) in at.entries().into_iter().flatten() {
        if matches!(
            &**key,
            "query" | "implementation" | "pattern" | "description" | "transformLogic" | "examples"
        ) {
            continue;
        }
        if let Value::String(text) = &at.node.value {
            let folded: String = key
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_ascii_lowercase();
            let names_a_secret = server && SECRET_KEYS.iter().any(|word| folded.contains(word));
            if (names_a_secret && variable(text).is_none()) || looks_secret(text) {
                let problem = format!("{} looks like a secret", quoted(key));
                let help = "remove it and make it invalid: contracts are read by everybody who reads the repository";
                problems.error(codes::SECRET, at.key_place(), problem, help);
                continue;
            }
        }
        walk(problems, &at, server);
    }
    for item in at.items().into_iter().flatten() {
        walk(problems, &item, server);
    }
    let Value::String(text) = &at.node.value else { return };
    let Some(name) = variable(text) else { return };
    let problem = format!("{} is not expanded", quoted(name));
    if server {
        problems.note(
            codes::VARIABLE,
            at.place(),
            problem,
            "servers are for people; Tidegate takes brokers from its config",
        );
    } else {
        problems.warning(
            codes::VARIABLE,
            at.place(),
            problem,
            "write the value: a contract judges alike wherever it is read",
        );
    }
}

fn looks_secret(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    SECRET_TEXTS.iter().any(|sign| lower.contains(sign))
}

/// The first `${NAME}` of upper-case letters, digits and `_`, with an optional default behind `:-`.
fn variable(text: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let inside = &text[start + 2..];
        let end = inside.find('}')?;
        let name = inside[..end].split(":-").next().unwrap_or_default();
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if !name.is_empty() && name.chars().all(is_name) {
            return Some(&text[start..start + 2 + end + 1]);
        }
        from = start + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_told_from_placeholders() {
        assert_eq!(variable("kafka-${ENV:-dev}.example:9092"), Some("${ENV:-dev}"));
        assert_eq!(variable("${object} ${A_1}"), Some("${A_1}"));
        for none in ["${object}", "a{2}", "$HOME", "${}", "${A", "é${"] {
            assert_eq!(variable(none), None, "{none}");
        }
    }
}
