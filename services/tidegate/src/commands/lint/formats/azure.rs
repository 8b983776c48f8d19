//! Logging commands of Azure Pipelines: each becomes an issue of the run, with its place.

use tidegate_contract::{Diagnostic, Level};
use tidegate_diff::render::one_line;

use super::{printable, text, without_commands};

/// One line a finding, in the order of the findings: the service shows the first ones only. It has no issues below warnings; notes are plain lines.
pub(crate) fn azure(found: &[Diagnostic]) -> Vec<String> {
    found
        .iter()
        .map(|one| {
            let place = &one.location;
            let kind = match one.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Note => {
                    return without_commands(&one_line(&format!("{place}: note {}: {}", one.code, text(one))));
                }
            };
            format!(
                "##vso[task.logissue type={kind};sourcepath={};linenumber={};columnnumber={};code={}]{}",
                property(&place.file),
                place.line,
                place.column,
                one.code,
                data(&text(one))
            )
        })
        .collect()
}

/// As the agent's own library escapes them: the percent sign first.
fn data(text: &str) -> String {
    // Commands are broken where their lines still are lines.
    let text = without_commands(&printable(text));
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(']', "%5D").replace(';', "%3B")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hostile, one};
    use super::*;

    #[test]
    fn hostile_names_command_nothing() {
        let mut found = hostile();
        found.extend(hostile().into_iter().map(|one| Diagnostic { level: Level::Note, ..one }));
        let lines = azure(&found);
        assert_eq!(lines.len(), found.len());
        for line in &lines {
            // The agent ends a command's properties at the first bracket, and looks for another command behind it.
            let data = line.strip_prefix("##vso[task.logissue ").map_or(line.as_str(), |rest| {
                let (properties, data) = rest.split_once(']').unwrap();
                let names: Vec<&str> = properties.split(';').map(|part| part.split_once('=').unwrap().0).collect();
                assert_eq!(names, ["type", "sourcepath", "linenumber", "columnnumber", "code"], "{line}");
                data
            });
            assert!(!data.contains("##") && !data.trim_start().starts_with("::"), "{line}");
            assert!(!line.contains(['\n', '\r', '\u{1b}', '\u{202e}']), "{line:?}");
        }
    }

    #[test]
    fn commands_are_escaped_and_keep_their_order() {
        let mut found = one();
        found.extend(one());
        found[0].level = Level::Error;
        found[0].location.file = "a;b].odcs.yaml".into();
        assert_eq!(
            azure(&found),
            [
                "##vso[task.logissue type=error;sourcepath=a%3Bb%5D.odcs.yaml;linenumber=3;columnnumber=7;code=TG0117]50%AZP25 of:%0Ait (mend)",
                "##vso[task.logissue type=warning;sourcepath=a b,c.odcs.yaml;linenumber=3;columnnumber=7;code=TG0117]50%AZP25 of:%0Ait (mend)",
            ]
        );
        found[1].level = Level::Note;
        assert_eq!(azure(&found)[1], "a b,c.odcs.yaml:3:7: note TG0117: 50% of: it (mend)");
    }
}
