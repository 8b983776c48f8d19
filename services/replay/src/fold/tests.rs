use proptest::prelude::*;
use tidegate_flow::stamp::JudgedBy;
use tidegate_flow::{Header, Offset, Origin};

use super::*;
use crate::mark::{Mark, Said, Standing, standing};
use tidegate_flow::stamp;

fn letter(at: &TopicPartition, offset: i64, rule: &str, failed_at: i64, attempts: u32) -> Record {
    let source = Origin {
        at: TopicPartition::new("orders", at.partition),
        offset: Offset(offset * 3),
    };
    let mut headers = vec![Header::text("producer", "shop-7")];
    let contract = ContractRef {
        id: "orders".into(),
        version: "1.2.0".into(),
    };
    JudgedBy::new(Some(&contract), "c0ffee", "3", failed_at).stamp(&mut headers, &source);
    headers.push(Header::text(stamp::REASON, "type_mismatch"));
    let errors = format!(
        r#"[{{"reason":"x","rule":"note","severity":"warning","pointer":"/w"}},{{"reason":"type_mismatch","rule":"{rule}","severity":"error","pointer":"/items/{offset}/sku"}}]"#
    );
    headers.push(Header::text(stamp::ERRORS, errors));
    if attempts > 0 {
        headers.push(Header::text(stamp::ATTEMPTS, attempts.to_string()));
    }
    Record {
        origin: Origin {
            at: at.clone(),
            offset: Offset(offset),
        },
        timestamp: None,
        key: None,
        value: Some(bytes::Bytes::from_static(br#"{"sku":"secret"}"#)),
        headers,
    }
}

fn at() -> TopicPartition {
    TopicPartition::new("orders.dlq", 2)
}

fn has_field(_: &str, _: Option<&ContractRef>, name: &str) -> bool {
    name == "sku"
}

fn folded(records: &[Record]) -> Fold {
    let mut fold = Fold::new(&at(), Some("id"), NextOffset(0));
    let mut memo = Memo::default();
    records.iter().for_each(|record| fold.add(record, &mut memo, &has_field));
    fold
}

#[test]
fn letters_fall_into_groups_that_hold_no_values() {
    let records: Vec<Record> = (0..10)
        .map(|offset| letter(&at(), offset, if offset % 2 == 0 { "type" } else { "enum" }, offset * HOUR / 2, 0))
        .collect();
    let fold = folded(&records);
    assert_eq!((fold.groups.len(), fold.next), (2, 10));
    let group = fold.groups.values().find(|group| group.class.rule == "type").unwrap();
    assert_eq!((group.count, group.first_at, group.last_at), (5, 0, 4 * HOUR));
    assert_eq!(group.class.path, "/items/*/sku", "the first error names it, not the warning before");
    assert_eq!(group.producer(), Some(("shop-7", 5)));
    assert_eq!(group.samples.last().unwrap(), "orders.dlq:2:8");
    assert_eq!(group.example, r#"{"sku": string(6)}"#);
    assert!(!serde_json::to_string(&fold).unwrap().contains("secret"));
    assert!(
        (group.rate(4 * HOUR + HOUR / 2) - 1.5).abs() < 1e-9,
        "one in this hour, and half of the one before"
    );
}

#[test]
fn past_the_bound_groups_are_counted_together_and_the_record_stays_small() {
    let records: Vec<Record> = (0..GROUPS_MAX as i64 + 7)
        .map(|offset| letter(&at(), offset, &format!("rule-{offset}"), offset * HOUR, 0))
        .collect();
    let fold = folded(&records);
    assert_eq!((fold.groups.len(), fold.others), (GROUPS_MAX, 7));
    assert!(crate::board::fold_record("t", &fold).is_some());
}

#[test]
fn what_is_fixed_opens_again_when_it_comes_back() {
    let first: Vec<Record> = (0..3).map(|offset| letter(&at(), offset, "type", 0, 0)).collect();
    let mut fold = folded(&first);
    let fingerprint = fold.groups.keys().next().unwrap().clone();
    let mark = Mark {
        v: 1,
        fingerprint: fingerprint.clone(),
        state: Said::Fixed,
        until: None,
        note: None,
        by: "me".into(),
        at: 100,
        ends: [(partition_text(&at()), fold.next)].into(),
        ids: BTreeMap::new(),
        earlier: Vec::new(),
    };
    assert_eq!(standing(Some(&mark), &fold.groups[&fingerprint], 200), Standing::Fixed);
    // The clock of the judge does not matter: what lies behind the mark came afterwards.
    fold.add(&letter(&at(), 3, "type", -5, 0), &mut Memo::default(), &has_field);
    assert_eq!(standing(Some(&mark), &fold.groups[&fingerprint], 200), Standing::Reopened);
    let ignored = Mark {
        state: Said::Ignored,
        until: Some(300),
        ..mark.clone()
    };
    assert_eq!(standing(Some(&ignored), &fold.groups[&fingerprint], 200), Standing::Ignored(300));
    assert_eq!(standing(Some(&ignored), &fold.groups[&fingerprint], 300), Standing::New);
    let elsewhere = Mark {
        ends: BTreeMap::new(),
        ..mark
    };
    assert_eq!(
        standing(Some(&elsewhere), &fold.groups[&fingerprint], 200),
        Standing::Reopened,
        "a partition that is new"
    );
}

#[test]
fn what_was_said_before_is_remembered_up_to_a_bound() {
    let mut mark = Mark {
        v: 1,
        fingerprint: "f".into(),
        state: Said::Known,
        until: None,
        note: Some("first".into()),
        by: "ada".into(),
        at: 0,
        ends: BTreeMap::new(),
        ids: BTreeMap::new(),
        earlier: Vec::new(),
    };
    for at in 1..30 {
        let earlier = mark.history();
        mark = Mark {
            state: Said::Fixing,
            note: None,
            at,
            earlier,
            ..mark
        };
        let times: Vec<i64> = mark.earlier.iter().map(|said| said.at).collect();
        assert_eq!(times, ((at - 20).max(0)..at).collect::<Vec<_>>());
    }
    let text = serde_json::to_string(&mark).unwrap();
    assert_eq!(serde_json::from_str::<Mark>(&text).unwrap(), mark);
}

proptest! {
    /// However often folding stops and goes on from what was kept, and whatever it is shown twice, it counts the same.
    #[test]
    fn a_fold_in_parts_is_the_fold_of_all(rules in prop::collection::vec(0..6_u8, 1..60), cuts in prop::collection::vec(0..60_usize, 0..4)) {
        let records: Vec<Record> = (0..).zip(&rules).map(|(offset, rule)| letter(&at(), offset, &format!("r{rule}"), offset * 7, u32::from(*rule % 2))).collect();
        let whole = folded(&records);
        let mut parts = Fold::new(&at(), Some("id"), NextOffset(0));
        for cut in cuts {
            let cut = cut.min(records.len());
            records[..cut].iter().for_each(|record| parts.add(record, &mut Memo::default(), &has_field));
            parts = serde_json::from_str(&serde_json::to_string(&parts).unwrap()).unwrap();
        }
        records.iter().for_each(|record| parts.add(record, &mut Memo::default(), &has_field));
        prop_assert_eq!(&parts, &whole);
        let total: u64 = merged([&whole]).values().map(|group| group.count).sum();
        prop_assert_eq!(total, records.len() as u64);
    }
}

#[test]
fn groups_of_which_nothing_is_left_make_room_for_new_ones() {
    let rule = |number: i64| format!("rule-{number}");
    let many = GROUPS_MAX as i64;
    let letters: Vec<Record> = (0..many)
        .map(|offset| letter(&at(), offset, &rule(offset), offset + 1, 0))
        .collect();
    let mut fold = folded(&letters);
    let mut memo = Memo::default();
    fold.add(&letter(&at(), many, "too many", 900, 0), &mut memo, &has_field);
    assert_eq!((fold.groups.len(), fold.others, fold.holds_others()), (GROUPS_MAX, 1, true));
    // Retention comes past all of them.
    fold.low = many + 1;
    assert!(!fold.holds_others(), "they are gone");
    fold.add(&letter(&at(), many + 1, "brand new", 901, 0), &mut memo, &has_field);
    let rules: Vec<&str> = fold.groups.values().map(|group| group.class.rule.as_str()).collect();
    assert!(rules.contains(&"brand new") && !rules.contains(&"rule-0"), "the oldest made room");
    assert_eq!((fold.groups.len(), fold.others, fold.gone), (GROUPS_MAX, 1, 1));
}
