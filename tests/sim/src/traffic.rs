//! Who writes the raw topics: plain producers, transactional ones that abort, compaction that leaves holes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_flow::TopicPartition;
use tidegate_flow::ports::{Cluster, NewTopic};
use tidegate_flow::record::Outgoing;
use tidegate_sim::traffic::{Route, Traffic};

use crate::contracts::{POISON, SCHEMA};
use crate::fault::Fault;
use crate::world::World;

/// Source topics.
pub(crate) const TOPICS: [&str; 3] = ["orders", "payments", "customers"];

/// 9999-12-31T23:59:59Z, milliseconds since the epoch.
const LAST: i64 = 253_402_300_799_000;

/// Makes the topics: sources and their outcomes.
pub(crate) fn create_topics(world: &World) {
    let names = TOPICS
        .iter()
        .flat_map(|topic| [String::from(*topic), format!("{topic}.validated"), format!("{topic}.dlq")]);
    let topics: Vec<NewTopic> = names
        .map(|topic| NewTopic {
            topic,
            partitions: world.plan.partitions,
            config: Vec::new(),
        })
        .collect();
    world.broker.cluster().create(&topics).expect("creating in memory does not fail");
}

/// Puts every record of the seed on the schedule.
pub(crate) fn schedule(world: &Arc<World>, seed: u64) {
    let route = Route {
        prefix: String::new(),
        partitions: world.plan.partitions,
        payment_schema: SCHEMA,
        fault_every: 6,
    };
    let mut traffic = Traffic::new(route, seed);
    let load = world.plan.load.as_micros() as u64;
    let mut times: Vec<u64> = (0..world.plan.records)
        .map(|_| world.schedule.draw(|rng| rng.u64(..load)))
        .collect();
    times.sort_unstable();
    let mut upstream = 0;
    let mut waiting: Vec<Outgoing> = Vec::new();
    for time in times {
        let mut record = traffic.next(world.schedule.now() + time as i64).record;
        if world.strikes_at(Fault::F29, 3.0) {
            record.timestamp = world.schedule.draw(|rng| [Some(0), Some(-1), Some(LAST), None][rng.usize(..4)]);
        }
        let likely = world.faults.likely(Fault::I20);
        if likely > 0.0 && &*record.to.topic == "payments" && world.schedule.draw(|rng| rng.f64()) < likely {
            record.value = Some(poison());
        }
        waiting.push(record);
        if world.schedule.draw(|rng| rng.u8(..3)) == 0 {
            upstream += 1;
            write(world, Duration::from_micros(time), std::mem::take(&mut waiting), upstream);
        }
    }
    upstream += 1;
    write(world, world.plan.load, waiting, upstream);
}

/// A record that names the schema which kills.
pub(crate) fn poison() -> Bytes {
    let mut bytes = vec![0];
    bytes.extend(POISON.to_be_bytes());
    bytes.push(2);
    bytes.into()
}

fn write(world: &Arc<World>, at: Duration, records: Vec<Outgoing>, number: u32) {
    let shared = world.clone();
    if !world.strikes(Fault::F20) {
        world.schedule.after(at, move || {
            shared.broker.writer().write(&records).expect("the topics are there");
            shared.schedule.note(format_args!("{} records written", records.len()));
            shared.schedule.changed();
        });
        return;
    }
    let (open, commits, hole) = world.schedule.draw(|rng| (rng.u64(..25_000), rng.bool(), rng.bool()));
    let partitions = world.plan.partitions;
    world.schedule.after(at, move || {
        let writer = shared.broker.transactional_writer(&format!("upstream-{number}"));
        if hole {
            let (topic, partition) = shared.schedule.draw(|rng| (TOPICS[rng.usize(..3)], rng.i32(..partitions)));
            shared.broker.writer().gap(&TopicPartition::new(topic, partition));
        }
        writer.write(&records).expect("the topics are there");
        shared
            .schedule
            .note(format_args!("{} records written in a transaction", records.len()));
        let later = shared.clone();
        shared.schedule.after(Duration::from_millis(open), move || {
            writer.end(commits);
            later.schedule.note(format_args!("upstream transaction ends, committed: {commits}"));
            later.schedule.changed();
        });
    });
}
