//! Faults that befall the deployment rather than a call: members that come and go, signals, forgotten offsets, twins.

use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;
use crate::process::{Fleet, Role, Slot};
use crate::world::{SINKS, World};

/// Puts what the seed has drawn on the schedule.
pub(crate) fn schedule(world: &Arc<World>, fleet: &Arc<Fleet>) {
    let seconds = world.plan.trouble.as_secs();
    if world.faults.is_on(Fault::F7) {
        let begin = world.schedule.draw(|rng| rng.u64(..seconds));
        for second in begin..(begin + 60).min(seconds) {
            let stay = world.millis(500..3_000);
            visit(world, fleet, Fault::F7, Duration::from_secs(second), stay, second);
        }
    }
    for second in (0..seconds).step_by(10) {
        if world.strikes(Fault::F6) {
            let stay = world.millis(5_000..60_000);
            visit(world, fleet, Fault::F6, Duration::from_secs(second), stay, 1000 + second);
        }
        if world.strikes(Fault::F24) {
            let stay = world.millis(5_000..60_000);
            let name = format!("second-sink-{second}");
            come_and_go(world, fleet, Slot::sink(&name, false), Duration::from_secs(second), stay);
        }
        if world.strikes(Fault::F26) {
            let shared = world.clone();
            world
                .schedule
                .after(Duration::from_secs(second), move || shared.broker.forget_positions(SINKS));
        }
    }
    for second in 0..seconds {
        if world.strikes(Fault::F31) {
            signal(world, fleet, Duration::from_secs(second));
        }
    }
    if world.faults.is_on(Fault::F11) {
        world.faults.struck(Fault::F11);
        let begin = Duration::from_secs(world.schedule.draw(|rng| rng.u64(..seconds)));
        let twin = Slot {
            name: "twin".to_owned(),
            role: Role::Validator {
                transactional_id: "t-v0".to_owned(),
            },
            stays: false,
        };
        come_and_go(world, fleet, twin, begin, Duration::from_secs(20));
    }
}

fn visit(world: &Arc<World>, fleet: &Arc<Fleet>, fault: Fault, at: Duration, stay: Duration, number: u64) {
    if fault == Fault::F7 {
        world.faults.struck(fault);
    }
    let slot = match world.schedule.draw(|rng| rng.bool()) {
        true => Slot::validator(&format!("guest-{number}"), false),
        false => Slot::sink(&format!("guest-sink-{number}"), false),
    };
    come_and_go(world, fleet, slot, at, stay);
}

fn come_and_go(world: &Arc<World>, fleet: &Arc<Fleet>, slot: Slot, at: Duration, stay: Duration) {
    let (coming, going, name) = (fleet.clone(), fleet.clone(), slot.name.clone());
    world.schedule.after(at, move || coming.start(slot));
    world.schedule.after(at + stay, move || going.stop(&name));
}

/// SIGTERM to one that lives then, sometimes followed by death.
fn signal(world: &Arc<World>, fleet: &Arc<Fleet>, at: Duration) {
    let (shared, fleet) = (world.clone(), fleet.clone());
    world.schedule.after(at, move || {
        let living = fleet.living();
        if living.is_empty() {
            return;
        }
        let (which, twice, later) = shared
            .schedule
            .draw(|rng| (rng.usize(..living.len()), rng.u8(..4) == 0, rng.u64(..2_000)));
        let slot = living[which].clone();
        fleet.stop(&slot);
        if twice {
            shared.schedule.after(Duration::from_millis(later), move || fleet.doom(&slot));
        }
    });
}
