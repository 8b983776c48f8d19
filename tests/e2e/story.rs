//! The story: 200,000 mixed events, two workers, a killed worker, a killed sink, a rebalance; then nothing is lost and nothing doubled.

use tidegate_tests::planted::{Producing, prove_lake, prove_topics};
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World};

use crate::EVENTS;

/// One story.
pub(crate) struct Story {
    pub(crate) store: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) seed: u64,
}

pub(crate) fn play(story: &Story) {
    let Some(stand) = Stand::get() else { return };
    let world = World::new(stand, Shape::whole(story.store, story.mode));
    let events = std::env::var("TIDEGATE_E2E_EVENTS").map_or(EVENTS, |text| text.parse().unwrap());
    let mut producing = Producing::new(&world, story.seed);

    producing.write(events / 2);
    let first = world.start("validator-1", "validate");
    let mut second = world.start("validator-2", "validate");
    let first_sink = world.start("sink-1", "sink");
    wait("the first outcomes", &mut [&mut second], || {
        Ok(world.progress("validator", &world.sources())? > 0)
    });
    wait("the first slots", &mut [&mut second], || {
        Ok(world.progress("sink", &world.validated())? > 0)
    });

    // A worker and the sink die in the middle; a third worker joins at once, which is a rebalance by itself.
    first.kill();
    first_sink.kill();
    let mut third = world.start("validator-3", "validate");
    let mut sink = world.start("sink-2", "sink");
    producing.write(events - events / 2);
    let halfway = i64::try_from(events / 2).unwrap();
    wait("half of the outcomes", &mut [&mut second, &mut third, &mut sink], || {
        Ok(world.progress("validator", &world.sources())? > halfway)
    });
    assert!(second.stop().success(), "SIGTERM drains and ends well");

    wait("every outcome", &mut [&mut third, &mut sink], || {
        world.is_settled("validator", &world.sources())
    });
    assert!(third.stop().success());
    wait("every row", &mut [&mut sink], || world.is_settled("sink", &world.validated()));
    assert!(sink.stop().success());

    let planted = producing.located(&world);
    assert_eq!(planted.len() as u64, producing.written());
    let proof = prove_topics(&world, &planted);
    eprintln!("{} {}: {proof:?}", story.store, story.mode);
    prove_audit(&world);
    prove_lake(&world, &planted);
}

/// Clean as a whole, and clean again in what came since.
fn prove_audit(world: &World) {
    let state = world.folder.path().join("audit.state");
    let state = state.to_str().unwrap();
    let (code, out, err) = world.run(&["audit", "--output", "json", "--state", state]);
    assert_eq!(code, 0, "the audit is not clean:\n{out}\n{err}");
    let whole: serde_json::Value = serde_json::from_str(&out).unwrap();
    let (code, out, err) = world.run(&["audit", "--output", "json", "--state", state, "--since-last"]);
    assert_eq!(code, 0, "what came since is not clean:\n{out}\n{err}");
    let since: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&since["files"]["read"], &since["files"]["outside"]),
        (&0.into(), &whole["files"]["read"])
    );
    let (code, _, err) = world.run(&["audit", "--state", state, "--since-last", "--topic", &world.sources()[0]]);
    assert!(code == 2 && err.contains("list of topics"), "{err}");
}
