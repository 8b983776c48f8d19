//! Single faults against a real broker, one after another or many at once.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use tidegate_faults::{Broker, Fault, Moment, Request, Scene, Step, together};
use tidegate_tests::stand::Stand;

const TO_BROKER: Moment = Moment::Request;
const TO_CLIENT: Moment = Moment::Answer;

/// F1, F8, F9, F31: a validator ends or stands still at a step, and another takes over when its session has ended. All at once, on
/// one broker.
#[test]
fn validators_that_end_in_the_middle() {
    let Some(stand) = Stand::get() else { return };
    let broker = Arc::new(Mutex::new(Broker::start(&stand)));
    let faults = [
        Fault::Kill(Step(TO_BROKER, Request::AddPartitionsToTxn)),
        Fault::Kill(Step(TO_CLIENT, Request::Produce)),
        Fault::Kill(Step(TO_BROKER, Request::AddOffsetsToTxn)),
        Fault::Kill(Step(TO_CLIENT, Request::TxnOffsetCommit)),
        Fault::Kill(Step(TO_BROKER, Request::EndTxn)),
        Fault::Kill(Step(TO_CLIENT, Request::EndTxn)),
        Fault::Freeze(Step(TO_BROKER, Request::EndTxn)),
        Fault::StopTwice(Step(TO_BROKER, Request::EndTxn)),
    ];
    let stories = faults.into_iter().map(|fault| {
        let (stand, broker) = (stand.clone(), broker.clone());
        let story = move || {
            let mut scene = Scene::new(&stand, &broker, &["orders"], 2, 1);
            scene.start_worker();
            scene.produce(500);
            scene.settle();
            fault.strike(&mut scene);
            scene.produce(500);
            let proof = scene.end();
            assert!(proof.events >= 1200, "{proof:?}");
        };
        (format!("{fault:?}"), Box::new(story) as Box<dyn FnOnce() + Send>)
    });
    together(stories.collect());
}
