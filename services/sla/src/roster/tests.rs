use tidegate_contract::{ContractFile, Snapshot};

use super::*;

const MINUTE: i64 = 60_000_000;
/// 2026-11-21T12:00:00Z.
const NOON: i64 = 1_795_262_400_000_000;

fn plans(sla: &str) -> Vec<Plan> {
    let text = format!(
        "apiVersion: v3.1.0\nkind: DataContract\nid: shop\nversion: 1.0.0\nstatus: active\nschema:\n  - name: o\n    physicalType: topic\n    \
         properties: [{{name: a, logicalType: timestamp}}]\n    quality:\n      \
         - {{id: hourly, metric: rowCount, mustBeGreaterThan: 0, scheduler: cron, schedule: '0 * * * *'}}\nslaProperties:\n{sla}"
    );
    let files = [ContractFile {
        path: "o.odcs.yaml".into(),
        text,
    }];
    let (snapshot, _) = Snapshot::build("c", &files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    tidegate_objectives::plan::snapshot(&snapshot, &|_, _, _| "lake".into())
}

const SLA: &str = "  - {id: fresh, property: freshness, value: 1, unit: h}\n  \
                   - {id: often, property: frequency, value: 1, unit: h, scheduler: cron, schedule: '*/5 * * * *'}\n";

fn roster(sla: &str, settled: Option<i64>, jitter: i64) -> (Roster, Vec<Unkept>) {
    let default = Schedule::parse("*/15 * * * *").unwrap();
    Roster::new(&plans(sla), &default, jitter, &mut |_, _, _| settled)
}

fn rules(due: &Due) -> Vec<&str> {
    due.clauses.iter().map(|id| id.split_once('#').unwrap().1).collect()
}

#[test]
fn each_clause_by_its_schedule_and_one_run_a_contract() {
    let (mut roster, unkept) = roster(SLA, Some(NOON), 0);
    assert!(unkept.is_empty());
    assert_eq!(roster.next(), Some(NOON + 5 * MINUTE));
    assert!(roster.take_due(NOON + 5 * MINUTE - 1).is_empty());
    let due = roster.take_due(NOON + 5 * MINUTE);
    assert_eq!((rules(&due[0]), due[0].missed), (vec!["often"], 0));
    assert!(roster.take_due(NOON + 5 * MINUTE).is_empty(), "taken is settled");
    let due = roster.take_due(NOON + 15 * MINUTE);
    assert_eq!((due.len(), rules(&due[0])), (1, vec!["fresh", "often"]));
    assert_eq!(due[0].missed, 1, "12:10 of the five minutes was missed");
    let due = roster.take_due(NOON + 60 * MINUTE);
    assert_eq!(rules(&due[0]), ["fresh", "hourly", "often"]);
    assert_eq!((due[0].missed, due[0].scheduled), (2 + 8, NOON + 60 * MINUTE));
    assert_eq!(roster.plans(NOON)["shop"].1, 300.0);
}

#[test]
fn what_was_never_looked_at_is_due_at_once_and_nothing_is_missed() {
    let (mut roster, _) = roster(SLA, None, 0);
    let due = roster.take_due(NOON + 7);
    assert_eq!(
        (due.len(), due[0].missed, due[0].scheduled, rules(&due[0]).len()),
        (1, 0, NOON + 7, 3)
    );
    assert_eq!(roster.next(), Some(NOON + 5 * MINUTE));
}

#[test]
fn a_schedule_that_nobody_can_keep_is_said_and_its_clause_still_looked_at() {
    let (mut roster, unkept) = roster(
        "  - {id: odd, property: freshness, value: 1, unit: h, scheduler: cron, schedule: 'CRON_TZ=Mars 0 1 * * *'}\n",
        Some(NOON),
        0,
    );
    assert!(unkept[0].clause.ends_with("#odd") && unkept[0].why.contains("Mars"), "{unkept:?}");
    assert_eq!(rules(&roster.take_due(NOON + 15 * MINUTE)[0]), ["odd"]);
}

#[test]
fn jitter_is_the_same_for_ever_and_within_its_bound() {
    let (mut roster, _) = roster(SLA, Some(NOON), MINUTE);
    let late = jitter("shop", MINUTE);
    assert!((0..MINUTE).contains(&late) && late == jitter("shop", MINUTE) && jitter("shop", 0) == 0);
    assert_ne!(jitter("shop", MINUTE), jitter("crm", MINUTE));
    assert_eq!(roster.next(), Some(NOON + 5 * MINUTE + late));
    assert!(roster.take_due(NOON + 5 * MINUTE + late - 1).is_empty());
    let due = roster.take_due(NOON + 5 * MINUTE + late);
    assert_eq!(
        due[0].scheduled,
        NOON + 5 * MINUTE,
        "the time that it is for, not the one that it began"
    );
}

#[test]
fn newer_contracts_keep_what_is_settled() {
    let (mut old, _) = roster(SLA, Some(NOON), 0);
    old.take_due(NOON + 5 * MINUTE);
    let (newer, _) = roster(
        &format!("{SLA}  - {{id: daily, property: freshness, value: 1, unit: d, scheduler: cron, schedule: '@daily'}}\n"),
        None,
        0,
    );
    old.follow(newer);
    let due = old.take_due(NOON + 6 * MINUTE);
    assert_eq!(rules(&due[0]), ["daily"], "only what is new is due at once");
}
