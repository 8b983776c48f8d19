//! Options of texts: length, pattern, format.

use tidegate_contract::{LogicalType, Property};

use crate::change::Grade;
use crate::compare::Walk;
use crate::language;

// === impl Walk ===

impl Walk<'_> {
    pub(crate) fn text(&mut self, old: &Property, new: &Property, path: &str) {
        let (
            LogicalType::String {
                min_length: least,
                max_length: most,
                pattern,
                format,
            },
            LogicalType::String {
                min_length: new_least,
                max_length: new_most,
                pattern: new_pattern,
                format: new_format,
            },
        ) = (&old.logical_type, &new.logical_type)
        else {
            return;
        };
        let is_bytes = tidegate_check::plan::leaf_type(new) == Some(tidegate_check::plan::LeafType::Bytes);
        if is_bytes {
            // Of bytes in base64 nothing but the form is asked.
            for (key, changed) in [
                ("minLength", least != new_least),
                ("maxLength", most != new_most),
                ("pattern", pattern != new_pattern),
                ("format", format != new_format),
            ] {
                if changed {
                    self.option(key, Grade::None, String::new(), old, new, path);
                }
            }
            return;
        }
        self.least("minLength", (*least, *new_least), "characters", old, new, path);
        self.most("maxLength", (*most, *new_most), "characters", old, new, path);
        if pattern != new_pattern {
            let found = language::compare(pattern.as_deref(), new_pattern.as_deref());
            let phrase = |pattern: &Option<std::sync::Arc<str>>| {
                pattern
                    .as_ref()
                    .map_or_else(|| "have any form".to_owned(), |pattern| format!("match `{pattern}`"))
            };
            let sentence = format!(
                "`{path}` must {}; it had to {}{}",
                phrase(new_pattern),
                phrase(pattern),
                examples(&found)
            );
            self.option("pattern", found.grade, sentence, old, new, path);
        }
        if format != new_format {
            let grade = formats(format.as_deref(), new_format.as_deref());
            let phrase =
                |format: &Option<std::sync::Arc<str>>| format.as_ref().map_or_else(|| "text".to_owned(), |format| format!("`{format}`"));
            let sentence = format!("`{path}` must have the form {}; it was {}", phrase(new_format), phrase(format));
            self.option("format", grade, sentence, old, new, path);
        }
    }
}

/// What becomes of the texts that match; none matches everything.
pub(crate) fn patterns(old: Option<&str>, new: Option<&str>) -> Grade {
    language::compare(old, new).grade
}

/// Texts that show what became of a pattern, as the end of a sentence.
fn examples(found: &language::Comparison) -> String {
    let shown = |text: &String| !text.is_empty() && text.chars().all(|c| !c.is_control());
    let mut parts = Vec::new();
    parts.extend(
        found
            .refused
            .iter()
            .filter(|text| shown(text))
            .map(|text| format!("`{text}` is refused from now on")),
    );
    parts.extend(
        found
            .accepted
            .iter()
            .filter(|text| shown(text))
            .map(|text| format!("`{text}` passes from now on")),
    );
    match parts.as_slice() {
        [] => String::new(),
        parts => format!(" (for example {})", parts.join(", ")),
    }
}

/// Formats that the judge knows; `password` and foreign ones say nothing about a text.
fn formats(old: Option<&str>, new: Option<&str>) -> Grade {
    let known = |format: Option<&str>| {
        let name = format?;
        ["email", "uuid", "uri", "hostname", "ipv4", "ipv6"]
            .into_iter()
            .find(|known| *known == name)
    };
    match (known(old), known(new)) {
        (a, b) if a == b => Grade::None,
        (None, Some(_)) => Grade::Tightens,
        (Some(_), None) => Grade::Loosens,
        // Four numbers with dots between them are labels of a host name.
        (Some("ipv4"), Some("hostname")) => Grade::Loosens,
        (Some("hostname"), Some("ipv4")) => Grade::Tightens,
        _ => Grade::Both,
    }
}
