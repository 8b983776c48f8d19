//! F18: retention passes a group's position and the end of the lake. The partitions halt, nothing goes on by itself, and behind a loss that
//! somebody has accepted everything does; the audit names it, and believes no other story about it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tidegate_faults::{Broker, Scene, prove};
use tidegate_flow::ports::Cluster as _;
use tidegate_flow::stamp;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;

use crate::topics::{delete_records, says};

const REASON: &str = "INC-4711: the store was away for longer than retention";

#[test]
fn what_was_deleted_too_early_halts_until_the_loss_is_accepted() {
    let Some(stand) = Stand::get() else { return };
    let broker = Arc::new(Mutex::new(Broker::start(&stand)));
    let mut scene = Scene::new(&stand, &broker, &["orders"], 2, 31);
    scene.start_worker();
    scene.start_sink();
    scene.produce(300);
    let mut scene = scene.finish();
    never_landed(&mut scene);
    never_judged(&mut scene);
}

fn never_landed(scene: &mut Scene) {
    let (source, validated) = (scene.world.sources()[0].clone(), scene.world.validated()[0].clone());
    let landed = scene.world.positions("sink", std::slice::from_ref(&validated)).unwrap()[0]
        .1
        .unwrap()
        .0;
    scene.start_worker();
    scene.produce(300);
    scene.settle();
    assert!(scene.workers.remove(0).stop().success());
    // Sources age out as what is made of them does: nobody audits what neither of them shows.
    let left: Vec<_> = scene
        .world
        .read(&validated)
        .into_iter()
        .filter(|record| record.origin.at.partition == 0)
        .collect();
    let first = left.iter().find(|record| record.origin.offset.0 >= landed + 50).unwrap();
    let until = first.origin.offset.0;
    delete_records(scene, &validated, 0, until);
    delete_records(scene, &source, 0, stamp::read(&first.headers).unwrap().origin.offset.0);

    scene.start_sink();
    let range = format!("{validated}/0:{landed}..{until}");
    says(
        scene.sink.as_ref().unwrap(),
        &format!("tidegate resume --accept-loss {range} --reason TEXT"),
    );
    assert!(scene.sink.take().unwrap().stop().success());
    refuses(scene, &range, &format!("{validated}/0:{landed}..{}", until + 1), &range);
    refuses(scene, &range, &format!("{validated}/0:{}..{until}", landed - 1), &range);
    refuses(scene, &range, &format!("{validated}/1:{landed}..{until}"), "is not lost");
    let (code, out, err) = scene.world.run(&["audit"]);
    prove(|| {
        assert!(
            code == 2 && out.contains("removed from the topic before they landed"),
            "{code}\n{out}\n{err}"
        )
    });
    accepts(scene, &range);

    scene.start_sink();
    let sink = scene.sink.as_mut().unwrap();
    wait("what lies behind the gap", &mut [sink], || {
        scene.world.is_settled("sink", &scene.world.validated())
    });
    assert!(scene.sink.take().unwrap().stop().success());
    let report = clean_audit(scene);
    prove(|| assert_eq!(report["lake"][0]["accepted_loss"], until - landed, "{report}"));

    // Nobody writes the reason anew.
    let store = scene.world.lake();
    let path = store
        .list("chain/")
        .unwrap()
        .into_iter()
        .map(|object| object.path)
        .find(|path| path.ends_with(".loss.json"));
    let path = path.unwrap();
    let document = store.get(&path).unwrap().unwrap();
    let other = String::from_utf8(document.to_vec()).unwrap().replace("INC-4711", "INC-1");
    store.put(&path, Bytes::from(other)).unwrap();
    let (code, out, _) = scene.world.run(&["audit"]);
    prove(|| assert!(code == 1 && out.contains("unfounded_losses"), "{code}\n{out}"));
    store.put(&path, document).unwrap();
}

fn never_judged(scene: &mut Scene) {
    let source = scene.world.sources()[0].clone();
    let position = scene.world.positions("validator", &scene.world.sources()).unwrap()[1].1.unwrap().0;
    scene.produce(300);
    delete_records(scene, &source, 1, position + 70);
    scene.start_worker();
    says(&scene.workers[0], "is outside of what the broker still holds");
    let until = scene.world.cluster().offsets(&source).unwrap()[1].0.0;
    let range = format!("{source}/1:{position}..{until}");
    let (code, out, err) = run(scene, &range, &["--execute"]);
    assert!(code == 2 && err.contains("stop all of them"), "{code}\n{out}\n{err}");
    assert!(scene.workers.remove(0).stop().success());
    refuses(scene, &range, &format!("{source}/1:{position}..{}", until - 1), &range);
    let (_, out, _) = scene.world.run(&["audit", "--output", "json"]);
    assert!(out.contains("\"removed_before_judging\":70"), "{out}");
    accepts(scene, &range);

    scene.start_worker();
    scene.settle();
    assert!(scene.workers.remove(0).stop().success());
    scene.start_sink();
    let sink = scene.sink.as_mut().unwrap();
    wait("the lake", &mut [sink], || scene.world.is_settled("sink", &scene.world.validated()));
    assert!(scene.sink.take().unwrap().stop().success());
    let report = clean_audit(scene);
    prove(|| assert_eq!(report["sources"][1]["accepted_loss"], 70, "{report}"));
}

/// The survey names the range; another one is refused with the real one, whatever else is said.
fn refuses(scene: &Scene, range: &str, other: &str, words: &str) {
    let (code, out, err) = scene.world.run(&["resume"]);
    assert!(
        code == 1 && out.contains(&format!("tidegate resume --accept-loss {range} --reason TEXT")),
        "{code}\n{out}\n{err}"
    );
    for further in [&[][..], &["--execute"]] {
        let before = objects(scene);
        let (code, out, err) = run(scene, other, further);
        prove(|| {
            assert!(code == 2 && err.contains(words), "{code}\n{out}\n{err}");
            assert_eq!(objects(scene), before, "nothing was changed");
        });
    }
}

/// Said first, then done, then found done.
fn accepts(scene: &Scene, range: &str) {
    let before = objects(scene);
    let (code, out, err) = run(scene, range, &[]);
    prove(|| {
        assert!(
            code == 0 && out.contains("nothing was changed; --execute does it"),
            "{code}\n{out}\n{err}"
        );
        assert_eq!(objects(scene), before);
    });
    eprintln!("{out}");
    let (code, out, err) = run(scene, range, &["--execute"]);
    prove(|| assert_eq!(code, 0, "{out}\n{err}"));
    eprintln!("{out}");
    let after = objects(scene);
    prove(|| assert!(after.len() > before.len()));
    let (code, out, err) = run(scene, range, &["--execute"]);
    prove(|| {
        assert!(code == 0 && out.contains("recorded already"), "{code}\n{out}\n{err}");
        assert_eq!(objects(scene), after, "once");
    });
    let (code, out, err) = scene.world.run(&["resume"]);
    prove(|| assert_eq!(code, 0, "nothing stands still any more: {out}\n{err}"));
}

fn clean_audit(scene: &Scene) -> serde_json::Value {
    let (code, out, err) = scene.world.run(&["audit", "--output", "json"]);
    prove(|| assert!(code == 0 && out.contains(REASON), "{code}\n{out}\n{err}"));
    serde_json::from_str(&out).unwrap()
}

fn run(scene: &Scene, range: &str, further: &[&str]) -> (i32, String, String) {
    let args = ["resume", "--accept-loss", range, "--reason", REASON];
    let args: Vec<&str> = args.iter().chain(further).copied().collect();
    scene.world.run(&args)
}

fn objects(scene: &Scene) -> Vec<String> {
    let store = scene.world.lake();
    let below = |folder: &str| {
        store
            .list(folder)
            .unwrap()
            .into_iter()
            .map(|object| object.path)
            .collect::<Vec<_>>()
    };
    [below("chain/"), below("lake/")].concat()
}
