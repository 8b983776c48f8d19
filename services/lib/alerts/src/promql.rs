//! Pieces of PromQL that hold names from contracts.

/// A double-quoted string of PromQL, whose escapes are those of Go.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A text as a regular expression (RE2) that finds it alone.
pub(crate) fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        if "\\.+*?()|[]{}^$".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// Records of a counter in a window, also those that came before Prometheus first saw the series: `increase` counts from the first value on.
pub(crate) fn counted(series: &str, window: &str) -> String {
    format!("({series} unless {series} offset {window}) or increase({series}[{window}])")
}

/// Text that stands for itself in a template of Prometheus.
pub(crate) fn template_text(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.replace("{{", "{ {").replace("}}", "} }")
}

/// A share of 1 in percent, without zeros at its end.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", shortest(share * 100.0))
}

/// A number with at most six decimals, without zeros at its end.
pub(crate) fn shortest(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time for people.
pub(crate) fn spoken(seconds: f64) -> String {
    for (unit, length) in [("d", 86_400.0), ("h", 3600.0), ("min", 60.0)] {
        if seconds >= length && (seconds % length).abs() < 1e-9 {
            return format!("{} {unit}", shortest(seconds / length));
        }
    }
    format!("{} s", shortest(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_themselves() {
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\n""#);
        assert_eq!(literal("a.b-c|d"), r"a\.b-c\|d");
        assert_eq!(template_text("a {{ .Value }}\n b"), "a { { .Value } } b");
        assert_eq!(percent(0.001), "0.1 %");
        assert_eq!([90.0, 600.0, 86_400.0, 0.5].map(spoken), ["90 s", "10 min", "1 d", "0.5 s"]);
    }
}
