//! Ids held to the records before them.

use super::*;

/// A record of ids by hand: `order.avsc` holds `schema`, and `salt` says which id it is given.
fn salted(schema: &str, salt: u32) -> Vec<ContractFile> {
    let mut files = vec![
        file("shop/orders.odcs.yaml", contract("1.0.0", "order.avsc")),
        file("schemas/order.avsc", schema),
    ];
    let kind = tidegate_contract::EventSchemaKind::Avro;
    let hash = tidegate_contract::sha256_hex(format!("tidegate schema id {salt}\nAVRO\n{schema}").as_bytes());
    let id = u32::from_str_radix(&hash[..8], 16).unwrap() >> 1;
    let mut ids = Ids::default();
    let text = schema.into();
    ids.schemas.insert(
        id,
        crate::ids::Schema {
            kind,
            salt,
            text,
            references: Vec::new(),
        },
    );
    ids.subjects.insert("orders-value".to_owned(), vec![id]);
    files.extend(ids.files().into_iter().map(|(path, text)| file(&path, text)));
    files
}

#[test]
fn an_id_is_never_chosen() {
    let registry = registry();
    let said = refused(&registry, "a", salted(AVRO, 3));
    assert!(said.contains("TG0157") && said.contains("never chosen"), "{said}");
    take(&registry, "b", salted(AVRO, 0));
}

/// A past as a source gives it: records of commits, oldest first.
fn past(commits: &[Vec<ContractFile>]) -> Published {
    let mut ids = Recorded::default();
    commits.iter().for_each(|files| ids.take(files));
    Published {
        ids,
        ..Published::default()
    }
}

fn with_schema(base: Vec<ContractFile>, version: &str, schema: &str) -> Vec<ContractFile> {
    let mut files = base;
    files.iter_mut().find(|file| file.path.ends_with("orders.odcs.yaml")).unwrap().text = contract(version, "order.avsc");
    files.iter_mut().find(|file| *file.path == *"schemas/order.avsc").unwrap().text = schema.to_owned();
    with_ids(files)
}

#[test]
fn after_a_revert_a_replica_that_has_just_started_still_knows_every_id() {
    let second = with_schema(first(), "1.1.0", AVRO_2);
    let newer = Ids::read(&second).unwrap().unwrap().subjects["orders-value"][1];
    let started = registry();
    let outcome = started.take_up(Bundle::new("c3", first()), past(&[first(), second.clone(), first()]), SECOND);
    assert!(matches!(outcome, Outcome::Loaded(_)), "{outcome:?}");
    assert_eq!(get(&started, &format!("/schemas/ids/{newer}"))["schema"], AVRO_2);
    assert_eq!(get(&started, "/subjects/orders-value/versions"), json!([1]));

    // Version 2 was given: the next schema is the third, and a record that calls it the second is refused.
    let third = AVRO.replace("long", "string");
    let said = started.take_up(
        Bundle::new("c4", with_schema(first(), "1.2.0", &third)),
        past(&[first(), second.clone(), first()]),
        SECOND,
    );
    assert!(
        matches!(&said, Outcome::Refused(problems) if problems.iter().any(|one| one.problem.contains("versions of `orders-value`"))),
        "{said:?}"
    );
    // `registry ids` with the same past gives it its number.
    let mut files = with_schema(first(), "1.2.0", &third);
    let (snapshot, _) = Snapshot::build("x", &files).unwrap();
    let mut ids = Ids::read(&first()).unwrap().unwrap();
    let known = past(&[first(), second, first()]).ids;
    assert_eq!(ids.record(&wanted(&snapshot), &known), (1, 1));
    files.retain(|file| !file.path.starts_with("schemas/registered/"));
    files.extend(ids.files().into_iter().map(|(path, text)| file(&path, text)));
    let outcome = started.take_up(
        Bundle::new("c5", files),
        Published {
            ids: known,
            ..Published::default()
        },
        SECOND,
    );
    assert!(matches!(outcome, Outcome::Loaded(_)), "{outcome:?}");
    assert_eq!(get(&started, "/subjects/orders-value/versions"), json!([1, 2, 3]));
    assert_eq!(get(&started, "/subjects/orders-value/versions/2")["schema"], AVRO_2);
}

#[test]
fn versions_are_never_put_in_another_order() {
    let second = with_schema(first(), "1.1.0", AVRO_2);
    let registry = loaded(second.clone());
    let mut turned = second;
    let ids = Ids::read(&turned).unwrap().unwrap();
    let mut other = ids.clone();
    other.subjects.get_mut("orders-value").unwrap().reverse();
    turned.retain(|file| !file.path.starts_with("schemas/registered/"));
    turned.extend(other.files().into_iter().map(|(path, text)| file(&path, text)));
    assert!(refused(&registry, "c2", turned).contains("versions of `orders-value`"));
}

#[test]
fn a_record_that_was_refused_binds_nobody() {
    let mut known = Recorded::default();
    known.take(&salted(AVRO, 3));
    assert_eq!(known, Recorded::default());
    known.take(&first());
    assert_eq!(known.versions("orders-value").len(), 1);
}
