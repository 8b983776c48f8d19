//! Losses that somebody has accepted are named with their reasons, and believed only where everything else agrees.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

const LANDING: &str = "chain/valid-id-1/00000/0000000002.loss.json";
const JUDGING: &str = "chain/_losses/raw-id-1/00000/00000000000000000004.loss.json";

fn document(lost: &str, topic: &str, from: i64, to: i64) -> serde_json::Value {
    let mut document = json!({"version": 1, "lost": lost, "topic": topic, "topic_id": "id-1", "partition": 0, "from": from, "to": to,
        "reason": "the store was away", "accepted_by": "ops", "accepted_at_micros": 5, "engine": "3"});
    let (name, value) = match lost {
        "landing" => ("seq", json!(2)),
        _ => ("group", json!("g")),
    };
    document[name] = value;
    document
}

/// Ten records in the lake; three validated records behind them are gone with their sources, slot 2 stands for them, and one more has landed.
fn landed_behind_a_gap() -> World {
    let mut world = World::clean(ExactlyOnce);
    world.validate_all(10..14);
    world.slot(3, 11, 12, &[11], 0);
    world.retain_from(RAW, 13);
    world.retain_from(VALID, 11);
    world.retain_from(DEAD, 2);
    let text = document("landing", VALID, 8, 11).to_string();
    give_up(&mut world, &text, 3);
    world.put(LANDING, text);
    world
}

/// Slot 2, for the document of this text.
fn give_up(world: &mut World, text: &str, offsets: u64) {
    let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    world.manifest(2, 8, 11, 0, offsets, &json!([]));
    world.replace("0000000002.manifest", "\"shadow\"", "\"accepted_loss\"");
    world.replace(
        "0000000002.manifest",
        "\"unknown_to_audit\":true",
        &format!("\"unknown_to_audit\":true,\"rows_sha256\":\"{hash}\""),
    );
}

#[test]
fn an_accepted_loss_of_landing_is_named_and_clean() {
    let mut world = landed_behind_a_gap();
    let report = world.audit();
    green(&report);
    let lake = &report.lake[0];
    assert_eq!(
        (lake.accepted_loss, lake.landed_until, lake.removed_before_landing),
        (3, Some(12), 0)
    );
    assert_eq!(lake.rows, 1);
    assert!(!lake.skipped.contains_key("accepted_loss"), "it is no skip");
    let loss = &lake.accepted_losses[0];
    assert_eq!(
        (loss.from, loss.to, &*loss.reason, &*loss.accepted_by),
        (8, 11, "the store was away", "ops")
    );
    assert!(
        report.notes[0].contains("3 offsets from 8 to 11 were never landed, accepted by ops: the store was away"),
        "{:?}",
        report.notes
    );
    let cells = report.rows().into_iter().find(|row| row.what == "lake").unwrap().cells;
    assert!(cells.contains(&("accepted_loss", 3)), "{cells:?}");
    assert_eq!(report.to_json()["lake"][0]["accepted_loss"], 3);
}

#[test]
fn a_gap_without_its_document_is_a_breach() {
    let breaks: [fn(&mut World); 9] = [
        |world| world.forget("loss.json"),
        // Another reason than the one that was claimed.
        |world| world.replace("loss.json", "the store was away", "nothing happened"),
        |world| world.replace("loss.json", "\"from\":8", "\"from\":7"),
        |world| world.replace("loss.json", "\"seq\":2", "\"seq\":1"),
        |world| world.replace("loss.json", "\"landing\"", "\"judging\""),
        |world| world.replace("loss.json", "\"partition\":0", "\"partition\":1"),
        |world| world.replace("loss.json", "id-1", "id-2"),
        |world| world.replace("0000000002.manifest", "rows_sha256\":\"", "rows_sha256\":\"0"),
        // The records are there after all.
        |world| world.retain_from(VALID, 10),
    ];
    for (number, break_it) in breaks.into_iter().enumerate() {
        let mut world = landed_behind_a_gap();
        break_it(&mut world);
        let report = world.audit();
        let (_, lake) = red(&report);
        assert_eq!((lake.unfounded_losses.count, lake.accepted_loss), (3, 0), "break {number}");
        assert_eq!(lake.unfounded_losses.first, [8]);
    }
}

#[test]
fn a_loss_of_what_has_landed_is_not_believed() {
    let mut world = landed_behind_a_gap();
    // A row of an offset that was given up, in the file of another slot.
    world.slot(3, 11, 12, &[9, 11], 0);
    let report = world.audit();
    let (_, lake) = red(&report);
    assert_eq!((lake.unfounded_losses.count, lake.accepted_loss), (3, 0));
}

#[test]
fn a_document_that_never_took_effect_explains_nothing() {
    let mut world = World::clean(ExactlyOnce);
    world.put(LANDING, document("landing", VALID, 8, 11).to_string());
    let report = world.audit();
    green(&report);
    assert_eq!(report.lake[0].accepted_loss, 0);
    assert!(report.notes[0].contains("never took effect"), "{:?}", report.notes);
    world.put(LANDING, "{");
    assert!(!red(&world.audit()).1.topic.is_empty(), "what cannot be read is told");
}

/// Four records judged; of six behind them three were deleted, and the group goes on at the seventh.
fn judged_behind_a_gap(mode: crate::plan::Mode) -> World {
    let mut world = World::new(mode);
    world.validate_all(0..4);
    for number in 4..10 {
        world.source(&format!("event {number}"));
    }
    (7..10).for_each(|number| world.valid(number));
    world.slot(0, 0, 4, &[0, 1, 2, 3], 0);
    world.judged_until(10);
    world.retain_from(RAW, 7);
    world.put(JUDGING, document("judging", RAW, 4, 7).to_string());
    world
}

#[test]
fn an_accepted_loss_of_judging_is_named_and_clean() {
    for mode in [ExactlyOnce, AtLeastOnce] {
        let mut world = judged_behind_a_gap(mode);
        let (report, state) = world.audit_kept(Earlier::Nothing, "all");
        green(&report);
        let source = &report.sources[0];
        assert_eq!((source.accepted_loss, source.removed_before_judging), (3, 0));
        assert!(
            report.notes[0].contains("3 offsets from 4 to 7 were never judged, accepted by ops: the store was away"),
            "{:?}",
            report.notes
        );
        // Also by who looks at what came since, and at a part.
        assert_eq!(world.audit_kept(Earlier::Since(state), "since").0.sources[0].accepted_loss, 3);
        world.plan.topics[0].ranges.insert(0, (NextOffset(8), NextOffset(9)));
        let report = world.audit();
        green(&report);
        assert_eq!(report.sources[0].accepted_loss, 3);
    }
    // Without the document nobody knows of it.
    let mut world = judged_behind_a_gap(ExactlyOnce);
    world.forget("_losses/");
    assert_eq!(world.audit().sources[0].accepted_loss, 0);
}

#[test]
fn a_loss_of_what_was_judged_is_not_believed() {
    for topic in [VALID, DEAD] {
        let mut world = judged_behind_a_gap(ExactlyOnce);
        world.outcome(topic, 5, |_| ());
        let report = world.audit();
        assert_eq!(report.exit_code(), 1);
        let source = &report.sources[0];
        // Behind those of later offsets it is out of order as well; there its place is not where it must lie.
        let is_found = source.unfounded_losses.count == 3 || source.out_of_order.count == 1;
        assert!(is_found, "{:#}", report.to_json());
    }
    // Where it lies by order.
    let mut world = World::new(ExactlyOnce);
    world.validate_all(0..8);
    world.judged_until(8);
    world.retain_from(RAW, 7);
    world.put(JUDGING, document("judging", RAW, 4, 7).to_string());
    let report = world.audit();
    assert_eq!(report.exit_code(), 1);
    let source = &report.sources[0];
    assert_eq!(
        (source.unfounded_losses.first.as_slice(), source.unfounded_losses.count),
        (&[4][..], 3)
    );
    assert_eq!(source.accepted_loss, 0);
    // Outcomes may leave before the position is committed: then less is lost, and nothing is wrong.
    let mut world = World::new(AtLeastOnce);
    world.validate_all(0..5);
    (5..8).for_each(|number| world.source(&format!("event {number}")));
    world.valid(7);
    world.judged_until(8);
    world.retain_from(RAW, 7);
    world.put(JUDGING, document("judging", RAW, 4, 7).to_string());
    let report = world.audit();
    assert_eq!((report.sources[0].accepted_loss, report.sources[0].unfounded_losses.count), (2, 0));
}

#[test]
fn a_loss_of_judging_counts_only_for_this_topic_and_once_the_group_has_passed() {
    let breaks: [fn(&mut World); 4] = [
        |world| world.judged_until(6),
        |world| world.replace("_losses/", "id-1", "id-2"),
        |world| world.replace("_losses/", "\"raw\"", "\"other\""),
        |world| world.retain_from(RAW, 6),
    ];
    for (number, break_it) in breaks.into_iter().enumerate() {
        let mut world = judged_behind_a_gap(ExactlyOnce);
        break_it(&mut world);
        assert_eq!(world.audit().sources[0].accepted_loss, 0, "break {number}");
    }
}

#[test]
fn a_count_names_accepted_losses_too() {
    let mut world = judged_behind_a_gap(ExactlyOnce);
    world.slot(1, 4, 7, &[4, 5, 6], 0);
    world.retain_from(RAW, 0);
    let report = world.count(&mut Keeper::default());
    let count = &report.counts[0];
    assert_eq!((count.offsets, count.landed, count.accepted_loss, count.unaccounted), (10, 7, 3, 0));
    assert_eq!(report.exit_code(), 0, "{:#}", report.to_json());
    // One more than there are offsets: it was judged after all.
    world.dead(5);
    assert_eq!(world.count(&mut Keeper::default()).counts[0].surplus, 1);
    let mut world = landed_behind_a_gap();
    let report = world.count(&mut Keeper::default());
    assert_eq!((report.lake[0].accepted_loss, report.lake[0].skipped.values().sum::<u64>()), (3, 0));
    assert!(report.notes.iter().any(|note| note.contains("never landed")), "{:?}", report.notes);
    world.forget("loss.json");
    assert_eq!(world.count(&mut Keeper::default()).lake[0].unfounded_losses.count, 3);
}
