//! Memory under a burst: a child process with 500 partitions, records of 10 MB and ten times its budget waiting, measured by the kernel.
//!
//! The test starts itself again, so that nothing else of the test run is measured. What waits is one allocation, shared by all records; each
//! record that is polled is copied, as a Kafka client does, and so is each that is sent.

#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

mod stage;

use std::time::Duration;

use bytes::Bytes;
use stage::{Stage, contract};
use tidegate_validator::Mode;

const MIB: usize = 1 << 20;
const BUDGET: usize = 64 * MIB;
const PARTITIONS: i32 = 500;
const LARGE: usize = 10_000_000;

/// The most that the process ever had in memory, bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn again(test: &str) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_burst_of_large_records_on_500_partitions_stays_within_the_budget() {
    again("child_takes_a_burst");
}

#[test]
#[ignore = "run by the test above, in a process of its own"]
fn child_takes_a_burst() {
    let mut stage = Stage::new(
        PARTITIONS,
        &[contract(
            "events",
            "    properties:\n      - {name: s, logicalType: string, required: true}",
        )],
    );
    stage.copies = true;
    // What `memory.budget_mib: 64` would give: a sixteenth of it.
    stage.settings.batch_bytes_max = BUDGET / 16;
    stage.settings.batch_age_max = Duration::from_secs(1);
    stage.settings.mode = Mode::ExactlyOnce;
    let large = Bytes::from(format!(r#"{{"s":"{}"}}"#, "x".repeat(LARGE)));
    let small = Bytes::from_static(br#"{"s":"y"}"#);
    let bursts = 10 * BUDGET / LARGE;
    for partition in 0..PARTITIONS {
        if (partition as usize) < bursts {
            stage.write("events", partition, large.clone());
        }
        stage.write("events", partition, small.clone());
    }
    let before = peak();
    stage.run_through();
    let grown = peak() - before;
    assert_eq!(stage.outcomes("events").len(), bursts + PARTITIONS as usize);
    assert!(grown < BUDGET, "{} MiB of {} MiB", grown / MIB, BUDGET / MIB);
    assert!(grown > LARGE, "nothing was measured");
}
