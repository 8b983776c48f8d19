//! Single faults against a real broker, one after another or many at once.

#![allow(clippy::unwrap_used, reason = "tests")]

mod accepted_loss;
mod topics;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tidegate_faults::{Broker, Fault, Moment, Request, SMALL_BATCH, Scene, Step, Story, Weather, prove, together};
use tidegate_tests::process::Role;
use tidegate_tests::stand::Stand;

/// docs/operate.md, "Stopping".
const STOPS_WITHIN: Duration = Duration::from_secs(60);
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
        // The commit goes through while it stands; the transaction times out with its positions to come; the commit comes too late.
        Fault::Freeze(Step(TO_BROKER, Request::EndTxn)),
        Fault::Freeze(Step(TO_CLIENT, Request::AddOffsetsToTxn)),
        Fault::Zombie,
        Fault::StopTwice(Step(TO_BROKER, Request::EndTxn)),
    ];
    let mut stories: Vec<Story<'_>> = Vec::new();
    stories.extend(faults.into_iter().map(|fault| {
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
    }));
    // G3: in at_least_once what left before the end may be there again, a batch of it and no more. One that comes back sends on
    // until it hears of its loss, which nobody bounds.
    let repeating = [
        (Fault::Kill(Step(TO_CLIENT, Request::Produce)), Some(SMALL_BATCH)),
        (Fault::Kill(Step(TO_BROKER, Request::OffsetCommit)), Some(SMALL_BATCH)),
        (Fault::Freeze(Step(TO_CLIENT, Request::Produce)), None),
    ];
    stories.extend(repeating.into_iter().map(|(fault, most)| {
        let (stand, broker) = (stand.clone(), broker.clone());
        let story = move || {
            let mut scene = Scene::at_least_once(&stand, &broker, 1);
            scene.start_worker();
            scene.produce(500);
            scene.settle();
            assert_eq!(scene.prove().repeated, 0, "nothing has happened yet");
            fault.strike(&mut scene);
            scene.produce(500);
            let proof = scene.end();
            assert!(proof.repeated > 0, "it struck nowhere: {proof:?}");
            prove(|| {
                let is_bounded = most.is_none_or(|most| proof.repeated <= most);
                assert!(is_bounded, "more than a batch is there again: {proof:?}");
            });
        };
        (format!("at_least_once {fault:?}"), Box::new(story) as Box<dyn FnOnce() + Send>)
    }));
    let still = || stopped_while_the_store_hangs(Scene::new(&stand, &broker, &["orders"], 2, 1));
    stories.push(("stopped while the store hangs".to_owned(), Box::new(still)));
    together(stories);
}

/// P12: the store is waited for longer than an orchestrator waits for the role. Time ends it, and nothing is lost.
fn stopped_while_the_store_hangs(mut scene: Scene) {
    scene.start_worker();
    scene.start_sink();
    scene.produce(500);
    scene.settle();
    scene.store.set(Weather::Still);
    scene.produce(500);
    let asked = Instant::now();
    let role = scene.sink.take().expect("it was started");
    role.signal("TERM");
    let status = role.ended();
    assert!(asked.elapsed() < STOPS_WITHIN, "{:.1?}", asked.elapsed());
    assert_eq!(status.code(), Some(143), "after {:.1?}", asked.elapsed());
    scene.store.set(Weather::Clear);
    scene.start_sink();
    scene.produce(500);
    scene.end();
}

/// F2, F3, F4, F6, F7, F11, F20, F23, F26, F31: what a running deployment must get over by itself. One after another, with a sink, and
/// a proof after each.
#[test]
fn faults_of_a_running_deployment() {
    let Some(stand) = Stand::get() else { return };
    let broker = Arc::new(Mutex::new(Broker::start(&stand)));
    let network = [
        Fault::Lose(Step(TO_BROKER, Request::AddPartitionsToTxn)),
        Fault::Lose(Step(TO_CLIENT, Request::Produce)),
        Fault::Lose(Step(TO_CLIENT, Request::TxnOffsetCommit)),
        Fault::Lose(Step(TO_BROKER, Request::EndTxn)),
        Fault::Lose(Step(TO_CLIENT, Request::EndTxn)),
        Fault::Delay(Step(TO_CLIENT, Request::EndTxn)),
        Fault::Late(Request::EndTxn),
        Fault::Late(Request::TxnOffsetCommit),
        Fault::SameId,
    ];
    let members = [
        Fault::Stop(Step(TO_BROKER, Request::AddPartitionsToTxn)),
        Fault::Stop(Step(TO_CLIENT, Request::TxnOffsetCommit)),
        Fault::Stop(Step(TO_CLIENT, Request::EndTxn)),
        Fault::Storm,
        Fault::Rolling,
        Fault::UpstreamAborts,
    ];
    let store = [
        Fault::KillSink,
        Fault::Store(Weather::Refusing),
        Fault::Store(Weather::LosingAnswers),
        Fault::Store(Weather::Still),
    ];
    // Of a worker alone every partition is in every transaction; of several each must have one to give and to get.
    let groups: [(&str, &[Fault], usize, i32); 4] = [
        ("network", &network, 1, 2),
        ("members", &members, 2, 3),
        ("s3", &store, 1, 2),
        ("azure", &store, 1, 2),
    ];
    let stories = groups.into_iter().map(|(name, faults, workers, partitions)| {
        let (stand, broker) = (stand.clone(), broker.clone());
        let story = move || {
            let store = if name == "azure" { "azure" } else { "s3" };
            let mut scene = Scene::on(&stand, &broker, store, &["orders"], partitions, 2);
            for _ in 0..workers {
                scene.start_worker();
            }
            // The lake makes each proof longer; where the store is not in it the other stories have no sink.
            if ["s3", "azure"].contains(&name) {
                scene.start_sink();
            }
            scene.produce(500);
            scene.settle();
            scene.play(faults);
            scene.end();
        };
        (name.to_owned(), Box::new(story) as Box<dyn FnOnce() + Send>)
    });
    together(stories.collect());
}

/// F12, F13: the broker dies in the middle of transactions and comes back, at once or later; nobody has to be started again.
#[test]
fn brokers_that_die() {
    let Some(stand) = Stand::get() else { return };
    let broker = Arc::new(Mutex::new(Broker::start(&stand)));
    let mut scene = Scene::new(&stand, &broker, &["orders"], 2, 3);
    scene.start_worker();
    scene.start_worker();
    scene.start_sink();
    scene.produce(500);
    scene.settle();
    scene.play(&[
        Fault::BrokerDies(Step(TO_BROKER, Request::EndTxn)),
        Fault::BrokerDies(Step(TO_CLIENT, Request::EndTxn)),
        Fault::BrokersAway,
    ]);
    stopped_without_brokers(scene);
}

/// P12: who is asked to stop while no broker answers ends within the time that an orchestrator gives it, and nothing is lost.
fn stopped_without_brokers(mut scene: Scene) {
    scene.produce(200);
    scene.broker().kill();
    let asked = Instant::now();
    let roles: Vec<Role> = scene.workers.drain(..).chain(scene.sink.take()).collect();
    roles.iter().for_each(|role| role.signal("TERM"));
    for role in roles {
        let name = role.name().to_owned();
        role.ended();
        eprintln!("{name} ended {:.1?} after it was asked to, without brokers", asked.elapsed());
        assert!(asked.elapsed() < STOPS_WITHIN, "{name}: {:.1?}", asked.elapsed());
    }
    scene.broker().up();
    scene.start_worker();
    scene.start_sink();
    scene.end();
}

/// F15 to F19, F21, F28: what the world around a role does to it. F28: neither role writes to the local disk. No file can be made in `/proc`, whoever asks.
#[test]
fn topics_that_change_under_a_role() {
    let Some(stand) = Stand::get() else { return };
    let broker = Arc::new(Mutex::new(Broker::start(&stand)));
    let story = || {
        let mut scene = Scene::new(&stand, &broker, &["orders"], 2, 4);
        let nowhere = [("TMPDIR", "/proc"), ("HOME", "/proc"), ("XDG_CACHE_HOME", "/proc")];
        scene
            .workers
            .push(scene.world.start_in(Path::new("/proc"), "validator", "validate", &nowhere));
        scene.sink = Some(scene.world.start_in(Path::new("/proc"), "sink", "sink", &nowhere));
        scene.produce(1000);
        scene.end();
    };
    let mut stories: Vec<Story<'_>> = vec![("no disk".to_owned(), Box::new(story))];
    stories.extend(topics::stories(&stand, &broker));
    together(stories);
}
