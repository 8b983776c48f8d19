//! Ids of schemas that name types of other files, as the author of a contract sees them.

use super::*;

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
  {"name":"id","type":"long"},
  {"name":"to","type":"Address"}]}"#;
const ADDRESS: &str = r#"{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"city","type":"string"}]}"#;

#[test]
fn a_type_of_another_file_gets_an_id_of_its_own_and_a_change_of_it_another() {
    let shop = Shop::new();
    let before = std::fs::read_to_string(shop.work().join("schemas/registered/ids.json")).unwrap();
    shop.push();
    shop.write("schemas/order.avsc", ORDER);
    shop.write("shop/orders.odcs.yaml", &contract("1.1.0", "integer"));
    let (code, out, _) = tidegate(&shop.work(), &["lint", "."]);
    let line = "schemas/order.avsc:3:23";
    assert!(
        code == 1 && out.contains("TG0205") && out.contains(line) && out.contains("`shop.Address` is not defined"),
        "{out}"
    );

    shop.write("schemas/types/address.avsc", ADDRESS);
    let (code, out, _) = tidegate(&shop.work(), &["lint", "."]);
    assert!(code == 1 && out.contains("TG0157") && out.contains("`shop.Address`"), "{out}");
    let (code, out, err) = tidegate(&shop.work(), &["registry", "ids", "."]);
    assert!(code == 0 && out.contains("2 new schemas, 2 new versions; 2 subjects"), "{out}{err}");
    assert_eq!(tidegate(&shop.work(), &["registry", "ids", ".", "--check"]).0, 0);
    assert_eq!(tidegate(&shop.work(), &["lint", "."]).0, 0);
    let record: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(shop.work().join("schemas/registered/ids.json")).unwrap()).unwrap();
    let before: serde_json::Value = serde_json::from_str(&before).unwrap();
    assert!(
        record["schemas"].as_array().unwrap().contains(&before["schemas"][0]),
        "what was recorded stays: {record}"
    );
    assert_eq!(record["subjects"]["orders-value"][0], before["subjects"]["orders-value"][0]);
    shop.push();

    // The contract's own schema file is as it was, and yet it means something else.
    shop.write(
        "schemas/types/address.avsc",
        &ADDRESS.replace("\"string\"", "[\"null\",\"string\"]"),
    );
    let (code, out, _) = tidegate(&shop.work(), &["lint", "."]);
    assert!(code == 1 && out.contains("TG0157") && out.contains("`orders-value`"), "{out}");
    let (code, _, err) = tidegate(&shop.work(), &["registry", "ids", ".", "--check"]);
    assert!(code == 1 && err.contains("orders.odcs.yaml:12"), "{err}");
    shop.write("shop/orders.odcs.yaml", &contract("1.2.0", "integer"));
    let (code, out, err) = tidegate(&shop.work(), &["registry", "ids", "."]);
    assert!(code == 0 && out.contains("2 new schemas, 2 new versions; 2 subjects"), "{out}{err}");
    assert_eq!(tidegate(&shop.work(), &["lint", "."]).0, 0);
}

#[test]
fn what_can_have_no_id_is_told() {
    let shop = Shop::new();
    let schema =
        |to: &str| format!(r#"{{"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{{"to":{{"$ref":"{to}"}}}}}}"#);
    shop.write("schemas/a.json", &schema("b.json"));
    shop.write("schemas/b.json", &schema("a.json"));
    let text = contract("1.1.0", "integer")
        .replace("[avro]", "[json]")
        .replace("order.avsc", "a.json");
    shop.write("shop/orders.odcs.yaml", &text);
    let (code, _, err) = tidegate(&shop.work(), &["registry", "ids", "."]);
    assert!(
        code == 0 && err.contains("orders.odcs.yaml:12") && err.contains("`orders-value` gets no id") && err.contains("leads back"),
        "{err}"
    );
    assert_eq!(tidegate(&shop.work(), &["registry", "ids", ".", "--check"]).0, 0);
    let (code, out, _) = tidegate(&shop.work(), &["lint", "."]);
    assert!(code == 0 && out.contains("note[TG0157]") && out.contains("gets no id"), "{out}");
}
