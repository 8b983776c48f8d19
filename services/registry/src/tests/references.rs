//! Schemas that name others, and schemas of keys: ids, and what a client fetches.

use super::*;
use crate::ids::left_out;

const ADDRESS: &str = r#"{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"city","type":"string"},{"name":"in","type":"geo.Country"}]}"#;
const COUNTRY: &str = r#"{"type":"enum","name":"Country","namespace":"geo","symbols":["IS","NO"]}"#;
const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"to","type":"Address"},{"name":"from","type":["null","Address"]}]}"#;

fn order_with(address: &str) -> Vec<ContractFile> {
    vec![
        file("shop/orders.odcs.yaml", contract("1.0.0", "order.avsc")),
        file("schemas/order.avsc", ORDER),
        file("schemas/types/address.avsc", address),
        file("schemas/types/country.avsc", COUNTRY),
    ]
}

fn encoded(encoding: &str, schema: &str, files: &[(&str, &str)]) -> Vec<ContractFile> {
    let text = contract("1.0.0", schema).replace("value: [avro]", &format!("value: [{encoding}]"));
    let mut all = vec![file("shop/orders.odcs.yaml", text)];
    all.extend(files.iter().map(|(path, text)| file(&format!("schemas/{path}"), *text)));
    all
}

fn post(registry: &Registry, body: &Value) -> (u16, Value) {
    let answer = ask(registry, "POST", "/subjects/orders-value", &body.to_string());
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// What a client reads that follows `references`, deepest first: (name, text).
fn followed(registry: &Registry, entry: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for one in entry["references"].as_array().into_iter().flatten() {
        let subject = one["subject"].as_str().unwrap().replace('/', "%2F");
        let below = get(registry, &format!("/subjects/{subject}/versions/{}", one["version"]));
        assert_eq!(below["subject"], one["subject"]);
        found.extend(followed(registry, &below));
        found.push((
            one["name"].as_str().unwrap().to_owned(),
            below["schema"].as_str().unwrap().to_owned(),
        ));
    }
    found
}

#[test]
fn a_client_finds_every_type_that_a_schema_names() {
    let registry = loaded(with_ids(order_with(ADDRESS)));
    assert_eq!(get(&registry, "/subjects"), json!(["geo.Country", "orders-value", "shop.Address"]));
    let entry = get(&registry, "/subjects/orders-value/versions/1");
    let references = json!([{"name": "shop.Address", "subject": "shop.Address", "version": 1}]);
    assert_eq!((entry["schema"].as_str(), &entry["references"]), (Some(ORDER), &references));
    let by_id = get(&registry, &format!("/schemas/ids/{}", entry["id"]));
    assert_eq!(by_id, json!({"schema": ORDER, "references": references}));
    let types: Vec<_> = [("geo.Country", COUNTRY), ("shop.Address", ADDRESS)]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
    assert_eq!(followed(&registry, &by_id), types);

    let named_by = |subject: &str| get(&registry, &format!("/subjects/{subject}/versions/1/referencedby"));
    let address = get(&registry, "/subjects/shop.Address/versions/latest")["id"].clone();
    assert_eq!(named_by("shop.Address"), json!([entry["id"]]));
    assert_eq!(named_by("geo.Country"), json!([address]));
    assert_eq!(named_by("orders-value"), json!([]));
    // What names nothing is told as ever.
    assert_eq!(get(&registry, "/subjects/geo.Country/versions/1").get("references"), None);
}

#[test]
fn a_schema_is_found_with_what_it_names() {
    let registry = loaded(with_ids(order_with(ADDRESS)));
    let id = get(&registry, "/subjects/orders-value/versions/1")["id"].clone();
    let reference = |version: i32| json!([{"name": "shop.Address", "subject": "shop.Address", "version": version}]);
    for version in [1, -1] {
        let (status, said) = post(&registry, &json!({"schema": ORDER, "references": reference(version)}));
        assert_eq!((status, &said["id"]), (200, &id));
    }
    // As Avro's libraries write a schema that they have read with its types.
    let whole = ORDER.replacen("\"Address\"", &ADDRESS.replace("\"geo.Country\"", COUNTRY), 1);
    assert_eq!(post(&registry, &json!({"schema": whole})).1["id"], id);
    let other = whole.replace("\"NO\"", "\"DK\"");
    assert_eq!(post(&registry, &json!({"schema": other})).0, 404, "another type");
    assert_eq!(post(&registry, &json!({"schema": ORDER})).0, 404, "half a schema");
    assert_eq!(post(&registry, &json!({"schema": ORDER, "references": reference(2)})).0, 404);
    for bad in [
        json!({}),
        json!([{"name": "shop.Address"}]),
        json!([{"name": "a", "subject": "b", "version": -7}]),
    ] {
        let (status, said) = post(&registry, &json!({"schema": ORDER, "references": bad}));
        assert_eq!((status, said["error_code"].as_u64()), (422, Some(42201)), "{said}");
    }
}

#[test]
fn another_version_of_a_type_makes_another_schema() {
    let wider = ADDRESS.replace("\"string\"", "[\"string\",\"null\"]");
    let first = with_ids(order_with(ADDRESS));
    let mut second = first.clone();
    second[0].text = contract("1.1.0", "order.avsc");
    second
        .iter_mut()
        .find(|file| file.path.ends_with("address.avsc"))
        .unwrap()
        .text
        .clone_from(&wider);
    let said = refused(&registry(), "a", second.clone());
    assert!(
        said.contains("TG0157") && said.contains("`shop.Address`") && said.contains("`orders-value`"),
        "{said}"
    );

    let second = with_ids(second);
    let record = second.iter().find(|file| *file.path == *FILE).unwrap();
    assert!(!record.text.contains("salt"), "no other schema was in the way: {}", record.text);
    let registry = loaded(first.clone());
    take(&registry, "c2", second);
    let versions: Vec<Value> = (1..=2)
        .map(|at| get(&registry, &format!("/subjects/orders-value/versions/{at}")))
        .collect();
    assert_eq!(versions[0]["schema"], versions[1]["schema"]);
    assert_ne!(versions[0]["id"], versions[1]["id"]);
    assert_eq!(versions[1]["references"][0]["version"], 2);
    assert_eq!(followed(&registry, &versions[0])[1].1, ADDRESS);
    assert_eq!(followed(&registry, &versions[1])[1].1, wider);
    // After a revert whoever reads older records still finds what their schema names.
    take(&registry, "c1", first);
    assert_eq!(get(&registry, "/subjects/shop.Address/versions"), json!([1]));
    let newer = get(&registry, &format!("/schemas/ids/{}", versions[1]["id"]));
    assert_eq!(followed(&registry, &newer)[1].1, wider);
}

#[test]
fn half_a_schema_is_never_told() {
    // A branch that was rewritten: what the replica has seen before it contradicts its history, so its lists of versions are gone.
    let wider = ADDRESS.replace("\"string\"", "[\"string\",\"null\"]");
    let (first, rewritten) = (with_ids(order_with(ADDRESS)), with_ids(order_with(&wider)));
    let registry = loaded(first.clone());
    let id = get(&registry, "/subjects/orders-value/versions/1")["id"].clone();
    let mut published = Published::default();
    published.ids.take(&rewritten);
    let mut rewritten = rewritten;
    rewritten[0].text = contract("2.0.0", "order.avsc");
    let outcome = registry.take_up(Bundle::new("c2", rewritten), published, SECOND);
    assert!(matches!(outcome, Outcome::Loaded(_)), "{outcome:?}");
    let answer = ask(&registry, "GET", &format!("/schemas/ids/{id}"), "");
    assert!(
        answer.status == 500 && text(&answer).contains("50001") && text(&answer).contains("shop.Address"),
        "{}",
        text(&answer)
    );
    let now = get(&registry, "/subjects/orders-value/versions/1");
    assert_eq!(followed(&registry, &now)[1].1, wider);
}

#[test]
fn ids_from_before_there_were_references_stay() {
    let ids = Ids::read(&first()).unwrap().unwrap();
    // printf 'tidegate schema id 0\nAVRO\n%s' "$AVRO" | sha256sum: the first 31 bits.
    let hash = tidegate_contract::sha256_hex(format!("tidegate schema id 0\nAVRO\n{AVRO}").as_bytes());
    assert_eq!(ids.subjects["orders-value"], [u32::from_str_radix(&hash[..8], 16).unwrap() >> 1]);
    let record = ids.files().remove(0).1;
    assert!(
        !record.contains("references"),
        "a record without references is written as before: {record}"
    );
}

#[test]
fn what_a_record_says_of_references_is_proven() {
    let edited = |from: &str, to: &str| {
        let mut files = with_ids(order_with(ADDRESS));
        let record = files.iter_mut().find(|file| *file.path == *FILE).unwrap();
        assert!(record.text.contains(from), "{}", record.text);
        record.text = record.text.replacen(from, to, 1);
        refused(&registry(), "a", files)
    };
    assert!(edited("\"name\": \"shop.Address\"", "\"name\": \"shop.Other\"").contains("was not made from"));
    assert!(edited("\"references\"", "\"others\"").contains("was not made from"));
    assert!(edited("\"subject\": \"shop.Address\"", "\"subject\": \"orders-value\"").contains("is no version of `orders-value`"));
    assert!(edited("\"subject\": \"shop.Address\"", "\"subjects\": \"shop.Address\"").contains("is incomplete"));
}

#[test]
fn keys_have_subjects_of_their_own() {
    let key = "      - {property: key, vendor: tidegate, value: {encoding: avro, properties: [{name: in, logicalType: string}], eventSchema: key.avsc}}\n";
    let text = contract("1.0.0", "order.avsc").replace("    properties:\n", &format!("{key}    properties:\n"));
    let schema = r#"{"type":"record","name":"Key","namespace":"shop","fields":[{"name":"in","type":"geo.Country"}]}"#;
    let files = vec![
        file("shop/orders.odcs.yaml", text),
        file("schemas/order.avsc", AVRO),
        file("schemas/key.avsc", schema),
        file("schemas/country.avsc", COUNTRY),
    ];
    let registry = loaded(with_ids(files));
    assert_eq!(get(&registry, "/subjects"), json!(["geo.Country", "orders-key", "orders-value"]));
    let entry = get(&registry, "/subjects/orders-key/versions/latest");
    assert_eq!(
        (entry["schema"].as_str(), followed(&registry, &entry)[0].1.as_str()),
        (Some(schema), COUNTRY)
    );
}

#[test]
fn files_of_json_schemas_are_found_under_the_addresses_that_a_client_resolves() {
    let schema = |rest: &str| format!("{{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",{rest}}}");
    let order = schema(r#""properties":{"to":{"$ref":"../types/address.json#/$defs/a"},"id":{"$ref":"side.json"}}"#);
    let address = schema(r#""$defs":{"a":{"properties":{"in":{"$ref":"country.json"}}}}"#);
    let (country, side) = (schema(r#""enum":["IS"]"#), schema(r#""type":"integer""#));
    let files = [
        ("shop/order.json", order.as_str()),
        ("shop/side.json", &side),
        ("types/address.json", &address),
        ("types/country.json", &country),
    ];
    let registry = loaded(with_ids(encoded("json", "shop/order.json", &files)));
    let entry = get(&registry, "/subjects/orders-value/versions/1");
    assert_eq!(entry["schemaType"], "JSON");
    let mut named = followed(&registry, &entry);
    named.sort();
    named.dedup();
    let expected = [
        ("../types/address.json", &address),
        ("../types/country.json", &country),
        ("country.json", &country),
        ("side.json", &side),
        // Without `..` for clients that drop it below a relative address.
        ("types/country.json", &country),
    ];
    assert_eq!(named, expected.map(|(name, text)| (name.to_owned(), text.clone())));
    let back = get(&registry, "/subjects/types%2Fcountry.json/versions/1/referencedby");
    assert_eq!(back.as_array().unwrap().len(), 2, "{back}");
}

#[test]
fn one_name_for_two_files_is_told_and_not_mixed_up() {
    let schema = |rest: &str| format!("{{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",{rest}}}");
    let order = schema(r#""allOf":[{"$ref":"side.json"},{"$ref":"types/address.json"}]"#);
    let address = schema(r#""$ref":"side.json""#);
    let (side, other) = (schema(r#""minimum":1"#), schema(r#""minimum":2"#));
    let mut files = encoded(
        "json",
        "order.json",
        &[
            ("order.json", &order),
            ("side.json", &side),
            ("types/address.json", &address),
            ("types/side.json", &other),
        ],
    );
    let (snapshot, _) = Snapshot::build("x", &files).unwrap();
    assert!(wanted(&snapshot).is_empty());
    let left = left_out(&snapshot);
    assert!(left.len() == 1 && left[0].why.contains("`side.json` means"), "{left:?}");
    // With names of their own they can be told apart.
    for file in &mut files {
        file.path = file.path.replace("types/side", "types/aside").into();
        if file.path.ends_with("address.json") {
            file.text = file.text.replace("side.json", "aside.json");
        }
    }
    let (snapshot, _) = Snapshot::build("x", &files).unwrap();
    assert_eq!((wanted(&snapshot).len(), left_out(&snapshot).len()), (4, 0));
}

#[test]
fn imports_are_found_and_what_comes_with_protobuf_is_not_registered() {
    let line = "syntax = \"proto3\"; package shop; message Line { int64 count = 1; }";
    let order = "syntax = \"proto3\"; package shop; import \"google/protobuf/timestamp.proto\"; import \"shop/line.proto\"; message Order { int64 id = 1; repeated Line lines = 2; }";
    let files = [("order.proto", order), ("shop/line.proto", line)];
    let registry = loaded(with_ids(encoded("confluent-protobuf", "'order.proto#shop.Order'", &files)));
    let entry = get(&registry, "/subjects/orders-value/versions/1");
    assert_eq!(
        entry["references"],
        json!([{"name": "shop/line.proto", "subject": "shop/line.proto", "version": 1}])
    );
    assert_eq!(followed(&registry, &entry), [("shop/line.proto".to_owned(), line.to_owned())]);
}

#[test]
fn files_that_need_each_other_get_no_id_and_it_is_said() {
    let schema = |to: &str| {
        format!("{{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"properties\":{{\"to\":{{\"$ref\":\"{to}\"}}}}}}")
    };
    let (order, address) = (schema("address.json"), schema("order.json"));
    let files = encoded("json", "order.json", &[("order.json", &order), ("address.json", &address)]);
    let (snapshot, _) = Snapshot::build("x", &files).unwrap();
    assert!(wanted(&snapshot).is_empty(), "nothing of it is half there");
    let left = left_out(&snapshot);
    assert!(left.len() == 1 && left[0].why.contains("leads back to itself"), "{left:?}");
    assert_eq!((left[0].subject.as_str(), left[0].location.line), ("orders-value", 12));
    // Contracts go on being enforced.
    take(&registry(), "a", files);

    // A chain without an end in sight is told, not followed until the stack is full.
    let link = |at: usize| {
        file(
            &format!("schemas/n{at}.proto"),
            format!(
                "syntax = \"proto3\"; package shop; import \"n{}.proto\"; message Order {{ int64 id = 1; }}",
                at + 1
            ),
        )
    };
    let mut chain = encoded(
        "confluent-protobuf",
        "'n0.proto#shop.Order'",
        &[("n20000.proto", "syntax = \"proto3\";")],
    );
    chain.extend((0..20_000).map(link));
    let (snapshot, _) = Snapshot::build("x", &chain).unwrap();
    assert!(wanted(&snapshot).is_empty());
    assert!(left_out(&snapshot)[0].why.contains("more than 200"), "{:?}", left_out(&snapshot));
}
