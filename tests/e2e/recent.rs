//! Before a contract is merged: a draft from what a topic holds, and what a change would do to the events and dead letters that came, held
//! against what a validator then does.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tidegate_tests::process::executable;
use tidegate_tests::stand::Stand;
use tidegate_tests::wait::wait;
use tidegate_tests::world::{Shape, World};

use crate::dead_letters::{order, write};

const TEXT_TOTALS: usize = 40;
const FAX: usize = 10;
const WEB: usize = 20;
const ALL: usize = TEXT_TOTALS + FAX + WEB;

/// Totals as text, a channel that nobody knows, and what is as it should be.
fn write_all(world: &World) {
    let totals = (0..TEXT_TOTALS).map(|number| order(number, "web", "\"99.80\""));
    let fax = (0..FAX).map(|number| order(1_000 + number, "fax", "99.80"));
    let web = (0..WEB).map(|number| order(2_000 + number, "web", "99.80"));
    write(world, totals.chain(fax).chain(web));
}

/// Lets a validator judge what is there, by the contracts of a folder; how many records are valid and how many are dead letters since the
/// topics had so many.
fn judged(world: &World, name: &str, contracts: &Path, before: (usize, usize)) -> (usize, usize) {
    let source = world.sources()[0].clone();
    let now = || {
        (
            world.read(&format!("{source}.validated")).len(),
            world.read(&format!("{source}.dlq")).len(),
        )
    };
    let further = [("TIDEGATE_CONTRACTS", contracts.to_str().unwrap())];
    let mut validator = world.start_in(world.folder.path(), name, "validate", &further);
    let mut found = before;
    wait("all to be judged", &mut [&mut validator], || {
        found = now();
        Ok(found.0 + found.1 >= before.0 + before.1 + ALL)
    });
    assert!(validator.stop().success());
    (found.0 - before.0, found.1 - before.1)
}

fn preview(world: &World, new: &Path, input: &str) -> Value {
    let old = world.folder.path().join("contracts");
    let specs = ["--old", old.to_str().unwrap(), "--new", new.to_str().unwrap()];
    let (code, out, err) = world.run(&[&["preview", "--output", "json", input][..], &specs].concat());
    assert_eq!(code, 0, "{out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["undecided"], 0, "{out}");
    report
}

#[test]
fn what_a_preview_of_a_topic_counts_is_what_a_validator_does() {
    let Some(stand) = Stand::get() else { return };
    let mut shape = Shape::whole("s3", "exactly_once");
    (shape.topics, shape.partitions) = (&["orders"], 2);
    let world = World::new(stand, shape);
    let source = world.sources()[0].to_string();
    write_all(&world);

    // A draft from the topic loads, and says what its guesses rest on.
    let draft = world.folder.path().join("draft.odcs.yaml");
    let (code, _, err) = world.run(&[
        "infer",
        &format!("topic:{source}"),
        "--id",
        "drafted",
        "--out",
        draft.to_str().unwrap(),
    ]);
    assert_eq!(code, 0, "{err}");
    let text = std::fs::read_to_string(&draft).unwrap();
    assert!(text.contains(&source) && text.contains(&format!("of {ALL}")), "{text}");
    assert!(!text.contains("ada@example.com"), "{text}");
    let lint = Command::new(executable()).arg("lint").arg(&draft).output().unwrap();
    assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));

    // A fax is a channel from now on, and the web is none.
    let (old, new) = (world.folder.path().join("contracts"), world.folder.path().join("new"));
    std::fs::create_dir(&new).unwrap();
    let contract = std::fs::read_to_string(old.join("orders.odcs.yaml")).unwrap();
    let changed = contract
        .replace("          - value: web\n", "          - value: fax\n")
        .replace("version: \"1.2.0\"", "version: \"2.0.0\"");
    assert_ne!(changed, contract);
    std::fs::write(new.join("orders.odcs.yaml"), changed).unwrap();

    let (valid, dead) = judged(&world, "before", &old, (0, 0));
    assert_eq!((valid, dead), (WEB, TEXT_TOTALS + FAX));
    let count = |report: &Value, name: &str| usize::try_from(report[name].as_u64().unwrap()).unwrap();
    let events = preview(&world, &new, &format!("topic:{source}"));
    assert_eq!(
        (count(&events, "events"), count(&events, "newly_failing")),
        (ALL, WEB),
        "{events:#}"
    );
    let freed = preview(&world, &new, &format!("dead-letters:{source}.dlq"));
    assert_eq!(
        (count(&freed, "events"), count(&freed, "newly_passing")),
        (TEXT_TOTALS + FAX, FAX),
        "{freed:#}"
    );

    write_all(&world);
    let passing = count(&events, "newly_passing") + count(&events, "still_passing");
    let failing = count(&events, "newly_failing") + count(&events, "still_failing");
    assert_eq!(judged(&world, "after", &new, (valid, dead)), (passing, failing));
}
