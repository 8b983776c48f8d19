//! A record that brokers refuse without saying why: batches shrink until it stands alone, and only its partition waits.

#![allow(clippy::unwrap_used, reason = "tests")]

mod stage;

use std::sync::atomic::{AtomicBool, Ordering};

use stage::{GROUP, Stage, contract};
use tidegate_flow::{NextOffset, TopicPartition};
use tidegate_validator::Mode;

fn event(n: i64) -> String {
    format!(r#"{{"n":{n}}}"#)
}

#[test]
fn batches_shrink_until_what_is_refused_stands_alone_and_the_others_go_on() {
    for mode in [Mode::ExactlyOnce, Mode::AtLeastOnce] {
        let body = "    properties:\n      - {name: n, logicalType: integer, required: true}";
        let mut stage = Stage::new(2, &[contract("events", body), contract("others", body)]);
        stage.settings.mode = mode;
        stage.unwelcome = Some((event(40).into(), AtomicBool::new(true)));
        for n in 0..100 {
            stage.write("events", 0, event(n));
            stage.write("events", 1, event(1_000 + n));
            stage.write("others", 0, event(1_000 + n));
        }
        let refused = TopicPartition::new("events", 0);
        let all_but_one = |stage: &Stage| {
            stage.positions().iter().all(|(at, committed, end)| match *at == refused {
                true => *committed == 40,
                false => committed == end,
            })
        };
        assert!(
            stage.live(|stage| all_but_one(stage) && !stage.held.lock().unwrap().is_empty()),
            "{mode:?}"
        );
        let held = std::mem::take(&mut *stage.held.lock().unwrap());
        assert!(
            held.iter().all(|(at, _, why)| *at == refused && why.contains("no reason given")),
            "{mode:?}: {held:?}"
        );
        assert_eq!(
            stage.broker.committed(GROUP, &refused),
            Some(NextOffset(40)),
            "{mode:?}: right in front of it"
        );

        // Once it is taken, nothing needs to be done.
        let heals = |stage: &Stage| {
            if !stage.held.lock().unwrap().is_empty() {
                stage.unwelcome.as_ref().unwrap().1.store(false, Ordering::Release);
            }
            stage.is_through()
        };
        assert!(stage.live(heals), "{mode:?}");
        for (topic, count) in [("events", 200), ("others", 100)] {
            let said = stage.outcomes(topic);
            assert_eq!(said.len(), count);
            assert!(said.values().all(|said| *said == ["valid"]), "{mode:?}: {said:?}");
        }
    }
}
