//! JUnit's XML, as Jenkins, GitLab, Azure and others read it: one suite, one case a finding, and one for each file without any.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tidegate_contract::{Diagnostic, Level, is_disguise, is_unseen};

use super::text;

/// The document. Errors are failures, and warnings are where they are `denied`; whatever else is said passes with its text.
pub(crate) fn junit(suite: &str, files: &[&str], found: &[Diagnostic], denied: bool) -> String {
    let fails = |one: &Diagnostic| one.level == Level::Error || (denied && one.level == Level::Warning);
    let failures = found.iter().filter(|one| fails(one)).count();
    let with: BTreeSet<&str> = found.iter().map(|one| &*one.location.file).collect();
    let clean: Vec<&str> = files.iter().copied().filter(|file| !with.contains(file)).collect();
    let tests = found.len() + clean.len();
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\"");
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite name=\"{suite}\" {counts}>\n");
    for one in found {
        let place = &one.location;
        let head = format!(
            "classname=\"{}\" name=\"{} {}:{}\" file=\"{}\" line=\"{}\"",
            escaped(&place.file),
            one.code,
            place.line,
            place.column,
            escaped(&place.file),
            place.line
        );
        let body = format!("{}[{}] {place}: {}", one.level.as_str(), one.code, text(one));
        let inside = match fails(one) {
            true => format!(
                "<failure message=\"{}\" type=\"{}\">{}</failure>",
                escaped(&one.problem),
                one.code,
                escaped(&body)
            ),
            false => format!("<system-out>{}</system-out>", escaped(&body)),
        };
        let _ = writeln!(out, "    <testcase {head}>{inside}</testcase>");
    }
    for file in clean {
        let file = escaped(file);
        let _ = writeln!(out, "    <testcase classname=\"{file}\" name=\"no finding\" file=\"{file}\"/>");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text of XML 1.0, inside of elements and of attributes; characters that it has not are left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c < ' ' => {}
            // Services print reports, too: agents look for `##[` in every line, and terminals for commands.
            '#' if last == '#' => out.push_str("&#35;"),
            c if is_disguise(c) => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
        last = if is_unseen(c) { last } else { c };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, one};
    use super::*;

    #[test]
    fn hostile_names_command_nothing() {
        let xml = junit("tidegate lint", &[], &hostile(), true);
        assert!(!xml.replace(is_unseen, "").contains("##"), "{xml}");
        assert!(!xml.chars().any(|c| is_disguise(c) && c != '\n'), "{xml:?}");
        assert!(xml.lines().all(|line| line.trim_start().starts_with(['<'])), "{xml}");
    }

    #[test]
    fn cases_for_findings_and_for_clean_files() {
        let found = one();
        let xml = junit("tidegate lint", &["a b,c.odcs.yaml", "d.odcs.yaml"], &found, false);
        assert!(
            xml.contains("<testsuite name=\"tidegate lint\" tests=\"2\" failures=\"0\" errors=\"0\" skipped=\"0\">"),
            "{xml}"
        );
        assert!(
            xml.contains("<testcase classname=\"d.odcs.yaml\" name=\"no finding\" file=\"d.odcs.yaml\"/>"),
            "{xml}"
        );
        assert!(
            xml.contains("<system-out>warning[TG0117] a b,c.odcs.yaml:3:7: 50% of:&#10;it (mend)</system-out>"),
            "{xml}"
        );
        let denied = junit("tidegate lint", &[], &found, true);
        assert!(
            denied.contains("failures=\"1\"") && denied.contains("<failure message=\"50% of:&#10;it\" type=\"TG0117\">"),
            "{denied}"
        );
        assert_eq!(escaped("a<b>&\"\u{1}c"), "a&lt;b&gt;&amp;&quot;c");
    }

    /// Every element that is opened is closed, in order, and attributes are quoted.
    #[test]
    fn it_is_well_formed() {
        let xml = junit("tidegate lint", &["x<y>\".odcs.yaml"], &one(), true);
        let mut open = Vec::new();
        for tag in xml.split('<').skip(1).map(|part| part.split('>').next().unwrap()) {
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
            match tag {
                tag if tag.starts_with('?') || tag.ends_with('/') => {}
                tag if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "{xml}"),
                _ => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
