//! Text as it stands in queries and forms.

use std::fmt::Write as _;

/// Percent-encoding of everything but RFC 3986's unreserved characters: what SigV4 wants, and valid in every form.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ => write!(escaped, "%{byte:02X}").expect("a text takes everything"),
        }
    }
    escaped
}

/// `name=value` joined by `&`, in the order given.
pub(crate) fn joined(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    pairs.join("&")
}
