//! One hash over everything that judges.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tidegate_contract::{Contract, SchemaObject};

/// SHA-256 in hex of the object as the model holds it, with the status and the engine version. Places in the file are left out,
/// so that a comment or a moved line changes nothing.
///
/// `schemas` are the event schemas that take part, as (path, SHA-256). `reads_version` says that rules see which contract and version judge.
pub(crate) fn fingerprint(contract: &Contract, object: &SchemaObject, schemas: &[(String, String)], reads_version: bool) -> String {
    let mut text = String::new();
    // The derived Debug form names every field of the model, so a field that is added later cannot be forgotten here.
    let _ = write!(text, "{} {:?} {object:?}", crate::ENGINE_VERSION, contract.status);
    let mut text = without_locations(&text);
    for (path, sha256) in schemas {
        let _ = write!(text, " {path:?} {sha256}");
    }
    if reads_version {
        let _ = write!(text, " {:?}", contract.reference().to_string());
    }
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

// Quoted text is kept whole, whatever it holds.
/// Cuts the places out of the Debug text of a part of a contract, so that two parts can be compared wherever they stand in their files.
pub fn without_locations(text: &str) -> String {
    const START: &str = "Location {";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_usize);
    while let Some(next) = rest.chars().next() {
        if !quoted && depth == 0 && rest.starts_with(START) {
            depth = 1;
            rest = &rest[START.len()..];
            continue;
        }
        match next {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if depth > 0 && !quoted => depth += 1,
            '}' if depth > 0 && !quoted => {
                depth -= 1;
                rest = &rest[1..];
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            out.push(next);
        }
        rest = &rest[next.len_utf8()..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_locations;

    fn of(version: &str, rule: &str) -> String {
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: {version}\nstatus: active\nschema:\n  - name: o\n    physicalType: topic\n    \
             quality:\n      - {{id: r, type: custom, engine: cel, implementation: {rule:?}}}\n    properties:\n      - {{name: a}}\n"
        );
        let (contract, problems) = tidegate_contract::parse("c.odcs.yaml", &text);
        crate::compile(&contract.unwrap_or_else(|| panic!("{problems:#?}")), 0)
            .unwrap()
            .fingerprint
    }

    #[test]
    fn a_version_counts_where_a_rule_reads_it() {
        for (rule, counts) in [
            ("meta.version == '1.0.0'", true),
            ("meta.contract != 'd'", true),
            ("meta.topic == 'o'", false),
            ("value.a == null", false),
        ] {
            assert_eq!(of("1.0.0", rule) != of("1.1.0", rule), counts, "{rule}");
            assert_eq!(of("1.0.0", rule), of("1.0.0", rule));
        }
    }

    #[test]
    fn only_places_go() {
        assert_eq!(
            without_locations(r#"P { a: "Location { x }", at: Location { file: "a}", line: 3 }, b: 1 }"#),
            r#"P { a: "Location { x }", at: , b: 1 }"#
        );
    }
}
