//! The setting `operations` of a row rule: on which operations of change events it is asked.

use super::Reader;
use super::settings::setting_name;
use crate::codes;
use crate::model::RowOperation;
use crate::problems::quoted;
use crate::yaml::At;

const SETTING: &str = "operations";
const OPERATIONS: [(&str, RowOperation); 6] = [
    ("c", RowOperation::Create),
    ("create", RowOperation::Create),
    ("u", RowOperation::Update),
    ("update", RowOperation::Update),
    ("r", RowOperation::Read),
    ("read", RowOperation::Read),
];

// === impl Reader ===

impl Reader<'_> {
    /// Operations of a rule, without repeats; empty where it names none. Other settings of ours do not belong to rules.
    pub(super) fn read_operations(&mut self, rule: &At<'_>) -> Vec<RowOperation> {
        self.refuse_settings_but(rule, SETTING);
        let mut operations = Vec::new();
        for item in rule.list("customProperties") {
            let Some((_, named_by)) = setting_name(&item).filter(|(name, _)| name == SETTING) else {
                continue;
            };
            if !rule.text("engine").is_some_and(|engine| engine.eq_ignore_ascii_case("cel")) {
                let problem = "`operations` belongs to row rules".to_owned();
                self.operations_error(&named_by, problem, "library and SQL rules look at all rows; remove the setting");
                continue;
            }
            let value = item.get("value");
            let names: Vec<At<'_>> = match value.as_ref().and_then(At::items) {
                Some(names) => names.collect(),
                None => value.into_iter().collect(),
            };
            if names.is_empty() {
                let problem = "`operations` lists none, so the rule would never be asked".to_owned();
                self.operations_error(&named_by, problem, "write for example `value: [c, u]`, or remove the setting");
            }
            for name in names {
                self.read_operation(&name, &mut operations);
            }
        }
        operations
    }

    fn read_operation(&mut self, name: &At<'_>, operations: &mut Vec<RowOperation>) {
        let text = name.as_text().unwrap_or_default();
        let found = OPERATIONS.iter().find(|(known, _)| text.eq_ignore_ascii_case(known));
        match (found, text.to_ascii_lowercase().as_str()) {
            (Some((_, operation)), _) => {
                if !operations.contains(operation) {
                    operations.push(*operation);
                }
            }
            (None, "d" | "delete" | "t" | "truncate" | "m" | "message") => {
                let problem = format!("{} leaves no row that a rule could be asked about", quoted(&text));
                self.operations_error(name, problem, "row rules are asked on c, u and r");
            }
            (None, _) => {
                let problem = format!("{} is no operation of change events", quoted(&text));
                self.operations_error(name, problem, "write c (create), u (update) or r (read by a snapshot)");
            }
        }
    }

    fn operations_error(&mut self, at: &At<'_>, problem: String, help: &str) {
        self.problems.error(codes::SETTING, at.place(), problem, help);
    }
}
