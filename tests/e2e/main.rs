//! Whole stories against real servers: Apache Kafka, an S3 and an Azure store, a schema registry.

#![allow(clippy::unwrap_used, reason = "tests")]

mod burst;
mod canary;
mod contracts;
mod dead_letters;
mod objectives;
mod recent;
mod refusals;
mod registry;
mod rights;
mod story;
mod token;

use story::{Story, play};

/// Events of one story; `TIDEGATE_E2E_EVENTS` sets another number.
const EVENTS: u64 = 200_000;

#[test]
fn s3_exactly_once() {
    play(&Story {
        store: "s3",
        mode: "exactly_once",
        seed: 11,
    });
}

#[test]
fn s3_at_least_once() {
    play(&Story {
        store: "s3",
        mode: "at_least_once",
        seed: 12,
    });
}

#[test]
fn azure_exactly_once() {
    play(&Story {
        store: "azure",
        mode: "exactly_once",
        seed: 13,
    });
}

#[test]
fn azure_at_least_once() {
    play(&Story {
        store: "azure",
        mode: "at_least_once",
        seed: 14,
    });
}
