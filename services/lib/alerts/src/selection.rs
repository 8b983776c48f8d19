//! One Prometheus that knows several deployments of Tidegate: rules that look at one of them.

use crate::alert::Group;
use crate::promql::quoted;

/// What the metrics of the rules begin with.
const METRICS: [&str; 3] = ["tidegate_", "kube_", "git_sync_"];
/// In the order in which they are looked for.
const OPERATORS: [&str; 4] = ["=~", "!~", "!=", "="];

/// A matcher of labels that stands in every selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    label: String,
    operator: &'static str,
    value: String,
}

// === impl Match ===

impl Match {
    /// `namespace="prod"`; quotes may be left out, since shells take them away. Operators are those of PromQL.
    ///
    /// # Errors
    ///
    /// One sentence when it is none.
    pub fn parse(text: &str) -> Result<Match, String> {
        let none = || format!("`{text}` is no matcher such as namespace=prod or cluster=~\"eu-.+\"");
        let end = text.find(['=', '!']).ok_or_else(none)?;
        let (label, rest) = text.split_at(end);
        let operator = OPERATORS.into_iter().find(|operator| rest.starts_with(operator)).ok_or_else(none)?;
        let value = &rest[operator.len()..];
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let is_name = label.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && label.chars().all(|one| one.is_ascii_alphanumeric() || one == '_');
        if !is_name || value.is_empty() || value.contains(['"', '{', '}', '`']) {
            return Err(none());
        }
        Ok(Match {
            label: label.to_owned(),
            operator,
            value: value.to_owned(),
        })
    }

    /// The label that it looks at.
    pub fn label(&self) -> &str {
        &self.label
    }
}

/// Puts the matchers into every selector of the rules, and of the queries in their annotations.
pub(crate) fn narrow(groups: &mut [Group], matches: &[Match]) {
    if matches.is_empty() {
        return;
    }
    let text = |one: &Match| format!("{}{}{}", one.label, one.operator, quoted(&one.value));
    let inside = matches.iter().map(text).collect::<Vec<_>>().join(",");
    for alert in groups.iter_mut().flat_map(|group| &mut group.alerts) {
        alert.expr = narrowed(&alert.expr, &inside);
        // What else holds a query.
        for (_, text) in alert.annotations.iter_mut().filter(|(name, _)| *name == "reasons") {
            *text = narrowed(text, &inside);
        }
    }
}

fn narrowed(expr: &str, inside: &str) -> String {
    let mut made = String::new();
    let mut rest = expr;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => end_of_string(rest),
            _ if first.is_ascii_alphabetic() || first == '_' => rest
                .find(|one: char| !one.is_ascii_alphanumeric() && one != '_' && one != ':')
                .unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(end);
        made.push_str(token);
        rest = behind;
        if METRICS.iter().any(|begins| token.starts_with(begins)) {
            match rest.strip_prefix('{') {
                Some(behind) => {
                    let comma = if behind.starts_with('}') { "" } else { "," };
                    made.push_str(&format!("{{{inside}{comma}"));
                    rest = behind;
                }
                None => made.push_str(&format!("{{{inside}}}")),
            }
        }
    }
    made
}

/// Where a string that begins here is over.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, one) in text.char_indices().skip(1) {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_selector_is_narrowed_and_no_string() {
        let inside = "namespace=\"prod\"";
        for (expr, expected) in [
            ("absent(tidegate_ready)", "absent(tidegate_ready{namespace=\"prod\"})"),
            (
                "tidegate_a{} + kube_b[5m]",
                "tidegate_a{namespace=\"prod\"} + kube_b{namespace=\"prod\"}[5m]",
            ),
            (
                "sum by (tide) (rate(tidegate_a{x=\"tidegate_\\\"b{\"}[5m] offset 1h))",
                "sum by (tide) (rate(tidegate_a{namespace=\"prod\",x=\"tidegate_\\\"b{\"}[5m] offset 1h))",
            ),
        ] {
            assert_eq!(narrowed(expr, inside), expected);
        }
    }

    #[test]
    fn matchers_are_read_with_and_without_quotes() {
        let one = Match::parse("namespace=prod").unwrap();
        assert_eq!(one, Match::parse("namespace=\"prod\"").unwrap());
        assert_eq!((one.label(), one.operator), ("namespace", "="));
        assert_eq!(Match::parse("cluster=~eu-.+").unwrap().operator, "=~");
        assert_eq!(Match::parse("cluster!=old").unwrap().operator, "!=");
        for wrong in ["", "prod", "=prod", "a b=c", "1a=b", "namespace=", "a=\"b\"}", "a=`b`"] {
            assert!(Match::parse(wrong).unwrap_err().contains("is no matcher"), "{wrong}");
        }
    }
}
