use super::*;

fn said(rest: &str) -> String {
    let text = format!("apiVersion: v3.2.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n{rest}");
    let (contract, diagnostics) = tidegate_contract::parse("a.odcs.yaml", &text);
    let contract = contract.unwrap_or_else(|| panic!("{}", tidegate_contract::render_lines(&diagnostics)));
    tidegate_contract::render_lines(&lint(&contract, 0))
}

#[test]
fn what_does_not_compile_is_said_at_its_place() {
    let said = said(
        "  - {name: a, physicalType: topic, properties: [{name: x, logicalType: integer}], quality: [{id: r, type: custom, engine: cel, implementation: value.y > 0}]}
  - {name: unbound, properties: [{name: x, logicalType: integer}], quality: [{id: s, type: custom, engine: cel, implementation: value.y > 0}]}
",
    );
    assert!(said.contains("a.odcs.yaml:7:93: error[TG0201]: rule `r`"), "{said}");
    assert!(!said.contains("rule `s`"), "an object without a topic judges nothing: {said}");
}

#[test]
fn a_rule_over_the_old_row_names_what_the_source_must_log() {
    let object = |rule: &str| {
        format!(
            "  - name: a\n    physicalType: topic\n    customProperties: [{{vendor: tidegate, property: cdc, value: debezium}}]\n    \
             properties: [{{name: x, logicalType: integer, primaryKey: true}}]\n    \
             quality: [{{id: r, type: custom, engine: cel, implementation: \"{rule}\"}}]\n"
        )
    };
    assert!(said(&object("op != 'u' || before.x == value.x")).contains("note[TG0204]: rule `r` reads `before`"));
    assert!(!said(&object("value.x > 0")).contains("TG0204"));
}

#[test]
fn a_key_that_does_not_compile_is_an_error() {
    let said = said(
        "  - name: a
    physicalType: topic
    customProperties: [{vendor: tidegate, property: key, value: {encoding: json, logicalType: array, logicalTypeOptions: {uniqueItems: true}}}]
    properties: [{name: x, logicalType: integer}]
",
    );
    assert!(said.contains("error[TG0203]"), "{said}");
}
