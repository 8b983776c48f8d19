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

#[cfg(test)]
mod tests {
    use crate::model::{CdcFormat, Contract, RowOperation};
    use crate::{Level, parse};

    fn contract(settings: &str, rule: &str) -> (Option<Contract>, Vec<String>) {
        let text = format!(
            "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: \"1.0.0\"\nstatus: active\nschema:\n  - name: o\n    physicalType: topic\n    \
             customProperties:\n{settings}    quality:\n      - {{id: q, {rule}}}\n    properties:\n      - {{name: a, logicalType: integer, primaryKey: true}}\n"
        );
        let (contract, diagnostics) = parse("f", &text);
        let told = diagnostics.iter().filter(|one| one.level != Level::Note);
        let told = told.map(|one| format!("{} {} ({})", one.code, one.problem, one.help)).collect();
        (contract, told)
    }

    const CDC: &str = "      - {property: cdc, vendor: tidegate, value: debezium-mongodb}\n";

    fn rule(operations: &str) -> String {
        format!(
            "type: custom, engine: cel, implementation: value.a > 0, customProperties: [{{property: operations, vendor: tidegate, value: {operations}}}]"
        )
    }

    #[test]
    fn operations_of_rules() {
        use RowOperation::{Create, Read, Update};
        for (written, operations) in [
            ("[c, u]", vec![Create, Update]),
            ("[create, Update, c, r]", vec![Create, Update, Read]),
            ("read", vec![Read]),
        ] {
            let (contract, told) = contract(CDC, &rule(written));
            let contract = contract.unwrap_or_else(|| panic!("{told:?}"));
            assert_eq!(contract.objects[0].quality[0].operations, operations, "{written}");
            assert_eq!(contract.objects[0].settings.cdc, Some(CdcFormat::DebeziumMongodb));
        }
        for (written, part) in [
            ("[d]", "leaves no row"),
            ("[c, truncate]", "leaves no row"),
            ("[upsert]", "no operation"),
            ("[]", "lists none"),
            ("7", "no operation"),
        ] {
            let (contract, told) = contract(CDC, &rule(written));
            assert!(contract.is_none() && told.len() == 1, "{told:?}");
            assert!(told[0].starts_with("TG0129") && told[0].contains(part), "{}", told[0]);
        }
        let metric = "metric: rowCount, mustBe: 1, customProperties: [{property: operations, vendor: tidegate, value: [c]}]";
        assert!(contract(CDC, metric).1[0].contains("belongs to row rules"));
        let other = rule("[c]").replace("operations", "encodings");
        assert!(contract(CDC, &other).1[0].contains("does not belong here"));
    }

    #[test]
    fn settings_belong_to_their_format() {
        let line = |name: &str, value: &str| format!("      - {{property: {name}, vendor: tidegate, value: {value}}}\n");
        let of = |lines: &[(&str, &str)]| {
            let lines: String = lines.iter().map(|(name, value)| line(name, value)).collect();
            contract(&lines, &rule("[c]"))
        };
        let (dms, told) = of(&[("cdc", "dms"), ("beforeImage", "before-image")]);
        assert_eq!(
            (dms.unwrap().objects[0].settings.before_image.as_deref(), told.len()),
            (Some("before-image"), 0)
        );
        let (flat, told) = of(&[("cdc", "debezium-flat"), ("addFieldsPrefix", "_f_"), ("addHeadersPrefix", "_h_")]);
        let settings = flat.unwrap().objects[0].settings.clone();
        assert_eq!(
            (settings.add_fields_prefix.as_deref(), settings.add_headers_prefix.as_deref()),
            (Some("_f_"), Some("_h_"))
        );
        assert!(told.is_empty(), "{told:?}");
        for (lines, part) in [
            (vec![("cdc", "maxwell"), ("encodings", "[json, avro]")], "never Avro"),
            (vec![("cdc", "dms"), ("beforeImage", "data")], "every record of AWS DMS"),
            (vec![("cdc", "debezium-flat"), ("addFieldsPrefix", "''")], "takes text"),
            (vec![("cdc", "debezium"), ("beforeImage", "b")], "no effect with this `cdc`"),
            (vec![("cdc", "maxwell"), ("decimals", "double")], "no effect with this `cdc`"),
            (vec![("addHeadersPrefix", "_")], "no effect without `cdc`"),
        ] {
            let (_, told) = of(&lines);
            assert!(told.len() == 1 && told[0].contains(part), "{lines:?}: {told:?}");
        }
    }
}
